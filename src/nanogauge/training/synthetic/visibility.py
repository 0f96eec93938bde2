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
_HOST_AREA = 3.0  # what carries another particle is at least so many times as large
_HOST_SHARE = 0.7  # and lies along so much of its outline


def unseen(
    picture: Array, labels: NDArray[np.int32], n: int, look: Look, host: NDArray[np.int32] | None = None
) -> NDArray[np.bool_]:
    """Flags (n + 1,) for n particles, entry 0 False: those whose rim or body stands out too little from the background beside
    them, against noise, the background's own texture or the range of grey levels. Particles that lie on a larger one (`host`, see
    `hosts`) are judged by what is seen of that beside them, others with no background beside them by the whole background. A
    particle without a pixel is not flagged."""
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
    if host is not None and host.any():
        on, under = _facing(labels)
        facing = host[labels.ravel()[on]] == labels.ravel()[under]
        facing &= labels.ravel()[under] > 0
        n_facing, level_facing, variance_facing = _moments(labels.ravel()[on][facing], seen.ravel()[under][facing], n)
        carried = n_facing > 0
        beside[carried], variance[carried] = level_facing[carried], variance_facing[carried]
    contrast = np.maximum(np.abs(body - beside), np.abs(rim - beside))
    level = np.maximum(2 * np.maximum(beside, body), 0.05)
    n_free = np.maximum(area / (1 + 4 * math.pi * look.noise_px**2), 1)
    low, high = np.quantile(seen[::4, ::4], [0.005, 0.995])
    needed = np.maximum(ROSE * look.noise * np.sqrt(level / n_free), _TEXTURE_SHARE * np.sqrt(variance))
    flags = contrast < np.maximum(needed, MIN_SHARE_OF_RANGE * (high - low))
    flags &= area > 0
    flags[0] = False
    return np.asarray(flags, bool)


def hosts(labels: NDArray[np.int32], n: int) -> NDArray[np.int32]:
    """The particle on which each of n lies (n + 1,), 0 for none: several times as large, and along most of its outline."""
    on, under = (labels.ravel()[k] for k in _facing(labels))
    out = np.zeros(n + 1, np.int32)
    both = under > 0
    pair, count = np.unique(on[both].astype(np.int64) * (n + 1) + under[both], return_counts=True)
    above, below = pair // (n + 1), pair % (n + 1)
    area, around = np.bincount(labels.ravel(), minlength=n + 1), np.bincount(on, minlength=n + 1)
    carries = (count > _HOST_SHARE * around[above]) & (area[below] > _HOST_AREA * area[above])
    out[above[carries]] = below[carries]
    return out


def _facing(labels: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flat indices of labelled pixels and of those two pixels away from them that bear another label."""
    width = labels.shape[1]
    down = np.flatnonzero(labels[2:] != labels[:-2])
    row, column = np.divmod(np.flatnonzero(labels[:, 2:] != labels[:, :-2]), max(width - 2, 1))
    right = row * width + column
    first = np.concatenate([down, right])
    second = np.concatenate([down + 2 * width, right + 2])
    on, under = np.concatenate([first, second]), np.concatenate([second, first])
    labelled = labels.ravel()[on] > 0
    return on[labelled], under[labelled]


def _moments(labels: NDArray[np.int32], values: Array, n: int) -> tuple[Moment, Moment, Moment]:
    """Number of pixels, mean and variance of the values of each label 0..n."""
    count = np.bincount(labels, minlength=n + 1).astype(float)
    some = np.maximum(count, 1)
    mean = np.bincount(labels, values, n + 1) / some
    return count, mean, np.maximum(np.bincount(labels, values.astype(float) ** 2, n + 1) / some - mean**2, 0)
