"""Closed outlines of all particles as evenly spaced nodes with normals, in groups of one number of nodes.

All that follows works on whole groups, so the cost hardly depends on how many particles there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..areas import areas_of

F32 = NDArray[np.float32]
Ints = NDArray[np.int64]

COUNTS = (24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)  # of nodes; up to 1024 px they are at most 1 px apart
_LEAST_AREA_PX2 = 9  # below, an outline has no normals worth the name
_ROUNDED_PX = 2.0  # the staircase of pixels is smoothed away over this arc (standard deviation)


@dataclass(frozen=True, slots=True)
class Nodes:
    """p outlines of n nodes each. label: (p,); at, normal: (p, n, 2) (y, x) px, normals outwards, of length 1;
    spacing, radius: (p,) px, radius = 2 area / perimeter: that of a disc, and of a rod its width."""

    label: Ints
    at: F32
    normal: F32
    spacing: F32
    radius: F32


def outlines_of(labels: NDArray[np.int32]) -> Iterator[Nodes]:
    """The outer outlines of the labels (H, W), each smooth and round as many px² as its label has; groups by number of nodes.

    Particles of fewer than 9 px² are left out, and so are pieces that hang on by corners only.
    """
    chains, which, areas = [], [], []
    area_of_label = areas_of(labels).tolist()
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None or area_of_label[label] < _LEAST_AREA_PX2:
            continue
        rows, columns = box
        mask = (labels[box] == label).view(np.uint8)
        found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(columns.start, rows.start))
        chain = found[0] if len(found) == 1 else max(found, key=len)
        if len(chain) < 6:
            continue
        chains += [chain, chain[:1]]  # closed
        which.append(label)
        areas.append(area_of_label[label])
    if not chains:
        return
    flat = np.concatenate(chains)[:, 0, ::-1].astype(np.float64)
    end = np.cumsum([len(c) + 1 for c in chains[::2]]) - 1  # of each closed chain
    at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(flat, axis=0).T))])  # arc length, all chains one after the other
    start = np.concatenate([[0.0], at[end[:-1] + 1]])
    length = at[end] - start
    count = np.array(COUNTS)[np.minimum(np.searchsorted(COUNTS, length), len(COUNTS) - 1)]
    for n in np.unique(count):
        chosen = np.flatnonzero(count == n)
        place = start[chosen, None] + length[chosen, None] * (np.arange(n) / n)
        points = np.stack([np.interp(place, at, flat[:, k]) for k in (0, 1)], axis=-1)
        yield _smooth(np.array(which)[chosen], points, np.array(areas, np.float64)[chosen])


def _smooth(label: Ints, points: NDArray[np.float64], area: NDArray[np.float64]) -> Nodes:
    n = points.shape[1]
    radius = np.sqrt(area / np.pi)
    spacing = float(np.median(perimeter_of(points))) / n
    sigma = min(_ROUNDED_PX, float(np.median(radius)) / 3) / spacing
    at = ndimage.gaussian_filter1d(points, sigma, axis=1, mode="wrap")
    normal = normals_of(at)
    short = area - area_of(at)
    around = perimeter_of(at)
    by = 2 * short / (around + np.sqrt(np.maximum(around**2 + 4 * np.pi * short, 1e-6)))  # Steiner's formula, solved
    at = at + by[:, None, None] * normal
    around = perimeter_of(at)
    return Nodes(
        label.astype(np.int64),
        at.astype(np.float32),
        normal.astype(np.float32),
        (around / n).astype(np.float32),
        (2 * area / around).astype(np.float32),
    )


def perimeter_of(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(p,) lengths of closed polygons (p, n, 2)."""
    step = np.roll(points, -1, axis=1) - points
    return np.asarray(np.hypot(step[..., 0], step[..., 1]).sum(1), np.float64)


def area_of(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(p,) areas within closed polygons (p, n, 2), whichever way they run."""
    y, x = points[..., 0].astype(np.float64), points[..., 1].astype(np.float64)
    return np.asarray(np.abs((x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1)).sum(1)) / 2, np.float64)


def normals_of(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(p, n, 2) outward normals of closed polygons, of length 1."""
    along = (np.roll(points, -1, axis=1) - np.roll(points, 1, axis=1)).astype(np.float64)
    normal = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    normal /= np.maximum(np.hypot(normal[..., 0], normal[..., 1]), 1e-9)[..., None]
    y, x = points[..., 0].astype(np.float64), points[..., 1].astype(np.float64)
    turn = np.sign((x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1)).sum(1))
    return np.asarray(normal * np.where(turn == 0, 1, turn)[:, None, None], np.float64)
