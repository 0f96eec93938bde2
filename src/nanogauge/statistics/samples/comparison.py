"""Several samples compared: statistics side by side, tests, differences of medians."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy.special import ndtri

from ..distribution import STATISTICS, GroupTest, Unit, compare_groups
from ..metrology import scale_uncertainty, weights_of
from .pooled import Sample, plain


@dataclass(frozen=True)
class Comparison:
    """Several samples side by side.

    table: a row a sample with its statistics, their intervals and expanded uncertainties; test: all samples at once
    pairs: a row a pair: difference of medians (second less first) with its interval, Cliff's delta, p-value after Holm
    """

    unit: Unit
    table: pd.DataFrame
    test: GroupTest
    pairs: pd.DataFrame
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON, None for NaN."""
        return {
            "unit": self.unit,
            "table": [{k: plain(v) for k, v in r.items()} for r in self.table.to_dict("records")],
            "test": {k: plain(getattr(self.test, k)) for k in GroupTest.__slots__},
            "pairs": [{k: plain(v) for k, v in r.items()} for r in self.pairs.to_dict("records")],
            "warnings": list(self.warnings),
        }


def compare(samples: Sequence[Sample]) -> Comparison:
    """Compares samples: statistics with intervals, Kruskal & Wallis' test with its effect size, and all pairs.

    Tests count each particle for itself; where each sample has two micrographs or more, `test.p_value_micrographs` counts each
    micrograph for one, which is the stricter. Intervals of differences hold the difference between micrographs and each
    sample's scale.

    Raises ValueError for fewer than two samples, or samples in different units.
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
    return Comparison(unit, pd.DataFrame([_sample_row(s) for s in samples]), test, pd.DataFrame(rows), said)


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
