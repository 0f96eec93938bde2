import struct

import numpy as np
import pytest
import tifffile

from nanogauge.reading import read_micrograph


def sis(path, *, x: float, y: float, exponent: int = -9, magic: bytes = b"SIS0") -> None:
    """Append a SIS structure to a TIFF whose tag 33560 stands ready, and point the tag at it."""
    data = path.read_bytes()
    at = len(data)
    head = struct.pack("<4s6xhhhhh6x32sH", magic, 42, 19, 15, 10, 118, b"", 1) + struct.pack("<hhI", 1, 1, at + 68)
    body = struct.pack("<10xhdd8xd2x34s32s", exponent, x, y, 600_000.0, b"Quemesa", b"")
    entry = struct.pack("<HHI", 33560, 4, 1)
    path.write_bytes(data.replace(entry + bytes(4), entry + struct.pack("<I", at)) + head + body + bytes(200))


def test_x_and_y_differ(tmp_path, ramp):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp, metadata=None, extratags=[(33560, 4, 1, 0, True)])
    sis(path, x=0.5, y=0.6)
    found = read_micrograph(path)
    assert found.format == "tiff/olympus"
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((0.6, 0.5))
    assert (found.instrument.detector, found.instrument.magnification) == ("Quemesa", 600_000)
    assert found.instrument.acquired == "2018-11-15T19:42:00"


def test_the_calibrated_second_page_is_used(tmp_path, ramp):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(np.stack([ramp] * 3, axis=-1), photometric="rgb", metadata=None)
        writer.write(ramp.astype(np.uint16) * 9, metadata=None, extratags=[(33560, 4, 1, 0, True)])
    sis(path, x=0.5, y=0.6)
    found = read_micrograph(path)
    assert found.pixels.dtype == np.uint16
    assert found.scale is not None
    assert "page 2" in found.notes[0]


@pytest.mark.parametrize(
    "options",
    [
        {"x": 0.0, "y": 0.0},
        {"x": -1.0, "y": 1.0, "exponent": 300},
        {"x": float("nan"), "y": 1.0},
        {"magic": b"NOPE", "x": 1, "y": 1},
    ],
)
def test_malformed_structures_give_none(tmp_path, ramp, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp, metadata=None, extratags=[(33560, 4, 1, 0, True)])
    sis(path, **options)
    found = read_micrograph(path)
    np.testing.assert_array_equal(found.pixels, ramp)
    assert found.scale is None
