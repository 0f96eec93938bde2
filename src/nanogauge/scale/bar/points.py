"""Looks at what text readers get wrong without a doubt in their mind: "1.0 µm" read as "10 µm", "5 nm" as "5 mm"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from .boxes import FloatBox
from .ink import TextTone, ink_box, text_tone
from .locate import components
from .text import LengthText

_TWINS = 0.88  # of the wider letter's width
_WIDE = 1.15  # an m is wider than high
_HEIGHT_PX = 72.0  # of the enlarged line
_LEAST_DIGIT, _IN_LINE = 0.25, 0.12  # height of a digit, of the enlarged line; how far digits differ in height, of it
_MARGINS = 1.2  # height of the enlarged line, of the label's
_FURTHER = 1.6  # of a label's height, before it, where the rest of its number may stand
_ROOM = 0.36  # of their height: two digits with a point between them are further apart; without one, 0.34 at most
_WIDE_GAP, _LEAST_FILLED = 0.45, 0.15  # of their height, between two digits; of the gap at their feet, that may be ink
_LEAST_WIDE = 0.3  # of their height: the widest digit of a number, which slivers between letters and their rims are not
_BEFORE, _LEAST_LEVELS = 0.35, 2  # of a label's height, where a point may stand before it; thresholds that show it
_NEAR_INK = 20.0  # grey levels off the letters' tone within which what is drawn in it does not show
_HIDES_POINT, _HIDES_DIGIT = 0.4, 0.5  # of the place of a point, of a digit, before a number
_FIRST, _LEAST_INKED, _LEAST_BASE = 0.8, 0.1, 0.6  # of a label's height, where its first digit stands; of a row of that; its foot
_BEYOND = (0.2, 0.6)  # of a label's height, behind its unit
_LOOSE = 0.35  # of a label's height, by which its box may begin within its first digit
_INK_SHARES = (0.45, 0.6, 0.75, 0.88)  # thresholds between ground and ink: text may stand on a ground nearly as bright


def has_decimal_point(pixels: NDArray[np.uint8], label: LengthText) -> bool:
    """Whether a small blob stands on the base line between two digits of `label` in an (H, W) uint8 picture."""
    n_digits = len(re.sub(r"\D", "", label.text.split()[0]))
    if n_digits < 2:
        return False
    inks = _glyphs(pixels, label)
    shown = [[boxes for boxes in levels if _shows_number(boxes, n_digits)] for levels in inks]
    written = [levels for levels in shown if len(levels) >= max(2, *map(len, shown))]
    return any(sum(_blob_between(boxes, n_digits) for boxes in levels) >= 2 for levels in written or inks)


def has_room_for_point(pixels: NDArray[np.uint8], label: LengthText) -> bool:
    """Whether two digits of `label` stand as far apart as a point between them needs, or do not show."""
    n_digits = len(re.sub(r"\D", "", label.text.split()[0]))
    rooms = []
    for boxes in (b for levels in _glyphs(pixels, label) for b in levels if _shows_number(b, n_digits)):
        digits, height = _digits(boxes, n_digits)
        rooms.append(int((digits[1:, 1] - digits[:-1, 3]).max(initial=0)) / height)
    return len(rooms) < 2 or n_digits < 2 or float(np.median(rooms)) >= _ROOM


def may_hide_point(pixels: NDArray[np.uint8], label: LengthText) -> bool:
    """Whether two digits of `label` stand far apart, and the ground between their feet has a tone near that of the letters, so that
    a point would hardly show there: "50,0 µm" over a dark spot, read as "500 µm"."""
    n_digits = len(re.sub(r"\D", "", label.text.split()[0]))
    part = enlarged(pixels, label)
    if n_digits < 2 or "." in label.text.split()[0] or part is None:
        return False
    for masks in ink_masks(part):
        for mask in masks:
            boxes = components(mask, diagonal=True)[1]
            if not _shows_number(boxes, n_digits):
                continue
            digits, height = _digits(boxes, n_digits)
            base = float(np.median(digits[:, 2]))
            for a, b in pairwise(digits):
                foot = masks[0][max(int(base - 0.3 * height), 0) : int(base + 0.2 * height), a[3] : b[1]]
                if b[1] - a[3] >= _WIDE_GAP * height and foot.mean() >= _LEAST_FILLED:
                    return True
    return False


def _digits(boxes: NDArray[np.int64], n_digits: int) -> tuple[NDArray[np.int64], float]:
    """Of components that show a number, its digits from left to right, and their height."""
    heights = boxes[:, 2] - boxes[:, 0]
    tall = boxes[(heights > _LEAST_DIGIT * _HEIGHT_PX) & (boxes[:, 3] - boxes[:, 1] < 1.3 * heights)]
    digits = tall[np.argsort(tall[:, 1])][:n_digits]
    return digits, float(np.median(digits[:, 2] - digits[:, 0]))


def has_leading_point(pixels: NDArray[np.uint8], label: LengthText) -> bool:
    """Whether a small blob stands on the base line before the first digit of `label`: ".4 µm", read as "4 µm". Only before numbers
    of one digit or two, and where nothing else stands before them."""
    n_digits = len(re.sub(r"\D", "", label.text.split()[0]))
    if n_digits > 2 or "." in label.text.split()[0]:
        return False
    inks = _glyphs(pixels, label, left=_BEFORE)
    return any(sum(_blob_before(boxes, n_digits) for boxes in levels) >= _LEAST_LEVELS for levels in inks)


def may_hide_more(pixels: NDArray[np.uint8], label: LengthText) -> bool:
    """Whether what stands left of the first digit of `label` has the tone of the letters, so that a point or a digit would not show
    there: "2.5 nm" half over something black, read as "5 nm". Only before numbers of one digit or two, as `has_leading_point`."""
    number = label.text.split()[0]
    if len(number) > 2 or "." in number:
        return False
    tone, (y0, x0, y1, x1) = text_tone(pixels, label), ink_box(label)
    high = y1 - y0
    beyond = _in_ink(pixels, (y0, x1 + _BEYOND[0] * high, y1, x1 + _BEYOND[1] * high), tone)
    if beyond.size and beyond.mean() > _HIDES_DIGIT:
        return False  # behind the letters as well: it is their ground, mistaken for their ink
    first = _in_ink(pixels, (y0, x0, y1, x0 + _FIRST * high), tone)
    inked = np.flatnonzero(first.mean(axis=1) >= _LEAST_INKED) if first.size else np.zeros(0, np.int64)
    base = min(y0 + float(inked[-1]) + 1, y1) if inked.size else y1  # a µ hangs below it
    base = base if base > y0 + _LEAST_BASE * high else y1
    before = np.asarray(_in_ink(pixels, (y0, x0 - _LOOSE * high, base, x0), tone).any(axis=0))
    x0 -= float(np.argmin(np.append(before[::-1], False)))  # the box may begin within the digit
    at_point = _in_ink(pixels, (base - 0.2 * high, x0 - 0.4 * high, base, x0 - 0.06 * high), tone)
    at_digit = _in_ink(pixels, (y0 + 0.1 * high, x0 - 0.8 * high, base - 0.1 * high, x0 - 0.06 * high), tone)
    return bool((at_point.size and at_point.mean() > _HIDES_POINT) or (at_digit.size and at_digit.mean() > _HIDES_DIGIT))


def stands_before(pixels: NDArray[np.uint8], label: LengthText) -> bool:
    """Whether something of the height of a digit stands on the base line right before the number of `label`, at a point's or a
    letter's distance: "0.2 µm" of which the reader found "2 µm"."""
    n_digits = len(re.sub(r"\D", "", label.text.split()[0]))
    start = _FURTHER / _MARGINS * _HEIGHT_PX  # of the label, in the enlarged line
    for levels in _glyphs(pixels, label, left=_FURTHER):
        n_shown = 0
        for boxes in levels:
            heights, widths = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
            own = boxes[
                (boxes[:, 1] >= start - 0.25 * _HEIGHT_PX) & (heights > _LEAST_DIGIT * _HEIGHT_PX) & (widths < 1.3 * heights)
            ]
            if len(own) < n_digits + 1:
                continue
            first = own[np.argsort(own[:, 1])][0]
            high = int(first[2] - first[0])
            gap = first[1] - boxes[:, 3]
            like = (np.abs(boxes[:, 0] - first[0]) <= 0.15 * high) & (np.abs(boxes[:, 2] - first[2]) <= 0.15 * high)
            n_shown += bool((like & (widths < 1.3 * heights) & (gap > 0) & (gap < 1.3 * high)).any())
        if n_shown >= _LEAST_LEVELS:
            return True
    return False


def _in_ink(pixels: NDArray[np.uint8], box: FloatBox, tone: TextTone) -> NDArray[np.bool_]:
    """Where in a box is the tone of letters, or what lies beyond it as seen from the ground."""
    y0, x0, y1, x1 = (max(round(v), 0) for v in box)
    sign = 1.0 if tone.bright else -1.0
    near = min(_NEAR_INK, 0.5 * abs(tone.ink - tone.ground))
    return np.asarray(sign * (pixels[y0:y1, x0:x1].astype(np.float64) - tone.ink) > -near, np.bool_)


def are_twins(pixels: NDArray[np.uint8], label: LengthText) -> bool:
    """Whether the last two letters of `label` are equally wide, as those of "mm" are and those of "nm" are not."""
    for levels in _glyphs(pixels, label):
        ratios = []
        for boxes in levels:
            tall = boxes[boxes[:, 2] - boxes[:, 0] > 0.45 * (boxes[:, 2] - boxes[:, 0]).max(initial=1)]
            tall = tall[np.argsort(tall[:, 1])]
            if len(tall) >= 3:
                first, last = (int(t[3] - t[1]) for t in tall[-2:])
                wide = min(first / (tall[-2, 2] - tall[-2, 0]), last / (tall[-1, 2] - tall[-1, 0])) > _WIDE
                ratios.append(min(first, last) / max(first, last) if wide else 0.0)  # stems of a broken m are twins too
        if len(ratios) >= 2 and float(np.median(ratios)) > _TWINS:
            return True
    return False


def _glyphs(pixels: NDArray[np.uint8], label: LengthText, *, left: float = 0.15) -> list[list[NDArray[np.int64]]]:
    """Boxes (y0, x0, y1, x1, area) of the connected pieces of a label, enlarged, at several thresholds; light ink, then dark.
    left: of its height, how far before it is looked at"""
    part = enlarged(pixels, label, left=left)
    return [[components(m, diagonal=True)[1] for m in masks] for masks in ink_masks(part)] if part is not None else []


def enlarged(pixels: NDArray[np.uint8], label: LengthText, *, left: float = 0.15) -> NDArray[np.uint8] | None:
    """A label with a margin, 72 px high; None where hardly any of it is in the picture. left: of its height, how far before it"""
    y0, x0, y1, x1 = label.box
    high = y1 - y0
    a, b = max(int(y0 - 0.1 * high), 0), min(int(y1 + 0.1 * high) + 1, pixels.shape[0])
    c, d = max(int(x0 - left * high), 0), min(int(x1 + 0.15 * high) + 1, pixels.shape[1])
    part = pixels[a:b, c:d]
    if min(part.shape) < 6:
        return None
    factor = _HEIGHT_PX / part.shape[0]
    return np.asarray(cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)


def ink_masks(part: NDArray[np.uint8]) -> Iterator[list[NDArray[np.uint8]]]:
    """Where an enlarged label (H, W) has ink, at several thresholds; light ink, then dark, those that stand out."""
    low, ground, high = (float(v) for v in np.quantile(part, [0.03, 0.5, 0.97]))
    for ink in (high, low):
        if abs(ink - ground) >= 25:
            levels = [ground + share * (ink - ground) for share in _INK_SHARES]
            yield [(part >= level if ink > ground else part <= level).astype(np.uint8) for level in levels]


def _shows_number(boxes: NDArray[np.int64], n_digits: int) -> bool:
    """Whether components show the label itself: digits of one height on one line, and a letter of the unit behind them. What
    is lighter or darker in the other ink then is the grain of the ground, and the holes of the digits."""
    heights, widths = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    tall = boxes[(heights > _LEAST_DIGIT * _HEIGHT_PX) & (widths < 1.3 * heights)]
    tall = tall[np.argsort(tall[:, 1])]
    if len(tall) <= n_digits:
        return False
    digits = tall[:n_digits]
    height = float(np.median(digits[:, 2] - digits[:, 0]))
    if (digits[:, 3] - digits[:, 1]).max() < _LEAST_WIDE * height:
        return False
    return bool(np.ptp(digits[:, 0]) <= _IN_LINE * height and np.ptp(digits[:, 2]) <= _IN_LINE * height)


def _blob_before(boxes: NDArray[np.int64], n_digits: int) -> bool:
    """Whether components (y0, x0, y1, x1, area) show a number with a point before it, and nothing but that before it."""
    if not _shows_number(boxes, n_digits):
        return False
    heights, widths = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    tall = boxes[(heights > _LEAST_DIGIT * _HEIGHT_PX) & (widths < 1.3 * heights)]
    first = tall[np.argsort(tall[:, 1])][0]
    height = float(first[2] - first[0])
    before = boxes[(boxes[:, 3] <= first[1] + 0.1 * height) & (heights >= 0.06 * height)]
    if len(before) != 1:
        return False
    y0, x0, y1, x1, area = before[0].tolist()
    h, w = y1 - y0, x1 - x0
    is_point = 0.07 * height <= h <= 0.35 * height and 0.07 * height <= w <= 0.35 * height and area >= 0.5 * h * w
    return bool(is_point and abs(y1 - first[2]) <= 0.1 * height and first[1] - x1 < 0.45 * height)


def _blob_between(boxes: NDArray[np.int64], n_digits: int) -> bool:
    """Whether components (y0, x0, y1, x1, area) show digits of one height with a point between two of them."""
    heights, widths = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    if len(boxes) < 3 or heights.max() < 8:
        return False
    tall = boxes[(heights > 0.55 * heights.max()) & (widths < 1.3 * heights)]
    tall = tall[np.argsort(tall[:, 1])]
    if len(tall) < 2:
        return False
    digits = tall[:n_digits]  # the number comes first
    height = float(np.median(digits[:, 2] - digits[:, 0]))
    base = float(np.median(digits[:, 2]))
    slack = 0.08 * height  # a comma's tail reaches under the digit before it
    for y0, x0, y1, x1, area in boxes.tolist():
        h, w = y1 - y0, x1 - x0
        if not (0.07 * height <= h <= 0.5 * height and 0.07 * height <= w <= 0.34 * height and area >= 0.4 * h * w):
            continue
        below = y1 - base  # a comma hangs below the line, and only a comma is high
        if not -0.1 * height <= below <= 0.28 * height or (h > 0.35 * height and below < 0.1 * height):
            continue
        n_left = int((digits[:, 3] <= x0 + slack).sum())
        n_right = int((digits[:, 1] >= x1 - slack).sum())
        if n_left >= 1 and n_right >= 1 and n_left + n_right == len(digits) and len(digits) == n_digits:
            gap = digits[n_left][1] - digits[n_left - 1][3]
            if gap < 1.1 * height:
                return True
    return False
