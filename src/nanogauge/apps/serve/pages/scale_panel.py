"""The scale: what was read and from where, the bar traced by hand, a value typed in; asked for plainly where none is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from ....core.errors import NanogaugeError
from ....editing.scale_choice import evidence, given
from ..many import ForMany
from ..scale_for_others import candidates
from .layout import dialog_buttons, esc, refuse, titled_dialog
from .many_bar import ManyBar
from .tick_list import Row, TickList

if TYPE_CHECKING:
    from .shown import Shown

_SOURCES = {"metadata": "the file's metadata", "scale_bar": "the scale bar", "user": "you", "none": "nowhere"}


class ScalePanel:
    """The part of the panel that is about the scale."""

    def __init__(self, page: Shown) -> None:
        self.page = page
        self.ends: list[list[float]] | None = None
        self.shown: object = None  # evidence, and what is in use
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
            ui.button("Use this scale for others …", icon="content_copy", on_click=self._ask_others).props("outline no-caps dense")
        ManyBar(page.studio)
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
        others = candidates(self.page.studio.project, self.page.entry, session)
        alike = sum(c.alike for c in others)
        self.others.set_visibility(bool(others))
        words = f"{alike} of them without a scale and of the same size and magnification" if alike else "none of them clearly alike"
        self.all_text.text = f"{len(others)} other micrograph{'s' if len(others) != 1 else ''}, {words}."
        bar = session.found.scale_bar
        if not self.label.value:
            chosen = (session.decisions.scale or {}).get("label") or (bar.text if bar is not None and bar.value_nm else "")
            self.label.value = str(chosen or "")

    def _evidence(self) -> None:
        session = self.page.session
        rows = evidence(metadata=session.found.micrograph.scale, bar=session.found.scale_bar)
        shown = (rows, session.decision.source)
        if shown == self.shown:
            return
        self.shown = shown
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

    def _ask_others(self) -> None:
        """Shows which micrographs may take the scale, and what would change in each, before any of it is done."""
        page = self.page
        scale = page.session.scale
        if scale is None:
            return
        found = candidates(page.studio.project, page.entry, page.session)
        rows = [Row(c.entry.name, c.entry.title, c.text, c.why, ticked=c.alike) for c in found]
        with titled_dialog(f"Give {scale.nm_per_px[1]:.5g} nm/px to others", wide=True) as dialog:
            ui.label("Ticked: without a scale, of this size and magnification. One click takes it all back.").classes("ng-soft")
            ticks = TickList(rows)
            dialog_buttons(dialog, "Give them this scale", lambda: self._give(ticks.chosen))
        dialog.open()

    def _give(self, names: list[str]) -> None:
        scale = self.page.session.scale
        if scale is None or not names:
            return
        choice = given(scale, self.page.entry.title)
        work = ForMany(
            self.page.studio,
            "giving the scale",
            f"the scale of {self.page.entry.title} given to",
            names,
            lambda session: session.edit("scale", {"choice": choice}),
        )
        try:
            work.start()
        except NanogaugeError as error:
            refuse(str(error))
