"""Particles with a ring round them that is bright where they are dark, or dark where they are bright.

A defocused transmission image has such a ring outside each particle (a Fresnel fringe: Williams and Carter, Transmission Electron
Microscopy, 2nd ed., ch. 23.7), charging makes one in a scanning microscope; and a shell or a bright rim is one inside. Grey levels
do not say which, and people draw either. Where the outline runs along the ring's outside it is a matter of a ring's width.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .confidence import inside_and_around, outermost

_BLUR_PX = 1.0
_LEAST_RADIUS_PX = 6.0  # in smaller ones a ring and a middle hardly show
_SHELLS = 8  # from the outline to the middle, of equal depth; the inner half is the middle
_GAP_PX, _AROUND_PX = 2, 8  # of what a particle is compared with
_LEAST_PX = 5  # of a shell that counts, and of the middle
_EITHER = 0.33  # of the other contrast, that of ring and of middle at least
_CLEAR = 0.06  # of the picture's range of grey levels


def ringed(labels: NDArray[np.integer], grey: NDArray[np.generic]) -> tuple[int, int]:
    """Of how many particles of a picture (H, W) ring and middle can be told apart, and in how many they are of unlike sign."""
    n = int(labels.max(initial=0))
    if not n:
        return 0, 0
    level = cv2.GaussianBlur(np.asarray(grey, np.float32), (0, 0), _BLUR_PX)
    _, around = inside_and_around(labels, level, gap_px=_GAP_PX, ring_px=_AROUND_PX)
    number, total, radius = _shells(labels, level)
    ring, middle = np.s_[:, : _SHELLS // 2], np.s_[:, _SHELLS // 2 :]
    contrast = total[middle].sum(axis=1) / np.maximum(number[middle].sum(axis=1), 1) - around
    shells = np.where(number[ring] < _LEAST_PX, 0, total[ring] / np.maximum(number[ring], 1) - around[:, None])
    other = np.where(contrast < 0, shells.max(axis=1), -shells.min(axis=1))  # of the other sign than the middle
    told = (radius >= _LEAST_RADIUS_PX) & np.isfinite(around) & (number[:, :2].min(axis=1) >= _LEAST_PX)
    told &= number[middle].sum(axis=1) >= _LEAST_PX
    told[0] = False
    low, high = np.percentile(level, (1, 99))
    size, least = np.abs(contrast), _CLEAR * (high - low)
    unlike = told & (other > np.maximum(_EITHER * size, least)) & (size > np.maximum(_EITHER * other, least))
    return int(told.sum()), int(unlike.sum())


def _shells(
    labels: NDArray[np.integer], level: NDArray[np.generic]
) -> tuple[NDArray[np.integer], NDArray[np.float64], NDArray[np.float64]]:
    """Number of pixels (n + 1, shells) and sum of their grey levels by depth below the outline, and radius (n + 1,) in px."""
    n = int(labels.max()) + 1
    depth = cv2.distanceTransform((~outermost(labels)).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    inside = labels > 0
    own = labels[inside].astype(np.int64)
    radius = np.sqrt(np.bincount(own, minlength=n) / np.pi)
    shell = np.minimum(depth[inside] / np.maximum(radius[own], 1.0) * _SHELLS, _SHELLS - 1).astype(np.int64)
    at, size = own * _SHELLS + shell, n * _SHELLS
    number = np.bincount(at, minlength=size).reshape(n, _SHELLS)
    total = np.asarray(np.bincount(at, level[inside], size), np.float64).reshape(n, _SHELLS)
    return number, total, radius
