"""The whole way from a file to a Measurement, in one page."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._version import __version__
from .certainty import certainty_by_label, judge_of
from .engines import make_engine, make_reader
from .formats import read_micrograph
from .formats.mosaic import open_mosaic
from .measuring import measure_particles
from .metrology import distribution_of, edge_shift_of, left_out_warnings, warnings_of
from .micrograph import Micrograph
from .mosaic import measure_mosaic
from .padding import without_padding
from .ports import Engine, Maps, TextLine, TextReader
from .result import Measurement
from .scale import Scale, parse_scale
from .scalebar import ScaleBarReading, ScaleDecision, annotation_boxes, find_data_bar, read_scale_bar, resolve_scale
from .segment import Segmentation, segment
from .separate import separate, to_grid, touching
from .settings import MeasureSettings, SeparateSettings, Settings

Box = tuple[int, int, int, int]
_CLEARLY_SEEN = 0.8  # mean foreground probability of the objects that say how large particles are, before the second look
_UNSURE, _MUCH_SURER, _COARSEST_PX = 0.6, 0.1, 96  # mean confidence; long side of the working picture


@dataclass
class Tools:
    """Engine and text reader of a run, each loaded when first used."""

    engine_name: str = "unet"
    n_threads: int | None = None
    device: str = "auto"

    @cached_property
    def engine(self) -> Engine:
        return make_engine(self.engine_name, n_threads=self.n_threads, device=self.device)

    @cached_property
    def reader(self) -> TextReader:
        return make_reader(n_threads=self.n_threads)


def measure(
    source: str | Path | Micrograph | NDArray[np.generic],
    *,
    scale: str | Scale | None = None,
    engine: str | None = None,
    settings: Settings | None = None,
) -> Measurement:
    """Measures one micrograph: a file's path, a Micrograph, or an (H, W) array of grey levels.

    scale: "2.5 nm/px" or a Scale; None: from the file's metadata or the burned-in scale bar
    engine: "unet" (default) or "threshold"

    Raises InputError for a file that cannot be used, ScaleError for a scale that cannot be understood.
    """
    settings = (settings or Settings()).replace("segment", engine=engine)
    if isinstance(source, np.ndarray):
        source = Micrograph(pixels=source, name="array")
    user = parse_scale(scale) if isinstance(scale, str) else scale
    tools = Tools(settings.segment.engine, device=settings.segment.device)
    return measure_micrograph(source, tools=tools, settings=settings, scale=user)


def measure_micrograph(
    source: str | Path | Micrograph, *, tools: Tools, settings: Settings | None = None, scale: Scale | None = None
) -> Measurement:
    """File -> scale -> maps -> labels -> particle table -> distribution. Raises InputError, EngineError."""
    started = time.perf_counter()
    settings = settings or Settings()
    if not isinstance(source, Micrograph):
        large = open_mosaic(source)
        if large is not None:
            return measure_mosaic(
                large,
                engine=tools.engine,
                magnification=lambda part: magnification_of(part, tools.engine, settings),
                settings=settings,
                scale=scale,
            )
    micrograph = source if isinstance(source, Micrograph) else read_micrograph(source)
    bar, decision, frame = find_scale(micrograph, tools, user=scale)

    grey = micrograph.grey8()
    texts = [_whole(b) for b in annotation_boxes(bar)]
    labels, confidence, zoom, sure = find_particles(grey, tools.engine, settings, frame=frame, keep_out=texts)
    doubts = doubtful_share(labels, confidence, settings.separate, keep_out=texts)
    table = _measured(labels, micrograph, decision.scale, confidence, frame, settings.measure, certainty=sure)
    in_px = distribution_of(table, "px", settings.measure)
    return Measurement(
        micrograph=micrograph,
        decision=decision,
        scale_bar=bar,
        labels=labels,
        particles=table,
        distribution=in_px if decision.scale is None else distribution_of(table, "nm", settings.measure),
        distribution_px=in_px,
        frame=frame,
        zoom=zoom,
        settings=settings,
        engine=tools.engine.name,
        engine_sha256=tools.engine.sha256,
        version=__version__,
        seconds=time.perf_counter() - started,
        warnings=(*micrograph.notes, *doubts, *warnings_of(table, in_px, settings.measure)),
        confidence=confidence,
    )


def find_scale(
    micrograph: Micrograph, tools: Tools, *, user: Scale | None = None
) -> tuple[ScaleBarReading | None, ScaleDecision, Box]:
    """The scale bar read, the scale decided on, and the frame: the box of the micrograph that is picture, not data bar and not
    padding."""
    grey = micrograph.grey8()
    h, w = grey.shape
    bar = read_scale_bar(grey, tools.reader) if min(h, w) >= 32 else None
    decision = resolve_scale(metadata=micrograph.scale, bar=bar, user=user, hint=micrograph.hint)
    first_row = micrograph.instrument.data_bar_first_row
    if first_row is not None and 0 < first_row <= h:
        strip: tuple[float, ...] | None = (first_row, 0, h, w)
    else:
        strip = find_data_bar(grey, [TextLine("", 1.0, box) for box in bar.text_boxes] if bar else [])
    frame = (0, 0, h, w)
    if strip is not None:  # the larger side of the strip is picture
        top, bottom = round(strip[0]), round(strip[2])
        frame = (0, 0, top, w) if top >= h - bottom else (bottom, 0, h, w)
    y0, x0, y1, x1 = without_padding(micrograph.pixels[frame[0] : frame[2]])
    return bar, decision, (frame[0] + y0, x0, frame[0] + y1, x1)


class Found(NamedTuple):
    """Labels (H, W), foreground probability (H, W), zoom, and by label (n + 1,) how likely a particle is right, None where
    the engine is not calibrated."""

    labels: NDArray[np.int32]
    probability: NDArray[np.float32]
    zoom: float
    certainty: NDArray[np.float64] | None


def find_particles(
    grey: NDArray[np.uint8], engine: Engine, settings: Settings, *, frame: Box | None = None, keep_out: list[Box] | None = None
) -> Found:
    """Particles of a micrograph (H, W). Nothing outside `frame`; an object mostly in a `keep_out` box is text."""
    h, w = grey.shape
    y0, x0, y1, x1 = frame or (0, 0, h, w)
    picture = grey[y0:y1, x0:x1]
    labels = np.zeros((h, w), np.int32)
    confidence = np.zeros((h, w), np.float32)
    if min(picture.shape) < 8:
        return Found(labels, confidence, 1.0, np.ones(1))
    seen = _coarser_if_unsure(_seen(picture, engine, settings), picture, engine, settings)
    result, sure = seen.segmentation, seen.certainty
    found = to_grid(seen.labels, result.maps.foreground, picture.shape, foreground_above=settings.separate.foreground_above)
    labels[y0:y1, x0:x1] = found
    confidence[y0:y1, x0:x1] = np.minimum(_resize(result.maps.foreground, picture.shape), 1)  # blending rounds
    number = _without_text(labels, keep_out or [])
    kept = np.flatnonzero(number)
    if sure is not None:
        sure = np.concatenate([[1.0], sure[kept]])
    return Found(number[labels], confidence, result.zoom, sure)


class _Seen(NamedTuple):
    """Maps at one working magnification and the labels on their grid; certainty as in `Found`."""

    segmentation: Segmentation
    labels: NDArray[np.int32]
    certainty: NDArray[np.float64] | None

    @property
    def mean_certainty(self) -> float:
        return 0.0 if self.certainty is None or self.certainty.size < 2 else float(self.certainty[1:].mean())


def _seen(picture: NDArray[np.uint8], engine: Engine, settings: Settings) -> _Seen:
    result = segment(
        picture, engine, typical_diameter=lambda maps: typical_diameter(maps, settings.separate), settings=settings.segment
    )
    labels = separate(result.maps, settings.separate, judge=judge_of(engine))
    return _Seen(result, labels, certainty_by_label(labels, result.maps, engine))


def _coarser_if_unsure(seen: _Seen, picture: NDArray[np.uint8], engine: Engine, settings: Settings) -> _Seen:
    """Where the particles found are unsure, as specks of strong noise are, what is seen at coarser magnifications, in which
    noise averages out, if that is much surer. Costs at most a third of the first look."""
    if seen.certainty is None or settings.segment.working_magnification:
        return seen
    best, zoom = seen, seen.segmentation.zoom / 2
    while seen.mean_certainty < _UNSURE and zoom * max(picture.shape) >= _COARSEST_PX:
        coarser = _seen(picture, engine, settings.replace("segment", working_magnification=zoom))
        if coarser.mean_certainty > best.mean_certainty + _MUCH_SURER:
            best = coarser
        zoom /= 2
    return best


def magnification_of(part: NDArray[np.uint8], engine: Engine, settings: Settings) -> float | None:
    """The working magnification at which `find_particles` would look at a part (H, W) of a mosaic; None where it sees none."""
    seen = _seen(part, engine, settings)
    if not any(diameter > 0 for _, diameter in seen.segmentation.looks):
        return None
    return _coarser_if_unsure(seen, part, engine, settings).segmentation.zoom


def doubtful_share(
    labels: NDArray[np.int32], confidence: NDArray[np.float32], settings: SeparateSettings, *, keep_out: list[Box]
) -> tuple[str, ...]:
    """A warning where much of what may be particles was left out as too unsure: the distribution may miss dim ones."""
    likely = confidence > settings.foreground_above
    for y0, x0, y1, x1 in keep_out:
        likely[max(y0, 0) : y1, max(x0, 0) : x1] = False
    return left_out_warnings(int(likely.sum()), int((likely & (labels == 0)).sum()))


def typical_diameter(maps: Maps, settings: SeparateSettings) -> float:
    """Median equivalent diameter in px of the maps' grid, 0 where nothing is seen. Specks weigh nothing beside particles:
    the median is taken over the particles that make up the largest 95 % of the area."""
    area = np.bincount(separate(maps, replace(settings, least_confidence=_CLEARLY_SEEN)).ravel())[1:]
    area = np.sort(area[area > 0])[::-1]
    if not len(area):
        return 0.0
    kept = area[: int(np.searchsorted(np.cumsum(area), 0.95 * area.sum())) + 1]
    return float(np.median(np.sqrt(4 * kept / math.pi)))


def _measured(
    labels: NDArray[np.int32],
    micrograph: Micrograph,
    scale: Scale | None,
    confidence: NDArray[np.float32] | None,
    frame: Box,
    s: MeasureSettings,
    *,
    certainty: NDArray[np.float64] | None = None,
) -> pd.DataFrame:
    """The particle table under the settings."""
    return measure_particles(
        labels,
        pixels=micrograph.pixels,
        scale=scale,
        confidence=confidence,
        certainty=certainty,
        frame=frame,
        separated=touching(labels),
        low_confidence_below=s.low_confidence_below,
        subpixel=s.subpixel,
        edge_shift_px=edge_shift_of(labels, micrograph.pixels, confidence, s, frame=frame),
        least_diameter_px=s.least_diameter_px,
        largest_frame_share=s.largest_frame_share,
    )


def _whole(box: tuple[float, ...]) -> Box:
    y0, x0, y1, x1 = (round(v) for v in box)
    return y0, x0, y1, x1


def _without_text(labels: NDArray[np.int32], boxes: list[Box]) -> NDArray[np.int32]:
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


def _resize(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    if values.shape == shape:
        return values
    how = cv2.INTER_AREA if values.shape[0] > shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (shape[1], shape[0]), interpolation=how), np.float32)


def with_scale(m: Measurement, scale: Scale) -> Measurement:
    """The same particles under another scale, as given by the user; nothing is segmented again."""
    decision = resolve_scale(metadata=m.micrograph.scale, bar=m.scale_bar, user=scale)
    table = _measured(m.labels, m.micrograph, scale, m.confidence, m.frame, m.settings.measure)
    for column in ("confidence", "flags"):
        table[column] = m.particles[column].to_numpy()
    return replace(m, decision=decision, particles=table, distribution=distribution_of(table, "nm", m.settings.measure))
