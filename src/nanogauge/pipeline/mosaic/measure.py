"""A mosaic to a Measurement: levels, working magnification, blocks, the table of all particles."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.cpu import cores
from ...core.errors import SettingsError
from ...core.micrograph import Micrograph
from ...core.particles import KINDS, column_dtypes, kinds_of
from ...core.protocols import BarLocator, Engine, LetterReader, TextReader, classes_of
from ...core.remarks import Remark
from ...core.scale import Scale
from ...core.settings import Settings
from ...detection.edges import TypicalEdge, typical_edge
from ...detection.find import labels_of_part, magnification_of
from ...detection.segment import padded
from ...measuring import edge_profile
from ...measuring.classes import learned, like_none_warnings, ruled, shaped
from ...measuring.shape_classes import SHAPES
from ...measuring.surroundings import with_neighbours
from ...reading import Mosaic
from ...results.measurement import Measurement
from ...scale.calibration import Calibration
from ...scale.resolve import calibrated, resolve_scale
from ...statistics.warnings import left_out_warnings, soft_warnings
from .bar import Sought, seek
from .files import MosaicFiles
from .find import SEEN, MosaicParticles, find_in_blocks
from .levels import Levels, levels_of
from .working import WorkingPicture

_LOOK_PX = 2048  # side of the parts in which the particles' typical size is sought, and what is typical of their edges
_PREVIEW_PX = 3000  # long side of the picture shown
_EDGE_PX = 2048  # side of the part in which the edges' profile is taken
_LARGEST_TILE_PX = 8192
_FEW_THREADS = 2
_SHIFT = 4  # bits of a pixel in which outlines are drawn


def measure_mosaic(
    mosaic: Mosaic,
    *,
    engine: Engine,
    settings: Settings,
    scale: Scale | None = None,
    calibration: Calibration | None = None,
    reader: TextReader | None = None,
    locator: BarLocator | None = None,
    letters: LetterReader | None = None,
    n_threads: int | None = None,
) -> Measurement:
    """Measures a mosaic in bounded memory (under 2 GB for 40,000 x 40,000 px; 4 bytes a pixel of temporary disk).

    The result is that of `Measurer.measure` on a machine large enough, but for these: scale bar and data bar are sought in a small
    copy of the picture and along its lower edge (see `bar`); the working magnification comes from a part of the picture and is
    not lowered to `largest_px`; labels are numbered block by block; what is typical of the particles' edges is learned from five
    parts; picture and labels of the Measurement are previews, the full ones are in `Measurement.mosaic`.

    reader, locator, letters: to find scale bar and data bar with; None: neither is sought without a reader
    n_threads: that blocks are measured in, up to two, the engine's not among them; None: one a core. Results do not depend on it

    Raises SettingsError for an engine without tiles, which needs the whole picture at once.
    """
    started = time.perf_counter()
    if engine.tile_px > _LARGEST_TILE_PX:
        raise SettingsError(f"{mosaic.path}: too large for the engine {engine.name!r}, which takes pictures whole; use unet")
    n_threads = n_threads or cores()
    if n_threads <= _FEW_THREADS and getattr(engine, "batch", 1) == 1:  # an accelerator has memory of its own
        engine = cast(Engine, _OneTile(engine))
    whole, levels = mosaic, levels_of(mosaic)
    preview = _preview(mosaic, levels)
    sought = Sought(None, mosaic.shape[0]) if reader is None else seek(mosaic, levels, preview, reader, locator, letters)
    if sought.bottom < mosaic.shape[0]:  # what lies above the data bar is measured, as if there were no more
        mosaic = replace(mosaic, shape=(sought.bottom, mosaic.shape[1]))
        levels = levels_of(mosaic)
    decision = calibrated(resolve_scale(metadata=mosaic.scale, bar=sought.bar, user=scale), calibration, mosaic.instrument)
    zoom = _zoom(mosaic, levels, engine, settings)
    plain = WorkingPicture(mosaic, levels, zoom)
    picture = WorkingPicture(mosaic, levels, zoom, padded=_padded(plain.shape, engine), moments=plain.moments)
    canvas = _Canvas(preview, whole.shape)
    files = MosaicFiles(whole.shape)
    typical = _typical_edge(mosaic, levels, engine, settings, zoom) if settings.measure.edge == "steepest" else None
    found = MosaicParticles(files=files, outline=canvas.draw, typical=typical, texts=sought.texts)
    find_in_blocks(mosaic, picture, engine, settings, decision.scale, found, n_threads=n_threads)
    table = _classed(_joined(found.tables, decision.scale), settings, engine)
    files.overlay, files.edge_offset_px = canvas.picture, _edge_offset(mosaic, files)
    return Measurement(
        micrograph=Micrograph(
            pixels=preview,
            name=mosaic.path.name,
            path=mosaic.path,
            format=mosaic.format,
            sha256=mosaic.sha256,
            instrument=mosaic.instrument,
            scale=mosaic.scale,
            notes=mosaic.notes,
            part=mosaic.part,
        ),
        decision=decision,
        scale_bar=sought.bar,
        labels=files.preview((preview.shape[0], preview.shape[1])),
        particles=table,
        frame=(0, 0, *mosaic.shape),
        zoom=zoom,
        settings=settings,
        engine=engine.name,
        engine_sha256=engine.sha256,
        seconds=time.perf_counter() - started,
        remarks=(*_said(found, engine), *like_none_warnings(table, settings.classes)),
        edge_moved_px=found.moved_px if settings.measure.edge == "steepest" else None,
        mosaic=files,
    )


class _OneTile:
    """An engine that is asked for one tile at a time: two at once keep 170 MB for good, and blocks need one of two threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        if name == "predict_all":
            raise AttributeError(name)
        return getattr(self._engine, name)


def _zoom(
    mosaic: Mosaic,
    levels: Levels,
    engine: Engine,
    settings: Settings,
) -> float:
    """The working magnification, from the middle of the mosaic, else from the middles of its quarters."""
    if settings.segment.working_magnification:
        return settings.segment.working_magnification
    if engine.working_diameter_px is None:
        return 1.0
    for pixels in _parts(mosaic, _LOOK_PX):
        found = magnification_of(levels.to8(pixels), engine, settings)
        if found is not None:
            return found
    return 1.0


def _typical_edge(mosaic: Mosaic, levels: Levels, engine: Engine, settings: Settings, zoom: float) -> TypicalEdge | None:
    """What the particles' edges have in common, from the middle of the mosaic and those of its quarters: every block is measured
    by it, as every part of a picture that is measured whole."""
    side = min(_LOOK_PX, round(settings.segment.largest_px / zoom))
    parts = _parts(mosaic, side)
    return typical_edge((labels_of_part(levels.to8(pixels), engine, settings, zoom), pixels) for pixels in parts)


def _parts(mosaic: Mosaic, side: int) -> Iterator[NDArray[Any]]:
    """Pixels of the middle of the mosaic, then of the middles of its quarters."""
    height, width = mosaic.shape
    for at_y, at_x in ((0.5, 0.5), (0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)):
        y0, x0 = (max(round(at * n) - side // 2, 0) for at, n in ((at_y, height), (at_x, width)))
        yield mosaic.read(y0, min(y0 + side, height), x0, min(x0 + side, width))


def _padded(shape: tuple[int, int], engine: Engine) -> tuple[int, int]:
    return padded(shape[0], engine), padded(shape[1], engine)


def _preview(mosaic: Mosaic, levels: Levels) -> NDArray[np.uint8]:
    """(h, w) uint8, of at most `_PREVIEW_PX`."""
    shrunk = WorkingPicture(mosaic, levels, min(1.0, _PREVIEW_PX / max(mosaic.shape)), moments=(0.0, 1.0))
    h, w = shrunk.shape
    grey = np.concatenate([shrunk.pixels(y, min(y + 128, h), 0, w) for y in range(0, h, 128)])
    return np.asarray(np.clip(np.rint(grey * max(levels.sd, 1e-3) + levels.mean), 0, 255), np.uint8)


class _Canvas:
    """The overlay: outlines over the preview."""

    def __init__(self, preview: NDArray[np.uint8], shape: tuple[int, int]) -> None:
        self.picture = np.asarray(cv2.cvtColor(preview, cv2.COLOR_GRAY2RGB), np.uint8)
        self._factor = preview.shape[0] / shape[0], preview.shape[1] / shape[1]

    def draw(self, table: pd.DataFrame, outlines: dict[int, list[NDArray[np.int32]]]) -> None:
        for label, kind in zip(table["label"], kinds_of(table), strict=True):
            points = (outlines[int(label)][0] * self._factor - 0.5)[:, ::-1] * (1 << _SHIFT)
            cv2.polylines(self.picture, [np.rint(points).astype(np.int32)], True, KINDS[kind].colour, 1, cv2.LINE_AA, _SHIFT)


def _joined(tables: list[pd.DataFrame], scale: Scale | None) -> pd.DataFrame:
    """One table, in order of label, its neighbours sought over the whole mosaic."""
    dtypes = column_dtypes(in_nm=scale is not None)
    if not tables:
        return pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in dtypes.items()})
    table = pd.concat(tables, ignore_index=True).sort_values("label", ignore_index=True)
    return with_neighbours(table, scale).astype(dtypes)


def _classed(table: pd.DataFrame, settings: Settings, engine: Engine) -> pd.DataFrame:
    """The table with classes, where the settings ask for them; what is seen of each particle was seen block by block."""
    if not settings.classes.wanted:
        return table
    if settings.classes.by_rules:
        return ruled(table, settings.classes)
    known = classes_of(engine)
    k = len(known.names) if settings.classes.by == "network" else 0
    n_shapes = len(SHAPES) if not k or known.outlines else 0
    seen = np.stack(table[SEEN].tolist()) if len(table) else np.zeros((0, k + n_shapes))
    table = table.drop(columns=SEEN, errors="ignore")
    if not k:
        return shaped(table, seen, settings.classes)
    return learned(table, seen[:, :k], seen[:, k:] if n_shapes else None, known, settings.classes)


def _edge_offset(mosaic: Mosaic, files: MosaicFiles) -> float:
    """The edges' offset from the outlines, in the middle of the mosaic."""
    (height, width), side = mosaic.shape, _EDGE_PX
    y0, x0 = max((height - side) // 2, 0), max((width - side) // 2, 0)
    span = (y0, min(y0 + side, height), x0, min(x0 + side, width))
    return edge_profile(files.read(*span), mosaic.read(*span)).offset_px


def _said(found: MosaicParticles, engine: Engine) -> tuple[str, ...]:
    said = left_out_warnings(found.likely_px, found.left_out_px)
    if found.typical is not None:
        said = (*said, *soft_warnings(found.typical.soft))
    if engine.detection:
        said = (*said, Remark("one_look", "a mosaic is looked at once: what was missed, joined or cut is not in its intervals"))
    if found.n_cut:
        cut = f"{found.n_cut} particles are longer than a block's margin and were cut: measure a smaller copy of the mosaic"
        said = (*said, Remark("cut", cut))
    return said
