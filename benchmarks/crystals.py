"""Crystals of particles with known grains, for the benchmark of order: places, a map of the grains, and micrographs of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nanogauge.training.synthetic import Particle, Scene
from nanogauge.training.synthetic.imaging import Look, expose, paint

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Crystal:
    """at: (n, 2) places; diameter: (n,); grain: (n,) from 0; direction_deg: (g,); seeds: (g, 2), a place is of the grain whose seed
    is nearest; vacancies: how many places in the frame were left empty; shape: of the frame; spacing: lattice constant."""

    at: Floats
    diameter: Floats
    grain: NDArray[np.int64]
    direction_deg: Floats
    seeds: Floats
    vacancies: int
    shape: tuple[int, int]
    spacing: float
    fold: int

    def grain_at(self, places: Floats) -> NDArray[np.int64]:
        """The grain of each of (m, 2) places."""
        return np.asarray(cKDTree(self.seeds).query(places)[1], np.int64)


def crystal(
    rng: np.random.Generator,
    *,
    lattice: Literal["hexagonal", "square"] = "hexagonal",
    n_grains: int = 8,
    n: int = 4000,
    spacing: float = 20.0,
    jitter: float = 0.04,
    vacancies: float = 0.0,
    spread: float = 0.05,
    fill: float = 0.8,
    least_turn_deg: float = 6.0,
) -> Crystal:
    """n particles or so in Voronoi grains of evenly spread seeds; neighbouring lattices are turned by at least `least_turn_deg`.

    jitter: standard deviation of places along each axis, in spacings; vacancies: share of places left empty
    spread: coefficient of variation of the diameters, whose mean is `fill` spacings
    """
    fold = 6 if lattice == "hexagonal" else 4
    cell = spacing**2 * (math.sqrt(3) / 2 if fold == 6 else 1.0)
    side = math.sqrt(n * cell)
    shape = (round(side / 1.1), round(side * 1.1))
    margin = 2 * spacing
    low, high = np.array([-margin, -margin]), np.array(shape) + margin
    seeds = _even(rng, n_grains, shape)
    direction = _directions(rng, seeds, shape, 360 / fold, least_turn_deg)
    tree = cKDTree(seeds)
    places, grains = [], []
    reach = math.hypot(*(high - low))
    m = math.ceil(reach / spacing) + 2
    i, j = np.meshgrid(np.arange(-m, m + 1), np.arange(-m, m + 1))
    flat = np.stack([i.ravel(), j.ravel()], axis=1).astype(float)
    basis = np.array([[1.0, 0.0], [0.5, math.sqrt(3) / 2]] if fold == 6 else [[1.0, 0.0], [0.0, 1.0]]) * spacing
    xy = flat @ basis
    for g, angle in enumerate(np.deg2rad(direction)):
        x = xy[:, 0] * math.cos(angle) - xy[:, 1] * math.sin(angle)
        y = -(xy[:, 0] * math.sin(angle) + xy[:, 1] * math.cos(angle))  # counter-clockwise as one sees it
        at = np.stack([y, x], axis=1) + seeds[g] + rng.uniform(-0.5, 0.5, 2) * spacing
        at = at[((at > low) & (at < high)).all(axis=1)]
        own = tree.query(at)[1] == g
        places.append(at[own])
        grains.append(np.full(int(own.sum()), g))
    at, grain = np.concatenate(places), np.concatenate(grains)
    keep = _apart(at, grain, 0.75 * spacing)
    at, grain = at[keep], grain[keep]
    gone = rng.random(len(at)) < vacancies
    inside = ((at > 0) & (at < shape)).all(axis=1)
    at = at + rng.normal(0, jitter * spacing, at.shape)
    diameter = np.clip(fill * spacing * (1 + spread * rng.standard_normal(len(at))), 0.4 * spacing, 1.2 * spacing)
    n_gone = int((gone & inside).sum())
    return Crystal(at[~gone], diameter[~gone], grain[~gone], direction, seeds, n_gone, shape, spacing, fold)


def micrograph(c: Crystal, rng: np.random.Generator, **how: Any) -> NDArray[np.uint8]:
    """The crystal as a scanning electron micrograph; how: of `Look`."""
    look = Look(**({"background": 0.2, "contrast": 0.4, "edge": 0.2, "noise": 0.05, "blur_px": 0.7, "shadow": 0.2} | how))
    particles = [Particle("sphere", float(y), float(x), float(d)) for (y, x), d in zip(c.at, c.diameter, strict=True)]
    picture, _ = paint(Scene(shape=c.shape, median_diameter_px=float(np.median(c.diameter))), particles, look, rng)
    return expose(picture, look, rng)


def _even(rng: np.random.Generator, n: int, shape: tuple[int, int]) -> Floats:
    """Seeds no two of which are close, some of them near each other all the same."""
    seeds = rng.uniform(0, 1, (1, 2)) * shape
    while len(seeds) < n:
        tried = rng.uniform(0, 1, (6, 2)) * shape
        seeds = np.vstack([seeds, tried[np.argmax(cKDTree(seeds).query(tried)[0])]])
    return np.asarray(seeds, np.float64)


def _directions(rng: np.random.Generator, seeds: Floats, shape: tuple[int, int], period: float, least: float) -> Floats:
    """A direction for each grain, turned against all it touches by at least `least` where that can be."""
    fine = np.stack(np.meshgrid(np.arange(0, shape[0], 4.0), np.arange(0, shape[1], 4.0), indexing="ij"), axis=-1)
    own = cKDTree(seeds).query(fine.reshape(-1, 2))[1].reshape(fine.shape[:2])
    beside: list[set[int]] = [set() for _ in seeds]
    for a, b in ((own[1:], own[:-1]), (own[:, 1:], own[:, :-1])):
        for i, j in np.unique(np.stack([a[a != b], b[a != b]], axis=1), axis=0).tolist():
            beside[i].add(j)
            beside[j].add(i)
    direction = np.full(len(seeds), np.nan)
    for g in range(len(seeds)):
        others = [direction[k] for k in beside[g] if not math.isnan(direction[k])]
        tried = rng.uniform(0, period, 400)
        nearest = np.full(400, period)
        for other in others:
            d = np.mod(tried - other, period)
            nearest = np.minimum(nearest, np.minimum(d, period - d))
        good = np.flatnonzero(nearest >= least)
        direction[g] = tried[good[0] if good.size else np.argmax(nearest)]
    return direction


def _apart(at: Floats, grain: NDArray[np.int64], least: float) -> NDArray[np.bool_]:
    """All but one of two places of different grains that are closer than `least`."""
    keep = np.ones(len(at), bool)
    for i, j in sorted(cKDTree(at).query_pairs(least)):
        if grain[i] != grain[j] and keep[i] and keep[j]:
            keep[j] = False
    return keep
