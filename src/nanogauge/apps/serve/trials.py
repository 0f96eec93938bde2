"""A micrograph measured otherwise, beside its result: both are seen before one is taken."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import EditError, InputError, NanogaugeError, UnreadableFile
from ...core.particles import kinds_of
from ...core.settings import Settings
from ...editing.contour import outline_of
from ...editing.remeasure import boxes_of_labels
from ...results.folder import PROBABILITY
from ...results.pictures import read_probability
from ...results.saved import read_saved
from .doubts import summary_of
from .entry import Entry
from .project import Project
from .worker import Worker, WorkerError

TakeResult = Callable[[str, Path], Entry]
"""Puts the result in a folder in the place of a micrograph's."""

TRIALS = ".trials"


@dataclass
class Trial:
    """state: measuring, done, error; stage: how far it is; words: the settings tried; summary: as of an `Entry`"""

    words: str
    settings: Settings
    state: str = "measuring"
    stage: str = "in the queue"
    message: str = ""
    summary: dict[str, Any] | None = None


class Trials:
    """At most one trial a micrograph; none outlives the server."""

    def __init__(self, project: Project, measurer: Worker, take_result: TakeResult) -> None:
        self.project, self.measurer, self.take_result = project, measurer, take_result
        self.root = project.root / TRIALS
        self.trials: dict[str, Trial] = {}
        self._lock = threading.Lock()
        shutil.rmtree(self.root, ignore_errors=True)

    def start(self, name: str, settings: Settings, words: str) -> Trial:
        """Measures a micrograph with other settings, in the background. EditError while that is being done already."""
        entry = self.project.entry(name)
        if entry.file is None or not entry.file.is_file():
            raise UnreadableFile(f"{entry.title}: the file is not here; drop it on the gallery first")
        with self._lock:
            known = self.trials.get(name)
            if known is not None and known.state == "measuring":
                raise EditError(f"{entry.title}: is being tried already; wait until that is done")
            trial = self.trials[name] = Trial(words, settings)
        threading.Thread(target=self._measure, args=(entry, trial), daemon=True, name=f"trial of {name}").start()
        return trial

    def _measure(self, entry: Entry, trial: Trial) -> None:
        folder = self.root / entry.name

        def on_progress(share: float, stage: str) -> None:
            trial.stage = stage

        arguments = {"path": str(entry.file), "folder": str(folder), "settings": trial.settings.to_dict()}
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            self.measurer.call("measure_file", arguments, on_progress=on_progress)
            trial.summary = summary_of(read_saved(folder, particles=False, pictures=False))
            trial.state = "done"
        except WorkerError as error:
            trial.state, trial.message = "error", f"{entry.title}: measuring it {error}"
        except (NanogaugeError, OSError) as error:
            trial.state, trial.message = "error", str(error).replace(str(entry.file), entry.title)

    def outlines(self, name: str) -> dict[str, Any]:
        """Outlines and kinds of the particles of a trial, as the page draws them. InputError where there is none."""
        self._done(name)
        folder = self.root / name
        saved = read_saved(folder)
        table, labels = saved.particles, saved.labels
        numbers = table["label"].to_numpy(np.int64)
        probability = read_probability(folder / PROBABILITY, (labels.shape[0], labels.shape[1])) if saved.along_map else None
        boxes = boxes_of_labels(labels, numbers).T.tolist()
        rings = [outline_of(k, tuple(box), labels, probability) for k, box in zip(numbers.tolist(), boxes, strict=True)]
        return {"label": numbers.tolist(), "kind": kinds_of(table), "outline": rings}

    def take(self, name: str) -> Entry:
        """The trial is the result from now on; the present one, edits and all, is an earlier one then."""
        self._done(name)
        entry = self.take_result(name, self.root / name)
        self.trials.pop(name, None)
        return entry

    def drop(self, name: str) -> None:
        """Forgets a trial. EditError while it is being measured."""
        trial = self.trials.get(name)
        if trial is not None and trial.state == "measuring":
            raise EditError("it is being measured; wait until that is done")
        self.trials.pop(name, None)
        shutil.rmtree(self.root / name, ignore_errors=True)

    def _done(self, name: str) -> Trial:
        trial = self.trials.get(name)
        if trial is None or trial.state != "done":
            raise InputError(f"{name[:80]}: nothing was tried here, or it is not measured yet")
        return trial
