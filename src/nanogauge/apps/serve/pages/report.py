"""What to leave with: report, tables, everything in one file; and the network fine-tuned on one's own corrections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import app, ui

from ....core.errors import NanogaugeError
from ..corrections import FineTuning, save_training_data, to_choose_from, worth_learning_from
from ..downloads import REPORT_FILES
from ..entry import Entry
from ..studio import Studio, settings_with_engine
from .layout import attempt, dialog_buttons, esc, page_frame, refuse, said, table
from .tick_list import Row, TickList

_FIGURES = {
    "iou_pooled": "overlap of the areas (IoU)",
    "f50_mean": "particles found (F1 at IoU 0.5)",
    "pq_mean": "panoptic quality",
    "particle_mre": "diameter error, relative",
}
_ICON = '<i class="material-icons" aria-hidden="true">download</i>'
_PREPARE = """
document.addEventListener('click', async (e) => {
  const a = e.target.closest('[data-prepared] a');
  if (!a || a.ready) return;
  e.preventDefault();
  if (a.classList.contains('busy')) return;
  a.classList.add('busy');
  const answer = await fetch(`${a.href}?ready=1`).catch(() => null);
  a.classList.remove('busy');
  const text = answer && answer.ok ? '' : answer ? (await answer.json().catch(() => ({}))).error : 'the server does not answer';
  a.parentElement.querySelector('.ng-note')?.remove();
  if (!answer?.ok) {
    a.parentElement.append(Object.assign(document.createElement('span'), { className: 'ng-note', textContent: text }));
    return;
  }
  a.ready = true;
  a.click();
  a.ready = false;
});
"""
_LOWER_IS_BETTER = {"particle_mre"}


class ReportPage:
    """The page's state in one window."""

    def __init__(self, studio: Studio, tuning: FineTuning) -> None:
        self.studio, self.tuning = studio, tuning
        self.shown = ""

    def build(self) -> None:
        """Lays the page out."""
        project = self.studio.project
        n = sum(map(len, project.samples().values()))
        with page_frame("report", title="Report and files"), ui.element("div").classes("ng-page"):
            ui.label("Report and files").classes("ng-h1")
            with ui.element("section").classes("ng-sheet"):
                ui.label("Leave with the figures").classes("ng-h2")
                left = project.counts()["done"] - sum(1 for e in project.entries.values() if e.checked and e.state == "done")
                k = sum(1 for name in project.samples() if name)
                of = f"in {k} sample{'s' if k != 1 else ''}" if k else "none of them in a sample, so none are pooled"
                alone = len(project.samples().get("", ())) if k else 0
                words = f"{n} measured micrograph{'s' if n != 1 else ''}, {of}" + (f", {alone} in none" if alone else "")
                more = f"; {left} not marked as checked" if left and n else ""
                ui.label(f"{words}{more}. Everything is made from the results as edited.").classes("ng-soft")
                if n:
                    rows = "".join(
                        f'<li><a href="/api/files/{name}" download>{_ICON}<b>{name}</b></a><span>{esc(what)}</span></li>'
                        for name, what in {
                            **REPORT_FILES,
                            "everything.zip": "all of it, with plots, outlines and labels of each micrograph",
                        }.items()
                    )
                    ui.html(f'<ul class="ng-files big" data-prepared>{rows}</ul>', sanitize=False)
                    ui.add_body_html(f"<script>{_PREPARE}</script>")
                    ui.label(f"They are written into {project.root} as well.").classes("ng-soft ng-file")
                else:
                    ui.link("Drop micrographs first", "/").classes("ng-more")
            with ui.element("section").classes("ng-sheet"):
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
                    self.stop = ui.button("Stop", on_click=self.tuning.stop).props("flat no-caps")
                self.state = ui.html("", sanitize=False)
                self.use = ui.button("Use the new network from now on", icon="check", on_click=self.take).props(
                    "unelevated no-caps"
                )
                self.engine = ui.html("", sanitize=False)
        self.tick()
        ui.timer(1.0, self.tick)

    def tick(self) -> None:
        """Brings the window up to date."""
        names = worth_learning_from(self.studio.project)
        t = self.tuning
        using = self.studio.settings.segment.engine
        key = f"{names} {t.state} {len(t.lines)} {using}"
        if key == self.shown:
            return
        self.shown = key
        self.learn.text = (
            f"{len(names)} micrograph{'s are' if len(names) != 1 else ' is'} marked as checked. You see which are taken before "
            "anything is saved; two or more are needed to fine-tune."
        )
        running = t.state == "running"
        self.start.set_visibility(not running)
        self.stop.set_visibility(running)
        self.use.set_visibility(t.state == "done" and using != str(t.network))
        parts = []
        if running or t.state == "failed":
            last = "\n".join(t.lines[-12:])
            title = "Fine-tuning …" if running else "Fine-tuning has failed"
            parts.append(f'<h3>{title}</h3><pre class="ng-log">{esc(last) or "starting"}</pre>')
        if t.state == "done" and t.figures:
            rows = []
            for name, words in _FIGURES.items():
                before, after = t.figures["before"][name], t.figures["after"][name]
                better = (after < before) if name in _LOWER_IS_BETTER else (after > before)
                rows.append(
                    (words, f"{before:.3f}", f"{after:.3f}", "better" if better else "same" if after == before else "worse")
                )
            held = ", ".join(t.figures["held_out"])
            verdict = (
                "It has helped." if t.better else "It has not helped: stay with the network you have, or correct more micrographs."
            )
            parts.append(
                f"<h3>Before and after</h3><p>{esc(verdict)}</p>{table(['', 'before', 'after', ''], rows, numbers=(1, 2))}"
                f'<p class="ng-soft">On micrographs kept aside: {esc(held)}</p>'
            )
        self.state.content = "".join(parts)
        own = "" if using == "unet" else f'<p class="ng-soft">Micrographs are measured with <b>{esc(using)}</b>.</p>'
        self.engine.content = own

    def choose(self, title: str, button: str, go_on: Callable[[list[str]], Awaitable[None]]) -> None:
        """Shows which micrographs would be taken; goes on with those ticked. At first they are the checked ones."""
        rows = [_choice(e) for e in to_choose_from(self.studio.project)]
        with ui.dialog() as dialog, ui.card().classes("ng-dialog ng-wide"):
            ui.label(title).classes("ng-h2")
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
            self.tuning.start(self.studio.project.root / "training", steps=int(self.steps.value or 150))
        except NanogaugeError as error:
            refuse(str(error))
        self.tick()

    def take(self) -> None:
        """Measures with the new network from now on."""
        try:
            self.studio.settings = settings_with_engine(self.studio.settings, self.tuning.network)
        except NanogaugeError as error:
            refuse(str(error))
            return
        said("new micrographs are measured with it; measure others again from the gallery")
        self.tick()


def _choice(e: Entry) -> Row:
    s = e.summary
    n = s["n_edits"]
    text = ", ".join(
        [f"{s['n_found']} particles", *([f"{n} edit{'s' if n != 1 else ''}"] if n else []), *(["checked"] if e.checked else [])]
    )
    unsure = f"{s['n_unsure']} particle{'s' if s['n_unsure'] != 1 else ''} unsure" if s["n_unsure"] else ""
    unchecked = "" if e.checked else "edited, not marked as checked" if n else "not marked as checked"
    return Row(e.name, e.title, text, "; ".join(t for t in (unchecked, unsure) if t), ticked=e.checked)


def add_report(studio: Studio, tuning: FineTuning) -> None:
    """The page at /report."""

    @ui.page("/report")
    def report() -> None:
        ReportPage(studio, tuning).build()

    app.on_shutdown(tuning.stop)
