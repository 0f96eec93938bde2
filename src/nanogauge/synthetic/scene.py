"""Where the particles lie: sizes, shapes and positions of a scene, drawn from a seeded generator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .shapes import SHAPES, Particle, ShapeKind

Layout = Literal["sparse", "clusters", "monolayer", "pile"]
Mode = Literal["sem", "tem", "stem"]
LAYOUTS: tuple[Layout, ...] = ("sparse", "clusters", "monolayer", "pile")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What to render. Sizes are number-weighted medians in px; `geometric_sd` is the lognormal's GSD (>= 1)."""

    shape: tuple[int, int] = (512, 640)  # (H, W) of the picture, data bar excluded
    mode: Mode = "sem"
    layout: Layout = "clusters"
    kinds: tuple[ShapeKind, ...] = ("sphere",)
    median_diameter_px: float = 32.0
    geometric_sd: float = 1.15
    second_mode: float = 0.0  # share of a second population at 0.4 of the size
    aspect: tuple[float, float] = (0.8, 1.0)
    roughness: float = 0.0
    coverage: float = 0.25  # share of the frame under particles
    overlap: float = 0.15  # how far neighbours may overlap, as a share of their summed radii
    max_particles: int = 1500


def random_scene(rng: np.random.Generator, shape: tuple[int, int], *, median_diameter_px: float | None = None) -> Scene:
    """A scene of any kind the renderer knows, for pretraining: sparse to piled, 6 to 200 px, monodisperse to broad."""
    d = float(np.exp(rng.uniform(math.log(8), math.log(140)))) if median_diameter_px is None else median_diameter_px
    layout = LAYOUTS[rng.choice(4, p=[0.3, 0.35, 0.15, 0.2])]
    kind = SHAPES[rng.choice(len(SHAPES), p=[0.32, 0.16, 0.14, 0.1, 0.12, 0.06, 0.1])]
    kinds: tuple[ShapeKind, ...] = (kind,)
    if rng.random() < 0.15:
        kinds = (kind, SHAPES[rng.integers(len(SHAPES))])
    if kind == "rod":
        low = rng.uniform(0.15, 0.6)
        aspect = (low, min(low + 0.25, 1.0))
    elif kind in ("ellipsoid", "irregular", "platelet"):
        low = rng.uniform(0.45, 0.9)
        aspect = (low, 1.0)
    else:
        aspect = (0.93, 1.0)
    return Scene(
        shape=shape,
        mode=("sem", "tem", "stem")[rng.choice(3, p=[0.55, 0.37, 0.08])],
        layout=layout,
        kinds=kinds,
        median_diameter_px=d,
        geometric_sd=float(1 + rng.gamma(1.2, 0.13)),
        second_mode=float(rng.choice([0.0, 0.3, 0.6], p=[0.85, 0.1, 0.05])),
        aspect=aspect,
        roughness=float(rng.choice([0.0, 0.015, 0.03, 0.06], p=[0.4, 0.3, 0.2, 0.1])) + (0.06 if kind == "irregular" else 0),
        coverage=float(rng.uniform(0.03, 0.3) if layout in ("sparse", "clusters") else rng.uniform(0.4, 1.3)),
        overlap=float(rng.choice([0.0, 0.08, 0.2, 0.35], p=[0.35, 0.3, 0.2, 0.15])),
    )


def draw_particles(scene: Scene, rng: np.random.Generator) -> list[Particle]:
    """The scene's particles, lowest first (later ones lie on top)."""
    h, w = scene.shape
    mean_area = math.pi / 4 * scene.median_diameter_px**2 * math.exp(2 * math.log(scene.geometric_sd) ** 2)
    margin = scene.median_diameter_px
    area = (h + margin) * (w + margin)
    n = int(np.clip(rng.poisson(max(scene.coverage * area / mean_area, 1)), 1, scene.max_particles))
    d = scene.median_diameter_px * np.exp(rng.normal(0, math.log(scene.geometric_sd), n))
    d = np.where(rng.random(n) < scene.second_mode, 0.4 * d, d)
    d = np.clip(d, 2.5, 0.9 * min(h, w) if n > 1 else 1.2 * min(h, w))
    centres = _positions(scene, d, rng)
    keep = ~np.isnan(centres[:, 0])
    orient = rng.uniform(0, math.pi) if rng.random() < 0.3 else None
    particles = []
    for (y, x), size in zip(centres[keep], d[keep], strict=True):
        kind = scene.kinds[rng.integers(len(scene.kinds))]
        angle = rng.uniform(0, math.pi) if orient is None else orient + rng.normal(0, 0.1)
        aspect = 1.0 if kind == "sphere" else float(rng.uniform(*scene.aspect))
        n_sides = int(rng.integers(3, 9)) if kind == "polyhedron" else 6
        particles.append(
            Particle(
                kind, float(y), float(x), float(size), aspect, float(angle), scene.roughness, n_sides, int(rng.integers(2**31))
            )
        )
    return particles


def _positions(scene: Scene, d: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Centres (n, 2) as (y, x), NaN where no place was found."""
    h, w = scene.shape
    n = len(d)
    r = d / 2
    lo, hi = np.array([-r.mean(), -r.mean()]), np.array([h + r.mean(), w + r.mean()])
    if scene.layout == "pile":
        return rng.uniform(lo, hi, (n, 2))
    if scene.layout == "monolayer":
        pitch = 2 * np.quantile(r, 0.7) * (1 + rng.uniform(-0.02, 0.15))
        rows = np.arange(lo[0], hi[0], pitch * math.sqrt(3) / 2)
        grid = np.array([(y, x + (i % 2) * pitch / 2) for i, y in enumerate(rows) for x in np.arange(lo[1], hi[1], pitch)])
        turn = rng.uniform(0, math.pi / 3)
        c, s = math.cos(turn), math.sin(turn)
        middle = np.array([h / 2, w / 2])
        grid = (grid - middle) @ np.array([[c, s], [-s, c]]) + middle
        grid = grid[rng.random(len(grid)) < min(scene.coverage, 0.97)]
        grid = grid[rng.permutation(len(grid))][:n] + rng.normal(0, 0.04 * pitch, (min(len(grid), n), 2))
        out = np.full((n, 2), np.nan)
        out[: len(grid)] = grid
        return out
    out = np.full((n, 2), np.nan)
    placed = 0
    for i in rng.permutation(n):
        for _ in range(8):
            if scene.layout == "clusters" and placed and rng.random() < 0.75:
                done = np.flatnonzero(~np.isnan(out[:, 0]))
                j = done[rng.integers(len(done))]
                theta = rng.uniform(0, 2 * math.pi)
                reach = (r[i] + r[j]) * (1 - scene.overlap * rng.random()) * (1 + 0.05 * rng.random())
                at = out[j] + reach * np.array([math.sin(theta), math.cos(theta)])
                if (at < lo).any() or (at > hi).any():
                    continue
            else:
                at = rng.uniform(lo, hi)
            gap = np.hypot(*(out - at).T) - (r + r[i]) * (1 - scene.overlap)
            if not (gap < -1e-9).any():
                out[i] = at
                placed += 1
                break
    return out
