"""A lens between two particles is none; a small particle upon two, or one between three, is."""

from __future__ import annotations

import numpy as np
import pytest

from nanogauge.detection.overlaps import lenses_joined

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
