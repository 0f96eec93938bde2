"""Small pictures for the gallery: the micrograph with its outlines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ...core.particles import KINDS, kinds_of
from ...results.figures import jpeg_bytes

if TYPE_CHECKING:
    from ...core.micrograph import Micrograph
    from ...results.measurement import Measurement

THUMBNAIL = "thumbnail.jpg"
_LONG_SIDE_PX = 480


def write_preview(micrograph: Micrograph, target: Path) -> None:
    """The micrograph alone, small, into TARGET, in one step."""
    grey = micrograph.grey8()
    target.parent.mkdir(exist_ok=True)
    temporary = target.with_suffix(".tmp")
    temporary.write_bytes(jpeg_bytes(np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8), longest=_LONG_SIDE_PX))
    temporary.replace(target)


def write_thumbnail(m: Measurement, folder: Path) -> None:
    """FOLDER/thumbnail.jpg, in one step."""
    grey = m.micrograph.grey8()
    h, w = grey.shape
    k = min(_LONG_SIDE_PX / max(h, w), 1.0)
    small = cv2.resize(grey, (max(round(w * k), 1), max(round(h * k), 1)), interpolation=cv2.INTER_AREA) if k < 1 else grey
    canvas = cv2.cvtColor(small, cv2.COLOR_GRAY2RGB)
    kinds = dict(zip(m.particles["label"].tolist(), kinds_of(m.particles), strict=True))
    for label, rings in m.contours.items():
        points = np.round(rings[0][:, ::-1] * k * 8).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(canvas, [points], True, KINDS[kinds.get(label, "counted")].colour, 1, cv2.LINE_AA, shift=3)
    temporary = folder / f"{THUMBNAIL}.tmp"
    temporary.write_bytes(jpeg_bytes(np.asarray(canvas, np.uint8), longest=_LONG_SIDE_PX))
    temporary.replace(folder / THUMBNAIL)
