"""Shares of classes: their values, and whether their intervals hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from nanogauge.statistics.distribution import shares


def test_values_count_what_is_told_to_count() -> None:
    found = shares(["a", "b", "b", "a", "a"], [1.0, 2.0, 3.0, 0.0, 4.0], n_bootstrap=0)
    assert found["a"].value == pytest.approx(0.5)
    assert found["b"].value == pytest.approx(0.5)
    assert np.isnan(found["a"].low)
    assert np.isnan(shares(["a"], [0.0])["a"].value)


def test_95_percent_intervals_hold_the_truth_about_as_often() -> None:
    rng, held = np.random.default_rng(1), 0
    for k in range(200):
        kinds = np.where(rng.random(60) < 0.3, "a", "b")
        e = shares(kinds, np.ones(60), n_bootstrap=200, seed=k)["a"]
        held += e.low <= 0.3 <= e.high
    assert 180 <= held <= 199


def test_micrographs_that_differ_make_intervals_longer() -> None:
    rng = np.random.default_rng(2)
    where = np.repeat(np.arange(6), 50)
    kinds = np.where(rng.random(300) < np.repeat([0.1, 0.6, 0.2, 0.5, 0.15, 0.45], 50), "a", "b")
    alone, clustered = shares(kinds, np.ones(300))["a"], shares(kinds, np.ones(300), clusters=where)["a"]
    assert clustered.high - clustered.low > 2 * (alone.high - alone.low)


def test_a_share_of_all_has_an_interval_too() -> None:
    e = shares(["a"] * 30, np.ones(30))["a"]
    assert e.value == 1 == e.high
    assert 0.85 < e.low < 0.9
