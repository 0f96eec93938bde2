import pytest
from PIL import Image

from nanogauge.reading import read_micrograph
from nanogauge.reading.makers import hitachi

TEXT = """[SemImageFile]\r\nInstructName=SU8230\r\nDate=2019/03/12\r\nTime=10:22:13\r\nDataSize=10x6\r\nPixelSize={size}\r
SignalName=SE(U)\r\nAcceleratingVoltage=15000 Volt\r\nMagnification=10000\r\nWorkingDistance=8100 um\r\n"""


@pytest.mark.parametrize("encoding", ["ascii", "utf-16", "utf-16-le", "utf-8-sig"])
@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".bmp"])
def test_sidecar(tmp_path, ramp, encoding, suffix):
    Image.fromarray(ramp).save(tmp_path / f"IMG_1{suffix}")
    (tmp_path / "img_1.txt").write_bytes(TEXT.format(size="9.921875").encode(encoding))
    found = read_micrograph(tmp_path / f"IMG_1{suffix}")
    assert found.format.endswith("/hitachi")
    assert found.scale is not None
    assert found.scale.nm_per_px == (9.921875, 9.921875)
    i = found.instrument
    assert (i.maker, i.model, i.detector, i.acquired) == ("Hitachi", "SU8230", "SE(U)", "2019-03-12T10:22:13")
    assert (i.accelerating_voltage_kv, i.working_distance_mm, i.magnification) == (15.0, pytest.approx(8.1), 10_000)
    assert "img_1.txt" in found.notes[0]


def test_a_resized_picture_loses_its_scale(write_tiff, ramp, tmp_path):
    path = write_tiff(ramp[:, :5])
    (tmp_path / "a.txt").write_text(TEXT.format(size="10"))
    found = read_micrograph(path)
    assert found.scale is None
    assert "10 px wide" in found.notes[-1]


@pytest.mark.parametrize("bad", ["", "0", "-3", "nan", "abc", "5 mhz", "1,500", "1e999"])
def test_malformed_values_give_none(bad):
    facts = hitachi.from_sidecar(TEXT.format(size=bad), (6, 10))
    assert facts is not None
    assert facts.instrument.pixel_size_nm is None
    assert bool(facts.notes) == (bad not in ("", "0"))
