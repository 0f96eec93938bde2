"""Where particles come to lie: scattered, clustered, in close packing, in rafts, as fractal aggregates, in heaps.

Each layout takes footprints and returns centres (n, 3) as (y, x, height in diameters), NaN where no place was found;
`scattered` and `rafts` also the angle of each particle, which may be a neighbour's. Elongated particles are kept apart as
chains of discs along their long axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Footprints:
    """Semi-axes (n,) in px and angles (n,) of the particles to place."""

    short_px: Points
    long_px: Points
    angle: Points

    def discs(self, i: int, angle: float) -> Points:
        """(k, 3): offsets (y, x) and radius of discs that stand for particle i."""
        b, a = float(self.short_px[i]), float(self.long_px[i])
        k = min(max(round(1.3 * a / b), 1), 6)
        if k == 1:
            return np.array([[0.0, 0.0, math.sqrt(a * b)]])
        out = np.full((k, 3), b)
        along = np.linspace(b - a, a - b, k)
        out[:, 0], out[:, 1] = along * math.sin(angle), along * math.cos(angle)
        return out


class _Placed:
    """Discs placed so far."""

    def __init__(self, n: int) -> None:
        self.discs = np.zeros((6 * n, 3))
        self.n = 0

    def free(self, discs: Points, overlap: float) -> bool:
        done = self.discs[: self.n]
        for y, x, r in discs:
            dy, dx, reach = done[:, 0] - y, done[:, 1] - x, (done[:, 2] + r) * (1 - overlap)
            if (dy * dy + dx * dx < reach * reach - 1e-9).any():
                return False
        return True

    def add(self, discs: Points) -> None:
        self.discs[self.n : self.n + len(discs)] = discs
        self.n += len(discs)


def scattered(
    shape: tuple[int, int], feet: Footprints, *, overlap: float, together: float, side_by_side: float, rng: np.random.Generator
) -> tuple[Points, Points]:
    """One after the other at random, none overlapping more than `overlap` of the summed radii. `together` is the share that starts
    from contact with one already placed, `side_by_side` the share of these that lie parallel to it, as capillarity draws rods."""
    h, w = shape
    n = len(feet.short_px)
    out, angles = np.full((n, 3), np.nan), np.full(n, np.nan)
    margin = float(np.sqrt(feet.short_px * feet.long_px).mean())
    lo, hi = np.array([-margin, -margin]), np.array([h + margin, w + margin])
    placed, order = _Placed(n), list[int]()
    for i in rng.permutation(n):
        for _ in range(8):
            angle = feet.angle[i]
            if order and rng.random() < together:
                j = order[int(rng.integers(len(order)))]
                at, angle = _beside(feet, out, angles, i, j, overlap, side_by_side, rng)
                if (at < lo).any() or (at > hi).any():
                    continue
            else:
                at = rng.uniform(lo, hi)
            discs = feet.discs(i, angle) + np.array([at[0], at[1], 0])
            if placed.free(discs, overlap):
                placed.add(discs)
                out[i], angles[i] = (*at, 0), angle
                order.append(int(i))
                break
    return out, angles


def rafts(shape: tuple[int, int], feet: Footprints, *, gap: float, rng: np.random.Generator) -> tuple[Points, Points]:
    """Domains in which all lie parallel, in rows, side by side, as ligands and capillarity lay rods and cubes; `gap` is the mean
    distance of neighbours as a share of the short axis. Domains meet at any angle, with a vacancy here and there."""
    h, w = shape
    n = len(feet.short_px)
    out, angles = np.full((n, 3), np.nan), np.full(n, np.nan)
    placed, left = _Placed(n), list(rng.permutation(n))
    across, along = 2 * float(feet.short_px.mean()), 2 * float(np.quantile(feet.long_px, 0.8))
    size = along * float(rng.uniform(1.5, 5))  # of a domain
    for y, x in rng.uniform([0, 0], [h, w], (max(round(3 * h * w / size**2), 4), 2)):
        turn = rng.uniform(0, math.pi)
        s, c = math.sin(turn), math.cos(turn)
        k = max(round(size / along), 1)
        for row in range(-k, k + 1):
            start = rng.uniform(0, across)
            away = start - size / 2
            while away < size / 2 and left:
                i = left[-1]
                away += float(feet.short_px[i])
                step = row * (along + gap * across) + rng.normal(0, 0.06) * along
                at = np.array([y + step * s + away * c, x + step * c - away * s])
                angle = turn + rng.normal(0, 0.04)
                away += float(feet.short_px[i]) + gap * across * float(rng.uniform(0.5, 1.5))
                outside = (at < -along).any() or (at > np.array([h, w]) + along).any()
                discs = feet.discs(i, angle) * np.array([1, 1, 1 + 0.5 * gap]) + np.array([at[0], at[1], 0])
                if outside or rng.random() < 0.04 or not placed.free(discs, 0.06):
                    continue
                placed.add(discs)
                out[i], angles[i] = (*at, 0), angle
                left.pop()
    return out, angles


def _beside(
    feet: Footprints, out: Points, angles: Points, i: int, j: int, overlap: float, side_by_side: float, rng: np.random.Generator
) -> tuple[Points, float]:
    """A place in contact with j, and the angle to lie in."""
    slack = (1 - overlap * rng.random()) * (1 + 0.05 * rng.random())
    angle = float(feet.angle[i])
    if rng.random() < side_by_side:
        angle = float(angles[j] + rng.normal(0, 0.05))
        away = (feet.short_px[i] + feet.short_px[j]) * (slack + 0.06) * rng.choice([-1, 1])
        along = rng.normal(0, 0.15) * feet.long_px[j]
        s, c = math.sin(angle), math.cos(angle)
        return out[j, :2] + away * np.array([c, -s]) + along * np.array([s, c]), angle
    theta = rng.uniform(0, 2 * math.pi)
    reach = (_radius(feet, i, theta, angle) + _radius(feet, j, theta, float(angles[j]))) * slack
    return out[j, :2] + reach * np.array([math.sin(theta), math.cos(theta)]), angle


def _radius(feet: Footprints, i: int, theta: float, angle: float) -> float:
    """Distance from the centre to the ellipse's edge in direction theta."""
    a, b = feet.long_px[i], feet.short_px[i]
    return float(a * b / math.hypot(b * math.cos(theta - angle), a * math.sin(theta - angle)))


def heap(shape: tuple[int, int], feet: Footprints, *, rng: np.random.Generator) -> Points:
    """Independent of each other, as powders and crossing fibres fall."""
    margin = float(np.sqrt(feet.short_px * feet.long_px).mean())
    at = rng.uniform([-margin, -margin], [shape[0] + margin, shape[1] + margin], (len(feet.short_px), 2))
    return np.column_stack([at, np.zeros(len(at))])


def lattice(shape: tuple[int, int], feet: Footprints, *, filled: float, n_layers: int, rng: np.random.Generator) -> Points:
    """Hexagonal close packing with vacancies and a little disorder; further layers sit in the hollows of the one below and are
    emptier. Lower layers first."""
    h, w = shape
    r = np.sqrt(feet.short_px * feet.long_px)
    pitch = 2 * float(np.quantile(r, 0.7)) * (1 + rng.uniform(-0.02, 0.15))
    turn, middle = rng.uniform(0, math.pi / 3), np.array([h / 2, w / 2])
    c, s = math.cos(turn), math.sin(turn)
    reach = math.hypot(h, w) / 2 + pitch
    rows = np.arange(-reach, reach, pitch * math.sqrt(3) / 2)
    grid = np.array([(y, x + (i % 2) * pitch / 2) for i, y in enumerate(rows) for x in np.arange(-reach, reach, pitch)])
    sheets = []
    for layer in range(n_layers):
        hollow = np.array([pitch / math.sqrt(3), 0.0]) * layer
        share = min(filled, 0.97) * (1.0 if layer == 0 else 0.5)
        kept = grid[_patches(grid, share, pitch, rng)] if layer else grid[rng.random(len(grid)) < share]
        at = (kept + hollow) @ np.array([[c, s], [-s, c]]) + middle
        at = at[((at > -pitch) & (at < np.array([h, w]) + pitch)).all(1)]
        at = at[rng.permutation(len(at))] + rng.normal(0, rng.uniform(0.01, 0.05) * pitch, at.shape)
        sheets.append(np.column_stack([at, np.full(len(at), layer)]))
    places = np.vstack(sheets)
    out = np.full((len(r), 3), np.nan)
    n = min(len(r), len(places))
    out[:n] = places[:n]
    return out


def _patches(grid: Points, share: float, pitch: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A share of the places, in islands: those nearest to a few random ones."""
    islands = grid[rng.integers(len(grid), size=max(len(grid) // 25, 1))]
    distance = cKDTree(islands).query(grid)[0] + rng.normal(0, 0.4 * pitch, len(grid))
    return np.asarray(distance <= np.quantile(distance, share), bool)


def packed(shape: tuple[int, int], feet: Footprints, *, rng: np.random.Generator) -> Points:
    """Random close packing of unequal discs: overlapping ones push each other apart a few dozen times (after Jodrey & Tory,
    Phys. Rev. A 1985, 32, 2347)."""
    out = heap(shape, feet, rng=rng)
    r = np.sqrt(feet.short_px * feet.long_px)
    at = out[:, :2]
    for _ in range(25):
        pairs = cKDTree(at).query_pairs(2 * float(r.max()), output_type="ndarray")
        if not len(pairs):
            break
        i, j = pairs.T
        apart = at[i] - at[j]
        distance = np.maximum(np.hypot(*apart.T), 1e-6)
        push = np.maximum(r[i] + r[j] - distance, 0)
        if push.max() < 0.02 * r.mean():
            break
        move = apart * (0.5 * push / distance)[:, None]
        total = np.zeros_like(at)
        np.add.at(total, i, move)
        np.add.at(total, j, -move)
        at = at + np.clip(total, -0.5 * r[:, None], 0.5 * r[:, None])
    out[:, :2] = at
    return out


def aggregated(shape: tuple[int, int], feet: Footprints, *, overlap: float, rng: np.random.Generator) -> Points:
    """Branched aggregates in three dimensions, seen from above: every primary particle touches an earlier one, mostly a late one,
    so that arms grow (particle-cluster aggregation; Filippov et al., J. Colloid Interface Sci. 2000, 229, 261). Upper ones last."""
    h, w = shape
    r = np.sqrt(feet.short_px * feet.long_px)
    out = np.full((len(r), 3), np.nan)
    first = 0
    while first < len(r):
        stop = min(first + int(rng.integers(6, 80)), len(r))
        at, done = np.full((stop - first, 3), np.inf), [0]
        at[0] = (*rng.uniform(0, 1, 2) * (h, w), 0)
        radii = r[first:stop]
        for k in range(1, stop - first):
            for _ in range(6):
                j = done[-1 - int(min(rng.exponential(0.25 * len(done)), len(done) - 1))]
                direction = rng.normal(size=3) * (1, 1, 0.6)
                new = at[j] + direction * ((radii[k] + radii[j]) * (1 - overlap * rng.random()) / np.linalg.norm(direction))
                gap = np.linalg.norm(at[done] - new, axis=1) - (radii[done] + radii[k]) * (1 - overlap)
                if gap.min() >= -1e-9:
                    at[k] = new
                    done.append(k)
                    break
        out[first:stop] = np.where(np.isfinite(at), at, np.nan)
        out[first:stop, 2] = (at[:, 2] - at[done, 2].min()) / (2 * radii.mean())
        first = stop
    return out


def chained(shape: tuple[int, int], feet: Footprints, *, overlap: float, rng: np.random.Generator) -> Points:
    """Open aggregates as soot and fumed oxides form them, 10 to 60 primaries each, seen from above: clusters that meet stick, and
    the grown ones meet again (cluster-cluster aggregation; Meakin, Phys. Rev. Lett. 1983, 51, 1119). Upper ones last."""
    r = np.sqrt(feet.short_px * feet.long_px)
    out = np.full((len(r), 3), np.nan)
    first = 0
    while first < len(r):
        stop = min(first + int(rng.integers(10, 61)), len(r))
        clusters = [(np.zeros((1, 3)), r[k : k + 1], np.array([k])) for k in range(first, stop)]
        while len(clusters) > 1:
            a, b = (clusters.pop(int(rng.integers(len(clusters)))) for _ in range(2))
            clusters.append(_stuck(a, b, overlap, rng))
        at, _, members = clusters[0]
        middle = at[:, :2].mean(0) - rng.uniform(0.1, 0.9, 2) * shape
        out[members, :2], out[members, 2] = at[:, :2] - middle, (at[:, 2] - at[:, 2].min()) / (2 * r.mean())
        first = stop
    return out


_Cluster = tuple[Points, Points, NDArray[np.int64]]


def _stuck(a: _Cluster, b: _Cluster, overlap: float, rng: np.random.Generator) -> _Cluster:
    """Two clusters (centres, radii, members) that touch in one place, the second turned at random."""
    (at, r, _), (more, radii, _) = a, b
    for _ in range(12):
        turned = more @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
        i, j, direction = int(rng.integers(len(at))), int(rng.integers(len(more))), rng.normal(size=3) * (1, 1, 0.7)
        slack = 1 - overlap * rng.random()
        moved = turned - turned[j] + at[i] + direction * ((r[i] + radii[j]) * slack / np.linalg.norm(direction))
        gap = np.linalg.norm(at[:, None] - moved[None], axis=2) - (r[:, None] + radii[None]) * (1 - overlap)
        if gap.min() > -1e-9:
            break
    return np.vstack([at, moved]), np.concatenate([r, radii]), np.concatenate([a[2], b[2]])
