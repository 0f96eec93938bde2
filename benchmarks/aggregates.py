"""Aggregates against known ones: fractal dimension, prefactor, sizes of primaries.

    python benchmarks/aggregates.py labels [SEED ...]  # true outlines of what is to be seen: what the method itself does
    python benchmarks/aggregates.py micrographs    # rendered micrographs, particles found by the network
    python benchmarks/aggregates.py constants      # N = factor (A / Ap)^exponent of projections, for the law (takes minutes)

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
SEEDS = (0, 1, 2)
KINDS = ((1.6, 1.4), (1.78, 1.3), (1.9, 1.2), (2.05, 1.15), (2.2, 1.0), (2.4, 0.9))
"""Dimensions and prefactors of `constants`."""
LAWS = {"diffusion-limited": (1.78, 1.3), "reaction-limited": (2.05, 1.15)}
RADIUS = 9.0
SHAPE = (900, 1100)
N = 200


def sample(name: str, seed: int, n: int = N) -> list[list[Floats]]:
    """Micrographs as lists of aggregates, each (k, 4) of y, x, height and radius in px; the frame may cut some."""
    dimension, prefactor = LAWS[name]
    rng = np.random.default_rng([seed, 5])
    sizes = sizes_of(rng, n)
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


def sizes_of(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """(n,) primaries of aggregates."""
    return np.clip(np.round(np.exp(rng.normal(np.log(35), 0.8, n))), 6, 160).astype(np.int64)


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


def labels(seeds: tuple[int, ...] = SEEDS) -> None:
    for name, true in LAWS.items():
        for seed in seeds:
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


def projected(at: Floats) -> tuple[float, float]:
    """Area of the projection of spheres of radius 1 at (n, 3), over that of one, and radius of gyration of their centres, as
    `Aggregates.gyration_over_radius` has both."""
    yx = RADIUS * (at[:, :2] - at[:, :2].min(axis=0)) + RADIUS + 2
    body = np.zeros(tuple(np.ceil(yx.max(axis=0) + RADIUS + 3).astype(int)), bool)
    for y, x in yx:
        y0, x0 = int(y - RADIUS) - 1, int(x - RADIUS) - 1
        yy, xx = np.mgrid[y0 : y0 + 2 * int(RADIUS) + 5, x0 : x0 + 2 * int(RADIUS) + 5]
        inside = (yy - y) ** 2 + (xx - x) ** 2 <= RADIUS**2
        body[yy[inside], xx[inside]] = True
    y, x = np.nonzero(body)
    squared = (y.var() + x.var()) / RADIUS**2 - 0.5
    return len(y) / (np.pi * RADIUS**2), float(np.sqrt(max(squared, 0.0)))


def constants(n: int = 60, directions: int = 3) -> None:
    """Exponent and ln factor that give aggregates of each kind their own dimension and prefactor, ln Rg fitted over ln A; and both
    as straight lines over the dimension."""
    found = []
    for dimension, prefactor in KINDS:
        rng = np.random.default_rng([1, int(100 * dimension)])
        seen = []
        for size in sizes_of(rng, n).tolist():
            body = aggregate(rng, size, dimension=dimension, prefactor=prefactor)
            seen.append([projected(turned(rng, body)) for _ in range(directions)])
        ln = np.log(np.array(seen) * (1.0, np.sqrt(1.5)))
        fits = [np.polyfit(*ln[k].reshape(-1, 2).T, 1) for k in (np.arange(n), *(rng.integers(0, n, n) for _ in range(200)))]
        both = np.array([(dimension * a, np.log(prefactor) + dimension * b) for a, b in fits])
        found.append((dimension - 2, *both[0], *both[1:].std(axis=0)))
        print(
            "D {0:g}, k {1:g}: z {3:.3f} (u {5:.3f}), ln f {4:.3f} (u {6:.3f})".format(dimension, prefactor, *found[-1]), flush=True
        )
    off, z, ln_f, u_z, u_ln_f = np.array(found).T
    for name, y, u in (("z", z, u_z), ("ln f", ln_f, u_ln_f)):
        (slope, at_two), covariance = np.polyfit(off, y, 1, w=1 / u, cov="unscaled")
        print(f"{name} = {at_two:.3f} (u {covariance[1, 1] ** 0.5:.3f}) + {slope:.3f} (u {covariance[0, 0] ** 0.5:.3f}) (D - 2)")


def main() -> None:
    ways: dict[str, Any] = {"labels": labels, "micrographs": micrographs, "constants": constants}
    name, *rest = sys.argv[1:] or ["labels"]
    ways[name](*([tuple(int(v) for v in rest)] if rest else []))


if __name__ == "__main__":
    main()
