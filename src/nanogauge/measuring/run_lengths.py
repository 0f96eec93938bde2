"""The labels picture as horizontal runs of one label, gone through once: areas, moments, boxes and sums over particles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Runs:
    """Horizontal runs of pixels of one label, sorted by particle, then row. `last` is inclusive.

    `starts` and `own` lead back to the picture: the flat index where each run of it begins, background included, and which
    of those are ours, in our order.
    """

    values: Ints  # (n,) labels
    particle: Ints  # (r,) index into values
    row: Ints
    first: Ints
    last: Ints
    starts: Ints
    own: Ints

    @property
    def n(self) -> int:
        return self.values.size

    @property
    def begin(self) -> Ints:
        """(n,) index of each particle's first run."""
        return np.searchsorted(self.particle, np.arange(self.n)).astype(np.int64)

    @property
    def length(self) -> Ints:
        return self.last - self.first + 1

    def total(self, per_run: NDArray[Any]) -> Floats:
        """(n,) sums of a figure of each run over the particles."""
        return np.asarray(np.bincount(self.particle, weights=per_run, minlength=self.n), np.float64)


def find_runs(labels: NDArray[Any]) -> Runs:
    """The runs of a labels picture (H, W), 0 = background."""
    width = labels.shape[1]
    begins = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=begins[:, 1:])
    starts = np.flatnonzero(begins).astype(np.int64)
    run_labels = labels.ravel()[starts]
    own = np.flatnonzero(run_labels).astype(np.int64)
    values, particle = np.unique(run_labels[own], return_inverse=True)
    order = np.argsort(particle, kind="stable")
    own = own[order]
    length = np.diff(starts, append=labels.size)[own]
    row, first = np.divmod(starts[own], width)
    return Runs(values.astype(np.int64), particle[order].astype(np.int64), row, first, first + length - 1, starts, own)


def run_sums(runs: Runs, image: NDArray[Any]) -> Floats:
    """(r,) sum of an image over each run."""
    with np.errstate(invalid="ignore"):  # inf - inf in the background is nobody's business
        return np.add.reduceat(image.ravel(), runs.starts, dtype=np.float64)[runs.own]


def index_image(runs: Runs, shape: tuple[int, int]) -> NDArray[np.int32]:
    """(H, W) index of each pixel's particle in `runs.values`, -1 for the background."""
    per_run = np.full(runs.starts.size, -1, np.int32)
    per_run[runs.own] = runs.particle
    lengths = np.diff(runs.starts, append=shape[0] * shape[1])
    return np.repeat(per_run, lengths).reshape(shape)


@dataclass(frozen=True, slots=True)
class Moments:
    """Area, centroid, and second central moments over area, each (n,), in px. Each pixel counts as a square, not a point."""

    area: Floats
    y: Floats
    x: Floats
    yy: Floats
    xx: Floats
    xy: Floats


def moments_of(runs: Runs) -> Moments:
    """Moments of all particles."""
    length = runs.length.astype(np.float64)
    middle = (runs.first + runs.last) / 2
    area = runs.total(length)
    y, x = runs.total(length * runs.row) / area, runs.total(length * middle) / area
    dy, dx = runs.row - y[runs.particle], middle - x[runs.particle]  # central: nothing large is subtracted later
    # a square pixel adds 1/12, a run of k of them k²/12 along itself; without it, a line one pixel wide has no width
    yy = runs.total(length * (dy * dy + 1 / 12)) / area
    xx = runs.total(length * (dx * dx + length * length / 12)) / area
    return Moments(area, y, x, yy, xx, runs.total(length * dy * dx) / area)


def ellipse_residual(runs: Runs, m: Moments) -> Floats:
    """(n,) share of each particle's area outside the ellipse of the same area, centre and ratio and direction of axes.

    Each run is cut with the ellipse's chord through the middle of its row: exact along x, the midpoint rule along y.
    """
    det = np.maximum(m.yy * m.xx - m.xy**2, 1e-12)
    a, b, e = (m.yy / det)[runs.particle], (-m.xy / det)[runs.particle], (m.xx / det)[runs.particle]
    level = (m.area / (np.pi * np.sqrt(det)))[runs.particle]
    dy = runs.row - m.y[runs.particle]
    inside = (b * dy) ** 2 - a * (e * dy**2 - level)
    half = np.sqrt(np.maximum(inside, 0)) / a
    centre = m.x[runs.particle] - b * dy / a
    overlap = np.minimum(runs.last + 0.5, centre + half) - np.maximum(runs.first - 0.5, centre - half)
    return np.asarray(1 - runs.total(np.where(inside > 0, np.maximum(overlap, 0), 0)) / m.area, np.float64)


def boxes_of(runs: Runs) -> Ints:
    """(4, n): y0, x0, y1, x1 of each particle, half-open."""
    begin = runs.begin
    y0, y1 = np.minimum.reduceat(runs.row, begin), np.maximum.reduceat(runs.row, begin) + 1
    x0, x1 = np.minimum.reduceat(runs.first, begin), np.maximum.reduceat(runs.last, begin) + 1
    return np.stack([y0, x0, y1, x1])
