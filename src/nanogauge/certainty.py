"""How likely a found particle is one that a careful person would have drawn: calibrated, so that 0.9 is right nine times in ten.

A logistic regression (Platt, 1999) on two traits of the probability maps: how clearly the network draws the particle's outline, and
how clearly it sees its middle. "Right" means an overlap (IoU) of at least 0.5 with a particle drawn by hand. Fitted on all objects
that the maps hold, on micrographs the network has not learned from; `benchmarks/confidence.py` fits it and draws the reliability
diagram (docs/accuracy.md). Objects under `least_confidence` are dropped.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .ports import Engine, Maps

INTERCEPT, OUTLINE, MIDDLE = -9.83, 11.28, 3.44


def traits(labels: NDArray[np.integer], maps: Maps) -> NDArray[np.float64]:
    """(n, 2) of particles 1 ... n: mean boundary probability along the particle's outermost pixels, peak of the distance map.

    labels: (H, W), numbered 1 ... n, of the maps' grid; a number that no pixel bears has zeros.
    """
    n = int(labels.max(initial=0))
    outermost = np.zeros(labels.shape, bool)
    for a, b in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = labels[a] != labels[b]
        outermost[a] |= differ
        outermost[b] |= differ
    rim = outermost & (labels > 0)
    owner = labels[rim]
    length = np.bincount(owner, minlength=n + 1)[1:]
    wall = np.bincount(owner, maps.boundary[rim], minlength=n + 1)[1:] / np.maximum(length, 1)
    peak = np.zeros(n + 1)
    inside = labels > 0
    np.maximum.at(peak, labels[inside], maps.distance[inside])
    return np.stack([wall, peak[1:]], axis=1).astype(np.float64)


def particle_confidence(labels: NDArray[np.integer], maps: Maps) -> NDArray[np.float64]:
    """(n,) probability that particle 1 ... n is right; see `traits` for the arguments."""
    return probability(traits(labels, maps))


def probability(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) traits -> (n,) probability."""
    return np.asarray(1 / (1 + np.exp(-(INTERCEPT + found @ np.array([OUTLINE, MIDDLE])))), np.float64)


def judge_of(engine: Engine) -> Callable[[NDArray[np.integer], Maps], NDArray[np.float64]] | None:
    """`particle_confidence`, None where the engine is not calibrated."""
    return particle_confidence if engine.calibrated else None


def mean_by_label(labels: NDArray[np.integer], values: NDArray[np.floating]) -> NDArray[np.float64]:
    """(largest label + 1,) mean of values (H, W) over each particle, 1 for the background: how sure an engine that is not
    calibrated is."""
    area = np.bincount(labels.ravel())
    out = np.bincount(labels.ravel(), values.ravel()) / np.maximum(area, 1)
    out[0] = 1.0
    return np.asarray(out, np.float64)


def certainty_by_label(labels: NDArray[np.integer], maps: Maps, engine: Engine) -> NDArray[np.float64] | None:
    """(n + 1,) by label, 1 for the background; None where the engine is not calibrated."""
    return np.concatenate([[1.0], particle_confidence(labels, maps)]) if engine.calibrated else None
