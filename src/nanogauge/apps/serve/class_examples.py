"""Particles whose class a person gave, as examples to learn from."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from ...core.errors import InputError, UnreadableFile
from ...core.particles import has_classes
from ...editing.filters import decisions_in
from ...editing.journal import read_journal
from ...results.folder import EDITS, make_folder
from ...results.interchange.class_table import write_class_table
from ...results.saved import read_saved
from .corrections import TRAINING, known_labels
from .entry import Entry
from .project import Project

CLASSED = "classed"


@dataclass(frozen=True)
class Classed:
    """A micrograph in which a person gave classes: label -> class of its particles"""

    entry: Entry
    classes: dict[int, str]

    @property
    def numbers(self) -> Counter[str]:
        """How many there are of each class, the most frequent first."""
        return Counter(dict(Counter(self.classes.values()).most_common()))


def classed_by_hand(project: Project) -> list[Classed]:
    """Measured micrographs, whose file is here, in which a person gave classes, in order of name.

    In one that is marked as checked, what was classed otherwise counts too, where it is of a class that a person gave somewhere: it
    was looked at. Elsewhere it does not, so that a network does not learn from what it says itself.
    """
    given: dict[str, dict[int, str]] = {}
    for e in project.entries.values():
        if e.state == "done" and e.file is not None and (e.summary.get("n_edits") or e.checked):
            by_hand = decisions_in(read_journal(e.folder / EDITS).done).classes
            given[e.name] = {int(k): name for k, name in by_hand.items()}
    names = {name for classes in given.values() for name in classes.values()}
    found = []
    for name in sorted(given, key=str.casefold):
        entry, classes = project.entries[name], given[name]
        try:
            table = read_saved(entry.folder, pictures=False).particles
        except UnreadableFile:
            continue
        if entry.checked and has_classes(table):
            seen = dict(zip(table["label"].tolist(), table["class"].tolist(), strict=True))
            classes = {k: c for k, c in seen.items() if c in names} | classes
        there = set(table["label"].tolist())
        classes = {k: c for k, c in classes.items() if k in there}
        if classes:
            found.append(Classed(entry, classes))
    return found


def save_class_examples(project: Project, names: list[str]) -> Path:
    """Copies micrographs, their labels and a table label,class of each into WORK/training/classed, which `nanogauge train --data
    --classes labels` takes. InputError where there is too little to learn from."""
    chosen = [c for c in classed_by_hand(project) if c.entry.name in set(names)]
    if len(chosen) < 2:
        raise InputError("two micrographs with classes or more are needed: one of them is kept to test on")
    kinds = {k for c in chosen for k in c.numbers}
    if len(kinds) < 2:
        raise InputError(f"only the class {', '.join(kinds)} is there; give some particles another one")
    folder = project.root / TRAINING / CLASSED
    shutil.rmtree(folder, ignore_errors=True)
    images, labels = make_folder(folder / "images"), make_folder(folder / "labels")
    for c in chosen:
        name, file = c.entry.name, c.entry.file
        assert file is not None
        shutil.copyfile(file, images / f"{name}{file.suffix.lower()}")
        numbers, _ = known_labels(c.entry.folder)
        tifffile.imwrite(labels / f"{name}.tif", numbers, compression="zlib")
        there = set(np.unique(numbers).tolist())
        write_class_table(labels / f"{name}.csv", {k: v for k, v in sorted(c.classes.items()) if k in there})
    return folder


def in_one_micrograph(chosen: list[Classed]) -> list[str]:
    """Classes that only one micrograph has: they are learned or tested, not both."""
    n = Counter(name for c in chosen for name in c.numbers)
    return sorted((name for name, k in n.items() if k == 1), key=str.casefold)
