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

from .textures import Array, Shape, bumps, cells, cracks, grain, mottle, noise_field, ridges, standard, wide_blur

Ground = Literal[
    "plain", "grain", "mottled", "bumpy", "wrinkled", "cracked", "cells", "holey", "lacey", "membrane", "stepped", "wisps",
    "fringes", "pitted", "sponge", "sheets", "perforated",
]  # fmt: skip
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
    depth: float = 0.0,
) -> tuple[Array, Array | None]:
    """The bare substrate (H, W) about grey level `level`. `amplitude` is the standard deviation of its texture (holes, steps and
    membranes are three to eight times as deep, or `depth`), `pitch_px` its length. Holes are dark in SEM, bright in TEM. With a
    film goes the share of each pixel that is a hole, on which nothing can lie."""
    holes = None
    picture = level + np.float32(amplitude) * _TEXTURES[kind](rng, shape, pitch_px)
    if kind in ("holey", "lacey", "perforated", "membrane", "stepped"):
        step = np.float32((depth or amplitude * rng.uniform(3, 8)) * (-1 if dark_holes else 1))
        if kind in ("holey", "lacey", "perforated"):
            holes_are = {"lacey": 0, "perforated": 2}.get(kind)
            picture, holes = _film_with_holes(picture, step, pitch_px, rng, which=holes_are)
        elif kind == "membrane":
            pores = np.clip(_smooth_field(rng, shape, pitch_px) * max(0.5 * pitch_px, 3) - max(0.35 * pitch_px, 2), 0, 1)
            picture = picture + step * pores + np.float32(0.4 * abs(step)) * np.clip(wide_blur(pores, 2) * 4, 0, 1) * (1 - pores)
        else:
            picture = _step(picture, step, rng)
    return np.asarray(picture, np.float32), holes


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


def curtain(picture: Array, strength: float, rng: np.random.Generator) -> Array:
    """Streaks down the frame, as an ion beam mills behind something hard, that swell and fade."""
    h, w = picture.shape
    streaks = noise_field(rng, (1, w), rng.uniform(1.5, 8)) + noise_field(rng, (1, w), rng.uniform(10, 40))
    swell = 1 + np.float32(0.4) * noise_field(rng, (h, w), 0.4 * h)
    return np.asarray(picture + np.float32(strength) * streaks * swell, np.float32)


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


def stain(picture: Array, n: int, typical_px: float, contrast: float, rng: np.random.Generator) -> Array:
    """Faint patches as large as particles whose edges fade over a good part of their size: residue of a drop, deposits of the
    beam, and fields scanned before."""
    h, w = picture.shape
    patches = np.zeros((h, w), np.float32)
    for _ in range(n):
        size = typical_px * float(np.exp(rng.normal(0, 0.4)))
        one = np.zeros((h, w), np.float32)
        y, x, turn = rng.uniform(0, h), rng.uniform(0, w), float(rng.uniform(0, 180))
        depth = contrast * float(rng.uniform(0.4, 1))
        if rng.random() < 0.2:  # a field scanned before lies along the frame
            box = np.array([(-1, -0.75), (1, -0.75), (1, 0.75), (-1, 0.75)]) * size + (x, y)
            cv2.fillConvexPoly(one, np.round(box).astype(np.int32), depth)
            fade = float(rng.uniform(0.02, 0.15))
        else:
            axes = (max(int(size / 2), 1), max(int(size * rng.uniform(0.25, 0.5)), 1))
            cv2.ellipse(one, (int(x), int(y)), axes, turn, 0, 360, depth, -1)
            fade = float(rng.uniform(0.12, 0.35))
        patches += wide_blur(one, max(fade * size, 1.0))
    return picture + patches


def _film_with_holes(
    picture: Array, depth: np.float32, pitch_px: float, rng: np.random.Generator, *, which: int | None = None
) -> tuple[Array, Array]:
    """Lacey (0), round (1) or lithographed (2) holes, at random where `which` is None; the film thickens towards a hole's rim. Also
    the share of each pixel in a hole."""
    h, w = picture.shape
    kind = rng.choice(3, p=[0.4, 0.35, 0.25]) if which is None else which
    if kind == 0:  # lacey
        field = _smooth_field(rng, (h, w), 2.5 * pitch_px)
        steep = np.float32(max(1.5 * pitch_px, 6))
        inside = np.asarray(np.clip((field - np.float32(rng.uniform(-0.4, 0.8))) * steep, 0, 1), np.float32)
    else:
        inside = np.zeros((h, w), np.float32)
        places = _strewn((h, w), pitch_px, rng) if kind == 1 else _array((h, w), pitch_px, rng)
        spread, oval = (0.35, 0.75) if kind == 1 else (0.02, 0.97)
        for y, x in places:
            d, turn = pitch_px * rng.uniform(1 - spread, 1 + spread), rng.uniform(0, 180)
            cv2.ellipse(inside, ((x, y), (d, d * rng.uniform(oval, 1)), turn), 1.0, -1, cv2.LINE_AA)
        inside = wide_blur(inside, 0.6)
    rim = np.clip(wide_blur(inside, max(0.12 * pitch_px, 1)) * 2, 0, 1) * (1 - inside)
    flat = np.float32(picture.mean())  # a hole has no film, and so none of its texture
    thick = np.float32(rng.uniform(0, 0.4)) * depth * rim
    return np.asarray(picture * (1 - inside) + (flat + depth) * inside - thick, np.float32), inside


def _smooth_field(rng: np.random.Generator, shape: Shape, scale_px: float) -> Array:
    """Noise whose level lines show no corners of the coarse grid it is made on."""
    return standard(wide_blur(noise_field(rng, shape, scale_px), 0.35 * scale_px))


def _strewn(shape: Shape, pitch_px: float, rng: np.random.Generator) -> np.ndarray:
    """Random places (n, 2) of holes, which may run into each other."""
    n = int(np.clip(rng.poisson(rng.uniform(0.15, 0.6) * shape[0] * shape[1] / pitch_px**2), 1, 200))
    return np.asarray(rng.uniform(0, 1, (n, 2)) * shape)


def _array(shape: Shape, pitch_px: float, rng: np.random.Generator) -> np.ndarray:
    """The places (n, 2) of a square or hexagonal array of holes, turned and shifted."""
    reach, gap = math.hypot(*shape) / 2 + pitch_px, pitch_px * rng.uniform(1.25, 2.2)
    steps = np.arange(-reach, reach, gap)
    columns, rows = np.meshgrid(steps, steps)
    if rng.random() < 0.5:
        columns[::2] += gap / 2
        rows = rows * math.sqrt(0.75)
    grid = np.stack((columns, rows), -1).reshape(-1, 2) + rng.uniform(0, gap, 2)
    turn = rng.uniform(0, math.pi / 2)
    c, s = math.cos(turn), math.sin(turn)
    at = grid @ np.array([[c, s], [-s, c]]) + np.array(shape) / 2
    return np.asarray(at[((at > -pitch_px) & (at < np.array(shape) + pitch_px)).all(1)])


def _step(picture: Array, depth: np.float32, rng: np.random.Generator) -> Array:
    """Two materials or levels that meet in a wandering line, with a bright or dark edge."""
    h, w = picture.shape
    theta = rng.uniform(0, 2 * math.pi)
    y, x = np.arange(h, dtype=np.float32)[:, None] - h / 2, np.arange(w, dtype=np.float32)[None] - w / 2
    wander = np.float32(rng.uniform(0, 0.12) * max(h, w)) * _smooth_field(rng, (h, w), 0.3 * max(h, w))
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


def _fringes(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    """Lattice planes as high resolution shows them: one to three sets of fringes, in one crystal or in several turned to each
    other, with moire where two lie above one another and the mottle of an amorphous layer over all."""
    several = rng.random() < 0.45
    total = _crystal(rng, shape, pitch_px)
    if several:
        where = cells(rng, shape, rng.uniform(0.25, 0.8) * min(shape))
        for level in np.unique(where)[:6]:
            soft = wide_blur((where == level).astype(np.float32), rng.uniform(1, 6))
            total = total * (1 - soft) + soft * _crystal(rng, shape, pitch_px)
    total = total * np.clip(1 + np.float32(rng.uniform(0, 0.6)) * noise_field(rng, shape, rng.uniform(10, 80)), 0.1, 2)
    total = total + np.float32(rng.uniform(0, 0.6)) * noise_field(rng, shape, rng.uniform(20, 90))  # thickness
    return np.asarray(total + np.float32(rng.uniform(0, 0.9)) * grain(rng, shape, rng.uniform(2, 6)), np.float32)


def _crystal(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    """One crystal's fringes (H, W), a few planes seen along an axis; the second set of a moire differs a little."""
    y, x = np.arange(shape[0], dtype=np.float32)[:, None], np.arange(shape[1], dtype=np.float32)[None]
    turn, n = rng.uniform(0, math.pi), int(rng.choice([1, 2, 3], p=[0.35, 0.4, 0.25]))
    between = rng.uniform(0.9, 1.6) if n == 2 else math.pi / 3
    total: Any = np.zeros(shape, np.float32)
    moire = rng.random() < 0.15
    for k in range(n):
        pitch = pitch_px * rng.uniform(0.9, 1.1)
        waves = [(turn + k * between, pitch)]
        if moire:
            waves.append((waves[0][0] + rng.uniform(-0.15, 0.15), pitch * rng.uniform(0.85, 1.15)))
        for angle, length in waves:
            q, phase = 2 * math.pi / length, rng.uniform(0, 2 * math.pi)
            across = np.float32(q * math.sin(angle)) * y + np.float32(q * math.cos(angle)) * x
            total = total + np.float32(rng.uniform(0.5, 1)) * np.cos(across + np.float32(phase))
    return np.asarray(total, np.float32)


def _pitted(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    """Etch pits: dark, the wall that faces the detector bright."""
    pits = wide_blur(np.clip(3 * bumps(rng, shape, 3 * pitch_px) - 2.2, 0, 1), 0.8)
    turn = rng.uniform(0, 2 * math.pi)
    lit: Any = cv2.Sobel(pits, cv2.CV_32F, 0, 1, scale=1.2 * math.sin(turn))
    lit = lit + cv2.Sobel(pits, cv2.CV_32F, 1, 0, scale=1.2 * math.cos(turn))
    return np.asarray(0.5 * mottle(rng, shape, 2 * pitch_px) - 3.5 * pits + lit, np.float32)


def _sponge(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    """A porous body that fills the frame: struts round dark pores, further struts deeper down."""
    total: Any = np.zeros(shape, np.float32)
    for depth in (0.35, 0.65, 1.0):
        field = np.abs(_smooth_field(rng, shape, 2 * pitch_px))
        strut = np.clip((np.float32(0.55) - field) * np.float32(4), 0, 1)
        edge = np.exp(-(((field - np.float32(0.5)) / np.float32(0.12)) ** 2))
        total = total * (1 - strut) + np.float32(depth) * (strut + np.float32(0.5) * edge) * strut
    return np.asarray(4 * (total - total.mean()), np.float32)


def _sheets(rng: np.random.Generator, shape: Shape, pitch_px: float) -> Array:
    """Nanosheets on edge, a house of cards: thin bright walls, one storey over the other."""
    total: Any = np.zeros(shape, np.float32)
    for depth in (0.4, 0.7, 1.0):
        wall = np.exp(np.abs(_smooth_field(rng, shape, 2.5 * pitch_px)) * np.float32(-12))
        total = np.maximum(total * (1 - np.float32(0.5) * wall), np.float32(depth) * wall)
    return np.asarray(4 * (total - total.mean()), np.float32)


_TEXTURES: dict[Ground, Callable[[np.random.Generator, Shape, float], Array]] = {
    "plain": _plain,
    "grain": grain,
    "mottled": mottle,
    "bumpy": _bumpy,
    "wrinkled": _wrinkled,
    "cracked": _cracked,
    "cells": _cells,
    "holey": noise_field,
    "lacey": noise_field,
    "membrane": mottle,
    "stepped": noise_field,
    "wisps": _wisps,
    "fringes": _fringes,
    "pitted": _pitted,
    "sponge": _sponge,
    "sheets": _sheets,
    "perforated": noise_field,
}
