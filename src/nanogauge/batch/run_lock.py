"""OUT/.nanogauge: the lock of a run, its journal, and files in the making."""

from __future__ import annotations

import json
import os
import platform
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from ..core.errors import OutputError
from ..results.folder import make_folder
from .job import STATE_FOLDER
from .journal import Journal

_README = """What nanogauge needs to go on where a run was stopped. Delete this folder to measure everything again.
"""


class RunState:
    """Holds the lock while it is open. Raises OutputError where another run has it, or OUT cannot be written."""

    def __init__(self, out: Path, *, fresh: bool = False) -> None:
        """fresh: forget what earlier runs measured."""
        self.out, self.fresh = out, fresh
        self.folder = out / STATE_FOLDER
        self._lock = FileLock(self.folder / "lock")

    def __enter__(self) -> Self:
        make_folder(self.out)
        make_folder(self.folder)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise OutputError(
                f"{self.out}: another run is writing there{self._holder()}; wait until it ends, or choose another folder with -o"
            ) from None
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{self.folder}: cannot be locked ({reason}); choose another folder with -o") from error
        try:
            about = {"pid": os.getpid(), "host": platform.node(), "since": datetime.now().strftime("%Y-%m-%d %H:%M")}
            (self.folder / "holder.json").write_text(json.dumps(about), encoding="utf-8")
            (self.folder / "README.txt").write_text(_README, encoding="utf-8")
            shutil.rmtree(self.folder / "new", ignore_errors=True)
            (self.folder / "new").mkdir(exist_ok=True)
            if self.fresh:
                (self.folder / "journal.jsonl").unlink(missing_ok=True)
            self.journal = Journal(self.folder / "journal.jsonl")
        except OSError as error:
            self._lock.release()
            reason = error.strerror or error
            where = error.filename or self.folder
            raise OutputError(f"{where}: cannot be used ({reason}); free space, or choose another folder") from error
        return self

    def _holder(self) -> str:
        try:
            about = json.loads((self.folder / "holder.json").read_text(encoding="utf-8"))
            return f" (process {about['pid']} on {about['host']}, since {about['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.journal.close()
        shutil.rmtree(self.folder / "new", ignore_errors=True)
        with suppress(OSError):
            (self.folder / "holder.json").unlink()
        self._lock.release()
