"""95 % intervals of ratios of sums over blocks, of one map or of several.

Blocks of one map scatter about the pooled ratio; maps differ by chance as well, by more than their blocks let expect. Both
variances are added, with Student's t at the degrees of freedom of Welch and Satterthwaite (GUM G.4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtrit

from ..statistics.distribution import Estimate

Floats = NDArray[np.float64]

RARE = 0.025
"""What lies beyond either end of an interval of 95 %."""


def variance_of_ratio(parts: Sequence[tuple[Floats, Floats]], inflation: Sequence[float]) -> tuple[float, float, float]:
    """(ratio, its variance, degrees of freedom) of Σ a / Σ c.

    parts: a and c, (b,), of the blocks of each map; inflation: of each map's variance between blocks
    NaN where Σ c is 0; a variance of 0 has infinite degrees of freedom.
    """
    whole = sum(float(c.sum()) for _, c in parts)
    if not whole > 0:
        return math.nan, math.nan, math.nan
    ratio = sum(float(a.sum()) for a, _ in parts) / whole
    inner = per_freedom = 0.0
    of_maps = []
    for (a, c), factor in zip(parts, inflation, strict=True):
        residual = a - ratio * c
        of_maps.append(float(residual.sum()))
        n = a.size
        if n > 1:
            v = factor * n / (n - 1) * float(((residual - residual.mean()) ** 2).sum()) / whole**2
            inner += v
            per_freedom += v * v / (n - 1)
    m = len(parts)
    between = m / (m - 1) * float(np.square(of_maps).sum()) / whole**2 if m > 1 else 0.0
    outer = max(between - inner, 0.0)
    total = inner + outer
    if total == 0:
        return ratio, 0.0, math.inf
    return ratio, total, total**2 / (per_freedom + (outer**2 / (m - 1) if m > 1 else 0.0))


def share_interval(p: float, variance: float, freedom: float, independent: float) -> Estimate:
    """Of a share, symmetric in its logit. A share of 0 or 1 has its other end where so many independent areas would show the like
    in one case of 40."""
    if math.isnan(p):
        return Estimate(math.nan, math.nan, math.nan, math.nan)
    if p <= 0:
        return Estimate(0.0, 0.0, 1 - RARE ** (1 / independent), 0.0)
    if p >= 1:
        return Estimate(1.0, RARE ** (1 / independent), 1.0, 0.0)
    error = math.sqrt(variance)
    reach = t95(freedom) * error / (p * (1 - p))
    low, high = (float(expit(logit(p) + s * min(reach, 50.0))) for s in (-1, 1))
    return Estimate(p, low, high, error)


def length_interval(value: float, variance: float, freedom: float, *, more: float = 0.0) -> Estimate:
    """Of a positive quantity, symmetric in its logarithm. more: a half-width of 95 %, relative, of other origin."""
    if not (math.isfinite(value) and value > 0):
        return Estimate(value, math.nan, math.nan, math.nan)
    error = math.sqrt(variance)
    reach = min(math.hypot(t95(freedom) * error / value, more), 50.0)
    return Estimate(value, value * math.exp(-reach), value * math.exp(reach), error)


def widened(e: Estimate, below: float, above: float) -> Estimate:
    """A share's interval with half-widths of other origin added in quadrature, within 0 and 1."""
    if math.isnan(e.value):
        return e
    low = max(e.value - math.hypot(e.value - e.low, below), 0.0)
    high = min(e.value + math.hypot(e.high - e.value, above), 1.0)
    return Estimate(e.value, low, high, e.standard_error)


def t95(freedom: float) -> float:
    """Student's t of a two-sided interval of 95 %."""
    return 1.959964 if math.isinf(freedom) else float(stdtrit(max(freedom, 1.0), 1 - RARE))
