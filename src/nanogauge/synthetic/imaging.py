"""Image formation: particles -> grey levels and exact labels.

SEM: secondary-electron yield rises with surface tilt (edge brightening), a detector-side gradient, material contrast, shadowing
round particles that lie on others (Goldstein et al., Scanning Electron Microscopy and X-Ray Microanalysis, 4th ed., ch. 5-6).
TEM: absorption along the projected thickness with a Fresnel fringe at the outline; STEM (HAADF): signal grows with thickness.
Then the column and the detector: astigmatic blur, drift, Poisson and scan-line noise, gain, gamma, JPEG.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .scene import Scene
from .shapes import Array, Particle, extent, gauge, height

Labels = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Look:
    """Contrast, background and defects of one micrograph; grey levels run from 0 to 1."""

    background: float = 0.25
    contrast: float = 0.35  # particle body above (SEM, STEM) or absorption depth (TEM)
    body_spread: float = 0.05  # particle-to-particle difference of the body level
    edge: float = 0.4  # secondary-electron edge brightening
    edge_power: float = 3.0
    light: float = 0.1  # detector-side gradient over a particle
    shadow: float = 0.3
    texture: float = 0.03  # surface texture, amplitude
    texture_px: float = 3.0
    ground_texture: float = 0.03
    ground_px: float = 6.0
    gradient: float = 0.1
    scratches: int = 0
    fringe: float = 0.0
    blur_px: float = 0.8
    astigmatism: float = 0.0
    drift_px: float = 0.0
    noise: float = 0.05  # standard deviation at grey level 0.5
    noise_px: float = 0.0  # correlation length of the noise
    line_noise: float = 0.0
    charging: float = 0.0
    gamma: float = 1.0
    low: float = 0.02
    high: float = 0.95
    jpeg_quality: int = 0  # 0: none


def random_look(rng: np.random.Generator, mode: str, diameter_px: float) -> Look:
    """A look of the given mode, from textbook to poor."""
    u = rng.uniform
    sem = mode == "sem"
    return Look(
        background=float(u(0.08, 0.5) if sem else u(0.6, 0.95) if mode == "tem" else u(0.03, 0.2)),
        contrast=float(u(0.03, 0.5) if sem else np.exp(u(math.log(0.25), math.log(3))) if mode == "tem" else u(0.2, 0.7)),
        body_spread=float(u(0, 0.12)),
        edge=float(u(0.0, 0.7)) if sem else 0.0,
        edge_power=float(u(1.5, 6)),
        light=float(u(0, 0.3)) if sem else 0.0,
        shadow=float(u(0, 0.8)) if sem else 0.0,
        texture=float(u(0, 0.12) * (rng.random() < 0.6)),
        texture_px=float(np.clip(diameter_px * u(0.03, 0.3), 1, 20)),
        ground_texture=float(u(0, 0.1)),
        ground_px=float(np.exp(u(0, 4))),
        gradient=float(u(0, 0.25)),
        scratches=int(rng.integers(0, 8) * (rng.random() < 0.12)),
        fringe=float(u(0, 0.9) * (rng.random() < 0.5)) if mode == "tem" else 0.0,
        blur_px=float(u(0.3, 1.6) + (u(0, 2) if rng.random() < 0.15 else 0)),
        astigmatism=float(u(0, 0.5) * (rng.random() < 0.2)),
        drift_px=float(u(0, 1.5) * (rng.random() < 0.2)),
        noise=float(np.exp(u(math.log(0.004), math.log(0.08)))),
        noise_px=float(u(0.4, 1.2) * (rng.random() < 0.5)),
        line_noise=float(u(0, 0.03) * (rng.random() < 0.3)),
        charging=float(u(0, 0.25) * (rng.random() < 0.12)),
        gamma=float(np.exp(rng.normal(0, 0.25))),
        low=float(u(0, 0.3) if rng.random() < 0.5 else u(-0.1, 0.02)),
        high=float(u(0.7, 1.0) if rng.random() < 0.7 else u(1.0, 1.25)),
        jpeg_quality=int(rng.integers(35, 96)) if rng.random() < 0.5 else 0,
    )


def noise_field(rng: np.random.Generator, shape: tuple[int, int], scale_px: float) -> Array:
    """Smooth Gaussian noise of unit variance and the given correlation length: coarse white noise, enlarged."""
    h, w = shape
    step = max(scale_px, 1.0)
    coarse: Any = rng.standard_normal((int(h / step) + 4, int(w / step) + 4), np.float32)
    if step > 1:
        coarse = cv2.resize(coarse, (int(coarse.shape[1] * step), int(coarse.shape[0] * step)), interpolation=cv2.INTER_CUBIC)
    field = coarse[:h, :w]
    return np.asarray((field - field.mean()) / max(float(field.std()), 1e-6), np.float32)


def paint(
    scene: Scene, particles: list[Particle], look: Look, rng: np.random.Generator, *, min_visible: float = 0.0
) -> tuple[Array, Labels]:
    """Noise-free picture (H, W) and labels (H, W): label i is particle i - 1; later particles lie on top in SEM.

    In TEM all thicknesses add up; the label of an overlap goes to the upper particle. Labels whose visible share is below
    `min_visible` are removed.
    """
    h, w = scene.shape
    labels = np.zeros((h, w), np.int32)
    full = np.zeros(len(particles) + 1, np.int64)
    texture = noise_field(rng, (h + 256, w + 256), look.texture_px) if look.texture > 0 else None
    picture = np.full((h, w), look.background, np.float32)
    picture += look.ground_texture * noise_field(rng, (h, w), look.ground_px)
    if look.gradient > 0:
        gy, gx = rng.uniform(-1, 1, 2)
        picture += look.gradient * (gy * np.linspace(-0.5, 0.5, h)[:, None] + gx * np.linspace(-0.5, 0.5, w)[None]).astype(
            np.float32
        )
    for _ in range(look.scratches):
        y0, x0, y1, x1 = rng.uniform(-0.2, 1.2, 4) * (h, w, h, w)
        shade = float(look.background + rng.uniform(-0.2, 0.3))
        cv2.line(picture, (int(x0), int(y0)), (int(x1), int(y1)), shade, int(rng.integers(1, 3)), cv2.LINE_AA)
    thickness = np.zeros((h, w), np.float32)
    light = rng.uniform(0, 2 * math.pi)
    for i, p in enumerate(particles):
        reach = extent(p) * (1.35 if look.shadow > 0 else 1.0)
        y0, y1 = max(int(p.y - reach), 0), min(int(p.y + reach) + 2, h)
        x0, x1 = max(int(p.x - reach), 0), min(int(p.x + reach) + 2, w)
        if y0 >= y1 or x0 >= x1:
            continue
        yy = (np.arange(y0, y1, dtype=np.float32) - np.float32(p.y))[:, None]
        xx = (np.arange(x0, x1, dtype=np.float32) - np.float32(p.x))[None]
        yy, xx = np.broadcast_arrays(yy, xx)
        rho, facet = gauge(p, yy, xx)
        inside = rho <= 1
        full[i + 1] = inside.sum()
        window = np.s_[y0:y1, x0:x1]
        labels[window][inside] = i + 1
        z = height(p, rho)
        radius = p.diameter / 2
        rough: Any = 0.0
        if texture is not None:
            oy, ox = rng.integers(0, 256, 2)
            rough = look.texture * texture[oy : oy + y1 - y0, ox : ox + x1 - x0]
            if rough.shape != rho.shape:  # patch larger than the texture's margin
                rough = look.texture * texture[: y1 - y0, : x1 - x0]
        level = look.contrast + look.body_spread * rng.normal()
        if scene.mode == "sem":
            body = look.background + level + look.edge * (1 - z) ** look.edge_power
            body = body * facet + look.light * (math.sin(light) * yy + math.cos(light) * xx) / radius + rough
            soft = np.clip((1 - rho) * radius + 0.5, 0, 1)
            under = picture[window]
            if look.shadow > 0:
                under = under * (1 - look.shadow * np.exp(-np.maximum(rho - 1, 0) * 8) * (rho < 1.35))
            picture[window] = under + soft * (body - under)
        else:
            z = z if p.kind != "platelet" else 0.5 * z
            soft = np.clip((1 - rho) * radius + 0.5, 0, 1)
            thickness[window] += np.maximum(soft * (z * level + 0.15 * level + rough * z), 0)
    if scene.mode == "tem":
        picture *= np.exp(-1.2 * thickness)
        if look.fringe > 0:  # defocus as an unsharp mask: a bright line outside, a dark one inside
            picture += look.fringe * (picture - cv2.GaussianBlur(picture, (0, 0), 1.6))
    elif scene.mode == "stem":
        picture += thickness
    visible = np.bincount(labels.ravel(), minlength=len(particles) + 1)
    # full areas of particles cut by the frame count what the frame shows, so a cut particle is not taken for a hidden one
    hidden = visible < min_visible * np.maximum(full, 1)
    hidden[0] = False
    if hidden.any():
        labels[hidden[labels]] = 0
    return picture, labels


def expose(picture: Any, look: Look, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Column, detector and file: blur, drift, noise, gain, gamma, 8 bits, JPEG. (H, W) float -> (H, W) uint8."""
    h, w = picture.shape
    if look.drift_px > 0:
        shift = np.cumsum(rng.normal(0, 0.15, h)) * look.drift_px
        yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
        picture = cv2.remap(picture, xx + shift[:, None].astype(np.float32), yy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    sy, sx = look.blur_px * (1 + look.astigmatism), look.blur_px * (1 - look.astigmatism)
    picture = cv2.GaussianBlur(picture, (0, 0), sigmaX=max(sx, 0.2), sigmaY=max(sy, 0.2))
    if look.charging > 0:
        rows = np.clip(noise_field(rng, (h, 1), 5.0) - 1.2, 0, 2)
        picture = picture + look.charging * rows
    noise: Any = rng.standard_normal((h, w), np.float32)
    if look.noise_px > 0:
        noise = cv2.GaussianBlur(noise, (0, 0), look.noise_px)
        noise /= noise.std()
    picture = picture + look.noise * np.sqrt(np.clip(2 * picture, 0.05, None)) * noise
    if look.line_noise > 0:
        picture = picture + look.line_noise * rng.standard_normal((h, 1), np.float32)
    low, high = np.quantile(picture[::4, ::4], [0.005, 0.995])
    span = max(float(high - low), 1e-3)
    picture = look.low + (picture - low) / span * (look.high - look.low)
    grey = np.clip(picture, 0, 1) ** np.float32(look.gamma)
    out = np.asarray(np.round(255 * grey), np.uint8)
    if look.jpeg_quality:
        out = np.asarray(
            cv2.imdecode(cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, look.jpeg_quality])[1], cv2.IMREAD_GRAYSCALE),
            np.uint8,
        )
    return out
