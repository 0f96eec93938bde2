"""Local thickness: the diameter of the largest disc that lies in the phase and holds the point (Hildebrand & Rüegsegger,
J. Microsc. 185 (1997) 67), by distance transforms, one a size of discs.

Discs are taken as if the phase went on beyond the frame. A thickness is then right exactly where it is no larger than the point's
distance from the frame, and points where it is count one over the chance of that (Horvitz & Thompson 1952).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_RATIO = 1.05  # of a size of discs to the one before
_MOST_PX = 1500  # of the longer side: larger maps are thinned
_BEYOND = (
    0.1  # px from an outline to the nearest middle of a pixel outside: 0 where it runs aslant, a quarter on average along rows
)
_LARGEST = 0.45  # of the shorter side: larger discs are hardly ever wholly in sight


@dataclass(frozen=True)
class Thickness:
    """Of one phase of one map, in px.

    diameter, area: the phase's area, weighted, at each thickness
    sums: (b, 2) of each block, Σ weight · thickness and Σ weight
    hidden: share of the phase's pixels whose thickness cannot be told, as they lie too near the frame
    """

    diameter: Floats
    area: Floats
    sums: Floats
    hidden: float


def local_thickness(inside: NDArray[np.bool_], judged: NDArray[np.bool_], block: NDArray[np.int64]) -> Thickness:
    """Thickness of a phase.

    inside, judged: (H, W); what is not judged bounds nothing and holds no point; block: (H, W) numbers for `sums`
    """
    n_blocks = int(block.max()) + 1
    step = max(1, -(-max(inside.shape) // _MOST_PX))
    known, block = judged[::step, ::step], block[::step, ::step]
    own = inside[::step, ::step] & known
    open_ = own | ~known
    n_own = int(own.sum())
    if n_own == 0 or open_.all():
        return Thickness(np.zeros(0), np.zeros(0), np.zeros((n_blocks, 2)), 1.0 if n_own else 0.0)
    thick = np.where(own, _diameters(open_), 0)
    h, w = own.shape
    y, x = np.arange(h) + 0.5, np.arange(w) + 0.5
    margin = np.minimum(np.minimum(y, h - y)[:, None], np.minimum(x, w - x)[None, :])
    seen = own & (thick <= np.minimum(margin, _LARGEST * min(h, w)))
    values = thick[seen]
    weights = h * w / ((h - 2 * values) * (w - 2 * values))
    sizes, which = np.unique(values, return_inverse=True)
    area = np.bincount(which, weights, sizes.size)
    of_blocks = [np.bincount(block[seen], v, n_blocks) for v in (weights * values * step, weights)]
    return Thickness(sizes * step, area * step**2, np.stack(of_blocks, axis=1), 1 - values.size / n_own)


def _diameters(inside: NDArray[np.bool_]) -> Floats:
    """(H, W) diameter of the largest disc in sight that lies in the phase and holds the pixel."""
    to_edge = _distance(inside) - _BEYOND
    top = min(float(to_edge.max()), float(max(inside.shape)))
    thick = np.ones(inside.shape)
    for r in 0.5 * _RATIO ** np.arange(math.ceil(math.log(max(2 * top, 1)) / math.log(_RATIO)) + 2):
        centres = to_edge >= r
        if not centres.any():
            break
        thick[(_distance(~centres) <= r) & inside] = r * (1 + _RATIO)  # the middle of the sizes up to the next
    return thick


def _distance(mask: NDArray[np.bool_]) -> Floats:
    """(H, W) distance of each pixel from the nearest that is not in the mask."""
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float64)
