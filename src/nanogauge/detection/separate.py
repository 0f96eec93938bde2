"""Probability maps -> labels: one number a particle, touching ones apart.

Seeds are the particles' middles, where the normalised distance is high and no boundary runs; a watershed on the distance map
grows them to the foreground's outline (Meyer & Beucher 1990; learned distance as in Naylor et al., IEEE TMI 2019).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as connected
from skimage.segmentation import watershed

from ..core.protocols import Maps
from ..core.settings import SeparateSettings
from .areas import areas_of
from .overlaps import lenses_joined

Labels = NDArray[np.int32]
Judge = Callable[[NDArray[np.integer], Maps], NDArray[np.float64]]
Cuts = dict[tuple[int, int], tuple[float, int]]
"""(a, b) -> (sum of the evidence for a cut over the seam, its length in px), a < b."""


def separate(maps: Maps, settings: SeparateSettings | None = None, *, judge: Judge | None = None) -> Labels:
    """Labels (H, W) int32, 0 = background, 1 ... n in reading order of their first pixel, from maps of the same shape.

    judge: (labels, maps) -> (n,), how likely objects 1 ... n are particles; default: their mean foreground probability
    """
    s = settings or SeparateSettings()
    return Pieces(maps, s).labels(s, judge=judge)


class Pieces:
    """What grows from the seeds of maps, before any of it is joined or left out: maps are read in several ways, and this is the
    same in all. settings: of which the seeds and the foreground count here."""

    def __init__(self, maps: Maps, settings: SeparateSettings) -> None:
        self.maps, self._settings = maps, settings

    def labels(self, settings: SeparateSettings, *, judge: Judge | None = None) -> Labels:
        """As `separate`, under settings that differ from the pieces' own in what is joined and what is left out."""
        return self.judged(settings, judge=judge)[0]

    def judged(self, settings: SeparateSettings, *, judge: Judge | None = None) -> tuple[Labels, NDArray[np.float64]]:
        """The same and, (n + 1,) by label, how likely each is a particle, 1 for the background. What is left out has been judged
        with the others, for a particle among doubtful ones is itself more doubtful."""
        own = self._settings
        assert (settings.foreground_above, settings.seed_above) == (own.foreground_above, own.seed_above)
        if not self._grown.any():
            return np.zeros(self._grown.shape, np.int32), np.ones(1)
        labels = self._joined if settings.merge_below == own.merge_below else self._merged(settings.merge_below)
        if settings.overlaps_are_none:
            labels = self._without_lenses if labels is self._joined else lenses_joined(labels)
        sure = (judge or mean_foreground)(labels, self.maps)
        number = _numbers(labels, sure, settings)
        tidied = _tidied(labels, number)
        kept = np.concatenate([[1.0], sure[number[1:] > 0]])
        return tidied, kept[: int(tidied.max(initial=0)) + 1]  # the last ones may lie in holes of others, and be filled with these

    @cached_property
    def _grown(self) -> Labels:
        maps, s = self.maps, self._settings
        mask = maps.foreground > s.foreground_above
        if not mask.any():
            return np.zeros(mask.shape, np.int32)
        middle = np.asarray(cv2.GaussianBlur(maps.distance * (1 - maps.boundary), (0, 0), 0.8), np.float32)
        seeds, n_seeds = ndimage.label((middle > s.seed_above * (1 - 0.25 * maps.boundary)) & mask)
        parts, n_parts = ndimage.label(mask)
        return _grown(middle, seeds, parts, n_seeds, n_parts)

    @cached_property
    def _cuts(self) -> Cuts:
        return _seams(self._grown, self.maps)

    @cached_property
    def _joined(self) -> Labels:
        return self._merged(self._settings.merge_below)

    @cached_property
    def _without_lenses(self) -> Labels:
        return lenses_joined(self._joined)

    def _merged(self, below: float) -> Labels:
        return _joined(self._grown, self._cuts, below) if below > 0 else self._grown


def mean_foreground(labels: NDArray[np.integer], maps: Maps) -> NDArray[np.float64]:
    """(n,) mean foreground probability of objects 1 ... n; 0 for a number that no pixel bears."""
    n = int(labels.max(initial=0))
    area = np.bincount(labels.ravel(), minlength=n + 1)
    return np.bincount(labels.ravel(), maps.foreground.ravel(), minlength=n + 1)[1:] / np.maximum(area[1:], 1)


def _grown(
    middle: NDArray[np.float32], seeds: NDArray[np.int32], parts: NDArray[np.int32], n_seeds: int, n_parts: int
) -> NDArray[np.int32]:
    """Every connected part of the mask given to its seeds: to one wholly, to several by watershed. A part without a seed is one
    faint or small particle, numbered after those with seeds."""
    flat = np.flatnonzero(seeds)
    part_of = np.zeros(n_seeds + 1, np.int64)
    part_of[seeds.ravel()[flat]] = parts.ravel()[flat]
    n_of = np.bincount(part_of[1:], minlength=n_parts + 1)
    label_of = np.zeros(n_parts + 1, np.int32)
    label_of[part_of[1:]] = np.arange(1, n_seeds + 1)
    lonely = np.flatnonzero(n_of[1:] == 0) + 1
    label_of[lonely] = n_seeds + 1 + np.arange(lonely.size)
    shared = n_of > 1
    label_of[shared] = 0
    label_of[0] = 0
    labels = label_of[parts]
    if shared.any():
        several = shared[parts]
        labels += watershed(-middle, np.where(several, seeds, 0), mask=several)
    return np.asarray(labels, np.int32)


def merge(labels: NDArray[np.integer], maps: Maps, *, below: float) -> Labels:
    """Joins neighbours between which there is no boundary: pieces of one particle that had several seeds.

    The evidence for a cut is the mean over their seam of the boundary probability and of the dip of the distance map,
    relative to the shallower of the two pieces' peaks. Neighbours are joined from the weakest cut up while it is below `below`;
    the cuts of a joined piece are the length-weighted means of its parts' (Beaulieu & Goldberg, IEEE TPAMI 1989).
    """
    return _joined(labels, _seams(labels, maps), below)


def _joined(labels: NDArray[np.integer], cuts: Cuts, below: float) -> Labels:
    n = int(labels.max())
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


def _seams(labels: NDArray[np.integer], maps: Maps) -> Cuts:
    """The cuts between neighbours, see `merge`."""
    peak = np.zeros(int(labels.max()) + 1, np.float32)
    inside = np.flatnonzero(labels)
    np.maximum.at(peak, labels.ravel()[inside], maps.distance.ravel()[inside])
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


def tidy(labels: NDArray[np.integer], sure: NDArray[np.float64], settings: SeparateSettings) -> Labels:
    """Drops objects too small or too unsure, fills holes, keeps each particle's largest piece, numbers from 1.

    sure: (n,) how likely objects 1 ... n are particles
    """
    return _tidied(labels, _numbers(labels, sure, settings))


def _numbers(labels: NDArray[np.integer], sure: NDArray[np.float64], settings: SeparateSettings) -> NDArray[np.int32]:
    """(n + 1,) new numbers from 1; 0 for objects too small or too unsure."""
    n = int(labels.max())
    area = np.bincount(labels.ravel(), minlength=n + 1)
    least = math.pi / 4 * settings.least_diameter_px**2
    keep = area >= least
    keep[1:] &= sure >= settings.least_confidence
    keep[0] = False
    number = np.zeros(n + 1, np.int32)
    number[keep] = np.arange(1, int(keep.sum()) + 1)
    return number


def _tidied(labels: NDArray[np.integer], number: NDArray[np.int32]) -> Labels:
    """Objects under their new numbers, each whole and in one piece."""
    out: Labels = number[labels]
    pieces, k = connected(out, return_num=True, connectivity=1, background=0)
    if k > out.max():
        _keep_largest(out, np.asarray(pieces), int(k))
    holed = _with_holes(out)
    boxes = ndimage.find_objects(out) if holed.size else []
    for label in holed.tolist():  # in order: what lies in a hole of two goes to the first
        window = out[boxes[label - 1]]
        filled = ndimage.binary_fill_holes(window == label)
        window[filled & ((window == 0) | (window > label))] = label
    return out


def _keep_largest(out: Labels, pieces: NDArray[np.integer], n_pieces: int) -> None:
    """Leaves of each particle its largest connected piece; of equal ones the first."""
    area = np.bincount(pieces.ravel(), minlength=n_pieces + 1)
    owner = np.zeros(n_pieces + 1, np.int64)
    owner[pieces.ravel()] = out.ravel()
    order = np.lexsort((np.arange(n_pieces + 1), -area, owner))
    first = np.concatenate([[True], owner[order][1:] != owner[order][:-1]])
    stays = np.zeros(n_pieces + 1, bool)
    stays[order[first]] = True
    out[~stays[pieces]] = 0


def _with_holes(labels: Labels) -> NDArray[np.int64]:
    """Labels, each in one piece, that enclose pixels which are not theirs: their Euler number is below 1.

    From the counts of 2 x 2 patterns (Gray, IEEE Trans. Comput. C-20 (1971) 551), holes taken as 4-connected.
    """
    p = np.pad(labels, 1)
    a, b, c, d = p[:-1, :-1], p[:-1, 1:], p[1:, :-1], p[1:, 1:]
    mixed = np.flatnonzero((a != b) | (a != c) | (a != d))
    a, b, c, d = (np.ascontiguousarray(q).ravel()[mixed] for q in (a, b, c, d))
    n = int(labels.max()) + 1
    four_times = np.zeros(n, np.int64)
    for here, one, two, across in ((a, b, c, d), (b, a, d, c), (c, a, d, b), (d, b, c, a)):
        alone = (here != one) & (here != two) & (here != across)
        four_times += np.bincount(here[alone], minlength=n)
        three = (one == two) & (two == across) & (one != here)
        four_times -= np.bincount(one[three], minlength=n)
        diagonal = (here == across) & (here != one) & (here != two)  # met twice, once from each end
        four_times -= np.bincount(here[diagonal], minlength=n)
    return 1 + np.flatnonzero((four_times[1:] < 4) & (np.bincount(labels.ravel(), minlength=n)[1:] > 0))


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
    coarse = np.asarray(cv2.resize(labels, (w, h), interpolation=cv2.INTER_NEAREST_EXACT), np.int32)
    shrinking = labels.shape[0] > h
    how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    fine = np.asarray(cv2.resize(foreground, (w, h), interpolation=how), np.float32)
    reach = 1 if shrinking else math.ceil(h / labels.shape[0])
    return carried(coarse, fine, reach=reach, foreground_above=foreground_above)


def carried(coarse: Labels, fine: NDArray[np.float32], *, reach: int, foreground_above: float = 0.5) -> Labels:
    """Labels on a grid (H, W) from the nearest working label and the interpolated foreground there, as in `to_grid`.

    reach: how many px beyond its coarse outline a particle may grow
    """
    mask = fine > foreground_above
    out = np.where(mask, coarse, np.int32(0)).astype(np.int32, copy=False)
    padded = np.pad(coarse, reach).ravel()
    wide = coarse.shape[1] + 2 * reach
    flat = np.flatnonzero(mask & (coarse == 0))
    y, x = np.divmod(flat, coarse.shape[1])
    within = (y + reach) * wide + x + reach
    for dy, dx in _rings(reach):  # nearest first
        found = padded[within + (dy * wide + dx)]
        has = found > 0
        out.ravel()[flat[has]] = found[has]
        flat, within = flat[~has], within[~has]
    del padded, flat, within  # room for what counting takes, on a large grid
    n = int(coarse.max(initial=0)) + 1
    lost = (areas_of(coarse, n) > 0) & (areas_of(out, n) == 0)
    lost[0] = False
    if lost.any():  # a particle thinner than the grid keeps its nearest pixels
        kept = lost[coarse]
        out[kept] = coarse[kept]
    return out


def _rings(reach: int) -> list[tuple[int, int]]:
    """Steps (dy, dx) of up to reach + 1/2 px, short ones first."""
    steps = [(dy, dx) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1) if dy or dx]
    return sorted((s for s in steps if math.hypot(*s) <= reach + 0.5), key=lambda s: (math.hypot(*s), s))
