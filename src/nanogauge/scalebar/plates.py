"""Plates: the plain boxes that annotators put behind their letters. They are no more a particle than the letters are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .locate import Box

_SAME = 6  # grey levels within which a plate is plain
_MOST_AREA = 8.0  # of the text's box
_LEAST_FILLED = 0.88  # of its bounding box, letters counted in


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
