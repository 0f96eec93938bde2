"""Bars of a data bar that their own label breaks into short halves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.detection.engines.ocr import RapidOcrReader
from nanogauge.scale.bar import read_scale_bar
from nanogauge.scale.bar.halves import short_halves
from nanogauge.training.synthetic.marks import FONTS, finished, text_width, write

Grey = NDArray[np.uint8]


def footer(
    ground: Grey, text: str, *, half: int, thick: int = 2, ticks: bool = False, ink: float = 255, left_only: bool = False
) -> tuple[Grey, float, tuple[float, float, float, float]]:
    """The picture with a data bar in which `text` breaks a bar into two halves; what the bar spans; the text's box."""
    canvas = np.concatenate([ground, np.zeros((34, ground.shape[1]))]).astype(np.float32)
    canvas[len(ground) :] = 255 - ink
    font, px = FONTS[0], 16
    width, middle, x0 = text_width(text, px, font), len(ground) + 17, 150
    write(canvas, text, middle - 10, x0 + half + 6, px, ink, font)
    end = round(x0 + 2 * half + 12 + width)
    spans = [(x0, x0 + half), (end - half, end)]
    for a, b in spans[:1] if left_only else spans:
        canvas[middle - thick // 2 : middle - thick // 2 + thick, a:b] = ink
    if ticks:
        for a in (x0, end - thick):
            canvas[middle - 6 : middle + 7, a : a + thick] = ink
    write(canvas, "HV 15.0 kV", middle - 10, end + 60, px, ink, font)
    box = (middle - 10.0, x0 + half + 6.0, middle + 10.0, x0 + half + 6.0 + width)
    return finished(canvas), float(end - x0 - (thick if ticks else 0)), box


@pytest.mark.parametrize("ink", [255, 0])
@pytest.mark.parametrize("ticks", [False, True])
@pytest.mark.parametrize("half", [8, 10])
def test_a_bar_with_short_halves(ground: Grey, reader: RapidOcrReader, ink: float, ticks: bool, half: int) -> None:
    figure, length, _ = footer(ground, "10 µm", half=half, ticks=ticks, ink=ink)
    reading = read_scale_bar(figure, reader)
    assert reading is not None
    if reading.refused is None:  # a tick may be read as a digit: then it is refused, never misread
        assert reading.text == "10 µm"
        assert reading.length_px == pytest.approx(length, abs=1.5)
    else:
        assert ticks


@pytest.mark.parametrize("half", [6, 8, 11])
def test_halves_are_found_at_both_ends_of_the_text(ground: Grey, half: int) -> None:
    figure, length, box = footer(ground, "10 µm", half=half)
    strip = (len(ground), 0, *figure.shape)
    left, right = short_halves(figure, box, strip)
    assert right.box[3] - left.box[1] == pytest.approx(length, abs=1)


def test_one_half_or_none_is_no_bar(ground: Grey) -> None:
    figure, _, box = footer(ground, "10 µm", half=9, left_only=True)
    strip = (len(ground), 0, *figure.shape)
    assert short_halves(figure, box, strip) == []
    figure, _, box = footer(ground, "10 µm", half=9)
    figure[len(ground) + 10 : len(ground) + 25, : int(box[1])] = 0
    figure[len(ground) + 10 : len(ground) + 25, int(box[3]) :] = 0
    assert short_halves(figure, box, strip) == []


def test_halves_of_unlike_length_are_none(ground: Grey) -> None:
    figure, _, box = footer(ground, "10 µm", half=11)
    figure[len(ground) + 5 : len(ground) + 30, : int(box[1]) - 12] = 0  # the left one is 5 px long now
    assert short_halves(figure, box, (len(ground), 0, *figure.shape)) == []
