"""How well are classes learned? Particles of a class each, phases of which every pixel is one, and particles of one kind.

    python benchmarks/classes.py OUT [--particles FOLDER [--unseen NAME ...]] [--rendered] [--phases FOLDER]
        [--detect FOLDER ...] [--steps 200] [--shapes FILE.npz] [--untaught FOLDER [--others FOLDER ...]] [--time 50 200 1000]

--particles: images/, labels/ and classes.json ({picture: {label: class}}). The pictures are parted into two halves by a hash of
their names, series by series; what is learned from each, as `nanogauge train` learns it, a quarter of it kept to weigh maps and
outlines on, is tested on the other, so that every picture is held out once. --rendered: the same of rendered micrographs.
--shapes: the network of shapes to use, such as one that has learned from rendered outlines alone, as the one that travels with the
package has seen some of these pictures; --unseen: those it has not, by parts of their names.
--phases: images/, classes/ (0 matrix, 1 secondary, 2 tertiary). Three tenths are held out.
--untaught: as --particles; each class left out in turn. What tells them was chosen on three names (cube, octahedron, sphere) of Cu
shapes; --others: images/ and labels/ of materials that show none of these, and beside them rendered outlines of the other four.
--detect: images/ and labels/ of one kind of particle. Half is held out; AP@0.5 of the default network as it is, and of a class
map learned from the other half, and of dark basins found without a network, how being chosen on the other half.
--time: what classes add to the processor time of measuring so many rendered particles; run --particles before it.

Runs lie in OUT and are gone on from.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage import segmentation

from nanogauge.core.protocols import EngineClasses, classes_of
from nanogauge.core.settings import Settings
from nanogauge.detection.class_maps import class_maps
from nanogauge.detection.engines.onnx import DEFAULT, OnnxEngine
from nanogauge.detection.find import find_particles
from nanogauge.measuring import shape_classes
from nanogauge.measuring.learned_classes import all_shapes
from nanogauge.measuring.shape_classes import SHAPES, among_others, read_network
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph
from nanogauge.reading.labels import read_labels
from nanogauge.results.interchange.class_table import write_class_table
from nanogauge.training.classes.counts import MAPS, OUTLINES, USUAL, weigh
from nanogauge.training.classes.data import UNLABELLED, Classed, held_out, read_class_folder
from nanogauge.training.classes.figures import average_precision, calibration_error
from nanogauge.training.classes.judge import Found, Judged, find_classed, judge_particles, judge_phases
from nanogauge.training.classes.learn import class_recipe, learn
from nanogauge.training.classes.outlines import fit_outlines
from nanogauge.training.classes.train import with_outlines
from nanogauge.training.classes.untaught import lost_by_class, noticed_by_class, with_taught
from nanogauge.training.evaluate import match
from nanogauge.training.export import describe, described, export_classes
from nanogauge.training.shapes import rendered_outlines
from nanogauge.training.synthetic import Scene
from nanogauge.training.synthetic.micrographs import render

Scored = tuple[NDArray[np.integer], NDArray[np.float64]]
"""A label picture and a score by label."""
_GROUND_PX, _LEAST_DEPTH = 30.0, 0.5  # of `dark_basins`: over which the ground is smooth; in standard deviations of the picture
NO_SHAPES = ("first", "second", "third")
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


def of_pictures(found: Found, parts: Sequence[str]) -> Found:
    """Those in pictures whose names have one of these parts."""
    kept = np.array([any(p in name for p in parts) for name in found.pictures], bool)[found.picture]
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


def particles(folder: Path, out: Path, steps: int, unseen: Sequence[str]) -> None:
    """Two halves: what is learned from one, as `train` learns it, is tested on the other."""
    names, items = read_class_folder(with_tables(folder, out / "particles"), report=quiet)
    compare(folder.name, names, items, out, steps, unseen=unseen)
    if all_shapes(EngineClasses(names)):
        compare(f"{folder.name}, called otherwise", names, items, out, steps, called=NO_SHAPES[: len(names)])


def rendered_sets(out: Path, steps: int) -> None:
    """Rendered micrographs, each of a look of its own: three solids, and full and hollow spheres, which have one outline."""
    common = Scene(shape=(360, 420), layout="sparse", median_diameter_px=30.0, coverage=0.25, overlap=0.0, max_particles=60)
    solids = []
    for k in range(16):
        base = replace(common, mode=("tem", "sem")[k % 2], coverage=0.13, max_particles=40)
        rods = replace(base, kinds=("rod",), aspect=(0.25, 0.5))
        solids.append(replace(base, kinds=("sphere", "cube"), aspect=(0.95, 1.0), beside=(rods,)))
    kinds = {"cube": 0, "rod": 1, "sphere": 2}
    items = drawn(solids, kinds)
    names = ("cube", "rod", "sphere")
    compare("rendered solids", names, items, out, steps, run="solids")
    compare("rendered solids, called otherwise", names, items, out, steps, run="solids", called=NO_SHAPES[:3])
    half = replace(common, mode="tem", coverage=0.13, max_particles=40)
    hollow = replace(half, kinds=("ellipsoid",), aspect=(0.97, 1.0), structure="hollow", fill=0.75)
    items = drawn([replace(half, beside=(hollow,))] * 16, {"sphere": 0, "ellipsoid": 1})
    compare("rendered spheres", ("full", "hollow"), items, out, steps, run="spheres")


def drawn(scenes: Sequence[Scene], kinds: Mapping[str, int]) -> list[Classed]:
    """A rendered micrograph of each scene, its particles classed by how they were drawn."""
    items = []
    for k, scene in enumerate(scenes):
        r = render(scene, seed=900 + k)
        of = np.full(int(r.labels.max()) + 1, UNLABELLED, np.uint8)
        of[r.particles["label"]] = [kinds[kind] for kind in r.particles["kind"]]
        items.append(Classed(f"r{chr(97 + k)}", r.pixels, of[r.labels], r.labels.astype(np.int32)))  # no series by name
    return items


def compare(
    title: str,
    names: Sequence[str],
    items: Sequence[Classed],
    out: Path,
    steps: int,
    *,
    run: str = "particles",
    called: Sequence[str] = (),
    unseen: Sequence[str] = (),
) -> None:
    """Each half of some micrographs by a network of the other half: by maps, by outlines, and as `train` weighs them.

    called: other names for the same classes, which say nothing of shapes; unseen: parts of the names of pictures to score alone
    """
    halves = held_out(items, 0.5)
    trained_as, names = tuple(names), tuple(called or names)
    tested: list[tuple[Found, EngineClasses]] = []
    weights = []
    for k, (half, other) in enumerate((halves, halves[::-1])):
        learned, held = held_out(half, 0.25)
        engine = trained(trained_as, learned, out / f"{run}-{k}", steps=steps)
        known = replace(classes_of(engine), names=names)
        seen, weighed = find_classed(engine, learned), find_classed(engine, held)
        known = with_outlines(known, seen)
        known = replace(known, counts=weigh(weighed, known).counts)
        known = with_taught(known, seen, weighed)
        known = replace(known, temperature=judge_particles(weighed, known).temperature)
        tested.append((find_classed(engine, other), with_outlines(known, seen.and_those_of(weighed))))
        weights.append(f"maps {known.counts[0]:g}, outlines {known.counts[1]:g}")
    n = sum(f.n_true for f, _ in tested)
    many = ", ".join(f"{c} {name}" for c, name in zip(n, names, strict=True))
    print(f"\n{title}: {len(items)} pictures, each held out once; {many}")
    print(f"| told by | {' | '.join(names)} | mean class accuracy | |\n|---|{'---|' * (len(names) + 2)}")
    if all_shapes(EngineClasses(names)):
        shape = np.zeros((len(names), len(names) + 1), np.int64)
        for found in (whole(f) for f, _ in tested):
            said = np.array([names.index(s) if s in names else len(names) for s in said_by_shape(found)])
            m = found.matched
            shape += np.bincount(found.true[m] * (len(names) + 1) + said[m], minlength=shape.size).reshape(shape.shape)
        row("outlines, out of the box", np.diag(shape) / shape.sum(1), "among all shapes and the others of the picture")
    for title, counts in (("maps", MAPS), ("outlines", OUTLINES), ("both, half and two", USUAL), ("as weighed", None)):
        judged = [judge_particles(whole(f), known if counts is None else replace(known, counts=counts)) for f, known in tested]
        matrix = np.sum([j.matrix for j in judged], axis=0)
        p, true = (np.concatenate([getattr(j, v) for j in judged]) for v in ("p", "true"))
        said, right = p.max(1).mean(), (p.argmax(1) == true).mean()
        row(
            title,
            accuracy_of(matrix),
            f"said {said:.3f}, right {right:.3f}, ECE {calibration_error(p.max(1), p.argmax(1) == true):.3f}",
        )
    if unseen:
        alone = [judge_particles(of_pictures(whole(f), unseen), known) for f, known in tested]
        matrix_alone = np.sum([j.matrix for j in alone], axis=0)
        row(
            f"as weighed, pictures {', '.join(unseen)} alone",
            accuracy_of(matrix_alone),
            f"{matrix_alone.sum(1).tolist()} particles",
        )
    print(f"weighed: {'; '.join(weights)}; confusion (rows: true): {matrix.tolist()}")
    print_found([judge_particles(f, known) for f, known in tested], [known.temperature for _, known in tested], names)


def untaught(folder: Path, out: Path, others: Sequence[Path]) -> None:
    """Each class left out in turn, by the names of shapes and by names that say nothing; then kinds that had no part in choosing
    how they are noticed: shapes of other names, rendered, and particles of other materials."""
    names, items = read_class_folder(with_tables(folder, out / "particles"), report=quiet)
    blank = _Blank(OnnxEngine(DEFAULT), len(names))
    seen = [find_classed(blank, half) for half in held_out(items, 0.5)]
    n = [np.bincount(w.true[w.matched], minlength=len(names)) for w in map(whole, seen)]
    print(f"\n{folder.name}, outlines: {' and '.join(str(v.tolist()) for v in n)} ({', '.join(names)})")
    strange = rendered_kinds([s for s in SHAPES if s not in names]) | {f.name: particles_of(f, blank) for f in others}
    for said in (names, tuple(f"kind {k}" for k in range(len(names)))):
        for learned, held in ((0, 1), (1, 0)):
            weights = fit_outlines(seen[learned].shapes[seen[learned].matched], seen[learned].true[seen[learned].matched], said)
            known = EngineClasses(said, outlines=tuple(map(tuple, weights.tolist())))
            known = with_taught(known, seen[learned], seen[held])
            lost, noticed = lost_by_class(seen[held], known), noticed_by_class(seen[learned], seen[held], known)
            how = "by name" if known.taught is None else "by distance"
            print(f"  {', '.join(said)}, {how}, looked for in half {held}:", end=" ")
            print(f"untaught noticed {noticed.round(3)}, taught lost {lost.round(3)}")
            shares = {kind: lost_by_class(f, known)[0] for kind, f in strange.items()}
            print("    never taught, noticed:", ", ".join(f"{kind} {v:.2f}" for kind, v in shares.items()))


def rendered_kinds(shapes: Sequence[str], *, n: int = 120, together: int = 30) -> dict[str, Found]:
    """Rendered outlines of shapes, none of which the network of shapes has learned from: each in a picture of its own, and in
    pictures of so many of a kind."""
    x, y = rendered_outlines(n * len(SHAPES), seed=1001)
    p = shape_classes.shipped()(x)
    found = {}
    for shape in shapes:
        own = p[y == SHAPES.index(shape)]
        for each in (1, together):
            found[f"{shape}{'' if each == 1 else f', {each} together'}"] = _of_one_kind(own, np.arange(len(own)) // each)
    return found


def particles_of(folder: Path, engine: _Blank, *, most: int = 6) -> Found:
    """Particles found in some pictures of a folder with images/ and labels/, those that match a labelled one."""
    files = sorted((folder / "images").iterdir())
    items = []
    for path in files[:: max(len(files) // most, 1)][:most]:
        truth = read_labels(next((folder / "labels").glob(f"{path.stem}.*"))).astype(np.int32)
        items.append(Classed(path.stem, read_micrograph(path).grey8(), np.where(truth > 0, 0, UNLABELLED).astype(np.uint8), truth))
    found = find_classed(engine, items)
    print(f"{folder.name}: {int(whole(found).matched.sum())} found of {int(found.n_true.sum())} in {len(items)} pictures")
    kept = found.matched
    return _of_one_kind(found.shapes[kept], found.picture[kept])


def _of_one_kind(shapes: NDArray[np.float64], picture: NDArray[np.integer]) -> Found:
    n = len(shapes)
    ones, zeros = np.ones(n), np.zeros(n, np.int64)
    return Found(np.ones((n, 1)), shapes, ones, zeros, picture.astype(np.int64), np.array([n]), ())


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
    tried = [(sigma, depth) for sigma in (4.0, 6.0, 8.0) for depth in (0.4, 0.55, 0.7)]
    best = max(tried, key=lambda how: ap_of([dark_basins(i.grey, *how) for i in learned], learned)[0])
    print_ap(
        f"no network, dark basins (sigma {best[0]:g} px, {best[1]:g} of the depth)",
        [dark_basins(i.grey, *best) for i in held],
        held,
    )


def dark_basins(grey: NDArray[np.uint8], sigma: float, depth: float) -> Scored:
    """Without a network: each minimum of the picture, smoothed, with all that lies below a share of its depth; scored by depth."""
    g = (grey - grey.mean(dtype=np.float64)) / max(float(grey.std()), 1e-9)
    dark = ndimage.gaussian_filter(g, _GROUND_PX) - ndimage.gaussian_filter(g, sigma)
    lowest = (dark == ndimage.maximum_filter(dark, int(3 * sigma) | 1)) & (dark > _LEAST_DEPTH)
    seeds, n = ndimage.label(lowest)
    peak = np.concatenate([[0.0], ndimage.maximum(dark, seeds, np.arange(1, n + 1))]) if n else np.zeros(1)
    basin = segmentation.watershed(-dark, seeds, mask=dark > 0)
    return np.where(dark > depth * peak[basin], basin, 0), peak


def print_ap(title: str, found: Sequence[Scored], items: Sequence[Classed]) -> None:
    ap, hits, n, pieces = ap_of(found, items)
    print(f"{title}: AP@0.5 {ap:.3f}; {hits} of {n} found, {pieces} pieces")


def ap_of(found: Sequence[Scored], items: Sequence[Classed]) -> tuple[float, int, int, int]:
    """AP@0.5 of label pictures with a score by label; how many of how many are found, and in how many pieces."""
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
    return average_precision(np.concatenate(scores), h, n), int(h.sum()), n, len(h)


def timed(network: Path, out: Path, counts: Sequence[int]) -> None:
    """What classes add to the processor time of measuring so many rendered particles: both ways by turns, on one thread."""
    out.mkdir(parents=True, exist_ok=True)
    network = Path(shutil.copy(network, out / "network.onnx"))
    facts = described(network)
    nothing = np.zeros((0, len(SHAPES)))
    facts["classes"]["outlines"] = fit_outlines(nothing, np.zeros(0, int), facts["classes"]["names"]).tolist()  # to be asked, too
    describe(network, facts)
    plain, classed = Measurer(engine=OnnxEngine(DEFAULT, n_threads=1)), Measurer(engine=OnnxEngine(network, n_threads=1))
    for n in counts:
        d = 36.0 if n <= 100 else 28.0 if n <= 400 else 20.0
        side = math.ceil(math.sqrt(4 * n) * d)  # a fifth of the frame is covered
        scene = Scene(
            shape=(side, side), mode="tem", layout="sparse", kinds=("sphere", "cube", "rod"), median_diameter_px=d, coverage=0.196,
            overlap=0.0, max_particles=n,
        )  # fmt: skip
        picture = out / f"particles-{n}.png"
        Image.fromarray(render(scene, seed=n).pixels).save(picture)
        tables = [m.measure(picture).particles for m in (plain, classed)]  # warm, and looked at
        own = [c for c in tables[1] if c not in tables[0]]
        assert tables[0].equals(tables[1].drop(columns=own)), "classes changed what was measured"
        ratios, seconds = [], []
        for k in range(9 if n <= 100 else 5):
            took = {}
            for name in ("without", "with") if k % 2 else ("with", "without"):
                started = time.process_time()
                (classed if name == "with" else plain).measure(picture)
                took[name] = time.process_time() - started
            ratios.append(took["with"] / took["without"])
            seconds.append(took["without"])
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}, {len(ratios)} pairs"
        print(
            f"{len(tables[0])} particles, {side} x {side} px: {np.median(seconds):.2f} s, ratio {np.median(ratios):.3f} ({spread})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--particles", type=Path)
    parser.add_argument(
        "--unseen", nargs="*", default=[], metavar="NAME", help="score pictures with this in their names alone, too"
    )
    parser.add_argument("--rendered", action="store_true")
    parser.add_argument("--untaught", type=Path)
    parser.add_argument("--others", type=Path, nargs="*", default=[])
    parser.add_argument("--phases", type=Path)
    parser.add_argument("--detect", type=Path, nargs="*", default=[])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--shapes", type=Path, metavar="FILE.npz")
    parser.add_argument("--time", type=int, nargs="*", default=[], metavar="PARTICLES")
    args = parser.parse_args()
    if args.shapes:
        network = read_network(args.shapes)
        shape_classes.shipped = lambda: network  # type: ignore[assignment]
    if args.particles:
        particles(args.particles, args.out, args.steps, args.unseen)
    if args.rendered:
        rendered_sets(args.out, args.steps)
    if args.untaught:
        untaught(args.untaught, args.out, args.others)
    if args.phases:
        phases(args.phases, args.out, args.steps)
    for folder in args.detect:
        detect(folder, args.out, args.steps)
    if args.time:
        timed(args.out / "particles-0" / "network.onnx", args.out / "time", args.time)


if __name__ == "__main__":
    main()
