"""Defects of a line–space pattern: the maps of a network with classes, gathered into one instance each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from ...core.errors import EngineError
from ...core.protocols import Engine, classes_of
from ...detection.class_maps import class_maps
from .pattern import Pattern, upright

NOTHING = "none"
"""The class of a pixel where nothing is wrong; a network of defects has it first."""
SEEN_PITCH_PX = 16.0, 44.0
"""Pitches of the pattern at which the network has learned; others are looked at through a zoom."""
_LEAST_PX = 6
_JOINED = np.ones((3, 3), bool)


@dataclass(frozen=True, slots=True)
class Defect:
    """kind: the class; score: how sure, 0 to 1; box: y0, x0, y1, x1 in px, half-open; area_px: of the region; y, x: its middle."""

    kind: str
    score: float
    box: tuple[int, int, int, int]
    area_px: int
    y: float
    x: float


def find_defects(pixels: NDArray[Any], engine: Engine, pattern: Pattern) -> list[Defect]:
    """The defects in a picture (H, W), the surest first.

    Raises EngineError where the network does not tell defects apart.
    """
    names = classes_of(engine).names
    if not names or names[0] != NOTHING:
        raise EngineError(f"{engine.name}: not a network of defects; train one with nanogauge train configs/line-defects.toml")
    low, high = SEEN_PITCH_PX
    zoom = max(low / pattern.period_px, min(1.0, high / pattern.period_px))
    found = instances(class_maps(upright(pixels, pattern), engine, zoom=zoom), names)
    return [_transposed(d) for d in found] if pattern.lying else found


def instances(p: NDArray[np.floating[Any]], names: Sequence[str], *, least: float = 0.5) -> list[Defect]:
    """What hangs together where `NOTHING` is less likely than 1 - `least`, with the class that is the likeliest over all of it.

    p: (H, W, K) probabilities of the classes `names`, the first of which is `NOTHING`
    """
    wrong = 1 - p[..., 0]
    marks, _ = ndimage.label(wrong > least, structure=_JOINED)
    out = []
    for number, box in enumerate(ndimage.find_objects(marks), start=1):
        inside = marks[box] == number
        area = int(inside.sum())
        if area < _LEAST_PX:
            continue
        mean = p[box][inside].mean(axis=0)
        k = 1 + int(np.argmax(mean[1:]))
        y, x = (float(v.mean()) + s.start for v, s in zip(np.nonzero(inside), box, strict=True))
        out.append(Defect(names[k], float(mean[k]), (box[0].start, box[1].start, box[0].stop, box[1].stop), area, y, x))
    return sorted(out, key=lambda d: -d.score)


def _transposed(d: Defect) -> Defect:
    y0, x0, y1, x1 = d.box
    return Defect(d.kind, d.score, (x0, y0, x1, y1), d.area_px, d.x, d.y)


def defect_table(
    defects: Sequence[Defect], *, nm_per_px: tuple[float, float] | None, origin: tuple[int, int] = (0, 0)
) -> pd.DataFrame:
    """A row a defect: class, score, its middle and its box from the picture's upper left corner.

    nm_per_px: of y and x; None: all in px. origin: of what the defects were found in, in the picture
    """
    unit = "nm" if nm_per_px else "px"
    ky, kx = nm_per_px or (1.0, 1.0)
    oy, ox = origin
    rows = [
        (
            d.kind, d.score, (d.y + 0.5 + oy) * ky, (d.x + 0.5 + ox) * kx, (d.box[2] - d.box[0]) * ky, (d.box[3] - d.box[1]) * kx,
            d.area_px * ky * kx, d.box[0] + oy, d.box[1] + ox, d.box[2] + oy, d.box[3] + ox,
        )
        for d in defects
    ]  # fmt: skip
    columns = ["class", "score", f"y_{unit}", f"x_{unit}", f"height_{unit}", f"width_{unit}", f"area_{unit}2"]
    return pd.DataFrame(rows, columns=[*columns, "box_y0_px", "box_x0_px", "box_y1_px", "box_x1_px"])
