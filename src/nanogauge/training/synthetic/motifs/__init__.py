"""What the usual scenes lack: several sizes in one picture, films with holes, fibre mats, lattice fringes, single giants, grounds
without particles, weak shells, chains of soot, fibres across the frame, catalysts, powders, rafts of rods. A motif is a scene
with a look that fits it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import numpy as np

from . import grounds, particles
from .draws import Pair

Motif = Literal[
    "two sizes", "broad", "holes", "bare holes", "mat", "mat with particles", "fringes", "fringed", "giant", "porous ground",
    "bare ground", "core-shell", "bright rims", "crossed rods", "soot", "flat", "across",
    "supported", "agglomerates", "rafts",
]  # fmt: skip
MOTIFS: tuple[Motif, ...] = get_args(Motif)
SHARES: dict[Motif, float] = {
    "two sizes": 0.06, "broad": 0.07, "holes": 0.03, "bare holes": 0.035, "mat": 0.03, "mat with particles": 0.035,
    "fringes": 0.025, "fringed": 0.015, "giant": 0.03, "porous ground": 0.015, "bare ground": 0.05, "core-shell": 0.045,
    "bright rims": 0.01, "crossed rods": 0.04, "soot": 0.05, "flat": 0.04,
    "across": 0.02, "supported": 0.05, "agglomerates": 0.04, "rafts": 0.035,
}  # fmt: skip
"""Of `render_crop`'s pictures, unless a recipe says otherwise; the rest are usual scenes."""
EMPTY: tuple[Motif, ...] = ("bare holes", "mat", "fringes", "porous ground", "bare ground")
"""Those whose truth is empty."""


def shares_with(changed: Mapping[str, float]) -> dict[Motif, float]:
    """`SHARES`, but for some motifs."""
    return {m: changed.get(m, SHARES[m]) for m in MOTIFS}


def draw_motif(rng: np.random.Generator, shares: Mapping[str, float] | None = None) -> Motif | None:
    """A motif by its share, None for a usual scene. shares: of some motifs, in place of those in `SHARES`."""
    of = shares_with(shares or {})
    k = int(np.searchsorted(np.cumsum([of[m] for m in MOTIFS]), rng.random(), side="right"))
    return MOTIFS[k] if k < len(MOTIFS) else None


def staged(motif: Motif, rng: np.random.Generator, shape: tuple[int, int], *, median_diameter_px: float) -> Pair:
    """A scene of a motif and a look that fits it. Where the motif has particles, `median_diameter_px` is their typical diameter:
    between the two populations' where there are two, and at least four tenths of the frame for a giant."""
    return _STAGES[motif](rng, shape, median_diameter_px)


_STAGES: dict[Motif, Callable[[np.random.Generator, tuple[int, int], float], Pair]] = {
    "two sizes": particles.two_sizes,
    "broad": particles.broad,
    "holes": grounds.holes,
    "bare holes": grounds.bare_holes,
    "mat": grounds.mat,
    "mat with particles": grounds.mat_with_particles,
    "fringes": grounds.fringes,
    "fringed": grounds.fringed,
    "giant": particles.giant,
    "porous ground": grounds.porous_ground,
    "bare ground": grounds.bare_ground,
    "core-shell": particles.core_shell,
    "bright rims": particles.bright_rims,
    "crossed rods": particles.crossed_rods,
    "soot": particles.soot,
    "flat": particles.flat,
    "across": particles.across,
    "supported": particles.supported,
    "agglomerates": particles.agglomerates,
    "rafts": particles.rafts,
}
