"""Motifs of the particles: several sizes, giants, shells, rods, soot, powders, catalysts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..ground import Ground
from ..looks import Look, Mode, random_look
from ..scene import Layout, Scene, random_scene
from ..shapes import ShapeKind, Structure
from ..supports import Support
from .draws import Pair, clearer, coverage_of, draw_mode, log_uniform


def two_sizes(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    u, side = rng.uniform, min(shape)
    ratio = log_uniform(rng, 2, 12)
    small = float(np.clip(d / math.sqrt(ratio), 5, 20 if ratio > 4 else 60))
    large = float(np.clip(small * ratio, 10, min(250, 0.9 * side)))
    scene = replace(random_scene(rng, shape, median_diameter_px=large), second_mode=0.0)
    scene = replace(scene, coverage=min(scene.coverage, u(0.05, 0.45)), geometric_sd=min(scene.geometric_sd, 1.6))
    if rng.random() < 0.4:
        scene = replace(scene, layout="sparse", kinds=("sphere",), aspect=(0.93, 1.0))
    more = [_small(rng, scene, small, coverage_of(log_uniform(rng, 20, 250), small, shape))]
    if rng.random() < 0.15:
        between = math.sqrt(small * large)
        more.insert(0, _small(rng, scene, between, min(0.2, coverage_of(12, between, shape))))
    look = clearer(random_look(rng, scene.mode, math.sqrt(small * large)), rng)
    even = rng.random() < 0.4
    if even:
        scene = replace(scene, kinds=("sphere",), structure="solid", aspect=(0.93, 1.0))
        look = _even(look, rng)
    if scene.mode == "stem":  # where the large ones are brightest the small ones must still show
        look = replace(look, contrast=max(look.contrast, 0.4), gamma=min(look.gamma, 0.9))
    # what lies on an opaque particle or below it cannot be seen
    opaque = even or (scene.mode != "sem" and abs(look.contrast) * min(ratio, 3) > 1.8)
    return replace(scene, beside=tuple(more), below=1.0 if opaque else 0.2), look


def _small(rng: np.random.Generator, scene: Scene, d: float, coverage: float) -> Scene:
    """A population of diameter d that goes with a scene: solid or of the same structure, of the same forms or spheres."""
    kinds: tuple[ShapeKind, ...] = scene.kinds if rng.random() < 0.5 and "fibre" not in scene.kinds else ("sphere",)
    return replace(
        scene,
        kinds=kinds,
        aspect=scene.aspect if kinds == scene.kinds else (0.8, 1.0),
        layout="clusters" if rng.random() < 0.35 else "sparse",
        median_diameter_px=d,
        geometric_sd=1 + float(rng.gamma(1.2, 0.1)),
        structure=scene.structure if rng.random() < 0.5 else "solid",
        coverage=coverage,
        overlap=float(rng.choice([0.0, 0.1, 0.25])),
        max_particles=300,
    )


def broad(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    scene = random_scene(rng, shape, median_diameter_px=min(d, 0.3 * min(shape)))
    scene = replace(scene, geometric_sd=float(rng.uniform(1.5, 2.2)), second_mode=0.0)
    look = random_look(rng, scene.mode, scene.median_diameter_px)
    if rng.random() < 0.65:  # large ones of the same even tone as the small ones are no holes
        scene = replace(scene, kinds=("sphere",), structure="solid", aspect=(0.93, 1.0), layout="sparse")
        scene = replace(scene, overlap=0.0, coverage=min(scene.coverage, float(rng.uniform(0.1, 0.4))))
        look = _even(clearer(look, rng), rng)
    return scene, look


def flat(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    """Particles of one even tone on an even ground, as scattering contrast and weak detectors show them."""
    mode: Mode = draw_mode(rng, 0.5, 0.2)
    scene = replace(random_scene(rng, shape, median_diameter_px=d), mode=mode, structure="solid", second_mode=0.0)
    if rng.random() < 0.6:
        scene = replace(scene, kinds=("sphere",), aspect=(0.93, 1.0), layout="sparse" if rng.random() < 0.5 else "clusters")
        scene = replace(scene, coverage=min(scene.coverage, float(rng.uniform(0.03, 0.4))))
    if rng.random() < 0.4:  # large ones beside small ones, as dark or bright as these, are no holes
        scene = replace(scene, geometric_sd=float(rng.uniform(1.4, 2.2)), layout="sparse", overlap=0.0)
    look = _even(clearer(random_look(rng, mode, d), rng), rng)
    if rng.random() < 0.2:  # as drawn: sharp, several forms in one picture
        forms: tuple[ShapeKind, ...] = ("sphere", ("platelet", "cube", "polyhedron")[rng.integers(3)])
        return replace(scene, kinds=forms, n_sides=3 if rng.random() < 0.5 else 0), replace(look, blur_px=0.0, reproduction=1.0)
    return scene, look


def _even(look: Look, rng: np.random.Generator) -> Look:
    """The same with particles of one even tone on an even ground."""
    even: Ground = "grain" if rng.random() < 0.3 else "plain"
    edge = float(rng.uniform(0, 0.15)) if rng.random() < 0.5 else 0.0
    look = replace(look, light=0.0, shadow=0.0, texture=0.0, edge=edge, rim=0.0, ground=even)
    look = replace(look, body_spread=float(rng.uniform(0, 0.06)))
    return replace(look, ground_texture=min(look.ground_texture, 0.03), gradient=min(look.gradient, 0.1))


def giant(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    d = float(rng.uniform(0.4, 0.9)) * min(shape)
    scene = random_scene(rng, shape, median_diameter_px=d)
    structures: tuple[Structure, ...] = (
        ("bumpy", "porous", "wrinkled", "cracked", "faceted", "dimpled", "cratered", "decorated", "solid")
        if scene.mode == "sem"
        else ("porous", "radial", "banded", "wrinkled", "faceted", "decorated", "solid")
    )
    kind: ShapeKind = ("sphere", "ellipsoid", "irregular", "cube", "polyhedron", "platelet", "disc")[
        rng.choice(7, p=[0.4, 0.1, 0.25, 0.07, 0.1, 0.04, 0.04])
    ]
    scene = replace(
        scene,
        kinds=(kind,),
        structure=structures[rng.integers(len(structures))],
        structure_pitch=log_uniform(rng, 0.02, 0.2),
        roughness=float(rng.choice([0.0, 0.01, 0.03, 0.09], p=[0.3, 0.3, 0.25, 0.15])),
        aspect=(0.75, 1.0),
        layout="sparse",
        coverage=0.01,
        second_mode=0.0,
        max_particles=1,
        centred=0.93,
    )
    look = clearer(random_look(rng, scene.mode, d), rng)
    look = replace(look, structure_depth=float(rng.uniform(0.5, 1)), contrast=max(abs(look.contrast), 0.2), opacity=1.0)
    return scene, replace(look, texture=float(rng.uniform(0, 0.12)))


def across(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    """One to three fibres or rods that cross the frame: particles as the frame shows them, where a mat of many is the ground."""
    scene = random_scene(rng, shape, median_diameter_px=float(rng.uniform(0.6, 1.2)) * min(shape))
    low = log_uniform(rng, 0.04, 0.2)
    structure: Structure = ("solid", "bumpy", "wrinkled", "cracked", "banded", "porous")[
        rng.choice(6, p=[0.4, 0.15, 0.15, 0.1, 0.1, 0.1])
    ]
    scene = replace(
        scene,
        kinds=("fibre" if rng.random() < 0.6 else "rod",),
        aspect=(low, 1.2 * low),
        bend=float(rng.choice([0.0, 0.05, 0.15])),
        structure=structure,
        layout="sparse",
        coverage=0.01,
        second_mode=0.0,
        max_particles=int(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1])),
        centred=0.95,
    )
    look = clearer(random_look(rng, scene.mode, 0.2 * min(shape)), rng)
    return scene, replace(look, contrast=max(abs(look.contrast), 0.15), opacity=1.0)


def core_shell(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    mode: Mode = draw_mode(rng, 0.05, 0.85)
    structure: Structure = ("core_shell", "hollow", "vesicle")[rng.choice(3, p=[0.65, 0.25, 0.1])]
    kind: ShapeKind = ("sphere", "ellipsoid", "rod")[rng.choice(3, p=[0.7, 0.15, 0.15])]
    scene = replace(
        random_scene(rng, shape, median_diameter_px=max(d, 12)),
        mode=mode,
        kinds=(kind,),
        aspect=(0.85, 1.0) if kind != "rod" else (0.4, 0.7),
        structure=structure,
        fill=float(rng.uniform(0.35, 0.8)),
        layout="clusters" if rng.random() < 0.5 else "sparse",
        coverage=float(rng.uniform(0.05, 0.45)),
        roughness=0.0,
        second_mode=0.0,
    )
    look = clearer(random_look(rng, mode, d), rng)
    if mode == "tem":  # a light shell
        look = replace(
            look,
            contrast=log_uniform(rng, 0.2, 0.8),
            film=min(look.film, 0.04),
            ground_texture=min(look.ground_texture, 0.03),
            body_spread=min(look.body_spread, 0.1),
            structure_depth=float(rng.uniform(0.1, 1)),
        )
    return scene, look


def bright_rims(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    kind: ShapeKind = ("platelet", "disc", "cube")[rng.choice(3, p=[0.5, 0.3, 0.2])]
    scene = replace(
        random_scene(rng, shape, median_diameter_px=max(d, 12)), mode="sem", kinds=(kind,), structure="solid", second_mode=0.0
    )
    scene = replace(
        scene, aspect=(0.6, 1.0), coverage=min(scene.coverage, 0.6), layout=("sparse", "clusters", "pile")[rng.integers(3)]
    )
    look = replace(random_look(rng, "sem", d), contrast=float(rng.uniform(-0.05, 0.15)), rim=float(rng.uniform(0.25, 0.6)))
    return scene, replace(look, rim_px=float(np.clip(d * rng.uniform(0.03, 0.1), 1, 6)), shadow=float(rng.uniform(0.2, 0.7)))


def crossed_rods(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    scene = random_scene(rng, shape, median_diameter_px=d)
    low = float(rng.uniform(0.08, 0.3))
    scene = replace(scene, kinds=("rod",), structure="solid", aspect=(low, 1.5 * low), layout="pile", second_mode=0.0)
    scene = replace(scene, coverage=float(rng.uniform(0.1, 0.45)), geometric_sd=min(scene.geometric_sd, 1.25))
    if rng.random() < 0.4:  # few, on an even ground, where each crossing shows
        scene = replace(scene, mode="tem", coverage=float(rng.uniform(0.05, 0.2)), aspect=(low, 1.1 * low))
        look = clearer(random_look(rng, "tem", d), rng)
        return scene, replace(look, contrast=log_uniform(rng, 0.3, 0.9), ground="plain", texture=min(look.texture, 0.03))
    return scene, random_look(rng, scene.mode, d)


def rafts(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    """Rods, cubes and spheres side by side as drying leaves them, a few pixels apart, each of its own tone."""
    mode: Mode = draw_mode(rng, 0.2, 0.7)
    kind: ShapeKind = ("rod", "cube", "sphere")[rng.choice(3, p=[0.65, 0.25, 0.1])]
    low = float(rng.uniform(0.15, 0.6)) if kind == "rod" else float(rng.uniform(0.8, 1.0))
    d = float(np.clip(d, 8 / math.sqrt(low), 0.2 * min(shape)))  # equivalent to a rod at least 8 px wide
    gap = float(np.clip(log_uniform(rng, 1.2, 5) / (d * math.sqrt(low)), 0.05, 0.7))
    scene = Scene(
        shape=shape,
        mode=mode,
        layout="rafts",
        kinds=(kind,),
        structure="banded" if mode == "tem" and rng.random() < 0.25 else "solid",
        aspect=(low, min(1.3 * low, 1.0)),
        rounding=float(rng.choice([0.04, 0.1])),
        median_diameter_px=d,
        geometric_sd=float(rng.uniform(1.03, 1.2)),
        gap=gap,
        coverage=float(rng.uniform(0.5, 1.2)),
        max_particles=500,
    )
    look = clearer(random_look(rng, mode, d), rng)
    if mode == "tem":
        look = replace(look, contrast=log_uniform(rng, 0.4, 2.5), halo=0.0, ground_texture=min(look.ground_texture, 0.03))
        look = replace(look, body_spread=float(rng.uniform(0.2, 0.6)) if rng.random() < 0.6 else look.body_spread)
    return scene, look


def soot(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    d = float(np.clip(d, 8, 0.15 * min(shape)))
    scene = Scene(
        shape=shape,
        mode="tem" if rng.random() < 0.85 else "stem",
        layout="chains",
        median_diameter_px=d,
        geometric_sd=float(rng.uniform(1.05, 1.35)),
        kinds=("sphere",) if rng.random() < 0.7 else ("irregular",),
        roughness=float(rng.choice([0.0, 0.015, 0.03])),
        coverage=coverage_of(log_uniform(rng, 12, 140), d, shape),
        overlap=float(rng.uniform(0.0, 0.4)),
        max_particles=160,
    )
    look = random_look(rng, scene.mode, d)
    neck = float(rng.uniform(0.1, 0.6)) if rng.random() < 0.5 else 0.0
    contrast = log_uniform(rng, 0.15, 1.0)
    return scene, replace(look, contrast=contrast, neck=neck, body_spread=float(rng.uniform(0, 0.15)), halo=0.0)


def agglomerates(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    """Powders as they come: dozens of crystals or grains stuck together, over and through each other."""
    mode: Mode = draw_mode(rng, 0.5, 0.3)
    d = float(np.clip(d, 8, 0.22 * min(shape)))
    kind: ShapeKind = ("bipyramid", "polyhedron", "irregular", "ellipsoid", "sphere", "cube")[
        rng.choice(6, p=[0.25, 0.25, 0.2, 0.12, 0.12, 0.06])
    ]
    layout: Layout = ("aggregate", "clusters", "pile")[rng.choice(3, p=[0.6, 0.25, 0.15])]
    scene = replace(random_scene(rng, shape, median_diameter_px=d), mode=mode, kinds=(kind,), structure="solid", second_mode=0.0)
    scene = replace(
        scene,
        layout=layout,
        aspect=(float(rng.uniform(0.5, 0.85)), 1.0) if kind != "sphere" else (0.93, 1.0),
        n_sides=0,
        geometric_sd=float(rng.uniform(1.05, 1.5)),
        coverage=coverage_of(log_uniform(rng, 15, 150), d, shape),
        overlap=float(rng.uniform(0.1, 0.4)) * (1.0 if mode == "sem" else 0.8),
        max_particles=250,
    )
    look = clearer(random_look(rng, mode, d), rng)
    if mode == "sem":  # where one ends and the next begins must show
        look = replace(look, contrast=max(abs(look.contrast), 0.12), shadow=max(look.shadow, 0.3), edge=max(look.edge, 0.2))
    return scene, replace(look, opacity=1.0, body_spread=float(rng.uniform(0, 0.2)))


def supported(rng: np.random.Generator, shape: tuple[int, int], d: float) -> Pair:
    """Small particles on grains of carbon or oxide: as dark or bright as they are small, the grains wide and faint."""
    mode: Mode = draw_mode(rng, 0.0, 0.45)  # secondary electrons show the grains' relief so strongly that small particles drown
    d = float(np.clip(d, 5, 30))
    grain = log_uniform(rng, max(2.0 * d, 16), max(0.8 * min(shape), 5 * d))
    n = int(np.clip(log_uniform(rng, 0.8, 5) * shape[0] * shape[1] / grain**2, 3, 150))
    support = Support(
        n=n,
        grain_px=grain,
        grain_spread=float(rng.uniform(0.05, 0.5)),
        n_clouds=1 + int(rng.geometric(0.5)),
        apart=float(rng.uniform(0.3, 0.9)),
        roughness=float(rng.choice([0.12, 0.25, 0.45])),
        texture=float(rng.uniform(0.02, 0.35)),
        texture_px=log_uniform(rng, 3, 0.6 * grain),
        mass=log_uniform(rng, 0.15, 1.5) * d / (grain * (1 + 0.3 * math.sqrt(n))),
    )
    scene = replace(random_scene(rng, shape, median_diameter_px=d), mode=mode, structure="solid", second_mode=0.0, mat=support)
    scene = replace(scene, kinds=("sphere",) if rng.random() < 0.7 else ("ellipsoid", "irregular"), aspect=(0.75, 1.0))
    scene = replace(scene, roughness=0.0 if "irregular" not in scene.kinds else float(rng.uniform(0.03, 0.08)))
    scene = replace(scene, layout="clusters" if rng.random() < 0.25 else "sparse", overlap=float(rng.choice([0.0, 0.2])))
    scene = replace(scene, coverage=coverage_of(log_uniform(rng, 40, 500), d, shape), max_particles=500)
    look = clearer(random_look(rng, mode, d), rng)
    ground: Ground = "plain" if mode == "stem" or rng.random() < 0.5 else "grain" if rng.random() < 0.7 else "holey"
    look = replace(look, ground=ground, ground_px=max(look.ground_px, grain) if ground == "holey" else 3.0, halo=0.0)
    look = replace(look, ground_texture=min(look.ground_texture, 0.03), contrast=max(abs(look.contrast), 0.3))
    return scene, replace(look, body_spread=float(rng.uniform(0, 0.3)), opacity=1.0)
