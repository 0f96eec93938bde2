"""Pieces in line: a rod that lies under another one is seen as two pieces, which are one particle to a person."""

from __future__ import annotations

import itertools
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_LONG = 1.3  # length over width, along the line, that both pieces have at least: spheres in a row are no rod
_ACROSS = math.radians(25)  # angle to the line at which what lies between must cross it, else rods lie end to end
_WIDTHS = 1.35  # widths of the pieces may differ by this factor
_GAP = 1.6  # between the pieces, in widths of what lies there


def joined_in_line(labels: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """Labels (H, W) in which two pieces that lie in line on both sides of a long particle across them bear one number."""
    n = int(labels.max(initial=0))
    number = np.arange(n + 1, dtype=np.int32)
    if n < 3:
        return np.asarray(labels, np.int32)
    centre, spread = _moments(labels, n)
    values, axes = np.linalg.eigh(spread)
    width, length = (4 * np.sqrt(np.maximum(values[:, k], 1 / 12)) for k in (0, 1))
    for middle, beside in _neighbours(labels).items():
        if length[middle] < 1.5 * width[middle]:
            continue
        for a, b in itertools.combinations(sorted(beside), 2):
            line = centre[b] - centre[a]
            apart = math.hypot(*line)
            along = line / max(apart, 1e-9)
            across = np.array([-along[1], along[0]])
            if abs(float(along @ axes[middle][:, 1])) > math.cos(_ACROSS):
                continue
            long_a, long_b, wide_a, wide_b = (
                4 * math.sqrt(max(float(d @ spread[k] @ d), 1 / 12)) for d, k in ((along, a), (along, b), (across, a), (across, b))
            )
            alike = max(wide_a, wide_b) < _WIDTHS * min(wide_a, wide_b)
            gap = apart - (long_a + long_b) / 2
            if alike and long_a > _LONG * wide_a and long_b > _LONG * wide_b and -0.5 * width[middle] < gap < _GAP * width[middle]:
                number[number == number[b]] = number[a]
    return np.asarray(number[labels], np.int32)


def _moments(labels: NDArray[np.integer[Any]], n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres (n + 1, 2) as (y, x) and covariances (n + 1, 2, 2) of the pixels of each label."""
    y, x = np.nonzero(labels)
    of = labels[y, x]
    area = np.maximum(np.bincount(of, minlength=n + 1), 1)
    centre = np.stack([np.bincount(of, v, n + 1) / area for v in (y, x)], 1)
    dy, dx = y - centre[of, 0], x - centre[of, 1]
    spread = np.empty((n + 1, 2, 2))
    for (i, p), (j, q) in itertools.product(enumerate((dy, dx)), repeat=2):
        spread[:, i, j] = np.bincount(of, p * q, n + 1) / area
    return centre, spread


def _neighbours(labels: NDArray[np.integer[Any]]) -> dict[int, set[int]]:
    """Label -> labels within two pixels of it."""
    known = labels.astype(np.float32)
    kernel = np.ones((5, 5), np.uint8)
    out: dict[int, set[int]] = {}
    for other in (cv2.dilate(known, kernel), -cv2.dilate(np.where(known > 0, -known, -1e9).astype(np.float32), kernel)):
        near = np.asarray(other, np.int64)
        meet = (labels > 0) & (near > 0) & (near < 1e8) & (near != labels)
        for a, b in np.unique(np.stack([labels[meet].astype(np.int64), near[meet]]), axis=1).T.tolist():
            out.setdefault(a, set()).add(b)
            out.setdefault(b, set()).add(a)
    return out
