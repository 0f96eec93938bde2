"""Which class a particle is of, by what a network has learned: its maps over the particle and, if it asks for it, the outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.protocols import EngineClasses, TaughtOutlines
from .run_lengths import Floats
from .shape_classes import SHAPES, among_others

_LEAST = 1e-4  # a map may be sure of nothing
_TAUGHT = 0.5  # how likely a particle is to be of any shape that was taught, below which it is of none


@dataclass(frozen=True)
class NetworkClasses:
    """What a network says of the particles of a micrograph.

    known: its classes; seen: (n + 1, K) by label, the mean of each class's probability over the particle
    """

    known: EngineClasses
    seen: Floats


def class_probabilities(seen: Floats, shapes: Floats | None, known: EngineClasses) -> Floats:
    """(n, K) probabilities of each class, by each particle alone: log-odds of the maps and of the outline added up, each as much as
    it counts (`EngineClasses.counts`). All alike where nothing is said of a particle: outlines alone count, and it has none.

    seen, shapes: as in `evidence`
    """
    maps, outlines = evidence(seen, shapes, known)
    return softmax(known.counts[0] * maps + known.counts[1] * outlines)


def is_told(p: Floats) -> NDArray[np.bool_]:
    """(n,) whether anything is said of a particle, by its probabilities (n, K)."""
    return np.asarray(p.max(axis=1, initial=0) > p.min(axis=1, initial=1), np.bool_)


def evidence(seen: Floats, shapes: Floats | None, known: EngineClasses) -> tuple[Floats, Floats]:
    """(n, K) log-probabilities of the classes by the maps, and by outlines; 0 where a particle has none, or none are asked for.

    seen: (n, K) means over the maps; shapes: (n, S) as `shape_classes.shape_probabilities` gives them, NaN where there are none;
    None where outlines are not asked for
    """
    maps = np.log(np.maximum(seen, _LEAST))
    if known.outlines and shapes is not None:
        return maps, outline_evidence(shapes, np.array(known.outlines, np.float64))
    return maps, np.zeros_like(maps)


def like_none(shapes: Floats | None, known: EngineClasses) -> NDArray[np.bool_] | None:
    """(n,) whether a particle of a micrograph looks like none of the classes that the network was taught; False where it has no
    outline to go by. None where that cannot be told: outlines are not asked, or the network does not know what it was taught.

    Where all classes are shapes by name, other shapes are likelier than these, given what else the micrograph shows. Else the
    outline is farther from each class's mean than nearly all taught ones are (Lee et al., NeurIPS 2018, on features of the
    outline).

    shapes: (n, S), as in `class_probabilities`
    """
    if shapes is None or not known.outlines or (known.taught is None and not all_shapes(known)):
        return None
    there = ~np.isnan(shapes[:, 0])
    strange = np.zeros(len(shapes), np.bool_)
    if known.taught is not None:
        strange[there] = taught_distance(shapes[there], known.taught) > known.taught.farthest
    else:
        taught = [SHAPES.index(n.lower()) for n in known.names]
        strange[there] = among_others(shapes[there])[:, taught].sum(axis=1) < _TAUGHT
    return strange


def taught_distance(shapes: Floats, taught: TaughtOutlines) -> Floats:
    """(n,) Mahalanobis distance of outlines (n, S) from the nearest class's mean."""
    x = shape_features(shapes)[:, :-1]
    apart = (x[:, None] - np.array(taught.centres)) @ np.array(taught.whitening)
    return np.asarray(np.sqrt((apart**2).sum(axis=-1)).min(axis=1, initial=np.inf), np.float64)


def all_shapes(known: EngineClasses) -> bool:
    """Whether all classes are called as shapes are."""
    return all(n.lower() in SHAPES for n in known.names)


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
