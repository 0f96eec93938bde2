"""Several micrographs of one sample: the pooled distribution, and whether the micrographs agree.

Particles of one micrograph are more alike than particles of the sample at large: fields differ, and so do focus and outlines.
Intervals that take each particle for a draw of its own are then too short.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, stdtrit

from .summary import MIN_N_FOR_INTERVALS, STATISTICS, Distribution, Estimate, statistics_of_rows, summarise
from .weighted import Floats, Unit, Weighting, checked

_CELLS_AT_ONCE = 1 << 20
_MOST_BINS = 2000  # more particles are resampled in groups of neighbours in rank
_MOST_CELLS = 20_000_000  # of the table micrographs x bins
_LEAST_IN_GROUP = 5
_WIDEST = math.log(10)
"""Of an interval, either way: where it is wider than a factor of ten, the micrographs are no one sample, and it is not given."""
_SIGNED = frozenset({"skewness"})  # statistics that may be negative


@dataclass(frozen=True, slots=True)
class Homogeneity:
    """Whether the micrographs of a sample show the same particles.

    statistic, p_value: Kruskal & Wallis' H over micrographs with at least 5 particles, p from chi² (NaN under 2 of them)
    epsilon_squared: share of the variance of ranks that lies between micrographs (Tomczak & Tomczak 2014), 0 to 1
    between_sd, within_sd: standard deviations between and within micrographs by one-way analysis of variance, in `unit`; the
        first is what ISO Guide 35 calls the between-bottle one, 0 where the micrographs agree better than chance
    homogeneous: p_value >= 0.05, None where it cannot be said
    """

    unit: Unit
    n_micrographs: int
    statistic: float
    p_value: float
    epsilon_squared: float
    between_sd: float
    within_sd: float
    relative_between_sd: float
    homogeneous: bool | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON, None for NaN."""
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(self).items()}


def homogeneity(diameters: ArrayLike, clusters: ArrayLike, *, unit: Unit) -> Homogeneity:
    """Compares the micrographs of one sample.

    diameters: (n,) of the particles that count; clusters: (n,) which micrograph each is from, any labels

    Sources: Kruskal & Wallis, J. Am. Stat. Assoc. 47 (1952) 583; ISO Guide 35:2017, 7.7.
    Raises ValueError for shapes that do not fit.
    """
    x, number, k = _grouped(diameters, clusters)
    groups = [g for g in (x[number == i] for i in range(k)) if g.size >= _LEAST_IN_GROUP]
    nan = Homogeneity(unit, k, *(math.nan,) * 6, None)
    if len(groups) < 2:
        return nan
    n = sum(g.size for g in groups)
    every = np.concatenate(groups)
    if np.ptp(every) == 0:
        return replace(nan, statistic=0.0, p_value=1.0, epsilon_squared=0.0, between_sd=0.0, within_sd=0.0,
                       relative_between_sd=0.0, homogeneous=True)  # fmt: skip
    h, p = _kruskal_wallis(groups)
    counts = np.array([g.size for g in groups], float)
    means = np.array([g.mean() for g in groups])
    grand = every.mean()
    between = float((counts * (means - grand) ** 2).sum()) / (len(groups) - 1)
    within = sum(float(((g - g.mean()) ** 2).sum()) for g in groups) / (n - len(groups))
    usual_n = (n - (counts**2).sum() / n) / (len(groups) - 1)
    between_sd = math.sqrt(max(between - within, 0) / usual_n)
    return Homogeneity(unit, k, h, p, min(h / (n - 1), 1.0), between_sd, math.sqrt(within), between_sd / float(grand), p >= 0.05)


def summarise_pooled(
    diameters: ArrayLike,
    clusters: ArrayLike,
    *,
    unit: Unit,
    weights: ArrayLike | None = None,
    weighting: Weighting = "number",
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Distribution:
    """The size distribution of a sample seen in several micrographs, all particles together.

    clusters: (n,) which micrograph each particle is from, any labels; the other arguments as in `summarise`

    Standard errors have two parts: particles within micrographs, by resampling particles (Rubin's bootstrap with random
    weights, Ann. Stat. 9 (1981) 130), and between micrographs, what resampling whole micrographs (Davison & Hinkley, Bootstrap
    Methods (1997), 3.8) finds beyond that. Intervals are value · exp(± t u / value), with Student's t at the degrees of freedom
    of Welch and Satterthwaite (GUM G.4): a between part known from three micrographs makes them as long as that warrants. Beyond
    a factor of ten either way there is none (NaN). One micrograph alone is `summarise`.

    Raises ValueError as `summarise` does, and for clusters that do not fit.
    """
    raw, labels = np.asarray(diameters, np.float64), np.asarray(clusters)
    if labels.shape != raw.shape:
        raise ValueError(f"clusters must have the shape of diameters, {raw.shape}, got {labels.shape}")
    w = np.ones(raw.shape) if weights is None else np.asarray(weights, np.float64)
    plain = summarise(raw, unit=unit, weights=w, weighting=weighting, n_bootstrap=0, seed=seed, confidence=confidence)
    keep = w > 0
    x, number, k = _grouped(raw[keep], labels[keep])
    if k < 2 or plain.n < MIN_N_FOR_INTERVALS or n_bootstrap == 0:
        alone = summarise(raw, unit=unit, weights=w, weighting=weighting, n_bootstrap=n_bootstrap, seed=seed, confidence=confidence)
        return replace(alone, n_clusters=max(k, 1))
    checked(x, w[keep], unit, weighting)
    power = 3 if weighting == "volume" else 0
    within, between = _variances(x, w[keep], number, k, power, n_bootstrap=n_bootstrap, seed=seed)
    estimates: dict[str, Any] = {}
    for name in STATISTICS:
        value = getattr(plain, name).value
        estimates[name] = _interval(name, value, within[name], between[name], n=plain.n, k=k, confidence=confidence)
    return replace(plain, n_bootstrap=n_bootstrap, n_clusters=k, **estimates)


def _kruskal_wallis(groups: Sequence[ArrayLike]) -> tuple[float, float]:
    """H, corrected for ties, and its p-value by chi squared; not all values may be alike. `scipy.stats.kruskal` gives the same, and
    takes half a second to import."""
    size = np.array([np.size(g) for g in groups], float)
    _, number, alike = np.unique(np.concatenate(groups), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(alike) - (alike - 1) / 2)[number]
    sums = np.array([part.sum() for part in np.split(ranks, np.cumsum(size)[:-1].astype(int))])
    n = size.sum()
    h = 12 / (n * (n + 1)) * float((sums**2 / size).sum()) - 3 * (n + 1)
    ties = alike.astype(float)
    h /= 1 - float((ties**3 - ties).sum()) / (n**3 - n)
    return h, float(chdtrc(size.size - 1, max(h, 0.0)))


def _grouped(values: ArrayLike, clusters: ArrayLike) -> tuple[Floats, NDArray[np.int64], int]:
    x, labels = np.asarray(values, np.float64), np.asarray(clusters)
    if x.ndim != 1 or labels.shape != x.shape:
        raise ValueError(f"clusters must have the shape of diameters, {x.shape}, got {labels.shape}")
    names, number = np.unique(labels, return_inverse=True)
    return x, number.astype(np.int64), names.size


def _variances(
    x: Floats, w: Floats, number: NDArray[np.int64], k: int, power: int, *, n_bootstrap: int, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Variance of each statistic from particles within micrographs, and what comes from between them."""
    order = np.argsort(x, kind="stable")
    x, w, number = x[order], w[order], number[order]
    n_bins = int(min(x.size, _MOST_BINS, max(_MOST_CELLS // k, 50)))
    bin_of = np.arange(x.size) * n_bins // x.size
    table = np.zeros((k, n_bins))
    np.add.at(table, (number, bin_of), w)
    weight = table.sum(axis=0)
    squares = np.bincount(bin_of, w**2, n_bins)
    at = np.bincount(bin_of, w * x, n_bins) / weight
    rng = np.random.default_rng(seed)
    particles: dict[str, list[Floats]] = {name: [] for name in STATISTICS}
    micrographs: dict[str, list[Floats]] = {name: [] for name in STATISTICS}
    at_once = max(1, _CELLS_AT_ONCE // n_bins)
    for begin in range(0, n_bootstrap, at_once):
        rows = min(at_once, n_bootstrap - begin)
        drawn = rng.gamma(weight**2 / squares, squares / weight, (rows, n_bins))  # mean w, variance w² of each particle
        copies = rng.multinomial(k, np.full(k, 1 / k), rows) @ table
        for into, v in ((particles, np.maximum(drawn, 1e-300)), (micrographs, np.maximum(copies, 1e-300))):
            for name, values in statistics_of_rows(np.broadcast_to(at, v.shape), v, power).items():
                into[name].append(values)
    within = {name: _variance(particles[name]) for name in STATISTICS}
    both = {name: _variance(micrographs[name]) * k / (k - 1) for name in STATISTICS}
    return within, {name: max(both[name] - within[name], 0.0) for name in STATISTICS}


def _variance(parts: list[Floats]) -> float:
    values = np.concatenate(parts)
    values = values[np.isfinite(values)]
    return float(values.var()) if values.size > 1 else math.nan


def _interval(name: str, value: float, within: float, between: float, *, n: int, k: int, confidence: float) -> Estimate:
    total = within + between
    if not (math.isfinite(total) and math.isfinite(value)):
        return Estimate(value, math.nan, math.nan)
    if total == 0:
        return Estimate(value, value, value, 0.0)
    freedom = total**2 / (within**2 / max(n - k, 1) + between**2 / (k - 1))
    reach = float(stdtrit(max(freedom, 1.0), (1 + confidence) / 2)) * math.sqrt(total)
    if name in _SIGNED or value <= 0:
        return Estimate(value, value - reach, value + reach, math.sqrt(total))
    if reach / value > _WIDEST:
        return Estimate(value, math.nan, math.nan, math.sqrt(total))
    factor = math.exp(reach / value)
    return Estimate(value, value / factor, value * factor, math.sqrt(total))


@dataclass(frozen=True, slots=True)
class GroupTest:
    """Kruskal & Wallis' test of several samples: H, its p-value, the effect size epsilon², and the p-value of the same test
    over the micrographs' medians, which takes particles of one micrograph for one observation. NaN where it cannot be done."""

    statistic: float
    p_value: float
    epsilon_squared: float
    p_value_micrographs: float


@dataclass(frozen=True, slots=True)
class PairTest:
    """Two samples: Cliff's delta (-1 to 1, how much more often the second's particles are the larger) and the p-value of Mann &
    Whitney's test, corrected for the number of pairs by Holm's method."""

    first: int
    second: int
    cliffs_delta: float
    p_value: float


def compare_groups(groups: Sequence[ArrayLike], clusters: Sequence[ArrayLike]) -> tuple[GroupTest, tuple[PairTest, ...]]:
    """Compares samples by the diameters of their particles.

    groups: each (n_i,) diameters; clusters: for each the micrographs they are from

    Sources: Kruskal & Wallis 1952; Mann & Whitney, Ann. Math. Stat. 18 (1947) 50; Cliff, Psychol. Bull. 114 (1993) 494; Holm,
    Scand. J. Stat. 6 (1979) 65. Raises ValueError for fewer than two groups or shapes that do not fit.
    """
    from scipy.stats import mannwhitneyu  # half a second to import, which one sample does not need

    if len(groups) < 2 or len(groups) != len(clusters):
        raise ValueError(f"two or more groups with their clusters are needed, got {len(groups)} and {len(clusters)}")
    parts = [_grouped(g, c) for g, c in zip(groups, clusters, strict=True)]
    filled = [x for x, _, _ in parts if x.size]
    n = sum(x.size for x in filled)
    every = np.concatenate(filled) if filled else np.zeros(0)
    if len(filled) < 2 or np.ptp(every) == 0:
        test = GroupTest(math.nan, math.nan, math.nan, math.nan)
    else:
        h, p = _kruskal_wallis(filled)
        medians = [[float(np.median(x[number == i])) for i in range(k)] for x, number, k in parts]
        enough = all(len(m) >= 2 for m in medians) and np.ptp(np.concatenate(medians)) > 0
        test = GroupTest(h, p, min(h / (n - 1), 1.0), _kruskal_wallis(medians)[1] if enough else math.nan)
    raw = []
    for i in range(len(parts)):
        for j in range(i + 1, len(parts)):
            a, b = parts[i][0], parts[j][0]
            if a.size and b.size:
                u, p = (float(v) for v in mannwhitneyu(b, a))
                raw.append((i, j, 2 * u / (a.size * b.size) - 1, p))
            else:
                raw.append((i, j, math.nan, math.nan))
    return test, tuple(PairTest(i, j, d, q) for (i, j, d, _), q in zip(raw, _holm([r[3] for r in raw]), strict=True))


def _holm(p_values: list[float]) -> list[float]:
    """Holm's step-down correction; NaN stays NaN."""
    known = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    out = [math.nan] * len(p_values)
    largest = 0.0
    for rank, (p, i) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        out[i] = largest
    return out
