"""Measurements -> one self-contained HTML page: pictures, histogram, tables. Nothing is fetched from anywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from .distribution import STATISTICS
from .figures import distribution_svg, jpeg_data_uri
from .result import WITHOUT_UNIT, Measurement
from .scale import format_length

_NAMES = {
    "mean": "mean",
    "sd": "standard deviation",
    "cv": "coefficient of variation",
    "median": "median",
    "d10": "d10",
    "d50": "d50",
    "d90": "d90",
    "span": "span (d90 − d10) / d50",
    "geometric_mean": "geometric mean",
    "geometric_sd": "geometric standard deviation",
    "lognormal_median": "lognormal fit: median",
    "lognormal_gsd": "lognormal fit: GSD",
    "d32": "D[3,2] (Sauter)",
    "d43": "D[4,3] (De Brouckere)",
}


@dataclass(frozen=True)
class Card:
    """What the page shows of one micrograph; pictures as text, so that the labels need not be kept."""

    row: dict[str, Any]
    name: str
    headline: str
    picture: str
    plot: str
    facts: list[tuple[str, str]]
    statistics: list[tuple[str, str, str]]


def card(m: Measurement) -> Card:
    """The page's part for one measurement."""
    d = m.distribution
    statistics = []
    for name in STATISTICS:
        e = getattr(d, name)
        if math.isnan(e.value) or name == "d50":
            continue
        unit = "" if name in WITHOUT_UNIT else f" {d.unit}"
        interval = f"{e.low:.4g} … {e.high:.4g}{unit}" if math.isfinite(e.low) else "too few particles"
        statistics.append((_NAMES.get(name, name), f"{e.value:.4g}{unit}", interval))
    return Card(
        row=m.summary_row(),
        name=m.micrograph.name,
        headline=m.headline(),
        picture=jpeg_data_uri(m.overlay),
        plot=distribution_svg(m),
        facts=_facts(m),
        statistics=statistics,
    )


def _facts(m: Measurement) -> list[tuple[str, str]]:
    i, bar = m.micrograph.instrument, m.scale_bar
    voltage = None if i.accelerating_voltage_kv is None else f"{i.accelerating_voltage_kv:g} kV"
    distance = None if i.working_distance_mm is None else f"{i.working_distance_mm:.3g} mm working distance"
    facts = [
        ("picture", f"{m.micrograph.shape[1]} × {m.micrograph.shape[0]} px, {m.micrograph.format}"),
        (
            "instrument",
            ", ".join(str(v) for v in (i.maker, i.model, voltage, distance, i.detector, i.acquired) if v)
            or "not stated in the file",
        ),
    ]
    if m.scale is None:
        facts.append(("scale", "none found: sizes are in pixels"))
    else:
        u = 100 * m.scale.relative_uncertainty
        source = m.decision.source.replace("_", " ")
        facts.append(("scale", f"{m.scale.mean_nm_per_px:.5g} nm/px from {source}, standard uncertainty {u:.2g} %"))
        h, w = m.micrograph.shape
        y, x = m.scale.nm_per_px
        facts.append(("field", f"{format_length(w * x)} × {format_length(h * y)}"))
    if m.micrograph.scale is not None:
        facts.append(("metadata say", f"{m.micrograph.scale.mean_nm_per_px:.5g} nm/px"))
    if bar is not None and bar.nm_per_px is not None and bar.length_px is not None:
        facts.append(
            (
                "scale bar says",
                f"{bar.text} over {bar.length_px:.2f} px = {bar.nm_per_px:.5g} nm/px (confidence {bar.confidence:.2f})",
            )
        )
    if bar is not None and bar.refused:
        facts.append(("scale bar refused", bar.refused))
    facts += [
        ("particles", f"{m.n_particles} found, {m.distribution.n} counted, {m.n_border} cut by the frame and left out"),
        ("method", f"{m.engine}, {m.zoom:.3g} working px per px, nanogauge {m.version}"),
    ]
    return facts


def render(
    cards: Sequence[Card], failures: Sequence[dict[str, Any]], *, title: str = "Particle sizes", about: dict[str, str] | None = None
) -> str:
    """The page as HTML text. `failures` are summary rows of inputs that could not be measured."""
    environment = Environment(
        loader=PackageLoader("nanogauge"), autoescape=select_autoescape(["html", "j2"]), trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.j2").render(cards=cards, failures=failures, title=title, about=about or {})
