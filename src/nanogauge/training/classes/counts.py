"""How much the maps of a network and outlines count for its classes: weighed on micrographs held out.

Particles of one micrograph are alike, so micrographs are counted, not particles. Maps and outlines together are taken only where
they do better than one of them alone beyond chance between micrographs: what helps in three pictures of a sample may harm in the
next sample's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import minimize

from ...core.protocols import COUNTS, EngineClasses
from ...measuring.learned_classes import all_shapes, evidence, softmax
from .figures import F64, I64
from .judge import Found

Counts = tuple[float, float]
MAPS, OUTLINES, BOTH = (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)
_KEPT = 1.0  # micrographs that the counts to begin with are worth
_MOST = 4.0  # times as much as that
_CHANCE = 0.05


@dataclass(frozen=True)
class Weighed:
    """counts: of maps and outlines, as `EngineClasses.counts`; losses: (micrographs, 3) log loss of each micrograph held out, by
    maps, by outlines and by both, scaled to the others; empty where they could not be compared"""

    counts: Counts
    losses: F64


def weigh(held: Found, known: EngineClasses) -> Weighed:
    """How much maps and outlines are to count, by the particles held out that have an outline.

    Where all classes are shapes by name, outlines count alone to begin with: they have learned from very many particles of every
    kind, while maps of a few micrographs tell how a sample looks. Of other names the better of the two begins. What is better
    than that beyond chance (paired t-test over the micrographs, one-sided) is taken. Nothing is weighed where a class is not among
    the particles held out, or these are of one micrograph.
    """
    usual = OUTLINES if all_shapes(known) else COUNTS
    compared = _Compared.of(held, known)
    if compared.n < 2 or len(np.unique(compared.true)) < len(known.names):
        return Weighed(usual, np.zeros((0, 3)))
    ways = (MAPS, OUTLINES, BOTH)
    losses = np.stack([compared.left_out(way) for way in ways], axis=1)
    first = 1 if all_shapes(known) or losses[:, 1].mean() <= losses[:, 0].mean() else 0
    better = [k for k in range(3) if k != first and _is_less(losses[:, k], losses[:, first])]
    best = min(better, key=lambda k: float(losses[:, k].mean()), default=first)
    # how sharp one part alone is says the temperature
    return Weighed(compared.fitted(BOTH) if ways[best] == BOTH else ways[best], losses)


def _is_less(one: F64, other: F64) -> bool:
    gain = other - one
    error = float(gain.std(ddof=1)) / math.sqrt(len(gain))
    return bool(gain.mean() > stats.t.ppf(1 - _CHANCE, len(gain) - 1) * max(error, 1e-12))


@dataclass(frozen=True)
class _Compared:
    """What is said of particles of known classes, one by one. maps, outlines: (n, K) log-probabilities; true: (n,) classes;
    picture: (n,) 0 ... n - 1; weight: (n,) with which classes count alike, micrographs of a class alike, and its particles in
    one; they sum to the number of micrographs"""

    maps: F64
    outlines: F64
    true: I64
    picture: I64
    weight: F64

    @classmethod
    def of(cls, found: Found, known: EngineClasses) -> _Compared:
        kept = found.matched & ~np.isnan(found.shapes[:, 0])
        maps, outlines = evidence(found.seen[kept], found.shapes[kept], known)
        true, k = found.true[kept], len(known.names)
        _, picture = np.unique(found.picture[kept], return_inverse=True)
        groups, group, size = np.unique(picture * k + true, return_inverse=True, return_counts=True)
        with_class = np.bincount(groups % k, minlength=k)
        weight = 1 / size[group] / with_class[true]
        return cls(
            maps, outlines, true, picture.astype(np.int64), weight * (picture.max(initial=-1) + 1) / max(weight.sum(), 1e-12)
        )

    @property
    def n(self) -> int:
        """How many micrographs."""
        return int(self.picture.max(initial=-1)) + 1

    def fitted(self, way: Counts, *, without: int = -1) -> Counts:
        """The counts that fit all micrographs, or all but one, best; those that are 0 in `way` stay so."""
        own = self.picture != without
        maps, outlines, true, weight = self.maps[own], self.outlines[own], self.true[own], self.weight[own]
        at, begin = np.arange(len(true)), np.array(way)

        def loss(counts: F64) -> tuple[float, F64]:
            p = softmax(counts[0] * maps + counts[1] * outlines)
            value = -float(weight @ np.log(np.maximum(p[at, true], 1e-12))) + _KEPT * float(((counts - begin) ** 2).sum())
            p[at, true] -= 1
            slope = np.array([float(weight @ (p * part).sum(axis=1)) for part in (maps, outlines)])
            return value, slope + 2 * _KEPT * (counts - begin)

        found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=[(0, _MOST * w) for w in way])
        return round(float(found.x[0]), 3), round(float(found.x[1]), 3)

    def left_out(self, way: Counts) -> F64:
        """(micrographs,) The loss of each, by counts fitted to the others."""
        out = np.zeros(self.n)
        for k in range(self.n):
            own = self.picture == k
            maps, outlines = self.fitted(way, without=k)
            p = softmax(maps * self.maps[own] + outlines * self.outlines[own])
            out[k] = -self.weight[own] @ np.log(np.maximum(p[np.arange(int(own.sum())), self.true[own]], 1e-12))
        return out
