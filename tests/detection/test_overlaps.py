"""A lens between two particles is none; a small particle upon two, or one between three, is. Lenses that are left are noticed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nanogauge import Micrograph
from nanogauge.detection.engines.threshold import ThresholdEngine
from nanogauge.detection.find import Found
from nanogauge.detection.overlaps import lenses_joined, seen_through
from nanogauge.pipeline.measure import Measurer
from scenes import NoText

Y, X = np.mgrid[0:90, 0:140]


def disc(y: float, x: float, r: float) -> np.ndarray:
    return np.hypot(Y - y, X - x) < r


def numbered(*parts: np.ndarray) -> np.ndarray:
    out = np.zeros(Y.shape, np.int32)
    for k, part in enumerate(parts, start=1):
        out[part] = k
    return out


@pytest.mark.parametrize("apart", [44, 50, 54])
def test_a_lens_goes_to_one_of_two_discs(apart: int) -> None:
    left, right = disc(45, 35, 30), disc(45, 35 + apart, 30)
    joined = lenses_joined(numbered(left & ~right, right & ~left, left & right))
    assert len(np.unique(joined)) == 3
    whole = [(joined == k) for k in (1, 2)]
    assert max((whole[0] == left).all(), (whole[1] == right).all())


def test_two_squares_corner_on_corner() -> None:
    left = np.abs(Y - 45) + np.abs(X - 40) < 36
    right = np.abs(Y - 45) + np.abs(X - 90) < 36
    assert len(np.unique(lenses_joined(numbered(left & ~right, right & ~left, left & right)))) == 3


@pytest.mark.parametrize("r", [6, 10, 14])
def test_a_small_particle_upon_two_stays(r: int) -> None:
    labels = numbered(disc(45, 35, 30), disc(45, 95, 30), disc(45, 65, r))
    assert (lenses_joined(labels) == labels).all()


def test_a_small_particle_between_others_and_beside_the_ground_stays() -> None:
    labels = numbered(disc(40, 35, 25), disc(40, 85, 25), disc(66, 60, 12))
    assert (lenses_joined(labels) == labels).all()
    labels = numbered(disc(25, 35, 24), disc(25, 84, 24), disc(67, 60, 24), disc(38, 60, 6))
    assert (lenses_joined(labels) == labels).all()
    empty = np.zeros((20, 20), np.int32)
    assert (lenses_joined(empty) == 0).all()


def chain(apart: int, *, darker: float = 2.0, ground: float = 200.0, absorbs: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Labels and grey levels of two rows of four discs, each with the next apart by that; where two overlap a piece of its own."""
    discs = [disc(y, 20 + apart * k, 15) for y in (22, 68) for k in range(4)]
    times = sum(d.astype(int) for d in discs)
    lenses = [a & b for a, b in pairwise(discs) if (a & b).any()]
    labels = numbered(*(d & (times == 1) for d in discs), *lenses)
    thick = np.where(times > 1, darker, times)
    return labels, np.rint(ground * np.exp(-absorbs * thick)).astype(np.uint8)


def test_pieces_as_dark_as_both_neighbours_together_are_counted() -> None:
    assert seen_through(*chain(20)) == 6
    labels, grey = chain(20)
    assert seen_through(labels * 7, grey) == 6  # numbers with gaps


@pytest.mark.parametrize("darker", [1.0, 1.2, 4.0])
def test_pieces_of_another_darkness_are_particles_of_their_own(darker: float) -> None:
    assert seen_through(*chain(20, darker=darker)) == 0


def test_apart_bright_or_few_they_are_not() -> None:
    assert seen_through(*chain(32)) == 0
    assert seen_through(*chain(20, ground=60.0, absorbs=-0.4)) == 0  # a scanning microscope, or a dark field
    labels, grey = chain(20)
    assert seen_through(np.where(Y < 45, labels, 0)[:, :50], grey[:, :50]) == 0  # one lens: an accident
    assert seen_through(np.zeros_like(labels), grey) == 0
    assert seen_through(np.ones_like(labels), grey) == 0


def test_a_result_says_so() -> None:
    labels, grey = chain(20)
    drawn = Found(labels, (labels > 0).astype(np.float32), 1.0, np.ones(labels.max() + 1))

    class Outlined(Measurer):
        def find(self, micrograph: Micrograph, bar: object, frame: object) -> Found:
            return drawn

    def said(pixels: np.ndarray) -> list[str]:
        found = Outlined(engine=ThresholdEngine(), reader=NoText()).measure(Micrograph(pixels=pixels, name="soot"))
        return [w for w in found.warnings if getattr(w, "code", "") == "overlaps"]

    (warning,) = said(grey)
    assert warning.startswith("at 6 places or more particles seem to lie over each other")
    assert said(255 - grey) == []
