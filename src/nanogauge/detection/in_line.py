"""Pieces in line: a rod that lies under another one is seen as two pieces, which are one particle to a person; where two rods cross
and can be seen through, as four, about the darker place that both share."""

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
_ASIDE = 0.35  # of its width, by which the line may miss the middle of what two rods share


def joined_in_line(labels: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """Labels (H, W) in which two pieces that lie in line bear one number: on both sides of a long particle across them, or two by
    two about a place that crossing rods share."""
    n = int(labels.max(initial=0))
    number = np.arange(n + 1, dtype=np.int32)
    if n < 3:
        return np.asarray(labels, np.int32)
    pieces = _Pieces(labels, n)
    pairs = {
        middle: [
            pair for pair in itertools.combinations(sorted(filter(pieces.may_be_end, beside)), 2) if pieces.in_line(*pair, middle)
        ]
        for middle, beside in _neighbours(labels).items()
    }
    joined: list[tuple[int, int]] = []
    shared: set[int] = set()
    for middle, of in pairs.items():
        crossing = _apart(sorted((aside, pair) for pair in of if (aside := pieces.aside(middle, *pair)) < _ASIDE))
        if len(crossing) > 1:
            shared.add(middle)
            joined += [*crossing, (crossing[0][0], middle)]  # what both share is one's: labels do not overlap
    for middle, of in pairs.items():
        if middle not in shared and pieces.is_long(middle):
            joined += [pair for pair in of if shared.isdisjoint(pair) and pieces.lies_across(middle, *pair)]
    for a, b in joined:
        number[number == number[b]] = number[a]
    return np.asarray(number[labels], np.int32)


class _Pieces:
    """Where the pieces lie, and how long and wide they are."""

    def __init__(self, labels: NDArray[np.integer[Any]], n: int) -> None:
        self._centre, self._spread = _moments(labels, n)
        values, self._axes = np.linalg.eigh(self._spread)
        self._width, self._length = (4 * np.sqrt(np.maximum(values[:, k], 1 / 12)) for k in (0, 1))

    def is_long(self, k: int) -> bool:
        return bool(self._length[k] >= 1.5 * self._width[k])

    def may_be_end(self, k: int) -> bool:
        """Whether a piece is long enough to be the end of a rod, along whichever line."""
        return bool(self._length[k] > _LONG * self._width[k])

    def in_line(self, a: int, b: int, middle: int) -> bool:
        """Whether two pieces look like the ends of one rod of which `middle` hides a part."""
        along, apart = self._line(a, b)
        across = np.array([-along[1], along[0]])
        long_a, long_b = self._extent(a, along), self._extent(b, along)
        wide_a, wide_b = self._extent(a, across), self._extent(b, across)
        alike = max(wide_a, wide_b) < _WIDTHS * min(wide_a, wide_b)
        gap, width = apart - (long_a + long_b) / 2, float(self._width[middle])
        return alike and long_a > _LONG * wide_a and long_b > _LONG * wide_b and -0.5 * width < gap < _GAP * width

    def lies_across(self, middle: int, a: int, b: int) -> bool:
        """Whether a long piece crosses the line of two others."""
        along, _ = self._line(a, b)
        return abs(float(along @ self._axes[middle][:, 1])) <= math.cos(_ACROSS)

    def aside(self, middle: int, a: int, b: int) -> float:
        """By how much of its width the line of two pieces misses the middle of a third; infinite unless that lies between."""
        along, apart = self._line(a, b)
        to_middle = self._centre[middle] - self._centre[a]
        if not 0 < float(to_middle @ along) < apart:
            return math.inf
        return abs(float(to_middle[0] * along[1] - to_middle[1] * along[0])) / float(self._width[middle])

    def _line(self, a: int, b: int) -> tuple[NDArray[np.float64], float]:
        """Direction from one piece's centre to another's, and how far that is."""
        line = self._centre[b] - self._centre[a]
        apart = math.hypot(*line)
        return line / max(apart, 1e-9), apart

    def _extent(self, k: int, direction: NDArray[np.float64]) -> float:
        return 4 * math.sqrt(max(float(direction @ self._spread[k] @ direction), 1 / 12))


def _apart(pairs: list[tuple[float, tuple[int, int]]]) -> list[tuple[int, int]]:
    """Pairs that share no piece, the first come first."""
    taken: set[int] = set()
    chosen = []
    for _, pair in pairs:
        if taken.isdisjoint(pair):
            taken.update(pair)
            chosen.append(pair)
    return chosen


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
