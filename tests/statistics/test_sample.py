"""Pooled samples and their comparison."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from nanogauge.core.scale import Scale
from nanogauge.core.settings import Settings
from nanogauge.measuring import measure_particles
from nanogauge.statistics.distribution.pooling import summarise_pooled
from nanogauge.statistics.metrology import distribution_of, exclusions_of
from nanogauge.statistics.samples import MICROGRAPH_COLUMNS, Part, compare, part_of, pool, pool_tables
from nanogauge.statistics.warnings import warnings_of

QUICK = Settings().replace("measure", n_bootstrap=200, n_fit_bootstrap=19)


METADATA = Scale((2.0, 2.0), 0.01, "metadata")


def part(seed, *, median=16.0, n=30, scale=METADATA, name=None):
    """A micrograph of n squares in a grid, one of them cut by the frame."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((41 * 6, 41 * 7), np.int32)
    for i in range(n):
        side = round(median * 1.2 ** rng.standard_normal())
        y, x = divmod(i, 7)
        labels[41 * y + 3 : 41 * y + 3 + side, 41 * x + 3 : 41 * x + 3 + side] = i + 1
    labels[:4, :4] = n + 1
    table = measure_particles(labels, pixels=rng.normal(100, 5, labels.shape), scale=scale)
    return Part(name or f"m{seed}", table, scale, -0.2)


def test_pooled_sample_holds_every_particle_of_every_micrograph():
    parts = [part(s) for s in range(4)]
    s = pool_tables(parts, name="silica", settings=QUICK)
    assert (s.name, s.unit, s.n_micrographs, s.n_particles) == ("silica", "nm", 4, 4 * 31)
    assert s.particles.columns[0] == "micrograph"
    assert s.distribution.n_clusters == 4
    assert s.exclusions["touches_border"] == sum(exclusions_of(p.particles)["touches_border"] for p in parts)
    assert list(s.micrographs.columns) == list(MICROGRAPH_COLUMNS)
    alone = distribution_of(parts[0].particles, "nm", QUICK.measure)
    assert s.micrographs["mean"][0] == pytest.approx(alone.mean.value)
    assert s.micrographs["sd"][0] == pytest.approx(alone.sd.value, rel=1e-3)
    assert s.homogeneity.n_micrographs == 4
    assert s.budget is not None
    assert {c.name for c in s.budget["mean"].components} >= {"counting", "scale", "segmentation", "edge_position"}
    assert s.budget["mean"].components[0].standard_uncertainty == s.distribution.mean.standard_error
    assert [v.name for v in s.verdicts] == ["eu_nanomaterial", "monodisperse"]
    assert len(s.required_n) == 3
    assert s.fits
    json.dumps(s.to_dict(), allow_nan=False)


def test_one_micrograph_is_its_own_distribution():
    one = part(3)
    s = pool_tables([one], name="one", settings=QUICK)
    assert s.distribution == distribution_of(one.particles, "nm", QUICK.measure)


def test_micrographs_that_differ_are_said_to():
    s = pool_tables([part(1), part(2), part(3, median=26)], name="mixed", settings=QUICK)
    assert s.homogeneity.homogeneous is False
    assert any("differ more than chance" in w for w in s.warnings)
    assert not any(getattr(w, "code", "") == "few_decide" for w in s.warnings)  # it is the micrographs that differ
    wide = pool_tables([part(1), part(2, median=60)], name="wider", settings=QUICK)
    said = " ".join(wide.warnings)
    assert ("the interval allows for it" in said) != ("cannot be given" in said)
    alike = pool_tables([part(1), part(2), part(3)], name="alike", settings=QUICK)
    assert alike.distribution.mean.standard_error < 0.5 * s.distribution.mean.standard_error


def test_micrographs_without_a_scale():
    s = pool_tables([part(1), part(2, scale=None)], name="one scaled", settings=QUICK)
    assert (s.unit, s.n_micrographs) == ("nm", 1)
    assert any("1 of 2 micrographs have no scale" in w for w in s.warnings)
    px = pool_tables([part(1, scale=None), part(2, scale=None)], name="none", settings=QUICK)
    assert px.unit == "px"
    assert "scale" not in {c.name for c in px.budget["mean"].components}
    assert any("one magnification" in w for w in px.warnings)


def test_scales_of_different_micrographs_are_taken_together():
    fine, coarse = Scale((1.0, 1.0), 0.01, "metadata"), Scale((3.0, 3.0), 0.03, "metadata")
    s = pool_tables([part(1, scale=fine), part(2, scale=coarse)], name="two", settings=QUICK)
    assert s.scale.mean_nm_per_px == pytest.approx(2.0)
    assert s.scale.relative_uncertainty == pytest.approx(math.sqrt((0.01**2 + 0.03**2) / 2))


def test_two_micrographs_of_one_name_stay_apart():
    s = pool_tables([part(1, name="a"), part(2, name="a")], name="same", settings=QUICK)
    assert s.micrographs["micrograph"].tolist() == ["a", "a (2)"]
    assert s.distribution.n_clusters == 2


def test_one_picture_under_two_names_is_said():
    first = part(1)
    parts = [
        first,
        part(2),
        Part("copy", first.particles, first.scale),
        part(3, n=5),
        Part("few", part(3, n=5).particles, METADATA),
    ]
    said = [w for w in pool_tables(parts, name="x", settings=QUICK).warnings if "to the last digit" in w]
    assert said == [
        "several micrographs have the same particles to the last digit (m1, copy): one picture counted twice? keep one of each"
    ]
    assert not any("to the last digit" in w for w in pool_tables(parts[:2], name="x", settings=QUICK).warnings)


def test_a_sample_without_particles_is_empty_but_valid():
    empty = measure_particles(np.zeros((9, 12), int), pixels=np.zeros((9, 12)), scale=Scale((1.0, 1.0), 0.0, "user"))
    s = pool_tables([Part("e", empty, Scale((1.0, 1.0), 0.0, "user"))], name="empty")
    assert (s.n_particles, s.distribution.n, s.budget, s.verdicts, s.fits) == (0, 0, None, (), ())
    json.dumps(s.to_dict(), allow_nan=False)
    with pytest.raises(ValueError, match="at least one micrograph"):
        pool_tables([], name="nothing")


def test_comparing_samples():
    a = pool_tables([part(s) for s in range(3)], name="a", settings=QUICK)
    b = pool_tables([part(s, median=24) for s in range(3, 6)], name="b", settings=QUICK)
    same = pool_tables([part(s) for s in range(6, 9)], name="same", settings=QUICK)
    c = compare([a, b, same])
    assert c.table["sample"].tolist() == ["a", "b", "same"]
    assert (c.table["mean"] - [s.distribution.mean.value for s in (a, b, same)]).abs().max() == 0
    assert c.table["mean_expanded"][0] == a.budget["mean"].expanded
    assert c.test.p_value < 1e-6
    assert 0.3 < c.test.epsilon_squared < 1
    assert c.test.p_value_micrographs < 0.1
    pairs = c.pairs.set_index(["sample_a", "sample_b"])
    assert pairs.loc[("a", "b"), "low"] > 0
    assert pairs.loc[("a", "same"), "low"] < 0 < pairs.loc[("a", "same"), "high"]
    assert pairs.loc[("a", "b"), "cliffs_delta"] > 0.5
    json.dumps(c.to_dict(), allow_nan=False)
    with pytest.raises(ValueError, match="two or more"):
        compare([a])
    with pytest.raises(ValueError, match="nm cannot be compared"):
        compare([a, pool_tables([part(1, scale=None)], name="px", settings=QUICK)])


def test_measurements_are_pooled_by_what_they_keep(measured):
    s = pool([measured, measured], name="twice")
    assert s.n_particles == 2 * measured.n_particles
    kept = part_of(measured)
    assert kept.edge_offset_px == pytest.approx(measured.edge_offset_px, nan_ok=True)
    pd.testing.assert_frame_equal(kept.particles, measured.particles)


@pytest.fixture
def measured(bare_scene, blind_measurer):
    from nanogauge.core.micrograph import Micrograph

    return blind_measurer.measure(Micrograph(pixels=bare_scene.pixels, name="bare"), scale=Scale((1.5, 1.5), 0.01, "user"))


def test_a_measurement_carries_its_metrology(measured):
    assert measured.outline == "probability_map"
    assert measured.budget["mean"].expanded > 0
    assert measured.budget["mean"].unit == "nm"
    assert [v.name for v in measured.verdicts] == ["eu_nanomaterial", "monodisperse"]
    assert len(measured.counted) == measured.distribution.n == (measured.weights > 0).sum()
    assert measured.exclusions["touches_border"] == measured.n_border
    plain = measured.to_dict()
    assert {"budget", "verdicts", "required_n", "exclusions", "outline", "edge_offset_px"} <= set(plain)
    json.dumps(plain, allow_nan=False)


def test_outlines_moved_to_the_edge_of_the_grey_levels(bare_scene, blind_measurer, measured):
    from nanogauge.core.micrograph import Micrograph

    moved = blind_measurer.under(Settings().replace("measure", edge="steepest")).measure(
        Micrograph(pixels=bare_scene.pixels, name="bare"), scale=Scale((1.5, 1.5), 0.01, "user"),
    )  # fmt: skip
    as_found = blind_measurer.under(Settings().replace("measure", edge="outline")).measure(
        Micrograph(pixels=bare_scene.pixels, name="bare"), scale=Scale((1.5, 1.5), 0.01, "user"),
    )  # fmt: skip
    assert moved.edge_moved_px is not None
    assert (moved.particles["equivalent_diameter_nm"] - as_found.particles["equivalent_diameter_nm"]).mean() == pytest.approx(
        2 * 1.5 * moved.edge_moved_px, abs=0.15
    )
    assert abs(moved.edge_offset_px) < abs(as_found.edge_offset_px) + 0.1
    pd.testing.assert_frame_equal(moved.particles, measured.particles)  # it is the default


def test_entered_uncertainties_reach_the_budget(measured):
    from dataclasses import replace

    settings = measured.settings.replace("measure", scale_uncertainty=0.05, edge_uncertainty_nm=2.0)
    parts = {c.name: c for c in replace(measured, settings=settings).budget["mean"].components}
    assert parts["scale"].standard_uncertainty == 0.05
    assert parts["scale"].source == "instrument's specification, as entered"
    assert parts["edge"].standard_uncertainty == 2.0


def test_warnings_of_unstable_weights_and_of_few_pixels():
    m = Settings().measure
    labels = np.zeros((100, 120), np.int32)
    labels[3:93, 3:93] = 1
    for i in range(6):
        labels[5 + 15 * i : 9 + 15 * i, 100:104] = i + 2
    table = measure_particles(labels, pixels=np.zeros(labels.shape), scale=None)
    said = warnings_of(table, distribution_of(table, "px", m), m)
    assert any("edge weights are unstable (1 at their limit of 10" in w for w in said)
    assert any("under 8 px across" in w for w in said)
    fine = part(1).particles
    assert warnings_of(fine, distribution_of(fine, "px", m), m) == ()


@pytest.mark.parametrize(("large", "said"), [(0, []), (4, ["few_decide"])])
def test_a_mean_that_few_large_particles_decide_is_said_to_be_poorly_known(large: int, said: list[str]) -> None:
    m = Settings().measure
    labels = np.zeros((900, 900), np.int32)
    y, x = np.mgrid[0:900, 0:900]
    for k in range(64):
        r = 45 if k in (9, 20, 35, 50)[:large] else 6
        labels[(y - 100 * (k // 8) - 95) ** 2 + (x - 100 * (k % 8) - 95) ** 2 < r**2] = k + 1
    table = measure_particles(labels, pixels=np.zeros(labels.shape), scale=None)
    assert [w.code for w in warnings_of(table, distribution_of(table, "px", m), m)] == said


@pytest.mark.parametrize(("nm_per_px", "atoms"), [(0.01, True), (1.0, False), (None, False)])
def test_what_is_no_larger_than_an_atom_is_no_particle(nm_per_px: float | None, atoms: bool) -> None:
    m = Settings().measure
    y, x = np.mgrid[0:100, 0:200]
    labels = np.zeros((100, 200), np.int32)
    for k in range(8):
        labels[(y - 25 - 50 * (k // 4)) ** 2 + (x - 25 - 50 * (k % 4)) ** 2 < 15**2] = k + 1
    scale = None if nm_per_px is None else Scale((nm_per_px, nm_per_px), 0.01, "metadata")
    table = measure_particles(labels, pixels=np.zeros(labels.shape), scale=scale)
    codes = [w.code for w in warnings_of(table, distribution_of(table, "px" if scale is None else "nm", m), m)]
    assert codes == (["atoms"] if atoms else [])


def test_no_interval_where_the_micrographs_are_no_one_sample() -> None:
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(5, 0.3, 60), rng.normal(2000, 90, 60)])
    d = summarise_pooled(x, np.repeat(["a", "b"], 60), unit="nm", weighting="volume")
    assert np.isnan(d.mean.low) or d.mean.high < 10 * d.mean.value
    d = summarise_pooled(x, np.repeat(["a", "b"], 60), unit="nm")
    assert np.isnan(d.mean.low)
    assert np.isnan(d.mean.high)
    assert d.mean.standard_error > 100  # what is known is kept
    alike = summarise_pooled(rng.normal(50, 5, 120), np.repeat(["a", "b"], 60), unit="nm")
    assert alike.mean.low < 50 < alike.mean.high
