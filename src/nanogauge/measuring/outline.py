"""Outlines of all particles at once: points, convex hulls, Feret diameters, circles, areas between the pixels.

A particle's outline is sampled where it crosses the lines between the centres of neighbouring pixels: halfway where only the
labels are known (so in the middles of the pixel edges), where the probability is `LEVEL` where there is a map. These are the
vertices of marching squares (Lorensen & Cline, SIGGRAPH 21 (1987) 163).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .runs import Floats, Ints

LEVEL = 0.5  # of the probability, on the outline
_NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
_PAIRS_AT_ONCE = 1 << 17  # corner pairs of hulls compared in one go: they fit into the cache


@dataclass(frozen=True, slots=True)
class Points:
    """Points of all outlines: (p, 2) (y, x) in px, in order of particle; `begin` (n,) the first of each; `particle` (p,)."""

    at: Floats
    particle: Ints
    begin: Ints


def outline_points(index: NDArray[np.int32], n: int, probability: NDArray[Any] | None) -> Points:
    """The outline's points. index: (H, W), -1 = background; probability: (H, W) or None."""
    padded = np.pad(index, 1, constant_values=-1)
    height, width = index.shape
    at, particle = [], []
    for dy, dx in _NEIGHBOURS[:4]:
        beyond = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        flat = np.flatnonzero((index != beyond) & (index >= 0))
        y, x = np.divmod(flat, width)
        part = np.full(flat.size, 0.5)
        if probability is not None:
            free = beyond.ravel()[flat] < 0  # where two particles meet, they meet at the pixel's edge
            free &= (y + dy >= 0) & (y + dy < height) & (x + dx >= 0) & (x + dx < width)
            here = probability.ravel()[flat].astype(np.float64)
            there = probability.ravel()[np.where(free, flat + dy * width + dx, flat)].astype(np.float64)
            crosses = free & (here >= LEVEL) & (there < LEVEL)
            np.divide(here - LEVEL, here - there, out=part, where=crosses)
        at.append(np.stack([y + dy * part, x + dx * part], axis=1))
        particle.append(index.ravel()[flat])
    owner = np.concatenate(particle).astype(np.int64)
    order = np.argsort(owner, kind="stable")
    owner = owner[order]
    return Points(np.concatenate(at)[order], owner, np.searchsorted(owner, np.arange(n)).astype(np.int64))


def area_correction(index: NDArray[np.int32], n: int, probability: NDArray[Any]) -> Floats:
    """(n,) px² to add to the number of pixels: how far the outline at LEVEL lies outside the pixels' edges.

    A pixel at the outline is covered by 1/2 + (p - LEVEL) / |grad p|, its distance to the level set (Osher & Fedkiw, Level Set
    Methods (2003), ch. 1), held to what its label allows: at least half inside, at most half outside.
    """
    padded = np.pad(index, 1, constant_values=-1)
    height, width = index.shape
    owner = np.full(index.shape, -1, np.int32)  # of background pixels beside a particle
    at_background = np.zeros(index.shape, bool)  # particle pixels beside the background
    free = index < 0
    for dy, dx in _NEIGHBOURS:
        beyond = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        np.copyto(owner, beyond, where=free & (owner < 0))
        within = np.s_[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]  # the frame's edge is no background
        at_background[within] |= beyond[within] < 0
    change = np.zeros(n)
    for chosen, owners in ((at_background & ~free, index), (owner >= 0, owner)):
        flat = np.flatnonzero(chosen)
        p, slope = _level_and_slope(probability, flat)
        signed = np.divide(p - LEVEL, slope, out=np.full(flat.size, 0.5), where=slope > 1e-6)
        off = np.clip(signed, 0, 0.5) - 0.5 if owners is index else np.clip(signed, -0.5, 0) + 0.5
        if owners is not index:
            off = np.where(slope > 1e-6, off, 0.0)
        change += np.bincount(owners.ravel()[flat], weights=off, minlength=n)
    return change


def _level_and_slope(image: NDArray[Any], flat: Ints) -> tuple[Floats, Floats]:
    """Value and length of the gradient of an image (H, W) at flat indices, by central differences."""
    height, width = image.shape
    y, x = np.divmod(flat, width)
    up, down = image[np.maximum(y - 1, 0), x], image[np.minimum(y + 1, height - 1), x]
    left, right = image[y, np.maximum(x - 1, 0)], image[y, np.minimum(x + 1, width - 1)]
    return image.ravel()[flat].astype(np.float64), np.hypot(down - up, right - left).astype(np.float64) / 2


def hulls(points: Points, origin: Ints) -> list[Floats]:
    """Convex hull of each outline: n arrays (k, 2) of (y, x) in px relative to `origin` (n, 2), in order round the hull."""
    local = points.at - origin[points.particle]
    if np.all(local * 2 == np.rint(local * 2)):  # whole numbers make the hull exact
        doubled = np.ascontiguousarray(np.rint(local[:, ::-1] * 2), np.int32)
        return [cv2.convexHull(p.reshape(-1, 1, 2))[:, 0, ::-1] / 2 for p in np.split(doubled, points.begin[1:])]
    single = np.ascontiguousarray(local[:, ::-1], np.float32)
    return [cv2.convexHull(p.reshape(-1, 1, 2))[:, 0, ::-1].astype(np.float64) for p in np.split(single, points.begin[1:])]


@dataclass(frozen=True, slots=True)
class HullFigures:
    """Of convex polygons, each (n,): largest and smallest width, width square to the largest, area, perimeter."""

    feret_max: Floats
    feret_min: Floats
    feret_90: Floats
    area: Floats
    perimeter: Floats


def hull_figures(polygons: list[Floats]) -> HullFigures:
    """Feret diameters, area and perimeter of convex polygons (k, 2).

    The largest width lies between two corners, the smallest square to a side (Freeman & Shapira, CACM 18 (1975) 409): the
    pairs that rotating calipers visit, all at once. k is some tens, so k² costs less than a loop over k.
    """
    out = np.zeros((5, len(polygons)))
    k = np.array([len(p) for p in polygons])
    order = np.argsort(k, kind="stable")
    at = 0
    while at < order.size:
        # as many as fit, the largest hull among them deciding the width of the table
        n = order.size - at
        while n > 1 and n * int(k[order[at + n - 1]]) ** 2 > _PAIRS_AT_ONCE:
            n = max(1, n // 2)
        chosen = order[at : at + n]
        widest = int(k[chosen[-1]])
        table = np.stack([np.concatenate([polygons[i], np.repeat(polygons[i][-1:], widest - k[i], axis=0)]) for i in chosen])
        out[:, chosen] = _widths(table)
        at += n
    return HullFigures(*out)


def _widths(hull: Floats) -> Floats:
    """(5, n) figures of hulls (n, k, 2), short ones with their last corner repeated.

    Which corners and sides decide is sought in single precision, the widths there are then taken in double.
    """
    rows = np.arange(len(hull))
    y, x = hull[..., 0], hull[..., 1]
    y32, x32 = (np.ascontiguousarray(v, np.float32) for v in (y, x))
    dy, dx = y32[:, None] - y32[:, :, None], x32[:, None] - x32[:, :, None]  # (n, k, k): from i to j
    i, j = np.divmod((dy * dy + dx * dx).reshape(len(hull), -1).argmax(axis=1), hull.shape[1])
    long_y, long_x = y[rows, j] - y[rows, i], x[rows, j] - x[rows, i]
    longest = np.hypot(long_y, long_x)
    sy, sx = np.roll(y, -1, axis=1) - y, np.roll(x, -1, axis=1) - x  # (n, k) sides
    length = np.hypot(sy, sx)
    unit_y, unit_x = (np.divide(v, length, out=np.zeros_like(v), where=length > 0) for v in (sy, sx))
    dx *= unit_y.astype(np.float32)[:, :, None]
    dy *= unit_x.astype(np.float32)[:, :, None]
    dx -= dy
    np.abs(dx, out=dx)
    height = np.where(length > 0, dx.max(axis=2), np.inf)
    side = height.argmin(axis=1)
    y0, x0, uy, ux = (v[rows, side][:, None] for v in (y, x, unit_y, unit_x))
    shortest = np.abs((x - x0) * uy - (y - y0) * ux).max(axis=1)
    safe = np.where(longest > 0, longest, 1)
    across = (x * long_y[:, None] - y * long_x[:, None]) / safe[:, None]
    area = np.abs((y * np.roll(x, -1, axis=1) - x * np.roll(y, -1, axis=1)).sum(axis=1)) / 2
    return np.stack([longest, shortest, across.max(axis=1) - across.min(axis=1), area, length.sum(axis=1)])


def circumscribed(polygons: list[Floats]) -> Floats:
    """(n,) diameter of the smallest circle round each convex polygon (Welzl, LNCS 555 (1991) 359)."""
    return np.array([2 * cv2.minEnclosingCircle(np.ascontiguousarray(p, np.float32))[1] for p in polygons], np.float64)


def inscribed(points: Points, poles: Floats, spacing: tuple[float, float]) -> Floats:
    """(n,) diameter of the largest circle within each outline: its centre is sought about the pole, in steps down to 1/8 px.

    poles: (n, 2) pixel farthest from the outside; spacing: length of a pixel in y and x.
    """
    sy, sx = spacing
    origin = poles[points.particle]
    off_y, off_x = (((points.at - origin)[:, k] * spacing[k]).astype(np.float32) for k in (0, 1))
    count = np.diff(points.begin, append=len(points.particle))

    def reach(centre: Floats) -> Floats:
        """(n,) square of the distance from each centre, relative to the pole, to the nearest point of the outline."""
        cy, cx = np.repeat(centre.astype(np.float32), count, axis=0).T
        return np.asarray(np.minimum.reduceat((off_y - cy) ** 2 + (off_x - cx) ** 2, points.begin), np.float64)

    best = np.zeros_like(poles, np.float64)
    squared = reach(best)
    for step in (0.5, 0.25, 0.125):
        for dy, dx in _NEIGHBOURS[:4]:
            there = best + np.array([dy * sy, dx * sx]) * step
            found = reach(there)
            best = np.where((found > squared)[:, None], there, best)
            squared = np.maximum(squared, found)
    return np.asarray(2 * np.sqrt(squared), np.float64)
