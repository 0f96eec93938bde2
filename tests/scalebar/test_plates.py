"""Letters in plain boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanogauge.engines.ocr import RapidOcrReader
from nanogauge.scalebar import annotation_boxes, read_scale_bar
from nanogauge.scalebar.plates import with_plate
from nanogauge.synthetic.annotate import add_panel_letter

Grey = NDArray[np.uint8]


def test_grown_to_the_plate(ground: Grey) -> None:
    ground[20:60, 30:90] = 255
    ground[30:50, 45:70:4] = 0
    assert with_plate(ground, (28, 42, 52, 72)) == (20, 30, 60, 90)


def test_no_plate(ground: Grey) -> None:
    ground[30:50, 45:70:4] = 255
    assert with_plate(ground, (28, 42, 52, 72)) == (28, 42, 52, 72)
    black = np.zeros((300, 400), np.uint8)  # plain all over
    black[30:50, 45:70:4] = 255
    assert with_plate(black, (28, 42, 52, 72)) == (28, 42, 52, 72)


def test_boxed_panel_letters_are_kept_out_whole(ground: Grey, reader: RapidOcrReader, rng: np.random.Generator) -> None:
    drawn = add_panel_letter(ground, "(b)", rng=rng, boxed=True)
    reading = read_scale_bar(drawn, reader)
    plate = drawn == 255
    covered = np.zeros_like(plate)
    for y0, x0, y1, x1 in annotation_boxes(reading):
        covered[y0:y1, x0:x1] = True
    assert (plate[:60, :80] & covered[:60, :80]).sum() > 0.97 * plate[:60, :80].sum()
