"""How far a phase map is alike: the area that counts as one independent observation, and what blocks of a size lack of it.

The variance of an area fraction over a field A is (1/A²) ∫∫ C(x - y) dx dy, about φ(1 - φ) a / A for a field large against the
integral range a = ∫ C / C(0) (Matheron 1971; Lantuéjoul, J. Microsc. 161 (1991) 387).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float64]

_LONGEST = 512  # of the map in which lags are looked at: averaging keeps the integral
_REACH = 4.0  # lags up to so many radii of the integral range count (Sokal's window, in two dimensions)


@dataclass(frozen=True)
class Correlation:
    """Of one phase of one map, in px.

    covariance: of the indicator at lags (dy, dx), (2R + 1, 2R + 1), zero beyond the reach; lag: what a cell is in px
    integral_range: px² that count as one independent observation, at least 1
    extent: px, side of a square as large as the integral of |covariance| / variance: how large blocks must be to differ
    """

    covariance: Floats
    lag: float
    integral_range: float
    extent: float

    def variance_of_mean(self, height: float, width: float) -> float:
        """Variance of the phase's share of a field of height x width px."""
        r = self.covariance.shape[0] // 2
        at = np.arange(-r, r + 1) * self.lag
        window = np.maximum(1 - np.abs(at) / height, 0)[:, None] * np.maximum(1 - np.abs(at) / width, 0)[None, :]
        return float((self.covariance * window).sum()) * self.lag**2 / (height * width)


def correlation_of(indicator: NDArray[np.bool_], judged: NDArray[np.bool_]) -> Correlation | None:
    """Correlation of a phase; None where it is nowhere, or everywhere.

    The mean is that of the picture itself, so that all covariances are too low by the variance of the mean; that is put back.
    """
    k = max(1, -(-max(indicator.shape) // _LONGEST))
    share, known = (_averaged(a, k) for a in (indicator & judged, judged))
    total = known.sum()
    mean = float(share.sum() / total) if total else 0.0
    if not 0 < mean < 1:
        return None
    height, width = share.shape
    shape = (fft.next_fast_len(2 * height), fft.next_fast_len(2 * width))
    centred = fft.rfft2(share - mean * known, shape)
    weight = fft.rfft2(known, shape)
    pairs = fft.irfft2(np.abs(weight) ** 2, shape)
    sums = fft.irfft2(np.abs(centred) ** 2, shape)
    most = max(2, min(height, width) // 2)
    at = np.arange(-most, most + 1)
    pairs, sums = pairs[np.ix_(at, at)], sums[np.ix_(at, at)]
    distance = np.hypot(at[:, None], at[None, :])
    raw = np.divide(sums, pairs, out=np.zeros_like(sums), where=pairs > 0.5)
    nugget = mean * (1 - mean)  # the variance of a pixel; that of an average over cells is less
    window = np.maximum(1 - np.abs(at) / height, 0)[:, None] * np.maximum(1 - np.abs(at) / width, 0)[None, :]
    ring = np.ceil(distance).astype(np.int64).ravel()
    within, weighted, free = (np.cumsum(np.bincount(ring, v.ravel())) for v in (raw, raw * window, window))
    n_lags = np.cumsum(np.bincount(ring))
    area = height * width
    lost = np.maximum(weighted / np.maximum(area - free, 0.05 * area), 0)
    of_radius = (within + n_lags * lost) / nugget  # integral range by the radius up to which lags count
    far = np.arange(of_radius.size) >= np.maximum(_REACH * np.sqrt(np.maximum(of_radius, 1) / math.pi), 1)
    radius = int(np.argmax(far[: most + 1])) if far[: most + 1].any() else most
    covariance = np.where(distance <= radius, raw + lost[radius], 0.0)
    integral = float(covariance.sum()) / nugget * k * k
    size = float(np.abs(covariance).sum()) / nugget * k * k
    return Correlation(covariance, float(k), max(integral, 1.0), math.sqrt(max(size, 1.0)))


def _averaged(mask: NDArray[np.bool_], k: int) -> Floats:
    """A mask as shares of cells of k x k px; what is left over at the end is dropped."""
    h, w = (n // k * k for n in mask.shape)
    whole = mask[:h, :w].astype(np.float32)
    return np.asarray(cv2.resize(whole, (w // k, h // k), interpolation=cv2.INTER_AREA) if k > 1 else whole, np.float64)
