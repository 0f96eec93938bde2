"""Diameters to a size distribution: moments, percentiles, a lognormal fit, each with a bootstrap interval.

Definitions: ISO 9276-2:2014 (moments, D[3,2], D[4,3]), ISO 9276-5:2005 (lognormal). How quantiles of weighted values are
taken is said at `quantiles`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri, stdtrit

Unit = Literal["nm", "px"]
Weighting = Literal["number", "volume"]
Floats = NDArray[np.float64]

MIN_N_FOR_INTERVALS = 20  # below, resampling knows too little of the tails, and its intervals are far too short
MAX_BINS = 100
_CHUNK = 1 << 20  # values resampled at once: some tens of MB, whatever n is


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic and its confidence interval. NaN where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """A size distribution. Lengths are in `unit`; cv, span, geometric_sd and lognormal_gsd are ratios.

    n: particles with a weight above 0; n_effective: (Σv)²/Σv² of the weights used (Kish), how many particles carry the result
    sd, geometric_sd: of the population, corrected for n (n - 1 where weights are equal)
    median, d50: the same figure under its two names
    lognormal_median, lognormal_gsd: maximum likelihood fit; ks_statistic: largest distance between it and the data's
        cumulative distribution. The fit saw the data, so the usual p-values of Kolmogorov and Smirnov do not hold for it
    d32, d43: Sauter and De Brouckere mean diameters, of the number distribution whatever `weighting` is
    intervals: bootstrap at the level `confidence`; NaN where n < MIN_N_FOR_INTERVALS. Sampling of particles only: the scale's
        uncertainty is not in them
    """

    unit: Unit
    weighting: Weighting
    n: int
    n_effective: float
    confidence: float
    n_bootstrap: int
    seed: int
    mean: Estimate
    sd: Estimate
    cv: Estimate
    median: Estimate
    d10: Estimate
    d50: Estimate
    d90: Estimate
    span: Estimate
    geometric_mean: Estimate
    geometric_sd: Estimate
    lognormal_median: Estimate
    lognormal_gsd: Estimate
    d32: Estimate
    d43: Estimate
    ks_statistic: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON: each statistic as {"value", "low", "high"}, None for NaN."""
        plain: dict[str, Any] = {k: getattr(self, k) for k in ("unit", "weighting", "n", "confidence", "n_bootstrap", "seed")}
        plain |= {k: _number(getattr(self, k)) for k in ("n_effective", "ks_statistic")}
        for name in STATISTICS:
            e: Estimate = getattr(self, name)
            plain[name] = {"value": _number(e.value), "low": _number(e.low), "high": _number(e.high)}
        return plain


STATISTICS = tuple(f.name for f in fields(Distribution) if f.type in (Estimate, "Estimate"))


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars of a size distribution. `share` sums to 1; `count` is of particles; `edges` has one more, or none where n = 0."""

    unit: Unit
    weighting: Weighting
    edges: tuple[float, ...]
    count: tuple[int, ...]
    share: tuple[float, ...]


def summarise(
    diameters: ArrayLike,
    *,
    unit: Unit,
    weights: ArrayLike | None = None,
    weighting: Weighting = "number",
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Distribution:
    """The size distribution of some particles.

    diameters: (n,) positive lengths in `unit`; n = 0 gives a valid, empty Distribution
    weights: (n,) edge weights, 0 for a particle left out; None: all 1. Only their ratios matter
    weighting: "volume" counts each particle by diameter³; mean is then D[4,3]
    n_bootstrap: resamples of whole particles, weight and all; 0 for no intervals

    The interval is the bias-corrected percentile one (Efron, Can. J. Stat. 9 (1981) 139), with tails widened for small n by
    Student's t (Hesterberg, Am. Stat. 69 (2015) 371). It needs no symmetry, stays within what a diameter can be, and holds for
    quantiles, for which BCa's jackknife does not. On lognormal samples (GSD 1.35) 95 % intervals of mean and percentiles hold
    the truth in 94 to 95 % of cases at n = 200, 88 to 95 % at n = 20; of sd in 91 and 87 %; of D[3,2] in 91 and 82 %, of
    D[4,3] in 86 and 72 %, for these hang on the few largest particles.

    Raises ValueError for diameters that are not positive and finite, weights that do not fit, or options out of range.
    """
    x, w = _checked(diameters, weights, unit, weighting)
    if n_bootstrap < 0:
        raise ValueError(f"n_bootstrap must be 0 or positive, got {n_bootstrap}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    power = 3 if weighting == "volume" else 0
    v = w * x**power
    estimates, ks = dict.fromkeys(STATISTICS, Estimate(math.nan, math.nan, math.nan)), math.nan
    if x.size:
        values = {name: float(value[0]) for name, value in _statistics(x[None], w[None], power).items()}
        ks = _ks_statistic(x, v, values["lognormal_median"], values["lognormal_gsd"])
        estimates = {name: Estimate(value, math.nan, math.nan) for name, value in values.items()}
        if n_bootstrap and x.size >= MIN_N_FOR_INTERVALS:
            resampled = _resampled(x, w, power, n_bootstrap=n_bootstrap, seed=seed)
            estimates = {k: _estimate(values[k], resampled[k], n=x.size, confidence=confidence) for k in STATISTICS}
    return Distribution(
        unit=unit,
        weighting=weighting,
        n=x.size,
        n_effective=float(v.sum() ** 2 / (v**2).sum()) if x.size else 0.0,
        confidence=confidence,
        n_bootstrap=n_bootstrap,
        seed=seed,
        ks_statistic=ks,
        **estimates,
    )


def quantiles(values: ArrayLike, probabilities: Sequence[float], *, weights: ArrayLike | None = None) -> Floats:
    """Quantiles of weighted values, (len(probabilities),).

    The sorted values stand at the middles of their weights on the cumulative axis; the axis is stretched so that the first
    stands at 0 and the last at 1; between values it is linear (as ISO 9276-2 interpolates). With equal weights this is type 7
    of Hyndman & Fan (Am. Stat. 50 (1996) 361), numpy's default. Values of weight 0 are left out; none left gives NaN.

    Raises ValueError for values or weights that are not finite, or probabilities outside [0, 1].

    >>> quantiles([1, 2, 3, 4], [0.1, 0.5])
    array([1.3, 2.5])
    >>> quantiles([1, 2, 9], [0.5], weights=[1, 1, 0])
    array([1.5])
    """
    x, w = _weighted(values, weights, "values")
    if any(not 0 <= p <= 1 for p in probabilities):
        raise ValueError(f"probabilities must lie in [0, 1], got {list(probabilities)}")
    if not x.size:
        return np.full(len(probabilities), np.nan)
    return _quantiles(x[None], w[None], probabilities)[:, 0]


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
    x, w = _checked(diameters, weights, unit, weighting)
    if n_bins is not None and n_bins < 1:
        raise ValueError(f"n_bins must be positive, got {n_bins}")
    if not x.size:
        return Histogram(unit, weighting, (), (), ())
    v = w * x**3 if weighting == "volume" else w
    edges = _edges(x, v, n_bins)
    count, share = np.histogram(x, edges)[0], np.histogram(x, edges, weights=v / v.sum())[0]
    return Histogram(unit, weighting, tuple(edges.tolist()), tuple(count.tolist()), tuple(share.tolist()))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _weighted(values: ArrayLike, weights: ArrayLike | None, name: str) -> tuple[Floats, Floats]:
    """Values with a weight above 0, sorted, and their weights."""
    x = np.asarray(values, np.float64)
    if x.ndim != 1:
        raise ValueError(f"{name} must be (n,), got shape {x.shape}")
    w = np.ones(x.shape) if weights is None else np.asarray(weights, np.float64)
    if w.shape != x.shape:
        raise ValueError(f"weights must have the shape of {name}, {x.shape}, got {w.shape}")
    for what, array in ((name, x), ("weights", w)):
        if not np.isfinite(array).all():
            raise ValueError(f"{what} must be finite, got {array[~np.isfinite(array)][0]}")
    if (w < 0).any():
        raise ValueError(f"weights must be 0 or positive, got {w.min()}")
    order = np.argsort(x, kind="stable")
    order = order[w[order] > 0]
    return x[order], w[order]


def _checked(diameters: ArrayLike, weights: ArrayLike | None, unit: str, weighting: str) -> tuple[Floats, Floats]:
    if unit not in ("nm", "px"):
        raise ValueError(f"unit must be 'nm' or 'px', got {unit!r}")
    if weighting not in ("number", "volume"):
        raise ValueError(f"weighting must be 'number' or 'volume', got {weighting!r}")
    smallest = np.min(np.asarray(diameters, np.float64), initial=math.inf)
    if smallest <= 0:
        raise ValueError(f"diameters must be positive, got {smallest}")
    return _weighted(diameters, weights, "diameters")


def _quantiles(x: Floats, v: Floats, probabilities: Sequence[float]) -> Floats:
    """(len(probabilities), B) quantiles of the rows of x (B, n), sorted along n, under weights v > 0."""
    n = x.shape[1]
    at = np.cumsum(v, axis=1) - v / 2
    at -= at[:, :1].copy()
    span = at[:, -1]
    rows = np.arange(x.shape[0])
    out = np.empty((len(probabilities), x.shape[0]))
    for k, p in enumerate(probabilities):
        target = p * span
        right = np.minimum(np.maximum((at <= target[:, None]).sum(axis=1), 1), n - 1)
        left = np.maximum(right - 1, 0)
        gap = at[rows, right] - at[rows, left]
        part = np.divide(target - at[rows, left], gap, out=np.zeros(rows.size), where=gap > 0)
        out[k] = x[rows, left] + np.clip(part, 0, 1) * (x[rows, right] - x[rows, left])
    return out


def _mean_sd(x: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Mean and maximum likelihood sd, (B,), of the rows of x under weights v."""
    total = v.sum(axis=1)
    mean = (v * x).sum(axis=1) / total
    return mean, np.sqrt((v * (x - mean[:, None]) ** 2).sum(axis=1) / total)


def _statistics(x: Floats, w: Floats, power: int) -> dict[str, Floats]:
    """Every statistic, (B,), of the rows of x (B, n), sorted along n, with edge weights w, counted by x**power."""
    v = w * x**power
    lost = (v**2).sum(axis=1) / v.sum(axis=1) ** 2  # 1/n where weights are equal
    unbiased = np.sqrt(np.where(lost < 1 - 1e-12, 1 - lost, np.nan))  # one particle has no sd
    (mean, sd), (log_mean, log_sd) = _mean_sd(x, v), _mean_sd(np.log(x), v)
    sd /= unbiased
    d10, d50, d90 = _quantiles(x, v, (0.1, 0.5, 0.9))
    squares, cubes = w * x**2, w * x**3
    return {
        "mean": mean,
        "sd": sd,
        "cv": sd / mean,
        "median": d50,
        "d10": d10,
        "d50": d50,
        "d90": d90,
        "span": (d90 - d10) / d50,
        "geometric_mean": np.exp(log_mean),
        "geometric_sd": np.exp(log_sd / unbiased),
        "lognormal_median": np.exp(log_mean),
        "lognormal_gsd": np.exp(log_sd),
        "d32": cubes.sum(axis=1) / squares.sum(axis=1),
        "d43": (cubes * x).sum(axis=1) / cubes.sum(axis=1),
    }


def _resampled(x: Floats, w: Floats, power: int, *, n_bootstrap: int, seed: int) -> dict[str, Floats]:
    """Every statistic, (n_bootstrap,), of resamples with replacement."""
    rng = np.random.default_rng(seed)
    at_once = max(1, _CHUNK // x.size)
    parts = []
    for begin in range(0, n_bootstrap, at_once):
        drawn = rng.integers(x.size, size=(min(at_once, n_bootstrap - begin), x.size), dtype=np.int32)
        drawn.sort(axis=1)  # x is sorted, so the resamples are
        parts.append(_statistics(x[drawn], w[drawn], power))
    return {name: np.concatenate([part[name] for part in parts]) for name in STATISTICS}


def _estimate(value: float, resampled: Floats, *, n: int, confidence: float) -> Estimate:
    """A value with its bias-corrected percentile interval, widened for small n."""
    z = stdtrit(n - 1, (1 + confidence) / 2) * math.sqrt(n / (n - 1))
    below = ((resampled < value).mean() + (resampled <= value).mean()) / 2
    bias = ndtri(np.clip(below, 0.5 / resampled.size, 1 - 0.5 / resampled.size))
    low, high = np.quantile(resampled, ndtr([2 * bias - z, 2 * bias + z]))
    return Estimate(value, float(low), float(high))


def _ks_statistic(x: Floats, v: Floats, median: float, gsd: float) -> float:
    """Largest distance between the weighted cumulative distribution and the fitted one; NaN where the fit has no width."""
    if not gsd > 1 + 1e-9:
        return math.nan
    fitted = ndtr(np.log(x / median) / math.log(gsd))
    after = np.cumsum(v) / v.sum()
    return float(max((after - fitted).max(), (fitted - (after - v / v.sum())).max()))


def _edges(x: Floats, v: Floats, n_bins: int | None) -> Floats:
    low, high = float(x[0]), float(x[-1])
    if high - low <= 1e-9 * high:
        return np.array([0.95 * low, 1.05 * high])
    if n_bins is None:
        q1, q3 = _quantiles(x[None], v[None], (0.25, 0.75))[:, 0]
        width = 2 * (q3 - q1) / x.size ** (1 / 3)
        n_bins = math.ceil((high - low) / width) if width > 0 else math.ceil(math.log2(x.size)) + 1
        n_bins = min(n_bins, MAX_BINS)
    return np.linspace(low, high, n_bins + 1)
