"""Whether a micrograph shows a mat or a net of fibres, in which no particle is to be measured."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .find import fibres_among, lines_in
from .widths import Box

_LOOK_PX = 256  # longest side of the picture that is looked at
_SHORTEST_PX, _MOST_PIECES = 12.0, 400  # pieces that are followed: a mat has long ones, and of a grainy picture all are short
_LEAST_FIBRES = 4
_LEAST_LENGTH = 4.0  # of all of them together, in sides of the frame
_LONG = 8.0  # widths
_SPANS = 0.5  # of the frame's shorter side
_SEEN_ENDS = 0.25  # of all ends: more, and they are rods


def n_fibres_of_mat(pixels: NDArray[Any], frame: Box) -> int:
    """How many long fibres the picture is full of; 0 where it is no mat. Rods, whose ends are in sight, make none."""
    y0, x0, y1, x1 = frame
    grey = np.asarray(pixels[y0:y1, x0:x1], np.float32)
    if min(grey.shape) < 64 or not np.ptp(grey) > 0:
        return 0
    zoom = min(1.0, _LOOK_PX / max(grey.shape))
    small = grey if zoom == 1 else np.asarray(cv2.resize(grey, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), np.float32)
    sign, lines = lines_in(small, shortest=_SHORTEST_PX, most=_MOST_PIECES)
    if not _many([(line.length, line.width) for line in lines], min(small.shape)):
        return 0
    found = fibres_among(small, lines, sign)
    if found is None:
        return 0
    ends = [end for f in found.fibres for end in f.ends]
    if ends.count("seen") > _SEEN_ENDS * len(ends):
        return 0
    return _many([(f.length, f.usual_width) for f in found.fibres], min(small.shape))


def _many(fibres: list[tuple[float, float]], side: int) -> int:
    """How many are long, of lengths and widths; 0 where these are few or too short together."""
    long = [length for length, width in fibres if length > max(_LONG * width, _SPANS * side)]
    return len(long) if len(long) >= _LEAST_FIBRES and sum(long) > _LEAST_LENGTH * side else 0
