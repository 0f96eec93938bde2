"""The cheapest paths through bands, closed or with two ends, of all bands of a group at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_OVERLAP = 32  # nodes that are walked again at either end, so that the path closes


def closed_paths(cost: NDArray[np.float32], step_cost: NDArray[np.float32]) -> NDArray[np.int64]:
    """(p, n) states 0 ... k - 1 of least summed cost in bands (p, n, k), neighbouring nodes at most one state apart.

    step_cost: (p,) what such a step costs. Dynamic programming (Amini, Weymouth & Jain, IEEE TPAMI 12 (1990) 855) over a
    little more than one lap: what comes before decides where the lap begins, so that it ends there too.
    """
    n = cost.shape[1]
    ahead = min(_OVERLAP, n)
    return _walked(cost, step_cost, np.arange(-ahead, n + ahead) % n)[:, ahead : ahead + n]


def open_paths(cost: NDArray[np.float32], step_cost: NDArray[np.float32]) -> NDArray[np.int64]:
    """The same for bands that do not close."""
    return _walked(cost, step_cost, np.arange(cost.shape[1]))


def _walked(cost: NDArray[np.float32], step_cost: NDArray[np.float32], lap: NDArray[np.int64]) -> NDArray[np.int64]:
    """(p, m) states at the nodes of the lap, in its order."""
    p, _, k = cost.shape
    step = step_cost[:, None].astype(np.float32)
    best = cost[:, lap[0]].copy()
    came = np.zeros((lap.size, p, k), np.int8)
    up, down = np.full((p, k), np.inf, np.float32), np.full((p, k), np.inf, np.float32)
    for i in range(1, lap.size):
        np.add(best[:, :-1], step, out=up[:, 1:])
        np.add(best[:, 1:], step, out=down[:, :-1])
        better = up < best
        from_where = came[i]
        np.copyto(from_where, -1, where=better)
        np.minimum(best, up, out=best)
        better = down < best
        np.copyto(from_where, 1, where=better)
        np.minimum(best, down, out=best)
        best += cost[:, lap[i]]
    at = best.argmin(axis=1)
    rows = np.arange(p)
    walked = np.empty((lap.size, p), np.int64)
    for i in range(lap.size - 1, -1, -1):
        walked[i] = at
        at = at + came[i, rows, at]
    return walked.T
