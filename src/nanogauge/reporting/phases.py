"""The report on phases: shares with their budget, chords, thickness, interfaces, grains and pores, micrographs in colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.version import __version__
from ..phases.drawing import draw_chords, draw_pieces, draw_shares, draw_thickness, hex_colours
from ..phases.figures import OnePhase, PhaseFigures
from ..results.figures import jpeg_data_uri
from ..results.phases import PhaseMeasurement
from ..scale.resolve import scale_dict
from ..statistics.distribution import Estimate
from .cards import scale_rows
from .formatting import DASH, lengths, number, percent
from .page import render
from .plots import Plot, plot_of

MOST_SHOWN = 24
"""Micrographs shown in the report; all are in the tables."""
_DRAWINGS: tuple[tuple[str, str, Callable[[Any, PhaseFigures], Any]], ...] = (
    ("fractions", "Area fractions. Thin line: 95 % interval; thick: what sampling alone would leave.", draw_shares),
    ("chords", "Chord lengths by number, along rows and columns, the frame's cuts taken into account.", draw_chords),
    ("thickness", "Local thickness by area.", draw_thickness),
    ("pieces", "Grains and pores that the frame does not cut, by number.", draw_pieces),
)


def write_phase_report(
    folder: Path, every: Sequence[PhaseMeasurement], figures: PhaseFigures | None, *, title: str = "", failures: Sequence[Any] = ()
) -> Path:
    """report.html into FOLDER, and its plots into FOLDER/plots.

    figures: of all pooled; None where they do not go together
    failures: (file, message) of those that could not be measured
    """
    plots: list[Plot] = []
    if figures is not None:
        (folder / "plots").mkdir(exist_ok=True)
        plots = [plot_of(name, caption, _drawn(draw, figures), folder / "plots") for name, caption, draw in _DRAWINGS]
    shown = figures or (every[0].figures if every else None)
    document = {
        "title": title or "Phases",
        "head": [
            ("Micrographs", str(len(every))),
            ("Made", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
            ("Software", f"nanogauge {__version__}"),
        ],
        "colours": list(zip(shown.names, hex_colours(shown.names), strict=True)) if shown else [],
        "sample": None if figures is None else _content(figures),
        "plots": plots,
        "cards": [_card(m) for m in every[:MOST_SHOWN]],
        "n_more": max(len(every) - MOST_SHOWN, 0),
        "failures": failures,
    }
    path = folder / "report.html"
    path.write_text(render("phases.html.j2", d=document), encoding="utf-8")
    return path


def _drawn(draw: Callable[[Any, PhaseFigures], Any], f: PhaseFigures) -> Callable[[Any], Any]:
    return lambda axes: draw(axes, f)


def _content(f: PhaseFigures) -> dict[str, Any]:
    check = f.check
    return {
        "warnings": f.warnings,
        "tiles": [(p.name, percent(p.share.whole.value), _percents(p.share.whole)) for p in f.phases],
        "fractions": [_fraction_row(p) for p in f.phases],
        "lengths": length_rows(f),
        "length_heads": length_heads(f),
        "interfaces": interface_rows(f),
        "pieces": [_piece_row(p) for p in f.phases],
        "check": None
        if check is None
        else {
            "n": len(check.pictures),
            "heads": ["true, said →", *f.names, "IoU"],
            "rows": [
                [name, *(percent(v / max(row.sum(), 1)) for v in row), number(iou, 3)]
                for name, row, iou in zip(f.names, check.confusion, check.iou(), strict=True)
            ],
            "corrected": check.correction() is not None,
        },
        "independent": number(f.independent, 2),
        "unsure": percent(f.unsure),
        "unit": f.unit,
    }


def _fraction_row(p: OnePhase) -> tuple[str, ...]:
    s = p.share
    half = (s.sampling.high - s.sampling.low) / 2
    network = f"−{percent(s.below, 2)}, +{percent(s.above, 2)}"
    return p.name, percent(s.whole.value), _percents(s.whole), f"± {percent(half, 2)}", network, percent(s.as_said)


def _percents(e: Estimate) -> str:
    return f"{percent(e.low)} … {percent(e.high)}"


def length_heads(f: PhaseFigures) -> list[str]:
    """Headings of `length_rows`."""
    unit = _unit(f).unit
    names = ("mean chord", "95 %", "along x", "along y", "d10", "d50", "d90", "mean thickness", "95 %")
    return ["", *(n if n == "95 %" else f"{n} / {unit}" for n in names)]


def length_rows(f: PhaseFigures) -> list[tuple[str, ...]]:
    """Chords and thickness of each phase."""
    show = _unit(f)
    rows = []
    for p in f.phases:
        quantiles = (show.show(p.chords.quantile(q)) for q in (0.1, 0.5, 0.9))
        c, t = p.chord, p.thickness
        mean = (show.show(c.value), show.interval(c.low, c.high), show.show(p.chord_x.value), show.show(p.chord_y.value))
        rows.append((p.name, *mean, *quantiles, show.show(t.value), show.interval(t.low, t.high)))
    return rows


def interface_rows(f: PhaseFigures) -> list[tuple[str, ...]]:
    """Length of interface per area of each two phases, per µm where there is a scale."""
    per = 1000.0 if f.unit == "nm" else 1.0
    out: list[tuple[str, ...]] = []
    for (a, b), e in f.interfaces.items():
        interval = f"{number(e.low * per)} … {number(e.high * per)}" if e.low == e.low else DASH
        out.append((f"{a} – {b}", number(e.value * per), interval))
    return out


def _piece_row(p: OnePhase) -> tuple[str, ...]:
    show = lengths(p.unit, p.pieces.median.value)
    d = p.pieces
    sizes = (show.with_unit(d.mean.value), *(show.show(float(d[k])) for k in ("d10", "d50", "d90")))
    spans = f"{percent(p.spans[0])}, {percent(p.spans[1])}"
    return p.name, str(p.n_pieces), str(d.n), *sizes, percent(p.cut_share), percent(p.largest_share), spans


def _unit(f: PhaseFigures) -> Any:
    return lengths(f.unit, max((p.chord.value for p in f.phases if p.chord.value == p.chord.value), default=0.0))


def _card(m: PhaseMeasurement) -> dict[str, Any]:
    f = m.figures
    facts = [(p.name, f"{percent(p.share.whole.value)} ({_percents(p.share.whole)})") for p in f.phases]
    facts += [("Unsure pixels", percent(f.unsure)), ("Independent areas", number(f.independent, 2))]
    return {
        "title": m.micrograph.name,
        "warnings": m.warnings,
        "overlay": jpeg_data_uri(m.overlay),
        "scale": scale_rows({"scale": scale_dict(m.decision, m.scale_bar, m.micrograph.scale)}),
        "facts": facts,
    }
