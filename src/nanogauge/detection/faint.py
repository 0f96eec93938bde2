"""What hardly stands out where the others do, or is bright where all others are dark: ground between particles, stains, holes.

The network is fairly sure of some such objects (0.7 on average where one in five is a particle): it knows shapes and rims, and
between spheres the ground has the rims of all its neighbours. How much brighter or darker an object is than what lies around it,
beside the particles of the same picture, is evidence that the network does not weigh.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .confidence import inside_and_around

_COMPANY = 8  # objects whose step is known
_ALIKE, _NEARLY_ALL = 0.7, 0.9  # share of them that is brighter (or darker) than its surroundings
_FAINT = (-0.5, 0.1)  # of the median step; what is as far on the other side is something, unless nearly all are on this one
_SURE = 0.9  # confidence from which the network's word counts for more
_MANY = 0.2  # share of all that may be a kind of its own
_GAP_PX, _RING_PX = 1, 4


class Faint(NamedTuple):
    """How many objects hardly stand out, and whether they were left out: not where they are so many that they may be a kind of
    particle."""

    n: int = 0
    left_out: bool = False


def hardly_stand_out(
    labels: NDArray[np.integer], grey: NDArray[np.generic], confidence: NDArray[np.float64] | None
) -> tuple[list[int], Faint]:
    """Labels to leave out of a picture (H, W), and how many hardly stand out. confidence: (n + 1,) by label."""
    if confidence is None or confidence.size <= _COMPANY:
        return [], Faint()
    inside, around = inside_and_around(labels, grey, gap_px=_GAP_PX, ring_px=_RING_PX)
    step = (inside - around)[1:]
    known = np.isfinite(step)
    if known.sum() < _COMPANY:
        return [], Faint()
    side = np.sign(np.median(step[known]))
    alike = float((np.sign(step[known]) == side).mean())
    if alike < _ALIKE:
        return [], Faint()
    share = np.where(known, step, np.inf) * side / float(np.median(np.abs(step[known])))
    least = -np.inf if alike >= _NEARLY_ALL else _FAINT[0]
    faint = np.flatnonzero((share >= least) & (share < _FAINT[1]) & (confidence[1:] < _SURE)) + 1
    few = faint.size <= _MANY * (confidence.size - 1)
    return (faint.tolist() if few else []), Faint(int(faint.size), few and faint.size > 0)
