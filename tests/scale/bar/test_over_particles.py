"""Bars over particles, plates under them and outlines around them: what is drawn is told from what only looks like it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.protocols import TextLine
from nanogauge.scale.bar.ends import Ends, measure_ends
from nanogauge.scale.bar.ink import TextTone, text_tone
from nanogauge.scale.bar.locate import BarCandidate, find_bars
from nanogauge.scale.bar.located import Located, SeenBar
from nanogauge.scale.bar.match import LabelledBar, _in_letters_tone, bars_at
from nanogauge.scale.bar.plates import block_around
from nanogauge.scale.bar.second_sight import has_rival, taken_together
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
    return taken_together(finished(picture), label, bars_at(finished(picture), label, lines, seen=seen), Located(seen), lines)


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


def test_a_bar_that_the_box_of_its_letters_reaches_over_is_no_ground(rng: np.random.Generator) -> None:
    """On a black plate: the white bar fills the margin below the letters, so that black seemed to be their ink, and the plate,
    14 % longer, the bar."""
    picture = canvas(rng, level=180.0)
    fill(picture, 88, 120, 142, 160 + WIDE, 0.0)
    label = written(picture, 92, 140, 255.0)
    draw_bar(picture, "plain", 124, 132.0, WIDE + 16.0, 6, 255.0)
    tight = replace(label, box=(92.0, 138.0, 126.0, 142.0 + WIDE))
    pixels = finished(picture)
    assert text_tone(pixels, tight).bright
    assert text_tone(pixels, tight).ground == pytest.approx(0.0, abs=10)
    best = bars_at(pixels, tight, [TextLine(tight.raw, 0.95, tight.box)])[0]
    assert best.ends.length_px == pytest.approx(WIDE + 16.0, abs=1.0)


def test_a_bar_beside_its_text_on_a_plate_of_more_contrast(rng: np.random.Generator) -> None:
    """Grey on black in a light picture: the plate stands out more than the bar on it, and is none the more a bar."""
    picture = canvas(rng, level=190.0)
    fill(picture, 100, 20, 146, 240 + WIDE, 0.0)
    label = written(picture, 106, 220, 150.0)
    draw_bar(picture, "plain", 122, 40.0, 160.0, 7, 150.0)
    best = at(picture, label)[0]
    assert best.score > 0.6
    assert best.ends.length_px == pytest.approx(160.0, abs=1.0)


def test_a_line_beside_its_text_on_a_plate_is_no_half(rng: np.random.Generator) -> None:
    """Beyond the plate the ground is lighter, by far not as light as the line: what is drawn has one tone."""
    picture = canvas(rng, level=185.0)
    fill(picture, 95, 20, 150, 160 + WIDE, 0.0)
    label = written(picture, 106, 140, 255.0)
    draw_bar(picture, "plain", 120, 30.0, 90.0, 5, 255.0)
    best = at(picture, label)[0]
    assert best.bar.kind != "split"
    assert best.ends.length_px == pytest.approx(90.0, abs=1.0)


def test_halves_over_light_and_dark_and_their_end_ticks(rng: np.random.Generator) -> None:
    """Thin and blurred, the half over a dark particle seems darker than the other. Its end tick stands out less, in one tone."""
    picture = canvas(rng, level=165.0)
    picture[80:160, :150] = 62.0 + rng.normal(0, 3, (80, 150))
    start = 200 - 0.5 * WIDE
    label = written(picture, 106, start, 10.0)
    draw_bar(picture, "split", 119, start - 90.0, WIDE + 180.0, 3, 5.0, WIDE + 24.0)
    pixels = np.asarray(cv2.GaussianBlur(finished(picture), (0, 0), 0.8), np.uint8)
    best = bars_at(pixels, label, [TextLine(label.raw, 0.95, label.box)])[0]
    assert best.bar.kind == "split"
    assert best.ends.by_ticks
    assert best.ends.length_px == pytest.approx(WIDE + 180.0, abs=1.0)


def test_a_flat_bar_beside_a_rim_as_bright(rng: np.random.Generator) -> None:
    """A white block over bright rims: no threshold tells it from them, but it has one tone from end to end."""
    picture = canvas(rng, level=150.0)
    rows, columns = np.ogrid[:240, :400]
    for centre in (120, 260):
        off = np.abs(np.hypot(rows - 150, columns - centre) - 46)
        picture[off < 9] = 246.0 - 2.5 * np.broadcast_to(off, picture.shape)[off < 9]
    label = written(picture, 100, 140, 255.0)
    fill(picture, 130, 150, 145, 225, 255.0)
    best = at(picture, label)[0]
    assert best.ends.length_px == pytest.approx(75.0, abs=1.5)
    assert best.score > 0.45


def test_an_outline_whose_sides_differ_in_length_is_unsure(rng: np.random.Generator) -> None:
    """Its left end runs into a light slope: 21 px were read as 23.7."""
    ramp = np.clip(205.0 - 9.0 * (np.arange(240)[:, None] - 118) * (np.arange(400)[None, :] < 152), 60, 205)
    picture = (ramp + rng.normal(0, 1, (240, 400))).astype(np.float32)
    fill(picture, 116, 150, 123, 171, 222.0)
    fill(picture, 118, 152, 121, 169, 180.0)
    pixels = np.asarray(cv2.GaussianBlur(finished(picture), (0, 0), 0.8), np.uint8)
    clear = np.full((240, 400), 90.0, np.float32)
    fill(clear, 116, 150, 123, 171, 222.0)
    fill(clear, 118, 152, 121, 169, 180.0)
    bar = BarCandidate("hollow", (116, 149, 123, 171), (116, 123), True, 40.0, 0.9, tone=222.0, stroke_px=2)
    sure, unsure = measure_ends(finished(clear), bar), measure_ends(pixels, bar)
    assert not sure.unsure
    assert sure.length_px == pytest.approx(21.0, abs=0.5)
    assert unsure.unsure or unsure.length_px == pytest.approx(21.0, abs=0.5)


def test_a_bar_that_the_locator_sees_and_the_pixels_show_is_a_rival(rng: np.random.Generator) -> None:
    picture = canvas(rng)
    label = written(picture, 94, 140, 255.0)
    fill(picture, 126, 130, 131, 250, 255.0)
    fill(picture, 150, 120, 156, 290, 255.0)
    lines = [TextLine(label.raw, 0.95, label.box)]
    pairs = bars_at(finished(picture), label, lines)
    upper = next(p for p in pairs if p.bar.rows[0] == 126)
    located = Located((seen(150, 120, 156, 290),))
    assert has_rival(finished(picture), upper, located, lines)
    assert not has_rival(finished(picture), upper, Located((seen(126, 130, 131, 250),)), lines)
    assert not has_rival(finished(picture), upper, Located((seen(150, 120, 156, 290, 0.6),)), lines)
    picture[150:156, 120:290] = picture[10:16, 120:290]  # seen, but not drawn
    assert not has_rival(finished(picture), upper, located, lines)


def test_a_plate_that_the_locator_takes_for_a_bar_is_none(rng: np.random.Generator) -> None:
    """Grey letters and bar on white: what the plate leaves below the bar, and its sides, were read as a bar with end ticks."""
    label = written(canvas(rng), 90, 140, 70.0)
    lines = [TextLine(label.raw, 0.95, label.box)]
    line = BarCandidate("solid", (126, 128, 129, 230), (126, 129), False, 180.0, 1.0)
    plate = BarCandidate("ticks", (86, 118, 140, 240), (131, 140), True, 170.0, 0.99)
    pairs = [
        LabelledBar(label, line, Ends(127.5, 229.5, 0.4, False), 0.95),
        LabelledBar(label, plate, Ends(122.5, 235.5, 0.4, True), 0.24),
    ]
    (best,) = taken_together(finished(canvas(rng)), label, pairs, Located((seen(124, 119, 140, 240),)), lines)
    assert best.bar is line
    assert best.score == pytest.approx(0.95)


def test_a_plate_that_the_locator_takes_for_a_bar_does_not_weaken_a_short_one_on_it(rng: np.random.Generator) -> None:
    picture = canvas(rng, level=180.0)
    fill(picture, 86, 130, 138, 150 + WIDE, 0.0)
    label = written(picture, 94, 140, 255.0)
    draw_bar(picture, "plain", 129, 175.0, 19.0, 5, 255.0)
    best = at(picture, label, seen(86, 130, 138, 150 + WIDE))[0]
    assert best.ends.length_px == pytest.approx(19.0, abs=0.5)
    assert best.score > 0.7


def test_a_bar_in_one_tone_is_found_where_a_particle_is_nearly_as_bright(rng: np.random.Generator) -> None:
    """Ground both darker and a little lighter than the bar: no threshold shows it, its own tone does."""
    picture = canvas(rng, level=60.0)
    picture[100:170, 150:260] = 236 + rng.normal(0, 6, (70, 110))
    label = written(picture, 80, 140, 226.0)
    draw_bar(picture, "plain", 128, 120.0, 170.0, 5, 226.0)
    best = at(picture, label, seen(125, 120, 131, 290))[0]
    assert best.ends.length_px == pytest.approx(170.0, abs=1.5)
    assert best.score > 0.5


def test_a_bar_of_which_the_locator_sees_a_part_stays_whole(rng: np.random.Generator) -> None:
    picture = canvas(rng)
    picture[110:160, 200:320] += 60
    label = written(picture, 88, 180, 230.0)
    draw_bar(picture, "plain", 130, 100.0, 220.0, 4, 230.0)
    part = seen(128, 200, 132, 320)
    assert at(picture, label, part)[0].score == pytest.approx(at(picture, label)[0].score)
    assert not has_rival(finished(picture), at(picture, label, part)[0], Located((part,)), [TextLine(label.raw, 0.95, label.box)])


@pytest.mark.parametrize(("share", "length_px"), [(0.45, 220.0), (1.0, 215.0)])
def test_grain_at_the_ends_of_halves_makes_no_end_ticks(share: float, length_px: float) -> None:
    """Light grain above both outer ends was taken for end ticks, and 215 px for 220. In the line's own tone they are some."""
    picture = np.full((240, 400), 130.0, np.float32)
    for x in (80, 223):
        fill(picture, 120, x, 123, x + 77, 255.0)
    for x in (80, 295):
        fill(picture, 116, x, 120, x + 5, 130.0 + share * 125.0)
    halves = BarCandidate("split", (116, 80, 123, 300), (120, 123), True, 125.0, 1.0, n_levels=6, piece_px=77, tone=255.0)
    assert measure_ends(finished(picture), halves).length_px == pytest.approx(length_px, abs=0.6)


def test_end_ticks_whose_centres_are_not_found_make_a_thin_bar_unsure(rng: np.random.Generator) -> None:
    """A bracket half over a particle was measured from outer edge to outer edge, 75.2 px for 72.3, and the locator agreed."""
    picture = canvas(rng)
    label = written(picture, 88, 140, 230.0)
    bar = BarCandidate("solid", (130, 150, 132, 225), (130, 132), True, 120.0, 1.0)
    pairs = [LabelledBar(label, bar, Ends(149.5, 224.5, 1.5, False, unsure=True), 0.57)]
    for y0, sure in ((129, True), (121, False)):
        (best,) = taken_together(
            finished(picture), label, pairs, Located((seen(y0, 150, 133, 225),)), [TextLine(label.raw, 0.95, label.box)]
        )
        assert (best.score > 0.55) is sure
