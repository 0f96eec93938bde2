"""Short sharp bars of data bars, which are shorter than their labels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.detection.engines.ocr import RapidOcrReader
from nanogauge.scale.bar import read_scale_bar
from nanogauge.training.synthetic.marks import FONTS, finished, write

Grey = NDArray[np.uint8]


def footer(ground: Grey, *, length: int, ticks: bool, tone: float = 255) -> Grey:
    """The picture with a data bar: "500 nm" and a line of 1 px under it, with end ticks or without."""
    canvas = np.concatenate([ground, np.zeros((44, ground.shape[1]))]).astype(np.float32)
    top = len(ground)
    canvas[top:] = 0
    write(canvas, "500 nm", top + 3, 20, 18, 255, FONTS[0])
    canvas[top + 35, 22 : 22 + length] = tone
    if ticks:
        canvas[top + 31 : top + 40, [22, 22 + length - 1]] = tone
    write(canvas, "EHT = 5.00 kV", top + 12, 200, 18, 255, FONTS[0])
    return finished(canvas)


@pytest.mark.parametrize("length", [16, 21, 30])
@pytest.mark.parametrize(("ticks", "tone"), [(False, 255), (True, 255), (True, 150)])
def test_a_short_sharp_bar_is_read(ground: Grey, reader: RapidOcrReader, length: int, ticks: bool, tone: float) -> None:
    reading = read_scale_bar(footer(ground, length=length, ticks=ticks, tone=tone), reader)
    assert reading is not None
    assert reading.refused is None, reading.refused
    assert reading.text == "500 nm"
    assert reading.length_px == pytest.approx(length - ticks, abs=0.6)


def test_a_label_without_a_bar_has_none(ground: Grey, reader: RapidOcrReader) -> None:
    reading = read_scale_bar(footer(ground, length=0, ticks=False), reader)
    assert reading is not None
    assert reading.scale is None
