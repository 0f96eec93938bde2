"""The page's own parts, written in JavaScript (serve/static): picture, chart, table, drop zone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nicegui.element import Element

from ....reading import SUFFIXES

STATIC = Path(__file__).resolve().parent.parent / "static"
_SHARED = {"nanogauge-page": str(STATIC / "page")}


class MicrographView(Element, component=STATIC / "micrograph_view.js", esm=_SHARED):
    """The picture with its outlines and tools. Events: bar, check, classes, dropped, flip, hand, help, refused, step, tool."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._props["name"] = name
        self._props["classes"] = []

    def set_classes(self, classes: list[dict[str, str]]) -> None:
        """What the keys 1 to 9 stand for: name and colour each."""
        self._props["classes"] = classes
        self.update()


class SizeChart(Element, component=STATIC / "size_chart.js", esm=_SHARED):
    """The distribution; `linked` to the particles of the micrograph shown beside it."""

    def __init__(self, name: str = "", *, linked: bool = False) -> None:
        super().__init__()
        self._props["name"] = name
        self._props["linked"] = linked

    def show(self, data: dict[str, Any]) -> None:
        """Draws what `sample_figures.chart_of` gives, or {"series": [...]} of several samples."""
        self.run_method("show", data)


class ParticleTable(Element, component=STATIC / "particle_table.js", esm=_SHARED):
    """All particles of the micrograph shown beside it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._props["name"] = name


class DropZone(Element, component=STATIC / "drop_zone.js", esm=_SHARED):
    """Where files are dropped. Events: taken, refused, idle."""

    def __init__(self, *, compact: bool = False) -> None:
        super().__init__()
        self._props["compact"] = compact
        self._props["suffixes"] = sorted(SUFFIXES)
