"""Boxes and ends out of a locator's maps, and what becomes of a reading when the locator sees more, less or other than geometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.detection.engines.ocr import RapidOcrReader
from nanogauge.scale.bar import read_scale_bar
from nanogauge.scale.bar.ends import Ends
from nanogauge.scale.bar.locate import BarCandidate
from nanogauge.scale.bar.located import Located, SeenBar, located_in
from nanogauge.scale.bar.match import LabelledBar
from nanogauge.scale.bar.second_sight import taken_together
from nanogauge.scale.bar.text import LengthText
from nanogauge.training.synthetic.annotate import draw_scale_bar
from nanogauge.training.synthetic.marks import BarTruth, Box

Grey = NDArray[np.uint8]


class Sees:
    """A locator that sees what it is told to, at half the picture's resolution, its bar at times `off` px to the right."""

    def __init__(self, bar: Box | None, label: Box | None, *, confidence: float = 0.95, off: int = 0) -> None:
        self.bar, self.label, self.confidence, self.off = bar, label, confidence, off

    def maps(self, pixels: Grey) -> tuple[NDArray[np.float32], float]:
        out = np.zeros((5, pixels.shape[0] // 2, pixels.shape[1] // 2), np.float32)
        for k, box in ((0, self.bar), (1, self.label)):
            if box is not None:
                shift = self.off if k == 0 else 0
                y0, x0, y1, x1 = (v // 2 for v in (box[0], box[1] + shift, box[2] + 1, box[3] + shift + 1))
                out[k, y0 : max(y1, y0 + 1), x0:x1] = self.confidence
                for end, x in ((3, x0), (4, x1)):
                    if k == 0:
                        out[end, y0 : max(y1, y0 + 1), max(x - 1, 0) : x + 1] = self.confidence
        return out, 2.0


@pytest.fixture
def drawn(ground: Grey, rng: np.random.Generator) -> tuple[Grey, BarTruth]:
    return draw_scale_bar(ground, nm_per_px=2.0, value_nm=200.0, style="plain", rng=rng, tone=255.0, text="200 nm")


def test_boxes_and_ends_are_those_of_the_maps() -> None:
    seen = located_in(np.zeros((200, 300), np.uint8), Sees((150, 40, 156, 140), (120, 60, 140, 120)))
    (bar,), (label,) = seen.bars, seen.labels
    assert bar.box == (150, 40, 156, 140)
    assert (bar.x0, bar.x1) == pytest.approx((39.5, 139.5), abs=1.0)
    assert bar.surely_ended
    assert bar.confidence == pytest.approx(0.95, abs=0.01)
    assert label.box == (120, 60, 140, 120)


def test_a_bar_without_ends_says_so() -> None:
    class Endless(Sees):
        def maps(self, pixels: Grey) -> tuple[NDArray[np.float32], float]:
            out, cell = super().maps(pixels)
            out[3:] = 0
            return out, cell

    (bar,) = located_in(np.zeros((200, 300), np.uint8), Endless((150, 40, 156, 140), None)).bars
    assert not bar.surely_ended


def test_what_is_seen_within_letters_is_a_stroke_of_them() -> None:
    """The foot of a 2, 13 px long, was taken for the bar beside the label, 34 px."""
    within = located_in(np.zeros((200, 300), np.uint8), Sees((133, 66, 137, 80), (116, 60, 140, 120)))
    assert not within.bars
    assert len(located_in(np.zeros((200, 300), np.uint8), Sees((133, 130, 137, 164), (116, 60, 140, 120))).bars) == 1


@pytest.mark.parametrize(
    ("bar", "label", "left"),
    [((122, 60, 134, 220), (116, 60, 140, 120), (120, 220)), ((122, 60, 134, 220), (116, 170, 140, 226), (60, 170))],
)
def test_letters_that_are_seen_as_one_with_the_bar_beside_them_are_cut_off(bar: Box, label: Box, left: tuple[int, int]) -> None:
    (seen,) = located_in(np.zeros((200, 300), np.uint8), Sees(bar, label)).bars
    assert (seen.box[1], seen.box[3]) == pytest.approx(left, abs=2)
    assert not seen.surely_ended  # where letters end is not where a bar begins


def test_a_block_keeps_the_text_in_it() -> None:
    (seen,) = located_in(np.zeros((200, 300), np.uint8), Sees((110, 60, 146, 220), (116, 100, 140, 180))).bars
    assert (seen.box[1], seen.box[3]) == (60, 220)


@pytest.mark.parametrize("tone", [188.0, 160.0])
def test_a_weak_bar_over_the_relief_is_not_measured_wrong_where_both_look(
    ground: Grey, rng: np.random.Generator, reader: RapidOcrReader, tone: float
) -> None:
    pixels, truth = draw_scale_bar(ground, nm_per_px=2.0, value_nm=200.0, style="plain", rng=rng, tone=tone, text="200 nm")
    blind = read_scale_bar(pixels, reader)
    assert blind is None or blind.nm_per_px != pytest.approx(2.0, rel=0.02)  # it runs on into the relief
    both = read_scale_bar(pixels, reader, Sees(truth.box, truth.label_box))
    assert both is not None
    assert both.scale is None or both.nm_per_px == pytest.approx(2.0, rel=0.025)


def test_the_ends_of_a_bar_are_measured_never_taken_from_the_locator(drawn: tuple[Grey, BarTruth], reader: RapidOcrReader) -> None:
    pixels, truth = drawn
    y0, x0, y1, x1 = truth.box
    for gap in (8, 17, 31, 38, 52, 59, 73, 84, 91):  # pieces too short for a bar, too uneven for a ruler
        pixels[y0:y1, x0 + gap : x0 + gap + 2] = 120
    blind = read_scale_bar(pixels, reader)
    assert blind is None or blind.scale is None
    seen = read_scale_bar(pixels, reader, Sees((y0, x0 - 10, y1, x1 + 14), truth.label_box))
    assert seen is None or seen.scale is None or seen.nm_per_px == pytest.approx(2.0, rel=0.02)


def test_of_two_bars_that_one_counts_that_both_see(ground: Grey, rng: np.random.Generator, reader: RapidOcrReader) -> None:
    """A plate with clean sides around label and bar is as good a rectangle as the bar."""
    pixels, truth = draw_scale_bar(ground, nm_per_px=2.0, value_nm=200.0, style="boxed", rng=rng, tone=0.0, text="200 nm")
    reading = read_scale_bar(pixels, reader, Sees(truth.box, truth.label_box))
    assert reading is not None
    assert reading.nm_per_px == pytest.approx(2.0, rel=0.02)
    assert reading.confidence > 0.9


def test_a_locator_that_sees_nothing_changes_nothing(drawn: tuple[Grey, BarTruth], reader: RapidOcrReader) -> None:
    assert read_scale_bar(drawn[0], reader, Sees(None, None)) == read_scale_bar(drawn[0], reader)


def test_a_rod_in_another_tone_than_the_letters_is_not_lifted_over_a_good_bar() -> None:
    """A black rod below a white label, which the locator took for its bar: 77 px for 205."""
    pixels = np.full((200, 500), 150, np.uint8)
    pixels[140:154, 300:378] = 20  # the rod
    pixels[118:122, 60:265] = 255
    label = LengthText(300.0, "300 nm", "300 nm", (106.0, 285.0, 136.0, 375.0), 0.95, True)
    for x in range(290, 372, 12):  # its strokes
        pixels[110:132, x : x + 4] = 255
    bar, rod = (
        LabelledBar(
            label,
            BarCandidate("solid", (y0, x0, y1, x1), (y0, y1), bright, 105.0, 0.9),
            Ends(x0 - 0.5, x1 - 0.5, 0.3, False),
            score,
        )
        for (y0, x0, y1, x1), bright, score in (((118, 60, 122, 265), True, 0.79), ((140, 300, 154, 378), False, 0.70))
    )
    located = Located((SeenBar((140, 300, 154, 378), 299.5, 377.5, True, 0.9),), ())
    assert taken_together(pixels, label, [bar, rod], located, [])[0].bar == bar.bar
    better = replace(rod, score=0.85)
    assert taken_together(pixels, label, [better, bar], located, [])[0].bar == rod.bar
