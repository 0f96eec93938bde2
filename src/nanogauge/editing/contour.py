"""Outlines to draw: smooth, between the pixels where the probability map is known, as they are measured."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray

from .patches import Labels

_INSIDE, _OUTSIDE, _NEIGHBOUR = 0.55, 0.45, 0.2
_TOLERANCE_PX = 0.12


def outline_of(
    label: int, box: tuple[int, int, int, int], labels: Labels, probability: NDArray[np.floating[Any]] | None
) -> list[list[float]]:
    """Rings of a particle, each flat [x0, y0, x1, y1 ...] in px, pixel centres at integers, closed implicitly.

    box: (y0, x0, y1, x1) of the particle; labels, probability: (H, W). Where the map says 0.5 between a pixel of the particle and
    one of the background, the ring runs there, else midway.
    """
    y0, x0, y1, x1 = box
    window = np.zeros((y1 - y0 + 4, x1 - x0 + 4), np.float64)
    h, w = labels.shape
    a, b, c, d = max(y0 - 2, 0), max(x0 - 2, 0), min(y1 + 2, h), min(x1 + 2, w)
    part = labels[a:c, b:d]
    own = part == label
    if probability is None:
        field = np.where(own, _INSIDE, _OUTSIDE)
    else:
        p = probability[a:c, b:d]
        other = (part > 0) & ~own
        near = np.pad(other, 1)
        beside = near[:-2, 1:-1] | near[2:, 1:-1] | near[1:-1, :-2] | near[1:-1, 2:]  # two particles meet midway
        inside = np.where(beside, 1 - _NEIGHBOUR, np.maximum(p, _INSIDE))
        field = np.where(own, inside, np.where(other, _NEIGHBOUR, np.minimum(p, _OUTSIDE)))
    window[a - y0 + 2 : c - y0 + 2, b - x0 + 2 : d - x0 + 2] = field
    rings = []
    for line in contour_generator(z=window).lines(0.5):
        ring = np.asarray(line, np.float32)  # (x, y), closed
        if len(ring) < 5:
            continue
        simple = cv2.approxPolyDP(ring[:-1].reshape(-1, 1, 2), _TOLERANCE_PX, True).reshape(-1, 2)
        if len(simple) >= 3:
            rings.append(np.round(simple.astype(np.float64) + np.array([x0 - 2, y0 - 2]), 2).ravel().tolist())
    return sorted(rings, key=len, reverse=True)
