"""What became of a run, and run.json, which says it."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.version import __version__
from .job import Item
from .journal import Journal


@dataclass
class BatchResult:
    """What became of a run. stopped: why it ended early; "" where it did not."""

    out: Path
    journal: Journal
    items: list[Item]
    places: list[int | None]
    rows_in_memory: dict[int, dict[str, Any]]
    n_failed: int = 0
    n_kept: int = 0
    n_not_tried: int = 0
    stopped: str = ""
    report_error: str = ""

    @property
    def n(self) -> int:
        return len(self.items)

    def record(self, index: int) -> dict[str, Any]:
        """The journal's record of an input; its row is that of summary.csv."""
        item, place = self.items[index], self.places[index]
        if place is None:
            return {"name": item.name, "sha256": None, "row": self.rows_in_memory[index]}
        record = self.journal.read(place)
        return record | {"name": item.name, "row": record["row"] | {"file": str(item.file)}}

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of summary.csv."""
        return (self.record(k)["row"] for k in range(self.n))

    def entries(self) -> Iterator[tuple[str | None, dict[str, Any]]]:
        """Folder name (None where it failed) and row of each input."""
        for k in range(self.n):
            record = self.record(k)
            yield None if record["row"]["status"] == "error" else record["name"], record["row"]


def write_run_json(result: BatchResult, about: dict[str, Any], *, started: datetime, n_workers: int) -> None:
    """run.json: versions, settings, hashes and the inputs, one by one, as there may be very many. Raises OSError.

    about: what it says of engine, settings and the command
    """
    head = {
        "version": __version__,
        "python": platform.python_version(),
        "started": started.isoformat(timespec="seconds"),
        "seconds": (datetime.now(UTC) - started).total_seconds(),
        "n_workers": n_workers,
        "n_kept": result.n_kept,
        "stopped": result.stopped or None,
        **about,
    }
    temporary = result.out / ".run.json.new"
    with temporary.open("w", encoding="utf-8", errors="backslashreplace") as f:
        f.write(json.dumps(head, indent=1, ensure_ascii=False)[:-2] + ',\n "inputs": [')
        for k in range(result.n):
            record = result.record(k)
            row = record["row"]
            entry = {
                "file": row["file"],
                "sha256": record["sha256"],
                "folder": None if row["status"] == "error" else record["name"],
                "status": row["status"],
                "seconds": row["seconds"],
            }
            text = json.dumps(entry, indent=1, ensure_ascii=False).replace("\n", "\n  ")
            f.write(("," if k else "") + "\n  " + text)
        f.write("\n ]\n}\n")
    temporary.replace(result.out / "run.json")
