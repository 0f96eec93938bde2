"""The locator network and the search by geometry, taken together: what both see is sure, what one alone sees must be good."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...core.protocols import TextLine
from .ends import Ends, measure_ends
from .locate import BarCandidate, Kind
from .located import Located, SeenBar
from .match import LabelledBar, fit, goes_on
from .text import LengthText

_LEAST_SEEN = 0.5  # confidence of a bar that counts as seen
_LIFT = 0.9  # of what a score lacks, for what both see
_END_PX, _END = 4.0, 0.03  # by which an end may differ, px or of the length, and be the same
_SURE, _CLEAN = 0.8, 0.9  # confidence of a seen bar; score of one found by geometry that stands although its ends differ
_UNLIKE = 0.6  # times the score of another
_LIKE = 0.85  # of the columns of both
_ALONE = 0.9  # times the confidence of one that only the locator sees
_LONG_PX = 80.0  # a bar whose seen ends can tell that a measured one runs on into the ground
_LEAST_FIT = 0.25  # of a seen bar's place to the label
_LEAST_CONTRAST = 15.0  # grey levels
_GOOD = 0.45  # score of a bar found by geometry that needs no other at its place


def taken_together(
    pixels: NDArray[np.uint8], label: LengthText, pairs: list[LabelledBar], located: Located, lines: list[TextLine]
) -> list[LabelledBar]:
    """Bars that the geometry found at a label in an (H, W) uint8 picture, scored again by what the locator sees there, and bars
    that it alone sees; the best first.

    Ends are measured in the pixels in any case: those that the locator sees are good to some px only, and confirm.
    """
    likely = _halves_joined([s for s in located.bars if s.confidence >= _LEAST_SEEN], label)
    seen = [s for s in likely if _fits(s, label, lines)]
    if not seen:
        return pairs
    sure = [s for s in seen if s.confidence >= _SURE and s.surely_ended]
    same = [[s for s in seen if _rows_meet(s, p.bar) and _ends_agree(s, p.ends)] for p in pairs]
    long = [s for s in sure if s.length_px >= _LONG_PX]
    both = [s for s in sure if any(s in of_pair for of_pair in same)]  # bars that both witnesses have
    best = max((p.score for p, of_pair in zip(pairs, same, strict=True) if of_pair), default=0.0)
    out = []
    for pair, agreed in zip(pairs, same, strict=True):
        if agreed and pair.score < best:  # the inner edge of an outline, the core of a bar: the same bar once more
            out.append(pair)
        elif agreed:
            lift = _LIFT * max(s.confidence for s in agreed)
            off_px = min(_off_px(s, pair.ends) for s in agreed)
            out.append(replace(pair, score=pair.score + max(1 - pair.score, 0.0) * lift, seen_off_px=off_px))
        elif any(_is_other(s, pair.ends) for s in both) or (
            pair.score < _CLEAN and long and not any(_is_like(s, pair.ends) for s in long)
        ):
            out.append(replace(pair, score=_UNLIKE * pair.score))
        else:
            out.append(pair)
    out += [a for s in sure if not _in_pieces(s, likely) and (a := _alone(pixels, label, s, pairs)) is not None]
    return sorted(out, key=lambda p: -p.score)


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
    piece = min(a.length_px, b.length_px)
    whole = SeenBar(box, a.x0, b.x1, a.surely_ended and b.surely_ended, min(a.confidence, b.confidence), piece)
    return [whole, *(s for s in seen if s not in (a, b))]


def _alike(a: SeenBar, b: SeenBar, text_px: float) -> bool:
    """Whether two pieces are about as long and about as far from each other as a label between them needs."""
    return abs(a.length_px - b.length_px) <= max(8.0, 0.3 * max(a.length_px, b.length_px)) and b.x0 - a.x1 < 2.5 * text_px


def _fits(seen: SeenBar, label: LengthText, lines: list[TextLine]) -> bool:
    y0, x0, y1, x1 = label.box
    around = seen.box[1] < x0 and seen.box[3] > x1 and seen.box[0] < 0.5 * (y0 + y1) < seen.box[2]
    return fit(seen.box, label, lines, split=around) >= _LEAST_FIT


def _rows_meet(seen: SeenBar, bar: BarCandidate) -> bool:
    return min(seen.box[2], bar.box[2]) > max(seen.box[0], bar.box[0])


def _overlap(seen: SeenBar, bar: BarCandidate) -> bool:
    """Whether the two share rows and half of the columns of the shorter."""
    columns = min(seen.box[3], bar.box[3]) - max(seen.box[1], bar.box[1])
    return _rows_meet(seen, bar) and columns > 0.5 * min(seen.box[3] - seen.box[1], bar.length_px)


def _ends_agree(seen: SeenBar, ends: Ends) -> bool:
    """Whether both ends are where the other has them. End ticks are measured at their centres and seen at their outer edges."""
    return _off_px(seen, ends) <= max(_END_PX, _END * ends.length_px)


def _is_other(seen: SeenBar, ends: Ends) -> bool:
    """Whether an end is well away from where the other has it, as a plate's is from the end of the bar on it."""
    return _off_px(seen, ends) > 1.5 * max(_END_PX, _END * ends.length_px)


def _is_like(seen: SeenBar, ends: Ends) -> bool:
    """Whether the two have most of their columns in common."""
    common = min(seen.x1, ends.x1) - max(seen.x0, ends.x0)
    return common > _LIKE * (max(seen.x1, ends.x1) - min(seen.x0, ends.x0))


def _off_px(seen: SeenBar, ends: Ends) -> float:
    return max(abs(seen.x0 - ends.x0), abs(seen.x1 - ends.x1))


def _in_pieces(seen: SeenBar, others: list[SeenBar]) -> bool:
    """Whether more was seen in its rows: a ruler's marks, dots, the half of a bar."""
    return any(o is not seen and min(o.box[2], seen.box[2]) > max(o.box[0], seen.box[0]) for o in others)


def _alone(pixels: NDArray[np.uint8], label: LengthText, seen: SeenBar, pairs: list[LabelledBar]) -> LabelledBar | None:
    """A bar that only the locator sees, its ends measured; None where they are not where they were seen, or where geometry has a
    good one in that place."""
    if any(_overlap(seen, p.bar) and p.score >= _GOOD for p in pairs):
        return None
    bar = _drawn(pixels, seen)
    if bar is None or not _ends_agree(seen, ends := measure_ends(pixels, bar)):
        return None
    if not seen.piece_px and goes_on(pixels, bar, label):
        return None  # half of a bar that its text splits
    return LabelledBar(label, bar, ends, _ALONE * seen.confidence, seen_off_px=_off_px(seen, ends))


def _drawn(pixels: NDArray[np.uint8], seen: SeenBar) -> BarCandidate | None:
    """Rows, tone and contrast of what was seen, from the pixels."""
    y0, y1 = max(seen.box[0] - 3, 0), min(seen.box[2] + 3, pixels.shape[0])
    x0, x1 = max(round(seen.x0), 0), min(round(seen.x1) + 1, pixels.shape[1])
    piece = round(seen.piece_px) or x1 - x0
    inset = piece // 8
    part = pixels[y0:y1, x0 + inset : x0 + piece - inset].astype(np.float64)
    if part.shape[0] < 3 or part.shape[1] < 4:
        return None
    profile = np.median(part, axis=1)
    ground = float(np.median(np.concatenate([profile[:3], profile[-3:]])))
    peak = int(np.abs(profile - ground).argmax())
    contrast = float(abs(profile[peak] - ground))
    if contrast < _LEAST_CONTRAST:
        return None
    bright = bool(profile[peak] > ground)
    inked = np.abs(profile - ground) > 0.5 * contrast
    a = b = peak
    while a > 0 and inked[a - 1]:
        a -= 1
    while b + 1 < len(inked) and inked[b + 1]:
        b += 1
    rows = (y0 + a, y0 + b + 1)
    kind: Kind = "split" if seen.piece_px else "solid"
    box, tone = (rows[0], x0, rows[1], x1), float(profile[peak])
    return BarCandidate(kind, box, rows, bright, contrast, seen.confidence, n_levels=9, piece_px=round(seen.piece_px), tone=tone)
