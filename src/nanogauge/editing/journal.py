"""The edits of one micrograph as they were made: one JSON line each in edits.jsonl, appended and synced before the edit is shown.

An edit is a Patch of labels, or one field of the Decisions before and after; "undo" and "redo" are lines of their own. The state
is the fold of all lines, so a crash loses nothing that was seen, and nothing is ever taken out of the file.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.errors import OutputError, UnreadableFile
from .patches import Patch, patch_from_dict


@dataclass(frozen=True, slots=True)
class Edit:
    """kind: "delete", "split" ...; text: what was done, for people; at: ISO 8601, UTC; either a patch, or a field of the Decisions
    with its JSON value before and after; hand: whose browser made it, "" where that is not known."""

    kind: str
    text: str
    at: str
    patch: Patch | None = None
    field: str = ""
    before: Any = None
    after: Any = None
    hand: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        plain: dict[str, Any] = {"kind": self.kind, "text": self.text, "at": self.at}
        if self.hand:
            plain["hand"] = self.hand
        if self.patch is not None:
            return plain | {"patch": self.patch.to_dict()}
        return plain | {"field": self.field, "before": self.before, "after": self.after}


def now() -> str:
    """The time, ISO 8601 to the second, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass
class Journal:
    """done: edits in force, in order; undone: what redo brings back, the next last."""

    path: Path
    done: list[Edit] = field(default_factory=list)
    undone: list[Edit] = field(default_factory=list)
    n_lines: int = 0
    ids: set[str] = field(default_factory=set)  # that windows gave to what they sent, so that nothing is done twice
    tag: str = ""  # the id of what is being done
    hand: str = ""  # whose browser is doing it

    def add(self, edit: Edit) -> None:
        """A new edit; what was undone before it is gone. Raises OutputError where it cannot be written."""
        edit = replace(edit, hand=self.hand)
        self._append(edit.to_dict())
        self.done.append(edit)
        self.undone.clear()

    def undo(self) -> Edit | None:
        """Takes the last edit back; None where there is none."""
        if not self.done:
            return None
        self._append({"kind": "undo", "at": now()})
        self.undone.append(self.done.pop())
        return self.undone[-1]

    def redo(self) -> Edit | None:
        """Brings the last undone edit back; None where there is none."""
        if not self.undone:
            return None
        self._append({"kind": "redo", "at": now()})
        self.done.append(self.undone.pop())
        return self.done[-1]

    @property
    def texts(self) -> tuple[str, ...]:
        """The edits in force, a line each, for the result."""
        return tuple(f"{e.at} {e.text}" for e in self.done)

    def _append(self, content: dict[str, Any]) -> None:
        if self.tag:
            content = content | {"id": self.tag}
        line = json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
        try:
            with self.path.open("a", encoding="utf-8") as f:
                f.write(line)
                f.flush()
                os.fsync(f.fileno())
        except OSError as error:
            raise OutputError(f"{self.path}: cannot write ({error.strerror}); the edit was not made") from error
        self.n_lines += 1
        if self.tag:
            self.ids.add(self.tag)


def read_journal(path: Path) -> Journal:
    """The journal of a micrograph; an empty one where there is no file. A last line cut off by a crash is dropped.

    Raises UnreadableFile for damage anywhere else.
    """
    journal = Journal(path)
    if not path.is_file():
        return journal
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be read ({error.strerror}); check its access rights") from error
    whole, _, rest = raw.rpartition(b"\n")
    if rest:  # cut off in the middle of a line: that edit was never shown
        with path.open("r+b") as f:
            f.truncate(len(whole) + (1 if whole else 0))
    for number, line in enumerate(whole.split(b"\n") if whole else [], start=1):
        try:
            _replay(journal, json.loads(line))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise UnreadableFile(f"{path}: line {number} is damaged; move the file away to begin anew") from error
        journal.n_lines += 1
    return journal


def _replay(journal: Journal, content: dict[str, Any]) -> None:
    kind = content["kind"]
    if content.get("id"):
        journal.ids.add(str(content["id"]))
    if kind == "undo":
        journal.undone.append(journal.done.pop())
    elif kind == "redo":
        journal.done.append(journal.undone.pop())
    else:
        patch = patch_from_dict(content["patch"]) if "patch" in content else None
        about = {k: content.get(k) for k in ("field", "before", "after")} if patch is None else {}
        about["hand"] = str(content.get("hand") or "")
        journal.done.append(Edit(kind, str(content["text"]), str(content["at"]), patch, **about))  # type: ignore[arg-type]
        journal.undone.clear()
