"""Samples: the micrographs of each pooled, several side by side."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from nicegui import run, ui

from ....core.errors import NanogaugeError
from ....reporting.plots import one_scale
from ....results.saved import read_saved
from ....statistics.distribution import kernel_density
from ....statistics.metrology import weights_of
from ....statistics.samples import Sample, part_of
from ..entry import Entry
from ..sample_figures import UnitShown, chart_of, comparison_of, content_of, figures_of, sample_of, shown_lengths
from ..studio import Studio
from .elements import SizeChart
from .layout import esc, later, page_frame, table

_MOST_MINIS = 24


class SamplesPage:
    """The page's state in one window."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.weighting, self.unit = "number", "auto"

    def build(self) -> None:
        """Lays the page out."""
        with page_frame("samples", title="Samples"), ui.element("div").classes("ng-page"):
            groups = self.studio.project.samples()
            if not any(groups):
                ui.html(
                    '<div class="ng-sorry"><i class="material-icons" aria-hidden="true">workspaces</i><h1>No sample yet</h1>'
                    "<p>Micrographs of one sample are pooled here, and samples compared. Which belong together is yours to say: "
                    "select them in the gallery and put them into a sample. A folder that you drop becomes one by itself. "
                    '<a href="/">To the micrographs</a></p></div>',
                    sanitize=False,
                )
                return
            with ui.row().classes("items-center ng-bar"):
                ui.label("Samples").classes("ng-h1")
                ui.space()
                ui.toggle(
                    {"number": "Number", "volume": "Volume"}, value="number", on_change=lambda e: self._set(weighting=e.value)
                ).props("no-caps dense unelevated")
                ui.toggle(
                    {"auto": "auto", "nm": "nm", "µm": "µm"}, value="auto", on_change=lambda e: self._set(unit=e.value)
                ).props("no-caps dense unelevated")
            self.place = ui.element("div").classes("ng-samples")
            with self.place:
                ui.spinner(size="lg")
        later(self._fill(), name="samples")

    def _set(self, **changes: Any) -> None:
        for key, value in changes.items():
            setattr(self, key, value)
        later(self._fill(), name="samples")

    async def _fill(self) -> None:
        try:
            made = await run.io_bound(self._made)
        except NanogaugeError as error:
            made = None
            self.place.clear()
            with self.place:
                ui.label(str(error)).classes("ng-alert")
        if made is None:
            return
        self.place.clear()
        with self.place:
            if made["comparison"]:
                self._comparison(made)
            for block in made["blocks"]:
                self._sample(block)
            if made["alone"]:
                with ui.element("section").classes("ng-sheet"):
                    ui.label("In no sample").classes("ng-h2")
                    ui.label("Measured, each for itself: not pooled, and compared with nothing.").classes("ng-soft")
                    ui.html(_minis(made["alone"]), sanitize=False)

    def _made(self) -> dict[str, Any]:
        project = self.studio.project
        self.studio.save_all()
        chosen: UnitShown = "nm" if self.unit == "nm" else "µm" if self.unit == "µm" else "auto"
        groups = project.samples()
        alone = groups.pop("", [])
        samples = [pooled(name, entries, weighting=self.weighting) for name, entries in groups.items()]
        scale = one_scale(samples)
        blocks = []
        for sample, entries in zip(samples, groups.values(), strict=True):
            unit = shown_lengths(sample, chosen) if scale is None or chosen != "auto" else scale.unit
            chart = chart_of(sample, unit)
            if scale is not None:
                k = unit.per_stored / scale.unit.per_stored
                chart["range"] = [scale.low * k, scale.high * k]
            blocks.append(
                {
                    "name": sample.name,
                    "entries": entries,
                    "sample": sample,
                    "unit": unit,
                    "chart": chart,
                    "content": content_of(sample),
                }
            )
        comparison = comparison_of(samples)
        series: dict[str, Any] | None = None
        if comparison is not None:
            usable = [s for s in samples if s.distribution.n > 1]
            unit = shown_lengths(max(usable, key=lambda s: s.distribution.median.value), chosen)
            series = {"unit": unit.unit, "per_stored": unit.per_stored, "weighting": self.weighting, "edges": [], "series": []}
            for s in usable:
                x = s.particles[f"equivalent_diameter_{s.unit}"].to_numpy(float)
                w = weights_of(s.particles, s.settings.measure)
                c = kernel_density(x, unit=s.unit, weights=w, weighting=s.distribution.weighting, n_points=160)
                series["series"].append(
                    {"name": s.name, "x": [v * unit.per_stored for v in c.x], "y": [v / unit.per_stored for v in c.y]}
                )
        return {"blocks": blocks, "comparison": comparison, "series": series, "alone": alone}

    def _comparison(self, made: dict[str, Any]) -> None:
        c = made["comparison"]
        with ui.element("section").classes("ng-sheet"):
            ui.label("Side by side").classes("ng-h2")
            with ui.element("div").classes("ng-two ng-compare"):
                chart = SizeChart()
                with ui.element("div"):
                    heads = [h if h in ("sample", "micrographs", "n", "CV") else f"{h} / {c['unit']}" for h in c["columns"]]
                    ui.html(table(heads, c["rows"], numbers=range(1, len(heads))), sanitize=False)
                    if c["pairs"]:
                        pair_heads = ["", "", f"difference of d50 / {c['unit']}", "95 % interval", "Cliff's δ", "p"]
                        ui.html("<h3>Pairs</h3>" + table(pair_heads, c["pairs"], numbers=range(2, 6)), sanitize=False)
                    ui.html("".join(f'<p class="ng-soft">{esc(line)}</p>' for line in c["lines"]), sanitize=False)
        ui.timer(0.1, lambda: chart.show(made["series"]), once=True)

    def _sample(self, block: dict[str, Any]) -> None:
        content, entries = block["content"], block["entries"]
        with ui.element("section").classes("ng-sheet"):
            with ui.row().classes("items-baseline no-wrap"):
                ui.label(block["name"]).classes("ng-h2")
                ui.label(f"{len(entries)} micrograph{'s' if len(entries) != 1 else ''}").classes("ng-soft")
            tiles = "".join(
                f"<div><span>{esc(a)}</span><b>{esc(b)}</b><small>{esc(c)}</small></div>" for a, b, c in content["headline"]
            )
            ui.html(f'<div class="ng-tiles">{tiles}</div>', sanitize=False)
            with ui.element("div").classes("ng-two"):
                with ui.element("div"):
                    chart = SizeChart()
                    ui.html("".join(f'<p class="ng-note">{esc(w)}</p>' for w in content["warnings"]), sanitize=False)
                    verdicts = "".join(
                        f"<li><b>{esc(v['answer'])}</b> {esc(v['question'])}<br><small>{esc(v['value'])}</small></li>"
                        for v in content["verdicts"]
                    )
                    ui.html(f'<ul class="ng-verdicts">{verdicts}</ul>' if verdicts else "", sanitize=False)
                with ui.element("div"):
                    rows = [(r["name"], r["value"], r["interval"] or "–") for r in figures_of(block["sample"], block["unit"])]
                    ui.html(table(["", "value", "95 % interval"], rows, numbers=(1, 2)), sanitize=False)
                    if content["homogeneity"]:
                        ui.html("<h3>Do the micrographs agree?</h3>" + table(["", ""], content["homogeneity"]), sanitize=False)
                    needed = [(r[0], r[1], r[4]) for r in content["required_n"]]
                    if needed:
                        ui.html("<h3>Particles needed</h3>" + table(["", "needed", "enough"], needed, numbers=(1,)), sanitize=False)
            ui.html(_minis(entries), sanitize=False)
        ui.timer(0.1, lambda: chart.show(block["chart"]), once=True)


def _minis(entries: list[Entry]) -> str:
    """Small pictures that lead to the micrographs; of very many the first."""
    links = " ".join(
        f'<a class="ng-mini" href="/m/{quote(e.name, safe="")}">'
        f'<img src="/api/micrographs/{quote(e.name, safe="")}/thumbnail" alt="" loading="lazy">'
        f"<span>{esc(e.title)}</span></a>"
        for e in entries[:_MOST_MINIS]
    )
    more = f'<span class="ng-soft">and {len(entries) - _MOST_MINIS} more</span>' if len(entries) > _MOST_MINIS else ""
    return f'<div class="ng-minis">{links}{more}</div>'


def pooled(name: str, entries: list[Entry], *, weighting: str) -> Sample:
    """The sample of some measured micrographs, as saved. Raises UnreadableFile where results are damaged."""
    parts, settings = [], None
    for entry in entries:
        saved = read_saved(entry.folder, pictures=False)
        settings = settings or saved.settings
        parts.append(part_of(saved))
    assert settings is not None
    return sample_of(parts, name=name, settings=settings, weighting=weighting)


def add_samples(studio: Studio) -> None:
    """The page at /samples."""

    @ui.page("/samples")
    def samples() -> None:
        SamplesPage(studio).build()
