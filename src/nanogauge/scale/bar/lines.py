"""Reads the text that matters, in little time: a coarse look at the whole picture, a close look where a label is or can be."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.protocols import BarLocator, LetterReader, TextLine, TextReader
from .boxes import Box, shared
from .edges import bar_like
from .located import Located, located_in
from .text import parse_lengths

_COARSE_PX2 = 140_000  # of the coarse look: text of 8 px and more in a picture of 440 x 320 px
_SMALL_PX2 = 190_000  # a picture as small as this is read as it is
_REST_PX2 = 80_000  # of it, where the data bar said what there is to know
_CLOSE_HEIGHT_PX = 800.0  # pictures as high as this have text of the height that is read best
_MOST_CLOSE_PX2 = 130_000  # of one close look
_MOST_BAR_PX2 = 80_000  # of one close look at a bar
_MOST_LOW_PX2 = 130_000  # of the look at the lowest part
_INK, _LEAST_INKED = 50, 0.08  # grey levels off the ground; of a row through letters
_MOST_CLOSE = 4  # close looks at text
_LEAST_LABEL = 0.4  # confidence of a located label that is looked at
_BEST_TEXT_PX = 32.0  # height at which text is read best
_MOST_BARS = 2  # close looks at bars without text
_UNIT = re.compile(r"\d|[nuµμpNU]\s?[mM]|Å")


@dataclass
class Sight:
    """Lines of text in an (H, W) uint8 picture, as far as they have been looked for.

    `look` finds what stands out; `look_at_bars` goes on where something may be a bar and nothing was found at it; `look_below`
    is the last resort.
    """

    pixels: NDArray[np.uint8]
    reader: TextReader
    locator: BarLocator | None = None
    letters: LetterReader | None = None
    lines: list[TextLine] = field(default_factory=list)
    coarse: list[TextLine] = field(default_factory=list)  # of the coarse look: a second opinion
    seen: list[Box] = field(default_factory=list)  # what was looked at closely

    @cached_property
    def bars(self) -> list[Box]:
        """What may be a bar, the likeliest first."""
        return bar_like(self.pixels, most=3 * _MOST_BARS)

    @cached_property
    def located(self) -> Located:
        """What the locator sees; nothing where there is none."""
        return located_in(self.pixels, self.locator) if self.locator is not None else Located()

    def look(self, strip: Box | None = None) -> None:
        """Closely the data bar `strip`, coarsely the rest of the picture, and closely again what may be a length there."""
        height, width = self.pixels.shape
        if self.pixels.size <= _SMALL_PX2:
            self.lines = self.coarse = _read(self.pixels, (0, 0, height, width), 1.0, self.reader)
            return
        rest: Box = (0, 0, height, width)
        if strip is not None and strip[2] - strip[0] >= 12:
            is_whole = self._closely(strip, 1.0 if strip[2] - strip[0] > 50 else 1.6)
            if is_whole:  # else it is a plate, or a part of one
                rest = (0, 0, strip[0], width) if strip[0] >= height - strip[2] else (strip[2], 0, height, width)
        known = any(parse_lengths(line) for line in self.lines)
        area = (rest[2] - rest[0]) * width
        factor = min(1.0, ((_REST_PX2 if known else _COARSE_PX2) / max(area, 1)) ** 0.5)
        self.coarse = _read(self.pixels, rest, factor, self.reader)
        self.lines += self.coarse
        lengths = [line for line in self.coarse if parse_lengths(line)]
        wanted = lengths or [line for line in self.coarse if _UNIT.search(line.text) and not known]
        bars = self.bars if len(wanted) > 1 else []
        wanted.sort(key=lambda line: (not any(_near(line, bar) for bar in bars), -line.box[2], -line.confidence))
        for line in [w for w in wanted if not self._seen(w.box)][:_MOST_CLOSE]:
            y0, x0, y1, x1 = line.box
            high = y1 - y0
            region = _inside((y0 - 0.7 * high, x0 - 1.8 * high, y1 + 0.7 * high, x1 + 3.5 * high), self.pixels.shape)
            self._closely(region, float(np.clip(_CLOSE_HEIGHT_PX / height, 0.7, 1.6)))
            if not lengths and any(parse_lengths(new) and _near(new, bar) for new in self.lines for bar in bars):
                break  # found what the coarse look could not make out

    def look_at_labels(self) -> bool:
        """Closely at what the locator takes for labels; whether there was any that had not been seen."""
        n = 0
        for label in self.located.labels[:_MOST_CLOSE]:
            y0, x0, y1, x1 = label.box
            high = y1 - y0
            region = _inside((y0 - 0.6 * high, x0 - 0.8 * high, y1 + 0.6 * high, x1 + 0.8 * high), self.pixels.shape)
            if label.confidence < _LEAST_LABEL or self._seen(region):
                continue
            n += 1
            self._closely(region, float(np.clip(_BEST_TEXT_PX / max(high, 1), 0.6, 3.0)))
        return n > 0

    def look_at_bars(self) -> bool:
        """Closely around what may be a bar; whether there was any such place that had not been seen."""
        height, width = self.pixels.shape
        up, aside = float(np.clip(0.085 * height, 34, 120)), 0.16 * width
        n = 0
        for y0, x0, y1, x1 in self.bars:
            beside = aside if x1 - x0 < 0.3 * width else 0.4 * aside
            region = _inside((y0 - up, x0 - beside, y1 + up, x1 + beside), self.pixels.shape)
            if n >= _MOST_BARS or self._seen(region):
                continue
            n += 1
            self._closely(region, 2.0 if height <= 1100 else 1.0, most_px2=_MOST_BAR_PX2)
        return n > 0

    def look_below(self) -> bool:
        """Closely at the lowest part of the picture, where nine in ten bars are, unless a length is known: the last resort."""
        height, width = self.pixels.shape
        if any(parse_lengths(line) for line in self.lines):
            return False
        self._closely((int(0.8 * height), 0, height, width), 1.6, most_px2=_MOST_LOW_PX2)
        return True

    def _closely(self, region: Box, factor: float, *, most_px2: int = _MOST_CLOSE_PX2) -> bool:
        """Reads a region at its own resolution times `factor`; what is found there replaces what the coarse look saw. Whether no
        text goes through its upper or lower side."""
        area = (region[2] - region[0]) * (region[3] - region[1])
        if area < 64:
            return True
        factor = min(factor, max((most_px2 / area) ** 0.5, 0.5))
        width = self.pixels.shape[1]
        read = _read(self.pixels, region, factor, self.reader)
        whole = [line for line in read if not _halved(self.pixels, line.box, region)]
        found = [line for line in whole if not _cut(line.box, region, width)]
        self.seen.append(region)
        kept = []
        for old in self.lines:
            over = [new for new in found if _same(old.box, new.box)]
            if not over:
                kept.append(old)
            elif parse_lengths(old) and not any(parse_lengths(new) for new in over):  # the first look read better
                kept.append(old)
                found = [new for new in found if new not in over]
        self.lines = kept + found
        return len(whole) == len(read)

    def _seen(self, box: tuple[float, ...]) -> bool:
        """Whether most of a box has been looked at closely."""
        y0, x0, y1, x1 = box
        return any(
            (min(y1, s[2]) - max(y0, s[0])) > 0.8 * (y1 - y0) and (min(x1, s[3]) - max(x0, s[1])) > 0.8 * (x1 - x0)
            for s in self.seen
        )


def _read(pixels: NDArray[np.uint8], region: Box, factor: float, reader: TextReader) -> list[TextLine]:
    """Lines of a region read at `factor` times its resolution; boxes in px of the whole picture."""
    y0, x0, y1, x1 = region
    part = pixels[y0:y1, x0:x1]
    if factor != 1.0:
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        part = np.asarray(cv2.resize(part, None, fx=factor, fy=factor, interpolation=how), np.uint8)
    out = []
    for t in reader.read(part):
        a, b, c, d = (v / factor for v in t.box)
        out.append(TextLine(t.text, t.confidence, (a + y0, b + x0, c + y0, d + x0)))
    return out


def _near(line: TextLine, bar: Box) -> bool:
    """Whether a line stands within two of its heights of a bar's box."""
    y0, x0, y1, x1 = line.box
    reach = 2 * (y1 - y0)
    return bar[0] < y1 + reach and bar[2] > y0 - reach and bar[1] < x1 + 3 * reach and bar[3] > x0 - 3 * reach


def _inside(box: tuple[float, float, float, float], shape: tuple[int, ...]) -> Box:
    return (max(int(box[0]), 0), max(int(box[1]), 0), min(int(box[2]) + 1, shape[0]), min(int(box[3]) + 1, shape[1]))


def _same(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two boxes overlap by more than a third of the smaller."""
    height, width = shared(a, b)
    least = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return height > 0 and width > 0 and height * width > 0.33 * least


def _halved(pixels: NDArray[np.uint8], box: tuple[float, ...], region: Box) -> bool:
    """Whether letters of a line go through the upper or lower side of the region it was read in, so that half of them was seen."""
    rows = [region[0]] * (region[0] > 0 and box[0] <= region[0] + 1)
    rows += [region[2] - 1] * (region[2] < pixels.shape[0] and box[2] >= region[2] - 1)
    for row in rows:
        part = pixels[row, int(box[1]) : int(box[3]) + 1].astype(np.int16)
        inked = float((np.abs(part - np.median(part)) > _INK).mean()) if part.size else 0.0
        if inked > _LEAST_INKED:
            return True
    return False


def _cut(box: tuple[float, ...], region: Box, width: int) -> bool:
    """Whether a line runs into a side of the region that is no side of the picture, so that it goes on beyond."""
    return (box[1] <= region[1] + 1 and region[1] > 0) or (box[3] >= region[3] - 1 and region[3] < width)
