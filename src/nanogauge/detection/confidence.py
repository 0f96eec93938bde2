"""How likely a found particle is one that a careful person would have drawn: calibrated, so that 0.9 is right nine times in ten.

A logistic regression (Platt, 1999) on traits of the probability maps. "Right" means an overlap (IoU) of at least 0.5 with a
particle drawn by hand. Its weights belong to one network and travel with it (`Engine.calibration`); `benchmarks/confidence.py`
fits them on all objects that the maps hold, on micrographs the network has not learned from, and draws the reliability
diagram (docs/accuracy.md). Objects under `least_confidence` are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.protocols import Engine, Maps

TRAITS = ("outline", "middle", "foreground", "size", "size_squared", "astray", "middles", "larger", "larger_squared")
"""Of a particle: mean boundary probability along its outermost pixels; peak of the distance map; mean foreground probability; how
large it is shown, as the logarithm of its diameter over `USUAL_PX`, and the square of that; how far from its middle its pixels
point. Of all that is seen beside it, by area: mean peak of the distance map, for among doubtful objects one more is doubtful, too;
by how much it is larger, as a logarithm, and the square of that. A calibration may leave out some."""

USUAL_PX = 32.0


class Company(NamedTuple):
    """What is seen beside a particle, by area: mean peak of the distance map, and mean size as in `TRAITS`."""

    middles: float
    size: float


def traits(labels: NDArray[np.integer], maps: Maps) -> NDArray[np.float64]:
    """(n, len(TRAITS)) of particles 1 ... n.

    labels: (H, W), numbered 1 ... n, of the maps' grid, all that the maps hold; a number that no pixel bears has zeros.
    """
    own, area = _own_traits(labels, maps)
    return _in_company(own, area, _company(own, area))


def traits_of(labels: NDArray[np.integer], maps: Maps, company: Company) -> NDArray[np.float64]:
    """As `traits`, of particles that are seen in other company than each other's."""
    return _in_company(*_own_traits(labels, maps), company)


def company_of(labels: NDArray[np.integer], maps: Maps) -> Company:
    """That which particles 1 ... n are to others."""
    return _company(*_own_traits(labels, maps))


def _own_traits(labels: NDArray[np.integer], maps: Maps) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """(n, 6) traits of each particle alone, and (n,) areas."""
    n = int(labels.max(initial=0))
    rim = outermost(labels)
    owner = labels[rim]
    length = np.bincount(owner, minlength=n + 1)[1:]
    wall = np.bincount(owner, maps.boundary[rim], minlength=n + 1)[1:] / np.maximum(length, 1)
    inside = np.flatnonzero(labels)
    of, peak = labels.ravel()[inside], np.zeros(n + 1, np.float32)
    np.maximum.at(peak, of, maps.distance.ravel()[inside])
    area = np.bincount(of, minlength=n + 1)[1:]
    foreground = np.bincount(of, maps.foreground.ravel()[inside], minlength=n + 1)[1:] / np.maximum(area, 1)
    size = np.where(area > 0, np.log(np.sqrt(4 * np.maximum(area, 1) / np.pi) / USUAL_PX), 0.0)
    own = (wall, peak[1:], foreground, size, size**2, astray(labels, maps.pointers))
    return np.stack(own, axis=1).astype(np.float64), area


def outermost(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Pixels of particles (H, W) beside one that is not theirs; the frame is none."""
    out = np.zeros(labels.shape, bool)
    for a, b in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = labels[a] != labels[b]
        out[a] |= differ
        out[b] |= differ
    return out & (labels > 0)


def _company(own: NDArray[np.float64], area: NDArray[np.integer]) -> Company:
    middle, size = TRAITS.index("middle"), TRAITS.index("size")
    return Company(_by_area(own[:, middle], area), _by_area(own[:, size], area))


def _in_company(own: NDArray[np.float64], area: NDArray[np.integer], company: Company) -> NDArray[np.float64]:
    there = area > 0
    larger = np.where(there, own[:, TRAITS.index("size")] - company.size, 0.0)
    return np.column_stack([own, np.where(there, company.middles, 0.0), larger, larger**2])


def _by_area(values: NDArray[np.floating], area: NDArray[np.integer]) -> float:
    return float((values * area).sum() / max(int(area.sum()), 1))


def astray(labels: NDArray[np.integer], pointers: NDArray[np.float32] | None) -> NDArray[np.float64]:
    """(n,) of particles 1 ... n: root mean square distance, in its radii, between a particle's middle and where its pixels point.
    Two particles taken for one point to two middles, half of one points beyond itself. 0 without pointers.

    pointers: (2, H, W) as in `Maps`. Every second pixel of every second row is asked: enough, and four times as fast.
    """
    n = int(labels.max(initial=0))
    if pointers is None:
        return np.zeros(n)
    at = np.ascontiguousarray(labels[::2, ::2])
    y, x = np.nonzero(at)
    owner = at[y, x]
    down, right = 4 * (pointers[:, ::2, ::2][:, y, x].astype(np.float64) - 0.5)
    count = np.maximum(np.bincount(owner, minlength=n + 1), 1)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(owner, values, minlength=n + 1) / count)

    radius = np.sqrt(count / np.pi)
    to_y, to_x = (mean(v.astype(np.float64))[owner] - v for v in (y, x))
    off = (down - to_y / radius[owner]) ** 2 + (right - to_x / radius[owner]) ** 2
    return np.asarray(np.sqrt(mean(off))[1:])


def particle_confidence(labels: NDArray[np.integer], maps: Maps, calibration: Mapping[str, float]) -> NDArray[np.float64]:
    """(n,) probability that particle 1 ... n is right; see `traits` for the arguments."""
    return probability(traits(labels, maps), calibration)


def probability(found: NDArray[np.float64], calibration: Mapping[str, float]) -> NDArray[np.float64]:
    """(n, len(TRAITS)) traits -> (n,) probability. calibration: "intercept" and weights of traits, 0 where left out."""
    weights = np.array([calibration.get(name, 0.0) for name in TRAITS])
    return np.asarray(1 / (1 + np.exp(-(calibration.get("intercept", 0.0) + found @ weights))), np.float64)


def judge_of(engine: Engine) -> Callable[[NDArray[np.integer], Maps], NDArray[np.float64]] | None:
    """`particle_confidence` with the engine's calibration, None where it has none."""
    calibration = engine.calibration
    if calibration is None:
        return None
    return lambda labels, maps: particle_confidence(labels, maps, calibration)


def true_at_all_sizes(engine: Engine) -> bool:
    """Whether the engine's confidence was calibrated for particles shown at every size, so that looks can be weighed by it."""
    return engine.calibration is not None and "size" in engine.calibration


def expected_found(confidence: NDArray[np.float64] | None, rule: Mapping[str, float]) -> float | None:
    """Share of the particles a person would draw that are expected to be among those found; None where that is not known.

    The less sure of what was found, the more was missed: a logistic curve of the mean confidence.

    confidence: (n + 1,) by label, background first; rule: "found_intercept" and "found_slope", which belong to a network; fitted on
    materials it has not learned from (`benchmarks/intervals.py`)
    """
    if confidence is None or confidence.size < 2 or "found_slope" not in rule:
        return None
    return float(found_curve(_logit(float(confidence[1:].mean())), rule["found_intercept"], rule["found_slope"]))


def found_curve(logit: ArrayLike, intercept: float, slope: float) -> NDArray[np.float64]:
    """Share found where the mean confidence has this logit."""
    return np.asarray(1 / (1 + np.exp(-(intercept + slope * np.asarray(logit, np.float64)))), np.float64)


def _logit(p: float) -> float:
    p = min(max(p, 1e-3), 1 - 1e-3)
    return math.log(p / (1 - p))


def mean_by_label(labels: NDArray[np.integer], values: NDArray[np.floating]) -> NDArray[np.float64]:
    """(largest label + 1,) mean of values (H, W) over each particle, 1 for the background: how sure an engine that is not
    calibrated is."""
    area = np.bincount(labels.ravel())
    out = np.bincount(labels.ravel(), values.ravel()) / np.maximum(area, 1)
    out[0] = 1.0
    return np.asarray(out, np.float64)


def inside_and_around(
    labels: NDArray[np.integer], grey: NDArray[np.generic], *, gap_px: int = 0, ring_px: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(largest label + 1,) each: mean of grey levels (H, W) over each particle, and over the ring about it that neighbours leave;
    NaN where there is no pixel."""
    n = int(labels.max(initial=0)) + 1
    found = labels > 0
    if n == 1:
        return np.full(1, float(grey.mean())), np.full(1, np.nan)
    far, place = cv2.distanceTransformWithLabels(
        (~found).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    whose = np.zeros(int(place.max()) + 1, labels.dtype)
    whose[place[found]] = labels[found]
    ring = (far > gap_px) & (far <= gap_px + ring_px) & ~found

    def mean(owner: NDArray[np.integer], values: NDArray[np.generic]) -> NDArray[np.float64]:
        px = np.bincount(owner, minlength=n)
        return np.asarray(np.bincount(owner, values, n) / np.where(px > 0, px, np.nan), np.float64)

    return mean(labels.ravel(), grey.ravel()), mean(whose[place[ring]], grey[ring])
