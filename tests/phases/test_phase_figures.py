"""Figures of phases against textures and shapes whose figures are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nanogauge.core.errors import InputError
from nanogauge.core.scale import Scale
from nanogauge.phases import UNJUDGED, PhaseMap, phase_figures, phase_map
from nanogauge.phases.chords import chords_of, distribution_of
from nanogauge.phases.correlation import correlation_of
from nanogauge.phases.export import interfaces_frame, phases_dict, phases_frame
from nanogauge.phases.intervals import share_interval, variance_of_ratio
from nanogauge.phases.tally import tally
from nanogauge.phases.thickness import local_thickness
from phase_tools import as_map, discs, gaussian_field, level_sets


@pytest.fixture(scope="module")
def three():
    """Three phases in layers of level, mean chords of 20 to 40 px."""
    return level_sets(np.random.default_rng(4), (700, 900), 9.0, (0.2, 0.3, 0.5))


@pytest.fixture(scope="module")
def figures(three):
    return phase_figures([as_map(three.phases)])


def test_shares_are_those_of_the_model_within_their_intervals(three, figures) -> None:
    for phase, true in zip(figures.phases, three.share, strict=True):
        e = phase.share.whole
        assert e.low < true < e.high
        assert 0.01 < e.high - e.low < 0.1


def test_mean_chords_are_those_of_the_model(three, figures) -> None:
    for phase, true in zip(figures.phases, three.chord, strict=True):
        assert phase.chord.low < true < phase.chord.high
        assert phase.chord.value == pytest.approx(true, rel=0.08)


def test_interfaces_are_those_of_the_model_and_layers_that_do_not_touch_have_none(three, figures) -> None:
    for pair, (a, b) in {("a", "b"): (0, 1), ("b", "c"): (1, 2)}.items():
        e = figures.interfaces[pair]
        assert e.low < three.interface[a, b] < e.high
    assert figures.interfaces["a", "c"].value < 0.01 * three.interface[0, 1]


def test_discs_have_the_outline_and_chords_of_the_boolean_model() -> None:
    found = [discs(np.random.default_rng(seed), (500, 500), 12.0, 0.7) for seed in range(4)]
    f = phase_figures([as_map(t.phases, name=f"{k}") for k, t in enumerate(found)])
    assert f.interfaces["a", "b"].value == pytest.approx(found[0].interface[0, 1], rel=0.05)
    assert f.phases[0].chord.value == pytest.approx(found[0].chord[0], rel=0.05)
    assert f.phases[0].share.whole.low < 0.7 < f.phases[0].share.whole.high


def test_cusps_do_not_hide_interface() -> None:
    """Overlapping discs, half of the picture covered: gaps narrower than a pixel. Followed in steps of pixels it is 4 % short."""
    found = [discs(np.random.default_rng(seed), (600, 600), 8.0, 0.5) for seed in range(3)]
    tallies = [tally(as_map(t.phases)) for t in found]
    length = sum(t.interface[:, 0, 1].sum() for t in tallies) / sum(t.area.sum() for t in tallies)
    assert length == pytest.approx(found[0].interface[0, 1], rel=0.015)
    assert all(t.interface_doubt[0, 1] > 0.01 for t in tallies)


@pytest.mark.parametrize("thick", [4, 5, 7])
def test_thin_layers_are_not_taken_for_cusps(thick: int) -> None:
    y, x = np.mgrid[:280, :280] + 0.5
    lengths = []
    for angle in np.radians([8, 26, 38, 52, 64, 82]):
        layers = np.floor((x * math.cos(angle) + y * math.sin(angle)) / thick).astype(np.int64)
        three = np.array([0, 1, 2, 1], np.uint8)[layers % 4]  # the middle one of three parts the others
        lengths.append(tally(as_map(three)).interface.sum() / 2 / three.size * thick)
    assert np.mean(lengths) == pytest.approx(1, rel=0.015)
    assert np.abs(np.array(lengths) - 1).max() < 0.03


def test_frame_does_not_shorten_chords() -> None:
    """Chords as long as a quarter of the frame: a mean over what is seen would be much too short."""
    rng = np.random.default_rng(1)
    lengths = rng.exponential(25.0, (400, 60)).round().astype(int) + 1
    rows = np.stack([np.repeat(np.arange(60) % 2, row)[200:300] for row in lengths])
    m = as_map(rows.astype(np.uint8))
    d = distribution_of([chords_of(m)[0][0]])
    t = tally(m)
    ratio = 2 * t.chord_length[:, 0].sum(axis=0) / t.chord_ends[:, 0].sum(axis=0)
    assert ratio == pytest.approx([26.0, 26.0], rel=0.05)
    assert d.quantile(0.5) == pytest.approx(25 * math.log(2) + 1, rel=0.12)
    seen = [len(list(run)) for row in rows for run in np.split(row, np.flatnonzero(np.diff(row)) + 1)]
    assert np.mean(seen) < 22  # what a plain mean would have said


def test_quantiles_that_the_frame_hides_are_not_known() -> None:
    rows = np.zeros((50, 40), np.uint8)
    rows[:, 35:] = 1
    d = distribution_of([chords_of(as_map(rows))[0][0]])
    assert d.n == 0
    assert math.isnan(d.quantile(0.5))


@pytest.mark.parametrize("angle", [0, 17, 45, 70])
def test_interface_of_straight_lamellae_in_any_direction(angle: float) -> None:
    y, x = np.mgrid[:500, :500]
    a = math.radians(angle)
    phases = ((x * math.cos(a) + y * math.sin(a) + 5) % 25 < 10).astype(np.uint8)
    f = phase_figures([as_map(phases)])
    assert f.interfaces["a", "b"].value == pytest.approx(2 / 25, rel=0.02)


@pytest.mark.parametrize("diameter", [9.0, 24.5, 60.0])
def test_thickness_of_discs_is_their_diameter(diameter: float) -> None:
    y, x = np.mgrid[:400, :500] + 0.5
    step = diameter * 1.6
    inside = np.hypot((y - 11.3) % step - step / 2, (x - 7.7) % step - step / 2) < diameter / 2
    t = local_thickness(inside, np.ones_like(inside), np.zeros(inside.shape, np.int64))
    mean = t.sums[0, 0] / t.sums[0, 1]
    assert mean == pytest.approx(diameter, abs=1.0 + 0.03 * diameter)


def test_frame_does_not_make_thickness_smaller() -> None:
    """The same lamellae in a large and a small frame."""
    x = np.arange(600)
    wide = np.broadcast_to((x % 60 < 40), (600, 600))
    means = []
    for part in (wide, wide[:150, 7:157]):
        t = local_thickness(np.ascontiguousarray(part), np.ones(part.shape, bool), np.zeros(part.shape, np.int64))
        means.append(t.sums[0, 0] / t.sums[0, 1])
    assert means[0] == pytest.approx(40, rel=0.06)
    assert means[1] == pytest.approx(means[0], rel=0.05)


def test_pieces_at_the_frame_are_not_counted_and_larger_ones_weigh_more() -> None:
    phases = np.zeros((100, 100), np.uint8)
    phases[:10, 20:40] = 1
    phases[40:50, 40:50] = 1
    phases[60:90, 60:90] = 1
    phases[30, 5] = 1  # a speck
    table = phase_figures([as_map(phases)]).pieces_table(1).sort_values("area_px2")
    assert table["cut_by_frame"].tolist() == [False, False, True, False]
    assert table["weight"].tolist() == pytest.approx([0.0, 100**2 / 90**2, 0.0, 100**2 / 70**2])


def test_lengths_are_in_nm_and_pixels_need_not_be_square(three) -> None:
    phases = three.phases[::2]
    flat = phase_figures([as_map(phases, scale=Scale((4.0, 2.0), 0.0, "user"))])
    for phase, true in zip(flat.phases, three.chord, strict=True):
        assert phase.unit == "nm"
        assert phase.chord_x.value == pytest.approx(2 * true, rel=0.1)
        assert phase.chord_y.value == pytest.approx(2 * true, rel=0.1)
    assert flat.interfaces["b", "c"].value == pytest.approx(three.interface[1, 2] / 2, rel=0.06)


def test_uncertainty_of_the_scale_is_in_lengths_but_not_in_fractions(three) -> None:
    plain, rough = (phase_figures([as_map(three.phases, scale=Scale((2.0, 2.0), u, "user"))]) for u in (0.0, 0.05))
    assert rough.phases[1].chord.high / rough.phases[1].chord.value > 1.1
    assert plain.phases[1].chord.high / plain.phases[1].chord.value < 1.1
    assert plain.phases[1].share == rough.phases[1].share


def test_text_is_no_phase() -> None:
    p = np.zeros((60, 80, 2), np.float32)
    p[..., 0] = 0.9
    p[..., 1] = 0.1
    p[10:20, 10:40] = (0.1, 0.9)
    m = phase_map(p, ("rock", "pore"), leave_out=((5, 5, 25, 45),))
    assert int((m.phases == UNJUDGED).sum()) == 20 * 40
    f = phase_figures([m])
    assert f.phases[1].share.as_said == 0
    assert f.phases[1].share.whole.high > 0.05  # nothing was seen of it, which does not mean that there is none
    t = tally(m)
    assert t.chord_ends.sum() == 0  # the text bounds nothing
    assert t.area.sum() == 60 * 80 - 20 * 40


def test_unsure_pixels_are_said_and_much_of_them_warned_of() -> None:
    p = np.full((64, 64, 2), 0.5, np.float32)
    p[:, :20] = (0.95, 0.05)
    m = phase_map(p, ("a", "b"))
    assert m.unsure == pytest.approx(44 / 64)
    f = phase_figures([m])
    assert f.unlike
    assert any("unlike what the network learned" in w for w in f.warnings)


def test_correlation_has_the_integral_range_of_the_field() -> None:
    """The half of a field of covariance ρ: C / C(0) = (2/π) arcsin ρ, integrated term by term."""
    s = 6.0
    terms = [(math.comb(2 * n, n) / 4**n / (2 * n + 1)) / (2 * n + 1) for n in range(60)]
    true = 2 * math.pi * s * s * (2 / math.pi) * sum(terms)
    found = []
    for seed in range(6):
        field = gaussian_field(np.random.default_rng(seed), (500, 500), s)
        c = correlation_of(field > 0, np.ones(field.shape, bool))
        assert c is not None
        found.append(c.integral_range)
    assert np.mean(found) == pytest.approx(true, rel=0.12)


def test_an_interval_of_a_share_holds_where_the_share_is_known() -> None:
    """Of 60 small pictures each; the long way round is in benchmarks/phases.py."""
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(60):
        t = tally(as_map(level_sets(rng, (160, 160), 5.0, (0.3, 0.7)).phases))
        found = variance_of_ratio([(t.share[:, 0], t.area)], [float(t.inflation[0])])
        e = share_interval(*found, t.independent)
        hits += e.low <= 0.3 <= e.high
    assert hits >= 52


def test_micrographs_that_differ_make_the_interval_wide() -> None:
    rng = np.random.default_rng(2)
    alike, apart = (
        phase_figures([as_map(level_sets(rng, (200, 200), 5.0, (p, 1 - p)).phases, name=f"{k}") for k, p in enumerate(shares)])
        for shares in ((0.3, 0.3, 0.3, 0.3), (0.1, 0.2, 0.4, 0.5))
    )
    width = [f.phases[0].share.whole.high - f.phases[0].share.whole.low for f in (alike, apart)]
    assert width[1] > 4 * width[0]
    assert apart.phases[0].share.whole.low < 0.3 < apart.phases[0].share.whole.high


def test_a_phase_everywhere_has_an_interval_that_says_how_little_that_tells() -> None:
    whole = PhaseMap(name="all", phases=np.zeros((50, 50), np.uint8), names=("a", "b"))
    one, ten = phase_figures([whole]), phase_figures([whole] * 10)
    assert one.phases[0].share.whole.low == pytest.approx(0.025)
    assert ten.phases[0].share.whole.low == pytest.approx(0.025**0.1)
    assert any("everywhere" in w for w in one.warnings)


def test_only_some_with_a_scale_are_refused() -> None:
    phases = np.arange(400, dtype=np.uint8).reshape(20, 20) % 2
    with pytest.raises(InputError, match=r"b\.tif: no scale, while others"):
        phase_figures(
            [
                PhaseMap(name="a.tif", phases=phases, names=("x", "y"), scale=Scale((1.0, 1.0), 0.0, "user")),
                PhaseMap(name="b.tif", phases=phases, names=("x", "y")),
            ]
        )


def test_tables_and_json_hold_the_figures(figures) -> None:
    table = phases_frame(figures, "m.tif")
    assert table["phase"].tolist() == ["a", "b", "c"]
    assert table["area_fraction"].sum() == pytest.approx(1.0)
    assert len(interfaces_frame(figures, "m.tif")) == 3
    d = phases_dict(figures)
    assert d["phases"]["b"]["mean_chord_px"] == pytest.approx(figures.phases[1].chord.value)
    assert d["check"] is None


def test_layers_are_alike_far_along_themselves() -> None:
    """What counts as one observation is as long as the layers; blocks are as oblong, and the interval holds."""
    rng = np.random.default_rng(12)
    maps = [level_sets(rng, (240, 240), 3.0, (0.4, 0.6), stretch=12.0).phases for _ in range(25)]
    c = correlation_of(maps[0] == 0, np.ones(maps[0].shape, bool))
    assert c is not None
    assert c.extent[1] > 3 * c.extent[0]
    hits = 0
    for phases in maps:
        e = phase_figures([as_map(phases)])._share(0).whole
        hits += e.low <= 0.4 <= e.high
    assert hits >= 21


def test_blocks_that_happen_to_be_alike_do_not_make_an_interval_of_nothing() -> None:
    phases = np.full((40, 40), UNJUDGED, np.uint8)
    phases[:10] = 0
    phases[10:14] = 1
    e = phase_figures([PhaseMap(name="m", phases=phases, names=("a", "b"))]).phases[1].share.whole
    assert e.high - e.low > 0.2


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 3), (3, 50)])
def test_pictures_of_a_few_pixels_have_figures_too(shape) -> None:
    rng = np.random.default_rng(0)
    phases = (rng.random(shape) > 0.5).astype(np.uint8)
    f = phase_figures([PhaseMap(name="m", phases=phases, names=("a", "b"))])
    e = f.phases[0].share.whole
    assert 0 <= e.low <= e.value <= e.high <= 1
    assert phases_dict(f)["unit"] == "px"


def test_a_picture_without_a_judged_pixel_is_refused() -> None:
    with pytest.raises(InputError, match=r"m\.tif: no pixel of it has a phase"):
        phase_figures([PhaseMap(name="m.tif", phases=np.full((9, 9), UNJUDGED, np.uint8), names=("a", "b"))])
