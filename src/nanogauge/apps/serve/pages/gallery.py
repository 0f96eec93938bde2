"""The gallery: drop micrographs, see how far each is, those that need a person first."""

from __future__ import annotations

from typing import Any

from nicegui import app, ui

from ....core.errors import NanogaugeError
from ....results.versions import ASIDE
from ..doubts import doubt_of
from ..entry import Entry
from ..studio import Studio, examples_into
from .card import Card
from .earlier import version_rows
from .elements import DropZone
from .for_selected import ForSelected
from .layout import attempt, page_frame, refuse, titled_dialog
from .left_out import LeftOut
from .many_bar import ManyBar

PER_PAGE = 60
_SORTS = {
    "doubt": "Needs you first",
    "name": "By name",
    "found": "Most particles",
    "median": "Largest median",
    "new": "Newest first",
}
_NONE = "\0"  # stands for "in no sample" where a sample is chosen


_STATUS = {
    "": "Every status",
    "look": "To look at",
    "unchecked": "Not checked",
    "checked": "Checked",
    "edited": "Edited",
    "no_scale": "Without a scale",
    "waiting": "Not measured yet",
    "error": "Refused",
}


def status_of(e: Entry, wanted: str) -> bool:
    """Whether a micrograph is what the filter of that name shows."""
    done = e.state == "done"
    return {
        "look": done and not e.checked and doubt_of(e).calls,
        "unchecked": done and not e.checked,
        "checked": e.checked,
        "edited": done and bool(e.summary.get("n_edits")),
        "no_scale": done and e.summary.get("status") == "no_scale",
        "waiting": e.state in ("waiting", "measuring"),
        "error": e.state == "error",
    }[wanted]


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


class Gallery:
    """The page's state in one window."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.cards: dict[str, Card] = {}
        self.order: list[str] = []
        self.chosen: set[str] = set()
        self.page, self.sample, self.find, self.status_wanted, self.sort = 1, "", "", "", "doubt"
        self.last_chosen, self.shift, self.filling = "", False, False
        self._order_of: tuple[Any, ...] = ()
        self._frozen: list[str] = []

    def build(self) -> None:
        """Lays the page out."""
        project = self.studio.project
        with page_frame("gallery") as frame:
            with frame.middle:
                ui.label(str(project.root)).classes("ng-path").tooltip("The work folder: everything is saved there as it is done")
            self.empty = not project.entries
            with ui.element("div").classes("ng-gallery"):
                self.welcome = ui.html(
                    "<h1>Measure your micrographs</h1><p>Drop what the microscope wrote. Every particle is found, the scale is "
                    "read, and you check and correct what was measured. Nothing leaves this computer.</p>",
                    sanitize=False,
                ).classes("ng-welcome")
                self.drop = DropZone(compact=False)
                with self.drop:
                    self.try_examples = ui.button("Try the examples", icon="science", on_click=self.examples).props(
                        "flat no-caps dense"
                    )
                ManyBar(self.studio)
                self.left_out = LeftOut(self.studio, self.tick)
                with ui.element("div").classes("ng-sticky") as self.bar_row, ui.row().classes("ng-bar items-center"):
                    self.all = ui.checkbox(on_change=self._choose_all).props('dense aria-label="Select all shown"')
                    self.count = ui.label().classes("ng-count")
                    self.start = ui.button("Measure", icon="play_arrow", on_click=self.measure_waiting).props(
                        "unelevated no-caps dense"
                    )
                    with ui.row().classes("items-center no-wrap") as self.queue:
                        self.queue_text = ui.label().classes("ng-soft")
                        self.pause = ui.button("Pause", on_click=self._pause).props("flat no-caps dense")
                        ui.button("Cancel", on_click=self.studio.cancel_queue).props("flat no-caps dense")
                    ui.space()
                    self.removed = ui.button("Removed", icon="restore_from_trash", on_click=self.show_removed).props(
                        "flat no-caps dense"
                    )
                    with ui.row().classes("items-center no-wrap ng-finding") as self.finding:
                        self.search = ui.input(
                            placeholder="Find by name", on_change=lambda e: self.filter(find=e.value or "")
                        ).props('dense outlined clearable debounce=200 aria-label="Find by name"')
                        self.status = ui.select(_STATUS, value="", on_change=lambda e: self.filter(status=e.value or "")).props(
                            'dense outlined options-dense aria-label="Status"'
                        )
                        self.samples = ui.select({}, value=None, on_change=lambda e: self.filter(sample=e.value or "")).props(
                            'dense outlined options-dense aria-label="Sample"'
                        )
                        ui.select(_SORTS, value="doubt", on_change=lambda e: self.filter(sort=e.value)).props(
                            'dense outlined options-dense aria-label="Order"'
                        )
                    with ui.row().classes("items-center ng-selected") as self.selected:
                        self.n_chosen = ui.label()
                        ForSelected(self.studio, self.chosen_entries, self.clear_choice)
                self.grid = ui.element("section").classes("ng-grid").props('aria-label="Micrographs, those that need you first"')
                self.pages = ui.pagination(1, 1, direction_links=True, on_change=lambda e: self.turn(e.value)).classes("ng-pages")
        self.tick()
        ui.timer(0.35, self.tick)

    def visible(self) -> list[Entry]:
        """Entries under the filter, in order."""
        entries = self.studio.project.entries
        states = (self.sort, *sorted((e.name, e.state) for e in entries.values()))
        if states != self._order_of:  # what is checked or edited stays in its place until the page is loaded again
            self._order_of, self._frozen = states, [e.name for e in self.studio.project.in_order(self.sort)]
        found = [entries[name] for name in self._frozen if name in entries]
        if self.sample:
            found = [e for e in found if e.sample == ("" if self.sample == _NONE else self.sample)]
        if self.status_wanted:
            found = [e for e in found if status_of(e, self.status_wanted)]
        if self.find:
            found = [e for e in found if self.find.casefold() in e.title.casefold() or self.find.casefold() in e.name.casefold()]
        return found

    def tick(self) -> None:
        """Brings the window up to date."""
        project = self.studio.project
        entries = self.visible()
        n_pages = max(-(-len(entries) // PER_PAGE), 1)
        self.page = min(self.page, n_pages)
        part = entries[(self.page - 1) * PER_PAGE : self.page * PER_PAGE]
        names = [e.name for e in part]
        if names != self.order or any(self.cards[e.name].entry is not e for e in part if e.name in self.cards):
            self.rebuild(part)
        else:
            for card in self.cards.values():
                card.update()
        empty = not project.entries
        self.welcome.set_visibility(empty)
        self.bar_row.set_visibility(not empty)
        self.try_examples.set_visibility(empty)
        self.drop.props(f":compact={'false' if empty else 'true'}")
        self.pages.set_visibility(n_pages > 1)
        self.pages.max = n_pages
        self._counts(entries)
        waiting = self.studio.waiting()
        self.start.set_visibility(bool(waiting))
        self.start.text = f"Measure {len(waiting)}"
        groups = sorted({e.sample for e in project.entries.values()}, key=str.casefold)
        options = {"": "All samples", **{g or _NONE: g or "In no sample" for g in groups}}
        if self.samples.options != options:
            self.samples.set_options(options, value=self.sample if self.sample in options else "")
        self.samples.set_visibility(len(groups) > 1)
        self.search.set_visibility(len(project.entries) > 8)
        self.left_out.tick()
        self.removed.set_visibility(not self.chosen and bool(project.removed()))
        self.show_chosen()

    def rebuild(self, part: list[Entry]) -> None:
        """Draws the cards anew, in order."""
        self.grid.clear()
        self.chosen &= set(self.studio.project.entries)
        with self.grid:
            self.cards = {e.name: Card(e, self.choose, self.pressed) for e in part}
        self.tick_cards()
        self.order = [e.name for e in part]
        self.studio.begin_visit([e.name for e in self.visible()])

    def _counts(self, shown: list[Entry]) -> None:
        project = self.studio.project
        counts = project.counts()
        n = len(project.entries)
        words = [f"{n} micrograph{'s' if n != 1 else ''}"]
        if len(shown) != n:
            words.append(f"{len(shown)} shown")
        to_see = sum(1 for e in project.entries.values() if status_of(e, "look"))
        if to_see:
            words.append(f"{to_see} to look at")
        checked = sum(1 for e in project.entries.values() if e.checked)
        if checked:
            words.append(f"{checked} checked")
        if counts["error"]:
            words.append(f"{counts['error']} refused")
        self.count.text = ", ".join(words)
        queue = self.studio.queue_state()
        self.queue.set_visibility(bool(queue.n_left))
        left = f", about {_time(queue.seconds_left)} left" if queue.seconds_left is not None and not queue.paused else ""
        self.queue_text.text = f"{queue.n_left} to measure{', paused' if queue.paused else left}"
        self.pause.text = "Go on" if queue.paused else "Pause"

    def _pause(self) -> None:
        self.studio.paused = not self.studio.paused
        self.tick()

    def filter(
        self, *, sample: str | None = None, find: str | None = None, status: str | None = None, sort: str | None = None
    ) -> None:
        """Shows some of them, or in another order."""
        self.sample = self.sample if sample is None else sample
        self.find = self.find if find is None else find
        self.status_wanted = self.status_wanted if status is None else status
        self.sort = self.sort if sort is None else sort
        self.page = 1
        self.tick()

    def turn(self, page: int) -> None:
        """Another page."""
        self.page = int(page)
        self.tick()

    def choose(self, name: str, on: bool) -> None:
        """Selects a card, or not; with Shift all from the last one on."""
        if self.filling:
            return
        names = [name]
        shown = [e.name for e in self.visible()]
        if self.shift and self.last_chosen in shown and name in shown:
            a, b = sorted((shown.index(self.last_chosen), shown.index(name)))
            names = shown[a : b + 1]
        self.last_chosen = name
        (self.chosen.update if on else self.chosen.difference_update)(names)
        self.tick_cards()

    def pressed(self, shift: bool) -> None:
        """The pointer went down on a card, with Shift or without: the tick that follows is a range then."""
        self.shift = shift

    def _choose_all(self) -> None:
        if self.filling:
            return
        shown = {e.name for e in self.visible()}
        self.chosen = self.chosen | shown if self.all.value else self.chosen - shown
        self.tick_cards()

    def tick_cards(self) -> None:
        """The ticks as selected."""
        self.filling = True
        for name, card in self.cards.items():
            card.tick.value = name in self.chosen
        self.filling = False
        self.show_chosen()

    def show_chosen(self) -> None:
        """What is selected, and what can be done with it."""
        shown = {e.name for e in self.visible()}
        self.filling = True
        self.all.value = bool(shown) and shown <= self.chosen
        self.filling = False
        self.selected.set_visibility(bool(self.chosen))
        self.finding.set_visibility(not self.chosen)
        self.n_chosen.text = f"{len(self.chosen)} selected"

    async def examples(self) -> None:
        """Renders the examples and has them measured."""
        note = ui.notification("Rendering four example micrographs …", spinner=True, timeout=None)
        await attempt(examples_into, self.studio)
        note.dismiss()
        self.tick()

    def measure_waiting(self) -> None:
        """Starts what is waiting."""
        try:
            self.studio.enqueue(self.studio.waiting())
        except NanogaugeError as error:
            refuse(str(error))

    def chosen_entries(self) -> list[Entry]:
        """Those selected that are still there, by name."""
        entries = self.studio.project.entries
        return [entries[name] for name in sorted(self.chosen) if name in entries]

    def show_removed(self) -> None:
        """What was removed from the gallery, to be brought back."""
        with titled_dialog("Removed from the gallery", wide=True) as dialog:
            ui.label(f"Kept whole in {self.studio.project.root / ASIDE}.").classes("ng-soft ng-file")
            with ui.element("div").classes("ng-versions"):
                version_rows(self.studio.project.removed(), self.studio, after=lambda _: dialog.close())
            with ui.row().classes("w-full justify-end"):
                ui.button("Close", on_click=dialog.close).props("flat no-caps")
        dialog.open()

    def clear_choice(self) -> None:
        """Selects none."""
        self.chosen.clear()
        self.tick_cards()
        self.tick()


def add_gallery(studio: Studio) -> None:
    """The page at /."""

    @ui.page("/")
    def gallery() -> None:
        Gallery(studio).build()

    app.on_shutdown(studio.close)
