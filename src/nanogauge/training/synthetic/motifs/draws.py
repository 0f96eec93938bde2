"""What motifs draw alike."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..looks import Look, Mode
from ..scene import Scene

Pair = tuple[Scene, Look]


def coverage_of(n: float, d: float, shape: tuple[int, int]) -> float:
    """The coverage at which about n particles of d px are drawn, at most half of the frame."""
    return float(np.clip(n * math.pi / 4 * d**2 / ((shape[0] + d) * (shape[1] + d)), 1e-4, 0.5))


def clearer(look: Look, rng: np.random.Generator) -> Look:
    """The same with noise and blur under which small things still show."""
    return replace(look, noise=min(look.noise, 0.06), blur_px=min(look.blur_px, float(rng.uniform(0.5, 1.3))))


def draw_mode(rng: np.random.Generator, sem: float, tem: float) -> Mode:
    return ("sem", "tem", "stem")[rng.choice(3, p=[sem, tem, 1 - sem - tem])]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(math.log(low), math.log(max(high, low)))))
