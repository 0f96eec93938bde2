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
DENSE = 2.4
"""A dimension found above is a lower bound: the overlap of bodies so dense was not looked at."""
LEAST_AGGREGATES = 10
LEAST_PRIMARIES = 4
_RESAMPLES = 400
# N = f (A / Ap)^z: z and ln f at D = 2, what a unit of D adds, standard uncertainty (benchmarks/aggregates.py constants); what the
# one is too small by, the other is too large by times _CENTRE, the usual ln A / Ap
_EXPONENT = (1.123, 0.150, 0.012)
_LN_FACTOR = (0.050, -0.129, 0.03)
_CENTRE = 3.0


@dataclass(frozen=True, slots=True)
class FractalLaw:
    """N = prefactor (Rg / rp)^dimension over n aggregates, each with its 95 % interval; NaN where there are too few aggregates or
    all are of one size. exponent, factor: N = factor (A / Ap)^exponent, for aggregates of that dimension."""

    n: int
    dimension: float
    dimension_low: float
    dimension_high: float
    prefactor: float
    prefactor_low: float
    prefactor_high: float
    exponent: float = OVERLAP_EXPONENT
    factor: float = OVERLAP_FACTOR

    def primaries(self, ratio: Floats) -> Floats:
        """(n,) number of primaries by projected areas A / Ap (n,)."""
        return np.asarray(self.factor * ratio**self.exponent, np.float64)


def primaries_by_area(ratio: Floats) -> Floats:
    """(n,) number of primaries of aggregates of projected areas A / Ap (n,), hidden ones too, whatever their dimension."""
    return np.asarray(np.where(ratio <= 1.0, 1.0, OVERLAP_FACTOR * np.maximum(ratio, 1.0) ** OVERLAP_EXPONENT), np.float64)


def fractal_law(ratio: Floats, gyration: Floats, *, seed: int = 0) -> FractalLaw:
    """The law that the sample's aggregates follow.

    Parameters
    ----------
    ratio : (n,) array
        Projected area of each aggregate over that of a primary.
    gyration : (n,) array
        Radius of gyration of the projection's primaries over the radius of a primary.
    seed : int
        Of the resamples that the intervals are from.

    Notes
    -----
    Turned at random, an aggregate of radius of gyration Rg has projections of √(2/3) Rg on average, which is corrected for;
    from one direction to another it varies by a tenth or two. ln Rg is therefore fitted over ln A, not the other way round:
    the scatter is in Rg, and a line fitted the other way would be too flat.

    How many primaries an area stands for depends on how much they hide each other, and so on the dimension (Lapuerta, Ballesteros &
    Martos, J. Colloid Interface Sci. 303 (2006) 149): N = f(D) (A / Ap)^z(D). With z and ln f linear in D, the dimension that goes
    with itself follows at once. Intervals are by bootstrap over aggregates, with what z and f are uncertain by in each draw.
    """
    good = (primaries_by_area(ratio) >= LEAST_PRIMARIES) & (gyration > 0)
    x, y = np.log(ratio[good]), np.log(gyration[good] * math.sqrt(1.5))
    n = int(good.sum())
    nan = math.nan
    if n < LEAST_AGGREGATES or np.ptp(x) < math.log(2):
        return FractalLaw(n, nan, nan, nan, nan, nan, nan)
    dimension, prefactor = _fitted(x, y)
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(_RESAMPLES):
        k, off = rng.integers(0, n, n), rng.normal(0, (_EXPONENT[2], _LN_FACTOR[2]))
        if np.ptp(x[k]) > 0:
            draws.append(_fitted(x[k], y[k], off[0], off[1] - _CENTRE * off[0]))
    low, high = np.nanquantile(np.array(draws), [0.025, 0.975], axis=0)
    exponent, ln_factor = overlap_of(dimension)
    return FractalLaw(
        n, dimension, float(low[0]), float(high[0]), prefactor, float(low[1]), float(high[1]), exponent, math.exp(ln_factor)
    )


def overlap_of(dimension: float) -> tuple[float, float]:
    """Exponent z and ln f of N = f (A / Ap)^z, for aggregates of that dimension."""
    return _EXPONENT[0] + _EXPONENT[1] * (dimension - 2), _LN_FACTOR[0] + _LN_FACTOR[1] * (dimension - 2)


def _fitted(x: Floats, y: Floats, exponent_off: float = 0.0, ln_factor_off: float = 0.0) -> tuple[float, float]:
    """Dimension and prefactor of ln Rg / rp (n,) over ln A / Ap (n,), where exponent and ln factor are off by so much."""
    slope, start = np.polyfit(x, y, 1)
    if not slope > _EXPONENT[1]:
        return math.nan, math.nan
    # D slope = z(D), as N = f (A / Ap)^z = k (Rg / rp)^D
    dimension = (_EXPONENT[0] - 2 * _EXPONENT[1] + exponent_off) / (slope - _EXPONENT[1])
    _, ln_factor = overlap_of(dimension)
    return float(dimension), float(math.exp(ln_factor + ln_factor_off - dimension * start))
