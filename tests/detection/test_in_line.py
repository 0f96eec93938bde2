"""Pieces of a rod under another one are joined; what only lies in a row is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nanogauge.detection.in_line import joined_in_line


def rod(labels: np.ndarray, number: int, centre: tuple[int, int], turn: float, *, long: int = 60, wide: int = 12) -> None:
    box = cv2.boxPoints((centre, (long, wide), turn)).astype(np.int32)
    canvas = np.zeros(labels.shape, np.uint8)
    cv2.fillPoly(canvas, [box], 1)
    labels[canvas > 0] = number


@pytest.mark.parametrize("turn", [0.0, 30.0, 75.0])
def test_a_rod_under_another_is_one_particle(turn: float):
    labels = np.zeros((120, 120), np.int32)
    rod(labels, 1, (60, 60), turn)
    pieces = labels.copy()
    rod(pieces, 2, (60, 60), turn + 90)
    n, parts = cv2.connectedComponents((pieces == 1).astype(np.uint8), connectivity=4)
    assert n == 3
    pieces[parts == 2] = 3
    joined = joined_in_line(pieces)
    assert len(np.unique(joined[joined > 0])) == 2
    assert len(np.unique(joined[(labels == 1) & (pieces != 2)])) == 1


@pytest.mark.parametrize("turn", [0.0, 30.0, 50.0])
@pytest.mark.parametrize("angle", [60.0, 90.0])
def test_two_rods_that_cross_about_a_place_of_their_own_are_two(turn: float, angle: float):
    one, other = np.zeros((120, 120), np.int32), np.zeros((120, 120), np.int32)
    rod(one, 1, (60, 60), turn, long=90)
    rod(other, 1, (60, 60), turn + angle, long=90)
    pieces = np.where((one > 0) & (other > 0), 5, 0).astype(np.int32)
    for first, (mine, theirs) in ((1, (one, other)), (3, (other, one))):
        n, arms = cv2.connectedComponents(((mine > 0) & (theirs == 0)).astype(np.uint8), connectivity=4)
        assert n == 3
        pieces[arms > 0] = arms[arms > 0] + first - 1
    joined = joined_in_line(pieces)
    arms_of_one, arms_of_other = joined[(one > 0) & (other == 0)], joined[(other > 0) & (one == 0)]
    assert len(np.unique(arms_of_one)) == len(np.unique(arms_of_other)) == 1
    assert arms_of_one[0] != arms_of_other[0]
    assert len(np.unique(joined)) == 1 + 2
    if angle < 90:  # what both share is itself a piece across
        return
    only_one = np.where((other > 0) & (one == 0), 0, pieces)  # a bead on a rod is no crossing
    assert np.array_equal(joined_in_line(only_one), only_one)


def test_spheres_in_a_row_and_rods_end_to_end_stay_as_they_are():
    labels = np.zeros((80, 200), np.int32)
    for k in range(5):
        cv2.circle(labels, (30 + 32 * k, 40), 16, k + 1, -1)
    assert np.array_equal(joined_in_line(labels), labels)
    rods = np.zeros((60, 220), np.int32)
    for k in range(3):
        rod(rods, k + 1, (40 + 62 * k, 30), 0.0)
    assert np.array_equal(joined_in_line(rods), rods)
    side_by_side = np.zeros((100, 100), np.int32)
    for k in range(4):
        rod(side_by_side, k + 1, (50, 25 + 14 * k), 0.0)
    assert np.array_equal(joined_in_line(side_by_side), side_by_side)


def test_few_or_no_particles():
    assert not joined_in_line(np.zeros((5, 5), np.int32)).any()
    two = np.zeros((20, 20), np.int32)
    two[2:6, 2:18], two[8:12, 2:18] = 1, 2
    assert np.array_equal(joined_in_line(two), two)
