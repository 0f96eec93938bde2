"""Finds straight horizontal bars in pixels: plain, boxed, with end ticks, hollow, split by their text, and rulers of ticks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from .boxes import Box, shared

Kind = Literal["solid", "ticks", "arrows", "split", "hollow", "ruler"]

_BRIGHT_LEVELS = (45, 70, 95, 120, 145, 170, 195, 215, 232, 246)
_DARK_LEVELS = (6, 18, 34, 55, 80, 105, 130, 155, 180, 205)
_LEAST_LENGTH_PX = 12
_MOST_THICK_PX, _MOST_THICK = 48, 0.036  # of the picture's height, in larger ones
_LEAST_CONTRAST = 22.0  # grey levels
_CLEAR_STEP = 60.0  # grey levels
_STEADY, _STEADY_STEP = 3.0, 32.0  # grey levels of spread along what has one tone; of a step that is clear there
_TIP_PX = 14  # of an arrow, beyond its line
_REACH_PX = 40  # how far end decorations are followed


@dataclass(frozen=True, slots=True)
class BarCandidate:
    """Something that looks like a bar.

    box: (y0, x0, y1, x1) px, half-open, end ticks included; rows: (y0, y1) of the line alone; bright: lighter than around;
    contrast: grey levels between bar and surround; quality: 0 to 1, how clean its sides are; level_offset: how far from half the
    contrast its threshold was, 0 to 1; n_levels: thresholds it was found at; piece_px: length of one half of a split bar;
    tone: grey level of the line; stroke_px: thickness of an outline
    """

    kind: Kind
    box: Box
    rows: tuple[int, int]
    bright: bool
    contrast: float
    quality: float
    level_offset: float = 0.0
    n_levels: int = 1
    piece_px: int = 0
    tone: float = 0.0
    stroke_px: int = 0

    @property
    def length_px(self) -> int:
        """Whole columns from end to end."""
        return self.box[3] - self.box[1]

    @property
    def thickness_px(self) -> int:
        """Rows of the line alone."""
        return self.rows[1] - self.rows[0]


def find_bars(
    pixels: NDArray[np.uint8],
    region: Box | None = None,
    *,
    columns: tuple[float, float] | None = None,
    least_length_px: int = _LEAST_LENGTH_PX,
    shortest_px: int = _LEAST_LENGTH_PX,
) -> list[BarCandidate]:
    """Bar candidates in an (H, W) uint8 picture, or in a region of it, the cleanest first; boxes in px of the whole picture.

    columns: px; only bars that reach into them. least_length_px: shorter ones are left out; shortest_px: of what may be a bar
    at all
    """
    y0, x0, y1, x1 = region or (0, 0, *pixels.shape)
    part = pixels[y0:y1, x0:x1]
    left, right = (columns[0] - x0, columns[1] - x0) if columns else (0.0, float(part.shape[1]))
    if min(part.shape) < 3 or part.shape[1] < _LEAST_LENGTH_PX:
        return []
    found: list[BarCandidate] = []
    most_thick_px = thickest_px(len(pixels))
    for bright, levels in ((True, _BRIGHT_LEVELS), (False, _DARK_LEVELS)):
        seen: dict[Box, _Line | None] = {}  # most bars are found at many levels
        trimmed: dict[tuple[int, ...], Box | None] = {}
        strokes = _long_strokes(part, max(least_length_px, shortest_px), bright=bright)
        for level in levels:
            mask = (part >= level if bright else part <= level).astype(np.uint8)
            long = (strokes >= level if bright else strokes <= level).astype(np.uint8)
            for box in _runs(long, left, right, most_thick_px, shortest_px, trimmed):
                if box not in seen:
                    seen[box] = _line(part, box, bright)
                line = seen[box]
                decorated = _decorations(mask, box) if line is not None else None
                if line is not None and decorated is not None:
                    offset = min(1.0, abs(line.level - 0.5 * line.contrast - (level if bright else -level)) / (0.5 * line.contrast))
                    rows, tone = (box[0], box[2]), abs(line.level)
                    found.append(BarCandidate(*decorated, rows, bright, line.contrast, line.quality, offset, tone=tone))
    merged = _merge(found)
    return [_moved(c, y0, x0) for c in merged]


def components(mask: NDArray[np.uint8], *, diagonal: bool) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]:
    """Connected components of an (H, W) mask: labels (H, W), 0 = background; a row (y0, x0, y1, x1, area) for each label; x of
    its centre."""
    if mask.size == 0:  # OpenCV takes the process down with it
        return np.zeros(mask.shape, np.int32), np.zeros((0, 5), np.int64), np.zeros(0)
    _, labels, stats, centres = cv2.connectedComponentsWithStatsWithAlgorithm(
        mask, 8 if diagonal else 4, cv2.CV_32S, cv2.CCL_SPAGHETTI
    )
    x, y, w, h, area = stats[1:].T
    boxes = np.column_stack([y, x, y + h, x + w, area]).astype(np.int64)
    return np.asarray(labels, np.int32), boxes, np.asarray(centres[1:, 0], np.float64)


def thickest_px(height_px: int) -> int:
    """How thick a bar may be in a picture of this height."""
    return max(_MOST_THICK_PX, round(_MOST_THICK * height_px))


def _long_strokes(part: NDArray[np.uint8], least_length_px: int, *, bright: bool) -> NDArray[np.uint8]:
    """What an opening with a short horizontal line leaves of the bright, a closing of the dark: at any threshold, its mask is that
    of the picture, opened."""
    line = np.ones((1, least_length_px | 1), np.uint8)  # odd: an even one would shift what it leaves by a pixel
    how, beyond = (cv2.MORPH_OPEN, 0) if bright else (cv2.MORPH_CLOSE, 255)
    return np.asarray(cv2.morphologyEx(part, how, line, borderType=cv2.BORDER_CONSTANT, borderValue=beyond), np.uint8)


def _runs(
    opened: NDArray[np.uint8],
    left: float,
    right: float,
    most_thick_px: int,
    shortest_px: int,
    trimmed: dict[tuple[int, ...], Box | None],
) -> list[Box]:
    """Boxes of the long horizontal strokes of a mask, already opened, that reach into columns left to right. trimmed: by box and
    area what was found at other thresholds: one mask lies in the other, so that what has the same box and area is the same."""
    dx, dy, wide, high = cv2.boundingRect(opened)  # often little is left, and labelling takes the time
    if wide == 0:
        return []
    labels, found, _ = components(opened[dy : dy + high, dx : dx + wide], diagonal=False)
    y0, x0, y1, x1, area = found.T
    w, h = x1 - x0, y1 - y0
    fits = (w >= np.maximum(shortest_px, 1.8 * h)) & (h <= most_thick_px) & (area >= 0.5 * w * h)
    boxes: list[Box] = []
    for i in np.flatnonzero(fits & (x1 + dx > left) & (x0 + dx < right)).tolist():
        a, b, c, d, size = found[i].tolist()
        key = (a + dy, b + dx, c + dy, d + dx, size)
        if key not in trimmed:
            trimmed[key] = _trim(labels[a:c, b:d] == i + 1, shortest_px)
        if (box := trimmed[key]) is not None:
            boxes.append((a + box[0] + dy, b + box[1] + dx, a + box[2] + dy, b + box[3] + dx))
    return boxes


def _trim(part: NDArray[np.bool_], shortest_px: int) -> Box | None:
    """The rectangle that most rows and columns of a component agree on; None where there is none."""
    rows = part.mean(axis=1)
    keep = np.flatnonzero(rows >= 0.75 * rows.max())
    y0, y1 = int(keep[0]), int(keep[-1]) + 1
    if (rows[y0:y1] < 0.6 * rows.max()).any():
        return None
    columns = np.flatnonzero(part[y0:y1].mean(axis=0) >= 0.5)
    if not columns.size:
        return None
    x0, x1 = int(columns[0]), int(columns[-1]) + 1
    if x1 - x0 < max(shortest_px, 1.8 * (y1 - y0)) or part[y0:y1, x0:x1].mean() < 0.88:
        return None
    return y0, x0, y1, x1


@dataclass(frozen=True, slots=True)
class _Line:
    """Signed grey level of a line, its contrast in grey levels, and how clean it is, 0 to 1."""

    level: float
    contrast: float
    quality: float


def _line(part: NDArray[np.uint8], box: Box, bright: bool) -> _Line | None:
    """What a line looks like against its sides; None where they are not clean."""
    y0, x0, y1, x1 = box
    sign = 1.0 if bright else -1.0
    core = part[y0:y1, x0:x1].astype(np.float32) * sign
    inside = _median(core) if y1 - y0 > 2 else core.max(axis=0)
    level = float(_median(inside))
    sides = _sides(part, box, sign)
    around = np.concatenate([s for s in sides[:2] if s is not None] or [np.array([level], np.float32)])
    contrast = level - float(_median(around))
    if contrast < _LEAST_CONTRAST:
        return None
    limits = []  # a bar may run along a particle nearly as bright: the step to each side is judged by that side
    for side in sides[:2]:
        own = level - float(_median(side)) if side is not None else contrast
        limits.append(level - 0.4 * (min(own, contrast) if own >= _CLEAR_STEP else contrast))
    limit = level - 0.4 * contrast
    if float(np.std(inside)) < _STEADY:  # drawn in one tone: it may run over particles nearly as bright
        limit = max(limit, level - _STEADY_STEP)
        limits = [max(own, limit) for own in limits]
    inner = slice((x1 - x0) // 8, max((x1 - x0) - (x1 - x0) // 8, 1))
    clean = [float((s[inner] < own).mean()) for s, own in zip(sides[:2], limits, strict=True) if s is not None]
    ends = [float((s < limit).mean()) for s in sides[2:] if s is not None]
    steady = float((np.abs(inside - level) < 0.35 * contrast).mean())
    if not clean or min(clean) < 0.7 or steady < 0.8 or (ends and min(ends) < 0.34):
        return None
    return _Line(level, contrast, float(np.mean(clean) * steady * (0.5 + 0.5 * np.mean(ends) if ends else 0.6)))


def _median(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median along the first axis; for small arrays several times as fast as NumPy's."""
    ordered, n = np.sort(values, axis=0), len(values)
    return np.asarray(0.5 * (ordered[(n - 1) // 2] + ordered[n // 2]), np.float32)


def _sides(part: NDArray[np.uint8], box: Box, sign: float) -> list[Any]:
    """Signed grey levels two px off each side: above, below, left, right; None beyond the frame."""
    y0, x0, y1, x1 = box
    height, width = part.shape
    above = part[max(y0 - 3, 0) : y0 - 1, x0:x1] if y0 >= 2 else None
    below = part[y1 + 1 : y1 + 3, x0:x1] if y1 + 1 < height else None
    left = part[y0:y1, max(x0 - 4, 0) : x0 - 1].T if x0 >= 2 else None
    right = part[y0:y1, x1 + 1 : x1 + 4].T if x1 + 1 < width else None
    return [None if s is None else (s.astype(np.float32) * sign).min(axis=0) for s in (above, below, left, right)]


def _decorations(mask: NDArray[np.uint8], box: Box) -> tuple[Kind, Box] | None:
    """What stands at the ends of a line: nothing (solid), upright strokes (ticks), heads that widen (arrows).

    None where both ends run on and on up or down: the side of a frame.
    """
    y0, x0, y1, x1 = box
    thick, length = y1 - y0, x1 - x0
    if thick > 12 or thick > 0.25 * length:
        return "solid", box
    reach = max(4, min(length // 5, 4 * thick + 4))
    ends = [_heights(mask, y0, y1, range(x0, x0 + reach)), _heights(mask, y0, y1, range(x1 - 1, x1 - 1 - reach, -1))]
    if all(e[:3].max() >= _REACH_PX for e in ends) and 0.25 * length < _REACH_PX:
        return None
    grown = (y0 - int(max(e[:, 0].max() for e in ends)), x0, y1 + int(max(e[:, 1].max() for e in ends)), x1)
    totals = [e.sum(axis=1) for e in ends]
    tallest = [int(t[:3].max()) for t in totals]
    even = abs(tallest[0] - tallest[1]) <= max(2, 0.35 * max(tallest))
    if (
        even
        and min(tallest) >= max(2, thick)
        and all((t[len(t) // 2 :] < 0.4 * h).all() for t, h in zip(totals, tallest, strict=True))
    ):
        return "ticks", grown
    if all(_is_head(e, thick) for e in ends):
        return "arrows", grown
    row = mask[(y0 + y1) // 2]  # the heads of a thick arrow are as good a rectangle as its line: its tips lie beyond
    left = int(np.argmin(np.append(row[max(x0 - _TIP_PX, 0) : x0][::-1], 0)))
    right = int(np.argmin(np.append(row[x1 : x1 + _TIP_PX], 0)))
    if min(left, right) >= 1 and max(left, right) < _TIP_PX:
        a, b = x0 - left, x1 + right
        reach += max(left, right) + thick
        ends = [
            _heights(mask, y0, y1, range(a, min(a + reach, mask.shape[1]))),
            _heights(mask, y0, y1, range(b - 1, max(b - 1 - reach, 0), -1)),
        ]
        if all(_is_head(e, thick) for e in ends):
            return "arrows", (y0 - int(max(e[:, 0].max() for e in ends)), a, y1 + int(max(e[:, 1].max() for e in ends)), b)
    return "solid", box


def _is_head(heights: NDArray[np.int64], thick: int) -> bool:
    """Whether columns from an end inwards show an arrow's head: pointed, then wide on both sides of the line, then the line."""
    total = heights.sum(axis=1)
    widest = int(total.argmax())
    lopsided = abs(int(heights[widest, 0]) - int(heights[widest, 1]))
    pointed = total[0] <= 0.6 * total[widest] and total[-1] <= 0.4 * total[widest]
    return bool(max(2, thick) <= total[widest] <= 6 * thick + 6 and widest >= 2 and pointed and lopsided <= 2 + total[widest] // 4)


def _heights(mask: NDArray[np.uint8], y0: int, y1: int, columns: range) -> NDArray[np.int64]:
    """Mask px joined to the line above and below it in each column, (n, 2), at most _REACH_PX."""
    these = list(columns)
    above, below = mask[max(y0 - _REACH_PX, 0) : y0, these][::-1], mask[y1 : y1 + _REACH_PX, these]
    return np.column_stack([np.cumprod(side, axis=0, dtype=np.int64).sum(axis=0) for side in (above, below)])


def _merge(found: list[BarCandidate]) -> list[BarCandidate]:
    """One candidate for each bar: of those that overlap, the cleanest found nearest to half the contrast; counts the levels."""
    order = sorted(found, key=lambda c: -c.quality * min(c.contrast, 120) * (1 - 0.5 * c.level_offset))
    kept: list[BarCandidate] = []
    for c in order:
        for i, k in enumerate(kept):
            if c.bright == k.bright and _same(c, k):
                kept[i] = replace(k, n_levels=k.n_levels + 1)
                break
        else:
            kept.append(c)
    return sorted(kept, key=lambda c: -c.quality)


def _same(a: BarCandidate, b: BarCandidate) -> bool:
    """Overlap of the lines in rows, and in columns by most of the shorter."""
    rows, columns = shared((a.rows[0], a.box[1], a.rows[1], a.box[3]), (b.rows[0], b.box[1], b.rows[1], b.box[3]))
    return rows > 0 and columns > 0.7 * min(a.length_px, b.length_px)


def _moved(c: BarCandidate, dy: int, dx: int) -> BarCandidate:
    y0, x0, y1, x1 = c.box
    return replace(c, box=(y0 + dy, x0 + dx, y1 + dy, x1 + dx), rows=(c.rows[0] + dy, c.rows[1] + dy))
