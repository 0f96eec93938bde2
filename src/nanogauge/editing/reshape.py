"""Shapes of particles mended without a stroke: filled, smoothed, grown, shrunk, cut at their necks. Pure functions, as `edits`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from ..core.errors import EditError
from .edits import LEAST_PIXELS, disc, patch_of, window_of
from .patches import Labels, Patch

Mask = NDArray[np.bool_]
_SMOOTHED = 0.06  # of the diameter: bumps narrower than this go
_LEAST_SMOOTHED_PX = 1.2
_NECK = 0.08  # of the inscribed radius by which a neck must be narrower than both sides
_LEAST_NECK_PX = 0.75


def fill(labels: Labels, chosen: Sequence[int]) -> Patch:
    """Holes of particles filled, where no other particle lies in them."""
    return _each(labels, chosen, lambda mask: ndimage.binary_fill_holes(mask), "there is no hole in what is selected")


def smooth(labels: Labels, chosen: Sequence[int]) -> Patch:
    """Outlines smoothed: bumps and dents narrower than some 6 % of the diameter go, the area stays."""
    return _each(labels, chosen, _smoothed, "the outline is smooth already")


def grow(labels: Labels, chosen: Sequence[int]) -> Patch:
    """Particles one pixel larger all round, up to their neighbours."""
    return _each(labels, chosen, lambda mask: cv2.dilate(mask.astype(np.uint8), disc(1)) > 0, "there is no room to grow")


def shrink(labels: Labels, chosen: Sequence[int]) -> Patch:
    """Particles one pixel smaller all round. Raises EditError where nothing would be left."""
    return _each(labels, chosen, lambda mask: cv2.erode(mask.astype(np.uint8), disc(1), borderValue=1) > 0, "nothing changed")


def part(labels: Labels, chosen: Sequence[int], *, next_label: int) -> Patch:
    """Particles cut at their necks: by a watershed on the distance from the outline, with a middle for each lobe that a neck
    separates clearly (h-maxima; Soille, Morphological Image Analysis (2003), 6.3). The largest piece keeps the number."""
    y, x, window = window_of(labels, chosen, margin=1)
    after = window.copy()
    for label in chosen:
        mask = window == label
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        if not depth.any():
            continue
        middles, n = ndimage.label(h_maxima(depth, max(_NECK * float(depth.max()), _LEAST_NECK_PX)), np.ones((3, 3)))
        if n < 2:
            continue
        basins = watershed(-depth, middles, mask=mask)
        area = np.bincount(basins.ravel(), minlength=n + 1)[1:]
        for k in np.argsort(-area, kind="stable")[1:]:
            if area[k] >= LEAST_PIXELS:
                after[basins == k + 1] = next_label
                next_label += 1
    return patch_of(window, after, (y, x), "no neck to cut at: draw a line across with the split tool")


def _each(labels: Labels, chosen: Sequence[int], change: Callable[[Mask], Mask], nothing: str) -> Patch:
    y, x, window = window_of(labels, chosen, margin=3)
    after = window.copy()
    for label in chosen:
        mask = window == label
        wanted = np.asarray(change(mask), bool) & ((after == 0) | mask)
        if wanted.sum() < LEAST_PIXELS:
            raise EditError(f"hardly anything would be left of particle {label}: delete it instead")
        after[mask] = 0
        after[wanted] = label
    return patch_of(window, after, (y, x), nothing)


def _smoothed(mask: Mask) -> Mask:
    area = int(mask.sum())
    sigma = max(_SMOOTHED * 2 * float(np.sqrt(area / np.pi)), _LEAST_SMOOTHED_PX)
    reach = int(np.ceil(4 * sigma))
    blurred = cv2.GaussianBlur(np.pad(mask, reach, mode="edge").astype(np.float32), (0, 0), sigma)[reach:-reach, reach:-reach]
    level = float(np.partition(blurred.ravel(), -area)[-area])  # the area stays
    pieces, n = ndimage.label(blurred >= max(level, 1e-6))
    if n < 2:
        return np.asarray(pieces > 0)
    return np.asarray(pieces == int(np.bincount(pieces.ravel())[1:].argmax()) + 1)
