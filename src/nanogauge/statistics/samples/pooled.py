"""`Sample`: several micrographs of one sample taken together."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ...core.json_value import json_value
from ...core.particles import column_names, has_classes, units
from ...core.scale import Scale
from ...core.settings import MeasureSettings, Settings
from ..distribution import MIN_N_FOR_INTERVALS, Distribution, Homogeneity, Unit, homogeneity, quantiles
from ..metrology import SizeFigures, distribution_of, scale_uncertainty, weights_of
from ..warnings import warnings_of

SIZE_COLUMNS = (
    "label", "equivalent_diameter_px", "equivalent_diameter_nm", "equivalent_diameter_inner_px", "equivalent_diameter_inner_nm",
    "equivalent_diameter_outer_px", "equivalent_diameter_outer_nm", "feret_min_px", "feret_min_nm", "edge_weight", "flags", "class",
)  # fmt: skip
"""Columns that a sample's figures are made of: enough where the particles of very many micrographs are pooled."""


_LEAST_ALIKE = 8  # particles of the same sizes in the same order, which two pictures cannot well have


class MeasuredParticles(Protocol):
    """The part of a measurement, just made or saved, that a sample is made of."""

    @property
    def name(self) -> str: ...
    @property
    def particles(self) -> pd.DataFrame: ...
    @property
    def scale(self) -> Scale | None: ...
    @property
    def edge_offset_px(self) -> float: ...
    @property
    def detection(self) -> Mapping[str, float]: ...
    @property
    def settings(self) -> Settings: ...


@dataclass(frozen=True)
class Part:
    """What a sample keeps of one micrograph: its particle table, scale, and how far its edges lie from its outlines; no pictures,
    so that thousands can be pooled."""

    name: str
    particles: pd.DataFrame
    scale: Scale | None
    edge_offset_px: float = math.nan
    detection: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sample(SizeFigures):
    """A sample seen in one or more micrographs.

    Attributes
    ----------
    name : str
    unit : {"nm", "px"}
        "px" where no micrograph has a scale. As soon as one has, those without are left out.
    particles : DataFrame
        All particles, first column `micrograph`; ``particles.attrs["units"]`` has the unit of each column.
    micrographs : DataFrame
        A row for each micrograph, columns `MICROGRAPH_COLUMNS`.
    distribution : Distribution
        Of all particles that count, intervals clustered by micrograph.
    homogeneity : Homogeneity
        Whether the micrographs agree.
    scale : Scale or None
        One scale that stands for all of them.
    warnings : tuple of str
        What a reader should know before using the figures.
    """

    name: str
    unit: Unit
    particles: pd.DataFrame
    micrographs: pd.DataFrame
    distribution: Distribution
    homogeneity: Homogeneity
    scale: Scale | None
    edge_offset_px: float
    warnings: tuple[str, ...]
    detection: dict[str, float] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        self.particles.attrs["units"] = units(self.particles.columns)

    def __repr__(self) -> str:
        return f"<Sample {self.headline()}>"

    def headline(self) -> str:
        """ "batch 7: 412 particles in 6 micrographs, mean 51.2 nm, median 50.8 nm" in one line."""
        d, n = self.distribution, self.n_micrographs
        where = f"{self.n_particles} particles in {n} micrograph{'s' if n != 1 else ''}"
        figures = f", mean {d.mean:.4g} {d.unit}, median {d.median:.4g} {d.unit}" if d.n else ", none of them counted"
        return f"{self.name}: {where}{figures}"

    def _repr_html_(self) -> str:
        note = f"<p>{html.escape('; '.join(self.warnings))}</p>" if self.warnings else ""
        return f"<h4>{html.escape(self.headline())}</h4>{note}{self.distribution._repr_html_()}"

    def to_frame(self) -> pd.DataFrame:
        """A copy of the particle table of all micrographs, first column `micrograph`."""
        return self.particles.copy()

    @property
    def n_micrographs(self) -> int:
        """Micrographs with a scale; all of them where none has one."""
        return len(self.micrographs)

    @property
    def diameters(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(n,) equivalent diameters of the particles that count, in `unit`."""
        return self.counted[f"equivalent_diameter_{self.unit}"].to_numpy(np.float64)

    def to_dict(self) -> dict[str, Any]:
        """All figures for JSON; the particles stay in their own file."""
        rows = [{k: json_value(v) for k, v in row.items()} for row in self.micrographs.to_dict("records")]
        return {
            "name": self.name,
            "unit": self.unit,
            "n_micrographs": self.n_micrographs,
            "n_particles": self.n_particles,
            "exclusions": self.exclusions,
            "micrographs": rows,
            "distribution": self.distribution.to_dict(),
            "homogeneity": self.homogeneity.to_dict(),
            **self.conclusions(),
            "warnings": list(self.warnings),
            "settings": self.settings.to_dict(),
            **({"classes": self.by_class().to_list()} if has_classes(self.particles) else {}),
        }


MICROGRAPH_COLUMNS = (
    "micrograph",
    "n",
    "mean",
    "sd",
    "d10",
    "d50",
    "d90",
    "nm_per_px",
    "scale_relative_uncertainty",
    "edge_offset_px",
)


def part_of(m: MeasuredParticles, *, name: str | None = None) -> Part:
    """What a sample keeps of a measurement."""
    return Part(name or m.name, m.particles, m.scale, m.edge_offset_px, m.detection)


def pool(measurements: Iterable[MeasuredParticles], *, name: str, settings: Settings | None = None) -> Sample:
    """Pools measurements of one sample.

    Particles of all micrographs count alike, each by its edge weight, and the interval allows for what differs between
    micrographs. The scale's uncertainty is taken as common to all of them, as they come from one instrument.

    Parameters
    ----------
    measurements : iterable of Measurement
    name : str
        Name of the sample.
    settings : Settings, optional
        Those of the first measurement, unless given.

    Returns
    -------
    Sample

    Raises
    ------
    ValueError
        Where there is no measurement.
    """
    parts, first = [], settings
    for m in measurements:
        first = first or m.settings
        parts.append(part_of(m))
    return pool_tables(parts, name=name, settings=first)


def pool_tables(parts: Iterable[Part], *, name: str, settings: Settings | None = None) -> Sample:
    """Pools the particle tables of micrographs of one sample.

    Particles of all micrographs count alike, each by its edge weight. The scale's uncertainty is taken as common to all
    micrographs, as they come from one instrument: the root mean square over particles. Two parts of one name stay apart.

    Raises ValueError where there is no part.
    """
    settings = settings or Settings()
    every = list(parts)
    if not every:
        raise ValueError("a sample needs at least one micrograph")
    warnings = []
    scaled = [p for p in every if p.scale is not None]
    unit: Unit = "nm" if scaled else "px"
    if scaled and len(scaled) < len(every):
        warnings.append(f"{len(every) - len(scaled)} of {len(every)} micrographs have no scale and are left out of the sample")
    if not scaled and len(every) > 1:
        warnings.append("no micrograph has a scale: sizes are pooled in pixels, which holds only at one magnification")
    used = scaled or every
    keys = _unique([p.name for p in used])
    warnings += _twice(keys, used)
    there = {c for p in used for c in p.particles.columns}
    columns = [c for c in column_names(in_nm=unit == "nm", classes=True) if c in there]
    frames = [p.particles.reindex(columns=columns).assign(micrograph=key) for key, p in zip(keys, used, strict=True)]
    table = pd.concat([f for f in frames if len(f)] or frames[:1], ignore_index=True)
    table = table[["micrograph", *columns]]
    m = settings.measure
    rows = [_row(key, p, unit, m) for key, p in zip(keys, used, strict=True)]
    rank = {key: k for k, key in enumerate(sorted(keys))}
    clusters = np.repeat([rank[key] for key in keys], [len(p.particles) for p in used])
    detection = _common_detection(used, rows)
    distribution = distribution_of(table, unit, m, clusters=clusters, detection=detection)
    counts = weights_of(table, m) > 0
    diameters = table.loc[counts, f"equivalent_diameter_{unit}"].to_numpy(np.float64)
    alike = homogeneity(diameters, clusters[counts], unit=unit)
    unknown = [name for name in ("mean", "d50") if distribution.n >= MIN_N_FOR_INTERVALS and math.isnan(distribution[name].low)]
    if alike.homogeneous is False:
        allowed = "" if unknown else "the interval allows for it, but "
        warnings.append(
            f"the micrographs differ more than chance allows (p = {alike.p_value:.2g}, between them "
            f"{100 * alike.relative_between_sd:.2g} % of the mean): {allowed}look at them"
        )
    if unknown and len(used) > 1 and m.n_bootstrap:
        warnings.append(
            f"the interval of {' and '.join(unknown)} cannot be given: the micrographs differ too much to be one sample"
        )
    return Sample(
        name=name,
        unit=unit,
        particles=table,
        micrographs=pd.DataFrame(rows, columns=list(MICROGRAPH_COLUMNS)),
        distribution=distribution,
        homogeneity=alike,
        scale=_common_scale(used, rows, m),
        edge_offset_px=_weighted_mean([r["edge_offset_px"] for r in rows], [r["n"] for r in rows]),
        warnings=(*warnings, *warnings_of(table, distribution, m)),
        detection=detection,
        settings=settings,
    )


def _twice(keys: Sequence[str], parts: Sequence[Part]) -> list[str]:
    """Says which micrographs hold exactly the same particles: one picture under two names, whose particles count twice."""
    groups: dict[bytes, list[str]] = {}
    for key, part in zip(keys, parts, strict=True):
        if len(part.particles) >= _LEAST_ALIKE:
            sizes = part.particles["equivalent_diameter_px"].to_numpy(np.float64)
            groups.setdefault(sizes.tobytes(), []).append(key)
    same = [names for names in groups.values() if len(names) > 1]
    if not same:
        return []
    shown = "; ".join(", ".join(names[:4]) + (" …" if len(names) > 4 else "") for names in same[:3]) + (
        " …" if len(same) > 3 else ""
    )
    return [f"several micrographs have the same particles to the last digit ({shown}): one picture counted twice? keep one of each"]


def _common_detection(parts: Sequence[Part], rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """What is doubtful in one micrograph of a sample is so in the others: root mean square over the particles, not less for many
    micrographs. Micrographs whose labels were made elsewhere bring no doubt of this kind."""
    n = np.array([max(r["n"], 1e-9) for r in rows])
    names = sorted({name for p in parts for name in p.detection})
    squares = {name: np.square([p.detection.get(name, 0.0) for p in parts]) for name in names}
    return {name: math.sqrt(float((n * values).sum() / n.sum())) for name, values in squares.items()}


def _row(key: str, part: Part, unit: Unit, settings: MeasureSettings) -> dict[str, Any]:
    weights = weights_of(part.particles, settings)
    x = part.particles[f"equivalent_diameter_{unit}"].to_numpy(np.float64)
    d10, d50, d90 = quantiles(x, (0.1, 0.5, 0.9), weights=weights).tolist()
    w, x = weights[weights > 0], x[weights > 0]
    mean = float((w * x).sum() / w.sum()) if w.size else math.nan
    sd = math.sqrt(float((w * (x - mean) ** 2).sum() / w.sum()) * w.size / (w.size - 1)) if w.size > 1 else math.nan
    return {
        "micrograph": key,
        "n": int(w.size),
        "mean": mean,
        "sd": sd,
        "d10": d10,
        "d50": d50,
        "d90": d90,
        "nm_per_px": math.nan if part.scale is None else part.scale.mean_nm_per_px,
        "scale_relative_uncertainty": math.nan if part.scale is None else scale_uncertainty(part.scale, settings)[0],
        "edge_offset_px": part.edge_offset_px,
    }


def _common_scale(parts: Sequence[Part], rows: Sequence[dict[str, Any]], settings: MeasureSettings) -> Scale | None:
    """A scale that stands for all: particle-weighted means of its pixel size and of its squared relative uncertainty."""
    scales = [p.scale for p in parts if p.scale is not None]
    if not scales:
        return None
    n = np.array([max(r["n"], 1e-9) for r in rows])
    side = float((n * [r["nm_per_px"] for r in rows]).sum() / n.sum())
    relative = math.sqrt(float((n * np.square([s.relative_uncertainty for s in scales])).sum() / n.sum()))
    by = {s.calibration for s in scales}
    return Scale((side, side), relative, scales[0].source, by.pop() if len(by) == 1 else "")


def _weighted_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    known = [(v, w) for v, w in zip(values, weights, strict=True) if math.isfinite(v) and w > 0]
    return sum(v * w for v, w in known) / sum(w for _, w in known) if known else math.nan


def _unique(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out
