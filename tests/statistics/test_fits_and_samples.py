"""Curves, fits, numbers needed, pooled samples."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from nanogauge.statistics import distribution
from nanogauge.statistics.distribution import (
    BASES,
    compare_groups,
    cumulative,
    fit_distributions,
    histogram,
    homogeneity,
    kernel_density,
    precision,
    qq,
    required_n,
    summarise,
    summarise_pooled,
)


def lognormal(n, seed=0, median=50.0, gsd=1.3):
    return median * gsd ** np.random.default_rng(seed).standard_normal(n)


def test_every_public_name_exists():
    assert all(hasattr(distribution, name) for name in distribution.__all__)


def test_number_needed_for_five_percent():
    """ISO 13322-1 after Masuda & Iinoya: 5 % at 95 %, GSD 1.6."""
    assert [required_n(1.6, basis=b) for b in ("number_mean", "volume_mean", "mass_median")] == [377, 6092, 60808]


@pytest.mark.parametrize("basis", BASES[:2])
def test_number_needed_is_enough(basis):
    """Samples of that many have means within 10 % in 95 of 100 cases."""
    n = required_n(1.4, relative_error=0.1, basis=basis)
    power = 1 if basis == "number_mean" else 3
    x = lognormal(n * 2000, gsd=1.4).reshape(2000, n) ** power
    true = 50**power * math.exp((power * math.log(1.4)) ** 2 / 2)
    assert (abs(x.mean(axis=1) / true - 1) <= 0.1).mean() == pytest.approx(0.95, abs=0.025)


def test_number_needed_refuses_what_makes_no_sense():
    for options in ({"gsd": 0.9}, {"gsd": math.nan}):
        with pytest.raises(ValueError, match="gsd"):
            required_n(**options)
    with pytest.raises(ValueError, match="relative_error"):
        required_n(1.5, relative_error=0)
    with pytest.raises(ValueError, match="confidence"):
        required_n(1.5, confidence=95)
    with pytest.raises(ValueError, match="basis"):
        required_n(1.5, basis="mode")


def test_precision_beside_the_number_measured():
    d = summarise(lognormal(400, gsd=1.6), unit="nm", n_bootstrap=0)
    rows = precision(d)
    assert [r.basis for r in rows] == list(BASES)
    assert rows[0].n_measured == pytest.approx(400)
    assert [r.enough for r in rows] == [rows[0].n_needed <= 400, False, False]
    reached = replace(d, n_effective=float(rows[1].n_needed))
    assert precision(reached)[1].reached_relative_error == pytest.approx(0.05, rel=1e-3)
    alone = precision(summarise([5.0], unit="px"))
    assert all(r.n_needed is None and r.enough is None for r in alone)
    json.dumps([r.to_dict() for r in (*rows, *alone)], allow_nan=False)


def test_cumulative_is_the_weighted_share():
    c = cumulative([3, 1, 2], unit="nm", weights=[1, 2, 1])
    assert (c.x, c.y) == ((1, 2, 3), pytest.approx((0.5, 0.75, 1)))
    volume = cumulative([1, 3], unit="nm", weighting="volume")
    assert volume.y == pytest.approx((1 / 28, 1))
    assert cumulative([], unit="nm").x == ()


def test_kernel_density_agrees_with_scipy_on_the_logarithm():
    x = lognormal(300)
    q = kernel_density(x, unit="nm")
    theirs = stats.gaussian_kde(np.log(x), bw_method=q.bandwidth / np.std(np.log(x), ddof=1))
    np.testing.assert_allclose(np.array(q.y) * np.array(q.x), theirs(np.log(q.x)), rtol=1e-6, atol=1e-12)
    assert integrate.trapezoid(q.y, q.x) == pytest.approx(1, abs=0.01)
    assert kernel_density([2.0, 2.0], unit="nm").x == ()
    with pytest.raises(ValueError, match="n_points"):
        kernel_density(x, unit="nm", n_points=1)


def test_histogram_says_its_rule():
    assert histogram(lognormal(99), unit="nm").rule == "Freedman-Diaconis"
    assert histogram(lognormal(99), unit="nm", n_bins=7).rule == "given"
    assert histogram([1.0] * 90 + [2.0] * 6, unit="nm").rule == "Sturges"
    assert histogram([4.0], unit="nm").rule == "one bar"


def test_skewness_is_scipys():
    x = lognormal(80)
    assert summarise(x, unit="nm", n_bootstrap=0).skewness.value == pytest.approx(stats.skew(x) * (79 / 80) ** 1.5, rel=1e-9)


def test_fits_agree_with_scipy():
    x = lognormal(400, seed=3)
    fits = {f.law: f for f in fit_distributions(x, unit="nm", n_bootstrap=0)}
    shape, _, scale = stats.weibull_min.fit(x, floc=0)
    assert [p.value for p in fits["weibull"].parameters] == pytest.approx([scale, shape], rel=1e-4)
    s, _, median = stats.lognorm.fit(x, floc=0)
    assert [p.value for p in fits["lognormal"].parameters] == pytest.approx([median, math.exp(s)], rel=1e-4)
    assert [p.value for p in fits["normal"].parameters] == pytest.approx([x.mean(), x.std()])
    for law, theirs in (
        ("weibull", stats.weibull_min(shape, 0, scale)),
        ("lognormal", stats.lognorm(s, 0, median)),
        ("normal", stats.norm(x.mean(), x.std())),
    ):
        f = fits[law]
        assert f.ks == pytest.approx(stats.kstest(x, theirs.cdf).statistic, abs=1e-4)
        z = np.sort(theirs.cdf(x))
        i = np.arange(1, 401)
        assert f.ad == pytest.approx(-400 - ((2 * i - 1) / 400 * (np.log(z) + np.log1p(-z[::-1]))).sum(), rel=1e-2)
        assert f.log_likelihood == pytest.approx(theirs.logpdf(x).sum(), rel=1e-6)
        np.testing.assert_allclose(f.pdf([30, 50, 80]), theirs.pdf([30, 50, 80]), rtol=2e-3)
        np.testing.assert_allclose(f.ppf([0.1, 0.5, 0.9]), theirs.ppf([0.1, 0.5, 0.9]), rtol=1e-4)
        np.testing.assert_allclose(f.cdf(f.ppf([0.2, 0.7])), [0.2, 0.7], rtol=1e-9)
        k = len(f.parameters)
        assert f.aicc == pytest.approx(2 * k - 2 * f.log_likelihood + 2 * k * (k + 1) / (400 - k - 1))


def test_standard_errors_are_those_of_theory_and_of_chance():
    x = lognormal(500)
    f = next(f for f in fit_distributions(x, unit="nm", n_bootstrap=0) if f.law == "lognormal")
    s = np.log(x).std()
    errors = [p.standard_error for p in f.parameters]
    assert errors == pytest.approx([f.parameters[0].value * s / math.sqrt(500), math.exp(s) * s / math.sqrt(1000)], rel=1e-3)


def test_the_right_law_comes_first_and_fits():
    rng = np.random.default_rng(8)
    for law, x in (
        ("normal", rng.normal(50, 12, 800)),
        ("lognormal", lognormal(800, gsd=1.5)),
        ("weibull", 50 * rng.weibull(3, 800)),
        ("lognormal_mixture", np.r_[lognormal(300, 1, 25, 1.12), lognormal(500, 2, 50, 1.15)]),
    ):
        fits = fit_distributions(x[x > 0], unit="nm", n_bootstrap=99)
        assert fits[0].delta_aicc == 0
        assert [f.aicc for f in fits] == sorted(f.aicc for f in fits)
        right = next(f for f in fits if f.law == law)
        assert right.delta_aicc < 2
        assert right.ks_p_value > 0.05
        assert right.ad_p_value > 0.05
        assert {f.law for f in fits if f.delta_aicc < 2} <= {law, "lognormal_mixture"}
        json.dumps([f.to_dict() for f in fits], allow_nan=False)
    share, m1, g1, m2, g2 = (p.value for p in fits[0].parameters)
    assert (share, m1, g1, m2, g2) == pytest.approx((3 / 8, 25, 1.12, 50, 1.15), rel=0.08)


@pytest.mark.slow
def test_a_wrong_law_is_refused_and_the_right_one_as_often_as_stated():
    x = lognormal(400, gsd=1.6)
    normal = next(f for f in fit_distributions(x, unit="nm", n_bootstrap=99) if f.law == "normal")
    assert normal.ks_p_value == normal.ad_p_value == 0.01
    p = []
    for seed in range(60):
        fits = fit_distributions(lognormal(60, seed), unit="nm", n_bootstrap=49, seed=seed)
        p.append(next(f for f in fits if f.law == "lognormal").ad_p_value)
    assert np.mean(p) == pytest.approx(0.5, abs=0.13)  # uniform


def test_weights_stand_for_repetition_in_fits():
    x = lognormal(60)
    w = np.random.default_rng(0).integers(1, 4, 60)
    one = {f.law: f for f in fit_distributions(x, unit="nm", weights=w, n_bootstrap=0)}
    two = {f.law: f for f in fit_distributions(np.repeat(x, w), unit="nm", n_bootstrap=0)}
    for law in ("normal", "lognormal", "weibull"):
        assert [p.value for p in one[law].parameters] == pytest.approx([p.value for p in two[law].parameters], rel=1e-6)
        assert one[law].ks == pytest.approx(two[law].ks)


def test_few_or_equal_particles_have_no_fits():
    assert fit_distributions(lognormal(9), unit="nm") == ()
    assert fit_distributions([4.0] * 30, unit="nm") == ()


def test_qq_points_lie_on_the_line_for_the_right_law():
    x = lognormal(1000)
    f = next(f for f in fit_distributions(x, unit="nm", n_bootstrap=0) if f.law == "lognormal")
    expected, measured = qq(f, x, n_points=50)
    assert len(expected) == len(measured) == 50
    assert np.corrcoef(expected, measured)[0, 1] > 0.99
    with pytest.raises(ValueError, match="between 0 and 1"):
        f.ppf([0.5, 1.0])


def clustered(seed, *, k, between):
    rng = np.random.default_rng([seed, k])
    number = np.repeat(np.arange(k), rng.integers(30, 80, k))
    return 50 * np.exp(between * rng.standard_normal(k))[number] * 1.25 ** rng.standard_normal(number.size), number


@pytest.mark.slow
@pytest.mark.parametrize("between", [0.0, 0.1])
def test_pooled_intervals_hold_the_truth(between):
    truth = 50 * math.exp((math.log(1.25) ** 2 + between**2) / 2)
    hits, naive = 0, 0
    for seed in range(120):
        x, number = clustered(seed, k=8, between=between)
        e = summarise_pooled(x, number, unit="nm", n_bootstrap=150, seed=seed).mean
        hits += e.low <= truth <= e.high
        e = summarise(x, unit="nm", n_bootstrap=150, seed=seed).mean
        naive += e.low <= truth <= e.high
    assert 0.87 <= hits / 120 <= 1
    if between:
        assert naive / 120 < 0.7  # what pooling without clusters would claim


def test_pooled_values_are_those_of_all_particles_together():
    x, number = clustered(1, k=4, between=0.1)
    d, plain = summarise_pooled(x, number, unit="nm"), summarise(x, unit="nm")
    assert d.n_clusters == 4
    for name in distribution.STATISTICS:
        assert getattr(d, name).value == getattr(plain, name).value
        assert getattr(d, name).low < getattr(d, name).value < getattr(d, name).high, name
    assert summarise_pooled(x, np.zeros(x.size), unit="nm") == plain
    with pytest.raises(ValueError, match="clusters"):
        summarise_pooled(x, number[1:], unit="nm")


def test_pooling_large_samples_in_groups_changes_little(monkeypatch):
    x, number = clustered(2, k=6, between=0.05)
    whole = summarise_pooled(x, number, unit="nm").d50.standard_error
    monkeypatch.setattr("nanogauge.statistics.distribution.pooling._MOST_BINS", 60)
    assert summarise_pooled(x, number, unit="nm").d50.standard_error == pytest.approx(whole, rel=0.25)


def test_homogeneity_is_kruskal_and_analysis_of_variance():
    x, number = clustered(3, k=5, between=0.15)
    h = homogeneity(x, number, unit="nm")
    groups = [x[number == i] for i in range(5)]
    assert (h.statistic, h.p_value) == pytest.approx(tuple(stats.kruskal(*groups)))
    assert h.homogeneous is False
    balanced = [g[:30] for g in groups]
    h = homogeneity(np.concatenate(balanced), np.repeat(range(5), 30), unit="nm")
    f = stats.f_oneway(*balanced).statistic
    assert h.between_sd == pytest.approx(h.within_sd * math.sqrt((f - 1) / 30))
    assert homogeneity(x[:4], number[:4], unit="nm").homogeneous is None
    json.dumps(h.to_dict(), allow_nan=False)


def test_micrographs_that_agree_are_called_homogeneous_as_often_as_stated():
    p = [homogeneity(*clustered(s, k=5, between=0.0), unit="nm").p_value for s in range(200)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.045)


def test_comparing_groups():
    a, b, c = lognormal(80, 1), lognormal(90, 2, median=60), lognormal(70, 3)
    clusters = [np.repeat([0, 1], n // 2) for n in (80, 90, 70)]
    test, pairs = compare_groups([a, b, c], clusters)
    assert (test.statistic, test.p_value) == pytest.approx(tuple(stats.kruskal(a, b, c)))
    assert 0 < test.epsilon_squared < 1
    assert [(p.first, p.second) for p in pairs] == [(0, 1), (0, 2), (1, 2)]
    above = (b[:, None] > a[None]).mean() - (b[:, None] < a[None]).mean()
    assert pairs[0].cliffs_delta == pytest.approx(above)
    raw = [stats.mannwhitneyu(y, x).pvalue for x, y in ((a, b), (a, c), (b, c))]
    assert min(p.p_value for p in pairs) == pytest.approx(3 * min(raw))
    with pytest.raises(ValueError, match="two or more"):
        compare_groups([a], clusters[:1])
