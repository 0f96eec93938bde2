"""An n has two upright strokes, an m three."""

from __future__ import annotations

import numpy as np
import pytest

from nanogauge.core.protocols import TextLine
from nanogauge.scale.bar.labels import confirmed
from nanogauge.scale.bar.stems import shows_nm
from nanogauge.scale.bar.text import LengthText, parse_lengths
from nanogauge.training.synthetic.marks import FONTS, finished, text_width, write

FONT_PX = 24


def drawn(text: str, unit: str, *, font: int = 0) -> tuple[np.ndarray, LengthText]:
    """A picture with `text`, and a reading of it in another unit."""
    canvas = np.full((72, 260), 100.0, np.float32) + np.random.default_rng(1).normal(0, 6, (72, 260)).astype(np.float32)
    write(canvas, text, FONT_PX, 30, FONT_PX, 255.0, FONTS[font])
    box = (0.95 * FONT_PX, 27.0, 2.25 * FONT_PX, 33.0 + text_width(text, FONT_PX, FONTS[font]))
    read = f"{text.split()[0]} {unit}"
    return finished(canvas), parse_lengths(TextLine(read, 0.9, box))[0]


@pytest.mark.parametrize("font", [0, 1, 6])
def test_strokes_tell_nm_from_mm(font: int) -> None:
    assert shows_nm(*drawn("4 nm", "mm", font=font))
    for other in ("4 mm", "4 um", "4 µm"):
        assert not shows_nm(*drawn(other, "nm", font=font)), other


class Saying:
    """Reads one text in any crop."""

    name = "saying"

    def __init__(self, text: str) -> None:
        self.text = text

    def read_line(self, pixels: np.ndarray) -> tuple[str, float]:
        return self.text, 0.9


@pytest.mark.parametrize(("first", "again"), [("nm", "4 mm"), ("mm", "4 nm")])
def test_readings_that_differ_in_an_m_are_settled_by_strokes(first: str, again: str) -> None:
    for text, is_sure in (("4 nm", True), ("4 mm", False)):
        picture, label = drawn(text, first)
        sure = confirmed(picture, label, [], Saying(again))
        assert (sure.doubt == "" and sure.text == "4 nm") == is_sure


def test_a_bar_longer_than_any_specimen_is_one_in_nm() -> None:
    (label,) = parse_lengths(TextLine("250 mm", 0.9, (0.0, 0.0, 20.0, 80.0)))
    assert label.text == "250 nm"
    assert label.doubt
    assert parse_lengths(TextLine("5 mm", 0.9, (0.0, 0.0, 20.0, 80.0)))[0].text == "5 mm"
    picture, label = drawn("250 nm", "mm")
    assert confirmed(picture, label, [], Saying("250 mm")).doubt == ""
    for text in ("250 µm", "250 um"):  # a µ may be read as m too
        picture, label = drawn(text, "mm")
        assert confirmed(picture, label, [], Saying("250 mm")).doubt != ""
