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
    wide = m.shape[1]
    # in padded coordinates corner (i, j) is the upper left corner of pixel (i, j); cracks start at these corners, and lead
    right = np.flatnonzero(m[1:, :] & ~m[:-1, :]) + wide  # along a pixel's top edge
    left = np.flatnonzero(m[:-1, :] & ~m[1:, :]) + wide + 1  # along its bottom edge
    i, j = np.divmod(np.flatnonzero(m[:, 1:] & ~m[:, :-1]), wide - 1)
    up = (i + 1) * wide + j + 1  # along its left edge
    i, j = np.divmod(np.flatnonzero(m[:, :-1] & ~m[:, 1:]), wide - 1)
    down = i * wide + j + 1  # along its right edge
    tail = np.concatenate([right, left, up, down])
    if not tail.size:
        return []
    step = np.repeat([1, -1, -wide, wide], [right.size, left.size, up.size, down.size])
    head = tail + step
    first, last = np.full(m.size + wide + 1, -1), np.full(m.size + wide + 1, -1)  # crack that leaves a corner; two leave some
    last[tail] = np.arange(tail.size)
    first[tail[::-1]] = np.arange(tail.size)[::-1]
    follows, other = first[head], last[head]
    # where two pixels meet at a corner, turn right: they stay apart (4-connected)
    turned = np.select([step == 1, step == -1, step == wide], [wide, -wide, -1], 1)
    follows = np.where((follows != other) & (step[follows] != turned), other, follows).tolist()
    heads, tails, free, left_over = head.tolist(), tail.tolist(), [True] * tail.size, tail.size
    rings = []
    for start in np.lexsort((np.arange(tail.size), first[tail])).tolist():
        if not free[start]:
            continue
        crack, end, walked = start, tails[start], []
        while True:
            free[crack] = False
            walked.append(crack)
            if heads[crack] == end:
                break
            crack = follows[crack]
        corners = np.array(walked)
        turns = step[corners[1:]] != step[corners[:-1]]
        ring = np.concatenate([[end], head[corners[:-1]][turns]])
        rings.append(np.stack(np.divmod(ring, wide), axis=1).astype(np.int32) - 1)
        left_over -= len(walked)
        if not left_over:
            break
    return rings
