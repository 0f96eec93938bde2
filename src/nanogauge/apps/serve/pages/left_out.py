"""Pictures that were left out as no micrographs: which, why, and a way to add one all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nicegui import ui

from ..studio import Studio
from .layout import attempt, esc, said, titled_dialog

_NAMED = 3


class LeftOut:
    """One line on the gallery, seen while something is left out; its button opens the list. after: called when one was added"""

    def __init__(self, studio: Studio, after: Callable[[], Any]) -> None:
        self.studio, self.after = studio, after
        with ui.element("section").classes("ng-left-out").props('role="status" aria-label="Left out"') as self.box:
            self.text = ui.label()
            ui.button("Look at them", on_click=self.show).props("flat no-caps dense")
        self.tick()

    def tick(self) -> None:
        """As it stands."""
        left_out = self.studio.project.left_out
        self.box.set_visibility(bool(left_out))
        named = ", ".join(f"{p.name} ({what})" for p, what in list(left_out.items())[:_NAMED])
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        self.text.text = f"Left out: {named}{more}"

    def show(self) -> None:
        """All of them, each with a button that has it measured."""
        with titled_dialog("Left out", wide=True) as dialog:
            ui.label(
                "By what they hold these pictures are no micrographs of their own. One that is after all can be added."
            ).classes("ng-soft")
            with ui.element("div").classes("ng-versions"):
                for path, what in list(self.studio.project.left_out.items()):
                    with ui.row().classes("ng-source no-wrap items-center") as row:
                        ui.html(f"<b>{esc(path.name)}</b> <small>{esc(what)}</small>", sanitize=False).classes("grow")
                        button = ui.button("Add all the same", on_click=self._add(path, row)).classes("ng-nowrap")
                        button.props(f'outline no-caps dense aria-label="Add {esc(path.name)} all the same"')
            with ui.row().classes("w-full justify-end"):
                ui.button("Close", on_click=dialog.close).props("flat no-caps")
        dialog.open()

    def _add(self, path: Path, row: ui.row) -> Callable[[], Any]:
        async def act() -> None:
            if await attempt(self.studio.add_and_measure, path):
                said(f"{path.name} is being measured")
                row.delete()
                self.after()

        return act
