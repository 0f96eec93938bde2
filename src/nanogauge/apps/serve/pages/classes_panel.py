"""Classes by hand: what the keys 1 to 9 stand for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from nicegui import ui

from ....core.errors import NanogaugeError
from ..project import CLASS_COLOURS
from .layout import refuse
from .learn_classes import LearnClasses

if TYPE_CHECKING:
    from .shown import Shown


class ClassesPanel:
    """The part of the panel where classes have names and colours, the same for all micrographs of the work folder."""

    def __init__(self, page: Shown) -> None:
        self.page = page
        self.seen: list[dict[str, str]] = []
        self.following = False  # while boxes are filled with what another window has set
        with ui.expansion("Classes: keys 1 to 9").props("dense").classes("ng-classes w-full") as self.box:
            ui.label("Name some, select particles, press the number. 0 takes the class away.").classes("ng-soft")
            self.rows: list[tuple[ui.input, ui.input]] = []
            grid = ui.element("div").classes("ng-class-grid")
            for k, now in enumerate(self._now()):
                with grid, ui.row().classes("no-wrap items-center ng-class"):
                    ui.html(f"<kbd>{k + 1}</kbd>", sanitize=False)
                    swatch = ui.input(value=now["colour"]).props(
                        f'dense borderless type=color aria-label="Colour of class {k + 1}"'
                    )
                    name = ui.input(value=now["name"]).props(f'dense outlined debounce=400 aria-label="Name of class {k + 1}"')
                    name.classes("grow")
                    for box in (swatch, name):
                        box.on_value_change(partial(self._changed, k))
                    self.rows.append((name, swatch))
            LearnClasses(page.studio)
        self.tick()
        ui.timer(1.0, self.tick)

    def _now(self) -> list[dict[str, str]]:
        """All nine, as they are in the work folder."""
        known = self.page.studio.project.classes
        return [*known, *({"name": "", "colour": c} for c in CLASS_COLOURS[len(known) :])]

    def _changed(self, k: int) -> None:
        name, swatch = self.rows[k]
        if self.following:
            return
        try:
            self.page.studio.project.set_class(k, str(name.value or ""), str(swatch.value))
        except NanogaugeError as error:
            refuse(str(error))
            return
        self.tick()

    def tick(self) -> None:
        """Follows what other windows have changed, and tells the picture what the keys stand for."""
        now = self._now()
        if now == self.seen:
            return
        before, self.seen = self.seen or now, now
        self.following = True
        for (name, swatch), was, given in zip(self.rows, before, now, strict=True):
            if was != given:
                name.value, swatch.value = given["name"], given["colour"]
        self.following = False
        self.page.view.set_classes(self.page.studio.project.classes)

    def open(self) -> None:
        """Opened, as a key was pressed that stands for nothing yet."""
        self.box.value = True
