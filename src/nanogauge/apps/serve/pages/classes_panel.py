"""Classes by hand: what the keys 1 to 9 stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from ....core.errors import NanogaugeError
from .layout import refuse
from .learn_classes import LearnClasses

if TYPE_CHECKING:
    from .shown import Shown

COLOURS = ("#56b4e9", "#e69f00", "#cc79a7", "#f0e442", "#009e73", "#d55e00", "#a6cee3", "#b2df8a", "#fb9a99")
"""Okabe & Ito's, then lighter ones; all stand out from a grey ground."""


class ClassesPanel:
    """The part of the panel where classes have names and colours, the same for all micrographs of the work folder."""

    def __init__(self, page: Shown) -> None:
        self.page = page
        known = page.studio.project.classes
        with ui.expansion("Classes: keys 1 to 9").props("dense").classes("ng-classes w-full") as self.box:
            ui.label("Name some, select particles, press the number. 0 takes the class away.").classes("ng-soft")
            self.rows: list[tuple[ui.input, ui.input]] = []
            for k, colour in enumerate(COLOURS):
                now = known[k] if k < len(known) else {"name": "", "colour": colour}
                with ui.row().classes("no-wrap items-center ng-class"):
                    ui.html(f"<kbd>{k + 1}</kbd>", sanitize=False)
                    swatch = ui.input(value=now["colour"]).props(
                        f'dense borderless type=color aria-label="Colour of class {k + 1}"'
                    )
                    name = ui.input(value=now["name"]).props(f'dense outlined debounce=400 aria-label="Name of class {k + 1}"')
                    name.classes("grow")
                    for box in (swatch, name):
                        box.on_value_change(self._changed)
                    self.rows.append((name, swatch))
            LearnClasses(page.studio)
        self.tell()

    def _changed(self) -> None:
        try:
            self.page.studio.project.set_classes((str(name.value or ""), str(swatch.value)) for name, swatch in self.rows)
        except NanogaugeError as error:
            refuse(str(error))
            return
        self.tell()

    def tell(self) -> None:
        """Tells the picture what the keys stand for."""
        self.page.view.set_classes(self.page.studio.project.classes)

    def open(self) -> None:
        """Opened, as a key was pressed that stands for nothing yet."""
        self.box.value = True
