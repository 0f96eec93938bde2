"""Bars drawn with a rim in the opposite tone: told from the insides of outlines, and measured to the middle of the rim."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.protocols import TextLine
from nanogauge.scale.bar.ends import measure_ends
from nanogauge.scale.bar.locate import BarCandidate, find_bars
from nanogauge.scale.bar.match import bars_at
from nanogauge.scale.bar.rims import is_rimmed, without_rims
from nanogauge.scale.bar.text import LengthText, parse_lengths
from nanogauge.training.synthetic.marks import draw_bar, fill, finished, text_width, write

Grey = NDArray[np.uint8]
FONT_PX = 24


def labelled(canvas: NDArray[np.float32], y: float, x: float, tone: float, *, outline: bool = False) -> LengthText:
    """A label written on the canvas, as the text reader would give it."""
    write(canvas, "200 nm", y, x, FONT_PX, tone, outline=outline)
    return parse_lengths(TextLine("200 nm", 0.95, (y, x - 4, y + 30, x + 4 + text_width("200 nm", FONT_PX))))[0]


def embossed(length: float, *, tone: float, level: float, blur: float = 0.0, x: float = 100.3) -> tuple[Grey, LengthText]:
    canvas = (level + np.random.default_rng(3).normal(0, 5, (160, 400))).astype(np.float32)
    label = labelled(canvas, 50, x + 0.5 * (length - text_width("200 nm", FONT_PX)), tone, outline=True)
    draw_bar(canvas, "embossed", 92, x, length, 6, tone)
    pixels = finished(canvas)
    return (np.asarray(cv2.GaussianBlur(pixels, (0, 0), blur), np.uint8) if blur else pixels), label


def core(pixels: Grey, *, bright: bool) -> BarCandidate:
    return next(b for b in find_bars(pixels, (80, 0, 110, 400)) if b.bright == bright and b.kind == "solid")


@pytest.mark.parametrize("blur", [0.0, 0.7])
@pytest.mark.parametrize(("tone", "level"), [(255.0, 110.0), (255.0, 185.0), (0.0, 185.0), (0.0, 90.0)])
def test_a_bar_with_a_rim_is_read_whatever_the_tone_of_its_letters_seems(tone: float, level: float, blur: float) -> None:
    pixels, label = embossed(90.6, tone=tone, level=level, blur=blur)
    best = bars_at(pixels, label, [TextLine(label.raw, 0.95, label.box)])[0]
    assert best.score > 0.5
    assert best.ends.length_px == pytest.approx(90.6, abs=2.1 if blur else 1.0)  # a rim that hardly shows is left out


@pytest.mark.parametrize("length", [40.0, 61.4, 90.7])
@pytest.mark.parametrize("level", [90.0, 130.0, 185.0])
def test_it_is_measured_to_the_middle_of_its_rim(length: float, level: float) -> None:
    """Half maxima between bar and ground fell 0.5 to 1 px short of it."""
    pixels, _ = embossed(length, tone=255.0, level=level)
    assert measure_ends(pixels, core(pixels, bright=True)).length_px == pytest.approx(length, abs=0.5)


@pytest.mark.parametrize(("outline", "inside"), [(255.0, 191.0), (0.0, 64.0)])
@pytest.mark.parametrize("level", [20.0, 32.0, 60.0, 110.0, 150.0, 200.0, 223.0, 235.0])
def test_the_inside_of_an_outline_has_no_rim(outline: float, inside: float, level: float) -> None:
    canvas = (level + np.random.default_rng(3).normal(0, 3, (160, 400))).astype(np.float32)
    fill(canvas, 80, 100, 90, 190, outline)
    fill(canvas, 82, 102, 88, 188, inside)
    label = labelled(canvas, 45, 95, outline)
    pixels = finished(canvas)
    assert not [b for b in find_bars(pixels) if is_rimmed(pixels, b, label) and b.rows == (82, 88)]


def test_a_dark_inside_is_no_bar_where_the_letters_have_the_tone_of_its_outline() -> None:
    """In a journal: a white outline, filled in dark grey, on mid-grey ground, under white letters. Its outer edges count."""
    canvas = (174 + np.random.default_rng(3).normal(0, 5, (160, 400))).astype(np.float32)
    fill(canvas, 89, 107, 95, 182.5, 250.0)
    fill(canvas, 91, 109, 93, 180.5, 110.0)
    label = labelled(canvas, 45, 95, 255.0)
    best = bars_at(finished(canvas), label, [TextLine(label.raw, 0.95, label.box)])[0]
    assert best.ends.length_px == pytest.approx(75.5, abs=1.0)


def test_the_sides_of_a_rim_are_no_bars() -> None:
    pixels, label = embossed(90.6, tone=255.0, level=130.0)
    bars = find_bars(pixels, (80, 0, 110, 400))
    kept = without_rims(pixels, bars, label)
    assert core(pixels, bright=True) in kept
    assert len([b for b in bars if not b.bright and b.length_px > 80]) == 2
    assert not [b for b in kept if not b.bright and b.length_px > 80]
