"""The scale: what was read and from where, the bar traced by hand, a value typed in; asked for plainly where none is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from ....core.errors import NanogaugeError
from ..entry import Entry
from .layout import attempt, esc, refuse, said

if TYPE_CHECKING:
    from .shown import Shown

_SOURCES = {"metadata": "the file's metadata", "scale_bar": "the scale bar", "user": "you", "none": "nowhere"}


class ScalePanel:
    """The part of the panel that is about the scale."""

    def __init__(self, page: Shown) -> None:
        self.page = page
        self.ends: list[list[float]] | None = None
        self.now = ui.html("", sanitize=False)
        with ui.element("section").classes("ng-block"):
            ui.label("What was read").classes("ng-h3")
            self.read = ui.element("div").classes("ng-evidence")
        with ui.element("section").classes("ng-block"):
            ui.label("Trace the scale bar").classes("ng-h3")
            self.hint = ui.label("Drag its two ends on the picture to the ends of the bar, then type what it stands for.").classes(
                "ng-soft"
            )
            with ui.row().classes("items-end no-wrap w-full"):
                ui.button("Set the ends", icon="straighten", on_click=lambda: page.set_tool("scale")).props(
                    "outline no-caps dense"
                ).classes("ng-nowrap")
                self.length = ui.label("").classes("ng-length")
            with ui.row().classes("items-center no-wrap w-full"):
                self.label = (
                    ui.input("The bar stands for", placeholder="500 nm", on_change=self._labelled)
                    .props('dense outlined aria-label="Length of the scale bar, such as 500 nm"')
                    .classes("grow")
                )
                self.use_bar = ui.button("Use", on_click=self._use_traced).props("unelevated no-caps")
            self.label.on("keydown.enter", self._use_traced)
        with ui.element("section").classes("ng-block"):
            ui.label("Or type it").classes("ng-h3")
            with ui.row().classes("items-center no-wrap w-full"):
                self.typed = ui.input("Pixel size", placeholder="2.5 nm/px").props(
                    'dense outlined aria-label="Pixel size, such as 2.5 nm/px"'
                )
                self.typed.classes("grow")
                ui.button("Use", on_click=self._use_typed).props("unelevated no-caps")
            self.typed.on("keydown.enter", self._use_typed)
            ui.label("2.5 nm/px, or 500 nm / 123.5 px").classes("ng-soft")
        with ui.element("section").classes("ng-block") as self.others:
            self.all_text = ui.label().classes("ng-soft")
            ui.button("Use this scale for them too", icon="content_copy", on_click=self._use_for_all).props("outline no-caps dense")
        with ui.row().classes("ng-block") as self.ways_back:
            self.back = ui.button("Back to what was found", on_click=lambda: self._use(None)).props("flat no-caps dense")
            self.none = ui.button("No scale: in px", on_click=lambda: self._use({"source": "none"})).props("flat no-caps dense")

    def refresh(self) -> None:
        """Shows the scale as it stands."""
        session = self.page.session
        scale, decision = session.scale, session.decision
        if scale is None:
            why = decision.warnings[0] if decision.warnings else ""
            self.now.content = (
                '<div class="ng-ask" role="alert"><b>What is the scale?</b><p>Sizes are in pixels until it is known. '
                f"{esc(why[:1].upper() + why[1:])}.</p></div>"
            )
        else:
            y, x = scale.nm_per_px
            value = f"{x:.5g} nm/px" if y == x else f"{x:.5g} × {y:.5g} nm/px (x × y)"
            notes = "".join(f'<p class="ng-note">{esc(w)}</p>' for w in decision.warnings)
            from_ = _SOURCES.get(decision.source, decision.source)
            u = f"{100 * scale.relative_uncertainty:.2g}\N{NO-BREAK SPACE}%"
            self.now.content = (
                f'<div class="ng-now"><b>{esc(value)}</b><span>from {esc(from_)}, standard uncertainty {u}</span>{notes}</div>'
            )
        self._evidence()
        self.back.set_visibility(session.decisions.scale is not None)
        self.none.set_visibility(scale is not None)
        self.ways_back.set_visibility(scale is not None or session.decisions.scale is not None)
        same = self._same_but_none()
        self.others.set_visibility(bool(same) and scale is not None and decision.source == "user")
        self.all_text.text = (
            f"{len(same)} micrograph{'s' if len(same) != 1 else ''} of this sample, as large as this one, without a scale"
        )
        bar = session.found.scale_bar
        if not self.label.value:
            chosen = (session.decisions.scale or {}).get("label") or (bar.text if bar is not None and bar.value_nm else "")
            self.label.value = str(chosen or "")

    def _evidence(self) -> None:
        session = self.page.session
        from ....editing.scale_choice import evidence

        rows = evidence(metadata=session.found.micrograph.scale, bar=session.found.scale_bar)
        self.read.clear()
        with self.read:
            if not rows:
                ui.label("No scale in the file, and no scale bar in the picture.").classes("ng-soft")
            for row in rows:
                with ui.row().classes("no-wrap items-center ng-source"):
                    name = {"metadata": "Metadata", "scale_bar": "Scale bar"}[row["source"]]
                    ui.html(f"<b>{esc(name)}</b> {esc(row['text'])}<br><small>{esc(row['why'])}</small>", sanitize=False).classes(
                        "grow"
                    )
                    if session.decision.source == row["source"]:
                        ui.html('<span class="ng-chip good">in use</span>', sanitize=False)
                    elif row["text"] != "not read":
                        ui.button("Use", on_click=lambda r=row: self._use({"source": r["source"]})).props("outline no-caps dense")

    def traced(self, args: dict[str, Any]) -> None:
        """The ends were moved on the picture."""
        self.ends = args["ends"]
        self.length.text = f"{float(args['length_px']):.1f} px"

    def _labelled(self) -> None:
        self.page.view.run_method("setBarLabel", self.label.value or "")

    async def _use_traced(self) -> None:
        if self.ends is None:
            self.page.set_tool("scale")
            refuse("set the two ends of the scale bar on the picture first")
            return
        if await self._use({"source": "traced", "label": self.label.value or "", "ends": self.ends}):
            self.page.set_tool("select")

    async def _use_typed(self) -> None:
        await self._use({"source": "typed", "text": self.typed.value or ""})

    async def _use(self, choice: dict[str, Any] | None) -> bool:
        return await self.page.edit("scale", choice=choice) is not None

    def _same_but_none(self) -> list[Entry]:
        project, mine = self.page.studio.project, self.page.entry
        group = project.samples().get(mine.sample, [])
        return [e for e in group if e.name != mine.name and e.summary.get("status") == "no_scale" and e.file is not None]

    async def _use_for_all(self) -> None:
        scale, shape = self.page.session.scale, self.page.session.found.micrograph.shape
        if scale is None:
            return
        y, x = scale.nm_per_px
        text = f"{x:.9g} nm/px" if x == y else f"{y:.9g} x {x:.9g} nm/px"

        def apply() -> int:
            n = 0
            for entry in self._same_but_none():
                try:
                    other = self.page.studio.session(entry.name)
                except NanogaugeError:
                    continue
                if other.found.micrograph.shape == shape:
                    other.edit("scale", {"choice": {"source": "typed", "text": text}})
                    self.page.studio.save(entry.name)
                    n += 1
            return n

        n = await attempt(apply)
        if n is not None:
            said(
                f"the scale is set for {n} more micrograph{'s' if n != 1 else ''}" if n else "none of them has the same size in px"
            )
        self.refresh()
