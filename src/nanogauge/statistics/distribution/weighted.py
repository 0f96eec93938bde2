"""Weighted values: checks, quantiles, mean and spread. What all of the distribution stands on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Unit = Literal["nm", "px"]
Weighting = Literal["number", "volume"]
Floats = NDArray[np.float64]


def weighted(values: ArrayLike, weights: ArrayLike | None, name: str) -> tuple[Floats, Floats]:
    """Values with a weight above 0, sorted, and their weights."""
    x = np.asarray(values, np.float64)
    if x.ndim != 1:
        raise ValueError(f"{name} must be (n,), got shape {x.shape}")
    w = np.ones(x.shape) if weights is None else np.asarray(weights, np.float64)
    if w.shape != x.shape:
        raise ValueError(f"weights must have the shape of {name}, {x.shape}, got {w.shape}")
    for what, array in ((name, x), ("weights", w)):
        if not np.isfinite(array).all():
            raise ValueError(f"{what} must be finite, got {array[~np.isfinite(array)][0]}")
    if (w < 0).any():
        raise ValueError(f"weights must be 0 or positive, got {w.min()}")
    order = np.argsort(x, kind="stable")
    order = order[w[order] > 0]
    return x[order], w[order]


def checked(diameters: ArrayLike, weights: ArrayLike | None, unit: str, weighting: str) -> tuple[Floats, Floats]:
    """Positive diameters with a weight above 0, sorted, and their weights. Raises ValueError for what does not fit."""
    if unit not in ("nm", "px"):
        raise ValueError(f"unit must be 'nm' or 'px', got {unit!r}")
    if weighting not in ("number", "volume"):
        raise ValueError(f"weighting must be 'number' or 'volume', got {weighting!r}")
    smallest = np.min(np.asarray(diameters, np.float64), initial=math.inf)
    if smallest <= 0:
        raise ValueError(f"diameters must be positive, got {smallest}")
    return weighted(diameters, weights, "diameters")


def quantiles_of_rows(x: Floats, v: Floats, probabilities: Sequence[float]) -> Floats:
    """(len(probabilities), B) quantiles of the rows of x (B, n), sorted along n, under weights v > 0."""
    n = x.shape[1]
    at = np.cumsum(v, axis=1) - v / 2
    at -= at[:, :1].copy()
    span = at[:, -1]
    rows = np.arange(x.shape[0])
    out = np.empty((len(probabilities), x.shape[0]))
    for k, p in enumerate(probabilities):
        target = p * span
        right = np.minimum(np.maximum((at <= target[:, None]).sum(axis=1), 1), n - 1)
        left = np.maximum(right - 1, 0)
        gap = at[rows, right] - at[rows, left]
        part = np.divide(target - at[rows, left], gap, out=np.zeros(rows.size), where=gap > 0)
        out[k] = x[rows, left] + np.clip(part, 0, 1) * (x[rows, right] - x[rows, left])
    return out


def mean_sd(x: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Mean and maximum likelihood sd, (B,), of the rows of x under weights v."""
    total = v.sum(axis=1)
    mean = (v * x).sum(axis=1) / total
    return mean, np.sqrt((v * (x - mean[:, None]) ** 2).sum(axis=1) / total)
