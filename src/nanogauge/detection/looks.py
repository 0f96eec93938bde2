"""Looks: the picture seen by the network at one magnification or another."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.protocols import Engine, Maps
from ..core.settings import SeparateSettings, Settings
from .areas import areas_of
from .class_maps import mean_classes
from .confidence import judge_of
from .extremal_regions import extremal_regions
from .segment import predict, rescale, segment, standardise
from .separate import Pieces, to_grid

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

ADOPTED = 0.5  # confidence from which what only another look sees is a particle
FREE = 0.2  # share of a particle that may lie on others and still be new
SMALL, LARGE = 2.0, 0.8  # of the smallest and the largest particle that a look sees: beyond, another look knows better
_CLEARLY_SEEN = 0.8  # mean foreground probability of the objects that say how large particles are, before the main look
COARSEST_PX = 96  # long side of the working picture at least
_UNSURE, _MUCH_SURER = 0.6, 0.1  # mean confidence
_SURE, _MANY = 0.75, 8  # mean confidence, and particles, of a glance for which a finer magnification is taken
_FINER = 2.0  # zoom of a finer look over that of the look before
_FINEST = 2.0  # zoom to which finer looks go on where the main one's is less
_GLANCE_PX, _N_GLANCES = 256, 2  # side of a patch looked at first, in px of the finer look, and how many
_GLANCED = 2  # new particles in the patches that make the finer look worth taking
_OTHER_ZOOM = 0.75  # of the look's that stands beside the main one
_WORTH_OF_MORE = 0.2  # weight of how many particles are expected to be right, beside the share of those found


@dataclass(frozen=True)
class Look:
    """What is seen at one zoom, on the picture's own grid (H, W); confidence (n + 1,) by label, None where not calibrated; classes
    (n + 1, K) by label, None where the engine tells none apart."""

    zoom: float
    labels: I32
    foreground: F32
    confidence: NDArray[np.float64] | None
    classes: NDArray[np.float64] | None = None

    @cached_property
    def n(self) -> int:
        return int(self.labels.max(initial=0))

    @cached_property
    def area(self) -> NDArray[np.int64]:
        """(n + 1,) pixels of each label, those of the ground first."""
        return areas_of(self.labels, self.n + 1)

    @property
    def shown_px(self) -> NDArray[np.float64]:
        """(n + 1,) diameter at which each particle was shown to the network."""
        return np.asarray(self.zoom * np.sqrt(4 * self.area / math.pi), np.float64)

    @property
    def mean_confidence(self) -> float:
        return _mean(self.confidence)

    @property
    def worth(self) -> float:
        """What a look promises: ln of the share of its particles expected to be right, and, weighing less, of how many."""
        if self.confidence is None or not self.n:
            return -math.inf
        right = float(self.confidence[1:].sum())
        return math.log(max(right, 1e-9) / self.n) + _WORTH_OF_MORE * math.log(max(right, 1e-9))


class Seen(NamedTuple):
    """Maps at one working magnification, in pieces, its zoom, the looks at others, the labels on the maps' grid and their
    confidence."""

    pieces: Pieces
    zoom: float
    looks: tuple[tuple[float, float], ...]
    labels: I32
    confidence: NDArray[np.float64] | None

    @property
    def maps(self) -> Maps:
        return self.pieces.maps

    @property
    def mean_confidence(self) -> float:
        return _mean(self.confidence)


def look_at(picture: NDArray[np.uint8], engine: Engine, settings: Settings, first: list[Pieces] | None = None) -> Seen:
    """The main look. first: takes what is seen by the looks that sought its magnification, the whole picture's first."""

    def typical(maps: Maps) -> float:
        pieces = Pieces(maps, settings.separate)
        if first is not None:
            first.append(pieces)
        return _typical_diameter(pieces, settings.separate)

    result = segment(picture, engine, typical_diameter=typical, settings=settings.segment)
    return seen_in(Pieces(result.maps, settings.separate), result.zoom, engine, settings, looks=result.looks)


def seen_in(
    pieces: Pieces, zoom: float, engine: Engine, settings: Settings, *, looks: tuple[tuple[float, float], ...] = ()
) -> Seen:
    """What is seen in maps at that zoom."""
    labels, sure = pieces.judged(settings.separate, judge=judge_of(engine))
    return Seen(pieces, zoom, looks, labels, sure if engine.calibration is not None else None)


def on_grid(seen: Seen, shape: tuple[int, ...], settings: Settings) -> Look:
    """A look on the picture's own grid (H, W), without what is too small to show on it."""
    size = (shape[0], shape[1])
    labels = to_grid(seen.labels, seen.maps.foreground, size, foreground_above=settings.separate.foreground_above)
    foreground = np.minimum(_resize(seen.maps.foreground, size), 1)  # blending rounds
    confidence, classes = seen.confidence, mean_classes(seen.labels, seen.maps)
    shows = areas_of(labels, int(seen.labels.max(initial=0)) + 1) > 0
    shows[0] = True  # the ground's row stays
    if not shows.all():
        labels = (np.cumsum(shows, dtype=np.int32) - 1)[labels]
        confidence = None if confidence is None else confidence[shows]
        classes = None if classes is None else classes[shows]
    return Look(seen.zoom, labels, foreground, confidence, classes)


def regions_beside(picture: NDArray[np.uint8], seen: Seen, engine: Engine, settings: Settings) -> Look | None:
    """What stands out of the picture (H, W) by its grey levels where a look is doubtful, judged by the maps of that look."""
    if seen.confidence is None or engine.calibration is None:
        return None
    grey = np.clip(np.rint(rescale(picture.astype(np.float32), seen.zoom)), 0, 255).astype(np.uint8)
    found = extremal_regions(grey, seen.labels, seen.confidence, seen.maps, engine.calibration)
    if found is None:
        return None
    labels, confidence = found
    soft = cv2.GaussianBlur((labels > 0).astype(np.float32), (0, 0), 1.0)
    maps = replace(seen.maps, foreground=np.asarray(soft, np.float32))
    return on_grid(Seen(Pieces(maps, settings.separate), seen.zoom, seen.looks, labels, confidence), picture.shape, settings)


def coarser_look(picture: NDArray[np.uint8], seen: Seen, engine: Engine, settings: Settings) -> Seen | None:
    """A look somewhat coarser than the main one: a rival, and what the sizes would be in it."""
    if seen.zoom * _OTHER_ZOOM * max(picture.shape) < COARSEST_PX:
        return None
    return look_at(picture, engine, settings.replace("segment", working_magnification=_OTHER_ZOOM * seen.zoom))


def coarser_if_unsure(seen: Seen, picture: NDArray[np.uint8], engine: Engine, settings: Settings) -> Seen:
    """Where the particles found are unsure, as specks of strong noise are, what is seen at coarser magnifications, in which
    noise averages out, if that is much surer. Costs at most a third of the main look."""
    if seen.confidence is None or settings.segment.working_magnification:
        return seen
    best, zoom = seen, seen.zoom / 2
    while seen.mean_confidence < _UNSURE and zoom * max(picture.shape) >= COARSEST_PX:
        coarser = look_at(picture, engine, settings.replace("segment", working_magnification=zoom))
        if coarser.mean_confidence > best.mean_confidence + _MUCH_SURER:
            best = coarser
        zoom /= 2
    return best._replace(looks=seen.looks)


def finer_if_unsure(seen: Seen, picture: NDArray[np.uint8], engine: Engine, settings: Settings) -> Seen:
    """Where what is found is unsure, as the mottle of a support is, what is seen at a finer magnification, at which small particles
    show, if that is much surer. The middle of the picture is glanced at at each, the whole looked at once."""
    s = settings.segment
    if seen.confidence is None or s.working_magnification or seen.mean_confidence >= _UNSURE:
        return seen
    best, chosen, zoom = max(seen.mean_confidence + _MUCH_SURER, _SURE), 0.0, 2 * seen.zoom
    while zoom <= min(s.largest_zoom, s.largest_px / max(picture.shape)):
        side = max(round(2 * s.thumbnail_px / zoom), 1)
        y, x = ((max(n - side, 0) // 2) for n in picture.shape)
        patch = standardise(rescale(standardise(picture[y : y + side, x : x + side]), zoom))
        there = seen_in(Pieces(predict(patch, engine, overlap_px=s.overlap_px), settings.separate), zoom, engine, settings)
        if there.labels.max(initial=0) >= _MANY and there.mean_confidence > best:
            best, chosen = there.mean_confidence, zoom
        zoom *= 2
    if not chosen:
        return seen
    finer = look_at(picture, engine, settings.replace("segment", working_magnification=chosen))
    return finer._replace(looks=seen.looks) if finer.mean_confidence > seen.mean_confidence + _MUCH_SURER else seen


def finest_zoom(main_zoom: float) -> float:
    """How far looks go on from the main one: to twice its zoom, and where large particles set that, until small ones of a few px
    are shown as large as the network is sure of them."""
    return max(_FINER * main_zoom, _FINEST)


def finer_look(
    picture: NDArray[np.uint8], so_far: Look, zoom: float, engine: Engine, settings: Settings, *, finest: float
) -> Look | None:
    """A look at twice a zoom, or the first beyond it, up to the finest, whose patches show particles that are not known."""
    s = settings.segment
    largest = min(finest, s.largest_zoom, s.largest_px / max(picture.shape))
    grey = standardise(picture)
    while (finer := min(_FINER * zoom, largest)) >= 1.2 * zoom:
        zoom = finer
        working = standardise(rescale(grey, zoom))
        known = _resize((so_far.labels > 0).astype(np.float32), working.shape)
        if sum(_n_new(working[at], known[at] > 0.5, engine, settings) for at in _busiest(working, known)) >= _GLANCED:
            maps = predict(working, engine, overlap_px=s.overlap_px, flips=s.flips)
            return on_grid(seen_in(Pieces(maps, settings.separate), zoom, engine, settings), picture.shape, settings)
    return None


def _n_new(patch: F32, known: NDArray[np.bool_], engine: Engine, settings: Settings) -> int:
    """How many whole particles a patch (h, w) of the finer look shows beside the known ones."""
    maps = predict(np.ascontiguousarray(patch), engine, overlap_px=settings.segment.overlap_px)
    _, _, _, labels, confidence = seen_in(Pieces(maps, settings.separate), 1.0, engine, settings)
    n = int(labels.max(initial=0)) + 1
    area, on = np.bincount(labels.ravel(), minlength=n), np.bincount(labels[known], minlength=n)
    within = np.bincount(labels[1:-1, 1:-1].ravel(), minlength=n) == area
    sure = np.ones(n) if confidence is None else confidence
    return int(((sure >= ADOPTED) & (on <= FREE * area) & within & (area > 0))[1:].sum())


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


def would_see(look: Look, base: Look, sees_px: tuple[float, float]) -> bool:
    """Whether what `base` sees is shown to another look at a size that it sees well: then it is a witness, for or against it."""
    shown = float(np.median(base.shown_px[1:])) * look.zoom / base.zoom if base.n else 0.0
    return SMALL * sees_px[0] <= shown <= LARGE * sees_px[1]


def typical_diameter(maps: Maps, settings: SeparateSettings) -> float:
    """Median equivalent diameter in px of the maps' grid, 0 where nothing is seen. Specks weigh nothing beside particles:
    the median is taken over the particles that make up the largest 95 % of the area."""
    return _typical_diameter(Pieces(maps, settings), settings)


def _typical_diameter(pieces: Pieces, settings: SeparateSettings) -> float:
    area = np.bincount(pieces.labels(replace(settings, least_confidence=_CLEARLY_SEEN)).ravel())[1:]
    area = np.sort(area[area > 0])[::-1]
    if not len(area):
        return 0.0
    kept = area[: int(np.searchsorted(np.cumsum(area), 0.95 * area.sum())) + 1]
    return float(np.median(np.sqrt(4 * kept / math.pi)))


def _mean(confidence: NDArray[np.float64] | None) -> float:
    return 0.0 if confidence is None or confidence.size < 2 else float(confidence[1:].mean())


def _resize(values: F32, shape: tuple[int, ...]) -> F32:
    if values.shape == shape:
        return values
    how = cv2.INTER_AREA if values.shape[0] > shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (shape[1], shape[0]), interpolation=how), np.float32)
