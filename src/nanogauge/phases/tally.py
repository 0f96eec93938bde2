"""What is counted in a phase map, block by block: pixels of each phase, ends of chords, crossings of interfaces.

Every figure is a ratio of two such sums, and its interval comes from how the blocks differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .correlation import Correlation, correlation_of
from .crossings import crossings
from .phase_map import UNJUDGED, PhaseMap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (2, -1), (1, -2))
"""(dy, dx) along which interfaces are crossed."""
_LEAST_BLOCK = 2.0  # sides of a block, in extents of the map's correlation
_MOST_BLOCKS = 12  # along a side
_RARE = 0.001  # phases below do not decide how large blocks are
_MOST_INFLATION = 4.0
_SHORT = 1.0  # correlations seen in n independent areas come out short, variances by this over √n: found on rendered textures


@dataclass(frozen=True)
class Tally:
    """Sums over the blocks of one map, lengths in its unit, (b, ...).

    area: of what was judged; share: (b, K) area of each phase
    chord_ends, chord_length: (b, 2, K) along x and y; a chord has two ends, one cut by the frame has fewer
    interface: (b, K, K) length between two phases, symmetric, by Cauchy and Crofton
    chord_doubt, interface_doubt: (K,) and (K, K), relative, what pixels may hide of either: chords and gaps shorter than a step
    inflation: (K,) of the variance between blocks, as blocks that touch are alike
    least: (K,) variance of each phase's share by its covariance alone
    independent: areas of the size of the integral range that the map holds, of the phase with the largest
    block: (H, W) number of each pixel's block
    """

    area: Floats
    share: Floats
    chord_ends: Floats
    chord_length: Floats
    interface: Floats
    chord_doubt: Floats
    interface_doubt: Floats
    inflation: Floats
    least: Floats
    independent: float
    block: Ints

    @property
    def n(self) -> int:
        """Blocks."""
        return self.area.size


def tally(m: PhaseMap) -> Tally:
    """Counts a map."""
    k = len(m.names)
    judged, (sy, sx) = m.judged, m.step
    correlations = [correlation_of(m.phases == j, judged) for j in range(k if k != 2 else 1)]
    correlations *= 2 if k == 2 else 1  # of two phases both are alike
    present = np.bincount(m.phases[judged], minlength=k) / max(int(judged.sum()), 1)
    deciding = [c for c, p in zip(correlations, present, strict=True) if c is not None and min(p, 1 - p) > _RARE]
    deciding = deciding or [c for c in correlations if c is not None]
    block = _blocks(judged, [max((c.extent[axis] for c in deciding), default=math.inf) for axis in (0, 1)])
    n = int(block.max()) + 1
    flat, phase = block[judged], m.phases[judged].astype(np.int64)
    share = np.bincount(flat * k + phase, minlength=n * k).reshape(n, k) * (sy * sx)
    ends, length = np.zeros((n, 2, k)), np.zeros((n, 2, k))
    rates = np.zeros((2, 2, k))  # of ends per length, in steps of 1 and 2, along x and y
    for axis, (move, step) in enumerate((((0, 1), sx), ((1, 0), sy))):
        here, there, at = _pairs(m.phases, move, block)
        counted = np.bincount(at * k + here, minlength=n * k) + np.bincount(at * k + there, minlength=n * k)
        length[:, axis] = counted.reshape(n, k) / 2 * step  # half a step on either side: what lies at the frame has one half
        differ = here != there
        for side in (here, there):
            ends[:, axis] += np.bincount(at[differ] * k + side[differ], minlength=n * k).reshape(n, k)
        rates[0, axis] = ends[:, axis].sum(axis=0) / max(here.size, 1)
        here, there, _ = _pairs(m.phases, (2 * move[0], 2 * move[1]), block)
        differ = here != there
        both = np.bincount(here[differ], minlength=k) + np.bincount(there[differ], minlength=k)
        rates[1, axis] = both / 2 / max(here.size, 1)
    one, two = rates.sum(axis=1)
    interface, interface_doubt = _interfaces(m, block, n)
    largest = max((c.integral_range for c in deciding), default=math.inf)
    independent = max(float(judged.sum()) / largest, 1.0)
    inflation = np.array([_inflation(c, m.phases.shape, n, block) for c in correlations])
    return Tally(
        area=share.sum(axis=1),
        share=share.astype(np.float64),
        chord_ends=ends,
        chord_length=length,
        chord_doubt=_relative(one - two, one),
        interface=interface,
        interface_doubt=interface_doubt,
        inflation=inflation * (1 + _SHORT / math.sqrt(independent)),
        least=np.array([0.0 if c is None else c.variance_of_mean(*m.phases.shape) for c in correlations]),
        independent=independent,
        block=block,
    )


def _pairs(phases: NDArray[np.uint8], move: tuple[int, int], block: Ints) -> tuple[Ints, Ints, Ints]:
    """Phases of the two pixels of every pair that is apart by `move` and judged, and the block of the first."""
    dy, dx = move
    h, w = phases.shape
    first = (slice(0, max(h - dy, 0)), slice(max(-dx, 0), max(w - max(dx, 0), 0)))
    second = (slice(dy, h), slice(max(dx, 0), max(w - max(-dx, 0), 0)))
    here, there = phases[first], phases[second]
    both = (here != UNJUDGED) & (there != UNJUDGED)
    return here[both].astype(np.int64), there[both].astype(np.int64), block[first][both]


def _interfaces(m: PhaseMap, block: Ints, n: int) -> tuple[Floats, Floats]:
    """(n, K, K) L = (π/2) Σ_j w_j P_j A: P_j crossings per length of test line in direction j, w_j its share of all directions; and
    (K, K) how much less, relatively, there would be if outlines had no cusps."""
    k, (sy, sx) = len(m.names), m.step
    vectors = np.array([(dy * sy, dx * sx) for dy, dx in DIRECTIONS])
    weights = _shares_of_directions(np.arctan2(vectors[:, 0], vectors[:, 1]) % math.pi)
    found, hidden, smooth = np.zeros((n, k, k)), np.zeros((k, k)), np.zeros((k, k))
    n_judged = int(m.judged.sum())
    for move, vector, weight in zip(DIRECTIONS, vectors, weights, strict=True):
        c = crossings(m.phases, move, block, n, k)
        # pairs are fewer than pixels, by those that the frame cuts: each stands for a little more of the test line
        line = float(np.hypot(*vector)) * c.pairs / n_judged if c.pairs else math.inf
        each = math.pi / 2 * weight * sy * sx / line
        found += each * (c.seen + c.hidden)
        hidden += each * c.hidden.sum(axis=0)
        smooth += each * c.if_smooth
    return found, _relative(hidden - smooth, found.sum(axis=0))


def _relative(difference: Floats, of: Floats) -> Floats:
    """|difference| / of; 0 where there is nothing."""
    return np.asarray(np.divide(np.abs(difference), of, out=np.zeros_like(of), where=of > 0), np.float64)


def _shares_of_directions(angles: Floats) -> Floats:
    """The share of the half circle that is nearest to each direction."""
    order = np.argsort(angles)
    gaps = np.diff(angles[order], append=angles[order][0] + math.pi)
    shares = np.empty(angles.size)
    shares[order] = (gaps + np.roll(gaps, 1)) / (2 * math.pi)
    return shares


def _blocks(judged: NDArray[np.bool_], extent: Sequence[float]) -> Ints:
    """(H, W) number of each pixel's block: equal rectangles, four in all at least; those where nothing is judged have none of
    their own."""
    shape = judged.shape
    counts = [int(np.clip(s / (_LEAST_BLOCK * e), 1, min(_MOST_BLOCKS, s))) for s, e in zip(shape, extent, strict=True)]
    if math.prod(counts) < 4:
        counts = [max(c, min(2, s)) for c, s in zip(counts, shape, strict=True)]
    rows, columns = ((np.arange(s) * c) // s for s, c in zip(shape, counts, strict=True))
    block = rows[:, None] * counts[1] + columns[None, :]
    there = np.bincount(block[judged], minlength=math.prod(counts)) > 0
    return np.asarray(np.maximum(np.cumsum(there) - 1, 0)[block], np.int64)


def _inflation(c: Correlation | None, shape: tuple[int, int], n: int, block: Ints) -> float:
    """By what the variance of the mean exceeds that which the scatter of n blocks shows, as neighbours are alike."""
    if c is None or n < 2:
        return 1.0
    height, width = shape
    sides = [1 + int((np.diff(line) != 0).sum()) for line in (block[:, 0], block[0])]
    whole, one = c.variance_of_mean(height, width), c.variance_of_mean(height / sides[0], width / sides[1])
    shown = (one - whole) / (n - 1)
    return float(np.clip(whole / shown, 1.0, _MOST_INFLATION)) if shown > 0 else _MOST_INFLATION
