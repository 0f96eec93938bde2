"""How the particles lie: maps and figures of their order and of the groups in which they touch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nicegui import run, ui

from ....core.errors import NanogaugeError
from ....reporting.arrangement import aggregate_rows, order_rows
from ..arrangements import Arrangements
from .layout import esc, later, table

if TYPE_CHECKING:
    from .shown import Shown

_PAUSE_S = 0.6  # without an edit, before it is worked out anew
_ORDER = (
    ("directions", "Direction of the lattice, and grains", "direction"),
    ("psi", "How well ordered, |ψ|", "psi"),
    ("pairs", "Pair correlation g(r), structure factor S(k)", ""),
    ("grain_sizes", "Sizes of grains", "grain"),
)
_GROUPS = (("law", "Fractal law", "group"), ("primaries", "Primaries in groups and single ones", "group"))


class ArrangementPanel:
    """The part of the panel for it; nothing is worked out before it is looked at."""

    def __init__(self, page: Shown, arrangements: Arrangements) -> None:
        self.page, self.arrangements = page, arrangements
        self.wanted = 0
        self.shown = -1  # the revision that is
        self.running = self.closed = False
        self.note = ui.label().classes("ng-soft").props('role="status"')
        self.body = ui.element("div")

    def refresh(self) -> None:
        """Follows the outlines as they stand."""
        self.wanted += 1
        if not self.running and self.page.session.revision != self.shown:
            self.running = True
            later(self._follow(), name=f"arrangement of {self.page.name}")

    def close(self) -> None:
        """Nothing more for this window."""
        self.closed = True

    async def _follow(self) -> None:
        try:
            while self.page.session.revision != self.shown:
                self.note.text = "neighbours, grains and groups are being looked for …"
                wish = self.wanted
                await asyncio.sleep(_PAUSE_S if self.shown >= 0 else 0)
                if wish != self.wanted and self.shown >= 0:
                    continue
                try:
                    made = await run.io_bound(self._made)
                except (NanogaugeError, OSError, ValueError) as error:
                    self.note.text = str(error)
                    return
                if made is None or self.closed:  # the page or the window goes
                    return
                self._show(*made)
        finally:
            self.running = False

    def _made(self) -> tuple[int, dict[str, Any] | None, dict[str, Any] | None]:
        """In a thread."""
        revision, m = self.arrangements.of(self.page.session)
        order = None if m.order is None else m.order.to_dict()
        return revision, order, None if m.aggregates is None else m.aggregates.to_dict()

    def _show(self, revision: int, order: dict[str, Any] | None, groups: dict[str, Any] | None) -> None:
        self.shown = revision
        self.note.text = "Of the outlines as they stand."
        self.body.clear()
        with self.body:
            self._part("Order", order and order_rows(order), _ORDER, "fewer than twelve particles: there is no order to speak of")
            self._part("Groups", groups and aggregate_rows(groups), _GROUPS, "no groups: no particle, or a mosaic")

    def _part(self, title: str, rows: Any, pictures: tuple[tuple[str, str, str], ...], none: str) -> None:
        ui.label(title).classes("ng-h3").props('role="heading" aria-level="3"')
        if not rows:
            ui.label(none).classes("ng-soft")
            return
        at = f"/api/micrographs/{quote(self.page.name, safe='')}/arrangement"
        for name, words, colour in pictures:
            with ui.element("figure").classes("ng-map"):
                source = f"{at}/{name}.png?revision={self.shown}"
                picture = f'<img src="{esc(source)}" alt="{esc(words)}" onerror="this.parentElement.className = \'failed\'">'
                ui.html(f'<a href="{esc(source)}" target="_blank" title="By itself, larger">{picture}</a>', sanitize=False)
                with ui.element("figcaption"):
                    ui.label(words)
                    if colour:
                        ui.button("On the picture", on_click=lambda by=colour: self.page.view.run_method("colourBy", by)).props(
                            f'flat dense no-caps size=sm aria-label="Colour the particles by it: {esc(words)}"'
                        )
        ui.html(table(["", ""], rows, classes="wide"), sanitize=False)
