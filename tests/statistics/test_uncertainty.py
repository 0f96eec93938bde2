"""The budget's arithmetic, and that its intervals hold the truth."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from nanogauge.core.scale import Scale
from nanogauge.core.settings import Settings
from nanogauge.measuring import measure_particles
from nanogauge.statistics.distribution import STATISTICS, WITHOUT_UNIT, quantiles
from nanogauge.statistics.metrology import budget_of, distribution_of, verdicts_of
from nanogauge.statistics.uncertainty import BUDGET_STATISTICS, Inputs, uncertainty_budget
from nanogauge.statistics.warnings import detection_warnings, missed_warnings, soft_warnings

X = np.random.default_rng(0).lognormal(math.log(40), 0.2, 300)


def evaluate(x):
    d10, d50, d90 = quantiles(x, (0.1, 0.5, 0.9)).tolist()
    return {"mean": float(x.mean()), "d10": d10, "d50": d50, "d90": d90}


def budget(errors=None, **inputs):
    values = evaluate(X)
    errors = errors or dict.fromkeys(values, 0.5)
    return uncertainty_budget(
        values, errors, evaluate, inputs=Inputs(**({"diameters": X, "n_effective": 300, "pixel_length": 1.0} | inputs)), unit="nm"
    )


def parts(b, statistic="mean"):
    return {c.name: c for c in b[statistic].components}


def test_combined_is_the_root_of_the_sum_of_squares():
    b = budget(scale_uncertainty=0.01, scale_source="bar", outline_half_width=1.0, edge_offset=-0.4, edge_uncertainty=0.3)
    assert [s.statistic for s in b.statistics] == list(BUDGET_STATISTICS)
    for s in b.statistics:
        assert {c.name for c in s.components} == {"counting", "scale", "segmentation", "edge_position", "pixel_size", "edge"}
        assert s.combined == pytest.approx(math.sqrt(sum(c.contribution**2 for c in s.components)))
        assert s.expanded == pytest.approx(2 * s.combined)
        assert (s.low, s.high) == pytest.approx((s.value - s.expanded, s.value + s.expanded))
        for c in s.components:
            assert c.contribution == pytest.approx(abs(c.sensitivity) * c.standard_uncertainty)
    json.dumps(b.to_dict(), allow_nan=False)
    assert len(b.rows()) == 4 * 7
    with pytest.raises(KeyError):
        b["d42"]


def test_scale_moves_every_statistic_in_proportion():
    b = budget(scale_uncertainty=0.02)
    for s in BUDGET_STATISTICS:
        assert parts(b, s)["scale"].contribution == pytest.approx(0.02 * b[s].value)
    assert "scale" not in parts(budget())


def test_an_outline_moves_a_diameter_by_twice_its_own_shift():
    for b, name, u in (
        (budget(outline_half_width=1.0), "segmentation", 1 / math.sqrt(3)),
        (budget(edge_offset=-0.6), "edge_position", 0.6 / math.sqrt(3)),
        (budget(edge_uncertainty=0.25), "edge", 0.25),
    ):
        for s in BUDGET_STATISTICS:
            c = parts(b, s)[name]
            assert c.standard_uncertainty == pytest.approx(u)
            assert c.sensitivity == pytest.approx(2)


def test_segmentation_is_half_the_range_between_two_outlines():
    c = parts(budget(inner=X - 0.8, outer=X + 0.6))["segmentation"]
    assert c.contribution == pytest.approx(0.7 / math.sqrt(3))
    assert "0.7 and 0.3" in c.source
    some = np.where(np.arange(300) == 5, np.nan, X)
    assert "no probability map" in parts(budget(inner=some, outer=X, outline_half_width=1.0))["segmentation"].source


def test_pixel_size_averages_out_for_the_mean_and_widens_the_tails():
    c = {s: parts(budget(pixel_length=8.0), s)["pixel_size"].contribution for s in BUDGET_STATISTICS}
    assert c["mean"] == pytest.approx(parts(budget(pixel_length=8.0))["pixel_size"].standard_uncertainty / math.sqrt(300), rel=0.1)
    assert c["d90"] > 2 * c["mean"]


def test_rounding_to_pixels_is_as_large_as_the_budget_says():
    rng, d, n = np.random.default_rng(1), 12.0, 300
    yy, xx = np.mgrid[:16, :16]
    areas = [(np.hypot(yy - 8 - rng.uniform(-0.5, 0.5), xx - 8 - rng.uniform(-0.5, 0.5)) <= d / 2).sum() for _ in range(n)]
    measured = np.sqrt(4 * np.array(areas) / math.pi)
    b = uncertainty_budget(
        {"mean": d}, {"mean": 0.0}, lambda x: {"mean": float(x.mean())},
        inputs=Inputs(diameters=np.full(n, d), n_effective=n, pixel_length=1.0), unit="px",
    )  # fmt: skip
    assert parts(b)["pixel_size"].standard_uncertainty == pytest.approx(measured.std(), rel=0.25)


def test_too_few_particles_have_no_combined_uncertainty():
    b = budget(errors=dict.fromkeys(BUDGET_STATISTICS, math.nan))
    assert math.isnan(b["mean"].combined)
    assert b.notes == ("too few particles for a standard error: no combined uncertainty",)
    assert b.to_dict()["statistics"]["mean"]["expanded"] is None


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="coverage_factor"):
        uncertainty_budget(
            {}, {}, evaluate, inputs=Inputs(diameters=X, n_effective=1, pixel_length=1), unit="nm", coverage_factor=0
        )
    with pytest.raises(ValueError, match="diameters"):
        budget(diameters=[[1.0]])


def field(rng, *, median, gsd, n):
    """Discs in a grid, edges spread over a pixel, all outlines off alike within a level of 0.3 to 0.7."""
    pitch = math.ceil(median * gsd**3) + 8
    columns = math.ceil(math.sqrt(n))
    p = np.zeros((pitch * columns, pitch * columns), np.float32)
    d = median * gsd ** np.clip(rng.standard_normal(n), -2.9, 2.9)
    yy, xx = np.mgrid[:pitch, :pitch]
    for i in range(n):
        y, x = pitch / 2 + rng.uniform(-1, 1, 2)
        row, column = divmod(i, columns)
        p[row * pitch : (row + 1) * pitch, column * pitch : (column + 1) * pitch] = norm.cdf(
            (d[i] / 2 - np.hypot(yy - y, xx - x)) / 0.6
        )
    level = rng.uniform(0.3, 0.7)
    p = np.clip(p + 0.5 - level, 0, 1) * ((p > 0.001) & (p < 0.999)) + (p >= 0.999)
    return p.astype(np.float32), cv2.connectedComponents((p > 0.5).astype(np.uint8), connectivity=4)[1].astype(np.int32)


@pytest.mark.slow
def test_stated_intervals_hold_the_truth():
    """Law, outline level and scale are drawn at random; the interval of 2 u must hold the law's figures in 90 to 98 of 100."""
    settings = Settings().replace("measure", n_bootstrap=150, edge_correction=False).measure
    hits = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        median, gsd = rng.uniform(10, 24), rng.uniform(1.05, 1.3)
        p, labels = field(rng, median=median, gsd=gsd, n=64)
        u = rng.uniform(0.002, 0.02)
        stated, actual = Scale((1.0, 1.0), u, "metadata"), median * (1 + u * rng.standard_normal())
        table = measure_particles(labels, pixels=p, scale=stated, foreground=p)
        b = budget_of(table, distribution_of(table, "nm", settings), settings, scale=stated)
        s = math.log(gsd)
        truth = (math.exp(s * s / 2), math.exp(-1.28155 * s), 1.0, math.exp(1.28155 * s))
        hits.append([b[name].low <= actual * t <= b[name].high for name, t in zip(BUDGET_STATISTICS, truth, strict=True)])
    rates = np.mean(hits, axis=0)
    assert (rates >= 0.90).all(), rates
    assert 0.90 <= np.mean(hits) <= 0.985, rates


def test_detection_moves_each_statistic_by_its_own_share():
    known = {"mean": 0.1, "d10": 0.02, "d50": 0.05, "d90": 0.2}
    b = budget(detection=known)
    for s in b.statistics:
        c = parts(b, s.statistic)["detection"]
        assert c.standard_uncertainty == known[s.statistic]
        assert c.contribution == pytest.approx(known[s.statistic] * s.value)
        assert s.combined == pytest.approx(math.sqrt(sum(c.contribution**2 for c in s.components)))
    assert "detection" not in parts(budget(detection={}))
    assert "detection" not in parts(budget())


def test_intervals_are_widened_by_what_was_missed_or_joined():
    table = pd.DataFrame({"equivalent_diameter_px": X, "edge_weight": 1.0})
    settings = Settings().measure
    narrow = distribution_of(table, "px", settings)
    wide = distribution_of(table, "px", settings, detection={"mean": 0.1, "d50": 0.05})
    assert wide.mean.value == narrow.mean.value
    assert wide.mean.high - wide.mean.value == pytest.approx(
        math.hypot(narrow.mean.high - narrow.mean.value, 1.96 * 0.1 * narrow.mean.value)
    )
    assert wide.mean.standard_error == narrow.mean.standard_error  # counting stays counting in the budget
    assert wide.median.low == wide.d50.low < narrow.d50.low
    assert wide.d90 == narrow.d90
    assert detection_warnings({"mean": 0.05, "d90": 0.1}, {}) == ()
    assert detection_warnings({"mean": 0.05, "d50": 0.1, "d90": 0.3}, {}) == ()  # a tail is in its interval, and no more is said
    (said,) = detection_warnings({"mean": 0.05, "d50": 0.3}, {})
    assert "30 %" in said


@pytest.mark.parametrize("weighting", ["number", "volume"])
@pytest.mark.parametrize("clusters", [None, np.arange(X.size) % 4])
def test_one_figure_has_one_interval_under_each_of_its_names(weighting, clusters):
    table = pd.DataFrame({"equivalent_diameter_px": X, "edge_weight": np.linspace(1, 1.3, X.size)})
    settings = replace(Settings().measure, weighting=weighting)
    d = distribution_of(table, "px", settings, clusters=clusters, detection=dict.fromkeys(BUDGET_STATISTICS, 0.1))
    figures = {name: d[name] for name in STATISTICS if name not in WITHOUT_UNIT}
    twins = [(a, b) for a, b in combinations(figures, 2) if math.isclose(figures[a].value, figures[b].value, rel_tol=1e-12)]
    assert {("median", "d50"), ("mean", "number_mean" if weighting == "number" else "d43")} <= set(twins)
    for a, b in twins:
        assert (figures[a].low, figures[a].high) == pytest.approx((figures[b].low, figures[b].high), rel=1e-12)


def test_another_reading_that_finds_many_more_is_told():
    assert detection_warnings({}, {"measured": 20, "another magnification": 28}) == ()
    assert detection_warnings({}, {"measured": 1, "another magnification": 3}) == ()
    (said,) = detection_warnings({}, {"measured": 13, "neighbours joined more readily": 12, "another magnification": 30})
    assert "finds 30 where 13" in said
    assert "finds 4 where 0" in detection_warnings({}, {"measured": 0, "another magnification": 4})[0]


def test_a_doubtful_picture_makes_the_verdict_inconclusive():
    x = np.random.default_rng(1).normal(80, 4, 400)  # nm: clearly a nanomaterial
    table = pd.DataFrame(
        {"equivalent_diameter_nm": x, "equivalent_diameter_inner_nm": x - 1, "equivalent_diameter_outer_nm": x + 1}
        | {"feret_min_nm": x, "edge_weight": 1.0}
    )
    scale, settings = Scale((1.0, 1.0), 0.01, "metadata"), Settings().measure
    answers = {}
    for detection in ({}, dict.fromkeys(BUDGET_STATISTICS, 0.4)):
        d = distribution_of(table, "nm", settings, detection=detection)
        b = budget_of(table, d, settings, scale=scale, detection=detection)
        answers[bool(detection)] = verdicts_of(table, d, b, settings, scale=scale)[0].answer
    assert answers == {False: "yes", True: "inconclusive"}


def test_much_that_is_expected_to_be_missing_is_said():
    assert missed_warnings(None) == ()
    assert missed_warnings(0.9) == ()
    (said,) = missed_warnings(0.42)
    assert said.code == "missed"
    assert "about 42 %" in said


def test_blurred_edges_are_told_of() -> None:
    assert soft_warnings(math.nan) == ()
    assert soft_warnings(0.37) == ()
    (said,) = soft_warnings(0.4)
    assert said.code == "soft_edges"
    assert "blurred over 80 % of their radius" in said
