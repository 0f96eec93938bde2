"""How well are classes learned? Particles of a class each, phases of which every pixel is one, and particles of one kind.

    python benchmarks/classes.py OUT [--particles FOLDER] [--phases FOLDER] [--detect FOLDER ...] [--steps 200] [--shapes FILE.npz]
        [--untaught FOLDER] [--time PICTURE]

--particles: images/, labels/ and classes.json ({picture: {label: class}}). The pictures are parted into two halves by a hash of
their names, series by series; a class head learns from each and is tested on the other, so that every picture is held out once.
Its maps alone, outlines alone and both together are compared. --shapes: the network of shapes to use, such as one that has learned
from rendered outlines alone, as the one that travels with the package has seen some of these pictures.
--phases: images/, classes/ (0 matrix, 1 secondary, 2 tertiary). Three tenths are held out.
--detect: images/ and labels/ of one kind of particle. Half is held out; AP@0.5 of the default network as it is, and of a class
map learned from the other half. --time: what classes add to the time of a measurement.

Runs lie in OUT and are gone on from.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nanogauge.core.protocols import EngineClasses, classes_of
from nanogauge.core.settings import Settings
from nanogauge.detection.class_maps import class_maps
from nanogauge.detection.engines.onnx import DEFAULT, OnnxEngine
from nanogauge.detection.find import find_particles
from nanogauge.measuring import shape_classes
from nanogauge.measuring.shape_classes import SHAPES, among_others, read_network
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph
from nanogauge.reading.labels import read_labels
from nanogauge.results.interchange.class_table import write_class_table
from nanogauge.training.classes.data import Classed, held_out, read_class_folder
from nanogauge.training.classes.figures import average_precision, calibration_error
from nanogauge.training.classes.judge import Found, Judged, find_classed, judge_particles, judge_phases
from nanogauge.training.classes.learn import class_recipe, learn
from nanogauge.training.classes.outlines import fit_outlines
from nanogauge.training.classes.untaught import lost_by_class, noticed_by_class, with_taught
from nanogauge.training.evaluate import match
from nanogauge.training.export import export_classes

PHASES = {0: "matrix", 1: "secondary", 2: "tertiary"}


def quiet(_: str) -> None:
    """Says nothing."""


def with_tables(folder: Path, out: Path) -> Path:
    """A folder as `read_class_folder` reads it, of one with classes.json."""
    (out / "labels").mkdir(parents=True, exist_ok=True)
    for name, classes in json.loads((folder / "classes.json").read_text(encoding="utf-8")).items():
        target = out / "labels" / f"{name}.png"
        if not target.exists():
            target.symlink_to((folder / "labels" / f"{name}.png").resolve())
        write_class_table(target.with_suffix(".csv"), {int(k): v.lower() for k, v in classes.items()})
    if not (out / "images").exists():
        (out / "images").symlink_to((folder / "images").resolve())
    return out


def trained(names: Sequence[str], items: Sequence[Classed], run: Path, **how: object) -> OnnxEngine:
    """The network that learns from these micrographs, or has."""
    started = time.process_time()
    checkpoint = learn(class_recipe(names, **how), items, run, report=quiet)
    if not (run / "network.onnx").exists():
        export_classes(checkpoint, run / "network.onnx")
        print(f"{run}: {len(items)} micrographs, {time.process_time() - started:.0f} s of a core")
    return OnnxEngine(run / "network.onnx")


def whole(found: Found) -> Found:
    """Without those that the frame cuts, or too small to have a shape."""
    kept = ~np.isnan(found.shapes[:, 0])
    return replace(found, **{k: getattr(found, k)[kept] for k in ("seen", "shapes", "sure", "true", "picture")})


def said_by_shape(found: Found) -> NDArray[np.str_]:
    """(n,) the shape out of the box, as `--classes shape` tells it, before it is said to be unsure."""
    p = np.zeros_like(found.shapes)
    there = ~np.isnan(found.shapes[:, 0])
    for k in np.unique(found.picture):
        own = (found.picture == k) & there
        p[own] = among_others(found.shapes[own])
    return np.array(SHAPES)[p.argmax(1)]


def row(title: str, accuracy: NDArray[np.float64], more: str = "") -> None:
    print(f"| {title} | {' | '.join(f'{a:.3f}' for a in accuracy)} | {np.nanmean(accuracy):.3f} | {more} |")


def accuracy_of(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.diag(matrix) / matrix.sum(1)


def particles(folder: Path, out: Path, steps: int) -> None:
    """Two folds; what the maps, the outlines and both say of every picture when it is held out."""
    names, items = read_class_folder(with_tables(folder, out / "particles"), report=quiet)
    halves = held_out(items, 0.5)
    engines = [
        trained(names, learned, out / f"particles-{k}", steps=steps) for k, (learned, _) in enumerate((halves, halves[::-1]))
    ]
    founds = [find_classed(engine, held) for engine, held in zip(engines, halves[::-1], strict=True)]
    tested: list[tuple[Found, EngineClasses, EngineClasses]] = []
    # the body of both networks is one, and so are the outlines: what one half holds out is what the other has learned from
    for engine, found, seen in zip(engines, founds, founds[::-1], strict=True):
        outlines = fit_outlines(seen.shapes[seen.matched], seen.true[seen.matched], names)
        both = replace(classes_of(engine), outlines=tuple(map(tuple, outlines.tolist())))
        tested.append((found, classes_of(engine), both))
    n = sum(f.n_true for f, *_ in tested)
    many = ", ".join(f"{c} {name}" for c, name in zip(n, names, strict=True))
    print(f"\n{folder.name}: {len(items)} pictures, each held out once; {many}")
    print(f"| told by | {' | '.join(names)} | mean class accuracy | |\n|---|{'---|' * (len(names) + 2)}")
    shape = np.zeros((len(names), len(names) + 1), np.int64)
    for found in map(whole, founds):
        said = np.array([names.index(s) if s in names else len(names) for s in said_by_shape(found)])
        m = found.matched
        shape += np.bincount(found.true[m] * (len(names) + 1) + said[m], minlength=shape.size).reshape(shape.shape)
    row("outlines, out of the box", np.diag(shape) / shape.sum(1), "among the others of the picture")
    matrix: NDArray[np.int64] = np.zeros((0, 0), np.int64)
    for title, which in (("maps", 1), ("maps and outlines", 2)):
        # each half with the temperature that fits the other
        fitted = [judge_particles(whole(t[0]), t[which]).temperature for t in tested]  # type: ignore[arg-type]
        said_of = [replace(t[which], temperature=f) for t, f in zip(tested, fitted[::-1], strict=True)]  # type: ignore[arg-type]
        judged = [judge_particles(whole(t[0]), known) for t, known in zip(tested, said_of, strict=True)]
        matrix = np.sum([j.matrix for j in judged], axis=0)
        p, true = (np.concatenate([getattr(j, v) for j in judged]) for v in ("p", "true"))
        said, right = p.max(1).mean(), (p.argmax(1) == true).mean()
        ece = calibration_error(p.max(1), p.argmax(1) == true)
        row(title, accuracy_of(matrix), f"said {said:.3f}, right {right:.3f}, ECE {ece:.3f}")
        print_found([judge_particles(t[0], known) for t, known in zip(tested, said_of, strict=True)], fitted, names)
    print(f"confusion, maps and outlines (rows: true): {matrix.tolist()}")


def untaught(folder: Path, out: Path) -> None:
    """Each class left out in turn, by the names of shapes and by names that say nothing."""
    names, items = read_class_folder(with_tables(folder, out / "particles"), report=quiet)
    engine = OnnxEngine(DEFAULT)
    seen: list[Found] = []
    for half in held_out(items, 0.5):
        blank = _Blank(engine, len(names))
        seen.append(find_classed(blank, half))
    n = [np.bincount(w.true[w.matched], minlength=len(names)) for w in map(whole, seen)]
    print(f"\n{folder.name}, outlines: {' and '.join(str(v.tolist()) for v in n)} ({', '.join(names)})")
    for said in (names, tuple(f"kind {k}" for k in range(len(names)))):
        for learned, held in ((0, 1), (1, 0)):
            weights = fit_outlines(seen[learned].shapes[seen[learned].matched], seen[learned].true[seen[learned].matched], said)
            known = EngineClasses(said, outlines=tuple(map(tuple, weights.tolist())))
            known = with_taught(known, seen[learned], seen[held])
            lost, noticed = lost_by_class(seen[held], known), noticed_by_class(seen[learned], seen[held], known)
            how = "by name" if known.taught is None else "by distance"
            print(f"  {', '.join(said)}, {how}, looked for in half {held}:", end=" ")
            print(f"untaught noticed {noticed.round(3)}, taught lost {lost.round(3)}")


class _Blank:
    """An engine whose class maps say nothing."""

    def __init__(self, engine: OnnxEngine, k: int) -> None:
        self._engine, self._k = engine, k
        self.classes = EngineClasses(tuple(str(n) for n in range(k)))

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def predict(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        maps = self._engine.predict(tile)
        return np.concatenate([maps, np.full((self._k, *maps.shape[1:]), 1 / self._k, np.float32)])

    def predict_all(self, tiles: Iterator[NDArray[np.float32]], n: int) -> Iterator[NDArray[np.float32]]:
        return map(self.predict, tiles)


def print_found(judged: Sequence[Judged], fitted: Sequence[float], names: Sequence[str]) -> None:
    for k, j in enumerate(judged):
        assert j.ap50 is not None
        each = ", ".join(f"{n} {a:.3f}" for n, a in zip(names, j.ap50, strict=True))
        print(f"  half {k}: found {j.found:.3f}; AP@0.5 {each}; temperature {fitted[k]:.2f}")


def phases(folder: Path, out: Path, steps: int) -> None:
    """IoU of each phase, on pictures held out."""
    place = out / "phases"
    place.mkdir(parents=True, exist_ok=True)
    for part in ("images", "classes"):
        if not (place / part).exists():
            (place / part).symlink_to((folder / part).resolve())
    write_class_table(place / "classes.csv", PHASES, key="value")
    names, items = read_class_folder(place, report=quiet)
    learned, held = held_out(items, 0.3)
    for title, more in (("head alone", {}), ("whole network", {"whole": True})):
        run = out / f"phases-{title.split()[0]}"
        if more and not (run / "checkpoint.pt").exists():
            continue  # takes a quarter of an hour of a core: train it with nanogauge phases train first
        judged = judge_phases(trained(names, learned, run, of="phases", steps=steps, **more), held)
        of = f"{len(learned)} pictures learned from, {len(held)} held out"
        print(f"\n{folder.name}, {title}: {of}; temperature {judged.temperature:.2f}")
        print(judged.table.round(3).to_string(index=False))
        for each in judged.iou_by_picture:
            print("  " + ", ".join(f"{k} {v:.3f}" if isinstance(v, float) else str(v) for k, v in each.items()))


def detect(folder: Path, out: Path, steps: int) -> None:
    """AP@0.5 of one kind of particle on the half held out: by the default network as it is, and by pieces of a learned map."""
    items = []
    for path in sorted((folder / "images").iterdir()):
        truth = read_labels(folder / "labels" / f"{path.stem}.png").astype(np.int32)
        items.append(Classed(path.stem, read_micrograph(path).grey8(), (truth > 0).astype(np.uint8), truth))
    learned, held = held_out(items, 0.5)
    engine = OnnxEngine(DEFAULT)
    shipped = []
    for item in held:
        found = find_particles(item.grey, engine, Settings().replace("separate", least_confidence=0.0))
        assert found.confidence is not None
        shipped.append((found.labels, found.confidence))
    print(f"\n{folder.name}, {len(learned)} pictures learned from, {len(held)} held out")
    print_ap("default network", shipped, held)
    maps = [replace(i, labels=None) for i in learned]
    engine = trained(
        ("ground", folder.name), maps, out / f"detect-{folder.name}", of="phases", steps=steps, batch=4, learning_rate=4e-3
    )
    pieces = []
    for item in held:
        p = class_maps(item.grey, engine)[..., 1]
        labels, n = ndimage.label(p > 0.5)
        area = np.bincount(labels.ravel(), minlength=n + 1)
        pieces.append((labels, np.bincount(labels.ravel(), p.ravel(), minlength=n + 1) / area))
    print_ap("pieces of the learned map", pieces, held)


def print_ap(title: str, found: Sequence[tuple[NDArray[np.integer], NDArray[np.float64]]], items: Sequence[Classed]) -> None:
    """AP@0.5 of label pictures with a score by label."""
    scores, hits, n = [], [], 0
    for (labels, score), item in zip(found, items, strict=True):
        assert item.labels is not None
        pairs = match(labels, item.labels)
        present = np.unique(labels[labels > 0])
        hit = np.zeros(len(present), bool)
        hit[pairs.pred] = True
        scores.append(score[present])
        hits.append(hit)
        n += len(np.unique(item.labels[item.labels > 0]))
    h = np.concatenate(hits)
    print(f"{title}: AP@0.5 {average_precision(np.concatenate(scores), h, n):.3f}; {int(h.sum())} of {n} found, {len(h)} pieces")


def timed(picture: Path, network: Path) -> None:
    """Seconds of a core that a measurement takes without and with classes."""
    plain, classed = Measurer(engine=OnnxEngine(DEFAULT, n_threads=1)), Measurer(engine=OnnxEngine(network, n_threads=1))
    took: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(5):
        for name, measurer in (("without", plain), ("with", classed)):
            started = time.process_time()
            measurer.measure(picture)
            took[name].append(time.process_time() - started)
    a, b = (min(v) for v in took.values())
    print(f"\n{picture.name}: {a:.2f} s without classes, {b:.2f} s with: {100 * (b / a - 1):+.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--particles", type=Path)
    parser.add_argument("--untaught", type=Path)
    parser.add_argument("--phases", type=Path)
    parser.add_argument("--detect", type=Path, nargs="*", default=[])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--shapes", type=Path, metavar="FILE.npz")
    parser.add_argument("--time", type=Path, metavar="PICTURE")
    args = parser.parse_args()
    if args.shapes:
        network = read_network(args.shapes)
        shape_classes.shipped = lambda: network  # type: ignore[assignment]
    if args.particles:
        particles(args.particles, args.out, args.steps)
    if args.untaught:
        untaught(args.untaught, args.out)
    if args.phases:
        phases(args.phases, args.out, args.steps)
    for folder in args.detect:
        detect(folder, args.out, args.steps)
    if args.time:
        timed(args.time, args.out / "particles-0" / "network.onnx")


if __name__ == "__main__":
    main()
