"""Fractal aggregates of spheres with a chosen dimension and prefactor, for the benchmark of aggregates: Filippov, Zurita & Rosner,
J. Colloid Interface Sci. 229 (2000) 261, tunable cluster-cluster aggregation."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_TRIES = 300
_CLEAR = 1e-3  # of a radius: spheres may overlap by so little


def aggregate(rng: np.random.Generator, n: int, *, dimension: float = 1.78, prefactor: float = 1.3) -> Floats:
    """Centres (n, 3) of touching spheres of radius 1 with n = prefactor (Rg / 1)^dimension, joined two clusters at a time.

    Rg is that of the centres, as in the paper. Clusters of a few spheres cannot have any Rg: they come as near to it as they can.
    """
    clusters = [np.zeros((1, 3)) for _ in range(n)]
    while len(clusters) > 1:
        clusters.sort(key=len)
        joined = []
        while len(clusters) > 1:
            joined.append(_join(rng, clusters.pop(0), clusters.pop(0), dimension, prefactor))
        clusters = joined + clusters
    return clusters[0] - clusters[0].mean(axis=0)


def turned(rng: np.random.Generator, at: Floats) -> Floats:
    """The same turned at random."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    if np.linalg.det(q) < 0:
        q[:, 0] *= -1
    return np.asarray(at @ q.T, np.float64)


def gyration(at: Floats) -> float:
    """Radius of gyration of the centres."""
    return float(np.sqrt(((at - at.mean(axis=0)) ** 2).sum(axis=1).mean()))


def _join(rng: np.random.Generator, one: Floats, other: Floats, dimension: float, prefactor: float) -> Floats:
    """Two clusters with one contact at least, their centres as far apart as the law wants, or as near to that as was found."""
    one, other = turned(rng, one - one.mean(axis=0)), turned(rng, other - other.mean(axis=0))
    n1, n2 = len(one), len(other)
    n = n1 + n2
    wanted2 = n**2 / (n1 * n2) * (n / prefactor) ** (2 / dimension) - n / n2 * gyration(one) ** 2 - n / n1 * gyration(other) ** 2
    wanted = math.sqrt(max(wanted2, 0.0))
    reach1, reach2 = np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1)
    able = np.argwhere(reach1[:, None] + 2 + reach2[None] >= wanted)  # pairs far enough out to touch with the centres so far apart
    pairs = able if len(able) else np.argwhere(np.ones((n1, n2), bool))
    best, off = None, math.inf
    for attempt in range(_TRIES):
        i, j = (int(k) for k in pairs[rng.integers(len(pairs))])
        way = rng.normal(size=3)
        contact = one[i] + 2 * way / np.linalg.norm(way)  # where sphere j of the other comes to lie
        d = float(np.linalg.norm(contact))
        gap = float(np.clip(wanted, abs(d - reach2[j]), d + reach2[j]))
        if abs(gap - wanted) >= off or (gap != wanted and attempt < _TRIES // 2 and n > 4):
            continue
        centre = _centre(rng, contact, gap, float(reach2[j]))
        placed = _spun(rng, other, other[j], contact - centre) + centre
        apart = np.linalg.norm(one[:, None] - placed[None], axis=2).min()
        if apart >= 2 - _CLEAR:
            best, off = placed, abs(gap - wanted)
            if off < 1e-9:
                break
    if best is None:
        return _join(rng, one, other, dimension, prefactor)
    both = np.vstack([one, best])
    return both - both.mean(axis=0)


def _centre(rng: np.random.Generator, contact: Floats, gap: float, reach: float) -> Floats:
    """A point `gap` from the origin and `reach` from the contact, at random on the circle of such points."""
    d = float(np.linalg.norm(contact))
    if d < 1e-9 or gap < 1e-9:
        way = rng.normal(size=3)
        return np.asarray(gap * way / np.linalg.norm(way))
    axis = contact / d
    along = (gap**2 + d**2 - reach**2) / (2 * d)
    across = math.sqrt(max(gap**2 - along**2, 0.0))
    side = np.cross(axis, rng.normal(size=3))
    return np.asarray(along * axis + across * side / max(np.linalg.norm(side), 1e-12))


def _spun(rng: np.random.Generator, at: Floats, start: Floats, end: Floats) -> Floats:
    """Points turned so that `start` comes to `end`, and at random round that."""
    a, b = float(np.linalg.norm(start)), float(np.linalg.norm(end))
    if a < 1e-9 or b < 1e-9:
        return turned(rng, at)
    return at @ _frame(rng, start / a) @ _frame(rng, end / b).T


def _frame(rng: np.random.Generator, axis: Floats) -> Floats:
    """(3, 3) columns: the axis and two at random across it, right-handed."""
    side = np.cross(axis, rng.normal(size=3))
    side /= np.linalg.norm(side)
    return np.column_stack([axis, side, np.cross(axis, side)])
