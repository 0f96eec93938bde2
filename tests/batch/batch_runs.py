"""A run in a process of its own, and what it left: to kill it, and to compare."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEASURE = ("measure", "in", "--engine", "threshold", "--scale", "2 nm/px", "-q", "--no-report")


SLOW = 200.0  # for what takes seconds on a busy machine


def wait_until(true: Callable[[], Any], *, timeout_s: float = SLOW) -> None:
    """Until `true` is; fails after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class Running:
    """A command in a process of its own, with its output in files."""

    def __init__(self, arguments: list[object], folder: Path, *, module: str = "nanogauge") -> None:
        self.folder = folder
        self.n = sum(1 for _ in folder.glob("said-*.txt"))
        self._out, self._err = ((folder / f"said-{self.n}{kind}.txt").open("w+") for kind in ("-out", "-err"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=folder,
            stdout=self._out,
            stderr=self._err,
            env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"},
            # where the tests themselves run in the background, Ctrl-C is ignored, and their children inherit that
            preexec_fn=None if os.name == "nt" else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def end(self, *, timeout_s: float = 3 * SLOW) -> int:
        """The exit code, once it is done."""
        return self.process.wait(timeout=timeout_s)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=SLOW)

    @property
    def errors(self) -> str:
        self._err.seek(0)
        return self._err.read()

    @property
    def output(self) -> str:
        self._out.seek(0)
        return self._out.read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._out.close()
        self._err.close()


def rows(out: Path) -> list[dict[str, str]]:
    """summary.csv."""
    with (out / "summary.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as f:
        return list(csv.DictReader(f))


def tables(out: Path) -> dict[str, object]:
    """The tables of a run, and each micrograph's files, without the times that measuring took: equal for equal runs."""
    parquet = out / "particles.parquet"
    found: dict[str, object] = {"particles.csv": (out / "particles.csv").read_bytes()}
    for p in sorted(parquet.iterdir()) if parquet.is_dir() else [parquet]:
        found[p.name] = p.read_bytes()
    found["summary.csv"] = [{k: v for k, v in row.items() if k != "seconds"} for row in rows(out)]
    for folder in sorted(p for p in out.iterdir() if (p / "measurement.json").is_file()):
        for p in sorted(folder.iterdir()):
            if p.name == "measurement.json":
                found[f"{folder.name}/{p.name}"] = json.loads(p.read_text(encoding="utf-8")) | {"seconds": 0}
            elif p.suffix not in (".zip", ".html"):  # a zip holds the time at which it was written
                found[f"{folder.name}/{p.name}"] = p.read_bytes()
    return found


def journal_lines(out: Path) -> int:
    """Outcomes that the run in OUT has written down so far."""
    try:
        return (out / ".nanogauge" / "journal.jsonl").read_bytes().count(b"\n")
    except OSError:
        return 0


def children(pid: int) -> list[int]:
    """Processes that a process started; on Linux."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if f"\nPPid:\t{pid}\n" in status.read_text():
                found.append(int(status.parent.name))
        except OSError:
            continue
    return found
