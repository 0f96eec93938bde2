"""A second witness of a label: a network that reads its letters one by one, and knows neither the words nor the boxes of the text
reader. It sees each digit and each point where it stands, so that a point which the reader drops is there."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import groupby

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.protocols import LetterReader
from .boxes import FloatBox
from .text import LengthText, is_common

_HEIGHT_PX, _COLUMN_PX = 32, 2  # of the line that the network is given; of a column of what it gives
_BEFORE, _BEHIND = 1.4, 0.9  # of the label's height, what is looked at left and right of it
_LENGTH = re.compile(r"(?P<number>\d*\.\d+|\d+\.?)(?P<gap> ?)(?P<unit>nm|µm|mm|Å)")
_WORD = 0.65  # of the label's height: a wider gap parts two words
_HEIGHTS = (1.1, 0.95, 1.25)  # of the label's box, what is looked at
_SURE, _CLEAR = 0.9, 0.5  # confidence of a look that is trusted, and of one that speaks against a reading
_REACH = 5  # columns before a number in which a point or a digit may be missed


@dataclass(frozen=True, slots=True)
class Spelt:
    """A length as its letters spell it: number, "0.2", and unit, "µm"; confidence: of the least sure of its letters, or of there
    being no other, 0 to 1."""

    number: str
    unit: str
    confidence: float

    def says(self, label: LengthText) -> bool:
        """Whether it is the length of a label."""
        number, unit = label.text.split()
        return self.unit == unit and math.isclose(float(self.number), float(number))

    def is_plausible(self) -> bool:
        """Whether a bar may bear it: grain before a number is taken for a digit or a point, "530" or ".300" for "30" and "300"."""
        return is_common(float(self.number)) and not (self.number.startswith(".") and self.number.endswith("0"))

    def has_more_than(self, label: LengthText) -> bool:
        """Whether it is a label with digits, or a point between them, that the label lacks: readers drop what they do not expect. A
        point before the first digit may be a part of that, as the foot of a 2 is."""
        number, unit = label.text.split()
        rest = iter(self.number)
        return self.unit == unit and self.number not in (number, f".{number}") and all(c in rest for c in number)

    def __str__(self) -> str:
        return f"{self.number} {self.unit}"


@dataclass(frozen=True, slots=True)
class Witness:
    """What the witness makes of a label, looked at several times; without any where there is no witness."""

    looks: tuple[Spelt | None, ...] = ()

    def surely_says(self, label: LengthText) -> bool:
        """Whether every look is the length of a label, and sure of it."""
        return bool(self.looks) and all(s is not None and s.confidence >= _SURE and s.says(label) for s in self.looks)

    def objection(self, label: LengthText) -> Spelt | None:
        """Another length than a label's that a bar may bear; None where there is none. Where it has more than the label, two looks
        at it are enough, if most that are at all sure have it; what only differs must be surely spelt by every look."""
        clear = [s for s in self.looks if s is not None and s.confidence >= _CLEAR]
        others = [s for s in clear if not s.says(label) and s.is_plausible()]
        twice = [s for s in others if sum(str(s) == str(o) for o in others) > 1]
        if not twice or 2 * len(others) <= len(clear):
            return None
        best = max(twice, key=lambda s: s.confidence)
        in_all = all(s is not None and str(s) == str(best) and s.confidence >= _SURE for s in self.looks)
        return best if best.has_more_than(label) or in_all else None


def witness_of(pixels: NDArray[np.uint8], label: LengthText, reader: LetterReader | None) -> Witness:
    """The label in an (H, W) uint8 picture looked at twice, and a third time where the two differ or are not sure."""
    if reader is None:
        return Witness()
    looks = tuple(spelt(pixels, label.box, reader, height=h) for h in _HEIGHTS[:2])
    if not Witness(looks).surely_says(label):
        looks += tuple(spelt(pixels, label.box, reader, height=h) for h in _HEIGHTS[2:])
    return Witness(looks)


@dataclass(frozen=True, slots=True)
class _Letter:
    """character: "?" for one that is none of the alphabet; share: its probability; first, last: its columns."""

    character: str
    share: float
    first: int
    last: int

    @property
    def middle(self) -> float:
        return 0.5 * (self.first + self.last)


def spelt(pixels: NDArray[np.uint8], box: FloatBox, reader: LetterReader, *, height: float = 1.0) -> Spelt | None:
    """The length that the letters in a label's box (y0, x0, y1, x1) px spell, of an (H, W) uint8 picture; None where they spell
    none.

    height: of the box's, what is looked at: another makes another reading
    """
    line, first_px, px_a_column = _line(pixels, box, height)
    if line is None:
        return None
    shares = reader.columns(line)
    letters = _letters(shares, reader.alphabet)
    within = ((box[1] - first_px) / px_a_column, (box[3] - first_px) / px_a_column)  # columns
    spaced = _spaced(letters, _WORD * (box[2] - box[0]) / px_a_column)
    text = "".join(c.character for c in spaced)
    found = [([c for c in spaced[m.start() : m.end()] if c.character != " "], m) for m in _LENGTH.finditer(text)]
    here = [(run, m) for run, m in found if within[0] < run[len(m["number"]) - 1].middle < within[1]]
    if not here:
        return None
    run, match = max(here, key=lambda f: min(f[0][-1].last, within[1]) - max(f[0][0].first, within[0]))
    missed = _missed(shares, letters, run, len(match["number"]))
    return Spelt(match["number"], match["unit"], min(min(c.share for c in run), 1 - missed))


def _line(pixels: NDArray[np.uint8], box: FloatBox, height: float) -> tuple[NDArray[np.uint8] | None, float, float]:
    """What the network is given of a label: 32 px high; where its first column begins, and the width of a column, px."""
    y0, x0, y1, x1 = box
    high, middle = height * (y1 - y0), 0.5 * (y0 + y1)
    a, b = max(round(middle - 0.5 * high), 0), min(round(middle + 0.5 * high), pixels.shape[0])
    c, d = max(round(x0 - _BEFORE * (y1 - y0)), 0), min(round(x1 + _BEHIND * (y1 - y0)), pixels.shape[1])
    if b - a < 4 or d - c < 4:
        return None, 0.0, 1.0
    part = pixels[a:b, c:d]
    wide = max(round(part.shape[1] * _HEIGHT_PX / part.shape[0]), 2)
    how = cv2.INTER_AREA if part.shape[0] > _HEIGHT_PX else cv2.INTER_CUBIC
    line = np.asarray(cv2.resize(part, (wide, _HEIGHT_PX), interpolation=how), np.uint8)
    return line, float(c), _COLUMN_PX * part.shape[1] / wide


def _letters(shares: NDArray[np.float32], alphabet: str) -> list[_Letter]:
    """The letters in a line, from left to right: neighbouring columns of one letter are one."""
    characters, out, at = f" {alphabet}?", [], 0
    for k, columns in groupby(shares.argmax(axis=1).tolist()):
        n = len(list(columns))
        if characters[k] != " ":
            out.append(_Letter(characters[k], float(shares[at : at + n, k].max()), at, at + n - 1))
        at += n
    return out


def _spaced(letters: list[_Letter], widest: float) -> list[_Letter]:
    """The letters with a blank where a gap is wider than so many columns."""
    out: list[_Letter] = []
    for c in letters:
        if out and c.first - out[-1].last - 1 > widest:
            out.append(_Letter(" ", 1.0, out[-1].last + 1, c.first - 1))
        out.append(c)
    return out


def _missed(shares: NDArray[np.float32], letters: list[_Letter], run: list[_Letter], n_number: int) -> float:
    """How likely a point or a digit is in the columns before, between or behind those of a number in which none was read."""
    owner = np.full(len(shares), -1)
    for k, c in enumerate(letters):
        owner[c.first : c.last + 1] = k
    best = shares.argmax(axis=1)
    first, last = run[0].first - _REACH, run[min(n_number, len(run) - 1)].first
    worst = 0.0
    for k in range(max(first, 0), last):
        if owner[k] >= 0:
            continue
        likely = shares[k, 1:-1].copy()
        for near in (k - 1, k + 1, k - 2, k + 2):  # a letter goes over into its neighbours
            if 0 <= near < len(best) and best[near] > 0 and best[near] <= len(likely):
                likely[best[near] - 1] = 0
        worst = max(worst, float(likely.max()))
    return worst
