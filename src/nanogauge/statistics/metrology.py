"""From a particle table to what a laboratory signs: distribution, uncertainty budget, verdicts, number needed.

Here the rooms that know nothing of each other meet, for one micrograph (`results.measurement.Measurement`) and for a pooled sample
(`samples.Sample`) alike: `SizeFigures` is what both are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..core.particles import FLAGS, LEFT_OUT, UNSURE, flag_text, flags_of, has_classes
from ..core.rules import OTHER
from ..core.scale import Scale
from ..core.settings import MeasureSettings, Settings
from .classes import Classes, ClassFigures
from .distribution import (
    Distribution,
    Fit,
    RequiredN,
    Unit,
    Weighting,
    fit_distributions,
    precision,
    quantiles,
    shares,
    summarise,
    summarise_pooled,
)
from .uncertainty import BUDGET_STATISTICS, Budget, Inputs, uncertainty_budget
from .verdicts import Verdict, eu_nanomaterial, monodisperse

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

_OUTLINES = {"steepest": "width of the edges in the grey levels", "outline": "outline at probability 0.7 and 0.3"}
_UNSURE_EDGE = 0.5  # of the edge's offset: that place is not sure either (docs/accuracy.md)
_TWO_SIDED_95 = 1.96


class SizeFigures:
    """What follows from a particle table and its distribution, of a micrograph and of a sample alike; made when first asked for."""

    if TYPE_CHECKING:  # what it stands on; in a base class at run time, these would be taken for the fields' defaults

        @property
        def particles(self) -> pd.DataFrame: ...
        @property
        def distribution(self) -> Distribution: ...
        @property
        def settings(self) -> Settings: ...
        @property
        def scale(self) -> Scale | None: ...
        @property
        def edge_offset_px(self) -> float: ...
        @property
        def detection(self) -> Mapping[str, float]: ...

    @property
    def n_particles(self) -> int:
        """All particles, those left out of the distribution included."""
        return len(self.particles)

    @property
    def exclusions(self) -> dict[str, int]:
        """Reason -> number of particles left out of the distribution for it."""
        return exclusions_of(self.particles)

    @property
    def weights(self) -> Floats:
        """(n,) weight of each particle in the distribution, 0 where it is left out."""
        return weights_of(self.particles, self.settings.measure)

    @property
    def counted(self) -> pd.DataFrame:
        """The particles in the distribution."""
        return self.particles[self.weights > 0]

    @cached_property
    def budget(self) -> Budget | None:
        """The uncertainty budget of mean, d10, d50 and d90; None where no particle counts. Of a sample, counting holds what
        differs between micrographs."""
        return budget_of(
            self.particles,
            self.distribution,
            self.settings.measure,
            scale=self.scale,
            edge_offset_px=self.edge_offset_px,
            detection=self.detection,
        )

    @property
    def quotable(self) -> dict[str, tuple[float, float]]:
        """Statistic -> (low, high), the interval to quote: of mean, d10, d50 and d90, under all their names, the budget's, which
        holds everything that is known. Others are not in it, nor those whose interval cannot be given."""
        if self.budget is None:
            return {}
        d = self.distribution
        known = [s for s in self.budget.statistics if math.isfinite(d[s.statistic].low)]
        return intervals_to_quote({s.statistic: (s.low, s.high) for s in known}, d.weighting)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """EU nanomaterial, where there is a scale, and monodispersity; none where no particle counts."""
        return verdicts_of(self.particles, self.distribution, self.budget, self.settings.measure, scale=self.scale)

    def by_class(self) -> Classes:
        """What there is of each class: shares by number, area and volume with their intervals, and size distributions.

        Raises
        ------
        ValueError
            Where the particles have no classes.

        Examples
        --------
        >>> import nanogauge
        >>> m = nanogauge.measure("examples/thermo-gold-spheres.png", classes="shape")
        >>> m.by_class()["sphere"].number.value > 0.9
        True
        """
        return self._by_class

    @cached_property
    def _by_class(self) -> Classes:
        if not has_classes(self.particles):
            raise ValueError("the particles have no classes: measure with classes='shape', or with rules in the settings")
        return classes_of(self.particles, self.distribution.unit, self.settings.measure, detection=self.detection)

    @cached_property
    def fits(self) -> tuple[Fit, ...]:
        """Laws fitted to the number distribution, best first."""
        return fits_of(self.particles, self.distribution.unit, self.settings.measure)

    @cached_property
    def required_n(self) -> tuple[RequiredN, ...]:
        """Number of particles needed for the wished precision, beside the number measured."""
        return precision(self.distribution, relative_error=self.settings.measure.relative_error)

    def conclusions(self) -> dict[str, Any]:
        """Budget, number needed and verdicts for JSON."""
        return {
            "budget": None if self.budget is None else self.budget.to_dict(),
            "required_n": [r.to_dict() for r in self.required_n],
            "verdicts": [v.to_dict() for v in self.verdicts],
        }

    @overload
    def plot_distribution(self, ax: None = None) -> Figure: ...
    @overload
    def plot_distribution(self, ax: Axes) -> Axes: ...
    def plot_distribution(self, ax: Axes | None = None) -> Figure | Axes:
        """Shows the size distribution, with the lognormal fit and the median's interval.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw it; without it a new figure is made.

        Returns
        -------
        Axes or Figure
            `ax`, or the new figure.
        """
        from .drawing import distribution_figure

        return distribution_figure(self, ax)


def classes_of(table: pd.DataFrame, unit: Unit, settings: MeasureSettings, *, detection: Mapping[str, float]) -> Classes:
    """Figures of each class of a table with classes; of a sample's, intervals are clustered by micrograph."""
    kinds, weights = table["class"].to_numpy(str), weights_of(table, settings)
    where = table["micrograph"].to_numpy(str) if "micrograph" in table else None
    diameter = table[f"equivalent_diameter_{unit}"].to_numpy(np.float64)
    how: dict[str, Any] = {"clusters": where, "n_bootstrap": settings.n_bootstrap, "seed": settings.seed}
    number, area, volume = (shares(kinds, weights * diameter**power, **how) for power in (0, 2, 3))
    every = []
    for name in np.unique(kinds).tolist():
        own = kinds == name
        clusters = None if where is None else where[own]
        d = distribution_of(table[own], unit, settings, clusters=clusters, detection=detection)
        every.append(ClassFigures(name, int(own.sum()), number[name], area[name], volume[name], d))
    return Classes(tuple(sorted(every, key=lambda f: (f.name in (UNSURE, OTHER), -f.n_particles))))


def weights_of(table: pd.DataFrame, settings: MeasureSettings) -> Floats:
    """(n,) weight of each particle in the distribution; 0 where it is left out."""
    weights = table["edge_weight"].to_numpy(np.float64)
    return weights if settings.edge_correction else (weights > 0).astype(np.float64)


def weighting_of(settings: MeasureSettings) -> Weighting:
    """The settings' weighting."""
    return "volume" if settings.weighting == "volume" else "number"


def distribution_of(
    table: pd.DataFrame,
    unit: str,
    settings: MeasureSettings,
    *,
    clusters: ArrayLike | None = None,
    detection: Mapping[str, float] | None = None,
) -> Distribution:
    """Distribution of the equivalent diameter of the particles that count.

    clusters: (n,) their micrographs, where pooled; detection: relative standard uncertainties of what was found, by which the
    intervals of mean, d10, d50 and d90, under all their names, are widened
    """
    diameters, weights = table[f"equivalent_diameter_{unit}"].to_numpy(np.float64), weights_of(table, settings)
    options: dict[str, Any] = {
        "unit": "nm" if unit == "nm" else "px",
        "weights": weights,
        "weighting": weighting_of(settings),
        "n_bootstrap": settings.n_bootstrap,
        "seed": settings.seed,
    }
    d = summarise(diameters, **options) if clusters is None else summarise_pooled(diameters, clusters, **options)
    return widened(d, detection or {})


def names_of(statistic: str, weighting: Weighting) -> tuple[str, ...]:
    """A statistic of the budget and the other name under which a distribution has the same figure."""
    if statistic == "d50":
        return "d50", "median"
    return ("mean", "number_mean" if weighting == "number" else "d43") if statistic == "mean" else (statistic,)


def intervals_to_quote(of_budget: Mapping[str, tuple[float, float]], weighting: Weighting) -> dict[str, tuple[float, float]]:
    """The budget's intervals under all names that their statistics have; none that is not known."""
    known = {name: interval for name, interval in of_budget.items() if all(map(math.isfinite, interval))}
    return {also: interval for name, interval in known.items() for also in names_of(name, weighting)}


def widened(d: Distribution, detection: Mapping[str, float]) -> Distribution:
    """A distribution whose intervals hold what the counting of particles does not know: what was found, missed, joined and cut."""
    changes: dict[str, Any] = {}
    for statistic in BUDGET_STATISTICS:
        e, relative = getattr(d, statistic), detection.get(statistic, 0.0)
        if relative > 0 and math.isfinite(e.low):
            more = _TWO_SIDED_95 * relative * e.value
            low, high = e.value - math.hypot(e.value - e.low, more), e.value + math.hypot(e.high - e.value, more)
            changes |= dict.fromkeys(names_of(statistic, d.weighting), replace(e, low=max(low, 0.0), high=high))
    return replace(d, **changes) if changes else d


def fits_of(table: pd.DataFrame, unit: Unit, settings: MeasureSettings) -> tuple[Fit, ...]:
    """Laws fitted to the number distribution of the particles that count, best first."""
    return fit_distributions(
        table[f"equivalent_diameter_{unit}"].to_numpy(np.float64),
        unit=unit,
        weights=weights_of(table, settings),
        n_bootstrap=settings.n_fit_bootstrap,
        seed=settings.seed,
    )


def budget_of(
    table: pd.DataFrame,
    distribution: Distribution,
    settings: MeasureSettings,
    *,
    scale: Scale | None,
    edge_offset_px: float = math.nan,
    detection: Mapping[str, float] | None = None,
) -> Budget | None:
    """The uncertainty budget; None where no particle counts. scale: with the uncertainty that all particles share."""
    if distribution.n == 0:
        return None
    unit = distribution.unit
    weights = weights_of(table, settings)
    counted, weights = table[weights > 0], weights[weights > 0]
    power = 3 if distribution.weighting == "volume" else 0
    diameters = counted[f"equivalent_diameter_{unit}"].to_numpy(np.float64)

    def evaluate(x: Floats) -> Mapping[str, float]:
        # twice as many diameters: each particle twice
        v = np.tile(weights, len(x) // len(weights)) * x**power
        d10, d50, d90 = quantiles(x, (0.1, 0.5, 0.9), weights=v).tolist()
        return {"mean": float((v * x).sum() / v.sum()), "d10": d10, "d50": d50, "d90": d90}

    estimates = {name: getattr(distribution, name) for name in BUDGET_STATISTICS}
    length = scale.mean_nm_per_px if unit == "nm" and scale is not None else 1.0
    relative, source = None, ""
    if unit == "nm" and scale is not None:
        relative, source = scale_uncertainty(scale, settings)
    return uncertainty_budget(
        {name: e.value for name, e in estimates.items()},
        {name: e.standard_error for name, e in estimates.items()},
        evaluate,
        inputs=Inputs(
            diameters=diameters,
            n_effective=distribution.n_effective,
            pixel_length=length,
            inner=counted[f"equivalent_diameter_inner_{unit}"].to_numpy(np.float64),
            outer=counted[f"equivalent_diameter_outer_{unit}"].to_numpy(np.float64),
            outlines=_OUTLINES[settings.edge],
            outline_half_width=settings.outline_uncertainty_px * length,
            edge_offset=edge_offset_px * length * math.hypot(1.0, _UNSURE_EDGE),
            edge_uncertainty=settings.edge_uncertainty_nm if unit == "nm" else 0.0,
            scale_uncertainty=relative,
            scale_source=source,
            detection=detection or None,
        ),
        unit=unit,
        coverage_factor=settings.coverage_factor,
    )


def scale_uncertainty(scale: Scale, settings: MeasureSettings) -> tuple[float, str]:
    """Relative standard uncertainty of the scale and where it is from: the instrument's specification where entered."""
    if settings.scale_uncertainty > 0:
        return settings.scale_uncertainty, "instrument's specification, as entered"
    if scale.calibration:
        read = " and reading of the scale bar" if scale.source == "scale_bar" else ""
        return scale.relative_uncertainty, scale.calibration + read
    sources = {"metadata": "the file's metadata", "scale_bar": "ends and label of the scale bar", "user": "the scale as entered"}
    return scale.relative_uncertainty, sources[scale.source]


def verdicts_of(
    table: pd.DataFrame, distribution: Distribution, budget: Budget | None, settings: MeasureSettings, *, scale: Scale | None
) -> tuple[Verdict, ...]:
    """EU nanomaterial (where there is a scale) and monodispersity; none where no particle counts."""
    if distribution.n == 0 or budget is None:
        return ()
    weights = weights_of(table, settings)
    counted, weights = table[weights > 0], weights[weights > 0]
    parts = {c.name: c for c in budget["d50"].components}
    clusters = counted["micrograph"].to_numpy(str) if "micrograph" in counted else None
    out = []
    if distribution.unit == "nm" and scale is not None:
        seen = parts["detection"].standard_uncertainty if "detection" in parts else 0.0
        common = [parts[n].contribution for n in ("segmentation", "edge_position", "edge") if n in parts]
        out.append(
            eu_nanomaterial(
                counted["feret_min_nm"].to_numpy(np.float64),
                weights=weights,
                relative_uncertainty=math.hypot(scale_uncertainty(scale, settings)[0], seen),
                length_uncertainty_nm=math.hypot(*common),
                nm_per_px=scale.mean_nm_per_px,
                clusters=clusters,
                coverage_factor=settings.coverage_factor,
            )
        )
    cv = distribution.cv
    out.append(
        monodisperse(
            counted[f"equivalent_diameter_{distribution.unit}"].to_numpy(np.float64),
            weights=weights,
            cv=cv.value,
            cv_low=cv.low,
            cv_high=cv.high,
            clusters=clusters,
            coverage_factor=settings.coverage_factor,
        )
    )
    return tuple(out)


def exclusions_of(table: pd.DataFrame) -> dict[str, int]:
    """Reason -> number of particles left out for it; one that has two reasons counts under both."""
    bits = flags_of(table["flags"])
    counts = {flag: int((bits & flag.value > 0).sum()) for flag in LEFT_OUT}
    return {flag_text(flag): n for flag, n in counts.items() if n or not FLAGS[flag].by_hand}
