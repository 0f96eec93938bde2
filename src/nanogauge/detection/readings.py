"""Other readings of a picture that the network holds nearly as likely, and how far they move the sizes.

A budget knows what was drawn; what was missed, joined or cut shows only beside other readings: neighbours cut or joined more
readily, doubtful particles in or out, another magnification. How far these move a statistic is the input of the budget's
component "detection" (GUM, JCGM 100:2008, 4.3: an uncertainty from other knowledge than repeated observations).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STATISTICS = ("mean", "d10", "d50", "d90")
_LARGEST = math.log(3.0)  # a reading that moves a statistic further, or sees nothing, counts as this


@dataclass(frozen=True, slots=True)
class LookTaken:
    """A look: its zoom (working px per input px) and how many particles are seen in it."""

    zoom: float
    n_seen: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading's particles that the frame does not cut: how many, and statistics of their diameters in px, NaN without any."""

    name: str
    n: float
    mean: float
    d10: float
    d50: float
    d90: float


def read(name: str, labels: NDArray[np.integer[Any]], *, zoom: float = 1.0, share: NDArray[Any] | None = None) -> Reading:
    """The reading that labels (H, W) are, on a grid of `zoom` px per px of the micrograph. share: (n + 1,) by label, how much a
    particle counts."""
    n = int(labels.max(initial=0)) + 1
    area = np.bincount(labels.ravel(), minlength=n).astype(np.float64)
    weight = (area > 0).astype(np.float64) * (1.0 if share is None else share)
    weight[0] = 0
    for rim in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        weight[rim] = 0
    order = np.argsort(area)
    d, w = np.sqrt(4 * area[order] / math.pi) / zoom, weight[order]
    total = float(w.sum())
    if total <= 0:
        return Reading(name, 0.0, *(math.nan,) * 4)
    reached = (np.cumsum(w) - 0.5 * w) / total
    used = w > 0
    d10, d50, d90 = np.interp((0.1, 0.5, 0.9), reached[used], d[used]).tolist()
    return Reading(name, total, float((w * d).sum() / total), d10, d50, d90)


def beside(other: Reading, alone: Reading, measured: Reading) -> Reading:
    """What another reading of one look would be of all looks: `measured`, moved as `other` is from that look `alone`."""

    def moved(name: str) -> float:
        return float(getattr(measured, name) * math.exp(_shift(getattr(alone, name), getattr(other, name))))

    return Reading(other.name, *(moved(name) for name in ("n", *STATISTICS)))


def shifts(readings: Sequence[Reading]) -> dict[str, dict[str, float]]:
    """Statistic -> name of a reading -> logarithm of its value over the first reading's. "n": of how many particles there are."""
    first, *others = readings
    return {name: {r.name: _shift(getattr(first, name), getattr(r, name)) for r in others} for name in (*STATISTICS, "n")}


def spread(readings: Sequence[Reading]) -> dict[str, float]:
    """Statistic -> root mean square of its `shifts`. Nothing where there is no other reading."""
    if len(readings) < 2:
        return {}
    return {name: float(np.sqrt(np.mean(np.square(list(by.values()))))) for name, by in shifts(readings).items()}


def relative_uncertainty(readings: Sequence[Reading], rule: Mapping[str, float]) -> dict[str, float]:
    """Statistic -> relative standard uncertainty of the detection: √(floor² + (gain · spread)²).

    rule: "floor" and "gain", which belong to a network; fitted on materials it has not learned from (`benchmarks/intervals.py`)
    """
    moved = spread(readings)
    return {name: math.hypot(rule.get("floor", 0.0), rule.get("gain", 0.0) * moved[name]) for name in STATISTICS if name in moved}


def readings_from(stored: Sequence[Mapping[str, Any]]) -> tuple[Reading, ...]:
    """Readings as measurement.json has them. Raises KeyError or TypeError where they are damaged."""
    return tuple(Reading(str(r["name"]), *(math.nan if r[k] is None else float(r[k]) for k in ("n", *STATISTICS))) for r in stored)


def _shift(first: float, other: float) -> float:
    if not (first > 0):
        return 0.0 if not (other > 0) else _LARGEST
    return float(np.clip(math.log(other / first), -_LARGEST, _LARGEST)) if other > 0 else _LARGEST
