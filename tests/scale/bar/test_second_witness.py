"""The second witness: what letters spell column by column, and what becomes of a reading that it confirms or contradicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.protocols import TextLine
from nanogauge.detection.engines import make_letter_reader
from nanogauge.scale.bar import read_scale_bar
from nanogauge.scale.bar.labels import confirmed
from nanogauge.scale.bar.text import LengthText
from nanogauge.scale.bar.witness import Spelt, Witness, spelt, witness_of
from nanogauge.training.synthetic.annotate import draw_scale_bar
from nanogauge.training.synthetic.marks import FONTS, finished, text_width, write

Grey = NDArray[np.uint8]
ALPHABET = ".0123456789nmµÅ"


class Spells:
    """A letter reader that sees what it is told to: characters, each in two columns with a blank behind it, from column `first` on;
    faint: a character in whose columns it is as likely as not that there is none."""

    alphabet = ALPHABET

    def __init__(self, text: str, *, first: int = 10, share: float = 0.97, faint: str = "") -> None:
        self.text, self.first, self.share, self.faint = text, first, share, faint

    def columns(self, line: Grey) -> NDArray[np.float32]:
        out = np.zeros((line.shape[1] // 2, len(ALPHABET) + 2), np.float32)
        out[:, 0] = 1
        at = self.first
        for c in self.text:
            if c != " ":
                k = ALPHABET.find(c) + 1 or len(ALPHABET) + 1
                share = 0.4 if c == self.faint else self.share
                out[at : at + 2, k], out[at : at + 2, 0] = share, 1 - share
            at += 12 if c == " " else 3
        return out


def label_of(text: str, box: tuple[float, float, float, float] = (20, 40, 52, 140)) -> LengthText:
    number, unit = text.split()
    value = float(number) * {"nm": 1.0, "µm": 1e3, "mm": 1e6}[unit]
    return LengthText(value, text, text, box, 0.95, True)


@pytest.mark.parametrize(("text", "number", "unit"), [
    ("0.2µm", "0.2", "µm"), (".4µm", ".4", "µm"), ("200nm", "200", "nm"), ("100.µm", "100.", "µm"), ("5 nm", "5", "nm"),
])  # fmt: skip
def test_neighbouring_columns_of_a_letter_are_one_letter(text: str, number: str, unit: str) -> None:
    seen = spelt(np.zeros((72, 200), np.uint8), (20, 40, 52, 140), Spells(text, first=26))
    assert seen is not None
    assert (seen.number, seen.unit) == (number, unit)
    assert seen.confidence == pytest.approx(0.97, abs=0.01)


def test_a_word_before_the_number_is_none_of_it() -> None:
    seen = spelt(np.zeros((72, 260), np.uint8), (20, 60, 52, 160), Spells("50 2µm", first=16))
    assert seen is not None
    assert seen.number == "2"


@pytest.mark.parametrize("text", ["200", "nm", "WDmm", ""])
def test_what_is_no_length_is_none(text: str) -> None:
    assert spelt(np.zeros((72, 200), np.uint8), (20, 40, 52, 140), Spells(text, first=26)) is None


def test_a_point_that_may_be_there_makes_it_unsure() -> None:
    seen = spelt(np.zeros((72, 200), np.uint8), (20, 40, 52, 140), Spells("0.2µm", first=26, faint="."))
    assert seen is not None
    assert seen.number == "02"
    assert seen.confidence == pytest.approx(0.6, abs=0.02)


def test_two_sure_looks_are_enough_and_one_of_three_speaks_against_nothing() -> None:
    label = label_of("2 µm")
    same, other, faint = Spelt("2", "µm", 0.97), Spelt("0.2", "µm", 0.97), Spelt("0.2", "µm", 0.3)
    assert Witness((same, same)).surely_says(label)
    assert not Witness((same, other, same)).surely_says(label)
    assert Witness((same, other, same)).objection(label) is None
    assert Witness((other, other, same)).objection(label) == other
    assert Witness((faint, faint, faint)).objection(label) is None
    assert not Witness().surely_says(label)
    assert witness_of(np.zeros((72, 200), np.uint8), label, None) == Witness()


@pytest.mark.parametrize(("number", "unit", "confidence", "counts"), [
    ("0.2", "µm", 0.6, True), ("12", "µm", 0.6, True), ("2.5", "µm", 0.6, True),  # a reader dropped it
    (".2", "µm", 0.6, False), (".2", "µm", 0.95, True), ("3", "µm", 0.6, False), ("3", "µm", 0.95, True),
    ("2", "mm", 0.7, False), ("2", "mm", 0.95, True),
    (".200", "µm", 0.95, False), ("230", "µm", 0.95, False), ("2", "µm", 0.95, False),
])  # fmt: skip
def test_what_has_more_counts_sooner_than_what_differs_and_what_no_bar_bears_never(
    number: str, unit: str, confidence: float, counts: bool
) -> None:
    other = Spelt(number, unit, confidence)
    assert (Witness((other, other)).objection(label_of("2 µm")) is not None) is counts


class Says:
    """A text reader that reads every line as the same."""

    name = "says"

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, pixels: Grey) -> list[TextLine]:
        return []

    def read_line(self, pixels: Grey) -> tuple[str, float]:
        return self.text, 0.97


def surely(text: str) -> Witness:
    number, unit = text.split()
    return Witness((Spelt(number, unit, 0.98), Spelt(number, unit, 0.96)))


def test_it_decides_between_two_readings() -> None:
    pixels, label = np.full((80, 200), 90, np.uint8), label_of("3 mm")
    undecided = confirmed(pixels, label, [], Says("3 nm"))
    decided = confirmed(pixels, label, [], Says("3 nm"), witness=surely("3 nm"))
    assert undecided.doubt
    assert (decided.text, decided.doubt) == ("3 nm", "")


def test_no_bar_is_in_mm_whose_letters_are_those_of_nm() -> None:
    """Read as mm only; its two letters are not equally wide, and spelt it is nm."""
    pixels, label = np.full((80, 200), 90, np.uint8), label_of("3 mm")
    assert confirmed(pixels, label, [], Says("3 mm"), witness=surely("3 mm")).text == "3 mm"
    assert confirmed(pixels, label, [], Says("3 mm")).doubt
    seen = confirmed(pixels, label, [], Says("3 mm"), witness=surely("3 nm"))
    assert (seen.text, seen.value_nm, seen.doubt) == ("3 nm", 3.0, "")


def test_it_decides_not_whether_a_tail_makes_a_micro() -> None:
    pixels, label = np.full((80, 200), 90, np.uint8), label_of("50 µm")
    assert confirmed(pixels, label, [], Says("50 nm"), witness=surely("50 nm")).doubt


def drawn(
    text: str, font: Path, font_px: int, *, ink: float = 255.0, ground: float = 90.0, noise: float = 0.0
) -> tuple[Grey, LengthText]:
    """A picture with a text in it, and its box as the text reader has it."""
    canvas = np.full((3 * font_px, int(text_width(text, font_px, font)) + 4 * font_px), ground, np.float32)
    canvas += np.random.default_rng(font_px).normal(0, noise, canvas.shape) if noise else 0
    y0, x0, y1, x1 = write(canvas, text, font_px, 2 * font_px, font_px, ink, font)
    margin = 0.25 * (y1 - y0)  # the reader leaves room for tails
    number, unit = text.replace(",", ".").split()
    box = (y0 - margin, x0 - margin, y1 + margin, x1 + margin)
    return finished(canvas), label_of(f"{number} {unit.replace('um', 'µm')}", box)


TEXTS = ("0.2 µm", ".4 µm", "50,0 µm", "1.5 nm", "20 nm", "200 nm", "5 µm", "2.5 um", "100 nm", "500 nm")


@pytest.mark.parametrize("font_px", [13, 18, 26, 40])
def test_the_shipped_network_reads_what_is_drawn(font_px: int) -> None:
    reader, read, n = make_letter_reader(n_threads=1), 0, 0
    for font in FONTS:
        for text in TEXTS:
            for ink, noise in ((255.0, 0.0), (0.0, 6.0)):
                pixels, label = drawn(text, font, font_px, ink=ink, noise=noise)
                seen = witness_of(pixels, label, reader)
                n += 1
                read += seen.surely_says(label)
                assert seen.objection(label) is None, (text, font.name, seen)
    assert read >= 0.9 * n


def test_the_shipped_network_misses_a_point_in_no_drawn_label() -> None:
    """What the text reader reads without its point, or without what stands before it, is contradicted."""
    reader, caught, n = make_letter_reader(n_threads=1), 0, 0
    for font in FONTS:
        for text, misread in (
            ("0.2 µm", "2 µm"),
            (".4 µm", "4 µm"),
            ("50,0 µm", "500 µm"),
            ("2.5 nm", "25 nm"),
            ("1.0 µm", "10 µm"),
        ):
            for font_px in (14, 20, 32):
                pixels, label = drawn(text, font, font_px)
                cut = 0.8 * font_px if text == "0.2 µm" else 0.0  # its box begins at the 2
                y0, x0, y1, x1 = label.box
                seen = witness_of(pixels, label_of(misread, (y0, x0 + cut, y1, x1)), reader)
                n += 1
                caught += seen.objection(label_of(misread)) is not None
    assert caught >= 0.97 * n


def test_a_lost_point_refuses_the_reading(ground: Grey, rng: np.random.Generator) -> None:
    pixels, truth = draw_scale_bar(ground, nm_per_px=2.0, value_nm=200.0, rng=rng, tone=255.0, text="0.2 µm")
    y0, x0, y1, x1 = truth.label_box

    class Drops(Says):
        def read(self, pixels: Grey) -> list[TextLine]:
            return [TextLine("2 µm", 0.98, (y0 - 3.0, x0 - 3.0, y1 + 3.0, x1 + 3.0))]

    alone = read_scale_bar(pixels, Drops("2 µm"))
    witnessed = read_scale_bar(pixels, Drops("2 µm"), letters=make_letter_reader(n_threads=1))
    assert alone is not None
    assert witnessed is not None
    assert witnessed.scale is None
    assert "0.2 µm" in (witnessed.refused or "") or "point" in (witnessed.refused or "")
