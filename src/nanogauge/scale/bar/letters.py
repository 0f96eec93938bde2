"""Labels in the boxes that the locator sees: letters without the bar beside them.

The text reader takes a bar beside its label into one box with it, and reads an end tick as a digit ("|-| 250 nm" as "1250 nm"); the
locator has the box of the letters. Read there, it reads right.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ...core.protocols import TextLine
from .boxes import Box, FloatBox, shared
from .labels import letters_alone, readings_alone
from .lines import Sight
from .match import LabelledBar
from .text import LengthText
from .witness import witness_of

_LEAST_SEEN = 0.5  # confidence of a located label
_MARGIN = 0.15  # of its height: the text reader leaves as much around letters
_LEFT_OUT = 0.4  # of their height, by which letters begin before what was read
_SURELY = 0.99  # confidence of the label's letters, read alone
_WIDER = 1.25  # than the located label, and a line holds more than letters


def told_from_bars(labels: list[LengthText], sight: Sight) -> list[LengthText]:
    """The labels, each in the columns of its letters where the text reader's box holds more than them. Another length than what was
    read with the rest counts only where the locator sees a bar in the rest."""
    return [_told_from_bar(label, sight) for label in labels]


def _told_from_bar(label: LengthText, sight: Sight) -> LengthText:
    box = letters_box(label, sight)
    if label.alone and box is None:  # its share of the line may be cut beside its letters
        line = next((line for line in sight.lines if line.text == label.raw and _holds(line.box, label.box)), None)
        label = replace(label, box=line.box) if line is not None and letters_box(replace(label, box=line.box), sight) else label
        box = letters_box(label, sight)
    if box is None:
        return label
    with_bar = any(_in_the_rest(bar.box, label.box, box) for bar in sight.located.bars)
    if not with_bar and _width(label.box) <= _WIDER * _width(box):
        return label
    letters = letters_alone(sight.pixels, box, sight.reader) or _read_alike(label, box, sight)
    if letters is None or not (letters.says(label) or with_bar):
        return label
    confidence = max(letters.confidence, label.confidence) if letters.says(label) else letters.confidence
    return replace(letters, confidence=confidence, box=(label.box[0], box[1], label.box[2], box[3]), alone=True)


def _read_alike(label: LengthText, box: FloatBox, sight: Sight) -> LengthText | None:
    """The label where its letters alone are read as it was with the rest, though not for sure; None where they are not."""
    found = readings_alone(sight.pixels, box, sight.reader)
    return label if len(found) > 1 and all(t.says(label) for t in found) else None


def labels_beside_bars(sight: Sight) -> list[LengthText]:
    """The lengths that are read in letters which the text reader took into one line with a bar, so that the line says none:
    "420 µm" for an end tick before "20 µm", or which it misread alone: "41m" for "4µm". Their lines are cut to them."""
    found = []
    for seen in sight.located.labels:
        box = grown(seen.box, sight.pixels.shape)
        line = next((line for line in sight.lines if _holds(line.box, box)), None)
        if line is None or seen.confidence < _LEAST_SEEN:
            continue
        with_bar = any(_in_the_rest(b.box, line.box, box) for b in sight.located.bars)
        if not with_bar and _width(line.box) > _WIDER * _width(box):  # other words in it say what the length is of
            continue
        if (label := letters_alone(sight.pixels, box, sight.reader)) is not None:
            sight.lines = [*(other for other in sight.lines if other is not line), TextLine(label.raw, label.confidence, box)]
            found.append(replace(label, alone=True))
    return found


def labels_of_two(sight: Sight) -> list[LengthText]:
    """The lengths in letters that the locator sees and the text reader did not find: where it reads them there, and the witness
    surely spells the same."""
    found = []
    for seen in sight.located.labels:
        if seen.confidence < _LEAST_SEEN:
            continue
        read = readings_alone(sight.pixels, grown(seen.box, sight.pixels.shape), sight.reader)
        both = [t for t in read if not t.doubt and witness_of(sight.pixels, t, sight.letters).surely_says(t)]
        if both:
            best = replace(max(both, key=lambda t: t.confidence), alone=True)
            sight.lines.append(TextLine(best.raw, best.confidence, best.box))
            found.append(best)
    return found


def letters_box(label: LengthText, sight: Sight) -> FloatBox | None:
    """Where the locator sees the letters of a label; None where it does not."""
    boxes = [grown(s.box, sight.pixels.shape) for s in sight.located.labels if s.confidence >= _LEAST_SEEN]
    return max((b for b in boxes if _holds(label.box, b)), key=_width, default=None)


def letters_of(label: LengthText, sight: Sight) -> LengthText | None:
    """The length that is read in the letters of a label alone, those among them that the text reader left out."""
    box = letters_box(label, sight) or _letters_about(label, sight)
    return letters_alone(sight.pixels, box, sight.reader) if box is not None else None


def with_what_was_cut(label: LengthText, sight: Sight) -> LengthText | None:
    """Another length that is read where the locator sees letters that begin before the label does, so that its first digit may be
    missing; None where none does or it reads the same."""
    box = _letters_about(label, sight)
    if box is None or box[1] >= label.box[1] - _LEFT_OUT * (box[2] - box[0]):
        return None
    return next((t for t in readings_alone(sight.pixels, box, sight.reader) if not t.says(label)), None)


def otherwise_alone(label: LengthText, sight: Sight) -> LengthText | None:
    """Another length that is read, sure or not, in the letters of a label whose box takes in a bar, for its first digit may be the
    bar's end; None where there is no bar in it or they read the same. Of a bar right of the letters the first digit is no end:
    where it is missing alone, the locator's box begins within it."""
    box = letters_box(label, sight)
    bars = [bar.box for bar in sight.located.bars if box is not None and _in_the_rest(bar.box, label.box, box)]
    if box is None or not bars:
        return None
    read = readings_alone(sight.pixels, box, sight.reader)
    same = max((t.confidence for t in read if t.says(label)), default=0.0)
    is_left = any(bar[1] < box[1] - _LEFT_OUT * (box[2] - box[0]) for bar in bars)
    others = [t for t in read if not t.says(label) and (is_left or not label.text.endswith(t.text))]
    # a bar's end is one digit more; as many digits, less surely read than the label itself in the other crop, are a slip
    return next((t for t in others if not (_is_as_long(t, label) and same >= _SURELY > t.confidence)), None)


def _is_as_long(a: LengthText, b: LengthText) -> bool:
    """Whether two lengths have as many digits, with the point in the same place, and one unit."""
    return [re.sub(r"\d", "0", part) for part in a.text.split()] == [re.sub(r"\d", "0", part) for part in b.text.split()]


def _letters_about(label: LengthText, sight: Sight) -> FloatBox | None:
    """Where the locator sees letters that have most of the label in them; None where it does not."""
    boxes = [grown(s.box, sight.pixels.shape) for s in sight.located.labels if s.confidence >= _LEAST_SEEN]
    return max((b for b in boxes if _has_most(b, label.box)), key=_width, default=None)


def _has_most(outer: FloatBox, inner: FloatBox) -> bool:
    rows, columns = shared(outer, inner)
    return rows > 0.6 * (inner[2] - inner[0]) and columns > 0.6 * _width(inner)


def is_clear_of(pair: LabelledBar, sight: Sight) -> bool:
    """Whether a label reads the same in its letters alone, which begin right of the end of its bar, or of the bar's left half: then
    its first digit is none of the bar."""
    box, bar = letters_box(pair.label, sight), pair.bar
    end = bar.box[1] + bar.piece_px if bar.kind == "split" else bar.box[3]
    if box is None or box[1] + _MARGIN / (1 + 2 * _MARGIN) * (box[2] - box[0]) <= end:  # without the margin that it was given
        return False
    letters = letters_of(pair.label, sight)
    return letters is not None and letters.says(pair.label)


def grown(box: Box, shape: tuple[int, ...]) -> FloatBox:
    """The box of a located label with the margin that the text reader leaves."""
    y0, x0, y1, x1 = box
    margin = _MARGIN * (y1 - y0)
    return max(y0 - margin, 0.0), max(x0 - margin, 0.0), min(y1 + margin, float(shape[0])), min(x1 + margin, float(shape[1]))


def _in_the_rest(bar: Box, line: FloatBox, letters: FloatBox) -> bool:
    """Whether a bar lies in a line's box, beside its letters."""
    rows = min(bar[2], line[2]) > max(bar[0], line[0])
    left, right = min(bar[3], letters[1]) - max(bar[1], line[1]), min(bar[3], line[3]) - max(bar[1], letters[3])
    return rows and max(left, right) > 2


def _holds(outer: FloatBox, inner: FloatBox) -> bool:
    """Whether a line's box has most of another's rows and all of its columns, but for a few px."""
    high = inner[2] - inner[0]
    rows = min(outer[2], inner[2]) - max(outer[0], inner[0])
    return rows > 0.6 * high and inner[1] > outer[1] - 0.4 * high and inner[3] < outer[3] + 0.4 * high


def _width(box: FloatBox) -> float:
    return box[3] - box[1]
