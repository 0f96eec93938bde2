"""How a network tells what it was never taught: outlines that are like none it has learned, and how well that works.

Outlines of taught particles are drawn round their classes' means with one covariance (Lee et al., "A simple unified framework for
detecting out-of-distribution samples", NeurIPS 2018); how far they scatter is read off those that were held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...core.protocols import EngineClasses, TaughtOutlines
from ...measuring.learned_classes import all_shapes, like_none, shape_features, taught_distance
from .figures import F64, I64, class_weights
from .judge import Found

_FEWEST_TAUGHT, _FEWEST_HELD = 3, 20  # outlines: of each class to learn from, of all that are held out
_LOST = 0.05  # of taught particles, that may be called like none
_MOST_LOST = 0.15  # by the names of shapes, beyond which these are not what the outlines look like
_ROUND = 0.3  # of the covariance, that is taken to be the same in all directions: a few dozen outlines tell little of it


def with_taught(known: EngineClasses, learned: Found, held: Found) -> EngineClasses:
    """The classes with what tells others from them: names where all are shapes and the particles held out look like these, else
    the outlines themselves. Without either where there is too little to learn it from."""
    if all_shapes(known):
        lost = lost_by_class(held, replace(known, taught=None))
        if not np.nanmean(lost) > _MOST_LOST:
            return replace(known, taught=None)
    return replace(known, taught=fit_taught(learned, held, len(known.names)))


def fit_taught(learned: Found, held: Found, k: int) -> TaughtOutlines | None:
    """From outlines of K classes to learn from, and others to see how far these scatter; None where there are too few."""
    shapes, true = _outlined(learned)
    held_shapes, _ = _outlined(held)
    if np.bincount(true, minlength=k).min() < _FEWEST_TAUGHT or len(held_shapes) < _FEWEST_HELD:
        return None
    x, weight = shape_features(shapes)[:, :-1], class_weights(true, k)
    centres = np.stack([x[true == c].mean(axis=0) for c in range(k)])
    apart = x - centres[true]
    covariance = (apart.T * weight) @ apart / weight.sum()
    covariance = (1 - _ROUND) * covariance + _ROUND * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))
    taught = TaughtOutlines(_rows(centres), _rows(whitening), 0.0)
    # each particle alike: of classes alike, one odd particle of a rare one would say how far all may scatter
    return replace(taught, farthest=float(np.quantile(taught_distance(held_shapes, taught), 1 - _LOST, method="higher")))


def lost_by_class(held: Found, known: EngineClasses) -> F64:
    """(K,) share of the particles of each class that are called like none; NaN where none has an outline or it cannot be told."""
    strange = _strange(held, known)
    return np.array([_share(strange, held.true == c) for c in range(len(known.names))])


def noticed_by_class(learned: Found, held: Found, known: EngineClasses) -> F64:
    """(K,) share of the particles of each class that would be called like none, had it not been taught; NaN where that cannot be
    told. All else stays as it is, as what the network's maps say plays no part."""
    k = len(known.names)
    noticed = np.full(k, np.nan)
    for c in range(k if k > 1 else 0):
        others = [n for n in range(k) if n != c]
        fewer = replace(known, names=tuple(known.names[n] for n in others))
        if known.taught is not None:
            fewer = replace(fewer, taught=fit_taught(_of(learned, others), _of(held, others), k - 1))
            if fewer.taught is None:
                continue
        noticed[c] = _share(_strange(held, fewer), held.true == c)
    return noticed


def _strange(found: Found, known: EngineClasses) -> F64:
    """(n,) 1 where a particle is like none, 0 where it is not, NaN where that cannot be told; micrograph by micrograph."""
    out = np.full(len(found.true), np.nan)
    for picture in np.unique(found.picture):
        own = found.picture == picture
        said = like_none(found.shapes[own], known)
        if said is not None:
            out[own] = np.where(np.isnan(found.shapes[own, 0]), np.nan, said)
    return out


def _of(found: Found, classes: Sequence[int]) -> Found:
    """Those of some classes, numbered anew."""
    number = np.full(max(int(found.true.max(initial=0)), *classes) + 1, -1)
    number[list(classes)] = np.arange(len(classes))
    kept = np.isin(found.true, classes)
    parts = {name: getattr(found, name)[kept] for name in ("seen", "shapes", "sure", "picture")}
    return replace(found, **parts, true=number[found.true[kept]])


def _outlined(found: Found) -> tuple[F64, I64]:
    """Shapes and classes of the particles whose class is known and that have an outline."""
    kept = found.matched & ~np.isnan(found.shapes[:, 0])
    return found.shapes[kept], found.true[kept]


def _share(strange: F64, which: NDArray[np.bool_]) -> float:
    values = strange[which & ~np.isnan(strange)]
    return float(values.mean()) if len(values) else float("nan")


def _rows(matrix: F64) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(float(v), 5) for v in row) for row in matrix)
