"""Particles of a mosaic, block by block: each block is separated with a margin, and a particle belongs to one block alone.

A block takes the particles that begin (upper edge, left edge) before its lower right corner, lie whole within its window and were
not taken before. Where one that begins in the block reaches the window's end, the margin grows.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from ...core.particles import Flag, flag_texts, flags_of
from ...core.protocols import Engine, Maps, classes_of
from ...core.scale import Scale
from ...core.settings import Settings
from ...detection.class_maps import mean_classes
from ...detection.confidence import judge_of, mean_by_label
from ...detection.edges import TypicalEdge, true_edge, typical_edge
from ...detection.find import without_text
from ...detection.separate import Pieces, carried, touching
from ...measuring import measure_particles
from ...measuring.classes import shapes_seen
from ...measuring.contours import Polygon, contours
from ...measuring.frame_effects import Frame, frame_weights
from ...reading import Mosaic
from .blocks import Block, blocks_of, sides
from .files import MosaicFiles
from .turns import Turn, in_turns
from .working import WorkingPicture, native_span, nearest, to_native

F32 = NDArray[np.float32]
Span = tuple[int, int, int, int]
SEEN = "classes_seen"
"""Column of a block's table, where classes are asked for: the probabilities of each class of the network, of each shape, or of
both, to be decided on once all blocks are seen."""
_AT_ONCE = 2  # blocks: each takes its particles alone, half of its time, and another costs some 100 MB
_TOO_SMALL: Literal["too small"] = "too small"
_ROUND_PX = 64  # beyond the particles taken, and an eighth of the largest: what lies there may bear on their edges and contrast


@dataclass
class MosaicParticles:
    """What the blocks have given so far. `outline` is told the outlines of each table's particles, as they are found; edges are
    sought as is `typical` of the mosaic; what lies mostly in a box of `texts`, in px of the mosaic, is none."""

    files: MosaicFiles
    outline: Callable[[pd.DataFrame, dict[int, list[NDArray[np.int32]]]], None]
    typical: TypicalEdge | None = None  # None: as it shows in each window
    texts: tuple[tuple[int, int, int, int], ...] = ()
    tables: list[pd.DataFrame] = field(default_factory=list)
    n: int = 0
    n_cut: int = 0  # longer than the widest margin
    likely_px: int = 0
    left_out_px: int = 0
    total_moved_px: float = 0.0  # summed over the particles

    @property
    def moved_px(self) -> float:
        """How far outlines were moved to the edge on average."""
        return self.total_moved_px / max(self.n, 1)


@dataclass(frozen=True)
class _Given:
    """What all blocks have in common; grid: shape of the working picture."""

    mosaic: Mosaic
    grid: tuple[int, int]
    engine: Engine
    settings: Settings
    scale: Scale | None
    found: MosaicParticles


@dataclass(frozen=True)
class _Separated:
    """The particles of a window on the mosaic's own grid.

    labels, fine: (h, w), fine the foreground; span: their y0, y1, x0, x1 there; core: those of the block; boxes: of the labels, as
    `find_objects` has them; sure: how likely each is one; classes: as `mean_classes`
    """

    labels: NDArray[np.int32]
    fine: F32
    span: Span
    core: Span
    boxes: list[tuple[slice, slice] | None]
    sure: NDArray[np.float64]
    classes: NDArray[np.float64] | None


@dataclass(frozen=True)
class _Chosen:
    """The particles that a block is to take, `accepted` among the labels, and what lies round them: parts of a window, and of the
    labels that are stored there."""

    labels: NDArray[np.int32]
    fine: F32
    claimed: NDArray[np.int32]
    span: Span
    accepted: NDArray[np.int64]
    typical: TypicalEdge | None
    sure: NDArray[np.float64]
    classes: NDArray[np.float64] | None


@dataclass(frozen=True)
class _Taken:
    """The particles that a block has taken, at their edges, among those round them, with what else their table is made of.

    labels, fine, pixels: (h, w); span: their y0, y1, x0, x1 in the mosaic; number: in the block from 1 on, by label, 0 for those of
    others; own: (h, w) those numbers; before: to be added to them in the mosaic
    """

    labels: NDArray[np.int32]
    fine: F32
    pixels: NDArray[Any]
    span: Span
    number: NDArray[np.int32]
    own: NDArray[np.int32]
    before: int
    edgeless: frozenset[int]
    confidence: NDArray[np.float64] | None
    classes: NDArray[np.float64] | None


@dataclass(frozen=True)
class _Measured:
    """A block's table, and the closed outlines of each of its particles."""

    table: pd.DataFrame
    outlines: dict[int, list[Polygon]]


def find_in_blocks(
    mosaic: Mosaic,
    picture: WorkingPicture,
    engine: Engine,
    settings: Settings,
    scale: Scale | None,
    found: MosaicParticles,
    *,
    n_threads: int = 1,
) -> None:
    """Segments, separates and measures the whole mosaic into `found`, two blocks at a time where there are threads for it.

    What a block takes depends on what the blocks before it have taken; all else does not, so that is done side by side, and
    the results are the same.
    """
    given = _Given(mosaic, picture.shape, engine, settings, scale, found)
    *_, margin, widest = sides(picture.shape[0] / mosaic.shape[0])

    def measured(block: Block, turn: Turn) -> _Measured | None:
        window = _separated(block.window(margin), given)
        with turn:
            chosen = _chosen(window, given, last=margin == widest)
            if chosen is _TOO_SMALL:
                chosen = _chosen(_separated(block.window(widest), given), given, last=True)
            del window  # 50 MB
            taken = _taken(chosen, given) if isinstance(chosen, _Chosen) else None
            del chosen
        return _measured(taken, given) if taken else None

    give_back()  # what was needed to learn magnification and edges
    with closing(in_turns(measured, blocks_of(picture, engine, settings), min(n_threads, _AT_ONCE))) as blocks:
        for block in blocks:
            if block is not None:
                found.tables.append(block.table)
                found.files.add_rois(block.outlines)
                found.outline(block.table, block.outlines)
            give_back()


def give_back() -> None:
    """Returns freed memory to the system: glibc keeps what lies between pieces in use, some hundred MB."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def _separated(window: Block, given: _Given) -> _Separated | None:
    """What a window holds, whoever takes it; None where that is nothing."""
    native, grid, settings = given.mosaic.shape, given.grid, given.settings
    shapes = (grid, native)
    (wy, wx), (_, wh, ww) = window.origin, window.maps.shape
    span = (*native_span(wy, wy + wh, grid[0], native[0]), *native_span(wx, wx + ww, grid[1], native[1]))
    y0, y1, x0, x1 = (round(v * n / g) for v, n, g in zip(window.block, _pairs(native), _pairs(grid), strict=True))
    maps = Maps.stacked(window.maps, given.engine)
    foreground = maps.foreground
    above = settings.separate.foreground_above
    if not (foreground > above).any():
        return None
    fine = to_native(foreground, window.origin, span, shapes)
    working, sure = Pieces(maps, settings.separate).judged(settings.separate, judge=judge_of(given.engine))
    reach = 1 if grid[0] > native[0] else math.ceil(native[0] / grid[0])
    coarse = nearest(working, window.origin, span, shapes)
    labels = coarse if grid == native else carried(coarse, fine, reach=reach, foreground_above=above)
    del coarse  # 25 MB
    labels = _without_text(labels, given.found.texts, span)
    boxes = ndimage.find_objects(labels)
    return _Separated(labels, fine, span, (y0, y1, x0, x1), boxes, sure, mean_classes(working, maps))


def _chosen(window: _Separated | None, given: _Given, *, last: bool) -> _Chosen | Literal["too small"] | None:
    """The particles of a window that the block is to take. `_TOO_SMALL` where one reaches beyond the window and it is not the last
    try; None where there are none."""
    if window is None:
        return None
    native, found, settings = given.mosaic.shape, given.found, given.settings
    labels, fine, span, core, boxes = window.labels, window.fine, window.span, window.core, window.boxes
    claimed = found.files.read(*span)
    accepted, cut = [], 0
    for label, box in enumerate(boxes, start=1):
        if box is None:
            continue
        y0, x0, y1, x1 = box[0].start + span[0], box[1].start + span[2], box[0].stop + span[0], box[1].stop + span[2]
        if y0 >= core[1] or x0 >= core[3]:
            continue
        early = (y0 <= span[0] and span[0] > 0) or (x0 <= span[2] and span[2] > 0)
        late = (y1 >= span[1] and span[1] < native[0]) or (x1 >= span[3] and span[3] < native[1])
        begins_here = y0 >= core[0] and x0 >= core[2]
        if early or (late and not begins_here):
            continue  # a piece of a particle that another block takes
        own = labels[box] == label
        if 2 * np.count_nonzero(own & (claimed[box] > 0)) > np.count_nonzero(own):
            continue  # another block has taken it
        if late:
            if not last:
                return _TOO_SMALL
            cut += 1
        accepted.append(label)
    inner = tuple(slice(core[i] - span[i], core[i + 1] - span[i]) for i in (0, 2))
    likely = fine[inner] > settings.separate.foreground_above
    found.likely_px += int(likely.sum())
    found.left_out_px += int((likely & (labels[inner] == 0)).sum())
    found.n_cut += cut
    if not accepted:
        return None
    typical = found.typical
    if typical is None and settings.measure.edge == "steepest":
        typical = typical_edge([(labels, given.mosaic.read(*span))])
    near = _round([box for k in accepted if (box := boxes[k - 1]) is not None], (labels.shape[0], labels.shape[1]))
    span = (span[0] + near[0].start, span[0] + near[0].stop, span[2] + near[1].start, span[2] + near[1].stop)
    labels, fine, claimed = labels[near].copy(), fine[near].copy(), claimed[near].copy()
    return _Chosen(labels, fine, claimed, span, np.array(accepted), typical, window.sure, window.classes)


def _taken(chosen: _Chosen, given: _Given) -> _Taken:
    """Takes the chosen particles: moves them to their edges, numbers and stores them."""
    labels, fine, span, accepted, found = chosen.labels, chosen.fine, chosen.span, chosen.accepted, given.found
    number = np.zeros(int(labels.max()) + 1, np.int32)
    number[accepted] = 1 + np.arange(accepted.size)
    pixels, edgeless = given.mosaic.read(*span), frozenset[int]()
    confidence = chosen.sure if given.engine.calibration is not None else None
    if given.settings.measure.edge == "steepest":
        e = true_edge(labels, pixels, fine, typical=chosen.typical)
        confidence = mean_by_label(labels, fine) if confidence is None else confidence
        labels, fine, edgeless = e.labels, e.foreground, e.edgeless
        found.total_moved_px += float(e.shift_px[accepted].sum())
    before, found.n = found.n, found.n + accepted.size
    own = number[labels]
    np.add(own, np.int32(before), out=chosen.claimed, where=(own > 0) & (chosen.claimed == 0))
    found.files.write(span[0], span[2], chosen.claimed)
    return _Taken(labels, fine, pixels, span, number, own, before, edgeless, confidence, chosen.classes)


def _round(boxes: list[tuple[slice, slice]], shape: tuple[int, int]) -> tuple[slice, slice]:
    """The part of a window (h, w) that holds the boxes and what lies round them."""
    corners = np.array([[y.start, x.start, y.stop, x.stop] for y, x in boxes])
    beyond = _ROUND_PX + int((corners[:, 2:] - corners[:, :2]).max()) // 8
    (y0, x0), (y1, x1) = corners[:, :2].min(0) - beyond, corners[:, 2:].max(0) + beyond
    return slice(max(int(y0), 0), min(int(y1), shape[0])), slice(max(int(x0), 0), min(int(x1), shape[1]))


def _without_text(
    labels: NDArray[np.int32], texts: tuple[tuple[int, int, int, int], ...], span: tuple[int, int, int, int]
) -> NDArray[np.int32]:
    """Labels of a window without those that are text; the others keep their numbers."""
    y0, y1, x0, x1 = span
    here = [(a - y0, b - x0, c - y0, d - x0) for a, b, c, d in texts if a < y1 and c > y0 and b < x1 and d > x0]
    if not here:
        return labels
    here = [(max(a, 0), max(b, 0), c, d) for a, b, c, d in here]
    return np.where(without_text(labels, here)[labels] > 0, labels, 0).astype(np.int32)


def _measured(taken: _Taken, given: _Given) -> _Measured:
    """Measures what a block has taken."""
    labels, fine, number, span, settings, scale = taken.labels, taken.fine, taken.number, taken.span, given.settings, given.scale
    m = settings.measure
    table = measure_particles(
        labels,
        pixels=taken.pixels,
        scale=scale,
        foreground=fine,
        confidence=taken.confidence,
        separated=touching(labels),
        edgeless=taken.edgeless,
        low_confidence_below=m.low_confidence_below,
        subpixel=m.subpixel,
        least_diameter_px=m.least_diameter_px,
    )
    seen: list[NDArray[np.float64]] = []
    if settings.classes.by == "network" and taken.classes is not None:
        seen.append(taken.classes[table["label"].to_numpy()])
    if settings.classes.by == "shape" or (seen and classes_of(given.engine).outlines):
        seen.append(shapes_seen(labels, foreground=fine if m.subpixel else None, scale=scale))
    if seen:
        table[SEEN] = list(np.concatenate(seen, axis=1))
    table = table[number[table["label"].to_numpy()] > 0].reset_index(drop=True)
    of_label = table["label"].to_numpy()
    boxes = ndimage.find_objects(labels)
    corners = np.array([[y.start, x.start, y.stop, x.stop] for y, x in (boxes[k - 1] for k in of_label)]).reshape(-1, 4)
    corners += np.array([span[0], span[2]] * 2)
    _set_frame_weights(table, corners.T, (0, 0, *given.mosaic.shape), m.largest_frame_share)
    table["label"] = number[of_label] + taken.before
    table["y"] += span[0]
    table["x"] += span[2]
    corner = np.array([span[0], span[2]], np.int32)
    outlines = {label + taken.before: [ring + corner for ring in rings] for label, rings in contours(taken.own)}
    return _Measured(table, outlines)


def _set_frame_weights(table: pd.DataFrame, boxes: NDArray[np.int64], frame: Frame, largest_frame_share: float) -> None:
    """Weights and the flag `too_large` by the mosaic's frame instead of the window's."""
    share = np.maximum((boxes[2] - boxes[0]) / frame[2], (boxes[3] - boxes[1]) / frame[3])
    too_large = share > largest_frame_share
    table["flags"] = flag_texts(flags_of(table["flags"]) | np.where(too_large, Flag.TOO_LARGE.value, 0))
    table["edge_weight"] = np.where((table["edge_weight"] > 0) & ~too_large, frame_weights(boxes, frame), 0.0)


def _pairs(shape: tuple[int, int]) -> tuple[int, int, int, int]:
    return shape[0], shape[0], shape[1], shape[1]
