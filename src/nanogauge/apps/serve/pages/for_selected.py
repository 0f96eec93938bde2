"""What can be done with the micrographs that are selected in the gallery: dialogs that say what will change, then do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from ....core.errors import NanogaugeError
from ....core.scale import parse_scale
from ....editing.session import Session
from ..entry import Entry
from ..many import ForMany, accept_above, delete_below
from ..scale_for_others import candidates_of
from ..studio import Studio
from .layout import ask, attempt, dialog_buttons, refuse, titled_dialog
from .networks import networks
from .tick_list import Row, TickList

Chosen = Callable[[], list[Entry]]


class ForSelected:
    """The menu and its dialogs. chosen: gives the micrographs selected; after: is called when something was done"""

    def __init__(self, studio: Studio, chosen: Chosen, after: Callable[[], None]) -> None:
        self.studio, self.chosen, self.after = studio, chosen, after
        ui.button("Put into a sample", icon="workspaces", on_click=self.ask_sample).props("flat no-caps dense")
        ui.button("Mark as checked", icon="done_all", on_click=lambda: self._check(True)).props("flat no-caps dense")
        with ui.button("More", icon="more_vert").props("flat no-caps dense"), ui.menu():
            for text, act in (
                ("Scale …", self.ask_scale),
                ("Filters …", self.ask_filters),
                ("Accept above a confidence …", lambda: self.ask_confidence("Accept", accept_above)),
                ("Delete below a confidence …", lambda: self.ask_confidence("Delete", delete_below)),
                ("Mark as not checked", lambda: self._check(False)),
                ("Measure again …", self.ask_measure_again),
                ("Remove from the gallery …", self.ask_remove),
            ):
                ui.menu_item(text, on_click=act).props("role=menuitem")

    def ask_sample(self) -> None:
        """Puts them into a sample, or in none."""
        entries = self.chosen()
        groups = sorted({e.sample for e in self.studio.project.entries.values() if e.sample}, key=str.casefold)
        with titled_dialog(f"Put {_micrographs(entries)} into a sample") as dialog:
            ui.label("The micrographs of a sample are pooled; samples are compared side by side.").classes("ng-soft")
            name = ui.input("Name of the sample", autocomplete=groups).props("outlined dense autofocus").classes("w-full")

            def put() -> None:
                try:
                    self.studio.project.assign([e.name for e in entries], name.value or "")
                except NanogaugeError as error:
                    refuse(str(error))
                    return
                dialog.close()
                self.after()

            def take_out() -> None:
                self.studio.project.unassign(e.name for e in entries)
                dialog.close()
                self.after()

            name.on("keydown.enter", put)
            with ui.row().classes("w-full justify-end"):
                if any(e.sample for e in entries):
                    ui.button("In no sample", on_click=take_out).props("flat no-caps")
                    ui.space()
                ui.button("Cancel", on_click=dialog.close).props("flat no-caps")
                ui.button("Put there", on_click=put).props("unelevated no-caps")
        dialog.open()

    def ask_measure_again(self) -> None:
        """Measures them again, with other settings where that is wished, once it is confirmed."""
        entries = self.chosen()
        edited = [e for e in entries if e.summary.get("n_edits")]
        n_edits = sum(e.summary["n_edits"] for e in edited)
        now = self.studio.settings
        engines = networks(self.studio, now.segment.engine)
        with titled_dialog(f"Measure {_micrographs(entries)} again?") as dialog:
            ui.label("The present results are kept, and can be brought back under Files of each micrograph.").classes("ng-soft")
            if edited:
                those = f"{len(edited)} of them hold" if len(edited) > 1 else f"{edited[0].title} holds"
                ui.label(
                    f"{those} {n_edits} edit{'s' if n_edits != 1 else ''} by hand, which will not be in the new result."
                ).classes("ng-note")
            engine = ui.select(engines, value=now.segment.engine, label="Particles found by").props("outlined dense")
            with ui.row().classes("no-wrap"):
                least = ui.number("Smallest diameter / px", value=now.measure.least_diameter_px, min=0, max=1000)
                sure = ui.number("Least confidence", value=now.separate.least_confidence, min=0, max=1, step=0.05)
                for box in (least, sure):
                    box.props("outlined dense")

            async def go() -> None:
                settings = now.replace("segment", engine=engine.value)
                settings = settings.replace("measure", least_diameter_px=float(least.value or 0))
                settings = settings.replace("separate", least_confidence=float(sure.value or 0))
                await self._each(lambda name: self.studio.measure_again(name, settings=settings))

            dialog_buttons(dialog, "Measure again", go)
        dialog.open()

    def ask_remove(self) -> None:
        """Takes them out of the gallery, once that is confirmed."""
        ask(
            f"Remove {_micrographs(self.chosen())} from the gallery?",
            "Their results are kept, and can be brought back under Removed. The micrographs themselves stay where they are.",
            "Remove",
            lambda: self._each(self.studio.remove),
        )

    def ask_scale(self) -> None:
        """One pixel size, typed, for those that are ticked; what would change in each is seen first."""
        entries = self._editable()
        ticks: list[TickList] = []
        with titled_dialog(f"Scale of {_micrographs(entries)}", wide=True) as dialog:
            ui.label(
                "Ticked: without a scale, of the size and magnification that most of them have. One click takes it all back."
            ).classes("ng-soft")
            typed = ui.input("Pixel size", placeholder="2.5 nm/px, or 500 nm / 123.5 px")
            typed.props('outlined dense autofocus debounce=300 aria-label="Pixel size, such as 2.5 nm/px"')
            wrong = ui.label().classes("ng-note").props('role="alert"')
            wrong.bind_visibility_from(wrong, "text", backward=bool)
            place = ui.element("div")

            def show() -> None:
                place.clear()
                ticks.clear()
                wrong.text = ""
                use.set_enabled(False)
                if not (typed.value or "").strip():
                    return
                try:
                    found = candidates_of(entries, parse_scale(typed.value))
                except NanogaugeError as error:
                    wrong.text = str(error)
                    return
                rows = [Row(c.entry.name, c.entry.title, c.text, c.why, ticked=c.alike) for c in found]
                with place:
                    ticks.append(TickList(rows, on_change=lambda names: use.set_enabled(bool(names))))

            def go() -> None:
                names, choice = set(ticks[0].chosen), {"source": "typed", "text": typed.value}
                those = [e for e in entries if e.name in names]
                self._for_many("giving the scale", "scale given to", those, lambda s: s.edit("scale", {"choice": choice}))

            use = dialog_buttons(dialog, "Give them this scale", go)
            typed.on_value_change(show)
            show()
        dialog.open()

    def ask_filters(self) -> None:
        """The same filters for all of them."""
        entries = self._editable()
        with titled_dialog(f"Filters of {_micrographs(entries)}") as dialog:
            ui.label("They replace those that each has now; what is left empty filters nothing.").classes("ng-soft")
            unit = ui.toggle(["nm", "px"], value="nm").props("no-caps dense unelevated")
            with ui.row().classes("no-wrap"):
                low = ui.number("Diameter from", min=0)
                high = ui.number("to", min=0)
            with ui.row().classes("no-wrap"):
                circular = ui.number("Circularity at least", min=0, max=1, step=0.01)
                sure = ui.number("Confidence at least", min=0, max=1, step=0.01)
            for box in (low, high, circular, sure):
                box.props("outlined dense clearable")
            border = ui.checkbox("Count particles cut by the frame").props("dense")

            def go() -> None:
                wanted: dict[str, Any] = {
                    "unit": unit.value,
                    "least_diameter": low.value or None,
                    "largest_diameter": high.value or None,
                    "least_circularity": circular.value or None,
                    "least_confidence": sure.value or None,
                    "border": bool(border.value),
                }
                self._for_many("setting the filters", "filters set in", entries, lambda s: s.edit("filters", wanted))

            dialog_buttons(dialog, "Set them", go)
        dialog.open()

    def ask_confidence(self, word: str, act: Callable[[Session, float], None]) -> None:
        """Accepts or deletes by confidence in all of them."""
        entries = self._editable()
        side = "at or above" if word == "Accept" else "below"
        with titled_dialog(f"{word} by confidence in {_micrographs(entries)}") as dialog:
            kept = "" if word == "Accept" else " Those accepted or drawn by hand stay."
            ui.label(f"Particles {side} this confidence.{kept} One click takes it back in all of them.").classes("ng-soft")
            limit = ui.number("Confidence", value=0.8, min=0, max=1, step=0.05, format="%.2f").props("outlined dense")

            def go() -> None:
                at = float(limit.value or 0)
                doing = f"{'accepting' if word == 'Accept' else 'deleting'} particles {side} {at:g}"
                done = f"{'accepted' if word == 'Accept' else 'deleted'} particles {side} {at:g} in"
                self._for_many(doing, done, entries, lambda s: act(s, at))

            dialog_buttons(dialog, word, go)
        dialog.open()

    def _editable(self) -> list[Entry]:
        return [e for e in self.chosen() if e.state == "done" and e.file is not None]

    def _for_many(self, doing: str, done: str, entries: list[Entry], act: Callable[[Session], object]) -> None:
        try:
            ForMany(self.studio, doing, done, [e.name for e in entries], act).start()
        except NanogaugeError as error:
            refuse(str(error))
        self.after()

    def _check(self, on: bool) -> None:
        for e in self.chosen():
            self.studio.project.check(e.name, on)
        self.after()

    async def _each(self, act: Callable[[str], Any]) -> None:
        """Does it to each of them; says what refused."""
        refused: list[str] = []

        def all_of_them(names: list[str]) -> None:
            for name in names:
                try:
                    act(name)
                except NanogaugeError as error:
                    refused.append(str(error))

        await attempt(all_of_them, [e.name for e in self.chosen()])
        if refused:
            refuse(refused[0] + (f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""))
        self.after()


def _micrographs(entries: list[Entry]) -> str:
    return f"{len(entries)} micrograph{'s' if len(entries) != 1 else ''}"
