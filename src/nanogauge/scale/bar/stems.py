"""Counts the upright strokes of a label's unit: an n has two, an m three. What tells "4 nm" from "4 mm" where readings differ."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .points import enlarged, ink_masks
from .text import LengthText

_ROWS = (20, 60)  # of the enlarged line
_WIDEST_PX, _ALIKE = 11, 2.0  # of a stroke, enlarged; of the thinnest one
_EVEN, _NEXT_EVEN = 0.2, 0.25  # of the step from stroke to stroke within a letter
_LETTER_GAP = (0.7, 2.2)  # of that step: from a letter to the one before it
_N_WIDER = 1.7  # times the step of an m, that of an n at most
_LEAST_ROWS, _MOST_MM = 8, 0.1  # rows that show nm; of them, that show mm
_REACH_PX, _JOINED = 14, 0.2  # beyond those rows; of the gap in an n: by how much more it is closed above than at its feet


def shows_nm(pixels: NDArray[np.uint8], label: LengthText) -> bool:
    """Whether the unit of `label` in an (H, W) uint8 picture is seen to be nm by its strokes: three even ones at the end, two
    before them, joined above rather than below as those of an n, and no third, at several heights and thresholds."""
    part, found = enlarged(pixels, label), [(0, 0, 0.0)]
    for masks in ink_masks(part) if part is not None else []:
        counts = [_counted(mask) for mask in masks]
        joined = [c[2] for c in counts if c[0]]
        found.append((sum(c[0] for c in counts), sum(c[1] for c in counts), float(np.mean(joined)) if joined else 0.0))
    n_nm, n_mm, joined_above = max(found, key=lambda f: f[0] + f[1])
    return n_nm >= _LEAST_ROWS and n_mm <= _MOST_MM * n_nm and joined_above >= _JOINED


def _counted(mask: NDArray[np.uint8]) -> tuple[int, int, float]:
    """How many rows of a mask show the strokes of nm, and of mm; how much more of the gap between the two before the m is closed
    above those rows than below, -1 to 1."""
    n_mm, gaps, rows = 0, [], []
    for y in range(*_ROWS):
        shown = _strokes(mask[y])
        if isinstance(shown, tuple):
            gaps.append(shown)
            rows.append(y)
        elif shown:
            n_mm += 1
    if not rows:
        return 0, n_mm, 0.0
    a, b = (int(v) for v in np.median(gaps, axis=0))
    gap = mask[:, a : max(b, a + 1)].mean(axis=1)
    above, below = gap[max(rows[0] - _REACH_PX, 0) : rows[0] + 1], gap[rows[-1] : rows[-1] + _REACH_PX]
    return len(rows), n_mm, float(above.max() - below.max())


def _strokes(row: NDArray[np.uint8]) -> tuple[int, int] | bool | None:
    """Of a row of a mask that goes through the five strokes of nm, the columns between the two of the n; True where it goes through
    the six of mm; None where it shows neither."""
    strokes = list(_runs(row))[::-1][:6]
    if len(strokes) < 5:
        return None
    widths = [last - first for first, last in strokes[:5]]
    if max(widths) > min(_ALIKE * min(widths) + 1, _WIDEST_PX):
        return None
    steps = -np.diff([0.5 * (first + last) for first, last in strokes])
    step = steps[0]  # within the m at the end
    if abs(steps[1] - step) > _EVEN * step or steps[2] / step > _LETTER_GAP[1]:
        return None
    if steps[3] > _N_WIDER * step or steps[3] < _LETTER_GAP[0] * step:
        return None
    if len(steps) > 4 and abs(steps[3] - step) <= _EVEN * step and abs(steps[4] - step) <= _NEXT_EVEN * step:
        return True
    return strokes[4][1], strokes[3][0]


def _runs(row: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """First and one-past-last columns of what is set in a row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
