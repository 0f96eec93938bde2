"""Which bar a length in the picture labels: searches around the text and scores what stands there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...core.protocols import TextLine
from .boxes import Box, shared
from .ends import Ends, measure_ends
from .halves import short_halves, with_hidden_half
from .ink import TextTone, in_one_tone, ink_box, text_tone
from .joined import joined
from .locate import BarCandidate, find_bars
from .located import SeenBar
from .looks import goes_on_beyond, grain_of, is_flat, is_grainy, is_sharp, looks
from .plates import block_around, with_plate
from .rims import without_rims
from .ruler import comb_within, find_rulers
from .strokes import is_seen, is_stroke, without_bars
from .text import LengthText, has_remains

_REACH = 8.5  # heights of the text: how far beside it a bar may begin
_GOOD = 0.45  # score of a bar that leaves no need to look for others
_SURE = 0.8  # score of a bar that the locator sees too
_LEAST_PIECE = 0.3  # of the text's height: of a bar, or of a half of one
_LEAST_BROKEN_PX = 20.0
_GRAINY = 0.6  # times the score of a candidate as grainy as the picture
_LEAST_OWN, _OWN, _NEAR_LETTERS = 0.15, 10.0, 45.0  # of what is seen, that has one tone; grey levels off it; off the letters'
_LEAST_COMB_PX, _MOST_SEEN = 60.0, 3  # of a ruler that is sought as a whole; places in which rulers are sought
_MARGIN_PX = 12  # around what the locator sees
_GRAIN_ROWS = 16  # every so many rows tell the picture's grain


@dataclass(frozen=True, slots=True)
class LabelledBar:
    """A length and the bar it stands at. score: 0 to 1, how well they fit together; rivalled: another bar fits about as well;
    outside: the label stands in the data bar, this bar in the picture; seen_off_px: how far its ends are from where the locator
    sees them, None where it does not; in_pieces: it may be one piece of the label's bar"""

    label: LengthText
    bar: BarCandidate
    ends: Ends
    score: float
    rivalled: bool = False
    outside: bool = False
    seen_off_px: float | None = None
    in_pieces: bool = False

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
    score = whole[0].quality * looks(pixels, whole[0], ends, label, text_tone(pixels, label))
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
    bars = [b for b in found if is_seen(b, seen) or not any(is_stroke(pixels, b, line) for line in letters)]
    bars = without_rims(pixels, bars, label)
    label = without_bars(pixels, label, bars, seen)
    tone = text_tone(pixels, label)
    place = _Place(label, lines, tone, grain_of(pixels[::_GRAIN_ROWS]), in_strip, plate_of(pixels, label))
    whole = joined(with_hidden_half(pixels, bars, ink_box(label)), ink_box(label), len(label.text), bright_text=tone.bright)
    out = [_scored(pixels, bar, place) for bar in whole if bar.kind == "split" or not label.between_halves]
    if any(p.score >= _SURE and is_seen(p.bar, seen) for p in out):  # no ruler then, and looking for marks takes long
        return _ranked(out)
    rulers = find_rulers(pixels, region, bright=tone.bright)
    if not rulers and not any(p.score >= _GOOD for p in out):  # letters over particles may be taken for dark ones
        rulers = find_rulers(pixels, region, bright=not tone.bright)
    if not any(fit(ruler.box, label, lines, split=False) for ruler, _, _ in rulers) and not any(p.score >= _GOOD for p in out):
        for s in seen[
            :_MOST_SEEN
        ]:  # in the grain of whole rows of the picture marks are not found, and over particles not each of them
            within = find_rulers(pixels, _grown(s.box, pixels.shape))
            comb = comb_within(pixels, s.box, bright=tone.bright) if not within and s.length_px >= _LEAST_COMB_PX else None
            rulers += within or ([comb] if comb is not None else [])
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
    more: list[BarCandidate] = []
    if not any(p.score >= _GOOD for p in out):
        more = [bar for bar in _in_letters_tone(pixels, region, columns, tone) if is_seen(bar, seen) or is_flat(pixels, bar)]
        more = [bar for bar in more if not any(_overlaps(bar.box, b.box) for b in bars)]
    unexplained = tuple(s for s in seen if s.confidence >= _SURE and not any(is_seen(p.bar, (s,)) for p in out))
    more += _in_own_tone(pixels, region, columns, tone, unexplained)
    if more:
        whole = joined([*bars, *more], ink_box(label), len(label.text), bright_text=tone.bright)
        out += [_scored(pixels, bar, place) for bar in whole if bar in more or (bar.kind == "split" and bar not in bars)]
    return _ranked(out)


@dataclass(frozen=True, slots=True)
class _Place:
    """What candidates are judged by: label, all lines of text, tone of the letters, grain of the picture; whether in a data bar;
    the plate behind the label."""

    label: LengthText
    lines: list[TextLine]
    tone: TextTone
    grain: float
    in_strip: bool
    plate: Box | None


def _scored(pixels: NDArray[np.uint8], bar: BarCandidate, at: _Place) -> LabelledBar:
    """A candidate with its ends and how well it fits its label."""
    label = at.label
    ends = measure_ends(pixels, bar)
    # text between the arms of a bracket
    inside = bar.kind == "ticks" and bar.box[1] < label.box[1] and label.box[3] < bar.box[3]
    place = (bar.rows[0], bar.box[1], bar.rows[1], bar.box[3]) if inside else bar.box
    sharp = (at.in_strip or is_on(at.plate, bar)) and is_sharp(bar, ends, label)
    score = (
        bar.quality * fit(place, label, at.lines, split=bar.kind == "split") * looks(pixels, bar, ends, label, at.tone, sharp=sharp)
    )
    if bar.kind == "solid" and is_grainy(pixels, bar, at.grain):
        score *= _GRAINY  # a flat-edged particle
    if bar.kind != "split" and goes_on_beyond(pixels, bar, label):
        score *= 0.4  # half of a bar that its text splits
    return LabelledBar(label, bar, ends, score)


def plate_of(pixels: NDArray[np.uint8], label: LengthText) -> Box | None:
    """The plain box, (y0, x0, y1, x1) px, behind a label, where nothing is that was not drawn; None where there is none."""
    box = _inside(_whole(label.box), pixels.shape)
    plate = with_plate(pixels, box)
    return plate if plate != box else None


def is_on(plate: Box | None, bar: BarCandidate) -> bool:
    """Whether a candidate lies on a plate, and is not the plate."""
    if plate is None or bar.length_px >= plate[3] - plate[1]:
        return False
    return shared(plate, bar.box) == (bar.box[2] - bar.box[0], bar.length_px)


def _in_letters_tone(pixels: NDArray[np.uint8], region: Box, columns: tuple[float, float], tone: TextTone) -> list[BarCandidate]:
    """Bars in the tone of the letters over a ground both lighter and darker than they are, where no threshold finds them."""
    y0, x0, y1, x1 = region
    return _in_tone(in_one_tone(pixels[y0:y1, x0:x1], tone.ink), region, columns, tone)


def _in_own_tone(
    pixels: NDArray[np.uint8], region: Box, columns: tuple[float, float], letters: TextTone, seen: tuple[SeenBar, ...]
) -> list[BarCandidate]:
    """Bars that the locator sees, by the one tone that most of what it sees has, near that of the letters: what is drawn and not
    blurred keeps it over particles nearly as bright, where the letters' tone, with some of their ground in it, is not sharp."""
    found, (y0, x0, y1, x1) = [], region
    for s in seen:
        part = pixels[max(s.box[0], y0) : min(s.box[2], y1), s.box[1] : s.box[3]]
        if part.size == 0:
            continue
        counts = np.convolve(np.bincount(part.ravel(), minlength=256), np.ones(3, np.int64), "same")
        own = float(counts.argmax())
        if counts.max() >= _LEAST_OWN * part.size and abs(own - letters.ink) <= _NEAR_LETTERS:
            tone = replace(letters, ink=own)
            bare = in_one_tone(pixels[y0:y1, x0:x1], own, within=_OWN)
            found += [b for b in _in_tone(bare, region, columns, tone) if is_seen(b, (s,))]
    return found


def _in_tone(bare: NDArray[np.uint8], region: Box, columns: tuple[float, float], tone: TextTone) -> list[BarCandidate]:
    """Bars in a region of a picture, `bare`, in which only what has one tone is dark."""
    y0, x0, _, _ = region
    found = find_bars(bare, columns=(columns[0] - x0, columns[1] - x0))
    contrast = max(abs(tone.ink - tone.ground), 1.0)
    return [
        replace(
            b,
            bright=tone.bright,
            tone=tone.ink,
            contrast=contrast,
            box=(b.box[0] + y0, b.box[1] + x0, b.box[2] + y0, b.box[3] + x0),
            rows=(b.rows[0] + y0, b.rows[1] + y0),
        )
        for b in found
        if not b.bright
    ]


def _ranked(pairs: list[LabelledBar]) -> list[LabelledBar]:
    """The best first, without what is hopeless."""
    return sorted((p for p in pairs if p.score > 0.05 and p.ends.length_px >= 10), key=lambda p: -p.score)


def _overlaps(a: Box, b: Box) -> bool:
    """Whether two boxes share more than a few columns and any row."""
    rows, columns = shared(a, b)
    return rows > 0 and columns > 2


def _grown(box: Box, shape: tuple[int, ...]) -> Box:
    """A box with a margin, for its ends are seen to some px."""
    return _inside((box[0] - _MARGIN_PX, box[1] - _MARGIN_PX, box[2] + _MARGIN_PX, box[3] + _MARGIN_PX), shape)


def _whole(box: tuple[float, float, float, float]) -> Box:
    return (int(box[0]), int(box[1]), int(box[2]) + 1, int(box[3]) + 1)


def _inside(box: Box, shape: tuple[int, ...]) -> Box:
    return (max(box[0], 0), max(box[1], 0), min(box[2], shape[0]), min(box[3], shape[1]))


def fit(box: Box, label: LengthText, lines: list[TextLine], *, split: bool) -> float:
    """How well a bar's place suits the text, 0 to 1: above or below it, beside it, or around it (split)."""
    ty0, tx0, ty1, tx1 = ink_box(label)
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
