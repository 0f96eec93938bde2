"""What became of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..results.run_json import input_entry
from .job import Item
from .journal import Journal


@dataclass
class BatchResult:
    """What became of a run.

    out: the folder of this machine that its tables are in; aside: where edited results went that were measured again
    stopped: why it ended early; "" where it did not; sample_warnings: what the report says of several micrographs pooled
    """

    out: Path
    journal: Journal
    items: list[Item]
    places: list[int | None]
    rows_in_memory: dict[int, dict[str, Any]]
    n_failed: int = 0
    n_kept: int = 0
    n_not_tried: int = 0
    aside: list[Path] = field(default_factory=list)
    stopped: str = ""
    report_error: str = ""
    sample_warnings: tuple[str, ...] = ()

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

    def inputs(self) -> Iterator[dict[str, Any]]:
        """The inputs as run.json has them."""
        for k in range(self.n):
            record = self.record(k)
            row = record["row"]
            yield input_entry(row["file"], None if row["status"] == "error" else record["name"], row, record["sha256"])

    def entries(self) -> Iterator[tuple[str | None, dict[str, Any]]]:
        """Folder name (None where it failed) and row of each input."""
        for k in range(self.n):
            record = self.record(k)
            yield None if record["row"]["status"] == "error" else record["name"], record["row"]
