"""The gallery: drop micrographs, see how far each is, those that need a person first."""

from __future__ import annotations

from collections.abc import Callable
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
from .layout import ask, attempt, page_frame, refuse

PER_PAGE = 60
_NONE = "\0"  # stands for "in no sample" where a sample is chosen


class Gallery:
    """The page's state in one window."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.cards: dict[str, Card] = {}
        self.order: list[str] = []
        self.chosen: set[str] = set()
        self.page, self.sample, self.find = 1, "", ""
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
                self.bar_row = ui.row().classes("ng-bar items-center")
                with self.bar_row:
                    self.count = ui.label().classes("ng-count")
                    self.start = ui.button("Measure", icon="play_arrow", on_click=self.measure_waiting).props(
                        "unelevated no-caps dense"
                    )
                    self.search = ui.input(placeholder="Find by name", on_change=lambda e: self.filter(find=e.value or "")).props(
                        'dense outlined clearable debounce=200 aria-label="Find by name"'
                    )
                    self.samples = ui.select({}, value=None, on_change=lambda e: self.filter(sample=e.value or "")).props(
                        'dense outlined options-dense aria-label="Sample"'
                    )
                    ui.space()
                    self.removed = ui.button("Removed", icon="restore_from_trash", on_click=self.show_removed).props(
                        "flat no-caps dense"
                    )
                    with ui.row().classes("items-center no-wrap ng-selected") as self.selected:
                        self.n_chosen = ui.label()
                        ui.button("Put into a sample", icon="workspaces", on_click=self.ask_sample).props("flat no-caps dense")
                        ui.button("Mark as checked", icon="done_all", on_click=self.mark_checked).props("flat no-caps dense")
                        ui.button(icon="restart_alt", on_click=self.ask_measure_again).props(
                            'flat dense round aria-label="Measure again"'
                        ).tooltip("Measure again; the present result is kept")
                        ui.button(icon="delete_outline", on_click=self.ask_remove).props(
                            'flat dense round aria-label="Remove from the gallery"'
                        ).tooltip("Remove from the gallery")
                self.grid = ui.element("section").classes("ng-grid").props('aria-label="Micrographs, those that need you first"')
                self.pages = ui.pagination(1, 1, direction_links=True, on_change=lambda e: self.turn(e.value)).classes("ng-pages")
        self.tick()
        ui.timer(0.35, self.tick)

    def visible(self) -> list[Entry]:
        """Entries under the filter, in order."""
        entries = self.studio.project.entries
        states = tuple(sorted((e.name, e.state) for e in entries.values()))
        if states != self._order_of:  # what is checked or edited stays in its place until the page is loaded again
            self._order_of, self._frozen = states, [e.name for e in self.studio.project.in_order()]
        found = [entries[name] for name in self._frozen if name in entries]
        if self.sample:
            found = [e for e in found if e.sample == ("" if self.sample == _NONE else self.sample)]
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
        counts = project.counts()
        words = [f"{len(project.entries)} micrograph{'s' if len(project.entries) != 1 else ''}"]
        to_see = sum(1 for e in project.entries.values() if e.state == "done" and not e.checked and doubt_of(e).calls)
        if counts["measuring"] or any(e.stage == "queued" for e in project.entries.values() if e.state == "waiting"):
            words.append(f"{counts['done']} measured")
        if to_see:
            words.append(f"{to_see} to look at")
        if counts["error"]:
            words.append(f"{counts['error']} refused")
        self.count.text = ", ".join(words)
        waiting = self.studio.waiting()
        self.start.set_visibility(bool(waiting))
        self.start.text = f"Measure {len(waiting)}"
        groups = sorted({e.sample for e in project.entries.values()}, key=str.casefold)
        options = {"": "All samples", **{g or _NONE: g or "In no sample" for g in groups}}
        if self.samples.options != options:
            self.samples.set_options(options, value=self.sample if self.sample in options else "")
        self.samples.set_visibility(len(groups) > 1)
        self.search.set_visibility(len(project.entries) > 8)
        self.removed.set_visibility(not self.chosen and bool(project.removed()))
        self.selected.set_visibility(bool(self.chosen))
        self.n_chosen.text = f"{len(self.chosen)} selected"

    def rebuild(self, part: list[Entry]) -> None:
        """Draws the cards anew, in order."""
        self.grid.clear()
        self.chosen &= set(self.studio.project.entries)
        with self.grid:
            self.cards = {e.name: Card(e, self.choose) for e in part}
        for name in self.chosen & set(self.cards):
            self.cards[name].tick.value = True
        self.order = [e.name for e in part]
        self.studio.begin_visit([e.name for e in self.visible()])

    def filter(self, *, sample: str | None = None, find: str | None = None) -> None:
        """Shows some of them."""
        self.sample = self.sample if sample is None else sample
        self.find = self.find if find is None else find
        self.page = 1
        self.tick()

    def turn(self, page: int) -> None:
        """Another page."""
        self.page = int(page)
        self.tick()

    def choose(self, name: str, on: bool) -> None:
        """Selects a card, or not."""
        (self.chosen.add if on else self.chosen.discard)(name)
        self.selected.set_visibility(bool(self.chosen))
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

    def ask_sample(self) -> None:
        """Puts the selected ones into a sample."""
        groups = sorted({e.sample for e in self.studio.project.entries.values() if e.sample}, key=str.casefold)
        with ui.dialog() as dialog, ui.card().classes("ng-dialog"):
            ui.label(f"Put {len(self.chosen)} micrograph{'s' if len(self.chosen) > 1 else ''} into a sample").classes("ng-h2")
            ui.label("The micrographs of a sample are pooled; samples are compared side by side.").classes("ng-soft")
            name = ui.input("Name of the sample", autocomplete=groups).props("outlined dense autofocus").classes("w-full")

            def put() -> None:
                try:
                    self.studio.project.assign(self.chosen, name.value or "")
                except NanogaugeError as error:
                    refuse(str(error))
                    return
                dialog.close()
                self.clear_choice()

            name.on("keydown.enter", put)

            def take_out() -> None:
                self.studio.project.unassign(e.name for e in self.chosen_entries())
                dialog.close()
                self.clear_choice()

            with ui.row().classes("w-full justify-end"):
                if any(e.sample for e in self.chosen_entries()):
                    ui.button("In no sample", on_click=take_out).props("flat no-caps")
                    ui.space()
                ui.button("Cancel", on_click=dialog.close).props("flat no-caps")
                ui.button("Put there", on_click=put).props("unelevated no-caps")
        dialog.open()

    def mark_checked(self) -> None:
        """Marks the selected ones as checked."""
        for name in self.chosen & set(self.studio.project.entries):
            self.studio.project.check(name, True)
        self.clear_choice()

    def ask_measure_again(self) -> None:
        """Measures the selected ones again, once that is confirmed."""
        entries = self.chosen_entries()
        edited = [e for e in entries if e.summary.get("n_edits")]
        n_edits = sum(e.summary["n_edits"] for e in edited)
        more = ""
        if edited:
            those = f"{len(edited)} of them hold" if len(edited) > 1 else f"{edited[0].title} holds"
            more = f"{those} {n_edits} edit{'s' if n_edits != 1 else ''} by hand, which will not be in the new result."
        ask(
            f"Measure {_micrographs(len(entries))} again?",
            "With the settings now in force. The present results are kept, and can be brought back under Files of each micrograph.",
            "Measure again",
            lambda: self.each(self.studio.measure_again),
            more=more,
        )

    def ask_remove(self) -> None:
        """Takes the selected ones out of the gallery, once that is confirmed."""
        ask(
            f"Remove {_micrographs(len(self.chosen_entries()))} from the gallery?",
            "Their results are kept, and can be brought back under Removed. The micrographs themselves stay where they are.",
            "Remove",
            lambda: self.each(self.studio.remove),
        )

    async def each(self, act: Callable[[str], Any]) -> None:
        """Does it to each of the selected; stops at the first that refuses."""
        names = [e.name for e in self.chosen_entries()]
        await attempt(lambda: [act(name) for name in names])
        self.clear_choice()

    def chosen_entries(self) -> list[Entry]:
        """Those selected that are still there, by name."""
        entries = self.studio.project.entries
        return [entries[name] for name in sorted(self.chosen) if name in entries]

    def show_removed(self) -> None:
        """What was removed from the gallery, to be brought back."""
        with ui.dialog() as dialog, ui.card().classes("ng-dialog ng-wide"):
            ui.label("Removed from the gallery").classes("ng-h2")
            ui.label(f"Kept whole in {self.studio.project.root / ASIDE}.").classes("ng-soft ng-file")
            with ui.element("div").classes("ng-versions"):
                version_rows(self.studio.project.removed(), self.studio, after=lambda _: dialog.close())
            with ui.row().classes("w-full justify-end"):
                ui.button("Close", on_click=dialog.close).props("flat no-caps")
        dialog.open()

    def clear_choice(self) -> None:
        """Selects none."""
        self.chosen.clear()
        for card in self.cards.values():
            card.tick.value = False
        self.tick()


def _micrographs(n: int) -> str:
    return f"{n} micrograph{'s' if n != 1 else ''}"


def add_gallery(studio: Studio) -> None:
    """The page at /."""

    @ui.page("/")
    def gallery() -> None:
        Gallery(studio).build()

    app.on_shutdown(studio.close)
