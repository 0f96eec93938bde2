"""What the locator network sees in a picture: bars with their ends, labels, other text, as boxes out of its maps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.protocols import BarLocator
from .boxes import Box, shared

_SEEN, _CORE = 0.3, 0.5  # of a map: where something may be; where it is
_LEAST_CELLS = 6
_LEAST_PEAK = 0.25  # of the map of ends
_END_REACH_CELLS = 7
_WITHIN = 0.9  # of its rows and columns
_SLACK_PX = 8


@dataclass(frozen=True, slots=True)
class SeenBox:
    """A part of a picture. box: (y0, x0, y1, x1) px, half-open; confidence: 0 to 1."""

    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class SeenBar:
    """A bar. box: (y0, x0, y1, x1) px, half-open; x0, x1: its ends, px, pixel centres at integers, good to about a px;
    surely_ended: both ends were seen as such; confidence: 0 to 1."""

    box: Box
    x0: float
    x1: float
    surely_ended: bool
    confidence: float

    @property
    def length_px(self) -> float:
        """From end to end."""
        return self.x1 - self.x0


@dataclass(frozen=True, slots=True)
class Located:
    """What was seen, the surest first."""

    bars: tuple[SeenBar, ...] = ()
    labels: tuple[SeenBox, ...] = ()


def located_in(pixels: NDArray[np.uint8], locator: BarLocator) -> Located:
    """Bars and labels in an (H, W) uint8 picture. The locator's map of other text is left alone: rows of particles are in it."""
    maps, cell_px = locator.maps(pixels)
    shape = pixels.shape
    labels = _boxes(maps[1], cell_px, shape)
    whole = _boxes(maps[0], cell_px, shape)
    found = [_beside(b, labels, maps[0], cell_px, shape) for b in whole]
    found = [b for b in found if not any(_is_within(b, label) for label in labels)]  # strokes of letters
    bars = [_bar(b, maps[3], maps[4], cell_px, shape) for b in found]
    cut = {b.box for b in found} - {b.box for b in whole}  # where letters end is not where the bar begins
    bars = [replace(b, surely_ended=False) if b.box in cut else b for b in bars]
    return Located(tuple(sorted(bars, key=lambda s: -s.confidence)), tuple(sorted(labels, key=lambda s: -s.confidence)))


def _is_within(inner: SeenBox, outer: SeenBox) -> bool:
    """Whether a box lies in another, but for its blurred rim."""
    rows, columns = shared(inner.box, outer.box)
    (y0, x0, y1, x1) = inner.box
    return rows >= _WITHIN * (y1 - y0) and columns >= _WITHIN * (x1 - x0)


def _beside(seen: SeenBox, labels: list[SeenBox], bars: NDArray[np.float32], cell_px: float, shape: tuple[int, ...]) -> SeenBox:
    """A seen bar without the letters beside it, where both are seen as one: what lies beyond the label that one end of it is in."""
    y0, x0, y1, x1 = seen.box
    for label in labels:
        _, a, _, b = label.box
        rows, columns = shared(seen.box, label.box)
        if label.confidence < _CORE or rows < _WITHIN * (y1 - y0) or columns <= 0 or (a > x0 + _SLACK_PX and b < x1 - _SLACK_PX):
            continue  # apart, or a block with its text in it
        left, right = (b, x1) if b < x1 - _SLACK_PX else (x0, a)
        if right - left < _SLACK_PX or min(abs(a - x0), abs(b - x1)) > b - a:
            continue
        part = np.zeros_like(bars)
        cells = slice(int(y0 / cell_px), int(np.ceil(y1 / cell_px))), slice(int(np.ceil(left / cell_px)), int(right / cell_px))
        part[cells] = bars[cells]
        return max(_boxes(part, cell_px, shape), key=lambda s: s.box[3] - s.box[1], default=seen)
    return seen


def _boxes(maps: NDArray[np.float32], cell_px: float, shape: tuple[int, ...]) -> list[SeenBox]:
    """Boxes of what stands out in a map: of all that is surely there in a connected part of what may be."""
    mask = (maps > _SEEN).astype(np.uint8)
    n, found, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    out = []
    for k in range(1, n):
        x, y, w, h, area = (int(v) for v in stats[k])
        if area < _LEAST_CELLS:
            continue
        part = np.where(found[y : y + h, x : x + w] == k, maps[y : y + h, x : x + w], 0)
        core = part > _CORE
        rows, columns = np.flatnonzero(core.any(axis=1)), np.flatnonzero(core.any(axis=0))
        if not rows.size:
            continue
        box = (
            max(int((y + rows[0]) * cell_px), 0),
            max(int((x + columns[0]) * cell_px), 0),
            min(round((y + rows[-1] + 1) * cell_px), shape[0]),
            min(round((x + columns[-1] + 1) * cell_px), shape[1]),
        )
        if box[2] > box[0] and box[3] > box[1]:
            out.append(SeenBox(box, float(part[core].mean())))
    return out


def _bar(seen: SeenBox, left: NDArray[np.float32], right: NDArray[np.float32], cell_px: float, shape: tuple[int, ...]) -> SeenBar:
    """A bar with its ends, each the middle of the soft spot near that side of its box."""
    y0, x0, y1, x1 = seen.box
    rows = slice(max(int(y0 / cell_px) - 1, 0), int(np.ceil(y1 / cell_px)) + 1)
    ends = [_end(part[rows], x / cell_px) for part, x in ((left, x0), (right, x1))]
    first = ends[0] * cell_px - 0.5 if ends[0] is not None else x0 - 0.5
    last = ends[1] * cell_px - 0.5 if ends[1] is not None else x1 - 0.5
    sure = None not in ends and last > first
    if last <= first:
        first, last = x0 - 0.5, x1 - 0.5
    return SeenBar(seen.box, first, last, sure, seen.confidence)


def _end(part: NDArray[np.float32], near: float) -> float | None:
    """Column, in cells with edges at integers, of the spot near a column; None where there is none."""
    start = max(int(near) - _END_REACH_CELLS, 0)
    profile = part[:, start : int(near) + _END_REACH_CELLS + 1].max(axis=0) if part.size else np.zeros(0)
    if not profile.size or float(profile.max()) < _LEAST_PEAK:
        return None
    peak = int(profile.argmax())
    a, b = max(peak - 2, 0), min(peak + 3, len(profile))
    weight = np.asarray(profile[a:b], np.float64) ** 2
    return start + float((weight * (np.arange(a, b) + 0.5)).sum() / weight.sum())
