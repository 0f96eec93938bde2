"""Particle shapes: outline and surface of one particle in its own frame.

Every shape is a gauge function rho(v, u) >= 0 in the particle's frame, 1 on the outline, below 1 inside. Coordinates are in
pixels, relative to the centre, axes (v, u) rotated by the particle's angle. Round shapes get their height from the gauge,
crystals (`solids.py`) from their faces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from . import solids
from .textures import wreath

ShapeKind = Literal[
    "sphere", "ellipsoid", "rod", "cube", "polyhedron", "platelet", "irregular", "fibre", "disc", "bipyramid", "octahedron",
]  # fmt: skip
SHAPES: tuple[ShapeKind, ...] = tuple(k for k in get_args(ShapeKind) if k != "octahedron")
"""Those that scenes show. Octahedra that lie as they mostly do are for the network that tells shapes apart (`training.shapes`)."""
SOLID_KINDS = ("cube", "polyhedron", "platelet", "bipyramid", "octahedron")
Structure = Literal[
    "solid", "hollow", "core_shell", "vesicle", "porous", "radial", "decorated", "banded", "lattice",
    "faceted", "bumpy", "wrinkled", "cracked", "dimpled", "cratered",
]  # fmt: skip
STRUCTURES: tuple[Structure, ...] = get_args(Structure)
Array = NDArray[np.float32]
_SMOOTH_BELOW_PX = 6.0  # outlines smaller than this cannot show roughness
_TURN = 512  # samples of the outline's roughness


@dataclass(frozen=True, slots=True)
class Particle:
    """One particle to render. Lengths in px, angle in radians, centre (y, x) with pixel centres at integers."""

    kind: ShapeKind
    y: float
    x: float
    diameter: float  # area-equivalent, before roughness and rounding
    aspect: float = 1.0  # short / long axis, (0, 1]
    angle: float = 0.0
    roughness: float = 0.0  # relative amplitude of the outline's harmonics
    n_sides: int = 6
    seed: int = 0
    bend: float = 0.0  # how far the ends are off the axis, as a share of the long semi-axis
    rounding: float = 0.04  # of a crystal's edges, as a share of its inradius
    structure: Structure = "solid"
    fill: float = 0.7  # radius of core, cavity or pores' zone as a share of the particle's
    level: float = 0.0  # height over the substrate in diameters: 0 on it, 1 on a first layer, ...


def half_axes(p: Particle) -> tuple[float, float]:
    """Semi-axes (short, long) in px such that the outline encloses the area of a circle of the particle's diameter. A sphere has no
    aspect ratio. For crystals those of the ellipse of that area and aspect ratio."""
    if p.kind == "sphere":
        return p.diameter / 2, p.diameter / 2
    area = math.pi * p.diameter**2 / 4
    if p.kind in ("rod", "fibre"):  # spherocylinder: area = pi w^2 + 4 w (l - w), l = w / aspect
        w = math.sqrt(area / (math.pi + 4 * (1 / p.aspect - 1)))
        return w, w / p.aspect
    b = math.sqrt(area * p.aspect / math.pi)
    return b, b / p.aspect


def extents(p: Particle) -> tuple[float, float]:
    """Half-height and half-width in px of an upright box round the centre that holds the whole particle."""
    if p.kind in SOLID_KINDS:
        reach = projection(p).reach * (1 + 2.5 * p.roughness) + 2
        return reach, reach
    b, a = half_axes(p)
    s, c = abs(math.sin(p.angle)), abs(math.cos(p.angle))
    if p.kind in ("rod", "fibre"):
        height, width = (a - b) * s + b, (a - b) * c + b
    else:
        height, width = math.hypot(a * s, b * c), math.hypot(a * c, b * s)
    swell, sag = 1 + 2.5 * p.roughness, 1.15 * abs(p.bend) * a
    return height * swell + sag * c + 2, width * swell + sag * s + 2


def extent(p: Particle) -> float:
    """Radius in px of a circle round the centre that holds the whole particle."""
    return math.hypot(*extents(p))


def projection(p: Particle) -> solids.Projection:
    """The particle's crystal (SOLID_KINDS only)."""
    return solids.project(p.kind, diameter=p.diameter, aspect=p.aspect, angle=p.angle, n_sides=p.n_sides, seed=p.seed)


def own_frame(p: Particle, yy: Array, xx: Array) -> tuple[Array, Array]:
    """Offsets (v, u) along the short and the long axis. A bent particle is sheared along v, which keeps its area: an arc for
    rods, an S for every other fibre."""
    s, c = np.float32(math.sin(p.angle)), np.float32(math.cos(p.angle))
    u = c * xx + s * yy
    v = c * yy - s * xx
    if p.bend:
        a = half_axes(p)[1]
        t = u * np.float32(1 / a)
        arc = t * t - np.float32(0.33) if p.seed % 2 or p.kind != "fibre" else t * t * t - np.float32(0.6) * t
        v = v - np.float32(p.bend * a) * arc
    return v, u


def gauge(p: Particle, yy: Array, xx: Array) -> Array:
    """rho (H, W) for pixel offsets (yy, xx) from the centre: 1 on the outline, below 1 inside."""
    b, a = (np.float32(axis) for axis in half_axes(p))
    if p.kind in SOLID_KINDS:
        rho = solids.outline(projection(p), yy, xx, p.rounding)
        if p.roughness == 0:
            return rho
        v, u = own_frame(p, yy, xx)
    elif p.kind == "sphere" and p.roughness == 0:
        return np.asarray(np.sqrt(yy * yy + xx * xx) / b, np.float32)
    else:
        v, u = own_frame(p, yy, xx)
        if p.kind in ("rod", "fibre"):
            along = np.maximum(np.abs(u) - (a - b), 0)
            rho = np.sqrt(along * along + v * v) / b
        else:
            rho = np.sqrt((u / a) ** 2 + (v / b) ** 2)
    if p.roughness > 0 and p.diameter > _SMOOTH_BELOW_PX:
        fade = np.minimum(rho, 1)  # rough at the outline, calm towards the middle
        rho = rho / (1 + _wobble(p, v / b, u / a) * fade * fade)
    return np.asarray(rho, np.float32)


def _wobble(p: Particle, v: Array, u: Array) -> Array:
    """Noise in the polar angle, of the standard deviation `roughness`: lumps for irregular particles, else fine waves."""
    wave = np.maximum(np.float32(p.roughness) * _wave(p.kind == "irregular", p.seed % 256), np.float32(-0.5))
    turn = np.arctan2(v, u) * np.float32(_TURN / (2 * math.pi))
    return np.asarray(wave[turn.astype(np.int32) % _TURN], np.float32)


@lru_cache(maxsize=512)
def _wave(lumpy: bool, number: int) -> Array:
    """One of 256 rough outlines round the circle, of unit variance."""
    rng = np.random.default_rng([number, lumpy])
    wave = wreath(rng, _TURN, 2, 2.5) if lumpy else wreath(rng, _TURN, 4, float(rng.uniform(6, 20)))
    return np.clip(wave, -2.4, 2.4).astype(np.float32)


def relief(p: Particle, yy: Array, xx: Array, rho: Array) -> tuple[Array, Array]:
    """Height of the upper surface over the outline and thickness through the particle, both (H, W) in px.

    Round shapes: a ball's half chord; discs: flat with a bevel; crystals: their faces. Only meaningful inside (rho <= 1);
    crystals' faces go on outside, so that a slope taken across the outline is the face's own."""
    if p.kind in SOLID_KINDS:
        top, bottom = solids.surfaces(projection(p), yy, xx)
        return top, np.maximum(top - bottom, 0)
    b = np.float32(half_axes(p)[0])
    if p.kind == "disc":
        top = np.float32(0.4) * b * np.sqrt(np.minimum(np.maximum(1 - rho, 0) * np.float32(5), 1))
    else:
        top = b * np.sqrt(np.maximum(1 - rho * rho, 0))
    return np.asarray(top, np.float32), np.asarray(2 * top, np.float32)


def true_diameter(p: Particle) -> float:
    """Area-equivalent diameter of the outline as rendered, in px: exact where the shape has a formula, else by sampling the
    gauge on 256 x 256 points (error below 0.2 %)."""
    if (p.roughness == 0 or p.diameter <= _SMOOTH_BELOW_PX) and p.kind not in SOLID_KINDS:
        return p.diameter
    (height, width), n = extents(p), 256
    at = (np.arange(n, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / n) - 1
    yy, xx = np.meshgrid(at * np.float32(height), at * np.float32(width), indexing="ij")
    return float(math.sqrt(4 * (gauge(p, yy, xx) <= 1).mean() * 4 * height * width / math.pi))
