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
from scipy import fft, ndimage

Floats = NDArray[np.float64]

_LONGEST = 512  # of the map in which lags are looked at: averaging keeps the integral
_ALIKE = 0.3  # of the variance: lags at which the covariance is higher show in which direction it falls off how fast
_DIRECTIONS = 24  # of the half circle
_MOST_SPREAD = 4.0
_REACH = 4.0  # lags up to so many radii of the integral range count (Sokal's window, in two dimensions)


@dataclass(frozen=True)
class Correlation:
    """Of one phase of one map, in px.

    covariance: of the indicator at lags (dy, dx), zero beyond the reach; lag: what a cell is in px
    integral_range: px² that count as one independent observation, at least 1
    extent: px along y and x, sides of a rectangle as large as the integral of |covariance| / variance and as oblong as the
        covariance: how large blocks must be to differ
    """

    covariance: Floats
    lag: float
    integral_range: float
    extent: tuple[float, float]

    def variance_of_mean(self, height: float, width: float) -> float:
        """Variance of the phase's share of a field of height x width px."""
        y, x = (np.abs(np.arange(n) - n // 2) * self.lag for n in self.covariance.shape)
        window = np.maximum(1 - y / height, 0)[:, None] * np.maximum(1 - x / width, 0)[None, :]
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
    y, x = (np.arange(-(n // 2), n // 2 + 1) for n in (height, width))
    pairs, sums = pairs[np.ix_(y, x)], sums[np.ix_(y, x)]
    raw = np.divide(sums, pairs, out=np.zeros_like(sums), where=pairs > 0.5)
    nugget = mean * (1 - mean)  # the variance of a pixel; that of an average over cells is less
    distance, spread = _distances(raw / max(float(raw.max()), 1e-12), y, x)
    window = np.maximum(1 - np.abs(y) / height, 0)[:, None] * np.maximum(1 - np.abs(x) / width, 0)[None, :]
    ring = np.ceil(distance).astype(np.int64).ravel()
    within, weighted, free = (np.cumsum(np.bincount(ring, v.ravel())) for v in (raw, raw * window, window))
    n_lags = np.cumsum(np.bincount(ring))
    area = height * width
    lost = np.maximum(weighted / np.maximum(area - free, 0.05 * area), 0)
    of_radius = (within + n_lags * lost) / nugget  # integral range by the radius up to which lags count
    far = np.arange(of_radius.size) >= np.maximum(_REACH * np.sqrt(np.maximum(of_radius, 1) / math.pi), 1)
    radius = int(np.argmax(far)) if far.any() else of_radius.size - 1
    covariance = np.where(distance <= radius, raw + lost[radius], 0.0)
    integral = float(covariance.sum()) / nugget * k * k
    size = math.sqrt(max(float(np.abs(covariance).sum()) / nugget * k * k, 1.0))
    return Correlation(covariance, float(k), max(integral, 1.0), (size * spread, size / spread))


def _distances(correlation: Floats, y: NDArray[np.int64], x: NDArray[np.int64]) -> tuple[Floats, float]:
    """Distance of each lag, in the measure in which the correlation falls off alike in all directions: layers are alike far along
    themselves. And √(reach along y over reach along x)."""
    lengths, angles = np.hypot(y[:, None], x[None, :]), np.arctan2(y[:, None], x[None, :]) % math.pi
    labels, _ = ndimage.label(ndimage.uniform_filter(correlation, 3) > _ALIKE)
    own = labels == labels[y.size // 2, x.size // 2]
    if labels[y.size // 2, x.size // 2] == 0:
        return lengths, 1.0
    bin_of = np.minimum((angles / math.pi * _DIRECTIONS).astype(np.int64), _DIRECTIONS - 1)
    reach = np.ones(_DIRECTIONS)
    np.maximum.at(reach, bin_of[own], lengths[own])
    reach = ndimage.uniform_filter1d(ndimage.maximum_filter1d(reach, 3, mode="wrap"), 3, mode="wrap")  # few pixels, if any, in each
    middles = (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS * math.pi
    mean = math.sqrt(float((reach**2).mean()))
    along = np.interp(angles, np.concatenate([middles - math.pi, middles, middles + math.pi]), np.tile(reach, 3))
    along_y, along_x = (max(float((v**2 * own).sum()), 1.0) for v in (y[:, None], x[None, :]))
    return lengths * mean / along, float(np.clip((along_y / along_x) ** 0.25, 1 / _MOST_SPREAD, _MOST_SPREAD))


def _averaged(mask: NDArray[np.bool_], k: int) -> Floats:
    """A mask as shares of cells of k x k px; what is left over at the end is dropped."""
    h, w = (n // k * k for n in mask.shape)
    whole = mask[:h, :w].astype(np.float32)
    return np.asarray(cv2.resize(whole, (w // k, h // k), interpolation=cv2.INTER_AREA) if k > 1 else whole, np.float64)
