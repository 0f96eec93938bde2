"""Where the grey levels place the particles' edge, against the outlines: the mean profile across all outlines of a micrograph.

A segmentation draws outlines where its teachers drew them. The steepest change of the mean grey level is an edge that owes
nothing to them; how far it lies from the outlines says how far the sizes depend on what is called the edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_REACH_PX = 6.0
_BIN_PX = 0.5
_STEP_PX = 0.25
_LEAST_PIXELS = 20  # in a bin
_SEARCH_PX = 4.0  # the edge is sought this far from the outline
_LEAST_RISE = 5.0  # of the steepest slope over the standard error of a point of the profile: below, no edge stands out


@dataclass(frozen=True, slots=True)
class EdgeProfile:
    """Mean grey level (k,) over the signed distance from the outline in px, negative inside, and where it changes most steeply.

    offset_px: NaN where no edge stands out, or there are too few pixels
    """

    distance_px: Floats
    grey: Floats
    offset_px: float


def edge_profile(
    labels: NDArray[np.integer[Any]], pixels: NDArray[Any], *, frame: tuple[int, int, int, int] | None = None
) -> EdgeProfile:
    """The mean profile across the free outlines of all particles, pixels near two touching particles left out.

    labels, pixels: (H, W); frame: (y0, x0, y1, x1) of what is picture. The place of the edge is the middle of the peak of the
    profile's gradient (as Canny, IEEE TPAMI 8 (1986) 679, for one edge seen many times). Raises ValueError for shapes that
    do not fit.
    """
    if labels.shape != pixels.shape or labels.ndim != 2:
        raise ValueError(f"labels and pixels must be (H, W) of one shape, got {labels.shape} and {pixels.shape}")
    y0, x0, y1, x1 = frame or (0, 0, *labels.shape)
    labels, pixels = labels[y0:y1, x0:x1], pixels[y0:y1, x0:x1]
    inside = labels > 0
    nothing = EdgeProfile(np.zeros(0), np.zeros(0), float("nan"))
    if not inside.any() or inside.all():
        return nothing
    grey = np.asarray(pixels, np.float32)
    depth = cv2.distanceTransform(np.pad(inside, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    signed = np.where(inside, 0.5 - depth, away - 0.5)
    near = np.abs(signed) <= _REACH_PX
    walls = _walls(labels)
    if walls.any():
        near &= cv2.distanceTransform((~walls).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) > 2 * _REACH_PX
    s, g = signed[near].astype(np.float64), grey[near].astype(np.float64)
    if s.size < _LEAST_PIXELS:
        return nothing
    which = np.round((s + _REACH_PX) / _BIN_PX).astype(np.int64)
    n = np.bincount(which)
    filled = n >= _LEAST_PIXELS
    with np.errstate(invalid="ignore", divide="ignore"):
        at, mean = (np.bincount(which, weights=v) / n for v in (s, g))
        scatter = np.sqrt(np.maximum(np.bincount(which, weights=g**2) / n - mean**2, 0))
    at, mean, scatter = at[filled], mean[filled], scatter[filled]
    if at.size < 8 or at[0] > -1.5 or at[-1] < 1.5:
        return nothing
    return EdgeProfile(at, mean, _steepest(at, mean, float(np.median(scatter)), s.size))


def _steepest(at: Floats, mean: Floats, scatter: float, n_pixels: int) -> float:
    x = np.arange(max(at[0], -_REACH_PX), min(at[-1], _REACH_PX), _STEP_PX)
    y = np.interp(x, at, mean)
    width = 5  # 1.25 px: what a pixel and its interpolation blur anyway
    y = np.convolve(np.pad(y, width // 2, mode="edge"), np.ones(width) / width, "valid")
    slope = np.abs(np.gradient(y, x))
    slope[np.abs(x) > _SEARCH_PX] = 0
    peak = int(slope.argmax())
    if slope[peak] <= _LEAST_RISE * scatter / np.sqrt(n_pixels / at.size) or slope[peak] == 0:
        return float("nan")
    first = last = peak
    while first > 0 and slope[first - 1] > slope[peak] / 2:
        first -= 1
    while last < slope.size - 1 and slope[last + 1] > slope[peak] / 2:
        last += 1
    chosen = slice(first, last + 1)
    return float((slope[chosen] * x[chosen]).sum() / slope[chosen].sum())


def _walls(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels at which two particles meet."""
    walls = np.zeros(labels.shape, bool)
    for near, far in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        meet = (labels[near] != labels[far]) & (labels[near] > 0) & (labels[far] > 0)
        walls[near] |= meet
        walls[far] |= meet
    return walls
