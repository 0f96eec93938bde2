"""What a distribution is drawn from: histogram, cumulative distribution Q, kernel density q (ISO 9276-1:1998)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .weighted import Floats, Unit, Weighting, checked, mean_sd, quantiles_of_rows

MAX_BINS = 100
BinRule = Literal["none", "one bar", "given", "Freedman-Diaconis", "Sturges"]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars of a size distribution. `share` sums to 1; `count` is of particles; `edges` has one more, or none where n = 0.
    `rule` says how the width of the bars was found."""

    unit: Unit
    weighting: Weighting
    edges: tuple[float, ...]
    count: tuple[int, ...]
    share: tuple[float, ...]
    rule: BinRule = "none"


@dataclass(frozen=True, slots=True)
class Curve:
    """A line to draw: y over diameters x in `unit`. `what`: "Q" (cumulative share, 0 to 1) or "q" (density in 1/unit).
    `bandwidth`: of the kernel, on the logarithm of the diameter; NaN for Q."""

    unit: Unit
    weighting: Weighting
    what: Literal["Q", "q"]
    x: tuple[float, ...]
    y: tuple[float, ...]
    bandwidth: float = math.nan


def histogram(
    diameters: ArrayLike,
    *,
    unit: Unit,
    weights: ArrayLike | None = None,
    weighting: Weighting = "number",
    n_bins: int | None = None,
) -> Histogram:
    """Bars of equal width from the smallest to the largest diameter.

    n_bins: None takes Freedman & Diaconis' rule (Z. Wahrsch. 57 (1981) 453), width 2 IQR n^(-1/3), but Sturges' log2(n) + 1
        where the IQR is 0, and never more than MAX_BINS. All diameters equal: one bar of 10 % about them

    Raises ValueError as `summarise` does, and for n_bins < 1.
    """
    x, w = checked(diameters, weights, unit, weighting)
    if n_bins is not None and n_bins < 1:
        raise ValueError(f"n_bins must be positive, got {n_bins}")
    if not x.size:
        return Histogram(unit, weighting, (), (), ())
    v = w * x**3 if weighting == "volume" else w
    edges, rule = _edges(x, v, n_bins)
    count, share = np.histogram(x, edges)[0], np.histogram(x, edges, weights=v / v.sum())[0]
    return Histogram(unit, weighting, tuple(edges.tolist()), tuple(count.tolist()), tuple(share.tolist()), rule)


def cumulative(diameters: ArrayLike, *, unit: Unit, weights: ArrayLike | None = None, weighting: Weighting = "number") -> Curve:
    """Q(x): at each diameter the share of particles (or of volume) no larger, a step at each particle; x sorted, one point each.

    Raises ValueError as `summarise` does.
    """
    x, w = checked(diameters, weights, unit, weighting)
    v = w * x**3 if weighting == "volume" else w
    y = np.cumsum(v) / v.sum() if x.size else v
    return Curve(unit, weighting, "Q", tuple(x.tolist()), tuple(y.tolist()))


def kernel_density(
    diameters: ArrayLike,
    *,
    unit: Unit,
    weights: ArrayLike | None = None,
    weighting: Weighting = "number",
    n_points: int = 256,
) -> Curve:
    """q(x) by a Gaussian kernel on the logarithm of the diameter, so that nothing lies below 0 and broad samples are smoothed
    alike at both ends. The bandwidth is Silverman's 0.9 min(sd, IQR / 1.34) n^(-1/5) (Density Estimation (1986), 3.31), n
    being the effective number under the weights. Fewer than two different diameters give no points.

    Raises ValueError as `summarise` does, and for n_points < 2.
    """
    x, w = checked(diameters, weights, unit, weighting)
    if n_points < 2:
        raise ValueError(f"n_points must be 2 or more, got {n_points}")
    if x.size < 2 or x[-1] - x[0] <= 1e-9 * x[-1]:
        return Curve(unit, weighting, "q", (), ())
    v = w * x**3 if weighting == "volume" else w
    v = v / v.sum()
    u = np.log(x)
    sd = float(mean_sd(u[None], v[None])[1][0])
    q1, q3 = quantiles_of_rows(u[None], v[None], (0.25, 0.75))[:, 0]
    spread = min(sd, (q3 - q1) / 1.34) if q3 > q1 else sd
    bandwidth = 0.9 * spread * float((v**2).sum()) ** 0.2
    at = np.linspace(u[0] - 3 * bandwidth, u[-1] + 3 * bandwidth, n_points)
    y = np.array([(v * np.exp(-(((t - u) / bandwidth) ** 2) / 2)).sum() for t in at]) / (bandwidth * math.sqrt(2 * math.pi))
    return Curve(unit, weighting, "q", tuple(np.exp(at).tolist()), tuple((y / np.exp(at)).tolist()), float(bandwidth))


def _edges(x: Floats, v: Floats, n_bins: int | None) -> tuple[Floats, BinRule]:
    low, high = float(x[0]), float(x[-1])
    if high - low <= 1e-9 * high:
        return np.array([0.95 * low, 1.05 * high]), "one bar"
    rule: BinRule = "given"
    if n_bins is None:
        q1, q3 = quantiles_of_rows(x[None], v[None], (0.25, 0.75))[:, 0]
        width = 2 * (q3 - q1) / x.size ** (1 / 3)
        rule = "Freedman-Diaconis" if width > 0 else "Sturges"
        n_bins = math.ceil((high - low) / width) if width > 0 else math.ceil(math.log2(x.size)) + 1
        n_bins = min(n_bins, MAX_BINS)
    return np.linspace(low, high, n_bins + 1), rule
