"""What a run remembers: a line of JSON for each outcome, appended as it comes, so that nothing that was finished is measured twice.

A line is written at once. Where a run was killed while it wrote, the broken last line is passed over.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.stores import is_remote
from .job import Done, Item, Outcome


class Journal:
    """`journal.jsonl` in the run's state folder. In memory are only places in the file: some hundred bytes a micrograph."""

    def __init__(self, path: Path) -> None:
        """Opens it, with what earlier runs left. Raises OSError."""
        self.path = path
        self._at: dict[str, int] = {}
        self._compact()
        self._file = path.open("ab", buffering=0)

    def _compact(self) -> None:
        """Keeps the last line of each file, whole lines only."""
        last: dict[str, tuple[int, int]] = {}
        n_lines = 0
        for at, line in _lines(self.path):
            n_lines += 1
            record = _parsed(line)
            if record is not None:
                last[record["file"]] = (at, len(line))
        if not n_lines:
            return
        temporary = self.path.with_suffix(".new")
        with self.path.open("rb") as old, temporary.open("wb") as new:
            for file, (at, length) in last.items():
                old.seek(at)
                self._at[file] = new.tell()
                new.write(old.read(length))
        os.replace(temporary, self.path)

    def add(self, item: Item, outcome: Outcome) -> int:
        """Appends an outcome; its place. Raises OSError."""
        record = {
            "file": _path(item.file),
            "name": item.name,
            "key": outcome.key,
            "sha256": outcome.sha256,
            "files": outcome.files,
            "row": outcome.row,
        }
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"  # ASCII: any file name fits
        at = os.fstat(self._file.fileno()).st_size
        try:
            whole = self._file.write(line) == len(line)
        except OSError:
            whole = False
        if not whole:  # a broken line would spoil the next one
            self._file.truncate(at)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self._at[_path(item.file)] = at
        return at

    def place(self, item: Item) -> int | None:
        """Where the last outcome of an item stands; None where there is none."""
        return self._at.get(_path(item.file))

    def done(self, item: Item) -> Done | None:
        """What was measured of an item under its folder name; None where there is nothing."""
        at = self.place(item)
        if at is None:
            return None
        record = self.read(at)
        return Done(key=record["key"], files=record["files"]) if record["key"] and record["name"] == item.name else None

    def name_of(self, file: Path) -> str | None:
        """The folder name that an earlier run gave to a file."""
        at = self._at.get(_path(file))
        return None if at is None else str(self.read(at)["name"])

    def read(self, at: int) -> dict[str, Any]:
        """The record at a place. Raises OSError."""
        with self.path.open("rb") as f:
            f.seek(at)
            record = _parsed(f.readline())
        if record is None:
            raise OSError(errno.EIO, "damaged journal; delete this folder to measure everything again", str(self.path))
        return record

    def close(self) -> None:
        self._file.close()


def _path(file: Path) -> str:
    """One file is one entry, however it was given."""
    return str(file) if is_remote(file) else os.path.abspath(file)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    at = 0
    try:
        with path.open("rb") as f:
            for line in f:
                yield at, line
                at += len(line)
    except FileNotFoundError:
        return


def _parsed(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(record, dict) and {"file", "name", "key", "sha256", "files", "row"} <= set(record)
    return record if whole and isinstance(record["row"], dict) else None
