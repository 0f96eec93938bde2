"""Rings round particles of the other sign than their middle."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.detection.rings import ringed
from nanogauge.statistics.warnings import ring_warnings

F64 = NDArray[np.float64]
_AT = [(y, x) for y in range(40, 300, 70) for x in range(40, 400, 70)]
_RADIUS = 18.0


def distance() -> F64:
    """(300, 400) px outside the nearest of 24 discs, negative within."""
    y, x = np.mgrid[:300, :400]
    return np.min([np.hypot(y - a, x - b) for a, b in _AT], axis=0) - _RADIUS


def discs_of(radius: float) -> NDArray[np.int32]:
    _, labels = cv2.connectedComponents((distance() <= radius - _RADIUS).astype(np.uint8))
    return np.asarray(labels, np.int32)


def picture(*, middle: float, ring: float, out_px: float = 5.0) -> F64:
    """A middle and a ring `out_px` outside it, both of so many grey levels beside the ground, with noise."""
    d = distance()
    levels = 128 + np.where(d < 0, middle, ring * np.exp(-(((d - out_px) / 2.5) ** 2)))
    return cv2.GaussianBlur(levels, (0, 0), 0.8) + 4 * np.random.default_rng(0).standard_normal(d.shape)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_ring_of_the_other_sign_is_seen_where_it_was_outlined(sign: int) -> None:
    grey = picture(middle=-70 * sign, ring=50 * sign)
    n = len(_AT)
    told, found = ringed(discs_of(_RADIUS + 8), grey)
    assert told == n
    assert found == n
    assert ringed(discs_of(_RADIUS), grey) == (n, 0)  # left outside


@pytest.mark.parametrize(("middle", "ring"), [(-70, 0), (-70, 8), (-70, -40), (60, 90), (0, 60)])
def test_even_particles_and_rims_of_their_own_sign_have_none(middle: float, ring: float) -> None:
    assert ringed(discs_of(_RADIUS + 8), picture(middle=middle, ring=ring))[1] == 0


def test_nothing_is_told_of_nothing_or_of_specks() -> None:
    assert ringed(np.zeros((40, 50), np.int32), np.zeros((40, 50))) == (0, 0)
    assert ringed(discs_of(4), picture(middle=-70, ring=50)) == (0, 0)
    assert ringed(np.ones((40, 50), np.int32), np.full((40, 50), 7.0)) == (0, 0)  # no ground to compare with


def test_three_in_ten_are_told_of() -> None:
    assert ring_warnings(10, 2) == ()
    assert ring_warnings(20, 5) == ()
    (said,) = ring_warnings(20, 7)
    assert said.code == "rings"
    assert said.startswith("7 particles have a bright ring")
