"""What to leave with from one micrograph, and what was done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from nicegui import ui

from ..downloads import MICROGRAPH_FILES
from .earlier import version_rows
from .layout import esc

if TYPE_CHECKING:
    from .shown import Shown

_FIGURES = (("svg", "SVG"), ("png", "PNG"), ("pdf", "PDF"), ("csv", "its data"))


class FilesPanel:
    """The part of the panel with files and the history."""

    def __init__(self, page: Shown) -> None:
        self.page = page
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
            ui.label("What was done by hand").classes("ng-h3")
            self.history = ui.html("", sanitize=False)
        with ui.element("section").classes("ng-block") as self.earlier:
            ui.label("Earlier results").classes("ng-h3")
            ui.label("What is shown now goes aside when one of them comes back.").classes("ng-soft")
            self.versions = ui.element("div").classes("ng-versions")

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
        done = self.page.session.journal.done
        if not done:
            self.history.content = '<p class="ng-soft">Nothing yet. Every edit is recorded here and in measurement.json.</p>'
            return
        rows = "".join(f"<li><time>{esc(e.at[11:16])}</time> {esc(e.text)}</li>" for e in reversed(done[-200:]))
        self.history.content = f'<ol class="ng-history" reversed>{rows}</ol>'
