"""Rendered gratings of known pitch, angle and distortion."""

from __future__ import annotations

import numpy as np


def grating(
    pitch_nm: float,
    nm_per_px: tuple[float, float],
    shape: tuple[int, int] = (600, 800),
    *,
    angle_deg: float = 0.0,
    kind: str = "square",
    duty: float = 0.5,
    noise: float = 12.0,
    seed: int = 0,
    swell: float = 0.0,
) -> np.ndarray:
    """(H, W) uint8 of lines (across `angle_deg` from x) or a square grid, as a microscope with that true pixel size (y, x)
    shows it.

    duty: share of a period that is bright; swell: how much the pixel size grows from the centre to the corners, relative
    """
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(float)
    y, x = (y - height / 2) * nm_per_px[0], (x - width / 2) * nm_per_px[1]
    if swell:
        r2 = (y**2 + x**2) / ((height / 2 * nm_per_px[0]) ** 2 + (width / 2 * nm_per_px[1]) ** 2)
        y, x = y * (1 + swell * r2), x * (1 + swell * r2)
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    u, v = (c * x + s * y) / pitch_nm, (-s * x + c * y) / pitch_nm
    soft = 0.08
    lines = [1 / (1 + np.exp((np.abs((t + 0.3) % 1 - 0.5) - duty / 2) / soft * 2)) for t in (u, v)]
    picture = 70 + 90 * (lines[0] if kind == "lines" else lines[0] * lines[1])
    return np.asarray(np.clip(picture + np.random.default_rng(seed).normal(0, noise, shape), 0, 255), np.uint8)
