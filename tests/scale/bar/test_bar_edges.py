"""Where a bar can be."""

from __future__ import annotations

import numpy as np
import pytest

from nanogauge.scale.bar.edges import bar_like
from nanogauge.training.synthetic.annotate import Style, draw_scale_bar


@pytest.mark.parametrize("style", ["plain", "boxed", "block", "ticks", "bracket", "embossed"])
def test_the_drawn_bar_comes_first(style: Style, ground: np.ndarray, rng: np.random.Generator) -> None:
    drawn, truth = draw_scale_bar(ground, nm_per_px=3.7, style=style, rng=rng, bright=True)
    found = bar_like(drawn)
    y0, x0, y1, x1 = truth.box
    overlaps = [min(b[3], x1) - max(b[1], x0) > 0.7 * (x1 - x0) and min(b[2], y1 + 2) > max(b[0], y0 - 2) for b in found]
    assert True in overlaps[:2]


def test_nothing_there(ground: np.ndarray) -> None:
    assert bar_like(ground) == []
    assert bar_like(np.zeros((2, 400), np.uint8)) == []
    assert bar_like(np.full((300, 400), 7, np.uint8)) == []


def test_most(ground: np.ndarray) -> None:
    for y in range(20, 340, 20):
        ground[y : y + 5, 50:200] = 255
    assert len(bar_like(ground, most=3)) == 3
