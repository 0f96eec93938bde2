"""Which bar belongs to a label: also where the reader put both into one box."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.protocols import TextLine
from nanogauge.scale.bar.labels import read_again
from nanogauge.scale.bar.located import SeenBar
from nanogauge.scale.bar.match import bars_at
from nanogauge.scale.bar.text import LengthText, parse_lengths
from nanogauge.training.synthetic.marks import draw_bar, fill, finished, text_width, write

Grey = NDArray[np.uint8]
Box = tuple[float, float, float, float]
FONT_PX = 24
WIDE = text_width("200 nm", FONT_PX)


def canvas(rng: np.random.Generator, level: float = 90.0) -> NDArray[np.float32]:
    return (level + rng.normal(0, 4, (240, 400))).astype(np.float32)


def label(box: Box, text: str = "200 nm") -> LengthText:
    return parse_lengths(TextLine(text, 0.95, box))[0]


def test_a_bar_in_one_box_with_its_text(rng: np.random.Generator) -> None:
    picture = canvas(rng)
    draw_bar(picture, "ticks", 120, 60.5, 61.0, 2, 255.0)
    write(picture, "200 nm", 106, 140, FONT_PX, 255.0)
    both = label((104.0, 58.0, 136.0, 142.0 + WIDE))
    best = bars_at(finished(picture), both, [TextLine(both.raw, 0.95, both.box)])[0]
    assert best.score > 0.8
    assert best.ends.length_px == pytest.approx(61.0, abs=0.5)
    assert 120 < best.label.box[1] < 140  # between the bar and the text
    assert best.label.box[3] == both.box[3]


def test_a_bar_close_below_its_text(rng: np.random.Generator) -> None:
    picture = canvas(rng)
    write(picture, "200 nm", 96, 140, FONT_PX, 255.0)
    draw_bar(picture, "plain", 126, 150.0, 40.0, 5, 255.0)
    both = label((94.0, 138.0, 136.0, 142.0 + WIDE))
    best = bars_at(finished(picture), both, [TextLine(both.raw, 0.95, both.box)])[0]
    assert best.ends.length_px == pytest.approx(40.0, abs=0.5)
    assert best.label.box[2] <= 124


def test_strokes_of_letters_are_no_bars(rng: np.random.Generator) -> None:
    picture = canvas(rng)
    write(picture, "200 nm", 106, 140, FONT_PX, 255.0)
    own = label((104.0, 138.0, 136.0, 142.0 + WIDE))
    assert not [p for p in bars_at(finished(picture), own, [TextLine(own.raw, 0.95, own.box)]) if p.score > 0.45]


@pytest.mark.parametrize("bar_x0", [55.0, 155.0 + WIDE])
def test_a_plate_ends_where_its_tone_ends(bar_x0: float, rng: np.random.Generator) -> None:
    """Beyond a white plate the ground may have the tone of the bar on it: no other half of a bar that its text splits, whether the
    bar stands left or right of it."""
    picture = canvas(rng, level=30.0)
    x0, x1 = (40, 150 + WIDE) if bar_x0 < 135 else (120, bar_x0 + 75)
    fill(picture, 95, x0, 145, x1, 255.0)
    draw_bar(picture, "plain", 120, bar_x0, 60.0, 4, 30.0)
    write(picture, "200 nm", 106, 135, FONT_PX, 30.0)
    own = label((104.0, 133.0, 136.0, 137.0 + WIDE))
    best = bars_at(finished(picture), own, [TextLine(own.raw, 0.95, own.box)])[0]
    assert best.score > 0.8
    assert best.ends.length_px == pytest.approx(60.0, abs=0.5)


@pytest.mark.parametrize("level", [90.0, 30.0])
def test_half_of_a_split_bar_is_none(level: float, rng: np.random.Generator) -> None:
    picture = canvas(rng, level=level)
    start = 200 - 0.5 * WIDE
    write(picture, "200 nm", 106, start, FONT_PX, 255.0)
    draw_bar(picture, "plain", 120, start - 70.0, 55.0, 3, 255.0)
    draw_bar(picture, "plain", 120, start + WIDE + 15.0, 55.0, 3, 255.0)
    own = label((104.0, start - 2, 136.0, start + WIDE + 2))
    best = bars_at(finished(picture), own, [TextLine(own.raw, 0.95, own.box)])[0]
    assert best.bar.kind == "split"
    assert best.ends.length_px == pytest.approx(WIDE + 140.0, abs=1.0)


def test_a_ruler_in_a_row_of_grain_where_the_locator_sees_it() -> None:
    """Among more marks of the ground than a ruler can be told from, over the whole row; in what the locator sees there are few."""
    rng = np.random.default_rng(3)
    picture = np.full((200, 900), 120, np.float32)
    for x in 300 + 7.0 * np.arange(84) + rng.choice([-2.0, 0.0, 2.0], 84):
        fill(picture, 112, float(x), 120, float(x) + 2, 255.0)
    draw_bar(picture, "ruler", 116, 150.0, 105.0, 2, 255.0)
    write(picture, "200 nm", 104, 30, FONT_PX, 255.0)
    own, pixels = label((100.0, 28.0, 134.0, 32.0 + WIDE)), finished(picture)
    seen = SeenBar((108, 146, 122, 260), 146.0, 260.0, False, 0.87)
    with_it = [p for p in bars_at(pixels, own, [TextLine(own.raw, 0.95, own.box)], seen=(seen,)) if p.score > 0.45]
    assert with_it
    assert with_it[0].bar.kind == "ruler"
    assert with_it[0].ends.length_px == pytest.approx(105.0, abs=0.7)


class Reader:
    """Reads one text in whatever it is given."""

    name = "fixed"

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, pixels: Grey) -> list[TextLine]:
        return []

    def read_line(self, pixels: Grey) -> tuple[str, float]:
        return self.text, 0.9


def test_read_again_without_the_bar() -> None:
    pixels = np.full((60, 200), 90, np.uint8)
    seen = label((10.0, 20.0, 40.0, 120.0), "150 nm")
    found = read_again(pixels, seen, Reader("50 nm"))
    assert found is not None
    assert (found.text, found.box) == ("50 nm", seen.box)
    assert read_again(pixels, seen, Reader("WD 8.1 mm")) is None


@pytest.mark.parametrize(("length", "thick"), [(45.0, 6), (40.0, 5), (60.0, 4)])
def test_a_short_bar_with_heavy_end_ticks(length: float, thick: int, rng: np.random.Generator) -> None:
    """From centre to centre of its ticks is much less than from edge to edge, and right all the same."""
    picture = canvas(rng)
    write(picture, "200 nm", 80, 100, FONT_PX, 255.0)
    draw_bar(picture, "heavy_ticks", 130, 100 + (WIDE - length) / 2, length, thick, 255.0)
    best = bars_at(finished(picture), label((78.0, 98.0, 110.0, 102.0 + WIDE)), [])[0]
    assert best.ends.by_ticks
    assert best.ends.length_px == pytest.approx(length, abs=1.0)
    assert best.score > 0.55
