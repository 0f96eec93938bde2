"""Trains the network that tells shapes apart by their outlines, on outlines of rendered solids and of labelled ones.

    python -m nanogauge.training.shapes [--n 14000] [--labelled FOLDER[:IDS] ...] [--out shapes.npz]

Each rendered particle is one of `synthetic.shapes`, strained a little as no crystal is perfect, rendered alone at some size in px,
blurred and made noisy as a map of probabilities is; a part is cut by neighbours that lie on it. Its outline is found by the code
that finds those of measured particles. FOLDER holds labels/ and classes.json ({picture: {label: class}}), IDS names pictures.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional as F

from ..measuring.descriptors import DESCRIPTORS, descriptors
from ..measuring.rings import rings_of
from ..measuring.shape_classes import SHAPES, WEIGHTS, ShapeNetwork, write_network
from ..reading.labels import read_labels
from .synthetic.shapes import Particle, ShapeKind, extent, gauge, projection

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
HIDDEN = 32
_DIAMETERS_PX = (9.0, 110.0)
_SQUARE = 0.86  # share of its rectangle that an outline fills; more of an octahedron's means it is seen along a fourfold axis
_NARROW = 0.5  # of width over length, below which a crystal is seen on edge
_COMPACT = 0.5  # share of an agglomerate's particles that fill a hollow
_OCTAGON_PX = 40.0  # smaller octagons are as good as round
_STRAIN = 0.03  # standard deviation of each term
_CUBES_LIE = 0.7  # share of the cubes on an edge or a corner that are left out
_COVERED = 0.35  # share of the particles that a neighbour covers in part
_NO_MAP = 0.3  # share of the outlines that run along labels
_HELD = 0.2  # of the rendered ones, to choose the calibration by
_LABELLED_SHARE = 0.3  # of a shape's weight, that labelled outlines have together
_MOST_A_COPY = 8.0  # rendered outlines that a labelled one stands for
_NAMES = {"sphere": "sphere", "cube": "cube", "octahedron": "octahedron", "rod": "rod", "plate": "plate"}


def rendered(shape: str, rng: np.random.Generator) -> tuple[NDArray[np.int32], NDArray[np.float32] | None]:
    """Labels (H, W), the particle 1 and what lies on it 2, and the map on the same grid or None."""
    diameter = float(np.exp(rng.uniform(*np.log(_DIAMETERS_PX))))
    parts = _agglomerate(diameter, rng) if shape == "agglomerate" else [_solid(shape, diameter, rng)]
    half = max(math.hypot(p.y, p.x) + 1.25 * extent(p) for p in parts) + 4
    at = np.arange(-math.ceil(half), math.ceil(half) + 1, dtype=np.float32)
    shift = rng.uniform(-0.5, 0.5, 2).astype(np.float32)
    yy, xx = np.meshgrid(at + shift[0], at + shift[1], indexing="ij")
    strain = np.eye(2) + rng.normal(0, _STRAIN, (2, 2))
    inside = np.zeros(yy.shape, bool)
    for p in parts:
        v, u = (np.float32(a) * (yy - np.float32(p.y)) + np.float32(b) * (xx - np.float32(p.x)) for a, b in strain)
        inside |= gauge(p, v, u) <= 1
    blur = float(np.exp(rng.uniform(math.log(0.3), math.log(max(0.7, 0.05 * diameter)))))
    field = ndimage.gaussian_filter(inside.astype(np.float32), blur)
    rough = ndimage.gaussian_filter(rng.normal(size=inside.shape), rng.uniform(1, 3)).astype(np.float32)
    field = np.clip(field + rough / max(float(rough.std()), 1e-9) * max(rng.uniform(-0.03, 0.08), 0), 0, 1)
    pieces, _ = ndimage.label(field >= 0.5)
    areas = np.bincount(pieces.ravel())
    areas[0] = 0
    labels = (pieces == areas.argmax()).astype(np.int32) if areas.any() else np.zeros(inside.shape, np.int32)
    if rng.random() < _COVERED:
        labels = _covered(labels, yy, xx, rng)
    return labels, None if rng.random() < _NO_MAP else field


def _covered(
    labels: NDArray[np.int32], yy: NDArray[np.float32], xx: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.int32]:
    """A neighbour, straight, round or with a corner, on the particle's rim: over at most a sixth of it."""
    own = labels == 1
    towards = rng.uniform(0, 2 * math.pi)
    along = yy * np.float32(math.sin(towards)) + xx * np.float32(math.cos(towards))
    aside = yy * np.float32(math.cos(towards)) - xx * np.float32(math.sin(towards))
    how, r = rng.integers(3), math.sqrt(own.sum() / math.pi) * rng.uniform(0.5, 1.2)
    if how == 1:
        along = -np.hypot(along - 2 * r, aside - np.float32(rng.normal(0, 0.5 * r)))
    elif how == 2:
        along = along - np.abs(aside - np.float32(rng.normal(0, 0.5 * r))) * np.float32(rng.uniform(0.5, 1.5))
    depth = np.sort(along[own])
    if not depth.size:
        return labels
    above = depth[int(depth.size * (1 - rng.uniform(0.01, 0.17)))]
    beyond = (labels == 0) & ndimage.binary_dilation(own, iterations=6)
    return np.where((own | beyond) & (along > above), 2, labels).astype(np.int32)


def _solid(shape: str, diameter: float, rng: np.random.Generator) -> Particle:
    """One of a shape. Left out is what lies between two shapes, such as a spheroid of an aspect ratio of 0.65."""
    while True:
        p = _draw(shape, diameter, rng)
        if shape == "cube" and not _lies(p) and rng.random() < _CUBES_LIE:
            continue
        return p


def _lies(p: Particle) -> bool:
    """Whether a face of a crystal is level, or nearly."""
    return bool(np.hypot(*projection(p).upper[:, 1:].T).min() < 0.25)


def _draw(shape: str, diameter: float, rng: np.random.Generator) -> Particle:
    kind: ShapeKind
    aspect, n_sides, roughness, bend = 1.0, 6, 0.0, 0.0
    rounding = float(rng.choice([0.01, 0.03, 0.08, 0.15, 0.25, 0.35]))
    if shape == "sphere":
        kind, aspect = ("sphere", 1.0) if rng.random() < 0.5 else ("ellipsoid", float(rng.uniform(0.8, 1)))
        roughness = float(rng.choice([0.0, 0.012, 0.025, 0.035]))
    elif shape == "rod":
        kinds: tuple[ShapeKind, ...] = ("rod", "rod", "rod", "ellipsoid", "cube", "fibre", "bipyramid")
        kind = kinds[rng.integers(len(kinds))]
        aspect = float(rng.uniform(0.1, 0.16)) if kind == "fibre" else float(rng.uniform(0.15, 0.5))
        n_sides = int(rng.choice([4, 6]))
        bend = float(rng.normal(0, 0.15)) if kind in ("rod", "fibre") else 0.0
        roughness = float(rng.choice([0.0, 0.012, 0.025]))
    elif shape == "cube":
        kind, n_sides = ("cube", 4) if rng.random() < 0.85 else ("platelet", 4)
        aspect = float(rng.uniform(0.9, 1) if rng.random() < 0.7 else rng.uniform(0.6, 0.9))
    elif shape == "plate":
        kind, rounding = "platelet" if rng.random() < 0.8 else "polyhedron", min(rounding, 0.12)
        n_sides = int(rng.choice([5, 6, 6, 6, 8 if diameter > _OCTAGON_PX else 6]) if kind == "platelet" else 8)
        aspect = float(rng.uniform(0.92, 1) if rng.random() < 0.8 else rng.uniform(0.7, 0.92))
    elif shape == "octahedron":
        crystals: tuple[tuple[ShapeKind, int], ...] = (("octahedron", 4), ("bipyramid", 4), ("polyhedron", 3), ("platelet", 3))
        kind, n_sides = crystals[rng.choice(4, p=[0.7, 0.1, 0.1, 0.1])]
        aspect, rounding = float(rng.uniform(0.85, 1)), min(rounding, 0.2)
    else:
        kind, aspect, roughness = "irregular", float(rng.uniform(0.5, 1)), float(rng.uniform(0.07, 0.12))
    return Particle(
        kind=kind,
        y=0.0,
        x=0.0,
        diameter=diameter,
        aspect=aspect,
        angle=float(rng.uniform(0, math.pi)),
        roughness=roughness,
        n_sides=n_sides,
        seed=int(rng.integers(2**31)),
        bend=bend,
        rounding=rounding,
    )


def _agglomerate(diameter: float, rng: np.random.Generator) -> list[Particle]:
    """Two to eight of one shape that touch or overlap, together about as large as `diameter`."""
    n = int(rng.choice([2, 2, 3, 3, 4, 5, 6, 8]))
    shape = ("sphere", "sphere", "cube", "plate", "octahedron", "irregular", "rod")[rng.integers(7)]
    each = diameter / math.sqrt(n)
    parts = [_solid(shape, each, rng)]
    while len(parts) < n:
        new = _solid(shape, each * float(rng.uniform(0.7, 1.3)), rng)
        beside, towards = parts[rng.integers(len(parts))], rng.uniform(0, 2 * math.pi)
        far = (new.diameter + beside.diameter) / 2 * rng.uniform(0.8, 1.0)
        if len(parts) > 1 and rng.random() < _COMPACT:  # towards the middle of those there are
            my, mx = np.mean([p.y for p in parts]), np.mean([p.x for p in parts])
            towards = math.atan2(my - beside.y, mx - beside.x) + rng.normal(0, 0.8)
        new = replace(new, y=beside.y + far * math.sin(towards), x=beside.x + far * math.cos(towards))
        if all(math.hypot(new.y - p.y, new.x - p.x) > 0.3 * (new.diameter + p.diameter) for p in parts):
            parts.append(new)
    y, x = np.mean([p.y for p in parts]), np.mean([p.x for p in parts])
    return [replace(p, y=float(p.y - y), x=float(p.x - x)) for p in parts]


def rendered_outlines(n: int, seed: int) -> tuple[Floats, Ints]:
    """Descriptors of n outlines and their shapes, as indices into SHAPES, all shapes alike often."""
    found, which = [], []
    for k in range(n):
        rng = np.random.default_rng([seed, k])
        labels, field = rendered(SHAPES[k % len(SHAPES)], rng)
        rings, there = _own_outline(labels, field)
        if there:
            found.append(rings)
            which.append(k % len(SHAPES))
    x, y = descriptors(np.array(found)), np.array(which, np.int64)
    keep = ~_like_another(x, y)
    return x[keep], y[keep]


def _like_another(x: Floats, y: Ints) -> NDArray[np.bool_]:
    """(n,) outlines that are another shape's because of how the particle lies: octahedra along their fourfold axis are squares,
    plates, cubes and octahedra on edge are rods."""
    filled, width = (x[:, DESCRIPTORS.index(name)] for name in ("rectangle_filled", "widths"))
    square = (y == SHAPES.index("octahedron")) & (filled > _SQUARE)
    crystal = np.isin(y, [SHAPES.index(name) for name in ("cube", "plate", "octahedron")])
    return np.asarray(square | (crystal & (width < _NARROW)), bool)


def _own_outline(labels: NDArray[np.int32], field: NDArray[np.float32] | None) -> tuple[Floats, bool]:
    """The outline of particle 1, and whether it has one."""
    index = labels - 1
    y, x = np.nonzero(labels == 1)
    if not y.size:
        return np.zeros(0), False
    rings, there = rings_of(index, np.array([[y.min()], [x.min()], [y.max() + 1], [x.max() + 1]], np.int64), field)
    return rings[0], bool(there[0])


def labelled_outlines(folder: Path, ids: Sequence[str] | None = None) -> tuple[Floats, Ints]:
    """Descriptors and shapes of the outlines of labelled particles; those cut by the picture's frame are left out.

    folder: holds labels/ and classes.json; ids: names of pictures, None: all
    """
    stated = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    files = {p.stem: p for p in sorted((folder / "labels").iterdir())}
    found, which = [], []
    for name in ids if ids is not None else sorted(stated):
        labels = read_labels(files[name])
        fields = (None, ndimage.gaussian_filter((labels > 0).astype(np.float32), 0.7))
        for label, box in enumerate(ndimage.find_objects(labels), start=1):
            shape = _NAMES.get(stated[name].get(str(label), "").lower())
            if box is None or shape is None or _cut(box, labels.shape):
                continue
            grown = tuple(slice(max(s.start - 5, 0), s.stop + 5) for s in box)
            part = labels[grown]
            own = np.where(part == label, 1, np.where(part > 0, 2, 0)).astype(np.int32)
            for field in fields:
                ring, there = _own_outline(own, None if field is None else field[grown])
                if there:
                    found.append(ring)
                    which.append(SHAPES.index(shape))
    return descriptors(np.array(found)), np.array(which, np.int64)


def _cut(box: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    return any(s.start == 0 or s.stop == n for s, n in zip(box, shape, strict=True))


def train(x: Floats, y: Ints, weight: Floats, *, seed: int = 0, epochs: int = 80) -> ShapeNetwork:
    """A network that is not yet calibrated. weight: (n,) of each outline in the loss."""
    torch.manual_seed(seed)
    mean, scale = x.mean(0), np.maximum(x.std(0), 1e-3)
    inputs = torch.tensor(np.clip((x - mean) / scale, -6, 6), dtype=torch.float32)
    truth, worth = torch.tensor(y), torch.tensor(weight / weight.mean(), dtype=torch.float32)
    hidden, out = torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.Linear(HIDDEN, len(SHAPES))
    optimiser = torch.optim.AdamW([*hidden.parameters(), *out.parameters()], lr=4e-3, weight_decay=3e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=epochs * -(-len(x) // 512))
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(x)), 512):
            loss = (F.cross_entropy(out(torch.relu(hidden(inputs[rows]))), truth[rows], reduction="none") * worth[rows]).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    layers = [np.vstack([m.weight.detach().numpy().T, m.bias.detach().numpy()]).astype(np.float64) for m in (hidden, out)]
    return ShapeNetwork(mean, scale, layers[0], layers[1])


def calibrated(network: ShapeNetwork, x: Floats, y: Ints) -> ShapeNetwork:
    """The network with one temperature, that under which outlines it has not learned from are likeliest (Guo et al., ICML 2017)."""
    temperatures = np.exp(np.linspace(-1, 1.5, 101))
    losses = [-np.log(replace(network, out=network.out / t)(x)[np.arange(len(y)), y] + 1e-12).mean() for t in temperatures]
    return replace(network, out=network.out / temperatures[int(np.argmin(losses))])


def fit(n: int, labelled: Sequence[tuple[Path, Sequence[str] | None]] = (), *, seed: int = 1) -> tuple[ShapeNetwork, Floats, Ints]:
    """A network of n rendered outlines and of labelled ones; descriptors and shapes of the rendered ones it was calibrated by."""
    x, y = rendered_outlines(n, seed)
    held = np.random.default_rng(seed).random(len(x)) < _HELD
    parts = [(x[~held], y[~held], np.ones(int((~held).sum())))]
    for folder, ids in labelled:
        real, shapes = labelled_outlines(folder, ids)
        each, usual = (np.bincount(v, minlength=len(SHAPES)) for v in (shapes, y[~held]))
        share = np.minimum(_LABELLED_SHARE, _MOST_A_COPY * each / usual)  # few labelled ones do not stand for many
        parts[0][2][:] *= (1 - share)[y[~held]]  # all shapes stay alike likely
        parts.append((real, shapes, (share * usual / np.maximum(each, 1))[shapes]))
    joined = [np.concatenate([p[k] for p in parts]) for k in range(3)]
    network = train(joined[0], joined[1].astype(np.int64), joined[2], seed=seed)
    return calibrated(network, x[held], y[held]), x[held], y[held]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=14_000, help="rendered outlines")
    parser.add_argument("--labelled", nargs="*", default=[], metavar="FOLDER[:IDS]", help="labels with classes.json")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    sets: list[tuple[Path, Sequence[str] | None]] = []
    for entry in args.labelled:
        folder, _, ids = entry.partition(":")
        sets.append((Path(folder), Path(ids).read_text(encoding="utf-8").split() if ids else None))
    network, x, y = fit(args.n, sets, seed=args.seed)
    write_network(args.out, network)
    said = network(x)
    best = said.argmax(1)
    print(f"{len(DESCRIPTORS)} descriptors; of {len(y)} rendered outlines held out {(best == y).mean():.3f} are told right,")
    print(f"which are said to be so with {said.max(1).mean():.3f}")
    for k, shape in enumerate(SHAPES):
        shares = np.bincount(best[y == k], minlength=len(SHAPES)) / (y == k).sum()
        print(f"  {shape}: {', '.join(f'{name} {s:.2f}' for name, s in zip(SHAPES, shares, strict=True) if s >= 0.02)}")


if __name__ == "__main__":
    main()
