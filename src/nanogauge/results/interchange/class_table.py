"""Tables that give numbers of a picture a class: `label,class` beside a label picture, `value,class` of class maps."""

from __future__ import annotations

import csv
from pathlib import Path

from ...core.errors import AnnotationError
from ...core.particles import UNSURE

_IN_RESULTS = ("labels.tif", "labels.ome.tif")
_OF_RESULTS = "particles.csv"


def table_beside(labels: Path) -> Path | None:
    """The table of a label picture's classes: ID.csv or ID_classes.csv beside ID.png, particles.csv beside a results folder's
    labels.tif; None where there is none. A table without the columns `label` and `class` is another."""
    names = [_OF_RESULTS] if labels.name in _IN_RESULTS else [f"{labels.stem}.csv", f"{labels.stem}_classes.csv"]
    for path in (labels.with_name(n) for n in names):
        if path.is_file() and {"label", "class"} <= set(_header(path)):
            return path
    return None


def read_class_table(path: Path, *, key: str = "label") -> dict[int, str]:
    """Number -> class, of a CSV file with the columns `key` and `class`; rows without a number (units) or class, and those that are
    unsure, are passed over. Raises AnnotationError where the table cannot be read or gives a number two classes."""
    found: dict[int, str] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            missing = {key, "class"} - set(rows.fieldnames or ())
            if missing:
                raise AnnotationError(f"{path}: no column {' or '.join(sorted(missing))}; the first line must be {key},class")
            for row in rows:
                number, name = (row[key] or "").strip(), (row["class"] or "").strip()
                if not number or not name or name == UNSURE:
                    continue
                try:
                    value = int(number)
                except ValueError:
                    raise AnnotationError(f"{path}: line {rows.line_num}: {key} {number!r} is no whole number") from None
                if found.setdefault(value, name) != name:
                    raise AnnotationError(f"{path}: {key} {value} is of two classes, {found[value]} and {name}; leave one")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AnnotationError(f"{path}: cannot be read as a table ({getattr(error, 'strerror', None) or error})") from error
    return found


def write_class_table(path: Path, classes: dict[int, str], *, key: str = "label") -> None:
    """As `read_class_table` reads it."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([(key, "class"), *classes.items()])


def _header(path: Path) -> list[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return next(csv.reader(stream), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
