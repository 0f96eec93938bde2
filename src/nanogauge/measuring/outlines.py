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

from .run_lengths import Floats, Ints

LEVEL = 0.5  # of the probability, on the outline
_NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
_PAIRS_AT_ONCE = 1 << 17  # corner pairs of hulls compared in one go: they fit into the cache


@dataclass(frozen=True, slots=True)
class Points:
    """Points of all outlines: (p, 2) (y, x) in px, in order of particle; `begin` (n,) the first of each; `particle` (p,)."""

    at: Floats
    particle: Ints
    begin: Ints


@dataclass(frozen=True, slots=True)
class Rim:
    """The pixels of an index picture (H, W) of which a neighbour belongs elsewhere: all that outlines depend on.

    padded: the flat picture with a frame of `BEYOND` round it; at: (r,) places in it, in reading order; step: its width
    """

    padded: NDArray[np.int32]
    at: Ints
    step: int
    width: int

    @property
    def flat(self) -> Ints:
        """(r,) places in the picture itself."""
        y, x = np.divmod(self.at, self.step)
        return np.asarray((y - 1) * self.width + x - 1, np.int64)


BEYOND = -2  # outside the frame; -1 is background


def find_rim(index: NDArray[np.int32]) -> Rim:
    """The rim of an index picture, -1 = background."""
    padded = np.pad(index, 1, constant_values=BEYOND)
    single, block = padded.astype(np.float32), np.ones((3, 3), np.uint8)  # exact below 2**24
    differs = np.asarray(cv2.dilate(single, block)) != np.asarray(cv2.erode(single, block))
    differs[[0, -1]] = False
    differs[:, [0, -1]] = False
    return Rim(padded.ravel(), np.flatnonzero(differs).astype(np.int64), padded.shape[1], index.shape[1])


def outline_points(rim: Rim, n: int, probability: NDArray[Any] | None) -> Points:
    """The outline's points. probability: (H, W) or None."""
    own = rim.padded[rim.at]
    inside = own >= 0
    places, owners, flats = rim.at[inside], own[inside], rim.flat[inside]
    at, particle = [], []
    for dy, dx in _NEIGHBOURS[:4]:
        beyond = rim.padded[places + dy * rim.step + dx]
        chosen = np.flatnonzero(beyond != owners)
        flat = flats[chosen]
        y, x = np.divmod(flat, rim.width)
        part = np.full(flat.size, 0.5)
        if probability is not None:
            free = beyond[chosen] == -1  # where two particles meet, or the frame ends, the outline is the pixel's edge
            here = probability.ravel()[flat].astype(np.float64)
            there = probability.ravel()[np.where(free, flat + dy * rim.width + dx, flat)].astype(np.float64)
            crosses = free & (here >= LEVEL) & (there < LEVEL)
            np.divide(here - LEVEL, here - there, out=part, where=crosses)
        at.append(np.stack([y + dy * part, x + dx * part], axis=1))
        particle.append(owners[chosen])
    owner = np.concatenate(particle).astype(np.int64)
    order = np.argsort(owner, kind="stable")
    owner = owner[order]
    return Points(np.concatenate(at)[order], owner, np.searchsorted(owner, np.arange(n)).astype(np.int64))


def crossings(rim: Rim, n: int) -> Floats:
    """(4, n) how often lines along x, y and the two diagonals leave each particle."""
    own = rim.padded[rim.at]
    places, owners = rim.at[own >= 0], own[own >= 0]
    counts = np.zeros((4, n))
    for k, (dy, dx) in enumerate(((0, 1), (1, 0), (1, 1), (1, -1))):
        counts[k] = np.bincount(owners[rim.padded[places + dy * rim.step + dx] != owners], minlength=n)
    return counts


def area_correction(rim: Rim, n: int, probability: NDArray[Any]) -> Floats:
    """(n,) px² to add to the number of pixels: how far the outline at LEVEL lies outside the pixels' edges.

    A pixel at the outline is covered by 1/2 + (p - LEVEL) / |grad p|, its distance to the level set (Osher & Fedkiw, Level Set
    Methods (2003), ch. 1), held to what its label allows: at least half inside, at most half outside.
    """
    own, flats = rim.padded[rim.at], rim.flat
    owner = np.full(own.size, -1, np.int32)  # of background pixels beside a particle
    at_background = np.zeros(own.size, bool)  # particle pixels beside the background; the frame's edge is none
    for dy, dx in _NEIGHBOURS:
        beyond = rim.padded[rim.at + dy * rim.step + dx]
        np.copyto(owner, beyond, where=(own < 0) & (owner < 0))
        at_background |= beyond == -1
    change = np.zeros(n)
    for chosen, owners, is_inside in ((at_background & (own >= 0), own, True), ((own < 0) & (owner >= 0), owner, False)):
        flat = flats[chosen]
        p, slope = _level_and_slope(probability, flat)
        signed = np.divide(p - LEVEL, slope, out=np.full(flat.size, 0.5), where=slope > 1e-6)
        off = np.clip(signed, 0, 0.5) - 0.5 if is_inside else np.where(slope > 1e-6, np.clip(signed, -0.5, 0) + 0.5, 0.0)
        change += np.bincount(owners[chosen], weights=off, minlength=n)
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
    corners, first = np.concatenate([np.zeros((0, 2)), *polygons]), np.cumsum(k) - k
    order = np.argsort(k, kind="stable")
    at = 0
    while at < order.size:
        # as many as fit, the largest hull among them deciding the width of the table
        n = order.size - at
        while n > 1 and n * int(k[order[at + n - 1]]) ** 2 > _PAIRS_AT_ONCE:
            n = max(1, n // 2)
        chosen = order[at : at + n]
        widest = int(k[chosen[-1]])
        corner = first[chosen][:, None] + np.minimum(np.arange(widest), k[chosen][:, None] - 1)
        out[:, chosen] = _widths(corners[corner])
        at += n
    return HullFigures(*out)


def _widths(hull: Floats) -> Floats:
    """(5, n) figures of hulls (n, k, 2), short ones with their last corner repeated.

    Which corners and sides decide is sought in single precision, the widths there are then taken in double.
    """
    rows = np.arange(len(hull))
    y, x = hull[..., 0], hull[..., 1]
    h32 = hull.astype(np.float32)
    square = (h32 * h32).sum(axis=2)
    apart = h32 @ h32.transpose(0, 2, 1)  # (n, k, k); |a - b|² = a² + b² - 2 ab
    apart *= -2
    apart += square[:, :, None]
    apart += square[:, None]
    i, j = np.divmod(apart.reshape(len(hull), -1).argmax(axis=1), hull.shape[1])
    long_y, long_x = y[rows, j] - y[rows, i], x[rows, j] - x[rows, i]
    longest = np.hypot(long_y, long_x)
    sy, sx = np.roll(y, -1, axis=1) - y, np.roll(x, -1, axis=1) - x  # (n, k) sides
    length = np.hypot(sy, sx)
    unit_y, unit_x = (np.divide(v, length, out=np.zeros_like(v), where=length > 0) for v in (sy, sx))
    across_side = np.stack([-unit_x, unit_y], axis=2).astype(np.float32)  # square to each side
    reach = across_side @ h32.transpose(0, 2, 1)  # (n, sides, corners)
    at_side = (across_side * h32).sum(axis=2)
    height = np.where(length > 0, np.maximum(reach.max(axis=2) - at_side, at_side - reach.min(axis=2)), np.inf)
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
