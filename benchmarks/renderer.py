"""How fast the renderer is, and what it renders.

    python benchmarks/renderer.py [--n 60] [--seed 1] [--sheet sheet.png] [--beside IMAGES] [--motifs FOLDER]

Prints processor seconds a picture (one thread) for whole micrographs of 512 x 512 px, for training crops of 192 x 192 and
224 x 224 px, and for crops of each motif. Writes a contact sheet of rendered micrographs; with `--beside`, every other one is a
picture of that folder. `--motifs` writes a sheet of n crops a motif, each above itself with the true outlines.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nanogauge.training.synthetic import render_crop
from nanogauge.training.synthetic.motifs import MOTIFS, Motif

TILE_PX, COLUMNS = 224, 8


def crop(rng: np.random.Generator, size: int = 224, motif: Motif | None = None) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """A training crop and its labels, with the training's wide distribution of diameters."""
    d = float(np.clip(36 * math.exp(rng.normal(0, 0.8)), 6, 1.1 * size))
    return render_crop(rng, (size, size), median_diameter_px=d, motif=motif)


def micrograph(rng: np.random.Generator) -> NDArray[np.uint8]:
    return render_crop(rng, (512, 512))[0]


def cpu_seconds(draw: Callable[[np.random.Generator], object], n: int, seed: int) -> NDArray[np.float64]:
    """Processor time of each of n drawings."""
    draw(np.random.default_rng(seed))  # fills caches, loads fonts
    out = []
    for k in range(n):
        start = time.process_time()
        draw(np.random.default_rng([seed, k]))
        out.append(time.process_time() - start)
    return np.array(out)


def square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a picture as a tile."""
    h, w = pixels.shape
    m = min(h, w)
    middle = pixels[(h - m) // 2 : (h + m) // 2, (w - m) // 2 : (w + m) // 2]
    return np.asarray(cv2.resize(middle, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def contact_sheet(n: int, seed: int, beside: Path | None) -> NDArray[np.uint8]:
    tiles = [square(micrograph(np.random.default_rng([seed, k]))) for k in range(n)]
    if beside is not None:
        paths = sorted(p for p in beside.iterdir() if p.is_file())
        chosen = np.random.default_rng(seed).permutation(len(paths))[: n // 2]
        for k, i in enumerate(chosen):
            tiles[2 * k + 1] = square(np.asarray(Image.open(paths[i]).convert("L")))
    tiles += [np.zeros((TILE_PX, TILE_PX), np.uint8)] * (-len(tiles) % COLUMNS)
    return np.vstack([np.hstack(tiles[k : k + COLUMNS]) for k in range(0, len(tiles), COLUMNS)])


def motif_sheet(motif: Motif, n: int, seed: int) -> NDArray[np.uint8]:
    """(H, W, 3): crops of a motif, each above itself with its true outlines in yellow."""
    tiles = []
    for k in range(n):
        grey, labels = crop(np.random.default_rng([seed, k]), TILE_PX, motif)
        plain = np.dstack([grey] * 3)
        outlined, numbers = plain.copy(), labels.astype(np.float32)
        outlined[cv2.dilate(numbers, np.ones((2, 2))) != cv2.erode(numbers, np.ones((2, 2)))] = (255, 255, 0)
        tiles.append(np.vstack([plain, outlined]))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    return np.vstack([np.hstack(tiles[k : k + COLUMNS]) for k in range(0, len(tiles), COLUMNS)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=60, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sheet", type=Path, help="contact sheet to write (PNG)")
    parser.add_argument("--beside", type=Path, help="folder of real micrographs to mix in")
    parser.add_argument("--motifs", type=Path, help="folder for a sheet of each motif (PNG)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    kinds: list[tuple[str, Callable[[np.random.Generator], object]]] = [("micrographs 512 x 512", micrograph)]
    kinds += [(f"crops {size} x {size}", partial(crop, size=size)) for size in (192, 224)]
    for name, draw in kinds:
        t = cpu_seconds(draw, options.n, options.seed)
        print(f"{name}: {1000 * t.mean():.1f} ms of one core each (median {1000 * np.median(t):.1f}, slowest {1000 * t.max():.0f})")
        print(f"{'':>{len(name)}}  {1 / t.mean():.1f} a second a core, {2 / t.mean():.1f} on two")
    for motif in MOTIFS:
        t = cpu_seconds(partial(crop, motif=motif), options.n, options.seed)
        print(f"{motif}: {1000 * t.mean():.1f} ms")
        if options.motifs:
            options.motifs.mkdir(parents=True, exist_ok=True)
            sheet = motif_sheet(motif, options.n, options.seed)
            Image.fromarray(sheet).save(options.motifs / f"{motif.replace(' ', '_')}.png")
    if options.sheet:
        Image.fromarray(contact_sheet(options.n, options.seed, options.beside)).save(options.sheet)


if __name__ == "__main__":
    main()
