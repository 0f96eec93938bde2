"""Motifs: empty truth where nothing is a particle, both sizes where there are two, and nothing labelled that cannot be seen."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from nanogauge.training.synthetic import Scene, render_crop
from nanogauge.training.synthetic.imaging import Look, _is_held, paint
from nanogauge.training.synthetic.layers import without
from nanogauge.training.synthetic.looks import Mode
from nanogauge.training.synthetic.mats import Mat, lay_fibres
from nanogauge.training.synthetic.motifs import EMPTY, MOTIFS, SHARES, Motif, draw_motif, staged
from nanogauge.training.synthetic.overlays import padded
from nanogauge.training.synthetic.scene import draw_particles
from nanogauge.training.synthetic.shapes import Particle
from nanogauge.training.synthetic.supports import Support, lay_support
from nanogauge.training.synthetic.visibility import hosts, unseen

SHAPE = (120, 168)
CALM = Look(noise=0.003, body_spread=0.0, ground_texture=0.0, gradient=0.0, shadow=0.0, texture=0.0)


def crops(motif: Motif, n: int, **kwargs: float) -> list[tuple[np.ndarray, np.ndarray]]:
    return [render_crop(np.random.default_rng(s), SHAPE, motif=motif, **kwargs) for s in range(n)]  # type: ignore[arg-type]


@pytest.mark.parametrize("motif", EMPTY)
def test_where_nothing_is_a_particle_the_truth_is_empty(motif: Motif) -> None:
    for pixels, labels in crops(motif, 12):
        assert pixels.shape == labels.shape == SHAPE
        assert not labels.any()
        assert pixels.std() > 3


@pytest.mark.parametrize("motif", [m for m in MOTIFS if m not in EMPTY])
@pytest.mark.parametrize("d", [6.0, 30.0, 180.0])
def test_the_others_show_particles(motif: Motif, d: float) -> None:
    numbers = []
    for pixels, labels in crops(motif, 10, median_diameter_px=d, bare=0.0):
        assert pixels.dtype == np.uint8
        assert labels.dtype == np.int32
        assert labels.min() >= 0
        numbers.append(len(np.unique(labels[labels > 0])))
    assert np.count_nonzero(numbers) >= 6


@pytest.mark.parametrize("motif", MOTIFS)
def test_motifs_are_seeded(motif: Motif) -> None:
    first, again, other = (render_crop(np.random.default_rng(s), (90, 70), motif=motif) for s in (5, 5, 6))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_motifs_come_in_their_shares() -> None:
    assert set(SHARES) == set(MOTIFS)
    assert 0.3 < sum(SHARES.values()) < 0.75
    assert sum(SHARES[m] for m in EMPTY) == pytest.approx(0.25 * sum(SHARES.values()), rel=0.15)
    rng = np.random.default_rng(0)
    drawn = [draw_motif(rng) for _ in range(4000)]
    assert drawn.count(None) / 4000 == pytest.approx(1 - sum(SHARES.values()), abs=0.03)
    for motif in MOTIFS:
        assert drawn.count(motif) / 4000 == pytest.approx(SHARES[motif], abs=0.012)
    drawn = [draw_motif(rng, {"giant": 0.2, "soot": 0.0}) for _ in range(4000)]
    assert drawn.count("giant") / 4000 == pytest.approx(0.2, abs=0.025)
    assert drawn.count("soot") == 0
    assert drawn.count("mat") / 4000 == pytest.approx(SHARES["mat"], abs=0.012)


def test_usual_crops_only_where_asked_for() -> None:
    """Without motifs no crop shows a mat's fibres or fringes: every usual scene has the particles of `random_scene`."""
    shown = [render_crop(np.random.default_rng(s), SHAPE, unusual=False, bare=0.0)[1].any() for s in range(25)]
    assert np.mean(shown) > 0.9


def test_two_sizes_are_both_in_the_truth_and_the_small_ones_more() -> None:
    both = 0
    for seed in range(12):
        scene, _ = staged("two sizes", np.random.default_rng(seed), (240, 300), median_diameter_px=40.0)
        d = np.array([p.diameter for p in draw_particles(scene, np.random.default_rng(seed))])
        small = scene.beside[-1].median_diameter_px
        assert 1.9 < scene.median_diameter_px / small < 12.1
        both += np.count_nonzero(d < 1.4 * small) > np.count_nonzero(d > 0.6 * scene.median_diameter_px) > 0
    assert both >= 9


def test_a_giant_is_one_particle() -> None:
    numbers = [len(np.unique(labels)) - 1 for _, labels in crops("giant", 20, bare=0.0, marked=0.0)]
    assert np.mean(np.array(numbers) == 1) > 0.75
    share = np.mean([(labels > 0).mean() for _, labels in crops("giant", 20, bare=0.0)])
    assert share > 0.1


def test_fibres_cross_the_frame_and_are_as_wide_as_asked_for() -> None:
    for seed in range(20):
        mat = Mat(n=1, width_px=12.0, width_spread=0.0, bend=0.0)
        stack, thickness = lay_fibres((140, 200), mat, np.random.default_rng(seed))
        cover = stack[0]
        if cover.sum() < 500:  # it only cuts a corner
            continue
        y, x = np.nonzero(cover > 0.5)
        sides = [(y == 0).any(), (y == 139).any(), (x == 0).any(), (x == 199).any()]
        assert sum(sides) >= 2
        across = np.linalg.eigvalsh(np.cov(np.stack([y, x])))[0]
        assert math.sqrt(12 * across) == pytest.approx(12, abs=1.2)
        assert thickness.max() == pytest.approx(12, abs=0.5)
        slope = np.hypot(stack[2], stack[3])
        assert slope[cover > 0.9].max() > 1


def test_a_tube_is_lighter_in_the_middle() -> None:
    for seed in range(6):
        tube, rod = (
            lay_fibres((90, 120), Mat(n=1, width_px=20.0, width_spread=0.0, bend=0.0, bore=b), np.random.default_rng(seed))[1]
            for b in (0.6, 0.0)
        )
        assert tube.sum() < rod.sum() or rod.sum() == 0
        assert (tube <= rod + 1e-4).all()


def test_a_particle_needs_film_or_fibre_below_it() -> None:
    support = np.ones((60, 80), np.float32)
    support[:, 40:] = 0
    assert _is_held(Particle("sphere", 30, 20, 12), support)
    assert not _is_held(Particle("sphere", 30, 60, 12), support)
    assert _is_held(Particle("sphere", -40, 60, 12), support)  # its middle is outside the frame


def test_particles_on_fibres_lie_on_fibres() -> None:
    mat = Mat(n=4, width_px=16.0, tone=-0.1, depth_shade=0.0)
    scene = Scene(shape=SHAPE, layout="pile", coverage=1.0, median_diameter_px=8, mat=mat)
    particles = draw_particles(scene, np.random.default_rng(1))
    picture, labels = paint(scene, particles, replace(CALM, background=0.0), np.random.default_rng(2))
    bare, none = paint(scene, [], replace(CALM, background=0.0), np.random.default_rng(2))
    assert labels.any()
    assert not none.any()
    kept = np.unique(labels[labels > 0])
    assert len(kept) < len(particles)
    for i in kept:
        p = particles[i - 1]
        if 5 < p.y < SHAPE[0] - 6 and 5 < p.x < SHAPE[1] - 6:
            assert bare[round(p.y), round(p.x)] > 0.02
    assert (picture != bare).any()


def test_small_ones_on_a_large_one_count_only_where_seen() -> None:
    labels = np.zeros((80, 80), np.int32)
    yy, xx = np.mgrid[0:80, 0:80]
    labels[np.hypot(yy - 40, xx - 40) < 30] = 1
    labels[np.hypot(yy - 40, xx - 30) < 5] = 2  # as bright as the large one
    labels[np.hypot(yy - 40, xx - 50) < 5] = 3
    picture = np.where(labels > 0, 0.7, 0.2).astype(np.float32)
    picture[labels == 3] = 0.9
    host = hosts(labels, 3)
    assert host.tolist() == [0, 0, 1, 1]
    flags = unseen(picture, labels, 3, Look(noise=0.02, blur_px=0.5), host)
    assert flags.tolist() == [False, False, True, False]
    kept = without(labels, flags, host)
    assert kept[40, 30] == 1
    assert kept[40, 50] == 3


def test_neighbours_carry_nobody() -> None:
    labels = np.zeros((60, 90), np.int32)
    labels[10:50, 10:50] = 1
    labels[10:50, 50:80] = 2
    assert not hosts(labels, 2).any()


def test_padding_is_of_one_tone_and_bears_no_label() -> None:
    for seed in range(15):
        pixels = np.random.default_rng(seed).integers(1, 254, (70, 110)).astype(np.uint8)
        labels = np.ones((70, 110), np.int32)
        out, kept = padded(pixels, labels, np.random.default_rng(seed))
        hidden = kept == 0
        assert hidden.any()
        assert len(np.unique(out[hidden])) == 1
        assert np.array_equal(out[~hidden], pixels[~hidden])
        assert (hidden.all(0) | hidden.all(1)[:, None])[hidden].all()  # whole rows and columns
        assert labels.all()


def test_chains_of_soot_hang_together() -> None:
    scene = Scene(
        shape=(300, 400), layout="chains", mode="tem", median_diameter_px=16, geometric_sd=1.1, overlap=0.1, coverage=0.15
    )
    p = draw_particles(scene, np.random.default_rng(1))
    at = np.array([(q.y, q.x) for q in p])
    r = np.array([q.diameter / 2 for q in p])
    distance = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) / (r[:, None] + r[None])
    np.fill_diagonal(distance, np.inf)
    assert len(p) > 30
    assert (distance.min(1) <= 1.01).mean() > 0.97


@pytest.mark.parametrize("mode", ["tem", "stem", "sem"])
def test_what_bears_a_catalyst_is_no_particle(mode: Mode) -> None:
    support = Support(n=24, grain_px=60, mass=0.02, tone=-0.1)
    scene = Scene(shape=SHAPE, mode=mode, median_diameter_px=10, coverage=0.3, geometric_sd=1.05, mat=support)
    rng = np.random.default_rng(3)
    stack, thickness = lay_support(SHAPE, support, np.random.default_rng(4))
    assert stack.shape == (6, *SHAPE)
    assert stack[0].max() == 1
    assert thickness[stack[0] == 0].max() == 0
    _, labels = paint(scene, draw_particles(scene, rng), CALM, rng)
    bare, none = paint(scene, [], CALM, np.random.default_rng(3))
    assert bare.std() > 0.003
    assert not none.any()
    area = np.bincount(labels.ravel())[1:]
    assert area[area > 0].size >= 3
    assert np.median(area[area > 0]) < 1.5 * np.pi * 5**2  # the small ones, not the grains
