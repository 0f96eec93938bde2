"""What was outlined beside what the picture alone suggests: a warning where the two differ by more than both may be off."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.remarks import Remark
from ..core.scale import Scale, format_length
from ..detection.size_estimate import SizeEstimate
from .distribution import quantiles

_MEDIAN = math.sqrt(math.pi / 2)  # standard error of a median over that of a mean, where ln diameters are normal
_ALIKE = 0.05  # standard deviation of ln diameter that particles have at least, where few of them show it
_SEEN = (
    10.0  # particles from which on the picture alone speaks up where none was outlined: a few it sees in lattices and fibres too
)
_COVERED = 0.2  # share of the picture in particles, from which on an estimate of it is sure enough
_OPEN = 0.45  # logarithm of that share over the one outlined, from which on much was left out
_OUTLINED = 3  # particles outlined, from which on it speaks up where it shows none


def witness_warnings(
    estimate: SizeEstimate | None,
    diameter_px: NDArray[np.float64],
    weights: NDArray[np.float64],
    detection: Mapping[str, float],
    *,
    scale: Scale | None,
) -> tuple[Remark, ...]:
    """A warning where a measurement and the estimate from the picture alone contradict each other.

    diameter_px, weights: (n,) of all particles that were outlined, by number; 0 for one that does not count
    detection: relative standard uncertainties of what was found, by statistic
    """
    if estimate is None or math.isinf(estimate.surprise):
        return ()
    d, w = diameter_px[weights > 0], weights[weights > 0]
    if not d.size:
        if len(diameter_px) or estimate.n < _SEEN:
            return ()
        return (_remark(f"about {_number(estimate.n)} particles of {_size(estimate.d50_px, scale)} where none was outlined"),)
    if estimate.none_seen:
        return (_remark(f"no particle where {d.size} were outlined"),) if d.size >= _OUTLINED else ()
    d50, uncertainty = median_of(d, w)
    area = _area_warning(estimate, diameter_px)
    if abs(estimate.far_from(d50, math.hypot(uncertainty, detection.get("d50", 0.0)))) < estimate.surprise:
        return area
    low, high = (_size(v, scale) for v in estimate.interval_px)
    seen = f"a median diameter of about {_size(estimate.d50_px, scale)} ({low} to {high})"
    return (_remark(f"{seen} where {_size(d50, scale)} was measured"), *area)


def _area_warning(estimate: SizeEstimate, diameter_px: NDArray[np.float64]) -> tuple[Remark, ...]:
    """A warning where particles cover much more of the picture than what was outlined, counted or not: many were missed."""
    if estimate.covered < _COVERED or not estimate.area_px2:
        return ()
    outlined_share = math.pi / 4 * float((diameter_px**2).sum()) / estimate.area_px2
    if math.log(estimate.covered / outlined_share) < _OPEN:
        return ()
    text = f"that particles cover about {100 * estimate.covered:.0f} % of it where outlines cover {100 * outlined_share:.0f} %"
    return (Remark("cover_differs", f"the picture alone, without outlines, suggests {text}: look at the overlay"),)


def median_of(diameter: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    """Number median of diameters, and the standard error of its logarithm, for a log-normal law."""
    n = float(weights.sum() ** 2 / (weights**2).sum())
    ln = np.log(diameter)
    spread = math.sqrt(float(np.average((ln - np.average(ln, weights=weights)) ** 2, weights=weights)))
    return float(quantiles(diameter, (0.5,), weights=weights)[0]), _MEDIAN * max(spread, _ALIKE) / math.sqrt(n)


def outlined(table: pd.DataFrame, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What `witness_warnings` takes of a particle table."""
    return table["equivalent_diameter_px"].to_numpy(np.float64), weights


def _remark(suggests: str) -> Remark:
    return Remark("size_differs", f"the picture alone, without outlines, suggests {suggests}: look at the overlay")


def _size(px: float, scale: Scale | None) -> str:
    return f"{px:.3g} px" if scale is None else format_length(px * scale.mean_nm_per_px, digits=3)


def _number(n: float) -> str:
    """To two figures: it is an estimate."""
    return f"{float(f'{n:.2g}'):.0f}"
