"""MRC maps and NumPy arrays."""

from __future__ import annotations

import pickle
import struct
import zipfile

import numpy as np
import pytest

from nanogauge.core.errors import NoSuchPart, UnreadableFile, UnsupportedFormat
from nanogauge.reading import read_micrograph

MODES = {"i1": 0, "i2": 1, "f4": 2, "u2": 6, "f2": 12}


def mrc(path, sections, *, mode=None, cell=(20.0, 30.0), order="<", extended=0):
    """cell: Å a pixel along x and y; sections (N, H, W)."""
    depth, height, width = sections.shape[:3]
    head = bytearray(1024)
    head[:16] = struct.pack(order + "4i", width, height, depth, MODES.get(sections.dtype.str[1:], 0) if mode is None else mode)
    head[28:40] = struct.pack(order + "3i", width, height, depth)
    head[40:52] = struct.pack(order + "3f", width * cell[0], height * cell[1], depth)
    head[92:96] = struct.pack(order + "i", extended)
    head[208:214] = b"MAP " + (b"DD" if order == "<" else b"\x11\x11")
    path.write_bytes(bytes(head) + bytes(extended) + sections.astype(sections.dtype.newbyteorder(order)).tobytes())
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", MODES)
def test_mrc(tmp_path, ramp, dtype, order):
    sections = np.stack([ramp // 2, ramp // 4]).astype(dtype)
    path = mrc(tmp_path / "a.mrc", sections, order=order, extended=128)
    found = read_micrograph(path)
    np.testing.assert_array_equal(found.pixels, ramp // 2)
    assert (found.format, found.notes) == ("mrc", ("first of 2 slices used",))
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((3, 2))
    np.testing.assert_array_equal(read_micrograph(path, page=2).pixels, ramp // 4)


def test_an_mrc_pixel_of_one_angstrom_is_a_default(tmp_path, ramp):
    found = read_micrograph(mrc(tmp_path / "a.mrc", ramp[None].astype(np.int16), cell=(1.0, 1.0)))
    assert found.scale is None
    assert "a default, as a rule" in found.notes[0]


def test_mrc_that_is_no_micrograph_or_cut_off(tmp_path, ramp):
    with pytest.raises(UnsupportedFormat, match="a Fourier transform"):
        read_micrograph(mrc(tmp_path / "a.mrc", ramp[None].astype(np.float32), mode=4))
    with pytest.raises(UnsupportedFormat, match="rare mode 101"):
        read_micrograph(mrc(tmp_path / "a.mrc", ramp[None].astype(np.int16), mode=101))
    path = mrc(tmp_path / "a.mrc", ramp[None].astype(np.int16))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UnreadableFile, match="cut-off MRC"):
        read_micrograph(path)


def test_npy(tmp_path, ramp):
    np.save(tmp_path / "a.npy", ramp.astype(np.float64))
    found = read_micrograph(tmp_path / "a.npy")
    np.testing.assert_array_equal(found.pixels, ramp)
    assert (found.format, found.scale, found.notes) == ("npy", None, ())
    np.save(tmp_path / "a.npy", np.stack([ramp, 255 - ramp]))
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.npy", page=2).pixels, 255 - ramp)
    np.save(tmp_path / "a.npy", np.stack([ramp, ramp // 2, ramp // 3], axis=-1))
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.npy", channel="green").pixels, ramp // 2)


def test_npz_arrays_are_chosen_by_name(tmp_path, ramp):
    np.savez(tmp_path / "a.npz", notes=np.array("text"), first=ramp, second=255 - ramp)
    found = read_micrograph(tmp_path / "a.npz")
    np.testing.assert_array_equal(found.pixels, ramp)
    assert found.notes == ("first of 2 arrays used (first)",)
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.npz", detector="second").pixels, 255 - ramp)
    with pytest.raises(NoSuchPart, match=r"there are first, second$"):
        read_micrograph(tmp_path / "a.npz", detector="third")


def test_arrays_that_are_no_pictures(tmp_path, ramp):
    np.save(tmp_path / "a.npy", ramp.ravel())
    with pytest.raises(UnsupportedFormat, match=r"no array in it is a picture: \(H, W\)"):
        read_micrograph(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.array({"a": 1}, object), allow_pickle=True)  # as Cellpose's _seg.npy
    with pytest.raises(UnreadableFile, match="cut-off npy"):
        read_micrograph(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    with pytest.raises(UnsupportedFormat, match="a ZIP archive or an Office document"):
        read_micrograph(tmp_path / "a.npz")


def test_nothing_pickled_is_ever_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").mkdir, ())

    np.save(tmp_path / "a.npy", np.array([Trap()], object), allow_pickle=True)
    assert b"sprung" in pickle.dumps(Trap())
    with pytest.raises(UnreadableFile):
        read_micrograph(tmp_path / "a.npy")
    assert not (tmp_path / "sprung").exists()
