"""What lies round each particle: nearest background, grey levels beside it, outlines at other probabilities, neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..core.scale import Scale
from .run_lengths import Floats, Ints, Runs, index_image, run_sums

INNER, OUTER = 0.7, 0.3  # probabilities between which the outline may lie
_LEAST_REACH_PX = 4.0  # how far outside the labels an outline at OUTER is looked for
_RING_FROM_PX = 2.0  # the blurred edge itself says nothing of the surroundings
_RING_LEAST_PX = 3.0  # width of the ring
_LEAST_RING_PIXELS = 8


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Background pixels near particles: flat index, index of the nearest particle, distance to it in px; each (m,)."""

    flat: Ints
    owner: Ints
    distance: Floats


def surroundings(index: NDArray[np.int32], diameters_px: Floats) -> Surroundings:
    """Background pixels no farther from a particle than an eighth of its diameter and some px more.

    index: (H, W) particle of each pixel, -1 = background; diameters_px: (n,)
    """
    background = (index < 0).astype(np.uint8)
    distance, nearest = cv2.distanceTransformWithLabels(background, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    particle_of = np.zeros(int(nearest.max(initial=0)) + 1, np.int32)
    inside = background == 0
    particle_of[nearest[inside]] = index[inside]
    reach = _RING_FROM_PX + np.maximum(_RING_LEAST_PX, diameters_px / 8)
    flat = np.flatnonzero((background > 0) & (distance <= max(float(reach.max(initial=0)), _LEAST_REACH_PX)))
    owner = particle_of[nearest.ravel()[flat]].astype(np.int64)
    away = distance.ravel()[flat].astype(np.float64)
    keep = away <= np.maximum(reach, _LEAST_REACH_PX)[owner]
    return Surroundings(flat[keep], owner[keep], away[keep])


def local_contrast(near: Surroundings, pixels: NDArray[Any], mean_grey: Floats) -> Floats:
    """(n,) mean grey level of the particle less that of a ring of background round it, over the ring's standard deviation.

    It does not change with the brightness and contrast knobs. NaN where fewer than 8 px of background lie there.
    """
    n = mean_grey.size
    ring = near.distance > _RING_FROM_PX
    owner, grey = near.owner[ring], pixels.ravel()[near.flat[ring]].astype(np.float64)
    count = np.bincount(owner, minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(owner, weights=grey, minlength=n) / count
        sd = np.sqrt(np.bincount(owner, weights=(grey - mean[owner]) ** 2, minlength=n) / (count - 1))
        return np.asarray(np.where((count >= _LEAST_RING_PIXELS) & (sd > 0), (mean_grey - mean) / sd, np.nan), np.float64)


def inner_outer_areas(runs: Runs, near: Surroundings, probability: NDArray[Any]) -> tuple[Floats, Floats]:
    """(n,) areas in px² of each particle where the probability is above INNER, and above OUTER with the background round it."""
    inner = runs.total(run_sums(runs, (probability > INNER).astype(np.uint8)))
    within = runs.total(run_sums(runs, (probability > OUTER).astype(np.uint8)))
    beside = (near.distance <= np.maximum(_LEAST_REACH_PX, 0)) & (probability.ravel()[near.flat] > OUTER)
    return inner, within + np.bincount(near.owner[beside], minlength=runs.n)


def poles(runs: Runs, shape: tuple[int, int]) -> Floats:
    """(n, 2) (y, x) of the pixel of each particle that lies farthest from other particles, background and the frame's edge."""
    index = np.pad(index_image(runs, shape), 1, constant_values=-1)
    alone = index >= 0
    alone[:-1] &= (index[:-1] == index[1:]) | (index[1:] < 0)  # a wall of one pixel between particles that touch
    alone[:, :-1] &= (index[:, :-1] == index[:, 1:]) | (index[:, 1:] < 0)
    depth = cv2.distanceTransform(alone.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1].ravel()
    lengths = runs.length
    first = np.cumsum(lengths) - lengths  # of each run, in the list of all particles' pixels
    flat = np.repeat(runs.row * shape[1] + runs.first - first, lengths) + np.arange(int(lengths.sum()))
    begin = first[runs.begin]
    of_pixel = depth.take(flat)
    deepest = np.maximum.reduceat(of_pixel, begin)
    there = np.flatnonzero(of_pixel == np.repeat(deepest, np.diff(begin, append=flat.size)))
    chosen = flat[there[np.searchsorted(there, begin)]]
    return np.stack(np.divmod(chosen, shape[1]), axis=1).astype(np.float64)


def nearest_neighbour(y: Floats, x: Floats, spacing: tuple[float, float]) -> Floats:
    """(n,) distance from each centroid to the nearest other one; NaN where there is no other."""
    if y.size < 2:
        return np.full(y.size, np.nan)
    at = np.stack([y, x], axis=1) * spacing
    return np.asarray(cKDTree(at).query(at, k=2)[0][:, 1], np.float64)


def with_neighbours(table: pd.DataFrame, scale: Scale | None) -> pd.DataFrame:
    """The table with its distances to the nearest neighbour taken anew."""
    y, x = table["y"].to_numpy(np.float64), table["x"].to_numpy(np.float64)
    table["nearest_neighbour_distance_px"] = nearest_neighbour(y, x, (1.0, 1.0))
    if scale is not None:
        table["nearest_neighbour_distance_nm"] = nearest_neighbour(y, x, scale.nm_per_px)
    return table
