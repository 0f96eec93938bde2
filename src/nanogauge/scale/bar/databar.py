"""Finds the maker's data bar: the strip of rows that are no micrograph, with its text and scale bar."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.protocols import TextLine
from .boxes import Box

_SAME = (2, 10)  # grey levels that count as one tone: in an untouched file, in one that was compressed or resized
_FLAT = 0.5  # of the picture's grain
_GROUND_SHARE = 0.4
_LEAST_SHARE = 0.45  # of a row in the strip's tone; the rest is text
_DENSE_SHARE = 0.15  # of rows of dense text, and of a ruler across half the picture
_MOST_DENSE_ROWS = 24
_MOST_HEIGHT = 0.3  # of the picture
_LEAST_ROWS = 6
_LEAST_SPAN, _LEAST_COLUMN = 0.82, 0.3  # of the picture's width; of a column in the strip's tone


def find_data_bar(pixels: NDArray[np.uint8], text_lines: list[TextLine] | None = None) -> Box | None:
    """The data bar of an (H, W) uint8 picture as (y0, x0, y1, x1) px, half-open, over the whole width; None where there is none.

    A strip of rows of one tone across the picture that starts at a sharp straight edge in the lowest third, at the bottom or a
    little above it, and is flatter than the picture. With `text_lines`, a strip without text in it does not count: it is black
    background. Exact tones are tried before near ones, for a strip of an untouched file has no noise at all.
    """
    height, width = pixels.shape
    first = int((1 - _MOST_HEIGHT) * height)
    low = pixels[first:]
    for same in _SAME:
        best: Box | None = None
        for tone in _tones(low):
            share = _alike(low, tone, same).mean(axis=1) / 255
            for a, b in _strips(share):
                box = (first + a, 0, first + b, width)
                if b - a < max(_LEAST_ROWS, 0.012 * height) or not _sharp(pixels, box, tone, same) or not _flat(pixels, box):
                    continue
                if not _spans(pixels, box, tone, same):
                    continue
                if text_lines is not None and not any(_within(line, box) for line in text_lines):
                    continue
                if best is None or b - a > best[2] - best[0]:
                    best = box
        if best is not None:
            if height - best[2] < max(4, 0.02 * height):  # a frame line below it belongs to it
                best = (best[0], 0, height, width)
            return best
    return None


def _tones(low: NDArray[np.uint8]) -> list[int]:
    """The commonest tones of single rows of the lowest part, at most four."""
    modes = [int(np.bincount(row >> 2, minlength=64).argmax()) * 4 + 2 for row in low[::2]]
    values, counts = np.unique(modes, return_counts=True)
    return [int(v) for v in values[np.argsort(-counts)][:4]]


def _alike(pixels: NDArray[np.uint8], tone: int, same: int) -> NDArray[np.uint8]:
    """255 where a pixel is within `same` grey levels of a tone, else 0."""
    return np.asarray(cv2.inRange(pixels, max(tone - same, 0), min(tone + same, 255)), np.uint8)


def _strips(share: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Runs of rows mostly in the strip's tone; rows of dense text, of a ruler and of table lines inside a run are bridged."""
    rows = np.flatnonzero(share >= _LEAST_SHARE)
    if not rows.size:
        return []
    runs, start = [], int(rows[0])
    for a, b in itertools.pairwise(rows.tolist()):
        dense = b - a <= _MOST_DENSE_ROWS and float(share[a + 1 : b].mean()) > _DENSE_SHARE if b - a > 1 else True
        if b - a > 4 and not dense:
            runs.append((start, a + 1))
            start = b
    return [*runs, (start, int(rows[-1]) + 1)]


def _sharp(pixels: NDArray[np.uint8], box: Box, tone: int, same: int) -> bool:
    """Whether the strip starts at a straight edge: nearly all of its first rows in its tone, few of the rows above it."""
    y0 = box[0]
    if y0 < 4:
        return False
    inside = _alike(pixels[y0 : y0 + 3], tone, same).mean() / 255
    above = _alike(pixels[max(y0 - 8, 0) : y0 - 2], tone, same).mean() / 255
    return bool(inside > 0.6 and above < 0.5 * inside)


def _spans(pixels: NDArray[np.uint8], box: Box, tone: int, same: int) -> bool:
    """Whether a strip's tone goes across the picture, or nearly, unlike a plate behind a scale bar."""
    columns = np.flatnonzero(_alike(pixels[box[0] : box[2]], tone, same).mean(axis=0) / 255 > _LEAST_COLUMN)
    return bool(columns.size) and int(columns[-1] - columns[0]) + 1 > _LEAST_SPAN * pixels.shape[1]


def _flat(pixels: NDArray[np.uint8], box: Box) -> bool:
    """Whether a strip is flatter than a picture's ground: its letters take less than half of it, the rest has no grain."""
    grain = np.abs(np.diff(pixels[box[0] + 1 : box[2]].astype(np.int16), axis=1))
    above = np.abs(np.diff(pixels[: box[0] - 2 : 4].astype(np.int16), axis=1))
    return bool(np.quantile(grain, _GROUND_SHARE) <= max(1.0, _FLAT * float(np.quantile(above, _GROUND_SHARE))))


def _within(line: TextLine, box: Box) -> bool:
    middle = 0.5 * (line.box[0] + line.box[2])
    return box[0] - 2 <= middle < box[2] + 2
