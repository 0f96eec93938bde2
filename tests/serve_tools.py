"""What several tests of the page use: rendered micrographs, labels of discs, the page in a process of its own, a browser's path."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PROGRAM = str(Path(__file__).with_name("page_parent.py"))


class Forked:
    """A page's process, asked for as a `subprocess.Popen` is; see `page_parent`."""

    _parent: subprocess.Popen[str] | None = None

    def __init__(self, wanted: dict[str, Any]) -> None:
        if Forked._parent is None:
            Forked._parent = subprocess.Popen(
                [sys.executable, "-W", "ignore::DeprecationWarning", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=_environment(),
            )
            atexit.register(Forked._parent.communicate)
        self.pid = int(self._ask(wanted))
        self.returncode: int | None = None

    def _ask(self, what: dict[str, Any]) -> Any:
        parent = Forked._parent
        assert parent is not None
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(json.dumps(what) + "\n")
        parent.stdin.flush()
        return json.loads(parent.stdout.readline())

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._ask({"ended": self.pid})
        return self.returncode

    def wait(self, timeout: float) -> int:
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(PROGRAM, timeout)
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@dataclass
class Page:
    """A running page: its address, its work folder, its process."""

    address: str
    root: Path
    process: subprocess.Popen[Any] | Forked

    def kill(self) -> None:
        """Without a chance to write anything."""
        self.process.kill()
        self.process.wait(20)


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("NICEGUI") and k != "PYTEST_CURRENT_TEST"}
    return kept | {"OMP_NUM_THREADS": "1"}


def _started(wanted: dict[str, Any]) -> subprocess.Popen[Any] | Forked:
    if sys.platform == "linux":
        return Forked(wanted)
    return subprocess.Popen([sys.executable, PROGRAM, json.dumps(wanted)], env=_environment(), stdout=subprocess.DEVNULL)


@contextmanager
def running(
    root: Path, port: int, *, engine: str = "threshold", most_bytes: int = 60_000_000, most_pixels: int = 30_000_000
) -> Iterator[Page]:
    """The page on a work folder, in a process of its own; ended at the end."""
    wanted = {"root": str(root), "port": port, "engine": engine, "most_bytes": most_bytes, "most_pixels": most_pixels}
    process = _started(wanted)
    page = Page(f"http://127.0.0.1:{port}", root, process)
    try:
        for _ in range(3000):  # a busy machine is slow, not wrong
            if process.poll() is not None:
                raise AssertionError(f"the page ended with exit code {process.returncode}")
            try:
                urllib.request.urlopen(page.address, timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise AssertionError("the page does not answer")
        yield page
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(15)


def chromium() -> str | None:
    """The browser's path; None where there is none. Nothing is downloaded."""
    return next((p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None)


def firefox() -> str | None:
    """The same of Firefox, as Debian or Mozilla ships it, which speaks WebDriver BiDi."""
    return next((p for name in ("firefox", "firefox-esr") if (p := shutil.which(name))), None)


def discs(shape: tuple[int, int], middles: list[tuple[int, int, int]]) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Labels of discs (y, x, radius), numbered from 1."""
    labels = np.zeros(shape, np.int32)
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    for k, (y, x, r) in enumerate(middles, start=1):
        labels[(yy - y) ** 2 + (xx - x) ** 2 <= r * r] = k
    return labels
