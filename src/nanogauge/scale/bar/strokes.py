"""Candidates that are no bars but strokes of letters, and labels whose box takes in a bar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...core.protocols import TextLine
from .joined import mirrored
from .locate import BarCandidate
from .located import SeenBar
from .text import LengthText, has_remains

_CLEAN, _CLEAN_LEVELS = 0.9, 4  # quality, and thresholds it is found at, of what is drawn for sure
_DRAWN_LENGTH, _LEAST_OTHER = 0.6, 0.02  # of the text's height; of the rows' pixels: ink of other letters
_BESIDE_LENGTH = 0.9  # of the text's height: more than any stroke of a letter
_SEEN_PX, _SEEN = 4.0, 0.1  # by which a candidate's ends may be off those of a bar that the locator sees; of its length


def without_bars(pixels: NDArray[np.uint8], label: LengthText, bars: list[BarCandidate], seen: tuple[SeenBar, ...]) -> LengthText:
    """The label without a bar that the reader took into one box with it. Halves on both sides stay: their middle is the text's."""
    y0, x0, y1, x1 = label.box
    for bar in bars:
        if bar.box[3] < x0 or bar.box[1] > x1 or bar.rows[0] < y0 - 1 or bar.rows[1] > y1 + 1:
            continue
        if any(mirrored(bar, other, label.box) or mirrored(other, bar, label.box) for other in bars):
            continue
        if _is_at_end(bar, label.box):
            left = bar.box[1] - x0 < x1 - bar.box[3]
            x0, x1 = (max(x0, bar.box[3] + 1.0), x1) if left else (x0, min(x1, bar.box[1] - 1.0))
        elif bar.box[1] >= x0 - 3 and bar.box[3] <= x1 + 3 and (is_seen(bar, seen) or _is_drawn(pixels, bar, label.box)):
            y0, y1 = (y0, bar.rows[0] - 1.0) if bar.rows[0] - y0 > y1 - bar.rows[1] else (bar.rows[1] + 1.0, y1)
    fits = x1 - x0 > y1 - y0 > 0.5 * (label.box[2] - label.box[0])
    return replace(label, box=(y0, x0, y1, x1)) if fits else label


def _is_at_end(bar: BarCandidate, box: tuple[float, float, float, float]) -> bool:
    """Whether a candidate is a bar beside a text read in one box, (y0, x0, y1, x1) px, with it: in its middle rows, at an end,
    clean, and longer than any stroke of a letter."""
    y0, x0, y1, x1 = box
    high = y1 - y0
    place = (0.5 * (bar.rows[0] + bar.rows[1]) - y0) / high
    at_end = bar.box[1] < x0 + 0.3 * high or bar.box[3] > x1 - 0.3 * high
    sure = bar.quality >= _CLEAN and bar.n_levels >= _CLEAN_LEVELS and bar.length_px > _BESIDE_LENGTH * high
    return at_end and sure and 0.3 < place < 0.7


def _is_drawn(pixels: NDArray[np.uint8], bar: BarCandidate, box: tuple[float, float, float, float]) -> bool:
    """Whether a candidate within a line of text, (y0, x0, y1, x1) px, is none of its letters: clean, and with no other ink in its
    rows, for letters stand side by side."""
    if bar.quality < _CLEAN or bar.n_levels < _CLEAN_LEVELS or bar.length_px < _DRAWN_LENGTH * (box[2] - box[0]):
        return False
    sign = 1 if bar.bright else -1
    rows = pixels[bar.rows[0] : bar.rows[1], max(int(box[1]), 0) : int(box[3]) + 1].astype(np.float64) * sign
    rows[:, max(bar.box[1] - 3 - int(box[1]), 0) : max(bar.box[3] + 3 - int(box[1]), 0)] = -np.inf
    return bool((rows > bar.tone * sign - 0.5 * bar.contrast).mean() < _LEAST_OTHER)


def is_seen(bar: BarCandidate, seen: tuple[SeenBar, ...]) -> bool:
    """Whether the locator sees a bar where this candidate is, with its ends."""
    near = max(_SEEN_PX, _SEEN * bar.length_px)
    return any(
        min(s.box[2], bar.rows[1]) > max(s.box[0], bar.rows[0])
        and max(abs(s.x0 - bar.box[1] + 0.5), abs(s.x1 - bar.box[3] + 0.5)) <= near
        for s in seen
        if s.surely_ended
    )


def is_stroke(pixels: NDArray[np.uint8], bar: BarCandidate, line: TextLine) -> bool:
    """Whether a candidate is a stroke of a letter, or a rim of one. A line's box reaches beyond its letters, and over the bar."""
    y0, x0, y1, x1 = line.box
    high = y1 - y0
    if x1 - x0 > 1.2 * high * max(len(line.text), 1):  # too wide for its letters: the reader took a bar for text
        return False
    if bar.box[1] < x0 - 3 or bar.box[3] > x1 + 3 or bar.rows[0] < y0 - 1 or bar.rows[1] > y1 + 1:
        return False
    place = (0.5 * (bar.rows[0] + bar.rows[1]) - y0) / high
    at_end = bar.box[1] < x0 + 0.3 * high or bar.box[3] > x1 - 0.3 * high
    if at_end and 0.3 < place < 0.7 and has_remains(line.text) and bar.length_px > 0.5 * high:
        return False  # half of a split bar in one box with the text
    if _is_at_end(bar, line.box) or (0.2 < place < 0.76 and _is_drawn(pixels, bar, line.box)):
        return False
    shortest = 1.3 * high if 0.2 < place < 0.76 else 0.46 * high
    return bar.length_px < min(shortest, 0.6 * (x1 - x0))
