"""The data bar of every maker, and what is none."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.protocols import TextLine
from nanogauge.reading import read_micrograph
from nanogauge.scale.bar import find_data_bar
from nanogauge.training.synthetic.annotate import MAKERS, Maker, add_data_bar

Grey = NDArray[np.uint8]
SILICA = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "silica"


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("quality", [None, 75])
def test_rendered(maker: Maker, quality: int | None, ground: Grey, rng: np.random.Generator) -> None:
    drawn, _, first_row = add_data_bar(ground, maker=maker, nm_per_px=12.5, rng=rng)
    if quality is not None:
        drawn = np.asarray(cv2.imdecode(cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0), np.uint8)
    box = find_data_bar(drawn)
    assert box is not None
    assert abs(box[0] - first_row) <= 2
    assert box[1:] == (0, *drawn.shape)


def test_what_is_no_data_bar(ground: Grey) -> None:
    assert find_data_bar(ground) is None
    text = [TextLine("500 nm", 0.9, (330.0, 20.0, 345.0, 90.0))]
    grainy = ground.copy()
    grainy[300:] = np.clip(ground[300:].astype(int) - 80, 0, 255).astype(np.uint8)  # a dark band of the specimen, with its grain
    assert find_data_bar(grainy, text) is None
    black = ground.copy()
    black[300:] = 0
    assert find_data_bar(black, []) is None  # no text in it: background
    assert find_data_bar(black, text) == (300, 0, 360, 480)


def test_a_plate_behind_a_scale_bar_is_none(ground: Grey) -> None:
    plate = ground.copy()
    plate[310:345, 150:470] = 0
    assert find_data_bar(plate) is None
    plate[310:345, 20:470] = 0  # Philips' reach nearly across
    assert find_data_bar(plate) is not None


@pytest.mark.skipif(not SILICA.is_dir(), reason="../shared/data/silica is not there")
def test_jeol_micrographs() -> None:
    with (SILICA / "scale_truth.csv").open() as f:
        rows = list(csv.DictReader(f))
    for row in rows[::5]:
        pixels = read_micrograph(next((SILICA / "images").glob(row["id"] + ".*"))).grey8()
        box = find_data_bar(pixels)
        assert box is not None, row["id"]
        assert abs(box[0] - int(row["databar_first_row"])) <= 1
