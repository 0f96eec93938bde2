"""Where two particles overlap and both can be seen through, as in transmission: a lens, darker than either, that is none itself.

A lens lies between two particles alone, and gives each of them back its round: with it either is nearly convex where it was bitten
into. A small particle upon the place where two large ones touch does so less: it sticks out of both. And most lenses are longer
across the line between the two particles' middles than along it.

Where many lie over each other, as the primaries of soot, not every lens is found. What is left of them shows: pieces as dark as
both their neighbours together.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_BETWEEN = 0.7  # share of a lens's outline that the two particles make up
_EACH = 0.25  # of it, either at least
_LARGEST = 0.6  # of the smaller of the two particles
_ROUNDED = 0.3  # of a lens's area, by which what either lacks to be convex shrinks
_BOTH_ROUNDED = 0.2  # the same of both together, where the lens lies across
_ACROSS, _ASKEW_DEG = 0.75, 35.0  # breadth over length at most, and how far from across
_BESIDE, _EITHER = 0.25, 0.1  # share of an outline that runs along neighbours; along the second of them
_CROWDED = 0.4  # share of the particles that have such an outline, where particles lie over each other
_DARKER = 1.3  # absorbance of such a piece, at least, over that of the darker of its two neighbours
_SUMMED = (0.65, 1.2)  # and over that of both: what two bodies absorb adds up (Beer and Lambert)


_PIECES, _PIECES_SHARE = 2, 0.02  # so many of them, and of the particles, are no accident


def lenses_joined(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Labels (H, W) with each lens given to one of the two particles that overlap in it: to the one that it makes rounder."""
    n = int(labels.max(initial=0))
    area = np.bincount(labels.ravel(), minlength=n + 1)
    contacts = _contacts(labels)
    boxes = ndimage.find_objects(labels)
    number = np.arange(n + 1, dtype=np.int32)
    for lens in np.argsort(area[1:]) + 1:
        beside = contacts.get(int(lens), {})
        total = sum(beside.values())
        two = sorted((k for k in beside if k), key=lambda k: -beside[k])[:2]
        if len(two) < 2 or sum(beside[k] for k in two) < _BETWEEN * total or beside[two[1]] < _EACH * total:
            continue
        if not 0 < area[lens] < _LARGEST * min(area[k] for k in two) or any(number[k] != k for k in two):
            continue
        gains = [_rounder(labels, boxes, k, int(lens)) / area[lens] for k in two]
        across = min(gains) >= 0 and sum(gains) >= _BOTH_ROUNDED and _lies_across(labels, boxes, int(lens), two)
        if min(gains) >= _ROUNDED or across:
            number[lens] = two[int(np.argmax(gains))]
    return number[labels] if (number != np.arange(n + 1)).any() else labels


def seen_through(labels: NDArray[np.integer], grey: NDArray[np.generic]) -> int:
    """Number of pieces in which particles of a picture (H, W) seem to lie over each other; 0 where that may be an accident."""
    n = int(labels.max(initial=0))
    if n < _PIECES:
        return 0
    level = np.maximum(np.asarray(grey, np.float64), 1.0)
    ground = level[labels == 0]
    if not ground.size:
        return 0
    area = np.bincount(labels.ravel(), minlength=n + 1)
    absorbs = np.log(np.median(ground)) - np.bincount(labels.ravel(), np.log(level).ravel(), n + 1) / np.maximum(area, 1)
    crowded = pieces = 0
    for label, beside in _contacts(labels).items():
        total = sum(beside.values())
        two = sorted((k for k in beside if k), key=lambda k: -beside[k])[:2]
        if not label or not two:
            continue
        crowded += total - beside.get(0, 0) > _BESIDE * total
        if len(two) == 2 and beside[two[1]] > _EITHER * total and min(absorbs[two]) > 0:
            both, darker = absorbs[two].sum(), absorbs[two].max()
            pieces += bool(max(_DARKER * darker, _SUMMED[0] * both) < absorbs[label] < _SUMMED[1] * both)
    n = int(np.count_nonzero(area[1:]))
    return pieces if crowded >= _CROWDED * n and pieces >= max(_PIECES, _PIECES_SHARE * n) else 0


def _contacts(labels: NDArray[np.integer]) -> dict[int, dict[int, int]]:
    """Label -> label beside it, 0 the ground -> edges of pixels between them."""
    found: dict[int, dict[int, int]] = {}
    width = int(labels.max(initial=0)) + 1
    keys = []
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        apart = a != b
        low, high = np.minimum(a[apart], b[apart]), np.maximum(a[apart], b[apart])
        keys.append(low.astype(np.int64) * width + high)
    pairs, counts = np.unique(np.concatenate(keys), return_counts=True)
    for key, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        a, b = divmod(key, width)
        found.setdefault(a, {})[b] = found.setdefault(b, {})[a] = count
    return found


def _lies_across(labels: NDArray[np.int32], boxes: list[tuple[slice, slice]], lens: int, two: list[int]) -> bool:
    """Whether a lens is longer across the line between the middles of two particles than along it."""
    middles = []
    for k in two:
        y, x = np.nonzero(labels[boxes[k - 1]] == k)
        middles.append(np.array([y.mean() + boxes[k - 1][0].start, x.mean() + boxes[k - 1][1].start]))
    y, x = np.nonzero(labels[boxes[lens - 1]] == lens)
    sizes, axes = np.linalg.eigh(np.cov(np.stack([y, x])) + np.eye(2) / 12)  # a pixel is no point
    along = middles[0] - middles[1]
    askew = abs(float(axes[:, 0] @ along)) / max(float(np.hypot(*along)), 1e-6)
    return bool(np.sqrt(sizes[0] / sizes[1]) <= _ACROSS and askew >= np.cos(np.radians(_ASKEW_DEG)))


def _rounder(labels: NDArray[np.int32], boxes: list[tuple[slice, slice]], particle: int, lens: int) -> float:
    """By how many px what a particle lacks to be convex shrinks with a lens."""
    both = [boxes[particle - 1], boxes[lens - 1]]
    window = labels[tuple(slice(min(b[i].start for b in both), max(b[i].stop for b in both)) for i in (0, 1))]
    alone, joined = window == particle, (window == particle) | (window == lens)
    return _lacking(alone) - _lacking(joined)


def _lacking(mask: NDArray[np.bool_]) -> float:
    """Area of the convex hull (of pixels, not of their middles) beyond a mask's own."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(np.concatenate(outlines))
    return float(cv2.contourArea(hull) + 0.5 * cv2.arcLength(hull, True) + 1 - np.count_nonzero(mask))
