"""Labels of scale bars out of read lines: lengths, put together where the reader split them, and confirmed by a second reading."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.protocols import TextLine, TextReader
from .ink import in_one_tone, text_tone
from .points import (
    are_twins,
    has_decimal_point,
    has_leading_point,
    has_room_for_point,
    may_hide_more,
    may_hide_point,
    stands_before,
)
from .stems import shows_nm
from .text import LengthText, has_remains, is_common, parse_lengths
from .witness import Witness

_LINE_HEIGHT_PX, _OTHER_HEIGHT_PX = 48, 64  # what the reader's recogniser likes, and another for a second opinion
_OTHER_HEIGHTS_PX, _CLEARLY = (28, 36, 64, 80), 0.99  # heights in which a point is looked for; confidence of each that sees none
_WIDEST_CHARACTER, _NARROW_CHARACTER = 0.7, 0.65  # of a line's height
_ALONE_CROPS = ((48, 0.0), (32, 0.12))  # heights and margins in which letters alone are read
_LEAST_ALONE = 0.8  # confidence in each
_LEAST_SETTLED = 0.8  # of a label whose unit its strokes show
_NO_WITNESS = Witness()
_LONE_UNITS = ("nm", "um", "µm", "μm", "pm", "mm")


def labels_in(pixels: NDArray[np.uint8], lines: list[TextLine], reader: TextReader) -> list[LengthText]:
    """Lengths in the lines, in neighbours joined ("200" "nm"), and in lone units whose number the reader missed."""
    labels = [_slimmed(pixels, t, reader) for line in lines for t in parse_lengths(line)]
    joined = [j for a in lines for b in lines if (j := _neighbours(a, b)) is not None]
    labels += [t for line in joined for t in parse_lengths(line)]
    if not labels:
        for line in lines:
            if line.text.strip().lower() in _LONE_UNITS:
                first, second = (
                    parse_lengths(_widened(pixels, line, reader, height)) for height in (_LINE_HEIGHT_PX, _OTHER_HEIGHT_PX)
                )
                labels += [t for t in first if any(t.text == o.text for o in second)]  # the number was hard to see
    return labels


def confirmed(
    pixels: NDArray[np.uint8],
    label: LengthText,
    lines: list[TextLine],
    reader: TextReader,
    *,
    read_from: NDArray[np.uint8] | None = None,
    alone: Callable[[], LengthText | None] = lambda: None,
    witness: Witness = _NO_WITNESS,
) -> LengthText:
    """The label after a vote: the lines read there, coarse and close, and its crop read again, enlarged.

    Readings that agree make it surer, one that says another length makes it doubtful, unless its letters alone settle it. A micro
    sign in any of them settles a unit read as "pm"; a point seen in pixels but not in the number makes it doubtful too. read_from:
    the picture without the bar beside the label, where the crop would take it in; alone: reads the letters where the locator sees
    them, asked only where readings differ; witness: what its letters spell one by one, which decides between readings, and of the
    points that pixels may show, but never of what may be hidden
    """
    bare = pixels if read_from is None else read_from
    text, confidence = reader.read_line(crop(bare, label.box))
    votes = [t for line in (*lines, TextLine(text, confidence, label.box)) for t in parse_lengths(line) if _at(t, label)]
    if any({label.text.split()[1], t.text.split()[1]} == {"nm", "mm"} for t in votes) and (
        shows_nm(pixels, label) or _is_clearly_nm(label, text, confidence, alone(), pixels)
    ):
        votes = [t for t in votes if not t.text.endswith("mm")]
        label = _as_nm(label, votes)
    if label.text.endswith("mm") and not are_twins(pixels, label):
        votes += [t for t in (_in_nm(label),) if witness.surely_says(t)]
    spelt = [t for t in (label, *votes) if witness.surely_says(t)]
    if {"nm", "µm"} <= {t.text.split()[1] for t in (label, *votes)}:  # where the tail of a µ hardly shows, nobody is sure
        spelt = []
    if spelt:
        label = replace(
            max(spelt, key=lambda t: (not t.doubt, t.confidence)), box=label.box, raw=label.raw, alone=label.alone, doubt=""
        )
        votes = [label, *(t for t in votes if t.says(label))]
    letters = alone() if any(not t.says(label) for t in votes) else None
    if letters is not None and any(_differ_in_unit(letters, t) or _lacks_point(letters, t) for t in (label, *votes)):
        # what stands beside them makes no other unit and no point: the tail of a µ that hardly shows does, and readers drop points
        letters = None
    if letters is not None:
        seconds = [t for t in votes if t.says(letters)]
        if seconds:  # what read otherwise took in something beside the letters
            label = replace(max(seconds, key=lambda t: t.confidence), box=label.box, raw=label.raw, alone=label.alone)
            votes = [*seconds, letters]
    agree = [t for t in votes if t.says(label)]
    against = [t for t in votes if not t.says(label)]
    sure = max([label.confidence, *(t.confidence for t in agree)]) if len(agree) > 1 else 0.8 * label.confidence
    if against:
        best = max(against, key=lambda t: t.confidence)
        doubt = f"it was read as {label.text!r} and as {best.text!r}"
        sure *= 0.3 if best.confidence > 0.6 * label.confidence else 0.85
        if sure < 0.5:
            return replace(label, confidence=sure, doubt=doubt)
    settled = "" if any(t.doubt == "" for t in agree) else label.doubt
    if settled and label.text.endswith("nm") and shows_nm(pixels, label):
        settled, sure = "", max(sure, _LEAST_SETTLED)
    if label.text.endswith("mm") and not settled and not spelt and not are_twins(pixels, label):
        settled = f"the unit of {label.text!r} may be nm"
    if (
        "." not in label.text.split()[0]
        and not spelt
        and any(seen(pixels, label) for seen in (has_decimal_point, has_leading_point, may_hide_point))
    ):
        pointed = _with_point(pixels, label, reader)
        if pointed is not None and not pointed.says(label):
            return pointed
        if pointed is None:
            settled = f"a decimal point may have been overlooked in {label.text!r}"
    if not settled and not spelt and stands_before(bare, label):
        wider = parse_lengths(_widened(bare, TextLine(label.raw, label.confidence, label.box), reader, _LINE_HEIGHT_PX))
        if any(not t.says(label) for t in wider):
            settled = f"it was read as {label.text!r} and, with what stands before it, as {wider[0].text!r}"
    if not settled and may_hide_more(bare, label):
        settled = f"a digit or a point may be hidden before {label.text!r}"
    return replace(label, confidence=sure, doubt=settled)


def letters_alone(pixels: NDArray[np.uint8], box: tuple[float, float, float, float], reader: TextReader) -> LengthText | None:
    """The length in the box of a label's letters alone, (y0, x0, y1, x1) px; None unless it is read in two crops, the same and for
    sure."""
    found = []
    for height, margin in _ALONE_CROPS:
        text, confidence = reader.read_line(crop(pixels, box, height_px=height, margin=margin))
        lengths = parse_lengths(TextLine(text, confidence, box))
        if confidence < _LEAST_ALONE or len(lengths) != 1 or lengths[0].confidence < _LEAST_ALONE:
            return None
        found.append(replace(lengths[0], box=box))
    clear = [t for t in found if not t.doubt]  # a µ in one of them settles a unit read as "pm"
    return min(clear, key=lambda t: t.confidence) if clear and found[0].says(found[1]) else None


def readings_alone(pixels: NDArray[np.uint8], box: tuple[float, float, float, float], reader: TextReader) -> list[LengthText]:
    """The lengths that are read in the box of a label's letters alone, one crop after the other, sure or not."""
    read = (reader.read_line(crop(pixels, box, height_px=height, margin=margin)) for height, margin in _ALONE_CROPS)
    return [t for text, confidence in read for t in parse_lengths(TextLine(text, confidence, box))]


def without_stroke(pixels: NDArray[np.uint8], label: LengthText, reader: TextReader) -> LengthText | None:
    """The label without its leading 1, as read again from what stands right of it: the 1 may be the end tick of the bar beside the
    text. None where no label is left, or another one than the rest of this."""
    number, unit = label.text.split()
    rest = number[1:]
    if not number.startswith("1") or not re.fullmatch(r"\d+(\.\d+)?", rest) or not is_common(float(rest)):
        return None
    y0, x0, y1, x1 = label.box
    for share in (0.8, 1.3):  # of a character's mean width; a stroke with the blank beside it may take more
        box = (y0, x0 + share * (x1 - x0) / len(label.text), y1, x1)
        text, confidence = reader.read_line(crop(pixels, box, margin=0.02))
        found = parse_lengths(TextLine(text, confidence, box))
        if len(found) == 1 and found[0].text == f"{rest} {unit}":
            return replace(found[0], box=box)
    return None


def read_again(pixels: NDArray[np.uint8], label: LengthText, reader: TextReader) -> LengthText | None:
    """The length in the label's box alone, with hardly a margin; None where there is not exactly one."""
    text, confidence = reader.read_line(crop(pixels, label.box, margin=0.02))
    found = parse_lengths(TextLine(text, confidence, label.box))
    return replace(found[0], box=label.box) if len(found) == 1 else None


def _with_point(pixels: NDArray[np.uint8], label: LengthText, reader: TextReader) -> LengthText | None:
    """The label as a reading at another height has it, the same digits with a point between or before them; itself where there is
    none for sure: no room for it, and read without at every height; None where neither is sure. Last in the tone of its letters
    alone, without the particles that they lie over: twice there, for letters can be lost too."""
    digits, n_clear = label.text.split()[0], 0

    def pointed(picture: NDArray[np.uint8], height: int) -> LengthText | None:
        nonlocal n_clear
        text, confidence = reader.read_line(crop(picture, label.box, height_px=height))
        for t in parse_lengths(TextLine(text, confidence, label.box)):
            n_clear += t.says(label) and confidence >= _CLEARLY
            if "." in t.text and t.text.split()[0].replace(".", "") in (digits, f"0{digits}"):
                return replace(t, confidence=0.9 * max(confidence, 0.8), doubt=t.doubt)
        return None

    for height in _OTHER_HEIGHTS_PX:
        if (found := pointed(pixels, height)) is not None:
            return found
    if n_clear == len(_OTHER_HEIGHTS_PX) and not has_room_for_point(pixels, label):
        return label
    bare = in_one_tone(pixels, text_tone(pixels, label).ink)
    first, second = (pointed(bare, height) for height in (48, 64))
    return first if first is not None and second is not None and first.says(second) else None


def _is_clearly_nm(label: LengthText, close: str, confidence: float, letters: LengthText | None, pixels: NDArray[np.uint8]) -> bool:
    """Whether all close readings say nm, so that only the coarse look has taken an n for an m: the label, its crop, its letters."""
    lengths = parse_lengths(TextLine(close, confidence, label.box))
    in_crop = len(lengths) == 1 and lengths[0].says(label) and confidence >= _CLEARLY
    in_letters = letters is not None and letters.says(label) and letters.confidence >= _CLEARLY
    return label.text.endswith("nm") and in_crop and in_letters and not are_twins(pixels, label)


def _as_nm(label: LengthText, votes: list[LengthText]) -> LengthText:
    """A label, as the surest of the votes for nm has it where it was read in mm itself."""
    best = max((t for t in votes if t.text.endswith("nm")), key=lambda t: t.confidence, default=None)
    if best is None or label.text.endswith("nm"):
        return label
    return replace(label, value_nm=best.value_nm, text=best.text, confidence=best.confidence, doubt=best.doubt)


def _in_nm(label: LengthText) -> LengthText:
    """A label read in mm, in nm."""
    number = label.text.split()[0]
    return replace(label, value_nm=float(number), text=f"{number} nm", doubt="")


def _differ_in_unit(a: LengthText, b: LengthText) -> bool:
    """Whether two lengths are the same number of two units."""
    return a.text.split()[0] == b.text.split()[0] and not a.says(b)


def _lacks_point(a: LengthText, b: LengthText) -> bool:
    """Whether of two lengths the second has the digits of the first with a point between or before them."""
    (first, unit), (second, other) = a.text.split(), b.text.split()
    return unit == other and "." not in first and "." in second and second.replace(".", "").lstrip("0") == first


def _at(t: LengthText, label: LengthText) -> bool:
    """Whether two lengths stand in the same place."""
    height = min(t.box[2], label.box[2]) - max(t.box[0], label.box[0])
    width = min(t.box[3], label.box[3]) - max(t.box[1], label.box[1])
    return height > 0.4 * (label.box[2] - label.box[0]) and width > 0.4 * (label.box[3] - label.box[1])


def _neighbours(a: TextLine, b: TextLine) -> TextLine | None:
    """Two lines that stand side by side as one, where the first is a number and the second is not."""
    high = a.box[2] - a.box[0]
    gap, drop = b.box[1] - a.box[3], abs((a.box[0] + a.box[2]) - (b.box[0] + b.box[2])) / 2
    if not 0.5 < high / max(b.box[2] - b.box[0], 1) < 2:
        return None
    if a is b or not (-0.5 * high <= gap <= 1.2 * high and drop < 0.4 * high) or not a.text.strip()[-1:].isdigit():
        return None
    box = (min(a.box[0], b.box[0]), a.box[1], max(a.box[2], b.box[2]), b.box[3])
    return TextLine(f"{a.text.strip()} {b.text.strip()}", min(a.confidence, b.confidence), box)


def _slimmed(pixels: NDArray[np.uint8], label: LengthText, reader: TextReader) -> LengthText:
    """The label with the box of its letters alone, where the reader put the bar beside it into one box with them."""
    y0, x0, y1, x1 = label.box
    remains = has_remains(label.raw)
    wanted = (_NARROW_CHARACTER if remains else _WIDEST_CHARACTER) * (y1 - y0) * max(len(label.text.replace(" ", "")), 3)
    if not label.alone or label.between_halves or x1 - x0 <= (1.05 if remains else 1.25) * wanted:
        return label
    middle, found = 0.5 * (x0 + x1), []
    for box in ((y0, x1 - wanted, y1, x1), (y0, x0, y1, x0 + wanted)):
        text, confidence = reader.read_line(crop(pixels, box))
        if any(t.value_nm == label.value_nm for t in parse_lengths(TextLine(text, confidence, box))):
            found.append(replace(label, box=box))
    if len(found) == 2:  # pieces on both sides
        return replace(label, box=(y0, middle - wanted / 2, y1, middle + wanted / 2))
    return found[0] if found else label


def _widened(pixels: NDArray[np.uint8], line: TextLine, reader: TextReader, height_px: int) -> TextLine:
    """The line read again, at that height, with the space of three characters on its left."""
    y0, x0, y1, x1 = line.box
    box = (y0, max(0.0, x0 - 1.6 * (y1 - y0)), y1, x1)
    text, confidence = reader.read_line(crop(pixels, box, height_px=height_px))
    return TextLine(text, confidence, box)


def crop(
    pixels: NDArray[np.uint8], box: tuple[float, float, float, float], *, height_px: int = _LINE_HEIGHT_PX, margin: float = 0.12
) -> NDArray[np.uint8]:
    """A line of text with a margin (of its height), enlarged or shrunk to the height the recogniser likes, or to another."""
    y0, x0, y1, x1 = box
    margin *= y1 - y0
    a, b = max(int(y0 - margin), 0), min(math.ceil(y1 + margin), pixels.shape[0])
    c, d = max(int(x0 - 2 * margin), 0), min(math.ceil(x1 + 2 * margin), pixels.shape[1])
    part = pixels[a:b, c:d]
    if part.size == 0:
        return part
    factor = height_px / part.shape[0]
    return np.asarray(cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)
