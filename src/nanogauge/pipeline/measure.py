"""The whole way from a file to a Measurement, in one page."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.micrograph import Micrograph
from ..core.protocols import Engine, TextLine, TextReader
from ..core.scale import Scale, parse_scale
from ..core.settings import MeasureSettings, SeparateSettings, Settings
from ..detection.engines import make_engine, make_reader
from ..detection.find import Box, Found, at_edge, find_particles
from ..detection.readings import relative_uncertainty
from ..detection.separate import touching
from ..measuring import measure_particles
from ..reading import read_micrograph
from ..reading.containers.windowed import open_mosaic
from ..reading.padding import without_padding
from ..results.measurement import Measurement
from ..scale.bar import ScaleBarReading, annotation_boxes, find_data_bar, read_scale_bar
from ..scale.resolve import ScaleDecision, resolve_scale
from ..statistics.metrology import detection_warnings, left_out_warnings
from .mosaic import measure_mosaic


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
    engine: "unet" (default), "unet-resnet50-cbam", "threshold", or a network's FILE.onnx

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
                settings=settings,
                scale=scale,
            )
    micrograph = source if isinstance(source, Micrograph) else read_micrograph(source)
    bar, decision, frame = find_scale(micrograph, tools, user=scale)

    found = found_in(micrograph, bar, tools.engine, settings, frame=frame)
    doubts = doubtful_share(found.labels, found.probability, settings.separate, keep_out=_texts(bar))
    found = at_edge(found, micrograph.pixels, settings.measure, frame=frame)
    table = _measured(
        found.labels,
        micrograph,
        decision.scale,
        found.probability,
        frame,
        settings.measure,
        certainty=found.certainty,
        edgeless=found.edgeless,
    )
    detection = relative_uncertainty(found.readings, tools.engine.detection)
    return Measurement(
        micrograph=micrograph,
        decision=decision,
        scale_bar=bar,
        labels=found.labels,
        particles=table,
        frame=frame,
        zoom=found.zoom,
        settings=settings,
        engine=tools.engine.name,
        engine_sha256=tools.engine.sha256,
        seconds=time.perf_counter() - started,
        remarks=(*doubts, *detection_warnings(detection, {r.name: r.n for r in found.readings})),
        confidence=found.probability,
        edge_moved_px=found.moved_px,
        detection=detection,
        readings=found.readings,
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


def found_in(micrograph: Micrograph, bar: ScaleBarReading | None, engine: Engine, settings: Settings, *, frame: Box) -> Found:
    """Particles of a micrograph, its scale bar's text not taken for some; outlines as the engine draws them."""
    return find_particles(micrograph.grey8(), engine, settings, frame=frame, keep_out=_texts(bar))


def doubtful_share(
    labels: NDArray[np.int32], confidence: NDArray[np.float32], settings: SeparateSettings, *, keep_out: list[Box]
) -> tuple[str, ...]:
    """A warning where much of what may be particles was left out as too unsure: the distribution may miss dim ones."""
    likely = confidence > settings.foreground_above
    for y0, x0, y1, x1 in keep_out:
        likely[max(y0, 0) : y1, max(x0, 0) : x1] = False
    return left_out_warnings(int(likely.sum()), int((likely & (labels == 0)).sum()))


def _measured(
    labels: NDArray[np.int32],
    micrograph: Micrograph,
    scale: Scale | None,
    confidence: NDArray[np.float32] | None,
    frame: Box,
    s: MeasureSettings,
    *,
    certainty: NDArray[np.float64] | None = None,
    edgeless: frozenset[int] = frozenset(),
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
        edgeless=edgeless,
        low_confidence_below=s.low_confidence_below,
        subpixel=s.subpixel,
        least_diameter_px=s.least_diameter_px,
        largest_frame_share=s.largest_frame_share,
    )


def _texts(bar: ScaleBarReading | None) -> list[Box]:
    return [_whole(b) for b in annotation_boxes(bar)]


def _whole(box: tuple[float, ...]) -> Box:
    y0, x0, y1, x1 = (round(v) for v in box)
    return y0, x0, y1, x1


def with_scale(m: Measurement, scale: Scale) -> Measurement:
    """The same particles under another scale, as given by the user; nothing is segmented again."""
    decision = resolve_scale(metadata=m.micrograph.scale, bar=m.scale_bar, user=scale)
    table = _measured(m.labels, m.micrograph, scale, m.confidence, m.frame, m.settings.measure)
    for column in ("confidence", "flags"):
        table[column] = m.particles[column].to_numpy()
    return replace(m, decision=decision, particles=table)
