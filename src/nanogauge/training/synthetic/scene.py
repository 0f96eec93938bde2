"""Which particles a micrograph shows: sizes, shapes, structure and layout of a scene, drawn from a seeded generator."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from . import placement
from .looks import Mode
from .mats import Mat
from .shapes import SHAPES, SOLID_KINDS, Particle, ShapeKind, Structure, half_axes
from .supports import Support

_T = TypeVar("_T", ShapeKind, Structure)
Layout = Literal["sparse", "clusters", "monolayer", "pile", "packed", "aggregate", "chains", "rafts"]
LAYOUTS: tuple[Layout, ...] = ("sparse", "clusters", "monolayer", "pile", "packed", "aggregate", "chains", "rafts")


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
    bend: float = 0.0  # largest bend of rods and fibres
    n_sides: int = 0  # of polyhedra (3 to 10, see `solids.POLYHEDRA`), plates and bipyramids; 0: mixed
    rounding: float = 0.04  # of crystals' edges
    structure: Structure = "solid"
    structure_pitch: float = 0.12  # grain, pore or bump in median diameters
    fill: float = 0.7  # radius of cores and cavities as a share
    coverage: float = 0.25  # share of the frame under particles
    overlap: float = 0.15  # how far neighbours may overlap, as a share of their summed radii
    gap: float = 0.2  # mean distance of neighbours in rafts, as a share of their width
    side_by_side: float = 0.0  # share of contacts in which elongated particles lie parallel
    n_layers: int = 1  # of a monolayer's packing
    max_particles: int = 1500
    beside: tuple[Scene, ...] = ()  # further populations, each with its own sizes, forms and layout
    below: float = 0.2  # share of these that lie below the first population, not on it
    centred: float = 0.7  # how often one of a few particles lies near the middle of the frame, where authors put it
    mat: Mat | Support | None = None  # fibres or a support below the particles, which then lie on it only


# What one meets how often, in micrographs of SEM and of TEM or STEM.
_KINDS: dict[ShapeKind, tuple[float, float]] = {
    "sphere": (0.34, 0.42), "ellipsoid": (0.1, 0.1), "rod": (0.12, 0.12), "cube": (0.08, 0.06), "polyhedron": (0.11, 0.06),
    "platelet": (0.06, 0.05), "irregular": (0.07, 0.1), "fibre": (0.06, 0.04), "disc": (0.04, 0.02), "bipyramid": (0.02, 0.03),
}  # fmt: skip
_STRUCTURES: dict[Structure, tuple[float, float]] = {
    "solid": (0.5, 0.36), "bumpy": (0.12, 0.03), "porous": (0.07, 0.1), "wrinkled": (0.07, 0.04), "cracked": (0.04, 0.0),
    "faceted": (0.05, 0.05), "dimpled": (0.04, 0.02), "cratered": (0.04, 0.01), "decorated": (0.04, 0.05), "lattice": (0.0, 0.04),
    "core_shell": (0.01, 0.08), "hollow": (0.02, 0.07), "vesicle": (0.0, 0.04), "banded": (0.0, 0.08), "radial": (0.0, 0.03),
}  # fmt: skip
_N_FORMS = 24
_FEW = 4
_LAYOUT_ODDS = (0.3, 0.28, 0.11, 0.12, 0.09, 0.1, 0.0, 0.0)
_ROUND = ("sphere", "ellipsoid", "irregular")


def random_scene(rng: np.random.Generator, shape: tuple[int, int], *, median_diameter_px: float | None = None) -> Scene:
    """A scene of any kind the renderer knows, for pretraining: sparse to piled, monodisperse to broad. Unless given, the median
    diameter is about a fifth of the picture's shorter side, as authors choose their magnification: from 5 px to four fifths."""
    d = usual_diameter(shape, rng) if median_diameter_px is None else median_diameter_px
    mode: Mode = ("sem", "tem", "stem")[rng.choice(3, p=[0.52, 0.42, 0.06])]
    layout = LAYOUTS[rng.choice(len(LAYOUTS), p=_LAYOUT_ODDS)]
    kind = _draw(_KINDS, mode, rng)
    kinds: tuple[ShapeKind, ...] = (kind,)
    if rng.random() < 0.15:
        kinds = (kind, SHAPES[rng.integers(len(SHAPES))])
    structure = _draw(_STRUCTURES, mode, rng)
    if structure in ("hollow", "core_shell", "vesicle", "dimpled") and kind not in (*_ROUND, "rod", "fibre", "disc"):
        structure = "solid"
    if kind == "fibre" and layout in ("monolayer", "packed", "aggregate"):
        layout = "pile"
    packs = layout in ("monolayer", "packed", "pile")
    overlap = float(rng.choice([0.0, 0.08, 0.2, 0.35], p=[0.4, 0.3, 0.2, 0.1]))
    coverage = _coverage(kind, packs, rng)
    if mode != "sem" and layout == "pile":  # heaps are too thick for the beam, and what lies across each other stays countable
        coverage = min(coverage, 0.4)
    return Scene(
        shape=shape,
        mode=mode,
        layout=layout,
        kinds=kinds,
        median_diameter_px=d,
        geometric_sd=float(1 + rng.gamma(1.2, 0.13)) if rng.random() < 0.9 else float(rng.uniform(1.5, 2.2)),
        second_mode=float(rng.choice([0.0, 0.3, 0.6], p=[0.85, 0.1, 0.05])),
        aspect=_aspect(kind, rng),
        roughness=_roughness(kind, structure, rng),
        bend=float(rng.choice([0.0, 0.1, 0.3])) if kind in ("rod", "fibre") else 0.0,
        n_sides=int(rng.choice([0, 3, 4, 4, 5, 6, 6, 7, 8, 9, 10])) if kind == "polyhedron" else 0,
        rounding=float(rng.choice([0.015, 0.04, 0.1])),
        structure=structure,
        structure_pitch=float(np.exp(rng.uniform(math.log(0.03), math.log(0.25)))),
        fill=float(rng.uniform(0.3, 0.92)),
        coverage=coverage,
        overlap=overlap if mode == "sem" else 0.5 * overlap,
        side_by_side=float(rng.choice([0.0, 0.5, 0.95])) if kind in ("rod", "cube", "disc", "platelet") else 0.0,
        n_layers=int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15])),
        max_particles=400,
    )


def usual_diameter(shape: tuple[int, int], rng: np.random.Generator) -> float:
    """A median diameter in px as authors choose their magnification."""
    return float(np.clip(0.18 * min(shape) * math.exp(rng.normal(0, 0.85)), 5, max(0.8 * min(shape), 5)))


def draw_particles(scene: Scene, rng: np.random.Generator) -> list[Particle]:
    """The scene's particles, lowest first (later ones lie on top): at least one unless the coverage is 0."""
    particles = _population(scene, rng)
    for other in scene.beside:
        more = _population(replace(other, shape=scene.shape), rng)
        below = rng.random(len(more)) < scene.below
        under, over = ([p for p, b in zip(more, below, strict=True) if b == side] for side in (True, False))
        particles = under + particles + over
    return particles


def _population(scene: Scene, rng: np.random.Generator) -> list[Particle]:
    diameters = _diameters(scene, rng)
    if not len(diameters):
        return []
    forms = [_form(scene, rng) for _ in range(_N_FORMS)]
    prototypes = [_particle(scene, float(d), forms, rng) for d in diameters]
    axes = np.array([half_axes(p) for p in prototypes])
    feet = placement.Footprints(axes[:, 0], axes[:, 1], np.array([p.angle for p in prototypes]))
    centres, angles = _placed(scene, feet, rng)
    if len(prototypes) <= _FEW and rng.random() < scene.centred:
        centres[:, :2] += _to_the_middle(centres, scene.shape, rng)
    lowest_first = np.argsort(centres[:, 2], kind="stable")
    return [
        replace(prototypes[i], y=float(centres[i, 0]), x=float(centres[i, 1]), level=float(centres[i, 2]), angle=float(angles[i]))
        for i in lowest_first
        if not np.isnan(centres[i, 0])
    ]


def _to_the_middle(centres: np.ndarray, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """The move that brings one of few particles near the middle of the frame, where authors put it."""
    placed = centres[~np.isnan(centres[:, 0]), :2]
    target = rng.normal(0.5, 0.1, 2) * shape
    return np.asarray(target - placed[rng.integers(len(placed))] if len(placed) else np.zeros(2))


def _diameters(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    h, w = scene.shape
    mean_area = math.pi / 4 * scene.median_diameter_px**2 * math.exp(2 * math.log(scene.geometric_sd) ** 2)
    margin = scene.median_diameter_px
    if scene.coverage <= 0:
        return np.zeros(0)
    n = rng.poisson(max(scene.coverage * (h + margin) * (w + margin) / mean_area, 1))
    if scene.layout == "monolayer":
        n *= scene.n_layers
    n = int(np.clip(n, 1, scene.max_particles))
    d = scene.median_diameter_px * np.exp(rng.normal(0, math.log(scene.geometric_sd), n))
    d = np.where(rng.random(n) < scene.second_mode, 0.4 * d, d)
    return np.asarray(np.clip(d, 2.5, 0.9 * min(h, w) if n > 1 else 1.2 * min(h, w)))


def _form(scene: Scene, rng: np.random.Generator) -> tuple[ShapeKind, float, int, int]:
    """Kind, aspect ratio, number of sides and seed. Crystals of one batch grow in few forms."""
    kind = scene.kinds[rng.integers(len(scene.kinds))]
    n_sides = scene.n_sides or (int(rng.integers(3, 11)) if kind == "polyhedron" else int(rng.choice([3, 4, 6, 6])))
    aspect = 1.0 if kind == "sphere" else float(rng.uniform(*scene.aspect))
    return kind, aspect, n_sides, int(rng.integers(2**31))


def _particle(scene: Scene, diameter: float, forms: list[tuple[ShapeKind, float, int, int]], rng: np.random.Generator) -> Particle:
    """One particle of the scene, not yet placed. Crystals are copies of a form as it lies; others are each their own."""
    kind, aspect, n_sides, seed = forms[rng.integers(len(forms))]
    own_seed, own_aspect, turn = int(rng.integers(2**31)), rng.uniform(*scene.aspect), rng.uniform(0, math.pi, 2)
    if kind not in SOLID_KINDS:
        seed, aspect = own_seed, 1.0 if kind == "sphere" else float(own_aspect)
    return Particle(
        kind=kind,
        y=0.0,
        x=0.0,
        diameter=diameter,
        aspect=aspect,
        angle=float(turn[0]),
        roughness=scene.roughness,
        n_sides=n_sides,
        seed=seed,
        bend=float(scene.bend * math.cos(turn[1])) if kind in ("rod", "fibre") else 0.0,
        rounding=scene.rounding,
        structure=scene.structure,
        fill=min(max(scene.fill + float(rng.normal(0, 0.03)), 0.15), 0.95),
    )


def _placed(scene: Scene, feet: placement.Footprints, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, 3) and angles (n,). In one scene of four all particles lie about parallel (flow, drying)."""
    angle = feet.angle if rng.random() < 0.75 else rng.uniform(0, math.pi) + rng.normal(0, 0.1, len(feet.angle))
    feet = replace(feet, angle=angle)
    if scene.layout == "pile":
        return placement.heap(scene.shape, feet, rng=rng), angle
    if scene.layout == "packed":
        return placement.packed(scene.shape, feet, rng=rng), angle
    if scene.layout == "chains":
        return placement.chained(scene.shape, feet, overlap=scene.overlap, rng=rng), angle
    if scene.layout == "aggregate":
        return placement.aggregated(scene.shape, feet, overlap=scene.overlap, rng=rng), angle
    if scene.layout == "rafts":
        return placement.rafts(scene.shape, feet, gap=scene.gap, rng=rng)
    if scene.layout == "monolayer":
        filled = scene.coverage
        return placement.lattice(scene.shape, feet, filled=filled, n_layers=scene.n_layers, rng=rng), angle
    together = 0.75 if scene.layout == "clusters" else 0.0
    return placement.scattered(
        scene.shape, feet, overlap=scene.overlap, together=together, side_by_side=scene.side_by_side, rng=rng
    )


def _draw(odds: dict[_T, tuple[float, float]], mode: Mode, rng: np.random.Generator) -> _T:
    p = np.array([pair[0 if mode == "sem" else 1] for pair in odds.values()])
    return list(odds)[rng.choice(len(odds), p=p / p.sum())]


def _aspect(kind: ShapeKind, rng: np.random.Generator) -> tuple[float, float]:
    if kind == "rod":
        low = rng.uniform(0.12, 0.6)
        return low, min(low + 0.25, 1.0)
    if kind == "fibre":
        low = float(np.exp(rng.uniform(math.log(0.03), math.log(0.15))))
        return low, 1.5 * low
    if kind == "bipyramid":
        low = rng.uniform(0.25, 0.9)
        return low, min(low + 0.1, 1.0)
    if kind == "cube":
        return (0.93, 1.0) if rng.random() < 0.7 else (float(rng.uniform(0.4, 0.8)), 1.0)
    if kind == "disc" and rng.random() < 0.3:  # on edge
        return 0.15, 0.4
    if kind in ("ellipsoid", "irregular", "platelet", "disc"):
        return float(rng.uniform(0.45, 0.9)), 1.0
    return 0.93, 1.0


def _roughness(kind: ShapeKind, structure: Structure, rng: np.random.Generator) -> float:
    """Crystals are mostly smooth; what bears bumps shows them on its outline too."""
    if kind == "irregular":
        return float(rng.uniform(0.05, 0.11))
    if structure in ("bumpy", "wrinkled", "decorated"):
        return float(rng.uniform(0.005, 0.035))
    odds = [0.9, 0.07, 0.03, 0.0] if kind in SOLID_KINDS else [0.55, 0.25, 0.13, 0.07]
    return float(rng.choice([0.0, 0.012, 0.025, 0.045], p=odds))


def _coverage(kind: ShapeKind, packs: bool, rng: np.random.Generator) -> float:
    if kind == "fibre":
        return float(rng.uniform(0.03, 0.35))
    return float(rng.uniform(0.4, 1.3) if packs else rng.uniform(0.02, 0.5))
