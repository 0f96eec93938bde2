"""Copy-paste augmentation: whole particles of annotated micrographs laid into a crop (Ghiasi et al., CVPR 2021).

It makes what hand annotation has least of: overlaps, touching neighbours of other shapes, and particles on grounds that are not
their own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .real import Real

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
LEAST_SHARE = 0.2  # a particle of which less stays visible is gone from the labels


def paste_particles(
    grey: U8, labels: I32, donor: Real, zoom: float, rng: np.random.Generator, *, n: int, match: bool
) -> tuple[U8, I32, set[int]]:
    """Grey levels (H, W), labels (H, W) with up to `n` particles of `donor` laid over them, and the labels that changed.

    zoom: crop px per donor px
    match: bring the donor's grey levels to the crop's mean and deviation (for a donor from another micrograph)
    """
    if not len(donor.whole):
        return grey, labels, set()
    picture: Any = grey.astype(np.float32)
    labels = labels.copy()
    area = np.bincount(labels.ravel())
    gain, offset = 1.0, 0.0
    if match:
        gain = float(np.clip(grey.std() / max(float(donor.grey.std()), 1.0), 0.3, 3.0))
        offset = float(grey.mean()) - gain * float(donor.grey.mean())
    changed: set[int] = set()
    for _ in range(n):
        piece = _cut_out(donor, int(rng.choice(donor.whole)), zoom * math.exp(rng.normal(0, 0.2)), rng, largest=min(grey.shape))
        if piece is None:
            continue
        values, mask = piece
        h, w = mask.shape
        y, x = (int(rng.integers(-length // 2, full - length // 2)) for length, full in ((h, grey.shape[0]), (w, grey.shape[1])))
        y0, x0, y1, x1 = max(y, 0), max(x, 0), min(y + h, grey.shape[0]), min(x + w, grey.shape[1])
        if y1 - y0 < 4 or x1 - x0 < 4:
            continue
        window, cut = np.s_[y0:y1, x0:x1], np.s_[y0 - y : y1 - y, x0 - x : x1 - x]
        alpha = cv2.GaussianBlur(mask, (0, 0), 0.8)[cut]
        picture[window] += alpha * (gain * values[cut] + offset - picture[window])
        inside = mask[cut] > 0.5
        changed |= set(np.unique(labels[window][inside]).tolist())
        number = int(labels.max()) + 1
        labels[window][inside] = number
        changed.add(number)
    changed.discard(0)
    left = np.bincount(labels.ravel(), minlength=len(area))
    for old in [k for k in changed if k < len(area) and left[k] < LEAST_SHARE * area[k]]:
        labels[labels == old] = 0
        changed.discard(old)
    return np.asarray(np.clip(np.round(picture), 0, 255), np.uint8), labels, changed


def _cut_out(donor: Real, label: int, zoom: float, rng: np.random.Generator, *, largest: float) -> tuple[F32, F32] | None:
    """Grey levels and mask (0..1) of one particle of the donor, turned and zoomed; None where it is too small or large."""
    y0, x0, y1, x1 = (int(v) for v in donor.boxes[label - 1])
    long_side = zoom * math.hypot(y1 - y0, x1 - x0)
    if zoom * min(y1 - y0, x1 - x0) < 5 or long_side > largest:
        return None
    side = math.ceil(long_side) + 6
    angle = rng.uniform(0, 2 * math.pi)
    c, s = zoom * math.cos(angle), zoom * math.sin(angle)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    matrix = np.array([[flip * c, -s, 0.0], [flip * s, c, 0.0]])
    matrix[:, 2] = side / 2 - matrix[:, :2] @ np.array([(x1 - x0 - 1) / 2 + 4, (y1 - y0 - 1) / 2 + 4])
    h, w = donor.grey.shape
    window = np.s_[max(y0 - 4, 0) : min(y1 + 4, h), max(x0 - 4, 0) : min(x1 + 4, w)]
    matrix[:, 2] += matrix[:, :2] @ np.array([max(4 - x0, 0) * 1.0, max(4 - y0, 0) * 1.0])
    grey: Any = donor.grey[window].astype(np.float32)
    mask: Any = (donor.labels[window] == label).astype(np.float32)
    if zoom < 0.8:  # blur away what the coarser grid cannot hold
        sigma, by = 0.45 / zoom, max(int(0.5 / zoom), 1)
        if by > 1:  # most of it by averaging squares, as wide kernels take long
            grey, mask = (_averaged(a, by) for a in (grey, mask))
            matrix[:, 2] += matrix[:, :2] @ np.full(2, (by - 1) / 2)
            matrix[:, :2] *= by
            sigma = math.sqrt(sigma**2 - (by**2 - 1) / 12) / by
        grey, mask = (cv2.GaussianBlur(a, (0, 0), sigma) for a in (grey, mask))
    values = cv2.warpAffine(grey, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values, np.float32), np.asarray(cv2.warpAffine(mask, matrix, (side, side)), np.float32)


def _averaged(picture: F32, by: int) -> F32:
    """(H, W) -> (ceil(H / by), ceil(W / by)): means of squares of `by` px."""
    h, w = picture.shape
    whole = cv2.copyMakeBorder(picture, 0, -h % by, 0, -w % by, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(whole, (-(-w // by), -(-h // by)), interpolation=cv2.INTER_AREA), np.float32)
