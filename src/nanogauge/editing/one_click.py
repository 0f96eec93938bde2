"""One click on a particle that was missed -> its pixels: from the probability map where that sees something, else from the grey
levels round the click.

The map: the piece of it above a level that holds the click, cut from its neighbours by a watershed. The grey levels: the closed
path round the click along which they change most steeply, found by dynamic programming in polar coordinates (Sun & Pallottino,
Pattern Recognit. 36 (2003) 105); particles are taken to be star-shaped about the click.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from ..core.errors import EditError
from ..results.interchange.shapes import fill
from .edits import LEAST_PIXELS
from .patches import Labels

Floats = NDArray[np.float64]
_LEVELS = (0.5, 0.35, 0.2)
_LARGEST = 3.0  # typical diameters across: more than one particle
_N_ANGLES = 72
_LEAST_RISE = 2.0  # of the path's mean slope over the scatter of slopes round the click


@dataclass(frozen=True, slots=True)
class Proposal:
    """mask (h, w) with its upper left pixel at `corner` (y, x); found_in: what it was found in."""

    mask: NDArray[np.bool_]
    corner: tuple[int, int]
    found_in: Literal["probability map", "grey levels"]


def propose(
    click: tuple[float, float],
    *,
    labels: Labels,
    pixels: NDArray[np.generic],
    probability: NDArray[np.floating] | None,
    typical_diameter_px: float,
) -> Proposal:
    """The particle under a click (y, x).

    labels, pixels, probability: (H, W); typical_diameter_px: median equivalent diameter of the micrograph's particles, 0 where
    there are none. Raises EditError where the click lies on a particle or nothing stands out there.
    """
    h, w = labels.shape
    y, x = round(click[0]), round(click[1])
    if not (0 <= y < h and 0 <= x < w):
        raise EditError("click within the picture")
    if labels[y, x]:
        raise EditError("there is already a particle here: split it, or redraw its outline")
    typical = typical_diameter_px or max(h, w) / 20
    reach = math.ceil(1.2 * _LARGEST * typical / 2) + 8
    y0, x0, y1, x1 = max(y - reach, 0), max(x - reach, 0), min(y + reach + 1, h), min(x + reach + 1, w)
    box, at = np.s_[y0:y1, x0:x1], (y - y0, x - x0)
    taken = labels[box] > 0
    mask, found_in = None, "probability map"
    if probability is not None:
        mask = _from_map(np.asarray(probability[box], np.float64), taken, at, _LARGEST * typical)
    if mask is None:
        grey = np.asarray(pixels[box], np.float64)
        mask, found_in = _from_grey(grey, taken, at, typical), "grey levels"
        if mask is not None and mask.any():  # once more from its middle: rays that start there cross the edge squarely
            cy, cx = (round(float(v.mean())) for v in np.nonzero(mask))
            again = _from_grey(grey, taken, (cy, cx), typical) if mask[cy, cx] else None
            mask = again if again is not None and again[at] else mask
    if mask is None or mask.sum() < LEAST_PIXELS:
        raise EditError("no edge stands out around this point: draw the outline with the polygon or the brush")
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    tight = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    corner = (y0 + int(rows[0]), x0 + int(columns[0]))
    return Proposal(tight, corner, "probability map" if found_in == "probability map" else "grey levels")


def _from_map(p: Floats, taken: NDArray[np.bool_], at: tuple[int, int], largest_px: float) -> NDArray[np.bool_] | None:
    """The piece of the map that holds the click, from the highest level at which there is one."""
    smooth = cv2.GaussianBlur(p, (0, 0), 0.8)
    for level in _LEVELS:
        if smooth[at] <= level:
            continue
        above = (smooth > level) & ~taken
        parts, _ = ndimage.label(above)
        if not parts[at]:
            continue
        piece = _own_basin(parts == parts[at], at)
        filled = ndimage.binary_fill_holes(piece) & ~taken
        if 2 * math.sqrt(filled.sum() / math.pi) <= largest_px:
            return np.asarray(filled, bool)
    return None


def _own_basin(piece: NDArray[np.bool_], at: tuple[int, int]) -> NDArray[np.bool_]:
    """The part of a piece about the click, where necks join it to others."""
    depth = cv2.distanceTransform(np.pad(piece, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    middles, n = ndimage.label(depth > 0.75 * depth.max())
    peaks = [depth[at]] if n < 2 else None
    if peaks is not None:
        return piece
    basins = watershed(-depth, middles, mask=piece)
    return np.asarray(basins == basins[at], bool)


def _from_grey(grey: Floats, taken: NDArray[np.bool_], at: tuple[int, int], typical: float) -> NDArray[np.bool_] | None:
    """What lies within the closed path of steepest change round the click."""
    most = min(_LARGEST * typical / 2, max(grey.shape) / 2)
    least = max(0.12 * typical, 2.0)
    n_radii = max(math.ceil(2 * (most - least)), 8)
    radius = np.linspace(least, most, n_radii)
    angle = np.arange(_N_ANGLES) * (2 * np.pi / _N_ANGLES)
    yy, xx = at[0] + np.outer(np.sin(angle), radius), at[1] + np.outer(np.cos(angle), radius)
    smooth = cv2.GaussianBlur(grey, (0, 0), max(0.8, 0.02 * typical))
    rays = ndimage.map_coordinates(smooth, [yy, xx], order=1, mode="nearest")
    slope = np.gradient(rays, radius, axis=1)
    scatter = float(np.sqrt((slope**2).mean()))
    if scatter < 1e-9:
        return None
    blocked = ndimage.map_coordinates(taken.astype(np.float64), [yy, xx], order=0, mode="nearest") > 0
    blocked = np.maximum.accumulate(blocked, axis=1)
    best, path = -math.inf, None
    for sign in (1.0, -1.0):  # darker or brighter than its surroundings, the same all round
        gain = sign * slope / scatter - 0.15 * (radius / typical)[None]
        gain[blocked] = -0.5
        score, found = _closed_path(gain)
        if score > best:
            best, path = score, found
    if path is None or best < _LEAST_RISE * 0.5:
        return None
    r = radius[path]
    r = np.minimum(r, np.where(blocked.any(1), radius[np.argmax(blocked, axis=1)], np.inf))
    ring = np.stack([at[0] + r * np.sin(angle), at[1] + r * np.cos(angle)], axis=1)
    patch = fill([ring + 0.5], (grey.shape[0], grey.shape[1]))
    if patch is None:
        return None
    out = np.zeros(grey.shape, bool)
    out[patch.y0 : patch.y0 + patch.mask.shape[0], patch.x0 : patch.x0 + patch.mask.shape[1]] = patch.mask
    return np.asarray(out & ~taken, bool)


def _closed_path(gain: Floats) -> tuple[float, NDArray[np.int64]]:
    """The closed path through gain (angles, radii) of greatest mean, one radius a ray, neighbours at most one step apart.

    Twice round with the best start of the first round held: closed in practice, and n times faster than trying every start.
    """
    n_angles, n_radii = gain.shape
    twice = np.vstack([gain, gain])
    total = np.full((2 * n_angles, n_radii), -np.inf)
    came = np.zeros((2 * n_angles, n_radii), np.int64)
    total[0] = twice[0]
    for i in range(1, 2 * n_angles):
        padded = np.pad(total[i - 1], 1, constant_values=-np.inf)
        options = np.stack([padded[:-2], padded[1:-1] + 0.05, padded[2:]])  # straight on is a little cheaper
        step = options.argmax(0)
        total[i] = twice[i] + options[step, np.arange(n_radii)]
        came[i] = np.arange(n_radii) + step - 1
    path = np.zeros(2 * n_angles, np.int64)
    path[-1] = int(total[-1].argmax())
    for i in range(2 * n_angles - 1, 0, -1):
        path[i - 1] = came[i, path[i]]
    middle = path[n_angles // 2 : n_angles // 2 + n_angles]
    round_ = np.roll(middle, n_angles // 2)
    return float(gain[np.arange(n_angles), round_].mean()), round_
