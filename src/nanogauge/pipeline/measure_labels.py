"""Labels or outlines made elsewhere -> Measurement: the same scale, metrology and files as for what was found here."""

from __future__ import annotations

import time
from pathlib import Path

from ..core.micrograph import Micrograph
from ..core.particles import Flag, flag_text
from ..core.scale import Scale
from ..core.settings import Settings
from ..detection.separate import touching
from ..measuring import measure_particles
from ..reading import read_micrograph
from ..results.interchange import Annotation, read_annotation
from ..results.measurement import Measurement
from .measure import Tools, find_scale


def measure_labels(
    source: str | Path | Micrograph,
    annotation: str | Path | Annotation,
    *,
    tools: Tools,
    settings: Settings | None = None,
    scale: Scale | None = None,
) -> Measurement:
    """Measures particles that were found elsewhere; only the text reader of `tools` is used.

    annotation: a file that `nanogauge.results.interchange.read_annotation` reads, or what it gave

    There is no probability map, so outlines run along the labels' pixels and `confidence` is NaN. Shapes that were partly under
    others carry the flag `overlapped`. The kind, file and hash of the annotation are in `labels_source`.

    Raises InputError where a file cannot be used or the two do not fit.
    """
    started = time.perf_counter()
    settings = settings or Settings()
    micrograph = source if isinstance(source, Micrograph) else read_micrograph(source)
    if not isinstance(annotation, Annotation):
        annotation = read_annotation(annotation, shape=micrograph.shape, image_name=micrograph.name)
    bar, decision, frame = find_scale(micrograph, tools, user=scale)
    table = measure_particles(
        annotation.labels,
        pixels=micrograph.pixels,
        scale=decision.scale,
        frame=frame,
        separated=touching(annotation.labels),
        least_diameter_px=settings.measure.least_diameter_px,
        largest_frame_share=settings.measure.largest_frame_share,
    )
    under = table["label"].isin(annotation.overlapping)
    flag = flag_text(Flag.OVERLAPPED)
    table.loc[under, "flags"] = [f"{f}|{flag}" if f else flag for f in table.loc[under, "flags"]]
    return Measurement(
        micrograph=micrograph,
        decision=decision,
        scale_bar=bar,
        labels=annotation.labels,
        particles=table,
        frame=frame,
        zoom=1.0,
        settings=settings,
        engine=f"imported {annotation.kind.replace('_', ' ')}",
        engine_sha256=annotation.sha256,
        seconds=time.perf_counter() - started,
        remarks=annotation.warnings,
        labels_source={"kind": annotation.kind, "file": str(annotation.path), "sha256": annotation.sha256},
    )
