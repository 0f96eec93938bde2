"""What shape a particle has, by its outline: a small network of one hidden layer on `descriptors`, calibrated, in NumPy alone.

Its weights are `shapes.npz` beside this module, made by `python -m nanogauge.training.shapes` on outlines of rendered solids, whose
shape is known. Several solids may share an outline: a cube that stands on a corner is a hexagon. The probabilities say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .descriptors import DESCRIPTORS, descriptors
from .run_lengths import Floats

SHAPES = ("sphere", "rod", "cube", "plate", "octahedron", "irregular", "agglomerate")
"""sphere: round; rod: rods, fibres, bars, at most about half as wide as long; cube: squares and rectangles; plate: plates and
polyhedra with an outline of five or more sides; octahedron: octahedra, bipyramids, tetrahedra, triangles; irregular: of no regular
form; agglomerate: several particles in one outline."""
WEIGHTS = Path(__file__).with_name("shapes.npz")
_PRIOR = 0.5
_MOST_STEPS = 200
_FARTHEST = 6.0  # standard deviations that a descriptor counts for


@dataclass(frozen=True, slots=True)
class ShapeNetwork:
    """mean, scale: (d,) of the descriptors; hidden, out: (d + 1, h) and (h + 1, c) weights, the last row the bias."""

    mean: Floats
    scale: Floats
    hidden: Floats
    out: Floats

    def __call__(self, described: Floats) -> Floats:
        """(n, c) probabilities of descriptors (n, d)."""
        x = np.clip((described - self.mean) / self.scale, -_FARTHEST, _FARTHEST)
        x = np.maximum(x @ self.hidden[:-1] + self.hidden[-1], 0)
        x = x @ self.out[:-1] + self.out[-1]
        likely = np.exp(x - x.max(axis=1, keepdims=True))
        return np.asarray(likely / likely.sum(axis=1, keepdims=True), np.float64)


@cache
def shipped() -> ShapeNetwork:
    """The network that travels with the package."""
    return read_network(WEIGHTS)


def read_network(path: Path) -> ShapeNetwork:
    """A network that `write_network` wrote. Raises ValueError where it is of other descriptors or shapes."""
    with np.load(path) as stored:
        if tuple(stored["descriptors"]) != DESCRIPTORS or tuple(stored["shapes"]) != SHAPES:
            raise ValueError(f"{path}: of other descriptors or shapes than this version has; train it anew")
        return ShapeNetwork(*(stored[name].astype(np.float64) for name in ("mean", "scale", "hidden", "out")))


def write_network(path: Path, network: ShapeNetwork) -> None:
    """As npz, in single precision, with the names of what goes in and comes out."""
    arrays = {name: getattr(network, name).astype(np.float32) for name in ("mean", "scale", "hidden", "out")}
    np.savez_compressed(path, **arrays, descriptors=np.array(DESCRIPTORS), shapes=np.array(SHAPES))


def shape_probabilities(rings: Floats, network: ShapeNetwork | None = None) -> Floats:
    """(n, len(SHAPES)) probabilities of closed outlines (n, k, 2) of evenly spaced points (y, x)."""
    if not len(rings):
        return np.zeros((0, len(SHAPES)))
    return (network or shipped())(descriptors(rings))


def among_others(seen: Floats, counted: NDArray[np.bool_] | None = None) -> Floats:
    """(n, k) probabilities of particles of one micrograph, given all of them.

    What tells shapes or classes apart has learned from as many of each, but many particles of a micrograph are of few kinds, and
    an outline that may be two things is the one that the others are. The shares of the kinds are those under which the particles
    are likeliest, by expectation maximisation (Saerens et al., Neural Comput. 14 (2002) 21), from a Dirichlet prior of `_PRIOR`
    particles of each.

    seen: (n, k) probabilities of each on its own; counted: (n,) the particles that say what kinds there are, None: all
    """
    k = seen.shape[1]
    share = np.full(k, 1 / k)
    says = seen if counted is None else seen[counted]
    for _ in range(_MOST_STEPS):
        now = says * share
        now /= now.sum(axis=1, keepdims=True)
        before, share = share, (now.sum(axis=0) + _PRIOR) / (len(says) + k * _PRIOR)
        if np.abs(share - before).max() < 1e-6:
            break
    likely = seen * share
    return np.asarray(likely / likely.sum(axis=1, keepdims=True), np.float64)
