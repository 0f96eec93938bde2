"""The tips of double-headed arrows, found from the flanks of their heads: the tips themselves fade out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .locate import BarCandidate

_TIP_REACH_PX = 8  # how far beyond what was found a tip may lie
_FLANK = (0.35, 0.9)  # of a head's height: where its flank is straight
_STEEPEST, _WIDER, _ALIKE = 2.0, 1.2, 0.85  # px of height a column; times the thickness of the line; of the other head's height

_FADE_REACH_PX = 12  # from the end inwards, where a tip fades
_MARKED, _FILLED = 0.4, 0.75  # ink of a pixel that counts; share of a filled head's height that does


def arrow_tips(pixels: NDArray[np.uint8], bar: BarCandidate, *, doubted: bool = False) -> tuple[float, float] | None:
    """Both tips of `bar` in an (H, W) uint8 picture, x in px, pixel centres at integers; None where either is not clear.

    A tip is where a straight line through the rising heights of its head meets zero. A head is a triangle: the ink of a column
    grows in proportion to its distance from the tip, blurred or not; the flanks of an open head, of strokes, say nothing.
    doubted: `bar` may be none, so that its heads must be alike, wider than its line, and no steeper than any head: blurred end
    ticks are.
    """
    sign = 1.0 if bar.bright else -1.0
    y0, x0, y1, x1 = bar.box
    top, bottom = y0 - 3, y1 + 3
    left, right = max(x0 - _TIP_REACH_PX, 0), min(x1 + _TIP_REACH_PX, pixels.shape[1])
    if top < 2 or bottom + 2 > pixels.shape[0]:
        return None
    part = pixels[top:bottom, left:right].astype(np.float64) * sign
    ground = np.median(np.concatenate([part[:2], part[-2:]]), axis=0)
    ink = np.clip((part - ground) / max(bar.contrast, 1.0), 0, 1.2)
    ink[ink < 0.06] = 0
    columns = ink.sum(axis=0)
    found, high = [], []
    for head in (ink, ink[:, ::-1]):
        heights = head.sum(axis=0)
        reach = min(len(heights) // 2, 2 * _TIP_REACH_PX + 4 * (bar.rows[1] - bar.rows[0]))
        if _is_open(head[:, :reach]):
            return None
        widest = int(heights[:reach].argmax())
        low = next((i for i in range(widest, -1, -1) if heights[i] < _FLANK[0] * heights[widest]), -1)
        flank = np.array([i for i in range(low + 1, widest) if heights[i] <= _FLANK[1] * heights[widest]])
        if len(flank) < 3:
            return None
        slope, start = np.polyfit(flank, heights[flank], 1)
        if doubted and (slope > _STEEPEST or heights[widest] < _WIDER * float(np.median(columns))):
            return None
        if slope <= 0 or float(np.abs(start + slope * flank - heights[flank]).max()) > 0.15 * heights[widest]:
            return None
        found.append(float(-start / slope))
        high.append(float(heights[widest]))
    if doubted and min(high) < _ALIKE * max(high):
        return None
    first, last = left + found[0], right - 1 - found[1]
    return (first, last) if abs(first - x0) <= _TIP_REACH_PX and abs(last - x1) <= _TIP_REACH_PX else None


def tip_fade(profile: NDArray[np.float64], edge: float) -> float | None:
    """Columns over which a profile, signed so that the arrow is high, falls from four fifths of its step to one fifth at its right
    end near `edge`; None where it does not fall so. A pixel for a tip that is drawn and not blurred."""
    end = round(edge)
    part, inside, beyond = (
        profile[max(end - _FADE_REACH_PX, 0) : end + 8],
        profile[max(end - 30, 0) : end - 6],
        profile[end + 4 : end + 12],
    )
    if part.size < 4 or not inside.size or not beyond.size:
        return None
    level, ground = float(np.median(inside)), float(np.median(beyond))
    if level <= ground:
        return None
    share = (part - ground) / (level - ground)
    last = []
    for least in (0.8, 0.2):
        falls = np.flatnonzero((share[:-1] >= least) & (share[1:] < least))
        if not falls.size:
            return None
        i = int(falls[-1])
        last.append(i + float((share[i] - least) / (share[i] - share[i + 1])))
    return last[1] - last[0]


def _is_open(head: NDArray[np.float64]) -> bool:
    """Whether a head, ink (rows, columns), is of strokes: ground shows between them where it is highest."""
    marked = head > _MARKED
    rows = np.arange(len(head))[:, None]
    span = np.where(marked, rows, -1).max(axis=0) - np.where(marked, rows, len(head)).min(axis=0) + 1
    highest = int(span.argmax())
    return bool(span[highest] > 0 and marked[:, highest].sum() < _FILLED * span[highest])
