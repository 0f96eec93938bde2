"""Image formation: particles -> noise-free grey levels and exact labels, then a picture as a file would hold it.

substrate (`ground.py`) + particles (`layers.py`) -> contrast (`optics.py`) -> column, detector, file (`detector.py`).
"""

from __future__ import annotations

import numpy as np

from .detector import expose
from .ground import illuminate, scratch, soil, substrate
from .layers import Labels, compose, visible_shares, without
from .looks import Look, random_look
from .optics import dark_field, secondary_electrons, transmission
from .scene import Scene
from .shapes import Array, Particle, half_axes
from .structure import weave
from .textures import noise_field
from .visibility import unseen

__all__ = ["Look", "expose", "noise_field", "paint", "random_look"]


def paint(
    scene: Scene, particles: list[Particle], look: Look, rng: np.random.Generator, *, min_visible: float = 0.0
) -> tuple[Array, Labels]:
    """Noise-free picture (H, W) and labels (H, W): label i is particle i - 1; later particles lie on top in SEM.

    In TEM all thicknesses add up; the label of an overlap goes to the upper particle. Labels of particles whose visible share is
    below `min_visible`, and of those too faint to be seen in the look's noise, are removed.
    """
    ground = substrate(
        scene.shape,
        look.ground,
        level=look.background,
        amplitude=look.ground_texture,
        pitch_px=look.ground_px,
        dark_holes=scene.mode == "sem",
        rng=rng,
    )
    if look.gradient > 0:
        ground = illuminate(ground, look.gradient, rng)
    if look.scratches:
        ground = scratch(ground, look.scratches, rng)
    if look.specks:
        n = int(rng.poisson(look.specks * scene.shape[0] * scene.shape[1] / 512**2))
        ground = soil(ground, n, look.speck_px, look.speck_contrast, rng)
    structures = {p.structure for p in particles} - {"solid"}
    pitch = float(np.clip(scene.median_diameter_px * scene.structure_pitch, 1.6, 40))
    fabric = weave(structures.pop() if structures else "solid", scene.shape, pitch, look.structure_depth, rng)
    layers = compose(scene.shape, particles, fabric, rng, tone_spread=look.body_spread, neck=look.neck, surface=scene.mode == "sem")
    typical_px = 2 * float(np.median([half_axes(p)[0] for p in particles])) if particles else 1.0
    if scene.mode == "sem":
        picture = secondary_electrons(layers, ground, look, rng)
    elif scene.mode == "tem":
        picture = transmission(layers, ground, look, typical_px, rng)
    else:
        picture = dark_field(layers, ground, look, typical_px, rng)
    removed = visible_shares(layers) < min_visible
    removed |= unseen(picture, layers.labels, len(particles), look)
    return picture, without(layers.labels, removed)
