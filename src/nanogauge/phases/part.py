"""One micrograph's phase map, counted: what is pooled, compared and drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .chords import Chords, chords_of
from .components import Components, components_of
from .phase_map import PhaseMap
from .tally import Tally, tally
from .thickness import Thickness, local_thickness

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """A map and all that is counted in it; of each phase chords along x and y, pieces, and thickness."""

    map: PhaseMap
    tally: Tally
    chords: tuple[tuple[Chords, Chords], ...]
    pieces: tuple[Components, ...]
    thickness: tuple[Thickness, ...]


def part_of(m: PhaseMap) -> Part:
    """Counts a map. Thickness is in square pixels: where these are not square, of their mean side."""
    judged = m.judged
    counted = tally(m)
    thickness = tuple(local_thickness(m.phases == k, judged, counted.block) for k in range(len(m.names)))
    pieces = tuple(components_of(m, k) for k in range(len(m.names)))
    return Part(m, counted, tuple(chords_of(m)), pieces, thickness)
