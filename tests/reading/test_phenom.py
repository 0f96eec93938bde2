import pytest
from PIL import Image

from nanogauge.reading import read_micrograph

XML = (
    '<?xml version="1.0"?><FeiImage><databarHeight>2</databarHeight><pixelWidth unit="{unit}">0.5</pixelWidth>'
    '<pixelHeight unit="{unit}">0.4</pixelHeight><instrument><type>Phenom</type></instrument></FeiImage>'
)


def test_tag(write_tiff):
    found = read_micrograph(write_tiff(tags={34683: XML.format(unit="um").encode()}))
    assert found.format == "tiff/phenom"
    assert found.scale is not None
    assert found.scale.nm_per_px == (400.0, 500.0)
    assert found.instrument.data_bar_first_row == 4


def test_jpeg_trailer(tmp_path, ramp):
    Image.fromarray(ramp).save(tmp_path / "a.jpg")
    with (tmp_path / "a.jpg").open("ab") as stream:
        stream.write(XML.format(unit="um").encode())
    found = read_micrograph(tmp_path / "a.jpg")
    assert (found.format, found.shape) == ("jpeg/phenom", ramp.shape)
    assert found.scale is not None
    assert found.scale.nm_per_px == (400.0, 500.0)


@pytest.mark.parametrize("unit", ["", "px", "s"])
def test_without_a_length_no_scale(write_tiff, unit):
    found = read_micrograph(write_tiff(tags={34683: XML.format(unit=unit).encode()}))
    assert found.scale is None
    assert found.notes
