"""Labels that a person changed -> Measurement, the same way as on the page of `nanogauge serve`.

The network's outlines stay where its probability map has them; where a person drew or erased, outlines run as drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.errors import AnnotationError
from ...core.micrograph import Micrograph
from ...core.scale import Scale
from ...editing.filters import Decisions, judge
from ...editing.remeasure import Basis, boxes_of_labels, confidence_in, edgeless_in, measure_all
from ...pipeline.measure import Measurer
from ...results.interchange import Annotation
from ...results.measurement import Measurement
from ...scale.resolve import resolve_scale

Labels = NDArray[np.int32]
_LARGEST_LABEL = 1_000_000  # tables as long as that are made on the way
_MOST_NAMED = 8


def measure_edited(found: Measurement, labels: Labels, *, scale: Scale | None = None) -> Measurement:
    """The measurement after edits by hand and under the scale given; nothing is segmented again.

    found: before any edit; labels: (H, W), as edited; scale: the user's, None: as found

    A changed label whose pixels no longer hang together, as after a cut with the eraser, becomes several particles. Particles
    changed or drawn carry the flag `edited`; what was done stands in `operator_edits`.

    Raises AnnotationError where the labels do not fit the micrograph.
    """
    labels = split_pieces(check_labels(labels, found.micrograph), found.labels)
    edited = changed_labels(found.labels, labels)
    said = [describe(found.labels, labels)] if (labels != found.labels).any() else []
    stated: dict[str, Any] = {"metadata": found.micrograph.scale, "bar": found.scale_bar, "user": scale}
    decision = found.decision if scale is None else resolve_scale(**stated)
    if decision.scale != found.scale and decision.scale is not None:
        said.append(f"stated the scale: {decision.scale.mean_nm_per_px:.5g} nm/px")
    s = found.settings.measure
    known = found.particles
    basis = Basis(found.micrograph.pixels, found.labels, found.foreground, confidence_in(known), s, edgeless_in(known))
    table = measure_all(labels, basis, decision.scale)
    table = judge(
        table,
        boxes_of_labels(labels, table["label"].to_numpy(np.int64)),
        decisions=Decisions(),
        edited=frozenset(edited),
        hidden=frozenset(),
        frame=found.frame,
        shape=labels.shape,
        settings=s,
    ).table
    return replace(found, decision=decision, labels=labels, particles=table, remarks=(), operator_edits=tuple(said))


def measure_drawn(
    micrograph: Micrograph, labels: Labels, *, name: str, measurer: Measurer, scale: Scale | None = None
) -> Measurement:
    """Labels that were drawn in napari or came from another plugin, measured as `nanogauge import` does: outlines along pixels.

    name: of the labels layer. Raises AnnotationError where the labels do not fit the micrograph.
    """
    labels = check_labels(labels, micrograph)
    content = hashlib.sha256(np.ascontiguousarray(labels).tobytes()).hexdigest()
    drawn = Annotation(labels=labels, kind="label_image", path=Path(name), sha256=content)
    return measurer.measure_labels(micrograph, drawn, scale=scale)


def check_labels(labels: NDArray[np.generic], micrograph: Micrograph) -> Labels:
    """Labels as (H, W) int32 of their own. AnnotationError where shape, type or values do not fit."""
    h, w = micrograph.shape
    if labels.shape != (h, w):
        seen = " x ".join(map(str, labels.shape))
        raise AnnotationError(f"labels of {seen} px do not fit {micrograph.name} of {h} x {w} px (height x width); choose others")
    if labels.dtype.kind not in "uib":
        raise AnnotationError(f"labels of type {labels.dtype} are no whole numbers; choose a labels layer")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > _LARGEST_LABEL:
        raise AnnotationError(f"labels reach from {low} to {high}; they must lie in 0 ... {_LARGEST_LABEL}")
    return labels.astype(np.int32)


def split_pieces(labels: Labels, found: Labels) -> Labels:
    """Labels where each changed label in several pieces (8-connected) is one particle a piece; the largest keeps the number."""
    out, following = labels.copy(), int(labels.max(initial=0)) + 1
    for label in changed_labels(found, labels):
        rows, columns = np.nonzero(labels == label)
        y0, x0, y1, x1 = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
        window = labels[y0:y1, x0:x1] == label
        n, pieces = cv2.connectedComponents(window.astype(np.uint8), connectivity=8)
        area = np.bincount(pieces.ravel(), minlength=n)
        for piece in sorted(range(1, n), key=lambda k: -int(area[k]))[1:]:
            out[y0:y1, x0:x1][pieces == piece] = following
            following += 1
    return out


def changed_labels(found: Labels, labels: Labels) -> list[int]:
    """Labels present now whose pixels are not those they had."""
    differs = found != labels
    touched = np.union1d(labels[differs], found[differs])
    present = np.flatnonzero(np.bincount(labels.ravel()))
    return [int(v) for v in np.intersect1d(touched, present) if v > 0]


def describe(found: Labels, labels: Labels) -> str:
    """The edits in one line for the record."""
    before, now = (set(np.unique(a).tolist()) - {0} for a in (found, labels))
    changed = set(changed_labels(found, labels))
    parts = [("added", now - before), ("deleted", before - now), ("redrawn", changed & before)]
    return "in napari: " + "; ".join(f"{len(which)} {word} ({_numbers(which)})" for word, which in parts if which)


def _numbers(labels: Iterable[int]) -> str:
    listed = sorted(labels)
    text = ", ".join(map(str, listed[:_MOST_NAMED])) + (" …" if len(listed) > _MOST_NAMED else "")
    return f"label{'' if len(listed) == 1 else 's'} {text}"
