"""Labels read in the boxes of their letters, where the text reader took a bar into one box with them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.protocols import TextLine
from nanogauge.scale.bar import read_scale_bar
from nanogauge.scale.bar.labels import confirmed
from nanogauge.scale.bar.letters import otherwise_alone
from nanogauge.scale.bar.lines import Sight
from nanogauge.scale.bar.text import LengthText, parse_lengths

Grey = NDArray[np.uint8]
LINE = (300.0, 20.0, 322.0, 150.0)  # as the text reader has it: the bar's end ticks and the letters
LETTERS = (302, 80, 320, 150)
BAR = (303, 22, 319, 64)


class TakesInTheBar:
    """A text reader that reads one text in its line, and another in crops that are no wider than the letters with their margin."""

    name = "takes in the bar"

    def __init__(self, line: str, letters: str) -> None:
        self.line, self.letters = line, letters

    def read(self, pixels: Grey) -> list[TextLine]:
        return [TextLine(self.line, 0.9, LINE)]

    def read_line(self, pixels: Grey) -> tuple[str, float]:
        aspect = pixels.shape[1] / pixels.shape[0]
        return (self.letters if aspect < 4.6 else self.line), 0.98


class Sees:
    """A locator that sees letters, and a bar where it is told to."""

    def __init__(self, bar: tuple[int, int, int, int] | None) -> None:
        self.bar = bar

    def maps(self, pixels: Grey) -> tuple[NDArray[np.float32], float]:
        out = np.zeros((5, pixels.shape[0] // 2, pixels.shape[1] // 2), np.float32)
        for k, box in ((0, self.bar), (1, LETTERS)):
            if box is not None:
                y0, x0, y1, x1 = (v // 2 for v in box)
                out[k, y0:y1, x0:x1] = 0.95
        return out, 2.0


@pytest.fixture
def drawn(ground: Grey) -> Grey:
    """A bar of 40 px between end ticks, left of where the letters are."""
    ground[310:312, 22:64] = 255
    for x in (22, 62):
        ground[303:319, x : x + 2] = 255
    return ground


def test_an_end_tick_read_as_a_digit(drawn: Grey) -> None:
    reading = read_scale_bar(drawn, TakesInTheBar("2500 nm", "500 nm"), Sees(BAR))
    assert reading is not None
    assert (reading.value_nm, reading.refused) == (500, None)
    assert reading.length_px == pytest.approx(40, abs=0.5)
    assert reading.label_box is not None
    assert reading.label_box[1] > BAR[3]


def test_a_shorter_reading_counts_only_where_a_bar_was_taken_in(drawn: Grey) -> None:
    """Else the locator may have missed the first digit."""
    reading = read_scale_bar(drawn, TakesInTheBar("2500 nm", "500 nm"), Sees(None))
    assert reading is None or reading.value_nm != 500


def test_letters_that_read_otherwise_in_another_crop_settle_nothing(drawn: Grey) -> None:
    class Wavers(TakesInTheBar):
        def read_line(self, pixels: Grey) -> tuple[str, float]:
            return ("500 nm" if pixels.shape[0] == 48 else "600 nm"), 0.98

    reading = read_scale_bar(drawn, Wavers("2500 nm", "500 nm"), Sees(BAR))
    assert reading is None or reading.value_nm not in (500, 600)


def test_the_same_length_makes_room_for_its_bar(drawn: Grey) -> None:
    """Without the letters' box the bar would be a stroke of a letter."""
    reader = TakesInTheBar("250 nm", "250 nm")
    reading = read_scale_bar(drawn, reader, Sees(BAR))
    assert reading is not None
    assert reading.refused is None
    assert reading.nm_per_px == pytest.approx(250 / 40, rel=0.02)


@pytest.mark.parametrize("line", ["4500 nm", "|- 45OO n"])
def test_letters_count_where_their_line_says_no_length(drawn: Grey, line: str) -> None:
    """ "420 µm" for the end tick of a bar before "20 µm": no bar is that long, so nothing was read."""
    reading = read_scale_bar(drawn, TakesInTheBar(line, "500 nm"), Sees(BAR))
    assert reading is not None
    assert (reading.value_nm, reading.refused) == (500, None)
    assert reading.length_px == pytest.approx(40, abs=0.5)
    blind = read_scale_bar(drawn, TakesInTheBar(line, "500 nm"), Sees(None))
    assert blind is None or blind.scale is None


def test_letters_that_are_hardly_read_make_room_for_their_bar(drawn: Grey) -> None:
    class Unsure(TakesInTheBar):
        def read_line(self, pixels: Grey) -> tuple[str, float]:
            return super().read_line(pixels)[0], 0.76 if pixels.shape[0] == 32 else 0.92

    reading = read_scale_bar(drawn, Unsure("500 nm", "500 nm"), Sees(BAR))
    assert reading is not None
    assert reading.refused is None
    assert reading.length_px == pytest.approx(40, abs=0.5)
    other = read_scale_bar(drawn, Unsure("2500 nm", "500 nm"), Sees(BAR))
    assert other is None or other.scale is None


def test_letters_alone_settle_no_unit(ground: Grey) -> None:
    """The tail of a µ over something bright: "50 µm" was read, then "50 nm" in its letters, and that counted."""
    line = TextLine("50 µm", 0.97, (300.0, 60.0, 322.0, 130.0))
    label = parse_lengths(line)[0]
    letters = parse_lengths(TextLine("50 nm", 0.95, line.box))[0]
    reader = TakesInTheBar("50 nm", "50 nm")
    sure = confirmed(ground, label, [line], reader, alone=lambda: letters)
    assert "50 µm" in sure.doubt
    assert "50 nm" in sure.doubt
    digits = parse_lengths(TextLine("150 µm", 0.97, line.box))[0]
    settled = confirmed(ground, digits, [line], TakesInTheBar("50 µm", "50 µm"), alone=lambda: label)
    assert (settled.text, settled.doubt) == ("50 µm", "")


def test_letters_alone_take_no_point_away(ground: Grey) -> None:
    """The crop said ".3 µm", its letters "3 µm" at 0.92 and 0.94, and that counted. The other way about, letters settle it."""
    box = (300.0, 60.0, 322.0, 130.0)

    def settled(first: str, letters: str) -> str:
        line = TextLine(first, 0.8, box)
        alone = parse_lengths(TextLine(letters, 0.92, box))[0]
        sure = confirmed(ground, parse_lengths(line)[0], [line], TakesInTheBar(letters, letters), alone=lambda: alone)
        return sure.doubt or sure.text

    assert settled(".3 µm", "3 µm").startswith("it was read as")
    assert settled("3 µm", "0.3 µm") == "0.3 µm"


def test_one_crop_that_slips_over_a_digit_does_not_refuse_a_label(drawn: Grey) -> None:
    """ "500.0 nm" beside its bar, at 0.9999 in one crop of its letters and "600.0 nm" at 0.94 in the other, was refused."""

    def other(slip: str, confidence: float) -> LengthText | None:
        class Slips(TakesInTheBar):
            def read_line(self, pixels: Grey) -> tuple[str, float]:
                return ("500 nm", confidence) if pixels.shape[0] == 32 else (slip, 0.94)

        sight = Sight(drawn, Slips("500 nm", "500 nm"), Sees(BAR))
        label = parse_lengths(TextLine("500 nm", 1.0, (LETTERS[0] - 3.0, BAR[1] - 3.0, LETTERS[2] + 3.0, LETTERS[3] + 3.0)))[0]
        return otherwise_alone(label, sight)

    assert other("600 nm", 0.9999) is None
    assert other("600 nm", 0.96) is not None
    assert other("00 nm", 0.9999) is None  # no length
    assert other("50 nm", 0.9999) is not None
