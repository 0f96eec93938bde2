"""The figures beside the picture as they follow each edit: first the values, a moment later their intervals, as plain lists."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...core.json_value import json_value
from ...core.scale import unit_nm
from ...core.settings import Settings
from ...reporting.content import sample_content
from ...reporting.formatting import LAWS, NAMES, Lengths, lengths, number, p_value
from ...statistics.distribution import Distribution, cumulative, histogram, kernel_density
from ...statistics.samples import Part, Sample, compare, pool_tables
from .quantities import DIAMETER, QUANTITIES, values_of

UnitShown = Literal["auto", "nm", "µm"]
_SHOWN = ("mean", "sd", "d10", "d50", "d90", "cv", "geometric_sd", "d32", "d43")
_SHOWN_OF_OTHERS = ("mean", "sd", "d10", "d50", "d90", "cv")
_MOST_BINS = 400
_CUMULATIVE_POINTS = 400
_SHORT = {"mean": "mean", "sd": "SD", "cv": "CV", "geometric_sd": "GSD", "d32": "D[3,2]", "d43": "D[4,3]"}
_LEAST_FOR_CURVES = 10
_MOST_FITS = 3
_CURVE_POINTS = 160
_FIT_POINTS = 400


def sample_of(parts: Sequence[Part], *, name: str, settings: Settings, weighting: str = "number", quick: bool = False) -> Sample:
    """The micrographs pooled under a weighting; quick: without resampling, so without intervals and p-values."""
    changes: dict[str, Any] = {"weighting": weighting}
    if quick:
        changes |= {"n_bootstrap": 0, "n_fit_bootstrap": 0}
    return pool_tables(parts, name=name, settings=settings.replace("measure", **changes))


def shown_lengths(sample: Sample, unit: UnitShown) -> Lengths:
    """The unit lengths are shown in."""
    if sample.unit == "px" or unit == "auto":
        return lengths(sample.unit, sample.distribution.median.value)
    return Lengths("nm") if unit == "nm" else Lengths("µm", unit_nm("nm") / unit_nm("µm"))


def chart_of(
    sample: Sample, unit: Lengths, *, by: str = DIAMETER, distribution: Distribution | None = None, bin_width: float | None = None
) -> dict[str, Any]:
    """Histogram, density, cumulative curve, fits and quantiles, in the unit shown; empty lists where nothing counts.

    by: another quantity than the diameter, with its distribution; bin_width: in the unit shown, None: by Freedman and Diaconis
    """
    quantity = QUANTITIES[by]
    d = distribution or sample.distribution
    k = unit.per_stored if quantity.length else 1.0
    diameters, weights = values_of(sample, quantity)
    out: dict[str, Any] = {
        "unit": unit.unit if quantity.length else "",
        "quantity": by,
        "title": "equivalent diameter" if by == DIAMETER else quantity.title,
        "lengths": {"unit": unit.unit, "per_stored": unit.per_stored},
        "cumulative": None,
        "per_stored": k,
        "stored_unit": sample.unit,
        "weighting": d.weighting,
        "n": d.n,
        "edges": [],
        "share": [],
        "count": [],
        "density": None,
        "fits": [],
        "quantiles": {},
    }
    if not d.n:
        return out
    h = histogram(
        diameters, unit=sample.unit, weights=weights, weighting=d.weighting, n_bins=_bins(diameters, weights, bin_width, k)
    )
    q = cumulative(diameters, unit=sample.unit, weights=weights, weighting=d.weighting)
    every = max(len(q.x) // _CUMULATIVE_POINTS, 1)
    out["cumulative"] = {"x": [x * k for x in (*q.x[::every], q.x[-1])], "y": [*q.y[::every], q.y[-1]]}
    out |= {"edges": [e * k for e in h.edges], "share": list(h.share), "count": list(h.count), "rule": h.rule}
    if d.n >= _LEAST_FOR_CURVES and d.cv.value > 1e-4:
        c = kernel_density(diameters, unit=sample.unit, weights=weights, weighting=d.weighting, n_points=_CURVE_POINTS)
        out["density"] = {"x": [x * k for x in c.x], "y": [y / k for y in c.y]}
        if d.weighting == "number" and by == DIAMETER:
            at = np.linspace(max(c.x[0], 1e-9), c.x[-1], _FIT_POINTS)
            out["fits"] = [
                {
                    "law": f.law,
                    "name": LAWS.get(f.law, f.law),
                    "x": (at * k).tolist(),
                    "y": (np.asarray(f.pdf(at)) / k).tolist(),
                    "delta_aicc": number(f.delta_aicc, 3),
                    "p": p_value(f.ad_p_value),
                }
                for f in sample.fits[:_MOST_FITS]
            ]
    for name in ("d10", "d50", "d90", "mean"):
        e = getattr(d, name)
        out["quantiles"][name] = {"value": e.value * k, "low": json_value(e.low * k), "high": json_value(e.high * k)}
    return out


def _bins(values: NDArray[np.float64], weights: NDArray[np.float64], width: float | None, k: float) -> int | None:
    counted = values[weights > 0]
    if not width or width <= 0 or not counted.size:
        return None
    return min(max(math.ceil(float(np.ptp(counted)) * k / width), 1), _MOST_BINS)


def figures_of(
    sample: Sample, unit: Lengths, *, by: str = DIAMETER, distribution: Distribution | None = None
) -> list[dict[str, str]]:
    """The rows of the table of figures: name, value with unit, interval ("" where there is none yet), what it means."""
    d = distribution or sample.distribution
    known = sample.quotable if by == DIAMETER and sample.settings.measure.n_bootstrap else {}
    rows = []
    for name in _SHOWN if by == DIAMETER else _SHOWN_OF_OTHERS:
        e = getattr(d, name)
        if name in known:
            e = dataclasses.replace(e, low=known[name][0], high=known[name][1])
        plain = name in ("cv", "geometric_sd") or not QUANTITIES[by].length
        show = Lengths("") if plain else unit
        value = f"{number(100 * e.value, 3)} %" if name == "cv" else show.with_unit(e.value).strip()
        interval = ""
        if math.isfinite(e.low):
            low, high = (100 * e.low, 100 * e.high) if name == "cv" else (e.low, e.high)
            interval = show.interval(low, high)
        rows.append({"name": _SHORT.get(name, name), "meaning": NAMES.get(name, name), "value": value, "interval": interval})
    return rows


def needed_of(sample: Sample) -> list[dict[str, Any]]:
    """How many particles are needed for the wished precision, beside what there is."""
    words = {"number_mean": "mean", "volume_mean": "volume mean", "mass_median": "mass median"}
    rows = []
    for r in sample.required_n:
        rows.append(
            {
                "basis": words[r.basis],
                "needed": r.n_needed,
                "measured": round(r.n_measured),
                "enough": r.enough,
                "wish": f"± {100 * r.relative_error:g} %",
            }
        )
    return rows


def content_of(sample: Sample) -> dict[str, Any]:
    """Everything the report says of a sample, as plain lists; with intervals, so it takes a moment."""
    return sample_content(sample)


def comparison_of(samples: Sequence[Sample]) -> dict[str, Any] | None:
    """Samples side by side; None where fewer than two can be compared."""
    from ...reporting.content import comparison_content

    usable = [s for s in samples if s.distribution.n]
    if len(usable) < 2 or len({s.unit for s in usable}) > 1:
        return None
    return comparison_content(compare(usable))
