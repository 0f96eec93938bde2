"""Micrographs to choose from, with pictures: what will be done to which, seen before it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from nicegui import ui

from .layout import esc


@dataclass(frozen=True)
class Row:
    """name: of the micrograph; text: what is known of it, or would change; why: what speaks against it, or for it"""

    name: str
    title: str
    text: str
    why: str = ""
    ticked: bool = False


class TickList:
    """The list; `chosen` has the names ticked, in order. on_change: called with them, at first too"""

    def __init__(self, rows: Sequence[Row], *, on_change: Callable[[list[str]], object] | None = None) -> None:
        self._boxes: dict[str, ui.checkbox] = {}
        self._on_change = on_change
        with ui.row().classes("items-center w-full ng-ticks-head"):
            self.all = ui.checkbox(on_change=self._every).props('dense aria-label="All of them"')
            self.count = ui.label().classes("ng-soft")
        with ui.element("div").classes("ng-ticks").props('role="group" aria-label="Micrographs"'):
            for row in rows:
                with ui.element("label").classes("ng-tick").props(f'data-name="{esc(row.name)}"'):
                    box = ui.checkbox(value=row.ticked, on_change=self._changed).props(f'dense aria-label="{esc(row.title)}"')
                    self._boxes[row.name] = box
                    source = f"/api/micrographs/{quote(row.name, safe='')}/thumbnail"
                    why = f'<small class="why">{esc(row.why)}</small>' if row.why else ""
                    text = f"<span><b>{esc(row.title)}</b><small>{esc(row.text)}</small>{why}</span>"
                    ui.html(f'<img src="{source}" alt="" loading="lazy">{text}', sanitize=False)
        self._filling = False
        self._changed()

    @property
    def chosen(self) -> list[str]:
        """Names of those ticked."""
        return [name for name, box in self._boxes.items() if box.value]

    def _every(self) -> None:
        if self._filling:
            return
        self._filling = True
        for box in self._boxes.values():
            box.value = bool(self.all.value)
        self._filling = False
        self._changed()

    def _changed(self) -> None:
        if getattr(self, "_filling", True):
            return
        chosen = self.chosen
        n = len(chosen)
        self._filling = True
        self.all.value = n == len(self._boxes) and n > 0
        self._filling = False
        self.count.text = f"{n} of {len(self._boxes)} ticked"
        if self._on_change is not None:
            self._on_change(chosen)
