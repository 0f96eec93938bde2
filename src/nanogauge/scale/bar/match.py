"""Which bar a length in the picture labels: searches around the text and scores what stands there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.protocols import TextLine
from .ends import Ends, measure_ends
from .halves import short_halves
from .joined import joined, mirrored
from .locate import BarCandidate, Box, find_bars
from .located import SeenBar
from .plates import block_around
from .ruler import find_rulers
from .text import LengthText, has_remains

_REACH = 8.5  # heights of the text: how far beside it a bar may begin
_GOOD = 0.45  # score of a bar that leaves no need to look for others
_LEAST_PIECE = 0.3  # of the text's height: of a bar, or of a half of one
_LEAST_BROKEN_PX = 20.0
_SHARP, _SHARP_LEVELS = 0.95, 8  # quality, and thresholds, of a short bar in a data bar that is drawn for sure
_SHORT = 0.25  # of the text's width
_CLEAN, _CLEAN_LEVELS = 0.9, 4  # quality, and thresholds it is found at, of what is drawn for sure
_DRAWN_LENGTH, _LEAST_OTHER = 0.6, 0.02  # of the text's height; of the rows' pixels: ink of other letters
_BESIDE_LENGTH = 0.9  # of the text's height: more than any stroke of a letter
_PLAIN = 6.0  # grey levels of spread
_LEVEL_STEP = 25.0  # grey levels between the thresholds of the search
_LEAST_GRAIN, _MOST_GRAINY = 2.0, 0.6  # grey levels from pixel to pixel in a picture; of it, in a drawn bar
_GRAINY = 0.6  # times the score of a candidate as grainy as the picture
_LIKE, _LEAST_TONE_STEP = 0.35, 12.0  # of one step, that the other must be to be taken for letters too; grey levels
_APART = 25.0  # grey levels between the tones of the ground above letters and below them, where one of them is none
_WIDEST_TICK = 1.5  # times the thickness of its line
_SEEN_PX, _SEEN = 4.0, 0.1  # by which a candidate's ends may be off those of a bar that the locator sees; of its length
_GRAIN_ROWS = 16  # every so many rows tell the picture's grain


@dataclass(frozen=True, slots=True)
class LabelledBar:
    """A length and the bar it stands at. score: 0 to 1, how well they fit together; rivalled: another bar fits about as well;
    outside: the label stands in the data bar, this bar in the picture; seen_off_px: how far its ends are from where the locator
    sees them, None where it does not"""

    label: LengthText
    bar: BarCandidate
    ends: Ends
    score: float
    rivalled: bool = False
    outside: bool = False
    seen_off_px: float | None = None

    @property
    def nm_per_px(self) -> float:
        """What the pair says a pixel is."""
        return self.label.value_nm / self.ends.length_px


def bars_at(
    pixels: NDArray[np.uint8],
    label: LengthText,
    lines: list[TextLine],
    *,
    strip: Box | None = None,
    seen: tuple[SeenBar, ...] = (),
) -> list[LabelledBar]:
    """Bars that `label` can belong to in an (H, W) uint8 picture, the best first.

    lines: all text in the picture; strip: its data bar; seen: bars that the locator sees, which are no
    strokes of letters. A label in the data bar has its bar there. What touches the data bar from
    above, a particle cut flat by it or a bar's like, is looked at only where the data bar holds no bar, and marked `outside`.
    """
    high = label.box[2] - label.box[0]
    top, bottom = max(0, int(label.box[0] - 2.2 * high)), min(pixels.shape[0], int(label.box[2] + 2.2 * high) + 1)
    if strip is None or not strip[0] <= 0.5 * (label.box[0] + label.box[2]) < strip[2]:
        return _bars_between(pixels, label, lines, top, bottom, seen)
    within = _bars_between(pixels, label, lines, max(top, strip[0]), min(bottom, strip[2]), seen, in_strip=True)
    if within and within[0].score >= _GOOD:
        return within
    if (broken := _broken(pixels, label, strip)) is not None:
        return [broken]
    around = [replace(p, outside=not _lies_in(p.bar, strip)) for p in _bars_between(pixels, label, lines, top, bottom, seen)]
    return sorted(around, key=lambda p: (p.outside, -p.score))


def _broken(pixels: NDArray[np.uint8], label: LengthText, strip: Box) -> LabelledBar | None:
    """The bar of a label that breaks it into halves too short to be found by themselves; None where there is none. Only where the
    reader saw something on both sides of the text, or took pieces for text."""
    if not (label.between_halves or has_remains(label.raw)):
        return None
    halves = short_halves(pixels, label.box, strip)
    whole = [b for b in joined(halves, label.box, len(label.text), bright_text=True) if b.kind == "split"] if halves else []
    if not whole:
        return None
    ends = measure_ends(pixels, whole[0])
    score = whole[0].quality * _looks(pixels, whole[0], ends, label, text_tone(pixels, label))
    return LabelledBar(label, whole[0], ends, score) if ends.length_px >= _LEAST_BROKEN_PX else None


def _lies_in(bar: BarCandidate, strip: Box) -> bool:
    """Whether at least half of a bar's rows are those of the data bar."""
    return 2 * (min(bar.rows[1], strip[2]) - max(bar.rows[0], strip[0])) >= bar.thickness_px


def _bars_between(
    pixels: NDArray[np.uint8],
    label: LengthText,
    lines: list[TextLine],
    top: int,
    bottom: int,
    seen: tuple[SeenBar, ...],
    *,
    in_strip: bool = False,
) -> list[LabelledBar]:
    """Bars that `label` can belong to in rows top:bottom, the best first. What lies beyond these rows is not looked at. in_strip:
    these rows are a data bar's, where no particles are"""
    high = label.box[2] - label.box[0]
    region = (top, 0, bottom, pixels.shape[1])
    if region[2] - region[0] < 3:
        return []
    own = TextLine(label.raw, label.confidence, label.box)  # without the pieces of a bar that the reader took for text
    letters = [
        line if line.text != label.raw or not label.alone else own
        for line in lines
        if not (label.between_halves and line.text == label.raw)
    ]
    columns = (label.box[1] - _REACH * high, label.box[3] + _REACH * high)
    found = find_bars(pixels, region, columns=columns, least_length_px=int(_LEAST_PIECE * high))
    bars = [b for b in found if _is_seen(b, seen) or not any(_is_stroke(pixels, b, line) for line in letters)]
    label = _without(pixels, label, bars, seen)
    tone = text_tone(pixels, label)
    grain = _grain(pixels[::_GRAIN_ROWS])
    out = []
    for bar in joined(bars, _ink_box(label), len(label.text), bright_text=tone.bright):
        if label.between_halves and bar.kind != "split":
            continue
        ends = measure_ends(pixels, bar)
        inside = (
            bar.kind == "ticks" and bar.box[1] < label.box[1] and label.box[3] < bar.box[3]
        )  # text between the arms of a bracket
        place = (bar.rows[0], bar.box[1], bar.rows[1], bar.box[3]) if inside else bar.box
        score = (
            bar.quality
            * fit(place, label, lines, split=bar.kind == "split")
            * _looks(pixels, bar, ends, label, tone, sharp=in_strip and _is_sharp(bar, ends, label))
        )
        if bar.kind == "solid" and _is_grainy(pixels, bar, grain):
            score *= _GRAINY  # a flat-edged particle
        if bar.kind != "split" and _goes_on(pixels, bar, label):
            score *= 0.4  # half of a bar that its text splits
        out.append(LabelledBar(label, bar, ends, score))
    rulers = find_rulers(pixels, region, bright=tone.bright)
    if not rulers and not any(p.score >= _GOOD for p in out):  # letters over particles may be taken for dark ones
        rulers = find_rulers(pixels, region, bright=not tone.bright)
    if rulers:  # marks of a ruler, or pieces of them, are no bars
        out = [p for p in out if not any(_overlaps(p.bar.box, r.box) or 4 * p.bar.length_px < r.length_px for r, _, _ in rulers)]
    for ruler, first, last in rulers:
        # eleven even ticks do not happen by chance: the place matters less
        score = ruler.quality * min(1.0, 1.3 * fit(ruler.box, label, lines, split=False))
        out.append(LabelledBar(label, ruler, Ends(first, last, 0.25, True), score))
    if not any(p.score >= _GOOD for p in out) and (block := block_around(pixels, _whole(label.box))) is not None:
        out.append(
            LabelledBar(label, block, measure_ends(pixels, block), block.quality * min(1.0, 0.55 + 0.45 * block.contrast / 90))
        )
    return sorted((p for p in out if p.score > 0.05 and p.ends.length_px >= 10), key=lambda p: -p.score)


def _overlaps(a: Box, b: Box) -> bool:
    """Whether two boxes share more than a few columns and any row."""
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) - max(a[1], b[1]) > 2


def _without(pixels: NDArray[np.uint8], label: LengthText, bars: list[BarCandidate], seen: tuple[SeenBar, ...]) -> LengthText:
    """The label without a bar that the reader took into one box with it. Halves on both sides stay: their middle is the text's."""
    y0, x0, y1, x1 = label.box
    for bar in bars:
        if bar.box[3] < x0 or bar.box[1] > x1 or bar.rows[0] < y0 - 1 or bar.rows[1] > y1 + 1:
            continue
        if any(mirrored(bar, other, label.box) or mirrored(other, bar, label.box) for other in bars):
            continue
        if _is_at_end(bar, label.box):
            left = bar.box[1] - x0 < x1 - bar.box[3]
            x0, x1 = (max(x0, bar.box[3] + 1.0), x1) if left else (x0, min(x1, bar.box[1] - 1.0))
        elif bar.box[1] >= x0 - 3 and bar.box[3] <= x1 + 3 and (_is_seen(bar, seen) or _is_drawn(pixels, bar, label.box)):
            y0, y1 = (y0, bar.rows[0] - 1.0) if bar.rows[0] - y0 > y1 - bar.rows[1] else (bar.rows[1] + 1.0, y1)
    fits = x1 - x0 > y1 - y0 > 0.5 * (label.box[2] - label.box[0])
    return replace(label, box=(y0, x0, y1, x1)) if fits else label


def _is_at_end(bar: BarCandidate, box: tuple[float, float, float, float]) -> bool:
    """Whether a candidate is a bar beside a text read in one box, (y0, x0, y1, x1) px, with it: in its middle rows, at an end,
    clean, and longer than any stroke of a letter."""
    y0, x0, y1, x1 = box
    high = y1 - y0
    place = (0.5 * (bar.rows[0] + bar.rows[1]) - y0) / high
    at_end = bar.box[1] < x0 + 0.3 * high or bar.box[3] > x1 - 0.3 * high
    sure = bar.quality >= _CLEAN and bar.n_levels >= _CLEAN_LEVELS and bar.length_px > _BESIDE_LENGTH * high
    return at_end and sure and 0.3 < place < 0.7


def _is_drawn(pixels: NDArray[np.uint8], bar: BarCandidate, box: tuple[float, float, float, float]) -> bool:
    """Whether a candidate within a line of text, (y0, x0, y1, x1) px, is none of its letters: clean, and with no other ink in its
    rows, for letters stand side by side."""
    if bar.quality < _CLEAN or bar.n_levels < _CLEAN_LEVELS or bar.length_px < _DRAWN_LENGTH * (box[2] - box[0]):
        return False
    sign = 1 if bar.bright else -1
    rows = pixels[bar.rows[0] : bar.rows[1], max(int(box[1]), 0) : int(box[3]) + 1].astype(np.float64) * sign
    rows[:, max(bar.box[1] - 3 - int(box[1]), 0) : max(bar.box[3] + 3 - int(box[1]), 0)] = -np.inf
    return bool((rows > bar.tone * sign - 0.5 * bar.contrast).mean() < _LEAST_OTHER)


def _is_seen(bar: BarCandidate, seen: tuple[SeenBar, ...]) -> bool:
    """Whether the locator sees a bar where this candidate is, with its ends."""
    near = max(_SEEN_PX, _SEEN * bar.length_px)
    return any(
        min(s.box[2], bar.rows[1]) > max(s.box[0], bar.rows[0])
        and max(abs(s.x0 - bar.box[1] + 0.5), abs(s.x1 - bar.box[3] + 0.5)) <= near
        for s in seen
        if s.surely_ended
    )


def _is_stroke(pixels: NDArray[np.uint8], bar: BarCandidate, line: TextLine) -> bool:
    """Whether a candidate is a stroke of a letter, or a rim of one. A line's box reaches beyond its letters, and over the bar."""
    y0, x0, y1, x1 = line.box
    high = y1 - y0
    if x1 - x0 > 1.2 * high * max(len(line.text), 1):  # too wide for its letters: the reader took a bar for text
        return False
    if bar.box[1] < x0 - 3 or bar.box[3] > x1 + 3 or bar.rows[0] < y0 - 1 or bar.rows[1] > y1 + 1:
        return False
    place = (0.5 * (bar.rows[0] + bar.rows[1]) - y0) / high
    at_end = bar.box[1] < x0 + 0.3 * high or bar.box[3] > x1 - 0.3 * high
    if at_end and 0.3 < place < 0.7 and has_remains(line.text) and bar.length_px > 0.5 * high:
        return False  # half of a split bar in one box with the text
    if _is_at_end(bar, line.box) or (0.2 < place < 0.76 and _is_drawn(pixels, bar, line.box)):
        return False
    shortest = 1.3 * high if 0.2 < place < 0.76 else 0.46 * high
    return bar.length_px < min(shortest, 0.6 * (x1 - x0))


@dataclass(frozen=True, slots=True)
class TextTone:
    """Grey levels of letters and of what is around them; whether the letters are the lighter."""

    ink: float
    ground: float
    bright: bool


def text_tone(pixels: NDArray[np.uint8], label: LengthText) -> TextTone:
    """The tone of a label in an (H, W) uint8 picture."""
    y0, x0, y1, x1 = (int(v) for v in _ink_box(label))
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
    if len(sides) == 2 and abs(sides[0] - sides[1]) > _APART and min(ground - low, high - ground) < _APART:
        ground = max(sides, key=lambda g: min(g - low, high - g))  # a bar lies in one of them
    ground = min(max(ground, low), high)
    bright = high - ground > ground - low
    if min(part.shape) >= 3 and _LIKE * max(high - ground, ground - low) < min(high - ground, ground - low):
        bright = _is_lighter(part, ground, bright)  # a particle under the letters stands out as much as they do
    return TextTone(high if bright else low, ground, bright)


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


def _is_sharp(bar: BarCandidate, ends: Ends, label: LengthText) -> bool:
    """Whether a short candidate of a data bar is drawn for sure: over or under its label, with clean ends, and end ticks or,
    without them, full contrast at nearly all thresholds."""
    beside = min(bar.box[3], label.box[3]) <= max(bar.box[1], label.box[1])
    if beside or bar.quality < _SHARP or ends.unsure or ends.clipped or ends.goes_on:
        return False
    return ends.by_ticks if bar.kind == "ticks" else bar.kind == "solid" and bar.n_levels >= _SHARP_LEVELS


def _looks(
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
            if abs(tone - text.ground) < alike and _touches(bar.box, label):  # the margin of a box around the text
                score *= 0.3
        score *= float(np.clip(1.2 - float(middle.std()) / 20, 0.6, 1.0))  # drawn bars have one tone, rims of particles do not
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
    if off > max(10.0 if bar.kind == "arrows" else 4.0, 0.1 * length) or (
        ends.unsure and off > max(3.0, 0.03 * length)
    ):  # not where the eye sees them
        score *= 0.5
    return score


def _grain(part: NDArray[np.uint8]) -> float:
    """Median step in grey levels from pixel to pixel along the rows."""
    return float(np.median(np.abs(np.diff(part.astype(np.int16), axis=1)))) if part.shape[1] > 1 else 0.0


def _is_grainy(pixels: NDArray[np.uint8], bar: BarCandidate, grain: float) -> bool:
    """Whether a filled candidate has the grain of the picture, as a particle has: what is drawn has one tone."""
    (y0, y1), (x0, x1) = bar.rows, (bar.box[1], bar.box[3])
    if grain < _LEAST_GRAIN or y1 - y0 < 5:
        return False
    return _grain(pixels[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]) > _MOST_GRAINY * grain


def _touches(box: Box, label: LengthText) -> bool:
    """Whether a candidate lies directly above or below the text."""
    ty0, tx0, ty1, tx1 = _ink_box(label)
    gap = max(box[0] - ty1, ty0 - box[2])
    return min(box[3], tx1) > max(box[1], tx0) and gap < 0.6 * (ty1 - ty0)


def _goes_on(pixels: NDArray[np.uint8], bar: BarCandidate, label: LengthText) -> bool:
    """Whether a line beside the text has its like beyond the text, in the same rows and of the same tone."""
    ty0, tx0, ty1, tx1 = _ink_box(label)
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
    if beside.size and float(beside.std()) < _PLAIN:  # on a plate: what lies beyond the plate is none of it
        alike &= (np.abs(sides[:, columns] - float(np.median(beside))) < 0.5 * bar.contrast).any(axis=0)
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], alike.astype(np.int8), [0]]))))[::2]
    return bool(runs.size and runs.max() >= 0.6 * bar.length_px)


def _whole(box: tuple[float, float, float, float]) -> Box:
    return (int(box[0]), int(box[1]), int(box[2]) + 1, int(box[3]) + 1)


def _ink_box(label: LengthText) -> tuple[float, float, float, float]:
    """The text without the margin that the reader leaves around it."""
    y0, x0, y1, x1 = label.box
    margin = 0.17 * (y1 - y0)
    return (y0 + margin, x0 + 0.7 * margin, y1 - margin, x1 - 0.7 * margin)


def fit(box: Box, label: LengthText, lines: list[TextLine], *, split: bool) -> float:
    """How well a bar's place suits the text, 0 to 1: above or below it, beside it, or around it (split)."""
    ty0, tx0, ty1, tx1 = _ink_box(label)
    y0, x0, y1, x1 = box
    high, length = ty1 - ty0, x1 - x0
    if split:
        return 1.0
    if length < 0.45 * high:
        return 0.0
    overlap = min(x1, tx1) - max(x0, tx0)
    gap_y = max(y0 - ty1, ty0 - y1)
    if overlap > 0.3 * min(length, tx1 - tx0):
        if gap_y < -0.45 * high or gap_y > 2.2 * high:
            return 0.0
        off = min(abs(x0 + x1 - tx0 - tx1) / 2, abs(x0 - tx0), abs(x1 - tx1)) / max(length, tx1 - tx0)
        return float(np.clip(1.0 - max(gap_y - 0.4 * high, 0) / (3.0 * high) - 0.5 * max(off - 0.05, 0), 0, 1))
    gap_x = max(x0 - tx1, tx0 - x1)
    off_y = abs(0.5 * (y0 + y1) - 0.5 * (ty0 + ty1))
    if gap_x < -0.3 * high or gap_x > 8 * high or off_y > max(0.8 * high, 0.5 * (y1 - y0)):
        return 0.0
    if gap_x > 1.5 * high and any(_between(line, box, label) for line in lines):
        return 0.0
    return float(np.clip(0.95 - max(gap_x - high, 0) / (30 * high) - 0.2 * off_y / high, 0, 1))


def _between(line: TextLine, box: Box, label: LengthText) -> bool:
    """Whether a line of text stands between a bar and the label beside it."""
    y0, x0, y1, x1 = line.box
    middle_x, middle_y = 0.5 * (x0 + x1), 0.5 * (y0 + y1)
    left, right = (box[3], label.box[1]) if box[3] <= label.box[1] + label.box[3] - box[1] else (label.box[3], box[1])
    return left < middle_x < right and label.box[0] < middle_y < label.box[2]
