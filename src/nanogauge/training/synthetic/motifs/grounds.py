"""Motifs of the ground: films with holes, fibre mats, lattice fringes, grounds without particles."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..ground import GROUNDS, Ground
from ..looks import Look, Mode, random_look
from ..mats import Mat
from ..scene import Layout, Scene, random_scene
from ..shapes import ShapeKind
from .draws import Pair, clearer, coverage_of, draw_mode, log_uniform


def holes(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    mode: Mode = draw_mode(rng, 0.2, 0.65)
    d = float(np.clip(d, 5, 45))
    scene = replace(
        random_scene(rng, shape, median_diameter_px=d), mode=mode, second_mode=0.0, overlap=float(rng.choice([0.0, 0.15]))
    )
    layout: Layout = "clusters" if rng.random() < 0.4 else "sparse"
    scene = replace(scene, layout=layout, coverage=coverage_of(log_uniform(rng, 8, 150), d, shape))
    return scene, _film(rng, mode, d, log_uniform(rng, max(1.5 * d, 14), max(0.7 * min(shape), 3 * d)))


def bare_holes(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    mode: Mode = draw_mode(rng, 0.3, 0.55)
    # a few round holes without a particle beside them could as well be particles: flat discs, which `flat` draws, and dark ones in
    # an array a superlattice; bright ones in an array are holes
    if mode != "tem" or rng.random() < 0.4:
        look = replace(_film(rng, mode, min(d, 40), log_uniform(rng, 14, 0.8 * min(shape))), ground="lacey")
    else:
        look = replace(_film(rng, mode, min(d, 40), log_uniform(rng, 24, 0.4 * min(shape))), ground="perforated")
    return Scene(shape=shape, mode=mode, median_diameter_px=d, coverage=0.0), look


def _film(rng: np.random.Generator, mode: Mode, d: float, pitch_px: float) -> Look:
    """A look with holes pitch_px wide that show well."""
    look = clearer(random_look(rng, mode, d), rng)
    background = {"sem": rng.uniform(0.3, 0.6), "tem": rng.uniform(0.35, 0.65), "stem": rng.uniform(0.15, 0.4)}[mode]
    depth = float(rng.uniform(0.12, 0.45) if mode == "tem" else rng.uniform(0.4, 1.0) * background)
    contrast = look.contrast if mode == "tem" else max(abs(look.contrast), 0.15)
    ground: Ground = "membrane" if mode == "sem" and rng.random() < 0.25 else "holey"
    return replace(
        look,
        background=background,
        contrast=contrast,
        ground=ground,
        ground_px=pitch_px,
        ground_depth=depth,
        ground_texture=min(look.ground_texture, 0.04),
    )


def mat(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    mode: Mode = draw_mode(rng, 0.75, 0.2)
    mat = _fibres(rng, shape, log_uniform(rng, 5, 45), mode)
    scene = Scene(shape=shape, mode=mode, median_diameter_px=2 * mat.width_px, coverage=0.0, mat=mat)
    return scene, _mat_look(rng, mode, mat.width_px)


def mat_with_particles(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    mode: Mode = draw_mode(rng, 0.6, 0.3)
    d = float(np.clip(d, 5, 50))
    width = float(np.clip(d * log_uniform(rng, 1.0, 4), 6, 60))
    mat = _fibres(rng, shape, width, mode)
    mat = replace(mat, tone=-float(rng.uniform(0.1, 0.35)), mass=float(rng.uniform(0.1, 0.4)))
    scene = replace(random_scene(rng, shape, median_diameter_px=d), mode=mode, second_mode=0.0, kinds=("sphere",))
    scene = replace(scene, layout="sparse", coverage=coverage_of(log_uniform(rng, 6, 120), d, shape), mat=mat)
    look = _mat_look(rng, mode, d)
    return scene, replace(look, contrast=max(abs(look.contrast), 0.35 if mode == "sem" else 0.6))


def _fibres(rng: np.random.Generator, shape: tuple[int, int], width: float, mode: Mode) -> Mat:
    """A mat that covers from a third of the frame to many layers of it."""
    n = float(rng.uniform(0.4, 2.5 if mode == "sem" else 1.2)) * math.sqrt(shape[0] * shape[1]) / width
    return Mat(
        n=int(np.clip(n, 3, 90)),
        width_px=width,
        width_spread=float(rng.uniform(0.02, 0.4)),
        n_layers=int(rng.integers(1, 6)),
        aligned=float(rng.choice([0.0, 0.5, 0.9], p=[0.6, 0.25, 0.15])),
        bend=float(rng.choice([0.0, 0.02, 0.08])),
        round=bool(rng.random() < 0.85),
        bore=float(rng.uniform(0.3, 0.8)) if mode != "sem" and rng.random() < 0.4 else 0.0,
        depth_shade=float(rng.uniform(0.0, 0.35)),
    )


def _mat_look(rng: np.random.Generator, mode: Mode, width: float) -> Look:
    look = random_look(rng, mode, width)
    background = float(rng.uniform(0.02, 0.25)) if mode == "sem" else look.background
    ground: Ground = look.ground if look.ground in ("plain", "grain", "mottled", "wisps") else "plain"
    return replace(
        look,
        background=background,
        ground=ground,
        contrast=max(abs(look.contrast), 0.25),
        opacity=1.0,
        ground_texture=min(look.ground_texture, 0.03),
    )


def fringes(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    mode: Mode = "tem" if rng.random() < 0.8 else "stem"
    look = replace(random_look(rng, mode, d), ground="fringes", ground_px=log_uniform(rng, 3.0, 22))
    look = replace(look, background=0.5, ground_texture=log_uniform(rng, 0.03, 0.2), blur_px=float(rng.uniform(0.3, 0.9)))
    return Scene(shape=shape, mode=mode, median_diameter_px=d, coverage=0.0), replace(look, reproduction=1.0, specks=0)


def fringed(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    d = float(np.clip(d, 16, 0.7 * min(shape)))
    scene = replace(random_scene(rng, shape, median_diameter_px=d), mode="tem", structure="lattice", second_mode=0.0, roughness=0.0)
    kind: ShapeKind = ("sphere", "ellipsoid", "irregular", "polyhedron", "cube")[rng.integers(5)]
    scene = replace(
        scene, kinds=(kind,), layout="clusters" if rng.random() < 0.5 else "sparse", coverage=float(rng.uniform(0.05, 0.5))
    )
    look = random_look(rng, "tem", d)
    look = replace(look, ground="grain", ground_px=float(rng.uniform(2, 7)), ground_texture=log_uniform(rng, 0.02, 0.08))
    return scene, replace(look, contrast=log_uniform(rng, 0.25, 1.2), structure_depth=float(rng.uniform(0.4, 1)), blur_px=0.6)


def porous_ground(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    grounds: tuple[Ground, ...] = ("sponge", "sheets", "membrane", "wrinkled")
    ground = grounds[rng.choice(4, p=[0.35, 0.3, 0.2, 0.15])]
    look = replace(random_look(rng, "sem", d), ground=ground, background=float(rng.uniform(0.25, 0.5)))
    look = replace(look, ground_texture=log_uniform(rng, 0.05, 0.15), ground_px=log_uniform(rng, 4, 40))
    return Scene(shape=shape, mode="sem", median_diameter_px=d, coverage=0.0), look


def bare_ground(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    mode: Mode = draw_mode(rng, 0.55, 0.35)
    u = rng.uniform
    grounds: tuple[Ground, ...] = tuple(
        g for g in GROUNDS if g not in ("holey", "lacey", "perforated", "sponge", "sheets", "fringes")
    )
    if mode != "sem":
        grounds = ("grain", "grain", "mottled", "plain", "wisps", "cells", "stepped")
    ground = grounds[rng.integers(len(grounds))]
    look = replace(
        random_look(rng, mode, d),
        ground=ground,
        ground_texture=log_uniform(rng, 0.015, 0.12),
        # larger grains and bumps one would count; cells and cracks lie four and five of it apart
        ground_px=log_uniform(rng, 2, 5 if ground in ("bumpy", "cells", "cracked", "pitted") else 9 if mode != "sem" else 40),
        scratches=int(rng.integers(1, 10)) if rng.random() < 0.3 else 0,
        specks=int(log_uniform(rng, 10, 400)) if rng.random() < 0.4 else 0,
        speck_px=log_uniform(rng, 0.8, 3.5),
        curtain=u(0.02, 0.12) if rng.random() < 0.12 else 0.0,
        charging=u(0.05, 0.3) if mode == "sem" and rng.random() < 0.2 else 0.0,
    )
    return Scene(shape=shape, mode=mode, median_diameter_px=d, coverage=0.0), look
