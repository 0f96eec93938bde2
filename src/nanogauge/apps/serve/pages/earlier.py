"""Earlier results of micrographs, each with a way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nicegui import ui

from ....results.versions import Version
from ..entry import Entry
from ..studio import Studio
from .layout import attempt, esc, said


def version_rows(found: Sequence[Version], studio: Studio, *, after: Callable[[Entry], Any]) -> None:
    """A row an earlier result, the latest first; `after` is called with the micrograph whose result came back."""
    if not found:
        ui.label("There is none.").classes("ng-soft")
    for version in found:
        with ui.row().classes("ng-source no-wrap items-center"):
            edits = f", {version.n_edits} edit{'s' if version.n_edits != 1 else ''}" if version.n_edits else ""
            when = version.at.replace("T", " ").removesuffix("Z")[:16]
            line = f"{version.n_particles} particles{edits}" + (f"; set aside {when} UTC" if when else "")
            ui.html(f"<b>{esc(version.file)}</b> <small>{esc(line)}</small>", sanitize=False).classes("grow")
            ui.button("Bring back", on_click=_bring_back(version, studio, after)).props("outline no-caps dense").classes(
                "ng-nowrap"
            )


def _bring_back(version: Version, studio: Studio, after: Callable[[Entry], Any]) -> Callable[[], Any]:
    async def act() -> None:
        entry = await attempt(studio.bring_back, version.folder.name)
        if entry is not None:
            said(f"{entry.title} is as it was")
            after(entry)

    return act
