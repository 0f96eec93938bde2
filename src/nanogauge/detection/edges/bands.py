"""Bands of grey-level slopes along the normals of outlines, and what edge each particle shows in its own.

All that follows works on whole groups of outlines of one number of nodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frame import Sides, ends_within
from .levels import sampled, vertex
from .nodes import F32, Nodes

STEPS = 10  # states of the band on either side of the outline
GAP_PX = 4.0  # where two particles touch: how far in a gap is sought
PRIOR_PX = 3.0  # how far outlines as people draw them lie off
_REACH_PX = (0.8, 5.0, 12.0)  # least; for common particles; largest
_REACH_SHARE, _REACH_SHARE_LARGE = 0.45, 0.2  # of the radius: never across a small particle's middle; of a large one
_REACH_SHARE_MOST = 0.9  # of the radius, however blurred the picture
_TOUCHES_PX = 1.0  # a node with less room before a neighbour's half, or the frame's end, stays where it is
_OUTER_SHARE = 0.7  # of the steepest slope: a slope of the other sign further outside is the edge, the first a bright rim's
_LEAST_RISE = 5.0  # of the mean slope at the edge over its standard error
STATES = np.arange(-STEPS, STEPS + 1, dtype=np.float32)


@dataclass(slots=True)
class Bands:
    """Slopes of the grey level along the normals of a group. slope: (p, n, k), positive where it falls outwards; valid: the same;
    step: (p,) px between states; wall: (p, n), where a neighbour touches; at_frame: (p, n), where the outline reaches the frame;
    cut: the same, where the particle does, too; wider: how many times as far as in a sharp picture the band reaches."""

    nodes: Nodes
    slope: F32
    valid: NDArray[np.bool_]
    step: F32
    wall: NDArray[np.bool_]
    at_frame: NDArray[np.bool_]
    cut: NDArray[np.bool_]
    wider: float = 1.0

    @property
    def at(self) -> F32:
        """(p, k) shifts in px."""
        return np.asarray(self.step[:, None] * STATES, np.float32)


def bands_of(nodes: Nodes, grey: F32, halves: F32, ruled: Sides = (False,) * 4, wider: float = 1.0) -> Bands:
    """ruled: as `ruled_sides` says, of the picture as it is; wider: as in `Bands`"""
    least, common, most = _REACH_PX
    farthest = wider * np.clip(_REACH_SHARE_LARGE * nodes.radius, common, most)
    reach = np.clip(min(wider * _REACH_SHARE, _REACH_SHARE_MOST) * nodes.radius, least, farthest)
    step = (reach / STEPS).astype(np.float32)
    states = np.arange(-STEPS - 1, STEPS + 2, dtype=np.float32)  # one more at either end, for the slope
    along = step[:, None, None] * states
    y, x = (along * nodes.normal[..., i, None] for i in (0, 1))
    y += nodes.at[..., 0, None]
    x += nodes.at[..., 1, None]
    level = sampled(grey, y, x)
    slope = level[..., :-2] - level[..., 2:]
    slope /= 2 * step[:, None, None]
    y, x = y[..., 1:-1], x[..., 1:-1]
    own = nearest(halves, y, x) == nodes.label[:, None, None]
    h, w = grey.shape
    within = (y >= 0) & (y <= h - 1) & (x >= 0) & (x <= w - 1)
    touch = np.broadcast_to(
        np.minimum(np.ceil(_TOUCHES_PX / step).astype(np.int64), STEPS)[:, None, None] + STEPS, (*y.shape[:2], 1)
    )
    at_frame = ~np.take_along_axis(within, touch, axis=2)[..., 0]
    beside = ~np.take_along_axis(own, touch, axis=2)[..., 0]
    # a state beyond one that is not the particle's own is not reached
    own[..., STEPS:] = np.logical_and.accumulate(own[..., STEPS:], axis=2)
    own[..., : STEPS + 1] = np.logical_and.accumulate(own[..., STEPS::-1], axis=2)[..., ::-1]
    own &= within
    there = np.take_along_axis(level, touch + 1, axis=2)[..., 0]
    room = np.stack([nodes.at[..., 0], h - 1 - nodes.at[..., 0], nodes.at[..., 1], w - 1 - nodes.at[..., 1]])
    there[np.array(ruled)[room.argmin(axis=0)]] = np.nan  # what lies at a ruled border is not the picture's
    cut = at_frame & ~ends_within(level, at_frame, own.all(axis=2), there, step, nodes.spacing)
    wall = beside & ~cut
    own &= ~cut[..., None]
    beyond = (states[1:-1] > 0) | (states[1:-1] * step[:, None] < -GAP_PX)
    own &= ~(wall[..., None] & beyond[:, None])
    return Bands(nodes, slope, own, step, wall, at_frame, cut, wider)


def nearest(picture: F32, y: F32, x: F32) -> F32:
    h, w = picture.shape
    at = np.rint(y).astype(np.intp)  # in place from here on, and one index for both: half the time
    np.clip(at, 0, h - 1, out=at)
    at *= w
    across = np.rint(x).astype(np.intp)
    np.clip(across, 0, w - 1, out=across)
    at += across
    return picture.ravel().take(at)


def mean_slopes(b: Bands, blur: float) -> tuple[F32, F32]:
    """(p, k) mean slope over the nodes away from walls and frame, and its standard error; 0 and inf where less than a quarter of
    the outline is seen."""
    free = b.valid & ~(b.wall | b.at_frame)[..., None]
    n = free.sum(axis=1)
    total = np.where(free, b.slope, 0)
    mean = total.sum(axis=1) / np.maximum(n, 1)
    square = (total**2).sum(axis=1) / np.maximum(n, 1)
    apart = np.clip(2 * math.sqrt(math.pi) * blur / b.nodes.spacing, 1, None)[:, None]  # nodes nearer see the same noise
    error = np.sqrt(np.maximum(square - mean**2, 1e-12) / np.maximum(n / apart, 1))
    few = n < b.valid.shape[1] / 4
    return np.where(few, 0, mean).astype(np.float32), np.where(few, np.inf, error).astype(np.float32)


@dataclass(slots=True)
class Own:
    """Of each particle (p,): sign of the edge, its place on the mean profile in px, mean slope there, whether it stands out."""

    sign: F32
    place: F32
    height: F32
    seen: NDArray[np.bool_]


def usual_sign(bands: Sequence[Bands], means: Sequence[tuple[F32, F32]]) -> float:
    """1 where grey levels fall outwards across the micrograph's edges, -1 where they rise: by the steepest slope of the mean
    profile, or by one further outside that is nearly as steep."""
    wider = bands[0].wider
    grid = wider * np.arange(-_REACH_PX[1], _REACH_PX[1] + 0.01, 0.25)
    total = np.zeros(grid.size)
    for b, (mean, error) in zip(bands, means, strict=True):
        scale = np.abs(mean).max(axis=1, keepdims=True)
        weight = np.sqrt(b.nodes.at.shape[1]) / np.maximum(scale, 1e-9)
        good = np.isfinite(error).any(axis=1) & (scale[:, 0] > 0)
        total += _interpolated((mean * weight)[good], grid / b.step[good, None] + STEPS).sum(axis=0)
    total *= np.exp(-0.5 * (grid / (wider * PRIOR_PX)) ** 2)
    up, down = int(total.argmax()), int(total.argmin())
    high, low = max(total[up], 0), max(-total[down], 0)
    sign = 1.0 if high >= low else -1.0
    other = low if sign > 0 else high
    further = grid[down] - grid[up] if sign > 0 else grid[up] - grid[down]
    return -sign if further >= wider and other >= _OUTER_SHARE * max(high, low) else sign


def _interpolated(rows: NDArray[np.floating[Any]], at: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(p, m) values of rows (p, k) between their states, at (p, m) states; 0 beyond the first and the last."""
    below = np.clip(np.floor(at).astype(np.int64), 0, rows.shape[1] - 2)
    low, high = np.take_along_axis(rows, below, axis=1), np.take_along_axis(rows, below + 1, axis=1)
    return np.where((at >= 0) & (at <= rows.shape[1] - 1), low + (at - below) * (high - low), 0.0)


def own_edges(b: Bands, mean: F32, error: F32, *, sign: float, centre: float, spread: float) -> Own:
    at = b.at
    prior = np.exp(-0.5 * ((at - centre) / np.maximum(spread, 0.5 * b.step[:, None] * STEPS)) ** 2)
    rows = np.arange(len(at))

    def best(s: float) -> tuple[NDArray[np.int64], F32]:
        k = (s * mean * prior).argmax(axis=1)
        return k, np.maximum(s * mean[rows, k], 0)

    (k, high), (other_k, other_high) = best(sign), best(-sign)
    rise, other_rise = high / error[rows, k], other_high / error[rows, other_k]
    turned = (other_high > 2 * high) & (other_rise > _LEAST_RISE)
    k, high = np.where(turned, other_k, k), np.where(turned, other_high, high)
    signs = np.where(turned, -sign, sign).astype(np.float32)
    place = (k - STEPS + vertex(signs[:, None] * mean, k)) * b.step
    seen = np.where(turned, other_rise, rise) > _LEAST_RISE
    return Own(signs, place.astype(np.float32), high, seen)


def median_shift(found: Sequence[Own], bands: Sequence[Bands]) -> float:
    places = np.concatenate([f.place[f.seen] for f in found])
    return float(np.median(places)) if places.size else 0.0
