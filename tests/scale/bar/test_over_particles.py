"""Bars over particles, plates under them and outlines around them: what is drawn is told from what only looks like it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.protocols import TextLine
from nanogauge.scale.bar.ends import measure_ends
from nanogauge.scale.bar.ink import TextTone
from nanogauge.scale.bar.locate import find_bars
from nanogauge.scale.bar.located import Located, SeenBar
from nanogauge.scale.bar.match import LabelledBar, _in_letters_tone, bars_at
from nanogauge.scale.bar.plates import block_around
from nanogauge.scale.bar.second_sight import taken_together
from nanogauge.scale.bar.text import LengthText, parse_lengths
from nanogauge.training.synthetic.marks import draw_bar, fill, finished, text_width, write

FONT_PX = 24
WIDE = text_width("200 nm", FONT_PX)


def canvas(rng: np.random.Generator, level: float = 90.0) -> NDArray[np.float32]:
    return (level + rng.normal(0, 4, (240, 400))).astype(np.float32)


def written(picture: NDArray[np.float32], y: float, x: float, ink: float) -> LengthText:
    """A label whose letters begin at (y, x), as the text reader would give it."""
    write(picture, "200 nm", y, x, FONT_PX, ink)
    return parse_lengths(TextLine("200 nm", 0.95, (y - 2.0, x - 2.0, y + 30.0, x + 2.0 + WIDE)))[0]


def at(picture: NDArray[np.float32], label: LengthText, *seen: SeenBar) -> list[LabelledBar]:
    lines = [TextLine(label.raw, 0.95, label.box)]
    return taken_together(label, bars_at(finished(picture), label, lines, seen=seen), Located(seen), lines)


def seen(y0: int, x0: float, y1: int, x1: float, confidence: float = 0.9) -> SeenBar:
    return SeenBar((y0, round(x0), y1, round(x1)), x0 - 0.5, x1 - 0.5, True, confidence)


def test_the_margin_of_a_plate_is_no_bar_though_the_locator_takes_it_for_one(rng: np.random.Generator) -> None:
    """A black plate with an arrow on it: what is left of the plate below the arrow is long, clean and of one tone."""
    picture = canvas(rng, level=180.0)
    fill(picture, 90, 120, 156, 140 + WIDE, 0.0)
    label = written(picture, 94, 130, 255.0)
    draw_bar(picture, "arrows", 137, 135.0, 70.0, 5, 255.0)
    best = at(picture, label, seen(134, 120, 156, 140 + WIDE))[0]
    assert best.ends.length_px == pytest.approx(70.0, abs=1.5)
    assert best.score > 0.5


def test_the_inside_of_an_outline_is_no_bar(rng: np.random.Generator) -> None:
    picture = canvas(rng, level=110.0)
    label = written(picture, 94, 140, 255.0)
    fill(picture, 128, 150, 136, 202, 255.0)
    fill(picture, 130, 152, 134, 200, 190.0)
    found = [p for p in at(picture, label, seen(128, 151, 136, 201)) if p.score > 0.3]
    assert found
    assert all(p.ends.length_px == pytest.approx(52.0, abs=1.5) for p in found)


def test_an_outline_beside_its_text_is_no_frame_around_it(rng: np.random.Generator) -> None:
    picture = canvas(rng)
    label = written(picture, 106, 30, 255.0)
    fill(picture, 116, 150, 124, 302, 255.0)
    fill(picture, 118, 152, 122, 300, picture[:60].mean())
    best = at(picture, label)[0]
    assert best.bar.kind == "hollow"
    assert best.ends.length_px == pytest.approx(152.0, abs=1.0)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("brighter", [90.0, 145.0])
def test_half_of_a_bar_is_never_read_where_the_other_lies_over_its_own_tone(
    rng: np.random.Generator, side: str, brighter: float
) -> None:
    """Over a particle nearly as bright as the line no threshold finds its half. It is made out where its end can be."""
    picture = canvas(rng)
    start = 200 - 0.5 * WIDE
    label = written(picture, 106, start, 255.0)
    rows, columns = np.ogrid[:240, :400]
    picture[(rows - 110) ** 2 + (columns - (110 if side == "left" else 290)) ** 2 < 48**2] += brighter
    for a, b in ((start - 80.0, start - 12.0), (start + WIDE + 12.0, start + WIDE + 80.0)):
        fill(picture, 118, a, 121, b, 255.0)
    found = [p for p in at(picture, label) if p.score > 0.45]
    assert found or brighter > 100
    for pair in found:
        assert pair.bar.kind == "split"
        assert pair.ends.length_px == pytest.approx(WIDE + 160, abs=1.5)


def test_an_end_tick_that_is_hidden_counts_as_one(rng: np.random.Generator) -> None:
    picture = canvas(rng, level=60.0)
    picture[90:150, 229:245] = 205.0
    draw_bar(picture, "bracket", 130, 180.0, 53.0, 2, 240.0)
    bar = next(b for b in find_bars(finished(picture)) if 50 < b.length_px < 60)
    assert measure_ends(finished(picture), bar).length_px == pytest.approx(53.0, abs=1.0)


def test_a_bar_in_the_letters_tone_over_light_and_dark(rng: np.random.Generator) -> None:
    """Lighter than the particle under its left part, darker than the ground under its right: no threshold finds it."""
    picture = canvas(rng, level=210.0)
    picture[60:160, 20:162] -= 200.0
    fill(picture, 126, 140, 130, 185, 60.0)
    region, columns = (100, 0, 160, 400), (120.0, 220.0)
    (bar,) = [b for b in _in_letters_tone(finished(picture), region, columns, TextTone(60.0, 210.0, False)) if b.rows[0] == 126]
    assert (bar.box[1], bar.box[3]) == (140, 185)
    assert not [b for b in find_bars(finished(picture), region, columns=columns) if abs(b.length_px - 45) < 4]


def test_a_bar_that_is_seen_in_pieces(rng: np.random.Generator) -> None:
    picture = canvas(rng)
    label = written(picture, 94, 140, 255.0)
    fill(picture, 126, 60, 136, 330, 195.0)
    whole = at(picture, label)[0].score
    pieces = at(picture, label, seen(126, 60, 136, 180, 0.8), seen(126, 196, 136, 330, 0.8))[0]
    assert pieces.ends.length_px == pytest.approx(270.0, abs=1.0)
    assert pieces.score > whole


@pytest.mark.parametrize("x1", [293.0, 293.5])
def test_a_bar_with_its_text_within(x1: float) -> None:
    """An end that covers a column in part, and the blur of JPEG, are no other text in it."""
    picture = np.full((120, 400), 180.0, np.float32)
    fill(picture, 40, 22, 65, x1, 76.0)
    write(picture, "0.2 µm", 42, 130, 18, 255.0)
    picture[44:62, 288:290] += 20  # a blemish 3 px from its end
    block = block_around(finished(picture), (43, 128, 63, 188))
    assert block is not None
    assert block.length_px == pytest.approx(x1 - 22, abs=1)
