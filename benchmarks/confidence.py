"""Is the confidence calibrated? Fits the weights of its traits and compares what it says with what is right.

    python benchmarks/confidence.py FOLDER[:IDS] ... [--rendered N] [--engine FILE.onnx] [--plot reliability.png] [--write]

FOLDER holds images/ and labels/, IDS names file stems. Rendered micrographs (`nanogauge.training.synthetic`) are drawn from seeds
that no recipe uses. Each is looked at with the working magnification and with half and twice of it, so that the confidence is true
at all of them. A found particle is right if it overlaps a true one by IoU >= 0.5. The reliability table is of predictions by
eleven-fold cross-validation, whole micrographs held out. A micrograph counts as at most 60 particles a look. ECE: expected
calibration error, the mean gap between said and seen over ten bins of equally many particles. `--write` puts the fitted weights
into FILE.onnx.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from nanogauge.core.protocols import Maps
from nanogauge.core.settings import Settings
from nanogauge.detection.confidence import TRAITS, probability, traits
from nanogauge.detection.engines import make_engine
from nanogauge.detection.looks import typical_diameter
from nanogauge.detection.segment import segment
from nanogauge.detection.separate import Pieces, to_grid
from nanogauge.reading import read_micrograph
from nanogauge.reading.labels import read_labels
from nanogauge.training.evaluate import match
from nanogauge.training.synthetic import render_crop

Floats = NDArray[np.float64]
FOLDS, MOST, BINS = 11, 60, 10
ZOOMS = (1.0, 0.5, 2.0)
RENDERED_SEED = 987_654


def pictures(args: argparse.Namespace) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[Any]]]:
    """Set, grey levels and true labels of every micrograph."""
    for entry in args.sets:
        folder, _, ids = entry.partition(":")
        truth = {p.stem: p for p in sorted((Path(folder) / "labels").iterdir())}
        files = {p.stem: p for p in sorted((Path(folder) / "images").iterdir())}
        for name in Path(ids).read_text(encoding="utf-8").split() if ids else sorted(truth):
            yield Path(folder).name, read_micrograph(files[name]).grey8(), read_labels(truth[name])
    for k in range(args.rendered):
        rng = np.random.default_rng([RENDERED_SEED, k])
        diameter = float(np.exp(rng.uniform(np.log(7), np.log(160))))
        yield "rendered", *render_crop(rng, (384, 480), median_diameter_px=diameter)


def collect(args: argparse.Namespace) -> tuple[Floats, NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64], list[str]]:
    """Of every particle found: traits (n, k), right or not, micrograph, zoom over the working one; the set of each micrograph."""
    engine, settings = make_engine(args.engine), Settings()
    x, right, which, zooms, names = [], [], [], [], []
    for k, (name, grey, truth) in enumerate(pictures(args)):
        names.append(name)
        main = 0.0
        for factor in ZOOMS:
            how = replace(settings.segment, working_magnification=factor * main)
            zoom = factor * main
            if zoom > how.largest_zoom or (main and zoom * max(grey.shape) < 96):
                continue
            seen = segment(grey, engine, typical_diameter=lambda m: typical_diameter(m, settings.separate), settings=how)
            main = main or seen.zoom
            rows: list[Floats] = []

            def number(labels: NDArray[np.integer], maps: Maps, rows: list[Floats] = rows) -> Floats:
                rows.append(traits(labels, maps))
                return np.arange(len(rows[0]), dtype=np.float64)  # in place of how sure it is: comes back with what is kept

            every = replace(settings.separate, least_confidence=0.0)
            labels, kept = Pieces(seen.maps, every).judged(every, judge=number)
            found = to_grid(labels, seen.maps.foreground, grey.shape, foreground_above=settings.separate.foreground_above)
            if not labels.any():
                continue
            present = np.unique(found[found > 0])
            ok = np.zeros(len(kept) - 1, bool)
            if truth.any():
                ok[present[match(found, truth).pred] - 1] = True
            x.append(rows[0][kept[1:].astype(np.int64)])
            right.append(ok)
            which.append(np.full(len(ok), k))
            zooms.append(np.full(len(ok), factor))
    return np.concatenate(x), np.concatenate(right), np.concatenate(which), np.concatenate(zooms), names


def fit(x: Floats, right: NDArray[np.bool_], weight: Floats) -> Floats:
    """Intercept and weights of a logistic regression, with a light ridge."""
    z = np.column_stack([np.ones(len(x)), x])

    def loss(b: Floats) -> tuple[float, Floats]:
        s = z @ b
        value = (weight * (np.logaddexp(0, s) - right * s)).sum() + 0.005 * (b[1:] ** 2).sum()
        slope = z.T @ (weight * (1 / (1 + np.exp(-s)) - right))
        return value, slope + 0.01 * np.r_[0, b[1:]]

    return np.asarray(minimize(loss, np.zeros(1 + x.shape[1]), jac=True, method="BFGS").x)


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
    parser.add_argument("sets", nargs="*", metavar="FOLDER[:IDS]")
    parser.add_argument("--rendered", type=int, default=0, metavar="N", help="so many rendered micrographs too")
    parser.add_argument("--engine", default="unet")
    parser.add_argument("--plot", type=Path, help="PNG or SVG of the reliability diagram")
    parser.add_argument("--write", action="store_true", help="into the network's file; needs nanogauge[train]")
    args = parser.parse_args()
    x, right, which, zooms, names = collect(args)
    of_look = which * len(ZOOMS) + np.searchsorted(np.sort(ZOOMS), zooms)
    counts = np.bincount(of_look)[of_look]
    weight = np.minimum(counts, MOST) / counts
    fold = np.random.default_rng(0).permutation(int(which.max()) + 1)[which] % FOLDS
    held: Any = np.zeros(len(x))
    for k in range(FOLDS):
        b = fit(x[fold != k], right[fold != k], weight[fold != k])
        held[fold == k] = 1 / (1 + np.exp(-(b[0] + x[fold == k] @ b[1:])))
    b = fit(x, right, weight)
    calibration = {name: round(float(v), 3) for name, v in zip(("intercept", *TRAITS), b, strict=True)}
    print(f"{len(x)} objects on {len(np.unique(which))} micrographs, {right.mean():.1%} right")
    print(f"fitted: {json.dumps(calibration)}\ncross-validated: {summary(held, right)}")
    stored = make_engine(args.engine).calibration
    if stored is not None:
        print(f"as the network has it: {summary(probability(x, stored), right)}")
    for title, masks in (
        ("set", {name: np.isin(which, [k for k, n in enumerate(names) if n == name]) for name in dict.fromkeys(names)}),
        ("zoom over the working magnification", {f"{z:g}": zooms == z for z in ZOOMS}),
    ):
        print(f"| {title} | particles | said | right | |\n|---|---|---|---|---|")
        for name, m in masks.items():
            if m.any():
                print(f"| {name} | {m.sum()} | {held[m].mean():.3f} | {right[m].mean():.3f} | {summary(held[m], right[m])} |")
    print("| said (cross-validated) | right | particles |\n|---|---|---|")
    for said, seen, n in bins(held, right):
        print(f"| {said:.3f} | {seen:.3f} | {n} |")
    kept = (held >= Settings().separate.least_confidence) & (zooms == 1)
    each = [(held[m].mean(), right[m].mean()) for m in (kept & (which == k) for k in np.unique(which)) if m.any()]
    print(f"\nMicrographs, objects under {Settings().separate.least_confidence} dropped:")
    print("| mean confidence | micrographs | said | right |\n|---|---|---|---|")
    for low, high in pairwise((0.0, 0.7, 0.85, 0.93, 0.96, 1.0)):
        found = np.array([e for e in each if low <= e[0] < high]).reshape(-1, 2)
        if len(found):
            print(f"| {low} to {high} | {len(found)} | {found[:, 0].mean():.3f} | {found[:, 1].mean():.3f} |")
    if args.write:
        from nanogauge.training.export import describe, described

        describe(Path(args.engine), described(Path(args.engine)) | {"calibration": calibration})
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
