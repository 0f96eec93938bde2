"""MRC and CCP4 maps (MRC2014): a header of 1,024 bytes, an extended one, then section after section.

The pixel size is the cell's size over its sampling, in Å. A voxel of exactly 1 Å is what programs write that know of none.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UnreadableFile, UnsupportedFormat
from ...core.micrograph import Instrument
from ..contract import Container, Decoded, Wish, step_facts
from ..file import File
from ..pick import Offer, decoded

_HEADER_BYTES = 1024
_PIXELS = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_COMPLEX = (3, 4)
_COLOUR = 16


def read(file: File, wish: Wish) -> Decoded:
    """A section of an MRC file. Rows stay as stored."""
    path, head = file.path, file.head
    order = ">" if head[212:214] == b"\x11\x11" else "<"
    width, height, depth, mode = struct.unpack(order + "4i", head[:16])
    sampling, cell = struct.unpack(order + "3i", head[28:40]), struct.unpack(order + "3f", head[40:52])
    (extended,) = struct.unpack(order + "i", head[92:96])
    if mode in _COMPLEX:
        raise UnsupportedFormat(f"{path}: a Fourier transform (MRC of complex numbers), no micrograph; give the picture itself")
    if mode not in _PIXELS and mode != _COLOUR:
        raise UnsupportedFormat(f"{path}: an MRC file of the rare mode {mode}; export it as TIFF")
    dtype = np.dtype("u1" if mode == _COLOUR else order + _PIXELS[mode])
    n_samples = 3 if mode == _COLOUR else 1
    each = width * height * n_samples * dtype.itemsize
    start, end = _HEADER_BYTES + extended, file.size
    if min(width, height, depth) < 1 or extended < 0 or start + each * depth > end:
        reason = f"{width} x {height} x {depth} px should reach byte {start + each * depth} but the file ends at {end}"
        raise UnreadableFile(f"{path}: damaged or cut-off MRC file ({reason}); copy it again from the microscope")
    steps = tuple(c / n if n > 0 else 0.0 for c, n in zip(cell, sampling, strict=True))
    notes: tuple[str, ...] = ()
    if all(abs(s - 1) < 1e-6 for s in steps[:2]):
        steps, notes = (0.0, 0.0), ("the MRC header's pixel of exactly 1 Å is a default, as a rule; not used",)
    shape = (height, width, 3) if mode == _COLOUR else (height, width)
    offer = Offer(
        shape=(height, width),
        load=partial(_section, file, dtype, shape, start, each),
        facts=step_facts(((steps[1], "Å"), (steps[0], "Å")), Instrument(), notes),
        n_pages=depth,
    )
    return decoded(path, [offer], wish, name="mrc")


def _section(file: File, dtype: np.dtype[Any], shape: tuple[int, ...], start: int, each: int, page: int) -> NDArray[Any]:
    return file.numbers(dtype, shape, start + page * each)


MRC = Container(lambda head: head[208:212] in (b"MAP ", b"MAP\0"), read, (".mrc", ".mrcs", ".rec", ".st"))
