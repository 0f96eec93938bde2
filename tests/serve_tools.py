"""What several tests of the page use: rendered micrographs, labels of discs, the page in a process of its own, a browser's path."""

from __future__ import annotations

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


@dataclass
class Page:
    """A running page: its address, its work folder, its process."""

    address: str
    root: Path
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Without a chance to write anything."""
        self.process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        self.process.wait(20)


_PROGRAM = """
import sys
from pathlib import Path
from nanogauge.apps.serve.server import serve
from nanogauge.apps.serve.uploads import Limits
from nanogauge.core.settings import Settings
serve(Path(sys.argv[1]), port=int(sys.argv[2]), browser=False, settings=Settings().replace("segment", engine=sys.argv[3]),
      limits=Limits(most_bytes=int(sys.argv[4]), most_pixels=int(sys.argv[5])))
"""


@contextmanager
def running(
    root: Path, port: int, *, engine: str = "threshold", most_bytes: int = 60_000_000, most_pixels: int = 30_000_000
) -> Iterator[Page]:
    """The page on a work folder, in a process of its own; ended at the end."""
    arguments = [sys.executable, "-c", _PROGRAM, str(root), str(port), engine, str(most_bytes), str(most_pixels)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NICEGUI") and k != "PYTEST_CURRENT_TEST"}
    process = subprocess.Popen(arguments, env=environment | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
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
