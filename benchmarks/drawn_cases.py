"""Drawn pictures of kinds that networks get wrong, measured: right, wrong with a warning, or silently wrong.

    python benchmarks/drawn_cases.py [--n 3] [--seed 1] [--kinds "two sizes" "fibre mat"] [--pictures FOLDER]

Held out: the pictures are drawn here with soft-edged discs and bands, blur and noise, by no code of the training renderer and
in none of its looks. Nothing may be trained or tuned on them; kinds may be, files may not.

Truth is the particles wholly within the frame, their number and their mean diameter with the edge weights of
docs/conventions.md. Right: number within 8 % or 2 and mean within 5 %; where there is no particle, none counted. "holds" counts the
pictures whose stated 95 % interval of the mean holds the true one, of those that state one. A wrong picture counts as warned when
any warning comes with it, or when it says itself that it found no particle; `-v` prints them.
"""

from __future__ import annotations

import argparse
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

import nanogauge

Field = NDArray[np.float64]
Place = tuple[float, float, float]  # y, x, diameter
H, W = 384, 512
Y, X = np.mgrid[0:H, 0:W].astype(float)


@dataclass
class Drawn:
    """A picture in the making, 0..255: grey levels and the boxes (h, w) and diameters of the particles wholly within the frame."""

    grey: Field
    boxes: list[tuple[float, float]]
    diameters: list[float]

    def count(self, y: float, x: float, reach_y: float, reach_x: float, diameter: float) -> None:
        if reach_y <= y < H - 1 - reach_y and reach_x <= x < W - 1 - reach_x:
            self.boxes.append((2 * reach_y, 2 * reach_x))
            self.diameters.append(diameter)

    def mean(self) -> float:
        """With edge weights: one over the chance to lie wholly within."""
        weights = np.array([min(H * W / ((H - h) * (W - w)), 10.0) for h, w in self.boxes])
        return float((weights * np.array(self.diameters)).sum() / weights.sum()) if len(weights) else math.nan


def blank(level: float) -> Drawn:
    return Drawn(np.full((H, W), float(level)), [], [])


def disc(y: float, x: float, d: float) -> Field:
    """How much of each pixel lies in the disc."""
    return np.clip(d / 2 - np.hypot(Y - y, X - x) + 0.5, 0, 1)


def capsule(y: float, x: float, length: float, width: float, turn: float) -> Field:
    u, v = (X - x) * math.cos(turn) + (Y - y) * math.sin(turn), (Y - y) * math.cos(turn) - (X - x) * math.sin(turn)
    return np.clip(width / 2 - np.hypot(np.maximum(np.abs(u) - (length - width) / 2, 0), v) + 0.5, 0, 1)


def lay(p: Drawn, cover: Field, level: float) -> None:
    p.grey += cover * (level - p.grey)


def spread(rng: np.random.Generator, diameters: Field, gap: float, taken: list[Place]) -> list[Place]:
    """Places (y, x, d) in the frame and a little beyond, apart from each other and from those taken; misses are left out."""
    out = []
    for d in diameters:
        for _ in range(60):
            y, x = rng.uniform(-d / 2, H + d / 2), rng.uniform(-d / 2, W + d / 2)
            if all((y - b) ** 2 + (x - a) ** 2 > ((d + e) / 2 + gap) ** 2 for b, a, e in taken + out):
                out.append((y, x, float(d)))
                break
    return out


def balls(p: Drawn, places: list[Place], level: float) -> None:
    for y, x, d in places:
        lay(p, disc(y, x, d), level)
        p.count(y, x, d / 2, d / 2, d)


def two_sizes(rng: np.random.Generator) -> Drawn:
    p = blank(rng.uniform(40, 80))
    level = rng.uniform(150, 200)
    large = spread(rng, rng.normal(rng.uniform(48, 90), 2, rng.integers(4, 9)), 4, [])
    small = spread(rng, rng.normal(rng.uniform(8, 12), 0.4, rng.integers(90, 200)), 2, large)
    balls(p, large + small, level)
    return p


def broad(rng: np.random.Generator) -> Drawn:
    p = blank(rng.uniform(170, 210))
    d = np.clip(22 * np.exp(rng.normal(0, math.log(rng.uniform(1.6, 1.9)), 90)), 7, 150)
    balls(p, spread(rng, -np.sort(-d), 2, []), rng.uniform(60, 100))
    return p


def perforated(rng: np.random.Generator) -> tuple[Drawn, list[Place]]:
    """A film with round holes on a grid; also the holes."""
    p = blank(rng.uniform(110, 140))
    d = rng.uniform(70, 120)
    pitch, shift = d * rng.uniform(1.3, 1.6), rng.uniform(0, 60, 2)
    holes = [(i * pitch + shift[0], j * pitch + shift[1] + (i % 2) * pitch / 2, d) for i in range(-1, 6) for j in range(-1, 8)]
    for y, x, e in holes:
        lay(p, disc(y, x, e), 218)
    return p, holes


def holey_film(rng: np.random.Generator) -> Drawn:
    p, holes = perforated(rng)
    balls(p, spread(rng, rng.normal(rng.uniform(10, 20), 0.5, rng.integers(30, 70)), 2, holes), rng.uniform(35, 65))
    return p


def bare_film(rng: np.random.Generator) -> Drawn:
    return perforated(rng)[0]


def rods(rng: np.random.Generator) -> Drawn:
    p = blank(rng.uniform(185, 205))
    width, ratio = rng.uniform(10, 18), rng.uniform(2.5, 4.5)
    for y, x, d in spread(rng, np.full(45, width * ratio), 2, []):
        length, wide, turn = d * rng.normal(1, 0.06), width * rng.normal(1, 0.05), rng.uniform(0, math.pi)
        lay(p, capsule(y, x, length, wide, turn), 75)
        reach = [abs(f(turn)) * (length - wide) / 2 + wide / 2 for f in (math.sin, math.cos)]
        p.count(y, x, reach[0], reach[1], math.sqrt(4 / math.pi * (wide * (length - wide)) + wide**2))
    return p


def crossed_rods(rng: np.random.Generator) -> Drawn:
    p = blank(200)
    for y, x, _ in spread(rng, np.full(10, 115.0), 0, []):
        turn = rng.uniform(0, math.pi)
        for k in range(2):
            length, wide, angle = rng.normal(90, 4), rng.normal(14, 0.6), turn + k * rng.uniform(0.9, 1.6)
            p.grey *= 1 - 0.5 * capsule(y, x, length, wide, angle)
            reach = [abs(f(angle)) * (length - wide) / 2 + wide / 2 for f in (math.sin, math.cos)]
            p.count(y, x, reach[0], reach[1], math.sqrt(4 / math.pi * (wide * (length - wide)) + wide**2))
    return p


def one_large(rng: np.random.Generator) -> Drawn:
    p = blank(60)
    d = rng.uniform(0.5, 0.85) * H
    y, x = H / 2 + rng.uniform(-1, 1) * (H - d) / 2.2, W / 2 + rng.uniform(-1, 1) * (W - d) / 2.2
    rough = gaussian_filter(rng.normal(size=(H, W)), rng.uniform(4, 12))
    lay(p, disc(y, x, d), 150)
    p.grey += 22 * rough / rough.std() * disc(y, x, d - 4)
    p.count(y, x, d / 2, d / 2, d)
    return p


def fringes(rng: np.random.Generator) -> Drawn:
    p = blank(127)
    turn, pitch = rng.uniform(0, math.pi), rng.uniform(5, 11)
    for k in range(int(rng.integers(1, 4))):
        a = turn + k * math.pi / 3
        p.grey += 22 * np.cos(2 * math.pi / pitch * (X * math.cos(a) + Y * math.sin(a)) + rng.uniform(0, 6))
    return p


def fibre_mat(rng: np.random.Generator) -> Drawn:
    p = blank(38)
    width = rng.uniform(9, 26)
    for k in range(int(500 / width)):
        level = 90 + 90 * k / (500 / width)
        v = np.abs((Y - rng.uniform(0, H)) * math.cos(a := rng.uniform(0, math.pi)) - (X - rng.uniform(0, W)) * math.sin(a))
        cover = np.clip(width / 2 - v + 0.5, 0, 1)
        p.grey += cover * (level * np.sqrt(np.clip(1 - 0.7 * (2 * v / width) ** 2, 0, 1)) - p.grey)
    return p


def mat_with_particles(rng: np.random.Generator) -> Drawn:
    p = fibre_mat(rng)
    p.grey *= 0.7
    balls(p, spread(rng, rng.normal(16, 0.7, 40), 2, []), 225)
    return p


def core_shell(rng: np.random.Generator) -> Drawn:
    p = blank(192)
    outer, share = rng.uniform(36, 60), rng.uniform(0.4, 0.6)
    for y, x, d in spread(rng, rng.normal(outer, 1, 22), 3, []):
        lay(p, disc(y, x, d), 162)
        lay(p, disc(y, x, share * d), 85)
        p.count(y, x, d / 2, d / 2, d)
    return p


def heap(rng: np.random.Generator) -> Drawn:
    """Chains of overlapping discs whose absorption adds up."""
    p = blank(205)
    d0 = rng.uniform(22, 34)
    for y, x, _ in spread(rng, np.full(5, 110.0), 0, []):
        turn = rng.uniform(0, 2 * math.pi)
        for _ in range(int(rng.integers(4, 9))):
            d = rng.normal(d0, 0.05 * d0)
            p.grey *= 1 - 0.35 * disc(y, x, d)
            p.count(y, x, d / 2, d / 2, d)
            turn += rng.normal(0, 0.7)
            y, x = y + 0.82 * d0 * math.sin(turn), x + 0.82 * d0 * math.cos(turn)
    return p


def dusty_ground(rng: np.random.Generator) -> Drawn:
    """A worn surface: unevenness at two lengths, scratches, no particle."""
    p = blank(120)
    for sigma, strength in ((rng.uniform(1.5, 3), 12), (rng.uniform(15, 40), 14)):
        field = gaussian_filter(rng.normal(size=(H, W)), sigma)
        p.grey += strength * field / field.std()
    for _ in range(int(rng.integers(2, 8))):
        a = rng.uniform(0, math.pi)
        v = np.abs((Y - rng.uniform(0, H)) * math.cos(a) - (X - rng.uniform(0, W)) * math.sin(a))
        p.grey -= 35 * np.clip(1.5 - v, 0, 1)
    return p


def padded(rng: np.random.Generator) -> Drawn:
    """Two panels with a white gutter; particles that it cuts count as cut by the frame would."""
    p = blank(70)
    places = spread(rng, rng.normal(30, 1, 60), 3, [])
    left = int(rng.integers(220, 290))
    for y, x, d in places:
        lay(p, disc(y, x, d), 170)
        if x + d / 2 < left - 1 or x - d / 2 > left + 12:
            p.count(y, x, d / 2, d / 2, d)
    p.grey[:, left : left + 12] = 255
    return p


KINDS: dict[str, Callable[[np.random.Generator], Drawn]] = {
    "two sizes": two_sizes,
    "broad": broad,
    "holey film": holey_film,
    "bare film": bare_film,
    "rods": rods,
    "crossed rods": crossed_rods,
    "one large": one_large,
    "fringes": fringes,
    "fibre mat": fibre_mat,
    "mat with particles": mat_with_particles,
    "core-shell": core_shell,
    "heap": heap,
    "dusty ground": dusty_ground,
    "padded": padded,
}


def picture(kind: str, seed: int, k: int) -> tuple[NDArray[np.uint8], Drawn]:
    """Picture k of a kind: drawn, blurred, with noise; and its truth."""
    rng = np.random.default_rng([seed, k, zlib.crc32(kind.encode())])
    drawn = KINDS[kind](rng)
    grey = gaussian_filter(drawn.grey, rng.uniform(0.6, 1.1)) + rng.normal(0, rng.uniform(3, 9), (H, W))
    return np.clip(np.round(grey), 0, 255).astype(np.uint8), drawn


@dataclass
class Verdict:
    right: bool
    warned: bool
    holds: bool | None  # None: no interval stated, or nothing to hold
    line: str


def judge(grey: NDArray[np.uint8], drawn: Drawn) -> Verdict:
    m = nanogauge.measure(grey, scale="1 nm/px")
    n_true, n, true = len(drawn.diameters), len(m.counted), drawn.mean()
    mean = float(m.distribution.mean.value) if n else math.nan
    if not n_true:
        right, holds = n == 0, None
    else:
        right = abs(n - n_true) <= max(2, 0.08 * n_true) and abs(mean / true - 1) <= 0.05
        interval = m.budget["mean"] if m.budget is not None else None
        holds = None if interval is None or math.isnan(interval.low) else interval.low <= true <= interval.high
    warned = bool(m.warnings) or m.status == "no_particles"
    said = " | ".join(m.warnings) or "no warning"
    found = f"{n} of {n_true} ({m.n_particles} with those cut), mean {mean:.1f} of {true:.1f}"
    line = f"{found}; confidence {m.mean_confidence:.2f}; {said}"
    return Verdict(right, warned, holds, line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=3, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", choices=list(KINDS), default=list(KINDS), metavar="KIND")
    parser.add_argument("--pictures", type=Path, help="folder to write the pictures to; measures nothing")
    parser.add_argument("-v", action="store_true", help="a line a picture")
    options = parser.parse_args()
    totals = np.zeros(5, int)
    if options.pictures is None:
        print(f"{'kind':20} right  wrong, warned  silently wrong  interval holds")
    for kind in options.kinds:
        drawn = [picture(kind, options.seed, k) for k in range(options.n)]
        if options.pictures is not None:
            options.pictures.mkdir(parents=True, exist_ok=True)
            for k, (grey, _) in enumerate(drawn):
                Image.fromarray(grey).save(options.pictures / f"{kind.replace(' ', '_')}_{k}.png")
            continue
        verdicts = [judge(*d) for d in drawn]
        right = sum(v.right for v in verdicts)
        warned = sum(v.warned and not v.right for v in verdicts)
        held = [v.holds for v in verdicts if v.holds is not None]
        row = np.array([right, warned, len(verdicts) - right - warned, sum(held), len(held)])
        totals += row
        print(f"{kind:20} {row[0]:5} {row[1]:14} {row[2]:15} {f'{row[3]} of {row[4]}':>15}", flush=True)
        if options.v:
            for v in verdicts:
                print(f"    {v.line}", flush=True)
    if options.pictures is None:
        print(f"{'all':20} {totals[0]:5} {totals[1]:14} {totals[2]:15} {f'{totals[3]} of {totals[4]}':>15}")


if __name__ == "__main__":
    main()
