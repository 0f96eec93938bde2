"""The whole way from a file to a Measurement, in one page."""

from __future__ import annotations

import time
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.cpu import in_background, several_threads, threads_for
from ..core.errors import SettingsError
from ..core.micrograph import Micrograph
from ..core.particles import Flag, flag_texts, flags_of
from ..core.protocols import BarLocator, Engine, LetterReader, SizeEstimator, TextLine, TextReader, classes_of
from ..core.scale import Scale
from ..core.settings import MeasureSettings, SeparateSettings, Settings
from ..detection.confidence import expected_found
from ..detection.engines import make_engine, make_letter_reader, make_locator, make_reader, make_size_estimator
from ..detection.find import Box, Found, at_edge, find_particles, outside
from ..detection.overlaps import seen_through
from ..detection.readings import relative_uncertainty
from ..detection.rings import ringed
from ..detection.separate import touching
from ..detection.size_estimate import SizeEstimate, estimate_sizes
from ..measuring import measure_particles
from ..measuring.classes import like_none_warnings, stated, with_classes
from ..measuring.learned_classes import NetworkClasses
from ..reading import Mosaic, read_micrograph, read_picture
from ..results.interchange import Annotation, read_annotation
from ..results.measurement import Measurement
from ..scale.bar import ScaleBarReading, find_data_bar, read_scale_bar, written_on
from ..scale.calibration import Calibration, read_calibration
from ..scale.resolve import ScaleDecision, calibrated, resolve_scale
from ..statistics.warnings import (
    MUCH_DOUBT,
    detection_warnings,
    faint_warnings,
    left_out_warnings,
    look_alike_warnings,
    mat_warnings,
    missed_warnings,
    overlap_warnings,
    ring_warnings,
    soft_warnings,
)
from .dark_places import dark_warnings
from .frame import data_bar_is_known, frame_of
from .letters import without_letters
from .mosaic import measure_mosaic


class Measurer:
    """Measures any number of micrographs with one engine and one text reader.

    settings: which engine, and how all is measured
    engine, reader, locator, letters, estimator: those to use; None: those the settings ask for and the shipped ones, made when
    first needed
    n_threads: of those made here, and of steps that go on beside each other; None: one a core
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        engine: Engine | None = None,
        reader: TextReader | None = None,
        locator: BarLocator | None = None,
        letters: LetterReader | None = None,
        estimator: SizeEstimator | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self._engine, self._reader, self._locator, self._n_threads = engine, reader, locator, n_threads
        self._letters, self._estimator = letters, estimator
        self._handed_in = engine is not None

    @property
    def engine(self) -> Engine:
        """Finds particles. Raises EngineError where it cannot be loaded, SettingsError for an unknown name."""
        if self._engine is None:
            s = self.settings.segment
            self._engine = make_engine(s.engine, n_threads=self._n_threads, device=s.device)
        return self._engine

    @property
    def reader(self) -> TextReader:
        """Reads the labels of scale bars. Raises EngineError where it cannot be loaded."""
        if self._reader is None:
            self._reader = make_reader(n_threads=self._n_threads)
        return self._reader

    @property
    def locator(self) -> BarLocator:
        """Sees where scale bars are. Raises EngineError where it cannot be loaded."""
        return self._locator or make_locator(n_threads=self._n_threads)

    @property
    def letters(self) -> LetterReader:
        """Reads the letters of labels, a second witness. Raises EngineError where it cannot be loaded."""
        return self._letters or make_letter_reader(n_threads=self._n_threads)

    @property
    def estimator(self) -> SizeEstimator:
        """Tells sizes without outlines. Raises EngineError where it cannot be loaded."""
        return self._estimator or make_size_estimator(n_threads=self._n_threads)

    def estimate(self, micrograph: Micrograph, frame: Box) -> SizeEstimate | None:
        """The sizes within the frame, told from the picture alone."""
        y0, x0, y1, x1 = frame
        return estimate_sizes(micrograph.grey8()[y0:y1, x0:x1], self.estimator)

    def under(self, settings: Settings) -> Measurer:
        """One that measures under other settings with the same reader and engine; with another engine where this one was made by
        the settings and they now ask for another."""
        other = copy(self)
        other.settings = settings
        before, now = self.settings.segment, settings.segment
        if not self._handed_in and (before.engine, before.device) != (now.engine, now.device):
            other._engine = None
        return other

    def measure(self, source: str | Path | Micrograph, *, scale: Scale | None = None) -> Measurement:
        """File -> scale -> maps -> labels -> particle table -> Measurement. scale: the user's. Raises InputError, EngineError."""
        started = time.perf_counter()
        settings = classed_by_network(self.settings, self.engine)
        if settings.classes.by == "labels":
            raise SettingsError(
                '[classes] by = "labels" takes the classes of an annotation: use nanogauge import, or measure_labels'
            )
        micrograph = source if isinstance(source, Micrograph) else read_picture(source, **asdict(settings.read))
        if isinstance(micrograph, Mosaic):
            known = calibration_of(settings)
            seeing: dict[str, Any] = {"reader": self.reader, "locator": self.locator, "letters": self.letters}
            seeing["n_threads"] = self._n_threads
            return measure_mosaic(micrograph, engine=self.engine, settings=settings, scale=scale, calibration=known, **seeing)
        with threads_for(self._n_threads):
            return self._measured(micrograph, settings, scale, started)

    def _measured(self, micrograph: Micrograph, settings: Settings, scale: Scale | None, started: float) -> Measurement:
        """A micrograph that fits into memory. started: when its file was opened"""
        bar, decision, frame, seen = self._scale_and_particles(micrograph, user=scale)
        estimate = in_background(self.estimate, micrograph, frame)
        drawn, lettered = without_letters(seen, micrograph.grey8(), self.reader, short=bar.letters if bar else ())
        detection = relative_uncertainty(drawn.readings, self.engine.detection)
        # a mat shows in very doubtful meshes or in nothing at all; to look for one costs as much as to find the particles
        doubtful = max(detection.values(), default=1.0) >= 2 * MUCH_DOUBT
        doubtful |= bool(missed_warnings(expected_found(drawn.confidence, self.engine.detection)))
        recognise = settings.arrangement.recognise_mats
        looking = in_background(_n_fibres_of_mat, micrograph.pixels, frame) if recognise and doubtful else None
        found = at_edge(drawn, micrograph.pixels, settings.measure, frame=frame)
        table = particle_table(
            found.labels,
            micrograph,
            decision.scale,
            found.foreground,
            frame,
            settings.measure,
            confidence=found.confidence,
            edgeless=found.edgeless,
        )
        table = with_classes(
            table,
            found.labels,
            foreground=found.foreground if settings.measure.subpixel else None,
            scale=decision.scale,
            settings=settings.classes,
            network=network_classes(found, self.engine),
        )
        expected = expected_found(found.confidence, self.engine.detection)
        missed = missed_warnings(expected)
        if looking is None and recognise and (missed or not len(table)):
            looking = in_background(_n_fibres_of_mat, micrograph.pixels, frame)
        n_fibres = 0 if looking is None else looking()
        inner = _within(found.labels, frame), _within(micrograph.grey8(), frame)
        return Measurement(
            micrograph=micrograph,
            decision=decision,
            scale_bar=bar,
            labels=found.labels,
            particles=table,
            frame=frame,
            zoom=found.zoom,
            settings=settings,
            engine=self.engine.name,
            engine_sha256=self.engine.sha256,
            seconds=time.perf_counter() - started,
            remarks=(
                *mat_warnings(n_fibres, len(table)),
                *doubtful_share(drawn.labels, drawn.foreground, settings.separate, keep_out=written_on(bar)),
                *detection_warnings(detection, {r.name: r.n for r in found.readings}),
                *missed,
                *soft_warnings(found.soft),
                *look_alike_warnings(found.alikes.n, len(table)),
                *faint_warnings(found.faint.n, left_out=found.faint.left_out, n_particles=len(table)),
                *overlap_warnings(seen_through(*inner)),
                *ring_warnings(*ringed(*inner)),
                *dark_warnings(found.labels, micrograph.grey8(), micrograph.instrument, printed=bar.scanning if bar else ""),
                *like_none_warnings(table, settings.classes),
                *lettered,
            ),
            foreground=found.foreground,
            edge_moved_px=found.moved_px,
            detection=detection,
            readings=found.readings,
            looks=found.looks,
            expected_found=expected,
            look_alikes=found.alikes,
            estimate=estimate(),
        )

    def measure_labels(
        self, source: str | Path | Micrograph, annotation: str | Path | Annotation, *, scale: Scale | None = None
    ) -> Measurement:
        """Measures particles that were found elsewhere: the same scale, metrology and files. The engine is not used.

        annotation: a file that `nanogauge.results.interchange.read_annotation` reads, or what it gave

        There is no probability map, so outlines run along the labels' pixels and `confidence` is NaN. Shapes that were partly
        under others carry the flag `overlapped`. The kind, file and hash of the annotation are in `labels_source`.

        Raises InputError where a file cannot be used or the two do not fit.
        """
        started = time.perf_counter()
        micrograph = source if isinstance(source, Micrograph) else read_micrograph(source, **asdict(self.settings.read))
        if not isinstance(annotation, Annotation):
            annotation = read_annotation(annotation, shape=micrograph.shape, image_name=micrograph.name)
        bar, decision, frame = self.read_scale(micrograph, user=scale)
        table = particle_table(annotation.labels, micrograph, decision.scale, None, frame, self.settings.measure)
        classes = self.settings.classes
        if classes.by == "labels":
            table = stated(table, annotation.classes)
        else:
            table = with_classes(table, annotation.labels, foreground=None, scale=decision.scale, settings=classes)
        under = table["label"].isin(annotation.overlapping).to_numpy(bool)
        table["flags"] = flag_texts(flags_of(table["flags"]) | np.where(under, Flag.OVERLAPPED.value, 0))
        return Measurement(
            micrograph=micrograph,
            decision=decision,
            scale_bar=bar,
            labels=annotation.labels,
            particles=table,
            frame=frame,
            zoom=1.0,
            settings=self.settings,
            engine=f"imported {annotation.kind.replace('_', ' ')}",
            engine_sha256=annotation.sha256,
            seconds=time.perf_counter() - started,
            remarks=annotation.warnings,
            estimate=self.estimate(micrograph, frame),
            labels_source={"kind": annotation.kind, "file": str(annotation.path), "sha256": annotation.sha256},
        )

    def read_scale(self, micrograph: Micrograph, *, user: Scale | None = None) -> tuple[ScaleBarReading | None, ScaleDecision, Box]:
        """The scale bar read, the scale decided on and calibrated, and the frame: the box of the micrograph that is picture,
        not data bar and not padding."""
        grey = micrograph.grey8()
        h, w = grey.shape
        bar = read_scale_bar(grey, self.reader, self.locator, self.letters) if min(h, w) >= 32 else None
        decision = resolve_scale(metadata=micrograph.scale, bar=bar, user=user, hint=micrograph.hint)
        decision = calibrated(decision, calibration_of(self.settings), micrograph.instrument)
        if data_bar_is_known(micrograph):
            return bar, decision, frame_of(micrograph)
        strip = find_data_bar(grey, [TextLine("", 1.0, box) for box in bar.text_boxes] if bar else [])
        return bar, decision, frame_of(micrograph, strip)

    def _scale_and_particles(
        self, micrograph: Micrograph, *, user: Scale | None
    ) -> tuple[ScaleBarReading | None, ScaleDecision, Box, Found]:
        """As `read_scale`, and what `find` then finds, one beside the other where there are threads for both.

        Finding needs the frame, which but for a strip without text shows before anything is read; texts are left out afterwards.
        """
        if not several_threads():
            bar, decision, frame = self.read_scale(micrograph, user=user)
            return bar, decision, frame, self.find(micrograph, bar, frame)
        reading = in_background(self.read_scale, micrograph, user=user)
        try:
            likely = frame_of(micrograph, None if data_bar_is_known(micrograph) else find_data_bar(micrograph.grey8()))
            found = self.find(micrograph, None, likely)
        finally:  # what goes wrong in reading is told before what goes wrong in finding, as it is without threads
            bar, decision, frame = reading()
        if frame != likely:
            return bar, decision, frame, self.find(micrograph, bar, frame)
        return bar, decision, frame, outside(found, written_on(bar, letters=False))

    def find(self, micrograph: Micrograph, bar: ScaleBarReading | None, frame: Box) -> Found:
        """Particles within the frame, the scale bar's text not taken for some; outlines as the engine draws them."""
        return find_particles(micrograph.grey8(), self.engine, self.settings, frame=frame, keep_out=written_on(bar, letters=False))


def classed_by_network(settings: Settings, engine: Engine) -> Settings:
    """The settings; where they leave it open how particles are classed and the engine tells them apart, it does.

    Raises SettingsError where it is to and cannot, and for a network of phases, which knows no particles.
    """
    known = classes_of(engine)
    if known.of == "phases":
        raise SettingsError(f"{engine.name}: a network of phases ({', '.join(known.names)}); use nanogauge phases measure")
    if settings.classes.by == "" and not settings.classes.rules and known.names:
        return settings.replace("classes", by="network")
    if settings.classes.by == "network" and not known.names:
        raise SettingsError(
            f'[classes] by = "network", but {engine.name} tells none apart; give one that does with --engine, '
            "see nanogauge train --classes"
        )
    return settings


def network_classes(found: Found, engine: Engine) -> NetworkClasses | None:
    """What the network says of the classes of what was found; None where it tells none apart."""
    known = classes_of(engine)
    return None if found.classes is None else NetworkClasses(known, found.classes)


def calibration_of(settings: Settings) -> Calibration | None:
    """The calibration that the settings name, read from its file. Raises CalibrationError."""
    return read_calibration(Path(settings.scale.calibration)) if settings.scale.calibration else None


def doubtful_share(
    labels: NDArray[np.int32], foreground: NDArray[np.float32], settings: SeparateSettings, *, keep_out: list[Box]
) -> tuple[str, ...]:
    """A warning where much of what may be particles was left out as too unsure: the distribution may miss dim ones."""
    likely = foreground > settings.foreground_above
    for y0, x0, y1, x1 in keep_out:
        likely[max(y0, 0) : y1, max(x0, 0) : x1] = False
    return left_out_warnings(int(likely.sum()), int((likely & (labels == 0)).sum()))


def particle_table(
    labels: NDArray[np.int32],
    micrograph: Micrograph,
    scale: Scale | None,
    foreground: NDArray[np.float32] | None,
    frame: Box,
    s: MeasureSettings,
    *,
    confidence: NDArray[np.float64] | None = None,
    edgeless: frozenset[int] = frozenset(),
) -> pd.DataFrame:
    """The particle table under the settings. foreground: the map along which outlines run; None: along the labels' pixels."""
    return measure_particles(
        labels,
        pixels=micrograph.pixels,
        scale=scale,
        foreground=foreground,
        confidence=confidence,
        frame=frame,
        separated=touching(labels),
        edgeless=edgeless,
        low_confidence_below=s.low_confidence_below,
        subpixel=s.subpixel,
        least_diameter_px=s.least_diameter_px,
        largest_frame_share=s.largest_frame_share,
    )


def _within(pixels: NDArray[Any], frame: Box) -> NDArray[Any]:
    y0, x0, y1, x1 = frame
    return pixels[y0:y1, x0:x1]


def _n_fibres_of_mat(pixels: NDArray[Any], frame: Box) -> int:
    """As the function of that name, imported where a mat is looked for: SciPy's optimiser comes with it."""
    from ..arrangement.fibres.mats import n_fibres_of_mat

    return n_fibres_of_mat(pixels, frame)
