"""One scale for many micrographs, that of another or one that is typed: which may take it, and what would change in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
    alike: nothing does, as it has no scale and was taken at the same magnification, with as many pixels as the one compared with
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
    micrograph = session.found.micrograph
    found = [_candidate(e, scale, micrograph.shape, micrograph.instrument.magnification, "this one") for e in others]
    return _in_order(found)


def candidates_of(entries: Sequence[Entry], scale: Scale) -> list[Candidate]:
    """Those selected, for a scale that is typed: alike are those of the size and magnification that most of them have."""
    if not entries:
        return []
    commonest = Counter((tuple(e.summary["shape"]), e.summary["magnification"]) for e in entries).most_common(1)
    (shape, magnification), _ = commonest[0]
    return _in_order([_candidate(e, scale, shape, magnification, "most of them") for e in entries])


def _in_order(found: list[Candidate]) -> list[Candidate]:
    return sorted(found, key=lambda c: (not c.alike, bool(c.entry.summary["nm_per_px"]), c.entry.name.casefold()))


def _candidate(e: Entry, scale: Scale, shape: tuple[int, int], mine: float | None, whose: str) -> Candidate:
    s = e.summary
    h, w = s["shape"]
    its = s["magnification"]
    magnification = f"{its:g} ×" if its else "magnification not stated"
    now = f"{s['nm_per_px']:.5g} nm/px from {s['scale_source'].replace('_', ' ')}" if s["nm_per_px"] else "no scale"
    against = []
    if (h, w) != shape:
        against.append(f"another size than {whose}, {shape[1]} × {shape[0]} px")
    if mine and its and abs(its / mine - 1) > 0.001:
        against.append(f"another magnification than {whose}, {mine:g} ×")
    elif not (mine and its):
        against.append("its magnification cannot be compared: tick it only if you know that it is the same")
    if s["nm_per_px"]:
        against.append(f"has a scale already: its sizes would be {scale.nm_per_px[1] / s['nm_per_px']:.3g} times as large")
    text = f"{w} × {h} px, {magnification}; {now} → {scale.nm_per_px[1]:.5g} nm/px"
    return Candidate(e, text, "; ".join(against), alike=not against)
