"""Moved outlines back to labels and to a map that is LEVEL on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..areas import areas_of, pieces_of
from .nodes import F32, Ints, normals_of

LEVEL = 0.5  # of the map, on the outline
LEAST_WIDTH_PX = 1.5  # half of the map's ramp: two pixels on either side of an outline must lie on it for its slope to be right
_CRUMB = 0.05  # of a particle: pieces up to so large that lie apart from it are left behind by an outline that moved
_HALO_PX = 2.0  # beyond its outline, a network's map fades over as much


@dataclass(frozen=True, slots=True)
class Moved:
    """p outlines of n nodes after they were moved. label, width, farthest: (p,), width = half the ramp of the map in px,
    farthest = how far a node was moved; at: (p, n, 2); fixed: (p, n), nodes at which the labels stay as they are: where a
    neighbour touches or the frame cuts."""

    label: Ints
    at: F32
    width: F32
    farthest: F32
    fixed: NDArray[np.bool_]


def rasterised(labels: NDArray[np.int32], foreground: F32 | None, groups: Sequence[Moved]) -> tuple[NDArray[np.int32], F32]:
    """Labels and map (H, W) of the outlines.

    The map falls linearly with the signed distance to the outline. Distances are to the osculating circle at the node whose
    pixel is nearest. Beyond the particles the map is what it was.
    """
    at = np.concatenate([g.at.reshape(-1, 2) for g in groups])
    normals = [normals_of(g.at).astype(np.float32) for g in groups]
    normal = np.concatenate([v.reshape(-1, 2) for v in normals])
    bend = np.concatenate([_bends(g.at, v).ravel() for g, v in zip(groups, normals, strict=True)])
    owner = np.concatenate([np.repeat(g.label, g.at.shape[1]) for g in groups]).astype(np.int32)
    width = np.concatenate([np.repeat(g.width, g.at.shape[1]) for g in groups])
    reach = np.concatenate([np.repeat(g.farthest + np.maximum(g.width, _HALO_PX), g.at.shape[1]) for g in groups])
    fixed = np.concatenate([g.fixed.ravel() for g in groups])

    h, w = labels.shape
    y, x = np.clip(np.rint(at[:, 0]).astype(np.int64), 0, h - 1), np.clip(np.rint(at[:, 1]).astype(np.int64), 0, w - 1)
    node_at = np.full(h * w, -1, np.int32)
    node_at[y * w + x] = np.arange(at.shape[0], dtype=np.int32)
    away = (node_at < 0).astype(np.uint8).reshape(h, w)
    distance, nearest = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    node_of = np.zeros(int(nearest.max()) + 1, np.intp)  # what NumPy indexes with
    marked = np.flatnonzero(away.ravel() == 0)
    node_of[nearest.ravel()[marked]] = node_at[marked]
    flat = np.flatnonzero(distance <= float(reach.max()) + 1)
    node = node_of.take(np.asarray(nearest, np.int32).ravel().take(flat))
    near = distance.ravel().take(flat) <= (reach + 1).take(node)
    flat, node = flat[near], node[near]

    py, px = np.divmod(flat, w)
    # `take` from one column each: a third of the time of indexing pairs
    (at_y, at_x), (normal_y, normal_x) = np.ascontiguousarray(at.T), np.ascontiguousarray(normal.T)
    dy, dx = py.astype(np.float32) - at_y.take(node), px.astype(np.float32) - at_x.take(node)
    ny, nx = normal_y.take(node), normal_x.take(node)
    along = dy * nx - dx * ny
    outside = dy * ny + dx * nx
    outside += np.clip(bend.take(node) * along**2 / 2, -0.5, 0.5)

    out = labels.copy()
    field = (labels > 0).astype(np.float32) if foreground is None else foreground.astype(np.float32, copy=True)
    np.putmask(field, labels > 0, 1)
    old, owned_by = labels.ravel().take(flat), owner.take(node)
    inside = outside <= 0
    changes = ~fixed.take(node) & ((old == owned_by) | (old == 0))
    out.ravel()[flat[changes]] = (owned_by * inside)[changes]
    left_out = (old == 0) & ~inside & (field.ravel().take(flat) >= LEVEL)  # an object too unsure for a label stays in the map
    written = changes & ~left_out
    field.ravel()[flat[written]] = np.clip(LEVEL - outside[written] / (2 * width.take(node[written])), 0, 1)
    known = np.concatenate([g.label for g in groups])
    lost = np.unique(known[areas_of(out, int(known.max()) + 1)[known] == 0])
    if lost.size:  # between larger neighbours: it keeps what it had
        kept = np.isin(labels, lost)
        out[kept], field[kept] = labels[kept], 1
    crumbs = _crumbs(out)
    out[crumbs], field[crumbs] = 0, np.minimum(field[crumbs], np.nextafter(np.float32(LEVEL), np.float32(0)))
    return out, field


def _crumbs(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(H, W) pixels in pieces that share no side with the rest of their particle and are far smaller."""
    first, length, piece, owner = pieces_of(labels)
    area = np.bincount(piece, length, owner.size)
    largest = np.zeros(int(owner.max(initial=0)) + 1)
    np.maximum.at(largest, owner, area)
    small = (area <= _CRUMB * largest[owner])[piece]
    crumbs = np.zeros(labels.shape, bool)
    for begin, n in zip(first[small].tolist(), length[small].tolist(), strict=True):
        crumbs.ravel()[begin : begin + n] = True
    return crumbs


def _bends(at: F32, normal: F32) -> F32:
    """(p, n) curvature in 1/px, positive where the outline is convex, over some nodes. normal: (p, n, 2), outwards."""
    reach = 2
    before, after = np.roll(at, reach, axis=1), np.roll(at, -reach, axis=1)
    chord = np.maximum(((after - before) ** 2).sum(-1) / 4, 0.25)
    sagitta = ((2 * at - before - after) / 2 * normal).sum(-1)
    return np.asarray(np.clip(2 * sagitta / chord, -0.5, 0.5), np.float32)
