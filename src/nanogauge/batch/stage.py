"""Where a run's own files are made: in OUT itself, or, for OUT in an object store, in a folder of this machine whose files go up.

A store cannot replace, lock or append to a file, so nothing is written to it in the making. Each worker makes a micrograph's folder
beside itself and puts it there when it is whole, measurement.json last. Lock, journal, tables and report are made here; the journal
goes up every minute or so, all the rest at the end. What a run that was killed left here is taken up by the next one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from ..core.errors import OutputError
from ..core.stores import changed_at, fetch, is_remote, put_tree, write
from ..reporting.gallery import MOST_THUMBNAILS
from ..reporting.page import MOST_ROWS
from ..reporting.run_report import MOST_FULL_TABLES, RUN_FILES
from ..results.atomic import write_atomic
from ..results.folder import MARK
from .job import STATE_FOLDER

JOURNAL = f"{STATE_FOLDER}/journal.jsonl"
PUSH_S = 60.0
"""Between copies of the journal to the store; longer where one takes more than a twentieth of that."""
_UP = (*RUN_FILES, "coco.json", "plots", "micrographs", JOURNAL)
_FIGURES = (MARK, "particles.csv", "report.html", "coco.json")
_PICTURES = ("overlay.png", "scale_bar.png", "order.png", "fibres.png")
_AT_ONCE = 200  # folders whose files are fetched together


class Stage:
    """here: the folder of this machine in which the run's files are made; out: where the results are to be"""

    def __init__(self, out: Path, here: Path) -> None:
        self.out, self.here = out, here
        self._without_page: list[str] = []

    @property
    def elsewhere(self) -> bool:
        """Whether results go into an object store."""
        return is_remote(self.out)

    def gather(self, records: Iterator[dict[str, Any]], n: int) -> None:
        """Fetches what tables and report are made from: figures of all micrographs, pictures of a small run or of those to look at
        first. records: of the journal. Raises OSError."""
        if not self.elsewhere:
            return
        n_doubtful = 0
        while some := list(islice(records, _AT_ONCE)):
            wanted, without_page = [], []
            for record in some:
                name, row, there = record["name"], record["row"], record.get("files", {})
                if row["status"] == "error":
                    continue
                look = n > MOST_ROWS and n_doubtful < MOST_THUMBNAILS and (row["status"] != "ok" or bool(row["message"]))
                n_doubtful += look
                paged = "report.html" in there
                without_page += [] if paged else [name]
                pictures = _PICTURES if n <= MOST_FULL_TABLES or not paged else _PICTURES[:1] if look else ()
                wanted += [(self.out / name / f, self.here / name / f) for f in (*_FIGURES, *pictures) if f in there]
            fetch(wanted)
            self._without_page += without_page

    def put_up(self) -> None:
        """The run's files go to where the results are. Raises OutputError."""
        if not self.elsewhere:
            return
        try:
            put_tree(self.here, self.out, names=(*_UP, *(f"{name}/report.html" for name in self._without_page)))
        except OSError as error:
            said = f"{self.out}: tables and report cannot be put there ({error.strerror}); they are in {self.here}"
            raise OutputError(f"{said}, and the same command again goes on from there") from error

    @contextmanager
    def journal_goes_up(self) -> Iterator[None]:
        """While the run goes on, the store has its journal, so that another machine could go on with it."""
        if not self.elsewhere:
            yield
            return
        end = threading.Event()

        def copy() -> None:
            wait = PUSH_S
            while not end.wait(wait):
                begun = time.monotonic()
                with suppress(OSError):  # said at the end, where it still cannot be reached
                    put_tree(self.here, self.out, names=(JOURNAL,))
                wait = max(PUSH_S, 20 * (time.monotonic() - begun))

        thread = threading.Thread(target=copy, daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()


@contextmanager
def staged(out: Path) -> Iterator[Stage]:
    """Where the files of a run into OUT are made. Raises OutputError where OUT is in a store that cannot be written to."""
    if not is_remote(out):
        yield Stage(out, out)
        return
    here = _cache() / hashlib.sha256(str(out).encode()).hexdigest()[:16] / (out.name or "results")
    try:
        write(out / STATE_FOLDER / "README.txt", _README)
        (here / STATE_FOLDER).mkdir(parents=True, exist_ok=True)
        _take_up(out, here)
    except OSError as error:
        where = (
            f"{out}: cannot write there" if error.filename == str(out / STATE_FOLDER / "README.txt") else f"{here}: cannot be used"
        )
        remedy = "check the address, the credentials and the network, or choose another place with -o"
        raise OutputError(f"{where} ({error.strerror}); {remedy}") from error
    stage = Stage(out, here)
    with stage.journal_goes_up():
        yield stage
    shutil.rmtree(here.parent, ignore_errors=True)  # all of it is in the store


def _take_up(out: Path, here: Path) -> None:
    """The store's journal and what a run that was killed on this machine left, the newer one last: of two lines of a file the later
    counts, and one that does not fit what the store holds is measured again."""
    mine, stored = here / JOURNAL, here / f"{JOURNAL}.stored"
    stored.unlink(missing_ok=True)
    fetch([(out / JOURNAL, stored)])
    if not mine.is_file():
        if stored.is_file():
            stored.replace(mine)
        return
    if stored.is_file():
        parts = [stored.read_bytes(), mine.read_bytes()]
        if changed_at(out / JOURNAL) > mine.stat().st_mtime:  # another machine has gone on since
            parts.reverse()
        write_atomic(mine, b"\n".join(parts))
        stored.unlink()


def _cache() -> Path:
    """Where this machine keeps what may be lost."""
    named = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if os.name == "nt" else None)
    return (Path(named) if named else Path.home() / ".cache") / "nanogauge" / "runs"


_README = b"""What nanogauge needs to go on where a run was stopped. Delete this folder to measure everything again.
"""
