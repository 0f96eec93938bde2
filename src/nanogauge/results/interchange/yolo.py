"""YOLO's segmentation labels, read and written: a line a particle, its class and corners as shares of the picture's size."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...core.errors import AnnotationError
from ...measuring.contours import Polygon
from .drawn import Drawn, count
from .shapes import Floats, Patch, fill

_OVER = 0.02  # of the picture that rounding and clumsy tools may leave a corner outside


def is_yolo(text: str) -> bool:
    """Whether a text is lines of numbers, as many in each as a box or a polygon has, the first a class."""
    lines = text.split("\n", 20)[:20]
    rows = [line.split() for line in (lines if len(lines) < 20 else lines[:-1]) if line.strip()]
    try:
        return bool(rows) and all(len(r) >= 5 and r[0].isdigit() and all(np.isfinite(float(v)) for v in r[1:]) for r in rows)
    except ValueError:
        return False


def read_yolo(path: Path, text: str, shape: tuple[int, int], *, image_name: str | None) -> Drawn:
    """A particle a line; its class is named by data.yaml or classes.txt beside the file or above it, else by its number.

    Boxes are refused, as they have no outlines; so are corners outside the picture.
    """
    patches: list[Patch | None] = []
    names: list[str] = []
    known = _names_near(path)
    n_boxes = 0
    for k, line in enumerate(text.splitlines()):
        parts = line.split()
        if not parts:
            continue
        what = f"{path}: line {k + 1}"
        try:
            numbers = np.array(parts[1:], float)
        except ValueError:
            raise AnnotationError(f"{what}: not numbers; export the file again") from None
        if len(numbers) in (4, 5):
            n_boxes += 1
            continue
        corners = numbers[: len(numbers) // 2 * 2].reshape(-1, 2)  # an odd one at the end is a confidence
        if len(corners) < 3 or not np.isfinite(corners).all():
            raise AnnotationError(f"{what}: no polygon of three or more corners; export the file again")
        if corners.min() < -_OVER or corners.max() > 1 + _OVER:
            raise AnnotationError(
                f"{what}: corners from {corners.min():g} to {corners.max():g}, no shares of the picture; export the labels again"
            )
        patches.append(fill([np.clip(corners, 0, 1)[:, ::-1] * shape], shape))
        names.append(known.get(parts[0], parts[0]))
    if n_boxes and not patches:
        raise AnnotationError(f"{path}: YOLO boxes, no outlines; export segmentation labels (yolo segment)")
    warnings = (f"{count(n_boxes, 'line is', 'lines are')} a box without an outline and left out",) if n_boxes else ()
    return Drawn(kind="yolo", patches=patches, names=names, warnings=warnings)


def _names_near(path: Path) -> dict[str, str]:
    """Number -> name of the classes, of data.yaml as Ultralytics writes it, or of classes.txt; empty where there is neither."""
    for folder in (path.parent, path.parent.parent):
        for name in ("data.yaml", "classes.txt"):
            try:
                text = (folder / name).read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError):
                continue
            if name == "classes.txt":
                return {str(k): line.strip() for k, line in enumerate(text.splitlines()) if line.strip()}
            listed = re.search(r"^names:[ \t]*\[(.*?)\]", text, re.MULTILINE | re.DOTALL)
            if listed:
                return {str(k): _plain(v) for k, v in enumerate(listed.group(1).split(","))}
            block = re.search(r"^names:[ \t]*\n((?:[ \t]*(?:\d+:|-)[ \t]*.+\n?)+)", text, re.MULTILINE)
            if block:
                lines = [line.strip() for line in block.group(1).splitlines() if line.strip()]
                return dict(_numbered(k, line) for k, line in enumerate(lines))
    return {}


def _numbered(k: int, line: str) -> tuple[str, str]:
    """ "2: cube" or, as the k-th, "- cube"."""
    number, _, name = line.partition(":") if not line.startswith("-") else (str(k), "", line[1:])
    return number.strip(), _plain(name)


def _plain(text: str) -> str:
    return text.strip().strip("\"'")


def write_yolo(
    path: Path, outlines: Mapping[int, Sequence[Polygon]], shape: tuple[int, int], numbers: Mapping[int, int] | None = None
) -> None:
    """A line a particle, of the class that `numbers` gives its label, else of class 0. The format knows one outline each: of holes
    and smaller pieces nothing is written."""
    numbers = numbers or {}
    lines = []
    for label, rings in outlines.items():
        corners: Floats = rings[0][:, ::-1] / np.array(shape[::-1], float)
        lines.append(f"{numbers.get(label, 0)} " + " ".join(f"{v:.8g}" for v in corners.ravel().tolist()))
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
