"""Other readings: statistics of labels, how far they move, the rule that makes an uncertainty of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nanogauge.detection.readings import STATISTICS, Reading, beside, read, relative_uncertainty, shifts, spread


def squares(*sides: int, cut: bool = False) -> np.ndarray:
    """A square of each side, none at the frame but the last where `cut`."""
    labels = np.zeros((60, 40 * len(sides)), np.int32)
    for k, side in enumerate(sides):
        top = 0 if cut and k == len(sides) - 1 else 5
        labels[top : top + side, 40 * k + 5 : 40 * k + 5 + side] = k + 1
    return labels


def diameter(side: float) -> float:
    return 2 * side / math.sqrt(math.pi)


def test_a_reading_leaves_out_what_the_frame_cuts():
    r = read("all", squares(10, 20, 30, cut=True))
    assert r.n == 2
    assert r.mean == pytest.approx((diameter(10) + diameter(20)) / 2)
    assert r.d10 == pytest.approx(diameter(10))
    assert r.d90 == pytest.approx(diameter(20))


def test_lengths_are_those_of_the_micrograph_whatever_the_grid():
    fine, coarse = read("fine", squares(20, 20)), read("coarse", squares(10, 10), zoom=0.5)
    assert fine.mean == pytest.approx(coarse.mean)


def test_a_particle_counts_as_much_as_it_is_likely():
    r = read("likely", squares(10, 20), share=np.array([1.0, 0.5, 1.0]))
    assert r.n == 1.5
    assert r.mean == pytest.approx((0.5 * diameter(10) + diameter(20)) / 1.5)


def test_no_particle_is_a_reading_too():
    empty = read("empty", np.zeros((20, 30), np.int32))
    assert empty.n == 0
    assert math.isnan(empty.mean)
    assert spread([empty, empty])["mean"] == 0
    assert spread([read("one", squares(10)), empty])["mean"] == pytest.approx(math.log(3))
    assert spread([empty]) == {}
    assert relative_uncertainty([], {"floor": 0.02, "gain": 1.0}) == {}


def test_shifts_are_logarithms_and_their_root_mean_square_is_the_spread():
    first, small, large = (Reading(n, 10, m, m, m, m) for n, m in (("first", 20.0), ("small", 10.0), ("large", 40.0)))
    by = shifts([first, small, large])
    assert by["mean"] == pytest.approx({"small": -math.log(2), "large": math.log(2)})
    assert by["n"] == {"small": 0.0, "large": 0.0}
    assert spread([first, small, large])["d50"] == pytest.approx(math.log(2))
    u = relative_uncertainty([first, small, large], {"floor": 0.03, "gain": 0.5})
    assert set(u) == set(STATISTICS)
    assert u["mean"] == pytest.approx(math.hypot(0.03, 0.5 * math.log(2)))


def test_what_one_look_would_change_is_carried_to_all_looks():
    alone, other, measured = (Reading("", n, m, m, m, m) for n, m in ((10, 20.0), (12, 22.0), (100, 8.0)))
    moved = beside(other, alone, measured)
    assert moved.n == pytest.approx(120)
    assert moved.mean == pytest.approx(8.8)
