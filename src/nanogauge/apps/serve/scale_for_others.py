"""One micrograph's scale for others: which may take it, and what would change in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.scale import Scale
from ...editing.session import Session

if TYPE_CHECKING:
    from .entry import Entry
    from .project import Project


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
