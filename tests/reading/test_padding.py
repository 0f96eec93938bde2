"""Constant borders are no part of the frame; even grounds are no borders; particles cut by a border are cut by the frame."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.micrograph import Micrograph
from nanogauge.core.particles import Flag
from nanogauge.core.scale import Scale
from nanogauge.measuring.frame_effects import frame_flags
from nanogauge.reading.padding import without_padding
from scenes import blind, spheres

Grey = NDArray[np.uint8]


@pytest.fixture
def grainy() -> Grey:
    return np.clip(np.random.default_rng(3).normal(120, 20, (90, 140)), 1, 254).astype(np.uint8)


@pytest.mark.parametrize("level", [0, 255, 77])
@pytest.mark.parametrize("sides", [(30, 0, 0, 0), (0, 12, 0, 0), (0, 0, 5, 40), (1, 1, 1, 1), (20, 30, 10, 7)])
def test_borders_of_one_level(grainy: Grey, level: int, sides: tuple[int, int, int, int]) -> None:
    top, left, bottom, right = sides
    padded = np.pad(grainy, ((top, bottom), (left, right)), constant_values=level)
    assert without_padding(padded) == (top, left, top + 90, left + 140)


def test_each_side_may_have_a_level_of_its_own(grainy: Grey) -> None:
    padded = np.pad(np.pad(grainy, ((0, 0), (9, 0)), constant_values=0), ((0, 0), (0, 21)), constant_values=255)
    assert without_padding(padded) == (0, 9, 90, 149)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_other_kinds_of_pixels(grainy: Grey, dtype: type) -> None:
    padded = np.pad(grainy.astype(dtype) * 7, ((0, 0), (33, 0)), constant_values=0)
    assert without_padding(padded) == (0, 33, 90, 173)


def test_not_a_number(grainy: Grey) -> None:
    padded = np.pad(grainy.astype(np.float32), ((4, 0), (0, 8)), constant_values=math.nan)
    assert without_padding(padded) == (4, 0, 94, 140)


def test_what_jpeg_makes_of_a_border(grainy: Grey) -> None:
    padded = np.pad(grainy, ((0, 0), (37, 0)), constant_values=0)
    packed = cv2.imencode(".jpg", padded, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
    y0, x0, y1, x1 = without_padding(np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8))
    assert (y0, y1, x1) == (0, 90, 177)
    assert abs(x0 - 37) <= 3


@pytest.mark.parametrize("ground", [0, 255, 100])
def test_an_even_ground_is_no_border(ground: int) -> None:
    picture = np.full((120, 160), ground, np.uint8)
    cv2.circle(picture, (60, 60), 25, 180, -1)
    cv2.circle(picture, (120, 50), 15, 180, -1)
    assert without_padding(picture) == (0, 0, 120, 160)
    assert without_padding(np.full((50, 60), ground, np.uint8)) == (0, 0, 50, 60)


def test_no_border(grainy: Grey) -> None:
    assert without_padding(grainy) == (0, 0, 90, 140)


def test_the_sides_of_a_picture_are_no_data_bar() -> None:
    boxes = np.array([(40, 20, 50, 30), (40, 60, 60, 80), (5, 40, 15, 50), (80, 40, 90, 50)]).T
    flags = frame_flags(boxes, (10, 20, 90, 80), (90, 100))
    sides, top = Flag.TOUCHES_BORDER.value, Flag.TOUCHES_DATA_BAR.value
    assert flags.tolist() == [sides, sides, top, sides]  # the last one at the bottom of the picture itself


@pytest.mark.parametrize("kind", ["black", "nan"])
def test_particles_cut_by_padding_are_left_out(kind: str) -> None:
    whole = spheres().pixels
    cut = whole.astype(np.float32) if kind == "nan" else whole.copy()
    x = 150
    cut[:, :x] = np.nan if kind == "nan" else 0
    cropped = Micrograph(pixels=np.ascontiguousarray(whole[:, x:]), name="cropped")
    padded = Micrograph(pixels=cut, name="padded")
    scale = Scale((1.0, 1.0), 0.01, "user")
    a, b = (blind().measure(m, scale=scale) for m in (cropped, padded))
    assert b.frame == (0, x, *whole.shape)
    assert len(a.particles) == len(b.particles)
    assert a.n_border == b.n_border > 0
    assert b.distribution.mean.value == pytest.approx(a.distribution.mean.value, rel=0.01)
