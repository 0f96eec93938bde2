"""Readings are put together, voted on, and doubted."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.protocols import TextLine
from nanogauge.scale.bar import read_scale_bar
from nanogauge.scale.bar.labels import confirmed, crop, labels_in, without_stroke
from nanogauge.scale.bar.text import parse_lengths

Grey = NDArray[np.uint8]
BOX = (300.0, 60.0, 322.0, 130.0)


class Saying:
    """Reads some lines in a picture, and another text in a crop."""

    name = "saying"

    def __init__(self, lines: list[TextLine], crop_text: str, confidence: float = 0.95) -> None:
        self.lines, self.crop_text, self.confidence = lines, crop_text, confidence

    def read(self, pixels: Grey) -> list[TextLine]:
        return self.lines

    def read_line(self, pixels: Grey) -> tuple[str, float]:
        return self.crop_text, self.confidence


def vote(text: str, again: str, ground: Grey):
    line = TextLine(text, 0.9, BOX)
    return confirmed(ground, parse_lengths(line)[0], [line], Saying([line], again))


def test_agreement_makes_surer_and_contradiction_refuses(ground: Grey) -> None:
    assert vote("500 nm", "500nm", ground).confidence == pytest.approx(0.95)
    against = vote("500 nm", "500 µm", ground)
    assert against.confidence < 0.5
    assert "500 nm" in against.doubt
    assert "500 µm" in against.doubt
    assert vote("500 nm", "", ground).confidence == pytest.approx(0.72)


def test_pm_is_refused_unless_a_micro_sign_was_read(ground: Grey) -> None:
    assert "pm" in vote("5 pm", "5 pm", ground).doubt
    assert vote("5 pm", "5 µm", ground).doubt == ""
    ground[330:335, 60:180] = 255
    line = TextLine("5 pm", 0.99, BOX)
    reading = read_scale_bar(ground, Saying([line], "5 pm"))
    assert reading is not None
    assert reading.scale is None
    assert "pm" in (reading.refused or "")


def test_pm_is_settled_by_the_printed_field_width(ground: Grey) -> None:
    ground[330:335, 60:180] = 255  # 120 px, the picture 480 px wide
    lines = [TextLine("5 pm", 0.99, BOX), TextLine("HFW 20.0 µm", 0.99, (300.0, 300.0, 322.0, 400.0))]
    reading = read_scale_bar(ground, Saying(lines, "5 pm"))
    assert reading is not None
    assert reading.refused is None
    assert reading.nm_per_px == pytest.approx(5000 / 120, rel=0.01)
    assert "field width" in reading.warnings[0]


def test_a_scale_that_the_printed_magnification_rules_out_is_refused(ground: Grey) -> None:
    ground[330:335, 60:180] = 255
    lines = [TextLine("500 nm", 0.99, BOX), TextLine("x50", 0.99, (300.0, 300.0, 322.0, 400.0))]
    reading = read_scale_bar(ground, Saying(lines, "500 nm"))
    assert reading is not None
    assert reading.scale is None
    assert "magnification" in (reading.refused or "")


def test_a_one_that_may_be_an_end_tick_is_refused(ground: Grey) -> None:
    ground[310:312, 60:180] = 255
    ground[302:320, 60:62] = 255
    ground[302:320, 178:180] = 255
    text = (302.0, 184.0, 322.0, 250.0)
    # read the same with the bar painted over, it is none
    for label, again, refused in (("150 nm", "", True), ("150 nm", "150 nm", False), ("100 nm", "", False)):
        reading = read_scale_bar(ground, Saying([TextLine(label, 0.99, text)], again))
        assert reading is not None
        assert (reading.refused is not None) is refused, reading.refused


def test_number_and_unit_apart_are_joined(ground: Grey) -> None:
    lines = [TextLine("200", 0.9, (300.0, 60.0, 320.0, 100.0)), TextLine("nm", 0.8, (300.0, 106.0, 320.0, 130.0))]
    found = labels_in(ground, lines, Saying(lines, ""))
    assert [(t.value_nm, t.box) for t in found] == [(200, pytest.approx((300, 60, 320, 130)))]


def test_a_box_that_takes_in_the_bar_is_cut_to_the_letters(ground: Grey) -> None:
    wide = TextLine("1 µm", 0.9, (300.0, 60.0, 320.0, 260.0))
    (found,) = labels_in(ground, [wide], Saying([wide], "1 µm"))
    assert found.box[3] - found.box[1] < 100


def test_crop_has_the_height_asked_for(ground: Grey) -> None:
    assert crop(ground, BOX).shape[0] == 48
    assert crop(ground, BOX, height_px=32).shape[0] == 32
    assert crop(ground, (400.0, 0.0, 420.0, 10.0)).size == 0


def test_a_leading_1_that_is_the_end_of_the_bar(ground: Grey) -> None:
    label = parse_lengths(TextLine("150 nm", 0.9, BOX))[0]
    shorter = without_stroke(ground, label, Saying([], "50 nm"))
    assert shorter is not None
    assert (shorter.text, shorter.box[3]) == ("50 nm", BOX[3])
    assert shorter.box[1] > BOX[1] + 5
    assert without_stroke(ground, label, Saying([], "150 nm")) is None  # the 1 is there
    assert without_stroke(ground, label, Saying([], "50 µm")) is None
    for whole in ("100 nm", "250 nm"):  # nothing is left of the first, the second begins with no stroke
        assert without_stroke(ground, parse_lengths(TextLine(whole, 0.9, BOX))[0], Saying([], "50 nm")) is None


@pytest.mark.parametrize(("again", "value_nm"), [("50 nm", 50), ("150 nm", None)])
def test_the_end_of_a_bar_in_the_box_of_its_text(again: str, value_nm: float | None, ground: Grey) -> None:
    ground[310:312, 20:74] = 255
    for x in (20, 72):
        ground[305:317, x : x + 2] = 255  # the right end tick lies in the box of the text, where the 1 was read
    reading = read_scale_bar(ground, Saying([TextLine("150 nm", 0.9, BOX)], again))
    assert reading is not None
    if value_nm is None:
        assert reading.scale is None
    else:
        assert (reading.value_nm, reading.refused) == (value_nm, None)
        assert reading.length_px == pytest.approx(52, abs=0.5)


def test_neighbours_of_another_height_are_not_joined(ground: Grey) -> None:
    lines = [TextLine("2", 0.9, (0.0, 0.0, 360.0, 480.0)), TextLine("500 nm", 0.9, BOX)]
    assert [t.box for t in labels_in(ground, lines, Saying([], ""))] == [BOX]
