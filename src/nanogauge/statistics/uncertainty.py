"""The uncertainty budget of a size distribution (GUM, JCGM 100:2008; ISO 19749:2021 for what to list).

Each component has a standard uncertainty of its own input and a sensitivity: how much the statistic moves with that input.
Their products are combined as the root of the sum of squares, and expanded by a coverage factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.json_value import json_value

Floats = NDArray[np.float64]
ComponentName = Literal["counting", "scale", "segmentation", "edge_position", "pixel_size", "edge", "detection"]
BUDGET_STATISTICS = ("mean", "d10", "d50", "d90")
_READINGS = "other readings of the picture: cuts, doubtful particles, magnification"
_RECTANGULAR = math.sqrt(3)  # half-width over standard uncertainty (GUM 4.3.7)
_DIGITISATION = 0.822  # sd of the pixels counted in a disc of radius 1 px; it grows as the root of the radius (Kendall 1948)


@dataclass(frozen=True, slots=True)
class Component:
    """One row of the budget.

    kind: "A" from a series of observations, "B" from other knowledge (GUM 4.2, 4.3)
    standard_uncertainty: of the input, in `input_unit` ("" for a relative one); sensitivity: change of the statistic for one
    unit of it; contribution: |sensitivity| · standard_uncertainty, in the statistic's unit; source: where the figure is from
    """

    name: ComponentName
    kind: Literal["A", "B"]
    source: str
    standard_uncertainty: float
    input_unit: str
    sensitivity: float
    contribution: float


@dataclass(frozen=True, slots=True)
class StatisticBudget:
    """All components of one statistic. combined: u_c; expanded: coverage_factor · u_c; low, high: value ∓ expanded, low not
    below 0."""

    statistic: str
    unit: str
    value: float
    components: tuple[Component, ...]
    combined: float
    expanded: float
    coverage_factor: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Budget:
    """The budgets of mean, d10, d50 and d90; `budget["d50"]` is one of them. `notes`: what is not in it."""

    unit: str
    coverage_factor: float
    statistics: tuple[StatisticBudget, ...]
    notes: tuple[str, ...] = ()

    def __getitem__(self, statistic: str) -> StatisticBudget:
        for s in self.statistics:
            if s.statistic == statistic:
                return s
        raise KeyError(statistic)

    def rows(self) -> list[dict[str, Any]]:
        """A flat row for each statistic and component, and one "combined" row for each statistic."""
        out: list[dict[str, Any]] = []
        for s in self.statistics:
            out += [{"statistic": s.statistic, "unit": s.unit, "component": c.name} | _component(c) for c in s.components]
            out.append(
                {
                    "statistic": s.statistic,
                    "unit": s.unit,
                    "component": "combined",
                    "kind": "",
                    "source": f"root of the sum of squares; expanded with k = {s.coverage_factor:g}",
                    "standard_uncertainty": json_value(s.combined),
                    "input_unit": s.unit,
                    "sensitivity": 1.0,
                    "contribution": json_value(s.combined),
                }
            )
        return out

    def to_dict(self) -> dict[str, Any]:
        """For JSON, None for NaN."""
        statistics = {}
        for s in self.statistics:
            values = {k: json_value(getattr(s, k)) for k in ("value", "combined", "expanded", "low", "high")}
            statistics[s.statistic] = values | {"components": {c.name: _component(c) for c in s.components}}
        return {
            "unit": self.unit,
            "coverage_factor": self.coverage_factor,
            "statistics": statistics,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """What the budget is made from; lengths in the statistics' unit.

    diameters: (n,) of the particles that count; n_effective: under their weights; pixel_length: the side of a pixel
    inner, outer: (n,) diameters with the outline at the inner and the outer probability, None or NaN where there is no map
    outlines: what inner and outer say of the outline
    outline_half_width: how far the outline may lie off where there is no map (half-width of a rectangular distribution)
    edge_offset: from the outline to where the grey levels change most steeply, NaN where unknown
    edge_uncertainty: standard uncertainty of an edge's position as the user entered it, 0 for none
    scale_uncertainty: relative standard uncertainty of the scale, None where there is no scale
    detection: statistic -> relative standard uncertainty of what was found, missed, joined and cut; None where it is not known
    """

    diameters: ArrayLike
    n_effective: float
    pixel_length: float
    inner: ArrayLike | None = None
    outer: ArrayLike | None = None
    outlines: str = "outline at probability 0.7 and 0.3"
    outline_half_width: float = 0.0
    edge_offset: float = math.nan
    edge_uncertainty: float = 0.0
    scale_uncertainty: float | None = None
    scale_source: str = ""
    detection: Mapping[str, float] | None = None


def uncertainty_budget(
    values: Mapping[str, float],
    standard_errors: Mapping[str, float],
    evaluate: Callable[[Floats], Mapping[str, float]],
    *,
    inputs: Inputs,
    unit: str,
    coverage_factor: float = 2.0,
) -> Budget:
    """The budget of the statistics in `values`.

    standard_errors: of each statistic, from the choice of particles; NaN where there were too few
    evaluate: (n,) diameters of the same particles -> the statistics, for sensitivities

    Components: counting (standard error), scale, segmentation (half the range between the outlines at probability 0.7 and 0.3,
    or an outline off by `outline_half_width`; rectangular), edge position (the truth lies between the outline and the steepest
    change of grey level; rectangular, and not corrected for), pixel size (area counted in pixels, Kendall, Q. J. Math. 19
    (1948) 1, of each particle by itself), edge effect as entered, detection (other readings of the picture).

    Raises ValueError for a coverage factor that is not positive, or diameters that are not (n,).
    """
    if not coverage_factor > 0:
        raise ValueError(f"coverage_factor must be positive, got {coverage_factor}")
    x = np.asarray(inputs.diameters, np.float64)
    if x.ndim != 1:
        raise ValueError(f"diameters must be (n,), got shape {x.shape}")
    shifts: list[tuple[ComponentName, Literal["A", "B"], str, float, str, dict[str, float]]] = []
    if inputs.scale_uncertainty is not None:
        shifts.append(("scale", "B", inputs.scale_source, inputs.scale_uncertainty, "", dict(values)))
    shifts.append(_segmentation(x, inputs, evaluate, unit))
    if math.isfinite(inputs.edge_offset):
        off = abs(inputs.edge_offset)
        source = "outline against the steepest change of grey level"
        shifts.append(("edge_position", "B", source, off / _RECTANGULAR, unit, _per_outline(x, evaluate, off)))
    shifts.append(_pixel_size(x, inputs, evaluate, values, unit))
    if inputs.edge_uncertainty > 0:
        source = "edge effect as entered by the user"
        shifts.append(("edge", "B", source, inputs.edge_uncertainty, unit, _per_outline(x, evaluate, inputs.edge_uncertainty)))
    budgets = []
    for name, value in values.items():
        error = standard_errors.get(name, math.nan)
        rows = [Component("counting", "A", "bootstrap over the particles", error, unit, 1.0, error)]
        rows += [Component(n, kind, source, u, u_unit, c[name], abs(c[name]) * u) for n, kind, source, u, u_unit, c in shifts]
        if inputs.detection is not None and name in inputs.detection:
            u = inputs.detection[name]
            rows.append(Component("detection", "B", _READINGS, u, "", value, abs(value) * u))
        combined = math.sqrt(sum(r.contribution**2 for r in rows))
        reach = coverage_factor * combined
        low = max(value - reach, 0.0) if math.isfinite(reach) else math.nan
        budgets.append(StatisticBudget(name, unit, value, tuple(rows), combined, reach, coverage_factor, low, value + reach))
    notes = [] if all(math.isfinite(standard_errors.get(n, math.nan)) for n in values) else [
        "too few particles for a standard error: no combined uncertainty"
    ]  # fmt: skip
    return Budget(unit, coverage_factor, tuple(budgets), tuple(notes))


def _segmentation(
    x: Floats, inputs: Inputs, evaluate: Callable[[Floats], Mapping[str, float]], unit: str
) -> tuple[ComponentName, Literal["A", "B"], str, float, str, dict[str, float]]:
    if inputs.inner is not None and inputs.outer is not None:
        inner, outer = np.asarray(inputs.inner, np.float64), np.asarray(inputs.outer, np.float64)
        if np.isfinite(inner).all() and np.isfinite(outer).all():
            inner = np.maximum(inner, 0.05 * x)  # a particle that is unsure all through still has a size
            outer = np.maximum(outer, inner)
            wide = float((outer - inner).mean()) / 4  # of the outline: a quarter of the mean difference of diameters
            low, high = evaluate(inner), evaluate(outer)
            per = {k: (high[k] - low[k]) / (2 * wide) if wide > 0 else 2.0 for k in high}
            return "segmentation", "B", inputs.outlines, wide / _RECTANGULAR, unit, per
    half = inputs.outline_half_width
    source = f"outline off by ± {half:.3g} {unit}, as no probability map is known"
    return "segmentation", "B", source, half / _RECTANGULAR, unit, _per_outline(x, evaluate, half)


def _per_outline(x: Floats, evaluate: Callable[[Floats], Mapping[str, float]], by: float) -> dict[str, float]:
    """Change of each statistic for one unit of outline position, all outlines moving alike."""
    if by <= 0:
        return dict.fromkeys(evaluate(x), 2.0)
    up = evaluate(x + 2 * by)
    down_x = np.maximum(x - 2 * by, 0.05 * x)
    down = evaluate(down_x)
    return {k: (up[k] - down[k]) / (2 * by) for k in up}


def _pixel_size(
    x: Floats, inputs: Inputs, evaluate: Callable[[Floats], Mapping[str, float]], values: Mapping[str, float], unit: str
) -> tuple[ComponentName, Literal["A", "B"], str, float, str, dict[str, float]]:
    """Each particle's own rounding to pixels: it averages out over n particles, but widens the distribution a little."""
    across = np.maximum(x / inputs.pixel_length, 1.0)  # px
    own = _DIGITISATION * np.sqrt(across / 2) / (math.pi * across / 2) * inputs.pixel_length
    both = evaluate(np.concatenate([x - np.minimum(own, 0.9 * x), x + own]))
    typical = float(np.sqrt((own**2).mean()))
    per = {k: math.hypot(1 / math.sqrt(max(inputs.n_effective, 1.0)), (both[k] - values[k]) / typical) for k in values}
    return "pixel_size", "B", "area counted in pixels, each particle by itself", typical, unit, per


def _component(c: Component) -> dict[str, Any]:
    return {k: json_value(v) for k, v in asdict(c).items() if k != "name"}
