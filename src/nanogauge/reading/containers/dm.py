"""Gatan DigitalMicrograph, dm3 and dm4: a tree of tags, big-endian, whose values are in the computer's own byte order.

The tree holds `ImageList`, an entry a picture: `ImageData` with `Dimensions` (x first), `DataType`, `Data` and `Calibrations`, and
`ImageTags` with what the microscope said. Thumbnails are in it too, and are left out. Written from the public descriptions of
the format; large arrays are not read until they are asked for.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, UnreadableFile, UnsupportedFormat
from ...core.micrograph import Instrument
from ..contract import Container, Decoded, Fields, Wish, is_reciprocal, kilovolts, step_facts
from ..file import File
from ..pick import Offer, decoded

_GROUP, _DATA = 20, 21
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_TYPES = {2: "i2", 3: "i4", 4: "u2", 5: "u4", 6: "f4", 7: "f8", 8: "u1", 9: "i1", 10: "u1", 11: "i8", 12: "u8"}
_PIXELS = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 14: "u1", 39: "i8", 40: "u8"}
_COLOUR, _COMPLEX = (8, 23), (3, 5, 13, 27, 28)
_LONG_ARRAY = 4096  # bytes from which an array is left in the file
_DEEPEST, _MOST_TAGS = 64, 1_000_000


@dataclass(frozen=True)
class _Stored:
    """An array left in the file; one of structures as its bytes."""

    offset: int
    dtype: np.dtype[Any]
    n: int


def read(file: File, wish: Wish) -> Decoded:
    """A picture of a DigitalMicrograph file."""
    path = file.path
    try:
        offers = _offers(file, _Tree(file).read())
        return decoded(path, offers, wish, name="digitalmicrograph")
    except InputError:
        raise
    except (OSError, ValueError, TypeError, KeyError, EOFError, OverflowError, struct.error, RecursionError) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UnreadableFile(
            f"{path}: damaged or cut-off DigitalMicrograph file ({reason}); copy it again from the microscope"
        ) from error


class _Tree:
    """The tags of a file as nested dicts; entries without a name are called by their number."""

    def __init__(self, file: File) -> None:
        self.stream, self.size = file.stream, file.size
        self.stream.seek(0)
        version, *_ = struct.unpack(">i", self._bytes(4))
        self.long = version == 4
        self._bytes(8 if self.long else 4)
        self.order = "<" if struct.unpack(">i", self._bytes(4))[0] == 1 else ">"
        self.n_left = _MOST_TAGS

    def read(self) -> dict[str, Any]:
        return self._group(0)

    def _bytes(self, n: int) -> bytes:
        data = self.stream.read(n)
        if len(data) < n:
            raise EOFError("it ends within a tag")
        return data

    def _int(self) -> int:
        return int(struct.unpack(">q" if self.long else ">i", self._bytes(8 if self.long else 4))[0])

    def _group(self, depth: int) -> dict[str, Any]:
        if depth > _DEEPEST:
            raise ValueError("tags too deep")
        self._bytes(2)
        found: dict[str, Any] = {}
        for index in range(self._count(self._int())):
            kind, n_name = struct.unpack(">BH", self._bytes(3))
            name = self._bytes(n_name).decode("latin-1") or str(index)
            if self.long:
                self._bytes(8)
            if kind == _GROUP:
                found.setdefault(name, self._group(depth + 1))
            elif kind == _DATA:
                found.setdefault(name, self._value(pixels=name == "Data"))
            else:
                raise ValueError(f"unknown kind of tag {kind}")
        return found

    def _count(self, n: int) -> int:
        self.n_left -= n
        if n < 0 or self.n_left < 0:
            raise ValueError(f"{n} tags")
        return n

    def _value(self, *, pixels: bool) -> Any:
        """A tag's value; arrays of 16-bit integers are text, unless they are pixels, which stay in the file."""
        if self._bytes(4) != b"%%%%":
            raise ValueError("a tag without its mark")
        kind = [self._int() for _ in range(self._count(self._int()))]
        if kind[0] == _STRUCT:
            return self._struct(kind)
        if kind[0] == _STRING:
            return self._bytes(self._length(2 * kind[1])).decode("utf-16-le" if self.order == "<" else "utf-16-be", "replace")
        if kind[0] != _ARRAY:
            return self._array(kind[0], 1)[0].item()
        if kind[1] == _STRUCT:
            dtype, n = np.dtype("u1"), kind[-1] * self._struct_type(kind[1:-1]).itemsize
        else:
            dtype, n = np.dtype(self.order + _TYPES[kind[1]]), kind[2]
        if pixels or kind[1] == _STRUCT or self._length(n * dtype.itemsize) > _LONG_ARRAY:
            stored = _Stored(self.stream.tell(), dtype, n)
            self.stream.seek(self._length(n * dtype.itemsize), os.SEEK_CUR)
            return stored
        values = self._array(kind[1], n)
        return values.tobytes().decode("utf-16-le" if self.order == "<" else "utf-16-be", "replace") if kind[1] == 4 else values

    def _length(self, n_bytes: int) -> int:
        if n_bytes < 0 or self.stream.tell() + n_bytes > self.size:
            raise EOFError(f"it should reach byte {self.stream.tell() + n_bytes} but ends at {self.size}")
        return n_bytes

    def _array(self, kind: int, n: int) -> NDArray[Any]:
        dtype = np.dtype(self.order + _TYPES[kind])
        return np.frombuffer(self._bytes(self._length(n * dtype.itemsize)), dtype)

    def _struct_type(self, kind: list[int]) -> np.dtype[Any]:
        return np.dtype([(f"f{i}", self.order + _TYPES[k]) for i, k in enumerate(kind[4::2])])

    def _struct(self, kind: list[int]) -> tuple[Any, ...]:
        dtype = self._struct_type(kind)
        values = np.frombuffer(self._bytes(self._length(dtype.itemsize)), dtype)
        return tuple(values[0].tolist())


def _offers(file: File, tree: Mapping[str, Any]) -> list[Offer]:
    images = _map(tree.get("ImageList"))
    small = {_map(t).get("ImageIndex") for t in _map(tree.get("Thumbnails")).values()}
    offers, others = [], []
    for number, image in enumerate(images.values()):
        if number in small and len(images) > 1:
            continue
        data = _map(_map(image).get("ImageData"))
        sizes = [int(v) for v in _map(data.get("Dimensions")).values()]
        other = _no_picture(data, sizes, _map(image))
        if other:
            others.append(other)
        else:
            offers.append(_offer(file, data, sizes, _map(image)))
    if not offers:
        what = " and ".join(dict.fromkeys(others)) or "no picture"
        raise UnsupportedFormat(
            f"{file.path}: this DigitalMicrograph file holds {what}, no micrograph; give the file of the picture"
        )
    return offers


def _no_picture(data: Mapping[str, Any], sizes: list[int], image: Mapping[str, Any]) -> str:
    """What an entry is that is no micrograph; "" where it is one."""
    units = [str(_map(c).get("Units") or "") for c in _map(_map(data.get("Calibrations")).get("Dimension")).values()]
    form = str(_map(_map(image.get("ImageTags")).get("Meta Data")).get("Format") or "").lower()
    of_energy = any(u.strip() in ("eV", "keV") for u in units)
    if form == "spectrum image" or (of_energy and len([s for s in sizes if s > 1]) > 2):
        return "a spectrum image"
    if len(sizes) < 2 or min(sizes[:2]) < 2 or form == "spectrum" or of_energy:
        return "a spectrum" if of_energy or form == "spectrum" else "a line profile"
    if len(sizes) > 3 and any(map(is_reciprocal, units)):
        return "diffraction patterns (4D-STEM)"
    if data.get("DataType") in _COMPLEX:
        return "a Fourier transform (complex numbers)"
    return ""


def _offer(file: File, data: Mapping[str, Any], sizes: list[int], image: Mapping[str, Any]) -> Offer:
    width, height = sizes[:2]
    n_pages = math.prod(sizes[2:])
    kind = int(data["DataType"])
    stored = data["Data"]
    if kind not in _PIXELS and kind not in _COLOUR:
        raise UnsupportedFormat(f"{file.path}: a DigitalMicrograph picture of the rare type {kind}; export it as TIFF")

    def load(page: int) -> NDArray[Any]:
        n = width * height
        if kind in _COLOUR:
            each = stored.dtype.itemsize
            values = _values(file, stored, 4 * n * page // each, 4 * n // each)
            return np.ascontiguousarray(values.view(np.uint8).reshape(height, width, 4)[..., 2::-1])  # blue, green, red, nothing
        values = _values(file, stored, n * page, n).astype(_PIXELS[kind], copy=False)
        return (values != 0 if kind == 14 else values).reshape(height, width)

    needed = n_pages * width * height * (4 if kind in _COLOUR else np.dtype(_PIXELS[kind]).itemsize)
    if not isinstance(stored, _Stored) or stored.n * stored.dtype.itemsize < needed:
        raise ValueError(f"too few values for {width} x {height} x {n_pages} pixels")
    tags = _map(image.get("ImageTags"))
    scope = Fields(_map(tags.get("Microscope Info")))
    seen = Fields(_map(tags.get("DataBar")))
    calibration = list(_map(_map(data.get("Calibrations")).get("Dimension")).values())
    x, y = ((_map(c).get("Scale"), str(_map(c).get("Units") or "")) for c in [*calibration, {}, {}][:2])
    name = str(image.get("Name") or "").strip("\0 ")
    signal = Fields(_map(tags.get("Meta Data"))).text("Signal")
    instrument = Instrument(
        maker="Gatan",
        model=scope.text("Microscope", "Name"),
        accelerating_voltage_kv=kilovolts(scope.positive("Voltage")),
        magnification=scope.positive("Indicated Magnification"),
        detector=signal or seen.text("Device Name"),
        acquired=" ".join(filter(None, (seen.text("Acquisition Date"), seen.text("Acquisition Time")))) or None,
    )
    return Offer(
        shape=(height, width),
        load=load,
        facts=step_facts((y, x), instrument, (*scope.notes, *seen.notes)),
        detector=signal or name,
        n_pages=n_pages,
    )


def _values(file: File, stored: _Stored, first: int, n: int) -> NDArray[Any]:
    return file.numbers(stored.dtype, n, stored.offset + first * stored.dtype.itemsize)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_dm(head: bytes) -> bool:
    """Version 3 or 4 as a big-endian integer, and then (after the length) a byte order flag of 0 or 1."""
    if len(head) < 24 or head[:3] != bytes(3) or head[3] not in (3, 4):
        return False
    flag = head[8:12] if head[3] == 3 else head[12:16]
    return int.from_bytes(flag, "big") in (0, 1)


DM = Container(_is_dm, read, (".dm3", ".dm4"))
