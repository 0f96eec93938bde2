"""Earlier results of a micrograph: set aside whole before others take their place, listed, and brought back.

RUN/NAME/                       the result in force
RUN/.removed/NAME, NAME_2 ...   earlier ones as they were, edits included; aside.json in each says of what, when and why
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.errors import OutputError, UnreadableFile
from .atomic import write_atomic
from .folder import MARK, make_folder
from .saved import read_json

ASIDE = ".removed"
NOTE = "aside.json"


@dataclass(frozen=True, kw_only=True)
class Version:
    """An earlier result.

    name: of the micrograph's folder; at: when it was set aside, ISO 8601, UTC, "" where that is not known
    facts: what whoever set it aside wanted to remember, plain JSON
    """

    folder: Path
    name: str
    at: str
    n_particles: int
    n_edits: int
    sha256: str
    file: str
    facts: dict[str, Any] = field(default_factory=dict)


def set_aside(folder: Path, facts: Mapping[str, Any] | None = None) -> Path | None:
    """Moves RUN/NAME to RUN/.removed, in one step; where it is then, None where there is no such folder. Raises OutputError."""
    if not folder.is_dir():
        return None
    aside = make_folder(folder.parent / ASIDE)
    k, target = 2, aside / folder.name
    while target.exists():
        target, k = aside / f"{folder.name}_{k}", k + 1
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    note = {"name": folder.name, "at": at, "facts": dict(facts or {})}
    write_atomic(folder / NOTE, json.dumps(note, ensure_ascii=False) + "\n")
    _move(folder, target)
    return target


def versions(run: Path, name: str | None = None) -> list[Version]:
    """What was set aside in a run, of one micrograph or of all, the latest first. Folders without a whole result are no version."""
    aside = run / ASIDE
    if not aside.is_dir():
        return []
    found = [v for p in aside.iterdir() if (p / MARK).is_file() and (v := _read(p)) is not None]
    chosen = [v for v in found if name is None or v.name == name]
    return sorted(chosen, key=lambda v: (v.at, _number(v.folder.name)), reverse=True)


def bring_back(version: Version, facts: Mapping[str, Any] | None = None) -> Path:
    """The earlier result becomes RUN/NAME again; what is there goes aside in turn, with `facts`. Raises OutputError."""
    run = version.folder.parent.parent
    target = run / version.name
    now_aside = set_aside(target, facts)
    try:
        _move(version.folder, target)
    except OutputError:
        if now_aside is not None:
            os.replace(now_aside, target)
            (target / NOTE).unlink(missing_ok=True)
        raise
    (target / NOTE).unlink(missing_ok=True)
    return target


def _move(folder: Path, target: Path) -> None:
    try:
        os.replace(folder, target)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be moved to {target} ({error.strerror}); close it in other programs") from error


def _read(folder: Path) -> Version | None:
    try:
        about = read_json(folder / MARK)
        note = read_json(folder / NOTE) if (folder / NOTE).is_file() else {}
        facts = note.get("facts")
        return Version(
            folder=folder,
            name=str(note.get("name") or _name_of(folder)),
            at=str(note.get("at") or ""),
            n_particles=int(about["n_particles"]),
            n_edits=len(about.get("operator_edits") or ()),
            sha256=str(about["sha256"]),
            file=str(about["file"]),
            facts=dict(facts) if isinstance(facts, dict) else {},
        )
    except (UnreadableFile, KeyError, TypeError, ValueError):
        return None


def _name_of(folder: Path) -> str:
    """Of one that was set aside without a note: NAME_2 is NAME's where there is a NAME."""
    stem = re.sub(r"_\d+$", "", folder.name)
    return stem if stem and (folder.parent / stem).is_dir() else folder.name


def _number(name: str) -> int:
    found = re.search(r"_(\d+)$", name)
    return int(found[1]) if found else 1
