"""Labels and a scale to the particle table: one row a particle, columns as registered in `particles`.

Sizes and shapes follow ISO 9276-6:2008. The picture is gone through once, as horizontal runs of equal labels, so the cost
hardly depends on how many particles there are; only the convex hulls are taken one by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .particles import Flag, column_dtypes, flag_text
from .scale import Scale

EDGE_WEIGHT_CAP = 10.0  # one particle nearly as large as the frame must not outvote all others

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Frame = tuple[int, int, int, int]
_Spacing = tuple[float, float]


def measure_particles(
    labels: NDArray[np.integer[Any]],
    *,
    pixels: NDArray[Any],
    scale: Scale | None,
    confidence: NDArray[np.floating[Any]] | None = None,
    frame: Frame | None = None,
    separated: Iterable[int] | None = None,
    low_confidence_below: float = 0.6,
) -> pd.DataFrame:
    """The particle table: one row a label, in order of label; columns and dtypes as `particles.column_names` has them.

    labels: (H, W) integers, 0 = background, any positive values; pixels of one value are one particle, in one piece or not
    pixels: (H, W) grey levels, for `mean_grey`
    scale: nm per px in y and x; None leaves the `_nm` columns out
    confidence: (H, W) certainty of the network in [0, 1]; None gives NaN and no LOW_CONFIDENCE flags
    frame: (y0, x0, y1, x1) in px, half-open, the part of (H, W) that is picture; None: all of it. A side of the frame that
        is not a side of the picture is a data bar
    separated: the labels that touched a neighbour and were split from it
    low_confidence_below: mean confidence under which a particle is flagged

    Where the scale differs in y and x, outlines are measured in nm, and aspect ratio, circularity and orientation are those
    of the specimen; without a scale they are those of the pixel grid. Columns in px are always of the grid.

    Sources: ISO 9276-6:2008 (diameters, Feret, aspect ratio, solidity); Legland et al., Image Anal. Stereol. 26 (2007) 83
    (Crofton perimeter); Miles, Izv. Akad. Nauk Arm. SSR Mat. 9 (1974) and Lantuéjoul, Microsc. Acta Suppl. 4 (1980) 266
    (edge weights).

    Raises ValueError where a shape, a label or the frame does not fit.
    """
    frame = _checked_frame(labels, pixels, confidence, frame)
    dtypes = column_dtypes(in_nm=scale is not None)
    runs = _find_runs(labels)
    if not runs.values.size:
        return pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in dtypes.items()})
    columns: dict[str, Any] = {"label": runs.values}
    moments = _moments(runs)
    columns |= {"y": moments.y, "x": moments.x, "area_px2": moments.area}
    crossings, hulls = _crossings(labels, runs.values), _hulls(runs)
    shape = _shape(moments, crossings, hulls, (1.0, 1.0))
    columns |= {f"{name}_px": shape[name] for name in _LENGTHS}
    if scale is not None:
        shape = _shape(moments, crossings, hulls, scale.nm_per_px)
        columns["area_nm2"] = shape["area"]
        columns |= {f"{name}_nm": shape[name] for name in _LENGTHS}
    columns |= {name: shape[name] for name in ("aspect_ratio", "circularity", "solidity", "orientation_deg")}
    columns["mean_grey"] = runs.total(_run_sums(runs, pixels)) / moments.area
    certainty = np.full(runs.n, np.nan) if confidence is None else runs.total(_run_sums(runs, confidence)) / moments.area
    columns["confidence"] = certainty
    boxes = _boxes(runs)
    flags = _edge_flags(boxes, frame, (labels.shape[0], labels.shape[1]))
    columns["edge_weight"] = np.where(flags > 0, 0.0, _edge_weights(boxes, frame))
    flags |= np.where(certainty < low_confidence_below, Flag.LOW_CONFIDENCE.value, 0)
    if separated is not None:
        flags |= np.where(np.isin(runs.values, np.fromiter(separated, np.int64)), Flag.SEPARATED.value, 0)
    columns["flags"] = [flag_text(Flag(int(f))) for f in flags]
    return pd.DataFrame({name: pd.Series(columns[name], dtype=dtype) for name, dtype in dtypes.items()})


_LENGTHS = ("equivalent_diameter", "feret_max", "feret_min", "axis_major", "axis_minor", "perimeter")


def _checked_frame(labels: NDArray[Any], pixels: NDArray[Any], confidence: NDArray[Any] | None, frame: Frame | None) -> Frame:
    if labels.ndim != 2 or labels.size == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be a non-empty (H, W) array of integers, got shape {labels.shape} of {labels.dtype}")
    if labels.min() < 0:
        raise ValueError(f"labels must be 0 or positive, got {labels.min()}")
    for name, array in (("pixels", pixels), ("confidence", confidence)):
        if array is not None and array.shape != labels.shape:
            raise ValueError(f"{name} must have the shape of labels, {labels.shape}, got {array.shape}")
    height, width = labels.shape
    if frame is None:
        return 0, 0, height, width
    y0, x0, y1, x1 = frame
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise ValueError(f"frame must be a non-empty box (y0, x0, y1, x1) within {labels.shape}, got {frame}")
    return frame


@dataclass(frozen=True, slots=True)
class _Runs:
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

    def total(self, per_run: NDArray[Any]) -> Floats:
        return np.asarray(np.bincount(self.particle, weights=per_run, minlength=self.n), np.float64)


def _find_runs(labels: NDArray[Any]) -> _Runs:
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
    return _Runs(values.astype(np.int64), particle[order].astype(np.int64), row, first, first + length - 1, starts, own)


def _run_sums(runs: _Runs, image: NDArray[Any]) -> Floats:
    """(r,) sum of an image over each run."""
    with np.errstate(invalid="ignore"):  # inf - inf in the background is nobody's business
        return np.add.reduceat(image.ravel(), runs.starts, dtype=np.float64)[runs.own]


@dataclass(frozen=True, slots=True)
class _Moments:
    """Area, centroid, and second central moments over area, each (n,), in px. Each pixel counts as a square, not a point."""

    area: Floats
    y: Floats
    x: Floats
    yy: Floats
    xx: Floats
    xy: Floats


def _moments(runs: _Runs) -> _Moments:
    length = (runs.last - runs.first + 1).astype(np.float64)
    middle = (runs.first + runs.last) / 2
    area = runs.total(length)
    y, x = runs.total(length * runs.row) / area, runs.total(length * middle) / area
    dy, dx = runs.row - y[runs.particle], middle - x[runs.particle]  # central: nothing large is subtracted later
    # a square pixel adds 1/12, a run of k of them k²/12 along itself; without it, a line one pixel wide has no width
    yy = runs.total(length * (dy * dy + 1 / 12)) / area
    xx = runs.total(length * (dx * dx + length * length / 12)) / area
    return _Moments(area, y, x, yy, xx, runs.total(length * dy * dx) / area)


def _crossings(labels: NDArray[Any], values: Ints) -> Floats:
    """(4, n) how often lines along x, y and the two diagonals leave each particle."""
    padded = np.pad(labels, 1)
    height, width = labels.shape
    counts = np.zeros((4, values.size))
    for k, (dy, dx) in enumerate(((0, 1), (1, 0), (1, 1), (1, -1))):
        beyond = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        leaving = labels[(labels != beyond) & (labels > 0)]
        counts[k] = np.bincount(np.searchsorted(values, leaving), minlength=values.size)
    return counts


def _hulls(runs: _Runs) -> list[Floats]:
    """Convex hull of the middles of each particle's pixel edges: n arrays (k, 2) of (y, x) in px, in order round the hull.

    Of pixel centres, edge middles and pixel corners the middles come nearest to the Feret diameters of true shapes: centres
    fall short by up to 1.2 px, corners go beyond by as much (docs/conventions.md).
    """
    doubled = np.empty((runs.row.size, 6, 2), np.int32)  # whole numbers make the hull exact; OpenCV's order is (x, y)
    rows, left, right = 2 * runs.row, 2 * runs.first, 2 * runs.last
    for k, (x, y) in enumerate(
        ((left - 1, rows), (left, rows - 1), (left, rows + 1), (right + 1, rows), (right, rows - 1), (right, rows + 1))
    ):
        doubled[:, k, 0], doubled[:, k, 1] = x, y
    parts = np.split(doubled, runs.begin[1:])
    return [cv2.convexHull(part.reshape(-1, 1, 2))[:, 0, ::-1] / 2 for part in parts]


def _shape(moments: _Moments, crossings: Floats, hulls: list[Floats], spacing: _Spacing) -> dict[str, Floats]:
    """Sizes and shapes, each (n,), where a pixel is `spacing` (y, x) long."""
    sy, sx = spacing
    area = moments.area * (sy * sx)
    feret_max, feret_min, hull_area = np.array([_feret(hull * spacing) for hull in hulls]).T
    # by Pick's theorem half a pixel more makes the hull of the middles hold every pixel centre within it: solidity <= 1
    hull_area = hull_area + 0.5 * sy * sx
    perimeter = _crofton(crossings, spacing)
    yy, xx, xy = moments.yy * sy**2, moments.xx * sx**2, moments.xy * sy * sx
    half, spread = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
    # rows count downwards, hence -xy for counter-clockwise; + 0.0 turns -0.0 into 0.0, and so -90° into 90°
    orientation = np.rad2deg(np.arctan2(-2 * xy + 0.0, xx - yy)) / 2
    return {
        "area": area,
        "equivalent_diameter": np.sqrt(4 * area / np.pi),
        "feret_max": feret_max,
        "feret_min": feret_min,
        "axis_major": 4 * np.sqrt(half + spread),
        "axis_minor": 4 * np.sqrt(np.maximum(half - spread, 0)),
        "perimeter": perimeter,
        "aspect_ratio": feret_min / feret_max,
        "circularity": 4 * np.pi * area / perimeter**2,
        "solidity": area / hull_area,
        "orientation_deg": orientation,
    }


def _feret(hull: Floats) -> tuple[float, float, float]:
    """Largest and smallest distance between parallel tangents, and area, of a convex polygon (k, 2).

    The largest lies between two corners, the smallest square to a side (Freeman & Shapira, CACM 18 (1975) 409): the pairs
    that rotating calipers visit, all at once. k is some tens, so k² costs less than a loop over k.
    """
    apart = hull[None] - hull[:, None]  # (k, k, 2): from i to j
    side = np.roll(hull, -1, axis=0) - hull  # (k, 2)
    height = np.abs(side[:, None, 0] * apart[..., 1] - side[:, None, 1] * apart[..., 0]).max(axis=1) / np.hypot(*side.T)
    y, x = hull.T
    area = abs(np.dot(y, np.roll(x, -1)) - np.dot(x, np.roll(y, -1))) / 2
    return math.sqrt((apart**2).sum(axis=2).max()), float(height.min()), float(area)


def _crofton(crossings: Floats, spacing: _Spacing) -> Floats:
    """Perimeter (n,) = π Σ share of all directions · spacing of the lines · crossings (Legland et al. 2007).

    On square pixels all four shares are 1/4, as in `skimage.measure.perimeter_crofton(directions=4)`.
    """
    sy, sx = spacing
    diagonal = math.atan2(sy, sx)  # each direction stands for those nearer to it than to another
    shares = np.array([diagonal / math.pi, 0.5 - diagonal / math.pi, 0.25, 0.25])
    between = np.array([sy, sx, sy * sx / math.hypot(sy, sx), sy * sx / math.hypot(sy, sx)])
    return np.asarray(math.pi * (shares * between) @ crossings, np.float64)


def _boxes(runs: _Runs) -> Ints:
    """(4, n): y0, x0, y1, x1 of each particle, half-open."""
    begin = runs.begin
    y0, y1 = np.minimum.reduceat(runs.row, begin), np.maximum.reduceat(runs.row, begin) + 1
    x0, x1 = np.minimum.reduceat(runs.first, begin), np.maximum.reduceat(runs.last, begin) + 1
    return np.stack([y0, x0, y1, x1])


def _edge_flags(boxes: Ints, frame: Frame, shape: tuple[int, int]) -> Ints:
    """(n,) TOUCHES_BORDER and TOUCHES_DATA_BAR: a pixel in the outermost rows or columns of the frame, or beyond them."""
    y0, x0, y1, x1 = boxes
    sides = (
        (y0 <= frame[0], frame[0] == 0),
        (x0 <= frame[1], frame[1] == 0),
        (y1 >= frame[2], frame[2] == shape[0]),
        (x1 >= frame[3], frame[3] == shape[1]),
    )
    flags = np.zeros(y0.size, np.int64)
    for touches, is_border in sides:
        flags |= np.where(touches, (Flag.TOUCHES_BORDER if is_border else Flag.TOUCHES_DATA_BAR).value, 0)
    return flags


def _edge_weights(boxes: Ints, frame: Frame) -> Floats:
    """(n,) HW / ((H - h)(W - w)): one over the chance that a particle of h x w px lies wholly within the frame of H x W px."""
    height, width = frame[2] - frame[0], frame[3] - frame[1]
    room = np.maximum(height - (boxes[2] - boxes[0]), 0) * np.maximum(width - (boxes[3] - boxes[1]), 0)
    return np.asarray(np.minimum(height * width / np.maximum(room, 1), EDGE_WEIGHT_CAP), np.float64)
