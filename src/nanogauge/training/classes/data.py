"""Micrographs with classes: class maps, whole or scribbled, and particles of a class each."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import AnnotationError, SettingsError, TruthError
from ...reading import SUFFIXES, read_micrograph
from ...reading.labels import read_labels
from ...results.interchange import find_annotations, read_annotation
from ...results.interchange.class_table import read_class_table
from ..real import I32, U8

UNLABELLED = 255
MOST_CLASSES = 64
TABLE = "classes.csv"
_IGNORED = ("ignore", "unlabelled", "unlabeled")
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")


@dataclass(frozen=True)
class Classed:
    """A micrograph with classes.

    grey: (H, W); classes: (H, W) index of each pixel's class, `UNLABELLED` where it has none; labels: (H, W) particles, 0 = ground,
    None where there are only pixels; nm_per_px: None where it is not known
    """

    name: str
    grey: U8
    classes: U8
    labels: I32 | None = None
    nm_per_px: float | None = None


def read_class_folder(
    folder: Path, *, only: Sequence[str] = (), report: Callable[[str], None] = print
) -> tuple[tuple[str, ...], list[Classed]]:
    """Names of the classes and the micrographs of a folder.

    With FOLDER/classes/ and FOLDER/classes.csv: class maps, and FOLDER/labels/ID.* the particles in them, if there. Else
    annotations whose shapes have a class, in whatever format, and label pictures with a table beside them.

    only: these classes, in this order; what is of another is unlabelled. Raises SettingsError, AnnotationError, UnreadableFile.
    """
    if not folder.is_dir():
        raise SettingsError(f"{folder}: not a folder; give a folder of micrographs with classes")
    pixels = (folder / "classes").is_dir()
    names, items = _class_maps(folder, only, report) if pixels else _annotated(folder, only, report)
    if len(names) < 2:
        seen = ", ".join(names) or "none"
        raise SettingsError(f"{folder}: at least two classes are needed, found {seen}; see docs/training.md")
    if len(names) > MOST_CLASSES:
        raise SettingsError(f"{folder}: {len(names)} classes, more than {MOST_CLASSES}; are these numbers of particles?")
    return names, items


def held_out(items: Sequence[Classed], share: float) -> tuple[list[Classed], list[Classed]]:
    """Micrographs to learn from, and those to test on, in the order of a hash of their names.

    Whole series, of names that differ by their last number alone, are held out, as pictures of one place are too much alike; a
    series is parted where it alone has a class, or where there is one only. Each class is in both parts, if it can be.

    Raises SettingsError for fewer than two micrographs.
    """
    if len(items) < 2:
        raise SettingsError(f"{len(items)} micrograph with classes; at least two are needed, one of them to test on")
    want = min(max(math.ceil(share * len(items)), 1), len(items) - 1)
    series: dict[str, list[Classed]] = {}
    for item in items:
        series.setdefault(_LAST_NUMBER.sub("", item.name), []).append(item)
    classes_of = {i.name: set(np.unique(i.classes[i.classes != UNLABELLED]).tolist()) for i in items}
    in_series = Counter(c for s in series.values() for c in set().union(*(classes_of[i.name] for i in s)))
    units: dict[str, list[Classed]] = {}
    for key, group in series.items():
        whole = len(series) > 1 and all(in_series[c] > 1 for i in group for c in classes_of[i.name])
        units |= {key: group} if whole else {i.name: [i] for i in group}
    order = sorted(units, key=lambda k: hashlib.sha256(k.encode()).digest())
    has = {k: set().union(*(classes_of[i.name] for i in units[k])) for k in order}
    n_with = Counter(c for k in order for c in has[k])
    held: list[str] = []

    def can_go(k: str) -> bool:
        left = [o for o in order if o not in held and o != k]
        kept = set().union(*(has[o] for o in left)) if left else set()
        return k not in held and bool(left) and all(c in kept for c in has[k])

    for c in sorted(n_with, key=lambda c: (n_with[c], c)):  # the rarest first
        if not any(c in has[k] for k in held):
            held += next(([k] for k in order if c in has[k] and can_go(k)), [])
    n = sum(len(units[k]) for k in held)
    for k in order:
        if n + len(units[k]) <= want and can_go(k):
            held.append(k)
            n += len(units[k])
    if not held:  # every class is in one micrograph alone
        held = [order[0]]
    chosen = {i.name for k in held for i in units[k]}
    return [i for i in items if i.name not in chosen], [i for i in items if i.name in chosen]


def particle_classes(item: Classed) -> dict[int, int]:
    """Label -> index of its class: that of most of its labelled pixels; those with none are left out."""
    if item.labels is None:
        return {}
    on = (item.labels > 0) & (item.classes != UNLABELLED)
    k = int(item.classes[on].max(initial=0)) + 1
    n = int(item.labels.max(initial=0)) + 1
    votes = np.bincount(item.labels[on].astype(np.int64) * k + item.classes[on], minlength=n * k).reshape(n, k)
    return {int(label): int(votes[label].argmax()) for label in np.flatnonzero(votes.sum(1))}


def _class_maps(folder: Path, only: Sequence[str], report: Callable[[str], None]) -> tuple[tuple[str, ...], list[Classed]]:
    maps = {p.stem: p for p in sorted((folder / "classes").iterdir()) if p.suffix.lower() in (".png", ".tif", ".tiff")}
    pictures = _by_stem(folder / "images" if (folder / "images").is_dir() else folder)
    particles = _by_stem(folder / "labels") if (folder / "labels").is_dir() else {}
    if not (folder / TABLE).is_file():
        values = sorted({int(v) for p in maps.values() for v in np.unique(_numbers(p, None))})[:12]
        raise SettingsError(
            f"{folder / TABLE}: missing; write the lines value,class for the values of classes/ ({', '.join(map(str, values))}); "
            "values that are not in it are unlabelled"
        )
    table = {v: n for v, n in read_class_table(folder / TABLE, key="value").items() if n.lower() not in _IGNORED}
    names = _chosen(tuple(dict.fromkeys(table.values())), only, folder)
    index = {v: names.index(n) for v, n in table.items() if n in names}
    items, passed_over = [], dict[int, int]()
    for stem, path in maps.items():
        if stem not in pictures:
            report(f"{path.name}: no micrograph of that name, left out")
            continue
        grey, nm = _micrograph(pictures[stem])
        numbers = _numbers(path, (grey.shape[0], grey.shape[1]))
        found, counts = np.unique(numbers, return_counts=True)
        for v, n in zip(found.tolist(), counts.tolist(), strict=True):
            if v not in table and v not in (UNLABELLED, 65535):
                passed_over[v] = passed_over.get(v, 0) + n
        labels = read_labels(particles[stem], shape=(grey.shape[0], grey.shape[1])).astype(np.int32) if stem in particles else None
        items.append(Classed(stem, grey, _indexed(numbers, index), labels, nm))
    for v, n in sorted(passed_over.items()):
        report(f"{TABLE}: value {v} ({n} px) is not in it: unlabelled")
    if not items:
        raise SettingsError(f"{folder}: no micrograph has a class map in classes/; they must have the same file stems")
    return names, items


def _annotated(folder: Path, only: Sequence[str], report: Callable[[str], None]) -> tuple[tuple[str, ...], list[Classed]]:
    found: list[tuple[Path, U8, float | None, I32, Mapping[int, str]]] = []
    for path, annotation in find_annotations(folder, picture_suffixes=SUFFIXES).items():
        if annotation is None:
            report(f"{path.name}: no annotation, left out")
            continue
        grey, nm = _micrograph(path)
        marks = read_annotation(annotation, shape=(grey.shape[0], grey.shape[1]), image_name=path.name)
        for warning in marks.warnings:
            report(f"{annotation.name}: {warning}")
        if not marks.classes:
            report(f"{annotation.name}: no shape has a class, left out")
            continue
        found.append((path, grey, nm, marks.labels, marks.classes))
    if not found:
        raise AnnotationError(
            f"{folder}: no annotation has classes; name the class of each shape, or give label pictures a table ID.csv with the "
            "columns label,class, or class maps in classes/"
        )
    names = _chosen(tuple(sorted({c for *_, classes in found for c in classes.values()})), only, folder)
    return names, [
        Classed(p.stem, grey, _indexed(labels, {k: names.index(c) for k, c in classes.items() if c in names}), labels, nm)
        for p, grey, nm, labels, classes in found
    ]


def _chosen(names: tuple[str, ...], only: Sequence[str], folder: Path) -> tuple[str, ...]:
    unknown = [n for n in only if n not in names]
    if unknown:
        raise SettingsError(f"{folder}: no class {', '.join(unknown)}; there are {', '.join(names)}")
    return tuple(only) or names


def _micrograph(path: Path) -> tuple[U8, float | None]:
    micrograph = read_micrograph(path)
    scale = micrograph.scale
    return micrograph.grey8(), None if scale is None else math.sqrt(scale.nm_per_px[0] * scale.nm_per_px[1])


def _by_stem(folder: Path) -> dict[str, Path]:
    return {p.stem: p for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES}


def _numbers(path: Path, shape: tuple[int, int] | None) -> NDArray[np.int64]:
    try:
        return read_labels(path, shape=shape)
    except TruthError as error:
        raise AnnotationError(f"{error}; save it as PNG or TIFF of whole numbers, as large as the micrograph") from error


def _indexed(numbers: NDArray[np.integer[Any]], index: Mapping[int, int]) -> U8:
    """Numbers -> index of their class; UNLABELLED for all others."""
    found, where = np.unique(numbers, return_inverse=True)
    of = np.array([index.get(int(v), UNLABELLED) for v in found], np.uint8)
    return of[where].reshape(numbers.shape)
