"""Lengths of chords along rows and columns, with what the frame cuts off taken into account.

A chord is followed from where it enters the phase; one that reaches the frame is censored there. Kaplan and Meier's estimate
(J. Am. Stat. Assoc. 53 (1958) 457) uses both kinds; it needs chords that begin in sight, as where those begin that come in over
the frame is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .phase_map import UNJUDGED, PhaseMap

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Chords:
    """Lengths of one map's chords of one phase, in its unit; `whole`: both ends were seen. Each chord of which one end only was
    seen is there once, each whole one twice: once from either end."""

    length: Floats
    whole: NDArray[np.bool_]


def chords_of(m: PhaseMap) -> list[tuple[Chords, Chords]]:
    """Of each phase, the chords along x and along y."""
    along = (_along_rows(m.phases, m.step[1]), _along_rows(np.ascontiguousarray(m.phases.T), m.step[0]))
    out = []
    for k in range(len(m.names)):
        x, y = (Chords(length[phase == k], whole[phase == k]) for phase, length, whole in along)
        out.append((x, y))
    return out


def _along_rows(phases: NDArray[np.uint8], step: float) -> tuple[NDArray[np.uint8], Floats, NDArray[np.bool_]]:
    """Phase, length and whether both ends were seen, of each chord from each end that was seen."""
    begins = np.ones(phases.shape, bool)
    np.not_equal(phases[:, 1:], phases[:, :-1], out=begins[:, 1:])
    starts = np.flatnonzero(begins)
    phase = phases.ravel()[starts]
    length = np.diff(starts, append=phases.size) * step
    first = starts % phases.shape[1] == 0
    before, after = np.roll(phase, 1), np.roll(phase, -1)
    opens = ~first & (before != UNJUDGED)
    closes = ~np.roll(first, -1) & (after != UNJUDGED)
    seen = opens | closes
    n_ends = opens.astype(np.int64) + closes
    keep = seen & (phase != UNJUDGED)
    times = n_ends[keep]
    return np.repeat(phase[keep], times), np.repeat(length[keep], times), np.repeat((opens & closes)[keep], times)


@dataclass(frozen=True)
class ChordDistribution:
    """The distribution of chord lengths by number: `share` of chords no longer than `length`; it ends below 1 where the longest
    chords are cut by the frame."""

    length: Floats
    share: Floats
    n: int

    def quantile(self, p: float) -> float:
        """The length that a share p of the chords does not exceed; NaN where these reach beyond the frame."""
        at = int(np.searchsorted(self.share, p - 1e-12))
        return float(self.length[at]) if at < self.length.size else float("nan")


def distribution_of(chords: Sequence[Chords]) -> ChordDistribution:
    """Of the chords of several maps or directions, in one unit."""
    length = np.concatenate([c.length for c in chords]) if chords else np.zeros(0)
    whole = np.concatenate([c.whole for c in chords]) if chords else np.zeros(0, bool)
    at, which = np.unique(np.round(length, 9), return_inverse=True)
    ended = np.bincount(which, whole, at.size)
    cut = np.bincount(which, ~whole, at.size)
    # one cut at a length may end there or beyond: it was not at risk of ending there in sight
    at_risk = np.cumsum((ended + cut)[::-1])[::-1] - cut
    hazard = np.divide(ended, at_risk, out=np.zeros(at.size), where=at_risk > 0)
    share = 1 - np.cumprod(1 - hazard)
    kept = ended > 0
    return ChordDistribution(at[kept], share[kept], int(whole.sum() // 2))
