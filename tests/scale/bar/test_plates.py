"""Letters in plain boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanogauge.detection.engines.ocr import RapidOcrReader
from nanogauge.scale.bar import annotation_boxes, read_scale_bar
from nanogauge.scale.bar.plates import block_around, with_plate
from nanogauge.training.synthetic.annotate import add_panel_letter, draw_scale_bar

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


def block(ground: Grey, x0: int, x1: int) -> Grey:
    """A white block in rows 300 to 330 with what may be letters in columns 150 to 210."""
    ground[300:330, x0:x1] = 255
    ground[308:322, 150:210:6] = 0
    return ground


def test_a_block_with_its_text_inside(ground: Grey) -> None:
    found = block_around(block(ground, 100, 261), (304, 146, 326, 214))
    assert found is not None
    assert (found.box, found.bright, found.kind) == ((300, 100, 330, 261), True, "solid")


def test_a_plate_is_no_block(ground: Grey) -> None:
    assert block_around(block(ground, 140, 220), (304, 146, 326, 214)) is None  # hugs its text
    assert block_around(block(ground, 100, 330), (304, 146, 326, 214)) is None  # its text stands at one end
    with_bar = block(ground, 100, 261)
    with_bar[324:327, 110:250] = 0
    assert block_around(with_bar, (304, 146, 322, 214)) is None  # holds a bar
    assert block_around(np.full((360, 480), 200, np.uint8), (304, 146, 326, 214)) is None  # goes on and on


def test_a_block_is_read(ground: Grey, reader: RapidOcrReader, rng: np.random.Generator) -> None:
    drawn, truth = draw_scale_bar(ground, nm_per_px=2.5, style="block", rng=rng, value_nm=500.0, position="inside", bright=True)
    reading = read_scale_bar(drawn, reader)
    assert reading is not None
    assert reading.refused is None, reading.refused
    assert reading.value_nm == truth.value_nm
    assert abs(reading.length_px - truth.length_px) < 1
