"""Where the network fails: the worst micrographs of a set, as a table and as a sheet of pictures.

    python benchmarks/failures.py SHEET.png --rendered 200 [--seed S]
    python benchmarks/failures.py SHEET.png --images IMAGES --labels LABELS [--ids val.txt] [--engine FILE.onnx]

A tile is one micrograph: true outlines yellow, found ones blue; F1 at IoU 0.5 of its particles, IoU of its pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nanogauge.core.settings import Settings
from nanogauge.detection.engines import make_engine
from nanogauge.detection.find import find_particles
from nanogauge.reading import read_micrograph
from nanogauge.reading.labels import read_labels
from nanogauge.training.evaluate import ImageScore, score_image, summarise_scores
from nanogauge.training.synthetic import render_crop

TRUE, FOUND = (255, 200, 0), (0, 200, 255)
TILE = (360, 270)  # width, height in px


def rendered(n: int, seed: int) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    for k in range(n):
        yield f"seed {seed}, {k}", *render_crop(np.random.default_rng([seed, k]), (384, 512))


def annotated(images: Path, labels: Path, ids: Path | None) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    truth = {p.stem: p for p in sorted(labels.iterdir())}
    pictures = {p.stem: p for p in sorted(images.iterdir())}
    for name in ids.read_text(encoding="utf-8").split() if ids else sorted(truth):
        yield name, read_micrograph(pictures[name]).grey8(), read_labels(truth[name])


def tile(name: str, grey: NDArray[Any], truth: NDArray[Any], found: NDArray[Any], score: ImageScore) -> NDArray[np.uint8]:
    h, w = grey.shape
    zoom = min(TILE[0] / w, (TILE[1] - 22) / h)
    size = (max(round(zoom * w), 1), max(round(zoom * h), 1))
    rgb = np.dstack([cv2.resize(grey, size, interpolation=cv2.INTER_AREA)] * 3)
    for labels, colour in ((truth, TRUE), (found, FOUND)):
        small: Any = cv2.resize(labels.astype(np.float32), size, interpolation=cv2.INTER_NEAREST_EXACT)
        rgb[cv2.dilate(small, np.ones((3, 3))) != small] = colour
    out = np.zeros((TILE[1], TILE[0], 3), np.uint8)
    out[22 : 22 + size[1], : size[0]] = rgb
    text = f"{name}: F1 {score.f50:.2f}, IoU {score.iou:.2f}"
    cv2.putText(out, text, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sheet", type=Path, help="PNG to write")
    parser.add_argument("--rendered", type=int, metavar="N", help="so many rendered micrographs")
    parser.add_argument("--seed", type=int, default=99)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--ids", type=Path)
    parser.add_argument("--engine", default="unet")
    parser.add_argument("--worst", type=int, default=10)
    args = parser.parse_args()
    if not args.rendered and not (args.images and args.labels):
        parser.error("give --rendered N, or --images and --labels")
    source = rendered(args.rendered, args.seed) if args.rendered else annotated(args.images, args.labels, args.ids)
    engine, settings = make_engine(args.engine), Settings()
    seen = []
    for name, grey, truth in source:
        found = find_particles(grey, engine, settings)[0]
        seen.append((score_image(found, truth, name=name), grey, truth, found))
    figures: dict[str, Any] = dict(summarise_scores([s for s, *_ in seen]))
    print({k: round(float(figures[k]), 4) for k in ("images", "iou_pooled", "f50_mean", "pq_mean", "particle_mre")})
    wrong = sum(s.union_px2 - s.intersection_px2 for s, *_ in seen)
    with_particles = [one for one in seen if one[0].truth_px2 > 0]
    worst = sorted(with_particles, key=lambda one: one[0].f50 + one[0].iou)[: args.worst]
    print("| micrograph | F1@0.5 | IoU | true / found particles | its share of all wrong pixels |\n|---|---|---|---|---|")
    for s, _, truth, found in worst:
        n = f"{len(np.unique(truth)) - (truth == 0).any()} / {int(found.max())}"
        print(f"| {s.name} | {s.f50:.2f} | {s.iou:.2f} | {n} | {(s.union_px2 - s.intersection_px2) / max(wrong, 1):.1%} |")
    tiles = [tile(s.name, grey, truth, found, s) for s, grey, truth, found in worst]
    across = min(5, len(tiles))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % across)
    sheet = np.vstack([np.hstack(tiles[i : i + across]) for i in range(0, len(tiles), across)])
    cv2.imwrite(str(args.sheet), np.ascontiguousarray(sheet[..., ::-1]))


if __name__ == "__main__":
    main()
