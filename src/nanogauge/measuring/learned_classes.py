"""Which class a particle is of, by what a network has learned: its maps over the particle and, if it asks for it, the outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.protocols import EngineClasses
from .run_lengths import Floats

_LEAST = 1e-4  # a map may be sure of nothing
OUTLINES_COUNT = 2.0  # as much as maps: shapes have learned from very many outlines, a class head from a few micrographs


@dataclass(frozen=True)
class NetworkClasses:
    """What a network says of the particles of a micrograph.

    known: its classes; seen: (n + 1, K) by label, the mean of each class's probability over the particle
    """

    known: EngineClasses
    seen: Floats


def class_probabilities(seen: Floats, shapes: Floats | None, known: EngineClasses) -> Floats:
    """(n, K) probabilities of each class, by each particle alone: log-odds of the maps and of the outline added up.

    seen: (n, K) means over the maps; shapes: (n, S) as `shape_classes.shape_probabilities` gives them, NaN where there are none,
    which says nothing; None where outlines are not asked for
    """
    z = np.log(np.maximum(seen, _LEAST))
    if known.outlines and shapes is not None:
        z = z + OUTLINES_COUNT * outline_evidence(shapes, np.array(known.outlines, np.float64))
    return softmax(z)


def tempered(p: Floats, temperature: float) -> Floats:
    """Probabilities (n, K) with their logarithms divided by a temperature (Guo et al., ICML 2017): which is likeliest stays."""
    return softmax(np.log(np.maximum(p, 1e-12)) / temperature)


def outline_evidence(shapes: Floats, weights: Floats) -> Floats:
    """(n, K) log-probabilities of the classes by the outline: a linear map of the logarithms of (n, S) shapes' probabilities, its
    (S + 1, K) weights with the bias last; 0 where a particle has no shape."""
    there = ~np.isnan(shapes[:, 0])
    out = np.zeros((len(shapes), weights.shape[1]))
    out[there] = np.log(np.maximum(softmax(shape_features(shapes[there]) @ weights), _LEAST))
    return out


def shape_features(shapes: Floats) -> Floats:
    """(n, S + 1) centred logarithms of shapes' probabilities (n, S), and 1."""
    z = np.log(np.maximum(shapes, 1e-3))
    return np.concatenate([z - z.mean(axis=1, keepdims=True), np.ones((len(z), 1))], axis=1)


def softmax(z: Floats) -> Floats:
    """(n, K) probabilities of logits."""
    p = np.exp(z - z.max(axis=1, keepdims=True)) if z.size else z
    return np.asarray(p / np.maximum(p.sum(axis=1, keepdims=True), 1e-12), np.float64)
