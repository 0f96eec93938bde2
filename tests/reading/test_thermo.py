import numpy as np
import pytest

from nanogauge.reading import read_micrograph

TEXT = """[User]\r\nDate=06/13/2016\r\nTime=05:06:40 PM\r\n[System]\r\nSystemType=Helios NanoLab 660\r
[Beam]\r\nHV=5000\r\nBeam=EBeam\r\n[EBeam]\r\nHV=5000\r\nHFW=2e-5\r\nVFW=1e-5\r\nWD=0.004\r
[Scan]\r\nPixelWidth=2e-6\r\nPixelHeight=2.1e-6\r\nHorFieldsize=2e-5\r\n[Image]\r\nResolutionX=10\r\nResolutionY=5\r
[Detectors]\r\nName=ETD\r\n[PrivateFei]\r\nDatabarHeight=1\r\nTimeOfCreation=13.06.2016 17:06:40\r\n"""
NAV_CAM = """[Beam]\nHV=\nBeam=IRBeam\n[IRBeam]\nHFW=0.05\nVFW=0.03\n[Image]\nResolutionX=10\nResolutionY=5
[PrivateFei]\nDatabarHeight=1\n"""


@pytest.mark.parametrize("tag", [34680, 34682])
def test_pixel_size_and_instrument(write_tiff, ramp, tag):
    found = read_micrograph(write_tiff(tags={tag: TEXT.encode()}))
    assert found.format == "tiff/thermo"
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((2100, 2000))
    assert (found.scale.source, found.scale.relative_uncertainty) == ("metadata", 0.02)
    i = found.instrument
    assert (i.maker, i.model, i.detector, i.acquired) == ("FEI", "Helios NanoLab 660", "ETD", "2016-06-13T17:06:40")
    assert (i.accelerating_voltage_kv, i.working_distance_mm, i.data_bar_first_row) == (5.0, 4.0, 5)
    assert i.field_width_nm == pytest.approx(20_000)
    np.testing.assert_array_equal(found.pixels, ramp)


def test_nav_camera_takes_the_field_of_view(write_tiff):
    found = read_micrograph(write_tiff(tags={34682: NAV_CAM.encode()}))
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((6e6, 5e6), rel=1e-9)


def test_a_tag_without_pixel_size_gives_none(write_tiff):
    found = read_micrograph(write_tiff(tags={34680: b"[DatabarData]\nflMag=1000\n"}))
    assert (found.format, found.scale, found.notes) == ("tiff/thermo", None, ())


def test_a_resized_picture_loses_its_scale(write_tiff, ramp):
    found = read_micrograph(write_tiff(ramp[:, :7], tags={34682: TEXT.encode()}))
    assert found.scale is None
    assert found.instrument.pixel_size_nm is None
    assert "10 px wide" in found.notes[0]


def test_decimal_commas_are_read(write_tiff):
    text = (
        TEXT.replace("2e-6", "2,0e-006").replace("2.1e-6", "2,1e-006").replace("2e-5", "2,0e-005").replace("HV=5000", "HV=5000,0")
    )
    found = read_micrograph(write_tiff(tags={34682: text.encode()}))
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((2100, 2000))
    assert found.instrument.accelerating_voltage_kv == 5.0
    assert found.notes == ()


def test_a_comma_that_may_separate_thousands_is_said(write_tiff):
    found = read_micrograph(write_tiff(tags={34682: b"[EBeam]\nHV=30,000\n[Scan]\nPixelWidth=2e-6\nPixelHeight=2e-6\n"}))
    assert found.instrument.accelerating_voltage_kv is None
    assert any("may mean" in note for note in found.notes)


def test_a_field_that_contradicts_the_pixel_gives_none(write_tiff):
    found = read_micrograph(write_tiff(tags={34682: TEXT.replace("HorFieldsize=2e-5", "HorFieldsize=4e-5").encode()}))
    assert found.scale is None
    assert "neither" in found.notes[0]


@pytest.mark.parametrize("bad", ["", "nan", "inf", "-2e-6", "0", "abc", "2e-6 m", "1e9", "1e-30", "2,500"])
def test_malformed_values_give_none(write_tiff, bad):
    text = f"[Scan]\nPixelWidth={bad}\nPixelHeight={bad}\n[EBeam]\nHV=x\nWD=?\n"
    found = read_micrograph(write_tiff(tags={34682: text.encode()}))
    assert found.scale is None
    assert found.instrument.accelerating_voltage_kv is None
    assert found.notes
