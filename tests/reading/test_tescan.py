import pytest
from PIL import Image

from nanogauge.reading import read_micrograph

MAIN = "AccType=None\nDate=2023-12-06\nDevice=TESCAN AMBER\nImageStripSize=2\nMagnification=1124.5\n{size}Time=10:04:08\n"
SEM = "Detector=E-T\nHV=30000.0\nWD=0.0053\n"
SIZE = "PixelSizeX=0.000000242063904\nPixelSizeY=0.000000242063905\n"
BLOB = (
    b"I\x1b\0\0\x01\0\0\0\0\x0cjP  HV=7\xff\xd9\xa4\x01\0\0\x02\0"
    + MAIN.format(size=SIZE).encode()
    + b"\0Y\x04\0\0\x03\0"
    + SEM.encode()
    + b"\0"
)


def check(found, name):
    assert found.format == name
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((242.063905, 242.063904), rel=1e-9)
    i = found.instrument
    assert (i.maker, i.model, i.detector, i.acquired) == ("TESCAN", "TESCAN AMBER", "E-T", "2023-12-06T10:04:08")
    assert (i.accelerating_voltage_kv, i.working_distance_mm, i.magnification) == (30.0, pytest.approx(5.3), 1124.5)
    assert i.data_bar_first_row == 4


def test_tag(write_tiff):
    check(read_micrograph(write_tiff(tags={50431: BLOB})), "tiff/tescan")


@pytest.mark.parametrize("header", ["a-tif.hdr", "a.hdr", "A-TIF.HDR", "a.tif.hdr"])
def test_header_beside_a_tiff(write_tiff, tmp_path, header):
    path = write_tiff()
    (tmp_path / header).write_text("[MAIN]\r\n" + MAIN.format(size=SIZE) + "[SEM]\r\n" + SEM)
    check(read_micrograph(path), "tiff/tescan")


def test_header_beside_a_png(tmp_path, ramp):
    Image.fromarray(ramp).save(tmp_path / "b.png")
    (tmp_path / "b-png.hdr").write_text("[MAIN]\n" + MAIN.format(size=SIZE) + "[SEM]\n" + SEM)
    check(read_micrograph(tmp_path / "b.png"), "png/tescan")


@pytest.mark.parametrize("bad", ["", "PixelSizeX=\nPixelSizeY=\n", "PixelSizeX=nan\n", "PixelSizeX=-1e-9\n", "PixelSizeX=1 nm\n"])
def test_malformed_values_give_none(write_tiff, bad):
    found = read_micrograph(write_tiff(tags={50431: b"\0\0" + MAIN.format(size=bad).encode() + SEM.encode()}))
    assert (found.format, found.scale) == ("tiff/tescan", None)
    assert found.instrument.accelerating_voltage_kv == 30.0
