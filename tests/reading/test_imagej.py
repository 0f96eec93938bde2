import numpy as np
import pytest

from nanogauge.core.errors import UnsupportedFormat
from nanogauge.reading import read_micrograph


@pytest.mark.parametrize("unit", ["micron", "um", "\\u00B5m", "µm"])
def test_unit_and_resolution(write_tiff, ramp, unit):
    description = f"ImageJ=1.54f\nunit={unit}\n".encode("latin-1")
    found = read_micrograph(write_tiff(tags={270: description} if "µ" in unit else {270: description.decode()}, resolution=(8, 5)))
    assert found.format == "tiff/imagej"
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((200, 125))
    np.testing.assert_array_equal(found.pixels, ramp)


@pytest.mark.parametrize(
    ("unit", "px", "nm"), [("nm", 4, 0.25), ("Angstrom", 1, 0.1), ("cm", 7_038_270, 1.42080), ("mm", 1000, 1000)]
)
def test_other_units(write_tiff, unit, px, nm):
    found = read_micrograph(write_tiff(tags={270: f"ImageJ=1.54f\nunit={unit}\n"}, resolution=(px, px)))
    assert found.scale is not None
    assert found.scale.mean_nm_per_px == pytest.approx(nm, rel=1e-5)


@pytest.mark.parametrize("unit", ["", "pixel", "pixels", "inch", "sec"])
def test_units_that_are_no_calibration(write_tiff, unit):
    found = read_micrograph(write_tiff(tags={270: f"ImageJ=1.54f\nunit={unit}\n"}, resolution=(72, 72)))
    assert found.scale is None


def test_a_print_resolution_in_cm_is_no_calibration(write_tiff):
    found = read_micrograph(write_tiff(tags={270: "ImageJ=1.54f\nunit=cm\n"}, resolution=(28.35, 28.35)))
    assert found.scale is None
    assert "print" in found.notes[0]


def test_no_or_zero_resolution_gives_none(write_tiff):
    assert read_micrograph(write_tiff(tags={270: "ImageJ=1.54f\nunit=nm\n"}, resolution=(0, 0))).scale is None


def test_a_diffraction_pattern_is_refused(write_tiff):
    with pytest.raises(UnsupportedFormat, match="in 1/nm; give a micrograph"):
        read_micrograph(write_tiff(tags={270: "ImageJ=1.54f\nunit=1/nm\n"}, resolution=(72, 72)))
