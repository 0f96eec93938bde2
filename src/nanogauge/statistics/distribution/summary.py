"""Diameters to a size distribution: moments and percentiles, each with a bootstrap interval.

Definitions: ISO 9276-2:2014 (moments, D[1,0], D[3,2], D[4,3]), ISO 9276-5:2005 (lognormal). How quantiles of weighted values are
taken is said at `quantiles`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, stdtrit

from .weighted import Floats, Unit, Weighting, checked, mean_sd, quantiles_of_rows, weighted

if TYPE_CHECKING:
    import pandas as pd

MIN_N_FOR_INTERVALS = 20  # below, resampling knows too little of the tails, and its intervals are far too short
_CHUNK = 1 << 20  # values resampled at once: some tens of MB, whatever n is


@dataclass(frozen=True, slots=True, repr=False)
class Estimate:
    """A statistic with its confidence interval and its standard error; NaN where there is none.

    It turns into its value with `float()` and formats like it: ``f"{estimate:.1f}"``.

    Examples
    --------
    >>> Estimate(51.234, 49.9, 52.6, 0.7)
    51.23 (49.9 to 52.6)
    """

    value: float
    low: float
    high: float
    standard_error: float = math.nan

    def __float__(self) -> float:
        return self.value

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else repr(self)

    def __repr__(self) -> str:
        return f"{self.value:.4g}" + ("" if math.isnan(self.low) else f" ({self.low:.4g} to {self.high:.4g})")


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Distribution:
    """A size distribution.

    Lengths are in `unit`; cv, skewness, span, geometric_sd and lognormal_gsd are ratios. Statistics are read by attribute or by
    name: ``d.d50``, ``d["d50"]``.

    Attributes
    ----------
    unit : {"nm", "px"}
    weighting : {"number", "volume"}
    n, n_clusters : int
        Particles with a weight above 0, and the micrographs they come from.
    n_effective : float
        (Σv)²/Σv² of the weights used (Kish): how many particles carry the result.
    confidence : float
        Level of the bootstrap intervals, which are NaN for n < `MIN_N_FOR_INTERVALS`. They hold the sampling of particles and,
        once `metrology.widened` has added it, what may have been missed or joined; never the scale's uncertainty.
    mean, sd, cv, skewness, median, d10, d16, d50, d84, d90, span : Estimate
        sd is that of the population, corrected for n (n - 1 where weights are equal). skewness is the third standardised moment
        (Fisher's g1), not corrected for n. median and d50 are the same figure under its two names.
    geometric_mean, geometric_sd : Estimate
    lognormal_median, lognormal_gsd : Estimate
        Maximum likelihood fit.
    ks_statistic : float
        Largest distance between that fit and the data's cumulative distribution. The fit saw the data, so the usual p-values of
        Kolmogorov and Smirnov do not hold for it.
    number_mean, d32, d43 : Estimate
        D[1,0], D[3,2] (Sauter) and D[4,3] (De Brouckere) of the number distribution, whatever `weighting` is.

    Examples
    --------
    >>> from nanogauge.statistics.distribution import summarise
    >>> d = summarise([18.0, 20.0, 21.0, 22.0, 24.0], unit="nm")
    >>> d
    <Distribution n = 5: mean 21 nm, median 21 nm, sd 2.236 nm>
    >>> d["d50"].value
    21.0
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
    skewness: Estimate
    median: Estimate
    d10: Estimate
    d16: Estimate
    d50: Estimate
    d84: Estimate
    d90: Estimate
    span: Estimate
    geometric_mean: Estimate
    geometric_sd: Estimate
    lognormal_median: Estimate
    lognormal_gsd: Estimate
    number_mean: Estimate
    d32: Estimate
    d43: Estimate
    ks_statistic: float
    n_clusters: int = 1

    def __getitem__(self, name: str) -> Estimate:
        """A statistic by its name. Raises KeyError, naming those there are."""
        if name not in STATISTICS:
            raise KeyError(f"no statistic {name!r}; there are {', '.join(STATISTICS)}")
        estimate: Estimate = getattr(self, name)
        return estimate

    def __repr__(self) -> str:
        if not self.n:
            return "<Distribution n = 0>"
        weighted_by = "" if self.weighting == "number" else f" by {self.weighting}"
        figures = ", ".join(f"{name} {getattr(self, name).value:.4g} {self.unit}" for name in ("mean", "median", "sd"))
        return f"<Distribution{weighted_by} n = {self.n}: {figures}>"

    def _repr_html_(self) -> str:
        rows = ""
        for name in STATISTICS:
            e, unit = self[name], "" if name in WITHOUT_UNIT else f" {self.unit}"
            if not math.isnan(e.value):
                interval = "too few particles" if math.isnan(e.low) else f"{e.low:.4g} &hellip; {e.high:.4g}{unit}"
                rows += f"<tr><th>{name}</th><td>{e.value:.4g}{unit}</td><td>{interval}</td></tr>"
        head = f"<tr><th></th><th></th><th>{100 * self.confidence:g} % interval</th></tr>" if rows else ""
        return f"<table>{head}{rows}</table>"

    def to_frame(self) -> pd.DataFrame:
        """A row for each statistic: value, low, high, standard_error, unit ("" for ratios)."""
        import pandas as pd

        columns = ("value", "low", "high", "standard_error")
        rows = [[*(getattr(self[n], c) for c in columns), "" if n in WITHOUT_UNIT else self.unit] for n in STATISTICS]
        return pd.DataFrame(rows, index=pd.Index(STATISTICS, name="statistic"), columns=[*columns, "unit"])

    def to_dict(self) -> dict[str, Any]:
        """For JSON: each statistic as {"value", "low", "high", "standard_error"}, None for NaN."""
        plain: dict[str, Any] = {k: getattr(self, k) for k in ("unit", "weighting", "n", "n_clusters")}
        plain |= {k: getattr(self, k) for k in ("confidence", "n_bootstrap", "seed")}
        plain |= {k: _number(getattr(self, k)) for k in ("n_effective", "ks_statistic")}
        for name in STATISTICS:
            e: Estimate = getattr(self, name)
            plain[name] = {k: _number(getattr(e, k)) for k in ("value", "low", "high", "standard_error")}
        return plain


STATISTICS = tuple(f.name for f in fields(Distribution) if f.type in (Estimate, "Estimate"))
WITHOUT_UNIT = frozenset({"cv", "skewness", "span", "geometric_sd", "lognormal_gsd"})


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
    x, w = checked(diameters, weights, unit, weighting)
    if n_bootstrap < 0:
        raise ValueError(f"n_bootstrap must be 0 or positive, got {n_bootstrap}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    power = 3 if weighting == "volume" else 0
    v = w * x**power
    estimates, ks = dict.fromkeys(STATISTICS, Estimate(math.nan, math.nan, math.nan)), math.nan
    if x.size:
        values = {name: float(value[0]) for name, value in statistics_of_rows(x[None], w[None], power).items()}
        ks = ks_distance(x, v, values["lognormal_median"], values["lognormal_gsd"])
        estimates = {name: Estimate(value, math.nan, math.nan) for name, value in values.items()}
        if n_bootstrap and x.size >= MIN_N_FOR_INTERVALS:
            replicates = _resampled(x, w, power, n_bootstrap=n_bootstrap, seed=seed)
            estimates = {k: _estimate(values[k], replicates[k], n=x.size, confidence=confidence) for k in STATISTICS}
    more: dict[str, Any] = dict(estimates)
    return Distribution(
        unit=unit,
        weighting=weighting,
        n=x.size,
        n_effective=float(v.sum() ** 2 / (v**2).sum()) if x.size else 0.0,
        confidence=confidence,
        n_bootstrap=n_bootstrap,
        seed=seed,
        ks_statistic=ks,
        **more,
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
    x, w = weighted(values, weights, "values")
    if any(not 0 <= p <= 1 for p in probabilities):
        raise ValueError(f"probabilities must lie in [0, 1], got {list(probabilities)}")
    if not x.size:
        return np.full(len(probabilities), np.nan)
    return quantiles_of_rows(x[None], w[None], probabilities)[:, 0]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def statistics_of_rows(x: Floats, w: Floats, power: int) -> dict[str, Floats]:
    """Every statistic, (B,), of the rows of x (B, n), sorted along n, with edge weights w, counted by x**power."""
    v = w * x**power
    lost = (v**2).sum(axis=1) / v.sum(axis=1) ** 2  # 1/n where weights are equal
    unbiased = np.sqrt(np.where(lost < 1 - 1e-12, 1 - lost, np.nan))  # one particle has no sd
    (mean, sd), (log_mean, log_sd) = mean_sd(x, v), mean_sd(np.log(x), v)
    sd /= unbiased
    d10, d16, d50, d84, d90 = quantiles_of_rows(x, v, (0.1, 0.16, 0.5, 0.84, 0.9))
    cubed = (v * (x - mean[:, None]) ** 3).sum(axis=1) / v.sum(axis=1)
    skewness = np.divide(cubed, sd**3, out=np.full_like(cubed, np.nan), where=sd > 1e-9 * mean)
    squares, cubes = w * x**2, w * x**3
    return {
        "mean": mean,
        "sd": sd,
        "cv": sd / mean,
        "skewness": skewness,
        "median": d50,
        "d10": d10,
        "d16": d16,
        "d50": d50,
        "d84": d84,
        "d90": d90,
        "span": (d90 - d10) / d50,
        "geometric_mean": np.exp(log_mean),
        "geometric_sd": np.exp(log_sd / unbiased),
        "lognormal_median": np.exp(log_mean),
        "lognormal_gsd": np.exp(log_sd),
        "number_mean": (w * x).sum(axis=1) / w.sum(axis=1),
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
        parts.append(statistics_of_rows(x[drawn], w[drawn], power))
    return {name: np.concatenate([part[name] for part in parts]) for name in STATISTICS}


def _estimate(value: float, resampled: Floats, *, n: int, confidence: float) -> Estimate:
    """A value with its bias-corrected percentile interval, widened for small n."""
    if not np.isfinite(resampled).all():
        resampled = resampled[np.isfinite(resampled)]
    if math.isnan(value) or resampled.size < 2:
        return Estimate(value, math.nan, math.nan)
    z = stdtrit(n - 1, (1 + confidence) / 2) * math.sqrt(n / (n - 1))
    below = ((resampled < value).mean() + (resampled <= value).mean()) / 2
    bias = ndtri(np.clip(below, 0.5 / resampled.size, 1 - 0.5 / resampled.size))
    low, high = np.quantile(resampled, ndtr([2 * bias - z, 2 * bias + z]))
    return Estimate(value, float(low), float(high), float(resampled.std() * math.sqrt(n / (n - 1))))


def ks_distance(x: Floats, v: Floats, median: float, gsd: float) -> float:
    """Largest distance between the weighted cumulative distribution and the fitted one; NaN where the fit has no width."""
    if not gsd > 1 + 1e-9:
        return math.nan
    fitted = ndtr(np.log(x / median) / math.log(gsd))
    after = np.cumsum(v) / v.sum()
    return float(max((after - fitted).max(), (fitted - (after - v / v.sum())).max()))
