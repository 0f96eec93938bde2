"""Figures of several panels: finds the gutters between them. A bar in one panel says nothing of the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .boxes import Box

_SAME = 10  # grey levels within which a gutter has one tone
_LEAST_PLAIN = 0.985  # of a line across the figure: in the gutter's tone
_LOOKED_AT = 24  # columns, in the first look
_LEAST_APART, _LEAST_EDGE = 14, 0.7  # grey levels; of a gutter's side: where the panel beside it differs from it
_LEAST_GUTTER_PX = 2
_MOST_GUTTER = 0.12  # of the figure's side
_LEAST_PANEL, _LEAST_PANEL_PX = 0.15, 60  # of the figure's side
_LEAST_GRAIN = 2.0  # grey levels of spread in a panel: an empty margin is none


def find_panels(pixels: NDArray[np.uint8]) -> list[Box]:
    """Boxes (y0, x0, y1, x1) px of the panels of an (H, W) uint8 figure, row by row; one box where there is only one.

    A gutter is a straight strip of one tone from side to side, with sharp edges and a picture on both sides. Strips of text, data
    bars among them, are no panels; panels without a gutter are not told apart.
    """
    return _split((0, 0, *pixels.shape), pixels)


def _split(box: Box, pixels: NDArray[np.uint8]) -> list[Box]:
    y0, x0, y1, x1 = box
    part = pixels[y0:y1, x0:x1]
    for axis in (0, 1):
        pieces = _pieces(part if axis == 0 else part.T)
        if len(pieces) > 1:
            boxes = [(y0 + a, x0, y0 + b, x1) if axis == 0 else (y0, x0 + a, y1, x0 + b) for a, b in pieces]
            return [inner for piece in boxes for inner in _split(piece, pixels)]
    return [box]


def _pieces(part: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Runs of rows between gutters that are pictures; one where there is no gutter."""
    height = len(part)
    least = max(_LEAST_PANEL_PX, round(_LEAST_PANEL * height))
    whole = [(0, height)]
    if height < 2 * least:
        return whole
    plain = np.zeros(height, np.bool_)
    few = np.ascontiguousarray(part[:, :: max(part.shape[1] // _LOOKED_AT, 1)].T)
    for row in np.flatnonzero(few.max(axis=0) - few.min(axis=0) <= 2 * _SAME):  # seldom: the whole row is looked at only there
        line = part[row].astype(np.int16)
        plain[row] = float((np.abs(line - np.median(line)) <= _SAME).mean()) >= _LEAST_PLAIN
    edges = np.flatnonzero(np.diff(np.concatenate([[0], plain.astype(np.int8), [0]])))
    cuts: list[tuple[int, int]] = []
    for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        inside = _LEAST_GUTTER_PX <= b - a <= max(_MOST_GUTTER * height, _LEAST_GUTTER_PX) and a > 0 and b < height
        if inside and _has_edges(part, a, b):
            cuts.append((a, b))
    if not cuts:
        return whole
    starts, stops = [0, *(b for _, b in cuts)], [*(a for a, _ in cuts), height]
    pieces = [(a, b) for a, b in zip(starts, stops, strict=True) if b - a >= least and _is_picture(part[a:b])]
    return pieces if len(pieces) > 1 else whole


def _has_edges(part: NDArray[np.uint8], a: int, b: int) -> bool:
    """Whether rows a:b differ in tone from what is right above and below them, nearly all along."""
    tone = int(np.median(part[a:b]))
    beside = (part[max(a - 3, 0)], part[min(b + 2, len(part) - 1)])
    return all(float((np.abs(row.astype(np.int16) - tone) > _LEAST_APART).mean()) >= _LEAST_EDGE for row in beside)


def _is_picture(part: NDArray[np.uint8]) -> bool:
    """Whether a part has grain or shapes all over, unlike a margin, a data bar or a line of text."""
    blocks = [block for rows in np.array_split(part, 4, axis=0) for block in np.array_split(rows, 4, axis=1)]
    return sum(float(block.std()) >= _LEAST_GRAIN for block in blocks) >= 13
