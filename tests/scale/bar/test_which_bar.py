"""Of several things that look like bars the true one is read, or none: flat-edged particles, blocks beside their label, the rim."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nanogauge.detection.engines.ocr import RapidOcrReader
from nanogauge.reading import read_micrograph
from nanogauge.scale.bar import ScaleBarReading, read_scale_bar
from nanogauge.scale.bar.ends import Ends
from nanogauge.scale.bar.locate import BarCandidate
from nanogauge.scale.bar.match import LabelledBar
from nanogauge.scale.bar.printed import Printed
from nanogauge.scale.bar.read import _as_printed
from nanogauge.scale.bar.text import LengthText
from nanogauge.training.synthetic import Scene, render
from nanogauge.training.synthetic.annotate import FONTS

Grey = NDArray[np.uint8]
CASES = Path(os.environ.get("NANOGAUGE_SHARED", Path(__file__).parents[4] / "shared")) / "cases"


def field(
    seed: int, *, level: float = 60.0, particle: float = 170.0, noise: float = 5.0, shape: tuple[int, int] = (380, 620)
) -> Grey:
    """Discs on an even ground, with grain."""
    rng = np.random.default_rng(seed)
    picture = np.full(shape, float(level))
    for _ in range(20):
        centre = (int(rng.integers(shape[1])), int(rng.integers(shape[0] - 90)))
        cv2.circle(picture, centre, int(rng.integers(12, 30)), particle, -1, cv2.LINE_AA)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.8) + rng.normal(0, noise, shape), 0, 255).astype(np.uint8)


def rectangle(picture: Grey, box: tuple[int, int, int, int], level: float, *, noise: float = 5.0) -> None:
    """A flat-edged particle, as grainy as the rest."""
    y0, x0, y1, x1 = box
    grain = np.random.default_rng(1).normal(0, noise, (y1 - y0, x1 - x0))
    picture[y0:y1, x0:x1] = np.clip(level + grain, 0, 255).astype(np.uint8)


def written(picture: Grey, text: str, at: tuple[int, int], *, size: int = 18, level: int = 255) -> tuple[Grey, int]:
    """The picture with a text whose ink begins at (y, x), and the ink's width in px."""
    image = Image.fromarray(picture)
    font = ImageFont.truetype(str(FONTS[0]), size)
    x0, y0, x1, _ = font.getbbox(text)
    ImageDraw.Draw(image).text((at[1] - x0, at[0] - y0), text, fill=level, font=font)
    return np.array(image), int(x1 - x0)


def two_bars(first_label: str, second_label: str, *, second: int, label_off: int) -> Grey:
    """Two bars of 100 px in a row, the first from column 20 on, each with its label so many px right of it."""
    picture = field(7)
    picture[330:] = 0
    for start, label in ((20, first_label), (second, second_label)):
        picture[351:359, start : start + 100] = 255
        picture, _ = written(picture, label, (345, start + 100 + label_off), size=22)
    return picture


def is_right_or_refused(reading: ScaleBarReading | None, nm_per_px: float) -> bool:
    return reading is None or reading.scale is None or reading.nm_per_px == pytest.approx(nm_per_px, rel=0.02)


def with_strip(picture: Grey, text: str, length: int, *, start: int = 250, top: int = 0, thick: int = 5) -> Grey:
    """A black strip under the picture with a bar at its upper edge and its label right of it."""
    strip = np.zeros((26, picture.shape[1]), np.uint8)
    strip[top : top + thick, start : start + length] = 255
    strip, _ = written(strip, text, (3, start + length + 25), size=15)
    return np.vstack([picture, strip])


@pytest.mark.parametrize("particle", [170.0, 235.0])
@pytest.mark.parametrize("top", [0, 2])
@pytest.mark.parametrize(("length", "wide", "x0"), [(84, 65, 350), (150, 120, 380), (60, 120, 240), (110, 110, 250)])
def test_a_particle_cut_by_the_data_bar_is_no_bar(
    reader: RapidOcrReader, particle: float, top: int, length: int, wide: int, x0: int
) -> None:
    picture = field(3, particle=particle)
    rectangle(picture, (picture.shape[0] - 36, x0, picture.shape[0], x0 + wide), particle)
    reading = read_scale_bar(with_strip(picture, "100nm", length, top=top), reader)
    assert reading is not None
    assert reading.refused is None, reading.refused
    assert reading.nm_per_px == pytest.approx(100 / length, rel=0.015)


def test_a_data_bar_without_a_bar_takes_none_from_the_picture(reader: RapidOcrReader) -> None:
    picture = field(4)
    rectangle(picture, (picture.shape[0] - 36, 350, picture.shape[0], 430), 170)
    drawn = with_strip(picture, "100nm", 84)
    drawn[-26:, 245:340] = 0
    reading = read_scale_bar(drawn, reader)
    assert reading is not None
    assert reading.scale is None


@pytest.mark.parametrize("place", ["left", "right", "above"])
@pytest.mark.parametrize("seed", range(3))
def test_a_flat_particle_as_near_to_the_label_as_the_bar(reader: RapidOcrReader, place: str, seed: int) -> None:
    picture = field(seed)
    y, x = 330, 250
    box = {
        "left": (y - 4, x - 90, y + 26, x - 12),
        "right": (y - 4, x + 85, y + 26, x + 180),
        "above": (y - 40, x - 10, y - 8, x + 90),
    }
    rectangle(picture, box[place], 170)
    picture[y + 22 : y + 27, x - 20 : x + 100] = 255
    drawn, _ = written(picture, "200 nm", (y, x), size=20)
    reading = read_scale_bar(drawn, reader)
    assert reading is not None
    assert reading.refused is None, reading.refused
    assert reading.nm_per_px == pytest.approx(200 / 120, rel=0.015)


def test_a_bar_that_runs_over_a_particle_nearly_as_bright(reader: RapidOcrReader) -> None:
    picture = field(5)
    rectangle(picture, (325, 300, 380, 420), 195)
    picture[318:326, 180:380] = 255
    drawn, _ = written(picture, "200 nm", (332, 210), size=20)
    reading = read_scale_bar(drawn, reader)
    assert reading is not None
    assert reading.refused is None, reading.refused
    assert reading.nm_per_px == pytest.approx(1.0, rel=0.015)


@pytest.mark.parametrize("text", ["200.0nm", "50.0nm", "20 nm", "500 nm"])
@pytest.mark.parametrize("gap", [4, 8, 14])
def test_a_block_beside_its_label_is_no_digit(reader: RapidOcrReader, text: str, gap: int) -> None:
    picture = field(6, level=150, particle=90)
    length = 130
    picture[345:360, 60 : 60 + length] = 0
    drawn, _ = written(picture, text, (344, 60 + length + gap), size=22, level=0)
    value = float(text.removesuffix("nm"))
    reading = read_scale_bar(drawn, reader)
    assert reading is not None
    assert reading.refused is None, reading.refused
    assert reading.nm_per_px == pytest.approx(value / length, rel=0.015)


@pytest.mark.parametrize("text", ["120 nm", "150 nm", "15 nm"])
def test_a_true_leading_one_beside_a_block_stays(reader: RapidOcrReader, text: str) -> None:
    picture = field(7, level=150, particle=90)
    picture[345:360, 60:190] = 0
    drawn, _ = written(picture, text, (344, 200), size=22, level=0)
    assert is_right_or_refused(read_scale_bar(drawn, reader), float(text.removesuffix(" nm")) / 130)


@pytest.mark.parametrize("seed", range(4))
def test_black_on_a_dark_ground(reader: RapidOcrReader, seed: int) -> None:
    picture = field(seed, level=46, particle=110, noise=3)
    cv2.circle(picture, (230, 372), 36, 110, -1)
    picture[350:357, 180:320] = 0
    drawn, _ = written(picture, "50 nm", (328, 215), size=20, level=0)
    reading = read_scale_bar(drawn, reader)
    assert reading is not None
    assert reading.refused is None, reading.refused
    assert reading.nm_per_px == pytest.approx(50 / 140, rel=0.015)


@pytest.mark.parametrize("level", [0, 255])
def test_a_block_at_the_rim(reader: RapidOcrReader, level: int) -> None:
    picture = field(8, level=120, particle=150)
    picture[-13:, 200:320] = level
    drawn, _ = written(picture, "50 nm", (340, 230), size=20, level=level)
    reading = read_scale_bar(drawn, reader)
    assert reading is not None
    assert reading.refused is None, reading.refused
    assert reading.nm_per_px == pytest.approx(50 / 120, rel=0.015)


def test_thick_blocks_of_large_pictures(reader: RapidOcrReader) -> None:
    picture = field(9, level=150, particle=90, shape=(1800, 1800))
    picture[1700:1758, 200:700] = 0
    drawn, _ = written(picture, "100 nm", (1700, 740), size=70, level=0)
    reading = read_scale_bar(drawn, reader)
    assert reading is not None
    assert reading.refused is None, reading.refused
    assert reading.nm_per_px == pytest.approx(0.2, rel=0.01)


def test_the_bar_that_agrees_with_the_print_is_tried_next() -> None:
    label = LengthText(100.0, "100 nm", "100 nm", (0, 0, 10, 40), 1.0, True)

    def pair(length: float, score: float) -> LabelledBar:
        bar = BarCandidate("solid", (20, 0, 24, round(length)), (20, 24), True, 200.0, 1.0)
        return LabelledBar(label, bar, Ends(0.0, length, 0.3, False), score)

    printed = Printed(field_width_nm=1024.0)
    large, true, other = pair(20, 0.9), pair(102.4, 0.7), pair(50, 0.6)
    assert _as_printed([large, true, other], printed, 1050)[0] == true  # 5 nm/px would be a field five times as wide
    assert _as_printed([large, pair(102.4, 0.3)], printed, 1050)[0] == large  # what hardly looks like a bar is not taken for it
    assert _as_printed([large, true], Printed(), 1050) == [large, true]
    assert _as_printed([], printed, 1050) == []


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not there; set NANOGAUGE_SHARED to the folder that holds cases")
@pytest.mark.parametrize(
    ("name", "nm_per_px"),
    [
        ("bar_at_edge.png", 1.205),
        ("bar_at_edge_flat_nomag.png", 1.205),
        ("bar_beside_text_1.jpg", 0.1534),
        ("bar_beside_text_2.jpg", 1.25),
        ("panels_2mags_1label.png", None),
    ],
)
def test_shared_cases(reader: RapidOcrReader, name: str, nm_per_px: float | None) -> None:
    reading = read_scale_bar(read_micrograph(CASES / name).grey8(), reader)
    assert reading is not None
    if nm_per_px is None:
        assert reading.scale is None
    else:
        assert reading.scale is not None
        assert reading.nm_per_px == pytest.approx(nm_per_px, rel=0.01)


@pytest.mark.parametrize(("text", "said"), [("5.0 kV", "5.0 kV"), ("200 kV", "")])
def test_a_reading_tells_what_only_scanning_microscopes_print(reader: RapidOcrReader, text: str, said: str) -> None:
    drawn = with_strip(field(3), "100nm", 150)
    drawn, _ = written(drawn, text, (383, 20), size=15)
    reading = read_scale_bar(drawn, reader)
    assert reading is not None
    assert reading.nm_per_px == pytest.approx(100 / 150, rel=0.015)
    assert reading.scanning == said


@pytest.mark.parametrize(("mode", "said"), [("sem", True), ("tem", False)])
def test_a_rendered_transmission_micrograph_does_not_print_that_it_was_scanned(
    reader: RapidOcrReader, mode: str, said: bool
) -> None:
    scene = Scene(shape=(320, 640), mode=mode, median_diameter_px=30, coverage=0.1)  # type: ignore[arg-type]
    reading = read_scale_bar(render(scene, seed=3, nm_per_px=0.6, instrument="jeol").pixels, reader)
    assert reading is not None
    assert bool(reading.scanning) == said


@pytest.mark.parametrize(("first", "gap"), [(98, 4), (90, 20), (140, 20), (80, 40)])
def test_a_piece_of_a_bar_is_not_taken_for_it(reader: RapidOcrReader, first: int, gap: int) -> None:
    """A bar of 200 px with something across it: of a half of it, sizes were twice too large without a word."""
    picture = field(7)
    picture[330:] = 0
    picture[351:359, 60:260] = 255
    picture[351:359, 60 + first : 60 + first + gap] = 0
    drawn, _ = written(picture, "500 nm", (345, 290), size=22)
    assert is_right_or_refused(read_scale_bar(drawn, reader), 2.5)


def test_a_bar_of_steps_is_not_taken_for_one_step(reader: RapidOcrReader) -> None:
    picture = field(7)
    picture[330:] = 0
    picture[351:359, 60:380] = 90
    for x in range(60, 380, 80):
        picture[351:359, x : x + 40] = 255
    drawn, _ = written(picture, "500 nm", (345, 410), size=22)
    assert is_right_or_refused(read_scale_bar(drawn, reader), 500 / 320)


def test_two_bars_in_a_row_with_their_labels_between_are_no_pieces(reader: RapidOcrReader) -> None:
    reading = read_scale_bar(two_bars("500 nm", "500 nm", second=310, label_off=20), reader)
    assert reading is not None
    assert reading.refused is None, reading.refused
    assert reading.nm_per_px == pytest.approx(5, rel=0.015)


def test_two_bars_in_a_row_that_say_unlike_things_are_refused(reader: RapidOcrReader) -> None:
    """The first label stands between both bars, near its own: 100 px are 500 nm, and then 1 µm."""
    reading = read_scale_bar(two_bars("500 nm", "1 µm", second=320, label_off=12), reader)
    assert reading is not None
    assert reading.refused is not None
    assert "two bars disagree" in reading.refused


def test_a_line_under_the_label_is_not_taken_for_the_bar_beside_it(reader: RapidOcrReader) -> None:
    picture = field(7)
    picture[310:] = 0
    picture[331:339, 60:260] = 255
    drawn, width = written(picture, "500 nm", (325, 290), size=22)
    drawn[354:357, 288 : 292 + width] = 255
    assert is_right_or_refused(read_scale_bar(drawn, reader), 2.5)
