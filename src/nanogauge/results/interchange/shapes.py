"""Drawn shapes to labels. Coordinates (y, x) with pixel corners at whole numbers: the pixel (r, c) has its centre at + 0.5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Shape2 = tuple[int, int]

LARGEST_SHARE_LOST = 0.01  # neighbours drawn by hand share a few pixels; more is worth a flag


@dataclass(frozen=True, slots=True)
class Patch:
    """A shape's pixels: `mask` (h, w) with its upper left pixel at (y0, x0) of the picture, all of it inside the picture; name: its
    class, "" where it has none."""

    y0: int
    x0: int
    mask: NDArray[np.bool_]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Painted:
    """labels (H, W) int32; overlapping: labels that lost more than 1 % of their pixels to smaller ones; n_hidden: shapes wholly
    under others; n_empty: shapes without a pixel in the picture; names: the classes of those labels that have one."""

    labels: NDArray[np.int32]
    overlapping: tuple[int, ...]
    n_hidden: int
    n_empty: int
    names: dict[int, str]


def fill(rings: Sequence[Floats], shape: Shape2) -> Patch | None:
    """Pixels whose centre lies inside closed rings, each (n, 2) of (y, x), by the even-odd rule, so that inner rings are holes.

    Exact for any coordinates: a shape and its neighbour along a common edge share no pixel and leave none out. None where no
    pixel of the picture (H, W) is inside. Raises ValueError for coordinates that are not finite.
    """
    rings = [np.asarray(r, float) for r in rings if len(r) >= 3]
    if not rings:
        return None
    a = np.concatenate(rings)
    if not np.isfinite(a).all():
        raise ValueError("a coordinate is not a finite number")
    b = np.concatenate([np.roll(r, -1, axis=0) for r in rings])
    h, w = shape
    (r0, c0), (r1, c1) = _first(a.min(0), (h, w)), _first(a.max(0), (h, w))
    if r1 <= r0 or c1 <= c0:
        return None
    swap = a[:, 0] > b[:, 0]  # an edge is always gone downwards, so that both neighbours round alike
    top, low = np.where(swap[:, None], b, a), np.where(swap[:, None], a, b)
    first = np.clip(np.ceil(top[:, 0] - 0.5), r0, r1).astype(np.int64)
    n = np.clip(np.ceil(low[:, 0] - 0.5), r0, r1).astype(np.int64) - first
    edge = np.repeat(np.arange(len(n)), n)
    row = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n) + first[edge]
    (ya, xa), (yb, xb) = top[edge].T, low[edge].T
    x = xa + (row + 0.5 - ya) * (xb - xa) / (yb - ya)
    column = np.clip(np.ceil(x - 0.5), c0, c1).astype(np.int64)
    wide = c1 - c0 + 1
    crossings = np.bincount((row - r0) * wide + (column - c0), minlength=(r1 - r0) * wide).reshape(r1 - r0, wide)
    return trimmed(Patch(r0, c0, (np.cumsum(crossings, axis=1)[:, :-1] & 1).astype(bool)))


def fill_ellipse(
    centre: tuple[float, float], semi_axes: tuple[float, float], shape: Shape2, *, angle_rad: float = 0.0
) -> Patch | None:
    """Pixels whose centre lies in an ellipse: centre (y, x), half axes (across, along) the direction `angle_rad` from the x
    axis towards y. None where there is none. Raises ValueError for figures that are not finite."""
    values = (*centre, *semi_axes, angle_rad)
    if not np.isfinite(values).all():
        raise ValueError("a coordinate is not a finite number")
    across, along = semi_axes
    if across <= 0 or along <= 0:
        return None
    reach = np.array([np.hypot(along * np.sin(angle_rad), across * np.cos(angle_rad)),
                      np.hypot(along * np.cos(angle_rad), across * np.sin(angle_rad))])  # fmt: skip
    (r0, c0), (r1, c1) = _first(np.array(centre) - reach, shape), _first(np.array(centre) + reach, shape, over=1)
    if r1 <= r0 or c1 <= c0:
        return None
    y, x = np.ogrid[r0:r1, c0:c1]
    dy, dx = y + 0.5 - centre[0], x + 0.5 - centre[1]
    u = dx * np.cos(angle_rad) + dy * np.sin(angle_rad)
    v = dy * np.cos(angle_rad) - dx * np.sin(angle_rad)
    return trimmed(Patch(r0, c0, (u / along) ** 2 + (v / across) ** 2 <= 1))


def place(mask: NDArray[np.bool_], corner: tuple[int, int], shape: Shape2) -> Patch | None:
    """A mask whose upper left pixel lies at `corner` (y, x), cut to the picture. None where nothing is left."""
    y, x = corner
    y0, x0 = max(y, 0), max(x, 0)
    part = mask[y0 - y : max(shape[0] - y, 0), x0 - x : max(shape[1] - x, 0)]
    return trimmed(Patch(y0, x0, np.asarray(part, bool)))


def union(patches: Sequence[Patch | None]) -> Patch | None:
    """Several pieces as one shape."""
    found = [p for p in patches if p is not None]
    if len(found) < 2:
        return found[0] if found else None
    y0, x0 = min(p.y0 for p in found), min(p.x0 for p in found)
    y1, x1 = max(p.y0 + p.mask.shape[0] for p in found), max(p.x0 + p.mask.shape[1] for p in found)
    mask = np.zeros((y1 - y0, x1 - x0), bool)
    for p in found:
        mask[p.y0 - y0 : p.y0 - y0 + p.mask.shape[0], p.x0 - x0 : p.x0 - x0 + p.mask.shape[1]] |= p.mask
    return Patch(y0, x0, mask)


def trimmed(patch: Patch) -> Patch | None:
    """The patch without empty margins; None where it is empty."""
    rows, columns = np.flatnonzero(patch.mask.any(1)), np.flatnonzero(patch.mask.any(0))
    if not len(rows):
        return None
    mask = patch.mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Patch(patch.y0 + int(rows[0]), patch.x0 + int(columns[0]), mask)


def paint(patches: Sequence[Patch | None], shape: Shape2, *, numbers: Sequence[int] | None = None) -> Painted:
    """Labels (H, W) int32 of the shapes, the larger first and so under the smaller; equal ones in their order, the later on top.

    numbers: the label of each shape; None: 1 ... n in their order, shapes without a pixel not counted.
    """
    labels = np.zeros(shape, np.int32)
    if numbers is None:
        counted = np.cumsum([p is not None for p in patches]).tolist()
        numbers = [int(n) for n in counted]
    found = [(int(p.mask.sum()), n, p) for p, n in zip(patches, numbers, strict=True) if p is not None]
    for _, number, p in sorted(found, key=lambda item: -item[0]):
        labels[p.y0 : p.y0 + p.mask.shape[0], p.x0 : p.x0 + p.mask.shape[1]][p.mask] = number
    overlapping, n_hidden = [], 0
    for area, number, p in found:
        left = int((labels[p.y0 : p.y0 + p.mask.shape[0], p.x0 : p.x0 + p.mask.shape[1]] == number).sum())
        n_hidden += left == 0
        if 0 < left < area * (1 - LARGEST_SHARE_LOST):
            overlapping.append(number)
    names = {number: p.name for _, number, p in found if p.name}
    return Painted(labels, tuple(sorted(overlapping)), n_hidden, sum(p is None for p in patches), names)


def _first(point: Floats, shape: Shape2, *, over: int = 0) -> tuple[int, int]:
    """First row and column whose centre is not before the point, `over` more, kept in the picture."""
    y, x = np.ceil(np.asarray(point, float) - 0.5) + over
    return int(np.clip(y, 0, shape[0])), int(np.clip(x, 0, shape[1]))
