"""One micrograph: the picture to mend, the figures that follow, scale, filters, files."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from nicegui import run, ui

from ....core.errors import NanogaugeError
from ....editing.delta import Delta
from ....editing.session import Session
from ..entry import Entry
from ..studio import Studio
from .arrangement_panel import ArrangementPanel
from .classes_panel import ClassesPanel
from .dropped import ask_dropped
from .elements import MicrographView, ParticleTable
from .files_panel import FilesPanel
from .filters_panel import FiltersPanel
from .layout import Frame, attempt, page_frame, refuse, said, titled_dialog
from .not_here import sorry
from .scale_panel import ScalePanel
from .sizes_panel import SizesPanel
from .trial_panel import TrialPanel

_PATIENCE_S = 1.5
_ANSWER_FIRST_S = 0.15  # the window that edited has its answer in the picture before the panels are brought up to date
TABS = (
    ("sizes", "Sizes", "bar_chart"),
    ("particles", "Particles", "table_rows"),
    ("order", "Order", "grain"),
    ("scale", "Scale", "straighten"),
    ("filters", "Filters", "tune"),
    ("files", "Files", "download"),
)


class MicrographPage:
    """The page's state in one window."""

    def __init__(self, studio: Studio, name: str, session: Session) -> None:
        self.studio, self.name, self.session = studio, name, session
        self.loop = asyncio.get_running_loop()
        self.entry = studio.project.entry(name)
        self.parts: dict[str, ui.element] = {}
        self.left = self.ended = False
        self.hand = ""  # whose browser this is, as it says
        self.tab = "scale" if session.scale is None else "sizes"

    def build(self) -> None:
        """Lays the page out."""
        with page_frame("", title=self.entry.title, fills=True) as frame:
            self._head(frame)
            with ui.element("div").classes("ng-work"):
                self.view = MicrographView(self.name)
                with ui.element("aside").classes("ng-panel").props('aria-label="Figures and settings"'):
                    with (
                        ui.tabs(on_change=lambda e: self.show(e.value))
                        .props("dense no-caps inline-label mobile-arrows outside-arrows")
                        .classes("ng-tabs") as self.tabs
                    ):
                        for key, text, _ in TABS:
                            ui.tab(key, label=text)
                    for key, _, _ in TABS:
                        with ui.element("div").classes(f"ng-part ng-part-{key}") as part:
                            self.parts[key] = part
                    with self.parts["sizes"]:
                        self.sizes = SizesPanel(self.studio, self.session, self.name)
                    with self.parts["particles"]:
                        self.classes = ClassesPanel(self)
                        ParticleTable(self.name)
                    with self.parts["order"]:
                        self.arrangement = ArrangementPanel(self, self.studio.arrangements)
                    with self.parts["scale"]:
                        self.scale = ScalePanel(self)
                    with self.parts["filters"]:
                        self.filters = FiltersPanel(self)
                        self.trial = TrialPanel(self)
                    with self.parts["files"]:
                        self.files = FilesPanel(self)
            self.tabs.value = self.tab
            self.view.on("refused", lambda e: refuse(str(e.args)))
            self.view.on("hand", lambda e: setattr(self, "hand", str(e.args)[:40]))
            self.view.on("help", frame.keys.open)
            self.view.on("check", self._check_and_go)
            self.view.on("bar", lambda e: self.scale.traced(e.args))
            self.view.on("tool", lambda e: self._tool(str(e.args)))
            self.view.on("dropped", lambda e: ask_dropped(self, dict(e.args)))
            self.view.on("classes", self._show_classes)
            self.view.on("flip", self.trial.flip)
            self.view.on("step", lambda e: self.step(int(e.args)))
        self.show(self.tab)
        self.refresh()
        self._saved()
        self.session.listeners.append(self._heard)
        ui.context.client.on_delete(self._leave)
        ui.timer(1.0, self._saved)
        ui.timer(2.0, self._prepare_next, once=True)

    def _head(self, frame: Frame) -> None:
        with frame.middle:
            ui.button(icon="chevron_left", on_click=lambda: self.step(-1)).props(
                'flat round dense aria-label="Previous micrograph (Page up)"'
            ).tooltip("Previous (Page up)")
            with ui.element("div").classes("ng-title"):
                ui.label(self.entry.title).classes("ng-title-name").tooltip(self.entry.title)
                self.where = ui.label().classes("ng-title-line")
            ui.button(icon="chevron_right", on_click=lambda: self.step(1)).props(
                'flat round dense aria-label="Next micrograph (Page down)"'
            ).tooltip("Next (Page down)")
            self.checked = ui.button(on_click=self._check).props('no-caps dense aria-label="Mark as checked"').classes("ng-check")
            ui.button(icon="task_alt", on_click=self._check_and_go).props(
                'flat round dense icon-right=chevron_right aria-label="Mark as checked, on to the next unchecked (C)"'
            ).tooltip("Mark as checked, on to the next unchecked (C)").classes("ng-check-next")
        self._show_check()

    def _show_check(self) -> None:
        on = self.entry.checked
        self.checked.props(f"icon={'check_circle' if on else 'radio_button_unchecked'}")
        self.checked.text = "Checked" if on else "Mark as checked"
        self.checked.props(f"aria-pressed={'true' if on else 'false'}")
        self.checked.props(remove="outline unelevated").props("unelevated color=positive" if on else "outline")

    def _check(self) -> None:
        self.studio.project.check(self.name, not self.entry.checked)
        self._show_check()

    def _check_and_go(self) -> None:
        """This one is done; on to the next that is not."""
        self.studio.project.check(self.name, True)
        self._show_check()
        following = self.studio.next_unchecked(self.name)
        if following is None:
            said("all micrographs are checked")
            ui.timer(1.2, lambda: ui.navigate.to("/"), once=True)
        else:
            ui.navigate.to(f"/m/{quote(following, safe='')}")

    async def _prepare_next(self) -> None:
        """Opens the next micrograph beforehand, so that it is there at once."""
        following = self.studio.next_unchecked(self.name)
        if following is not None and not self.left:
            with suppress(NanogaugeError):
                await run.io_bound(self.studio.session, following)

    def _saved(self) -> None:
        if self.session.ended and not self.ended:
            self.ended = True
            self._say_ended()
        self.files.follow()
        order = self.studio.visit(self.name)
        at = f"{order.index(self.name) + 1} of {len(order)}" if self.name in order else ""
        dirty = self.session.revision != self.session.saved_revision
        n = len(self.session.journal.done)
        edits = f"{n} edit{'s' if n != 1 else ''}" if n else ""
        self.where.text = " · ".join(t for t in (at, edits, "saving …" if dirty else "saved") if t)

    def _say_ended(self) -> None:
        """What is shown is no longer the result in force: nothing more is taken here."""
        with titled_dialog("This result has been replaced", persistent=True) as dialog:
            ui.label(self.session.ended[:1].upper() + self.session.ended[1:] + ".").classes("ng-soft")
            with ui.row().classes("w-full justify-end"):
                ui.button("To the gallery", on_click=lambda: ui.navigate.to("/")).props("flat no-caps")
                ui.button("Load the page again", on_click=ui.navigate.reload).props("unelevated no-caps")
        dialog.open()

    def step(self, by: int) -> None:
        """The next or previous micrograph of the gallery."""
        order = self.studio.visit(self.name)
        if len(order) < 2 or self.name not in order:
            said("there is no other micrograph")
            return
        ui.navigate.to(f"/m/{quote(order[(order.index(self.name) + by) % len(order)], safe='')}")

    def show(self, tab: str) -> None:
        """Shows one part of the panel."""
        if not self.parts:
            return  # the tabs are still being laid out
        self.tab = tab
        for key, part in self.parts.items():
            part.set_visibility(key == tab)
        if tab == "files":
            self.files.refresh()
        elif tab == "order":
            self.arrangement.refresh()

    def _tool(self, tool: str) -> None:
        """The picture's tool has changed: the part of the panel that belongs to it is shown."""
        wanted = {"scale": "scale", "exclude": "filters", "rectangle": "filters"}.get(tool)
        if wanted and wanted != self.tab:
            self.tabs.value = wanted

    def _show_classes(self) -> None:
        self.tabs.value = "particles"
        self.classes.open()

    def set_tool(self, tool: str) -> None:
        """Puts a tool into the hand."""
        self.view.run_method("setTool", tool)

    async def edit(self, kind: str, **gesture: Any) -> Delta | None:
        """An edit from the panel."""
        delta = await attempt(self._edit, kind, gesture)
        if isinstance(delta, Delta):
            if delta.text:
                self.view.run_method("tell", delta.text)
            return delta
        return None

    def _edit(self, kind: str, gesture: dict[str, Any]) -> Delta:
        with self.session.made_by(self.hand):
            return self.session.edit(kind, gesture)

    def _heard(self, delta: Delta) -> None:
        """Called in any thread, by any window."""
        self.loop.call_soon_threadsafe(self.loop.call_later, _ANSWER_FIRST_S, self._follow, delta.revision)

    def _follow(self, revision: int) -> None:
        if self.left or revision < self.session.revision:
            return  # the window is closed, or the next edit has come meanwhile and follows
        with self.view:
            self.view.run_method("follow", revision)
        self.refresh()

    def refresh(self) -> None:
        """Figures and settings as they stand."""
        self.sizes.refresh()
        self.scale.refresh()
        self.filters.refresh()
        if self.tab == "files":
            self.files.refresh()
        elif self.tab == "order":
            self.arrangement.refresh()

    def _leave(self) -> None:
        self.left = True
        if self._heard in self.session.listeners:
            self.session.listeners.remove(self._heard)
        self.sizes.close()
        self.arrangement.close()


def add_micrograph(studio: Studio) -> None:
    """The page at /m/NAME."""

    @ui.page("/m/{name}", response_timeout=_PATIENCE_S + 10)
    async def micrograph(name: str) -> None:
        opening = asyncio.ensure_future(run.io_bound(studio.session, name))
        try:
            session = await asyncio.wait_for(asyncio.shield(opening), _PATIENCE_S)
        except TimeoutError:
            _wait(studio, name, opening)
            return
        except NanogaugeError as error:
            entry = studio.project.entries.get(name)
            if entry is not None and (entry.state == "measuring" or entry.stage == "queued"):
                _wait_measured(studio, entry)
            else:
                sorry("This micrograph cannot be opened", str(error))
            return
        if session is not None:
            MicrographPage(studio, name, session).build()


def _wait(studio: Studio, name: str, opening: asyncio.Future[Session | None]) -> None:
    """A large micrograph is being opened: the page says so, and comes when it is there."""
    with page_frame("", title=name), ui.element("div").classes("ng-sorry"):
        ui.spinner(size="xl")
        entry = studio.project.entries.get(name)
        ui.label(f"Opening {entry.title if entry else name} …").classes("ng-h2")

    def look() -> None:
        if opening.done():
            timer.deactivate()
            ui.navigate.reload()

    timer = ui.timer(0.3, look)


def _wait_measured(studio: Studio, entry: Entry) -> None:
    """It is being measured: the page says how far that is, and shows it when it is done."""
    with page_frame("", title=entry.title), ui.element("div").classes("ng-sorry"):
        ui.spinner(size="xl")
        ui.label(f"Measuring {entry.title} …").classes("ng-h2")
        how_far = ui.label().classes("ng-soft")

    def look() -> None:
        now = studio.project.entries.get(entry.name)
        if now is None or now.state in ("done", "error"):
            timer.deactivate()
            ui.navigate.reload()
        else:
            how_far.text = "in the queue" if now.state == "waiting" else now.stage

    timer = ui.timer(0.5, look)
