"""Finds rulers of eleven equal steps without a line: the bars of Hitachi microscopes, ticks or dots."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .boxes import Box
from .locate import BarCandidate, components

_LEVELS = (60, 90, 120, 150, 180, 210, 235, 251)
_N_TICKS = 11
_HIDDEN = 1  # of them, between others, that something of their tone hides
_MOST_WIDE_PX = 9
_MOST_HIGH_PX = 40
_HAT_PX = 13  # wider than a mark
_CONTRASTS = (22, 40, 70, 120)  # grey levels
_MOST_INKED = 0.6  # of a region: where more is in the marks' tone, they do not stand apart
_TOOTH_ROWS = 4  # of a mark, over which it is averaged
_END_REACH_PX = 24  # how far an end may lie from where it was seen
_LEAST_STEP_PX, _LEAST_TOOTH, _OVER_GAPS = 6.0, 14.0, 2.0  # grey levels off both sides; times what stands between the marks
_FLANK, _FLANK_PX = 0.3, 3.0  # of a step, or px: beside a mark
_STRAY_PX = 0.8  # of a mark off the line through all
_CROWD = 60  # of marks in one row: of grain, among which eleven in a row are not found


def find_rulers(
    pixels: NDArray[np.uint8], region: Box | None = None, *, bright: bool | None = None
) -> list[tuple[BarCandidate, float, float]]:
    """Rulers in an (H, W) uint8 picture or a region of it: (candidate, first tick's centre x, last tick's centre x).

    bright: marks lighter than around them, or darker; None: either
    """
    y0, x0, y1, x1 = region or (0, 0, *pixels.shape)
    part = pixels[y0:y1, x0:x1]
    best: dict[tuple[int, int, bool], tuple[float, BarCandidate, float, float]] = {}
    for light in (True, False) if bright is None else (bright,):
        plain = [(part >= level if light else part <= 255 - level).astype(np.uint8) for level in _LEVELS]
        for masks in (plain, _narrow(part, light)):
            for mask, level in zip(masks, _LEVELS, strict=False):
                if cv2.countNonZero(mask) > _MOST_INKED * mask.size:
                    continue
                for ticks in _rows_of_ticks(mask):
                    fit = _even(ticks)
                    if fit is None:
                        continue
                    first, last, residual = fit
                    top, bottom = int(ticks[:, 1].min()) + y0, int(ticks[:, 2].max()) + y0
                    box = (top, int(ticks[0, 3]) + x0, bottom, int(np.ceil(ticks[-1, 4])) + x0)
                    quality = max(0.0, 1.0 - residual / 2.0)
                    c = BarCandidate("ruler", box, (top, bottom), light, abs(float(level)), quality)
                    key = (round((first + x0) / 8), round((last + x0) / 8), light)
                    if key not in best or best[key][0] > residual:
                        best[key] = (residual, c, first + x0, last + x0)
            if best:  # marks on an uneven ground need the second look only
                break
    return [(c, first, last) for _, c, first, last in best.values()]


def comb_within(pixels: NDArray[np.uint8], seen: Box, *, bright: bool) -> tuple[BarCandidate, float, float] | None:
    """A ruler in an (H, W) uint8 picture whose ends lie near those of a box in which one was seen: eleven even marks fitted at
    once, where grain or particles hide some of them from a search for each. None where they do not stand out from what is between
    them, one that is no end excepted, or go on beyond the ends.
    """
    margin, aside = _MOST_WIDE_PX, _END_REACH_PX + (seen[3] - seen[1]) // (_N_TICKS - 2)
    y0, x0 = max(seen[0] - margin, 0), max(seen[1] - aside, 0)
    part = pixels[y0 : seen[2] + margin, x0 : seen[3] + aside]
    if part.shape[0] < 2 * _TOOTH_ROWS or part.shape[1] < _N_TICKS * _LEAST_STEP_PX:
        return None
    how = cv2.MORPH_TOPHAT if bright else cv2.MORPH_BLACKHAT
    hat = cv2.morphologyEx(part, how, np.ones((1, _HAT_PX), np.uint8)).astype(np.float32)
    rows = sliding_window_view(hat, _TOOTH_ROWS, axis=0).mean(axis=-1)
    near = np.asarray(cv2.dilate(rows, np.ones((1, 3), np.uint8)))  # a mark may be a px off
    first = np.arange(max(seen[1] - x0 - _END_REACH_PX, 0), seen[1] - x0 + _END_REACH_PX)
    last = np.arange(seen[3] - x0 - _END_REACH_PX, min(seen[3] - x0 + _END_REACH_PX, part.shape[1]))
    a, b = (v.ravel() for v in np.meshgrid(first, last, indexing="ij"))
    step = (b - a) / (_N_TICKS - 1)
    a, b, step = a[step >= _LEAST_STEP_PX], b[step >= _LEAST_STEP_PX], step[step >= _LEAST_STEP_PX]
    if not a.size:
        return None
    at = a[:, None] + step[:, None] * np.arange(-1, _N_TICKS + 1)  # the marks, and where more of them would be beyond
    values = near[:, np.clip(np.rint(at), 0, part.shape[1] - 1).astype(np.int64)]  # (rows, pairs, 13)
    aside_px = np.minimum(np.maximum(_FLANK * step, _FLANK_PX), 0.5 * step)[:, None]  # marks are narrow
    between = [at[:, 1:-2] + 0.5 * step[:, None], at[:, 1:-2] + aside_px, at[:, 2:-1] - aside_px]
    gaps = [np.median(rows[:, np.clip(np.rint(x), 0, part.shape[1] - 1).astype(np.int64)], axis=2) for x in between]
    teeth = np.sort(values[:, :, 1:-1], axis=2)
    score = np.minimum(teeth[:, :, _HIDDEN], np.minimum(values[:, :, 1], values[:, :, -2])) - _OVER_GAPS * np.maximum.reduce(gaps)
    beyond = np.maximum(np.where(at[:, 0] >= 0, values[:, :, 0], 0), np.where(at[:, -1] < part.shape[1], values[:, :, -1], 0))
    row, k = np.unravel_index(int(np.argmax(score + 0.1 * teeth.mean(axis=2))), score.shape)
    if teeth[row, k, _HIDDEN] < _LEAST_TOOTH or score[row, k] <= 0 or beyond[row, k] > 0.6 * teeth[row, k, _N_TICKS // 2]:
        return None
    centres, index = [], []
    for i in range(_N_TICKS):
        x = int(np.rint(at[k, i + 1]))
        window = np.maximum(rows[row, max(x - 2, 0) : x + 3] - 0.3 * values[row, k, i + 1], 0)
        if values[row, k, i + 1] >= teeth[row, k, _HIDDEN] and window.sum() > 0:
            centres.append(max(x - 2, 0) + float((window * np.arange(window.size)).sum() / window.sum()))
            index.append(i)
    slope, start = np.polyfit(index, centres, 1)
    residual = float(np.abs(start + slope * np.array(index) - centres).max())
    if residual > _STRAY_PX:
        return None
    ends = start + x0, start + slope * (_N_TICKS - 1) + x0
    top = y0 + int(row)
    box = (top, int(ends[0]) - 1, top + _TOOTH_ROWS, int(np.ceil(ends[1])) + 2)
    ruler = BarCandidate("ruler", box, (top, top + _TOOTH_ROWS), bright, float(teeth[row, k, _N_TICKS // 2]), 1.0 - residual / 2.0)
    return ruler, float(ends[0]), float(ends[1])


def _narrow(part: NDArray[np.uint8], bright: bool) -> list[NDArray[np.uint8]]:
    """Masks of what is narrow and stands out from both its sides, whatever the ground: a top-hat at several contrasts."""
    if part.shape[1] <= _HAT_PX:
        return []
    how = cv2.MORPH_TOPHAT if bright else cv2.MORPH_BLACKHAT
    hat = np.asarray(cv2.morphologyEx(part, how, np.ones((1, _HAT_PX), np.uint8)), np.uint8)
    return [(hat >= contrast).astype(np.uint8) for contrast in _CONTRASTS]


def _rows_of_ticks(mask: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Groups of 11 neighbouring small upright marks that share a top or a bottom, or of 10 with a gap for one: rows (x centre, y0,
    y1, x0, x1)."""
    _, found, centres = components(mask, diagonal=True)
    y, x, y1, x1, area = found.T
    h, w = y1 - y, x1 - x
    keep = (w <= _MOST_WIDE_PX) & (h <= _MOST_HIGH_PX) & (h >= 2) & (w <= 1.6 * h) & (area >= 0.5 * w * h)
    least = _N_TICKS - _HIDDEN
    if keep.sum() < least:
        return []
    marks = np.column_stack([centres, y, y1, x, x1])[keep].astype(float)
    marks = marks[np.argsort(marks[:, 0])]
    windows: dict[int, list[NDArray[np.int64]]] = {_N_TICKS: [], least: []}
    for column in (1, 2):
        level = marks[:, column].astype(np.int64)
        crowd = np.convolve(np.bincount(level), [1, 1, 1], mode="same")
        for y in np.flatnonzero((crowd >= least) & (crowd <= _CROWD) & (np.bincount(level) > 0)).tolist():
            row = np.flatnonzero(np.abs(level - y) <= 1)
            for size in windows:
                if len(row) >= size:
                    windows[size].append(sliding_window_view(row, size))
    out = []
    for size, found_here in windows.items():
        if found_here:
            chosen = np.unique(np.concatenate(found_here), axis=0)
            out += [marks[c] for c in chosen[_is_even(marks[chosen, 0], _N_TICKS - size)]]
    return out


def _is_even(centres: NDArray[np.float64], n_hidden: int) -> NDArray[np.bool_]:
    """Whether marks are evenly spaced, one row (n,) each, but for so many steps that are twice as wide: a mark is hidden there."""
    steps = np.sort(np.diff(centres, axis=1), axis=1)
    if n_hidden:
        steps[:, -n_hidden:] /= 2
    spread = steps.max(axis=1) - steps.min(axis=1)
    return np.asarray((steps.min(axis=1) >= 3) & (spread <= np.maximum(2.6, 0.12 * steps.mean(axis=1))), np.bool_)


def _even(ticks: NDArray[np.float64]) -> tuple[float, float, float] | None:
    """First and last centre of a straight line fitted to the centres, and its residual in px; None unless they lie on it."""
    heights = ticks[:, 2] - ticks[:, 1]
    if heights.max() > 3 * heights.min() + 2:
        return None
    step = float(np.median(np.diff(ticks[:, 0])))
    index = np.round((ticks[:, 0] - ticks[0, 0]) / step)
    slope, start = np.polyfit(index, ticks[:, 0], 1)
    residual = float(np.abs(start + slope * index - ticks[:, 0]).max())
    if residual > 1.5 or index[-1] != _N_TICKS - 1:
        return None
    return float(start), float(start + slope * (_N_TICKS - 1)), residual
