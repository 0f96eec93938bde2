"""Order against crystals with known grains: boundaries, areas, misorientations, lattice constants, and time.

    python benchmarks/order.py places              # from the true places: what the method itself does
    python benchmarks/order.py micrographs         # rendered micrographs, particles found by the network
    python benchmarks/order.py pictures            # rendered micrographs, from the picture itself
    python benchmarks/order.py small_turns         # how small a misorientation is seen
    python benchmarks/order.py freud               # ψ6 by freud-analysis, where it is installed

Distances are in lattice constants, areas and constants in %, angles in degrees, seconds of one core for 10,000 particles.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from crystals import Crystal, crystal, micrograph
from numpy.typing import NDArray

from nanogauge.arrangement.order.neighbours import neighbours
from nanogauge.arrangement.order.particles import ParticleOrder, order_of_particles
from nanogauge.arrangement.order.picture import order_of_picture
from nanogauge.arrangement.order.symmetry import bond_order, turn_deg
from nanogauge.arrangement.window import Window

CASES: dict[str, dict[str, Any]] = {
    "2 grains": {"n_grains": 2, "n": 1500},
    "8 grains": {"n_grains": 8, "n": 4000},
    "8, no spread": {"n_grains": 8, "n": 4000, "spread": 0.0, "jitter": 0.02},
    "8, spread 15 %": {"n_grains": 8, "n": 4000, "spread": 0.15, "fill": 0.75},
    "8, vacancies 5 %": {"n_grains": 8, "n": 4000, "vacancies": 0.05},
    "8, scatter 8 %": {"n_grains": 8, "n": 4000, "jitter": 0.08, "vacancies": 0.02},
    "20 grains": {"n_grains": 20, "n": 6000, "vacancies": 0.02},
    "40 grains": {"n_grains": 40, "n": 10000, "vacancies": 0.02},
}


@dataclass(frozen=True)
class Errors:
    """Of one crystal: grains found; share of the boundary within one spacing and its 95th percentile distance, both ways;
    mean and worst error of a grain's area in %; mean and worst of a misorientation in degrees; of the lattice constant in %."""

    n: int
    within: float
    far: float
    area: float
    worst_area: float
    turn: float
    worst_turn: float
    constant: float


def errors(c: Crystal, grain_map: NDArray[Any], direction_deg: NDArray[np.float64], constant: float) -> Errors:
    """grain_map: (h, w) numbers of grains found, from 1, over the frame."""
    h, w = grain_map.shape
    fy, fx = c.shape[0] / h, c.shape[1] / w
    yy, xx = np.meshgrid((np.arange(h) + 0.5) * fy, (np.arange(w) + 0.5) * fx, indexing="ij")
    true = c.grain_at(np.stack([yy.ravel(), xx.ravel()], axis=1)).reshape(h, w)
    size = int(grain_map.max()) + 1
    overlap = np.bincount(true.ravel() * size + grain_map.ravel(), minlength=len(c.seeds) * size).reshape(-1, size)
    match = overlap[:, 1:].argmax(axis=1) + 1
    cell = fy * fx / c.spacing**2
    areas_true, areas = overlap.sum(axis=1) * cell, np.bincount(grain_map.ravel(), minlength=size) * cell
    off = 100 * (areas[match] / areas_true - 1)
    edge_true, edge = _edges(true), _edges(np.where(grain_map > 0, grain_map, -1 - true * 0))
    both = [_distances(edge, edge_true), _distances(edge_true, edge)]
    away = np.concatenate(both) * (fy * fx) ** 0.5 / c.spacing
    pairs = [(i, j) for i, j in _touching(true) if match[i] != match[j]]
    turns = [
        abs(
            float(turn_deg(direction_deg[match[i] - 1], direction_deg[match[j] - 1], c.fold))
            - float(turn_deg(c.direction_deg[i], c.direction_deg[j], c.fold))
        )
        for i, j in pairs
    ]
    return Errors(
        n=size - 1,
        within=100 * float((away <= 1).mean()),
        far=float(np.quantile(away, 0.95)),
        area=float(np.abs(off).mean()),
        worst_area=float(np.abs(off).max()),
        turn=float(np.mean(turns)) if turns else 0.0,
        worst_turn=float(np.max(turns)) if turns else 0.0,
        constant=100 * (constant / c.spacing - 1),
    )


def _edges(grain: NDArray[Any]) -> NDArray[np.bool_]:
    """Cells beside one of another grain; what belongs to none has no edge."""
    out = np.zeros(grain.shape, bool)
    down = (grain[1:] != grain[:-1]) & (grain[1:] >= 0) & (grain[:-1] >= 0)
    right = (grain[:, 1:] != grain[:, :-1]) & (grain[:, 1:] >= 0) & (grain[:, :-1] >= 0)
    out[1:] |= down
    out[:, 1:] |= right
    return out


def _distances(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float64]:
    """From each cell of a to the nearest of b, in cells."""
    if not a.any() or not b.any():
        return np.full(int(a.sum()), float(max(a.shape)))
    away = cv2.distanceTransform((~b).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away[a], np.float64)


def _touching(true: NDArray[np.int64]) -> list[tuple[int, int]]:
    found = set()
    for a, b in ((true[1:], true[:-1]), (true[:, 1:], true[:, :-1])):
        pairs, counts = np.unique(np.sort(np.stack([a[a != b], b[a != b]], axis=1), axis=1), axis=0, return_counts=True)
        found |= {(int(i), int(j)) for (i, j), n in zip(pairs, counts, strict=True) if n > 10}
    return sorted(found)


HEAD = (
    f"{'lattice':10} {'case':17} {'found':>8} {'within 1':>9} {'95 %':>6} {'area':>6} {'worst':>6} {'turn':>6} {'worst':>6} "
    f"{'constant':>9} {'s':>5}"
)


def show(c: Crystal, name: str, e: Errors, seconds: float, lattice: str) -> None:
    print(
        f"{lattice:10} {name:17} {e.n:>3} of {len(c.seeds):2} {e.within:>7.1f} % {e.far:>6.2f} {e.area:>6.2f} {e.worst_area:>6.2f} "
        f"{e.turn:>6.2f} {e.worst_turn:>6.2f} {e.constant:>+9.3f} {seconds:>5.2f}",
        flush=True,
    )


def inside(c: Crystal) -> NDArray[np.float64]:
    """The places in the frame."""
    return c.at[((c.at >= 0) & (c.at <= c.shape)).all(axis=1)]


def found_from(c: Crystal, o: ParticleOrder) -> Errors:
    return errors(c, o.plane.of(o.grains.grain), o.grains.direction_deg, o.constant.value)


def places() -> None:
    print(HEAD)
    for lattice in ("hexagonal", "square"):
        for k, (name, how) in enumerate(CASES.items()):
            c = crystal(np.random.default_rng([k, 1]), lattice=lattice, **how)
            at = inside(c)
            begun = time.process_time()
            o = order_of_particles(at, Window(0, 0, *c.shape))
            seconds = (time.process_time() - begun) * 1e4 / len(at)
            show(c, name, found_from(c, o), seconds, o.lattice)


def micrographs() -> None:
    """Pictures of particles of 14 px, found by the network that is shipped; the time is that of the order alone."""
    from nanogauge.core.micrograph import Micrograph
    from nanogauge.core.settings import Settings
    from nanogauge.pipeline.measure import Measurer

    measurer = Measurer(Settings())
    print(HEAD)
    for lattice in ("hexagonal", "square"):
        for k, name in enumerate(("2 grains", "8, spread 15 %", "8, vacancies 5 %", "20 grains")):
            c = crystal(np.random.default_rng([k, 2]), lattice=lattice, spacing=18.0, **{**CASES[name], "n": 1500})
            picture = micrograph(c, np.random.default_rng([k, 3]), noise=0.08)
            m = measurer.measure(Micrograph(pixels=picture, name="rendered"))
            begun = time.process_time()
            o = m.order
            seconds = (time.process_time() - begun) * 1e4 / m.n_particles
            assert o is not None
            assert isinstance(o.found, ParticleOrder)
            show(c, name, found_from(c, o.found), seconds, o.lattice)
            show_found(c, m.particles[["y", "x"]].to_numpy(float))


def show_found(c: Crystal, at: NDArray[np.float64]) -> None:
    """How well the particles themselves were found."""
    from scipy.spatial import cKDTree

    away, _ = cKDTree(at).query(inside(c))
    there, _ = cKDTree(c.at).query(at)
    near = away < c.spacing / 3
    scatter = np.sqrt((away[near] ** 2).mean() / 2)
    print(
        f"{'':28} {100 * near.mean():.1f} % found, {100 * (there >= c.spacing / 3).mean():.1f} % made up, off by {scatter:.2f} px"
    )


PICTURES: dict[str, dict[str, Any]] = {
    "8, 6 px": {"n_grains": 8, "n": 4000, "spacing": 6.0},
    "8, 6 px, noisy": {"n_grains": 8, "n": 4000, "spacing": 6.0, "vacancies": 0.02, "noise": 0.2},
    "8, 6 px, scatter": {"n_grains": 8, "n": 4000, "spacing": 6.0, "jitter": 0.08, "spread": 0.15},
    "20, 5 px": {"n_grains": 20, "n": 10000, "spacing": 5.0, "vacancies": 0.02},
    "40, 8 px": {"n_grains": 40, "n": 10000, "spacing": 8.0, "vacancies": 0.05},
    "40, 4 px, 100,000": {"n_grains": 40, "n": 100000, "spacing": 4.0, "noise": 0.1},
}


def pictures() -> None:
    """From the picture itself: lattice constants of 4 to 8 px."""
    print(HEAD)
    for lattice in ("hexagonal", "square"):
        for k, (name, how) in enumerate(PICTURES.items()):
            if lattice == "square" and how["n"] > 50000:
                continue
            how = dict(how)
            noise = how.pop("noise", 0.05)
            c = crystal(np.random.default_rng([k, 4]), lattice=lattice, **how)
            picture = micrograph(c, np.random.default_rng([k, 5]), noise=noise)
            begun = time.process_time()
            o = order_of_picture(picture)
            seconds = (time.process_time() - begun) * 1e4 / len(inside(c))
            if o is None:
                print(f"{lattice:10} {name:17} no lattice seen")
                continue
            show(c, name, errors(c, o.grain, o.grains.direction_deg, o.constant.value), seconds, o.lattice)


def small_turns() -> None:
    """How small a misorientation is seen: exact numbers of grains among 8 crystals of 16."""
    print(f"{'lattice':10} {'scatter':>8} {'least turn':>11} {'exact':>6} {'found on average':>17}")
    for lattice in ("hexagonal", "square"):
        for scatter in (0.03, 0.08):
            for least in (4.0, 5.0, 6.0, 8.0):
                found = []
                for seed in range(8):
                    rng = np.random.default_rng([seed, 9])
                    how: dict[str, Any] = {"n_grains": 16, "n": 4000, "vacancies": 0.02, "least_turn_deg": least}
                    c = crystal(rng, lattice=lattice, jitter=scatter, **how)
                    found.append(order_of_particles(inside(c), Window(0, 0, *c.shape)).grains.n)
                exact = sum(n == 16 for n in found)
                print(f"{lattice:10} {100 * scatter:>6.0f} % {least:>9.0f} ° {exact:>6} {np.mean(found):>17.1f}", flush=True)


def freud() -> None:
    """ψ by freud (weighted by Voronoi sides, a periodic box three spacings larger than the frame) and by us."""
    import freud as other

    c = crystal(np.random.default_rng(1), n_grains=8, n=10000)
    at = inside(c)
    begun = time.process_time()
    near = neighbours(at, Window(0, 0, *c.shape))
    psi = bond_order(near, 6)
    own = time.process_time() - begun
    height, width = (side + 6 * c.spacing for side in c.shape)
    places = np.column_stack([at[:, 1] - c.shape[1] / 2, c.shape[0] / 2 - at[:, 0], np.zeros(len(at))])
    begun = time.process_time()
    box = other.box.Box(Lx=width, Ly=height, is2D=True)
    voronoi = other.locality.Voronoi()
    voronoi.compute((box, places))
    hexatic = other.order.Hexatic(k=6, weighted=True)
    hexatic.compute((box, places), neighbors=voronoi.nlist)
    took = time.process_time() - begun
    off = np.abs(hexatic.particle_order - psi)
    print(f"ψ6 of {len(at)} particles: ours {own:.3f} s, freud {took:.3f} s")
    at_frame = off[~near.inside].mean()
    print(f"difference: at most {off[near.sure].max():.1e} with all neighbours in sight, {at_frame:.2f} on average at the frame")


def main() -> None:
    ways = {f.__name__: f for f in (places, micrographs, pictures, small_turns, freud)}
    for name in sys.argv[1:] or ["places"]:
        ways[name]()


if __name__ == "__main__":
    main()
