"""What there is of each class of particles: how many, what share by number, area and volume, and its size distribution."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..core.json_value import json_value
from .distribution import Distribution, Estimate

BASES = ("number", "area", "volume")


@dataclass(frozen=True)
class ClassFigures:
    """One class of a micrograph or sample.

    Attributes
    ----------
    name : str
    n_particles : int
        Found, those left out of the distribution included.
    number, area, volume : Estimate
        Its share of the particles that count, each by its edge weight; of their area; of their volume, taken as diameter³.
    distribution : Distribution
    """

    name: str
    n_particles: int
    number: Estimate
    area: Estimate
    volume: Estimate
    distribution: Distribution

    def to_dict(self) -> dict[str, Any]:
        """For JSON, None for NaN."""
        share = {b: {k: json_value(getattr(getattr(self, b), k)) for k in ("value", "low", "high")} for b in BASES}
        return {"class": self.name, "n_particles": self.n_particles, "share": share, "distribution": self.distribution.to_dict()}


@dataclass(frozen=True)
class Classes(Mapping[str, ClassFigures]):
    """Class -> its figures, the most frequent first."""

    every: tuple[ClassFigures, ...]

    def __getitem__(self, name: str) -> ClassFigures:
        for figures in self.every:
            if figures.name == name:
                return figures
        raise KeyError(f"no particle of class {name!r}; there are {', '.join(self) or 'none'}")

    def __iter__(self) -> Iterator[str]:
        return iter([f.name for f in self.every])

    def __len__(self) -> int:
        return len(self.every)

    def __repr__(self) -> str:
        return f"<Classes: {self.headline()}>"

    def headline(self) -> str:
        """ "cube 41 (82 %), sphere 9 (18 %)": particles found, and shares by number of those that count."""
        return ", ".join(f"{f.name} {f.n_particles}{_percent(f.number.value)}" for f in self.every) or "no particles"

    def to_frame(self) -> pd.DataFrame:
        """A row for each class: class, n_particles, n_counted, the three shares with their intervals, and mean, d10, d50, d90."""
        rows = []
        for f in self.every:
            row: dict[str, Any] = {"class": f.name, "n_particles": f.n_particles, "n_counted": f.distribution.n}
            for basis in BASES:
                e: Estimate = getattr(f, basis)
                row |= {f"{basis}_share": e.value, f"{basis}_share_low": e.low, f"{basis}_share_high": e.high}
            rows.append(row | {f"{k}_{f.distribution.unit}": f.distribution[k].value for k in ("mean", "d10", "d50", "d90")})
        return pd.DataFrame(rows)

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.headline())}</p>" + self.to_frame().to_html(
            index=False, na_rep="", float_format="{:.4g}".format, border=0
        )

    def to_list(self) -> list[dict[str, Any]]:
        """For JSON."""
        return [f.to_dict() for f in self.every]


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f" ({100 * share:.0f} %)"
