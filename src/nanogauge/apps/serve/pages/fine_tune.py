"""The network fine-tuned on one's own corrections, with figures before and after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nicegui import ui

from ....core.errors import NanogaugeError
from ..corrections import TRAINING, save_training_data, to_choose_from, worth_learning_from
from ..entry import Entry
from ..studio import Studio
from .layout import attempt, dialog_buttons, esc, refuse, said, table, titled_dialog
from .learned_words import stage_words
from .networks import measure_with, network_words
from .tick_list import Row, TickList

_FIGURES = {
    "iou_pooled": "overlap of the areas (IoU)",
    "f50_mean": "particles found (F1 at IoU 0.5)",
    "pq_mean": "panoptic quality",
    "particle_mre": "diameter error, relative",
}
_LOWER_IS_BETTER = {"particle_mre"}


class FineTune:
    """What is worth learning from, how far the training is, and what came of it. Of one window; the training is that of all."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.tuning = studio, studio.trainings.fine_tuning
        self.shown = ""
        ui.label("Teach the network").classes("ng-h2")
        ui.label(
            "What you have checked and corrected can be saved as training data, and the network fine-tuned on it. A fifth "
            "of the micrographs is kept aside to tell whether it helped."
        ).classes("ng-soft")
        self.learn = ui.label().classes("ng-soft")
        with ui.row().classes("items-center"):
            ui.button("Save as training data", icon="school", on_click=self.save).props("outline no-caps")
            self.steps = ui.number("Steps", value=150, min=10, max=5000, step=10, format="%d").props(
                'dense outlined style="width:7rem"'
            )
            self.start = ui.button("Fine-tune on my corrections", icon="model_training", on_click=self.begin).props(
                "unelevated no-caps"
            )
            self.stop = ui.button("Cancel", on_click=self.tuning.stop).props("flat no-caps")
        self.bar = ui.linear_progress(show_value=False).props('aria-label="How far the training is" rounded')
        self.stage = ui.label().classes("ng-soft").props('role="status"')
        self.state = ui.html("", sanitize=False)
        self.use = ui.button("Use the new network from now on", icon="check", on_click=self.take).props("unelevated no-caps")
        self.engine = ui.html("", sanitize=False)
        self.tick()
        ui.timer(1.0, self.tick)

    def tick(self) -> None:
        """Brings the window up to date."""
        names = worth_learning_from(self.studio.project)
        t = self.tuning
        using = self.studio.settings.segment.engine
        running = t.state == "running"
        self.bar.value = t.share
        self.bar.set_visibility(running)
        self.stage.text = (
            stage_words(t.share, t.seconds_left) if running else "Stopped; nothing was kept." if t.state == "stopped" else ""
        )
        self.stage.set_visibility(bool(self.stage.text))
        key = f"{names} {t.state} {len(t.lines)} {using}"
        if key == self.shown:
            return
        self.shown = key
        self.learn.text = (
            f"{len(names)} micrograph{'s are' if len(names) != 1 else ' is'} marked as checked. You see which are taken before "
            "anything is saved; two or more are needed to fine-tune."
        )
        self.start.set_visibility(not running)
        self.stop.set_visibility(running)
        made = t.made
        self.use.set_visibility(not running and made is not None and using != str(made.path))
        parts = []
        if t.state == "failed":
            last = "\n".join(t.lines[-12:])
            parts.append(f'<h3>Fine-tuning has failed</h3><pre class="ng-log">{esc(last) or "it was stopped from outside"}</pre>')
        if made is not None and made.figures and not running:
            rows = []
            for name, words in _FIGURES.items():
                before, after = made.figures["before"][name], made.figures["after"][name]
                better = (after < before) if name in _LOWER_IS_BETTER else (after > before)
                rows.append(
                    (words, f"{before:.3f}", f"{after:.3f}", "better" if better else "same" if after == before else "worse")
                )
            held = ", ".join(made.figures["held_out"])
            verdict = (
                "It has helped."
                if better_than_before(made.figures)
                else "It has not helped: stay with the network you have, or correct more micrographs."
            )
            parts.append(
                f"<h3>Before and after</h3><p>{esc(verdict)}</p>{table(['', 'before', 'after', ''], rows, numbers=(1, 2))}"
                f'<p class="ng-soft">On micrographs kept aside: {esc(held)}</p>'
            )
        self.state.content = "".join(parts)
        own = (
            ""
            if using == "unet"
            else f'<p class="ng-soft">Micrographs are measured with <b>{esc(network_words(self.studio, using))}</b>.</p>'
        )
        self.engine.content = own

    def choose(self, title: str, button: str, go_on: Callable[[list[str]], Awaitable[None]]) -> None:
        """Shows which micrographs would be taken; goes on with those ticked. At first they are the checked ones."""
        rows = [_choice(e) for e in to_choose_from(self.studio.project)]
        with titled_dialog(title, wide=True) as dialog:
            ui.label(
                "Every particle that is not outlined is taken for background: tick what is right as a whole. Nothing is learned "
                "from particles left out by hand and from excluded areas."
            ).classes("ng-soft")
            ticks = TickList(rows)
            dialog_buttons(dialog, button, lambda: go_on(ticks.chosen))
        dialog.open()

    def save(self) -> None:
        """Writes the training data, once it is chosen."""

        async def write(names: list[str]) -> None:
            folder = await attempt(self._data, names)
            if folder:
                said(f"{len(names)} micrograph{'s' if len(names) != 1 else ''} saved in {folder}")

        self.choose("Save as training data", "Save", write)

    def _data(self, names: list[str]) -> str:
        self.studio.save_all()
        return str(save_training_data(self.studio.project, names))

    def begin(self) -> None:
        """Starts fine-tuning, once it is chosen on what."""
        self.choose("Fine-tune on these", "Fine-tune", self._begin)

    async def _begin(self, names: list[str]) -> None:
        folder = await attempt(self._data, names)
        if folder is None:
            return
        try:
            self.tuning.start(self.studio.project.root / TRAINING, steps=int(self.steps.value or 150))
        except NanogaugeError as error:
            refuse(str(error))
        self.tick()

    def take(self) -> None:
        """Measures with the new network from now on."""
        made = self.tuning.made
        if made is None:
            return
        if measure_with(self.studio, made.path):
            said("new micrographs are measured with it; measure others again from the gallery")
            self.tick()


def better_than_before(figures: Mapping[str, Any]) -> bool:
    """Whether the held-out micrographs gained."""
    return bool(sum(figures["after"][k] - figures["before"][k] for k in ("f50_mean", "iou_pooled")) > 0)


def _choice(e: Entry) -> Row:
    s = e.summary
    n = s["n_edits"]
    text = ", ".join(
        [f"{s['n_found']} particles", *([f"{n} edit{'s' if n != 1 else ''}"] if n else []), *(["checked"] if e.checked else [])]
    )
    unsure = f"{s['n_unsure']} particle{'s' if s['n_unsure'] != 1 else ''} unsure" if s["n_unsure"] else ""
    unchecked = "" if e.checked else "edited, not marked as checked" if n else "not marked as checked"
    return Row(e.name, e.title, text, "; ".join(t for t in (unchecked, unsure) if t), ticked=e.checked)
