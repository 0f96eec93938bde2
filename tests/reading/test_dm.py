"""DigitalMicrograph files, written here tag by tag."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from nanogauge.core.errors import NoSuchPart, UnreadableFile, UnsupportedFormat
from nanogauge.reading import read_micrograph

KINDS = {"u1": (6, 10), "u2": (10, 4), "i2": (1, 2), "f4": (2, 6), "i4": (7, 3), "f8": (12, 7)}  # DataType, type of the tag


class Writer:
    """A dm3 or dm4 file out of nested dicts; `little` is the byte order of the values."""

    def __init__(self, version: int, *, little: bool = True) -> None:
        self.version, self.little = version, little

    def int(self, value: int) -> bytes:
        return struct.pack(">q" if self.version == 4 else ">i", value)

    def group(self, content: dict) -> bytes:
        return b"\x00\x01" + self.int(len(content)) + b"".join(self.entry(k, v) for k, v in content.items())

    def entry(self, name: str, value: object) -> bytes:
        body = self.group(value) if isinstance(value, dict) else self.value(value)
        head = struct.pack(">BH", 20 if isinstance(value, dict) else 21, 0 if name.isdigit() else len(name))
        head += b"" if name.isdigit() else name.encode()
        return head + (self.int(len(body)) if self.version == 4 else b"") + body

    def value(self, value: object) -> bytes:
        order = "<" if self.little else ">"
        if isinstance(value, str):
            info, data = [20, 4, len(value)], value.encode("utf-16-le" if self.little else "utf-16-be")
        elif isinstance(value, np.ndarray):
            info = [20, KINDS[value.dtype.str[1:]][1], value.size]
            data = value.astype(value.dtype.newbyteorder(order)).tobytes()
        elif isinstance(value, float):
            info, data = [7], struct.pack(order + "d", value)
        else:
            info, data = [3], struct.pack(order + "i", value)
        return b"%%%%" + self.int(len(info)) + b"".join(map(self.int, info)) + data

    def file(self, path: Path, *images: dict, **others: object) -> Path:
        small = {"ImageData": data(np.zeros((2, 2), np.uint8))}  # DigitalMicrograph's own thumbnail stands first
        content = {"ImageList": {str(i): v for i, v in enumerate([small, *images])}, "Thumbnails": {"0": {"ImageIndex": 0}}}
        body = self.group(content | others)
        path.write_bytes(struct.pack(">i", self.version) + self.int(len(body)) + struct.pack(">i", int(self.little)) + body)
        return path


def data(
    pixels: np.ndarray, *, units: tuple[str, ...] = ("nm", "nm", ""), scale: tuple[float, ...] = (2.0, 3.0, 1.0), kind=None
) -> dict:
    sizes = pixels.shape[::-1]
    dimension = {str(i): {"Origin": 0.0, "Scale": scale[i], "Units": units[i]} for i in range(len(sizes))}
    return {
        "Calibrations": {"Dimension": dimension},
        "Data": pixels.ravel(),
        "DataType": KINDS[pixels.dtype.str[1:]][0] if kind is None else kind,
        "Dimensions": {str(i): n for i, n in enumerate(sizes)},
    }


def image(pixels: np.ndarray, name: str = "Image", tags: dict | None = None, **options: object) -> dict:
    return {"ImageData": data(pixels, **options), "ImageTags": tags or {}, "Name": name}


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("little", [True, False])
@pytest.mark.parametrize("dtype", KINDS)
def test_pixels_scale_and_microscope(tmp_path, ramp, version, little, dtype):
    scope = {"Voltage": 80000.0, "Indicated Magnification": 250000.0, "Name": "JEM"}
    tags = {"Microscope Info": scope, "DataBar": {"Device Name": "OneView"}}
    path = Writer(version, little=little).file(tmp_path / f"a.dm{version}", image(ramp.astype(dtype), tags=tags))
    found = read_micrograph(path)
    np.testing.assert_array_equal(found.pixels, ramp)
    assert (found.format, found.notes) == ("digitalmicrograph", ())
    assert found.scale is not None
    assert found.scale.nm_per_px == (3.0, 2.0)
    i = found.instrument
    assert (i.accelerating_voltage_kv, i.magnification, i.model, i.detector) == (80.0, 250_000, "JEM", "OneView")


def test_a_large_picture_is_read_from_its_place(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 60_000, (300, 200)).astype(np.uint16)
    found = read_micrograph(Writer(4).file(tmp_path / "a.dm4", image(pixels)))
    np.testing.assert_array_equal(found.pixels, pixels)


def test_a_stack_and_several_pictures(tmp_path, ramp):
    stack = image(np.stack([ramp, ramp // 2, ramp // 3]), "Series")
    path = Writer(3).file(tmp_path / "a.dm3", stack, image(255 - ramp, tags={"Meta Data": {"Signal": "BF"}}))
    found = read_micrograph(path)
    np.testing.assert_array_equal(found.pixels, ramp)
    assert found.notes == ("first of 2 pictures used (Series)", "first of 3 slices used")
    assert (found.part.n_pages, found.part.detectors) == (3, ("Series", "BF"))
    np.testing.assert_array_equal(read_micrograph(path, page=3).pixels, ramp // 3)
    np.testing.assert_array_equal(read_micrograph(path, detector="bf").pixels, 255 - ramp)
    with pytest.raises(NoSuchPart, match=r"no detector 'HAADF'; there are Series, BF$"):
        read_micrograph(path, detector="HAADF")
    with pytest.raises(NoSuchPart, match=r"no page 4; it has 3 pages, 1 to 3$"):
        read_micrograph(path, page=4)


def test_colours_are_stored_blue_first(tmp_path, ramp):
    blue_first = np.zeros((*ramp.shape, 4), np.uint8)
    blue_first[..., 2] = ramp
    whole = blue_first.reshape(ramp.shape[0], -1).view("<i4")
    path = Writer(4).file(tmp_path / "a.dm4", image(whole, kind=23))
    np.testing.assert_array_equal(read_micrograph(path, channel="red").pixels, ramp)
    assert not read_micrograph(path, channel="blue").pixels.any()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (image(np.ones((6, 10), np.float32), units=("1/nm", "1/nm")), r"a diffraction pattern .* in 1/nm; give a micrograph"),
        (image(np.ones((1, 900), np.float32), units=("eV", "")), "holds a spectrum, no micrograph"),
        (image(np.ones((4, 6, 10), np.float32), units=("nm", "nm", "eV")), "holds a spectrum image, no micrograph"),
        (image(np.ones((1, 900), np.float32), units=("nm", "")), "holds a line profile, no micrograph"),
        (image(np.ones((2, 3, 4, 5), np.float32), units=("1/nm", "1/nm", "nm", "nm"), scale=(1.0,) * 4), "4D-STEM"),
        (image(np.ones((6, 20), np.float32), kind=3), "holds a Fourier transform"),
    ],
)
def test_what_is_no_micrograph_is_named(tmp_path, entry, words):
    path = Writer(4).file(tmp_path / "a.dm4", entry)
    with pytest.raises(UnsupportedFormat, match=words) as caught:
        read_micrograph(path)
    assert "\n" not in str(caught.value)


def test_a_picture_beside_a_diffraction_pattern_is_taken(tmp_path, ramp):
    pattern = image(np.ones((6, 10), np.float32), "Diffraction", units=("1/nm", "1/nm"))
    path = Writer(3).file(tmp_path / "a.dm3", pattern, image(ramp, "Picture"))
    np.testing.assert_array_equal(read_micrograph(path).pixels, ramp)
    with pytest.raises(UnsupportedFormat, match="a diffraction pattern"):
        read_micrograph(path, detector="Diffraction")


@pytest.mark.parametrize("version", [3, 4])
def test_cut_off_and_garbled_files_are_one_clear_line(tmp_path, ramp, version):
    whole = Writer(version).file(tmp_path / "a.dm3", image(np.kron(ramp, np.ones((40, 40), np.uint8)))).read_bytes()
    random = np.random.default_rng(version)
    for k in range(60):
        damaged = bytearray(whole[: random.integers(24, len(whole))] if k % 2 else whole)
        for place in random.integers(12, min(len(damaged), 600), 0 if k % 2 else 4):
            damaged[place] = random.integers(0, 256)
        path = tmp_path / "b.dm3"
        path.write_bytes(damaged)
        try:
            read_micrograph(path)
        except (UnreadableFile, UnsupportedFormat) as error:
            assert "\n" not in str(error)  # noqa: PT017
    path.write_bytes(whole[:-9000])
    with pytest.raises(UnreadableFile, match="cut-off DigitalMicrograph"):
        read_micrograph(path)
