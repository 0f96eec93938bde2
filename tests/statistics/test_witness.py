"""The estimate from the picture alone beside what was measured: when it speaks up, and when not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from nanogauge.core.scale import Scale
from nanogauge.detection.size_estimate import SizeEstimate
from nanogauge.statistics.witness import median_of, witness_warnings

SEEN = SizeEstimate(11.0, 0.12, 1.5, 140.0, 3.0, (0.5,))


def said(e: SizeEstimate | None, d: list[float], *, detection: float = 0.0, scale: Scale | None = None, weights=None) -> list[str]:
    w = np.ones(len(d)) if weights is None else np.array(weights)
    warnings = witness_warnings(e, np.array(d), w, {"d50": detection}, scale=scale)
    assert all(v.code == "size_differs" for v in warnings)
    return [str(v) for v in warnings]


def test_eight_large_particles_where_the_picture_shows_many_small_ones_are_doubted():
    (text,) = said(SEEN, [60.0] * 8)
    assert "about 11 px (8.69 to 13.9 px)" in text.replace("8.69 px to", "8.69 to") or "about 11 px" in text
    assert "60 px was measured" in text


def test_what_agrees_within_both_uncertainties_is_not():
    assert said(SEEN, [12.0] * 50) == []
    assert said(SEEN, [16.0] * 50, detection=0.25) == []  # itself unsure
    assert said(SEEN, [16.0, 60.0], detection=0.0, weights=[1, 0]) == []  # the one that does not count is not asked


def test_lengths_are_in_nm_where_there_is_a_scale():
    assert "22 nm" in said(SEEN, [60.0] * 8, scale=Scale((2.0, 2.0), 0.01, "user"))[0]


def test_none_outlined_where_many_are_seen_and_the_other_way_round():
    assert "where none was outlined" in said(SEEN, [])[0]
    none = SizeEstimate(11.0, 0.5, 1.5, 0.1, 3.0, (0.5,))
    assert "no particle where 47 were outlined" in said(none, [30.0] * 47)[0]
    assert said(none, []) == []
    assert said(none, [30.0]) == []


def test_nothing_is_said_without_an_estimate_or_by_a_network_that_was_never_held_against_truth():
    assert said(None, [60.0] * 8) == []
    assert said(SizeEstimate(11.0, 0.1, 1.5, 140.0), [60.0] * 8) == []


def test_half_of_the_particles_missed_at_random_is_doubted_by_the_area_they_leave_open():
    """The median is what it was: only the area tells."""
    seen = SizeEstimate(11.0, 0.12, 1.1, 100.0, 3.0, (0.5,), covered=0.5, area_px2=100 * math.pi / 4 * 11.0**2 / 0.5)

    def codes(d: list[float], e: SizeEstimate = seen, weight: float = 1.0) -> list[str]:
        return [v.code for v in witness_warnings(e, np.array(d), np.r_[np.ones(10), np.full(len(d) - 10, weight)], {}, scale=None)]

    assert codes([11.0] * 100) == []
    assert codes([11.0] * 75) == []
    assert codes([11.0] * 50) == ["cover_differs"]
    assert codes([11.0] * 100, weight=0.0) == []  # outlined, though not counted
    assert codes([30.0] * 10) == ["size_differs"]
    assert codes([4.0] * 50) == ["size_differs", "cover_differs"]
    assert codes([11.0] * 50, replace(seen, covered=0.1)) == []  # of little, an estimate is not sure
    assert codes([11.0] * 50, replace(seen, area_px2=0.0)) == []  # of a version that did not keep it
    (text,) = witness_warnings(seen, np.full(50, 11.0), np.ones(50), {}, scale=None)
    assert "cover about 50 % of it where outlines cover 25 %" in text


def test_the_error_of_a_median_falls_with_the_number_of_particles():
    rng = np.random.default_rng(1)
    for n in (20, 500):
        d50s = [np.median(rng.lognormal(math.log(30), 0.3, n)) for _ in range(300)]
        d50, u = median_of(rng.lognormal(math.log(30), 0.3, n), np.ones(n))
        assert d50 == pytest.approx(30, rel=0.3)
        assert u == pytest.approx(np.std(np.log(d50s)), rel=0.35)
