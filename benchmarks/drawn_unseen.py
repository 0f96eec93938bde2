"""Drawn micrographs of fourteen materials, measured: right, wrong with a warning, or silently wrong.

    python benchmarks/drawn_unseen.py [--n 3] [--seed 1] [--kinds "soot" "pores"] [--pictures FOLDER | --overlays FOLDER] [-v]

Held out, as benchmarks/drawn_cases.py is: drawn by no code of the training renderer, and nothing may be trained or tuned on them.
There single causes are drawn, here whole micrographs: particles in heaps, chains, rafts and layers, on films and grounds.

Truth is the outlines that a careful person would draw (benchmarks/unseen_scene.py). Right: number within 8 % or 2 and mean within
5 % (gold colloids: median within 3 %); where there is no particle, none counted. What is found of particles that are mostly hidden
counts neither way. F1@0.5 and the error of the matched diameters are pooled over a kind's pictures.
"""

from __future__ import annotations

import argparse
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import unseen_projections
import unseen_surfaces
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import linear_sum_assignment
from skimage.segmentation import find_boundaries
from unseen_scene import Particle, Scene

import nanogauge

KINDS = unseen_surfaces.KINDS | unseen_projections.KINDS


def picture(kind: str, seed: int, k: int) -> tuple[NDArray[np.uint8], Scene]:
    """Picture k of a kind, and its truth."""
    scene = KINDS[kind](np.random.default_rng([seed, k, zlib.crc32(kind.encode())]), k)
    return np.clip(np.round(scene.grey), 0, 255).astype(np.uint8), scene


@dataclass
class Verdict:
    right: bool
    warned: bool
    holds: bool | None  # None: no interval stated, or nothing to hold
    expected: int
    found: int
    matched: int
    missed: int
    extra: int
    errors: list[float]  # of the matched diameters, relative
    line: str


def pair(found: NDArray[np.integer], scene: Scene) -> tuple[dict[int, int], set[int]]:
    """Found label -> true particle at IoU >= 0.5, one to one; and of the other labels those that are hidden particles, or parts."""
    pairs = overlaps(found, scene.particles)
    of_hidden = overlaps(np.where(np.isin(found, list(pairs)), 0, found), scene.hidden)
    area, ignored = np.bincount(found.ravel()), np.bincount(found[scene.ignored()], minlength=int(found.max()) + 1)
    parts = {i for i in range(1, len(area)) if i not in pairs and ignored[i] > 0.5 * area[i]}
    return pairs, parts | set(of_hidden)


def overlaps(found: NDArray[np.integer], truth: list[Particle]) -> dict[int, int]:
    area = np.bincount(found.ravel())
    iou = np.zeros((len(area), len(truth)))
    for j, p in enumerate(truth):
        shared = np.bincount(found[p.here][p.mask], minlength=len(area))
        iou[:, j] = shared / np.maximum(area + p.mask.sum() - shared, 1)
    iou[0] = 0
    rows, columns = linear_sum_assignment(-iou)
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if iou[i, j] >= 0.5}


def true_sizes(scene: Scene) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Diameters and edge weights (docs/conventions.md) of the particles wholly within the frame."""
    whole = [p for p in scene.particles if not p.cut]
    h, w = scene.grey.shape
    boxes = [np.ptp(np.argwhere(p.mask), axis=0) + 1 for p in whole]
    return np.array([p.diameter for p in whole]), np.array([min(h * w / ((h - a) * (w - b)), 10.0) for a, b in boxes])


def judge(kind: str, grey: NDArray[np.uint8], scene: Scene, overlay: Path | None) -> Verdict:
    m = nanogauge.measure(grey, scale="1 nm/px")
    if overlay is not None:
        Image.fromarray(m.overlay).save(overlay)
    pairs, hidden = pair(m.labels, scene)
    counted = m.counted[~m.counted["label"].isin(hidden)]
    d, weight = counted["equivalent_diameter_px"].to_numpy(), counted["edge_weight"].to_numpy()
    true_d, true_weight = true_sizes(scene)
    n, expected = len(d), len(true_d)
    true = float(np.average(true_d, weights=true_weight)) if expected else math.nan
    mean = float(np.average(d, weights=weight)) if n else math.nan
    off, allowed = mean / true - 1, 0.05
    if kind == "gold colloids":
        off, allowed = (float(np.median(d) / np.median(true_d)) - 1 if n else math.nan), 0.03
    right = abs(n - expected) <= max(2, 0.08 * expected) and abs(off) <= allowed if expected else n == 0
    interval = m.budget["mean"] if m.budget is not None and expected else None
    holds = None if interval is None or math.isnan(interval.low) else bool(interval.low <= true <= interval.high)
    sizes = dict(zip(m.particles["label"], m.particles["equivalent_diameter_px"], strict=True))
    errors = [sizes[i] / scene.particles[j].diameter - 1 for i, j in pairs.items() if not scene.particles[j].cut]
    extra = m.n_particles - len(pairs) - len(hidden)
    said = " | ".join(m.warnings) or "no warning"
    line = f"{n} of {expected} (+{len(hidden)} mostly hidden), mean {mean:.1f}"
    if expected:
        line += f" of {true:.1f}, {'median' if kind == 'gold colloids' else 'mean'} off by {off:+.1%}"
    missed = len(scene.particles) - len(pairs)
    line += f"; matched {len(pairs)}, missed {missed}, extra {extra}; confidence {m.mean_confidence:.2f}; {said}"
    warned = bool(m.warnings) or m.status == "no_particles"
    return Verdict(right, warned, holds, expected, n, len(pairs), missed, extra, errors, line)


def with_truth(grey: NDArray[np.uint8], scene: Scene) -> Image.Image:
    """The picture beside itself with the true outlines in yellow, what is ignored in blue."""
    outlined = np.stack([grey] * 3, -1)
    ignored = scene.ignored()
    outlined[ignored] = outlined[ignored] // 2 + np.array([0, 40, 110], np.uint8)
    for p in scene.particles:
        edge = find_boundaries(np.pad(p.mask, 1), mode="inner")[1:-1, 1:-1]
        outlined[p.here][edge] = (255, 220, 0)
    return Image.fromarray(np.hstack([np.stack([grey] * 3, -1), outlined]))


def contact_sheet(rows: list[list[Image.Image]], side: int = 420) -> Image.Image:
    sheet = Image.new("RGB", (side * max(map(len, rows)), side * len(rows)))
    for i, row in enumerate(rows):
        for j, one in enumerate(row):
            x, y = max(one.width - side, 0) // 2, max(one.height - side, 0) // 2
            sheet.paste(one.crop((x, y, x + side, y + side)), (j * side, i * side))
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=3, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", choices=list(KINDS), default=list(KINDS), metavar="KIND")
    parser.add_argument(
        "--pictures", type=Path, help="folder for the pictures, their true outlines, labels and a contact sheet; measures nothing"
    )
    parser.add_argument("--overlays", type=Path, help="folder for pictures of what was found")
    parser.add_argument("-v", action="store_true", help="a line a picture")
    options = parser.parse_args()
    for folder in (options.pictures, options.overlays):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    if options.pictures is not None:
        write(options.pictures, options.kinds, options.seed, options.n)
        return
    columns = f"{'kind':16} right  wrong, warned  silently wrong  interval holds  expected  found  F1@0.5  diameters"
    print(columns)
    everything = []
    for kind in options.kinds:
        verdicts = []
        for k in range(options.n):
            overlay = options.overlays / f"{kind.replace(' ', '_')}_{k}.png" if options.overlays else None
            verdicts.append(judge(kind, *picture(kind, options.seed, k), overlay))
        everything += verdicts
        print_row(kind, verdicts)
        if options.v:
            for k, v in enumerate(verdicts):
                print(f"    {k} {'right' if v.right else 'wrong, warned' if v.warned else 'SILENT'}: {v.line}", flush=True)
    print_row("all", everything)


def print_row(kind: str, verdicts: list[Verdict]) -> None:
    right = sum(v.right for v in verdicts)
    warned = sum(v.warned and not v.right for v in verdicts)
    held = [v.holds for v in verdicts if v.holds is not None]
    matched, missed, extra = (sum(getattr(v, key) for v in verdicts) for key in ("matched", "missed", "extra"))
    f1 = f"{2 * matched / (2 * matched + missed + extra):.3f}" if matched + missed else "–"
    errors = [abs(e) for v in verdicts for e in v.errors]
    off = f"{np.mean(errors):.1%}" if errors else "–"
    expected, found = sum(v.expected for v in verdicts), sum(v.found for v in verdicts)
    row = f"{kind:16} {right:5} {warned:14} {len(verdicts) - right - warned:15} {f'{sum(held)} of {len(held)}':>15}"
    print(f"{row} {expected:9} {found:6} {f1:>7} {off:>10}", flush=True)


def write(folder: Path, kinds: list[str], seed: int, n: int) -> None:
    rows = []
    for kind in kinds:
        rows.append([])
        for k in range(n):
            grey, scene = picture(kind, seed, k)
            stem = f"{kind.replace(' ', '_')}_{k}"
            Image.fromarray(grey).save(folder / f"{stem}.png")
            Image.fromarray(scene.labels().astype(np.uint16)).save(folder / f"{stem}_labels.png")
            both = with_truth(grey, scene)
            both.save(folder / f"{stem}_truth.png")
            rows[-1].append(Image.fromarray(grey).convert("RGB"))
        rows[-1].append(both.crop((both.width // 2, 0, both.width, both.height)))
    contact_sheet(rows).save(folder / "contact_sheet.png")


if __name__ == "__main__":
    main()
