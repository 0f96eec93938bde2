"""Which particles can be seen at all: truth that nobody could draw is not learnable, and is left out.

Rose's criterion (J. Opt. Soc. Am. 1948, 38, 196): an object is detected when its contrast times the square root of the pixels
it covers is at least five times the noise of a pixel.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from .looks import Look
from .textures import Array, wide_blur

Moment = NDArray[np.float64]
ROSE = 5.0
MIN_SHARE_OF_RANGE = 0.02  # about five of 256 grey levels once the file's contrast is stretched
_TEXTURE_SHARE = 0.35


def unseen(picture: Array, labels: NDArray[np.int32], n: int, look: Look) -> NDArray[np.bool_]:
    """Flags (n + 1,) for n particles, entry 0 False: those whose rim or body stands out too little from the background beside
    them, against noise, the background's own texture or the range of grey levels. Particles with no background beside them
    are judged by the whole background. A particle without a pixel is not flagged."""
    if not labels.any():
        return np.zeros(n + 1, bool)
    seen = wide_blur(picture, max(look.blur_px, 0.5))
    reach = np.ones((5, 5), np.uint8)
    numbers = labels.astype(np.float32)
    grown = cv2.dilate(numbers, reach)
    near = np.flatnonzero((grown > 0) & (labels == 0))
    inner = np.flatnonzero((cv2.erode(numbers, reach) != numbers) & (labels > 0))
    covered = np.flatnonzero(labels)
    area, body, _ = _moments(labels.ravel()[covered], seen.ravel()[covered], n)
    n_around, beside, variance = _moments(grown.ravel()[near].astype(np.int32), seen.ravel()[near], n)
    rim = _moments(labels.ravel()[inner], seen.ravel()[inner], n)[1]
    free = seen[labels == 0]
    alone = n_around < 4
    beside[alone] = float(free.mean()) if free.size else float(seen.min())
    variance[alone] = 0
    contrast = np.maximum(np.abs(body - beside), np.abs(rim - beside))
    level = np.maximum(2 * np.maximum(beside, body), 0.05)
    n_free = np.maximum(area / (1 + 4 * math.pi * look.noise_px**2), 1)
    low, high = np.quantile(seen[::4, ::4], [0.005, 0.995])
    needed = np.maximum(ROSE * look.noise * np.sqrt(level / n_free), _TEXTURE_SHARE * np.sqrt(variance))
    flags = contrast < np.maximum(needed, MIN_SHARE_OF_RANGE * (high - low))
    flags &= area > 0
    flags[0] = False
    return np.asarray(flags, bool)


def _moments(labels: NDArray[np.int32], values: Array, n: int) -> tuple[Moment, Moment, Moment]:
    """Number of pixels, mean and variance of the values of each label 0..n."""
    count = np.bincount(labels, minlength=n + 1).astype(float)
    some = np.maximum(count, 1)
    mean = np.bincount(labels, values, n + 1) / some
    return count, mean, np.maximum(np.bincount(labels, values.astype(float) ** 2, n + 1) / some - mean**2, 0)
