"""The plane divided among particles: areas of grains, voids and vacancies, and the lines along which grains meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..window import Window
from .neighbours import HOLE, Bools, Floats, Ints, Neighbours
from .symmetry import Lattice

_CELLS = 10  # of the map, a spacing, along each axis
_MOST_CELLS = 40_000_000
_FAR: dict[Lattice, float] = {"hexagonal": 0.62, "square": 0.75}  # spacings from a particle that a whole lattice hardly has
CELL: dict[Lattice, float] = {"hexagonal": 3**0.5 / 2, "square": 1.0}  # area of a particle's cell over the squared spacing
_VACANCIES_MOST = 2.5  # cells: a larger hole is a void
_VACANCY_LEAST = 0.25
_GAP = 1.25  # spacings: circumradius of a triangle that may lie in the loose seam between two grains; beyond, in a void
_SMOOTHINGS = 4


@dataclass(frozen=True, slots=True)
class PlaneMap:
    """The window as cells of `cell` by `cell`.

    nearest: (h, w) particle of each cell; void: (h, w) holes too large to be vacancies; vacancies: holes of one or two cells
    """

    window: Window
    cell: tuple[float, float]
    nearest: NDArray[np.int32]
    void: Bools
    vacancies: int

    @property
    def cell_area(self) -> float:
        """Of a cell of the map."""
        return self.cell[0] * self.cell[1]

    @property
    def void_area(self) -> float:
        """Of all voids."""
        return float(self.void.sum()) * self.cell_area

    def of(self, values: NDArray[Any], outside: Any = 0) -> NDArray[Any]:
        """(h, w) of a value of each particle (n,), `outside` in voids."""
        return np.where(self.void, outside, values[self.nearest])

    def areas(self, grain: Ints, n: int) -> Floats:
        """(n + 1,) area of each grain, entry 0 what belongs to none; voids left out."""
        return np.asarray(np.bincount(self.of(grain, n + 1).ravel(), minlength=n + 2)[: n + 1] * self.cell_area, np.float64)


def plane_map(at: Floats, window: Window, spacing: float, lattice: Lattice, grain: Ints) -> PlaneMap:
    """Each cell of the window goes to the particle nearest to it, but for voids. grain: (n,), for vacancies are within one."""
    height, width = window.shape
    fine = _CELLS / spacing
    fine *= min(1.0, (_MOST_CELLS / max(height * width * fine**2, 1)) ** 0.5)
    shape = max(round(height * fine), 2), max(round(width * fine), 2)
    cell = height / shape[0], width / shape[1]
    seeds = np.ones(shape, np.uint8)
    place = np.floor((at - (window.y0, window.x0)) / cell).astype(np.int64)
    place = np.clip(place, 0, np.array(shape) - 1)
    seeds[place[:, 0], place[:, 1]] = 0
    away, label = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    particle = np.zeros(int(label.max(initial=0)) + 1, np.int32)
    particle[label[place[:, 0], place[:, 1]]] = np.arange(len(at), dtype=np.int32)
    distance = away * (cell[0] * cell[1]) ** 0.5 / spacing
    nearest = particle[label]
    void, vacancies = _voids(distance, (cell[0] / spacing, cell[1] / spacing), lattice, grain[nearest])
    return PlaneMap(window, cell, nearest, void, vacancies)


def _voids(distance: NDArray[np.float32], cell: tuple[float, float], lattice: Lattice, grain: Ints) -> tuple[Bools, int]:
    """Where voids are, and how many vacancies.

    distance: (h, w) to the nearest particle; cell: height and width of a cell of the map; both in spacings; grain: (h, w)
    """
    tall, wide = cell
    far = (distance > _FAR[lattice]).astype(np.uint8)
    n, piece, stats, _ = cv2.connectedComponentsWithStats(far, connectivity=8)
    rows, columns = np.nonzero(far)
    of = piece[rows, columns].astype(np.int64)
    deepest, lowest, highest = np.zeros(n), np.full(n, np.iinfo(np.int64).max), np.zeros(n, np.int64)
    h, w = distance.shape
    # beside the frame a particle that it hides may be nearer than any seen
    room = np.minimum(np.minimum(rows, h - 1 - rows) * tall, np.minimum(columns, w - 1 - columns) * wide)
    np.maximum.at(deepest, of, np.minimum(distance[rows, columns], room))
    np.minimum.at(lowest, of, grain[rows, columns])
    np.maximum.at(highest, of, grain[rows, columns])
    area = stats[:, cv2.CC_STAT_AREA] * tall * wide / CELL[lattice]
    hole = deepest > HOLE
    cut = (stats[:, 0] == 0) | (stats[:, 1] == 0) | (stats[:, 0] + stats[:, 2] == w) | (stats[:, 1] + stats[:, 3] == h)
    small = hole & (area < _VACANCIES_MOST) & (area > _VACANCY_LEAST) & ~cut & (lowest == highest) & (lowest > 0)
    return np.asarray((hole & (area >= _VACANCIES_MOST))[piece], bool), int(np.maximum(np.round(area[small]), 1).sum())


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Pieces of the lines along which grains meet. pieces: (m, 2, 2) y, x of their ends; one, other: (m,) grains, one < other."""

    pieces: Floats
    one: Ints
    other: Ints

    def length(self) -> Floats:
        """(m,) of each piece."""
        return np.asarray(np.hypot(*(self.pieces[:, 1] - self.pieces[:, 0]).T), np.float64)


def boundaries(near: Neighbours, grain: Ints) -> Boundaries:
    """Where grains meet: from the middle of one bond across to that of the next, through triangles not across a void.

    Smoothed, as the middles lie to the left and right of the line by up to half a spacing.
    """
    t = near.triangles[near.radius < _GAP * near.spacing]
    t = t[(grain[t] > 0).all(axis=1)]
    mixed = np.stack([grain[t[:, k]] != grain[t[:, (k + 1) % 3]] for k in range(3)], axis=1)
    t, mixed = t[mixed.any(axis=1)], mixed[mixed.any(axis=1)]
    if not len(t):
        return Boundaries(np.zeros((0, 2, 2)), np.zeros(0, np.int64), np.zeros(0, np.int64))
    i, j = t, np.roll(t, -1, axis=1)  # the sides k: t[k] to t[k + 1]
    key = np.minimum(i, j) * near.n + np.maximum(i, j)
    sides, which = np.unique(key[mixed], return_inverse=True)
    node = np.full(key.shape, -1)
    node[mixed] = which.ravel()
    a, b = np.divmod(sides, near.n)
    at = (near.at[a] + near.at[b]) / 2
    triple = mixed.all(axis=1)
    pair = node[~triple]
    pair = np.sort(pair, axis=1)[:, 1:]  # the two mixed sides; -1 comes first
    at = _smoothed(at, pair)
    kind = np.stack([np.minimum(grain[a], grain[b]), np.maximum(grain[a], grain[b])], axis=1)
    middle = at[node[triple]].mean(axis=1)
    spokes = np.stack([at[node[triple]], np.repeat(middle[:, None], 3, axis=1)], axis=2).reshape(-1, 2, 2)
    pieces = np.concatenate([at[pair], spokes])
    grains = np.concatenate([kind[pair[:, 0]], kind[node[triple].ravel()]])
    return Boundaries(pieces, grains[:, 0], grains[:, 1])


def _smoothed(at: Floats, pair: Ints) -> Floats:
    """Each point moves towards the mean of the two beside it; ends stay."""
    n = len(at)
    ends = np.bincount(pair.ravel(), minlength=n)
    a, b = np.concatenate([pair[:, 0], pair[:, 1]]), np.concatenate([pair[:, 1], pair[:, 0]])
    for _ in range(_SMOOTHINGS):
        beside = np.stack([np.bincount(a, weights=at[b, k], minlength=n) for k in (0, 1)], axis=1)
        at = np.where((ends == 2)[:, None], (at + beside / 2) / 2, at)
    return at
