"""What to leave with: report, tables, everything in one file; and what the network can be taught with what was corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nicegui import ui

from ..downloads import REPORT_FILES
from ..entry import Entry
from ..report_choice import FACTS, ReportChoice, choice_from_dict
from ..studio import Studio
from .fine_tune import FineTune
from .layout import dialog_buttons, esc, page_frame, titled_dialog
from .learn_classes import LearnClasses

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


class Leaving:
    """Which files there are, and what they are made of. Of one window; the choice is that of the project."""

    def __init__(self, studio: Studio) -> None:
        self.project = studio.project
        ui.add_body_html(f"<script>{_PREPARE}</script>")
        ui.label("Leave with the figures").classes("ng-h2")
        self.place = ui.element("div")
        self.fill()

    def fill(self) -> None:
        """Shows what is chosen now."""
        project, samples = self.project, self.project.samples()
        self.place.clear()
        with self.place:
            ui.label(f"{_words(samples)}. Everything is made from the results as edited.").classes("ng-soft")
            if not samples:
                ui.link("Drop micrographs first", "/").classes("ng-more")
                return
            chosen = project.report
            if out := chosen.left_out(samples):
                ui.label(f"Left out: {out}.").classes("ng-note")
            named = [f"{fact} {value}" for fact, value in chosen.info.to_dict().items() if value]
            if named:
                ui.label(f"Its head says: {'; '.join(named)}.").classes("ng-soft")
            ui.button("What it holds …", icon="tune", on_click=self.ask).props("outline no-caps dense").classes("ng-holds")
            if not chosen.of(samples):
                return
            rows = "".join(
                f'<li><a href="/api/files/{name}" download>{_ICON}<b>{name}</b></a><span>{esc(what)}</span></li>'
                for name, what in {
                    **REPORT_FILES,
                    "everything.zip": "all of it, with plots, outlines and labels of each micrograph",
                }.items()
            )
            ui.html(f'<ul class="ng-files big" data-prepared>{rows}</ul>', sanitize=False)
            ui.label(f"They are written into {project.root} as well.").classes("ng-soft ng-file")

    def ask(self) -> None:
        """Lets a person say what the files are made of, and what the report's head says."""
        samples, now = self.project.samples(), self.project.report
        with self.place, titled_dialog("What the report holds") as dialog:
            ui.label("Report, workbook and tables are made of what is ticked; the report says what is left out.").classes("ng-soft")
            texts = {fact: ui.input(_FACTS[fact], value=getattr(now, fact)).props("dense outlined") for fact in FACTS}
            with ui.element("div").classes("ng-ticked").props('role="group" aria-label="Samples"'):
                ticks = {name: ui.checkbox(_title(name, group), value=name not in now.without) for name, group in samples.items()}
            only = ui.checkbox("Only micrographs marked as checked", value=now.checked_only)
            count = ui.label().classes("ng-soft").props('role="status"')

            def wanted() -> ReportChoice:
                facts = {fact: field.value or "" for fact, field in texts.items()}
                gone = [name for name in now.without if name not in samples]  # whose micrographs are measured again, say
                without = [name for name, tick in ticks.items() if not tick.value]
                return choice_from_dict({**facts, "checked_only": bool(only.value), "without": [*gone, *without]})

            def tell() -> None:
                n = sum(map(len, wanted().of(samples).values()))
                count.text = f"{n} of {sum(map(len, samples.values()))} micrographs"
                use.set_enabled(n > 0)

            def take() -> None:
                self.project.set_report(wanted())
                self.fill()

            use = dialog_buttons(dialog, "Use", take)
            for box in (*ticks.values(), only):
                box.on_value_change(tell)
            tell()
        dialog.open()


_FACTS = {"title": "Title", "operator": "Operator", "laboratory": "Laboratory", "instrument": "Instrument"}


def _title(name: str, group: Sequence[Entry]) -> str:
    n, checked = len(group), sum(e.checked for e in group)
    return f"{name or 'In no sample'} ({n} micrograph{'s' if n != 1 else ''}, {checked} checked)"


def _words(samples: Mapping[str, Sequence[Entry]]) -> str:
    """How many micrographs there are, and in how many samples."""
    n = sum(map(len, samples.values()))
    left = n - sum(e.checked for group in samples.values() for e in group)
    k = sum(1 for name in samples if name)
    of = f"in {k} sample{'s' if k != 1 else ''}" if k else "none of them in a sample, so none are pooled"
    alone = len(samples.get("", ())) if k else 0
    words = f"{n} measured micrograph{'s' if n != 1 else ''}, {of}" + (f", {alone} in none" if alone else "")
    return words + (f"; {left} not marked as checked" if left else "")


def build_report(studio: Studio) -> None:
    """Lays the page out."""
    with page_frame("report", title="Report and files"), ui.element("div").classes("ng-page"):
        ui.label("Report and files").classes("ng-h1")
        with ui.element("section").classes("ng-sheet"):
            Leaving(studio)
        with ui.element("section").classes("ng-sheet"):
            FineTune(studio)
        with ui.element("section").classes("ng-sheet"):
            ui.label("Teach classes").classes("ng-h2")
            ui.label(
                "Particles that you gave a class, in two micrographs or more, teach a network to tell them apart in others. "
                "Classes are named beside a micrograph, under Particles."
            ).classes("ng-soft")
            LearnClasses(studio)


def add_report(studio: Studio) -> None:
    """The page at /report."""

    @ui.page("/report")
    def report() -> None:
        build_report(studio)
