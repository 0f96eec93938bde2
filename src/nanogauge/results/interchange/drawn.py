"""What the readers of drawn formats hand over, and the words for what they had to decide."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.errors import AnnotationError
from .shapes import Floats, Patch

PARTICLE = "particle"
"""The category of particles that have no class, as `nanogauge` writes it."""
_LARGEST_NUMBER = 1_000_000  # a label that large would make a table of that length on the way

_REGION = re.compile(r"(region|roi|frame|area|field|background|tissue|annotation)([ _-].*|\d*)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """Shapes as a file has them.

    kind: "imagej_roi" ...; patches: a shape each, None for one without a pixel in the picture
    names: the class of each, "" where it has none; marked: those that the program itself takes for regions if they hold others
    numbers: labels to use, None for 1 ... n; warnings: what was left out or decided
    """

    kind: str
    patches: list[Patch | None]
    names: list[str]
    marked: frozenset[int] = frozenset()
    numbers: list[int] | None = None
    warnings: tuple[str, ...] = field(default=())


def points_yx(values: Any, what: str) -> Floats:
    """[[x, y], ...] or [x, y, x, y, ...] as (n, 2) float64 of (y, x). AnnotationError for anything else."""
    try:
        flat = np.asarray(values, float)
        points = flat.reshape(-1, 2) if flat.ndim == 1 else flat[:, :2]
    except (ValueError, TypeError, IndexError, OverflowError):
        raise AnnotationError(f"{what}: points are not pairs of numbers; export the file again") from None
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise AnnotationError(f"{what}: points are not pairs of finite numbers; export the file again")
    return points[:, ::-1]


def check_shape(stated: Sequence[Any], shape: tuple[int, int], what: str) -> None:
    """AnnotationError where a file states another picture height and width than the micrograph's; None says nothing."""
    numbers = [v for v in stated if isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) and v > 0]
    if len(numbers) == 2 and (int(numbers[0]), int(numbers[1])) != shape:
        seen = f"{numbers[1]:g} x {numbers[0]:g} px"
        raise AnnotationError(
            f"{what}: drawn on a picture of {seen}, the micrograph is {shape[1]} x {shape[0]} px (width x height); "
            f"annotate the micrograph itself, neither cropped nor resized"
        )


def several_names(names: Sequence[str]) -> tuple[str, ...]:
    """A warning where shapes carry several class names, all of which are taken as particles."""
    found = sorted({" ".join(n.split())[:40] for n in names if n})
    if len(found) < 2:
        return ()
    shown = ", ".join(found[:5]) + (" …" if len(found) > 5 else "")
    return (f"shapes of {len(found)} classes ({shown}) are all taken as particles",)


def count(n: int, one: str, many: str) -> str:
    """ "1 shape is", "3 shapes are"."""
    return f"{n} {one if n == 1 else many}"


def without_area(left_out: Mapping[str, int], one: str, many: str) -> tuple[str, ...]:
    """A warning where lines, points and the like were left out; left_out: kind -> how many; one, many: "shape", "shapes"."""
    n = sum(left_out.values())
    if not n:
        return ()
    kinds = ", ".join(sorted(left_out))
    return (f"1 {one} has no area ({kinds}) and is left out" if n == 1 else f"{n} {many} have no area ({kinds}) and are left out",)


def numbers_of(names: Sequence[str]) -> list[int] | None:
    """Names as labels where they are different whole numbers from 1 up, as `nanogauge` writes them; None otherwise."""
    if not names or not all(n.isascii() and n.isdigit() and len(n) <= 9 for n in names):
        return None
    numbers = [int(n) for n in names]
    fits = len(set(numbers)) == len(numbers) and min(numbers) >= 1 and max(numbers) <= _LARGEST_NUMBER
    return numbers if fits else None


def named_as_region(name: str) -> bool:
    """Whether a shape's name is one that people give to what they draw round particles: region, ROI 2, field_of_view."""
    return _REGION.fullmatch(name.strip()) is not None
