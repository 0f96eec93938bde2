"""The sizes and shapes that chart, colours and filters of the page can go by, and their figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...statistics.distribution import Distribution, summarise
from ...statistics.distribution.pooling import summarise_pooled
from ...statistics.metrology import weights_of
from ...statistics.samples import Sample

DIAMETER = "equivalent_diameter"


@dataclass(frozen=True)
class Quantity:
    """column: of the particle table, without its unit; a length where `length`, else a ratio; title: for people, with its formula
    where names differ between programs"""

    column: str
    title: str
    length: bool = True

    def in_unit(self, unit: str) -> str:
        """The column's whole name."""
        return f"{self.column}_{unit}" if self.length else self.column


QUANTITIES: dict[str, Quantity] = {
    q.column: q
    for q in (
        Quantity(DIAMETER, "equivalent diameter, √(4A/π)"),
        Quantity("feret_max", "Feret diameter, largest"),
        Quantity("feret_min", "Feret diameter, smallest"),
        Quantity("feret_mean", "Feret diameter, mean"),
        Quantity("axis_major", "length (long axis of the ellipse)"),
        Quantity("axis_minor", "width (short axis of the ellipse)"),
        Quantity("inscribed_diameter", "inscribed circle"),
        Quantity("circumscribed_diameter", "circumscribed circle"),
        Quantity("perimeter", "perimeter"),
        Quantity("nearest_neighbour_distance", "distance of the nearest neighbour"),
        Quantity("aspect_ratio", "aspect ratio, Feret min / max", False),
        Quantity("circularity", "circularity, √(4πA) / P", False),
        Quantity("form_factor", "form factor, 4πA / P² (ImageJ's circularity)", False),
        Quantity("roundness", "roundness, 4A / (π Feret max²)", False),
        Quantity("solidity", "solidity, A / A of the hull", False),
        Quantity("confidence", "confidence", False),
    )
}


def values_of(sample: Sample, quantity: Quantity) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) values and their weights, 0 for what does not count or has no such value."""
    table = sample.particles
    values = table[quantity.in_unit(sample.unit)].to_numpy(np.float64)
    known = np.isfinite(values) & (values > 0)
    weights = np.where(known, weights_of(table, sample.settings.measure), 0.0)
    return np.where(known, values, 1.0), weights


def distribution_by(sample: Sample, quantity: Quantity) -> Distribution:
    """Of any quantity, by number; intervals hold the choice of particles, clustered by micrograph where there are several."""
    values, weights = values_of(sample, quantity)
    options: dict[str, Any] = {
        "unit": sample.unit,
        "weights": weights,
        "n_bootstrap": sample.settings.measure.n_bootstrap,
        "seed": sample.settings.measure.seed,
    }
    if sample.n_micrographs < 2:
        return summarise(values, **options)
    return summarise_pooled(values, pd.factorize(sample.particles["micrograph"])[0], **options)
