"""What to leave with: report, tables, everything in one file; and what the network can be taught with what was corrected."""

from __future__ import annotations

from nicegui import ui

from ..downloads import REPORT_FILES
from ..studio import Studio
from .fine_tune import FineTune
from .layout import esc, page_frame
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


def build_report(studio: Studio) -> None:
    """Lays the page out."""
    project = studio.project
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
