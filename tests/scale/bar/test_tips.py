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
    assert ends.unsure or ends.length_px == pytest.approx(length, abs=1.3)
    assert not ends.unsure or blur


def polygons(length: float, *, thick: float, head: tuple[float, float], blur: float) -> np.ndarray:
    """An arrow of smooth polygons, as drawing programs have it, its heads (length, half of their width) px."""
    fine, x, y = 8, 60.3, 40.2
    canvas = np.full((80 * fine, 420 * fine), 40, np.uint8)
    tips = [[(x, y), (x + head[0], y - head[1]), (x + head[0], y + head[1])]]
    tips.append([(2 * x + length - a, b) for a, b in tips[0]])
    line = [(x + 0.9 * head[0], y - thick / 2), (x + length - 0.9 * head[0], y - thick / 2)]
    for shape in (*tips, [*line, *((a, 2 * y - b) for a, b in line[::-1])]):
        cv2.fillPoly(canvas, [np.round(np.array(shape) * fine).astype(np.int32)], 230)
    pixels = cv2.resize(canvas, (420, 80), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), blur) if blur else pixels, np.uint8)


@pytest.mark.parametrize("blur", [0.0, 0.6, 0.9])
@pytest.mark.parametrize(
    ("length", "thick", "head"), [(81.4, 3.0, (11.0, 6.5)), (190.2, 4.5, (16.0, 10.0)), (300.0, 2.4, (10.0, 6.0))]
)
def test_tips_of_smooth_polygons(length: float, thick: float, head: tuple[float, float], blur: float) -> None:
    """Their tips fade out where those of the renderer do not."""
    pixels = polygons(length, thick=thick, head=head, blur=blur)
    ends = measure_ends(pixels, next(b for b in find_bars(pixels) if b.length_px > 0.8 * length))
    assert ends.unsure or ends.length_px == pytest.approx(length, abs=1.5)
    assert ends.pointed


def test_small_heads_are_no_end_ticks() -> None:
    pixels = polygons(267.4, thick=1.5, head=(6.1, 4.5), blur=0.0)
    ends = measure_ends(pixels, next(b for b in find_bars(pixels) if b.length_px > 200))
    assert ends.length_px == pytest.approx(267.4, abs=3.0)  # 257 once they were taken for end ticks


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
