"""Particles of known size for the metrology benchmarks: exact maps for the measuring step, micrographs for the network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nanogauge.training.synthetic import Particle, Scene
from nanogauge.training.synthetic.imaging import Look, expose, paint

_FINE = 8  # samples of a pixel along each axis
_MARGIN_PX = 9


@dataclass(frozen=True)
class RenderedMap:
    """probability, labels: (H, W); truth: label, true_px (area-equivalent), true_max_px, true_min_px."""

    probability: NDArray[np.float32]
    labels: NDArray[np.int32]
    truth: pd.DataFrame


@dataclass(frozen=True)
class RenderedMicrograph:
    """pixels: (H, W) uint8; truth: y, x, true_px, cut (by the frame)."""

    pixels: NDArray[np.uint8]
    truth: pd.DataFrame


def covered(shape: tuple[int, int], y: float, x: float, a: float, b: float, angle: float) -> NDArray[np.float32]:
    """(h, w) share of each pixel inside an ellipse of semi-axes a (along the angle) and b."""
    at = [(np.arange(n * _FINE) + 0.5) / _FINE - 0.5 for n in shape]
    dy, dx = at[0][:, None] - y, at[1][None] - x
    u, v = dx * math.cos(angle) - dy * math.sin(angle), dx * math.sin(angle) + dy * math.cos(angle)
    inside = ((u / a) ** 2 + (v / b) ** 2 <= 1).astype(np.float32)
    return inside.reshape(shape[0], _FINE, shape[1], _FINE).mean((1, 3), dtype=np.float32)


def blurred(p: NDArray[np.float32], blur_px: float, noise: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A coverage map as a network would give it: its edge spread over some px, and unsure here and there."""
    p = cv2.GaussianBlur(p, (0, 0), blur_px)
    if noise:
        rough = cv2.GaussianBlur(rng.standard_normal(p.shape).astype(np.float32), (0, 0), 1.0)
        p = p + noise / float(rough.std()) * rough * 4 * p * (1 - p)  # only where it is unsure at all
    return np.asarray(np.clip(p, 0, 1), np.float32)


def particle_map(
    diameter: float, *, n: int, seed: int, blur_px: float, noise: float = 0.0, aspect: float = 1.0, touching: bool = False
) -> RenderedMap:
    """n particles (or pairs that touch) of one size in a grid, at random places within their pixel and random angles."""
    rng = np.random.default_rng(seed)
    a, b = diameter / 2 / math.sqrt(aspect), diameter / 2 * math.sqrt(aspect)
    h = math.ceil(2 * a) + 2 * _MARGIN_PX
    w = h + (math.ceil(diameter) if touching else 0)
    columns = max(1, round(math.sqrt(n)))
    rows = -(-n // columns)
    p, labels = np.zeros((rows * h, columns * w), np.float32), np.zeros((rows * h, columns * w), np.int32)
    for i in range(n):
        y, x = h / 2 + rng.uniform(-0.5, 0.5), h / 2 + rng.uniform(-0.5, 0.5)
        angle = rng.uniform(0, math.pi)
        parts = [covered((h, w), y, x, a, b, angle)]
        if touching:
            parts.append(covered((h, w), y, x + diameter, a, b, angle))
        patch = blurred(np.minimum(sum(parts), 1), blur_px, noise, rng)
        own = np.argmax([cv2.GaussianBlur(q, (0, 0), 2.0) for q in parts], axis=0)
        window = np.s_[i // columns * h : i // columns * h + h, i % columns * w : i % columns * w + w]
        p[window] = patch
        labels[window] = np.where(patch > 0.5, len(parts) * i + own + 1, 0)
    n_labels = n * (2 if touching else 1)
    known: dict[str, Any] = {"label": np.arange(1, n_labels + 1), "true_px": diameter, "true_max_px": 2 * a, "true_min_px": 2 * b}
    return RenderedMap(p, _largest_pieces(labels), pd.DataFrame(known))


def _largest_pieces(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Labels without specks that noise cut off."""
    n, pieces, stats, _ = cv2.connectedComponentsWithStats((labels > 0).astype(np.uint8), connectivity=4)
    del n
    return np.where(stats[pieces, cv2.CC_STAT_AREA] > 3, labels, 0).astype(np.int32)


def sample_map(rng: np.random.Generator, *, median_px: float, gsd: float, n: int) -> RenderedMap:
    """A field of about n particles from a lognormal law, as many of any size to a place, those cut by the frame too.

    All outlines lie off alike, as far as a level of 0.3 to 0.7 leaves open: what the budget takes the truth to be.
    """
    mean_square = median_px**2 * math.exp(2 * math.log(gsd) ** 2)
    side = math.sqrt(n * mean_square * 6)
    height, width = math.ceil(side * 0.85) + 20, math.ceil(side / 0.85) + 20
    p = np.zeros((height, width), np.float32)
    labels = np.zeros((height, width), np.int32)
    widest = median_px * gsd**3  # centres so far outside may show
    level, blur = rng.uniform(0.3, 0.7), rng.uniform(0.4, 0.7)
    for label in range(1, round(n * (height + 2 * widest) * (width + 2 * widest) / (height * width)) + 1):
        d = median_px * gsd ** rng.standard_normal()
        r = d / 2
        reach = math.ceil(r / math.sqrt(0.8)) + 3
        y, x = rng.uniform(-widest, height + widest), rng.uniform(-widest, width + widest)
        free = False
        for _ in range(300):
            ys, xs = max(round(y) - reach, 0), max(round(x) - reach, 0)
            ye, xe = min(round(y) + reach, height), min(round(x) + reach, width)
            window = np.s_[ys:ye, xs:xe]
            whole = ys > 0 and xs > 0 and ye < height and xe < width
            free = ye - ys > 1 and xe - xs > 1 and not labels[window].any()
            if free or not whole:
                break
            y, x = rng.uniform(reach + 1, height - reach - 1), rng.uniform(reach + 1, width - reach - 1)
        if not free:  # one that the frame would cut, where another lies: it would not count
            continue
        aspect = rng.uniform(0.8, 1.0)
        part = covered((ye - ys, xe - xs), y - ys, x - xs, r / math.sqrt(aspect), r * math.sqrt(aspect), rng.uniform(0, math.pi))
        p[window] = np.maximum(p[window], part)
        labels[window] = np.where(part > 0, label, labels[window])
    p = blurred(p, blur, 0.05, rng)
    p = np.asarray(np.clip(p + 0.5 - level, 0, 1) * ((p > 0.02) & (p < 0.98)) + (p >= 0.98), np.float32)
    near = cv2.dilate(labels.astype(np.float32), np.ones((5, 5), np.uint8)).astype(np.int32)
    return RenderedMap(p, np.where(p > 0.5, np.where(labels > 0, labels, near), 0).astype(np.int32), pd.DataFrame())


_CLEAN = {"background": 0.25, "contrast": 0.35, "edge": 0.15, "noise": 0.02, "blur_px": 0.7}
MICROGRAPH_CASES: dict[str, dict[str, float]] = {
    "clean": {},
    "low contrast": {"contrast": 0.1, "edge": 0.2},
    "noisy": {"noise": 0.1},
    "blurred": {"blur_px": 1.8},
    "touching": {"touching": 1.0},
}


def sphere_micrograph(rng: np.random.Generator, *, median_px: float, gsd: float, case: str) -> RenderedMicrograph:
    """Spheres on an even ground, sizes from a lognormal law; "touching": in rows that touch along x."""
    how = dict(MICROGRAPH_CASES[case])
    touching = bool(how.pop("touching", 0.0))
    base = {"body_spread": 0.03, "light": 0.05, "shadow": 0.1, "texture": 0.0, "ground_texture": 0.02, "gradient": 0.05}
    pitch = median_px * gsd * gsd * 1.35 + 6
    n = int(np.clip((640 / pitch) ** 2, 25, 150))
    columns = math.ceil(math.sqrt(n * 1.25))
    height, width = math.ceil(pitch * -(-n // columns)), math.ceil(pitch * columns)
    particles = []
    x_end = 0.0
    for i in range(n):
        d = median_px * gsd ** rng.standard_normal()
        row, column = divmod(i, columns)
        jitter = (pitch - d) / 2 if pitch > d else 0.0
        y = (row + 0.5) * pitch + (rng.uniform(-0.5, 0.5) if touching else rng.uniform(-jitter, jitter) * 0.8)
        x = (column + 0.5) * pitch + rng.uniform(-jitter, jitter) * 0.8
        if touching and column % 2 == 1 and x_end > 0:
            x = x_end + d / 2
        x_end = x + d / 2
        particles.append(Particle("sphere", float(y), float(x), float(d)))
    look = Look(**(_CLEAN | base | how))
    picture, _ = paint(Scene(shape=(height, width)), particles, look, rng)
    truth = pd.DataFrame([{"y": p.y, "x": p.x, "true_px": p.diameter} for p in particles])
    r = truth["true_px"] / 2
    truth["cut"] = (truth["y"] - r < 0) | (truth["x"] - r < 0) | (truth["y"] + r > height - 1) | (truth["x"] + r > width - 1)
    return RenderedMicrograph(expose(picture, look, rng), truth)
