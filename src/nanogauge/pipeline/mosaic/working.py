"""The working picture of a mosaic, in windows: 8-bit levels, standardised, rescaled, standardised again, as `segment` does."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...detection.resample import Method, resample, weights
from ...reading import Mosaic
from .levels import Levels

F32 = NDArray[np.float32]
_CHUNK_PX = 1 << 22  # native pixels resampled at once


class WorkingPicture:
    """Windows of the working picture (H', W') at a zoom, reflected beyond its lower and right edge up to `padded`."""

    def __init__(
        self,
        mosaic: Mosaic,
        levels: Levels,
        zoom: float,
        *,
        padded: tuple[int, int] | None = None,
        moments: tuple[float, float] | None = None,
    ) -> None:
        """moments: mean and deviation of the rescaled picture, where they are known"""
        self.mosaic, self.levels = mosaic, levels
        height, width = mosaic.shape
        self.shape = (max(round(height * zoom), 1), max(round(width * zoom), 1))
        self.padded = padded or self.shape
        self.method: Method = "area" if zoom < 1 else "cubic"
        self._band: tuple[int, int, int, int] = (0, 0, 0, 0)
        self._pixels: F32 = np.zeros((0, 0), np.float32)
        self._columns = (0, 0)
        if moments is None:
            moments = (0.0, 1.0) if self.shape == mosaic.shape else self._moments()
        self.moments = moments

    def window(self, y0: int, y1: int, x0: int, x1: int) -> F32:
        """Working pixels there. Those of a whole band of rows, as announced by `columns`, are made once and kept."""
        a, b, c, d = self._band
        if (a, b) != (y0, y1) or x0 < c or x1 > d:
            left, right = self._columns if self._columns[0] <= x0 and x1 <= self._columns[1] else (x0, x1)
            self._pixels = self._padded_rows(y0, y1, left, right)
            self._band = (y0, y1, left, right)
            c = left
        return self._pixels[:, x0 - c : x1 - c]

    def columns(self, x0: int, x1: int) -> None:
        """From here on, bands are made of these columns."""
        self._columns, self._band = (x0, x1), (0, 0, 0, 0)

    def _padded_rows(self, y0: int, y1: int, x0: int, x1: int) -> F32:
        h, w = self.shape
        # what lies beyond the edge repeats what lies before it
        first_y, first_x = min(y0, 2 * (h - 1) - (y1 - 1)), min(x0, 2 * (w - 1) - (x1 - 1))
        first_y, first_x = max(first_y if y1 > h else y0, 0), max(first_x if x1 > w else x0, 0)
        inside = (self.pixels(first_y, min(y1, h), first_x, min(x1, w)) - self.moments[0]) / max(self.moments[1], 1e-3)
        more = ((0, max(y1 - h, 0)), (0, max(x1 - w, 0)))
        whole = np.pad(inside, more, mode="reflect" if min(inside.shape) > 1 else "edge") if y1 > h or x1 > w else inside
        return np.ascontiguousarray(whole[y0 - first_y :, x0 - first_x :], np.float32)

    def pixels(self, y0: int, y1: int, x0: int, x1: int) -> F32:
        """Standardised and rescaled, not yet standardised again."""
        (height, width), (h, w) = self.mosaic.shape, self.shape
        if self.shape == self.mosaic.shape:
            return self._standard(y0, y1, x0, x1)
        across = weights(width, w, x0, x1, method=self.method)
        out = np.empty((y1 - y0, x1 - x0), np.float32)
        step = max(8, int(_CHUNK_PX / (across.last - across.first) * h / height))
        for y in range(y0, y1, step):
            stop = min(y + step, y1)
            down = weights(height, h, y, stop, method=self.method)
            out[y - y0 : stop - y0] = resample(self._standard(down.first, down.last, across.first, across.last), down, across)
        return out

    def _standard(self, y0: int, y1: int, x0: int, x1: int) -> F32:
        grey = self.levels.to8(self.mosaic.read(y0, y1, x0, x1)).astype(np.float32)
        return np.asarray((grey - self.levels.mean) / max(self.levels.sd, 1e-3), np.float32)

    def _moments(self) -> tuple[float, float]:
        h, w = self.shape
        total, squares = 0.0, 0.0
        for y in range(0, h, 256):
            rows = self.pixels(y, min(y + 256, h), 0, w)
            total += float(rows.sum(dtype=np.float64))
            squares += float(np.square(rows).sum(dtype=np.float64))
        mean = total / (h * w)
        return mean, math.sqrt(max(squares / (h * w) - mean**2, 0.0))


def native_span(begin: int, end: int, working: int, native: int) -> tuple[int, int]:
    """The native pixels of a line that a span of working pixels decides: all but those that need a neighbour beyond its ends."""
    first = 0 if begin == 0 else math.ceil((begin + 1) * native / working)
    last = native if end == working else math.floor((end - 1) * native / working)
    return first, last


def to_native(
    working: F32, origin: tuple[int, int], span: tuple[int, int, int, int], shapes: tuple[tuple[int, int], tuple[int, int]]
) -> F32:
    """A map's window (h, w) at `origin` of the working grid on the native pixels y0, y1, x0, x1. shapes: working, native."""
    (h, w), (height, width) = shapes
    if (h, w) == (height, width):
        return working[span[0] - origin[0] : span[1] - origin[0], span[2] - origin[1] : span[3] - origin[1]]
    method: Method = "area" if h > height else "linear"
    rows, columns = weights(h, height, *span[:2], method=method), weights(w, width, *span[2:], method=method)
    part = working[rows.first - origin[0] : rows.last - origin[0], columns.first - origin[1] : columns.last - origin[1]]
    return resample(np.ascontiguousarray(part), rows, columns)


def nearest(
    working: NDArray[np.int32],
    origin: tuple[int, int],
    span: tuple[int, int, int, int],
    shapes: tuple[tuple[int, int], tuple[int, int]],
) -> NDArray[np.int32]:
    """Labels of the nearest working pixels, as in `to_native`."""
    (h, w), (height, width) = shapes
    y = np.floor((np.arange(*span[:2]) + 0.5) * h / height).astype(np.int64) - origin[0]
    x = np.floor((np.arange(*span[2:]) + 0.5) * w / width).astype(np.int64) - origin[1]
    return np.ascontiguousarray(working.take(x, axis=1).take(y, axis=0))
