"""Over distances: pair correlation g(r), structure factor S(k), how far the lattice's direction and its rows are kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..window import Window
from .neighbours import Floats, Ints
from .symmetry import Complex

_REACH = 10.0  # spacings
_BIN = 0.05  # spacings
_REFERENCES = 2000  # particles from which distances are taken, where there are more
_K_REACH = 4.0  # of 2π / spacing
_CELLS = 12  # a spacing, along each axis, of the grid that S(k) is taken on


@dataclass(frozen=True, slots=True)
class PairFigures:
    """Curves over distance and wave number.

    r, g: (m,) middle of the bins and pair correlation; g_order: (m,) mean of ψ(0)* ψ(r), NaN where no pair is
    k, s: (q,) wave number (2π over a length) and structure factor
    translational_length: over which the peaks of g(r) - 1 fall to 1/e; NaN where they do not fall off so far, or there is none
    orientational_length: the same of `g_order` over its value at the first neighbours
    reach: largest distance looked at, half the shorter side of the frame or ten spacings
    """

    r: Floats
    g: Floats
    g_order: Floats
    k: Floats
    s: Floats
    translational_length: float
    orientational_length: float
    reach: float


def pair_figures(at: Floats, window: Window, spacing: float, psi: Complex, *, seed: int = 0) -> PairFigures | None:
    """The curves of particles at (n, 2) within a window; None for fewer than ten particles.

    Notes
    -----
    g(r) has the translational edge correction of Ohser & Stoyan: a pair of difference (dy, dx) counts one over the area common to
    the window and the window moved by it, so that nothing is assumed of what lies outside. S(k) is the scattering intensity at the
    wave vectors that the window allows (multiples of 2π over its sides), where the mean density does not leak in (Hawat et al.,
    Stat. Comput. 33 (2023) 61), averaged over directions.
    """
    inside = window.contains(at)
    at, psi = at[inside], psi[inside]
    n = len(at)
    if n < 10 or not spacing > 0:
        return None
    reach = min(_REACH * spacing, min(window.shape) / 2)
    edges = np.arange(0.0, reach + 1e-9, _BIN * spacing)
    if len(edges) < 3:
        return None
    references = np.arange(n) if n <= _REFERENCES else np.sort(np.random.default_rng(seed).choice(n, _REFERENCES, replace=False))
    tree = cKDTree(at)
    found = cKDTree(at[references]).sparse_distance_matrix(tree, edges[-1], output_type="ndarray")
    i, j, distance = references[found["i"]], found["j"], found["v"]
    apart = i != j
    i, j, distance = i[apart], j[apart], distance[apart]
    step = np.abs(at[j] - at[i])
    height, width = window.shape
    common = (height - step[:, 0]) * (width - step[:, 1])
    which = np.minimum((distance / (edges[1] - edges[0])).astype(np.int64), len(edges) - 2)
    m = len(edges) - 1
    ring = math.pi * (edges[1:] ** 2 - edges[:-1] ** 2)
    # pairs counted from a share of the particles; (n - 1) of the others are at random places
    per_pair = np.bincount(which, weights=1 / common, minlength=m) * (n / len(references))
    g = per_pair * window.area**2 / (n * (n - 1)) / ring
    r = (edges[1:] + edges[:-1]) / 2
    count = np.bincount(which, minlength=m)
    alike = np.bincount(which, weights=(np.conj(psi[i]) * psi[j]).real, minlength=m)
    g_order = np.where(count > 0, alike / np.maximum(count, 1), np.nan)
    k, s = _structure_factor(at, window, spacing)
    return PairFigures(
        r, g, g_order, k, s, _peak_length(r, g, spacing), _order_length(r, g_order, count, spacing), float(edges[-1])
    )


def _structure_factor(at: Floats, window: Window, spacing: float) -> tuple[Floats, Floats]:
    height, width = window.shape
    shape = [max(round(side / spacing * _CELLS), 16) for side in (height, width)]
    grid = np.zeros(shape)
    place = (at - (window.y0, window.x0)) / (height, width) * shape - 0.5
    low = np.floor(place).astype(np.int64)
    part = place - low
    for dy in (0, 1):  # each particle is shared among four cells, which is undone below
        for dx in (0, 1):
            share = np.abs(1 - dy - part[:, 0]) * np.abs(1 - dx - part[:, 1])
            np.add.at(grid, ((low[:, 0] + dy) % shape[0], (low[:, 1] + dx) % shape[1]), share)
    power = np.abs(np.fft.rfft2(grid)) ** 2
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    power /= (np.sinc(fy) * np.sinc(fx)) ** 4
    k = 2 * math.pi * np.hypot(fy * shape[0] / height, fx * shape[1] / width)
    twice = np.where((fx > 0) & (fx < 0.5), 2.0, 1.0) * np.ones_like(fy)
    wide = 2 * math.pi / min(height, width)
    most = _K_REACH * 2 * math.pi / spacing
    bins = max(int(most / wide), 2)
    which = np.round(k / wide).astype(np.int64).ravel()
    good = (which > 0) & (which <= bins)
    count = np.bincount(which[good], weights=twice.ravel()[good], minlength=bins + 1)
    total = np.bincount(which[good], weights=(power * twice).ravel()[good], minlength=bins + 1)
    there = np.flatnonzero(count)
    return np.asarray(there * wide, np.float64), total[there] / count[there] / len(at)


def _peak_length(r: Floats, g: Floats, spacing: float) -> float:
    """1/e length of the peaks of g(r) - 1, from a straight line through the logarithms of the highest value in each spacing."""
    shell = np.floor(r / spacing - 0.5).astype(np.int64)
    tops = [(float(r[shell == q][np.argmax(g[shell == q])]), float(g[shell == q].max()) - 1) for q in range(int(shell.max()))]
    good = [(x, y) for x, y in tops if y > 0.02]
    if len(good) < 3:
        return math.nan
    x, y = np.array(good).T
    slope = float(np.polyfit(x, np.log(y), 1, w=np.sqrt(y))[0])
    return -1 / slope if slope < 0 else math.nan


def _order_length(r: Floats, g_order: Floats, count: Ints, spacing: float) -> float:
    shell = np.round(r / spacing).astype(np.int64)
    use = (count > 0) & (shell > 0)
    if not use.any():
        return math.nan
    total = np.bincount(shell[use], weights=(g_order * count)[use])
    number = np.bincount(shell[use], weights=count[use])
    mean = total[1:] / np.maximum(number[1:], 1)
    if not mean[0] > 0:
        return math.nan
    below = np.flatnonzero(mean < mean[0] / math.e)
    if not below.size or below[0] == 0:
        return math.nan
    q = int(below[0])
    before, after = mean[q - 1] / mean[0], mean[q] / mean[0]
    return float(spacing * (q + (before - 1 / math.e) / max(before - after, 1e-12)))
