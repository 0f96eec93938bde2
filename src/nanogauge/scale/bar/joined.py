"""Lines that belong together: halves on both sides of their text, the two long sides of an outline; frames are dropped."""

from __future__ import annotations

from dataclasses import replace

from .boxes import FloatBox
from .locate import BarCandidate

_OF_RIM = 1.3  # times an outline's contrast to the ground
_UNEVEN = 0.05  # by which the halves of a split bar may differ
_ALIKE, _UNLIKE = 30, 60  # grey levels between them; of thin ones, blurred over light and dark, that are as long as each other
_THIN_PX, _EVEN_PX = 2, 2
_APART = 3.0  # times as far from the text as the other, or as the text is high: no half of one bar


def joined(bars: list[BarCandidate], text: FloatBox, n_characters: int, *, bright_text: bool) -> list[BarCandidate]:
    """Halves on both sides of the text made one, outlines made one, frames and strokes of letters dropped.

    text: (y0, x0, y1, x1) px of the label's letters; bright_text: whether they are lighter than around
    """
    ty0, tx0, ty1, tx1 = text
    high = ty1 - ty0
    out: list[BarCandidate] = []
    dropped: set[int] = set()
    for i, a in enumerate(bars):
        for j, b in enumerate(bars):
            if i == j or a.bright != b.bright:
                continue
            if mirrored(a, b, text):
                dropped |= {i, j}  # halves: one alone would be read as twice the scale
                if (whole := _split(a, b, text, n_characters)) is not None:
                    out.append(whole)
            elif i < j and abs(a.box[1] - b.box[1]) <= 2 and abs(a.box[3] - b.box[3]) <= 2:
                upper, lower = (a, b) if a.rows[0] < b.rows[0] else (b, a)
                gap = lower.rows[0] - upper.rows[1]
                around = min(a.box[3], tx1) > max(a.box[1], tx0)
                if around and upper.rows[1] <= ty0 + 0.5 * high <= lower.rows[0]:
                    dropped |= {i, j}  # a frame around the text
                elif 1 <= gap <= max(high, 6) and upper.thickness_px <= 3 and lower.thickness_px <= 3:
                    dropped |= {i, j}
                    dropped |= {k for k, c in enumerate(bars) if _is_ground_between(c, upper, lower)}
                    if a.bright == bright_text and not _is_halo(a, bars):
                        out.append(_outline(upper, lower))
    rings = [o.box for o in out if o.kind == "hollow"]
    for i, c in enumerate(bars):
        if any(_is_core(c, o) for o in bars if not _has_within(o, text)):  # a plate has bar and text on it
            continue
        if any(r[0] <= c.rows[0] and c.rows[1] <= r[2] and r[1] - 2 <= c.box[1] and c.box[3] <= r[3] + 2 for r in rings):
            continue  # the inside of an outline
        inside = c.rows[0] >= ty0 - 1 and c.rows[1] <= ty1 + 1 and c.box[1] >= tx0 - 2 and c.box[3] <= tx1 + 2
        if i not in dropped and not (inside and c.length_px < 0.9 * (tx1 - tx0)):
            out.append(c)
    return out


def mirrored(a: BarCandidate, b: BarCandidate, text: FloatBox) -> bool:
    """Whether two lines stand left and right of the text in one row, about as long and about as near."""
    middle_x, middle_y = 0.5 * (text[1] + text[3]), 0.5 * (a.rows[0] + a.rows[1])
    level = abs(a.rows[0] - b.rows[0]) <= 2 and abs(a.rows[1] - b.rows[1]) <= 2
    alike = abs(a.length_px - b.length_px) <= max(6, 0.25 * max(a.length_px, b.length_px))
    beside = a.box[3] <= middle_x <= b.box[1] and text[0] <= middle_y <= text[2]
    near, far = sorted((text[1] - a.box[3], b.box[1] - text[3]))
    apart = far > _APART * max(near, text[2] - text[0])  # another label's bar
    return beside and level and alike and not apart


def _split(a: BarCandidate, b: BarCandidate, text: FloatBox, n_characters: int) -> BarCandidate | None:
    """Two mirrored lines close to the text as one bar, or None."""
    ty0, tx0, ty1, tx1 = text
    high = ty1 - ty0
    # the reader's box may take in parts of the line, so the text's own width is what its characters need
    width = 0.6 * high * n_characters
    close = 0.4 * width <= b.box[1] - a.box[3] <= max(2.2 * width + high, 1.8 * (tx1 - tx0))
    centred = abs((a.box[1] + b.box[3]) - (tx0 + tx1)) <= max(2.0 * high, 12)
    even = min(a.thickness_px, b.thickness_px) <= _THIN_PX and abs(a.length_px - b.length_px) <= _EVEN_PX
    if not (close and centred and abs(a.tone - b.tone) < (_UNLIKE if even else _ALIKE)):
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


def _is_ground_between(c: BarCandidate, upper: BarCandidate, lower: BarCandidate) -> bool:
    """Whether a candidate is what shows between the two long sides of an outline: no further from their tone than the ground is."""
    between = upper.rows[1] - 1 <= c.rows[0] and c.rows[1] <= lower.rows[0] + 1
    return between and c.bright != upper.bright and c.contrast <= _OF_RIM * max(upper.contrast, lower.contrast)


def _is_core(inner: BarCandidate, outer: BarCandidate) -> bool:
    """Whether a candidate is the inside of another, which stands out from the ground more than it from that one."""
    if inner.bright == outer.bright or inner.contrast >= outer.contrast:
        return False
    rows = outer.rows[0] < inner.rows[0] and inner.rows[1] < outer.rows[1]
    return rows and outer.box[1] < inner.box[1] and inner.box[3] < outer.box[3]


def _has_within(bar: BarCandidate, text: FloatBox) -> bool:
    """Whether a candidate holds the middle of the text."""
    y, x = 0.5 * (text[0] + text[2]), 0.5 * (text[1] + text[3])
    return bar.box[0] <= y < bar.box[2] and bar.box[1] <= x < bar.box[3]


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
