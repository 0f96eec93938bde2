"""Which bar a length in the picture labels: searches around the text and scores what stands there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..ports import TextLine
from .ends import Ends, measure_ends
from .locate import BarCandidate, Box, find_bars
from .ruler import find_rulers
from .text import LengthText, has_remains

_REACH = 8.5  # heights of the text: how far beside it a bar may begin
_UNEVEN = 0.05  # by which the halves of a split bar may differ
_SHORT = 0.25  # of the text's width
_LEVEL_STEP = 25.0  # grey levels between the thresholds of the search


@dataclass(frozen=True, slots=True)
class LabelledBar:
    """A length and the bar it stands at. `score`: 0 to 1, how well they fit together."""

    label: LengthText
    bar: BarCandidate
    ends: Ends
    score: float

    @property
    def nm_per_px(self) -> float:
        """What the pair says a pixel is."""
        return self.label.value_nm / self.ends.length_px


def bars_at(pixels: NDArray[np.uint8], label: LengthText, lines: list[TextLine]) -> list[LabelledBar]:
    """Bars that `label` can belong to in an (H, W) uint8 picture, the best first; `lines`: all text in the picture."""
    high = label.box[2] - label.box[0]
    region = (max(0, int(label.box[0] - 2.2 * high)), 0, min(pixels.shape[0], int(label.box[2] + 2.2 * high) + 1), pixels.shape[1])
    if region[2] - region[0] < 3:
        return []
    own = TextLine(label.raw, label.confidence, label.box)  # without the pieces of a bar that the reader took for text
    letters = [line if line.text != label.raw else own for line in lines if not (label.between_halves and line.text == label.raw)]
    columns = (label.box[1] - _REACH * high, label.box[3] + _REACH * high)
    bars = [b for b in find_bars(pixels, region, columns=columns) if not any(_is_stroke(b, line) for line in letters)]
    tone = text_tone(pixels, label)
    out = []
    for bar in _joined(bars, label, tone.bright):
        if label.between_halves and bar.kind != "split":
            continue
        ends = measure_ends(pixels, bar)
        score = bar.quality * _fit(bar.box, label, lines, split=bar.kind == "split") * _looks(pixels, bar, ends, label, tone)
        if bar.kind != "split" and _goes_on(pixels, bar, label):
            score *= 0.4  # half of a bar that its text splits
        out.append(LabelledBar(label, bar, ends, score))
    rulers = find_rulers(pixels, region)
    if rulers:  # marks of a ruler, or pieces of them, are no bars
        out = [p for p in out if not any(_overlaps(p.bar.box, r.box) or 4 * p.bar.length_px < r.length_px for r, _, _ in rulers)]
    for ruler, first, last in rulers:
        # eleven even ticks do not happen by chance: the place matters less
        score = ruler.quality * min(1.0, 1.3 * _fit(ruler.box, label, lines, split=False))
        out.append(LabelledBar(label, ruler, Ends(first, last, 0.25, True), score))
    return sorted((p for p in out if p.score > 0.05 and p.ends.length_px >= 10), key=lambda p: -p.score)


def _overlaps(a: Box, b: Box) -> bool:
    """Whether two boxes share more than a few columns and any row."""
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) - max(a[1], b[1]) > 2


def _is_stroke(bar: BarCandidate, line: TextLine) -> bool:
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
    if part.size < 4:
        return TextTone(255.0, 0.0, True)
    low, ground, high = (float(v) for v in np.quantile(part, [0.03, 0.5, 0.97]))
    bright = high - ground > ground - low
    return TextTone(high if bright else low, ground, bright)


def _looks(pixels: NDArray[np.uint8], bar: BarCandidate, ends: Ends, label: LengthText, text: TextTone) -> float:
    """How much a candidate looks like what an annotator draws, 0 to 1: strong, in the text's tone, off the frame, not tiny."""
    y0, y1 = bar.rows
    span = bar.piece_px or bar.length_px
    inset = max(2, span // 8)
    middle = np.median(pixels[y0:y1, bar.box[1] + inset : bar.box[1] + span - inset].astype(np.float64), axis=0)
    score = min(1.0, 0.55 + 0.45 * bar.contrast / 90)
    if bar.kind != "hollow":
        tone = float(np.median(middle))
        if bar.bright != text.bright or abs(tone - text.ink) > 45:
            score *= 0.65 if ends.unsure else 0.87
            if bar.n_levels < 5 and bar.length_px < 1.5 * (label.box[2] - label.box[0]):  # small, weak, not in the text's tone
                score *= 0.65
            if abs(tone - text.ground) < 45 and _touches(bar.box, label):  # the margin of a box around the text
                score *= 0.3
        score *= float(np.clip(1.2 - float(middle.std()) / 20, 0.6, 1.0))  # drawn bars have one tone, rims of particles do not
    if bar.kind == "solid" and bar.length_px < _SHORT * (label.box[2] - label.box[0]) * 0.5 * len(label.text):
        score *= 0.6  # few bars are that much shorter than their text
    if bar.n_levels < 0.35 * bar.contrast / _LEVEL_STEP:
        score *= 0.8
    if ends.clipped:  # a line that runs into the frame is likely a table's
        score *= 0.6
    if y0 <= 0 or y1 >= pixels.shape[0]:
        score *= 0.75
    off, length = abs(ends.length_px - bar.length_px), bar.length_px
    if off > max(4.0, 0.1 * length) or (ends.unsure and off > max(3.0, 0.03 * length)):  # not where the eye sees them
        score *= 0.5
    return score


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
    there = np.median(pixels[y0:y1, max(beyond[0], 0) : max(beyond[1], 0)].astype(np.float64), axis=0)
    alike = np.abs(there - tone) < 0.25 * bar.contrast
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], alike.astype(np.int8), [0]]))))[::2]
    return bool(runs.size and runs.max() >= 0.6 * bar.length_px)


def _ink_box(label: LengthText) -> tuple[float, float, float, float]:
    """The text without the margin that the reader leaves around it."""
    y0, x0, y1, x1 = label.box
    margin = 0.17 * (y1 - y0)
    return (y0 + margin, x0 + 0.7 * margin, y1 - margin, x1 - 0.7 * margin)


def _fit(box: Box, label: LengthText, lines: list[TextLine], *, split: bool) -> float:
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


def _joined(bars: list[BarCandidate], label: LengthText, bright_text: bool) -> list[BarCandidate]:
    """Halves on both sides of the text made one, outlines made one, frames and strokes of letters dropped."""
    ty0, tx0, ty1, tx1 = _ink_box(label)
    high = ty1 - ty0
    out: list[BarCandidate] = []
    dropped: set[int] = set()
    for i, a in enumerate(bars):
        for j, b in enumerate(bars):
            if i == j or a.bright != b.bright:
                continue
            if _mirrored(a, b, (ty0, tx0, ty1, tx1)):
                dropped |= {i, j}  # halves: one alone would be read as twice the scale
                if (whole := _split(a, b, (ty0, tx0, ty1, tx1), len(label.text))) is not None:
                    out.append(whole)
            elif i < j and abs(a.box[1] - b.box[1]) <= 2 and abs(a.box[3] - b.box[3]) <= 2:
                upper, lower = (a, b) if a.rows[0] < b.rows[0] else (b, a)
                gap = lower.rows[0] - upper.rows[1]
                if upper.rows[1] <= ty0 + 0.5 * high <= lower.rows[0]:
                    dropped |= {i, j}  # a frame around the text
                elif 1 <= gap <= max(high, 6) and upper.thickness_px <= 3 and lower.thickness_px <= 3:
                    dropped |= {i, j}
                    if a.bright == bright_text and not _is_halo(a, bars):
                        out.append(_outline(upper, lower))
    rings = [o.box for o in out if o.kind == "hollow"]
    for i, c in enumerate(bars):
        if any(r[0] <= c.rows[0] and c.rows[1] <= r[2] and r[1] - 2 <= c.box[1] and c.box[3] <= r[3] + 2 for r in rings):
            continue  # the inside of an outline
        inside = c.rows[0] >= ty0 - 1 and c.rows[1] <= ty1 + 1 and c.box[1] >= tx0 - 2 and c.box[3] <= tx1 + 2
        if i not in dropped and not (inside and c.length_px < 0.9 * (tx1 - tx0)):
            out.append(c)
    return out


def _mirrored(a: BarCandidate, b: BarCandidate, text: tuple[float, float, float, float]) -> bool:
    """Whether two lines stand left and right of the text in one row, about as long."""
    middle_x, middle_y = 0.5 * (text[1] + text[3]), 0.5 * (a.rows[0] + a.rows[1])
    level = abs(a.rows[0] - b.rows[0]) <= 2 and abs(a.rows[1] - b.rows[1]) <= 2
    alike = abs(a.length_px - b.length_px) <= max(6, 0.25 * max(a.length_px, b.length_px))
    return a.box[3] <= middle_x <= b.box[1] and text[0] <= middle_y <= text[2] and level and alike


def _split(a: BarCandidate, b: BarCandidate, text: tuple[float, float, float, float], n_characters: int) -> BarCandidate | None:
    """Two mirrored lines close to the text as one bar, or None."""
    ty0, tx0, ty1, tx1 = text
    high = ty1 - ty0
    # the reader's box may take in parts of the line, so the text's own width is what its characters need
    width = 0.6 * high * n_characters
    close = 0.4 * width <= b.box[1] - a.box[3] <= max(2.2 * width + high, 1.8 * (tx1 - tx0))
    centred = abs((a.box[1] + b.box[3]) - (tx0 + tx1)) <= max(2.0 * high, 12)
    if not (close and centred and abs(a.tone - b.tone) < 30):
        return None
    box = (min(a.box[0], b.box[0]), a.box[1], max(a.box[2], b.box[2]), b.box[3])
    reach = 4 if a.thickness_px <= 4 else 0  # end ticks of the halves stand on one side only, so they were not seen
    box = (min(box[0], a.rows[0] - reach), box[1], max(box[2], a.rows[1] + reach), box[3])
    rows = (min(a.rows[0], b.rows[0]), max(a.rows[1], b.rows[1]))
    quality = min(a.quality, b.quality) ** 0.5
    if abs(a.length_px - b.length_px) > max(4, _UNEVEN * max(a.length_px, b.length_px)):
        quality *= 0.75  # an end of one half is hidden
    piece = min(a.length_px, b.length_px)
    contrast = min(a.contrast, b.contrast)
    return BarCandidate("split", box, rows, a.bright, contrast, quality, n_levels=a.n_levels, piece_px=piece, tone=a.tone)


def _is_halo(rim: BarCandidate, bars: list[BarCandidate]) -> bool:
    """Whether a rim only shadows a darker or lighter core that stands out more than it: then the core is the bar."""
    inner = [c for c in bars if (c.bright != rim.bright and abs(c.rows[0] - rim.rows[1]) <= 4) or abs(c.rows[1] - rim.rows[0]) <= 4]
    return any(c.bright != rim.bright and c.contrast > 2.2 * rim.contrast for c in inner)


def _outline(upper: BarCandidate, lower: BarCandidate) -> BarCandidate:
    """A hollow bar from the two long sides of its outline."""
    box = (upper.rows[0], min(upper.box[1], lower.box[1]), lower.rows[1], max(upper.box[3], lower.box[3]))
    quality, contrast = max(upper.quality, lower.quality), min(upper.contrast, lower.contrast)
    stroke = min(upper.thickness_px, lower.thickness_px)
    return replace(upper, kind="hollow", box=box, rows=(box[0], box[2]), quality=quality, contrast=contrast, stroke_px=stroke)
