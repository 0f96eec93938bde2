"""A micrograph of the gallery."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...core.settings import Settings

State = Literal["waiting", "measuring", "done", "error"]


@dataclass
class Entry:
    """A micrograph of the gallery. file: None where it cannot be found; share, stage: how far measuring has come."""

    name: str
    folder: Path
    file: Path | None
    state: State = "waiting"
    message: str = ""
    share: float = 0.0
    stage: str = ""
    sample: str = ""
    checked: bool = False
    note: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    settings: Settings | None = None  # to measure it with; None: those in force
    sha256: str = ""  # of a file that was dropped, until it is measured

    @property
    def title(self) -> str:
        """The file's own name."""
        return str(self.summary.get("file") or (self.file.name if self.file else self.name))
