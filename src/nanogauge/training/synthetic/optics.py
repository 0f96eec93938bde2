"""Contrast formation: maps of particles -> noise-free grey levels.

SEM: Goldstein et al., Scanning Electron Microscopy and X-Ray Microanalysis, 4th ed., ch. 3-6. The secondary-electron yield rises
with tilt; within the escape depth of an edge electrons leave through both faces; slopes towards the detector are brighter;
crevices and the substrate beside a particle are shielded. TEM: Williams & Carter, Transmission Electron Microscopy, 2nd ed.,
ch. 22-23 (mass-thickness), 27-28 (Fresnel fringes, phase contrast); STEM: ch. 22 (HAADF).
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from .layers import Layers
from .looks import Look
from .textures import Array, grain, mottle, noise_field, wide_blur


def secondary_electrons(layers: Layers, ground: Array, look: Look, rng: np.random.Generator) -> Array:
    """SEM picture (H, W)."""
    normal_z = 1 / np.sqrt(1 + layers.slope_y**2 + layers.slope_x**2)
    body = np.float32(look.background + look.contrast) + layers.tone
    if look.edge:
        body = body + np.float32(look.edge) * cv2.pow(1 - normal_z, look.edge_power)
    if look.rim:
        body = body + np.float32(look.rim) * np.exp(layers.depth * np.float32(-1 / look.rim_px))
    if look.light:
        turn = rng.uniform(0, 2 * math.pi)
        towards = np.float32(math.sin(turn)) * layers.slope_y + np.float32(math.cos(turn)) * layers.slope_x
        body = body + np.float32(look.light) * towards * normal_z
    if look.texture:
        body = body + np.float32(look.texture) * mottle(rng, body.shape, look.texture_px)
    under = ground
    if look.halo:
        under = under + np.float32(look.halo) * _aside(wide_blur(layers.cover, look.halo_px), look.halo_shift * look.halo_px, rng)
    picture = under + layers.cover * np.float32(look.opacity) * (body - under)
    if look.shadow:
        shielded = np.maximum(wide_blur(layers.top, look.shadow_px) - layers.top, 0) / np.float32(look.shadow_px)
        picture = picture * (1 - np.float32(look.shadow) * (1 - np.exp(np.float32(-0.8) * shielded)))
    return np.asarray(np.maximum(picture, 0), np.float32)


def _aside(field: Array, by_px: float, rng: np.random.Generator) -> Array:
    """A field moved to one side, in a random direction."""
    if by_px <= 0:
        return field
    turn = rng.uniform(0, 2 * math.pi)
    move = np.array([[1, 0, by_px * math.cos(turn)], [0, 1, by_px * math.sin(turn)]], np.float32)
    return np.asarray(cv2.warpAffine(field, move, field.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.float32)


def transmission(layers: Layers, ground: Array, look: Look, typical_px: float, rng: np.random.Generator) -> Array:
    """Bright-field TEM picture (H, W): Beer-Lambert along the beam, then phase contrast. A contrast of 1 absorbs 1/e in the
    middle of a particle `typical_px` thick; below 0 the particle is brighter than the stain around it."""
    depth = _optical_depth(layers, look, typical_px, rng)
    picture: Any = ground
    if look.halo:
        picture = picture + np.float32(look.halo) * (1 - layers.cover) * wide_blur(layers.cover, look.halo_px)
    picture = np.maximum(picture, np.float32(0.02)) * np.exp(-depth)
    if look.film:
        picture = picture + np.float32(look.film) * grain(rng, picture.shape, 1.2 * look.fringe_px + 1) * np.sqrt(
            np.maximum(picture, np.float32(0.05))
        )
    if look.fringe:  # the first two Fresnel fringes of a defocused edge
        near, far = (cv2.GaussianBlur(picture, (0, 0), s * look.fringe_px) for s in (1.0, 2.2))
        picture = picture + np.float32(look.fringe) * (picture - near) - np.float32(0.3 * look.fringe) * (near - far)
    return np.asarray(picture, np.float32)


def dark_field(layers: Layers, ground: Array, look: Look, typical_px: float, rng: np.random.Generator) -> Array:
    """HAADF-STEM picture (H, W): the scattered signal grows with mass-thickness and saturates."""
    signal = 1 - np.exp(-np.abs(_optical_depth(layers, look, typical_px, rng)))
    picture = ground + signal
    if look.film:
        picture = picture + np.float32(look.film) * grain(rng, picture.shape, 2.0)
    return np.asarray(np.maximum(picture, 0), np.float32)


def _optical_depth(layers: Layers, look: Look, typical_px: float, rng: np.random.Generator) -> Array:
    """Thickness in units of a typical particle's, times contrast; a tenth of it wherever there is any (ligands, oxide)."""
    mass = layers.thickness / np.float32(max(typical_px, 1.0))
    mass = np.minimum(mass, 3) + np.float32(0.1) * layers.cover
    if look.texture:
        mass = mass * np.maximum(1 + np.float32(look.texture) * noise_field(rng, mass.shape, look.texture_px), 0)
    return np.asarray(np.float32(look.contrast) * mass, np.float32)
