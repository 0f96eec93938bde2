"""The distribution beside the picture, following each edit: values at once, intervals a moment later."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from nicegui import run, ui

from ....core.errors import NanogaugeError
from ....editing.session import Session
from ....reporting.content import exclusion_rows
from ....results.saved import read_saved
from ....statistics.samples import Part, Sample, part_of
from ..quantities import DIAMETER, QUANTITIES, distribution_by
from ..sample_figures import UnitShown, chart_of, figures_of, needed_of, sample_of, shown_lengths
from ..studio import Studio
from .elements import SizeChart
from .layout import esc, later, table

_TO_QUOTE = (
    "Quote mean, d10, d50 and d90 with these intervals: 95 %, and they hold the choice of particles, what may have been missed "
    "or joined, the outlines and the scale. The other intervals hold the choice of particles alone."
)
_OF_OTHERS = "By number; the intervals (95 %) hold the choice of particles alone."
_FIRST_S = 0.1  # the edit itself is shown first: figures and it would wait for each other
_PAUSE_S = 0.5  # after the last edit, before intervals are resampled


class SizesPanel:
    """Chart and figures of one micrograph, or of its whole sample."""

    def __init__(self, studio: Studio, session: Session, name: str) -> None:
        self.studio, self.session, self.name = studio, session, name
        self.weighting, self.unit, self.scope = "number", "auto", "micrograph"
        self.by, self.bin_width = DIAMETER, None
        self.wanted = self.shown = 0
        self.running = self.closed = False
        self.empty = ui.label("Sizes are in pixels: there is no scale. Set it under Scale.").classes("ng-alert")
        self.quantities = (
            ui.select({name: q.title for name, q in QUANTITIES.items()}, value=DIAMETER)
            .props('dense outlined options-dense aria-label="Quantity"')
            .classes("w-full")
        )
        self.quantities.on_value_change(lambda e: self._set(by=e.value, bin_width=None))
        with ui.row().classes("ng-options items-center"):
            self.scopes = ui.toggle({"micrograph": "Micrograph", "sample": "Sample"}, value="micrograph").props(
                "no-caps dense unelevated"
            )
            self.weights = ui.toggle({"number": "Number", "volume": "Volume"}, value="number").props("no-caps dense unelevated")
        self.scopes.on_value_change(lambda e: self._set(scope=e.value))
        self.weights.on_value_change(lambda e: self._set(weighting=e.value))
        with ui.row().classes("items-baseline justify-between no-wrap w-full"):
            self.head = ui.html("", sanitize=False).classes("ng-headline")
            self.note = ui.label().classes("ng-soft ng-wait ng-nowrap")
        self.chart = SizeChart(name, linked=True)
        with ui.row().classes("ng-options items-center justify-between"):
            self.fits = ui.toggle({0: "no fit", 1: "best fit", 3: "three"}, value=1).props("no-caps dense unelevated")
            self.units = ui.toggle({"auto": "auto", "nm": "nm", "µm": "µm"}, value="auto").props("no-caps dense unelevated")
        with ui.row().classes("ng-options items-center no-wrap w-full"):
            self.log = ui.checkbox("log axis").props("dense")
            self.log.on_value_change(lambda e: self.chart.run_method("setLog", bool(e.value)))
            self.sum = ui.checkbox("cumulative").props("dense")
            self.sum.on_value_change(lambda e: self.chart.run_method("setCumulative", bool(e.value)))
            ui.space()
            self.width = ui.number(
                placeholder="bin width", min=0, on_change=lambda e: self._set(bin_width=float(e.value) if e.value else None)
            ).props('dense outlined clearable debounce=400 aria-label="Bin width, in the unit shown"')
            self.width.classes("ng-width")
        self.units.on_value_change(lambda e: self._set(unit=e.value))
        self.fits.on_value_change(lambda e: self.chart.run_method("setFits", int(e.value)))
        self.figures = ui.html("", sanitize=False)
        self.meaning = ui.label().classes("ng-soft")
        self.needed = ui.html("", sanitize=False)
        self.left_out = ui.html("", sanitize=False)
        self.warnings = ui.html("", sanitize=False)

    def _set(self, **changes: Any) -> None:
        for key, value in changes.items():
            setattr(self, key, value)
        if "by" in changes:
            self.width.value = None
        self.refresh()

    def refresh(self) -> None:
        """Asks for the figures to be made anew; several wishes at once are one."""
        self.wanted += 1
        if not self.running:
            self.running = True
            later(self._follow(), name=f"figures of {self.name}")

    def close(self) -> None:
        """No more figures for this window."""
        self.closed = True

    async def _follow(self) -> None:
        try:
            while self.shown != self.wanted and not self.closed:
                await asyncio.sleep(_FIRST_S)
                wish = self.wanted
                quick = await run.io_bound(self._made, True)
                if quick is None or self.closed:
                    return
                self._show(quick, waiting=True)
                await asyncio.sleep(_PAUSE_S)
                if self.wanted != wish:
                    continue
                whole = await run.io_bound(self._made, False)
                if whole is None or self.closed:
                    return
                if self.wanted == wish:
                    self._show(whole, waiting=False)
                self.shown = wish
        finally:
            self.running = False

    def _made(self, quick: bool) -> dict[str, Any] | None:
        """In a thread: everything that is shown."""
        try:
            parts = self._parts(quick)
            settings = self.session.settings_in_force()
            sample = sample_of(parts, name=self.name, settings=settings, weighting=self.weighting, quick=quick)
        except (NanogaugeError, OSError, ValueError):
            return None
        chosen: UnitShown = "nm" if self.unit == "nm" else "µm" if self.unit == "µm" else "auto"
        unit = shown_lengths(sample, chosen)
        by = self.by
        other = None if by == DIAMETER else distribution_by(sample, QUANTITIES[by])
        return {
            "by": by,
            "sample": sample,
            "chart": chart_of(sample, unit, by=by, distribution=other, bin_width=self.bin_width),
            "figures": figures_of(sample, unit, by=by, distribution=other),
            "needed": needed_of(sample),
        }

    def _parts(self, quick: bool) -> list[Part]:
        offset = math.nan if quick else self.session.measurement().edge_offset_px
        own = Part(self.name, self.session.table, self.session.scale, offset, self.session.found.detection)
        if self.scope == "micrograph":
            return [own]
        mine = self.studio.project.entry(self.name).sample
        parts = [own]
        for entry in self.studio.project.samples().get(mine, []) if mine else ():
            if entry.name != self.name:
                parts.append(part_of(read_saved(entry.folder, pictures=False)))
        return parts

    def _show(self, made: dict[str, Any], *, waiting: bool) -> None:
        sample: Sample = made["sample"]
        d = sample.distribution
        with self.chart:
            self.chart.show(made["chart"])
        self.empty.set_visibility(sample.unit == "px")
        self.scopes.set_visibility(bool(self.studio.project.entry(self.name).sample))
        diameter = made["by"] == DIAMETER
        self.units.set_visibility(sample.unit == "nm" and QUANTITIES[made["by"]].length)
        self.weights.set_visibility(diameter)
        self.fits.set_visibility(diameter)
        several = sample.n_micrographs > 1
        of = f" in {sample.n_micrographs} micrographs" if several else ""
        volume = ", by volume" if d.weighting == "volume" else ""
        self.head.content = f"<b>{d.n}</b> particles counted of {sample.n_particles}{of}{volume}"
        self.note.text = "intervals follow …" if waiting and d.n >= 20 else ""
        rows = [(r["name"], r["value"], r["interval"] or ("…" if waiting and d.n >= 20 else "–")) for r in made["figures"]]
        self.figures.content = table(["", "value", "95 % interval"], rows, numbers=(1, 2), classes="wide") if d.n else ""
        self.meaning.text = _TO_QUOTE if diameter else _OF_OTHERS
        self.meaning.set_visibility(bool(d.n))
        self.needed.content = _needed_html(made["needed"]) if d.n and diameter else ""
        self.left_out.content = _exclusions_html(sample)
        said = [*sample.warnings, *(self.session.judged.notes if self.scope == "micrograph" else ())]
        self.warnings.content = "".join(f'<p class="ng-note">{esc(w)}</p>' for w in said)


def _needed_html(rows: list[dict[str, Any]]) -> str:
    shown = []
    for r in rows:
        mark = "" if r["enough"] is None else "enough" if r["enough"] else "too few"
        needed = "–" if r["needed"] is None else f"{r['needed']:,}".replace(",", "\u202f")
        shown.append((f"{r['basis']} within {r['wish']}", needed, mark))
    return "<h3>Particles needed</h3>" + table(["at 95 %", "needed", ""], shown, numbers=(1,))


def _exclusions_html(sample: Sample) -> str:
    rows = [
        r
        for r in exclusion_rows(sample.n_particles, sample.distribution.n, sample.exclusions)
        if r[1] != "0" or r[0] in ("found", "counted")
    ]
    return "<h3>What counts</h3>" + table(["", "particles", "share"], rows, numbers=(1, 2))
