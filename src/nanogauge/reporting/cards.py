"""The part of a report on one micrograph: facts, figures, the evidence for its scale."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ..core.scale import format_length
from ..results.measurement import Measurement
from ..results.saved import SavedMeasurement, saved_of
from ..scale.calibration import Calibration, calibration_from_dict
from ..statistics.distribution import STATISTICS
from ..statistics.metrology import intervals_to_quote
from .arrangement import aggregate_rows, fibre_rows, order_rows
from .content import digits_of, exclusion_rows, unit_of
from .formatting import DASH, NAMES, Lengths, lengths, number, percent


@dataclass(frozen=True)
class Card:
    """What is shown of one micrograph. Texts are ready to be laid out; `overlay` is JPEG, `scale_bar` PNG or None."""

    name: str
    title: str
    status: str
    headline: str
    notes: list[str]
    row: dict[str, Any]
    facts: list[tuple[str, str]]
    scale: list[tuple[str, str]]
    statistics: list[tuple[str, str, str]]
    exclusions: list[tuple[str, str, str]]
    edits: list[str]
    overlay: bytes = field(repr=False)
    scale_bar: bytes | None = field(repr=False)
    has_scale_bar: bool = False
    order: list[tuple[str, str]] = field(default_factory=list)
    aggregates: list[tuple[str, str]] = field(default_factory=list)
    order_picture: bytes | None = field(repr=False, default=None)
    fibres: list[tuple[str, str]] = field(default_factory=list)
    fibres_picture: bytes | None = field(repr=False, default=None)


def card(m: Measurement) -> Card:
    """The card of a measurement."""
    return card_of(saved_of(m))


def card_of(saved: SavedMeasurement) -> Card:
    """The card of a saved measurement."""
    about = saved.about
    d = about["distribution"]
    unit = lengths(d["unit"], _float(d["median"]["value"]))
    return Card(
        name=saved.name,
        title=about["file"],
        status=about["status"],
        headline=_headline(about, unit),
        notes=[str(about["message"])] if about["message"] else [],
        row=table_row(saved),
        facts=_facts(about),
        scale=scale_rows(about),
        statistics=_statistics(about, unit),
        exclusions=exclusion_rows(about["n_particles"], d["n"], about.get("exclusions") or {}),
        edits=[str(e) for e in about.get("operator_edits") or []],
        overlay=saved.overlay_jpeg,
        scale_bar=saved.scale_bar_png,
        has_scale_bar=saved.scale_bar_png is not None,
        order=order_rows(about["order"]) if about.get("order") else [],
        aggregates=aggregate_rows(about["aggregates"]) if about.get("aggregates") else [],
        order_picture=saved.order_png,
        fibres=fibre_rows(about["fibres"]) if about.get("fibres") else [],
        fibres_picture=saved.fibres_png,
    )


def table_row(saved: SavedMeasurement) -> dict[str, Any]:
    """The micrograph's row of the summary table, as text; small, so that a run of ten thousand can be kept."""
    about = saved.about
    d = about["distribution"]
    unit = lengths(d["unit"], _float(d["median"]["value"]))
    scale = about["scale"]
    pair = scale["nm_per_px_y_x"]
    return {
        "name": saved.name,
        "title": about["file"],
        "status": about["status"],
        "n_found": about["n_particles"],
        "n_counted": d["n"],
        "nm_per_px": number(math.sqrt(pair[0] * pair[1])) if pair else DASH,
        "scale_source": str(scale["source"]).replace("_", " "),
        "scale_uncertainty": percent(scale["relative_uncertainty"], 2) if pair else DASH,
        "scale_evidence": _evidence(scale),
        "figures": [unit.show(_float(d[k]["value"])) for k in ("mean", "sd", "d10", "d50", "d90")],
        "unit": unit.unit if d["n"] else "",
        "sha256": about["sha256"],
        "message": about["message"],
    }


def _evidence(scale: dict[str, Any]) -> str:
    """What the metadata and the scale bar said, in a few words."""
    parts = []
    if scale["metadata_nm_per_px_y_x"]:
        parts.append(f"metadata {number(scale['metadata_nm_per_px_y_x'][1])} nm/px")
    bar = scale["scale_bar"]
    if bar and bar["nm_per_px"]:
        refused = " (not used)" if bar["refused"] else ""
        printed = f", taken together with the {bar['refined_by']}" if bar.get("refined_by") else ""
        parts.append(f"bar {bar['text']} / {number(bar['length_px'], 5)} px = {number(bar['nm_per_px'])} nm/px{printed}{refused}")
    return "; ".join(parts) or DASH


def _headline(about: dict[str, Any], unit: Lengths) -> str:
    n, d = about["n_particles"], about["distribution"]
    if not n:
        return "No particles found."
    found = "1 particle" if n == 1 else f"{n} particles"
    if not d["n"]:
        return f"{found}, none of which counts."
    mean, median = (unit.with_unit(_float(d[k]["value"])) for k in ("mean", "median"))
    return f"{found}, {d['n']} counted; mean {mean}, median {median}."


def _facts(about: dict[str, Any]) -> list[tuple[str, str]]:
    i = about["instrument"]
    voltage = f"{i['accelerating_voltage_kv']:g} kV" if i.get("accelerating_voltage_kv") else ""
    distance = f"{i['working_distance_mm']:.3g} mm working distance" if i.get("working_distance_mm") else ""
    stated = ", ".join(
        str(v) for v in (i.get("maker"), i.get("model"), voltage, distance, i.get("detector"), i.get("acquired")) if v
    )
    h, w = about["shape_px"]
    facts = [
        ("Picture", ", ".join([f"{w} × {h} px", str(about["format"]), *_part(about.get("part"))])),
        ("Instrument", stated or "not stated in the file"),
    ]
    pair = about["scale"]["nm_per_px_y_x"]
    if pair:
        facts.append(("Field", f"{format_length(w * pair[1], digits=3)} × {format_length(h * pair[0], digits=3)}"))
    moved = about.get("edge_moved_px")
    between = "between pixels, " + (
        "from the probability map" if moved is None else f"where the grey level changes most steeply (moved by {moved:+.2f} px)"
    )
    outline = {"probability_map": between, "labels": "along the labels' pixels"}
    facts += [
        ("Particles found by", str(about["engine"]["name"])),
        ("Outlines", outline.get(str(about.get("outline")), str(about.get("outline") or DASH))),
        ("SHA-256", str(about["sha256"]) or DASH),
    ]
    if about.get("confidence") is not None:
        facts.insert(-2, ("Confidence", f"{about['confidence']:.2f}: the share of the particles expected to be right"))
    if about.get("expected_found") is not None:
        share = f"{100 * about['expected_found']:.0f} % of the particles that a person would draw"
        facts.insert(-2, ("Expected to be found", share))
    if about.get("looks"):
        facts.insert(-2, ("Looked at", ", ".join(f"{k['zoom']:.2g} ×: {k['n_seen']}" for k in about["looks"]) + " particles seen"))
    source = about.get("labels_source")
    if source:
        facts.append(("Labels", f"{source['file']}, SHA-256 {source['sha256']}"))
    return facts


def _part(part: dict[str, Any] | None) -> list[str]:
    """Which part of its file a picture is, where the file has several; results of earlier versions do not say."""
    if part is None:
        return []
    said = [f"page {part['page']} of {part['n_pages']}"] if part["n_pages"] > 1 else []
    said += [f"detector {part['detector']}"] if len(part["detectors"]) > 1 else []
    return [*said, f"channel {part['channel']}"] if part["channel"] else said


def scale_rows(about: dict[str, Any]) -> list[tuple[str, str]]:
    """The scale used and what speaks for it."""
    scale = about["scale"]
    pair, bar = scale["nm_per_px_y_x"], scale["scale_bar"]
    if pair:
        size = f"{number(pair[1], 5)} nm/px" if pair[0] == pair[1] else f"{number(pair[1], 5)} × {number(pair[0], 5)} nm/px (x × y)"
        rows = [
            ("Scale used", f"{size} from {str(scale['source']).replace('_', ' ')}, u = {percent(scale['relative_uncertainty'], 2)}")
        ]
        if by := calibration_from_dict(scale.get("calibration")):
            rows.append(("Calibration", calibration_text(by)))
    else:
        rows = [("Scale used", "none: sizes are in px")]
    meta = scale["metadata_nm_per_px_y_x"]
    rows.append(("Metadata", f"{number(meta[1], 5)} nm/px" if meta else "state no scale"))
    if bar and bar["nm_per_px"] and bar["length_px"]:
        over = f"{bar['text']} over {number(bar['length_px'], 5)} px"
        said = f"{over} = {number(bar['nm_per_px'], 5)} nm/px, confidence {bar['confidence']:.2f}"
        rows.append(("Scale bar", said))
        if bar.get("refined_by") and not bar["refused"]:
            rows.append(("Taken together with", f"the {bar['refined_by']}, which says the same more precisely"))
        if meta and not bar["refused"]:
            rows.append(("Bar against metadata", f"{number(100 * (bar['nm_per_px'] / meta[1] - 1), 2).replace('-', '−')} %"))
    elif bar is None or not bar["refused"]:
        rows.append(("Scale bar", "none read"))
    if bar and bar["refused"]:
        rows.append(("Scale bar not used", str(bar["refused"])))
    return rows


def calibration_text(c: Calibration) -> str:
    """What was calibrated, with what, and how well."""
    factors = f"factor {c.factor_x:.5g}" if c.factor_x == c.factor_y else f"factors {c.factor_x:.5g} (x), {c.factor_y:.5g} (y)"
    until = f", valid until {c.valid_until}" if c.valid_until else ""
    parts = ", ".join(f"{name.replace('_', ' ')} {percent(u, 2)}" for name, u in c.components.items())
    return f"{c.title}{until}: {factors}, u = {percent(c.relative_uncertainty, 2)}" + (f" ({parts})" if parts else "")


def _statistics(about: dict[str, Any], unit: Lengths) -> list[tuple[str, str, str]]:
    """(name, value, 95 % interval) with units; the interval to quote where there is one."""
    d = about["distribution"]
    of_budget = ((about.get("budget") or {}).get("statistics") or {}).items()
    quotable = intervals_to_quote({k: (_float(b["low"]), _float(b["high"])) for k, b in of_budget}, d["weighting"])
    rows = []
    for name in STATISTICS:
        e = d.get(name)
        if not isinstance(e, dict) or e["value"] is None or name == "d50":
            continue
        show = unit_of(name, unit)
        of = f" {show.unit}" if show.unit else ""
        low, high = quotable.get(name, (e["low"], e["high"]))
        interval = show.interval(low, high) + of if e["low"] is not None else "too few particles"
        rows.append((NAMES.get(name, name), show.show(e["value"], digits_of(name)) + of, interval))
    return rows


def _float(value: float | None) -> float:
    return math.nan if value is None else value
