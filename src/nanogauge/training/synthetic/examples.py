"""Micrographs to try the page with, rendered on the spot: four instruments, four materials, true sizes known."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PIL import Image

from .imaging import Look
from .micrographs import render
from .scene import Scene

Maker = Literal["thermo", "zeiss", "hitachi", "jeol"]
_SHAPE = (720, 960)
EXAMPLES: dict[str, tuple[Maker, float, Scene, Look]] = {
    "gold-spheres": (
        "thermo",
        1.35,
        Scene(shape=_SHAPE, layout="clusters", median_diameter_px=38, geometric_sd=1.12, coverage=0.2, overlap=0.03),
        Look(background=0.18, contrast=0.42, edge=0.3, noise=0.035, texture=0.02, shadow=0.3, blur_px=0.8),
    ),
    "oxide-polyhedra": (
        "zeiss",
        4.2,
        Scene(
            shape=_SHAPE,
            layout="clusters",
            kinds=("polyhedron", "cube"),
            median_diameter_px=50,
            geometric_sd=1.2,
            coverage=0.25,
            overlap=0.0,
            aspect=(0.85, 1),
        ),
        Look(background=0.22, contrast=0.3, edge=0.25, light=0.15, noise=0.03, ground_texture=0.02, shadow=0.4),
    ),
    "latex-monolayer": (
        "hitachi",
        8.0,
        Scene(shape=_SHAPE, layout="monolayer", median_diameter_px=44, geometric_sd=1.04, coverage=0.85),
        Look(background=0.15, contrast=0.3, edge=0.45, noise=0.05, gradient=0.15, line_noise=0.01, shadow=0.5),
    ),
    "tem-rods": (
        "jeol",
        0.62,
        Scene(
            shape=_SHAPE,
            mode="tem",
            layout="sparse",
            kinds=("rod",),
            median_diameter_px=34,
            geometric_sd=1.15,
            coverage=0.12,
            overlap=0.0,
            aspect=(0.35, 0.5),
        ),
        Look(
            background=0.75, contrast=1.2, edge=0, shadow=0, noise=0.06, noise_px=0.6, fringe=0.4, ground_texture=0.03, ground_px=3
        ),
    ),
}


def render_example(name: str, folder: Path) -> Path:
    """Renders one of EXAMPLES as FOLDER/NAME.png; the same picture every time. Answers its path."""
    instrument, nm_per_px, scene, look = EXAMPLES[name]
    rendering = render(scene, seed=11 + list(EXAMPLES).index(name), look=look, nm_per_px=nm_per_px, instrument=instrument)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    Image.fromarray(rendering.pixels).save(path)
    return path
