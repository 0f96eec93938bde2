"""Lines and spaces against rendered patterns of known edges: widths, pitch, roughness, and defects.

    python benchmarks/lines.py metrology                         # CD, pitch, LWR and LER over the noise
    python benchmarks/lines.py defects network.onnx              # AP@0.5 of each class over the noise, 500 pictures
    python benchmarks/lines.py defects network.onnx --doses 100 6 --table found.csv --plot docs/pictures/line-space-noise.png
    python benchmarks/lines.py picture docs/pictures/line-space.png [network.onnx]

Errors in %. Pictures are rendered from seeds that no training uses.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nanogauge.arrangement.lines import Lines, find_defects, lines_of_pixels
from nanogauge.arrangement.lines.defects import instances
from nanogauge.arrangement.lines.pattern import find_pattern
from nanogauge.core.errors import InputError
from nanogauge.core.protocols import classes_of
from nanogauge.core.scale import Scale
from nanogauge.detection.class_maps import class_maps
from nanogauge.detection.engines import make_engine
from nanogauge.training.classes.boxes import BoxDetections
from nanogauge.training.synthetic.line_space import (
    DEFECT_KINDS,
    LineSpace,
    LineSpaceRendering,
    random_line_space,
    render_line_space,
)

DOSES = (400.0, 100.0, 50.0, 25.0, 12.0, 6.0)
"""Electrons counted a pixel at full white. 25: a review microscope in usual use."""
PATTERNS: dict[str, dict[str, Any]] = {
    "32 nm pitch, 0.8 nm/px": {"nm_per_px": 0.8},
    "48 nm pitch, lines of 20 nm, 1 nm/px, 2°": {
        "nm_per_px": 1.0, "pitch_nm": 48.0, "cd_nm": 20.0, "angle_deg": 2.0, "sigma_nm": 1.1, "correlation_nm": 30.0, "hurst": 0.75,
    },
    "28 nm pitch, dark spaces, 0.7 nm/px, lying": {
        "nm_per_px": 0.7, "pitch_nm": 28.0, "cd_nm": 15.0, "angle_deg": 89.0, "sigma_nm": 0.6, "correlation_nm": 16.0, "hurst": 0.5,
        "space": 0.1, "edge": 0.3, "edge_correlation": 0.4,
    },
    "24 nm pitch, 0.8 nm/px: lines of 15 px": {"nm_per_px": 0.8, "pitch_nm": 24.0, "cd_nm": 12.0, "sigma_nm": 0.6},
}  # fmt: skip
SEED = 10_000_000


def metrology(pictures: int, doses: Sequence[float]) -> None:
    """Mean error and scatter over pictures of 1024 × 1024 px, at each noise."""
    head = f"{'dose':>5} {'CD':>14} {'pitch':>16} {'LWR biased':>12} {'unbiased':>14} {'restored':>14} {'LER unb.':>14}"
    head += f" {'ξ/true':>7} {'s':>5}"
    for name, values in PATTERNS.items():
        print(name, head, sep="\n")
        for dose in doses:
            rows = []
            for k in range(pictures):
                p = LineSpace(shape=(1024, 1024), dose=dose, **values)
                rendered = render_line_space(p, SEED + k)
                started = time.process_time()
                lines = lines_of_pixels(rendered.pixels, Scale((p.nm_per_px, p.nm_per_px), 0.0, "user"))
                rows.append((*_errors(lines, rendered), time.process_time() - started))
            a = np.array(rows)
            mean, spread = a.mean(axis=0), a.std(axis=0)
            both = [f"{m:+.2f} ± {s:.2f}" for m, s in zip(mean, spread, strict=True)]
            print(
                f"{dose:>5.0f} {both[0]:>14} {mean[1]:>+8.3f} ± {spread[1]:.3f} {mean[2]:>+12.1f} "
                f"{both[3]:>14} {both[4]:>14} {both[5]:>14} "
                f"{mean[6]:>7.2f} {mean[7]:>5.2f}",
                flush=True,
            )


def _errors(lines: Lines, r: LineSpaceRendering) -> tuple[float, ...]:
    """In %, against the drawn edges of the same lines: CD, pitch, LWR biased, unbiased, restored, LER unbiased; ξ over the true."""
    own = _those_found(lines, r)
    width = own[:, 1] - own[:, 0]
    lwr = 3 * float(np.sqrt(width.var(axis=-1).mean()))
    ler = 3 * float(np.sqrt(own.var(axis=-1).mean()))
    assert lines.lwr is not None
    assert lines.ler is not None
    got = (float(lines.cds[lines.whole].mean()) / float(width.mean()), lines.pitch[0] / r.pattern.pitch_nm, lines.lwr.biased / lwr,
           lines.lwr.unbiased / lwr, lines.lwr.restored / lwr, lines.ler.unbiased / ler)  # fmt: skip
    return (*(100 * (g - 1) for g in got), lines.lwr.fit.correlation / r.pattern.correlation_nm)


def _those_found(lines: Lines, r: LineSpaceRendering) -> NDArray[np.float64]:
    """The drawn edges of the lines found, those that are whole."""
    lying = lines.edges.pattern.lying
    true = -r.edges_nm[::-1, ::-1] if lying else r.edges_nm  # across a lying pattern is up, but down in the picture made upright
    h, w = lines.edges.x_px.shape[-1], r.pixels.shape[0 if lying else 1]
    cosine = 1 / np.hypot(1, lines.tilt)
    middle = ((w - 1) / 2 * lines.across - lines.tilt * (h - 1) / 2 * lines.along) * cosine
    found = lines.across_lines.mean(axis=(1, 2))[lines.whole] - middle
    nearest = np.abs(true.mean(axis=(1, 2)) - found[:, None]).argmin(axis=1)
    assert len(set(nearest.tolist())) == len(nearest)
    return np.asarray(true[nearest], np.float64)


def evaluate(
    engine_file: str, *, dose: float, pictures: int, shape: tuple[int, int], seed: int, least: float = 0.5
) -> BoxDetections:
    """The network on unseen pictures at one noise; patterns are looked for in each, as `nanogauge lines` does."""
    engine = make_engine(engine_file, n_threads=1)
    out = BoxDetections(DEFECT_KINDS)
    refused = 0
    for k in range(pictures):
        rng = np.random.default_rng([seed, k])
        r = render_line_space(random_line_space(rng, shape, dose=dose), rng)
        try:
            found = find_defects(r.pixels, engine, find_pattern(r.pixels))
        except InputError:
            refused += 1
            found = instances(class_maps(r.pixels, engine), classes_of(engine).names, least=least)
        out.add([(d.kind, d.score, d.box) for d in found], list(zip(r.kinds, r.boxes.tolist(), strict=True)))
    if refused:
        print(f"  (no pattern recognised in {refused} of {pictures}; the network looked at them all the same)")
    return out


def contrast_to_noise(dose: float, pictures: int = 40) -> float:
    """Median over patterns: lines over spaces, over the noise of a pixel."""
    out = []
    for k in range(pictures):
        p = random_line_space(np.random.default_rng([SEED, k]), dose=dose)
        out.append((p.line - p.space) / np.sqrt((p.line + p.space) / 2 / dose + p.detector**2))
    return float(np.median(out))


def defects(engine_file: str, pictures: int, plot: Path | None, doses: Sequence[float], kept: Path | None) -> None:
    """kept: a table that the figures join, those of other noises staying in it."""
    rows = pd.read_csv(kept) if kept is not None and kept.is_file() else pd.DataFrame()
    for dose in doses:
        started = time.process_time()
        table = evaluate(engine_file, dose=dose, pictures=pictures, shape=(256, 256), seed=SEED).table()
        seconds = (time.process_time() - started) / pictures
        noise = contrast_to_noise(dose)
        print(f"dose {dose:g}, contrast over noise {noise:.1f}, {pictures} pictures, {1000 * seconds:.0f} ms each")
        print(table.to_string(index=False, float_format=lambda v: f"{v:.3f}"), flush=True)
        rest = rows[rows["dose"] != dose] if len(rows) else rows
        rows = pd.concat([rest, table.assign(dose=dose, contrast_to_noise=noise, pictures=pictures)]).sort_values(
            "dose", kind="stable"
        )
        if kept is not None:
            rows.to_csv(kept, index=False)
        if plot is not None:
            draw(rows, plot)


def draw(table: pd.DataFrame, path: Path) -> None:
    """AP@0.5 of each class over the noise."""
    from matplotlib.figure import Figure

    from nanogauge.arrangement.lines.drawing import COLOURS

    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    for name, part in table.groupby("class", sort=False):
        mean = name == "mean"
        label = "mAP@0.5" if mean else str(name).replace("_", "-")
        axes.plot(
            part["dose"],
            part["ap50"],
            "o-",
            ms=4 if mean else 3,
            lw=2.2 if mean else 1,
            color="black" if mean else COLOURS[str(name)],
            label=label,
        )
    axes.axvline(25, color="grey", lw=0.7, ls=":")
    axes.set_xscale("log")
    axes.set_xlabel("electrons a pixel at full white (dotted: usual review)")
    axes.set_ylabel("AP at IoU 0.5")
    axes.set_ylim(0, 1.01)
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)


def picture(path: Path, engine_file: str | None) -> None:
    """The page of `nanogauge lines` for a rendered pattern."""
    from nanogauge.arrangement.lines.drawing import lines_figure

    rng = np.random.default_rng(SEED + 4)
    p = random_line_space(
        rng, (640, 640), most_defects=12, dose=25.0, nm_per_px=0.8, pitch_nm=28.0, cd_nm=14.0, sigma_nm=0.7, correlation_nm=18.0
    )
    r = render_line_space(p, rng)
    lines = lines_of_pixels(r.pixels, Scale((0.8, 0.8), 0.0, "user"))
    found = find_defects(r.pixels, make_engine(engine_file), lines.edges.pattern) if engine_file else []
    lines_figure(lines, r.pixels, found).savefig(path, dpi=100)
    print(f"{path}: {len(found)} defects found of {len(r.kinds)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("metrology", "defects", "picture"))
    parser.add_argument("files", nargs="*", help="network.onnx; for a picture where to, and the network")
    parser.add_argument("--pictures", type=int, default=0, help="each noise: 4 for metrology, 500 for defects")
    parser.add_argument("--table", type=Path, default=None, help="CSV that the figures of defects join")
    parser.add_argument("--plot", type=Path, default=None)
    parser.add_argument("--doses", type=float, nargs="+", default=DOSES)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    if args.what == "metrology":
        metrology(args.pictures or 4, args.doses)
    elif args.what == "defects":
        defects(args.files[0], args.pictures or 500, args.plot, args.doses, args.table)
    else:
        picture(Path(args.files[0]), args.files[1] if len(args.files) > 1 else None)


if __name__ == "__main__":
    main()
