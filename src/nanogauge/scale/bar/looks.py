"""How much a candidate looks like what an annotator draws: its contrast, tone, evenness and ends, beside its label's letters."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .boxes import Box
from .ends import Ends
from .ink import TextTone, ink_box
from .locate import BarCandidate
from .rims import is_rimmed
from .text import LengthText

_SHARP, _SHARP_LEVELS = 0.95, 8  # quality, and thresholds, of a short bar in a data bar that is drawn for sure
_SHORT = 0.25  # of the text's width
_STRAIGHT_ROWS, _STRAIGHT_PX = 0.8, 1  # of the letters' rows that a plate's edge goes through; how far it strays
_PLAIN = 6.0  # grey levels of spread
_LEVEL_STEP = 25.0  # grey levels between the thresholds of the search
_LEAST_GRAIN, _MOST_GRAINY = 2.0, 0.6  # grey levels from pixel to pixel in a picture; of it, in a drawn bar
_FLAT, _UNEVEN = 2.0, 4.0  # grey levels of spread along a line that is drawn; times that, along its sides
_FLAT_INSET_PX, _LEAST_FLAT_PX = 3, 20
_ONE_TONE, _MOSTLY = 12, 0.6  # grey levels; of a candidate that is of one piece with the ground
_RIM_PX, _RIM_BEYOND_PX, _OF_INK = 3, 8, 45.0  # of an outline, and what is looked at beyond it; grey levels
_WIDEST_TICK = 1.5  # times the thickness of its line


def is_sharp(bar: BarCandidate, ends: Ends, label: LengthText) -> bool:
    """Whether a short candidate of a data bar is drawn for sure: over or under its label, with clean ends, and end ticks or,
    without them, full contrast at nearly all thresholds."""
    beside = min(bar.box[3], label.box[3]) <= max(bar.box[1], label.box[1])
    if beside or bar.quality < _SHARP or ends.unsure or ends.clipped or ends.goes_on:
        return False
    return ends.by_ticks if bar.kind == "ticks" else bar.kind == "solid" and bar.n_levels >= _SHARP_LEVELS


def looks(
    pixels: NDArray[np.uint8], bar: BarCandidate, ends: Ends, label: LengthText, text: TextTone, *, sharp: bool = False
) -> float:
    """How much a candidate looks like what an annotator draws, 0 to 1: strong, in the text's tone, off the frame, not tiny,
    unless it is known to be drawn (sharp)."""
    y0, y1 = bar.rows
    span = bar.piece_px or bar.length_px
    inset = max(2, span // (4 if bar.kind == "arrows" else 8))  # the heads of an arrow are left out
    middle = np.median(pixels[y0:y1, bar.box[1] + inset : bar.box[1] + span - inset].astype(np.float64), axis=0)
    score = min(1.0, 0.55 + 0.45 * bar.contrast / 90)
    if bar.kind != "hollow":
        tone = float(np.median(middle))
        if bar.bright != text.bright or abs(tone - text.ink) > 45:
            score *= 0.65 if ends.unsure else 0.87
            if (
                not sharp and bar.n_levels < 5 and bar.length_px < 1.5 * (label.box[2] - label.box[0])
            ):  # small, weak, not in the text's tone
                score *= 0.65
            alike = min(45.0, max(15.0, 0.6 * bar.contrast))  # grey levels; a black bar on dark ground is near to it too
            if (
                bar.kind == "solid"
                and bar.bright != text.bright
                and not is_rimmed(pixels, bar, label)
                and (_is_ground(pixels, bar, label, text) or _is_inside(pixels, bar, text))
            ):
                return 0.0
            if abs(tone - text.ground) < alike and _touches(bar.box, label):  # the margin of a box around the text
                score *= 0.3
        score *= float(np.clip(1.2 - _spread(middle) / 20, 0.6, 1.0))  # drawn bars have one tone, rims of particles do not
    if bar.kind == "solid" and bar.length_px < _SHORT * (label.box[2] - label.box[0]) * 0.5 * len(label.text):
        score *= 0.85 if sharp else 0.6  # few bars are that much shorter than their text
    if bar.n_levels < 0.35 * bar.contrast / _LEVEL_STEP:
        score *= 0.8
    if ends.clipped:  # a line that runs into the frame is likely a table's
        score *= 0.6
    if y0 <= 0 or y1 >= pixels.shape[0]:
        score *= 0.75
    off, length = abs(ends.length_px - bar.length_px), float(bar.length_px)
    if ends.by_ticks:  # centre to centre is a stroke less than from edge to edge
        off = max(off - _WIDEST_TICK * bar.thickness_px, 0.0)
    if off > max(max(10.0, 2.0 * bar.thickness_px) if bar.kind == "arrows" else 4.0, 0.1 * length) or (
        ends.unsure and off > max(3.0, 0.03 * length)
    ):  # not where the eye sees them
        score *= 0.5
    return score


def _spread(tones: NDArray[np.float64]) -> float:
    """Standard deviation of tones along a bar, one column in ten left out: where a head begins, one may be covered in part."""
    low, high = np.quantile(tones, [0.05, 0.95]) if tones.size else (0.0, 0.0)
    kept = tones[(tones >= low) & (tones <= high)]
    return float(kept.std()) if kept.size else 0.0


def grain_of(part: NDArray[np.uint8]) -> float:
    """Median step in grey levels from pixel to pixel along the rows."""
    return float(np.median(np.abs(np.diff(part.astype(np.int16), axis=1)))) if part.shape[1] > 1 else 0.0


def is_flat(pixels: NDArray[np.uint8], bar: BarCandidate, *, within: float = 0.0) -> bool:
    """Whether a candidate has one tone from end to end, as what is drawn has, and what lies along it has not. within: of its
    contrast, or 2 grey levels if that is more"""
    (y0, y1), x0, x1 = bar.rows, bar.box[1] + _FLAT_INSET_PX, bar.box[3] - _FLAT_INSET_PX
    if x1 - x0 < _LEAST_FLAT_PX:
        return False
    inside = np.median(pixels[y0:y1, x0:x1].astype(np.float64), axis=0)
    beside = [pixels[max(y0 - 5, 0) : max(y0 - 2, 0), x0:x1], pixels[y1 + 2 : y1 + 5, x0:x1]]
    spreads = [float(np.median(side.astype(np.float64), axis=0).std()) for side in beside if side.size]
    return float(inside.std()) <= max(_FLAT, within * bar.contrast) and bool(spreads) and max(spreads) >= _UNEVEN * _FLAT


def is_grainy(pixels: NDArray[np.uint8], bar: BarCandidate, grain: float) -> bool:
    """Whether a filled candidate has the grain of the picture, as a particle has: what is drawn has one tone."""
    (y0, y1), (x0, x1) = bar.rows, (bar.box[1], bar.box[3])
    if grain < _LEAST_GRAIN or y1 - y0 < 5:
        return False
    return grain_of(pixels[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]) > _MOST_GRAINY * grain


def _is_on_plate(
    pixels: NDArray[np.uint8], label: LengthText, beyond: tuple[int, int], ground: float, contrast: float, *, is_right: bool
) -> bool:
    """Whether the even ground of a label ends in a straight upright edge beyond it, right or left of it, as plates do and particles
    do not."""
    ty0, tx0, ty1, tx1 = ink_box(label)
    part = (
        pixels[max(int(ty0), 0) : int(ty1) + 1, int(tx1) + 2 : beyond[1]]
        if is_right
        else pixels[max(int(ty0), 0) : int(ty1) + 1, max(beyond[0], 0) : max(int(tx0) - 2, 0)][:, ::-1]
    )
    changed = np.abs(part.astype(np.float64) - ground) > 0.5 * contrast
    where = [int(row.argmax()) for row in changed if row.any()]
    return len(where) > _STRAIGHT_ROWS * len(changed) and int(np.ptp(np.quantile(where, [0.15, 0.85]))) <= _STRAIGHT_PX


def _touches(box: Box, label: LengthText) -> bool:
    """Whether a candidate lies directly above or below the text."""
    ty0, tx0, ty1, tx1 = ink_box(label)
    gap = max(box[0] - ty1, ty0 - box[2])
    return min(box[3], tx1) > max(box[1], tx0) and gap < 0.6 * (ty1 - ty0)


def _is_ground(pixels: NDArray[np.uint8], bar: BarCandidate, label: LengthText, text: TextTone) -> bool:
    """Whether a candidate is of one piece with the ground of the letters, as the margin is that a plate leaves below an arrow."""
    y0, y1 = min(int(label.box[0]), bar.rows[0]), max(int(label.box[2]) + 1, bar.rows[1])
    x0, x1 = min(int(label.box[1]), bar.box[1]), max(int(label.box[3]) + 1, bar.box[3])
    y0, x0 = max(y0, 0), max(x0, 0)
    part = pixels[y0:y1, x0:x1].astype(np.int16)
    _, pieces = cv2.connectedComponents((np.abs(part - round(text.ground)) <= _ONE_TONE).astype(np.uint8), connectivity=4)
    around = pieces[int(label.box[0]) - y0 : int(label.box[2]) + 1 - y0, int(label.box[1]) - x0 : int(label.box[3]) + 1 - x0]
    counts = np.bincount(around.ravel(), minlength=1)
    counts[0] = 0
    if not counts.any():
        return False
    inside = pieces[bar.rows[0] - y0 : bar.rows[1] - y0, bar.box[1] - x0 : bar.box[3] - x0]
    return bool((inside == int(counts.argmax())).mean() > _MOSTLY)


def _is_inside(pixels: NDArray[np.uint8], bar: BarCandidate, text: TextTone) -> bool:
    """Whether a candidate has a thin rim in the tone of the letters on all four sides: it is the inside of an outline."""
    (y0, y1), x0, x1 = bar.rows, bar.box[1], bar.box[3]
    if min(y0, x0) < _RIM_BEYOND_PX or y1 + _RIM_BEYOND_PX > pixels.shape[0] or x1 + _RIM_BEYOND_PX > pixels.shape[1]:
        return False
    sides = (
        pixels[y0 - _RIM_BEYOND_PX : y0, x0:x1][::-1],
        pixels[y1 : y1 + _RIM_BEYOND_PX, x0:x1],
        pixels[y0:y1, x0 - _RIM_BEYOND_PX : x0].T[::-1],
        pixels[y0:y1, x1 : x1 + _RIM_BEYOND_PX].T,
    )
    off = [np.abs(np.median(side.astype(np.float64), axis=1) - text.ink) for side in sides]
    return all(o[:_RIM_PX].min() < _OF_INK for o in off) and min(o[_RIM_PX + 1 :].mean() for o in off[:2]) > _OF_INK


def goes_on_beyond(pixels: NDArray[np.uint8], bar: BarCandidate, label: LengthText) -> bool:
    """Whether a line beside the text has its like beyond the text, in the same rows and of the same tone."""
    ty0, tx0, ty1, tx1 = ink_box(label)
    y0, y1 = bar.rows
    if bar.length_px < 0.5 * (ty1 - ty0) or not ty0 <= 0.5 * (y0 + y1) <= ty1:
        return False
    if max(tx0 - bar.box[3], bar.box[1] - tx1) > 2 * (ty1 - ty0):
        return False
    reach = bar.length_px + int(ty1 - ty0)  # the reader's box may take in the other half, so it is looked for in there too
    beyond = (bar.box[3] + 3, int(tx1) + reach) if bar.box[3] <= 0.5 * (tx0 + tx1) else None
    if bar.box[1] >= 0.5 * (tx0 + tx1):
        beyond = (int(tx0) - reach, bar.box[1] - 3)
    if beyond is None:
        return False
    tone = float(np.median(pixels[y0:y1, bar.box[1] : bar.box[3]]))
    columns = slice(max(beyond[0], 0), max(beyond[1], 0))
    there = np.median(pixels[y0:y1, columns].astype(np.float64), axis=0)
    alike = np.abs(there - tone) < 0.25 * bar.contrast
    sides = np.concatenate([pixels[max(y0 - 4, 0) : max(y0 - 2, 0)], pixels[y1 + 2 : y1 + 4]]).astype(np.float64)
    beside = sides[:, bar.box[1] : bar.box[3]]
    is_left = bar.box[3] <= 0.5 * (tx0 + tx1)
    plain = beside.size and float(beside.std()) < _PLAIN
    if plain and _is_on_plate(pixels, label, beyond, float(np.median(beside)), bar.contrast, is_right=is_left):
        # what lies beyond the plate is none of it
        alike &= (np.abs(sides[:, columns] - float(np.median(beside))) < 0.5 * bar.contrast).any(axis=0)
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], alike.astype(np.int8), [0]]))))[::2]
    return bool(runs.size and runs.max() >= 0.6 * bar.length_px)
