"""What the frame and the size window do to a particle: flags, and the weight of those that remain."""

from __future__ import annotations

import numpy as np

from ..core.particles import Flag
from .run_lengths import Floats, Ints

EDGE_WEIGHT_CAP = 10.0  # one particle nearly as large as the frame must not outvote all others

Frame = tuple[int, int, int, int]


def frame_flags(boxes: Ints, frame: Frame, shape: tuple[int, int]) -> Ints:
    """(n,) TOUCHES_BORDER and TOUCHES_DATA_BAR: a pixel in the outermost rows or columns of the frame, or beyond them.

    Data bars lie below a picture or above it.
    """
    y0, x0, y1, x1 = boxes
    sides = (
        (y0 <= frame[0], frame[0] == 0),
        (x0 <= frame[1], True),
        (y1 >= frame[2], frame[2] == shape[0]),
        (x1 >= frame[3], True),
    )
    flags = np.zeros(y0.size, np.int64)
    for touches, is_border in sides:
        flags |= np.where(touches, (Flag.TOUCHES_BORDER if is_border else Flag.TOUCHES_DATA_BAR).value, 0)
    return flags


def window_flags(
    equivalent_diameter_px: Floats, boxes: Ints, frame: Frame, *, least_diameter_px: float, largest_frame_share: float
) -> Ints:
    """(n,) TOO_SMALL and TOO_LARGE: outside the size window, by equivalent diameter and by share of the frame's height or width."""
    flags = np.where(equivalent_diameter_px < least_diameter_px, Flag.TOO_SMALL.value, 0)
    share = np.maximum((boxes[2] - boxes[0]) / (frame[2] - frame[0]), (boxes[3] - boxes[1]) / (frame[3] - frame[1]))
    return np.asarray(flags | np.where(share > largest_frame_share, Flag.TOO_LARGE.value, 0), np.int64)


def frame_weights(boxes: Ints, frame: Frame) -> Floats:
    """(n,) HW / ((H - h)(W - w)): one over the chance that a particle of h x w px lies wholly within the frame of H x W px."""
    height, width = frame[2] - frame[0], frame[3] - frame[1]
    room = np.maximum(height - (boxes[2] - boxes[0]), 0) * np.maximum(width - (boxes[3] - boxes[1]), 0)
    return np.asarray(np.minimum(height * width / np.maximum(room, 1), EDGE_WEIGHT_CAP), np.float64)
