"""Where text is looked for, and how much is read for it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.protocols import TextLine
from nanogauge.scale.bar.lines import Sight

Grey = NDArray[np.uint8]


class Counting:
    """Sees one black square in whatever it is given, as text, and counts the px it was given."""

    name = "counting"

    def __init__(self, text: str) -> None:
        self.text, self.sizes = text, []

    def read(self, pixels: Grey) -> list[TextLine]:
        self.sizes.append(pixels.size)
        ys, xs = np.nonzero(pixels < 10)
        if not ys.size:
            return []
        return [TextLine(self.text, 0.9, (float(ys.min()), float(xs.min()), float(ys.max() + 1), float(xs.max() + 1)))]

    def read_line(self, pixels: Grey) -> tuple[str, float]:
        return "", 0.0


def picture() -> Grey:
    pixels = np.full((960, 1280), 120, np.uint8)
    pixels[860:890, 700:820] = 0
    return pixels


def test_a_length_is_looked_at_closely() -> None:
    reader = Counting("500 nm")
    sight = Sight(picture(), reader)
    sight.look()
    assert len(reader.sizes) == 2
    assert sum(reader.sizes) < 0.25 * 960 * 1280
    (line,) = sight.lines
    assert np.allclose(line.box, (860, 700, 890, 820), atol=2)


def test_other_text_is_not() -> None:
    reader = Counting("b")
    sight = Sight(picture(), reader)
    sight.look()
    assert len(reader.sizes) == 1
    assert len(sight.lines) == 1


def test_a_data_bar_is_read_first_and_once() -> None:
    reader = Counting("500 nm")
    sight = Sight(picture(), reader)
    sight.look((840, 0, 960, 1280))
    assert len(sight.lines) == 1
    assert len(reader.sizes) == 2
    assert reader.sizes[1] < 100_000  # the rest coarsely, for the length is known


def test_text_that_a_strip_cuts_is_read_whole() -> None:
    """What was taken for a data bar may be a plate whose text goes on below it."""
    pixels = picture()
    for x in range(700, 820, 40):
        pixels[860:890, x : x + 25] = 120  # letters do not cover all of their box
    sight = Sight(pixels, Counting("500 nm"))
    sight.look((840, 0, 870, 1280))
    (line,) = sight.lines
    assert line.box[2] == pytest.approx(890, abs=3)


def test_bars_are_looked_at_where_nothing_was_read() -> None:
    pixels = np.full((960, 1280), 120, np.uint8)
    pixels[900:908, 300:500] = 255
    reader = Counting("500 nm")
    sight = Sight(pixels, reader)
    sight.look()
    assert sight.look_at_bars()
    assert any(s[0] < 900 < s[2] and s[1] < 300 and s[3] > 500 for s in sight.seen)
    assert not sight.look_at_bars()  # seen
    assert sight.look_below()


def test_small_pictures_are_read_as_they_are() -> None:
    reader = Counting("500 nm")
    sight = Sight(np.full((300, 400), 120, np.uint8), reader)
    sight.look()
    assert reader.sizes == [300 * 400]
