"""Fibres drawn with their truth, for `fibres.py`. Shares no code with what measures them.

Each fibre is an arc of constant width. A pixel's place across a fibre is its distance to the centre line, searched among dense
points of it; the picture is painted at three times the resolution, blurred as a whole, averaged down, and given noise.

- SEM: opaque, the upper one hides the lower; the yield rises towards the edges with the tilt, up to a limit, and falls into
  shade on one side.
- TEM: transmission exp(-m t) through the thickness t of a round body; where fibres cross, both count.
- flat: ribbons of one grey level each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Look = Literal["sem", "tem", "flat"]
FINE = 3


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What is drawn. width_px: mean; spread: standard deviation of ln width; bend: 1/px, standard deviation of the curvature;
    aligned: standard deviation of the directions in degrees about `along_deg`, None: any; length_px: of whole fibres, None: they
    cross the frame."""

    shape: tuple[int, int] = (768, 1024)
    n: int = 20
    width_px: float = 14
    spread: float = 0.15
    look: Look = "sem"
    blur_px: float = 1.0
    noise: float = 6.0
    bend: float = 0.0004
    aligned: float | None = None
    along_deg: float = 0.0
    length_px: float | None = None
    apart: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Truth:
    """width, length: (n,) px, length within the frame; whole: (n,) whether both ends lie within; line: centre lines (m, 2) y, x
    within the frame, points 0.25 px apart."""

    width: Floats
    length: Floats
    whole: NDArray[np.bool_]
    line: list[Floats] = field(repr=False)

    def directions(self) -> tuple[Floats, Floats]:
        """Angles of all pieces in radians, counter-clockwise from x, and their lengths."""
        steps = np.concatenate([np.diff(p[::8], axis=0) for p in self.line])
        return np.arctan2(-steps[:, 0], steps[:, 1]), np.hypot(*steps.T)


def _arc(rng: np.random.Generator, d: Drawing) -> Floats:
    h, w = d.shape
    angle = rng.uniform(0, math.pi) if d.aligned is None else math.radians(d.along_deg + rng.normal(0, d.aligned))
    half = 0.75 * math.hypot(h, w) if d.length_px is None else d.length_px / 2 * math.exp(rng.normal(0, 0.15))
    margin = 0.0 if d.length_px is None else 0.1
    middle = np.array([rng.uniform(margin, 1 - margin) * h, rng.uniform(margin, 1 - margin) * w])
    s = np.arange(-half, half, 0.25)
    turn = angle + rng.normal(0, d.bend) * s
    step = 0.25 * np.stack([-np.sin(turn), np.cos(turn)], axis=1)
    at = np.cumsum(step, axis=0)
    return np.asarray(at - at[len(at) // 2] + middle, np.float64)


def _profile(u: Floats, look: Look) -> Floats:
    """Grey of a fibre across it, u = -1 ... 1."""
    if look == "flat":
        return np.ones_like(u)
    cos = np.sqrt(np.maximum(1 - u**2, 0.0))
    return np.asarray(0.55 * (1 / np.maximum(cos, 0.3)) ** 0.6 + 0.08 * u, np.float64)


def draw(d: Drawing) -> tuple[NDArray[np.uint8], Truth]:
    """The micrograph (H, W) and what is in it."""
    rng = np.random.default_rng([d.seed, 77])
    h, w = d.shape
    fine = (h * FINE, w * FINE)
    grey = np.full(fine, 0.16)
    mass = np.zeros(fine)
    widths, lengths, whole, lines = [], [], [], []
    taken = np.zeros(d.shape, np.uint8)
    for _ in range(d.n):
        width = d.width_px * math.exp(rng.normal(0, d.spread))
        for _try in range(200):
            line = _arc(rng, d)
            inside = (line >= 0).all(1) & (line[:, 0] <= h) & (line[:, 1] <= w)
            own = np.zeros(d.shape, np.uint8)
            cv2.polylines(own, [np.rint(line[::4, ::-1]).astype(np.int32)], False, 1, int(width + 14))
            if inside.sum() > 40 and not (d.apart and (own & taken).any()):
                break
        else:
            continue
        taken |= own
        tone = rng.uniform(0.55, 0.95)
        radius = width / 2
        within = np.zeros(fine, np.uint8)
        cv2.polylines(within, [np.rint(line[::2, ::-1] * FINE).astype(np.int32)], False, 1, int(width * FINE + 6))
        y, x = np.nonzero(within)
        at = np.stack([(y + 0.5) / FINE, (x + 0.5) / FINE], axis=1)
        _, nearest = cKDTree(line).query(at)
        ahead = line[np.minimum(nearest + 1, len(line) - 1)] - line[np.maximum(nearest - 1, 0)]
        ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
        off = at - line[nearest]
        across = off[:, 0] * ahead[:, 1] - off[:, 1] * ahead[:, 0]
        along = (off * ahead).sum(1)
        body = (np.abs(across) <= radius) & (np.abs(along) <= 0.2)  # ends are cut square
        y, x, u = y[body], x[body], across[body] / radius
        if d.look == "tem":
            mass[y, x] += tone * 2 * radius * np.sqrt(np.maximum(1 - u**2, 0)) / d.width_px
        else:
            grey[y, x] = tone * _profile(u, d.look)
        widths.append(width)
        lines.append(line[inside])
        lengths.append(0.25 * inside.sum())
        whole.append(bool(inside.all()))
    if d.look == "tem":
        grey = 0.8 * np.exp(-1.1 * mass)
    grey = cv2.GaussianBlur(grey, (0, 0), d.blur_px * FINE)
    grey = cv2.resize(grey, (w, h), interpolation=cv2.INTER_AREA)
    grey = 230 * grey + d.noise * np.sqrt(0.4 + grey) * rng.normal(size=grey.shape)
    truth = Truth(np.array(widths), np.array(lengths), np.array(whole, bool), lines)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8), truth
