"""Two looks put together: what one sees better than the other takes its place."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from .confidence import inside_and_around
from .extremal_regions import DOUBTFUL
from .look_alikes import LookAlikes
from .looks import ADOPTED, FREE, LARGE, SMALL, Look

_COVERED = 0.5  # share of a particle that another look's must cover to stand for it
_PLAIN = 0.85  # confidence of what was overlooked
_SECONDED, _AS_LARGE = 0.25, 0.35  # confidence from which what looks like the particles found is one; ln of its size to theirs
_COMPANY = 8  # particles found, from which on others are held against them
_STANDS_OUT, _RING_PX = 0.7, 3  # of the median step from the particles found to a ring round them; its width
_SURER, _TOUCHED = 0.1, 0.2  # a region's confidence over that of what it replaces; share of either that counts as overlap
_SEVERAL, _MUCH_SMALLER = 3, 1 / 16  # particles upon what they lie on; their area over its
_AS_SURE = 0.05  # how far the mean confidence of a look that is as sure may lie below


def with_smaller(base: Look, finer: Look, sees_px: tuple[float, float]) -> Look:
    """`base` with what only the finer look sees, and with the finer look's outlines of what was small for it."""
    both = _Overlaps(base, finer)
    well = _seen_well(finer, both, sees_px)
    if not well.any():
        return base
    new = well & (both.covered_there <= FREE)
    small = base.shown_px < SMALL * sees_px[0]
    large_px = np.bincount(finer.labels[(~small[base.labels]) & (base.labels > 0)], minlength=well.size)
    apart = well & (large_px <= FREE * both.area_there)  # cuts into nothing that the main look sees well
    gone: list[int] = []
    instead = set(np.flatnonzero(new).tolist())
    for label in (np.flatnonzero(small[1:]) + 1).tolist():
        there = [k for k in both.there_of(label) if apart[k]]
        if there and both.share(label, there) >= _COVERED:
            gone.append(label)
            instead.update(there)
    return _merged(base, finer, gone=gone, adopted=sorted(instead))


def with_larger(base: Look, coarser: Look, sees_px: tuple[float, float]) -> Look:
    """`base` with the coarser look's particles that are too large for it, in place of the pieces that it made of them."""
    both = _Overlaps(base, coarser)
    area = coarser.area
    shown_to_base = base.zoom * np.sqrt(4 * area / math.pi)
    gone: list[int] = []
    adopted: list[int] = []
    too_large = (shown_to_base > LARGE * sees_px[1]) & (both.confidence_there >= ADOPTED)
    too_large[0] = False
    for k in np.flatnonzero(too_large).tolist():
        inside = [label for label in both.here_of(k) if both.share(label, [k]) >= _COVERED]
        pieces = sum(both.confidence_here[label] * both.pixels(label, k) for label in inside) / area[k]
        if both.confidence_there[k] > pieces:
            gone += inside
            adopted.append(k)
    return _merged(base, coarser, gone=gone, adopted=adopted)


def with_unseen(base: Look, other: Look, sees_px: tuple[float, float], *, least_confidence: float = ADOPTED) -> Look:
    """`base` with what only the other look sees, of sizes that it sees well, where `base` sees nothing."""
    both = _Overlaps(base, other)
    new = _new(_seen_well(other, both, sees_px) & (both.confidence_there >= least_confidence), both)
    return _merged(base, other, gone=[], adopted=np.flatnonzero(new).tolist())


def with_flattened(base: Look, flattened: Look, sees_px: tuple[float, float]) -> Look:
    """`base` with what a look at the flattened picture sees besides, or in place of doubtful particles: of those that it is surer
    of, and of what several much smaller ones lie upon."""
    both = _Overlaps(base, flattened)
    well = _seen_well(flattened, both, sees_px)
    new = _new(well, both)
    gone: list[int] = []
    for k in np.flatnonzero(well & ~new).tolist():
        hit = [a for a in both.here_of(k) if both.pixels(a, k) > _TOUCHED * min(both.area_here[a], both.area_there[k])]
        surest = max((both.confidence_here[a] for a in hit), default=0.0)
        alike = all(both.share(a, [k]) > _COVERED for a in hit)
        if hit and alike and surest < DOUBTFUL and both.confidence_there[k] >= surest + _SURER:
            gone += hit
            new[k] = True
    for label in np.flatnonzero(both.confidence_here < DOUBTFUL).tolist():
        largest = _MUCH_SMALLER * both.area_here[label]
        there = [k for k in both.there_of(label) if well[k] and both.area_there[k] <= largest]
        upon = [k for k in there if both.pixels(label, k) >= _COVERED * both.area_there[k]]
        if label and len(upon) >= _SEVERAL:
            gone.append(label)
            new[upon] = True
    return _merged(base, flattened, gone=gone, adopted=np.flatnonzero(new).tolist())


def with_overlooked(base: Look, other: Look, sees_px: tuple[float, float], grey: NDArray[np.generic]) -> Look:
    """`base` with what another look sees where `base` sees nothing: at one magnification the network may overlook what it is
    sure of at the next. A coarser look is believed where it sees something plainly and is as sure of the whole picture, or
    where what it sees is as large as the particles found and stands out of the picture (H, W) as they do; a finer one sees
    specks."""
    if other.zoom >= base.zoom:
        return base
    both = _Overlaps(base, other)
    new = _new(_seen_well(other, both, sees_px), both)
    as_sure = other.mean_confidence >= base.mean_confidence - _AS_SURE
    believed = new & (both.confidence_there >= _PLAIN) & as_sure
    if (new & ~believed).any():
        believed |= new & _like_those_of(base, other, grey)
    return _merged(base, other, gone=[], adopted=np.flatnonzero(believed).tolist())


def in_place_of_doubtful(base: Look, regions: Look) -> Look:
    """`base` with regions that are more likely particles than the doubtful ones that lie there; sure ones stay."""
    both = _Overlaps(base, regions)
    gone: list[int] = []
    adopted: list[int] = []
    for k in range(1, regions.n + 1):
        px = {label: both.pixels(label, k) for label in both.here_of(k)}
        hit = [a for a, n in px.items() if n > _COVERED * both.area_here[a] or n > _TOUCHED * both.area_there[k]]
        cut = [a for a, n in px.items() if n > _TOUCHED * both.area_here[a]]
        if any(both.confidence_here[a] >= DOUBTFUL for a in (*hit, *cut)):
            continue
        before = sum(both.confidence_here[a] * n for a, n in px.items()) / both.area_there[k]
        if both.confidence_there[k] >= before + _SURER:
            gone += hit
            adopted.append(k)
    return _merged(base, regions, gone=gone, adopted=adopted)


def _like_those_of(base: Look, other: Look, grey: NDArray[np.generic]) -> NDArray[np.bool_]:
    """(n + 1,) by the other look's label, what is about as large as the particles of `base` and stands out as they do."""
    (size, step), (its_size, its_step) = (_sizes_and_steps(look, grey) for look in (base, other))
    usual = np.isfinite(step) & ((base.confidence if base.confidence is not None else 1.0) >= ADOPTED)
    usual[0] = False
    if usual.sum() < _COMPANY:
        return np.zeros(other.n + 1, bool)
    as_large = np.abs(np.log(np.maximum(its_size, 1e-9) / np.median(size[usual]))) < _AS_LARGE
    return np.asarray(as_large & (its_step / float(np.median(step[usual])) >= _STANDS_OUT))


def _sizes_and_steps(look: Look, grey: NDArray[np.generic]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n + 1,) by label: diameter in px, and step as of `steps_of`."""
    return look.shown_px / look.zoom, steps_of(look, grey)


def steps_of(look: Look, grey: NDArray[np.generic]) -> NDArray[np.float64]:
    """(n + 1,) by label, how much brighter a particle is in a picture (H, W) than the ring around it, NaN where neighbours leave
    none."""
    inside, around = inside_and_around(look.labels, grey, ring_px=_RING_PX)
    return inside - around


def left_out(base: Look, gone: list[int]) -> Look:
    """`base` without some labels, which are ground now; the others are numbered anew."""
    kept = np.ones(base.n + 1, bool)
    kept[gone] = False
    number = new_numbers(kept)
    stay = np.flatnonzero(number)
    each = np.concatenate([[0], stay])
    confidence = None if base.confidence is None else base.confidence[each]
    classes = None if base.classes is None else base.classes[each]
    foreground = np.where((number == 0)[base.labels] & (base.labels > 0), 0, base.foreground).astype(np.float32)
    return replace(base, labels=number[base.labels], foreground=foreground, confidence=confidence, classes=classes)


def new_numbers(kept: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(n + 1,) numbers from 1 for those that are kept, 0 for the others and the background."""
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)


def with_alikes(base: Look, other: Look, places: LookAlikes) -> Look:
    """`base` with what another look sees at places that look like the particles found: the second witness makes up for doubt."""
    if not places.n:
        return base
    both = _Overlaps(base, other)
    y, x = np.rint(places.at).astype(np.int64).T
    there = other.labels[y, x]
    ratio = np.sqrt(4 * both.area_there[there] / math.pi) / places.diameter
    alike = (np.abs(np.log(np.maximum(ratio, 1e-9))) < _AS_LARGE) & (both.confidence_there[there] >= _SECONDED)
    alike &= (both.covered_there[there] <= FREE) & (there > 0)
    return _merged(base, other, gone=[], adopted=np.unique(there[alike]).tolist())


def _seen_well(other: Look, both: _Overlaps, sees_px: tuple[float, float]) -> NDArray[np.bool_]:
    """(n + 1,) by label, the other look's particles that it is sure of and shows at a size that is seen well."""
    shown = other.shown_px
    well = (shown >= sees_px[0]) & (shown <= LARGE * sees_px[1]) & (both.confidence_there >= ADOPTED)
    well[0] = False
    return np.asarray(well)


def _new(some: NDArray[np.bool_], both: _Overlaps) -> NDArray[np.bool_]:
    """(n + 1,) those of some of the other look's particles that lie where there is hardly anything yet."""
    return np.asarray(some & (both.covered_there <= FREE)) if some.any() else some


class _Overlaps:
    """Shared pixels of the particles of two looks on one grid."""

    def __init__(self, here: Look, there: Look) -> None:
        self._labels = here.labels.ravel(), there.labels.ravel()
        self._n = there.n + 1
        self.area_here, self.area_there = here.area, there.area
        self.confidence_here = np.ones(here.n + 1) if here.confidence is None else here.confidence
        self.confidence_there = np.ones(self._n) if there.confidence is None else there.confidence

    @cached_property
    def _shared(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The labels here and there of every pixel that is a particle's in both."""
        below, above = self._labels
        flat = np.flatnonzero(above)
        below, above = below[flat], above[flat]
        on = np.flatnonzero(below)
        return below[on], above[on]

    @cached_property
    def covered_there(self) -> NDArray[np.float64]:
        """(n + 1,) share of each particle of the other look that lies on particles here; 0 for its ground."""
        return np.asarray(np.bincount(self._shared[1], minlength=self._n) / np.maximum(self.area_there, 1), np.float64)

    @cached_property
    def _pairs(self) -> dict[tuple[int, int], int]:
        """(label here, label there), in order -> pixels that bear both."""
        below, above = self._shared
        table = np.bincount(below.astype(np.int64) * self._n + above)
        at = np.flatnonzero(table)
        return dict(zip(zip(*(v.tolist() for v in np.divmod(at, self._n)), strict=True), table[at].tolist(), strict=True))

    @cached_property
    def _there(self) -> dict[int, list[int]]:
        out: dict[int, list[int]] = {}
        for a, b in self._pairs:
            out.setdefault(a, []).append(b)
        return out

    @cached_property
    def _here(self) -> dict[int, list[int]]:
        out: dict[int, list[int]] = {}
        for a, b in self._pairs:
            out.setdefault(b, []).append(a)
        return out

    def there_of(self, label: int) -> list[int]:
        """Of the other look, what touches `label`."""
        return self._there.get(label, [])

    def here_of(self, label: int) -> list[int]:
        """What the other look's `label` touches."""
        return self._here.get(label, [])

    def pixels(self, here: int, there: int) -> int:
        return self._pairs.get((here, there), 0)

    def share(self, here: int, there: list[int]) -> float:
        """Share of `here` that those cover."""
        return sum(self.pixels(here, k) for k in there) / max(int(self.area_here[here]), 1)


def _merged(base: Look, other: Look, *, gone: list[int], adopted: list[int]) -> Look:
    """`base` without `gone`, with `adopted` of the other look, each with its look's foreground about it."""
    if not adopted:
        return base
    number = np.arange(base.n + 1, dtype=np.int32)
    number[gone] = 0
    labels = number[base.labels]
    more = np.zeros(other.n + 1, np.int32)
    more[adopted] = base.n + 1 + np.arange(len(adopted))
    added = more[other.labels]
    added[labels > 0] = 0  # what is there stays; an adopted particle may lie a little over it
    labels = np.where(added > 0, added, labels)
    changed = (added > 0) | (np.isin(base.labels, gone) if gone else False)
    near = cv2.dilate(changed.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool) & ((labels == 0) | (added > 0))
    foreground = np.where(near, other.foreground, base.foreground).astype(np.float32)
    confidence = classes = None
    present = np.unique(labels)
    final = np.zeros(base.n + 1 + len(adopted), np.int32)
    final[present] = np.arange(present.size) if present[0] == 0 else np.arange(1, present.size + 1)
    if base.confidence is not None and other.confidence is not None:
        whole = np.concatenate([base.confidence, other.confidence[adopted]])
        confidence = np.concatenate([[1.0], whole[present[present > 0]]])
    if base.classes is not None and other.classes is not None:
        each = np.concatenate([base.classes, other.classes[adopted]])
        classes = np.concatenate([each[:1], each[present[present > 0]]])
    return replace(base, labels=final[labels], foreground=foreground, confidence=confidence, classes=classes)
