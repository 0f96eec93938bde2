"""Learn these classes: from particles that a person classed to a network that tells them apart."""

from __future__ import annotations

from nicegui import ui

from ....core.errors import NanogaugeError
from ..class_examples import Classed, classed_by_hand, save_class_examples
from ..studio import Studio
from ..trainings import check_torch
from .layout import attempt, dialog_buttons, esc, refuse, said, titled_dialog
from .learned_words import cautions, numbers_text, result_html, stage_words, why
from .networks import measure_with, network_words
from .tick_list import Row, TickList

_STEPS = 300


class LearnClasses:
    """A button, how far the training is, and what came of it. Of one window; the training is that of all."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.training = studio, studio.trainings.classes
        with ui.element("div").classes("ng-learn") as self.box:
            with ui.row().classes("items-center"):
                self.begin = ui.button("Learn these classes …", icon="model_training", on_click=self.ask)
                self.begin.props("unelevated no-caps dense")
                self.cancel = ui.button("Cancel", on_click=self._cancel).props("flat no-caps dense")
            self.bar = ui.linear_progress(show_value=False).props('aria-label="How far the training is" rounded')
            self.stage = ui.label().classes("ng-soft").props('role="status"')
            self.result = ui.html("", sanitize=False)
            self.use = ui.button("Measure with it from now on", icon="check", on_click=self._use).props("outline no-caps dense")
        self.shown = ""
        self.tick()
        ui.timer(1.0, self.tick)

    def tick(self) -> None:
        """Brings the window up to date."""
        t = self.training
        running = t.state == "running"
        self.begin.set_visibility(not running)
        self.cancel.set_visibility(running)
        self.bar.set_visibility(running)
        self.bar.value = t.share
        self.stage.text = (
            stage_words(t.share, t.seconds_left) if running else "Stopped; nothing was kept." if t.state == "stopped" else ""
        )
        self.stage.set_visibility(bool(self.stage.text))
        made = t.made
        in_use = made is not None and self.studio.settings.segment.engine == str(made.path)
        self.use.set_visibility(not running and made is not None and not in_use)
        key = f"{t.state} {made.path if made else ''} {in_use} {len(t.lines) if t.state == 'failed' else ''}"
        if key == self.shown:
            return
        self.shown = key
        parts = []
        if t.state == "failed":
            parts.append(f'<p class="ng-note">{esc(why(t.lines))}</p>')
        if made is not None and not running:
            titles = {e.name: e.title for e in self.studio.project.entries.values()}
            parts.append(result_html(made.figures, titles))
            if in_use:
                parts.append('<p class="ng-soft">New micrographs are measured with it; measure others again from the gallery.</p>')
        self.result.content = "".join(parts)

    async def ask(self) -> None:
        """Shows what would be learned from what; starts it."""
        try:
            check_torch()
        except NanogaugeError as error:
            refuse(str(error))
            return
        classed = await attempt(self._classed)
        if classed is None:
            return
        if not classed:
            refuse("no particle has a class yet: name classes, select particles, and press the number keys")
            return
        by_name = {c.entry.name: c for c in classed}
        with self.box, titled_dialog("Learn these classes", wide=True) as dialog:
            ui.label(
                "A network learns from the particles that you gave a class, in the micrographs ticked; sizes and outlines stay as "
                "they are. About a quarter of the micrographs are kept aside to test on. In those marked as checked, every class "
                "shown counts."
            ).classes("ng-soft")
            rows = [
                Row(n, c.entry.title, numbers_text(c), "" if c.entry.checked else "not marked as checked", ticked=True)
                for n, c in by_name.items()
            ]
            words = ui.label().classes("ng-note")
            words.bind_visibility_from(words, "text", backward=bool)
            ticks = TickList(rows, on_change=lambda chosen: words.set_text(cautions([by_name[n] for n in chosen])))
            steps = ui.number("Steps", value=_STEPS, min=10, max=5000, step=10, format="%d").props("dense outlined")
            steps.tooltip("300 take some minutes on a laptop")
            dialog_buttons(dialog, "Learn them", lambda: self._start(ticks.chosen, int(steps.value or _STEPS)))
        dialog.open()

    def _classed(self) -> list[Classed]:
        self.studio.save_all()
        return classed_by_hand(self.studio.project)

    async def _start(self, names: list[str], steps: int) -> None:
        def start() -> None:
            engine = self.studio.settings.segment.engine
            folder = save_class_examples(self.studio.project, names)
            self.training.start(folder, steps=steps, start_from=engine if engine.endswith(".onnx") else "shipped")

        await attempt(start)
        self.tick()

    def _cancel(self) -> None:
        self.training.stop()
        self.tick()

    def _use(self) -> None:
        made = self.training.made
        if made is None:
            return
        if measure_with(self.studio, made.path):
            said(f"from now on micrographs are measured with {network_words(self.studio, str(made.path))}")
            self.tick()
