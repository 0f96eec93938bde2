"""What counts: the region, the filters with what each removes, and acceptance by confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from ....core.particles import Flag, has_flag
from ..quantities import DIAMETER, QUANTITIES
from .layout import ask, esc, said

if TYPE_CHECKING:
    from .shown import Shown

_REASONS = {"size": "size window", "circularity": "circularity", "confidence": "confidence", "border": "frame", "region": "region"}


class FiltersPanel:
    """The part of the panel that is about what counts."""

    def __init__(self, page: Shown) -> None:
        self.page = page
        self.filling = False
        with ui.element("section").classes("ng-block"):
            ui.label("Filters").classes("ng-h3")
            self.unit = ui.label().classes("ng-soft")
            self.rows: dict[str, ui.label] = {}
            with ui.element("div").classes("ng-filter"):
                with ui.row().classes("no-wrap items-center"):
                    self.low = self._number("Diameter from", "smallest diameter that counts")
                    self.high = self._number("to", "largest diameter that counts")
                self._removes("size")
            with ui.element("div").classes("ng-filter"):
                self.round = self._number("Circularity at least", "least circularity, 0 to 1", step=0.01)
                self._removes("circularity")
            with ui.element("div").classes("ng-filter"):
                self.sure = self._number("Confidence at least", "least confidence, 0 to 1", step=0.01)
                self._removes("confidence")
            with ui.element("div").classes("ng-filter"):
                others = {name: q.title for name, q in QUANTITIES.items() if name not in (DIAMETER, "circularity", "confidence")}
                self.other = ui.select(others, label="Another quantity", clearable=True, on_change=self._changed).props(
                    'dense outlined options-dense aria-label="Another quantity"'
                )
                with ui.row().classes("no-wrap items-center"):
                    self.other_low = self._number("from", "least value of the other quantity", step=0.01)
                    self.other_high = self._number("to", "largest value of the other quantity", step=0.01)
                self._removes("other")
            with ui.element("div").classes("ng-filter"):
                self.border = ui.checkbox("Count particles cut by the frame", on_change=self._changed).props("dense")
                self._removes("border")
            self.refused = ui.label("What is typed was refused and is not in force; the filters are those set before.").classes(
                "ng-alert"
            )
            self.clear = ui.button("Clear the filters", on_click=self._clear).props("flat no-caps dense")
        with ui.element("section").classes("ng-block"):
            ui.label("Region").classes("ng-h3")
            self.region = ui.html("", sanitize=False).classes("ng-soft")
            with ui.row():
                ui.button("Rectangle", icon="crop", on_click=lambda: page.set_tool("rectangle")).props("outline no-caps dense")
                ui.button("Exclude an area", icon="block", on_click=lambda: page.set_tool("exclude")).props("outline no-caps dense")
            with ui.row():
                self.whole = ui.button("Whole picture", on_click=lambda: self._region(rectangle=None)).props("flat no-caps dense")
                self.fewer = ui.button("Remove the last area", on_click=self._last_area).props("flat no-caps dense")
                self.no_areas = ui.button("Remove all areas", on_click=lambda: self._region(excluded=[])).props(
                    "flat no-caps dense"
                )
            self._removes("region")
        with ui.element("section").classes("ng-block"):
            ui.label("Go by confidence").classes("ng-h3")
            self.unsure = ui.label().classes("ng-soft")
            with ui.row().classes("items-center no-wrap"):
                low = page.session.found.settings.measure.low_confidence_below
                self.limit = ui.number(value=low, min=0, max=1, step=0.01, format="%.2f", on_change=self._counts).props(
                    'dense outlined aria-label="Confidence"'
                )
                self.limit.classes("ng-short")
                self.counts = ui.label().classes("ng-soft")
            with ui.row().classes("items-center"):
                ui.button("Accept those above", on_click=self._accept).props("outline no-caps dense").classes("ng-nowrap")
                ui.button("Delete those below", on_click=self._delete).props("outline no-caps dense").classes("ng-nowrap")

    def _number(self, text: str, meaning: str, *, step: float = 1) -> ui.number:
        box = ui.number(text, min=0, step=step, on_change=self._changed).props(
            f'dense outlined clearable debounce=350 aria-label="{meaning}"'
        )
        return box.classes("grow")

    def _removes(self, name: str) -> None:
        self.rows[name] = ui.label().classes("ng-removes")

    def refresh(self) -> None:
        """Shows filters and region as they stand."""
        session = self.page.session
        d, judged = session.decisions, session.judged
        self.refused.set_visibility(False)
        f = d.filters
        self.filling = True
        try:
            for box, value in (
                (self.low, f.least_diameter),
                (self.high, f.largest_diameter),
                (self.round, f.least_circularity),
                (self.sure, f.least_confidence),
                (self.other_low, f.least_other),
                (self.other_high, f.largest_other),
            ):
                if box.value != value:
                    box.value = value
            self.border.value = f.border
            if f.other is not None:
                self.other.value = f.other
        finally:
            self.filling = False
        unit = f.unit if f.least_diameter or f.largest_diameter or f.other else session.unit
        self.unit.text = f"Lengths in {unit}. A filter leaves particles out of the distribution; they stay in the table."
        for name, label in self.rows.items():
            n = judged.removed.get(name, 0)
            label.text = f"leaves out {n} more" if n else ""
            label.set_visibility(bool(n))
        self.clear.set_visibility(f != type(f)())
        r = d.region
        rectangle = "the whole picture"
        if r.rectangle is not None:
            y0, x0, y1, x1 = r.rectangle
            rectangle = f"a rectangle of {x1 - x0} × {y1 - y0} px"
        areas = f", less {len(r.excluded)} excluded area{'s' if len(r.excluded) != 1 else ''}" if r.excluded else ""
        h, _ = session.found.micrograph.shape
        frame = session.found.frame
        bar = "; the data bar is left out" if frame[2] < h or frame[0] > 0 else ""
        self.region.content = f"Measured: {esc(rectangle + areas + bar)}."
        self.whole.set_visibility(r.rectangle is not None)
        self.fewer.set_visibility(len(r.excluded) > 1)
        self.no_areas.set_visibility(bool(r.excluded))
        low = session.found.settings.measure.low_confidence_below
        unsure = int(has_flag(session.table, Flag.LOW_CONFIDENCE).sum())
        self.unsure.text = "No particle is unsure."
        if unsure:
            those = f"{unsure} particle{'s are' if unsure != 1 else ' is'} unsure (confidence below {low:g})"
            self.unsure.text = f"{those}; press U to go through those that count."
        self._counts()

    def _by_confidence(self) -> tuple[list[int], list[int]]:
        """Labels at or above the confidence typed, and below; those accepted or by hand are in neither."""
        table = self.page.session.table
        rest = table[~has_flag(table, Flag.ACCEPTED | Flag.EDITED)]
        above = rest["confidence"] >= float(self.limit.value or 0)
        return rest.loc[above, "label"].tolist(), rest.loc[rest["confidence"].notna() & ~above, "label"].tolist()

    def _counts(self) -> None:
        above, below = self._by_confidence()
        self.counts.text = (
            f"{len(above)} above, {len(below)} below; {len(self.page.session.table) - len(above) - len(below)} settled"
        )

    async def _changed(self) -> None:
        if self.filling:
            return
        session = self.page.session
        f = session.decisions.filters
        in_use = f.least_diameter or f.largest_diameter or f.other
        unit = f.unit if in_use and (self.low.value or self.high.value or self.other.value) else session.unit
        wanted: dict[str, Any] = {
            "unit": unit,
            "least_diameter": self.low.value or None,
            "largest_diameter": self.high.value or None,
            "least_circularity": self.round.value or None,
            "least_confidence": self.sure.value or None,
            "border": bool(self.border.value),
            "other": self.other.value if self.other_low.value or self.other_high.value else None,
            "least_other": (self.other_low.value or None) if self.other.value else None,
            "largest_other": (self.other_high.value or None) if self.other.value else None,
        }
        low_or_high = self.low.value or self.high.value or wanted["other"]
        now = session.decisions.to_dict()["filters"]
        if all(now[k] == v for k, v in wanted.items() if k != "unit" or low_or_high):
            self.refused.set_visibility(False)
        elif await self.page.edit("filters", **wanted) is None:
            self.refused.set_visibility(True)  # the words stay, as one may be in the midst of typing

    async def _clear(self) -> None:
        await self.page.edit("filters")

    async def _region(self, **changes: Any) -> None:
        now = self.page.session.decisions.to_dict()["region"]
        await self.page.edit("region", **(now | changes))

    async def _last_area(self) -> None:
        await self._region(excluded=list(self.page.session.decisions.region.excluded)[:-1])

    async def _accept(self) -> None:
        await self.page.edit("accept", above_confidence=float(self.limit.value or 0))

    async def _delete(self) -> None:
        labels = self._by_confidence()[1]
        if not labels:
            said("no particle lies below that")
            return
        ask(
            f"Delete {len(labels)} particle{'s' if len(labels) != 1 else ''}?",
            "Those accepted or drawn by hand stay. Ctrl Z brings them back.",
            "Delete",
            lambda: self.page.edit("delete", labels=labels),
        )
