"""Are shapes told right? Classed outlines of labelled micrographs, those labelled and those that `measure` finds.

    python benchmarks/shapes.py FOLDER --learned IDS [--n 14000] [--networks a.npz b.npz]

FOLDER holds images/, labels/ and classes.json ({picture: {label: Cube | Octahedron | Sphere}}), IDS names pictures that may be
learned from; the others are held out. Two networks are compared: of rendered outlines alone, and of these and the pictures named.
They are trained here, or read where --networks names them. A found particle is the labelled one it overlaps by IoU >= 0.5. A
particle that is said to be unsure counts as wrong. Particles cut by the frame are left out. The network of rendered outlines alone
has learned from no picture, so all are held out for it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanogauge.core.settings import ClassSettings
from nanogauge.measuring.rings import rings_of
from nanogauge.measuring.run_lengths import boxes_of, find_runs, index_image
from nanogauge.measuring.shape_classes import SHAPES, ShapeNetwork, among_others, read_network, shape_probabilities
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph
from nanogauge.reading.labels import read_labels
from nanogauge.training.evaluate import match
from nanogauge.training.shapes import fit

LEAST = ClassSettings().unsure_below
Outlines = list[tuple[str, str, NDArray[np.float64]]]  # picture, true shape, outline


def outlines(labels: NDArray[np.int64], field: NDArray[np.float32] | None) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Label and outline of the particles that the frame does not cut."""
    runs = find_runs(labels)
    boxes = boxes_of(runs)
    rings, there = rings_of(index_image(runs, labels.shape), boxes, field)
    h, w = labels.shape
    for k in np.flatnonzero(there & (boxes[0] > 0) & (boxes[1] > 0) & (boxes[2] < h) & (boxes[3] < w)):
        yield int(runs.values[k]), rings[k]


def collect(folder: Path, *, measured: bool) -> Outlines:
    """Every classed particle of the pictures."""
    stated = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    files = {p.stem: p for p in sorted((folder / "images").iterdir())}
    measurer, found = Measurer(), []
    for name in sorted(stated):
        truth = read_labels(folder / "labels" / f"{name}.png")
        shapes = {int(k): v.lower() for k, v in stated[name].items()}
        if not measured:
            found += [(name, shapes[k], ring) for k, ring in outlines(truth, None) if k in shapes]
            continue
        m = measurer.measure(read_micrograph(files[name]))
        pairs = match(m.labels, truth)
        present, true = (np.unique(a[a > 0]) for a in (m.labels, truth))
        shape_of = {int(present[i]): shapes.get(int(true[j])) for i, j in zip(pairs.pred, pairs.truth, strict=True)}
        found += [(name, s, ring) for k, ring in outlines(m.labels.astype(np.int64), m.foreground) if (s := shape_of.get(k))]
    return found


def told(found: Outlines, network: ShapeNetwork) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """The shape of each particle, as `measure` would tell it, and its probability."""
    alone = shape_probabilities(np.array([ring for *_, ring in found]), network)
    picture, p = np.array([name for name, *_ in found]), np.zeros_like(alone)
    for name in np.unique(picture):
        own = picture == name
        p[own] = among_others(alone[own])
    return np.where(p.max(1) < LEAST, "unsure", np.array(SHAPES)[p.argmax(1)]), p.max(1)


def report(title: str, found: Outlines, network: ShapeNetwork) -> None:
    """Accuracy of each class, their mean, and the confusion matrix."""
    if not found:
        return
    said, sure = told(found, network)
    true = np.array([shape for _, shape, _ in found])
    names, clear = sorted(set(true)), said != "unsure"
    each = {n: float((said[true == n] == n).mean()) for n in names}
    right = (said == true)[clear]
    print(f"\n{title}: mean class accuracy {np.mean(list(each.values())):.3f}, {len(found)} particles")
    print(f"unsure {1 - clear.mean():.3f}; of the others right {right.mean():.3f}, said {sure[clear].mean():.3f}")
    columns = [*SHAPES, "unsure"]
    print(f"| true | accuracy | {' | '.join(columns)} |\n|---|---|{'---|' * len(columns)}")
    for n in names:
        print(f"| {n} | {each[n]:.3f} | {' | '.join(str(int((said[true == n] == c).sum())) for c in columns)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--learned", type=Path, required=True, metavar="IDS")
    parser.add_argument("--n", type=int, default=14_000, help="rendered outlines to train on")
    parser.add_argument("--networks", nargs=2, type=Path, metavar="FILE.npz", help="of rendered outlines alone, and of both")
    args = parser.parse_args()
    ids: Sequence[str] = args.learned.read_text(encoding="utf-8").split()
    if args.networks:
        alone, both = (read_network(p) for p in args.networks)
    else:
        alone, both = fit(args.n)[0], fit(args.n, [(args.folder, ids)])[0]
    for kind, measured in (("outlines as labelled", False), ("outlines as measured", True)):
        found = collect(args.folder, measured=measured)
        held = [f for f in found if f[0] not in ids]
        report(f"Rendered alone, held-out pictures, {kind}", held, alone)
        report(f"Rendered alone, all pictures, {kind}", found, alone)
        report(f"Rendered and {len(ids)} pictures, held-out pictures, {kind}", held, both)


if __name__ == "__main__":
    main()
