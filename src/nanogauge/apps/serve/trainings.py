"""Networks made on the page, by `nanogauge train` in a process of its own, one at a time.

WORK/training/run/            the run that fine-tunes the network, classes-run/ the one that learns classes
WORK/training/networks/       every network made, numbered, so that one in use is never replaced by another; figures beside it
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from ...core.errors import InputError, NanogaugeError
from ...results.folder import make_folder

NETWORKS = "networks"
_MOST_LINES = 400
_TORCH_LOG = re.compile(r"[WI]\d{4} \d\d:\d\d:\d\d\.\d+ .*torch/")
RunState = Literal["idle", "running", "done", "failed", "stopped"]


@dataclass(frozen=True)
class Made:
    """A network that was made here. figures: how well it did on what was kept aside"""

    path: Path
    figures: dict[str, Any]

    @property
    def words(self) -> str:
        """What it is, and of when."""
        when = time.strftime(
            "%-d %b %Y, %H:%M" if os.name != "nt" else "%d %b %Y, %H:%M", time.localtime(self.path.stat().st_mtime)
        )
        names = ", ".join(str(c["class"]) for c in self.figures.get("classes", []))
        return f"classes {names} ({when})" if names else f"fine-tuned ({when})"


class Training:
    """Trainings of one kind, one after the other. state: of the last; lines: what it has said; made: the last network made"""

    def __init__(self, root: Path, kind: str, turn: threading.Lock, *, run: str, options: Sequence[str] = ()) -> None:
        self.root, self.kind, self.folder = root, kind, root / run
        self.state: RunState = "idle"
        self.lines: list[str] = []
        self._options, self._turn = tuple(options), turn
        self._process: subprocess.Popen[str] | None = None
        self._steps, self._began = 0, 0.0
        self._keep()
        made = self.all_made()
        self.made: Made | None = made[-1] if made else None
        if self.made is not None:
            self.state = "done"

    def all_made(self) -> list[Made]:
        """The networks of this kind, in the order in which they were made."""
        found = {int(m[1]): p for p in (self.root / NETWORKS).glob("*.onnx") if (m := re.fullmatch(rf"{self.kind}-(\d+)", p.stem))}
        return [Made(found[k], _figures(found[k].with_suffix(".json"))) for k in sorted(found)]

    def start(self, data: Path, *, steps: int, start_from: str = "shipped") -> None:
        """Starts one. InputError where one runs already or fewer than two micrographs are there; NanogaugeError without PyTorch.

        data: a folder that `nanogauge train --data` takes; start_from: "shipped" or a network's file
        """
        check_torch()
        if len(list((data / "images").iterdir())) < 2:
            raise InputError("two micrographs or more are needed: one of them is kept to test on")
        if not self._turn.acquire(blocking=False):
            raise InputError("a network is being trained already: wait for it, or stop it")
        try:
            shutil.rmtree(self.folder, ignore_errors=True)
            command = [sys.executable, "-u", "-m", "nanogauge", "train", "--data", str(data), "-o", str(self.folder)]
            command += ["--steps", str(steps), "--from", start_from, *self._options]
            process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
            )
        except BaseException:
            self._turn.release()
            raise
        self._process, self._steps, self._began = process, steps, time.monotonic()
        self.state, self.lines = "running", []
        threading.Thread(target=self._follow, args=(process,), daemon=True).start()

    def stop(self) -> None:
        """Ends a run; nothing of it is kept."""
        process = self._process
        if self.state == "running" and process is not None:
            self.state = "stopped"
            process.terminate()

    @property
    def share(self) -> float:
        """How far a run has come, from 0 to 1, by the steps that it has written down."""
        try:
            with (self.folder / "log.csv").open(newline="", encoding="utf-8") as stream:
                rows = [row[0] for row in csv.reader(stream) if row and row[0].isdigit()]
        except OSError:
            rows = []
        return min(int(rows[-1]) / self._steps, 1.0) if rows and self._steps else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Of the steps, at the pace so far; None where that is not known yet."""
        share = self.share
        return (time.monotonic() - self._began) * (1 - share) / share if share else None

    def _follow(self, process: subprocess.Popen[str]) -> None:
        try:
            assert process.stdout is not None
            with process.stdout:
                for line in process.stdout:
                    if not _TORCH_LOG.match(line):  # warnings of its own parts, which say nothing to the user
                        self.lines = [*self.lines, line.rstrip()][-_MOST_LINES:]
            code = process.wait()
            if self.state == "stopped":
                return
            made = self._keep() if code == 0 else None
            self.made = made or self.made
            self.state = "done" if made is not None else "failed"
        finally:
            self._turn.release()

    def _keep(self) -> Made | None:
        """Puts a finished run's network to those that were made; None where there is none."""
        network, figures = self.folder / "network.onnx", self.folder / "figures.json"
        if not (network.is_file() and figures.is_file()):
            return None
        folder = make_folder(self.root / NETWORKS)
        made = self.all_made()
        k = 1 + (int(made[-1].path.stem.rsplit("-", 1)[1]) if made else 0)
        path = folder / f"{self.kind}-{k}.onnx"
        shutil.copyfile(figures, path.with_suffix(".json"))
        os.replace(network, path)
        return Made(path, _figures(path.with_suffix(".json")))


class Trainings:
    """The two kinds of training, of which one runs at a time. root: WORK/training"""

    def __init__(self, root: Path) -> None:
        turn = threading.Lock()
        self.fine_tuning = Training(root, "fine-tuned", turn, run="run")
        self.classes = Training(root, "classes", turn, run="classes-run", options=("--classes", "labels"))

    def all_made(self) -> list[Made]:
        """Every network made here, the latest first."""
        made = [*self.fine_tuning.all_made(), *self.classes.all_made()]
        return sorted(made, key=lambda m: m.path.stat().st_mtime, reverse=True)

    def stop(self) -> None:
        """Ends what runs."""
        self.fine_tuning.stop()
        self.classes.stop()


def check_torch() -> None:
    """NanogaugeError, with the command that helps, where nothing can be trained."""
    if find_spec("torch") is None:
        raise NanogaugeError('training needs PyTorch: pip install "nanogauge[train]", then start the page again')


def _figures(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
