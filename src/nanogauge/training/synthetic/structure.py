"""What a particle is made of: cavities, cores, pores, crystal bands, bumps. Changes surface and thickness, never the outline.

Electrons that pass through (TEM, STEM) see the projected mass: a cavity takes its chord away, a core adds to it. Secondary
electrons see the surface: bumps rise, pores and craters sink.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .shapes import Array, Particle, Structure, half_axes, own_frame
from .textures import Shape, bumps, cells, cracks, grain, noise_field, ridges, wide_blur, wreath

MIN_DIAMETER_PX = 9.0  # below this an inner structure cannot be seen
_TILED: dict[Structure, str] = {
    "porous": "grain",
    "decorated": "bumps",
    "faceted": "cells",
    "bumpy": "bumps",
    "wrinkled": "ridges",
    "cracked": "cracks",
    "cratered": "bumps",
}


@dataclass(frozen=True, slots=True)
class Fabric:
    """The texture all particles of a micrograph share; each is cut from another place of it."""

    tile: Array  # (H + 64, W + 64)
    depth: float  # how strong, 0..1
    pitch_px: float

    def cut(self, shape: Shape, rng: np.random.Generator) -> Array:
        """An (h, w) piece from a random place."""
        y = int(rng.integers(0, self.tile.shape[0] - shape[0] + 1))
        x = int(rng.integers(0, self.tile.shape[1] - shape[1] + 1))
        return self.tile[y : y + shape[0], x : x + shape[1]]


def weave(structure: Structure, shape: Shape, pitch_px: float, depth: float, rng: np.random.Generator) -> Fabric:
    """The fabric of a structure for a picture of the given shape."""
    large = (shape[0] + 64, shape[1] + 64)
    pitch = max(pitch_px, 1.6)
    name = _TILED.get(structure, "noise")
    if name == "grain":
        tile = np.tanh(1.5 * grain(rng, large, pitch)).astype(np.float32)
    elif name == "bumps":
        sparse = {"decorated": 1.6, "cratered": 3.0}.get(structure, 1.0)
        tile = bumps(rng, large, sparse * pitch)
        if sparse > 1:  # dots and holes apart from each other
            tile = np.clip(tile * 2 - 1, 0, 1)
    elif name == "cells":
        tile = wide_blur(cells(rng, large, 2 * pitch), 0.6)
    elif name == "ridges":
        tile = ridges(rng, large, pitch)
    elif name == "cracks":
        tile = -wide_blur(cracks(rng, large, 2 * pitch), 0.7)
    else:
        tile = noise_field(rng, large, pitch)
    return Fabric(tile, depth, pitch)


def build(
    p: Particle, yy: Array, xx: Array, rho: Array, top: Array, thickness: Array, fabric: Fabric, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Top (px), thickness (px) and brightness (0 = unchanged) with the particle's structure built in; all (H, W)."""
    none = np.zeros((1, 1), np.float32)
    if p.structure == "solid" or p.diameter < MIN_DIAMETER_PX:
        return top, thickness, none
    b = half_axes(p)[0]
    depth = np.float32(fabric.depth)
    if p.structure in _TILED:
        tile = fabric.cut(rho.shape, rng)
        height = np.float32(min(0.35 * fabric.pitch_px, 0.25 * b)) * depth
        if p.structure == "cratered":
            return top - 2 * height * tile, thickness * (1 - depth * tile), -depth * tile
        if p.structure == "faceted":  # grains diffract or not
            return top, thickness * (1 + np.float32(0.6) * depth * tile), np.float32(0.3) * depth * tile
        heavy = np.float32(1.2) if p.structure == "decorated" else np.float32(0.5)
        return top + height * tile, thickness * np.maximum(1 + heavy * depth * tile, 0), np.float32(0.5) * depth * tile
    if p.structure in ("hollow", "core_shell", "vesicle"):
        fill = np.float32(max(p.fill, 0.85) if p.structure == "vesicle" else p.fill)
        inner = rho / fill
        if p.structure == "core_shell":  # cores need not sit in the middle
            at, where = rng.uniform(0, 0.3) * (1 - float(fill)) * b, rng.uniform(0, 2 * math.pi)
            inner = np.hypot(yy - np.float32(at * math.sin(where)), xx - np.float32(at * math.cos(where))) / (fill * np.float32(b))
        chord = 2 * np.float32(b) * fill * np.sqrt(np.maximum(1 - inner * inner, 0))
        if p.structure == "core_shell":
            return top, thickness + np.float32(0.5 + 3 * fabric.depth) * chord, np.float32(0.3) * depth * (chord > 0)
        thinner = np.float32(0.92) * chord
        return top, np.maximum(thickness - thinner, np.float32(0.02) * thickness), -np.float32(0.25) * depth * (inner < 1)
    v, u = own_frame(p, yy, xx)
    if p.structure == "radial":  # dendritic pores run outwards
        theta = np.arctan2(v, u)
        table = wreath(rng, 512, 5, float(rng.uniform(15, 40))).astype(np.float32)
        spokes = table[(theta * np.float32(256 / math.pi)).astype(np.int32) % 512]
        spokes = spokes * np.clip(rho * 2 - np.float32(0.3), 0, 1)
        return top + np.float32(0.04 * b) * depth * spokes, thickness * (1 + np.float32(0.5) * depth * spokes), 0.4 * depth * spokes
    turn = np.float32(rng.uniform(0, math.pi))
    across = np.cos(turn) * u + np.sin(turn) * v
    if p.structure == "lattice":
        wave = np.cos(np.float32(2 * math.pi / rng.uniform(2.4, 7)) * across + np.float32(rng.uniform(0, 6)))
        return top, thickness * (1 + np.float32(0.4) * depth * wave), np.float32(0.2) * depth * wave
    if p.structure == "banded":  # twins and bend contours: bands that diffract
        bands = np.sin(across * np.float32(rng.uniform(2, 9) / b) + np.float32(rng.uniform(0, 6)))
        bands = np.tanh(3 * bands) * np.float32(rng.uniform(0.3, 1)) + np.float32(rng.normal(0, 0.4))
        return top, thickness * np.maximum(1 + np.float32(0.6) * depth * bands, 0.1), np.float32(0.2) * depth * bands
    # dimpled: red cells, bowls, collapsed shells
    bowl = np.exp(-((rho / np.float32(max(p.fill, 0.3) * 0.7)) ** 2))
    return top - np.float32(0.7) * (0.4 + depth) * np.float32(b) * bowl, thickness * (1 - 0.6 * depth * bowl), none
