"""Several samples compared: statistics side by side, tests, differences of medians."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from scipy.special import ndtri

from ...core.json_value import json_value
from ...core.particles import has_classes
from ..distribution import STATISTICS, GroupTest, Unit, compare_groups
from ..metrology import scale_uncertainty, weights_of
from .pooled import Sample


@dataclass(frozen=True)
class Comparison:
    """Several samples side by side.

    Attributes
    ----------
    unit : {"nm", "px"}
    table : DataFrame
        A row for each sample: its statistics, their intervals and expanded uncertainties.
    test : GroupTest
        Kruskal and Wallis' test of all samples at once.
    pairs : DataFrame
        A row for each pair: difference of medians (second less first) with its interval, Cliff's delta, and the p-value after Holm.
    warnings : tuple of str
    classes : DataFrame
        A row for each class of each sample: numbers, shares with their intervals, sizes; empty where there are no classes.
    """

    unit: Unit
    table: pd.DataFrame
    test: GroupTest
    pairs: pd.DataFrame
    warnings: tuple[str, ...]
    classes: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.table['sample'])}: Kruskal-Wallis p = {self.test.p_value:.2g}>"

    def _repr_html_(self) -> str:
        shown = self.table[["sample", "n_micrographs", "n", "mean", "sd", "d10", "d50", "d90"]]
        tables = "".join(frame.to_html(index=False, float_format="{:.4g}".format, border=0) for frame in (shown, self.pairs))
        return f"<p>{html.escape(repr(self)[1:-1])}; lengths in {self.unit}</p>{tables}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON, None for NaN."""
        return {
            "unit": self.unit,
            "table": [{k: json_value(v) for k, v in r.items()} for r in self.table.to_dict("records")],
            "test": {k: json_value(getattr(self.test, k)) for k in GroupTest.__slots__},
            "pairs": [{k: json_value(v) for k, v in r.items()} for r in self.pairs.to_dict("records")],
            "warnings": list(self.warnings),
            **(
                {"classes": [{k: json_value(v) for k, v in r.items()} for r in self.classes.to_dict("records")]}
                if len(self.classes)
                else {}
            ),
        }


def compare(samples: Sequence[Sample]) -> Comparison:
    """Compares samples.

    Tests count each particle for itself. Where every sample has two micrographs or more, `test.p_value_micrographs` counts each
    micrograph as one, which is stricter. Intervals of differences include what differs between micrographs, and each sample's
    scale.

    Parameters
    ----------
    samples : sequence of Sample
        Two or more, all in nm or all in px.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        For fewer than two samples, or samples in different units.
    """
    if len(samples) < 2:
        raise ValueError(f"two or more samples are needed, got {len(samples)}")
    units = {s.unit for s in samples}
    if len(units) > 1:
        raise ValueError("samples in nm cannot be compared with samples in px; state the missing scales")
    unit = samples[0].unit
    groups = [s.diameters for s in samples]
    clusters = [s.particles.loc[weights_of(s.particles, s.settings.measure) > 0, "micrograph"].to_numpy(str) for s in samples]
    test, pairs = compare_groups(groups, clusters)
    z = float(ndtri(0.975))
    rows = []
    for p in pairs:
        a, b = samples[p.first], samples[p.second]
        difference = b.distribution.d50.value - a.distribution.d50.value
        reach = z * math.hypot(*(_median_uncertainty(s) for s in (a, b)))
        rows.append(
            {
                "sample_a": a.name,
                "sample_b": b.name,
                "difference_of_medians": difference,
                "low": difference - reach,
                "high": difference + reach,
                "cliffs_delta": p.cliffs_delta,
                "p_value": p.p_value,
            }
        )
    said = () if unit == "nm" else ("sizes are in pixels: the comparison holds only at one magnification",)
    return Comparison(unit, pd.DataFrame([_sample_row(s) for s in samples]), test, pd.DataFrame(rows), said, _by_class(samples))


def _by_class(samples: Sequence[Sample]) -> pd.DataFrame:
    """The classes of all samples that have some, those of one class beside each other."""
    parts = [s.by_class().to_frame().assign(sample=s.name) for s in samples if has_classes(s.particles)]
    parts = [p for p in parts if len(p)]
    if not parts:
        return pd.DataFrame()
    order = {name: k for k, name in enumerate(dict.fromkeys(n for p in parts for n in p["class"]))}
    joined = pd.concat(parts, ignore_index=True)
    first = ["class", "sample"]
    return joined.sort_values("class", key=lambda c: c.map(order), kind="stable", ignore_index=True)[
        [*first, *(c for c in joined.columns if c not in first)]
    ]


def _median_uncertainty(sample: Sample) -> float:
    relative = 0.0 if sample.scale is None else scale_uncertainty(sample.scale, sample.settings.measure)[0]
    return math.hypot(sample.distribution.d50.standard_error, relative * sample.distribution.d50.value)


def _sample_row(s: Sample) -> dict[str, Any]:
    row: dict[str, Any] = {"sample": s.name, "n_micrographs": s.n_micrographs, "n": s.distribution.n}
    for name in STATISTICS:
        e = getattr(s.distribution, name)
        row |= {name: e.value, f"{name}_low": e.low, f"{name}_high": e.high}
        if s.budget is not None and name in {b.statistic for b in s.budget.statistics}:
            row[f"{name}_expanded"] = s.budget[name].expanded
    return row
