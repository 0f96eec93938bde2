"""One micrograph's scale given to others: which may take it, what would change, done beside the page, and undone in one go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...core.errors import NanogaugeError
from ...core.scale import Scale
from ...editing.session import Session

if TYPE_CHECKING:
    from .entry import Entry
    from .project import Project
    from .studio import Studio


@dataclass(frozen=True)
class Candidate:
    """A micrograph that may take the scale.

    text: its size, magnification, and what would change; why: what speaks against it
    alike: nothing does, as it has no scale and was taken at the same magnification, with as many pixels
    """

    entry: Entry
    text: str
    why: str
    alike: bool


def candidates(project: Project, mine: Entry, session: Session) -> list[Candidate]:
    """All other micrographs that can be edited, those of which nothing speaks against it first."""
    scale = session.scale
    if scale is None:
        return []
    others = [e for e in project.entries.values() if e.name != mine.name and e.state == "done" and e.file is not None]
    found = [_candidate(e, session, scale) for e in others]
    return sorted(found, key=lambda c: (not c.alike, bool(c.entry.summary["nm_per_px"]), c.entry.name.casefold()))


def _candidate(e: Entry, session: Session, scale: Scale) -> Candidate:
    s, micrograph = e.summary, session.found.micrograph
    h, w = s["shape"]
    mine, its = micrograph.instrument.magnification, s["magnification"]
    magnification = f"{its:g} ×" if its else "magnification not stated"
    now = f"{s['nm_per_px']:.5g} nm/px from {s['scale_source'].replace('_', ' ')}" if s["nm_per_px"] else "no scale"
    against = []
    if (h, w) != micrograph.shape:
        against.append(f"another size than this one, {micrograph.shape[1]} × {micrograph.shape[0]} px")
    if mine and its and abs(its / mine - 1) > 0.001:
        against.append(f"another magnification than this one, {mine:g} ×")
    elif not (mine and its):
        against.append("its magnification cannot be compared: tick it only if you know that it is the same")
    if s["nm_per_px"]:
        against.append(f"has a scale already: its sizes would be {scale.nm_per_px[1] / s['nm_per_px']:.3g} times as large")
    text = f"{w} × {h} px, {magnification}; {now} → {scale.nm_per_px[1]:.5g} nm/px"
    return Candidate(e, text, "; ".join(against), alike=not against)


@dataclass
class Spreading:
    """Gives a scale to micrographs, one after the other, in a thread of its own.

    before: name -> the choice of scale it had, of those that have been changed; failed: name -> why not
    """

    studio: Studio
    choice: dict[str, Any]
    wanted: Sequence[str]
    before: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    n_looked: int = 0
    running: bool = True
    undoing: bool = False
    _stop: bool = False

    def start(self) -> None:
        """Begins."""
        threading.Thread(target=self._run, args=(list(self.wanted), self._give), daemon=True, name="scale for others").start()

    def cancel(self) -> None:
        """Stops after the micrograph at hand; those done keep the scale until it is undone."""
        self._stop = True

    def undo(self) -> None:
        """Gives each the scale it had, whatever it was."""
        self.running, self.undoing, self._stop, self.n_looked = True, True, False, 0
        self.wanted = list(self.before)
        threading.Thread(target=self._run, args=(self.wanted, self._take_back), daemon=True, name="scale taken back").start()

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

    def _give(self, name: str) -> None:
        session = self.studio.session(name)
        with session.lock:
            had = session.decisions.scale
            delta = session.edit("scale", {"choice": self.choice})
        if delta.text:
            self.before[name] = had
        self.studio.save(name)

    def _take_back(self, name: str) -> None:
        session = self.studio.session(name)
        with session.lock:
            if session.decisions.scale == self.choice:  # else somebody has chosen another meanwhile
                last = session.journal.done[-1] if session.journal.done else None
                if last is not None and last.field == "scale":
                    session.undo()
                else:
                    session.edit("scale", {"choice": self.before[name]})
        self.before.pop(name)
        self.studio.save(name)
