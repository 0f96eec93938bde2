"""Grey levels as edges are sought in them: their noise, smoothed, between pixels, and where a row of values peaks."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

F32 = NDArray[np.float32]
LEAST_BLUR_PX, _MOST_BLUR_PX = 0.5, 1.6  # the picture is smoothed by as much, by its noise


def noise_of(grey: F32) -> float:
    """Standard deviation of the white noise in a picture (Immerkær, CVIU 64 (1996) 300)."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(np.abs(cv2.filter2D(grey, -1, kernel)).mean()) * math.sqrt(math.pi / 2) / 6


def smoothed(grey: F32, radius: float, *, by: float | None = None) -> tuple[F32, float]:
    """The picture, smoothed `by` so many px, or as its noise asks for, and less for small particles; and by how much."""
    if by is not None:
        return np.asarray(cv2.GaussianBlur(grey, (0, 0), by), np.float32), by
    contrast = max(float(cv2.GaussianBlur(grey, (0, 0), 2.0).std()), 1e-6)
    least, most = LEAST_BLUR_PX, _MOST_BLUR_PX
    sigma = float(np.clip(least + 2 * noise_of(grey) / contrast, least, max(least, min(most, 0.2 * radius))))
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.float32), sigma


def sampled(picture: F32, y: F32, x: F32) -> F32:
    """Bilinear, in between to the last digit: OpenCV before 5 rounds places to 1/32 px."""
    return np.asarray(ndimage.map_coordinates(picture, (y, x), order=1, mode="nearest", prefilter=False), np.float32)


def vertex(values: F32, k: NDArray[np.int64]) -> F32:
    """Where the parabola through a peak and its neighbours is highest, in states from k; values (..., k), k (...)."""
    last = values.shape[-1] - 1
    three = [np.take_along_axis(values, np.clip(k + d, 0, last)[..., None], -1)[..., 0] for d in (-1, 0, 1)]
    bend = three[0] - 2 * three[1] + three[2]
    vertex = np.where(bend < -1e-9, (three[0] - three[2]) / np.where(bend < -1e-9, 2 * bend, 1), 0)
    return np.asarray(np.clip(vertex, -0.5, 0.5) * ((k > 0) & (k < last)), np.float32)
