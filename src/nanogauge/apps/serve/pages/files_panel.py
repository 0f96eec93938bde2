"""What to leave with from one micrograph, and what was done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from nicegui import ui

from ..downloads import MICROGRAPH_FILES
from .earlier import version_rows
from .layout import ask, attempt, esc

if TYPE_CHECKING:
    from .shown import Shown

_FIGURES = (("svg", "SVG"), ("png", "PNG"), ("pdf", "PDF"), ("csv", "its data"))


_MOST_SHOWN = 200


class FilesPanel:
    """The part of the panel with files and the history."""

    def __init__(self, page: Shown) -> None:
        self.page = page
        self.shown: tuple[object, int] | None = None
        base = f"/api/micrographs/{quote(page.name, safe='')}/files"
        with ui.element("section").classes("ng-block"):
            ui.label("Files of this micrograph").classes("ng-h3")
            rows = "".join(
                f'<li><a href="{base}/{name}" download><i class="material-icons" aria-hidden="true">download</i><b>{name}</b></a>'
                f"<span>{esc(what)}</span></li>"
                for name, what in MICROGRAPH_FILES.items()
            )
            ui.html(f'<ul class="ng-files">{rows}</ul>', sanitize=False)
        with ui.element("section").classes("ng-block"):
            ui.label("Figure of the distribution").classes("ng-h3")
            self.figures = ui.html("", sanitize=False)
            self.base = base
        with ui.element("section").classes("ng-block"):
            ui.link("Report, Excel and everything together", "/report").classes("ng-more")
        with ui.element("section").classes("ng-block"):
            ui.label("Note").classes("ng-h3")
            self.noted = page.entry.note
            self.note = ui.textarea(value=self.noted, on_change=self._annotate).classes("w-full")
            self.note.props('outlined dense autogrow debounce=600 aria-label="Note on this micrograph"')
        with ui.element("section").classes("ng-block"):
            ui.label("What was done by hand").classes("ng-h3")
            self.history = ui.element("div").classes("ng-history")
            self.revert = ui.button("Undo all edits", icon="restart_alt", on_click=self._ask_revert).props("outline no-caps dense")
        with ui.element("section").classes("ng-block") as self.earlier:
            ui.label("Earlier results").classes("ng-h3")
            ui.label("What is shown now goes aside when one of them comes back.").classes("ng-soft")
            self.versions = ui.element("div").classes("ng-versions")

    def _annotate(self) -> None:
        if self.note.value != self.noted:
            self.page.studio.project.annotate(self.page.name, self.note.value or "")
            self.noted = self.page.entry.note

    def follow(self) -> None:
        """Shows the note that another window has written."""
        if self.noted != self.page.entry.note:
            self.noted = self.note.value = self.page.entry.note

    def refresh(self) -> None:
        """The history as it stands."""
        weighting = self.page.sizes.weighting
        links = " ".join(
            f'<a class="ng-button" href="{self.base}/figure.{k}?weighting={weighting}" download>{text}</a>' for k, text in _FIGURES
        )
        self.figures.content = f'<div class="ng-buttons">{links}</div>'
        found = self.page.studio.project.earlier(self.page.name)
        self.earlier.set_visibility(bool(found))
        self.versions.clear()
        with self.versions:
            version_rows(found, self.page.studio, after=lambda _: ui.navigate.reload())
        self._show_history()

    def _show_history(self) -> None:
        """Each edit is the way to the state after it; what was undone stands above, in grey."""
        journal = self.page.session.journal
        shown = (tuple((e.at, e.text) for e in journal.done), len(journal.undone))
        if shown == self.shown:
            return
        self.shown = shown
        self.revert.set_visibility(bool(journal.done))
        self.history.clear()
        with self.history:
            if not journal.done and not journal.undone:
                ui.label("Nothing yet. Every edit is recorded here and in measurement.json.").classes("ng-soft")
            every = [*journal.done, *journal.undone[::-1]]
            for n in range(len(every), max(len(every) - _MOST_SHOWN, 0), -1):
                edit, now, undone = every[n - 1], n == len(journal.done), n > len(journal.done)
                row = ui.element("button").classes(f"ng-step{' now' if now else ''}{' undone' if undone else ''}")
                row.props('type="button"' + (' aria-current="step"' if now else ""))
                row.on("click", lambda n=n: self._go_to(n))
                with row:
                    ui.html(f"<time>{esc(edit.at[11:16])}</time> {esc(edit.text)}", sanitize=False)

    async def _go_to(self, n: int) -> None:
        await attempt(self.page.session.go_to, n)

    def _ask_revert(self) -> None:
        n = len(self.page.session.journal.done)
        ask(
            "Back to what was found?",
            f"{n} edit{'s' if n != 1 else ''} will be undone. Until you edit again, each can be made again from the history.",
            "Undo all",
            lambda: self._go_to(0),
        )
