"""Rendered bars of every style are read to a fraction of a pixel, or refused, and never wrong."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.engines.ocr import RapidOcrReader
from nanogauge.ports import TextLine
from nanogauge.scalebar import annotation_boxes, find_data_bar, read_scale_bar
from nanogauge.scalebar.ends import measure_ends
from nanogauge.scalebar.locate import find_bars
from nanogauge.synthetic.annotate import MAKERS, STYLES, Maker, Style, add_data_bar, add_panel_letter, draw_scale_bar

Grey = NDArray[np.uint8]


class Fixed:
    """A text reader that sees what it is told to."""

    name = "fixed"

    def __init__(self, *lines: TextLine) -> None:
        self.lines = list(lines)

    def read(self, pixels: Grey) -> list[TextLine]:
        return self.lines

    def read_line(self, pixels: Grey) -> tuple[str, float]:
        return (self.lines[0].text, self.lines[0].confidence) if self.lines else ("", 0.0)


@pytest.mark.parametrize("style", STYLES)
def test_styles(style: Style, ground: Grey, reader: RapidOcrReader, rng: np.random.Generator) -> None:
    drawn, truth = draw_scale_bar(ground, nm_per_px=3.7, style=style, rng=rng, bright=True)
    reading = read_scale_bar(drawn, reader)
    assert reading is not None
    assert reading.refused is None, reading.refused
    assert reading.value_nm == truth.value_nm
    assert reading.length_px == pytest.approx(truth.length_px, abs=2.5 if style == "embossed" else 1.0)
    assert reading.scale is not None
    assert reading.scale.source == "scale_bar"
    assert reading.nm_per_px == pytest.approx(3.7, rel=max(0.02, 3 * reading.relative_uncertainty))
    assert any(y0 < truth.box[2] and truth.box[0] < y1 for y0, _, y1, _ in annotation_boxes(reading))


@pytest.mark.parametrize("maker", MAKERS)
def test_data_bars(maker: Maker, ground: Grey, reader: RapidOcrReader, rng: np.random.Generator) -> None:
    drawn, truth, first_row = add_data_bar(ground, maker=maker, nm_per_px=12.5, rng=rng)
    reading = read_scale_bar(drawn, reader)
    assert reading is not None
    assert reading.refused is None, reading.refused
    assert reading.value_nm == truth.value_nm
    assert reading.nm_per_px == pytest.approx(12.5, rel=0.012)
    box = find_data_bar(drawn, reader.read(drawn))
    assert box is not None
    assert abs(box[0] - first_row) <= 1
    assert box[1:] == (0, *drawn.shape)


@pytest.mark.parametrize("seed", range(6))
def test_never_wrong(seed: int, ground: Grey, reader: RapidOcrReader) -> None:
    rng = np.random.default_rng(seed)
    nm_per_px = float(10 ** rng.uniform(-1, 2))
    drawn, truth = draw_scale_bar(ground, nm_per_px=nm_per_px, style=STYLES[seed % len(STYLES)], rng=rng)
    reading = read_scale_bar(drawn, reader)
    if reading is not None and reading.scale is not None:
        assert reading.nm_per_px == pytest.approx(nm_per_px, rel=max(0.02, 1.5 / truth.length_px))


def test_nothing_is_invented(ground: Grey, reader: RapidOcrReader, rng: np.random.Generator) -> None:
    bare = read_scale_bar(ground, reader)
    assert bare is None or (bare.scale is None and bare.text_boxes == ())
    lettered = read_scale_bar(add_panel_letter(ground, "b", rng=rng), reader)
    assert lettered is not None
    assert lettered.scale is None
    assert lettered.refused is not None
    assert lettered.text_boxes


def test_bar_without_text_gives_no_scale(ground: Grey) -> None:
    ground[320:326, 60:180] = 255
    assert read_scale_bar(ground, Fixed()) is None


def test_text_without_bar_is_refused(ground: Grey) -> None:
    reading = read_scale_bar(ground, Fixed(TextLine("500 nm", 0.99, (300.0, 60.0, 322.0, 130.0))))
    assert reading is not None
    assert reading.scale is None
    assert "no bar" in (reading.refused or "")


def test_clipped_bar_is_refused(ground: Grey) -> None:
    ground[330:338, 400:480] = 255
    reading = read_scale_bar(ground, Fixed(TextLine("500 nm", 0.99, (300.0, 405.0, 322.0, 475.0))))
    assert reading is not None
    assert reading.scale is None


def test_half_of_a_split_bar_is_refused(ground: Grey) -> None:
    ground[310:313, 60:120] = 255
    ground[310:313, 200:236] = 255  # unequal halves are no split bar, and neither half is a bar of its own
    ground[310:313, 236:262] = 255
    text = TextLine("500 nm", 0.99, (300.0, 124.0, 322.0, 196.0))
    reading = read_scale_bar(ground, Fixed(text))
    assert reading is None or reading.scale is None or reading.nm_per_px == pytest.approx(500 / 202, rel=0.02)


def test_pixels_must_be_grey_8_bit(reader: RapidOcrReader) -> None:
    with pytest.raises(ValueError, match="uint8"):
        read_scale_bar(np.zeros((20, 30), np.float32), reader)  # type: ignore[arg-type]


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5, 0.75])
def test_ends_lie_between_pixels(shift: float) -> None:
    pixels = np.full((60, 200), 90.0)
    pixels[30:35, 41:140] = 250
    pixels[30:35, 40] = 90 + 160 * (1 - shift)
    pixels[30:35, 140] = 90 + 160 * shift
    drawn = np.round(pixels).astype(np.uint8)
    bar = max(find_bars(drawn), key=lambda c: c.quality)
    ends = measure_ends(drawn, bar)
    assert ends.length_px == pytest.approx(100, abs=0.3)
    assert ends.x0 == pytest.approx(39.5 + shift, abs=0.3)
