"""Rims: thin outlines in the opposite tone that annotators draw around letters and bars, so that they show on any ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .ink import ink_box
from .locate import BarCandidate
from .text import LengthText

_REACH_PX = 10
_LEAST_DEPTH, _OF_CONTRAST = 40.0, 0.2  # grey levels, and of the bar's step, to the ground; sharpening makes shallower rims
_AT_ENDS = 0.7  # of that depth: a bar ends between pixels, which share its rim
_GROUND_PX = 5  # off the bar, where its rim is over
_LEAST_STEP_LEVELS, _LEAST_STEP = 40.0, 0.3  # grey levels, of the rim's step off the ground, to its other side
_LIKE, _LEAST_INKED = 0.4, 0.04  # of the bar's step off the ground, in letters that have its tone; of their box


def rim_px(pixels: NDArray[np.uint8], bar: BarCandidate) -> float:
    """Width in px of the rim around a filled bar in an (H, W) uint8 picture, in the tone opposite to it; 0 where there is none on
    all four sides."""
    beyond = _sides(pixels, bar)
    if beyond is None:
        return 0.0
    widths = []
    for profile, share in zip(beyond, (1.0, 1.0, _AT_ENDS, _AT_ENDS), strict=True):
        ground = float(np.median(profile[_GROUND_PX:]))
        depth = ground - float(profile[: _GROUND_PX - 1].min())
        if depth < share * max(_LEAST_DEPTH, _OF_CONTRAST * bar.contrast):
            return 0.0
        widths.append(float(np.clip((ground - profile[:_GROUND_PX]) / depth, 0, 1).sum()))
    return float(np.median(widths)) if max(widths) < _GROUND_PX else 0.0


def is_rimmed(pixels: NDArray[np.uint8], bar: BarCandidate, label: LengthText) -> bool:
    """Whether a filled bar is drawn with a rim, as its letters are: rim and bar lie on either side of the ground's tone, and the
    letters have the bar's. The inside of an outline is on the outline's side of it, or letters have the outline's tone alone."""
    if bar.kind != "solid" or not rim_px(pixels, bar):
        return False
    beyond = _sides(pixels, bar)
    if beyond is None:
        return False
    ground = float(np.median([np.median(profile[_GROUND_PX:]) for profile in beyond]))
    rim = float(np.median([profile[: _GROUND_PX - 1].min() for profile in beyond]))
    sign = 1.0 if bar.bright else -1.0
    step = sign * bar.tone - ground
    if step < max(_LEAST_STEP_LEVELS, _LEAST_STEP * (ground - rim)):
        return False
    y0, x0, y1, x1 = (max(int(v), 0) for v in ink_box(label))
    letters = sign * pixels[y0:y1, x0:x1].astype(np.float64)
    return bool(letters.size and (letters > ground + _LIKE * step).mean() >= _LEAST_INKED)


def without_rims(pixels: NDArray[np.uint8], bars: list[BarCandidate], label: LengthText) -> list[BarCandidate]:
    """The candidates without those that are the long sides of another's rim."""
    rimmed = [b for b in bars if is_rimmed(pixels, b, label)]
    return [b for b in bars if not any(_is_side_of(b, r) for r in rimmed)]


def _is_side_of(side: BarCandidate, bar: BarCandidate) -> bool:
    """Whether a line of the opposite tone runs along a bar, above or below, from end to end."""
    apart = max(side.rows[0] - bar.rows[1], bar.rows[0] - side.rows[1])
    off = max(abs(side.box[1] - bar.box[1]), abs(side.box[3] - bar.box[3]))
    thin = side.thickness_px <= min(_GROUND_PX, bar.thickness_px)
    return side.bright != bar.bright and thin and -1 <= apart <= 2 and off <= _GROUND_PX


def _sides(pixels: NDArray[np.uint8], bar: BarCandidate) -> tuple[NDArray[np.float64], ...] | None:
    """Mean tones (_REACH_PX,) from each side of a bar outwards, above, below, left and right, signed so that the bar is high; None
    where the frame is near."""
    sign = 1.0 if bar.bright else -1.0
    (y0, y1), x0, x1 = bar.rows, bar.box[1], bar.box[3]
    if min(y0, x0) < _REACH_PX or y1 + _REACH_PX > pixels.shape[0] or x1 + _REACH_PX > pixels.shape[1]:
        return None
    part = pixels[y0 - _REACH_PX : y1 + _REACH_PX, x0 - _REACH_PX : x1 + _REACH_PX].astype(np.float64) * sign
    middle = slice(_REACH_PX, -_REACH_PX)
    above, below = part[:_REACH_PX, middle].mean(axis=1)[::-1], part[-_REACH_PX:, middle].mean(axis=1)
    left, right = part[middle, :_REACH_PX].mean(axis=0)[::-1], part[middle, -_REACH_PX:].mean(axis=0)
    return above, below, left, right
