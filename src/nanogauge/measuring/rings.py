"""Outlines of labelled particles as closed rings of evenly spaced points, at the edge that is measured: between the pixels where
a map says so, along the pixels' edges where only labels are known."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .run_lengths import Floats, Ints

POINTS = 128  # of a ring
_LEVEL = 0.5  # of the map, on the outline
_LEAST_AREA_PX2 = 9  # below, an outline has no shape worth the name
_ROUNDED_PX, _STAIRS_PX = 1.0, 2.0  # what pixels leave is smoothed away over this arc (standard deviation), more without a map,
_ROUNDED = 0.01  # and the noise of a larger outline over this share of it
_BESIDE_PX = (1.0, 2.0, 3.0)  # outside an outline, where another particle is looked for
_FARTHEST_PX = 1.5  # from the outermost pixel's centre to the outline


def rings_of(index: NDArray[np.int32], boxes: Ints, probability: NDArray[Any] | None) -> tuple[Floats, NDArray[np.bool_]]:
    """(n, POINTS, 2) outer outlines (y, x) in px, and (n,) whether a particle is large enough to have one; zeros where it is not.

    index: (H, W), particle 0 ... n - 1, -1 = background; boxes: (4, n) y0, x0, y1, x1, half-open; probability: (H, W) or None
    """
    n = boxes.shape[1]
    out, there = np.zeros((n, POINTS, 2)), np.zeros(n, bool)
    for i, (y0, x0, y1, x1) in enumerate(boxes.T.tolist()):
        mask = (index[y0:y1, x0:x1] == i).view(np.uint8)
        found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        chain = max(found, key=len)[:, 0, ::-1]
        if len(chain) < 6 or np.count_nonzero(mask) < _LEAST_AREA_PX2:
            continue
        out[i], there[i] = _ring(chain + np.array([y0, x0]), index, probability), True
    return out, there


def _ring(chain: NDArray[np.int32], index: NDArray[np.int32], probability: NDArray[Any] | None) -> Floats:
    """The outline that belongs to a chain (k, 2) of a particle's outermost pixels, in order round it.

    Where another particle lies on this one and bites into it, the outline is that other's: it is bridged by a straight line.
    """
    sigma = min(max(_STAIRS_PX if probability is None else _ROUNDED_PX, _ROUNDED * len(chain)), len(chain) / 24)
    smooth = ndimage.gaussian_filter1d(chain.astype(np.float64), sigma, axis=0, mode="wrap")
    step = np.roll(smooth, -2, axis=0) - np.roll(smooth, 2, axis=0)
    normal = np.stack([step[:, 1], -step[:, 0]], axis=1)
    y, x = smooth.T
    if float(np.dot(y, np.roll(x, -1)) - np.dot(x, np.roll(y, -1))) < 0:
        normal = -normal
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
    at = ndimage.gaussian_filter1d(chain + normal * reach[:, None], sigma, axis=0, mode="wrap")
    return evenly(at[~_bitten(chain, normal, at, index)], POINTS)


def _bitten(chain: NDArray[np.int32], normal: Floats, at: Floats, index: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(k,) points beside another particle that are not on the outline's convex hull."""
    own, beside = index[chain[0, 0], chain[0, 1]], np.zeros(len(chain), bool)
    for far in _BESIDE_PX:
        y, x = np.clip(np.rint(chain + normal * far).astype(np.int64), 0, np.array(index.shape) - 1).T
        beside |= (index[y, x] >= 0) & (index[y, x] != own)
    beside[cv2.convexHull(at.astype(np.float32), returnPoints=False).ravel()] = False
    return beside


def evenly(ring: Floats, n: int) -> Floats:
    """(n, 2) points evenly spaced along a closed ring (k, 2)."""
    closed = np.concatenate([ring, ring[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = along[-1] * np.arange(n) / n
    return np.stack([np.interp(at, along, closed[:, 0]), np.interp(at, along, closed[:, 1])], axis=1)
