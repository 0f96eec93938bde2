"""The locator network and the search by geometry, taken together: what both see is sure, what geometry alone sees must be good."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...core.protocols import TextLine
from .boxes import Box, shared
from .ends import Ends
from .ink import text_tone
from .locate import BarCandidate, find_bars
from .located import Located, SeenBar
from .looks import is_flat
from .match import LabelledBar, fit, is_on, plate_of
from .text import LengthText

_LEAST_SEEN = 0.5  # confidence of a bar that counts as seen
_LIFT = 0.9  # of what a score lacks, for what both see
_END_PX, _END = 4.0, 0.03  # by which an end may differ, px or of the length, and be the same
_SURE, _CLEAN = 0.8, 0.9  # confidence of a seen bar; score of one found by geometry that stands although its ends differ
_GOOD = 0.7  # score of one in the letters' tone that outweighs what is seen in another
_UNLIKE = 0.6  # times the score of another
_LIKE = 0.85  # of the columns of both
_MOST_OF = 0.85  # of a bar that is seen in pieces
_LONG_PX = 80.0  # a bar whose seen ends can tell that a measured one runs on into the ground
_ABOUT_PX, _AS_CLEAR = 6, 0.5  # around a seen bar; of the contrast of the one that was chosen
_FLAT = 0.04  # of its contrast: spread along a bar of one tone
_THIN_PX, _TALLER_PX = 4, 8  # of a line with end ticks; by how much these are higher
_LEAST_FIT = 0.25  # of a seen bar's place to the label


def taken_together(
    pixels: NDArray[np.uint8], label: LengthText, pairs: list[LabelledBar], located: Located, lines: list[TextLine]
) -> list[LabelledBar]:
    """Bars that the geometry found at a label, scored again by what the locator sees there; the best first.

    The locator adds none: a bar that it alone sees is where geometry failed, and its ends are good to some px only. It
    takes plates for the bars on them, and sees of some bars a part.
    """
    plate = plate_of(pixels, label)
    if plate is not None and not any(is_on(plate, p.bar) for p in pairs):
        plate = None
    bars = [s for s in located.bars if s.confidence >= _LEAST_SEEN and (plate is None or not _spans(s, plate))]
    likely = _halves_joined(bars, label)
    seen = [s for s in likely if _fits(s, label, lines)]
    seen = [s for s in seen if not _is_in_another_tone(pixels, label, s, pairs)]
    if not seen:
        return pairs
    pairs = [p for p in pairs if not _is_plate(p, pairs)]
    sure = [s for s in seen if s.confidence >= _SURE and s.surely_ended]
    same = [[s for s in (*seen, *_pieces_joined(likely, p)) if _rows_meet(s, p.bar) and _ends_agree(s, p)] for p in pairs]
    long = [s for s in sure if s.length_px >= _LONG_PX]
    both = [s for s in sure if any(s in of_pair for of_pair in same)]  # bars that both witnesses have
    best = max((p.score for p, of_pair in zip(pairs, same, strict=True) if of_pair), default=0.0)
    out = []
    for pair, agreed in zip(pairs, same, strict=True):
        if agreed and pair.score < best:  # the inner edge of an outline, the core of a bar: the same bar once more
            out.append(pair)
        elif agreed and pair.bar.kind == "solid" and pair.ends.unsure and any(_is_taller(s, pair) for s in agreed):
            out.append(replace(pair, score=_UNLIKE * pair.score))  # end ticks whose centres are not found
        elif agreed:
            lift = _LIFT * max(s.confidence for s in agreed)
            off_px = min(_off_px(s, pair) for s in agreed)
            out.append(replace(pair, score=pair.score + max(1 - pair.score, 0.0) * lift, seen_off_px=off_px))
        elif pair.bar.kind == "ruler" or pair.ends.twice_found or (long and all(_is_part(s, pair, pixels) for s in long)):
            out.append(pair)  # neither eleven even marks nor two heads happen by chance, nor one tone along particles
        elif any(_is_other(s, pair) for s in both) or (
            pair.score < _CLEAN and long and not any(_is_like(s, pair.ends) for s in long)
        ):
            out.append(replace(pair, score=_UNLIKE * pair.score))
        else:
            out.append(pair)
    return sorted(out, key=lambda p: -p.score)


def has_rival(pixels: NDArray[np.uint8], pair: LabelledBar, located: Located, lines: list[TextLine]) -> bool:
    """Whether the locator surely sees another bar at the label and the pixels show it, drawn and clean, although its place or its
    tone spoke against it. Of arrows, rulers and halves it often sees a part."""
    if pair.seen_off_px is not None or pair.bar.kind not in ("solid", "ticks", "hollow"):
        return False
    others = [s for s in located.bars if s.confidence >= _SURE and s.surely_ended and _fits(s, pair.label, lines)]
    others = [s for s in others if _is_other(s, pair) and not _is_part(s, pair, pixels)]
    return any(not _holds(s.box, pair.bar.box) and _is_drawn(pixels, s, pair) for s in others)


def is_in_pieces(pixels: NDArray[np.uint8], pair: LabelledBar, lines: list[TextLine]) -> bool:
    """Whether a solid bar may be one piece of the label's: one as high, in its rows and of its tone, stands beside it with no text
    between, as where a bar is drawn in steps of black and white or something lies over it."""
    bar = pair.bar
    if bar.kind != "solid":
        return False
    y0, x0, y1, x1 = bar.box
    region = (max(y0 - _ABOUT_PX, 0), 0, min(y1 + _ABOUT_PX, len(pixels)), pixels.shape[1])
    reach = bar.length_px + _END_PX  # the gap of an even pattern is as long as its pieces
    for other in find_bars(pixels, region, columns=(x0 - reach, x1 + reach)):
        gap = (other.box[3], x0) if other.box[3] <= x0 else (x1, other.box[1])
        alike = other.kind == "solid" and other.bright == bar.bright and abs(other.tone - bar.tone) <= _FLAT * bar.contrast
        in_row = abs(other.rows[0] - bar.rows[0]) <= 1 and abs(other.rows[1] - bar.rows[1]) <= 1
        if alike and in_row and 0 < gap[1] - gap[0] <= reach and not any(_is_text_in(line, bar.rows, gap) for line in lines):
            return True
    return False


def _is_text_in(line: TextLine, rows: tuple[int, int], columns: tuple[int, int]) -> bool:
    y0, x0, y1, x1 = line.box
    return y0 < rows[1] and y1 > rows[0] and x0 < columns[1] and x1 > columns[0]


def _is_in_another_tone(pixels: NDArray[np.uint8], label: LengthText, seen: SeenBar, pairs: list[LabelledBar]) -> bool:
    """Whether what is seen as a bar is of the other polarity than the letters, where a good candidate, and a better one, is of
    theirs: a black rod below the white label of a white bar."""
    agreed = [p for p in pairs if _rows_meet(seen, p.bar) and _ends_agree(seen, p)]
    bright = text_tone(pixels, label).bright
    if not agreed or any(p.bar.bright == bright or p.bar.kind != "solid" for p in agreed):
        return False
    return any(p.bar.bright == bright and p.score > max(_GOOD, *(a.score for a in agreed)) for p in pairs)


def _is_plate(pair: LabelledBar, pairs: list[LabelledBar]) -> bool:
    """Whether a candidate holds its letters and a bar that fits them better: the locator takes plates for bars."""
    y0, x0, y1, x1 = pair.label.box
    middle = (0.5 * (y0 + y1), 0.5 * (x0 + x1))
    around = pair.bar.box[0] < middle[0] < pair.bar.box[2] and pair.bar.box[1] < middle[1] < pair.bar.box[3]
    return around and any(p.score > pair.score and _holds(pair.bar.box, p.bar.box) for p in pairs)


def _is_taller(seen: SeenBar, pair: LabelledBar) -> bool:
    """Whether more is seen of a thin bar than its line: end ticks, as a rule."""
    return pair.bar.thickness_px <= _THIN_PX and seen.box[2] - seen.box[0] >= pair.bar.thickness_px + _TALLER_PX


def _is_part(seen: SeenBar, pair: LabelledBar, pixels: NDArray[np.uint8]) -> bool:
    """Whether a seen bar is a part of one that has one tone throughout and whose ends are clear."""
    ends = pair.ends
    if ends.unsure or ends.goes_on or ends.clipped or not _rows_meet(seen, pair.bar):
        return False
    within = seen.x0 >= ends.x0 - _END_PX and seen.x1 <= ends.x1 + _END_PX
    return within and is_flat(pixels, pair.bar, within=_FLAT)


def _spans(seen: SeenBar, plate: Box) -> bool:
    """Whether a seen bar ends where a plate does."""
    return max(abs(seen.x0 - plate[1] + 0.5), abs(seen.x1 - plate[3] + 0.5)) <= _END_PX


def _holds(outer: Box, inner: Box) -> bool:
    """Whether a box lies in another, as a bar does in its plate."""
    return shared(outer, inner) == (inner[2] - inner[0], inner[3] - inner[1])


def _is_drawn(pixels: NDArray[np.uint8], seen: SeenBar, pair: LabelledBar) -> bool:
    y0, x0, y1, x1 = seen.box
    region = (
        max(y0 - _ABOUT_PX, 0),
        max(x0 - _ABOUT_PX, 0),
        min(y1 + _ABOUT_PX, len(pixels)),
        min(x1 + _ABOUT_PX, pixels.shape[1]),
    )
    clear = [b for b in find_bars(pixels, region) if b.quality >= _CLEAN and b.contrast >= _AS_CLEAR * pair.bar.contrast]
    near = max(_END_PX, _END * seen.length_px)
    return any(max(abs(b.box[1] - 0.5 - seen.x0), abs(b.box[3] - 0.5 - seen.x1)) <= near for b in clear)


def _halves_joined(seen: list[SeenBar], label: LengthText) -> list[SeenBar]:
    """Seen bars, those made one that stand left and right of the label in its rows, about as long: half of a bar that its text
    splits would make a scale wrong by a factor."""
    y0, x0, y1, x1 = label.box
    middle = 0.5 * (x0 + x1)
    beside = [s for s in seen if y0 < 0.5 * (s.box[0] + s.box[2]) < y1]
    pairs = [
        (a, b)
        for a in beside
        for b in beside
        if a.x1 < middle < b.x0 and min(a.box[2], b.box[2]) > max(a.box[0], b.box[0]) and _alike(a, b, x1 - x0)
    ]
    if not pairs:
        return seen
    a, b = min(pairs, key=lambda p: p[1].x0 - p[0].x1)
    box = (min(a.box[0], b.box[0]), a.box[1], max(a.box[2], b.box[2]), b.box[3])
    whole = SeenBar(box, a.x0, b.x1, a.surely_ended and b.surely_ended, min(a.confidence, b.confidence))
    return [whole, *(s for s in seen if s not in (a, b))]


def _pieces_joined(seen: list[SeenBar], pair: LabelledBar) -> list[SeenBar]:
    """The pieces in which a bar is seen that geometry has whole, over particles of its tone, as one; [] where they are no more than
    one or leave much of it out."""
    x0, x1 = pair.ends.x0 - _END_PX, pair.ends.x1 + _END_PX
    pieces = sorted((s for s in seen if _rows_meet(s, pair.bar) and x0 <= s.x0 and s.x1 <= x1), key=lambda s: s.x0)
    if len(pieces) < 2 or sum(s.length_px for s in pieces) < _MOST_OF * pair.ends.length_px:
        return []
    rows = min(s.box[0] for s in pieces), max(s.box[2] for s in pieces)
    first, last = pieces[0], max(pieces, key=lambda s: s.x1)
    box = (rows[0], first.box[1], rows[1], last.box[3])
    return [SeenBar(box, first.x0, last.x1, True, min(s.confidence for s in pieces))]


def _alike(a: SeenBar, b: SeenBar, text_px: float) -> bool:
    """Whether two pieces are about as long and about as far from each other as a label between them needs."""
    return abs(a.length_px - b.length_px) <= max(8.0, 0.3 * max(a.length_px, b.length_px)) and b.x0 - a.x1 < 2.5 * text_px


def _fits(seen: SeenBar, label: LengthText, lines: list[TextLine]) -> bool:
    y0, x0, y1, x1 = label.box
    around = seen.box[1] < x0 and seen.box[3] > x1 and seen.box[0] < 0.5 * (y0 + y1) < seen.box[2]
    return fit(seen.box, label, lines, split=around) >= _LEAST_FIT


def _rows_meet(seen: SeenBar, bar: BarCandidate) -> bool:
    return min(seen.box[2], bar.box[2]) > max(seen.box[0], bar.box[0])


def _ends_agree(seen: SeenBar, pair: LabelledBar) -> bool:
    """Whether both ends are where the other has them."""
    return _off_px(seen, pair) <= max(_END_PX, _END * pair.ends.length_px)


def _is_other(seen: SeenBar, pair: LabelledBar) -> bool:
    """Whether an end is well away from where the other has it, as a plate's is from the end of the bar on it."""
    return _off_px(seen, pair) > 1.5 * max(_END_PX, _END * pair.ends.length_px)


def _is_like(seen: SeenBar, ends: Ends) -> bool:
    """Whether the two have most of their columns in common."""
    common = min(seen.x1, ends.x1) - max(seen.x0, ends.x0)
    return common > _LIKE * (max(seen.x1, ends.x1) - min(seen.x0, ends.x0))


def _off_px(seen: SeenBar, pair: LabelledBar) -> float:
    """How far the ends are from each other. End ticks are measured at their centres and seen at their outer edges."""
    off = max(abs(seen.x0 - pair.ends.x0), abs(seen.x1 - pair.ends.x1))
    if not pair.ends.by_ticks:
        return off
    x0, x1 = pair.bar.box[1] - 0.5, pair.bar.box[3] - 0.5
    return min(off, max(abs(seen.x0 - x0), abs(seen.x1 - x1)))
