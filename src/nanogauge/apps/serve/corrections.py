"""Corrections as training data."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from ...core.errors import InputError
from ...editing.edits import disc
from ...editing.filters import decisions_in
from ...editing.journal import read_journal
from ...results.folder import EDITS, make_folder
from ...results.saved import read_saved
from .entry import Entry
from .project import Project

TRAINING = "training"
_RIM_PX = 3  # around a particle left out, where its blurred edge reaches and the boundary would be learned


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
