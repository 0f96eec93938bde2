"""Supports: carbon blacks and oxide grains that carry a catalyst's small particles. These are measured, not what bears them.

Grains stick to each other in clouds of uneven thickness, with outlines that wander, without edges between the grains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from .textures import Array, Shape, mottle, noise_field


@dataclass(frozen=True, kw_only=True)
class Support:
    """Clouds of grains about `grain_px` wide. `mass` is what a pixel of them absorbs or scatters beside a pixel of a particle
    (TEM, STEM), `tone` their brightness beside the particles' own (SEM)."""

    n: int
    grain_px: float
    grain_spread: float = 0.3  # standard deviation of ln
    n_clouds: int = 1
    apart: float = 0.7  # distance of neighbours over the sum of their radii
    roughness: float = 0.2  # how far outlines wander, in grain radii
    texture: float = 0.2  # unevenness of the thickness, as a share
    texture_px: float = 8.0
    tone: float = -0.1
    mass: float = 0.2

    @property
    def width_px(self) -> float:
        return self.grain_px


def lay_support(shape: Shape, support: Support, rng: np.random.Generator) -> tuple[Array, Array]:
    """A support's clouds as the maps of `layers.Layers`: stack (6, H, W) of cover, top, slope_y, slope_x, depth, tone, and
    thickness (H, W)."""
    h, w = shape
    stack, thickness, top = np.zeros((6, h, w), np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    radii = 0.5 * support.grain_px * np.exp(rng.normal(0, support.grain_spread, support.n))
    wander = np.float32(0.5 * support.roughness * support.grain_px)
    sway_y, sway_x = (wander * noise_field(rng, shape, max(0.5 * support.grain_px, 2)) for _ in range(2))
    centres = _clouds(shape, radii, support, rng)
    for (y, x), r in zip(centres, radii, strict=True):
        reach = math.ceil(r + 3 * wander)
        y0, y1, x0, x1 = max(int(y) - reach, 0), min(int(y) + reach, h), max(int(x) - reach, 0), min(int(x) + reach, w)
        if y0 >= y1 or x0 >= x1:
            continue
        at = np.s_[y0:y1, x0:x1]
        dy = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(y) + sway_y[at]
        dx = np.arange(x0, x1, dtype=np.float32)[None] - np.float32(x) + sway_x[at]
        half = np.sqrt(np.maximum(np.float32(r * r) - dy * dy - dx * dx, 0))
        thickness[at] += 2 * half
        np.maximum(top[at], np.where(half > 0, half + np.float32(r), 0), out=top[at])
    uneven = np.maximum(1 + np.float32(support.texture) * mottle(rng, shape, support.texture_px), np.float32(0.2))
    stack[0] = np.minimum(thickness / 2, 1)
    stack[1] = top * uneven
    stack[2], stack[3] = (cv2.Sobel(stack[1], cv2.CV_32F, *d, ksize=1, scale=0.5) for d in ((0, 1), (1, 0)))
    stack[4] = cv2.distanceTransform((stack[0] > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    stack[5] = np.float32(support.tone) * stack[0]
    return stack, thickness * uneven * np.float32(support.mass)


def _clouds(shape: Shape, radii: np.ndarray, support: Support, rng: np.random.Generator) -> np.ndarray:
    """Centres (n, 2): each grain beside an earlier one of its cloud."""
    centres = np.zeros((support.n, 2))
    cloud = rng.integers(support.n_clouds, size=support.n)
    for i in range(support.n):
        before = np.flatnonzero(cloud[:i] == cloud[i])
        if not len(before):
            centres[i] = rng.uniform(0, 1, 2) * shape
            continue
        j, turn = int(before[rng.integers(len(before))]), rng.uniform(0, 2 * math.pi)
        step = support.apart * (radii[i] + radii[j])
        centres[i] = centres[j] + step * np.array([math.sin(turn), math.cos(turn)])
    return centres
