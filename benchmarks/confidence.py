"""Is the confidence calibrated? Fits its two weights and compares what it says with what is right.

    python benchmarks/confidence.py IMAGES LABELS --ids val.txt [--engine FILE.onnx] [--plot reliability.png]

A found particle is right if it overlaps a true one by IoU >= 0.5. The reliability table is of predictions by eleven-fold
cross-validation, whole micrographs held out; "as shipped" uses the weights of `nanogauge.certainty`. A micrograph counts as at
most 60 particles. ECE: expected calibration error, the mean gap between said and seen over ten bins of equally many particles.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from nanogauge.certainty import INTERCEPT, MIDDLE, OUTLINE, probability, traits
from nanogauge.engines import make_engine
from nanogauge.evaluate import match
from nanogauge.find import typical_diameter
from nanogauge.formats import read_micrograph
from nanogauge.formats.labels import read_labels
from nanogauge.segment import segment
from nanogauge.separate import separate, to_grid
from nanogauge.settings import Settings

Floats = NDArray[np.float64]
FOLDS, MOST, BINS = 11, 60, 10


def collect(args: argparse.Namespace) -> tuple[Floats, NDArray[np.bool_], NDArray[np.int64]]:
    """Traits (n, 2), right or not (n,), micrograph (n,) of every particle found."""
    truth = {p.stem: p for p in sorted(args.labels.iterdir())}
    pictures = {p.stem: p for p in sorted(args.images.iterdir())}
    ids = args.ids.read_text(encoding="utf-8").split() if args.ids else sorted(truth)
    engine, settings = make_engine(args.engine), Settings()
    x, right, which = [], [], []
    for k, name in enumerate(ids):
        grey = read_micrograph(pictures[name]).grey8()
        maps = segment(
            grey, engine, typical_diameter=lambda m: typical_diameter(m, settings.separate), settings=settings.segment
        ).maps
        labels = separate(maps, replace(settings.separate, least_confidence=0.0))
        found = to_grid(labels, maps.foreground, grey.shape, foreground_above=settings.separate.foreground_above)
        if not labels.any():
            continue
        present = np.unique(found[found > 0])
        ok = np.zeros(int(labels.max()), bool)
        ok[present[match(found, read_labels(truth[name])).pred] - 1] = True
        x.append(traits(labels, maps))
        right.append(ok)
        which.append(np.full(len(ok), k))
    return np.concatenate(x), np.concatenate(right), np.concatenate(which)


def fit(x: Floats, right: NDArray[np.bool_], weight: Floats) -> Floats:
    """Intercept and weights of a logistic regression, with a light ridge."""
    z = np.column_stack([np.ones(len(x)), x])

    def loss(b: Floats) -> tuple[float, Floats]:
        s = z @ b
        value = (weight * (np.logaddexp(0, s) - right * s)).sum() + 0.005 * (b[1:] ** 2).sum()
        slope = z.T @ (weight * (1 / (1 + np.exp(-s)) - right))
        return value, slope + 0.01 * np.r_[0, b[1:]]

    return np.asarray(minimize(loss, np.zeros(3), jac=True, method="BFGS").x)


def bins(said: Floats, right: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    order = np.array_split(np.argsort(said, kind="stable"), BINS)
    return [(float(said[i].mean()), float(right[i].mean()), len(i)) for i in order if len(i)]


def summary(said: Floats, right: NDArray[np.bool_]) -> str:
    ece = sum(n * abs(a - b) for a, b, n in bins(said, right)) / len(said)
    rank = np.argsort(np.argsort(said)) + 1
    hits = int(right.sum())
    area = (rank[right].sum() - hits * (hits + 1) / 2) / max(hits * (len(right) - hits), 1)
    return f"ECE {ece:.3f}, area under the ROC curve {area:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--ids", type=Path)
    parser.add_argument("--engine", default="unet")
    parser.add_argument("--plot", type=Path, help="PNG or SVG of the reliability diagram")
    args = parser.parse_args()
    x, right, which = collect(args)
    counts = np.bincount(which)[which]
    weight = np.minimum(counts, MOST) / counts
    fold = np.random.default_rng(0).permutation(int(which.max()) + 1)[which] % FOLDS
    held: Any = np.zeros(len(x))
    for k in range(FOLDS):
        b = fit(x[fold != k], right[fold != k], weight[fold != k])
        held[fold == k] = 1 / (1 + np.exp(-(b[0] + x[fold == k] @ b[1:])))
    b = fit(x, right, weight)
    print(f"{len(x)} objects on {len(np.unique(which))} micrographs, {right.mean():.1%} right")
    print(f"fitted: INTERCEPT, OUTLINE, MIDDLE = {b[0]:.2f}, {b[1]:.2f}, {b[2]:.2f}  (shipped {INTERCEPT}, {OUTLINE}, {MIDDLE})")
    print(f"cross-validated: {summary(held, right)}\nas shipped: {summary(probability(x), right)}")
    print("| said (cross-validated) | right | particles |\n|---|---|---|")
    for said, seen, n in bins(held, right):
        print(f"| {said:.3f} | {seen:.3f} | {n} |")
    kept = held >= Settings().separate.least_confidence
    each = [(held[m].mean(), right[m].mean()) for m in (kept & (which == k) for k in np.unique(which)) if m.any()]
    print(f"\nMicrographs, objects under {Settings().separate.least_confidence} dropped:")
    print("| mean confidence | micrographs | said | right |\n|---|---|---|---|")
    for low, high in pairwise((0.0, 0.7, 0.85, 0.93, 0.96, 1.0)):
        found = np.array([e for e in each if low <= e[0] < high]).reshape(-1, 2)
        if len(found):
            print(f"| {low} to {high} | {len(found)} | {found[:, 0].mean():.3f} | {found[:, 1].mean():.3f} |")
    if args.plot:
        draw(args.plot, held, right)


def draw(path: Path, said: Floats, right: NDArray[np.bool_]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 3.6), layout="constrained")
    axes = figure.add_subplot()
    points = bins(said, right)
    spread = [1.96 * np.sqrt(max(s * (1 - s), 1e-4) / n) for _, s, n in points]
    axes.plot([0, 1], [0, 1], color="0.6", lw=1)
    axes.errorbar([a for a, _, _ in points], [s for _, s, _ in points], yerr=spread, fmt="o", color="#0072B2", ms=4, lw=1)
    axes.set_xlabel("confidence")
    axes.set_ylabel("share of particles that are right")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.05)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
