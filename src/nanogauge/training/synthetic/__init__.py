"""Synthetic micrographs with exact truth: fixtures, pretraining, examples, validation.

rendering = render(Scene(layout="clusters"), seed=1)
rendering.pixels, rendering.labels, rendering.particles
"""

from .micrographs import INSTRUMENTS, Rendering, render, render_crop, true_table, write_micrographs
from .scene import Scene, random_scene
from .shapes import Particle

__all__ = [
    "INSTRUMENTS",
    "Particle",
    "Rendering",
    "Scene",
    "random_scene",
    "render",
    "render_crop",
    "true_table",
    "write_micrographs",
]
