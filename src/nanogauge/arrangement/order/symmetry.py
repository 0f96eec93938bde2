"""Bond-orientational order: ψ4 and ψ6, which of them the lattice has, coordination, and the defects of a hexagonal one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .neighbours import Bools, Floats, Ints, Neighbours

Complex = NDArray[np.complex128]
Lattice = Literal["hexagonal", "square"]
FOLD: dict[Lattice, int] = {"hexagonal": 6, "square": 4}
_LEAST_SIDE = 0.3  # of a Voronoi cell, in spacings, from which two particles of a square lattice are neighbours; a diagonal has 0


def bond_order(near: Neighbours, fold: int) -> Complex:
    """(n,) ψ of each particle: Σ w exp(i fold θ) / Σ w over its bonds of direction θ; 0 for a particle without any.

    After Nelson & Halperin, Phys. Rev. B 19 (1979) 2457. Each bond counts with the length w of the side that the two Voronoi cells
    share (Mickel et al., J. Chem. Phys. 138 (2013) 044501): ψ then does not jump where a neighbour is hardly one, and is 1 in a
    square lattice too, whichever diagonals the triangulation has.
    """
    phase = near.weight * np.exp(1j * fold * near.angle())  # the same from either end, as fold is even
    total = np.zeros(near.n, np.complex128)
    weight = np.zeros(near.n)
    for end in (near.first, near.second):
        total += np.bincount(end, weights=phase.real, minlength=near.n) + 1j * np.bincount(
            end, weights=phase.imag, minlength=near.n
        )
        weight += np.bincount(end, weights=near.weight, minlength=near.n)
    return np.asarray(total / np.where(weight > 0, weight, 1), np.complex128)


def orientation_deg(psi: Complex, fold: int) -> Floats:
    """Direction of the lattice in degrees, counter-clockwise from the x axis, -180/fold to 180/fold; NaN where ψ is 0."""
    return np.asarray(np.where(np.abs(psi) > 0, np.rad2deg(np.angle(psi)) / fold, np.nan), np.float64)


def turn_deg(a: Floats, b: Floats, fold: int) -> Floats:
    """By how many degrees lattices of directions a and b are turned against each other, 0 to 180/fold."""
    period = 360 / fold
    d = np.mod(np.asarray(a) - np.asarray(b), period)
    return np.asarray(np.minimum(d, period - d), np.float64)


def usual_lattice(psi4: Complex, psi6: Complex, chosen: Bools) -> Lattice:
    """The lattice whose ψ is the larger one, on average over the chosen particles."""
    if not chosen.any():
        return "hexagonal"
    return "square" if np.abs(psi4[chosen]).mean() > np.abs(psi6[chosen]).mean() else "hexagonal"


def coordination(near: Neighbours, lattice: Lattice) -> Ints:
    """(n,) number of neighbours: those of the Delaunay triangulation; in a square lattice those with which a particle shares more
    than a corner of its Voronoi cell."""
    counts = near.weight > (_LEAST_SIDE * near.spacing if lattice == "square" else -1.0)
    ends = np.concatenate([near.first[counts], near.second[counts]])
    return np.bincount(ends, minlength=near.n).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Defects:
    """Particles all around known whose number of neighbours is not the lattice's.

    n_sure: particles judged; n_few, n_many: those with fewer and with more neighbours
    dislocations: pairs of a five- and a seven-fold particle that are neighbours, each in one pair at most; None in a square lattice
    disclinations: five- and seven-fold particles in no pair; None in a square lattice
    """

    n_sure: int
    n_few: int
    n_many: int
    dislocations: int | None
    disclinations: int | None


def defects(near: Neighbours, number: Ints, lattice: Lattice) -> Defects:
    """The defects; number: (n,) as `coordination` gives it."""
    fold = FOLD[lattice]
    few, many = near.sure & (number < fold), near.sure & (number > fold)
    counts = int(near.sure.sum()), int(few.sum()), int(many.sum())
    if lattice == "square":
        return Defects(*counts, None, None)
    five, seven = near.sure & (number == 5), near.sure & (number == 7)
    pairs = _pairs(near, five, seven)
    return Defects(*counts, pairs, int(five.sum() + seven.sum()) - 2 * pairs)


def _pairs(near: Neighbours, five: Bools, seven: Bools) -> int:
    """How many neighbours of different kind can be paired, each once at most."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    a, b, _ = near.both_ways()
    mixed = five[a] & seven[b]
    if not mixed.any():
        return 0
    graph = csr_matrix((np.ones(int(mixed.sum()), np.int8), (a[mixed], b[mixed])), shape=(near.n, near.n))
    return int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())
