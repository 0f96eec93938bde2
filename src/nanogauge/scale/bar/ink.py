"""Letters of a label: where their ink is, its tone, and the tone of the ground around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .text import LengthText

_OF_INK = 40.0  # grey levels off the letters' tone where nothing is left of it
_LIKE, _LEAST_TONE_STEP = 0.35, 12.0  # of one step, that the other must be to be taken for letters too; grey levels
_APART = 25.0  # grey levels between the tones of the ground above letters and below them, where one of them is none


@dataclass(frozen=True, slots=True)
class TextTone:
    """Grey levels of letters and of what is around them; whether the letters are the lighter."""

    ink: float
    ground: float
    bright: bool


def text_tone(pixels: NDArray[np.uint8], label: LengthText) -> TextTone:
    """The tone of a label in an (H, W) uint8 picture."""
    y0, x0, y1, x1 = (int(v) for v in ink_box(label))
    part = pixels[max(y0, 0) : y1, max(x0, 0) : x1]
    # heavy letters cover more than half of their box, so the ground is looked for in the margin that the reader leaves
    top, bottom = max(int(label.box[0]), 0), int(label.box[2])
    margins = (pixels[top : max(y0, 0), max(x0, 0) : x1], pixels[y1 + 1 : bottom, max(x0, 0) : x1])
    if part.size < 4:
        return TextTone(255.0, 0.0, True)
    low, middle, high = (float(v) for v in np.quantile(part, [0.03, 0.5, 0.97]))
    both = np.concatenate([m.ravel() for m in margins])
    ground = float(np.median(both)) if both.size else middle
    sides = [float(np.median(m)) for m in margins if m.size]
    if len(sides) == 2 and abs(sides[0] - sides[1]) > _APART:  # a bar lies in one of them
        if (beside := _beside(pixels, label, sides)) is not None:
            ground = beside
        elif min(ground - low, high - ground) < _APART:
            ground = max(sides, key=lambda g: min(g - low, high - g))
    ground = min(max(ground, low), high)
    bright = high - ground > ground - low
    if min(part.shape) >= 3 and _LIKE * max(high - ground, ground - low) < min(high - ground, ground - low):
        bright = _is_lighter(part, ground, bright)  # a particle under the letters stands out as much as they do
    return TextTone(high if bright else low, ground, bright)


def _beside(pixels: NDArray[np.uint8], label: LengthText, tones: list[float]) -> float | None:
    """Of the tones above and below letters that of the ground, as it shows left and right of them; None where it is neither."""
    y0, x0, y1, x1 = (int(v) for v in ink_box(label))
    rows = slice(max(y0, 0), y1)
    ends = pixels[rows, max(int(label.box[1]), 0) : max(x0, 0)], pixels[rows, x1 + 1 : int(label.box[3])]
    beside = np.concatenate([end.ravel() for end in ends])
    near = [tone for tone in tones if beside.size and abs(float(np.median(beside)) - tone) < _APART]
    return near[0] if len(near) == 1 else None


def in_one_tone(pixels: NDArray[np.uint8], ink: float, *, within: float = _OF_INK) -> NDArray[np.uint8]:
    """An (H, W) uint8 picture in which only what has the tone of the letters is dark: they are drawn in one tone, and what they lie
    over seldom has it. within: grey levels"""
    off = np.abs(pixels.astype(np.float32) - ink) / within
    return np.asarray(np.clip(255 * off, 0, 255), np.uint8)


def _is_lighter(part: NDArray[np.uint8], ground: float, otherwise: bool) -> bool:
    """Whether the letters in a box are what is lighter than the ground, or what is darker: of both, what changes more often along
    the rows, for letters are many small strokes. Smoothed, lest grain counts."""
    smooth = cv2.blur(part, (3, 3)).astype(np.float64)
    steps = [float(q) - ground for q in np.quantile(smooth, [0.03, 0.97])]
    if min(-steps[0], steps[1]) < _LEAST_TONE_STEP:
        return otherwise
    dark, light = smooth < ground + 0.5 * steps[0], smooth > ground + 0.5 * steps[1]
    changes = [int((mask[:, 1:] != mask[:, :-1]).sum()) for mask in (dark, light)]
    return changes[1] > changes[0]


def ink_box(label: LengthText) -> tuple[float, float, float, float]:
    """The text without the margin that the reader leaves around it."""
    y0, x0, y1, x1 = label.box
    margin = 0.17 * (y1 - y0)
    return (y0 + margin, x0 + 0.7 * margin, y1 - margin, x1 - 0.7 * margin)
