"""Distributions of samples whose statistics are known."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanogauge.statistics.distribution import (
    MAX_BINS,
    MIN_N_FOR_INTERVALS,
    STATISTICS,
    WITHOUT_UNIT,
    histogram,
    quantiles,
    summarise,
    summary,
)

MU, SIGMA = math.log(50), 0.25
TRUE = {  # of the lognormal number distribution (ISO 9276-5)
    "mean": math.exp(MU + SIGMA**2 / 2),
    "sd": math.exp(MU + SIGMA**2 / 2) * math.sqrt(math.expm1(SIGMA**2)),
    "cv": math.sqrt(math.expm1(SIGMA**2)),
    "median": 50.0,
    "d10": math.exp(MU - 1.2815515655446004 * SIGMA),
    "d50": 50.0,
    "d90": math.exp(MU + 1.2815515655446004 * SIGMA),
    "span": 2 * math.sinh(1.2815515655446004 * SIGMA),
    "geometric_mean": 50.0,
    "geometric_sd": math.exp(SIGMA),
    "lognormal_median": 50.0,
    "lognormal_gsd": math.exp(SIGMA),
    "number_mean": math.exp(MU + SIGMA**2 / 2),
    "skewness": (math.exp(SIGMA**2) + 2) * math.sqrt(math.expm1(SIGMA**2)),
    "d16": math.exp(MU - 0.994457883209753 * SIGMA),
    "d84": math.exp(MU + 0.994457883209753 * SIGMA),
    "d32": math.exp(MU + 2.5 * SIGMA**2),
    "d43": math.exp(MU + 3.5 * SIGMA**2),
}
diameters_of_some = st.lists(st.floats(0.5, 500), min_size=1, max_size=40)


def sample(n, seed=0):
    return np.random.default_rng(seed).lognormal(MU, SIGMA, n)


def values(d):
    return {name: getattr(d, name).value for name in STATISTICS}


def test_lognormal_sample_has_the_statistics_of_its_law():
    d = summarise(sample(200_000), unit="nm", n_bootstrap=0)
    for name, true in TRUE.items():
        assert getattr(d, name).value == pytest.approx(true, rel=0.006), name  # some standard errors of 1/sqrt(200,000)
    assert d.ks_statistic < 1.36 / math.sqrt(200_000)


def test_volume_weighting_shifts_a_lognormal_by_hatch_and_choate():
    d = summarise(sample(400_000), unit="nm", weighting="volume", n_bootstrap=0)
    assert d.d50.value == pytest.approx(50 * math.exp(3 * SIGMA**2), rel=0.01)
    assert d.lognormal_gsd.value == pytest.approx(math.exp(SIGMA), rel=0.01)
    assert d.mean.value == pytest.approx(d.d43.value, rel=1e-12)
    assert d.d32.value == pytest.approx(TRUE["d32"], rel=0.01)  # of the number distribution still
    assert d.n == 400_000
    assert d.n_effective < 0.65 * d.n


def test_textbook_moments():
    d = summarise([1, 2, 4], unit="px")
    assert d.mean.value == pytest.approx(7 / 3)
    assert d.sd.value == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert d.geometric_mean.value == pytest.approx(2)
    assert d.geometric_sd.value == pytest.approx(2)
    assert d.lognormal_gsd.value == pytest.approx(2 ** math.sqrt(2 / 3))
    assert d.d32.value == pytest.approx(73 / 21)
    assert d.d43.value == pytest.approx(273 / 73)
    assert d.n_effective == pytest.approx(3)


@given(diameters_of_some, st.floats(0.01, 100))
@settings(max_examples=60, deadline=None)
def test_equal_weights_are_numpys_quantiles(x, weight):
    ps = [0, 0.1, 0.25, 0.5, 0.9, 1]
    np.testing.assert_allclose(quantiles(x, ps, weights=np.full(len(x), weight)), np.quantile(x, ps), rtol=1e-9)


@given(st.lists(st.tuples(st.floats(0.5, 500), st.integers(1, 5)), min_size=2, max_size=20))
@settings(max_examples=60, deadline=None)
def test_whole_weights_are_repetition(pairs):
    x, w = np.array(pairs).T
    weighted = summarise(x, unit="nm", weights=w)
    repeated = summarise(np.repeat(x, w.astype(int)), unit="nm", n_bootstrap=0)
    for name in ("mean", "geometric_mean", "lognormal_median", "lognormal_gsd", "d32", "d43"):
        assert getattr(weighted, name).value == pytest.approx(getattr(repeated, name).value, rel=1e-9), name
    np.testing.assert_allclose(weighted.ks_statistic, repeated.ks_statistic, atol=1e-9)


def test_weighted_quantiles_by_hand():
    # middles of the weights: 0.5, 2, 3.5 -> 0, 1/2, 1; and 0.5, 1.5, 3 -> 0, 0.4, 1
    assert quantiles([1, 2, 4], [0.25, 0.5, 0.75], weights=[1, 2, 1]).tolist() == pytest.approx([1.5, 2, 3])
    assert quantiles([4, 2, 1], [0.4, 0.7], weights=[2, 1, 1]).tolist() == pytest.approx([2, 3])


def test_quantiles_of_whole_weights_come_near_repetition():
    x, w = sample(2000), np.random.default_rng(1).integers(1, 4, 2000)
    ps = [0.05, 0.1, 0.5, 0.9, 0.95]
    np.testing.assert_allclose(quantiles(x, ps, weights=w), np.quantile(np.repeat(x, w), ps), rtol=0.003)


@given(diameters_of_some, st.floats(1e-3, 1e3), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_only_ratios_of_weights_matter_and_zero_leaves_out(x, factor, seed):
    w = np.random.default_rng(seed).uniform(0.5, 2, len(x))
    one = values(summarise(x, unit="nm", weights=w, n_bootstrap=0))
    other = summarise([*x, 7.0], unit="nm", weights=[*(w * factor), 0], n_bootstrap=0)
    assert other.n == len(x)
    for name, value in values(other).items():
        assert value == pytest.approx(one[name], rel=1e-7, abs=1e-6, nan_ok=True), name


def test_double_diameters_double_lengths_and_leave_ratios():
    one, two = summarise(sample(100), unit="nm"), summarise(2 * sample(100), unit="nm")
    for name in STATISTICS:
        factor = 1 if name in WITHOUT_UNIT else 2
        for part in ("value", "low", "high"):
            assert getattr(getattr(two, name), part) == pytest.approx(factor * getattr(getattr(one, name), part), rel=1e-9)


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say():
    n_samples, hits = 150, dict.fromkeys(TRUE, 0)
    for seed in range(n_samples):
        d = summarise(sample(60, seed), unit="nm", n_bootstrap=400, seed=seed)
        for name, true in TRUE.items():
            hits[name] += getattr(d, name).low <= true <= getattr(d, name).high
    for name, n_hits in hits.items():
        least = (
            0.5 if name == "skewness" else 0.75 if name in ("d32", "d43", "sd", "cv") else 0.88
        )  # these hang on the tail, as `summarise` says
        assert least <= n_hits / n_samples <= 0.995, (name, n_hits)


@pytest.mark.slow
def test_intervals_hold_under_weights():
    # every size is found with a chance of 1/weight; the weights must bring the mean back, and the interval hold it
    rng, hits, n_samples = np.random.default_rng(4), 0, 100
    for seed in range(n_samples):
        x = rng.lognormal(MU, SIGMA, 200)
        weight = 1 + x / 50
        found = rng.random(200) < 1 / weight
        d = summarise(x[found], unit="nm", weights=weight[found], n_bootstrap=300, seed=seed)
        hits += d.mean.low <= TRUE["mean"] <= d.mean.high
    assert 0.87 <= hits / n_samples <= 1.0
    assert d.mean.value > np.mean(x[found])


def test_intervals_enclose_and_grow_with_confidence():
    x = sample(80)
    narrow, wide = (summarise(x, unit="nm", confidence=c) for c in (0.68, 0.95))
    for name in STATISTICS:
        a, b = getattr(narrow, name), getattr(wide, name)
        assert b.low <= a.low <= a.high <= b.high
        assert b.low < a.value < b.high


def test_seed_decides_the_intervals():
    assert summarise(sample(50), unit="nm", seed=1) == summarise(sample(50), unit="nm", seed=1)
    assert summarise(sample(50), unit="nm", seed=1).mean != summarise(sample(50), unit="nm", seed=2).mean


def test_chunks_do_not_change_the_result(monkeypatch):
    whole = summarise(sample(70), unit="nm", n_bootstrap=200).d90
    monkeypatch.setattr(summary, "_CHUNK", 70 * 9)
    parts = summarise(sample(70), unit="nm", n_bootstrap=200).d90
    assert parts.value == whole.value
    assert parts.low == pytest.approx(whole.low, rel=0.05)


def test_no_particles_is_a_valid_empty_distribution():
    d = summarise([], unit="nm")
    assert (d.n, d.n_effective) == (0, 0)
    assert all(math.isnan(v) for v in values(d).values())
    plain = json.loads(json.dumps(d.to_dict(), allow_nan=False))
    assert plain["d50"] == {"value": None, "low": None, "high": None, "standard_error": None}
    assert summarise([3.0], unit="nm", weights=[0]).n == 0


@pytest.mark.parametrize("weighting", ["number", "volume"])
def test_one_particle(weighting):
    d = summarise([42.0], unit="nm", weighting=weighting)
    nan = {"sd", "cv", "skewness", "geometric_sd"}
    lengths = set(STATISTICS) - nan - {"span", "lognormal_gsd"}
    assert {k for k, v in values(d).items() if math.isnan(v)} == nan
    assert all(values(d)[k] == pytest.approx(42) for k in lengths)
    assert (d.span.value, d.lognormal_gsd.value) == pytest.approx((0, 1))


def test_two_particles():
    d = summarise([10.0, 30.0], unit="nm", weights=[1.0, 1.0])
    assert (d.d10.value, d.d50.value, d.d90.value) == pytest.approx((12, 20, 28))
    assert d.sd.value == pytest.approx(math.sqrt(200))
    assert math.isnan(d.d50.low)


def test_all_equal():
    d = summarise([5.0] * 30, unit="nm")
    assert (d.sd.value, d.cv.value, d.span.value, d.geometric_sd.value) == pytest.approx((0, 0, 0, 1), abs=1e-9)
    assert (d.d10.low, d.d90.high) == (5, 5)
    assert math.isnan(d.ks_statistic)


def test_few_particles_have_no_intervals():
    few, enough = (summarise(sample(n), unit="nm") for n in (MIN_N_FOR_INTERVALS - 1, MIN_N_FOR_INTERVALS))
    assert all(math.isnan(getattr(few, name).low) for name in STATISTICS)
    assert all(getattr(enough, name).low < getattr(enough, name).high for name in STATISTICS)
    assert all(math.isnan(getattr(summarise(sample(50), unit="nm", n_bootstrap=0), name).low) for name in STATISTICS)


def test_to_dict_is_json_and_complete():
    d = summarise(sample(40), unit="px", weighting="volume", seed=7, n_bootstrap=50)
    plain = json.loads(json.dumps(d.to_dict(), allow_nan=False))
    assert set(STATISTICS) < set(plain)
    assert (plain["unit"], plain["weighting"], plain["n"], plain["seed"], plain["n_bootstrap"]) == ("px", "volume", 40, 7, 50)
    assert plain["d90"]["high"] == d.d90.high


def test_histogram_follows_freedman_and_diaconis():
    x = sample(500)
    h = histogram(x, unit="nm")
    assert list(h.edges) == pytest.approx(np.histogram_bin_edges(x, "fd"))
    assert sum(h.count) == 500
    assert sum(h.share) == pytest.approx(1)
    assert len(h.edges) == len(h.count) + 1 == len(h.share) + 1


def test_histogram_weights_and_bounds():
    assert histogram([1.0, 3.0], unit="nm", weights=[1, 3], n_bins=2).share == pytest.approx((0.25, 0.75))
    assert histogram([1.0, 3.0], unit="nm", weighting="volume", n_bins=2).share == pytest.approx((1 / 28, 27 / 28))
    assert len(histogram([*sample(200), 1e6], unit="nm").count) == MAX_BINS
    assert len(histogram([1.0] * 90 + [2.0] * 6, unit="nm").count) == 8  # no IQR: Sturges
    same = histogram([4.0, 4.0], unit="nm")
    assert (same.count, same.edges) == ((2,), pytest.approx((3.8, 4.2)))
    assert histogram([], unit="nm").edges == ()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: summarise([1, -2], unit="nm"), "diameters must be positive, got -2"),
        (lambda: summarise([1, math.nan], unit="nm"), "nan"),
        (lambda: summarise([1, math.inf], unit="nm"), "diameters must be finite, got inf"),
        (lambda: summarise([[1, 2]], unit="nm"), r"got shape \(1, 2\)"),
        (lambda: summarise([1, 2], unit="nm", weights=[1]), r"weights must have the shape .* got \(1,\)"),
        (lambda: summarise([1, 2], unit="nm", weights=[1, -1]), "weights must be 0 or positive, got -1"),
        (lambda: summarise([1, 2], unit="um"), "'um'"),
        (lambda: summarise([1, 2], unit="nm", weighting="mass"), "'mass'"),
        (lambda: summarise([1, 2], unit="nm", confidence=95), "got 95"),
        (lambda: summarise([1, 2], unit="nm", n_bootstrap=-1), "got -1"),
        (lambda: quantiles([1, 2], [1.5]), r"\[1.5\]"),
        (lambda: histogram([1, 2], unit="nm", n_bins=0), "got 0"),
    ],
)
def test_what_does_not_fit_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()
