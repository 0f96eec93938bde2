"""Outlines of labelled particles, as polygons along pixel edges: what ROIs, overlays and COCO files are made of.

Polygon vertices are pixel corners: the pixel (y, x) covers y ... y + 1 and x ... x + 1 (ImageJ's convention), so a polygon
encloses exactly the pixels of its particle. To coordinates with pixel centres at integers: subtract 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy  # ndimage is imported when it is first used: reports do without
from numpy.typing import NDArray

Polygon = NDArray[np.int32]


def trace(mask: NDArray[np.bool_]) -> Polygon:
    """Longest outer outline of a mask (h, w): (n, 2) corner vertices (y, x), closed implicitly, turning points only.

    Foreground is taken as 4-connected. An empty mask gives an empty (0, 2) array.
    """
    rings = _rings(mask)
    if not rings:
        return np.zeros((0, 2), np.int32)
    return max(rings, key=_area)


def outlines(labels: NDArray[np.int32]) -> Iterator[tuple[int, Polygon]]:
    """(label, outline) of every particle in a labels picture, in corner coordinates of the whole picture."""
    for label, box in enumerate(scipy.ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        polygon = trace(labels[box] == label)
        yield label, polygon + np.array([box[0].start, box[1].start], np.int32)


def contours(labels: NDArray[np.int32]) -> Iterator[tuple[int, list[Polygon]]]:
    """(label, all closed outlines) of every particle, the longest area first: those of holes and of further pieces too, so that
    filling them by the even-odd rule gives the particle's pixels back. Corner coordinates of the whole picture."""
    for label, box in enumerate(scipy.ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        rings = sorted(_rings(labels[box] == label), key=_area, reverse=True)
        yield label, [ring + np.array([box[0].start, box[1].start], np.int32) for ring in rings]


def _area(ring: Polygon) -> float:
    y, x = ring[:, 0].astype(float), ring[:, 1].astype(float)
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def _rings(mask: NDArray[np.bool_]) -> list[Polygon]:
    """All closed outlines (holes too), by following the cracks between inside and outside with the inside on the right."""
    m = np.pad(np.asarray(mask, bool), 1)
    steps: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # in padded coordinates corner (i, j) is the upper left corner of pixel (i, j)
    for i, j in np.argwhere(m[1:, :] & ~m[:-1, :]).tolist():  # top edge of pixel (i + 1, j): left to right
        steps.setdefault((i + 1, j), []).append((i + 1, j + 1))
    for i, j in np.argwhere(m[:-1, :] & ~m[1:, :]).tolist():  # bottom edge of pixel (i, j): right to left
        steps.setdefault((i + 1, j + 1), []).append((i + 1, j))
    for i, j in np.argwhere(m[:, 1:] & ~m[:, :-1]).tolist():  # left edge of pixel (i, j + 1): upwards
        steps.setdefault((i + 1, j + 1), []).append((i, j + 1))
    for i, j in np.argwhere(m[:, :-1] & ~m[:, 1:]).tolist():  # right edge of pixel (i, j): downwards
        steps.setdefault((i, j + 1), []).append((i + 1, j + 1))
    rings = []
    while steps:
        start = next(iter(steps))
        ring = [start]
        here, heading = start, (0, 0)
        while True:
            choices = steps[here]
            # where two pixels meet at a corner, turn right: they stay apart (4-connected)
            right = (here[0] + heading[1], here[1] - heading[0])
            ahead = choices.pop(choices.index(right) if len(choices) > 1 and right in choices else 0)
            if not choices:
                del steps[here]
            turn = (ahead[0] - here[0], ahead[1] - here[1])
            if turn == heading:
                ring[-1] = ahead
            else:
                ring.append(ahead)
            here, heading = ahead, turn
            if here == start:
                break
        ring = ring[:-1] if ring[-1] == start else ring
        rings.append(np.array(ring, np.int32) - 1)
    return rings
