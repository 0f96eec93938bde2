"""Particles on supports against boxes drawn by hand: how many boxes are found, and how many of what is found is right.

    python benchmarks/supports.py support_stem [--names Ru1 PtC1 ...] [--plain] [--overlays FOLDER]

FOLDER holds images/ and boxes_cxcywh.json: NAME -> [[middle x, middle y, width, height], ...] in px. A box is found if a particle's
bounding box overlaps it by IoU >= 0.3, one to one: boxes are drawn with a margin. Without names: those that the default network
has not learned from. --plain: without looks at the flattened picture (docs/decisions/0042-uneven-supports.md).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

import nanogauge
from nanogauge.detection import find

HELD_OUT = ("Pd_silica", "PtC1", "PtC2", "PtC3", "Ru")
LEAST_IOU = 0.3
Floats = NDArray[np.float64]


def boxes_of(labels: NDArray[np.integer]) -> Floats:
    """(n, 4) left, top, right, bottom of each particle."""
    found = [box for box in ndimage.find_objects(labels) if box is not None]
    return np.array([(x.start, y.start, x.stop, y.stop) for y, x in found], float).reshape(-1, 4)


def corners(drawn: list[list[float]]) -> Floats:
    """(n, 4) left, top, right, bottom of boxes given by their middles and sizes."""
    x, y, w, h = np.array(drawn, float).reshape(-1, 4).T
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)


def n_found(found: Floats, drawn: Floats) -> int:
    """How many drawn boxes are found, one to one."""
    low, high = np.maximum(found[:, None, :2], drawn[None, :, :2]), np.minimum(found[:, None, 2:], drawn[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (found, drawn)]
    iou = shared / (area[0][:, None] + area[1][None] - shared)
    rows, columns = linear_sum_assignment(-iou)
    return int((iou[rows, columns] >= LEAST_IOU).sum())


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--names", nargs="*")
    parser.add_argument("--plain", action="store_true", help="without looks at the flattened picture")
    parser.add_argument("--overlays", type=Path, help="folder for pictures of what was found")
    options = parser.parse_args()
    if options.plain:
        find.flattened_looks = lambda *_: []  # type: ignore[assignment]
    if options.overlays is not None:
        options.overlays.mkdir(parents=True, exist_ok=True)
    drawn = json.loads((options.folder / "boxes_cxcywh.json").read_text(encoding="utf-8"))
    names = options.names or sorted(name for name in drawn if name.startswith(HELD_OUT))
    totals = np.zeros(3, int)
    for name in names:
        m = nanogauge.measure(options.folder / "images" / f"{name}.png")
        found = boxes_of(m.labels)
        row = np.array([len(found), len(drawn[name]), n_found(found, corners(drawn[name]))])
        totals += row
        said = ", ".join(getattr(w, "code", "note") for w in m.warnings) or "no warning"
        print(
            f"{name:12} found {row[0]:4}, boxes {row[1]:4}, of them found {row[2]:4}; confidence {m.mean_confidence:.2f}; {said}",
            flush=True,
        )
        if options.overlays is not None:
            Image.fromarray(m.overlay).save(options.overlays / f"{name}.png")
    found_all, drawn_all, hits = totals.tolist()
    print(f"{len(names)} micrographs: found {found_all}, precision {hits / max(found_all, 1):.3f}, recall {hits / drawn_all:.3f}")


if __name__ == "__main__":
    main()
