"""Every shape, structure, look and size renders; labels say what lies on top; what nobody can see is no truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanogauge.training.synthetic import Scene, random_scene, render, render_crop
from nanogauge.training.synthetic.imaging import Look, expose, paint, random_look
from nanogauge.training.synthetic.layers import compose, visible_shares, without
from nanogauge.training.synthetic.scene import draw_particles
from nanogauge.training.synthetic.shapes import SHAPES, STRUCTURES, Particle, ShapeKind, Structure
from nanogauge.training.synthetic.structure import weave
from nanogauge.training.synthetic.visibility import unseen

SHAPE = (90, 130)
CALM = Look(noise=0.005, body_spread=0.0, ground_texture=0.0, gradient=0.0, shadow=0.0)


def ball(y: float, x: float, d: float, *, structure: Structure = "solid") -> Particle:
    return Particle("sphere", y, x, d, structure=structure)


def painted(
    particles: list[Particle], look: Look = CALM, *, mode: str = "sem", min_visible: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    scene = Scene(shape=SHAPE, mode=mode, median_diameter_px=30)  # type: ignore[arg-type]
    return paint(scene, particles, look, np.random.default_rng(0), min_visible=min_visible)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("d", [3.0, 11.0, 40.0, 400.0])
@pytest.mark.parametrize("mode", ["sem", "tem", "stem"])
def test_every_shape_at_every_size(kind: ShapeKind, d: float, mode: str) -> None:
    structure = STRUCTURES[SHAPES.index(kind) % len(STRUCTURES)]
    scene = Scene(shape=SHAPE, mode=mode, kinds=(kind,), median_diameter_px=d, structure=structure, coverage=0.3, bend=0.2)  # type: ignore[arg-type]
    r = render(scene, seed=1)
    assert r.pixels.shape == r.labels.shape == SHAPE
    assert len(r.particles) == r.labels.max()


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("mode", ["sem", "tem", "stem"])
@pytest.mark.parametrize("kind", ["sphere", "rod"])
def test_structure_changes_the_inside_but_not_the_labels(structure: Structure, mode: str, kind: ShapeKind) -> None:
    look = replace(CALM, contrast=0.4, background=0.8 if mode == "tem" else 0.2, structure_depth=0.8)
    plain, labels = painted([Particle(kind, 45, 60, 50, 0.7)], look, mode=mode)
    picture, same = painted([Particle(kind, 45, 60, 50, 0.7, structure=structure)], look, mode=mode)
    assert np.array_equal(labels, same)
    assert np.isfinite(picture).all()
    seen_by_electrons_that_pass = structure in ("hollow", "core_shell", "vesicle", "banded", "lattice")
    if structure != "solid" and not (mode == "sem" and seen_by_electrons_that_pass):
        assert np.abs(picture - plain)[labels > 0].max() > 0.01


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), d=st.floats(3, 250), tall=st.integers(24, 140), wide=st.integers(24, 140))
def test_any_crop_renders(seed: int, d: float, tall: int, wide: int) -> None:
    grey, labels = render_crop(np.random.default_rng(seed), (tall, wide), median_diameter_px=d, marked=0.5)
    assert grey.shape == labels.shape == (tall, wide)
    assert grey.dtype == np.uint8
    assert labels.dtype == np.int32
    assert labels.min() >= 0


def test_crops_are_seeded() -> None:
    first, again, other = (render_crop(np.random.default_rng(s), (80, 100)) for s in (7, 7, 8))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_bare_crops_have_no_particles() -> None:
    for seed in range(5):
        grey, labels = render_crop(np.random.default_rng(seed), (80, 100), bare=1.0, marked=0.0)
        assert not labels.any()
        assert grey.std() > 0


def test_marks_are_drawn_in_the_share_asked_for() -> None:
    def drawn(seed: int, marked: float) -> np.ndarray:
        return render_crop(np.random.default_rng(seed), (120, 160), marked=marked)[0]

    changed = [(drawn(k, 0.0) != drawn(k, 1.0)).any() for k in range(6)]
    assert sum(changed) >= 4  # a mark may fall on its own tone, or find no room


@pytest.mark.parametrize("mode", ["sem", "tem", "stem"])
def test_random_looks_differ_and_fit_their_mode(mode: str) -> None:
    looks = [random_look(np.random.default_rng(s), mode, 40.0) for s in range(60)]
    assert looks == [random_look(np.random.default_rng(s), mode, 40.0) for s in range(60)]
    assert len(set(looks)) == 60
    assert len({look.ground for look in looks}) >= 5
    if mode != "sem":
        assert all(look.edge == look.light == look.shadow == 0 for look in looks)
    assert np.median([look.background for look in looks]) > 0.5 if mode == "tem" else True


def test_the_later_particle_lies_on_top() -> None:
    _, labels = painted([ball(40, 50, 30), ball(40, 65, 30)])
    assert labels[40, 58] == 2
    assert labels[40, 40] == 1
    assert set(np.unique(labels)) == {0, 1, 2}


def test_a_hidden_particle_has_no_label() -> None:
    _, labels = painted([ball(40, 50, 30), ball(40, 52, 34)], min_visible=0.15)
    assert set(np.unique(labels)) == {0, 2}


def test_thicknesses_add_up_in_transmission() -> None:
    look = replace(CALM, background=0.8, contrast=0.5)
    picture, labels = painted([ball(40, 50, 40), ball(40, 70, 40)], look, mode="tem")
    assert picture[40, 60] < picture[40, 45] < picture[10, 10]
    assert labels[40, 60] == 2
    depth = -np.log(picture[40, 50] / 0.8)
    assert depth == pytest.approx(0.5 * 1.1, rel=0.05)  # one typical thickness, and a tenth for any


def test_hollow_spheres_are_bright_inside_in_transmission() -> None:
    look = replace(CALM, background=0.8, contrast=1.0)
    picture, _ = painted([replace(ball(45, 60, 50, structure="hollow"), fill=0.7)], look, mode="tem")
    assert picture[45, 60] > picture[45, 60 + 18] + 0.05


def test_secondary_electrons_brighten_the_rim() -> None:
    picture, _ = painted([ball(45, 60, 50)], replace(CALM, edge=0.5, light=0.0, texture=0.0))
    assert picture[45, 60 + 23] > picture[45, 60] + 0.05


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_a_halo_may_lie_to_one_side_of_a_particle_and_is_never_part_of_it(shift: float) -> None:
    scene = replace(random_scene(np.random.default_rng(0), (120, 120), median_diameter_px=50), mode="sem", mat=None)
    look = replace(CALM, halo=0.3, halo_px=12.0, halo_shift=shift, shadow=0.0, light=0.0)
    picture, labels = paint(scene, [ball(60, 60, 50)], look, np.random.default_rng(1))
    assert (labels > 0).sum() == pytest.approx(np.pi * 25**2, rel=0.02)
    y, x = np.mgrid[-60:60, -60:60]
    ring = (np.hypot(y, x) > 27) & (np.hypot(y, x) < 33)
    weight = picture - picture[:10, :10].mean()
    aside = np.hypot((y[ring] * weight[ring]).sum(), (x[ring] * weight[ring]).sum()) / weight[ring].sum()
    assert (aside > 5) == (shift > 0)


@pytest.mark.parametrize("contrast", [-0.1, 0.1])
def test_stains_fade_out_and_bear_no_label(contrast: float) -> None:
    look = replace(CALM, stains=4, stain_px=50.0, stain_contrast=contrast)
    scene = random_scene(np.random.default_rng(0), (200, 200), median_diameter_px=50)
    scene = replace(scene, mode="sem", mat=None)
    clean, labels = paint(scene, [ball(100, 100, 50)], CALM, np.random.default_rng(1))
    stained, same = paint(scene, [ball(100, 100, 50)], look, np.random.default_rng(1))
    assert (same == labels).all()
    change = (stained - clean)[labels == 0]
    assert np.sign(contrast) * change[np.abs(change).argmax()] > 0.02
    steepest = np.hypot(*np.gradient(stained - clean))
    y, x = np.mgrid[-100:100, -100:100]
    assert steepest[np.hypot(y, x) > 28].max() < 0.05


def test_crevices_and_the_ground_beside_a_particle_are_darker() -> None:
    picture, _ = painted([ball(45, 60, 50)], replace(CALM, shadow=0.6, shadow_px=6.0))
    assert picture[45, 60 + 28] < picture[45, 125] - 0.02


def test_invisible_particles_are_left_out() -> None:
    faint = replace(CALM, contrast=0.0, edge=0.0, light=0.0, texture=0.0, noise=0.05)
    assert not painted([ball(45, 60, 40)], faint)[1].any()
    assert painted([ball(45, 60, 40)], replace(faint, contrast=0.3))[1].any()


def test_unseen_follows_rose() -> None:
    """A contrast of 5 noise / sqrt(pixels) is where detection begins."""
    labels = np.zeros((100, 100), np.int32)
    labels[20:30, 20:30] = 1
    labels[50:90, 50:90] = 2
    picture = np.full((100, 100), 0.5, np.float32)
    picture[0, 0:8] = 0.9  # the range of grey levels does not hang on the particles
    picture[labels > 0] += 0.05
    for noise, flags in ((0.02, [False, False]), (0.2, [True, False]), (2.0, [True, True])):
        assert unseen(picture, labels, 2, Look(noise=noise, noise_px=0.0, blur_px=0.3))[1:].tolist() == flags
    assert not unseen(picture, np.zeros_like(labels), 3, Look()).any()


def test_what_is_labelled_stands_out() -> None:
    """Of everything labelled in random crops, nearly all differs from the background beside it by more than the noise allows."""
    contrasts = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        scene = random_scene(rng, (160, 160), median_diameter_px=40)
        look = random_look(rng, scene.mode, 40)
        picture, labels = paint(scene, draw_particles(scene, rng), look, rng)
        n = int(labels.max())
        flags = unseen(picture, labels, n, look)
        contrasts.append(not flags[np.unique(labels)].any())
    assert np.mean(contrasts) > 0.9  # taking labels away moves the background of their neighbours a little


def test_necks_join_touching_spheres_without_mixing_labels() -> None:
    fabric = weave("solid", SHAPE, 4.0, 0.0, np.random.default_rng(0))
    pair = [ball(45, 50, 30), ball(45, 80, 30)]
    bare, necked = (compose(SHAPE, pair, fabric, np.random.default_rng(0), neck=n).labels for n in (0.0, 0.8))
    assert not bare[50, 65]
    assert necked[50, 64] == 1
    assert necked[50, 66] == 2
    assert (necked > 0)[bare > 0].all()


def test_visible_shares_and_removal() -> None:
    fabric = weave("solid", SHAPE, 4.0, 0.0, np.random.default_rng(0))
    layers = compose(SHAPE, [ball(45, 50, 30), ball(45, 65, 30), ball(400, 400, 10)], fabric, np.random.default_rng(0))
    shares = visible_shares(layers)
    assert shares[2] == 1
    assert 0.4 < shares[1] < 0.9
    assert shares[3] == 0
    kept = without(layers.labels, np.array([False, True, False, True]))
    assert set(np.unique(kept)) == {0, 2}


@pytest.mark.parametrize(
    "change",
    [
        {"drift_px": 0.5},
        {"astigmatism": 0.5},
        {"charging": 0.2},
        {"noise_px": 1.0},
        {"line_noise": 0.05},
        {"reproduction": 0.5},
        {"reproduction": 1.7},
        {"sharpen": 1.0},
        {"halftone_px": 3.0},
        {"jpeg_quality": 40},
        {"gamma": 2.0},
        {"high": 1.3},
    ],
)
def test_each_defect_shows_and_keeps_the_grid(change: dict[str, float]) -> None:
    picture, labels = painted([ball(45, 60, 50)])
    plain = expose(picture, CALM, np.random.default_rng(0))
    out = expose(picture, replace(CALM, **change), np.random.default_rng(0))  # type: ignore[arg-type]
    assert out.shape == plain.shape
    assert out.dtype == np.uint8
    assert (out != plain).any()
    middle = (out[labels > 0].astype(float).mean() + out[labels == 0].astype(float).mean()) / 2
    y, x = np.nonzero(out > middle)
    assert (y.mean(), x.mean()) == pytest.approx((45, 60), abs=3.0)  # charging leaves a tail
