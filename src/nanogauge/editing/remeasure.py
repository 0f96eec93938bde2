"""Measuring again only what an edit can have changed.

A particle's row depends on its own pixels, on the background round it up to an eighth of its diameter, and on which neighbour is
nearest there. Rows of particles farther away from the change are kept; the result equals measuring everything (tests/serve).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from ..core.particles import Flag, column_dtypes, has_flag
from ..core.scale import Scale
from ..core.settings import MeasureSettings
from ..detection.separate import touching
from ..measuring import measure_particles
from ..measuring.outlines import LEVEL
from ..measuring.surroundings import with_neighbours
from ..results.rescaled import is_square, multiplied
from .patches import Box, Labels

Ints = NDArray[np.int64]
_RING_PX, _RING_LEAST_PX, _SLACK_PX = 2.0, 3.0, 3.0


def boxes_of_labels(labels: Labels, wanted: Ints) -> Ints:
    """(4, n) y0, x0, y1, x1 of the labels wanted, which must be there."""
    found = ndimage.find_objects(labels)
    return (
        np.array([[s[0].start, s[1].start, s[0].stop, s[1].stop] for s in (found[i - 1] for i in wanted)], np.int64)
        .reshape(-1, 4)
        .T
    )


def decided(probability: NDArray[np.float32], labels: Labels, found: Labels) -> NDArray[np.float32]:
    """The map with the operator's word in it, all (H, W): 1 where a pixel became particle against the map, 0 where it became
    background. Outlines drawn by hand then run where they were drawn, the others where the map has them."""
    out = probability.copy()
    out[(labels > 0) & (found == 0) & (probability < LEVEL)] = 1
    out[(labels == 0) & (found > 0) & (probability >= LEVEL)] = 0
    return out


@dataclass(frozen=True)
class Basis:
    """What edits leave as it is.

    pixels: (H, W) grey levels; found: (H, W) labels as found, before any edit
    probability: (H, W) as the network gave it; None: not known
    confidence: `confidence` by label as found, which particles not edited keep; None: not known
    edgeless: labels as found that show no edge
    """

    pixels: NDArray[Any]
    found: Labels
    probability: NDArray[np.float32] | None
    confidence: NDArray[np.float64] | None
    settings: MeasureSettings
    edgeless: frozenset[int] = frozenset()

    def within(self, window: tuple[slice, slice]) -> Basis:
        """The same for a part of the picture."""
        probability = None if self.probability is None else np.ascontiguousarray(self.probability[window])
        return replace(self, pixels=np.ascontiguousarray(self.pixels[window]), found=self.found[window], probability=probability)


def measure_all(labels: Labels, basis: Basis, scale: Scale | None) -> pd.DataFrame:
    """The particle table of all labels; flags and weights of region and filters are the business of `filters`."""
    b = basis
    return measure_particles(
        labels,
        pixels=b.pixels,
        scale=scale,
        foreground=None if b.probability is None else decided(b.probability, labels, b.found),
        confidence=None if b.confidence is None else confidence_now(b.confidence, labels, b.found),
        separated=touching(labels),
        low_confidence_below=b.settings.low_confidence_below,
        subpixel=b.settings.subpixel,
        edgeless=b.edgeless - set(differing(labels, b.found)) if b.edgeless else b.edgeless,
    )


def confidence_in(table: pd.DataFrame) -> NDArray[np.float64] | None:
    """(largest label + 1,) the column `confidence` of what was found, by label; None where nothing was said."""
    label, said = table["label"].to_numpy(np.int64), table["confidence"].to_numpy(np.float64)
    if not label.size or np.isnan(said).all():
        return None
    out = np.ones(int(label.max()) + 1)
    out[label] = said
    return out


def confidence_now(confidence: NDArray[np.float64], labels: Labels, found: Labels) -> NDArray[np.float64]:
    """By label, after edits: what a person drew or changed is 1, the rest as found."""
    out = np.ones(max(int(labels.max(initial=0)) + 1, confidence.size))
    out[: confidence.size] = confidence
    out[differing(labels, found)] = 1
    return out


def differing(labels: Labels, found: Labels) -> list[int]:
    """Labels that gained or lost pixels, background among them."""
    differs = labels != found
    return [int(v) for v in np.union1d(labels[differs], found[differs])]


def edgeless_in(table: pd.DataFrame) -> frozenset[int]:
    """The labels that show no edge of their own."""
    return frozenset(table["label"][has_flag(table, Flag.NO_EDGE)].tolist())


def remeasure(
    table: pd.DataFrame,
    boxes: Ints,
    labels: Labels,
    changed: Sequence[Box],
    touched: tuple[int, ...],
    basis: Basis,
    scale: Scale | None,
) -> tuple[pd.DataFrame, Ints, tuple[int, ...]]:
    """Table, boxes (4, n), and the labels measured again, after labels (H, W) changed within some boxes.

    table, boxes: as before the change; touched: labels that gained or lost pixels, those that are gone included
    """
    known = table["label"].to_numpy(np.int64)
    reach = _RING_PX + np.maximum(_RING_LEAST_PX, table["equivalent_diameter_px"].to_numpy(np.float64) / 8)
    far = 2 * reach + _SLACK_PX
    near = np.zeros(known.size, bool)
    for y0, x0, y1, x1 in changed:
        near |= (boxes[0] - far < y1) & (boxes[2] + far > y0) & (boxes[1] - far < x1) & (boxes[3] + far > x0)
    affected = np.union1d(known[near], np.array(touched, np.int64))
    group = boxes[:, np.isin(known, affected)]
    corners = np.concatenate([group, np.array(changed).T], axis=1)
    margin = 2 * float(reach.max(initial=_RING_PX + _RING_LEAST_PX)) + _SLACK_PX
    h, w = labels.shape
    top, left = max(int(corners[0].min() - margin), 0), max(int(corners[1].min() - margin), 0)
    bottom, right = min(int(corners[2].max() + margin) + 1, h), min(int(corners[3].max() + margin) + 1, w)
    crop = np.s_[top:bottom, left:right]
    window = np.ascontiguousarray(labels[crop])
    fresh = measure_all(window, basis.within(crop), scale)
    fresh = fresh[fresh["label"].isin(affected)]
    fresh = fresh.assign(y=fresh["y"] + top, x=fresh["x"] + left)
    new_boxes = boxes_of_labels(window, fresh["label"].to_numpy(np.int64)) + np.array([[top], [left], [top], [left]])
    kept = ~np.isin(known, affected)
    parts = [p for p in (table[kept], fresh) if len(p)] or [fresh]
    joined = pd.concat(parts, ignore_index=True)
    both = np.concatenate([boxes[:, kept], new_boxes], axis=1)
    order = np.argsort(joined["label"].to_numpy(), kind="stable")
    joined = joined.iloc[order].reset_index(drop=True).astype(column_dtypes(in_nm=scale is not None))
    return with_neighbours(joined, scale), both[:, order], tuple(int(v) for v in affected)


def rescaled(table: pd.DataFrame, labels: Labels, basis: Basis, scale: Scale | None, *, was_square: bool = True) -> pd.DataFrame:
    """The table under another scale. With square pixels only the nm columns change; else everything is measured again."""
    return multiplied(table, scale) if was_square and is_square(scale) else measure_all(labels, basis, scale)
