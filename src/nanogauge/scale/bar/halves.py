"""Short halves of a bar that its own label breaks, in a data bar: `—10 µm—`, `|–5 µm–|`. Shorter than any bar is looked for
elsewhere, they are taken only where the ground is even and both stand mirrored about the text."""

from __future__ import annotations

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
