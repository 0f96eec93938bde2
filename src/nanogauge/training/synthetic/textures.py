"""Random fields: what films, grains, pores and rough surfaces are made of. All seeded, in px, float32.

Noise of a given correlation length is white noise on a coarse grid, enlarged; octaves of it add up as in Perlin (Computer
Graphics 1985, 19, 287). Bumps and grains are cells round random points (Worley, SIGGRAPH 1996, 291), found with a distance
transform.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Shape = tuple[int, int]


def noise_field(rng: np.random.Generator, shape: Shape, scale_px: float) -> Array:
    """Smooth Gaussian noise (H, W) of zero mean, unit variance and the given correlation length."""
    h, w = shape
    if scale_px <= 1:
        return standard(rng.standard_normal(shape, np.float32))
    step = max(scale_px / 1.7, 1.0)
    coarse: Any = rng.standard_normal((int(h / step) + 6, int(w / step) + 6), np.float32)
    coarse = cv2.GaussianBlur(coarse, (0, 0), 0.6 * scale_px / step)  # without it the grid shows
    if step > 1:
        coarse = cv2.resize(coarse, (int(coarse.shape[1] * step), int(coarse.shape[0] * step)), interpolation=cv2.INTER_LINEAR)
    top, left = (int(k) for k in rng.integers(0, int(2 * step) + 1, 2))
    return standard(coarse[top : top + h, left : left + w])


def grain(rng: np.random.Generator, shape: Shape, scale_px: float) -> Array:
    """Noise of one grain size without slow parts, as phase contrast makes of an amorphous film: the transfer function passes a
    band of frequencies (Williams & Carter, Transmission Electron Microscopy, 2nd ed., ch. 28)."""
    white = rng.standard_normal(shape, np.float32)
    sigma = max(0.35 * scale_px, 0.5)
    return standard(cv2.GaussianBlur(white, (0, 0), sigma) - cv2.GaussianBlur(white, (0, 0), 1.6 * sigma))


def mottle(rng: np.random.Generator, shape: Shape, scale_px: float) -> Array:
    """Four octaves of noise from scale_px downwards, each half as strong: stains, uneven films, worn surfaces."""
    total = noise_field(rng, shape, scale_px)
    for k in (1, 2, 3):
        if scale_px / 2**k < 1:
            break
        total = total + np.float32(0.5**k) * noise_field(rng, shape, scale_px / 2**k)
    return standard(total)


def ridges(rng: np.random.Generator, shape: Shape, scale_px: float) -> Array:
    """Thin bright walls where noise crosses zero, 0..1: nanosheets on edge, wrinkles, networks."""
    field = noise_field(rng, shape, scale_px)
    return np.asarray(np.exp(-np.abs(field) * np.float32(4)), np.float32)


def bumps(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    """Hemispherical bumps, 0 between them and 1 on top, about pitch_px apart: cauliflowers, raspberries, sputtered grains."""
    distance = _to_nearest(rng, shape, pitch_px)[0] / np.float32(0.75 * max(pitch_px, 1.0))
    return np.asarray(np.sqrt(np.maximum(1 - distance * distance, 0)), np.float32)


def cells(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    """Grains of one level each, -1..1, about pitch_px wide: polycrystals and facets, each turned differently to the detector."""
    nearest = _to_nearest(rng, shape, pitch_px)[1]
    level = rng.uniform(-1, 1, int(nearest.max()) + 1).astype(np.float32)
    return level[nearest]


def cracks(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    """Dark joints between cells: 1 on the joint, 0 in the cells; about pitch_px apart, wandering."""
    nearest = _to_nearest(rng, shape, pitch_px)[1].astype(np.float32)
    joint = np.zeros(shape, np.float32)
    joint[1:] = nearest[1:] != nearest[:-1]
    joint[:, 1:] = np.maximum(joint[:, 1:], nearest[:, 1:] != nearest[:, :-1])
    return joint


def wide_blur(field: Array, sigma_px: float) -> Array:
    """Gaussian blur; wide ones on a coarser grid, for speed (error below 1 % of the range)."""
    if sigma_px < 0.2:
        return field
    step = int(sigma_px / 1.6)
    if step < 2 or min(field.shape) < 4 * step:
        return np.asarray(cv2.GaussianBlur(field, (0, 0), min(sigma_px, 0.5 * min(field.shape))), np.float32)
    h, w = field.shape
    small: Any = cv2.resize(field, (-(-w // step), -(-h // step)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px / step)
    return np.asarray(cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)


def wreath(rng: np.random.Generator, n: int, lowest: int, softness: float) -> NDArray[np.float64]:
    """Noise round a circle, n samples of unit variance: Fourier modes from `lowest` up, falling off beyond `softness` modes."""
    k = np.arange(lowest, min(int(8 * softness), n // 2))
    series = np.zeros(n // 2 + 1, complex)
    series[k] = (rng.normal(size=(2, len(k))) / (1 + (k / softness) ** 2)).T @ (1, 1j)
    return np.asarray(np.fft.irfft(series * (n / math.sqrt(2 * float((series.real**2 + series.imag**2).sum()))), n), float)


def standard(field: Any) -> Array:
    """Zero mean, unit variance; taken on every ninth pixel of large fields, for speed."""
    sample = field[::3, ::3] if field.size > 40_000 else field
    mean, sd = float(sample.mean()), max(float(sample.std()), 1e-6)
    return np.asarray((field - np.float32(mean)) * np.float32(1 / sd), np.float32)


def _to_nearest(rng: np.random.Generator, shape: Shape, pitch_px: float) -> tuple[Array, NDArray[np.int32]]:
    """Distance to the nearest of random points (H, W), and its number from 0."""
    h, w = shape
    pitch = max(pitch_px, 1.5)
    n = max(math.ceil(h * w / pitch**2), 1)
    points = np.ones(shape, np.uint8)
    points[rng.integers(0, h, n), rng.integers(0, w, n)] = 0
    distance, nearest = cv2.distanceTransformWithLabels(points, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    return np.asarray(distance, np.float32), np.asarray(nearest - 1, np.int32)
