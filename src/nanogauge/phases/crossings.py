"""How often test lines in one direction cross from one phase into another: what is seen in steps of pixels, and what these hide.

Looked at in steps, a test line misses a chord that lies between two of its points. How many it misses follows from the shortest
chords that it does see. With f(x) chords of length x in steps, one of length x < 1 is missed in 1 - x of all cases and seen as one
point in x, one of length 1 to 2 as one point in 2 - x and as two else. Where f(x) = p + q x over so short lengths, N1 = p + q
chords of one point are seen and N2 = p + 2 q of two, and p / 2 + q / 6 = 5/6 N1 - N2 / 3 are missed. Chords of smooth outlines have
p = 0, those at cusps have not, and between layers that are thicker than two steps there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .phase_map import UNJUDGED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_IF_SMOOTH = 1 / 6  # chords missed for one that is seen as one point, where p = 0: as few as there can be


@dataclass(frozen=True)
class Crossings:
    """seen: (n, K, K) pairs of points, by block, that are in two phases, symmetric; hidden: (n, K, K) to be added to them;
    if_smooth: (K, K) what would be added in all if outlines had no cusps; pairs: points that have a next one"""

    seen: Floats
    hidden: Floats
    if_smooth: Floats
    pairs: int


def crossings(phases: NDArray[np.uint8], move: tuple[int, int], block: Ints, n: int, k: int) -> Crossings:
    """Of phases (H, W) of which there are k, along test lines with a point every `move` (dy >= 0, dx), in n blocks (H, W)."""
    (here, there), at, pairs = _in_line(phases, move, 2, block)
    seen = _between(at, here, there, np.ones(at.size), n, k)
    (a, b, c), at, triples = _in_line(phases, move, 3, block)
    one = _chord(a, b, c, k)
    (a_, b_, _, c_), _, quadruples = _in_line(phases, move, 4, block)
    of_one = np.bincount(one, minlength=k**3) / max(triples, 1)
    of_two = np.bincount(_chord(a_, b_, c_, k), minlength=k**3) / max(quadruples, 1)
    ratio = np.divide(of_two, of_one, out=np.zeros(k**3), where=of_one > 0)
    missed = np.maximum(5 / 6 - ratio / 3, _IF_SMOOTH)[one] * (pairs / max(triples, 1))
    hidden = _of_chords(at, (a, b, c), missed, n, k)
    smooth = _of_chords(np.zeros_like(at), (a, b, c), np.full(at.size, _IF_SMOOTH * pairs / max(triples, 1)), 1, k)
    return Crossings(seen, hidden, smooth[0], pairs)


def _in_line(phases: NDArray[np.uint8], move: tuple[int, int], points: int, block: Ints) -> tuple[tuple[Ints, ...], Ints, int]:
    """Of so many points in line, all judged, the first and the last alone in phases other than their neighbours': the phases of
    each, the block of the first, and how many lines of points there are in all."""
    (dy, dx), (h, w), more = move, phases.shape, points - 1
    rows, left, columns = h - more * dy, max(-more * dx, 0), w - more * abs(dx)
    if rows <= 0 or columns <= 0:
        return tuple(np.zeros(0, np.int64) for _ in range(points)), np.zeros(0, np.int64), 0
    views = [phases[s * dy : s * dy + rows, left + s * dx : left + s * dx + columns] for s in range(points)]
    judged = np.logical_and.reduce([v != UNJUDGED for v in views])
    found = judged & (views[0] != views[1]) & (views[-2] != views[-1])
    for before, after in pairwise(views[1:-1]):
        found &= before == after
    place = block[:rows, left : left + columns][found]
    return tuple(v[found].astype(np.int64) for v in views), place, int(judged.sum())


def _chord(a: Ints, b: Ints, c: Ints, k: int) -> Ints:
    """One number for a chord of phase b between phases a and c, from either side."""
    return (np.minimum(a, c) * k + b) * k + np.maximum(a, c)


def _of_chords(at: Ints, chord: tuple[Ints, Ints, Ints], weight: Floats, n: int, k: int) -> Floats:
    """(n, K, K) crossings into and out of chords, each with its weight, for those from one side to the other that were seen."""
    a, b, c = chord
    other = a != c
    direct = _between(at[other], a[other], c[other], weight[other], n, k)
    return _between(at, a, b, weight, n, k) + _between(at, b, c, weight, n, k) - direct


def _between(at: Ints, a: Ints, b: Ints, weight: Floats, n: int, k: int) -> Floats:
    """(n, K, K) sums of weights by block and phases on either side, symmetric."""
    total = np.bincount((at * k + a) * k + b, weight, minlength=n * k * k).reshape(n, k, k)
    return np.asarray(total + total.transpose(0, 2, 1), np.float64)
