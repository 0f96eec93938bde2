"""Where the particles are: looks at several magnifications, and what they see put together.

The network sees particles of `engine.sees_px`, best those near `engine.working_diameter_px`. The main look shows the typical
particle at that size, unless the first, coarse look or a somewhat coarser one promises more particles that are right. What it
cannot see well comes from other looks: the largest from the first one, the smallest from a finer one, which is taken only where a
glance at small patches says that something is there, and counts only where it promises more, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.protocols import Engine, Maps
from ..core.settings import MeasureSettings, SeparateSettings, Settings
from .confidence import confidence_by_label, judge_of, mean_by_label, true_at_all_sizes
from .edges import true_edge
from .in_line import joined_in_line
from .readings import Reading, beside, read
from .segment import predict, rescale, segment, standardise
from .separate import separate, to_grid

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
Box = tuple[int, int, int, int]

_CLEARLY_SEEN = 0.8  # mean foreground probability of the objects that say how large particles are, before the main look
_UNSURE, _MUCH_SURER, _COARSEST_PX = 0.6, 0.1, 96  # mean confidence; long side of the working picture
_FINER = 2.0  # zoom of the finer look over the main one's
_GLANCE_PX, _N_GLANCES = 256, 2  # side of a patch looked at first, in px of the finer look, and how many
_GLANCED = 2  # new particles in the patches that make the finer look worth taking
_ADOPTED = 0.5  # confidence from which what only another look sees is a particle
_COVERED = 0.5  # share of a particle that another look's must cover to stand for it
_FREE = 0.2  # share of a particle that may lie on others and still be new
_OTHER_ZOOM = 0.75  # of the look's that stands beside the main one
_WORTH_OF_MORE = 0.2  # weight of how many particles are expected to be right, beside the share of those found
_MAIN_AHEAD, _FINER_AHEAD = (
    0.02,
    0.03,
)  # in `Look.worth`: the main look stands, and a finer one is left, unless there is more to gain
_CUT_MORE, _JOIN_MORE = 0.45, 0.75  # evidence of a cut below which neighbours are joined, in other readings
_DOUBTFUL = 0.5  # confidence
_SMALL, _LARGE = 2.0, 0.8  # of the smallest and the largest particle that a look sees: beyond, another look knows better


class Found(NamedTuple):
    """Labels (H, W), foreground probability (H, W), zoom of the main look, by label (n + 1,) how likely a particle is right, None
    where the engine is not calibrated; the looks taken, the main one first; what is measured and other readings of the picture.
    Once outlines are at the edge, `foreground` falls across it, `moved_px` is how far they were moved on average, and `edgeless`
    are the labels that show none."""

    labels: I32
    foreground: F32
    zoom: float
    confidence: NDArray[np.float64] | None
    looks: tuple[LookTaken, ...] = ()
    readings: tuple[Reading, ...] = ()
    moved_px: float | None = None
    edgeless: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class LookTaken:
    """A look: its zoom (working px per input px) and how many particles are seen in it."""

    zoom: float
    n_seen: int


@dataclass(frozen=True)
class Look:
    """What is seen at one zoom, on the picture's own grid (H, W); confidence (n + 1,) by label, None where not calibrated."""

    zoom: float
    labels: I32
    foreground: F32
    confidence: NDArray[np.float64] | None

    @property
    def n(self) -> int:
        return int(self.labels.max(initial=0))

    @property
    def shown_px(self) -> NDArray[np.float64]:
        """(n + 1,) diameter at which each particle was shown to the network."""
        area = np.bincount(self.labels.ravel(), minlength=self.n + 1)
        return np.asarray(self.zoom * np.sqrt(4 * area / math.pi), np.float64)

    @property
    def worth(self) -> float:
        """What a look promises: ln of the share of its particles expected to be right, and, weighing less, of how many."""
        if self.confidence is None or not self.n:
            return -math.inf
        right = float(self.confidence[1:].sum())
        return math.log(max(right, 1e-9) / self.n) + _WORTH_OF_MORE * math.log(max(right, 1e-9))


def find_particles(
    grey: NDArray[np.uint8], engine: Engine, settings: Settings, *, frame: Box | None = None, keep_out: list[Box] | None = None
) -> Found:
    """Particles of a micrograph (H, W). Nothing outside `frame`; an object mostly in a `keep_out` box is text."""
    h, w = grey.shape
    y0, x0, y1, x1 = frame or (0, 0, h, w)
    picture = grey[y0:y1, x0:x1]
    labels = np.zeros((h, w), np.int32)
    foreground = np.zeros((h, w), np.float32)
    if min(picture.shape) < 8:
        return Found(labels, foreground, 1.0, np.ones(1))
    found = _found_in(picture, engine, settings)
    labels[y0:y1, x0:x1] = found.labels
    foreground[y0:y1, x0:x1] = found.foreground
    number = without_text(labels, keep_out or [])
    sure = found.confidence
    if sure is not None:
        sure = np.concatenate([[1.0], sure[np.flatnonzero(number)]])
    return found._replace(labels=number[labels], foreground=foreground, confidence=sure)


class _Chosen(NamedTuple):
    """The look that is measured, what it comes from, another to read the picture by, the coarse first look where it is a third;
    the zoom of the main look, and all looks so far, the one measured first."""

    base: Look
    seen: _Seen
    other: _Seen | None
    coarse: Look | None
    main_zoom: float
    taken: list[Look]


def _found_in(picture: NDArray[np.uint8], engine: Engine, settings: Settings) -> Found:
    base, seen, other, coarse, main_zoom, taken = _chosen(picture, engine, settings)
    result, more_readings = base, list[Reading]()
    if _looks_again(engine, settings):
        if coarse is not None:
            result = with_larger(result, coarse, engine.sees_px)
        finer = _finer(picture, result, main_zoom, engine, settings)
        if finer is not None:
            taken.append(finer)
            more = with_smaller(result, finer, engine.sees_px)
            if more.worth > result.worth:
                result = more
            elif more is not result:
                more_readings.append(read("with a finer look", more.labels))
        if coarse is not None and _would_see(coarse, base, engine.sees_px):
            more_readings.append(read("the first look", coarse.labels))
    looks = tuple(LookTaken(look.zoom, look.n) for look in taken)
    readings: tuple[Reading, ...] = ()
    if engine.calibration is not None:
        readings = (*_other_readings(seen, other, base, result, engine, settings), *more_readings)
    return Found(result.labels, result.foreground, base.zoom, result.confidence, looks, readings)


def _chosen(picture: NDArray[np.uint8], engine: Engine, settings: Settings) -> _Chosen:
    """Of the looks at hand the one that promises most; the main look where looks cannot be weighed against each other."""
    first: list[Maps] = []
    seen = _coarser_if_unsure(_seen(picture, engine, settings, first), picture, engine, settings)
    main = _on_grid(seen, picture.shape, settings)
    free = not settings.segment.working_magnification and engine.calibration is not None
    other = _coarser(picture, seen, engine, settings) if free else None
    if not _looks_again(engine, settings):
        return _Chosen(main, seen, other, None, main.zoom, [main])
    rivals: list[tuple[Look, _Seen, _Seen | None]] = [(main, seen, other)]
    coarse: Look | None = None
    if first and first[0].foreground.shape != seen.maps.foreground.shape:
        of_first = _Seen(first[0], seen.looks[0][0], (), *_separated(first[0], engine, settings))
        coarse = _on_grid(of_first, picture.shape, settings)
        rivals.append((coarse, of_first, seen))
    if other is not None:
        rivals.append((_on_grid(other, picture.shape, settings), other, seen))
    base, seen, other = max(rivals, key=lambda r: r[0].worth + (_MAIN_AHEAD if r[0] is main else 0.0))
    taken = [base, *(look for look, *_ in rivals if look is not base)]
    return _Chosen(base, seen, other, None if coarse is base else coarse, main.zoom, taken)


def _looks_again(engine: Engine, settings: Settings) -> bool:
    """Whether looks at several magnifications are put together."""
    s = settings.segment
    return s.looks == "several" and not s.working_magnification and true_at_all_sizes(engine)


def _would_see(look: Look, base: Look, sees_px: tuple[float, float]) -> bool:
    """Whether what `base` sees is shown to another look at a size that it sees well: then it is a witness, for or against it."""
    shown = float(np.median(base.shown_px[1:])) * look.zoom / base.zoom if base.n else 0.0
    return _SMALL * sees_px[0] <= shown <= _LARGE * sees_px[1]


def _coarser(picture: NDArray[np.uint8], seen: _Seen, engine: Engine, settings: Settings) -> _Seen | None:
    """A look somewhat coarser than the main one: a rival, and what the sizes would be in it."""
    if seen.zoom * _OTHER_ZOOM * max(picture.shape) < _COARSEST_PX:
        return None
    return _seen(picture, engine, settings.replace("segment", working_magnification=_OTHER_ZOOM * seen.zoom))


def _other_readings(
    seen: _Seen, other: _Seen | None, base: Look, result: Look, engine: Engine, settings: Settings
) -> tuple[Reading, ...]:
    """What is measured first, then readings that are nearly as likely. Those of the maps that `base` comes from are set against
    it alone, so that each says how far one choice moves the sizes."""
    judge, s = judge_of(engine), settings.separate
    whole = separate(seen.maps, replace(s, least_confidence=0.0), judge=judge)
    sure = confidence_by_label(whole, seen.maps, engine)
    assert sure is not None
    more, fewer = (separate(seen.maps, replace(s, merge_below=below), judge=judge) for below in (_CUT_MORE, _JOIN_MORE))
    readings = [
        read("neighbours cut more readily", more, zoom=seen.zoom),
        read("neighbours joined more readily", fewer, zoom=seen.zoom),
        read("each particle as likely as it is", whole, zoom=seen.zoom, share=sure),
        read("doubtful particles left out", whole, zoom=seen.zoom, share=sure >= _DOUBTFUL),
    ]
    in_line = joined_in_line(seen.labels)
    if len(np.unique(in_line)) < len(np.unique(seen.labels)):
        readings.append(read("pieces in line joined", in_line, zoom=seen.zoom))
    if other is not None:
        readings.append(read("another magnification", other.labels, zoom=other.zoom))
    measured, alone = read("measured", result.labels), read("one look", seen.labels, zoom=seen.zoom)
    if result is not base:  # other looks add the same to every reading
        readings = [beside(r, alone, measured) for r in readings]
        readings.append(replace(alone, name="one look alone"))
    else:
        measured = replace(alone, name="measured")
    return (measured, *readings)


def at_edge(found: Found, pixels: NDArray[np.generic], settings: MeasureSettings, *, frame: Box) -> Found:
    """What was found, with all outlines where the grey levels (H, W) have their edges; as it is with `edge = "outline"`."""
    if settings.edge != "steepest":
        return found
    sure = mean_by_label(found.labels, found.foreground) if found.confidence is None else found.confidence
    e = true_edge(found.labels, pixels, found.foreground, frame=frame)
    return found._replace(labels=e.labels, foreground=e.foreground, confidence=sure, moved_px=e.mean_shift_px, edgeless=e.edgeless)


class _Seen(NamedTuple):
    """Maps at one working magnification, its zoom, the looks at others, the labels on the maps' grid and their confidence."""

    maps: Maps
    zoom: float
    looks: tuple[tuple[float, float], ...]
    labels: I32
    confidence: NDArray[np.float64] | None

    @property
    def mean_confidence(self) -> float:
        return 0.0 if self.confidence is None or self.confidence.size < 2 else float(self.confidence[1:].mean())


def _seen(picture: NDArray[np.uint8], engine: Engine, settings: Settings, first: list[Maps] | None = None) -> _Seen:
    """The main look. first: takes the maps of the looks that sought its magnification, the whole picture's first."""

    def typical(maps: Maps) -> float:
        if first is not None:
            first.append(maps)
        return typical_diameter(maps, settings.separate)

    result = segment(picture, engine, typical_diameter=typical, settings=settings.segment)
    return _Seen(result.maps, result.zoom, result.looks, *_separated(result.maps, engine, settings))


def _separated(maps: Maps, engine: Engine, settings: Settings) -> tuple[I32, NDArray[np.float64] | None]:
    labels = separate(maps, settings.separate, judge=judge_of(engine))
    return labels, confidence_by_label(labels, maps, engine)


def _on_grid(seen: _Seen, shape: tuple[int, ...], settings: Settings) -> Look:
    """A look on the picture's own grid (H, W)."""
    size = (shape[0], shape[1])
    labels = to_grid(seen.labels, seen.maps.foreground, size, foreground_above=settings.separate.foreground_above)
    return Look(seen.zoom, labels, np.minimum(_resize(seen.maps.foreground, size), 1), seen.confidence)  # blending rounds


def _coarser_if_unsure(seen: _Seen, picture: NDArray[np.uint8], engine: Engine, settings: Settings) -> _Seen:
    """Where the particles found are unsure, as specks of strong noise are, what is seen at coarser magnifications, in which
    noise averages out, if that is much surer. Costs at most a third of the main look."""
    if seen.confidence is None or settings.segment.working_magnification:
        return seen
    best, zoom = seen, seen.zoom / 2
    while seen.mean_confidence < _UNSURE and zoom * max(picture.shape) >= _COARSEST_PX:
        coarser = _seen(picture, engine, settings.replace("segment", working_magnification=zoom))
        if coarser.mean_confidence > best.mean_confidence + _MUCH_SURER:
            best = coarser
        zoom /= 2
    return best._replace(looks=seen.looks)


def _finer(picture: NDArray[np.uint8], so_far: Look, main_zoom: float, engine: Engine, settings: Settings) -> Look | None:
    """A look at twice the main zoom, if patches of it show particles that are not known."""
    s = settings.segment
    zoom = min(_FINER * main_zoom, s.largest_zoom, s.largest_px / max(picture.shape))
    if zoom < 1.2 * main_zoom:
        return None
    working = standardise(rescale(standardise(picture), zoom))
    known = _resize((so_far.labels > 0).astype(np.float32), working.shape)
    new = sum(_n_new(working[at], known[at] > 0.5, engine, settings) for at in _busiest(working, known))
    if new < _GLANCED:
        return None
    maps = predict(working, engine, overlap_px=s.overlap_px, flips=s.flips)
    return _on_grid(_Seen(maps, zoom, (), *_separated(maps, engine, settings)), picture.shape, settings)


def _n_new(patch: F32, known: NDArray[np.bool_], engine: Engine, settings: Settings) -> int:
    """How many whole particles a patch (h, w) of the finer look shows beside the known ones."""
    maps = predict(np.ascontiguousarray(patch), engine, overlap_px=settings.segment.overlap_px)
    labels, confidence = _separated(maps, engine, settings)
    n = int(labels.max(initial=0)) + 1
    area, on = np.bincount(labels.ravel(), minlength=n), np.bincount(labels[known], minlength=n)
    within = np.bincount(labels[1:-1, 1:-1].ravel(), minlength=n) == area
    sure = np.ones(n) if confidence is None else confidence
    return int(((sure >= _ADOPTED) & (on <= _FREE * area) & within & (area > 0))[1:].sum())


def _busiest(working: F32, covered: F32) -> list[tuple[slice, slice]]:
    """The patches with most fine detail outside the particles that are known."""
    h, w = working.shape
    side_y, side_x = min(_GLANCE_PX, h), min(_GLANCE_PX, w)
    fine = cv2.GaussianBlur(working, (0, 0), 1.5) - cv2.GaussianBlur(working, (0, 0), 4.0)
    free = cv2.erode((covered < 0.5).astype(np.uint8), np.ones((9, 9), np.uint8))
    energy = cv2.integral(np.minimum(np.abs(fine), 4 * np.abs(fine).mean()) * free)
    step = _GLANCE_PX // 4
    corners = [(y, x) for y in _starts(h, side_y, step) for x in _starts(w, side_x, step)]
    score = [energy[y + side_y, x + side_x] - energy[y, x + side_x] - energy[y + side_y, x] + energy[y, x] for y, x in corners]
    chosen: list[tuple[int, int]] = []
    for k in np.argsort(score)[::-1]:
        y, x = corners[int(k)]
        if all(abs(y - a) >= side_y or abs(x - b) >= side_x for a, b in chosen):
            chosen.append((y, x))
        if len(chosen) == _N_GLANCES:
            break
    return [np.s_[y : y + side_y, x : x + side_x] for y, x in chosen]


def _starts(length: int, side: int, step: int) -> list[int]:
    return sorted({*range(0, length - side, step), length - side})


def with_smaller(base: Look, finer: Look, sees_px: tuple[float, float]) -> Look:
    """`base` with what only the finer look sees, and with the finer look's outlines of what was small for it."""
    both = _Overlaps(base, finer)
    shown = finer.shown_px
    well = (shown >= sees_px[0]) & (shown <= _LARGE * sees_px[1]) & (both.confidence_there >= _ADOPTED)
    well[0] = False
    new = well & (both.covered_there <= _FREE)
    small = base.shown_px < _SMALL * sees_px[0]
    large_px = np.bincount(finer.labels[(~small[base.labels]) & (base.labels > 0)], minlength=well.size)
    apart = well & (large_px <= _FREE * both.area_there)  # cuts into nothing that the main look sees well
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
    area = np.bincount(coarser.labels.ravel(), minlength=coarser.n + 1)
    shown_to_base = base.zoom * np.sqrt(4 * area / math.pi)
    gone: list[int] = []
    adopted: list[int] = []
    too_large = (shown_to_base > _LARGE * sees_px[1]) & (both.confidence_there >= _ADOPTED)
    too_large[0] = False
    for k in np.flatnonzero(too_large).tolist():
        inside = [label for label in both.here_of(k) if both.share(label, [k]) >= _COVERED]
        pieces = sum(both.confidence_here[label] * both.pixels(label, k) for label in inside) / area[k]
        if both.confidence_there[k] > pieces:
            gone += inside
            adopted.append(k)
    return _merged(base, coarser, gone=gone, adopted=adopted)


class _Overlaps:
    """Shared pixels of the particles of two looks on one grid."""

    def __init__(self, here: Look, there: Look) -> None:
        self._n = there.n + 1
        table = np.bincount(here.labels.ravel().astype(np.int64) * self._n + there.labels.ravel())
        at = np.flatnonzero(table)
        self._pairs = {(int(k) // self._n, int(k) % self._n): int(table[k]) for k in at}
        self._there: dict[int, list[int]] = {}
        self._here: dict[int, list[int]] = {}
        for a, b in self._pairs:
            if a and b:
                self._there.setdefault(a, []).append(b)
                self._here.setdefault(b, []).append(a)
        self._area_here = np.bincount(here.labels.ravel(), minlength=here.n + 1)
        self.area_there = np.bincount(there.labels.ravel(), minlength=self._n)
        self.confidence_here = np.ones(here.n + 1) if here.confidence is None else here.confidence
        self.confidence_there = np.ones(self._n) if there.confidence is None else there.confidence
        on = np.bincount(there.labels[here.labels > 0], minlength=self._n)
        self.covered_there = on / np.maximum(self.area_there, 1)

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
        return sum(self.pixels(here, k) for k in there) / max(int(self._area_here[here]), 1)


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
    confidence = None
    present = np.unique(labels)
    final = np.zeros(base.n + 1 + len(adopted), np.int32)
    final[present] = np.arange(present.size) if present[0] == 0 else np.arange(1, present.size + 1)
    if base.confidence is not None and other.confidence is not None:
        whole = np.concatenate([base.confidence, other.confidence[adopted]])
        confidence = np.concatenate([[1.0], whole[present[present > 0]]])
    return replace(base, labels=final[labels], foreground=foreground, confidence=confidence)


def magnification_of(part: NDArray[np.uint8], engine: Engine, settings: Settings) -> float | None:
    """The working magnification at which `find_particles` would look at a part (H, W) of a mosaic; None where it sees none."""
    base = _chosen(part, engine, settings).base
    return base.zoom if base.n else None


def typical_diameter(maps: Maps, settings: SeparateSettings) -> float:
    """Median equivalent diameter in px of the maps' grid, 0 where nothing is seen. Specks weigh nothing beside particles:
    the median is taken over the particles that make up the largest 95 % of the area."""
    area = np.bincount(separate(maps, replace(settings, least_confidence=_CLEARLY_SEEN)).ravel())[1:]
    area = np.sort(area[area > 0])[::-1]
    if not len(area):
        return 0.0
    kept = area[: int(np.searchsorted(np.cumsum(area), 0.95 * area.sum())) + 1]
    return float(np.median(np.sqrt(4 * kept / math.pi)))


def without_text(labels: I32, boxes: list[Box]) -> I32:
    """(largest label + 1,) new numbers, from 1; 0 for objects of which more than half lies in a box of burned-in text."""
    n = int(labels.max())
    area = np.bincount(labels.ravel(), minlength=n + 1)
    gone = np.zeros(n + 1, bool)
    for y0, x0, y1, x1 in boxes:
        window = labels[max(y0, 0) : y1, max(x0, 0) : x1]
        gone |= np.bincount(window.ravel(), minlength=n + 1) > 0.5 * np.maximum(area, 1)
    gone[0] = False
    keep = (area > 0) & ~gone
    keep[0] = False
    return np.where(keep, np.cumsum(keep), 0).astype(np.int32)


def _resize(values: F32, shape: tuple[int, ...]) -> F32:
    if values.shape == shape:
        return values
    how = cv2.INTER_AREA if values.shape[0] > shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (shape[1], shape[0]), interpolation=how), np.float32)
