"""The decimal point in pixels: seen where it is, not where it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nanogauge.scale.bar.ink import text_tone
from nanogauge.scale.bar.points import (
    are_twins,
    has_decimal_point,
    has_leading_point,
    has_room_for_point,
    may_hide_more,
    may_hide_point,
    stands_before,
)
from nanogauge.scale.bar.text import LengthText
from nanogauge.training.synthetic.marks import FONTS, finished, text_width, write


def drawn(
    text: str,
    font: Path,
    *,
    font_px: int,
    noise: float = 0.0,
    ground: float = 90,
    ink: float = 255,
    low: float = 2.25,
    seed: int = 0,
) -> tuple[np.ndarray, LengthText]:
    """A picture with `text`, and a reading of it that overlooks points and commas; low: end of its box, of the font's height."""
    canvas = np.full((3 * font_px, int(text_width(text, font_px, font)) + 60), ground, np.float32)
    canvas += np.random.default_rng(seed).normal(0, noise, canvas.shape) if noise else 0
    write(canvas, text, font_px, 30, font_px, ink, font)
    box = (0.95 * font_px, 28.0, low * font_px, 32.0 + text_width(text, font_px, font))
    read = text.replace(".", "").replace(",", "")
    return finished(canvas), LengthText(1.0, read, read, box, 0.9, True)


@pytest.mark.parametrize("font", FONTS[:5], ids=lambda p: p.stem)
@pytest.mark.parametrize("font_px", [16, 24, 60])
def test_points(font: Path, font_px: int) -> None:
    for text in ("1.0 µm", "2.00 µm", "1,5 µm"):
        assert has_decimal_point(*drawn(text, font, font_px=font_px)), text
    for text in ("10 µm", "200 nm", "15 µm", "500 nm", "5 µm"):
        assert not has_decimal_point(*drawn(text, font, font_px=font_px)), text


@pytest.mark.parametrize("font", FONTS[:4], ids=lambda p: p.stem)
@pytest.mark.parametrize("font_px", [20, 30, 60])
def test_points_before_a_number(font: Path, font_px: int) -> None:
    for text in (".4 µm", ".25 µm"):
        assert has_leading_point(*drawn(text, font, font_px=font_px)), text
    for text in ("4 µm", "0.4 µm", "25 µm", "5 nm", "10 µm"):
        assert not has_leading_point(*drawn(text, font, font_px=font_px)), text
    for seed in range(6):
        assert not has_leading_point(*drawn("4 µm", font, font_px=font_px, noise=12.0, seed=seed))


def test_noise_makes_no_points() -> None:
    for seed_px in range(18, 40, 3):
        assert not has_decimal_point(*drawn("100 nm", FONTS[0], font_px=seed_px, noise=12.0))


@pytest.mark.parametrize("font", FONTS[:2], ids=lambda p: p.stem)
def test_the_grain_of_a_light_ground_is_no_point(font: Path) -> None:
    """Dark text on a light ground: light grains between the digits were taken for points. A dark point is still seen."""
    for noise in (16.0, 22.0):
        for seed in range(12):
            how = {"font_px": 24 if seed % 2 else 14, "noise": noise, "ground": 228, "ink": 0, "low": 2.65, "seed": seed}
            assert not has_decimal_point(*drawn("200 nm", font, **how)), how
            assert has_decimal_point(*drawn("2.00 nm", font, **how | {"font_px": 24})), how


@pytest.mark.parametrize("font", FONTS, ids=lambda p: p.stem)
def test_twins(font: Path) -> None:
    for font_px in (20, 40):
        if font in FONTS[:2]:  # the letters of others touch or are narrow: not sure is no
            assert are_twins(*drawn("5 mm", font, font_px=font_px))
        assert not are_twins(*drawn("5 nm", font, font_px=font_px))
        assert not are_twins(*drawn("200 µm", font, font_px=font_px))


def test_the_broken_foot_of_a_digit_is_no_point() -> None:
    """In fine serif letters a 5 falls apart at a high threshold. A point shows at those where the digits are whole."""
    for seed in range(8):
        how = {"font_px": 24, "noise": 8.0, "ground": 184, "ink": 79, "seed": seed}
        assert not has_decimal_point(*drawn("25 nm", FONTS[2], **how))
        assert has_decimal_point(*drawn("2.5 nm", FONTS[2], **how))


def test_slivers_between_letters_and_their_rims_are_no_digits() -> None:
    for seed in range(8):
        canvas = np.random.default_rng(seed).normal(183, 8, (72, 200)).astype(np.float32)
        write(canvas, "300um", 22, 40, 22, 0.0, FONTS[1], outline=True)
        wide = text_width("300um", 22, FONTS[1])
        label = LengthText(3e5, "300 µm", "300um", (20.0, 36.0, 53.0, 44.0 + wide), 0.9, True)
        assert not has_decimal_point(finished(canvas), label)


@pytest.mark.parametrize(("ink", "over"), [(255, 250), (60, 50), (60, 10)])
@pytest.mark.parametrize("text", ["5 nm", "25 nm", "4 µm"])
def test_a_place_in_the_tone_of_the_letters_may_hide_a_digit_or_a_point(text: str, ink: float, over: float) -> None:
    """ "2.5 nm" half over something black was read as "5 nm", ".4 µm" as "4 µm"."""
    pixels, label = drawn(text, FONTS[0], font_px=24, noise=5.0, ground=150, ink=ink)
    assert not may_hide_more(pixels, label)
    pixels[:, :28] = over
    assert may_hide_more(pixels, label)


def test_what_differs_from_the_letters_hides_nothing() -> None:
    pixels, label = drawn("5 nm", FONTS[0], font_px=24, noise=5.0, ground=90, ink=255)
    pixels[:, :28] = 200  # a particle, lighter than the ground: white would show on it
    assert not may_hide_more(pixels, label)
    three, label = drawn("100 nm", FONTS[0], font_px=24, noise=5.0, ground=90, ink=255)
    three[:, :28] = 255
    assert not may_hide_more(three, label)


def test_the_ground_mistaken_for_ink_hides_nothing() -> None:
    """Fine dark letters on white, close under a black bar and close above other letters: the white seemed to be their ink."""
    canvas = np.full((60, 160), 255.0, np.float32)
    canvas[14:20, 30:80] = 0
    canvas[33:38, 30:80] = 140
    write(canvas, "50 nm", 20, 40, 10, 60.0, FONTS[0])
    label = LengthText(50.0, "50 nm", "50 nm", (17.0, 37.0, 36.0, 70.0), 0.95, True)
    pixels = finished(canvas)
    assert text_tone(pixels, label).bright
    assert not may_hide_more(pixels, label)


@pytest.mark.parametrize("font", FONTS, ids=lambda p: p.stem)
def test_a_point_needs_room(font: Path) -> None:
    for text in ("1.0 nm", "2.5 nm", "1.50 nm", "1,5 nm", "12.5 nm"):
        assert has_room_for_point(*drawn(text, font, font_px=24)), text
    if font.stem.startswith("DejaVu"):
        assert not has_room_for_point(*drawn("100 nm", font, font_px=24))


def test_a_point_over_its_own_tone_may_be_hidden() -> None:
    """ "50,0 µm" in dark letters, the comma over a dark spot, was read as "500 µm"."""
    picture, label = drawn("50.0 nm", FONTS[1], font_px=24, noise=3, ground=180, ink=70)
    x = 30 + round(text_width("50", 24, FONTS[1]))
    picture[40:56, x - 1 : x + 9] = 95
    assert may_hide_point(picture, label)
    clean, label = drawn("500 nm", FONTS[1], font_px=24, noise=3, ground=180, ink=70)
    assert not may_hide_point(clean, label)


@pytest.mark.parametrize("font", [FONTS[0], FONTS[1], FONTS[3]], ids=lambda p: p.stem)
def test_a_digit_before_what_was_read(font: Path) -> None:
    """ "0.2 um" in wide letters, of which the text reader and the locator had "2um"."""
    picture, label = drawn("0.2 um", font, font_px=24, noise=3, ground=180, ink=60)
    cut = 30 + text_width("0.", 24, font)
    part = LengthText(1.0, "2 µm", "2um", (label.box[0], cut - 1, label.box[2], label.box[3]), 0.9, True)
    assert stands_before(picture, part)
    picture, label = drawn("2 um", font, font_px=24, noise=3, ground=180, ink=60)
    assert not stands_before(picture, label)
