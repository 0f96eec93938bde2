"""Halos to one side of a particle, drawn with it: the outline is brought back to the particle's own edge.

Charging, a shadow of the detector or a coat of beam-grown carbon lies beside a particle like a crescent. That an outline follows
it shows in the grey levels: along part of it there is hardly an edge, and inside, on the same rays from the middle, one as steep
as along the rest. A shell that lies all around is no crescent, and stays.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .confidence import outermost

_LEAST_PX = 300  # area: below, a crescent is a pixel or two
_BLUR_PX = 1.2
_RAYS, _STEP_PX = 96, 0.5
_WEAK, _STEEP, _USUAL = 0.4, 0.7, 75  # of the steepness that a quarter of the outline has: hardly an edge; an edge; that percentile
_ARC = (0.2, 0.75)  # share of the rays that cross a crescent
_DEPTH = (0.5, 0.85)  # where the steep edge lies on them, as a share of the way to the outline; on average no farther than this
_NEAR_PX = 3.0  # of the outline, where its own edge is
_FREE_PX = 6.0  # beyond it, where no neighbour lies
_SOLID = 0.93  # share of its convex hull that the particle without its halo fills


class _Rays(NamedTuple):
    """Along rays from a particle's middle: how far its outline is, in steps; grey level's fall or rise, in the sense of most of the
    outline positive; labels."""

    outline: NDArray[np.intp]
    slope: NDArray[np.float64]
    labels: NDArray[np.integer]


def without_halos(labels: NDArray[np.integer], grey: NDArray[np.generic]) -> NDArray[np.int32] | None:
    """Labels (H, W) of a picture (H, W) without crescents; None where there are none."""
    smooth = np.asarray(cv2.GaussianBlur(np.asarray(grey, np.float32), (0, 0), _BLUR_PX), np.float32)
    out: NDArray[np.int32] | None = None
    boxes = ndimage.find_objects(labels)
    for label in _partly_weak(labels, smooth):
        box = boxes[label - 1]
        if box[0].start == 0 or box[1].start == 0 or box[0].stop == labels.shape[0] or box[1].stop == labels.shape[1]:
            continue
        rest = _without_halo(label, box, labels, smooth)
        if rest is not None:
            out = labels.astype(np.int32) if out is None else out
            window = out[box]
            window[(window == label) & ~rest] = 0
    return out


def _partly_weak(labels: NDArray[np.integer], smooth: NDArray[np.float32]) -> list[int]:
    """Labels large enough of which part of the outline has hardly an edge."""
    outline = outermost(labels)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    owner, steep = labels[outline], cv2.dilate(slope, np.ones((5, 5), np.uint8))[outline]
    order = np.lexsort((steep, owner))
    owner, steep = owner[order], steep[order]
    n = int(labels.max(initial=0)) + 1
    count = np.bincount(owner, minlength=n)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    at = np.minimum(first + count * _USUAL // 100, max(steep.size - 1, 0))
    usual = steep[at] if steep.size else np.zeros(n)
    weak = np.bincount(owner, steep < _WEAK * usual[owner], minlength=n) / np.maximum(count, 1)
    large = np.bincount(labels.ravel(), minlength=n) >= _LEAST_PX
    return (np.flatnonzero((large & (weak >= 0.75 * _ARC[0]))[1:]) + 1).tolist()


def _without_halo(
    label: int, box: tuple[slice, slice], labels: NDArray[np.integer], smooth: NDArray[np.float32]
) -> NDArray[np.bool_] | None:
    """What stays of a particle, in its box; None where it has no halo."""
    y, x = np.nonzero(labels[box] == label)
    middle = (float(y.mean()) + box[0].start, float(x.mean()) + box[1].start)
    rays = _rays(label, middle, 0.75 * float(np.hypot(*(s.stop - s.start for s in box))) + _FREE_PX, labels, smooth)
    if rays.outline.min() < 2 * _NEAR_PX / _STEP_PX:
        return None
    near, free = round(_NEAR_PX / _STEP_PX), round(_FREE_PX / _STEP_PX)
    own, inner, depth = (np.zeros(_RAYS) for _ in range(3))
    alone = np.zeros(_RAYS, bool)
    for k, end in enumerate(rays.outline.tolist()):
        slope = rays.slope[k]
        own[k] = slope[end - near : end + near + 1].max()
        start, stop = int(_DEPTH[0] * end), end - 2 * near
        if stop > start:
            at = start + int(slope[start:stop].argmax())
            inner[k], depth[k] = slope[at], at / end
        beyond = rays.labels[k, end + 1 : end + free]
        alone[k] = not ((beyond > 0) & (beyond != label)).any()
    usual = float(np.percentile(own, _USUAL))
    crescent = (own < _WEAK * usual) & (inner > _STEEP * usual) & alone
    if not _ARC[0] <= crescent.mean() <= _ARC[1] or depth[crescent].mean() > _DEPTH[1]:
        return None
    reach = np.where(crescent, depth * rays.outline, rays.outline) * _STEP_PX
    return _filled(ndimage.median_filter(reach, 5, mode="wrap"), middle, box)


def _rays(
    label: int, middle: tuple[float, float], length: float, labels: NDArray[np.integer], smooth: NDArray[np.float32]
) -> _Rays:
    turn = np.arange(_RAYS) * 2 * np.pi / _RAYS
    along = np.arange(0, length, _STEP_PX)
    at = np.stack([middle[0] + np.outer(np.sin(turn), along), middle[1] + np.outer(np.cos(turn), along)])
    grey = ndimage.map_coordinates(smooth, at, order=1, mode="nearest")
    whose = ndimage.map_coordinates(labels, at, order=0, mode="nearest")
    outline = np.array([int(np.flatnonzero(ray == label).max(initial=0)) for ray in whose])
    slope = np.gradient(grey, axis=1)
    near = round(_NEAR_PX / _STEP_PX)
    steepest = [ray[max(end - near, 0) : end + near + 1] for ray, end in zip(slope, outline.tolist(), strict=True)]
    sense = np.sign(np.median([s[np.abs(s).argmax()] for s in steepest]))
    return _Rays(outline, slope * sense, whose)


def _filled(reach: NDArray[np.float64], middle: tuple[float, float], box: tuple[slice, slice]) -> NDArray[np.bool_] | None:
    """The outline at those distances from the middle, filled; None where it is too ragged to be a particle."""
    turn = np.arange(_RAYS) * 2 * np.pi / _RAYS
    x = middle[1] - box[1].start + reach * np.cos(turn)
    y = middle[0] - box[0].start + reach * np.sin(turn)
    points = np.rint(np.stack([x, y], axis=1)).astype(np.int32)
    if cv2.contourArea(points) < _SOLID * cv2.contourArea(cv2.convexHull(points)):
        return None
    out = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
    cv2.fillPoly(out, [points], 1)
    return out > 0
