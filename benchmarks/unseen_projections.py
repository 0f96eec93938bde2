"""Transmission pictures for benchmarks/drawn_unseen.py: what the beam loses on its way through film and particles."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter
from unseen_scene import Field, Mask, Random, Scene, Shape, crop, exposed, frame, mottle, patch, scatter, seen_in_projection


class Film:
    """A film with particles in it: how much passes at each pixel, and the outlines laid so far."""

    def __init__(self, shape: Shape) -> None:
        self.light = np.ones(shape)
        self.outlines: list[tuple[int, int, Mask]] = []

    def lay(self, y0: int, x0: int, distance: Field, passes: Field | float, fringe: float = 0.0) -> None:
        """A particle by the signed distance to its outline (negative inside) and what passes through it; `fringe` brightens the
        rim, as underfocus does."""
        cover = np.clip(0.5 - distance, 0, 1)
        change = 1 + cover * (passes - 1) + fringe * np.exp(-(((distance - 1.6) / 1.1) ** 2))
        here, there = crop(y0, x0, distance.shape, self.light.shape)
        self.light[here] *= change[there]
        self.outlines.append((y0, x0, distance < 0))

    def scene(self, grey: Field) -> Scene:
        return Scene(grey, *seen_in_projection(self.outlines, self.light.shape))


def turned(v: Field, u: Field, angle: float) -> tuple[Field, Field]:
    return v * math.cos(angle) - u * math.sin(angle), u * math.cos(angle) + v * math.sin(angle)


def faceted(rng: Random, v: Field, u: Field, r: float) -> Field:
    """Signed distance to a near-round polygon with blunt corners, of about radius r."""
    n = int(rng.integers(6, 11))
    angles = rng.uniform(0, 2 * math.pi) + 2 * math.pi * (np.arange(n) + rng.uniform(-0.2, 0.2, n)) / n
    faces = np.stack([u * math.cos(a) + v * math.sin(a) - r * rng.uniform(0.9, 1.02) for a in angles])
    blunt = 0.08 * r
    return np.asarray(blunt * np.log(np.exp(np.minimum(faces / blunt, 50)).sum(0)), np.float64)


def rounded_box(v: Field, u: Field, tall: float, wide: float, corner: float) -> Field:
    a, b = np.abs(v) - tall / 2 + corner, np.abs(u) - wide / 2 + corner
    return np.asarray(np.hypot(np.maximum(a, 0), np.maximum(b, 0)) + np.minimum(np.maximum(a, b), 0) - corner, np.float64)


def uneven(rng: Random, shape: Shape) -> Field:
    """The beam is never quite even."""
    v, u = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    return np.asarray(1 + rng.normal(0, 0.03) * v + rng.normal(0, 0.03) * u - rng.uniform(0, 0.05) * (v**2 + u**2), np.float64)


def gold_on_carbon(rng: Random, _: int) -> Scene:
    shape = frame(rng)
    film, d = Film(shape), rng.uniform(15, 60)
    n = int(rng.uniform(0.04, 0.10) * shape[0] * shape[1] / (math.pi / 4 * d**2))
    places = scatter(rng, shape, d / 2 * np.exp(rng.normal(0, rng.uniform(0.08, 0.18), max(n, 12))), 0.25 * d, [])
    for y, x, r in list(places[: max(2, len(places) // 12)]):  # a partner for a few
        turn, s = rng.uniform(0, 2 * math.pi), r * rng.uniform(0.85, 1.1)
        a, b = y + (r + s) * 0.97 * math.sin(turn), x + (r + s) * 0.97 * math.cos(turn)
        if all(math.hypot(a - e, b - f) > s + t + 2 for e, f, t in places if (e, f) != (y, x)):
            places.append((a, b, s))
    fringe, dark = rng.uniform(0.04, 0.12), rng.uniform(0.25, 0.45)
    for y, x, r in places:
        y0, x0, v, u = patch(y, x, 1.35 * r)
        distance = faceted(rng, v, u, r)
        level = float(np.clip(dark * math.exp(rng.normal(0, 0.25)), 0.12, 0.8))
        if rng.random() < 0.18:
            level = rng.uniform(0.62, 0.78)  # far from any strong reflection
        passes = level + 0.06 - 0.12 * (1 - level) * np.clip(-distance / r, 0, 1)
        if rng.random() < 0.3:  # a twin: half of it diffracts otherwise
            a, _b = turned(v, u, rng.uniform(0, math.pi))
            passes = passes + np.where(
                np.abs(a - rng.uniform(-0.3, 0.3) * r) < rng.uniform(0.15, 0.5) * r, rng.uniform(-0.15, 0.15), 0
            )
        film.lay(y0, x0, distance, np.clip(passes, 0.08, 0.85), fringe)
    grain = 1 + rng.uniform(0.035, 0.07) * mottle(rng, shape, rng.uniform(0.9, 1.5), rng.uniform(2.5, 4))
    grey = rng.uniform(165, 205) * uneven(rng, shape) * grain * film.light
    return film.scene(exposed(rng, grey, rng.uniform(0.6, 1.0), rng.uniform(6, 11)))


def gold_colloids(rng: Random, _: int) -> Scene:
    shape = frame(rng)
    film, d = Film(shape), rng.uniform(36, 80)
    spread = rng.uniform(0.02, 0.05)
    clusters: list[tuple[float, float, float]] = []
    for y, x, _r in scatter(rng, shape, np.full(int(rng.integers(2, 5)), 2.2 * d), 0, []):
        cluster = [(y, x, d / 2 * rng.normal(1, spread))]
        for _k in range(400):
            if len(cluster) >= rng.integers(4, 11):
                break
            (b, a, s), r, turn = (
                cluster[int(rng.integers(len(cluster)))],
                d / 2 * rng.normal(1, spread),
                rng.uniform(0, 2 * math.pi),
            )
            e, f = b + (r + s + rng.uniform(0, 1.2)) * math.sin(turn), a + (r + s + rng.uniform(0, 1.2)) * math.cos(turn)
            if all(math.hypot(e - g, f - h) >= r + t for g, h, t in cluster):
                cluster.append((e, f, r))
        clusters += [c for c in cluster if all(math.hypot(c[0] - g, c[1] - h) >= c[2] + t for g, h, t in clusters)]
    alone = scatter(
        rng, shape, d / 2 * rng.normal(1, spread, int(rng.uniform(0.12, 0.22) * shape[0] * shape[1] / d**2)), 5, clusters
    )
    opaque = rng.uniform(6, 10)  # mean free paths in a whole particle
    for y, x, r in clusters + alone:
        y0, x0, v, u = patch(y, x, r + 4)
        chord = 2 * np.sqrt(np.maximum(r**2 - v**2 - u**2, 0)) / d
        film.lay(y0, x0, np.hypot(v, u) - r, rng.uniform(0.05, 0.14) + 0.88 * np.exp(-opaque * chord), rng.uniform(0, 0.03))
    grain = 1 + rng.uniform(0.01, 0.025) * mottle(rng, shape, 1.2, 3)
    grey = rng.uniform(175, 215) * uneven(rng, shape) * grain * film.light
    return film.scene(exposed(rng, grey, rng.uniform(0.8, 1.6), rng.uniform(4, 8)))  # an edge 2 to 4 px wide from 10 to 90 %


def aggregate(rng: Random, radii: Field, contact: float) -> Field:
    """Spheres (y, x, z, r) stuck together: the two smallest clusters join where they touch, again and again; of three such ways
    that which leaves their middles farthest apart, as what diffuses meets the outer branches first. The whole comes to lie flat."""
    clusters = [np.array([[0, 0, 0, r]]) for r in radii]
    while len(clusters) > 1:
        clusters.sort(key=len)
        a, b = clusters.pop(0), clusters.pop(0)
        joined: list[Field] = []
        for _ in range(2000):
            q, _r = np.linalg.qr(rng.normal(size=(3, 3)))
            moved = b[:, :3] @ q
            i, j, way = int(rng.integers(len(a))), int(rng.integers(len(b))), rng.normal(size=3)
            moved += a[i, :3] - moved[j] + way / np.linalg.norm(way) * contact * (a[i, 3] + b[j, 3])
            apart = np.linalg.norm(a[:, None, :3] - moved[None], axis=2) / (a[:, None, 3] + b[None, :, 3])
            if apart.min() >= contact - 1e-6:
                joined.append(np.column_stack([moved, b[:, 3]]))
            if len(joined) == 3:
                break
        middle = a[:, :3].mean(0)
        clusters.append(np.vstack([a, max(joined, key=lambda c: float(np.linalg.norm(c[:, :3].mean(0) - middle)))]))
    out = clusters[0]
    centred = out[:, :3] - out[:, :3].mean(0)
    return np.column_stack([centred @ np.linalg.svd(centred)[2].T, out[:, 3]])


def soot(rng: Random, _: int) -> Scene:
    shape = ((640, 896), (768, 1024), (1024, 1024))[int(rng.integers(3))]
    film, d = Film(shape), rng.uniform(26, 46)
    thickness, contact = np.zeros(shape), rng.uniform(0.84, 0.94)
    centres = scatter(rng, shape, np.full(int(rng.integers(4, 8)), 3.2 * d), 0, [])
    for y, x, _r in centres:
        radii = d / 2 * np.exp(rng.normal(0, rng.uniform(0.08, 0.16), int(rng.integers(10, 50))))
        cluster = aggregate(rng, radii, contact)
        turn = rng.uniform(0, 2 * math.pi)
        for b, a, _z, r in cluster:
            b, a = b * math.cos(turn) - a * math.sin(turn), a * math.cos(turn) + b * math.sin(turn)
            y0, x0, v, u = patch(y + b, x + a, r)
            here, there = crop(y0, x0, v.shape, shape)
            thickness[here] += (2 * np.sqrt(np.maximum(r**2 - v**2 - u**2, 0)) / d)[there]
            film.outlines.append((y0, x0, np.hypot(v, u) < r))
    texture = 1 + 0.12 * mottle(rng, shape, 1.3)
    film.light = np.exp(-rng.uniform(0.35, 0.6) * thickness * texture)
    rim = gaussian_filter(thickness, 0.8) - gaussian_filter(thickness, 2.2)
    grain = 1 + rng.uniform(0.015, 0.03) * mottle(rng, shape, 1.2, 3)
    grey = rng.uniform(175, 210) * uneven(rng, shape) * grain * film.light * (1 - 0.25 * rim)
    return film.scene(exposed(rng, grey, rng.uniform(0.7, 1.1), rng.uniform(5, 9)))


def nanocubes(rng: Random, _: int) -> Scene:
    shape = ((512, 512), (512, 768), (640, 896))[int(rng.integers(3))]
    film, side = Film(shape), rng.uniform(26, 50)
    turn, corner, dark = rng.uniform(0, math.pi / 2), rng.uniform(0.14, 0.28), rng.uniform(0.25, 0.45)
    wobble = rng.uniform(0, 0.012)
    reach = rng.uniform(0.32, 0.62) * min(shape)  # of the island
    edge = mottle(rng, shape, 40)
    half = int(max(shape) / side) + 2
    for i in range(-half, half):
        slide = rng.uniform(-0.3, 0.3) * side  # one row against the next
        for j in range(-half, half):
            a, b = i * (side + 1.5), j * (side + 1.5) + slide
            y, x = shape[0] / 2 + a * math.cos(turn) - b * math.sin(turn), shape[1] / 2 + a * math.sin(turn) + b * math.cos(turn)
            at = edge[int(np.clip(y, 0, shape[0] - 1)), int(np.clip(x, 0, shape[1] - 1))]
            if math.hypot(y - shape[0] / 2, x - shape[1] / 2) > reach * (1 + 0.18 * at) or rng.random() < 0.04:
                continue
            y0, x0, v, u = patch(y, x, 0.8 * side)
            p, q = turned(v, u, rng.normal(0, wobble) - turn)
            tall, wide = side + 1.5 - rng.uniform(1, 2, 2)
            distance = rounded_box(p, q, tall, wide, corner * side)
            level = float(np.clip(dark * math.exp(rng.normal(0, 0.22)), 0.1, 0.7))
            film.lay(y0, x0, distance, level + 0.08 * np.clip(1 + distance / 4, 0, 1), 0.02)
    grain = 1 + rng.uniform(0.015, 0.03) * mottle(rng, shape, 1.2, 3)
    grey = rng.uniform(185, 215) * uneven(rng, shape) * grain * film.light
    return film.scene(exposed(rng, grey, rng.uniform(0.5, 0.8), rng.uniform(4, 8)))


def rod_rafts(rng: Random, _: int) -> Scene:
    shape = frame(rng)
    film, width, aspect = Film(shape), rng.uniform(13, 24), rng.uniform(3, 6)
    length, dark, round_end = width * aspect, rng.uniform(0.25, 0.45), rng.uniform(0.3, 0.5)
    n = int(rng.uniform(0.45, 0.7) * shape[0] * shape[1] / length**2 / 2)
    sizes = [int(k) for k in rng.integers(1, 11, max(n, 4))]
    reaches = np.array([math.hypot(k * width, length) / 2 for k in sizes])
    order = np.argsort(-reaches)
    for y, x, r in scatter(rng, shape, reaches[order], 1, []):
        k = sizes[int(np.abs(reaches - r).argmin())]
        turn, across = rng.uniform(0, math.pi), 0.0
        widths = width * rng.normal(1, 0.04, k)
        gaps = rng.uniform(0, 1.5, k)
        for wide, gap in zip(widths, gaps, strict=True):
            tall, along = length * rng.normal(1, 0.06), rng.normal(0, 0.05) * length
            side = across + wide / 2 - (widths.sum() + gaps.sum()) / 2
            a, b = y + along * math.cos(turn) - side * math.sin(turn), x + along * math.sin(turn) + side * math.cos(turn)
            across += wide + gap
            y0, x0, v, u = patch(a, b, 0.62 * tall)
            p, q = turned(v, u, -turn)
            distance = rounded_box(p, q, tall, wide, round_end * wide)
            level = float(np.clip(dark * math.exp(rng.normal(0, 0.25)), 0.1, 0.7))
            film.lay(y0, x0, distance, level + 0.12 * np.clip(1 + 2 * distance / wide, 0, 1), 0.02)
    grain = 1 + rng.uniform(0.015, 0.035) * mottle(rng, shape, 1.2, 3)
    grey = rng.uniform(175, 210) * uneven(rng, shape) * grain * film.light
    return film.scene(exposed(rng, grey, rng.uniform(0.6, 0.9), rng.uniform(5, 9)))


def haadf_catalyst(rng: Random, _: int) -> Scene:
    """What scatters far is bright: thickness of the support, and heavy particles far more."""
    shape = ((512, 512), (768, 768), (1024, 1024))[int(rng.integers(3))]
    film, d = Film(shape), rng.uniform(7, 11)
    support = np.zeros(shape)
    ys, xs = np.mgrid[0 : shape[0], 0 : shape[1]].astype(float)
    for _k in range(int(rng.integers(6, 11))):  # flakes on flakes: steps
        y, x, r = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(0.2, 0.45) * min(shape)
        ragged = 0.04 * r * mottle(rng, shape, 12)
        support += rng.uniform(14, 34) * np.clip(0.5 - (faceted(rng, ys - y, xs - x, r) + ragged) / 2, 0, 1)
    grain = 1 + rng.uniform(0.08, 0.16) * mottle(rng, shape, rng.uniform(1.5, 2.5)) + 0.08 * mottle(rng, shape, 9)
    bright = np.zeros(shape)
    gain = rng.uniform(60, 100)
    n = int(rng.uniform(0.0006, 0.0012) * shape[0] * shape[1])
    for y, x, r in scatter(rng, shape, np.clip(d * rng.normal(1, 0.14, n), 6, 12) / 2, 4, []):
        if support[int(np.clip(y, 0, shape[0] - 1)), int(np.clip(x, 0, shape[1] - 1))] < 12:
            continue  # nothing to hold it
        y0, x0, v, u = patch(y, x, r + 3)
        here, there = crop(y0, x0, v.shape, shape)
        thick = np.maximum(1 - (v**2 + u**2) / (r + 0.15) ** 2, 0) ** 0.25  # between a ball, whose rim nobody sees, and a plate
        bright[here] += (rng.uniform(0.7, 1.0) * gain * r / (d / 2) * thick)[there]
        film.outlines.append((y0, x0, np.hypot(v, u) < r))
    return film.scene(exposed(rng, 14 + support * grain + bright, rng.uniform(0.6, 0.9), rng.uniform(7, 11)))


def quantum_dots(rng: Random, _: int) -> Scene:
    shape = ((512, 512), (512, 768), (768, 768), (1024, 1024))[int(rng.integers(4))]
    film, d, contrast = Film(shape), rng.uniform(45, 90), rng.uniform(0.08, 0.12)
    pitch = rng.uniform(5.5, 9)
    for y, x, r in scatter(
        rng, shape, d / 2 * rng.normal(1, 0.07, int(rng.uniform(0.2, 0.32) * shape[0] * shape[1] / d**2)), 4, []
    ):
        y0, x0, v, u = patch(y, x, 1.35 * r)
        distance, turn, lattice = faceted(rng, v, u, r), rng.uniform(0, math.pi), np.zeros(v.shape)
        for k in range(int(rng.integers(1, 4))):  # one set of planes, two, or a zone axis
            a, _b = turned(v, u, turn + k * rng.choice([math.pi / 3, 0.95, math.pi / 2]))
            lattice += np.cos(2 * math.pi * a / (pitch * rng.uniform(0.9, 1.1)) + rng.uniform(0, 6)) / (1 + 0.6 * k)
        thick = np.sqrt(np.clip(-distance / r, 0, 1))  # fringes fade where the dot is thin
        film.lay(y0, x0, distance, 1 - contrast + contrast * lattice * (0.35 + 0.65 * thick))
    grain = 1 + rng.uniform(0.04, 0.06) * mottle(rng, shape, rng.uniform(1.2, 1.8), rng.uniform(3, 4))
    grey = rng.uniform(115, 150) * uneven(rng, shape) * grain * film.light
    return film.scene(exposed(rng, grey, 0.7, rng.uniform(5, 8)))


KINDS: dict[str, Callable[[Random, int], Scene]] = {
    "gold on carbon": gold_on_carbon,
    "gold colloids": gold_colloids,
    "soot": soot,
    "nanocubes": nanocubes,
    "rod rafts": rod_rafts,
    "HAADF catalyst": haadf_catalyst,
    "quantum dots": quantum_dots,
}
