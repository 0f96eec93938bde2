"""Where in a picture a bar can be: pairs of long straight horizontal edges, one up and one down. Milliseconds, no reading."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .boxes import Box, shared
from .locate import thickest_px

_LEAST_STEP = 20  # grey levels over two rows
_LEAST_LENGTH_PX = 11
_LEAST_LIKELY = 2.0  # as `_likely` has it; nine in ten real bars have more than 3
_MOST_EDGES = 400  # of either sign; a picture with more has its longest looked at


def bar_like(pixels: NDArray[np.uint8], *, most: int = 6) -> list[Box]:
    """Boxes (y0, x0, y1, x1) px in an (H, W) uint8 picture that may be bars, the likeliest first, at most `most`.

    Likely is what an annotator draws: even in tone, in strong contrast, long, low in the picture.
    """
    if pixels.shape[0] < 4 or pixels.shape[1] < _LEAST_LENGTH_PX:
        return []
    up, down = (_edges(np.asarray(cv2.subtract(a, b), np.uint8)) for a, b in ((pixels[2:], pixels[:-2]), (pixels[:-2], pixels[2:])))
    found: list[tuple[float, Box]] = []
    most_thick_px = thickest_px(len(pixels))
    for first, second, sign in ((up, down, 1), (down, up, -1)):
        for y0, x0, _, x1 in first:
            near = second[(second[:, 0] > y0) & (second[:, 0] <= y0 + most_thick_px)]
            overlap = np.minimum(near[:, 3], x1) - np.maximum(near[:, 1], x0)
            shorter = np.minimum(near[:, 3] - near[:, 1], x1 - x0)
            longer = np.maximum(near[:, 3] - near[:, 1], x1 - x0)
            fits = (overlap >= 0.7 * shorter) & (overlap >= 0.45 * longer)
            for by0, bx0, by1, bx1 in near[fits][:3]:
                box = (int(y0) + 1, int(max(x0, bx0)), int(max(by1, by0 + 1)) + 1, int(min(x1, bx1)))
                found.append((_likely(pixels, box, sign), box))
    found.sort(key=lambda f: -f[0])
    kept: list[Box] = []
    for likely, box in found:
        if len(kept) >= most or likely < _LEAST_LIKELY:
            break
        if not any(_is_same(box, k) for k in kept):
            kept.append(box)
    return kept


def _edges(step: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Rows (y0, x0, y1, x1) of the long runs of a strong step, the longest first."""
    mask = np.asarray(cv2.threshold(step, _LEAST_STEP - 1, 1, cv2.THRESH_BINARY)[1], np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((1, 3), np.uint8)), np.uint8)
    line = np.ones((1, _LEAST_LENGTH_PX), np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, line, borderType=cv2.BORDER_CONSTANT, borderValue=0), np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(mask, 4, cv2.CV_32S, cv2.CCL_SPAGHETTI)
    x, y, w, h, _ = stats[1:].astype(np.int64).T
    boxes = np.column_stack([y, x, y + h, x + w])[(h <= 6) & (w >= _LEAST_LENGTH_PX)]
    return np.asarray(boxes[np.argsort(boxes[:, 1] - boxes[:, 3], kind="stable")][:_MOST_EDGES], np.int64)


def _likely(pixels: NDArray[np.uint8], box: Box, sign: int) -> float:
    """How much a box looks drawn; only for putting boxes in order."""
    y0, x0, y1, x1 = box
    inside = pixels[y0:y1, x0:x1].astype(np.float32)
    around = np.concatenate([pixels[max(y0 - 4, 0) : max(y0 - 2, 1), x0:x1], pixels[y1 + 1 : y1 + 3, x0:x1]]).astype(np.float32)
    if not inside.size or not around.size:
        return 0.0
    middle = np.median(inside, axis=0)
    contrast = sign * float(np.median(middle) - np.median(around))
    low = 1.0 + (y0 > 0.7 * pixels.shape[0])
    return float(low * contrast / (12.0 + float(middle.std())) * min(1.0, (x1 - x0) / 40))


def _is_same(a: Box, b: Box) -> bool:
    """Whether two boxes, one below the other at most, are of one bar."""
    rows, columns = shared(a, b)
    return rows > -4 and columns > 0.5 * min(a[3] - a[1], b[3] - b[1])
