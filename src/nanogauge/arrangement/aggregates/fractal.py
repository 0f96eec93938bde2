"""The fractal dimension of a sample of aggregates, from their projections."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

OVERLAP_EXPONENT, OVERLAP_FACTOR = 1.09, 1.15
"""N = 1.15 (A / Ap)^1.09: number of primaries by projected areas, for those that hide each other (Köylü et al., Combust. Flame 100
(1995) 621; Brasil et al., J. Aerosol Sci. 30 (1999) 1379)."""
DENSE = 1.9
"""A dimension found above is a lower bound: bodies so dense hide more of themselves than the constants above allow for."""
LEAST_AGGREGATES = 10
LEAST_PRIMARIES = 4
_RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class FractalLaw:
    """N = prefactor (Rg / rp)^dimension over n aggregates, each with its 95 % interval; NaN where there are too few aggregates or
    all are of one size."""

    n: int
    dimension: float
    dimension_low: float
    dimension_high: float
    prefactor: float
    prefactor_low: float
    prefactor_high: float


def primaries_by_area(area: Floats, primary_area: Floats) -> Floats:
    """(n,) number of primaries of aggregates of projected `area`, hidden ones too."""
    ratio = np.maximum(area / primary_area, 1.0)
    return np.asarray(np.where(ratio <= 1.0, 1.0, OVERLAP_FACTOR * ratio**OVERLAP_EXPONENT), np.float64)


def fractal_law(n_primaries: Floats, gyration: Floats, *, seed: int = 0) -> FractalLaw:
    """The law that the sample's aggregates follow.

    Parameters
    ----------
    n_primaries : (n,) array
        Primaries of each aggregate, hidden ones too: `primaries_by_area`.
    gyration : (n,) array
        Radius of gyration of the projection over the radius of a primary.
    seed : int
        Of the resamples that the intervals are from.

    Notes
    -----
    Turned at random, an aggregate of radius of gyration Rg has projections of √(2/3) Rg on average, which is corrected for;
    from one direction to another it varies by a tenth or two. ln Rg is therefore fitted over ln N, not the other way round:
    the scatter is in Rg, and a line fitted the other way would be too flat. Intervals are by bootstrap over aggregates.
    """
    good = (n_primaries >= LEAST_PRIMARIES) & (gyration > 0)
    x, y = np.log(n_primaries[good]), np.log(gyration[good] * math.sqrt(1.5))
    n = int(good.sum())
    nan = math.nan
    if n < LEAST_AGGREGATES or np.ptp(x) < math.log(2):
        return FractalLaw(n, nan, nan, nan, nan, nan, nan)
    dimension, prefactor = _fitted(x, y)
    rng = np.random.default_rng(seed)
    draws = [_fitted(x[k], y[k]) for k in (rng.integers(0, n, n) for _ in range(_RESAMPLES)) if np.ptp(x[k]) > 0]
    low, high = np.nanquantile(np.array(draws), [0.025, 0.975], axis=0)
    return FractalLaw(n, dimension, float(low[0]), float(high[0]), prefactor, float(low[1]), float(high[1]))


def _fitted(x: Floats, y: Floats) -> tuple[float, float]:
    slope, start = np.polyfit(x, y, 1)
    if not slope > 0:
        return math.nan, math.nan
    return float(1 / slope), float(math.exp(-start / slope))
