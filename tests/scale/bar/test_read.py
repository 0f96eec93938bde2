"""Rendered bars of every style are read to a fraction of a pixel, or refused, and never wrong."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.protocols import TextLine
from nanogauge.detection.engines.ocr import RapidOcrReader
from nanogauge.scale.bar import annotation_boxes, find_data_bar, read_scale_bar
from nanogauge.scale.bar.ends import measure_ends
from nanogauge.scale.bar.joined import joined
from nanogauge.scale.bar.locate import find_bars
from nanogauge.training.synthetic.annotate import MAKERS, STYLES, Maker, Style, add_data_bar, add_panel_letter, draw_scale_bar

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


@pytest.mark.parametrize(("magnification", "nm_per_px"), [("x33,000", 2.8409), ("x36,000", 100 / 36), ("", 100 / 36)])
def test_short_bar_is_refined_by_the_printed_magnification(magnification: str, nm_per_px: float) -> None:
    ground = np.full((140, 1280), 90, np.uint8)
    ground[70:78, 100:136] = 255  # 36 px are known to 1.4 %; x36,000 does not agree with them
    ground[66:80, 155:215:6] = 255  # something in the tone of the bar where its text is
    label = TextLine("100 nm", 0.99, (62.0, 150.0, 84.0, 220.0))
    lines = [label, TextLine("JEOL", 0.99, (62.0, 400.0, 84.0, 450.0))]
    if magnification:
        lines.append(TextLine(magnification, 0.99, (62.0, 500.0, 84.0, 570.0)))
    reading = read_scale_bar(ground, Fixed(*lines))
    assert reading is not None
    assert reading.scale is not None, reading.refused
    assert reading.nm_per_px == pytest.approx(100 / 36, rel=0.01)
    assert reading.scale.nm_per_px[1] == pytest.approx(nm_per_px, rel=0.003)
    assert (reading.refined_by == "printed magnification") == (magnification == "x33,000")
    assert reading.scale.relative_uncertainty < (0.004 if magnification == "x33,000" else 0.02)


def test_letters_beside_the_label_are_no_bar(ground: Grey) -> None:
    """In "100nm JEOL" the strokes of E and O are a line of 26 px that stands nearer to the label than its bar."""
    ground[300:350] = 0
    ground[306:322, 20:74] = 255
    for x in range(124, 180, 6):
        ground[308:322, x] = 255
    ground[311:312, 216:242] = 255
    label = TextLine("100nm JEOL", 0.99, (302.0, 120.0, 333.0, 298.0))
    reading = read_scale_bar(ground, Fixed(label))
    assert reading is not None
    assert reading.scale is None or reading.length_px == pytest.approx(54, abs=0.5)


@pytest.mark.parametrize("text", ["1,000 nm", "1.000 nm"])
def test_a_label_that_may_mean_thousands_is_refused(ground: Grey, text: str) -> None:
    """A bar of "1,000 nm" was one of 1 nm, and sizes a thousand times too small."""
    ground[330:338, 100:300] = 255
    reading = read_scale_bar(ground, Fixed(TextLine(text, 0.99, (300.0, 150.0, 322.0, 250.0))))
    assert reading is not None
    assert reading.scale is None
    assert reading.refused == "the label may mean 1 nm or 1000 nm"


def test_a_magnification_tells_thousands(ground: Grey) -> None:
    ground[330:338, 100:300] = 255
    lines = (TextLine("1.000 µm", 0.99, (300.0, 150.0, 322.0, 250.0)), TextLine("x50,000", 0.99, (300.0, 20.0, 322.0, 90.0)))
    reading = read_scale_bar(ground, Fixed(*lines))
    assert reading is not None
    assert reading.scale is not None, reading.refused
    assert reading.nm_per_px == pytest.approx(5, rel=0.01)


def test_a_reciprocal_label_is_refused_though_another_look_drops_its_sign(ground: Grey) -> None:
    ground[330:338, 100:300] = 255
    lines = (TextLine("2 nm", 0.99, (300.0, 160.0, 322.0, 230.0)), TextLine("2 nm⁻¹", 0.9, (298.0, 158.0, 322.0, 255.0)))
    reading = read_scale_bar(ground, Fixed(*lines))
    assert reading is not None
    assert reading.scale is None
    assert "diffraction" in (reading.refused or "")


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


def test_a_bar_that_fades_goes_on() -> None:
    """A thin blurred bar is lighter over a light ground: where the ground changes is not its end."""
    pixels = np.full((60, 300), 190, np.uint8)
    pixels[:, 150:] = 120
    pixels[30:32, 40:150] = 236
    whole = pixels.copy()
    whole[30:32, 150:200] = 213
    for drawn, goes_on in ((whole, True), (pixels, False)):
        bar = next(c for c in find_bars(drawn) if c.bright and c.box[1] == 40 and c.box[3] <= 152)
        ends = measure_ends(drawn, bar)
        assert ends.length_px == pytest.approx(110, abs=1.0)
        assert ends.goes_on == goes_on


@pytest.mark.parametrize("blur", [0.0, 0.5, 0.8])
def test_tips_of_arrows(blur: float) -> None:
    drawn = np.full((80, 300), 240, np.uint8)
    drawn, truth = draw_scale_bar(
        drawn, nm_per_px=1.0, style="arrows", value_nm=150.4, rng=np.random.default_rng(3), tone=0.0, text="150 nm"
    )
    if blur:
        drawn = cv2.GaussianBlur(drawn, (0, 0), blur).astype(np.uint8)
    bar = next(c for c in find_bars(drawn) if c.kind == "arrows")
    ends = measure_ends(drawn, bar)
    assert ends.length_px == pytest.approx(truth.length_px, abs=2.5)
    assert 1.2 < ends.sigma_px < 3


def test_knobs_at_the_ends_of_a_split_bar_are_ticks() -> None:
    """As Thermo draws it: 229 px from edge to edge, 226 px from knob to knob."""
    pixels = np.zeros((60, 400), np.uint8)
    for a, b in ((60, 120), (229, 289)):
        pixels[30:33, a:b] = 255
    for x in (60, 286):
        pixels[29:34, x : x + 3] = 255
        pixels[28:35, x + 1] = 255
    halves = sorted((c for c in find_bars(pixels) if c.length_px > 30), key=lambda c: c.box[1])
    (whole,) = (b for b in joined(halves, (24.0, 140.0, 40.0, 210.0), 6, bright_text=True) if b.kind == "split")
    ends = measure_ends(pixels, whole)
    assert ends.by_ticks
    assert ends.length_px == pytest.approx(226, abs=0.3)


def test_teeth_of_a_comb_are_no_end_ticks() -> None:
    pixels = np.full((60, 200), 200, np.uint8)
    pixels[30:38, 40:151] = 0
    for x in range(40, 151, 11):
        pixels[25:30, x : x + 1] = 0
    bar = max(find_bars(pixels), key=lambda c: c.quality)
    ends = measure_ends(pixels, bar)
    assert not ends.by_ticks
    assert ends.length_px == pytest.approx(111, abs=0.5)


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


def test_what_is_taken_for_a_huge_letter_hides_no_particles(ground: Grey) -> None:
    """A picture full of particles is now and then read as one large sign; boxes of text are kept free of particles."""
    h, w = ground.shape
    huge = (0.0, 0.05 * w, float(h), 0.9 * w)
    letter = TextLine("b", 0.99, (4.0, 4.0, 4.0 + 0.1 * h, 30.0))
    sign = TextLine("惠", 0.9, (4.0, 100.0, 20.0, 120.0))
    reading = read_scale_bar(ground, Fixed(TextLine("8", 0.95, huge), TextLine("100 nm", 0.95, huge), letter, sign))
    assert reading is not None
    assert len(reading.text_boxes) == 1
    assert reading.text_boxes[0][2] < 0.3 * h
