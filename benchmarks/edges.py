"""Where outlines lie before and after they are moved to the true edge: bias and spread of matched diameters, and IoU.

    python benchmarks/edges.py rendered            # rendered spheres of known size, with the network's labels
    python benchmarks/edges.py blurred             # flat particles and spheres in transmission, out of focus
    python benchmarks/edges.py fringes             # dark discs with a bright ring outside, and bright ones with a dark one
    python benchmarks/edges.py looks               # rendered micrographs of all kinds (SEM and TEM looks, any shape)
    python benchmarks/edges.py real DATA [DATA..]  # DATA/images and DATA/labels; DATA/val.txt where there is one
    python benchmarks/edges.py moved DATA [DATA..] # true labels grown and shrunk by 1 to 3 px: how well do they come back?

"outline" is as the network draws, "steepest" the same moved. One look of the network serves both. `--n` limits the micrographs.
"""

from __future__ import annotations

import argparse
import math
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rendered import MICROGRAPH_CASES, sphere_micrograph

from nanogauge.core.settings import Settings
from nanogauge.detection.edges import true_edge
from nanogauge.detection.find import find_particles
from nanogauge.detection.rings import ringed
from nanogauge.measuring import measure_particles
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph
from nanogauge.reading.labels import read_labels
from nanogauge.statistics.warnings import ring_warnings
from nanogauge.training.evaluate import match
from nanogauge.training.synthetic import random_scene, render

Labels = NDArray[np.int32]
SILICA = ("B08", "B09", "C02", "C11")  # samples kept for measuring
_NEAR = (math.sqrt(0.5), math.sqrt(2.0))


@dataclass(frozen=True)
class Case:
    """A micrograph, its frame, and what is known of it: true labels, or centres and diameters."""

    name: str
    pixels: NDArray[np.generic]
    frame: tuple[int, int, int, int]
    truth: Labels | None = None
    spheres: pd.DataFrame | None = None


@dataclass(frozen=True)
class Errors:
    """Of matched particles: diameter over the true one less 1; IoU; true diameters in px."""

    relative: list[float]
    iou: list[float]
    true_px: list[float]

    def row(self) -> str:
        e = 100 * np.array(self.relative)
        if not e.size:
            return f"{'-':>8} {'':8} {'':8}"
        iou = f"{np.mean(self.iou):8.3f}" if self.iou else f"{'':8}"
        return f"{e.mean():+8.2f} {e.std():8.2f} {np.median(e):+8.2f} {iou}"


def together(parts: list[Errors]) -> Errors:
    """Those of several micrographs."""
    return Errors(*([v for p in parts for v in getattr(p, k)] for k in ("relative", "iou", "true_px")))


HEAD = f"{'bias %':>8} {'sd %':>8} {'median':>8} {'IoU':>8}"


def errors(case: Case, labels: Labels, probability: NDArray[np.float32] | None) -> Errors:
    """Matched particles that the frame does not cut, within a factor of two in area."""
    table = measure_particles(labels, pixels=np.asarray(case.pixels), scale=None, foreground=probability, frame=case.frame)
    diameter = dict(zip(table["label"].tolist(), table["equivalent_diameter_px"].tolist(), strict=True))
    out = Errors([], [], [])
    if case.spheres is not None:
        for row in case.spheres[~case.spheres["cut"]].itertuples():
            label = int(labels[round(row.y), round(row.x)])
            if label and _NEAR[0] < diameter[label] / row.true_px < _NEAR[1]:
                out.relative.append(diameter[label] / row.true_px - 1)
                out.true_px.append(row.true_px)
        return out
    assert case.truth is not None
    found = match(labels, case.truth)
    known, truth = np.unique(labels[labels > 0]), np.unique(case.truth[case.truth > 0])
    y0, x0, y1, x1 = case.frame
    inner = np.zeros(case.truth.shape, bool)
    inner[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1] = True
    cut = set(np.unique(case.truth[~inner]).tolist())
    for p, t, iou in zip(found.pred, found.truth, found.iou, strict=True):
        if int(truth[t]) in cut:
            continue
        true = math.sqrt(4 * found.truth_area_px2[t] / math.pi)
        out.relative.append(diameter[int(known[p])] / true - 1)
        out.iou.append(float(iou))
        out.true_px.append(true)
    return out


def found_in(case: Case, measurer: Measurer, kept: Path | None) -> tuple[Labels, NDArray[np.float32]]:
    """The network's labels and map, kept for the next time where a folder is given."""
    path = None if kept is None else kept / f"{case.name}.pkl"
    if path is not None and path.is_file():
        labels, coarse = pickle.loads(path.read_bytes())
        return labels, coarse.astype(np.float32)
    grey = np.asarray(case.pixels)
    grey8 = grey if grey.dtype == np.uint8 else cv2.normalize(grey, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    found = find_particles(grey8, measurer.engine, Settings(), frame=case.frame)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps((found.labels, found.foreground.astype(np.float16))))
    return found.labels, found.foreground


def spheres() -> Iterator[tuple[str, str, Case]]:
    """Row, column, case."""
    for diameter in (8, 12, 20, 40, 80, 100):
        for name in MICROGRAPH_CASES:
            r = sphere_micrograph(np.random.default_rng([diameter, 7]), median_px=diameter, gsd=1.1, case=name)
            yield f"{diameter} px", name, Case(f"s{diameter}-{name}", r.pixels, (0, 0, *r.pixels.shape), spheres=r.truth)


def looks(n: int) -> Iterator[Case]:
    """Rendered micrographs of all kinds, their particles not overlapping much."""
    for seed in range(n):
        rng = np.random.default_rng([seed, 4242])
        diameter = float(np.exp(rng.uniform(math.log(8), math.log(100))))
        r = render(random_scene(rng, (512, 640), median_diameter_px=diameter), seed=seed)
        yield Case(f"look{seed}", r.pixels, (0, 0, *r.pixels.shape), truth=r.labels)


def real(folder: Path, measurer: Measurer) -> Iterator[Case]:
    """The measuring micrographs of a folder."""
    listed = folder / "val.txt"
    wanted = set(listed.read_text().split()) if listed.is_file() else None
    for path in sorted((folder / "images").iterdir()):
        labels = next((folder / "labels").glob(path.stem + ".*"), None)
        if labels is None or (wanted is not None and path.stem not in wanted):
            continue
        if folder.name == "silica" and path.stem[:3] not in SILICA:
            continue
        m = read_micrograph(path)
        frame = measurer.read_scale(m)[2] if folder.name == "silica" else (0, 0, *m.shape)
        yield Case(f"{folder.name}-{path.stem}", m.pixels, frame, truth=np.asarray(read_labels(labels), np.int32))


def grown(labels: Labels, by: int) -> Labels:
    """Each particle grown (shrunk, below 0) by some px; where two meet, the first keeps its pixels."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(by) + 1,) * 2)
    if by > 0:
        wide = cv2.dilate(labels.astype(np.float32), kernel).astype(np.int32)
        return np.where(labels > 0, labels, wide)
    single = labels.astype(np.float32)
    return np.where(cv2.erode(single, kernel) == cv2.dilate(single, kernel), labels, 0).astype(np.int32)


def moved(case: Case, labels: Labels, probability: NDArray[np.float32] | None) -> tuple[Labels, NDArray[np.float32], float]:
    """Labels and map at the true edge, and the share of particles that show one."""
    e = true_edge(labels, np.asarray(case.pixels), probability, frame=case.frame)
    present = np.unique(labels[labels > 0])
    return e.labels, e.foreground, float(e.seen[present].mean()) if present.size else 1.0


def compare(name: str, cases: Iterator[Case], measurer: Measurer, kept: Path | None, n: int | None) -> None:
    """One row a set, and its sizes."""
    both: dict[str, list[Errors]] = {"outline": [], "steepest": []}
    seen = []
    for i, case in enumerate(cases):
        if n is not None and i >= n:
            break
        labels, probability = found_in(case, measurer, kept)
        new, field, share = moved(case, labels, probability)
        seen.append(share)
        both["outline"].append(errors(case, labels, probability))
        both["steepest"].append(errors(case, new, field))
    for edge, parts in both.items():
        e = together(parts)
        means = [np.mean(p.relative) for p in parts if len(p.relative) >= 5]
        note = f"  micrographs' mean {100 * np.mean(means):+.2f} ± {100 * np.std(means):.2f} %" if means else ""
        said = f", edge seen {100 * np.mean(seen):.1f} %" if edge == "steepest" else ""
        print(f"{name:14} {edge:9} {e.row()}  {len(e.relative)} particles{note}{said}", flush=True)


def rendered(measurer: Measurer, kept: Path | None) -> None:
    """Bias by size and look."""
    print("Rendered spheres: bias ± sd in %, outline / steepest")
    print(f"{'':8}" + " ".join(f"{name:>30}" for name in MICROGRAPH_CASES))
    row, cells = "", []
    for size, _, case in spheres():
        if size != row and cells:
            print(f"{row:8}" + " ".join(f"{c:>30}" for c in cells), flush=True)
            cells = []
        row = size
        labels, probability = found_in(case, measurer, kept)
        new, field, _ = moved(case, labels, probability)
        parts = []
        for e in (errors(case, labels, probability), errors(case, new, field)):
            r = 100 * np.array(e.relative)
            parts.append(f"{r.mean():+.1f} ± {r.std():.1f}" if r.size else "-")
        cells.append(" / ".join(parts))
    print(f"{row:8}" + " ".join(f"{c:>30}" for c in cells), flush=True)


def back(name: str, cases: Iterator[Case], n: int | None) -> None:
    """True labels moved by some px, and what comes of them."""
    rows: dict[int, list[Errors]] = {by: [] for by in (-3, -2, -1, 0, 1, 2, 3)}
    for i, case in enumerate(cases):
        if n is not None and i >= n:
            break
        assert case.truth is not None
        for by, parts in rows.items():
            labels = case.truth if by == 0 else grown(case.truth, by)
            new, field, _ = moved(case, labels, None)
            parts.append(errors(case, new, field))
    for by, parts in rows.items():
        e = together(parts)
        print(f"{name:14} {by:+d} px     {e.row()}  {len(e.relative)} particles", flush=True)


def _apart(rng: np.random.Generator, radius: float, gap: float, shape: tuple[int, int], n: int) -> NDArray[np.float64]:
    """(n, 2) middles of as many discs as fit, at most n, not nearer than the gap."""
    at = np.empty((0, 2))
    for _ in range(20_000):
        y, x = rng.uniform(radius + 8, np.array(shape) - radius - 8)
        if len(at) < n and (not len(at) or np.hypot(*(at - (y, x)).T).min() > 2 * radius + gap):
            at = np.vstack([at, (y, x)])
    return at


def _noisy(rng: np.random.Generator, levels: NDArray[np.float64], noise: float = 5.0) -> NDArray[np.uint8]:
    grain = noise * cv2.GaussianBlur(rng.standard_normal(levels.shape), (0, 0), 0.6)
    return np.clip(levels + grain, 0, 255).astype(np.uint8)


def _known(at: NDArray[np.float64], diameter: float) -> pd.DataFrame:
    return pd.DataFrame({"y": at[:, 0], "x": at[:, 1], "true_px": diameter, "cut": False})


def out_of_focus(diameter: int, share: float, *, flat: bool, noise: float = 5.0) -> Case:
    """Dark particles blurred by a Gaussian whose standard deviation is a share of their radius."""
    rng = np.random.default_rng([diameter, round(100 * share), flat])
    shape, radius = (768, 1024), diameter / 2
    at = _apart(rng, radius, max(8.0, 4 * share * radius), shape, 40)
    fine = (np.arange(2 * max(shape)) + 0.5) / 2 - 0.5  # quarters of a pixel
    body = np.zeros((2 * shape[0], 2 * shape[1]))
    for y, x in at:
        chord = 1 - ((fine[: body.shape[0], None] - y) ** 2 + (fine[None, : body.shape[1]] - x) ** 2) / radius**2
        np.maximum(body, chord >= 0 if flat else np.sqrt(np.clip(chord, 0, None)), out=body)
    thick = body.reshape(shape[0], 2, shape[1], 2).mean((1, 3))
    pixels = _noisy(rng, 170 - 100 * cv2.GaussianBlur(thick, (0, 0), share * radius), noise)
    return Case(f"blurred{diameter}-{share}-{flat}-{noise:g}", pixels, (0, 0, *shape), spheres=_known(at, diameter))


def fringed(out_px: float, height: float, *, dark: bool) -> Case:
    """Discs of 36 px, a ring of the other sign outside, so far off and so high as a share of their contrast."""
    rng = np.random.default_rng([round(out_px), round(100 * height), dark])
    shape = (768, 1024)
    at = _apart(rng, 18, 24, shape, 40)
    y, x = np.mgrid[: shape[0], : shape[1]]
    off = np.min([np.hypot(y - a, x - b) - 18 for a, b in at], axis=0)
    levels = 80 / (1 + np.exp(np.clip(off / 0.8, -50, 50))) - 80 * height * np.exp(-(((off - out_px) / (0.6 * out_px)) ** 2)) * (
        off > 0
    )
    pixels = _noisy(rng, cv2.GaussianBlur(150 - levels if dark else 150 + levels, (0, 0), 0.8))
    return Case(f"fringed{out_px}-{height}-{dark}", pixels, (0, 0, *shape), spheres=_known(at, 36))


def blurred(measurer: Measurer, kept: Path | None) -> None:
    """Bias by size and blur; and the softness by which it is told of."""
    shares = (0.06, 0.12, 0.18, 0.24, 0.3, 0.36, 0.45)
    print("Out of focus: mean error in % and half width over radius, by blur (sd over radius)")
    print(f"{'':12}" + " ".join(f"{s:>14g}" for s in shares))
    for flat, noise in ((True, 5.0), (False, 5.0), (True, 40.0)):
        for diameter in (20, 36, 72):
            cells = []
            for share in shares:
                case = out_of_focus(diameter, share, flat=flat, noise=noise)
                labels, probability = found_in(case, measurer, kept)
                e = true_edge(labels, np.asarray(case.pixels), probability, frame=case.frame)
                relative = errors(case, e.labels, e.foreground).relative
                cells.append(f"{100 * np.mean(relative):+.1f} ({e.soft:.2f})" if relative else "-")
            what = ("flat" if noise < 10 else "noisy") if flat else "sphere"
            print(f"{what:6} {diameter:3} px" + " ".join(f"{c:>14}" for c in cells), flush=True)


def fringes(measurer: Measurer, kept: Path | None) -> None:
    """Bias by how far off and how high a ring is, and whether it is told of."""
    heights = (0, 0.25, 0.5, 0.75, 1)
    print("A ring outside: mean error in %, by its height over the particle's contrast; *: told of")
    print(f"{'':16}" + " ".join(f"{h:>8g}" for h in heights))
    for dark in (True, False):
        for out_px in (2.0, 4.0, 6.0):
            cells = []
            for height in heights:
                case = fringed(out_px, height, dark=dark)
                labels, field, _ = moved(case, *found_in(case, measurer, kept))
                found = measure_particles(labels, pixels=np.asarray(case.pixels), scale=None, foreground=field)
                told = "*" if ring_warnings(*ringed(labels, case.pixels)) else " "
                cells.append(f"{100 * (found['equivalent_diameter_px'].median() / 36 - 1):+.1f}{told}")
            print(f"{'dark' if dark else 'bright':6} {out_px:g} px off" + " ".join(f"{c:>8}" for c in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("rendered", "blurred", "fringes", "looks", "real", "moved"))
    parser.add_argument("data", nargs="*", type=Path)
    parser.add_argument("--n", type=int)
    parser.add_argument("--keep", type=Path, help="folder in which the network's maps are kept for the next time")
    o = parser.parse_args()
    measurer = Measurer(n_threads=1)
    alone = {"rendered": rendered, "blurred": blurred, "fringes": fringes}
    if o.what in alone:
        alone[o.what](measurer, o.keep)
        return
    print(f"{'':24} {HEAD}")
    if o.what == "looks":
        compare("looks", looks(o.n or 40), measurer, o.keep, o.n)
        back("looks", looks(o.n or 40), o.n)
    for folder in o.data:
        if o.what == "real":
            compare(folder.name, real(folder, measurer), measurer, o.keep, o.n)
        else:
            back(folder.name, real(folder, measurer), o.n)


if __name__ == "__main__":
    main()
