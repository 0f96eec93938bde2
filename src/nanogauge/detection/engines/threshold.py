"""The classical way, as a baseline: Otsu's threshold and a distance watershed (what "Analyze Particles" users do in ImageJ)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.segmentation import watershed


class ThresholdEngine:
    """Otsu + distance watershed. Particles are the class that fills less of the frame's rim."""

    name = "threshold"
    sha256 = ""
    stride = 1
    tile_px = 1 << 20
    working_diameter_px: float | None = None
    sees_px = (0.0, float("inf"))
    detection: Mapping[str, float] = MappingProxyType({})
    calibration: Mapping[str, float] | None = None

    def predict(self, tile: NDArray[np.float32]) -> NDArray[Any]:
        """Grey levels (H, W) -> (3, H, W): 0/1 foreground, 0/1 boundary, normalised distance."""
        if float(tile.max()) - float(tile.min()) < 1e-6:
            return np.zeros((3, *tile.shape), np.float32)
        smooth = gaussian(tile, 1.0, preserve_range=True)
        mask = smooth > threshold_otsu(smooth)
        rim = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        if rim.mean() > 0.5:
            mask = ~mask
        mask = ndimage.binary_fill_holes(ndimage.binary_opening(mask))
        distance = gaussian(ndimage.distance_transform_edt(mask), 1.0, preserve_range=True)
        parts, _ = ndimage.label(mask)
        peaks = peak_local_max(distance, min_distance=5, labels=parts, exclude_border=False)
        seeds = np.zeros(tile.shape, np.int32)
        seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
        labels = watershed(-distance, seeds, mask=mask)
        boundary = np.zeros(tile.shape, bool)
        for axis in (0, 1):
            a = np.swapaxes(labels, 0, axis)
            b = np.swapaxes(boundary, 0, axis)
            meet = (a[1:] != a[:-1]) & (a[1:] > 0) & (a[:-1] > 0)
            b[1:] |= meet
            b[:-1] |= meet
        n = int(labels.max())
        peak = np.maximum(ndimage.maximum(distance, labels, np.arange(n + 1)), 1e-6) if n else np.ones(1)
        normal = np.where(labels > 0, distance / np.asarray(peak)[labels], 0)
        return np.stack([mask, boundary, normal]).astype(np.float32)
