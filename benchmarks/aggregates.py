"""Aggregates against known ones: fractal dimension, prefactor, sizes of primaries.

    python benchmarks/aggregates.py labels         # true outlines of what is to be seen: what the method itself does
    python benchmarks/aggregates.py micrographs    # rendered micrographs, particles found by the network

Each sample is 200 aggregates of 6 to 160 spheres (`fractals.py`), turned at random and projected, single spheres beside them,
several to a micrograph. "Cluster-cluster, diffusion-limited": dimension 1.78, prefactor 1.3; "reaction-limited": 2.05 and 1.15.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
from fractals import aggregate, turned
from numpy.typing import NDArray

from nanogauge.arrangement.aggregates import Aggregates, aggregates_of, pooled
from nanogauge.measuring import measure_particles
from nanogauge.training.synthetic import Particle, Scene
from nanogauge.training.synthetic.imaging import Look, expose, paint

Floats = NDArray[np.float64]
LAWS = {"diffusion-limited": (1.78, 1.3), "reaction-limited": (2.05, 1.15)}
RADIUS = 9.0
SHAPE = (900, 1100)
N = 200


def sample(name: str, seed: int, n: int = N) -> list[list[Floats]]:
    """Micrographs as lists of aggregates, each (k, 4) of y, x, height and radius in px; the frame may cut some."""
    dimension, prefactor = LAWS[name]
    rng = np.random.default_rng([seed, 5])
    sizes = np.clip(np.round(np.exp(rng.normal(np.log(35), 0.8, n))), 6, 160).astype(int)
    frames: list[list[Floats]] = [[]]
    for size in sizes.tolist():
        at = RADIUS * turned(rng, aggregate(rng, size, dimension=dimension, prefactor=prefactor))
        body = np.column_stack([at, np.full(size, RADIUS)])
        if not _placed(rng, frames[-1], body):
            frames.append([])
            _placed(rng, frames[-1], body)
    for frame in frames:  # single ones between them
        for _ in range(12):
            _placed(rng, frame, np.array([[0.0, 0, 0, RADIUS]]))
    return frames


def _placed(rng: np.random.Generator, frame: list[Floats], body: Floats) -> bool:
    """Puts an aggregate where it is clear of the others, by 6 px at least; it may be cut by the frame."""
    for _ in range(60):
        moved = body.copy()
        moved[:, :2] += rng.uniform(0.12, 0.88, 2) * SHAPE
        if all(np.linalg.norm(moved[:, None, :2] - other[None, :, :2], axis=2).min() > 2 * RADIUS + 6 for other in frame):
            frame.append(moved)
            return True
    return False


def drawn(frame: list[Floats]) -> NDArray[np.int32]:
    """Labels (H, W) of what is to be seen of the spheres from above."""
    labels, top = np.zeros(SHAPE, np.int32), np.full(SHAPE, -np.inf)
    for i, (y, x, z, r) in enumerate(np.concatenate(frame), start=1):
        y0, x0 = max(int(y - r - 1), 0), max(int(x - r - 1), 0)
        yy, xx = np.mgrid[y0 : max(min(int(y + r) + 3, SHAPE[0]), y0), x0 : max(min(int(x + r) + 3, SHAPE[1]), x0)]
        off = (yy - y) ** 2 + (xx - x) ** 2
        height = z + np.sqrt(np.maximum(r * r - off, 0))
        upper = (off <= r * r) & (height > top[yy, xx])
        labels[yy[upper], xx[upper]], top[yy[upper], xx[upper]] = i, height[upper]
    return labels


def rendered(frame: list[Floats], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A scanning electron micrograph of them."""
    every = np.concatenate(frame)
    every = every[np.argsort(every[:, 2], kind="stable")]
    particles = [Particle("sphere", float(y), float(x), float(2 * r)) for y, x, _, r in every]
    look = Look(background=0.15, contrast=0.4, edge=0.35, noise=0.04, blur_px=0.7, shadow=0.2)
    picture, _ = paint(Scene(shape=SHAPE, median_diameter_px=2 * RADIUS), particles, look, rng)
    return expose(picture, look, rng)


def show(name: str, true: tuple[float, float], found: Aggregates) -> None:
    law = found.law()
    figures = found.to_dict()
    off = {k: 100 * (v["mean_px"] / (2 * RADIUS) - 1) if v["n"] else float("nan") for k, v in figures["primary_diameters"].items()}
    print(
        f"{name:18} {figures['n_of_several']:>4} groups, {figures['n_cut_by_frame']} cut: D {law.dimension:.3f} "
        f"({law.dimension_low:.2f} to {law.dimension_high:.2f}), true {true[0]:g}; k {law.prefactor:.2f} "
        f"({law.prefactor_low:.2f} to {law.prefactor_high:.2f}), true {true[1]:g}; diameters in % "
        f"single {off['single']:+.1f}, in groups {off['in_groups']:+.1f}, of these in sight {off['in_groups_in_sight']:+.1f}",
        flush=True,
    )


def labels() -> None:
    for name, true in LAWS.items():
        for seed in range(2):
            parts = []
            for frame in sample(name, seed):
                seen = drawn(frame)
                table: pd.DataFrame = measure_particles(seen, pixels=seen, scale=None)
                parts.append(aggregates_of(seen, table, (0, 0, *SHAPE), None))
            show(name, true, pooled(parts, [str(k) for k in range(len(parts))]))


def micrographs() -> None:
    from nanogauge.core.micrograph import Micrograph
    from nanogauge.core.settings import Settings
    from nanogauge.pipeline.measure import Measurer

    measurer = Measurer(Settings())
    for name, true in LAWS.items():
        parts = []
        for k, frame in enumerate(sample(name, 0)):
            m = measurer.measure(Micrograph(pixels=rendered(frame, np.random.default_rng(k)), name=f"{k}"))
            if m.aggregates is not None:
                parts.append(m.aggregates)
        show(name, true, pooled(parts, [str(k) for k in range(len(parts))]))


def main() -> None:
    ways: dict[str, Any] = {"labels": labels, "micrographs": micrographs}
    for name in sys.argv[1:] or ["labels"]:
        ways[name]()


if __name__ == "__main__":
    main()
