"""Windows of a rescaled picture, computed from windows of the picture: what cv2.resize gives for the whole, piece by piece.

Each method is a sparse matrix in rows and one in columns (separable), so any window of the result needs only the pixels under it.
The weights are OpenCV's: areas of overlap (INTER_AREA), cubic with a = -0.75 (INTER_CUBIC), linear (INTER_LINEAR), edges repeated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

F32 = NDArray[np.float32]
Method = Literal["area", "cubic", "linear"]
_CUBIC = -0.75
_SLIVER = 1e-3  # overlaps up to this are left out, as OpenCV does


@dataclass(frozen=True)
class Weights:
    """Weights of the places `first` ... `last` (exclusive) of the picture in some places of the result: (n, last - first)."""

    matrix: sparse.csr_array
    first: int
    last: int


def weights(length: int, to: int, begin: int, end: int, *, method: Method) -> Weights:
    """Weights for the places begin ... end of a line of `length` pixels rescaled `to` pixels."""
    step = length / to
    i = np.arange(begin, end)
    if method == "area":
        low, high = i * step, np.minimum((i + 1) * step, length)
        k = np.arange(math.ceil(step) + 1)
        taps = np.floor(low).astype(np.int64)[:, None] + k
        share = np.clip(np.minimum(high[:, None], taps + 1) - np.maximum(low[:, None], taps), 0, None)
        share[share <= _SLIVER] = 0
        share /= (high - low)[:, None]
    else:
        centre = (i + 0.5) * step - 0.5
        floor = np.floor(centre)
        t = (centre - floor)[:, None]
        if method == "linear":
            taps, share = floor.astype(np.int64)[:, None] + np.arange(2), np.concatenate([1 - t, t], axis=1)
        else:
            taps, a = floor.astype(np.int64)[:, None] + np.arange(-1, 3), _CUBIC
            outer, inner, beyond = ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a, _inner(t, a), _inner(1 - t, a)
            share = np.concatenate([outer, inner, beyond, 1 - outer - inner - beyond], axis=1)
    taps = np.clip(taps, 0, length - 1)
    used = taps[share != 0]
    first, last = int(used.min()), int(used.max()) + 1
    rows = np.broadcast_to(np.arange(i.size)[:, None], taps.shape)
    keep = share != 0
    matrix = sparse.csr_array(
        (share[keep].astype(np.float32), (rows[keep], taps[keep] - first)), shape=(i.size, last - first), dtype=np.float32
    )
    return Weights(matrix, first, last)


def _inner(t: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    return np.asarray(((a + 2) * t - (a + 3)) * t * t + 1, np.float64)


def resample(window: F32, rows: Weights, columns: Weights) -> F32:
    """The rescaled window from the pixels that its weights ask for: rows.first:rows.last, columns.first:columns.last."""
    if window.shape != (rows.last - rows.first, columns.last - columns.first):
        raise ValueError(f"window must be {(rows.last - rows.first, columns.last - columns.first)}, got {window.shape}")
    tall = rows.matrix @ window
    return np.ascontiguousarray((columns.matrix @ tall.T).T, np.float32)
