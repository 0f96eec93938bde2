"""Arrows are measured tip to tip, blurred or not; what is none is not taken for one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nanogauge.scale.bar.ends import Ends, measure_ends
from nanogauge.scale.bar.locate import find_bars
from nanogauge.training.synthetic.marks import Style, draw_bar, fill, finished


def ends_of(style: Style, length: float, *, thick: int, blur: float, tone: float = 255.0, x: float = 60.3) -> Ends:
    canvas = np.full((80, 420), 20.0 if tone > 100 else 200.0, np.float32)
    draw_bar(canvas, style, 40, x, length, thick, tone)
    pixels = finished(canvas)
    if blur:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), blur), np.uint8)
    return measure_ends(pixels, find_bars(pixels)[0])


@pytest.mark.parametrize("blur", [0.0, 0.6, 0.9])
@pytest.mark.parametrize("thick", [3, 5, 7])
@pytest.mark.parametrize(("length", "tone"), [(41.5, 255.0), (64.0, 150.0), (112.7, 0.0), (301.2, 255.0)])
def test_tip_to_tip(length: float, tone: float, thick: int, blur: float) -> None:
    if length < 10 * thick:
        pytest.skip("the heads of so thick an arrow leave no line between them")
    ends = ends_of("arrows", length, thick=thick, blur=blur, tone=tone)
    assert ends.pointed
    assert ends.unsure or ends.length_px == pytest.approx(length, abs=max(1.5, 0.012 * length))
    assert blur or not ends.unsure


@pytest.mark.parametrize("blur", [0.0, 0.9, 1.6])
@pytest.mark.parametrize(("style", "thick"), [("plain", 3), ("plain", 6), ("ticks", 2), ("heavy_ticks", 5), ("bracket", 3)])
def test_blocks_and_end_ticks_are_no_arrows(style: Style, thick: int, blur: float) -> None:
    ends = ends_of(style, 120.0, thick=thick, blur=blur)
    assert not ends.pointed
    assert ends.length_px == pytest.approx(120.0, abs=1.5 if blur < 1 else 2.5)


@pytest.mark.parametrize("tone", [140.0, 180.0, 195.0, 215.0])
@pytest.mark.parametrize("x", [80.0, 80.4, 80.8])
def test_teeth_of_a_comb_are_no_end_ticks_whatever_lies_between_them(x: float, tone: float) -> None:
    """A light spot of the ground between two teeth: the outer edges count all the same, not the second teeth from both ends."""
    canvas = np.full((100, 300), 140.0, np.float32)
    fill(canvas, 36, 134, 46, 139, tone)
    draw_bar(canvas, "comb", 50, x, 99.4, 8, 230.0)
    bar = next(b for b in find_bars(finished(canvas)) if b.length_px > 60)
    assert measure_ends(finished(canvas), bar).length_px == pytest.approx(99.4, abs=1.0)
