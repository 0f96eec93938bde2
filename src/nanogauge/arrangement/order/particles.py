"""The order of particles whose places are known: `order_of_particles`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..window import Window
from .grains import Grains, Graph, find_grains
from .lattice import LatticeConstant, lattice_constant
from .map import Boundaries, PlaneMap, boundaries, plane_map
from .neighbours import Bools, Floats, Ints, Neighbours, neighbours
from .pairs import PairFigures, pair_figures
from .symmetry import FOLD, Complex, Defects, Lattice, bond_order, coordination, defects, orientation_deg, usual_lattice

LEAST_PARTICLES = 12
"""Fewer have no order worth a figure."""


@dataclass(frozen=True, slots=True)
class ParticleOrder:
    """What the places of n particles say; each array of a particle is in the order given.

    number: (n,) of neighbours; direction_deg: (n,) of the lattice round each particle
    """

    window: Window
    near: Neighbours
    psi4: Complex
    psi6: Complex
    lattice: Lattice
    number: Ints
    direction_deg: Floats
    grains: Grains
    constant: LatticeConstant
    defects: Defects
    plane: PlaneMap
    boundaries: Boundaries
    pairs: PairFigures | None

    @property
    def fold(self) -> int:
        """Of the lattice: 6 or 4."""
        return FOLD[self.lattice]

    @property
    def psi(self) -> Complex:
        """ψ of the lattice."""
        return self.psi6 if self.fold == 6 else self.psi4


def order_of_particles(
    at: Floats,
    window: Window,
    *,
    whole: Bools | None = None,
    lattice: Lattice | None = None,
    least_turn_deg: float = 4.0,
    least_grain: int = 10,
) -> ParticleOrder:
    """Neighbours, ψ, grains and their figures.

    Parameters
    ----------
    at : (n, 2) array
        Places y, x, at least `LEAST_PARTICLES`.
    window : Window
        Where particles could be seen.
    whole : (n,) array of bool, optional
        False for particles that the frame cuts.
    lattice : {"hexagonal", "square"}, optional
        None: the one whose ψ is larger on average.
    least_turn_deg, least_grain
        As `find_grains` takes them.

    Raises
    ------
    ValueError
        For fewer particles.
    """
    if len(at) < LEAST_PARTICLES:
        raise ValueError(f"at least {LEAST_PARTICLES} particles are needed, got {len(at)}")
    near = neighbours(at, window, whole)
    psi4, psi6 = bond_order(near, 4), bond_order(near, 6)
    kind = lattice or usual_lattice(psi4, psi6, near.sure if near.sure.any() else np.ones(near.n, bool))
    fold = FOLD[kind]
    psi = psi6 if fold == 6 else psi4
    graph = Graph(near.n, near.first, near.second, near.weight)
    grains = find_grains(graph, psi, fold, least_turn_deg=least_turn_deg, least=least_grain)
    number = coordination(near, kind)
    return ParticleOrder(
        window=window,
        near=near,
        psi4=psi4,
        psi6=psi6,
        lattice=kind,
        number=number,
        direction_deg=orientation_deg(psi, fold),
        grains=grains,
        constant=lattice_constant(near, grains, fold),
        defects=defects(near, number, kind),
        plane=plane_map(near.at, window, near.spacing, kind, grains.grain),
        boundaries=boundaries(near, grains.grain),
        pairs=pair_figures(near.at, window, near.spacing, psi),
    )
