"""TIA's ser files, written here, and the emi files beside them."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from nanogauge.core.errors import NoSuchPart, UnreadableFile, UnsupportedFormat
from nanogauge.reading import read_micrograph

PIXELS = {"u1": 1, "u2": 2, "u4": 3, "i2": 5, "f4": 7, "f8": 8}
XML = (
    "<ObjectInfo><AcquireDate>Mon Feb 22 2016</AcquireDate><ExperimentalConditions><MicroscopeConditions>"
    "<AcceleratingVoltage>200000</AcceleratingVoltage></MicroscopeConditions></ExperimentalConditions><ExperimentalDescription><Root>"
    "<Data><Label>Microscope</Label><Value>Microscope Talos</Value></Data><Data><Label>Mode</Label><Value>TEM {mode}</Value></Data>"
    "<Data><Label>Magnification</Label><Value>22500</Value></Data></Root></ExperimentalDescription></ObjectInfo>"
)


def write(path, *pictures, step=(2e-9, 3e-9), version=0x0210, kind=0x4122):
    wide = "<Q" if version >= 0x0220 else "<I"
    start = 22 + struct.calcsize(wide) + 4
    elements = [
        struct.pack("<ddiddihii", 0, step[0], 0, 0, step[1], 0, PIXELS[p.dtype.str[1:]], p.shape[1], p.shape[0]) + p[::-1].tobytes()
        for p in pictures
    ]
    places = np.cumsum([start + len(elements) * struct.calcsize(wide), *map(len, elements)])[:-1]
    head = struct.pack("<HHHIIII", 0x4949, 0x0197, version, kind, 0x4152, len(pictures), len(pictures))
    offsets = b"".join(struct.pack(wide, int(p)) for p in places)
    path.write_bytes(head + struct.pack(wide, start) + struct.pack("<I", 1) + offsets + b"".join(elements))
    return path


@pytest.mark.parametrize("version", [0x0210, 0x0220])
@pytest.mark.parametrize("dtype", PIXELS)
def test_pixels_and_scale(tmp_path, ramp, dtype, version):
    found = read_micrograph(write(tmp_path / "a_1.ser", ramp.astype(dtype), version=version))
    np.testing.assert_array_equal(found.pixels, ramp)
    assert (found.format, found.notes) == ("tia", ())
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((3, 2))


def test_a_series_has_pages(tmp_path, ramp):
    path = write(tmp_path / "a_1.ser", ramp, 255 - ramp)
    assert read_micrograph(path).notes == ("first of 2 slices used",)
    found = read_micrograph(path, page=2)
    np.testing.assert_array_equal(found.pixels, 255 - ramp)
    assert found.notes == ("page 2 of 2 used",)


def test_the_emi_beside_tells_of_the_microscope_and_finds_its_pictures(tmp_path, ramp):
    write(tmp_path / "a_1.ser", ramp)
    write(tmp_path / "a_2.ser", 255 - ramp)
    write(tmp_path / "ab_3.ser", ramp // 2)  # another's
    emi = tmp_path / "a.emi"
    emi.write_bytes(b"JK\0\x02" + bytes(200) + XML.format(mode="Image").encode() + bytes(9))
    for path in (emi, tmp_path / "a_1.ser"):
        found = read_micrograph(path)
        np.testing.assert_array_equal(found.pixels, ramp)
        i = found.instrument
        assert (i.model, i.accelerating_voltage_kv, i.magnification) == ("Talos", 200, 22_500)
    np.testing.assert_array_equal(read_micrograph(emi, detector="2").pixels, 255 - ramp)
    with pytest.raises(NoSuchPart, match="there are 1, 2"):
        read_micrograph(emi, detector="3")


def test_an_emi_alone_says_what_is_missing(tmp_path):
    emi = tmp_path / "a.emi"
    emi.write_bytes(b"JK\0\x02" + bytes(200))
    with pytest.raises(UnreadableFile, match=r"its pictures lie in a_1\.ser and so on"):
        read_micrograph(emi)


def test_diffraction_is_told_by_the_emi_or_by_its_step(tmp_path, ramp):
    path = write(tmp_path / "a_1.ser", ramp, step=(2e7, 2e7))
    with pytest.raises(UnsupportedFormat, match=r"a diffraction pattern .* in 1/m"):
        read_micrograph(path)
    write(path, ramp)
    (tmp_path / "a.emi").write_bytes(b"JK\0\x02" + XML.format(mode="uP SA Zoom Diffraction").encode())
    with pytest.raises(UnsupportedFormat, match="a diffraction pattern"):
        read_micrograph(path)


def test_spectra_and_damage_are_named(tmp_path, ramp):
    path = write(tmp_path / "a.ser", ramp, kind=0x4120)
    with pytest.raises(UnsupportedFormat, match="holds spectra or line profiles"):
        read_micrograph(path)
    whole = write(path, ramp).read_bytes()
    for n in range(5, len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(UnreadableFile, match="cut-off ser file"):
            read_micrograph(path)
