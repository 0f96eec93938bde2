"""Particles laid on the substrate one after the other: maps of what lies on top where, and the exact labels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .shapes import SOLID_KINDS, Array, Particle, extents, gauge, half_axes, projection, relief
from .structure import Fabric, build
from .textures import Shape

Labels = NDArray[np.int32]
_NECK_KINDS = ("sphere", "irregular")


@dataclass(frozen=True, slots=True)
class Layers:
    """Maps (H, W) of one scene before any contrast; lengths in px.

    labels: the uppermost particle, i + 1 for particle i; cover: share of the pixel under particles; top: height of the visible
    surface; slope_y, slope_x: its slope; depth: distance to the visible particle's outline, from within; tone: the visible
    particle's difference in brightness from the others; thickness: of all particles above each other, each weighed by its tone
    whole: pixels each particle would show alone (n + 1), those outside the frame left out
    """

    labels: Labels
    cover: Array
    top: Array
    slope_y: Array
    slope_x: Array
    depth: Array
    tone: Array
    thickness: Array
    whole: NDArray[np.int64]


def compose(
    shape: Shape,
    particles: list[Particle],
    fabric: Fabric,
    rng: np.random.Generator,
    *,
    tone_spread: float = 0.0,
    neck: float = 0.0,
    surface: bool = True,
    under: tuple[Array, Array] | None = None,
) -> Layers:
    """Lays the particles down in their order: later ones lie on top, and touching ones of the same layer share a boundary.

    tone_spread: standard deviation of the particles' brightness (SEM) or mass (TEM), as a share; neck: width of the sintered
    necks between touching round particles, 0..1. A neck belongs to the nearer particle. surface: False leaves the maps of the
    surface empty, which electrons that pass through do not see. under: maps (stack, thickness) of what lies
    below all particles and is none; changed in place."""
    h, w = shape
    labels = np.zeros(shape, np.int32)
    stack, thickness = (np.zeros((6, h, w), np.float32), np.zeros(shape, np.float32)) if under is None else under
    cover, top, slope_y, slope_x, depth, tone = stack
    whole = np.zeros(len(particles) + 1, np.int64)
    touching = _touching(particles) if neck > 0 else {}
    tones = rng.normal(0, 1, len(particles)) * tone_spread
    for i, p in enumerate(particles):
        reach_y, reach_x = extents(p)
        y0, y1 = max(int(p.y - reach_y), 0), min(int(p.y + reach_y) + 2, h)
        x0, x1 = max(int(p.x - reach_x), 0), min(int(p.x + reach_x) + 2, w)
        if y0 >= y1 or x0 >= x1:
            continue
        yy = (np.arange(y0, y1, dtype=np.float32) - np.float32(p.y))[:, None]
        xx = (np.arange(x0, x1, dtype=np.float32) - np.float32(p.x))[None]
        rho = gauge(p, yy, xx)
        if i in touching:
            rho = _necked(p, [particles[j] for j in touching[i]], rho, yy, xx, neck)
        inside = rho <= 1
        whole[i + 1] = np.count_nonzero(inside)
        if not whole[i + 1]:
            continue
        window = np.s_[y0:y1, x0:x1]
        rise, thick = relief(p, yy, xx, rho)
        rise, thick, bright = build(p, yy, xx, rho, rise, thick, fabric, rng)
        round_px = projection(p).inradius if p.kind in SOLID_KINDS else half_axes(p)[0]
        inward = (1 - rho) * np.float32(round_px)
        soft = np.minimum(np.maximum(inward + np.float32(0.5), 0), 1)
        thickness[window] += soft * thick * np.float32(max(1 + tones[i], 0.15))
        labels[window][inside] = i + 1
        if surface:
            beneath = top[min(max(int(p.y), 0), h - 1), min(max(int(p.x), 0), w - 1)]
            base = float(max(0.6 * beneath, 0.7 * p.diameter * p.level) + round_px)
            _lay_over(stack[:, y0:y1, x0:x1], soft, base, rise, inward, np.float32(tones[i]) + bright)
        else:
            part = cover[window]
            part += soft * (1 - part)
    return Layers(labels, cover, top, slope_y, slope_x, depth, tone, thickness, whole)


def _lay_over(stack: Array, soft: Array, base: float, rise: Array, inward: Array, tone: Array) -> None:
    """Blends a particle's surface over what lies in its window of the stack: cover, top, slope_y, slope_x, depth, tone."""
    own = np.empty((6, *soft.shape), np.float32)
    own[0] = 1
    np.maximum(rise, 0, out=own[1])
    own[1] += np.float32(base)
    cv2.Sobel(rise, cv2.CV_32F, 0, 1, dst=own[2], ksize=1, scale=0.5)
    cv2.Sobel(rise, cv2.CV_32F, 1, 0, dst=own[3], ksize=1, scale=0.5)
    np.maximum(inward, 0, out=own[4])
    own[5] = tone
    own -= stack
    own *= soft
    stack += own


def visible_shares(layers: Layers) -> NDArray[np.float64]:
    """Share of each particle's pixels in the frame that no other particle hides, (n + 1,), background first."""
    visible = np.bincount(layers.labels.ravel(), minlength=len(layers.whole))
    return np.asarray(visible / np.maximum(layers.whole, 1), float)


def without(labels: Labels, removed: NDArray[np.bool_], host: NDArray[np.int32] | None = None) -> Labels:
    """Labels (H, W) with those flagged in `removed` (n + 1,) set to background, or to their host (n + 1,) where they have one."""
    if not removed[1:].any():
        return labels
    number = np.arange(len(removed), dtype=np.int32)
    number[removed] = 0
    if host is not None:
        number[removed] = number[host[removed]]
    return number[labels]


def _touching(particles: list[Particle]) -> dict[int, list[int]]:
    """Round particles within 6 % of contact."""
    round_ones = [i for i, p in enumerate(particles) if p.kind in _NECK_KINDS]
    if len(round_ones) < 2:
        return {}
    at = np.array([(particles[i].y, particles[i].x) for i in round_ones])
    r = np.array([particles[i].diameter / 2 for i in round_ones])
    pairs = cKDTree(at).query_pairs(2.1 * float(r.max()), output_type="ndarray")
    distance = np.hypot(*(at[pairs[:, 0]] - at[pairs[:, 1]]).T) / (r[pairs[:, 0]] + r[pairs[:, 1]])
    out: dict[int, list[int]] = {}
    for a, b in pairs[(distance < 1.06) & (distance > 0.75)]:
        out.setdefault(round_ones[a], []).append(round_ones[b])
        out.setdefault(round_ones[b], []).append(round_ones[a])
    return out


def _necked(p: Particle, others: list[Particle], rho: Array, yy: Array, xx: Array, neck: float) -> Array:
    """rho with fillets towards touching neighbours: a smooth minimum of both gauges on the particle's own side (Blinn, ACM
    Transactions on Graphics 1982, 1, 235)."""
    sharp = np.float32(3 / max(neck, 0.05))
    out = rho
    for q in others:
        r = np.float32(q.diameter / 2)
        other = np.sqrt((yy - np.float32(q.y - p.y)) ** 2 + (xx - np.float32(q.x - p.x)) ** 2) / r
        gap = np.minimum(other - rho, 10)
        fillet = rho - np.log1p(np.exp(-sharp * np.maximum(gap, 0))) / sharp
        out = np.where(gap >= 0, np.minimum(out, fillet), out)
    return np.asarray(out, np.float32)
