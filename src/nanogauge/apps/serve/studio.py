"""Everything that runs behind the page: the queue of measuring, open sessions, saving a moment after each edit."""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import EditError, InputError, NanogaugeError, UnreadableFile
from ...core.settings import Settings
from ...editing.delta import Delta
from ...editing.session import Session, open_session
from ...results.folder import PROBABILITY, save_measurement
from ...results.pictures import read_probability
from ...results.saved import keep_found
from ...results.versions import set_aside
from .arrangements import Arrangements
from .corrections import TRAINING
from .entry import Entry
from .many import ForMany
from .project import UPLOADS, Project
from .thumbnails import write_thumbnail
from .trainings import Trainings
from .trials import Trials
from .uploads import Limits
from .worker import Worker, WorkerError

PREVIEWS = ".previews"
_PREVIEW_S = 60.0
SAVE_AFTER_S = 1.0
_MOST_OPEN = 6
_log = logging.getLogger("nanogauge.apps.serve")


@dataclass(frozen=True)
class QueueState:
    """n_left: micrographs queued or being measured; seconds_left: None while nothing was measured yet"""

    n_left: int
    paused: bool
    seconds_left: float | None


class Studio:
    """Project, worker processes, open sessions. `close` writes what is not written yet."""

    def __init__(self, project: Project, *, settings: Settings | None = None, limits: Limits | None = None) -> None:
        self.project, self.limits = project, limits or Limits()
        self.settings = settings or Settings()
        self.checker = Worker("check", memory_bytes=self.limits.memory_bytes)
        self.measurer = Worker("measure")
        self.listeners: list[Callable[[str], None]] = []  # called with a micrograph's name when its entry has changed
        self.many: ForMany | None = None
        self.trainings = Trainings(project.root / TRAINING)
        self.trials = Trials(project, self.measurer, self.take_result)
        self.arrangements = Arrangements()
        self.paused = False
        self._seconds: deque[float] = deque(maxlen=12)  # of the last micrographs measured
        self._visit: list[str] = []
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._opening: dict[str, threading.Lock] = {}
        self._lock = threading.RLock()
        self._queue: queue.PriorityQueue[tuple[int, int, str, str]] = queue.PriorityQueue()
        self._order = itertools.count()
        self._calls: dict[tuple[int, ...], int] = {}
        self._due: dict[str, float] = {}
        self._saving = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._threads = [threading.Thread(target=f, daemon=True, name=f.__name__) for f in (self._measure_loop, self._save_loop)]
        for thread in self._threads:
            thread.start()

    # --- measuring ---------------------------------------------------------------------------------------------------------

    def enqueue(self, names: list[str]) -> None:
        """Has micrographs measured, one after the other."""
        for name in names:
            entry = self.project.entry(name)
            if entry.file is None:
                raise UnreadableFile(f"{entry.title}: the file is not here; drop it on the page first")
            self.project.set_state(name, "waiting", stage="queued")
            self._queue.put((1, next(self._order), "measure", name))
            self._tell(name)

    def add_and_measure(self, file: Path) -> Entry:
        """Has a picture measured that was left out as no micrograph."""
        entry = self.project.add_file(file)
        self.enqueue([entry.name])
        return entry

    def cancel_queue(self) -> None:
        """What is queued is not measured after all; what is being measured is finished."""
        with self.project.lock:
            for entry in self.project.entries.values():
                if entry.state == "waiting" and entry.stage == "queued":
                    self.project.set_state(entry.name, "waiting")
        self.paused = False

    def queue_state(self) -> QueueState:
        """How much is left to measure, and how long that will take at the pace so far."""
        entries = self.project.entries.values()
        n = sum(1 for e in entries if e.state == "measuring" or (e.state == "waiting" and e.stage == "queued"))
        done = sum(e.share for e in entries if e.state == "measuring")
        each = sum(self._seconds) / len(self._seconds) if self._seconds else None
        return QueueState(n, self.paused, None if each is None else each * (n - done))

    def waiting(self) -> list[str]:
        """Micrographs that nobody has asked to measure yet."""
        return [e.name for e in self.project.entries.values() if e.state == "waiting" and e.stage != "queued"]

    def measure_again(self, name: str, *, settings: Settings | None = None) -> None:
        """Sets a micrograph's result and edits aside, as an earlier one, and measures it anew, with the settings in force unless
        others are given."""
        entry = self.project.entry(name)
        file, sample = entry.file, entry.sample
        if file is None:
            raise UnreadableFile(f"{entry.title}: the file is not here; drop it on the page first")
        if entry.state == "measuring":
            raise EditError(f"{entry.title}: is being measured; wait until that is done")
        self._end_session(name, "this micrograph is being measured again: its earlier result is kept under Files")
        self.project.remove(name)
        with self.project.lock:
            self.project.entries[name] = Entry(
                name, self.project.root / name, file, sample=sample, note=entry.note, settings=settings
            )
            self.project.remember()
        self.enqueue([name])

    def take_result(self, name: str, folder: Path) -> Entry:
        """A result made beside, FOLDER, in force from now on; the present one is kept as an earlier one, its edits with it."""
        if self.project.entry(name).state == "measuring":
            raise EditError(f"{self.project.entry(name).title}: is being measured; wait until that is done")
        self._end_session(name, "another result of this micrograph was taken: the earlier one is kept under Files")
        entry = self.project.replace_result(name, folder)
        self._tell(name)
        return entry

    def remove(self, name: str) -> None:
        """Takes a micrograph out of the gallery; its result can be brought back."""
        if self.project.entry(name).state == "measuring":
            raise EditError(f"{self.project.entry(name).title}: is being measured; wait until that is done")
        self._end_session(name, "this micrograph was removed from the gallery, where it can be brought back")
        self.project.remove(name)

    def bring_back(self, folder_name: str) -> Entry:
        """An earlier result in force again. folder_name: within WORK/.removed. InputError where there is none."""
        version = next((v for v in self.project.earlier() if v.folder.name == folder_name), None)
        if version is None:
            raise InputError(f"{folder_name[:80]}: this earlier result is no longer there")
        present = self.project.entries.get(version.name)
        if present is not None and present.state == "measuring":
            raise EditError(f"{present.title}: is being measured; wait until that is done")
        if present is not None:
            self._end_session(version.name, "an earlier result was brought back in another window: load the page again")
        entry = self.project.bring_back(version)
        self._tell(entry.name)
        return entry

    def _end_session(self, name: str, why: str) -> None:
        """No more edits of what is open; what was edited is written first."""
        with self._lock:
            session = self._sessions.get(name)
        if session is not None:
            session.end(why)
            self.save(name)
        with self._lock:
            self._sessions.pop(name, None)
            self._due.pop(name, None)

    def preview(self, entry: Entry) -> Path:
        """A small picture of a micrograph that is not measured yet. Raises NanogaugeError where there is none to be had."""
        if entry.file is None or not entry.file.is_file():
            raise UnreadableFile(f"{entry.title}: no picture yet")
        stamp = entry.file.stat()
        target = self.project.root / PREVIEWS / f"{entry.name[:80]}-{stamp.st_size:x}-{stamp.st_mtime_ns:x}.jpg"
        if not target.is_file():
            self.checker.call("preview", {"path": str(entry.file), "target": str(target)}, timeout_s=_PREVIEW_S)
        return target

    # --- the walk through the micrographs ----------------------------------------------------------------------------------

    def begin_visit(self, names: list[str]) -> None:
        """The order in which the gallery shows them is that of the walk, and stays it whatever is edited or checked on the way."""
        self._visit = list(names)

    def visit(self, name: str) -> list[str]:
        """The micrographs that can be opened, in the order of the walk, `name` among them where it can be."""
        if name not in self._visit:
            self._visit = [e.name for e in self.project.in_order()]
        there = {n for n, e in self.project.entries.items() if e.state == "done" and e.file is not None}
        return [n for n in self._visit if n in there] + sorted(there - set(self._visit), key=str.casefold)

    def next_unchecked(self, name: str) -> str | None:
        """The next one on the walk, round its end too, that nobody has checked; None where all are."""
        order = self.visit(name)
        at = order.index(name) if name in order else 0
        rest = [*order[at + 1 :], *order[:at]]
        return next((n for n in rest if not self.project.entries[n].checked), None)

    def _measure_loop(self) -> None:
        while not self._closed:
            try:
                order = self._queue.get(timeout=0.5)
            except queue.Empty:
                continue
            _, _, what, name = order
            if what == "measure" and self.paused:
                self._queue.put(order)
                time.sleep(0.2)
                continue
            try:
                (self._measure if what == "measure" else self._make_map)(name)
            except Exception as error:  # nothing may end this thread
                _log.exception("measuring %s", name)
                if name in self.project.entries and what == "measure":
                    self.project.set_state(name, "error", message=f"{name}: unexpected {type(error).__name__}: {error}")
            self._tell(name)

    def _measure(self, name: str) -> None:
        entry = self.project.entries.get(name)
        if entry is None or entry.file is None or (entry.state, entry.stage) != ("waiting", "queued"):
            return  # removed, or brought back, since it was put into the queue
        set_aside(entry.folder)  # of a result that was damaged: its edits may be whole
        self.project.set_state(name, "measuring", stage="starting")
        self._tell(name)
        shape = (entry.file.stat().st_size // 4096,) if entry.file.is_file() else ()

        def on_progress(share: float, stage: str) -> None:
            entry.share, entry.stage = share, stage
            self._tell(name)

        arguments = {
            "path": str(entry.file),
            "folder": str(entry.folder),
            "settings": (entry.settings or self.settings).to_dict(),
            "calls_expected": self._calls.get(shape, 0),
        }
        began = time.monotonic()
        try:
            answer = self.measurer.call("measure_file", arguments, on_progress=on_progress)
        except WorkerError as error:
            self.project.set_state(name, "error", message=f"{entry.title}: measuring it {error}")
        except NanogaugeError as error:
            self.project.set_state(name, "error", message=str(error).replace(str(entry.file), entry.title))
        else:
            self._calls[shape] = int(answer["calls"])
            self._seconds.append(time.monotonic() - began)
            self.project.set_state(name, "done")

    def _make_map(self, name: str) -> None:
        session = self._sessions.get(name)
        if session is None or not session.wants_map:
            return
        found = session.found
        entry = self.project.entry(name)
        done = self.measurer.call(
            "make_probability",
            {
                "path": str(entry.file),
                "folder": str(session.folder),
                "settings": found.settings.to_dict(),
                "frame": list(found.frame),
                "sha256": found.engine_sha256,
            },
        )
        made = read_probability(session.folder / PROBABILITY, found.micrograph.shape) if done else None
        if made is not None:
            session.set_probability(made)

    # --- sessions ----------------------------------------------------------------------------------------------------------

    def session(self, name: str) -> Session:
        """The open micrograph, opened where it is not. InputError where it is not measured or its file is not here."""
        with self._lock:
            found = self._sessions.get(name)
            if found is not None:
                self._sessions.move_to_end(name)
                return found
            opening = self._opening.setdefault(name, threading.Lock())
        with opening:
            with self._lock:
                if name in self._sessions:
                    return self._sessions[name]
            entry = self.project.entry(name)
            if entry.state != "done":
                raise UnreadableFile(f"{entry.title}: not measured yet")
            if entry.file is None or not entry.file.is_file():
                raise UnreadableFile(f"{entry.title}: the micrograph itself is not here; drop the file on the gallery to edit it")
            session = open_session(entry.folder, entry.file)
            session.listeners.append(lambda delta: self._edited(name, delta))
            with self._lock:
                self._sessions[name] = session
                self._close_oldest()
        if session.wants_map:
            self._queue.put((0, next(self._order), "map", name))
        if len(session.journal.done) != entry.summary.get("n_edits"):
            self._due.setdefault(name, time.monotonic())  # a crash came before the files
        return session

    def _close_oldest(self) -> None:
        for name in list(self._sessions)[: max(len(self._sessions) - _MOST_OPEN, 0)]:
            session = self._sessions[name]
            if session.saved_revision == session.revision and len(session.listeners) <= 1 and name not in self._due:
                del self._sessions[name]

    def _edited(self, name: str, delta: Delta) -> None:
        self._due[name] = time.monotonic() + SAVE_AFTER_S
        self._wake.set()

    # --- saving ------------------------------------------------------------------------------------------------------------

    def save(self, name: str) -> None:
        """Writes an open micrograph's files now, where something has changed."""
        with self._lock:
            session = self._sessions.get(name)
        if session is None:
            return
        with self._saving:
            self._due.pop(name, None)
            revision = session.revision
            stale = len(session.journal.done) != self.project.entry(name).summary.get("n_edits")
            if revision == session.saved_revision and not stale:
                return
            save_session(session)
            session.saved_revision = revision
        self.project.refresh(name)
        self._tell(name)

    def save_all(self) -> None:
        """Writes all open micrographs."""
        for name in list(self._sessions):
            self.save(name)

    def _save_loop(self) -> None:
        while not self._closed:
            self._wake.wait(timeout=0.5)
            self._wake.clear()
            for name, due in list(self._due.items()):
                if due <= time.monotonic():
                    try:
                        self.save(name)
                    except Exception as error:  # the journal has the edit; the files are written at the next occasion
                        _log.error("%s: cannot be saved: %s", name, error)
                        self._due[name] = time.monotonic() + 10
            time.sleep(0.1)

    def _tell(self, name: str) -> None:
        for listener in list(self.listeners):
            listener(name)

    def close(self) -> None:
        """Writes what is not written and ends the processes."""
        self._closed = True
        with contextlib.suppress(NanogaugeError, OSError):
            self.save_all()
        self.trainings.stop()
        self.checker.close()
        self.measurer.close()


def save_session(session: Session) -> None:
    """Files of a measurement as edited, each replaced in one step, measurement.json last; what was found is kept aside first."""
    keep_found(session.folder)
    m = session.measurement()
    save_measurement(m, session.folder)
    write_thumbnail(m, session.folder)


def settings_with_engine(settings: Settings, engine: Any) -> Settings:
    """Settings that use another network, such as one fine-tuned on one's own corrections."""
    return settings.replace("segment", engine=str(engine))


def examples_into(studio: Studio, on_progress: Callable[[float, str], None] | None = None) -> list[Entry]:
    """Renders the examples into uploads/ and has them measured."""
    paths = studio.measurer.call("render_examples", {"folder": str(studio.project.root / UPLOADS)}, on_progress=on_progress)
    entries = [studio.project.add_file(Path(p), sample=Path(p).stem) for p in paths]
    studio.enqueue([e.name for e in entries if e.state != "done"])
    return entries
