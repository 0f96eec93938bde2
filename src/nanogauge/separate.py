"""Probability maps -> labels: one number a particle, touching ones apart.

Seeds are the particles' middles, where the normalised distance is high and no boundary runs; a watershed on the distance map
grows them to the foreground's outline (Meyer & Beucher 1990; learned distance as in Naylor et al., IEEE TMI 2019).
"""

from __future__ import annotations

import heapq
import math

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from .ports import Maps
from .settings import SeparateSettings

Labels = NDArray[np.int32]


def separate(maps: Maps, settings: SeparateSettings | None = None) -> Labels:
    """Labels (H, W) int32, 0 = background, 1 ... n in reading order of their first pixel, from maps of the same shape."""
    s = settings or SeparateSettings()
    mask = maps.foreground > s.foreground_above
    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    middle = cv2.GaussianBlur(maps.distance * (1 - maps.boundary), (0, 0), 0.8)
    seeds, n_seeds = ndimage.label((middle > s.seed_above * (1 - 0.25 * maps.boundary)) & mask)
    # a component without a seed is one faint or small particle
    parts, _ = ndimage.label(mask)
    seeded = np.unique(parts[seeds > 0])
    lonely = mask & ~np.isin(parts, seeded)
    more, _ = ndimage.label(lonely)
    seeds = np.where(more > 0, more + n_seeds, seeds)
    labels = watershed(-middle, seeds, mask=mask)
    if s.merge_below > 0:
        labels = merge(labels, maps, below=s.merge_below)
    return tidy(labels, maps.foreground, s)


def merge(labels: NDArray[np.integer], maps: Maps, *, below: float) -> Labels:
    """Joins neighbours between which there is no boundary: pieces of one particle that had several seeds.

    The evidence for a cut is the mean over the shared edge of the boundary probability and of the dip of the distance map,
    relative to the shallower of the two pieces' peaks. Neighbours are joined from the weakest cut up while it is below `below`;
    the cuts of a joined piece are the length-weighted means of its parts' (Beaulieu & Goldberg, IEEE TPAMI 1989).
    """
    n = int(labels.max())
    peak = np.zeros(n + 1, np.float32)
    np.maximum.at(peak, labels.ravel(), maps.distance.ravel())
    cuts = _shared_edges(labels, maps, peak)
    heap = [(total / length, a, b) for (a, b), (total, length) in cuts.items()]
    heapq.heapify(heap)
    neighbours: dict[int, dict[int, tuple[float, int]]] = {}
    for (a, b), cut in cuts.items():
        neighbours.setdefault(a, {})[b] = cut
        neighbours.setdefault(b, {})[a] = cut
    parent = np.arange(n + 1)
    while heap and heap[0][0] < below:
        strength, a, b = heapq.heappop(heap)
        now = neighbours.get(a, {}).get(b)
        if now is None or now[0] / now[1] != strength:
            continue  # one of them has been joined to another, or the cut has changed since
        del neighbours[a][b]
        parent[b] = a
        for c, (total, length) in neighbours.pop(b).items():
            if c == a:
                continue
            del neighbours[c][b]
            old = neighbours[a].get(c, (0.0, 0))
            joined = (old[0] + total, old[1] + length)
            neighbours[a][c] = neighbours[c][a] = joined
            heapq.heappush(heap, (joined[0] / joined[1], a, c))
    for label in range(n + 1):
        root = label
        while parent[root] != root:
            root = parent[root]
        parent[label] = root
    return np.asarray(parent[labels], np.int32)


def _shared_edges(labels: NDArray[np.integer], maps: Maps, peak: NDArray[np.float32]) -> dict[tuple[int, int], tuple[float, int]]:
    """(a, b) -> (sum of the evidence for a cut over the shared edge, its length in px), a < b."""
    found: dict[tuple[int, int], tuple[float, int]] = {}
    for near, far in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        a, b = labels[near], labels[far]
        meet = (a != b) & (a > 0) & (b > 0)
        if not meet.any():
            continue
        low, high = np.minimum(a[meet], b[meet]), np.maximum(a[meet], b[meet])
        wall = np.maximum(maps.boundary[near][meet], maps.boundary[far][meet])
        saddle = np.minimum(maps.distance[near][meet], maps.distance[far][meet])
        dip = np.clip(1 - saddle / np.maximum(np.minimum(peak[low], peak[high]), 1e-3), 0, 1)
        pairs, index = np.unique(np.stack([low, high]), axis=1, return_inverse=True)
        sums = np.bincount(index.ravel(), 0.5 * (wall + dip))
        counts = np.bincount(index.ravel())
        for x, y, total, length in zip(*pairs.tolist(), sums.tolist(), counts.tolist(), strict=True):
            t, k = found.get((x, y), (0.0, 0))
            found[x, y] = (t + total, k + length)
    return found


def tidy(labels: NDArray[np.integer], foreground: NDArray[np.float32], settings: SeparateSettings) -> Labels:
    """Drops objects too small or too unsure, fills holes, keeps each particle's largest piece, numbers from 1."""
    n = int(labels.max())
    if n == 0:
        return labels.astype(np.int32)
    area = np.bincount(labels.ravel(), minlength=n + 1)
    mean = np.bincount(labels.ravel(), foreground.ravel(), minlength=n + 1) / np.maximum(area, 1)
    least = math.pi / 4 * settings.least_diameter_px**2
    keep = (area >= least) & (mean >= settings.least_confidence)
    keep[0] = False
    out = np.zeros(labels.shape, np.int32)
    number = 0
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None or not keep[label]:
            continue
        piece = labels[box] == label
        pieces, k = ndimage.label(piece)
        if k > 1:
            piece = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
        piece = ndimage.binary_fill_holes(piece)
        number += 1
        window = out[box]
        window[piece & (window == 0)] = number
    return out


def touching(labels: Labels) -> NDArray[np.int64]:
    """Labels that share an edge with another particle, sorted."""
    pairs = []
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        meet = (a != b) & (a > 0) & (b > 0)
        pairs += [a[meet], b[meet]]
    return np.unique(np.concatenate(pairs)).astype(np.int64)


def to_grid(labels: Labels, foreground: NDArray[np.float32], shape: tuple[int, int], *, foreground_above: float = 0.5) -> Labels:
    """Labels of the working grid carried to a grid of `shape`.

    The outline is where the interpolated probability crosses the threshold, so it stays smooth when the working picture was
    smaller than the micrograph; which particle a pixel belongs to comes from the nearest working pixel.
    """
    h, w = shape
    if labels.shape == shape:
        return labels
    coarse = cv2.resize(labels.astype(np.float32), (w, h), interpolation=cv2.INTER_NEAREST_EXACT).astype(np.int32)
    shrinking = labels.shape[0] > h
    fine = cv2.resize(foreground, (w, h), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    mask = fine > foreground_above
    reach = 1 if shrinking else math.ceil(h / labels.shape[0])
    distance, index = ndimage.distance_transform_edt(coarse == 0, return_indices=True)
    grown = np.where(distance <= reach + 0.5, coarse[tuple(index)], 0)
    out = np.where(mask, grown, 0).astype(np.int32)
    lost = np.setdiff1d(np.unique(coarse), np.unique(out))
    for label in lost[lost > 0]:  # a particle thinner than the grid keeps its nearest pixels
        out[coarse == label] = label
    return out
