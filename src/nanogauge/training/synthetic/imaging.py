"""Image formation: particles -> noise-free grey levels and exact labels, then a picture as a file would hold it.

substrate (`ground.py`) + particles (`layers.py`) -> contrast (`optics.py`) -> column, detector, file (`detector.py`).
"""

from __future__ import annotations

import numpy as np

from .detector import expose
from .ground import curtain, illuminate, scratch, soil, stain, substrate
from .layers import Labels, compose, visible_shares, without
from .looks import Look, random_look
from .mats import Mat, lay_fibres
from .optics import dark_field, secondary_electrons, transmission
from .scene import Scene
from .shapes import Array, Particle, half_axes
from .structure import weave
from .supports import lay_support
from .textures import noise_field
from .visibility import hosts, unseen

_NEEDS_SUPPORT = 0.6  # share of a particle's middle with film or fibre below
_ROUNDS = 3

__all__ = ["Look", "expose", "noise_field", "paint", "random_look"]


def paint(
    scene: Scene, particles: list[Particle], look: Look, rng: np.random.Generator, *, min_visible: float = 0.0
) -> tuple[Array, Labels]:
    """Noise-free picture (H, W) and labels (H, W): label i is particle i - 1; later particles lie on top in SEM.

    In TEM all thicknesses add up; the label of an overlap goes to the upper particle. Labels of particles whose visible share is
    below `min_visible`, and of those too faint to be seen in the look's noise, are removed.
    """
    ground, holes = substrate(
        scene.shape,
        look.ground,
        level=look.background,
        amplitude=look.ground_texture,
        pitch_px=look.ground_px,
        dark_holes=scene.mode != "tem",
        rng=rng,
        depth=look.ground_depth,
    )
    if look.gradient > 0:
        ground = illuminate(ground, look.gradient, rng)
    if look.curtain:
        ground = curtain(ground, look.curtain, rng)
    if look.scratches:
        ground = scratch(ground, look.scratches, rng)
    if look.specks:
        n = int(rng.poisson(look.specks * scene.shape[0] * scene.shape[1] / 512**2))
        ground = soil(ground, n, look.speck_px, look.speck_contrast, rng)
    if look.stains:
        ground = stain(ground, look.stains, look.stain_px, look.stain_contrast, rng)
    mat = None
    if scene.mat is not None:
        mat = lay_fibres(scene.shape, scene.mat, rng) if isinstance(scene.mat, Mat) else lay_support(scene.shape, scene.mat, rng)
    support = mat[0][0].copy() if mat is not None else None if holes is None else 1 - holes
    laid = [i for i, p in enumerate(particles) if support is None or _is_held(p, support)]
    numbers = np.array([0, *(i + 1 for i in laid)], np.int32)
    particles = [particles[i] for i in laid]
    structures = sorted({p.structure for p in particles} - {"solid"})
    pitch = float(np.clip(scene.median_diameter_px * scene.structure_pitch, 1.6, 40))
    fabric = weave(structures[0] if structures else "solid", scene.shape, pitch, look.structure_depth, rng)
    layers = compose(
        scene.shape, particles, fabric, rng, tone_spread=look.body_spread, neck=look.neck, surface=scene.mode == "sem", under=mat
    )
    typical_px = 1.0 if scene.mat is None else scene.mat.width_px
    if particles:
        typical_px = 2 * float(np.median([half_axes(p)[0] for p in particles]))
    if scene.mode == "sem":
        picture = secondary_electrons(layers, ground, look, rng)
    elif scene.mode == "tem":
        picture = transmission(layers, ground, look, typical_px, rng)
    else:
        picture = dark_field(layers, ground, look, typical_px, rng)
    removed = visible_shares(layers) < min_visible
    labels = layers.labels
    for _ in range(_ROUNDS):  # what lies on a hidden one is then judged by what is below both
        host = hosts(labels, len(particles))
        removed |= unseen(picture, labels, len(particles), look, host)
        labels = without(labels, removed, host)
        if not (removed & (host > 0)).any():
            break
    return picture, numbers[labels]


def _is_held(p: Particle, support: Array) -> bool:
    """Whether enough film or fibre lies under the middle of a particle; one whose middle is outside the frame may lie anywhere."""
    r = 0.5 * half_axes(p)[0]
    under = support[max(int(p.y - r), 0) : max(int(p.y + r) + 1, 0), max(int(p.x - r), 0) : max(int(p.x + r) + 1, 0)]
    return not under.size or float(under.mean()) > _NEEDS_SUPPORT
