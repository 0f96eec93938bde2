"""Column, detector and file: what happens to a picture between the specimen and the reader.

Probe and lens: Gaussian blur, longer in one direction when astigmatic; vibration displaces single lines. Detector: shot noise,
whose variance grows with the signal, often smoothed by the amplifier; line noise; charging that lingers along the scan line
(Goldstein et al., ch. 9). Reproduction: gain and clipping, gamma, sharpening, resampling, print screens, JPEG.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .looks import Look
from .textures import Array, noise_field

U8 = NDArray[np.uint8]


def expose(picture: Any, look: Look, rng: np.random.Generator) -> U8:
    """Column, detector and file: blur, drift, noise, gain, gamma, 8 bits, JPEG. (H, W) float -> (H, W) uint8."""
    picture = np.asarray(picture, np.float32)
    if look.drift_px > 0:
        picture = _vibrated(picture, look.drift_px, rng)
    picture = _focused(picture, look, rng)
    if look.charging > 0:
        picture = _charged(picture, look.charging, rng)
    picture = _detected(picture, look, rng)
    low, high = np.quantile(picture[::4, ::4], [0.005, 0.995])
    span = max(float(high - low), 1e-3)
    stretched = np.float32(look.low) + (picture - np.float32(low)) * np.float32((look.high - look.low) / span)
    return _reproduced(cv2.pow(np.minimum(np.maximum(stretched, 0), 1), look.gamma), look, rng)


def _vibrated(picture: Array, amplitude_px: float, rng: np.random.Generator) -> Array:
    """Lines displaced sideways by vibration; no line by more than twice the amplitude, so that labels stay true."""
    h, w = picture.shape
    wave = np.sin(2 * math.pi * (np.arange(h) / rng.uniform(4, 40) + rng.random())) + rng.normal(0, 0.5, h)
    shift = np.clip(amplitude_px * wave, -2 * amplitude_px, 2 * amplitude_px).astype(np.float32)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    moved = cv2.remap(picture, xx + shift[:, None], yy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.float32)


def _focused(picture: Array, look: Look, rng: np.random.Generator) -> Array:
    """The probe's point spread: a Gaussian, its axes (1 + a) and (1 - a) times blur_px at a random angle."""
    if look.astigmatism <= 0:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(look.blur_px, 0.2)), np.float32)
    long, short = (max(look.blur_px * (1 + s * look.astigmatism), 0.25) for s in (1, -1))
    reach = math.ceil(3 * long)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    turn = rng.uniform(0, math.pi)
    u, v = math.cos(turn) * x + math.sin(turn) * y, math.cos(turn) * y - math.sin(turn) * x
    kernel = np.exp(-0.5 * ((u / long) ** 2 + (v / short) ** 2))
    kernel = (kernel / kernel.sum()).astype(np.float32)
    return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32)


def _charged(picture: Array, strength: float, rng: np.random.Generator) -> Array:
    """Whole lines that brighten, and tails along the scan behind what is bright."""
    h, w = picture.shape
    lines = np.clip(noise_field(rng, (h, 1), 5.0) - 1.2, 0, 2)
    picture = picture + np.float32(strength) * lines
    if rng.random() < 0.6:
        reach = max(int(rng.uniform(0.05, 0.4) * w), 3)
        bright = np.maximum(picture - np.float32(np.quantile(picture[::4, ::4], 0.8)), 0)
        tail = cv2.blur(bright, (reach, 1), anchor=(reach - 1, 0))
        picture = picture + np.float32(float(rng.choice([-3, 2])) * strength) * tail
    return np.asarray(picture, np.float32)


def _detected(picture: Array, look: Look, rng: np.random.Generator) -> Array:
    """Shot noise (Poisson statistics in the Gaussian limit: variance in proportion to the signal), then line noise."""
    noise: Any = rng.standard_normal(picture.shape, np.float32)
    if look.noise_px > 0:
        noise = cv2.GaussianBlur(noise, (0, 0), look.noise_px)
        noise *= np.float32(1 / max(float(noise.std()), 1e-6))
    picture = picture + np.float32(look.noise) * np.sqrt(np.maximum(2 * picture, np.float32(0.05))) * noise
    if look.line_noise > 0:
        picture = picture + np.float32(look.line_noise) * rng.standard_normal((picture.shape[0], 1), np.float32)
    return np.asarray(picture, np.float32)


def _reproduced(picture: Any, look: Look, rng: np.random.Generator) -> U8:
    """What a program and a journal do to a picture of 0..1."""
    h, w = picture.shape
    if look.reproduction != 1:
        small = (max(round(w * look.reproduction), 8), max(round(h * look.reproduction), 8))
        down = cv2.INTER_AREA if look.reproduction < 1 else cv2.INTER_CUBIC
        up = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[rng.choice(3, p=[0.45, 0.45, 0.1])]
        picture = cv2.resize(cv2.resize(picture, small, interpolation=down), (w, h), interpolation=up)
    if look.sharpen > 0:
        picture = picture + np.float32(look.sharpen) * (picture - cv2.GaussianBlur(picture, (0, 0), 1.2))
    if look.halftone_px > 0:  # a screen at 45 degrees, softened by the scanner
        y, x = np.arange(h, dtype=np.float32)[:, None], np.arange(w, dtype=np.float32)[None]
        k = np.float32(2 * math.pi / (math.sqrt(2) * look.halftone_px))
        picture = picture + np.float32(0.12) * np.cos(k * (x + y)) * np.cos(k * (x - y))
    out = np.asarray(np.round(255 * np.clip(picture, 0, 1)), np.uint8)
    if look.jpeg_quality:
        packed = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, look.jpeg_quality])[1]
        out = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return out
