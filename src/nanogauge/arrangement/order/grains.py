"""Grains: connected particles whose lattice has one direction. Works on any graph of places, particles or cells of a picture."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .neighbours import Bools, Floats, Ints
from .symmetry import Complex

_STRANGE = 0.3  # of the least turn: places turned by more against a neighbour are not the heart of a grain
_ONE_DIRECTION = 0.4  # of the least turn: standard deviation of the directions in a grain; of two halves so turned it is 0.5
_CLOSER, _CLOSER_ROUNDS = 0.7, 5
_ALIKE = 1.5  # noises by which directions may differ to be averaged
_ORDERED = 0.5  # of |ψ|, averaged with the neighbours, from which a particle lies in a lattice; of bonds at random it is 0.2
_REACH = 3  # bonds from the heart of a grain to its rim
_SETTLINGS = 6
_TOGETHER = 3.0  # what neighbours in a grain weigh, against the square of the misfit over its noise
_LEAST_NOISE_DEG = 1.0
_MOST_MISFIT = 4.0  # in noises: a particle at a fault is no witness


@dataclass(frozen=True, slots=True)
class Graph:
    """Places and who is beside whom. first, second: (b,); weight: (b,) what a pair counts."""

    n: int
    first: Ints
    second: Ints
    weight: Floats


@dataclass(frozen=True, slots=True)
class Grains:
    """grain: (n,) number of each place's grain from 1, 0 for none; direction_deg: (g,), its standard error error_deg: (g,);
    ordered: (n,) whether the place lies in a lattice at all; noise_deg: of the direction of one place."""

    grain: Ints
    direction_deg: Floats
    error_deg: Floats
    ordered: Bools
    noise_deg: float

    @property
    def n(self) -> int:
        """How many."""
        return len(self.direction_deg)


def find_grains(graph: Graph, psi: Complex, fold: int, *, least_turn_deg: float, least: int, smoothings: int = 3) -> Grains:
    """Grains of a field of ψ.

    Parameters
    ----------
    graph : Graph
        Places and their neighbours.
    psi : (n,) array of complex
        ψ of each place; its angle is `fold` times the lattice's direction.
    fold : int
        6 for a hexagonal lattice, 4 for a square one.
    least_turn_deg : float
        Neighbouring lattices turned against each other by less are one grain.
    least : int
        Grains of fewer places are none.
    smoothings : int
        How often ψ is averaged with that of neighbours; 0 where it is smooth already.

    Returns
    -------
    Grains

    Notes
    -----
    ψ is averaged with those neighbours whose direction is alike, so that boundaries stay where they are (a bilateral filter,
    Tomasi & Manduchi, ICCV 1998). Places that agree with all their neighbours are the hearts of grains, and grow by `_REACH` bonds;
    neighbouring grains whose mean directions differ by less than the least turn are joined, the most alike first. Then each place
    at a boundary goes to the grain that fits its own ψ and its neighbours best, until none moves (iterated conditional modes,
    Besag, J. R. Stat. Soc. B 48 (1986) 259).
    """
    a, b = np.concatenate([graph.first, graph.second]), np.concatenate([graph.second, graph.first])
    w = np.concatenate([graph.weight, graph.weight])
    noise = max(_noise(graph, psi, fold), _LEAST_NOISE_DEG)
    smooth = _smoothed(graph.n, a, b, w, psi, fold, np.deg2rad(max(least_turn_deg / 2, _ALIKE * noise)), smoothings)
    ordered = np.abs(_averaged(graph.n, a, b, w, psi)) >= _ORDERED
    grain = _hearts(graph.n, a, b, smooth, fold, ordered, np.deg2rad(least_turn_deg))
    grain = _grown(graph.n, a, b, grain, smooth, fold, ordered, _REACH)
    grain = _joined(a, b, grain, psi, fold, np.deg2rad(least_turn_deg))
    grain = _without_small(grain, least)
    grain = _grown(graph.n, a, b, grain, smooth, fold, np.ones(graph.n, bool), _REACH)
    grain = _settled(graph.n, a, b, w, grain, psi, fold, np.deg2rad(noise))
    grain = _numbered(_without_small(grain, least))
    direction, error = _directions(graph.n, a, b, grain, psi, fold)
    return Grains(grain, direction, error, ordered, noise)


def _noise(graph: Graph, psi: Complex, fold: int) -> float:
    """Standard deviation in degrees of the direction of one place, from those of neighbours."""
    if not len(graph.first):
        return 0.0
    turn = np.abs(np.angle(psi[graph.first] * np.conj(psi[graph.second]))) / fold
    return float(np.rad2deg(1.4826 * np.median(turn)) / np.sqrt(2))


def _sums(n: int, a: Ints, values: Complex) -> Complex:
    return np.asarray(
        np.bincount(a, weights=values.real, minlength=n) + 1j * np.bincount(a, weights=values.imag, minlength=n), np.complex128
    )


def _averaged(n: int, a: Ints, b: Ints, w: Floats, psi: Complex) -> Complex:
    """ψ averaged with that of all neighbours, which count as much as the place itself all together but for their number."""
    usual = w.mean() if w.size else 1.0
    total = psi * usual + _sums(n, a, w * psi[b])
    return np.asarray(total / (usual + np.bincount(a, weights=w, minlength=n)), np.complex128)


def _smoothed(n: int, a: Ints, b: Ints, w: Floats, psi: Complex, fold: int, width: float, rounds: int) -> Complex:
    for _ in range(rounds):
        turn = np.angle(psi[a] * np.conj(psi[b])) / fold
        alike = w * np.exp(-0.5 * (turn / width) ** 2)
        usual = w.mean() if w.size else 1.0
        psi = (psi * usual + _sums(n, a, alike * psi[b])) / (usual + np.bincount(a, weights=alike, minlength=n))
    return psi


def _hearts(n: int, a: Ints, b: Ints, psi: Complex, fold: int, ordered: Bools, least: float) -> Ints:
    """Connected places that agree with all their neighbours. Where what is connected has not one direction, because two lattices
    pass into each other somewhere, the agreement asked for is closer."""
    turn = np.abs(np.angle(psi[a] * np.conj(psi[b]))) / fold
    limit = np.full(n, _STRANGE * least)
    grain = np.zeros(n, np.int64)
    for _ in range(_CLOSER_ROUNDS):
        strange = (turn > limit[a]) & ordered[b]
        grain = _components(n, a, b, ordered & (np.bincount(a[strange], minlength=n) == 0))
        off = _misfit(psi, _mean_psi(grain, psi)[grain], fold)
        spread = np.sqrt(np.bincount(grain, weights=off**2) / np.maximum(np.bincount(grain), 1))
        wide = (spread > _ONE_DIRECTION * least)[grain] & (grain > 0)
        if not wide.any():
            break
        limit = np.where(wide, _CLOSER * limit, limit)
    return grain


def _components(n: int, a: Ints, b: Ints, chosen: Bools) -> Ints:
    both = chosen[a] & chosen[b]
    graph = coo_matrix((np.ones(int(both.sum()), np.int8), (a[both], b[both])), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    return _numbered(np.where(chosen, label + 1, 0))


def _numbered(grain: Ints) -> Ints:
    """Numbers 1, 2 ..., the largest first; 0 stays."""
    values, counts = np.unique(grain[grain > 0], return_counts=True)
    new = np.zeros(int(grain.max(initial=0)) + 1, np.int64)
    new[values[np.argsort(-counts, kind="stable")]] = np.arange(1, len(values) + 1)
    return new[grain]


def _mean_psi(grain: Ints, psi: Complex) -> Complex:
    """(g + 1,) sum of ψ of each grain's places, entry 0 for those in none."""
    return _sums(int(grain.max(initial=0)) + 1, grain, psi)


def _misfit(psi: Complex, mean: Complex, fold: int) -> Floats:
    return np.asarray(np.abs(np.angle(psi * np.conj(mean))) / fold, np.float64)


def _grown(n: int, a: Ints, b: Ints, grain: Ints, psi: Complex, fold: int, may: Bools, rounds: int) -> Ints:
    """Places beside a grain join the one that fits them best, `rounds` bonds deep."""
    mean = _mean_psi(grain, psi)
    for _ in range(rounds):
        edge = (grain[a] == 0) & may[a] & (grain[b] > 0)
        if not edge.any():
            break
        place, candidate = a[edge], grain[b[edge]]
        order = np.lexsort((_misfit(psi[place], mean[candidate], fold), place))
        first = np.unique(place[order], return_index=True)
        grain = grain.copy()
        grain[first[0]] = candidate[order][first[1]]
    del n
    return grain


def _joined(a: Ints, b: Ints, grain: Ints, psi: Complex, fold: int, least: float) -> Ints:
    """Neighbouring grains turned by less than `least` become one, the most alike first."""
    size = int(grain.max(initial=0)) + 1
    mean = _mean_psi(grain, psi)
    ga, gb = grain[a], grain[b]
    across = (ga > 0) & (gb > 0) & (ga < gb)
    pairs = np.unique(ga[across] * size + gb[across])
    beside: list[set[int]] = [set() for _ in range(size)]
    for i, j in zip((pairs // size).tolist(), (pairs % size).tolist(), strict=True):
        beside[i].add(j)
        beside[j].add(i)
    parent = np.arange(size)
    version = [0] * size

    def turn(i: int, j: int) -> float:
        return float(abs(np.angle(mean[i] * np.conj(mean[j]))) / fold)

    heap = [(turn(i, j), i, j, 0, 0) for i in range(size) for j in beside[i] if i < j]
    heapq.heapify(heap)
    while heap:
        by, i, j, vi, vj = heapq.heappop(heap)
        if by >= least:
            break
        if (vi, vj) != (version[i], version[j]) or parent[i] != i or parent[j] != j:
            continue
        parent[j] = i
        mean[i] += mean[j]
        version[i] += 1
        beside[i] = (beside[i] | beside[j]) - {i, j}
        for k in beside[j]:
            beside[k].discard(j)
            if k != i:
                beside[k].add(i)
        for k in beside[i]:
            lo, hi = min(i, k), max(i, k)
            heapq.heappush(heap, (turn(lo, hi), lo, hi, version[lo], version[hi]))
    root = parent.copy()
    while (root != parent[root]).any():
        root = parent[root]
    return np.asarray(root[grain], np.int64)


def _without_small(grain: Ints, least: int) -> Ints:
    return np.where(np.bincount(grain, minlength=int(grain.max(initial=0)) + 1)[grain] >= least, grain, 0)


def _settled(n: int, a: Ints, b: Ints, w: Floats, grain: Ints, psi: Complex, fold: int, noise: float) -> Ints:
    """Each place beside another grain goes to the one that fits best, a few times."""
    for _ in range(_SETTLINGS):
        mean = _mean_psi(grain, psi)
        size = len(mean)
        moving = np.zeros(n, bool)
        moving[a[(grain[a] != grain[b]) & (grain[a] > 0) & (grain[b] > 0)]] = True
        counts = moving[a] & (grain[b] > 0)
        if not counts.any():
            break
        key, which = np.unique(a[counts] * size + grain[b[counts]], return_inverse=True)
        held = np.bincount(which.ravel(), weights=w[counts])
        place, candidate = np.divmod(key, size)
        share = held / np.maximum(np.bincount(a, weights=w, minlength=n)[place], 1e-12)
        misfit = np.minimum(_misfit(psi[place], mean[candidate], fold) / noise, _MOST_MISFIT) * np.abs(psi[place])
        score = _TOGETHER * share - misfit**2 / 2
        order = np.lexsort((-score, place))
        first = np.unique(place[order], return_index=True)
        new = grain.copy()
        new[first[0]] = candidate[order][first[1]]
        if (new == grain).all():
            break
        grain = new
    return grain


def _directions(n: int, a: Ints, b: Ints, grain: Ints, psi: Complex, fold: int) -> tuple[Floats, Floats]:
    """Mean direction of each grain and its standard error, in degrees, from places all of whose neighbours are of the grain."""
    size = int(grain.max(initial=0)) + 1
    inner = (grain > 0) & (np.bincount(a[grain[a] != grain[b]], minlength=n) == 0)
    few = np.bincount(grain[inner], minlength=size) < 3
    inner |= (grain > 0) & few[grain]
    mean = _sums(size, grain[inner], psi[inner])[1:]
    off = np.angle(psi[inner] * np.conj(mean[grain[inner] - 1])) / fold
    count = np.bincount(grain[inner], minlength=size)[1:]
    spread = np.sqrt(np.bincount(grain[inner], weights=off**2, minlength=size)[1:] / np.maximum(count - 1, 1))
    return np.rad2deg(np.angle(mean)) / fold, np.rad2deg(spread / np.sqrt(np.maximum(count, 1)))
