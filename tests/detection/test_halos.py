"""Crescents beside particles that were drawn with them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.detection.halos import without_halos

SHAPE = (200, 200)
MIDDLE, RADIUS = (100, 100), 40


def disc(y: int, x: int, radius: int) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.asarray(np.hypot(rows - y, columns - x) <= radius)


def picture(levels: list[tuple[NDArray[np.bool_], float]], seed: int = 0) -> NDArray[np.uint8]:
    grey = np.full(SHAPE, 90.0)
    for where, level in levels:
        grey[where] = level
    grey = cv2.GaussianBlur(grey, (0, 0), 1.2) + np.random.default_rng(seed).normal(0, 2, SHAPE)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("step", [90.0, -60.0])
def test_a_crescent_to_one_side_goes(step: float) -> None:
    particle, halo = disc(*MIDDLE, RADIUS), disc(112, 90, RADIUS + 2)
    grey = picture([(halo, 90 + 0.12 * step), (particle, 90 + step)])
    found = without_halos((particle | halo).astype(np.int32), grey)
    assert found is not None
    area = particle.sum()
    assert (particle | halo).sum() > 1.2 * area
    assert abs(found.sum() / area - 1) < 0.05


def test_a_plain_particle_stays() -> None:
    particle = disc(*MIDDLE, RADIUS)
    assert without_halos(particle.astype(np.int32), picture([(particle, 180.0)])) is None


def test_a_shell_all_around_stays() -> None:
    core, shell = disc(*MIDDLE, 28), disc(*MIDDLE, RADIUS)
    assert without_halos(shell.astype(np.int32), picture([(shell, 102.0), (core, 190.0)])) is None


def test_a_particle_upon_another_is_no_crescent() -> None:
    """Where a neighbour touches there is no edge to speak of, and inside lies that of the one above."""
    lower, upper = disc(110, 88, RADIUS), disc(90, 112, RADIUS)
    labels = np.where(upper, 2, np.where(lower, 1, 0)).astype(np.int32)
    assert without_halos(labels, picture([(lower, 170.0), (upper, 185.0)])) is None


def test_small_ones_and_those_at_the_rim_are_left_alone() -> None:
    particle, halo = disc(100, 20, RADIUS), disc(112, 12, RADIUS + 2)  # cut by the frame
    grey = picture([(halo, 101.0), (particle, 180.0)])
    assert without_halos((particle | halo).astype(np.int32), grey) is None
    small, by = disc(*MIDDLE, 6), disc(102, 98, 7)
    assert without_halos((small | by).astype(np.int32), picture([(by, 101.0), (small, 180.0)])) is None
