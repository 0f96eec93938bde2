"""Fibres that cross the whole frame: electrospun mats, filter paper, nanowire and nanotube nets. None of them is a particle.

A fibre is laid along its centre line in a band of pixels, so that a mat of a hundred costs no more than a few particles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .textures import Array, Shape


@dataclass(frozen=True, kw_only=True)
class Mat:
    """Fibres that cross the whole frame: n of them, `width_px` wide. `tone` is their brightness (SEM) beside the
    particles' own, `mass` what a pixel of them absorbs or scatters beside a pixel of a particle (TEM, STEM)."""

    n: int
    width_px: float
    width_spread: float = 0.15  # standard deviation of ln
    n_layers: int = 3
    aligned: float = 0.0  # share of them that lie along one direction
    bend: float = 0.02  # sway as a share of the frame
    round: bool = True  # else flat ribbons
    bore: float = 0.0  # of tubes, as a share of the width
    tone: float = 0.0
    depth_shade: float = 0.15  # how much darker the lowest are
    mass: float = 1.0


def lay_fibres(shape: Shape, mat: Mat, rng: np.random.Generator) -> tuple[Array, Array]:
    """A mat's fibres, lowest first, as the maps of `layers.Layers`: stack (6, H, W) of cover, top, slope_y, slope_x, depth, tone,
    and thickness (H, W)."""
    stack, thickness = np.zeros((6, *shape), np.float32), np.zeros(shape, np.float32)
    main = rng.uniform(0, math.pi)
    for i in range(mat.n):
        angle = main + rng.normal(0, 0.15) if rng.random() < mat.aligned else rng.uniform(0, math.pi)
        width = max(mat.width_px * math.exp(rng.normal(0, mat.width_spread)), 2.5)
        above = i / max(mat.n - 1, 1)  # the deeper, the darker
        tone = mat.tone - mat.depth_shade * (1 - above) + rng.normal(0, 0.03)
        _lay_fibre(stack, thickness, angle, width, 1.2 * mat.width_px * mat.n_layers * above, tone, mat, rng)
    return stack, thickness


def _lay_fibre(
    stack: Array, thickness: Array, angle: float, width: float, height: float, tone: float, mat: Mat, rng: np.random.Generator
) -> None:
    steep = abs(math.sin(angle)) > abs(math.cos(angle))
    if steep:  # along the rows instead
        stack, thickness = stack.transpose(0, 2, 1), thickness.T
    across, along = thickness.shape
    slope = 1 / math.tan(angle) if steep else math.tan(angle)
    at = np.arange(along, dtype=np.float32)
    wave = 2 * math.pi / (along * rng.uniform(0.6, 2.5))
    sway = mat.bend * along * rng.uniform(0.2, 1)
    turn = np.float32(wave) * at + np.float32(rng.uniform(0, 2 * math.pi))
    centre = np.float32(rng.uniform(-0.1, 1.1) * across) + np.float32(slope) * (at - along / 2) + np.float32(sway) * np.sin(turn)
    lean = np.float32(slope) + np.float32(sway * wave) * np.cos(turn)
    upright = 1 / np.sqrt(1 + lean * lean)  # of the normal's component across
    half = np.float32(width / 2)
    reach = math.ceil(float(half / upright.min())) + 1
    rows = np.round(centre).astype(np.int64)[None] + np.arange(-reach, reach + 1)[:, None]
    v = (rows - centre[None]) * upright[None]
    rows, columns, v, lean, upright = _within(rows, v, across, half, lean, upright)
    if not rows.size:
        return
    flat = np.minimum(np.abs(v) / half, np.float32(0.985))
    dome = np.sqrt(1 - flat * flat)
    fall = -np.sign(v) * flat / dome * np.float32(1 if mat.round else 0.3)
    soft = np.minimum(np.maximum(half - np.abs(v) + np.float32(0.5), 0), 1)
    own = np.empty((6, len(rows)), np.float32)
    own[0] = 1
    own[1] = np.float32(height) + half * dome
    own[3 if steep else 2] = fall * upright
    own[2 if steep else 3] = -fall * upright * lean
    own[4] = np.maximum(half - np.abs(v), 0)
    own[5] = tone
    below = stack[:, rows, columns]
    stack[:, rows, columns] = below + soft * (own - below)
    chord = 2 * half * dome
    if mat.bore:  # tubes
        chord = chord - 2 * half * np.sqrt(np.maximum(np.float32(mat.bore**2) - flat * flat, 0))
    thickness[rows, columns] += soft * chord * np.float32(mat.mass)


def _within(
    rows: NDArray[np.int64], v: Array, across: int, half: np.float32, lean: Array, upright: Array
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array, Array, Array]:
    """Row, column, distance from the centre line, and the line's lean, of the band's pixels within the frame."""
    k, columns = np.nonzero((rows >= 0) & (rows < across) & (np.abs(v) < half + np.float32(0.5)))
    return rows[k, columns], columns, v[k, columns], lean[columns], upright[columns]
