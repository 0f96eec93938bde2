"""What lies under the particles: films, grains, holes, steps, scratches, dirt. None of it is a particle.

TEM: amorphous carbon with phase-contrast grain, lacey and holey films, folds, stain. SEM: polished or sputtered wafers, worn
metal, cracked and wrinkled layers, track-etched and tortuous filter membranes, steps between two materials.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import cv2
import numpy as np

from .textures import Array, Shape, bumps, cells, cracks, grain, mottle, noise_field, ridges, wide_blur

Ground = Literal["plain", "grain", "mottled", "bumpy", "wrinkled", "cracked", "cells", "holey", "membrane", "stepped", "wisps"]
GROUNDS: tuple[Ground, ...] = get_args(Ground)


def substrate(
    shape: Shape,
    kind: Ground,
    *,
    level: float,
    amplitude: float,
    pitch_px: float,
    dark_holes: bool,
    rng: np.random.Generator,
) -> Array:
    """The bare substrate (H, W) about grey level `level`. `amplitude` is the standard deviation of its texture (holes, steps and
    membranes are three to eight times as deep), `pitch_px` its length. Holes are dark in SEM, bright in TEM."""
    picture = level + np.float32(amplitude) * _TEXTURES[kind](rng, shape, pitch_px)
    if kind in ("holey", "membrane", "stepped"):
        depth = np.float32(amplitude * rng.uniform(3, 8) * (-1 if dark_holes else 1))
        if kind == "holey":
            picture = _film_with_holes(picture, depth, pitch_px, rng)
        elif kind == "membrane":
            pores = np.clip(noise_field(rng, shape, pitch_px) * 3 - 2, 0, 1)
            picture = picture + depth * pores + np.float32(0.4 * abs(depth)) * np.clip(wide_blur(pores, 2) * 4, 0, 1) * (1 - pores)
        else:
            picture = _step(picture, depth, rng)
    return np.asarray(picture, np.float32)


def illuminate(picture: Array, strength: float, rng: np.random.Generator) -> Array:
    """A slope across the frame (tilt, detector side) or a fall-off from a bright place (spread beam)."""
    h, w = picture.shape
    if rng.random() < 0.6:
        gy, gx = rng.uniform(-1, 1, 2)
        field: Any = gy * np.linspace(-0.5, 0.5, h)[:, None] + gx * np.linspace(-0.5, 0.5, w)[None]
    else:
        cy, cx = rng.uniform(0, h), rng.uniform(0, w)
        far = ((np.arange(h)[:, None] - cy) / h) ** 2 + ((np.arange(w)[None] - cx) / w) ** 2
        field = 0.5 - far
    return np.asarray(picture + np.float32(strength) * field.astype(np.float32), np.float32)


def scratch(picture: Array, n: int, rng: np.random.Generator) -> Array:
    """Straight scratches and folds, mostly in one direction, each a dark line, a bright one, or both side by side."""
    h, w = picture.shape
    strokes = np.zeros((h, w), np.float32)
    direction = rng.uniform(0, math.pi)
    for _ in range(n):
        theta = direction + rng.normal(0, 0.2)
        y, x, reach = rng.uniform(0, h), rng.uniform(0, w), rng.uniform(0.2, 1) * max(h, w)
        dy, dx = reach * math.sin(theta), reach * math.cos(theta)
        shade, thick = float(rng.normal(0, 0.15)), int(rng.choice([1, 1, 2, 3]))
        start, stop = (int(x - dx), int(y - dy)), (int(x + dx), int(y + dy))
        cv2.line(strokes, start, stop, shade, thick, cv2.LINE_AA)
        if rng.random() < 0.4:  # the wall that faces the detector
            cv2.line(strokes, (start[0], start[1] + thick), (stop[0], stop[1] + thick), -shade, thick, cv2.LINE_AA)
    return picture + strokes


def soil(picture: Array, n: int, largest_px: float, contrast: float, rng: np.random.Generator) -> Array:
    """Specks, residue and pits far smaller than the particles, and a few smudges without an edge."""
    h, w = picture.shape
    specks = np.zeros((h, w), np.float32)
    for _ in range(n):
        size = largest_px * float(np.exp(rng.normal(-0.7, 0.4)))
        points = rng.normal(0, max(size / 2, 0.6), (6, 2)) + rng.uniform(0, 1, 2) * (w, h)
        hull = cv2.convexHull(np.round(points * 8).astype(np.int32))
        cv2.fillConvexPoly(specks, hull, contrast * float(rng.uniform(0.3, 1)), cv2.LINE_AA, 3)
    if rng.random() < 0.2:
        specks += np.float32(contrast * 0.4) * np.clip(noise_field(rng, (h, w), 12 * largest_px) - 1.2, 0, 1)
    return picture + specks


def _film_with_holes(picture: Array, depth: np.float32, pitch_px: float, rng: np.random.Generator) -> Array:
    """Round or lacey holes; the film thickens towards a hole's rim."""
    h, w = picture.shape
    if rng.random() < 0.5:  # lacey
        field = noise_field(rng, (h, w), 2.5 * pitch_px)
        inside = np.clip((field - np.float32(rng.uniform(0.0, 0.8))) * np.float32(6), 0, 1)
    else:
        mask = np.zeros((h, w), np.float32)
        n = int(np.clip(rng.poisson(h * w / (12 * pitch_px**2)), 1, 200))
        for y, x in rng.uniform(0, 1, (n, 2)) * (h, w):
            r = pitch_px * rng.uniform(0.5, 1.1)
            cv2.ellipse(mask, ((x, y), (2 * r, 2 * r * rng.uniform(0.8, 1)), rng.uniform(0, 180)), 1.0, -1, cv2.LINE_AA)
        inside = mask
    rim = np.clip(wide_blur(inside, max(0.12 * pitch_px, 1)) * 2, 0, 1) * (1 - inside)
    flat = np.float32(picture.mean())  # a hole has no film, and so none of its texture
    return np.asarray(picture * (1 - inside) + (flat + depth) * inside - np.float32(0.35) * depth * rim, np.float32)


def _step(picture: Array, depth: np.float32, rng: np.random.Generator) -> Array:
    """Two materials or levels that meet in a wandering line, with a bright or dark edge."""
    h, w = picture.shape
    theta = rng.uniform(0, 2 * math.pi)
    y, x = np.arange(h, dtype=np.float32)[:, None] - h / 2, np.arange(w, dtype=np.float32)[None] - w / 2
    wander = np.float32(rng.uniform(0, 0.12) * max(h, w)) * noise_field(rng, (h, w), 0.3 * max(h, w))
    at = math.sin(theta) * y + math.cos(theta) * x + rng.uniform(-0.35, 0.35) * max(h, w) + wander
    edge = np.exp(-((at / np.float32(rng.uniform(1, 4))) ** 2))
    return np.asarray(picture + depth * np.clip(at / 2 + 0.5, 0, 1) - np.float32(rng.uniform(-0.5, 0.8)) * depth * edge, np.float32)


def _plain(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    return noise_field(rng, shape, max(pitch_px, 20.0)) * np.float32(0.4)


def _bumpy(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    """A rough surface lit from one side: the slope of bumps, and bright tops."""
    height = bumps(rng, shape, pitch_px)
    sideways = int(rng.integers(2))
    lit = cv2.Sobel(height, cv2.CV_32F, sideways, 1 - sideways, ksize=3) * np.float32(0.2 * pitch_px)
    return np.asarray(2 * (height - height.mean()) + np.clip(lit, -1.5, 1.5), np.float32)


def _wrinkled(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    field = ridges(rng, shape, 3 * pitch_px)
    return np.asarray(2 * (field - field.mean()), np.float32)


def _cracked(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    joints = cracks(rng, shape, min(5 * pitch_px, min(shape) / 3))
    return np.asarray(noise_field(rng, shape, pitch_px) * 0.5 - 5 * wide_blur(joints, 0.8), np.float32)


def _cells(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    return wide_blur(cells(rng, shape, min(4 * pitch_px, min(shape) / 3)), 1.0)


def _wisps(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    """Thin curved lines on a calm film: folds, polymer strands."""
    lines = np.exp(-np.abs(noise_field(rng, shape, max(12 * pitch_px, 40))) * np.float32(25))
    return np.asarray(mottle(rng, shape, 4 * pitch_px) * 0.5 - 2.5 * lines, np.float32)


_TEXTURES: dict[Ground, Callable[[np.random.Generator, Shape, float], Array]] = {
    "plain": _plain,
    "grain": grain,
    "mottled": mottle,
    "bumpy": _bumpy,
    "wrinkled": _wrinkled,
    "cracked": _cracked,
    "cells": _cells,
    "holey": noise_field,
    "membrane": mottle,
    "stepped": noise_field,
    "wisps": _wisps,
}
