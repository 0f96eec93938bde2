"""What hardly stands out where the others do."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.draw import disk

from nanogauge.detection.faint import Faint, hardly_stand_out
from nanogauge.statistics.warnings import faint_warnings

SHAPE = (160, 200)


def picture(steps: list[float], seed: int = 0) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Discs on a ground of 100, each brighter by its step."""
    grey = np.full(SHAPE, 100.0)
    labels = np.zeros(SHAPE, np.int32)
    for k, step in enumerate(steps):
        at = disk((25 + 40 * (k // 5), 20 + 40 * (k % 5)), 12)
        grey[at] += step
        labels[at] = k + 1
    noisy = grey + np.random.default_rng(seed).normal(0, 3, SHAPE)
    return labels, np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def sure(n: int, p: float = 0.8) -> NDArray[np.float64]:
    return np.concatenate([[1.0], np.full(n, p)])


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_stain_among_plain_particles_is_left_out(side: float) -> None:
    labels, grey = picture([side * s for s in [90, 80, 85, 95, 90, 4, 80, 90, 85, 88]])
    assert hardly_stand_out(labels, grey, sure(10)) == ([6], Faint(1, True))


def test_the_networks_word_counts_where_it_is_sure() -> None:
    labels, grey = picture([90, 80, 85, 95, 90, 4, 80, 90, 85, 88])
    assert hardly_stand_out(labels, grey, sure(10, 0.95)) == ([], Faint())


def test_faint_ones_in_plenty_stay_and_are_said() -> None:
    labels, grey = picture([90, 4, 85, 4, 90, 4, 80, 90, 85, 88])
    gone, faint = hardly_stand_out(labels, grey, sure(10))
    assert gone == []
    assert faint == Faint(3, False)
    (said,) = faint_warnings(faint.n, left_out=faint.left_out, n_particles=10)
    assert said.code == "faint"
    assert "another kind" in said


def test_a_dark_one_among_bright_ones_goes_and_two_kinds_stay() -> None:
    labels, grey = picture([90, 80, 85, 95, 90, -70, 80, 90, 85, 88])
    assert hardly_stand_out(labels, grey, sure(10)) == ([6], Faint(1, True))
    labels, grey = picture([90, 80, -85, 95, 90, -70, 80, 90, 85, 88])
    assert hardly_stand_out(labels, grey, sure(10)) == ([], Faint())


def test_black_and_white_ones_are_not_held_against_each_other() -> None:
    labels, grey = picture([90, -80, 85, -95, 90, 4, -80, 90, -85, 88])
    assert hardly_stand_out(labels, grey, sure(10)) == ([], Faint())


def test_a_few_particles_are_no_company() -> None:
    labels, grey = picture([90, 80, 85, 4])
    assert hardly_stand_out(labels, grey, sure(4)) == ([], Faint())


def test_one_in_many_is_not_worth_a_warning() -> None:
    assert faint_warnings(1, left_out=True, n_particles=10) == ()
    assert faint_warnings(3, left_out=True, n_particles=100) == ()
    (said,) = faint_warnings(6, left_out=True, n_particles=100)
    assert "left out" in said
