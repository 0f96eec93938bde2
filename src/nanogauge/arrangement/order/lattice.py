"""The lattice constant, from the bonds within grains."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .grains import Grains
from .neighbours import Floats, Ints, Neighbours

_FOUND = 0.45  # spacings round the place where a lattice has its next particle, within which that is looked for
_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class LatticeConstant:
    """value, standard_error: over all grains, in the unit of the places; NaN where there is no grain; n_bonds: used.
    of_grain: (g,) of each grain, NaN where it has too few bonds; spread: standard deviation of a bond's length along its direction,
    over the lattice constant (a paracrystal's distortion)."""

    value: float
    standard_error: float
    n_bonds: int
    of_grain: Floats
    spread: float


def lattice_constant(near: Neighbours, grains: Grains, fold: int) -> LatticeConstant:
    """Mean of bonds along the lattice's directions in each grain.

    From each particle the next one is looked for where the grain's lattice has it, and how far along the direction it lies is
    averaged. The mean *length* of bonds would be too large, by σ²/a for places that scatter by σ, and that of Delaunay's bonds too
    small, as it cuts the long ones. Only particles all of whose neighbours are known and of the same grain count. The standard
    error is the larger of the bonds' own and that between grains.
    """
    a, b = near.first, near.second
    g = grains.grain
    lone = np.zeros(near.n, bool)
    differ = g[a] != g[b]
    lone[a[differ]] = lone[b[differ]] = True
    inner = np.flatnonzero(near.inside & ~lone & (g > 0))
    along, of = _bonds_along(near, inner, g, grains.direction_deg, fold)
    n = len(along)
    if n < fold:
        return LatticeConstant(math.nan, math.nan, n, np.full(grains.n, np.nan), math.nan)
    count = np.bincount(of, minlength=grains.n)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.where(count >= 2 * fold, np.bincount(of, weights=along, minlength=grains.n) / count, np.nan)
    value = float(along.mean())
    spread = float(along.std(ddof=1))
    error = spread / math.sqrt(n)
    known = np.isfinite(each)
    if known.sum() >= 3:
        weight = count[known] / count[known].sum()
        between = math.sqrt(float((weight * (each[known] - value) ** 2).sum()))
        effective = 1 / float((weight**2).sum())
        if effective > 1:
            error = max(error, between / math.sqrt(effective - 1))
    return LatticeConstant(value, error, n, each, spread / value)


def _bonds_along(near: Neighbours, inner: Ints, grain: Ints, direction_deg: Floats, fold: int) -> tuple[Floats, Ints]:
    """Lengths along the lattice's directions of bonds between the `inner` particles, and their grain from 0."""
    empty: tuple[Floats, Ints] = np.zeros(0), np.zeros(0, np.int64)
    if len(inner) < 2:
        return empty
    at, own = near.at[inner], grain[inner]
    tree = cKDTree(at)
    spacing, found = near.spacing, empty
    for _ in range(_ROUNDS):
        parts = []
        for k in range(fold // 2):  # the others are the same bonds from their other end
            angle = np.deg2rad(direction_deg[own - 1] + 360 / fold * k)
            way = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
            distance, next_one = tree.query(at + spacing * way, distance_upper_bound=_FOUND * spacing)
            i = np.flatnonzero(np.isfinite(distance))
            j = next_one[i]
            alike = own[i] == own[j]
            i, j = i[alike], j[alike]
            parts.append((((at[j] - at[i]) * way[i]).sum(axis=1), own[i] - 1))
        found = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
        if not len(found[0]):
            return empty
        spacing = float(found[0].mean())
    return found
