"""Micrographs too large for memory: their size, facts and scale, and windows of their pixels, read when asked for.

TIFF and BigTIFF in tiles or strips (OME-TIFF and other makers' among them, as in `tiff`), and OME-Zarr.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, UnreadableFile, UnsupportedFormat
from ...core.micrograph import Instrument, Part
from ...core.scale import Scale
from .. import grey
from ..contract import Wish, calibrate, refuse_reciprocal
from ..file import File
from . import ome_zarr, tiff

MOSAIC_PX = 1 << 25
"""From so many pixels a file is read and measured window by window; smaller ones are read whole."""

_CACHE_BYTES = 128 << 20
_LARGEST_PIECE_BYTES = 512 << 20
Window = Callable[[int, int, int, int], NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Mosaic:
    """A picture read by windows: read(y0, y1, x0, x1) -> (y1 - y0, x1 - x0) grey levels of `dtype`, bright = high."""

    path: Path
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    format: str
    sha256: str
    read: Window = field(repr=False)
    instrument: Instrument = field(default_factory=Instrument)
    scale: Scale | None = None
    notes: tuple[str, ...] = ()
    part: Part = field(default_factory=Part)


def zarr_mosaic(path: Path, picture: ome_zarr.ZarrPicture) -> Mosaic:
    """An OME-Zarr, to be read by windows. Raises UnsupportedFormat where its pixels are of no such type."""
    instrument, scale, notes = calibrate(picture.facts, picture.shape)
    return Mosaic(
        path=path,
        shape=picture.shape,
        dtype=_readable(path, picture.dtype),
        format="ome-zarr",
        sha256=ome_zarr.sha256_of(path),
        read=picture.read,
        instrument=instrument,
        scale=scale,
        notes=(*picture.notes, *notes),
        part=picture.part,
    )


def tiff_mosaic(source: File, wish: Wish, least_px: int) -> Mosaic | None:
    """A TIFF, to be read by windows; None where the file is another or has fewer than `least_px` pixels.

    Raises UnreadableFile or UnsupportedFormat for a large one that cannot be read by windows, a channel of a colour picture among
    them; NoSuchPart.
    """
    if not tiff.TIFF.matches(source.head):
        return None
    path = source.path
    with tiff.quiet():
        try:
            with tiff.open_tiff(source) as file:
                if not len(file.pages):
                    return None
                index, name, facts, part, why = tiff.choose(source, file, wish)
                page: Any = file.pages[index]
                shape = (int(page.imagelength), int(page.imagewidth))
                if shape[0] * shape[1] < least_px or min(shape) < 1:
                    return None
                refuse_reciprocal(path, facts)
                tiff.check_strips(path, page)
                dtype = _checked(path, page)
                if wish.channel and not part.channel:
                    raise UnsupportedFormat(f"{path}: a channel of so large a colour picture is not read; save it as a grey TIFF")
                notes = tiff.part_notes(part, wish, why)
        except InputError:
            raise
        except tiff.DAMAGE as error:
            reason = " ".join(str(error).split())[:100] or type(error).__name__
            raise UnreadableFile(f"{path}: damaged or cut-off TIFF ({reason}); copy it again from the microscope") from error
    instrument, scale, more = calibrate(facts, shape)
    return Mosaic(
        path=path,
        shape=shape,
        dtype=dtype,
        format=f"tiff/{name}" if name else "tiff",
        sha256=source.sha256,
        read=_TiffWindows(path, index),
        instrument=instrument,
        scale=scale,
        notes=(*notes, *more),
        part=part,
    )


def _checked(path: Path, page: Any) -> np.dtype[Any]:
    """The pixels' type. UnsupportedFormat where the page cannot be read by windows."""
    if page.dtype is None or int(page.planarconfig) != 1 or int(page.photometric) not in (0, 1, 2) or page.imagedepth != 1:
        raise UnsupportedFormat(f"{path}: a large TIFF that is not plain grey or RGB; save it as a tiled grey TIFF")
    size = np.dtype(page.dtype).itemsize * page.samplesperpixel
    if not page.is_tiled and not page.is_contiguous and size * page.imagewidth * page.rowsperstrip > _LARGEST_PIECE_BYTES:
        raise UnsupportedFormat(f"{path}: a large TIFF packed in one piece; save it in tiles or strips")
    return _readable(path, np.dtype(page.dtype))


def _readable(path: Path, dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "u" and dtype.itemsize in (1, 2):
        return dtype.newbyteorder("=")
    if dtype.kind == "f":
        return np.dtype(np.float32)
    raise UnsupportedFormat(f"{path}: a large picture of {dtype} pixels; save it as 8-bit, 16-bit or float grey levels")


class _TiffWindows:
    """Windows of one page; decoded tiles and strips are kept while they fit into the cache. The file is opened for the first window
    and stays open. Several threads may ask, one at a time is served. Pickles as path and page."""

    def __init__(self, path: Path, index: int) -> None:
        self.path, self.index = path, index
        self._file: File | None = None
        self._page: Any = None
        self._spans: list[tuple[int, int]] = []
        self._tables: bytes | None = None
        self._cache: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._cached_bytes = 0
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _TiffWindows, (self.path, self.index)

    def __call__(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        with self._lock, tiff.quiet():
            try:
                if self._file is None:
                    self._file = self._open()
                return self._window(self._file, y0, y1, x0, x1)
            except MemoryError:
                raise UnsupportedFormat(
                    f"{self.path}: its tiles are too large for this computer's memory; save smaller ones"
                ) from None
            except tiff.DAMAGE as error:
                reason = " ".join(str(error).split())[:100] or type(error).__name__
                raise UnreadableFile(f"{self.path}: damaged or cut-off TIFF ({reason}); copy it again") from error

    def _open(self) -> File:
        file = File(self.path)
        weakref.finalize(self, file.close)
        with tiff.open_tiff(file) as pages:
            self._page = pages.pages[self.index]
            self._spans = list(zip(self._page.dataoffsets, self._page.databytecounts, strict=True))
            self._tables = self._page.jpegtables
            _ = self._page.is_jfif  # looked up now, for tifffile's view of the file ends here
        return file

    def _window(self, file: File, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        page = self._page
        if page.is_contiguous and not page.is_tiled:
            samples = self._stored_plainly(file, y0, y1)[:, x0:x1]
        else:
            tall, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
            per_row = -(-page.imagewidth // wide)
            samples = np.zeros((y1 - y0, x1 - x0, page.samplesperpixel), page.dtype)
            for row in range(y0 // tall, -(-y1 // tall)):
                for column in range(x0 // wide, -(-x1 // wide)):
                    piece = self._piece(file, row * per_row + column)
                    top, left = row * tall, column * wide
                    a, b = max(y0, top), min(y1, top + piece.shape[0])
                    c, d = max(x0, left), min(x1, left + piece.shape[1])
                    samples[a - y0 : b - y0, c - x0 : d - x0] = piece[a - top : b - top, c - left : d - left]
        if samples.shape[2] > 1:
            flat = grey.luminance(samples[..., :3]) if int(page.photometric) == 2 and samples.shape[2] >= 3 else samples[..., 0]
        else:
            flat = samples[..., 0]
        if int(page.photometric) == 0:
            flat = grey.inverted(flat, int(page.bitspersample))
        if flat.dtype.kind == "f":
            return np.nan_to_num(flat.astype(np.float32))
        return np.ascontiguousarray(flat, flat.dtype.newbyteorder("="))

    def _stored_plainly(self, file: File, y0: int, y1: int) -> NDArray[Any]:
        """Rows of a page whose pixels stand in the file one after the other."""
        page = self._page
        dtype = np.dtype(page.parent.byteorder + page.dtype.char)
        shape = (y1 - y0, page.imagewidth, page.samplesperpixel)
        return file.numbers(dtype, shape, self._spans[0][0] + y0 * page.imagewidth * page.samplesperpixel * dtype.itemsize)

    def _piece(self, file: File, index: int) -> NDArray[Any]:
        """A decoded tile or strip (h, w, samples)."""
        if index in self._cache:
            self._cache.move_to_end(index)
            return self._cache[index]
        offset, n_bytes = self._spans[index]
        data = file.numbers(np.uint8, n_bytes, offset).tobytes() if n_bytes else None
        decoded, _, shape = self._page.decode(data, index, jpegtables=self._tables)
        piece = np.zeros(shape[1:], self._page.dtype) if decoded is None else np.asarray(decoded)[0]
        self._cache[index] = piece
        self._cached_bytes += piece.nbytes
        while self._cached_bytes > _CACHE_BYTES and len(self._cache) > 1:
            self._cached_bytes -= self._cache.popitem(last=False)[1].nbytes
        return piece
