"""Who is whose neighbour: Delaunay's triangles, those across holes left out, and what the frame hides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError, cKDTree

from ..window import Window

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

HOLE = 0.82
"""Circumradius in spacings from which a triangle lies across a hole. A hexagonal lattice has 0.577, a square one 0.707; at a
vacancy both have 1."""
_SPACING_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Neighbours of n particles.

    at: (n, 2) y and x; spacing: usual distance of neighbours
    triangles: (t, 3) particles, counter-clockwise or not; centre, radius: (t, 2), (t,) of their circumcircles
    first, second: (b,) the two particles of each bond, first < second
    weight: (b,) length of the side that the two Voronoi cells share, what lies across holes not counted
    sure: (n,) whether every neighbour is known: triangles all around, no hole, and none of their circumcircles reaches beyond the
        frame, where an unseen particle could change them
    inside: (n,) the same, but holes may lie beside it
    cell_area: (n,) of the Voronoi cell; NaN where it is not wholly known
    nearest: (n,) distance to the nearest other particle; NaN for a single one
    """

    at: Floats
    spacing: float
    triangles: Ints
    centre: Floats
    radius: Floats
    first: Ints
    second: Ints
    weight: Floats
    sure: Bools
    inside: Bools
    cell_area: Floats
    nearest: Floats

    @property
    def n(self) -> int:
        """Number of particles."""
        return len(self.at)

    def angle(self) -> Floats:
        """(b,) direction of each bond from `first` to `second`, counter-clockwise from the x axis as one sees the picture."""
        step = self.at[self.second] - self.at[self.first]
        return np.asarray(np.arctan2(-step[:, 0], step[:, 1]), np.float64)  # rows count downwards

    def length(self) -> Floats:
        """(b,) of each bond."""
        return np.asarray(np.hypot(*(self.at[self.second] - self.at[self.first]).T), np.float64)

    def both_ways(self) -> tuple[Ints, Ints, Floats]:
        """Each bond from either end: particle, its neighbour, weight; (2b,)."""
        return (
            np.concatenate([self.first, self.second]),
            np.concatenate([self.second, self.first]),
            np.concatenate([self.weight, self.weight]),
        )


def neighbours(at: Floats, window: Window, whole: Bools | None = None) -> Neighbours:
    """Delaunay's neighbours, without those across holes.

    Parameters
    ----------
    at : (n, 2) array
        Places y, x.
    window : Window
        Where particles could be seen.
    whole : (n,) array of bool, optional
        False for a particle that the frame cuts, whose place is not that of its centre: it is a neighbour, but none of those
        beside it is `sure`.

    Returns
    -------
    Neighbours
        Without triangles where there are fewer than three particles, or all lie on one line.

    Notes
    -----
    A triangle whose circumcircle lies within the frame is the same whatever lies outside, by the definition of Delaunay's
    triangulation: so what is `sure` does not depend on the frame. Triangles across holes are those left out by an α-shape
    (Edelsbrunner et al., IEEE Trans. Inf. Theory 29 (1983) 551) of α = 0.82 spacings.
    """
    at = np.asarray(at, np.float64)
    n = len(at)
    near = np.full(n, np.nan)
    if n > 1:
        near = np.asarray(cKDTree(at).query(at, k=2)[0][:, 1], np.float64)
    try:
        triangles = np.asarray(Delaunay(at).simplices, np.int64) if n >= 3 else np.zeros((0, 3), np.int64)
    except QhullError:  # all on one line
        triangles = np.zeros((0, 3), np.int64)
    centre, radius = _circumcircles(at, triangles)
    flat = ~(np.isfinite(radius) & (radius < 1e6 * max(window.shape)))
    triangles, centre, radius = triangles[~flat], centre[~flat], radius[~flat]
    spacing = _spacing(at, triangles, radius, near)
    kept = radius < HOLE * spacing
    first, second, weight = _bonds(at, triangles[kept], centre[kept], n)
    around = _angle_around(at, triangles, n)
    known = window.holds(centre, radius)
    cut = np.zeros(n, bool) if whole is None else ~np.asarray(whole, bool)
    doubtful = ~known | cut[triangles].any(axis=1)
    unsure = np.bincount(triangles[doubtful].ravel(), minlength=n) > 0
    inside = (np.abs(around - 2 * np.pi) < 1e-6) & ~unsure
    beside_hole = np.bincount(triangles[~kept].ravel(), minlength=n) > 0
    area = np.where(inside, _cell_areas(at, triangles, centre, n), np.nan)
    return Neighbours(at, spacing, triangles, centre, radius, first, second, weight, inside & ~beside_hole, inside, area, near)


def _circumcircles(at: Floats, triangles: Ints) -> tuple[Floats, Floats]:
    a, b, c = (at[triangles[:, k]] for k in range(3))
    ab, ac = b - a, c - a
    cross = 2 * (ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        bb, cc = (ab**2).sum(axis=1), (ac**2).sum(axis=1)
        off = np.stack([ac[:, 1] * bb - ab[:, 1] * cc, ab[:, 0] * cc - ac[:, 0] * bb], axis=1) / cross[:, None]
        return a + off, np.hypot(*off.T)


def _spacing(at: Floats, triangles: Ints, radius: Floats, near: Floats) -> float:
    """The usual distance of neighbours: the median of the sides that are the shortest or the middle one of their triangle, of
    triangles not across holes. The middle one is a lattice constant in a square lattice too, whose triangles have a diagonal."""
    good = near[np.isfinite(near)]
    if not len(triangles):
        return float(np.median(good)) if good.size else 1.0
    sides = np.stack([np.hypot(*(at[triangles[:, k]] - at[triangles[:, k - 1]]).T) for k in range(3)], axis=1)
    sides.sort(axis=1)
    spacing = float(np.median(good))
    for _ in range(_SPACING_ROUNDS):
        inner = radius < HOLE * spacing
        if not inner.any():
            break
        spacing = float(np.median(sides[inner, :2]))
    return spacing


def _bonds(at: Floats, triangles: Ints, centre: Floats, n: int) -> tuple[Ints, Ints, Floats]:
    """Sides of triangles, once each, with the length of the Voronoi side that crosses them within these triangles."""
    ends, parts = [], []
    for k in range(3):
        i, j, other = triangles[:, k], triangles[:, (k + 1) % 3], triangles[:, (k + 2) % 3]
        side = at[j] - at[i]
        middle = (at[i] + at[j]) / 2
        across = np.stack([-side[:, 1], side[:, 0]], axis=1) / np.maximum(np.hypot(*side.T), 1e-12)[:, None]
        towards = np.sign(((at[other] - middle) * across).sum(axis=1))
        parts.append(((centre - middle) * across).sum(axis=1) * towards)  # negative beyond the side, as in an obtuse triangle
        ends.append(np.minimum(i, j) * n + np.maximum(i, j))
    pair, which = np.unique(np.concatenate(ends), return_inverse=True)
    weight = np.bincount(which.ravel(), weights=np.concatenate(parts), minlength=len(pair))
    first, second = np.divmod(pair, max(n, 1))
    return first.astype(np.int64), second.astype(np.int64), np.maximum(weight, 0.0)


def _angle_around(at: Floats, triangles: Ints, n: int) -> Floats:
    """(n,) sum of the triangles' angles at each particle: 2π where they lie all around it."""
    total = np.zeros(n)
    for k in range(3):
        i = triangles[:, k]
        a, b = at[triangles[:, k - 1]] - at[i], at[triangles[:, k - 2]] - at[i]
        angle = np.arctan2(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]), (a * b).sum(axis=1))
        total += np.bincount(i, weights=angle, minlength=n)
    return total


def _cell_areas(at: Floats, triangles: Ints, centre: Floats, n: int) -> Floats:
    """(n,) area of the Voronoi cell of particles with triangles all around."""
    total = np.zeros(n)
    for k in range(3):
        i = triangles[:, k]
        for j, other in ((triangles[:, k - 1], triangles[:, k - 2]), (triangles[:, k - 2], triangles[:, k - 1])):
            side = at[j] - at[i]
            middle = (at[i] + at[j]) / 2
            length = np.maximum(np.hypot(*side.T), 1e-12)
            across = np.stack([-side[:, 1], side[:, 0]], axis=1) / length[:, None]
            towards = np.sign(((at[other] - middle) * across).sum(axis=1))
            height = ((centre - middle) * across).sum(axis=1) * towards
            total += np.bincount(i, weights=length / 2 * height / 2, minlength=n)
    return total
