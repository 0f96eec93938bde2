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
