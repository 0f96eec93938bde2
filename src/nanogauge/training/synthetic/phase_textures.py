"""Textures whose shares of phases, chords and interfaces are known: level sets of Gaussian random fields, Boolean models of discs.

A field of covariance exp(-r²/2s²) crosses a level t (1/π s) exp(-t²/2) times per length (Rice 1945); discs of radius R, γ of them
per area, leave q = exp(-γπR²) free and have an outline of 2πRγq per area (Stoyan, Kendall & Mecke 1995). An outline L per area is
crossed 2L/π times per length, and a phase of share φ has chords of 2φ over its crossings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri


@dataclass(frozen=True)
class Texture:
    """phases: (H, W); share, chord: (K,); interface: (K, K) per px. The truths are the model's, not those of this picture of it."""

    phases: NDArray[np.uint8]
    share: NDArray[np.float64]
    chord: NDArray[np.float64]
    interface: NDArray[np.float64]


def gaussian_field(
    rng: np.random.Generator, shape: tuple[int, int], s: float, *, stretch: float = 1.0, rough: bool = False
) -> NDArray[np.float64]:
    """Of mean 0 and variance 1, covariance exp(-r²/2s²); `rough`: exp(-r/s). stretch: s along x over s along y.

    It is made in a box three correlations larger, so that it knows nothing of the other side of the frame.
    """
    h, w = (math.ceil(n + 8 * s * f) for n, f in zip(shape, (1.0, stretch), strict=True))
    y = np.minimum(np.arange(h), h - np.arange(h)) / s
    x = np.minimum(np.arange(w), w - np.arange(w)) / (s * stretch)
    r2 = y[:, None] ** 2 + x[None, :] ** 2
    covariance = np.exp(-np.sqrt(r2)) if rough else np.exp(-r2 / 2)
    spectrum = np.sqrt(np.maximum(np.fft.rfft2(covariance).real, 0))
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((h, w))) * spectrum, (h, w))
    return field[: shape[0], : shape[1]]


def level_sets(
    rng: np.random.Generator,
    shape: tuple[int, int],
    s: float,
    shares: tuple[float, ...],
    *,
    stretch: float = 1.0,
    rough: bool = False,
) -> Texture:
    """Phases in layers of level: each borders on the next only. The chords and interfaces are those of a field that is neither
    stretched nor rough."""
    values = gaussian_field(rng, shape, s, stretch=stretch, rough=rough)
    levels = ndtri(np.cumsum(shares)[:-1])
    phases = np.searchsorted(levels, values.ravel()).reshape(shape).astype(np.uint8)
    crossed = np.exp(-(levels**2) / 2) / (math.pi * s)
    k = len(shares)
    interface = np.zeros((k, k))
    for j, c in enumerate(crossed):
        interface[j, j + 1] = interface[j + 1, j] = math.pi / 2 * c
    ends = np.concatenate([[0.0], crossed]) + np.concatenate([crossed, [0.0]])
    return Texture(phases, np.diff(np.concatenate([[0.0], ndtr(levels), [1.0]])), 2 * np.array(shares) / ends, interface)


def discs(rng: np.random.Generator, shape: tuple[int, int], radius: float, free: float) -> Texture:
    """Overlapping discs (phase 1) at random places; `free` of the area is phase 0."""
    density = -math.log(free) / (math.pi * radius**2)
    h, w = shape
    n = rng.poisson(density * (h + 2 * radius) * (w + 2 * radius))
    phases = np.zeros(shape, np.uint8)
    for cy, cx in zip(rng.uniform(-radius, h + radius, n), rng.uniform(-radius, w + radius, n), strict=True):
        y0, y1 = max(math.floor(cy - radius), 0), min(math.ceil(cy + radius) + 1, h)
        x0, x1 = max(math.floor(cx - radius), 0), min(math.ceil(cx + radius) + 1, w)
        y, x = np.arange(y0, y1) + 0.5 - cy, np.arange(x0, x1) + 0.5 - cx
        phases[y0:y1, x0:x1] |= (y[:, None] ** 2 + x[None, :] ** 2 <= radius**2).astype(np.uint8)
    outline = 2 * math.pi * radius * density * free
    crossed = 2 * outline / math.pi
    share = np.array([free, 1 - free])
    return Texture(phases, share, 2 * share / crossed, np.array([[0, outline], [outline, 0]]))
