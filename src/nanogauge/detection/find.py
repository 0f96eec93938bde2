"""Where the particles are: looks at several magnifications, and what they see put together.

The network sees particles of `engine.sees_px`, best those near `engine.working_diameter_px`. The main look shows the typical
particle at that size, unless the first, coarse look or a somewhat coarser one promises more particles that are right. What it
cannot see well comes from other looks: the largest from the first one, the smallest from finer ones, which are taken only where a
glance at small patches says that something is there, and count only where they promise more, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.cpu import each, in_background
from ..core.protocols import Engine
from ..core.settings import MeasureSettings, Settings
from .confidence import judge_of, mean_by_label, true_at_all_sizes
from .edges import true_edge
from .faint import Faint, hardly_stand_out
from .flattened import flattened_looks
from .halos import without_halos
from .in_line import joined_in_line
from .look_alikes import NONE, LookAlikes, look_alikes
from .looks import (
    Look,
    Seen,
    coarser_if_unsure,
    coarser_look,
    finer_if_unsure,
    finer_look,
    finest_zoom,
    look_at,
    on_grid,
    regions_beside,
    seen_in,
    would_see,
)
from .merging import (
    in_place_of_doubtful,
    left_out,
    new_numbers,
    with_alikes,
    with_flattened,
    with_larger,
    with_overlooked,
    with_smaller,
    with_unseen,
)
from .readings import LookTaken, Reading, beside, read
from .separate import Pieces

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
Box = tuple[int, int, int, int]

# of `Look.worth`: the main look stands, and a finer one is left, unless there is more to gain
_MAIN_AHEAD = 0.02
_LOST = 0.7  # mean confidence under which the flattened picture is measured
_NOT_LOST, _FLAT_AHEAD = 0.45, 0.05  # mean confidence that it must have then, and what it must promise more
_CUT_MORE, _JOIN_MORE = 0.45, 0.75  # evidence of a cut below which neighbours are joined, in other readings
_DOUBTFUL = 0.5  # confidence


class Found(NamedTuple):
    """Labels (H, W), foreground probability (H, W), zoom of the main look, by label (n + 1,) how likely a particle is right, None
    where the engine is not calibrated; the looks taken, the main one first; what is measured and other readings of the picture.
    Once outlines are at the edge, `foreground` falls across it, `moved_px` is how far they were moved on average, `soft` the edges'
    half width over the particles' radius, and `edgeless` are the labels that show none. `classes` (n + 1, K), by label, how likely
    a particle is of each, None where none are told. `alikes` are places that look like the particles and are none, `faint` how many
    objects hardly stand out."""

    labels: I32
    foreground: F32
    zoom: float
    confidence: NDArray[np.float64] | None
    looks: tuple[LookTaken, ...] = ()
    readings: tuple[Reading, ...] = ()
    moved_px: float | None = None
    soft: float = math.nan
    edgeless: frozenset[int] = frozenset()
    classes: NDArray[np.float64] | None = None
    alikes: LookAlikes = NONE
    faint: Faint = Faint()


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
    found = found._replace(labels=labels, foreground=foreground, alikes=found.alikes.moved(y0, x0))
    return outside(found, keep_out or [])


def outside(found: Found, boxes: list[Box]) -> Found:
    """What was found but for objects mostly in one of the boxes; the others are numbered anew."""
    return _numbered(found._replace(alikes=found.alikes.outside(boxes)), without_text(found.labels, boxes))


def without(found: Found, gone: Sequence[int]) -> Found:
    """What was found but for some labels; the others are numbered anew."""
    kept = np.bincount(found.labels.ravel(), minlength=int(found.labels.max(initial=0)) + 1) > 0
    kept[list(gone)] = False
    return _numbered(found, new_numbers(kept))


def _numbered(found: Found, number: I32) -> Found:
    """With new numbers (largest label + 1,), 0 for what is left out."""
    stay = np.flatnonzero(number)
    sure, classes = found.confidence, found.classes
    if sure is not None:
        sure = np.concatenate([[1.0], sure[stay]])
    if classes is not None:
        classes = np.concatenate([classes[:1], classes[stay]])
    return found._replace(labels=number[found.labels], confidence=sure, classes=classes)


def magnification_of(part: NDArray[np.uint8], engine: Engine, settings: Settings) -> float | None:
    """The working magnification at which `find_particles` would look at a part (H, W) of a mosaic; None where it sees none."""
    base = _chosen(part, engine, settings).base
    return base.zoom if base.n else None


def labels_of_part(part: NDArray[np.uint8], engine: Engine, settings: Settings, zoom: float) -> I32:
    """Labels (H, W) of what one look at that magnification sees in a part of a mosaic."""
    seen = look_at(part, engine, settings.replace("segment", working_magnification=zoom))
    return on_grid(seen, part.shape, settings).labels


def at_edge(found: Found, pixels: NDArray[np.generic], settings: MeasureSettings, *, frame: Box) -> Found:
    """What was found, with all outlines where the grey levels (H, W) have their edges; as it is with `edge = "outline"`."""
    if settings.edge != "steepest":
        return found
    sure = mean_by_label(found.labels, found.foreground) if found.confidence is None else found.confidence
    e = true_edge(found.labels, pixels, found.foreground, frame=frame)
    moved = found._replace(labels=e.labels, foreground=e.foreground, confidence=sure)
    return moved._replace(moved_px=e.mean_shift_px, soft=e.soft, edgeless=e.edgeless)


class _Chosen(NamedTuple):
    """The look that is measured, what it comes from, another to read the picture by, the coarse first look where it is a third;
    the zoom of the main look, and all looks so far, the one measured first; looks at the flattened picture."""

    base: Look
    seen: Seen
    other: Seen | None
    coarse: Look | None
    main_zoom: float
    taken: list[Look]
    flattened: Sequence[Look] = ()


def _found_in(picture: NDArray[np.uint8], engine: Engine, settings: Settings) -> Found:
    base, seen, other, coarse, main_zoom, taken, flattened = _chosen(picture, engine, settings)
    result, more_readings = base, list[Reading]()
    if _looks_again(engine, settings):
        regions = regions_beside(picture, seen, engine, settings)
        if regions is not None:
            result = in_place_of_doubtful(result, regions)
        if coarse is not None:
            result = with_larger(result, coarse, engine.sees_px)
        for look in taken[1:]:
            result = with_overlooked(result, look, engine.sees_px, picture)
        for look in flattened:
            result = with_flattened(result, look, engine.sees_px)
        zoom, finest = main_zoom, finest_zoom(main_zoom)
        while (finer := finer_look(picture, result, zoom, engine, settings, finest=finest)) is not None:
            zoom = finer.zoom
            taken.append(finer)
            more = with_smaller(result, finer, engine.sees_px)
            if more.worth > result.worth:
                result = more
            elif more is not result:
                more_readings.append(read("with a finer look", more.labels))
    gone, faint = hardly_stand_out(result.labels, picture, result.confidence)
    if gone:
        more_readings.append(read("with what hardly stands out", result.labels))
        result = left_out(result, gone)
    result, alikes = _with_alikes(result, picture, taken[1:])
    plain = without_halos(result.labels, picture)
    if plain is not None:
        more_readings.append(read("with halos", result.labels))
        result = replace(result, labels=plain, foreground=np.where(plain == result.labels, result.foreground, 0).astype(np.float32))
    every = result
    for look in taken[1:]:
        every = with_unseen(every, look, engine.sees_px)
    if every is not result:
        more_readings.append(read("with what only other looks see", every.labels))
    if coarse is not None and would_see(coarse, base, engine.sees_px):
        more_readings.append(read("the first look", coarse.labels))
    looks = tuple(LookTaken(look.zoom, look.n) for look in (*taken, *flattened))
    readings: tuple[Reading, ...] = ()
    if engine.calibration is not None:
        readings = (*_other_readings(seen, other, base, result, engine, settings), *more_readings)
    found = Found(result.labels, result.foreground, base.zoom, result.confidence, looks, readings, classes=result.classes)
    return found._replace(alikes=alikes, faint=faint)


def _with_alikes(result: Look, picture: NDArray[np.uint8], others: list[Look]) -> tuple[Look, LookAlikes]:
    """With what other looks see at places that look like the particles found, and the places that are left."""
    alikes = look_alikes(picture, result.labels, result.confidence)
    more = result
    for look in others:
        more = with_alikes(more, look, alikes)
    return more, alikes if more is result else look_alikes(picture, more.labels, more.confidence)


def _chosen(picture: NDArray[np.uint8], engine: Engine, settings: Settings) -> _Chosen:
    """Of the looks at hand the one that promises most; the main look where looks cannot be weighed against each other."""
    first: list[Pieces] = []
    seen = look_at(picture, engine, settings, first)
    for elsewhere in (coarser_if_unsure, finer_if_unsure):
        seen = elsewhere(seen, picture, engine, settings)
    carrying = in_background(on_grid, seen, picture.shape, settings)
    free = not settings.segment.working_magnification and engine.calibration is not None
    other = coarser_look(picture, seen, engine, settings) if free else None
    main = carrying()
    if not _looks_again(engine, settings):
        return _Chosen(main, seen, other, None, main.zoom, [main])
    rivals: list[tuple[Look, Seen, Seen | None]] = [(main, seen, other)]
    coarse: Look | None = None
    of_other = None if other is None else in_background(on_grid, other, picture.shape, settings)
    if first and first[0].maps.foreground.shape != seen.maps.foreground.shape:
        of_first = seen_in(first[0], seen.looks[0][0], engine, settings)
        coarse = on_grid(of_first, picture.shape, settings)
        rivals.append((coarse, of_first, seen))
    if of_other is not None and other is not None:
        rivals.append((of_other(), other, seen))
    base, seen, other = max(rivals, key=lambda r: r[0].worth + (_MAIN_AHEAD if r[0] is main else 0.0))
    taken = [base, *(look for look, *_ in rivals if look is not base)]
    flat = flattened_looks(picture, base, engine, settings)
    promises = bool(flat) and flat[0][1].worth > base.worth + _FLAT_AHEAD and flat[0][1].mean_confidence >= _NOT_LOST
    if promises and base.mean_confidence < _LOST:
        (seen_flat, best), *rest = flat
        return _Chosen(best, seen_flat, seen, None, best.zoom, [best, *taken], [look for _, look in rest])
    return _Chosen(base, seen, other, None if coarse is base else coarse, main.zoom, taken, [look for _, look in flat])


def _looks_again(engine: Engine, settings: Settings) -> bool:
    """Whether looks at several magnifications are put together."""
    s = settings.segment
    return s.looks == "several" and not s.working_magnification and true_at_all_sizes(engine)


def _other_readings(
    seen: Seen, other: Seen | None, base: Look, result: Look, engine: Engine, settings: Settings
) -> tuple[Reading, ...]:
    """What is measured first, then readings that are nearly as likely. Those of the maps that `base` comes from are set against
    it alone, so that each says how far one choice moves the sizes."""
    judge, s = judge_of(engine), settings.separate
    otherwise = (replace(s, least_confidence=0.0), replace(s, merge_below=_CUT_MORE), replace(s, merge_below=_JOIN_MORE))
    (whole, sure), (more, _), (fewer, _) = each(partial(seen.pieces.judged, judge=judge), otherwise)
    readings = [
        read("neighbours cut more readily", more, zoom=seen.zoom),
        read("neighbours joined more readily", fewer, zoom=seen.zoom),
        read("each particle as likely as it is", whole, zoom=seen.zoom, share=sure),
        read("doubtful particles left out", whole, zoom=seen.zoom, share=sure >= _DOUBTFUL),
    ]
    if s.overlaps_are_none:
        apart = seen.pieces.labels(replace(s, overlaps_are_none=False), judge=judge)
        if apart.max(initial=0) > seen.labels.max(initial=0):
            readings.append(read("overlaps are particles", apart, zoom=seen.zoom))
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


def without_text(labels: I32, boxes: list[Box]) -> I32:
    """(largest label + 1,) new numbers, from 1; 0 for objects of which more than half lies in a box of burned-in text."""
    n = int(labels.max())
    area = np.bincount(labels.ravel(), minlength=n + 1)
    gone = np.zeros(n + 1, bool)
    for y0, x0, y1, x1 in boxes:
        window = labels[max(y0, 0) : y1, max(x0, 0) : x1]
        gone |= np.bincount(window.ravel(), minlength=n + 1) > 0.5 * np.maximum(area, 1)
    return new_numbers((area > 0) & ~gone)
