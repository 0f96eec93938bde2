"""Halos to one side of a particle, drawn with it: the outline is brought back to the particle's own edge.

Charging, a shadow of the detector or a coat of beam-grown carbon lies beside a particle like a crescent. That an outline follows
it shows in the grey levels: along part of it there is hardly an edge, and inside, on the same rays from the middle, one as steep
as along the rest. A shell that lies all around is no crescent, and stays.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.cpu import each
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


def without_halos(labels: NDArray[np.integer], grey: NDArray[np.generic]) -> NDArray[np.int32] | None:
    """Labels (H, W) of a picture (H, W) without crescents; None where there are none."""
    smooth = np.asarray(cv2.GaussianBlur(np.asarray(grey, np.float32), (0, 0), _BLUR_PX), np.float32)
    out: NDArray[np.int32] | None = None
    h, w = labels.shape
    boxes = ndimage.find_objects(labels)
    whole = [
        (label, (rows, columns))
        for label in _partly_weak(labels, smooth)
        for rows, columns in (boxes[label - 1],)
        if rows.start > 0 and columns.start > 0 and rows.stop < h and columns.stop < w
    ]
    left = each(lambda one: _without_halo(*one, labels, smooth), whole)
    for (label, box), rest in zip(whole, left, strict=True):
        if rest is not None:
            out = labels.astype(np.int32) if out is None else out
            window = out[box]
            window[(window == label) & ~rest] = 0
    return out


def _partly_weak(labels: NDArray[np.integer], smooth: NDArray[np.float32]) -> list[int]:
    """Labels large enough of which part of the outline has hardly an edge."""
    n = int(labels.max(initial=0)) + 1
    large = np.bincount(labels.ravel(), minlength=n) >= _LEAST_PX
    outline = outermost(labels)
    flat = np.flatnonzero(outline)
    owner = labels.ravel()[flat]
    flat, owner = flat[large[owner]], owner[large[owner]]
    around = np.ones((5, 5), np.uint8)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0).ravel(), cv2.Sobel(smooth, cv2.CV_32F, 0, 1).ravel()
    slope = np.zeros_like(smooth)
    near = np.flatnonzero(cv2.dilate(outline.view(np.uint8), around))
    slope.ravel()[near] = np.hypot(across[near], down[near])
    steep = cv2.dilate(slope, around).ravel()[flat]
    # sorted by owner, then by slope: as bits, numbers that are not negative have the order of integers
    order = np.sort((owner.astype(np.int64) << 32) | steep.view(np.uint32))
    owner, steep = order >> 32, (order & 0xFFFFFFFF).astype(np.uint32).view(np.float32)
    count = np.bincount(owner, minlength=n)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    at = np.minimum(first + count * _USUAL // 100, max(steep.size - 1, 0))
    usual = steep[at] if steep.size else np.zeros(n)
    weak = np.bincount(owner, steep < _WEAK * usual[owner], minlength=n) / np.maximum(count, 1)
    return (np.flatnonzero((large & (weak >= 0.75 * _ARC[0]))[1:]) + 1).tolist()


def _without_halo(
    label: int, box: tuple[slice, slice], labels: NDArray[np.integer], smooth: NDArray[np.float32]
) -> NDArray[np.bool_] | None:
    """What stays of a particle, in its box; None where it has no halo."""
    y, x = np.nonzero(labels[box] == label)
    middle = (float(y.mean()) + box[0].start, float(x.mean()) + box[1].start)
    turn = np.arange(_RAYS) * 2 * np.pi / _RAYS
    along = np.arange(0, 0.75 * float(np.hypot(*(s.stop - s.start for s in box))) + _FREE_PX, _STEP_PX)
    rows, columns = middle[0] + np.outer(np.sin(turn), along), middle[1] + np.outer(np.cos(turn), along)
    whose = _nearest(labels, rows, columns)
    end = _last(whose == label)
    near, free = round(_NEAR_PX / _STEP_PX), round(_FREE_PX / _STEP_PX)
    if end.min() < 2 * near:
        return None
    seen = int(end.max()) + max(near, free) + 2  # steps: beyond, nothing is asked of the grey levels
    grey = ndimage.map_coordinates(smooth, (rows[:, :seen], columns[:, :seen]), order=1, mode="nearest")
    slope = np.gradient(grey, axis=1)
    step = np.arange(slope.shape[1])
    at_rim = np.take_along_axis(slope, np.minimum(end[:, None] + np.arange(-near, near + 1), step[-1]), axis=1)
    sense = np.sign(np.median(np.take_along_axis(at_rim, np.abs(at_rim).argmax(axis=1)[:, None], axis=1)))
    slope *= sense  # positive as along most of the outline
    own = (at_rim * sense).max(axis=1).astype(np.float64)
    usual = float(np.percentile(own, _USUAL))
    within = (step >= (_DEPTH[0] * end).astype(np.intp)[:, None]) & (step < (end - 2 * near)[:, None])
    deepest = np.where(within, slope, -np.inf).argmax(axis=1)
    some = within.any(axis=1)
    inner = np.where(some, np.take_along_axis(slope, deepest[:, None], axis=1)[:, 0], 0).astype(np.float64)
    depth = np.where(some, deepest / end, 0)
    beyond = whose[:, : step.size]
    beside = (beyond > 0) & (beyond != label) & (step > end[:, None]) & (step < (end + free)[:, None])
    crescent = (own < _WEAK * usual) & (inner > _STEEP * usual) & ~beside.any(axis=1)
    if not _ARC[0] <= crescent.mean() <= _ARC[1] or depth[crescent].mean() > _DEPTH[1]:
        return None
    reach = np.where(crescent, depth * end, end) * _STEP_PX
    return _filled(ndimage.median_filter(reach, 5, mode="wrap"), middle, box)


def _nearest(picture: NDArray[np.integer], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.integer]:
    """The values of a picture (H, W) at the pixels that places lie in, beyond its rim the nearest."""
    h, w = picture.shape
    at = np.floor(np.clip(y, 0, h - 1) + 0.5).astype(np.intp) * w
    at += np.floor(np.clip(x, 0, w - 1) + 0.5).astype(np.intp)
    return np.asarray(picture.ravel().take(at))


def _last(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The last place of each row (k, n) that is set, 0 where none is."""
    return np.where(mask.any(axis=1), mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1), 0)


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
