"""Outlines of labelled particles as closed rings of evenly spaced points, at the edge that is measured: between the pixels where
a map says so, along the pixels' edges where only labels are known.

Rings are of any length, and are worked on many at a time: one after the other in one array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .run_lengths import Floats, Ints

POINTS = 128  # of a ring
_LEVEL = 0.5  # of the map, on the outline
_LEAST_AREA_PX2 = 9  # below, an outline has no shape worth the name
_ROUNDED_PX, _STAIRS_PX = 1.0, 2.0  # what pixels leave is smoothed away over this arc (standard deviation), more without a map,
_ROUNDED = 0.01  # and the noise of a larger outline over this share of it
_FADED = 4.0  # standard deviations at which smoothing ends
_BESIDE_PX = (1.0, 2.0, 3.0)  # outside an outline, where another particle is looked for
_FARTHEST_PX = 1.5  # from the outermost pixel's centre to the outline
_AT_ONCE = 500  # particles: their points stay in the processor's cache


def rings_of(index: NDArray[np.int32], boxes: Ints, probability: NDArray[Any] | None) -> tuple[Floats, NDArray[np.bool_]]:
    """(n, POINTS, 2) outer outlines (y, x) in px, and (n,) whether a particle is large enough to have one; zeros where it is not.

    index: (H, W), particle 0 ... n - 1, -1 = background; boxes: (4, n) y0, x0, y1, x1, half-open; probability: (H, W) or None
    """
    n = boxes.shape[1]
    out, there = np.zeros((n, POINTS, 2)), np.zeros(n, bool)
    found, chains = [], []
    for i, (y0, x0, y1, x1) in enumerate(boxes.T.tolist()):
        mask = (index[y0:y1, x0:x1] == i).view(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(x0, y0))
        chain = max(contours, key=len)[:, 0, ::-1]
        if len(chain) < 6 or np.count_nonzero(mask) < _LEAST_AREA_PX2:
            continue
        found.append(i)
        chains.append(chain)
    for k in range(0, len(found), _AT_ONCE):
        some = slice(k, k + _AT_ONCE)
        out[found[some]] = _rings(chains[some], index, probability)
    there[found] = True
    return out, there


@dataclass(frozen=True, slots=True)
class _Ragged:
    """How rings lie one after the other. n: (rings,) points of each; first: (rings,) where it begins; ring: (points,) which one a
    point is of; place: (points,) how far along it."""

    n: Ints
    first: Ints
    ring: Ints
    place: Ints

    @classmethod
    def of(cls, n: Ints) -> _Ragged:
        first = np.cumsum(n) - n
        ring = np.repeat(np.arange(len(n)), n)
        return cls(n, first, ring, np.arange(len(ring)) - first[ring])

    def ahead(self, by: int, at: Ints | slice = slice(None)) -> Ints:
        """Where the points lie that come `by` after those at `at`, round and round."""
        ring = self.ring[at]
        return self.first[ring] + (self.place[at] + by) % self.n[ring]

    def total(self, values: Floats) -> Floats:
        """(rings,) sums over the points."""
        return np.asarray(np.bincount(self.ring, values, minlength=len(self.n)), np.float64)


def _rings(chains: Sequence[NDArray[np.int32]], index: NDArray[np.int32], probability: NDArray[Any] | None) -> Floats:
    """(rings, POINTS, 2) outlines that belong to chains (k, 2) of particles' outermost pixels, in order round each.

    Where another particle lies on one and bites into it, the outline is that other's: it is bridged by a straight line.
    """
    chain, of = np.concatenate(chains), _Ragged.of(np.array([len(c) for c in chains], np.int64))
    sigma = np.minimum(np.maximum(_STAIRS_PX if probability is None else _ROUNDED_PX, _ROUNDED * of.n), of.n / 24)
    smooth = _smoothed(chain.astype(np.float64), of, sigma)
    step = smooth[of.ahead(2)] - smooth[of.ahead(-2)]
    normal = np.stack([step[:, 1], -step[:, 0]], axis=1)
    (y, x), (next_y, next_x) = smooth.T, smooth[of.ahead(1)].T
    normal[(of.total(y * next_x - x * next_y) < 0)[of.ring]] *= -1
    normal /= np.maximum(np.hypot(*normal.T), 1e-9)[:, None]
    reach = np.full(len(chain), 0.5)
    if probability is not None:
        h, w = index.shape
        ahead = np.rint(chain + normal).astype(np.int64)
        within = ((ahead >= 0) & (ahead < (h, w))).all(axis=1)
        ay, ax = np.clip(ahead, 0, (h - 1, w - 1)).T
        cy, cx = chain.T
        free = within & (index[ay, ax] == -1)  # where two particles meet, or the frame ends, the outline is the pixel's edge
        here, there = (probability[p].astype(np.float64) for p in ((cy, cx), (ay, ax)))
        apart = np.hypot(ay - cy, ax - cx)
        crosses = free & (here >= _LEVEL) & (there < _LEVEL)
        share = np.divide(here - _LEVEL, here - there, out=np.full(len(chain), 0.5), where=crosses)
        reach = np.where(crosses, np.minimum(share * np.maximum(apart, 1), _FARTHEST_PX), reach)
    at = _smoothed(chain + normal * reach[:, None], of, sigma)
    seen = ~_bitten(chain, normal, at, of, index)
    return _evenly(at[seen], np.bincount(of.ring[seen], minlength=len(chains)))


def _smoothed(values: Floats, of: _Ragged, sigma: Floats) -> Floats:
    """(points, d) values smoothed along each ring by a Gaussian of the ring's standard deviation (rings,), as SciPy's
    `gaussian_filter1d` smooths one that wraps."""
    out = np.empty_like(values)
    reach = (_FADED * sigma + 0.5).astype(np.int64)
    for far in np.unique(reach).tolist():
        rings = np.flatnonzero(reach == far)
        weight = np.exp(-0.5 * (np.arange(far + 1)[:, None] / sigma[rings]) ** 2)
        weight /= 2 * weight.sum(axis=0) - 1
        n = of.n[rings]
        # each ring with its end before its beginning and its beginning after its end: then neighbours are neighbours in memory
        wide = _Ragged.of(n + 2 * far)
        line = values[of.first[rings][wide.ring] + (wide.place - far) % n[wide.ring]].T
        at = slice(far, line.shape[1] - far)
        each = np.ascontiguousarray(weight[:, wide.ring[at]])
        total = line[:, at] * each[0]
        for k in range(far, 0, -1):
            total += (line[:, far - k : line.shape[1] - far - k] + line[:, far + k : line.shape[1] - far + k]) * each[k]
        kept = np.flatnonzero((wide.place >= far) & (wide.place < far + n[wide.ring]))
        own = _Ragged.of(n)
        out[of.first[rings][own.ring] + own.place] = total[:, kept - far].T
    return out


def _bitten(chain: NDArray[np.int32], normal: Floats, at: Floats, of: _Ragged, index: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(points,) those beside another particle that are not on the convex hull of their outline."""
    own, beside = index[tuple(chain.T)], np.zeros(len(chain), bool)
    for far in _BESIDE_PX:
        y, x = np.clip(np.rint(chain + normal * far).astype(np.int64), 0, np.array(index.shape) - 1).T
        beside |= (index[y, x] >= 0) & (index[y, x] != own)
    for k in np.unique(of.ring[beside]).tolist():
        points = at[of.first[k] : of.first[k] + of.n[k]].astype(np.float32)
        beside[of.first[k] + cv2.convexHull(points, returnPoints=False).ravel()] = False
    return beside


def _evenly(points: Floats, n: Ints) -> Floats:
    """(rings, POINTS, 2) points evenly spaced along closed rings of n (rings,) points each, one after the other in (points, 2)."""
    open_, closed = _Ragged.of(n), _Ragged.of(n + 1)
    y, x = points[open_.first[closed.ring] + closed.place % n[closed.ring]].T
    step = np.hypot(np.diff(y), np.diff(x))
    step[closed.first[1:] - 1] = 0  # from the end of one ring to the beginning of the next is no way
    along = np.concatenate([[0.0], np.cumsum(step)])
    first = along[closed.first]
    whole = along[closed.first + n] - first
    at = first[:, None] + whole[:, None] * np.arange(POINTS) / POINTS
    return np.stack([np.interp(at, along, y), np.interp(at, along, x)], axis=-1)
