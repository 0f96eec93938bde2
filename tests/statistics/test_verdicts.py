"""Yes, no and inconclusive, and that the interval behind them is honest."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from nanogauge.statistics.verdicts import eu_nanomaterial, monodisperse


def sizes(share, n, seed=0):
    return np.where(np.random.default_rng(seed).random(n) < share, 60.0, 180.0)


@pytest.mark.parametrize(("share", "answer"), [(0.9, "yes"), (0.1, "no"), (0.5, "inconclusive")])
def test_eu_nanomaterial_by_the_interval(share, answer):
    v = eu_nanomaterial(sizes(share, 300), nm_per_px=2.0)
    assert v.answer == answer
    assert v.low <= v.value <= v.high
    assert v.source == "Commission Recommendation 2022/C 229/01"
    json.dumps(v.to_dict(), allow_nan=False)


def test_a_sharp_mode_at_the_limit_hangs_on_the_scale():
    x = np.random.default_rng(1).normal(98, 0.5, 500)
    assert eu_nanomaterial(x).answer == "yes"
    unsure = eu_nanomaterial(x, relative_uncertainty=0.03)
    assert unsure.answer == "inconclusive"
    assert unsure.high - unsure.low > 0.5
    assert eu_nanomaterial(x, length_uncertainty_nm=3.0).answer == "inconclusive"


def test_particles_under_a_nanometre_are_not_counted_as_nano():
    assert eu_nanomaterial(np.full(100, 0.5)).value == 0


def test_weights_count():
    x = np.r_[np.full(50, 60.0), np.full(50, 200.0)]
    assert eu_nanomaterial(x, weights=np.r_[np.ones(50), np.full(50, 4.0)]).value == pytest.approx(0.2)
    assert eu_nanomaterial(x, weights=np.r_[np.ones(50), np.zeros(50)]).answer == "yes"


def test_coarse_pixels_cannot_say_no():
    x = np.full(200, 400.0)
    assert eu_nanomaterial(x, nm_per_px=5.0).answer == "no"
    v = eu_nanomaterial(x, nm_per_px=40.0)
    assert v.answer == "inconclusive"
    assert "higher magnification" in v.reasons[0]


def test_what_micrographs_differ_by_is_in_the_interval() -> None:
    """A sample of two micrographs, one all nano, the other not, says nothing of a third."""
    x, clusters = np.r_[np.full(170, 48.0), np.full(90, 150.0)], np.r_[np.zeros(170), np.ones(90)]
    assert eu_nanomaterial(x).answer == "yes"
    unlike = eu_nanomaterial(x, clusters=clusters)
    assert (unlike.answer, unlike.value) == ("inconclusive", eu_nanomaterial(x).value)
    assert unlike.low < 0.1
    assert unlike.high > 0.9
    mixed = np.random.default_rng(1).permutation(x)
    alike = eu_nanomaterial(mixed, clusters=np.arange(260) % 4)
    assert alike.answer == "yes"
    assert alike.high - alike.low < 0.2
    weights = np.r_[np.ones(170), np.zeros(90)]
    assert eu_nanomaterial(x, weights=weights, clusters=clusters) == eu_nanomaterial(x[:170])
    spread = monodisperse(np.r_[np.full(95, 50.0), np.full(5, 80.0), np.full(100, 50.0)], cv=0.1, clusters=np.arange(200) // 100)
    assert spread.low < monodisperse(np.r_[np.full(195, 50.0), np.full(5, 80.0)], cv=0.1).low


def test_few_particles_are_inconclusive():
    v = eu_nanomaterial(np.full(19, 50.0))
    assert (v.answer, v.value) == ("inconclusive", 1.0)
    assert eu_nanomaterial([]).answer == "inconclusive"


def test_the_interval_of_the_share_holds_the_truth():
    for share in (0.05, 0.5, 0.9):
        held = [(v := eu_nanomaterial(sizes(share, 80, seed))).low <= share <= v.high for seed in range(400)]
        assert 0.92 <= np.mean(held) <= 0.99, share


def test_a_wrong_yes_or_no_is_rare_at_the_limit():
    answers = [eu_nanomaterial(sizes(0.5, 150, seed)).answer for seed in range(400)]
    assert answers.count("inconclusive") / 400 > 0.92


@pytest.mark.parametrize(("cv", "answer"), [(0.01, "yes"), (0.2, "no")])
def test_monodisperse(cv, answer):
    x = np.random.default_rng(2).normal(50, 50 * cv, 400)
    v = monodisperse(x, cv=cv, cv_low=0.9 * cv, cv_high=1.1 * cv)
    assert v.answer == answer
    figures = dict(v.figures)
    assert figures["cv_squared"] == pytest.approx(cv**2)
    assert figures["dispersity_mass"] == pytest.approx((x**6).mean() / (x**3).mean() ** 2)
    json.dumps(v.to_dict(), allow_nan=False)


def test_monodisperse_by_its_weighted_share():
    x = np.r_[np.full(90, 10.0), np.full(10, 20.0)]
    assert monodisperse(x, cv=0.3).value == pytest.approx(0.9)
    assert monodisperse(x, weights=np.r_[np.ones(90), np.zeros(10)], cv=0.0).value == 1
    assert math.isnan(monodisperse([], cv=math.nan).value)


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="positive"):
        eu_nanomaterial([1.0, -2.0])
    with pytest.raises(ValueError, match="alike"):
        monodisperse([1.0, 2.0], weights=[1.0], cv=0.1)
