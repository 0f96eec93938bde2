"""What the usual scenes lack: several sizes in one picture, films with holes, fibre mats, lattice fringes, single giants, grounds
without particles, weak shells, chains of soot, fibres across the frame, catalysts, powders. A motif is a scene with a look that
fits it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from .ground import GROUNDS, Ground
from .looks import Look, Mode, random_look
from .mats import Mat
from .scene import Layout, Scene, random_scene
from .shapes import ShapeKind, Structure
from .supports import Support

Motif = Literal[
    "two sizes", "broad", "holes", "bare holes", "mat", "mat with particles", "fringes", "fringed", "giant", "porous ground",
    "bare ground", "core-shell", "bright rims", "crossed rods", "soot", "flat", "across",
    "supported", "agglomerates",
]  # fmt: skip
MOTIFS: tuple[Motif, ...] = get_args(Motif)
SHARES: dict[Motif, float] = {
    "two sizes": 0.075, "broad": 0.025, "holes": 0.03, "bare holes": 0.02, "mat": 0.03, "mat with particles": 0.015,
    "fringes": 0.025, "fringed": 0.015, "giant": 0.03, "porous ground": 0.015, "bare ground": 0.06, "core-shell": 0.04,
    "bright rims": 0.01, "crossed rods": 0.03, "soot": 0.05, "flat": 0.05,
    "across": 0.02, "supported": 0.05, "agglomerates": 0.04,
}  # fmt: skip
"""Of `render_crop`'s pictures; the rest are usual scenes."""
EMPTY: tuple[Motif, ...] = ("bare holes", "mat", "fringes", "porous ground", "bare ground")
"""Those whose truth is empty."""

_Pair = tuple[Scene, Look]


def draw_motif(rng: np.random.Generator) -> Motif | None:
    """A motif by its share, None for a usual scene."""
    k = int(np.searchsorted(np.cumsum([SHARES[m] for m in MOTIFS]), rng.random(), side="right"))
    return MOTIFS[k] if k < len(MOTIFS) else None


def staged(motif: Motif, rng: np.random.Generator, shape: tuple[int, int], *, median_diameter_px: float) -> _Pair:
    """A scene of a motif and a look that fits it. Where the motif has particles, `median_diameter_px` is their typical diameter:
    between the two populations' where there are two, and at least four tenths of the frame for a giant."""
    return _STAGES[motif](rng, shape, median_diameter_px)


def _two_sizes(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    u, side = rng.uniform, min(shape)
    ratio = _log_uniform(rng, 2, 12)
    small = float(np.clip(d / math.sqrt(ratio), 5, 20 if ratio > 4 else 60))
    large = float(np.clip(small * ratio, 10, min(250, 0.9 * side)))
    scene = replace(random_scene(rng, shape, median_diameter_px=large), second_mode=0.0)
    scene = replace(scene, coverage=min(scene.coverage, u(0.05, 0.45)), geometric_sd=min(scene.geometric_sd, 1.6))
    if rng.random() < 0.4:
        scene = replace(scene, layout="sparse", kinds=("sphere",), aspect=(0.93, 1.0))
    more = [_small(rng, scene, small, _coverage_of(_log_uniform(rng, 20, 250), small, shape))]
    if rng.random() < 0.15:
        between = math.sqrt(small * large)
        more.insert(0, _small(rng, scene, between, min(0.2, _coverage_of(12, between, shape))))
    look = _clearer(random_look(rng, scene.mode, math.sqrt(small * large)), rng)
    if scene.mode == "stem":  # where the large ones are brightest the small ones must still show
        look = replace(look, contrast=max(look.contrast, 0.4), gamma=min(look.gamma, 0.9))
    opaque = scene.mode != "sem" and abs(look.contrast) * min(ratio, 3) > 1.8  # what lies on it or below it cannot be seen
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


def _broad(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    scene = random_scene(rng, shape, median_diameter_px=min(d, 0.3 * min(shape)))
    scene = replace(scene, geometric_sd=float(rng.uniform(1.5, 2.2)), second_mode=0.0)
    return scene, random_look(rng, scene.mode, scene.median_diameter_px)


def _holes(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    mode: Mode = _mode(rng, 0.2, 0.65)
    d = float(np.clip(d, 5, 45))
    scene = replace(
        random_scene(rng, shape, median_diameter_px=d), mode=mode, second_mode=0.0, overlap=float(rng.choice([0.0, 0.15]))
    )
    layout: Layout = "clusters" if rng.random() < 0.4 else "sparse"
    scene = replace(scene, layout=layout, coverage=_coverage_of(_log_uniform(rng, 8, 150), d, shape))
    return scene, _film(rng, mode, d, _log_uniform(rng, max(1.5 * d, 14), max(0.7 * min(shape), 3 * d)))


def _bare_holes(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    mode: Mode = _mode(rng, 0.3, 0.55)
    # round holes without a particle beside them could as well be particles: flat discs, which `_flat` draws
    look = replace(_film(rng, mode, min(d, 40), _log_uniform(rng, 14, 0.8 * min(shape))), ground="lacey")
    return Scene(shape=shape, mode=mode, median_diameter_px=d, coverage=0.0), look


def _flat(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    """Particles of one even tone on an even ground, as scattering contrast and weak detectors show them."""
    mode: Mode = _mode(rng, 0.5, 0.2)
    scene = replace(random_scene(rng, shape, median_diameter_px=d), mode=mode, structure="solid", second_mode=0.0)
    if rng.random() < 0.6:
        scene = replace(scene, kinds=("sphere",), aspect=(0.93, 1.0), layout="sparse" if rng.random() < 0.5 else "clusters")
        scene = replace(scene, coverage=min(scene.coverage, float(rng.uniform(0.03, 0.4))))
    look = _clearer(random_look(rng, mode, d), rng)
    even: Ground = "grain" if rng.random() < 0.3 else "plain"
    edge = float(rng.uniform(0, 0.15)) if rng.random() < 0.5 else 0.0
    look = replace(look, light=0.0, shadow=0.0, texture=0.0, edge=edge, rim=0.0, ground=even)
    look = replace(look, body_spread=float(rng.uniform(0, 0.06)))
    return scene, replace(look, ground_texture=min(look.ground_texture, 0.03), gradient=min(look.gradient, 0.1))


def _film(rng: np.random.Generator, mode: Mode, d: float, pitch_px: float) -> Look:
    """A look with holes pitch_px wide that show well."""
    look = _clearer(random_look(rng, mode, d), rng)
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


def _mat(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    mode: Mode = _mode(rng, 0.75, 0.2)
    mat = _fibres(rng, shape, _log_uniform(rng, 5, 45), mode)
    scene = Scene(shape=shape, mode=mode, median_diameter_px=2 * mat.width_px, coverage=0.0, mat=mat)
    return scene, _mat_look(rng, mode, mat.width_px)


def _mat_with_particles(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    mode: Mode = _mode(rng, 0.6, 0.3)
    d = float(np.clip(d, 5, 50))
    width = float(np.clip(d * _log_uniform(rng, 1.0, 4), 6, 60))
    mat = _fibres(rng, shape, width, mode)
    mat = replace(mat, tone=-float(rng.uniform(0.1, 0.35)), mass=float(rng.uniform(0.1, 0.4)))
    scene = replace(random_scene(rng, shape, median_diameter_px=d), mode=mode, second_mode=0.0, kinds=("sphere",))
    scene = replace(scene, layout="sparse", coverage=_coverage_of(_log_uniform(rng, 6, 120), d, shape), mat=mat)
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


def _fringes(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    mode: Mode = "tem" if rng.random() < 0.8 else "stem"
    look = replace(random_look(rng, mode, d), ground="fringes", ground_px=_log_uniform(rng, 3.0, 22))
    look = replace(look, background=0.5, ground_texture=_log_uniform(rng, 0.03, 0.2), blur_px=float(rng.uniform(0.3, 0.9)))
    return Scene(shape=shape, mode=mode, median_diameter_px=d, coverage=0.0), replace(look, reproduction=1.0, specks=0)


def _fringed(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    d = float(np.clip(d, 16, 0.7 * min(shape)))
    scene = replace(random_scene(rng, shape, median_diameter_px=d), mode="tem", structure="lattice", second_mode=0.0, roughness=0.0)
    kind: ShapeKind = ("sphere", "ellipsoid", "irregular", "polyhedron", "cube")[rng.integers(5)]
    scene = replace(
        scene, kinds=(kind,), layout="clusters" if rng.random() < 0.5 else "sparse", coverage=float(rng.uniform(0.05, 0.5))
    )
    look = random_look(rng, "tem", d)
    look = replace(look, ground="grain", ground_px=float(rng.uniform(2, 7)), ground_texture=_log_uniform(rng, 0.02, 0.08))
    return scene, replace(look, contrast=_log_uniform(rng, 0.25, 1.2), structure_depth=float(rng.uniform(0.4, 1)), blur_px=0.6)


def _giant(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
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
        structure_pitch=_log_uniform(rng, 0.02, 0.2),
        roughness=float(rng.choice([0.0, 0.01, 0.03, 0.09], p=[0.3, 0.3, 0.25, 0.15])),
        aspect=(0.75, 1.0),
        layout="sparse",
        coverage=0.01,
        second_mode=0.0,
        max_particles=1,
        centred=0.93,
    )
    look = _clearer(random_look(rng, scene.mode, d), rng)
    look = replace(look, structure_depth=float(rng.uniform(0.5, 1)), contrast=max(abs(look.contrast), 0.2), opacity=1.0)
    return scene, replace(look, texture=float(rng.uniform(0, 0.12)))


def _across(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    """One to three fibres or rods that cross the frame: particles as the frame shows them, where a mat of many is the ground."""
    scene = random_scene(rng, shape, median_diameter_px=float(rng.uniform(0.6, 1.2)) * min(shape))
    low = _log_uniform(rng, 0.04, 0.2)
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
    look = _clearer(random_look(rng, scene.mode, 0.2 * min(shape)), rng)
    return scene, replace(look, contrast=max(abs(look.contrast), 0.15), opacity=1.0)


def _porous_ground(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    grounds: tuple[Ground, ...] = ("sponge", "sheets", "membrane", "wrinkled")
    ground = grounds[rng.choice(4, p=[0.35, 0.3, 0.2, 0.15])]
    look = replace(random_look(rng, "sem", d), ground=ground, background=float(rng.uniform(0.25, 0.5)))
    look = replace(look, ground_texture=_log_uniform(rng, 0.05, 0.15), ground_px=_log_uniform(rng, 4, 40))
    return Scene(shape=shape, mode="sem", median_diameter_px=d, coverage=0.0), look


def _bare_ground(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    mode: Mode = _mode(rng, 0.55, 0.35)
    u = rng.uniform
    grounds: tuple[Ground, ...] = tuple(g for g in GROUNDS if g not in ("holey", "lacey", "sponge", "sheets", "fringes"))
    if mode != "sem":
        grounds = ("grain", "grain", "mottled", "plain", "wisps", "cells", "stepped")
    ground = grounds[rng.integers(len(grounds))]
    look = replace(
        random_look(rng, mode, d),
        ground=ground,
        ground_texture=_log_uniform(rng, 0.015, 0.12),
        # larger grains and bumps one would count; cells and cracks lie four and five of it apart
        ground_px=_log_uniform(rng, 2, 5 if ground in ("bumpy", "cells", "cracked", "pitted") else 9 if mode != "sem" else 40),
        scratches=int(rng.integers(1, 10)) if rng.random() < 0.3 else 0,
        specks=int(_log_uniform(rng, 10, 400)) if rng.random() < 0.4 else 0,
        speck_px=_log_uniform(rng, 0.8, 3.5),
        curtain=u(0.02, 0.12) if rng.random() < 0.12 else 0.0,
        charging=u(0.05, 0.3) if mode == "sem" and rng.random() < 0.2 else 0.0,
    )
    return Scene(shape=shape, mode=mode, median_diameter_px=d, coverage=0.0), look


def _core_shell(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    mode: Mode = _mode(rng, 0.05, 0.85)
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
    look = _clearer(random_look(rng, mode, d), rng)
    if mode == "tem":  # a light shell
        look = replace(
            look,
            contrast=_log_uniform(rng, 0.2, 0.8),
            film=min(look.film, 0.04),
            ground_texture=min(look.ground_texture, 0.03),
            body_spread=min(look.body_spread, 0.1),
            structure_depth=float(rng.uniform(0.1, 1)),
        )
    return scene, look


def _bright_rims(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    kind: ShapeKind = ("platelet", "disc", "cube")[rng.choice(3, p=[0.5, 0.3, 0.2])]
    scene = replace(
        random_scene(rng, shape, median_diameter_px=max(d, 12)), mode="sem", kinds=(kind,), structure="solid", second_mode=0.0
    )
    scene = replace(
        scene, aspect=(0.6, 1.0), coverage=min(scene.coverage, 0.6), layout=("sparse", "clusters", "pile")[rng.integers(3)]
    )
    look = replace(random_look(rng, "sem", d), contrast=float(rng.uniform(-0.05, 0.15)), rim=float(rng.uniform(0.25, 0.6)))
    return scene, replace(look, rim_px=float(np.clip(d * rng.uniform(0.03, 0.1), 1, 6)), shadow=float(rng.uniform(0.2, 0.7)))


def _crossed_rods(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    scene = random_scene(rng, shape, median_diameter_px=d)
    low = float(rng.uniform(0.08, 0.3))
    scene = replace(scene, kinds=("rod",), structure="solid", aspect=(low, 1.5 * low), layout="pile", second_mode=0.0)
    scene = replace(scene, coverage=float(rng.uniform(0.1, 0.45)), geometric_sd=min(scene.geometric_sd, 1.25))
    return scene, random_look(rng, scene.mode, d)


def _soot(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    d = float(np.clip(d, 8, 0.15 * min(shape)))
    scene = Scene(
        shape=shape,
        mode="tem" if rng.random() < 0.85 else "stem",
        layout="chains",
        median_diameter_px=d,
        geometric_sd=float(rng.uniform(1.05, 1.35)),
        kinds=("sphere",) if rng.random() < 0.7 else ("irregular",),
        roughness=float(rng.choice([0.0, 0.015, 0.03])),
        coverage=_coverage_of(_log_uniform(rng, 12, 140), d, shape),
        overlap=float(rng.uniform(0.0, 0.4)),
        max_particles=160,
    )
    look = random_look(rng, scene.mode, d)
    neck = float(rng.uniform(0.1, 0.6)) if rng.random() < 0.5 else 0.0
    contrast = _log_uniform(rng, 0.15, 1.0)
    return scene, replace(look, contrast=contrast, neck=neck, body_spread=float(rng.uniform(0, 0.15)), halo=0.0)


def _agglomerates(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    """Powders as they come: dozens of crystals or grains stuck together, over and through each other."""
    mode: Mode = _mode(rng, 0.5, 0.3)
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
        coverage=_coverage_of(_log_uniform(rng, 15, 150), d, shape),
        overlap=float(rng.uniform(0.1, 0.4)) * (1.0 if mode == "sem" else 0.8),
        max_particles=250,
    )
    look = _clearer(random_look(rng, mode, d), rng)
    if mode == "sem":  # where one ends and the next begins must show
        look = replace(look, contrast=max(abs(look.contrast), 0.12), shadow=max(look.shadow, 0.3), edge=max(look.edge, 0.2))
    return scene, replace(look, opacity=1.0, body_spread=float(rng.uniform(0, 0.2)))


def _supported(rng: np.random.Generator, shape: tuple[int, int], d: float) -> _Pair:
    """Small particles on grains of carbon or oxide: as dark or bright as they are small, the grains wide and faint."""
    mode: Mode = _mode(rng, 0.0, 0.45)  # secondary electrons show the grains' relief so strongly that small particles drown
    d = float(np.clip(d, 5, 30))
    grain = _log_uniform(rng, max(2.0 * d, 16), max(0.8 * min(shape), 5 * d))
    n = int(np.clip(_log_uniform(rng, 0.8, 5) * shape[0] * shape[1] / grain**2, 3, 150))
    support = Support(
        n=n,
        grain_px=grain,
        grain_spread=float(rng.uniform(0.05, 0.5)),
        n_clouds=1 + int(rng.geometric(0.5)),
        apart=float(rng.uniform(0.3, 0.9)),
        roughness=float(rng.choice([0.12, 0.25, 0.45])),
        texture=float(rng.uniform(0.02, 0.35)),
        texture_px=_log_uniform(rng, 3, 0.6 * grain),
        mass=_log_uniform(rng, 0.15, 1.5) * d / (grain * (1 + 0.3 * math.sqrt(n))),
    )
    scene = replace(random_scene(rng, shape, median_diameter_px=d), mode=mode, structure="solid", second_mode=0.0, mat=support)
    scene = replace(scene, kinds=("sphere",) if rng.random() < 0.7 else ("ellipsoid", "irregular"), aspect=(0.75, 1.0))
    scene = replace(scene, roughness=0.0 if "irregular" not in scene.kinds else float(rng.uniform(0.03, 0.08)))
    scene = replace(scene, layout="clusters" if rng.random() < 0.25 else "sparse", overlap=float(rng.choice([0.0, 0.2])))
    scene = replace(scene, coverage=_coverage_of(_log_uniform(rng, 40, 500), d, shape), max_particles=500)
    look = _clearer(random_look(rng, mode, d), rng)
    ground: Ground = "plain" if mode == "stem" or rng.random() < 0.5 else "grain" if rng.random() < 0.7 else "holey"
    look = replace(look, ground=ground, ground_px=max(look.ground_px, grain) if ground == "holey" else 3.0, halo=0.0)
    look = replace(look, ground_texture=min(look.ground_texture, 0.03), contrast=max(abs(look.contrast), 0.3))
    return scene, replace(look, body_spread=float(rng.uniform(0, 0.3)), opacity=1.0)


def _coverage_of(n: float, d: float, shape: tuple[int, int]) -> float:
    """The coverage at which about n particles of d px are drawn, at most half of the frame."""
    return float(np.clip(n * math.pi / 4 * d**2 / ((shape[0] + d) * (shape[1] + d)), 1e-4, 0.5))


def _clearer(look: Look, rng: np.random.Generator) -> Look:
    """The same with noise and blur under which small things still show."""
    return replace(look, noise=min(look.noise, 0.06), blur_px=min(look.blur_px, float(rng.uniform(0.5, 1.3))))


def _mode(rng: np.random.Generator, sem: float, tem: float) -> Mode:
    return ("sem", "tem", "stem")[rng.choice(3, p=[sem, tem, 1 - sem - tem])]


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(math.log(low), math.log(max(high, low)))))


_STAGES: dict[Motif, Callable[[np.random.Generator, tuple[int, int], float], _Pair]] = {
    "two sizes": _two_sizes,
    "broad": _broad,
    "holes": _holes,
    "bare holes": _bare_holes,
    "mat": _mat,
    "mat with particles": _mat_with_particles,
    "fringes": _fringes,
    "fringed": _fringed,
    "giant": _giant,
    "porous ground": _porous_ground,
    "bare ground": _bare_ground,
    "core-shell": _core_shell,
    "bright rims": _bright_rims,
    "crossed rods": _crossed_rods,
    "soot": _soot,
    "flat": _flat,
    "across": _across,
    "supported": _supported,
    "agglomerates": _agglomerates,
}
