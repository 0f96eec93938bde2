"""Grey levels of a mosaic: its histogram, and from that what a micrograph in memory is given at once (8-bit levels, moments)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...reading import Mosaic

_ROWS_BYTES = 96 << 20  # read at once
_COUNTED = 1 << 22  # pixels counted at once, each of which takes 8 bytes then
_BINS = 1 << 16
_LOWEST, _HIGHEST = 0.001, 0.999  # shares below which and above which levels are clipped, as in `Micrograph.grey8`


@dataclass(frozen=True)
class Levels:
    """`to8` turns grey levels into 8-bit ones as `Micrograph.grey8` does; mean and sd are those of the 8-bit levels."""

    low: float
    high: float
    is_8_bit: bool
    mean: float
    sd: float

    def to8(self, window: NDArray[Any]) -> NDArray[np.uint8]:
        """(h, w) uint8."""
        if self.is_8_bit:
            return np.asarray(window, np.uint8)
        return _scaled(window, self.low, self.high)


def levels_of(mosaic: Mosaic) -> Levels:
    """The levels of a mosaic, read once (floats: twice)."""
    values: NDArray[np.float64]
    if mosaic.dtype.kind == "f":
        extremes = [(float(r.min()), float(r.max())) for _, r in rows_of(mosaic)]
        first, last = min(e[0] for e in extremes), max(e[1] for e in extremes)
        step = (last - first) / (_BINS - 1) or 1.0
        values = first + step * np.arange(_BINS, dtype=np.float64)
    else:
        first, step = 0.0, 1.0
        values = np.arange(1 << (8 * mosaic.dtype.itemsize), dtype=np.float64)
    counts = np.zeros(values.size, np.int64)
    for _, rows in rows_of(mosaic):
        flat = rows.reshape(-1)
        for k in range(0, flat.size, _COUNTED):
            part = flat[k : k + _COUNTED]
            index = part if mosaic.dtype.kind == "u" else np.rint((part - first) / step).astype(np.int64)
            counts += np.bincount(index, minlength=values.size)
    if mosaic.dtype == np.uint8:
        low, high, shown = 0.0, 255.0, values
    else:
        low, high = (_quantile(counts, values, share) for share in (_LOWEST, _HIGHEST))
        if high <= low:
            seen = values[counts > 0]
            low, high = float(seen[0]), float(seen[-1])
        shown = _scaled(values, low, high).astype(np.float64)
    n = int(counts.sum())
    mean = float((counts * shown).sum()) / n
    return Levels(low, high, mosaic.dtype == np.uint8, mean, float(np.sqrt((counts * (shown - mean) ** 2).sum() / n)))


def rows_of(mosaic: Mosaic) -> Iterator[tuple[int, NDArray[Any]]]:
    """(first row, rows) from top to bottom, some at a time."""
    height, width = mosaic.shape
    step = max(16, _ROWS_BYTES // (width * mosaic.dtype.itemsize) // 16 * 16)
    for y in range(0, height, step):
        yield y, mosaic.read(y, min(y + step, height), 0, width)


def _scaled(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    scaled = (np.asarray(values, np.float32) - low) / ((high - low) or 1.0)
    return np.asarray(np.round(255 * np.clip(scaled, 0, 1)), np.uint8)


def _quantile(counts: NDArray[np.int64], values: NDArray[np.float64], share: float) -> float:
    """As np.quantile: linear between the two nearest of the sorted values."""
    upto = np.cumsum(counts)
    at = share * (int(upto[-1]) - 1)
    below, above = (float(values[int(np.searchsorted(upto, k, side="right"))]) for k in (int(np.floor(at)), int(np.ceil(at))))
    return below + (above - below) * (at - float(np.floor(at)))
