"""Plain boxes with text on them: the plates that annotators put behind their letters, and bars that hold their own text."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .boxes import Box
from .locate import BarCandidate

_SAME = 6  # grey levels within which a plate is plain
_MOST_AREA = 8.0  # of the text's box
_LEAST_FILLED = 0.88  # of its bounding box, letters counted in
_BLOCK_WIDER, _BLOCK_MARGIN = 1.5, 1.0  # than its text; of the text's height, at both ends: plates keep closer to their text
_BLOCK_HIGHER = (1.2, 3.2)  # than its text
_BLURRED_END_PX = 5
_BLOCK_CONTRAST = 40.0  # grey levels, on all four sides
_OFF_MIDDLE = 0.5  # of the text's height


def with_plate(pixels: NDArray[np.uint8], box: Box) -> Box:
    """The box of a text, (y0, x0, y1, x1) px, grown to the plain rectangle it stands on in an (H, W) uint8 picture, if on any."""
    y0, x0, y1, x1 = box
    high, wide = y1 - y0, x1 - x0
    if high < 4 or wide < 4:
        return box
    a, b = max(y0 - 2 * high, 0), max(x0 - 2 * high, 0)
    c, d = min(y1 + 2 * high, pixels.shape[0]), min(x1 + 2 * high, pixels.shape[1])
    part = pixels[a:c, b:d]
    text = part[y0 - a : y1 - a, x0 - b : x1 - b]
    tone = int(np.argmax(np.bincount(text.ravel() >> 2, minlength=64))) * 4 + 2
    plain = (np.abs(part.astype(np.int16) - tone) <= _SAME).astype(np.uint8)
    plain[y0 - a : y1 - a, x0 - b : x1 - b] = 1
    _, labels, stats, _ = cv2.connectedComponentsWithStats(plain, connectivity=4)
    x, y, w, h, area = (int(v) for v in stats[labels[(y0 + y1) // 2 - a, (x0 + x1) // 2 - b]])
    within = (
        (x > 0 or b == 0)
        and (y > 0 or a == 0)
        and (x + w < d - b or d == pixels.shape[1])
        and (y + h < c - a or c == pixels.shape[0])
    )
    if not within or area > _MOST_AREA * high * wide or area < _LEAST_FILLED * w * h:
        return box
    return (min(y0, a + y), min(x0, b + x), max(y1, a + y + h), max(x1, b + x + w))


def block_around(pixels: NDArray[np.uint8], box: Box) -> BarCandidate | None:
    """The filled bar whose text, read in `box` (y0, x0, y1, x1) px, stands within it in an (H, W) uint8 picture; None where there
    is none: a plate hugs its text, and may hold a bar; a bar goes on at both ends, holds nothing else and stands out."""
    y0, x0 = max(box[0], 0), max(box[1], 0)
    reach = box[2] - y0
    a, c = max(y0 - reach, 0), min(box[2] + reach, pixels.shape[0])
    part, seed = pixels[a:c], pixels[y0 : box[2], x0 : box[3]]
    if seed.size < 64:
        return None
    tone = int(np.argmax(np.bincount(seed.ravel() >> 2, minlength=64))) * 4 + 2
    plain = (np.abs(part.astype(np.int16) - tone) <= 2 * _SAME).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(plain, connectivity=4)
    here = np.bincount(labels[y0 - a : box[2] - a, x0 : box[3]].ravel(), minlength=len(stats))
    here[0] = 0
    if not here.any():
        return None
    left, top, wide, high, _ = (int(v) for v in stats[int(here.argmax())])
    if top == 0 or left == 0 or left + wide == part.shape[1] or top + high == len(part):
        return None
    inked = labels[top : top + high, left : left + wide] != int(here.argmax())
    rim, end = max(3, high // 10), max(_BLURRED_END_PX, high // 10)
    inked[:rim], inked[-rim:], inked[:, :end], inked[:, -end:] = False, False, False, False  # blurred, or covered in part
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if not rows.size:
        return None
    tall, broad = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    ends, above = (int(columns[0]), wide - 1 - int(columns[-1])), (int(rows[0]), high - 1 - int(rows[-1]))
    apart = min(ends) >= _BLOCK_MARGIN * tall and wide >= _BLOCK_WIDER * broad and broad > tall
    centred = abs(ends[0] - ends[1]) <= 2 * _OFF_MIDDLE * tall and abs(above[0] - above[1]) <= 2 * _OFF_MIDDLE * tall
    if not (apart and centred and _BLOCK_HIGHER[0] * tall <= high <= _BLOCK_HIGHER[1] * tall):
        return None
    y0, x0, y1, x1 = a + top, left, a + top + high, left + wide
    sides = (
        pixels[max(y0 - 6, 0) : max(y0 - 3, 0), x0:x1],
        pixels[y1 + 3 : y1 + 6, x0:x1],
        pixels[y0:y1, max(x0 - 6, 0) : max(x0 - 3, 0)],
        pixels[y0:y1, x1 + 3 : x1 + 6],
    )
    steps = [tone - float(np.median(side)) for side in sides if side.size]
    contrast = min(abs(s) for s in steps) if len(steps) == 4 else 0.0
    if contrast < _BLOCK_CONTRAST or min(steps) < 0 < max(steps):
        return None
    return BarCandidate(
        "solid", (y0, x0, y1, x1), (y0, y1), steps[0] > 0, contrast, 0.95, n_levels=9, piece_px=min(ends), tone=float(tone)
    )
