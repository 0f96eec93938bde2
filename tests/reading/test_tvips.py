import numpy as np
import pytest
import tifffile

from nanogauge.reading import read_micrograph
from nanogauge.reading.makers import tvips


class Tags:
    """The one tag, as tifffile would parse it."""

    def __init__(self, **values):
        self.values = values

    def mapping(self, code):
        return self.values if code == 37706 else {}


def test_pixel_size_and_instrument():
    facts = tvips.from_tiff(
        Tags(Version=2, PixelSizeX=1.5, PixelSizeY=1.25, ImageSizeX=10, TemHighTension=99_000.0, CameraType="F416")
    )
    assert facts is not None
    assert facts.instrument.pixel_size_nm == (1.25, 1.5)
    assert (facts.picture_width_px, facts.instrument.accelerating_voltage_kv, facts.instrument.detector) == (10, 99.0, "F416")


@pytest.mark.parametrize(
    "values", [{"Version": 1, "PixelSizeX": 1.0}, {"Version": 2, "PixelSizeX": 0.0}, {"Version": 2, "PixelSizeX": float("nan")}]
)
def test_other_versions_and_malformed_values_give_none(values):
    facts = tvips.from_tiff(Tags(**values))
    assert facts is not None
    assert facts.instrument.pixel_size_nm is None


def test_a_tag_that_points_nowhere_costs_only_the_scale(tmp_path, ramp):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp, metadata=None, extratags=[(37706, 4, 1, 99_999, True)])
    found = read_micrograph(path)
    np.testing.assert_array_equal(found.pixels, ramp)
    assert found.scale is None
