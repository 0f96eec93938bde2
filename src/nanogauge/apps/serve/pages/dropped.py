"""ROIs and labels dropped onto a micrograph: what was read, and what to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from ....core.errors import NanogaugeError
from ....editing.delta import Delta
from ..annotations import drop_annotation, take_annotation
from .layout import attempt, titled_dialog

if TYPE_CHECKING:
    from .shown import Shown

_MOST_WARNINGS = 5


def ask_dropped(page: Shown, found: dict[str, Any]) -> None:
    """Asks whether they take the place of all particles or are added. found: the answer of `check_annotation`"""
    root = page.studio.project.root
    ticket, name = str(found.get("ticket", "")), str(found.get("name", ""))[:100]
    n = int(found.get("n", 0))
    with titled_dialog(f"{n} particle{'s' if n != 1 else ''} in {name}", persistent=True) as dialog:
        ui.label("One undo takes it back. Particles of exactly the same pixels stay as they are.").classes("ng-soft")
        for warning in [str(w)[:300] for w in found.get("warnings", [])][:_MOST_WARNINGS]:
            ui.label(warning).classes("ng-note")

        async def take(replace: bool) -> None:
            dialog.close()
            try:
                labels = take_annotation(ticket, root)
            except NanogaugeError as error:
                page.view.run_method("tell", str(error))
                return

            def make() -> Delta:
                with page.session.made_by(page.hand):
                    return page.session.import_labels(labels, source=name, replace=replace)

            delta = await attempt(make)
            if isinstance(delta, Delta):
                page.view.run_method("tell", delta.text)

        def cancel() -> None:
            dialog.close()
            drop_annotation(ticket, root)

        with ui.row().classes("w-full justify-end"):
            ui.button("Cancel", on_click=cancel).props("flat no-caps")
            ui.button("Add where none is", on_click=lambda: take(False)).props("outline no-caps")
            ui.button("Replace all particles", on_click=lambda: take(True)).props("unelevated no-caps")
    dialog.open()
