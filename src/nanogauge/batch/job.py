"""What is to be done with one micrograph, and what came of it: small, and understood by a process on another machine."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..core.scale import Scale
from ..core.settings import Settings
from ..core.version import __version__
from ..reporting import ReportInfo

Pages = Literal["none", "whole", "linked"]
Trouble = Literal["", "input", "disk_full", "crashed", "time_limit", "lost"]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One input: its path as named, the folder name of its results, the user's scale, labels made elsewhere; whether it was only
    found in a folder, and not looked at yet, so that it may be no micrograph."""

    file: Path
    name: str
    scale: Scale | None = None
    annotation: Path | None = None
    only_found: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """What all micrographs of a run have in common.

    out: absolute, or in an object store; base: absolute, where relative inputs start
    pages: a page for each micrograph: none, whole (pictures within), or linked (to the pictures beside it)
    pdf_info: a PDF for each micrograph too, with these facts
    annotated: particles were found elsewhere, as each item says; no network is needed
    engine_sha256: of the run's network; None until it is known. A worker with another one refuses
    n_slots: host -> measurements at once on that host, for the threads of each; missing: n_threads holds
    """

    out: Path
    base: Path
    settings: Settings
    n_threads: int | None = None
    unit_row: bool = False
    coco: bool = False
    ome: bool = False
    pages: Pages = "none"
    pdf_info: ReportInfo | None = None
    annotated: bool = False
    engine_sha256: str | None = None
    n_slots: dict[str, int] = field(default_factory=dict)
    version: str = __version__

    @property
    def state(self) -> Path:
        """What a run keeps to be resumed: lock, journal, files in the making; see `stage` for a run into an object store."""
        return self.out / STATE_FOLDER

    @property
    def engine(self) -> tuple[str, str]:
        """Name and device of what finds the particles."""
        return self.settings.segment.engine, self.settings.segment.device

    def fingerprint(self) -> str:
        """Of everything but the input that decides what is written for a micrograph."""
        decides = {
            "version": self.version,
            "settings": self.settings.to_dict(),
            "engine_sha256": self.engine_sha256,
            "outputs": [self.unit_row, self.coco, self.ome],
            "pdf_info": None if self.pdf_info is None else asdict(self.pdf_info),
        }
        return _digest(decides)


STATE_FOLDER = ".nanogauge"


@dataclass(frozen=True, kw_only=True)
class Done:
    """What an earlier run says of a micrograph: the key it was measured under, its files and their lengths in bytes."""

    key: str
    files: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One item of a run, the index of its row, and what an earlier run left of it."""

    index: int
    item: Item
    previous: Done | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a task. row: of summary.csv, with status and message; kept: the earlier results are still good; aside: where an
    edited result went to make room."""

    index: int
    row: dict[str, Any]
    sha256: str | None = None
    key: str = ""
    files: dict[str, int] = field(default_factory=dict)
    kept: bool = False
    aside: Path | None = None
    trouble: Trouble = ""

    @property
    def failed(self) -> bool:
        return bool(self.row["status"] == "error")


def failure(task: Task, message: str, *, trouble: Trouble = "input", seconds: float = 0.0, named: Path | None = None) -> Outcome:
    """The outcome of an input that could not be measured. named: where it is not by its own path that it is known"""
    row = {
        "file": str(named or task.item.file),
        "status": "error",
        "message": message,
        "scale_source": "none",
        "seconds": round(seconds, 3),
    }
    return Outcome(index=task.index, row=row, trouble=trouble)


def key_of(fingerprint: str, item: Item, *, sha256: str, beside: dict[str, str], annotation_sha256: str = "") -> str:
    """The key of a micrograph's results: equal keys, equal results.

    fingerprint: of the job; sha256: of the input; beside: name -> SHA-256 of the text files that tell of it
    """
    scale = None if item.scale is None else asdict(item.scale)
    return _digest([fingerprint, sha256, beside, annotation_sha256, scale])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
