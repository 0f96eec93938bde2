"""An engine that tells phases apart by grey level, and textures of known figures, for tests of phases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanogauge.core.protocols import EngineClasses
from nanogauge.core.scale import Scale
from nanogauge.phases import PhaseMap
from nanogauge.training.synthetic.phase_textures import Texture, discs, gaussian_field, level_sets

__all__ = ["GreyPhases", "Texture", "as_map", "discs", "gaussian_field", "level_sets", "picture_of"]


class GreyPhases:
    """Gives each pixel to the phase whose standardised grey level is nearest, the more surely the nearer it is."""

    name, sha256, stride, tile_px = "grey", "f" * 64, 8, 512
    working_diameter_px = None
    sees_px = (1.0, 1e9)
    detection: dict[str, float] = {}  # noqa: RUF012
    calibration = None

    def __init__(self, shares: tuple[float, ...], *names: str, sharp: float = 8.0) -> None:
        """shares: of the phases in the pictures of `picture_of` that it is used on"""
        self.classes = EngineClasses(names, of="phases")
        self.sharp = sharp
        step = np.linspace(0, 1, len(names))
        mean = float(np.dot(step, shares))
        self.levels = (step - mean) / float(np.sqrt(np.dot((step - mean) ** 2, shares)))

    def predict(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        z = -self.sharp * np.abs(tile[None] - self.levels[:, None, None])
        p = np.exp(z - z.max(axis=0))
        return np.concatenate([np.zeros((3, *tile.shape)), p / p.sum(axis=0)]).astype(np.float32)


def picture_of(phases: NDArray[np.uint8], rng: np.random.Generator, *, noise: float = 4.0) -> NDArray[np.uint8]:
    """Grey levels of a map: phases at even steps, with noise."""
    k = max(int(phases.max()), 1)
    return (60 + 130 * (phases / k) + rng.normal(0, noise, phases.shape)).clip(0, 255).astype(np.uint8)


def as_map(phases: NDArray[np.uint8], *, name: str = "map", scale: Scale | None = None) -> PhaseMap:
    """A map of the phases "a", "b", "c" ..."""
    return PhaseMap(name=name, phases=phases, names=tuple("abcdef"[: int(phases.max()) + 1]), scale=scale)
