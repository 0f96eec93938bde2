"""Scenes: any seed gives one, the same seed the same, within the bounds asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nanogauge.training.synthetic import Scene, random_scene
from nanogauge.training.synthetic.scene import LAYOUTS, draw_particles


@pytest.mark.parametrize("layout", LAYOUTS)
def test_same_seed_same_particles(layout: str) -> None:
    scene = Scene(shape=(120, 200), layout=layout, median_diameter_px=18)
    first, again, other = (draw_particles(scene, np.random.default_rng(s)) for s in (4, 4, 5))
    assert first == again
    assert first != other
    assert first


def test_random_scenes_are_reproducible_and_differ() -> None:
    drawn = [random_scene(np.random.default_rng(k), (90, 140)) for k in range(40)]
    assert drawn == [random_scene(np.random.default_rng(k), (90, 140)) for k in range(40)]
    assert {s.layout for s in drawn} == set(LAYOUTS) - {"chains", "rafts"}  # those are motifs'
    assert {s.mode for s in drawn} == {"sem", "tem", "stem"}
    for s in drawn:
        assert s.shape == (90, 140)
        assert 5 <= s.median_diameter_px <= 72
        assert s.geometric_sd >= 1
        assert 0 < s.aspect[0] <= s.aspect[1] <= 1
    assert random_scene(np.random.default_rng(0), (90, 140), median_diameter_px=33.0).median_diameter_px == 33.0


def test_rods_in_rafts_lie_parallel_to_their_neighbours_and_apart() -> None:
    scene = Scene(
        shape=(400, 500), layout="rafts", kinds=("rod",), aspect=(0.3, 0.35), gap=0.3, coverage=0.8, median_diameter_px=24
    )
    p = draw_particles(scene, np.random.default_rng(3))
    assert len(p) > 60
    at, angle = np.array([(q.y, q.x) for q in p]), np.array([q.angle for q in p])
    far = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) + np.diag(np.full(len(p), np.inf))
    nearest = far.argmin(axis=1)
    turned = np.abs((angle - angle[nearest] + math.pi / 2) % math.pi - math.pi / 2)
    assert np.median(turned) < 0.15
    width = 24 * math.sqrt(0.32)
    assert np.median(far.min(axis=1)) == pytest.approx(1.3 * width, rel=0.1)


@pytest.mark.parametrize("layout", ["sparse", "clusters"])
@pytest.mark.parametrize("overlap", [-0.2, 0.0, 0.2])
def test_neighbours_overlap_no_more_than_asked(layout: str, overlap: float) -> None:
    scene = Scene(shape=(200, 300), layout=layout, overlap=overlap, coverage=0.4, median_diameter_px=20)
    p = draw_particles(scene, np.random.default_rng(2))
    at, r = np.array([(q.y, q.x) for q in p]), np.array([q.diameter / 2 for q in p])
    distance = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))
    np.fill_diagonal(distance, np.inf)
    assert (distance >= (r[:, None] + r[None]) * (1 - overlap) - 1e-6).all()


def test_sizes_follow_the_lognormal_asked_for() -> None:
    scene = Scene(shape=(900, 1200), layout="pile", coverage=0.9, median_diameter_px=24, geometric_sd=1.3)
    d = np.array([p.diameter for p in draw_particles(scene, np.random.default_rng(3))])
    assert len(d) > 1000
    assert np.median(d) == pytest.approx(24, rel=0.03)
    assert math.exp(np.log(d).std()) == pytest.approx(1.3, rel=0.03)


def test_no_coverage_no_particles() -> None:
    assert draw_particles(Scene(shape=(100, 140), coverage=0.0), np.random.default_rng(0)) == []


def test_aggregates_hang_together() -> None:
    """Every primary particle touches another, in projection at most a diameter away."""
    scene = Scene(shape=(400, 600), layout="aggregate", median_diameter_px=16, geometric_sd=1.1, overlap=0.1, coverage=0.15)
    p = draw_particles(scene, np.random.default_rng(1))
    at, r = np.array([(q.y, q.x) for q in p]), np.array([q.diameter / 2 for q in p])
    distance = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) / (r[:, None] + r[None])
    np.fill_diagonal(distance, np.inf)
    assert len(p) > 50
    assert (distance.min(1) <= 1.01).mean() > 0.97
    assert [q.level for q in p] == sorted(q.level for q in p)


def test_packing_keeps_discs_apart() -> None:
    scene = Scene(shape=(300, 400), layout="packed", median_diameter_px=24, geometric_sd=1.3, coverage=0.7)
    p = draw_particles(scene, np.random.default_rng(1))
    at, r = np.array([(q.y, q.x) for q in p]), np.array([q.diameter / 2 for q in p])
    gap = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) - (r[:, None] + r[None])
    np.fill_diagonal(gap, np.inf)
    assert np.quantile(gap.min(1), 0.1) > -0.15 * 12


def test_rods_side_by_side_are_parallel() -> None:
    scene = Scene(
        shape=(300, 400),
        kinds=("rod",),
        aspect=(0.25, 0.3),
        median_diameter_px=24,
        side_by_side=1.0,
        coverage=0.2,
        geometric_sd=1.02,
    )
    turns = []
    for seed in range(6):
        p = draw_particles(scene, np.random.default_rng(seed))
        at = np.array([(q.y, q.x) for q in p])
        near = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) + 1e9 * np.eye(len(p))
        turns += [abs(math.sin(q.angle - p[int(near[i].argmin())].angle)) for i, q in enumerate(p)]
    assert np.mean(np.array(turns) < 0.3) > 0.6


def test_no_more_particles_than_allowed() -> None:
    scene = Scene(shape=(300, 500), layout="pile", coverage=2.0, median_diameter_px=6, max_particles=50)
    assert len(draw_particles(scene, np.random.default_rng(0))) <= 50


def test_only_the_kinds_and_aspects_asked_for() -> None:
    scene = Scene(shape=(300, 400), layout="pile", kinds=("rod", "cube"), aspect=(0.3, 0.5), median_diameter_px=20, coverage=0.5)
    particles = draw_particles(scene, np.random.default_rng(0))
    assert {p.kind for p in particles} == {"rod", "cube"}
    assert all(0.3 <= p.aspect <= 0.5 for p in particles)
