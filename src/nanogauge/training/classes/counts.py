"""How much the maps of a network and outlines count for its classes: weighed on micrographs held out.

Particles of one micrograph are alike, so micrographs are counted, not particles. What counts usually stays unless something else
does better beyond chance between micrographs: what helps in three pictures of a sample may harm in the next sample's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from ...core.protocols import EngineClasses
from ...measuring.learned_classes import all_shapes, evidence, softmax
from .figures import F64, I64, is_less, loss_by_picture, picture_weights
from .judge import Found

Counts = tuple[float, float]
MAPS, OUTLINES = (1.0, 0.0), (0.0, 1.0)
USUAL = (0.5, 2.0)  # of names that are no shapes: maps boast more, as they have learned the very pixels
_KEPT = 0.1  # micrographs that counts of 1 are worth where they are fitted
_MOST = 4.0


@dataclass(frozen=True)
class Weighed:
    """counts: of maps and outlines, as `EngineClasses.counts`; losses: (micrographs, 4) log loss of each micrograph held out, by
    what counts usually, by maps, by outlines and by both, fitted to the others; empty where they could not be compared"""

    counts: Counts
    losses: F64


def weigh(held: Found, known: EngineClasses) -> Weighed:
    """How much maps and outlines are to count, by the particles held out that have an outline.

    Where all classes are shapes by name, outlines usually count alone: they have learned from very many particles of every kind,
    while maps of a few micrographs tell how a sample looks. Of other names both count. What is better than that beyond chance is
    taken. Nothing is weighed where a class is not among the particles held out, or these are of one micrograph.
    """
    usual = OUTLINES if all_shapes(known) else USUAL
    compared = _Compared.of(held, known)
    if compared.n < 2 or len(np.unique(compared.true)) < len(known.names):
        return Weighed(usual, np.zeros((0, 4)))
    # how sharp a mixture is says the temperature: only where both are free is there more to fit
    ways = [np.array([way]).T for way in (usual, MAPS, OUTLINES)] + [np.eye(2)]
    losses = np.stack([compared.left_out(way) for way in ways], axis=1)
    better = [k for k in range(1, 4) if is_less(losses[:, k], losses[:, 0])]
    alone = min((k for k in better if k < 3), key=lambda k: float(losses[:, k].mean()), default=0)
    if 3 in better and is_less(losses[:, 3], losses[:, alone]):
        return Weighed(compared.fitted(ways[3]), losses)
    return Weighed((usual, MAPS, OUTLINES)[alone], losses)


@dataclass(frozen=True)
class _Compared:
    """What is said of particles of known classes, one by one. maps, outlines: (n, K) log-probabilities; true: (n,) classes;
    picture: (n,), from 0; weight: (n,), as `picture_weights` gives them"""

    maps: F64
    outlines: F64
    true: I64
    picture: I64
    weight: F64

    @classmethod
    def of(cls, found: Found, known: EngineClasses) -> _Compared:
        kept = found.matched & ~np.isnan(found.shapes[:, 0])
        maps, outlines = evidence(found.seen[kept], found.shapes[kept], known)
        true = found.true[kept]
        _, picture = np.unique(found.picture[kept], return_inverse=True)
        return cls(maps, outlines, true, picture.astype(np.int64), picture_weights(true, picture, len(known.names)))

    @property
    def n(self) -> int:
        """How many micrographs."""
        return int(self.picture.max(initial=-1)) + 1

    def fitted(self, ways: F64, *, without: int = -1) -> Counts:
        """The counts that fit all micrographs, or all but one, best: sums of `ways` (2, m), each taken once to begin with."""
        own = self.picture != without
        parts = np.tensordot(ways.T, np.stack([self.maps[own], self.outlines[own]]), 1)
        true, weight, at = self.true[own], self.weight[own], np.arange(int(own.sum()))

        def loss(share: F64) -> tuple[float, F64]:
            p = softmax(np.tensordot(share, parts, 1))
            value = -float(weight @ np.log(np.maximum(p[at, true], 1e-12))) + _KEPT * float(((share - 1) ** 2).sum())
            p[at, true] -= 1
            return value, np.einsum("n,nk,mnk->m", weight, p, parts) + 2 * _KEPT * (share - 1)

        begin = np.ones(ways.shape[1])
        found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=[(0, _MOST)] * len(begin))
        maps, outlines = np.round(ways @ found.x, 3).tolist()
        return maps, outlines

    def left_out(self, ways: F64) -> F64:
        """(micrographs,) The loss of each, by counts fitted to the others."""
        p = np.zeros_like(self.maps)
        for k in range(self.n):
            own = self.picture == k
            maps, outlines = self.fitted(ways, without=k)
            p[own] = softmax(maps * self.maps[own] + outlines * self.outlines[own])
        return loss_by_picture(p, self.true, self.weight, self.picture)
