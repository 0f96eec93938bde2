"""One edit made in many micrographs, one after the other beside the page: how far it is, a way to stop, one way back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...core.errors import EditError, NanogaugeError
from ...core.particles import Flag, has_flag
from ...editing.journal import Edit
from ...editing.session import Session


class Sessions(Protocol):
    """What the studio is asked for here: the micrographs' sessions, and which edit of many is under way."""

    many: ForMany | None

    def session(self, name: str) -> Session: ...

    def save(self, name: str) -> None: ...


@dataclass
class ForMany:
    """An edit for each of some micrographs, in a thread of its own.

    doing, done: in words, as "giving the scale", "the scale of a.tif given to"
    act: makes at most one edit in a session; makes none where nothing would change
    made: name -> the edit, where one was made; failed: name -> why not
    """

    studio: Sessions
    doing: str
    done: str
    names: Sequence[str]
    act: Callable[[Session], object]
    made: dict[str, Edit] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    n_looked: int = 0
    running: bool = False
    undoing: bool = False
    _stop: bool = False

    def start(self) -> None:
        """Begins. EditError where another one is under way."""
        if self.studio.many is not None and self.studio.many.running:
            raise EditError(f"{self.studio.many.doing}: wait until that is done, or stop it")
        self.studio.many = self
        self._begin(list(self.names), self._make)

    def stop(self) -> None:
        """Stops after the micrograph at hand; what is done stays until it is taken back."""
        self._stop = True

    def undo(self) -> None:
        """Takes it back in each, where nothing speaks against it."""
        self.names, self.undoing, self.failed = list(self.made), True, {}
        self._begin(self.names, self._take_back)

    def said(self) -> str:
        """How far it is, or what has come of it."""
        n = len(self.names)
        if self.running:
            return f"{'taking back' if self.undoing else self.doing}: {self.n_looked} of {n}"
        if self.undoing:
            return f"taken back in {_micrographs(n - len(self.failed))}"
        same, left = self.n_looked - len(self.made) - len(self.failed), n - self.n_looked
        parts = [f"{self.done} {_micrographs(len(self.made))}"]
        parts += [f"nothing to change in {same}"] if same else []
        parts += [f"{left} left as they were"] if left else []
        return ", ".join(parts)

    def _begin(self, names: Sequence[str], act: Callable[[str], None]) -> None:
        self.running, self._stop, self.n_looked = True, False, 0
        threading.Thread(target=self._run, args=(names, act), daemon=True, name=self.doing).start()

    def _run(self, names: Sequence[str], act: Callable[[str], None]) -> None:
        try:
            for name in names:
                if self._stop:
                    break
                try:
                    act(name)
                except NanogaugeError as error:
                    self.failed[name] = str(error)
                self.n_looked += 1
        finally:
            self.running = False

    def _make(self, name: str) -> None:
        session = self.studio.session(name)
        with session.lock:
            before = len(session.journal.done)
            self.act(session)
            if len(session.journal.done) > before:
                self.made[name] = session.journal.done[-1]
        self.studio.save(name)

    def _take_back(self, name: str) -> None:
        session, edit = self.studio.session(name), self.made[name]
        with session.lock:
            last = session.journal.done[-1] if session.journal.done else None
            if last is not None and (last.kind, last.at, last.text) == (edit.kind, edit.at, edit.text):
                session.undo()
            elif not session.put_back(edit):
                raise EditError(f"{session.found.micrograph.name}: edited since, so it is left as it is; take it back there")
        self.made.pop(name)
        self.studio.save(name)


def accept_above(session: Session, confidence: float) -> None:
    """Accepts what is at least so sure."""
    if (session.table["confidence"] >= confidence).any():
        accepted = set(session.decisions.accepted)
        above = session.table.loc[session.table["confidence"] >= confidence, "label"]
        if not set(above.tolist()) <= accepted:
            session.edit("accept", {"above_confidence": confidence})


def delete_below(session: Session, confidence: float) -> None:
    """Deletes what is less sure; what was accepted, drawn or left out by hand stays."""
    table = session.table
    rest = table[~has_flag(table, Flag.ACCEPTED | Flag.EDITED | Flag.LEFT_OUT_BY_HAND)]
    labels = rest.loc[rest["confidence"] < confidence, "label"].tolist()
    if labels:
        session.edit("delete", {"labels": labels})


def _micrographs(n: int) -> str:
    return f"{n} micrograph{'s' if n != 1 else ''}"
