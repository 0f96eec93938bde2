"""Halves of bars that their own label breaks, where they are hard to see: short ones in a data bar, `—10 µm—`, `|–5 µm–|`, and
one that lies over something of nearly its own tone. Shorter than any bar is looked for elsewhere, short ones are taken only where
the ground is even and both stand mirrored about the text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .boxes import Box, FloatBox
from .joined import mirrored
from .locate import BarCandidate, find_bars

_LEAST_PX = 5
_REACH = 2.5  # heights of the text: how far beside its letters a half may begin
_MOST_UNEVEN_PX, _MOST_UNEVEN = 2.0, 0.2  # by which the halves may differ
_MIDDLE = (0.25, 0.75)  # of the text's rows, in which the halves lie
_MOST_OTHER = 0.06  # of the rows above and below a half: ink
_CLEAN, _MOST_THICK = 0.9, 0.25  # quality of the half that is seen, and its thickness, of the text's height
_HIDDEN_OFF_PX, _HIDDEN_OFF = 4.0, 0.06  # by which a hidden half may be longer or shorter than the other
_HIDDEN_TONE, _HIDDEN_LEVELS, _HIDDEN_ALIKE = 0.35, 40.0, 0.92  # of the contrast; grey levels; of its columns
_HIDDEN_STEP, _HIDDEN_BEYOND_PX = 0.4, 4  # at its outer end, of the contrast
_TICK_PX = 4  # of its outer end, where an end tick may stand


def short_halves(pixels: NDArray[np.uint8], text: FloatBox, strip: Box) -> list[BarCandidate]:
    """The two halves, left and right, of a bar in the data bar `strip` that the letters in `text` break; [] unless there is
    just one such pair."""
    ty0, tx0, ty1, tx1 = text
    high = ty1 - ty0
    region = (max(int(ty0), strip[0]), 0, min(int(ty1) + 1, strip[2]), pixels.shape[1])
    if region[2] - region[0] < 5:
        return []
    columns = (tx0 - _REACH * high, tx1 + _REACH * high)
    found = find_bars(pixels, region, columns=columns, least_length_px=_LEAST_PX, shortest_px=_LEAST_PX)
    found = [b for b in found if _is_alone(pixels, b, text)]
    pairs = [(a, b) for a in found for b in found if a.bright == b.bright and mirrored(a, b, text) and _even(a, b)]
    return list(pairs[0]) if len(pairs) == 1 else []


def with_hidden_half(pixels: NDArray[np.uint8], bars: list[BarCandidate], text: FloatBox) -> list[BarCandidate]:
    """The candidates, and the other halves of those beside the text that lie over something of nearly their own tone, where no
    threshold finds them: what is drawn has its tone there too, from the letters on to the mirrored place of the outer end."""
    high = text[2] - text[0]
    out = list(bars)
    for bar in bars:
        place = (0.5 * (bar.rows[0] + bar.rows[1]) - text[0]) / high
        beside = max(text[1] - bar.box[3], bar.box[1] - text[3]) <= _REACH * high
        if not (_MIDDLE[0] <= place <= _MIDDLE[1] and beside and bar.quality >= _CLEAN and bar.thickness_px <= _MOST_THICK * high):
            continue
        if bar.kind == "arrows" or bar.length_px < high or any(mirrored(bar, b, text) or mirrored(b, bar, text) for b in bars):
            continue
        half = _hidden_half(pixels, bar, text)
        if half is not None:
            out.append(half)
    return out


def _hidden_half(pixels: NDArray[np.uint8], bar: BarCandidate, text: FloatBox) -> BarCandidate | None:
    middle, width = 0.5 * (text[1] + text[3]), pixels.shape[1]
    is_left = bar.box[3] <= middle
    rows = pixels[bar.rows[0] : bar.rows[1]].astype(np.float64).mean(axis=0)
    near = (2 * middle - bar.box[3], 2 * middle - bar.box[1]) if is_left else (2 * middle - bar.box[1], 2 * middle - bar.box[3])
    near = (near[0], near[1]) if is_left else (width - 1 - near[0], width - 1 - near[1])  # from the text outwards, both sides alike
    profile = rows if is_left else rows[::-1]
    start, end = round(near[0]) + 2, round(near[1])
    slack = max(_HIDDEN_OFF_PX, _HIDDEN_OFF * (end - start))
    if start < 0 or end + slack + _HIDDEN_BEYOND_PX >= width or end <= start:
        return None
    tone = float(rows[bar.box[1] + 2 : bar.box[3] - 2].mean())
    alike = np.abs(profile - tone) < min(_HIDDEN_TONE * bar.contrast, _HIDDEN_LEVELS)  # it is drawn in one tone
    last = next((x for x in range(round(end - slack), round(end + slack) + 1) if not alike[x : x + 3].any()), None)
    if last is None or float(alike[start:last].mean()) < _HIDDEN_ALIKE:
        return None
    beyond = float(np.median(profile[last + 1 : last + 1 + _HIDDEN_BEYOND_PX]))
    if (tone - beyond) * (1 if bar.bright else -1) < _HIDDEN_STEP * bar.contrast:
        return None
    a, b = (start - 2, last) if is_left else (width - last, width - start + 2)
    return replace(bar, kind="solid", box=(bar.rows[0], a, bar.rows[1], b))


def _even(a: BarCandidate, b: BarCandidate) -> bool:
    return abs(a.length_px - b.length_px) <= max(_MOST_UNEVEN_PX, _MOST_UNEVEN * max(a.length_px, b.length_px))


def _is_alone(pixels: NDArray[np.uint8], bar: BarCandidate, text: FloatBox) -> bool:
    """Whether a candidate lies in the text's middle rows with nothing above or below it, but for an end tick: no stroke of a
    letter."""
    ty0, _, ty1, _ = text
    place = (0.5 * (bar.rows[0] + bar.rows[1]) - ty0) / (ty1 - ty0)
    if not _MIDDLE[0] <= place <= _MIDDLE[1]:
        return False
    left = bar.box[1] < 0.5 * (text[1] + text[3])
    x0, x1 = (bar.box[1] + _TICK_PX, bar.box[3]) if left else (bar.box[1], bar.box[3] - _TICK_PX)
    if x1 <= x0:
        x0, x1 = bar.box[1], bar.box[3]
    sign = 1.0 if bar.bright else -1.0
    ink = sign * bar.tone - 0.5 * bar.contrast if bar.tone else 0.0
    y0, y1 = max(int(ty0), 0), int(ty1) + 1
    rows = np.concatenate([pixels[y0 : max(bar.rows[0] - 1, y0), x0:x1], pixels[bar.rows[1] + 1 : y1, x0:x1]]).astype(np.float64)
    return bool(rows.size and (sign * rows > ink).mean() <= _MOST_OTHER)
