"""Other settings tried on one micrograph: A as it is, B as tried, then one of them taken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nicegui import ui

from .layout import ask, attempt
from .networks import network_words, networks

if TYPE_CHECKING:
    from .shown import Shown


class TrialPanel:
    """The part of the panel where settings are tried."""

    def __init__(self, page: Shown) -> None:
        self.page = page
        now = page.session.found.settings
        with ui.element("section").classes("ng-block"):
            ui.label("Try other settings").classes("ng-h3")
            ui.label("Measured anew beside the result; you see both before you take one.").classes("ng-soft")
            self.engine = ui.select(
                networks(page.studio, now.segment.engine), value=now.segment.engine, label="Particles found by"
            ).props("outlined dense")
            with ui.row().classes("no-wrap w-full"):
                self.least = ui.number("Smallest diameter / px", value=now.measure.least_diameter_px, min=0, max=1000)
                self.sure = ui.number("Least confidence", value=now.separate.least_confidence, min=0, max=1, step=0.05)
                for box in (self.least, self.sure):
                    box.props("outlined dense").classes("grow")
            self.go = ui.button("Try", icon="science", on_click=self._start).props("outline no-caps dense")
            self.stage = ui.label().classes("ng-soft").props('role="status"')
            self.failed = ui.label().classes("ng-note")
            with ui.element("div").classes("ng-trial") as self.both:
                self.which = ui.toggle({"a": "A", "b": "B"}, value="a", on_change=self._compare).props("no-caps unelevated")
                self.words = ui.html("", sanitize=False)
                with ui.row():
                    ui.button("Take B", on_click=self._ask_take).props("unelevated no-caps dense")
                    ui.button("Discard B", on_click=self._drop).props("flat no-caps dense")
        self.shown = ""
        self.tick()
        ui.timer(0.5, self.tick)

    def tick(self) -> None:
        """How far the trial is, and what came of it."""
        trial = self.page.studio.trials.trials.get(self.page.name)
        state = "" if trial is None else trial.state
        self.go.set_enabled(state != "measuring")
        self.stage.text = f"{trial.stage} …" if trial is not None and state == "measuring" else ""
        self.stage.set_visibility(state == "measuring")
        self.failed.text = trial.message if trial is not None else ""
        self.failed.set_visibility(state == "error")
        self.both.set_visibility(state == "done")
        if trial is None or trial.summary is None or state != "done":
            self.shown = ""
            return
        a, b = self.page.entry.summary, trial.summary
        rows = [("A", "as it is", a), ("B", trial.words, b)]
        text = "".join(
            f"<p><b>{letter}</b> {words}: {s['n_counted']} of {s['n_found']} counted"
            + (f", median {s['median']}" if s["median"] else "")
            + f", {s['n_unsure']} unsure</p>"
            for letter, words, s in rows
        )
        if text != self.shown:
            fresh, self.shown = not self.shown, text
            self.words.content = text
            if fresh:
                self.which.value = "b"

    async def _start(self) -> None:
        s = self.page.session.found.settings
        least, sure = float(self.least.value or 0), float(self.sure.value or 0)

        def start() -> None:
            mine = self.page.studio.settings.classes  # those of the result may be of another network
            settings = (
                replace(s, classes=mine).replace("segment", engine=self.engine.value).replace("measure", least_diameter_px=least)
            )
            settings = settings.replace("separate", least_confidence=sure)
            name = network_words(self.page.studio, self.engine.value)
            self.page.studio.trials.start(self.page.name, settings, f"{name}, from {least:g} px, confidence from {sure:g}")

        self.which.value = "a"
        self.shown = ""
        await attempt(start)
        self.tick()

    def _compare(self) -> None:
        self.page.view.run_method("compare", self.which.value == "b")

    def flip(self) -> None:
        """A for B, or B for A, where both are there."""
        if self.shown:
            self.which.value = "a" if self.which.value == "b" else "b"

    def _ask_take(self) -> None:
        n = len(self.page.session.journal.done)
        edits = f"Its {n} edit{'s' if n != 1 else ''} by hand will not be in the new result. " if n else ""
        ask("Take what was tried?", f"{edits}The present result is kept and can be brought back under Files.", "Take B", self._take)

    async def _take(self) -> None:
        if await attempt(self.page.studio.trials.take, self.page.name):
            ui.navigate.reload()

    async def _drop(self) -> None:
        self.which.value = "a"
        await attempt(self.page.studio.trials.drop, self.page.name)
        self.tick()
