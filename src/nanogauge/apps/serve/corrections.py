"""Corrections as training data, and the network fine-tuned on them by `nanogauge train` in a process of its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from ...core.errors import InputError, NanogaugeError
from ...editing.edits import disc
from ...editing.filters import decisions_in
from ...editing.journal import read_journal
from ...results.folder import EDITS, make_folder
from ...results.saved import read_saved
from .entry import Entry
from .project import Project

TRAINING = "training"
_MOST_LINES = 400
_RIM_PX = 3  # around a particle left out, where its blurred edge reaches and the boundary would be learned
_TORCH_LOG = re.compile(r"[WI]\d{4} \d\d:\d\d:\d\d\.\d+ .*torch/")


def to_choose_from(project: Project) -> list[Entry]:
    """Measured micrographs whose file is here, those that a person has checked first."""
    done = [e for e in project.entries.values() if e.state == "done" and e.file is not None]
    return sorted(done, key=lambda e: (not e.checked, not e.summary.get("n_edits"), e.name.casefold()))


def worth_learning_from(project: Project) -> list[str]:
    """Micrographs that a person has checked: what is only edited may be mended by half."""
    return sorted(e.name for e in to_choose_from(project) if e.checked)


def save_training_data(project: Project, names: list[str]) -> Path:
    """Copies micrographs and their labels into WORK/training/images and labels, which `nanogauge train --data` takes; what a person
    left out or did not look at is in WORK/training/unknown. InputError where there is nothing to learn from."""
    if not names:
        raise InputError("tick micrographs first: only what a person has checked is worth learning from")
    folder = project.root / TRAINING
    for part in ("images", "labels", "unknown"):
        shutil.rmtree(folder / part, ignore_errors=True)
    for part in ("images", "labels"):
        make_folder(folder / part)
    for name in names:
        entry = project.entry(name)
        if entry.file is None:
            continue
        shutil.copyfile(entry.file, folder / "images" / f"{name}{entry.file.suffix.lower()}")
        labels, unknown = known_labels(entry.folder)
        tifffile.imwrite(folder / "labels" / f"{name}.tif", labels, compression="zlib")
        if unknown.any():
            path = make_folder(folder / "unknown") / f"{name}.png"
            Image.fromarray(np.where(unknown, 255, 0).astype(np.uint8)).save(path)
    return folder


def known_labels(folder: Path) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Labels (H, W) of a saved result without the particles left out by hand, and where (H, W) nothing is known: on and around
    those, which are neither particles to find nor background, in excluded areas, and outside the rectangle."""
    labels = read_saved(folder, pictures=False).labels
    decisions = decisions_in(read_journal(folder / EDITS).done)
    left_out = np.isin(labels, decisions.left_out) & (labels > 0)
    labels = np.where(left_out, 0, labels).astype(np.int32)
    around = cv2.dilate(left_out.astype(np.uint8), disc(_RIM_PX)) > 0
    unknown = left_out | (around & (labels == 0)) | decisions.region.unseen((labels.shape[0], labels.shape[1]))
    return labels, unknown


class FineTuning:
    """One fine-tuning run. state: idle, running, done, failed; lines: what it has said; figures: before and after."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.state = "idle"
        self.lines: list[str] = []
        self.figures: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        done = self.folder / "figures.json"
        if done.is_file() and self.network.is_file():
            self.state, self.figures = "done", json.loads(done.read_text(encoding="utf-8"))

    @property
    def folder(self) -> Path:
        """Of the run."""
        return self.project.root / TRAINING / "run"

    @property
    def network(self) -> Path:
        """The new network."""
        return self.folder / "network.onnx"

    @property
    def better(self) -> bool:
        """Whether the held-out micrographs gained."""
        f = self.figures
        return bool(f) and sum(f["after"][k] - f["before"][k] for k in ("f50_mean", "iou_pooled")) > 0

    def start(self, data: Path, *, steps: int = 150) -> None:
        """Starts it. InputError where it runs already or fewer than two micrographs are there; NanogaugeError without PyTorch."""
        with self._lock:
            if self.state == "running":
                raise InputError("it is running already")
            if find_spec("torch") is None:
                raise NanogaugeError('training needs PyTorch: pip install "nanogauge[train]", then start the page again')
            if len(list((data / "images").iterdir())) < 2:
                raise InputError("two micrographs or more are needed: one of them is kept to test on")
            shutil.rmtree(self.folder, ignore_errors=True)
            command = [sys.executable, "-u", "-m", "nanogauge", "train", "--data", str(data), "-o", str(self.folder)]
            self._process = subprocess.Popen(
                [*command, "--steps", str(steps)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
            )
            self.state, self.lines, self.figures = "running", [], {}
        threading.Thread(target=self._follow, args=(self._process,), daemon=True).start()

    def stop(self) -> None:
        """Ends a run; nothing of it is kept."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def _follow(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                if not _TORCH_LOG.match(line):  # warnings of its own parts, which say nothing to the user
                    self.lines = [*self.lines, line.rstrip()][-_MOST_LINES:]
        code = process.wait()
        path = self.folder / "figures.json"
        if code == 0 and path.is_file():
            self.figures, self.state = json.loads(path.read_text(encoding="utf-8")), "done"
        else:
            self.state = "failed"
