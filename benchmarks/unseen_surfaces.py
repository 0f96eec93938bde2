"""Secondary-electron pictures for benchmarks/drawn_unseen.py: bodies on a ground, seen from above.

A z-buffer says who is seen where. What is steep is bright (the yield goes with one over the cosine of the tilt), the more so at
edges; what lies deeper than its surroundings is dark, as the detector gets little from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates
from scipy.spatial import cKDTree
from unseen_scene import Field, Random, Scene, Shape, crop, exposed, frame, mottle, patch, scatter, seen_from_above

Ball = tuple[float, float, float, float]  # y, x, z, r


class Relief:
    """Heights in px above the ground, how strongly each place emits (a flat one 1), and who is seen there, from 1."""

    def __init__(self, shape: Shape) -> None:
        self.z, self.light, self.owner = np.zeros(shape), np.ones(shape), np.zeros(shape, np.int32)
        self.areas: list[int] = []

    def lay(self, y0: int, x0: int, z: Field, light: Field, through: float = 0.0) -> None:
        """A body by the height of its upper side, -inf beside it; `through` is what is seen through it of what lies below."""
        self.areas.append(int(np.isfinite(z).sum()))
        here, there = crop(y0, x0, z.shape, self.z.shape)
        above = z[there] > self.z[here]
        self.light[here] = np.where(above, light[there] + through * (self.light[here] - 1), self.light[here])
        self.z[here] = np.where(above, z[there], self.z[here])
        self.owner[here] = np.where(above, len(self.areas), self.owner[here])

    def shadow(self, scale: float, strength: float) -> Field:
        """1 in the open, less in pores and beside tall bodies."""
        depth = sum(np.maximum(gaussian_filter(self.z, f * scale) - self.z, 0) for f in (0.15, 0.4, 1.0)) / scale
        return np.asarray(np.exp(-strength * depth), np.float64)

    def scene(self, grey: Field) -> Scene:
        return Scene(grey, *seen_from_above(self.owner, self.areas))


def emission(z: Field, tilt: float, rim: float, side: float) -> Field:
    """Of a body's upper side: by its tilt, at its edge, and on the side of the detector."""
    inside = np.isfinite(z)
    gy, gx = np.gradient(np.where(inside, z, z[inside].min()))
    secant = np.sqrt(1 + gy**2 + gx**2)
    edge = np.exp(-distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] / 2.5)
    return np.asarray(1 + tilt * (np.minimum(secant, 4.5) - 1) + rim * edge - side * (gx + gy) / secant, np.float64)


def ball(v: Field, u: Field, r: float) -> Field:
    inside = v**2 + u**2 < r**2
    return np.where(inside, np.sqrt(np.maximum(r**2 - v**2 - u**2, 0)), -np.inf)


def polyhedron(rng: Random, v: Field, u: Field, r: float, rounding: float) -> Field:
    """The upper side of an irregular polyhedron in a random attitude whose edges and corners are rounded: planes moved inwards, and
    a ball rolled over what they bound."""
    n = int(rng.integers(11, 20))
    k = np.arange(n) + 0.5
    polar, azimuth = np.arccos(1 - 2 * k / n), math.pi * (1 + 5**0.5) * k
    normals = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], 1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    stretch = np.exp(rng.normal(0, 0.13, 3))
    normals = (normals + rng.normal(0, 0.15, (n, 3))) / stretch
    lengths = np.linalg.norm(normals, axis=1)
    reach = r * rng.uniform(0.84, 1.1, n) / lengths  # of the faces, by their own direction
    normals = normals / lengths[:, None] @ turn
    rho = rounding * r
    top, bottom = np.full(v.shape, np.inf), np.full(v.shape, -np.inf)
    for (a, b, c), h in zip(normals, reach - rho, strict=True):
        left = h - a * v - b * u
        if c > 0.03:
            top = np.minimum(top, left / c)
        elif c < -0.03:
            bottom = np.maximum(bottom, left / c)
        else:
            top = np.where(left < 0, -np.inf, top)
    core = np.where(top > bottom, top, -np.inf)
    out = np.full(v.shape, -np.inf)
    m = int(rho)
    wide = np.pad(core, m, constant_values=-np.inf)
    for dy in range(-m, m + 1):
        for dx in range(-m, m + 1):
            if dy**2 + dx**2 <= rho**2:
                moved = wide[m + dy : m + dy + v.shape[0], m + dx : m + dx + v.shape[1]]
                np.maximum(out, moved + math.sqrt(rho**2 - dy**2 - dx**2), out=out)
    return out


def settle(rng: Random, radii: Field, start: Callable[[Field], tuple[float, float]], rolls: int) -> list[Ball]:
    """Balls dropped one after the other where `start` says, by those that lie; each rolls downhill until it rests on the ground or
    on others, or sticks."""
    out = np.zeros((0, 4))

    def rest(y: float, x: float, r: float) -> float:
        beside = (out[:, 3] + r) ** 2 - (out[:, 0] - y) ** 2 - (out[:, 1] - x) ** 2
        on = beside > 0
        return max(r, float((out[on, 2] + np.sqrt(beside[on])).max())) if on.any() else r

    for r in radii:
        y, x = start(out)
        z = rest(y, x, r)
        for _ in range(rolls):
            a, b = y + rng.normal(0, 0.4 * r), x + rng.normal(0, 0.4 * r)
            if (lower := rest(a, b, r)) < z:
                y, x, z = a, b, lower
        out = np.vstack([out, [y, x, z, r]])
    return [(float(y), float(x), float(z), float(r)) for y, x, z, r in out]


def oxide_powder(rng: Random, _: int) -> Scene:
    shape = ((640, 896), (768, 1024), (1024, 1024))[int(rng.integers(3))]
    relief, d = Relief(shape), math.exp(rng.uniform(math.log(22), math.log(64)))
    tilt, rim, side = rng.uniform(0.12, 0.35), rng.uniform(0.1, 0.4), rng.uniform(0, 0.12)
    sintered, tight = rng.uniform(1.04, 1.2), rng.uniform(1.2, 2.2)  # how far bodies grow into each other; how wide heaps are
    heaps = [(y, x) for y, x, _r in scatter(rng, shape, np.full(max(3, int(0.012 * shape[0] * shape[1] / d**2)), 2.5 * d), 0, [])]

    def start(_: Field) -> tuple[float, float]:
        y, x = heaps[int(rng.integers(len(heaps)))] if rng.random() < 0.93 else rng.uniform(0, 1, 2) * shape
        return y + rng.normal(0, tight * d), x + rng.normal(0, tight * d)

    n = int(rng.uniform(0.45, 0.75) * shape[0] * shape[1] / d**2)
    for y, x, z, r in settle(rng, 0.5 * d * np.exp(rng.normal(0, rng.uniform(0.22, 0.36), n)), start, 12):
        y0, x0, v, u = patch(y, x, 1.9 * r)
        top = polyhedron(rng, v, u, sintered * r, rng.uniform(0.3, 0.5))
        if np.isfinite(top).any():
            relief.lay(y0, x0, top + z, rng.normal(1, 0.04) * emission(top, tilt, rim, side))
    level, ground = rng.uniform(95, 125), rng.uniform(0.3, 0.55)
    light = np.where(
        relief.owner > 0, relief.light * (1 + 0.03 * mottle(rng, shape, 1.2)), ground * (1 + 0.04 * mottle(rng, shape, 25))
    )
    grey = level * light * relief.shadow(d, rng.uniform(0.7, 1.3))
    return relief.scene(exposed(rng, grey, rng.uniform(0.8, 1.6), rng.uniform(6, 11)))


def charged_latex(rng: Random, _: int) -> Scene:
    shape = frame(rng)
    relief, d = Relief(shape), rng.uniform(50, 100)
    r = d / 2
    n = int(rng.uniform(1.0, 1.7) * shape[0] * shape[1] / d**2)
    tilt, rim = rng.uniform(0.05, 0.12), rng.uniform(0.05, 0.15)

    def start(lying: Field) -> tuple[float, float]:
        if len(lying) == 0 or rng.random() < 0.25:
            return rng.uniform(-d, shape[0] + d), rng.uniform(-d, shape[1] + d)
        y, x = lying[int(rng.integers(len(lying))), :2]  # beside another: drying draws them together
        turn = rng.uniform(0, 2 * math.pi)
        return float(y + 1.03 * d * math.sin(turn)), float(x + 1.03 * d * math.cos(turn))

    balls = settle(rng, r * rng.normal(1, rng.uniform(0.01, 0.03), n), start, 60)
    charge = np.zeros(shape)
    for y, x, z, s in balls:
        y0, x0, v, u = patch(y, x, s)
        top = ball(v, u, s)
        relief.lay(y0, x0, top + z, rng.normal(1, 0.02) * emission(top, tilt, rim, 0.02))
        if rng.random() < 0.3:  # it charges, and the beam drags a tail along the line behind it
            for row in range(max(int(y - 0.8 * s), 0), min(int(y + 0.8 * s), shape[0])):
                left = x + math.sqrt(max(s**2 - (row - y) ** 2, 0)) * rng.uniform(0.7, 1)
                tail = np.arange(max(int(left), 0), shape[1])
                charge[row, tail] += rng.gamma(1.2, 12) * np.exp(-(tail - left) / (d * rng.uniform(0.5, 2)))
    charge += rng.normal(0, 2.5, (shape[0], 1))  # lines differ
    light = np.where(relief.owner > 0, relief.light, rng.uniform(0.55, 0.75))
    grey = rng.uniform(105, 140) * light * relief.shadow(d, rng.uniform(0.35, 0.6)) + gaussian_filter(charge, (0.8, 1.5))
    return relief.scene(exposed(rng, grey, rng.uniform(0.9, 1.4), rng.uniform(6, 10)))


def platelets(rng: Random, look: int) -> Scene:
    """Pseudo-hexagonal plates as of kaolinite or gibbsite lying on each other; in every third picture ragged sheets."""
    shape = ((640, 896), (768, 1024), (1024, 1024))[int(rng.integers(3))]
    relief, d = Relief(shape), rng.uniform(80, 140)
    ragged, rim = look % 3 == 2, rng.uniform(0.5, 0.9)
    n = int(rng.uniform(0.4, 0.7) * shape[0] * shape[1] / d**2)
    for size in d * np.exp(rng.normal(0, 0.28, n)):
        y, x, r = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), size / 2
        y0, x0, v, u = patch(y, x, 1.9 * r)
        m = int(rng.integers(5, 9)) if ragged else 6
        turn, uneven = rng.uniform(0, math.pi), 0.28 if ragged else 0.1
        flat, lean = rng.uniform(0.8, 1), rng.uniform(0, math.pi)  # a tilted plate looks narrower
        p, q = v * math.cos(lean) - u * math.sin(lean), (v * math.sin(lean) + u * math.cos(lean)) / flat
        angles = turn + 2 * math.pi * (np.arange(m) + rng.uniform(-uneven, uneven, m)) / m
        outline = np.max([q * math.cos(a) + p * math.sin(a) - r * (0.93 + rng.uniform(-uneven, uneven)) for a in angles], axis=0)
        if ragged:
            outline = outline + 0.05 * r * mottle(rng, v.shape, 6)
        inside = outline < 0
        here, there = crop(y0, x0, v.shape, shape)
        if not inside[there].any():
            continue
        under = float(np.quantile(relief.z[here][inside[there]], 0.9))
        thick = rng.uniform(3, 7)
        one_side = 1 + 0.5 * np.sin(np.arctan2(v, u) + rng.uniform(0, 6))  # the edge that points to the detector
        bright = rng.normal(1, 0.07) + rim * one_side * np.exp(outline / rng.uniform(1.2, 2.2))
        if ragged:  # folds
            a, b = rng.uniform(0, math.pi), rng.uniform(-0.5, 0.5) * r
            bright = bright + 0.35 * np.exp(-(((u * math.cos(a) + v * math.sin(a) - b + 0.1 * r * np.sin(v / r * 3)) / 1.8) ** 2))
        relief.lay(y0, x0, np.where(inside, under + thick, -np.inf), bright, rng.uniform(0.1, 0.3))
    light = np.where(relief.owner > 0, relief.light, rng.uniform(0.5, 0.75)) * (1 + 0.02 * mottle(rng, shape, 2))
    grey = rng.uniform(90, 125) * light * relief.shadow(14, rng.uniform(0.4, 0.8))
    return relief.scene(exposed(rng, grey, rng.uniform(0.8, 1.1), rng.uniform(6, 10)))


def bacteria(rng: Random, _: int) -> Scene:
    """Slightly bent capsules, alone and in groups, a few lying across others."""
    shape = frame(rng)
    relief, width = Relief(shape), rng.uniform(34, 56)
    tilt, rim, ratio = rng.uniform(0.12, 0.25), rng.uniform(0.1, 0.3), rng.uniform(1.8, 3)
    taken = np.zeros(shape, bool)
    homes = [(y, x) for y, x, _r in scatter(rng, shape, np.full(5, 0.13 * min(shape)), 0, [])]
    for k in range(int(rng.uniform(0.18, 0.3) * shape[0] * shape[1] / width**2 / ratio)):
        r, length, bend = width / 2 * rng.normal(1, 0.06), width * ratio * math.exp(rng.normal(0, 0.18)), rng.normal(0, 0.25)
        for _try in range(30):
            home = homes[int(rng.integers(len(homes)))] if rng.random() < 0.6 else tuple(rng.uniform(0, 1, 2) * shape)
            y, x, turn = home[0] + rng.normal(0, 2 * width), home[1] + rng.normal(0, 2 * width), rng.uniform(0, math.pi)
            y0, x0, v, u = patch(y, x, length / 2 + 0.2 * length)
            t = np.linspace(-0.5, 0.5, 25) * (length - 2 * r)
            a, b = t * math.sin(turn), t * math.cos(turn)
            sag = bend * (t**2 / length - length / 12)
            a, b = a + sag * math.cos(turn), b - sag * math.sin(turn)
            near = np.min([np.hypot(v - e, u - f) for e, f in zip(a, b, strict=True)], axis=0)
            top = np.where(near < r, np.sqrt(np.maximum(r**2 - near**2, 0)), -np.inf)
            here, there = crop(y0, x0, v.shape, shape)
            inside = np.isfinite(top[there])
            crossed = taken[here][inside].mean() if inside.any() else 1.0
            if inside.any() and (crossed < 0.01 or (k % 8 == 7 and crossed < 0.3)):
                break
        else:
            continue
        taken[here] |= inside
        z = r if crossed < 0.01 else 2.6 * r
        wrinkled = top + 0.02 * r * mottle(rng, v.shape, 2.5)
        relief.lay(y0, x0, top + z, rng.normal(1, 0.03) * emission(wrinkled, tilt, rim, 0.08))
    ground = rng.uniform(0.4, 0.65) * (1 + 0.05 * mottle(rng, shape, 2) + 0.04 * mottle(rng, shape, 20))
    grey = rng.uniform(95, 125) * np.where(relief.owner > 0, relief.light, ground) * relief.shadow(width, rng.uniform(0.5, 1))
    return relief.scene(exposed(rng, grey, rng.uniform(0.9, 1.3), rng.uniform(6, 10)))


def broad_powder(rng: Random, _: int) -> Scene:
    """Atomised powder on tape: near-spheres of 6 to 125 px."""
    shape = ((768, 1024), (1024, 1024))[int(rng.integers(2))]
    relief = Relief(shape)
    d = np.clip(rng.uniform(20, 28) * np.exp(rng.normal(0, rng.uniform(0.65, 0.8), int(rng.integers(180, 320)))), 6, 125)
    d = np.concatenate([np.sort(d[d > 40])[::-1], rng.permutation(d[d <= 40])])
    tilt, rim = rng.uniform(0.12, 0.25), rng.uniform(0.15, 0.35)

    def start(_: Field) -> tuple[float, float]:
        return rng.uniform(0, shape[0]), rng.uniform(0, shape[1])

    for y, x, z, r in settle(rng, d / 2, start, 25):
        y0, x0, v, u = patch(y, x, 1.15 * r)
        a, long = rng.uniform(0, math.pi), math.exp(abs(rng.normal(0, 0.03)))
        p, q = (v * math.cos(a) - u * math.sin(a)) * long, (v * math.sin(a) + u * math.cos(a)) / long
        top = ball(p, q, r)
        if np.isfinite(top).any():
            rough = top + rng.uniform(0.01, 0.03) * r * mottle(rng, v.shape, max(1.2, r / 8))
            relief.lay(y0, x0, top + z, rng.normal(1, 0.06) * emission(rough, tilt, rim, 0.06))
    ground = rng.uniform(0.2, 0.4) * (1 + 0.08 * mottle(rng, shape, 12))
    grey = rng.uniform(95, 130) * np.where(relief.owner > 0, relief.light, ground) * relief.shadow(30, rng.uniform(0.2, 0.4))
    return relief.scene(exposed(rng, grey, rng.uniform(0.7, 1.0), rng.uniform(6, 10)))


def nothing(grey: Field) -> Scene:
    return Scene(grey)


def pores(rng: Random, look: int) -> Scene:
    """Anodic alumina, or in every third picture a track-etched membrane; no particle."""
    shape = frame(rng)
    d, film = rng.uniform(28, 60), np.ones(shape)
    ys, xs = np.mgrid[0 : shape[0], 0 : shape[1]].astype(float)
    if look % 3 == 2:
        places = rng.uniform(0, 1, (int(rng.uniform(0.15, 0.25) * shape[0] * shape[1] / d**2), 2)) * shape
        radii = np.full(len(places), d / 2) * rng.normal(1, 0.02, len(places))
    else:
        pitch = d * rng.uniform(1.45, 1.9)
        i, j = np.mgrid[-2 : shape[0] / pitch * 1.2 + 3, -2 : shape[1] / pitch + 3]
        places = np.stack([i * pitch * 3**0.5 / 2, (j + (i % 2) / 2) * pitch], -1).reshape(-1, 2) + rng.normal(
            0, 0.02 * pitch, (i.size, 2)
        )
        drift = [8 * mottle(rng, shape, 90) for _ in range(2)]  # domains
        places += np.stack([map_coordinates(f, places.T, order=1, mode="nearest") for f in drift], 1)
        radii = d / 2 * rng.normal(1, 0.05, len(places))
        apart, _ = cKDTree(places).query(np.stack([ys, xs], -1), 2)
        film += rng.uniform(0, 0.12) * np.exp(-(apart[..., 1] - apart[..., 0]) / 3)  # cells
    distance = np.full(shape, np.inf)
    for (y, x), r in zip(places, radii, strict=True):
        y0, x0, v, u = patch(y, x, r + 14)
        here, there = crop(y0, x0, v.shape, shape)
        turn, oval = rng.uniform(0, math.pi), rng.normal(0, 0.02)
        round_ = np.hypot(v, u) * (1 + oval * np.cos(2 * np.arctan2(v, u) + turn)) - r
        distance[here] = np.minimum(distance[here], round_[there])
    rim = rng.uniform(0.2, 0.5) * np.exp(-np.abs(distance - 1) / 2)
    inner = rng.uniform(0.08, 0.2) + 0.25 * np.exp(np.minimum(distance, 0) / 3)
    light = np.where(distance < 0, inner, film + rim) * (1 + 0.03 * mottle(rng, shape, 3))
    return nothing(exposed(rng, rng.uniform(115, 155) * light, rng.uniform(0.8, 1.2), rng.uniform(5, 9)))


def grains(rng: Random, look: int) -> Scene:
    """A polycrystal: etched, broken between its grains, or torn with dimples; no particle."""
    shape = frame(rng)
    n = int(rng.uniform(50, 160) * (3 if look % 3 == 2 else 1))
    seeds = rng.uniform(-0.1, 1.1, (n, 2)) * shape
    ys, xs = np.mgrid[0 : shape[0], 0 : shape[1]].astype(float)
    wavy = 3.0 if look % 3 == 0 else 8.0
    bent = np.stack([ys + wavy * mottle(rng, shape, 18), xs + wavy * mottle(rng, shape, 18)], -1)
    apart, near = cKDTree(seeds).query(bent, 2)
    owner: NDArray[np.int64] = near[..., 0]
    between = np.linalg.norm(seeds[near[..., 0]] - seeds[near[..., 1]], axis=-1)
    seam = (apart[..., 1] ** 2 - apart[..., 0] ** 2) / (2 * between)  # how far off the boundary is
    size = math.sqrt(shape[0] * shape[1] / n)
    if look % 3 == 0:
        tone = rng.normal(1, rng.uniform(0.08, 0.16), n)[owner] * (1 + 0.02 * mottle(rng, shape, 1.5))
        a, period = rng.uniform(0, math.pi, n), rng.uniform(7, 16, n)
        phase = (xs * np.cos(a[owner]) + ys * np.sin(a[owner])) / period[owner]
        twinned = (rng.random(n) < 0.3)[owner] & (np.sin(phase * 0.7) > 0.75)
        light = tone * np.where(twinned, 1.15, 1) * (1 - rng.uniform(0.3, 0.6) * np.exp(-((seam / 1.8) ** 2)))
        return nothing(exposed(rng, rng.uniform(105, 140) * light, 1.0, rng.uniform(5, 9)))
    relief = Relief(shape)
    if look % 3 == 1:
        slope, level = rng.normal(0, 0.55, (n, 2)), rng.normal(0, 0.25 * size, n)
        z = level[owner] + slope[owner, 0] * (ys - seeds[owner, 0]) + slope[owner, 1] * (xs - seeds[owner, 1])
        z += 0.5 * mottle(rng, shape, 3) + 1.5 * mottle(rng, shape, 12)
    else:
        z = 1.4 * apart[..., 0] ** 2 / size + 0.1 * size * mottle(rng, shape, 2 * size) + 0.3 * mottle(rng, shape, 2)
    relief.z = gaussian_filter(z, 1.0)
    gy, gx = np.gradient(relief.z)
    secant = np.sqrt(1 + gy**2 + gx**2)
    ridge = np.maximum(relief.z - gaussian_filter(relief.z, 4), 0)
    light = 1 + 0.3 * (np.minimum(secant, 3.5) - 1) - 0.2 * gx / secant + 0.12 * np.minimum(ridge, 6)
    grey = rng.uniform(85, 110) * light * relief.shadow(size, 1.0)
    return nothing(exposed(rng, grey, rng.uniform(0.9, 1.2), rng.uniform(6, 9)))


KINDS: dict[str, Callable[[Random, int], Scene]] = {
    "oxide powder": oxide_powder,
    "charged latex": charged_latex,
    "platelets": platelets,
    "bacteria": bacteria,
    "broad powder": broad_powder,
    "pores": pores,
    "grains": grains,
}
