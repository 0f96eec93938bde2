"""Places that look like the particles found: a disc left out is noticed, nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from nanogauge.detection.look_alikes import look_alikes
from nanogauge.detection.looks import Look
from nanogauge.detection.merging import with_alikes
from nanogauge.statistics.warnings import look_alike_warnings

H, W = 300, 420
Y, X = np.mgrid[0:H, 0:W]


def discs(
    radius: float, *, levels: tuple[float, float] = (60.0, 180.0), seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """20 discs on a grid, a little off it, with blur and noise; all labelled."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((H, W), np.int32)
    for k in range(20):
        y, x = 40 + 70 * (k // 5) + rng.uniform(-6, 6), 45 + 80 * (k % 5) + rng.uniform(-6, 6)
        labels[(Y - y) ** 2 + (X - x) ** 2 < (radius * rng.uniform(0.95, 1.05)) ** 2] = k + 1
    grey = gaussian_filter(np.where(labels > 0, levels[1], levels[0]).astype(float), 1.0) + rng.normal(0, 6, (H, W))
    return np.clip(grey, 0, 255).astype(np.uint8), labels


def left_out(labels: NDArray[np.int32], numbers: list[int]) -> NDArray[np.int32]:
    return np.where(np.isin(labels, numbers), 0, labels).astype(np.int32)


@pytest.mark.parametrize("radius", [5.0, 12.0, 24.0])
@pytest.mark.parametrize("levels", [(60.0, 180.0), (190.0, 70.0)])
def test_discs_left_out_are_noticed_where_they_are(radius: float, levels: tuple[float, float]) -> None:
    grey, labels = discs(radius, levels=levels)
    found = look_alikes(grey, left_out(labels, [7, 8, 13]), None)
    assert found.diameter == pytest.approx(2 * radius, rel=0.06)
    places = {int(labels[tuple(np.rint(at).astype(int))]) for at in found.at}
    assert places <= {7, 8, 13}
    assert len(places) == found.n >= (3 if radius > 5 else 2)  # of small ones noise hides one or another


def test_nothing_is_noticed_where_all_are_found() -> None:
    for seed in range(5):
        assert look_alikes(*discs(14, seed=seed), None).n == 0


@pytest.mark.parametrize("n_dark", [3, 10])
def test_of_bright_and_dark_ones_on_grey_each_kind_is_sought_by_itself(n_dark: int) -> None:
    grey, labels = discs(13, levels=(128.0, 188.0))
    dark = np.isin(labels, np.arange(1, 21)[:: 20 // n_dark][:n_dark])
    picture = np.where(dark, 256.0 - grey, grey)
    picture = np.clip(gaussian_filter(picture, 0.7), 0, 255).astype(np.uint8)
    assert look_alikes(picture, labels, None).n == 0
    gone = [int(np.unique(labels[dark])[1]), int(np.unique(labels[(labels > 0) & ~dark])[1])]
    found = look_alikes(picture, left_out(labels, gone), None)
    places = {int(labels[tuple(np.rint(at).astype(int))]) for at in found.at}
    assert places == (set(gone) if n_dark > 8 else {gone[1]})  # three are too few to know one by


def test_what_looks_otherwise_is_not_noticed() -> None:
    grey, labels = discs(12)
    known = left_out(labels, [3, 9, 17])
    paler, smaller, streak = grey.astype(float), grey.astype(float), grey.astype(float)
    for k in (3, 9, 17):
        y, x = np.argwhere(labels == k).mean(axis=0)
        paler[labels == k] = 110
        smaller[labels == k] = 60
        smaller[(Y - y) ** 2 + (X - x) ** 2 < 5**2] = 180
        streak[(np.abs(Y - y) < 12) & (np.abs(X - x) < 40) & (known == 0)] = 180
    for other in (paler, smaller, streak):
        assert look_alikes(other.astype(np.uint8), known, None).n == 0


def test_a_larger_one_of_the_same_tone_is_noticed() -> None:
    grey, labels = discs(8)
    picture = np.full((H, W + 200), 60.0)
    picture[:, :W] = grey
    far_x, far_y = np.meshgrid(np.arange(W + 200), np.arange(H))
    picture[(far_y - 150) ** 2 + (far_x - W - 100) ** 2 < 40**2] = 180
    picture[(far_y - 60) ** 2 + (far_x - W - 30) ** 2 < 14**2] = 180
    picture = np.clip(gaussian_filter(picture, 0.8) + np.random.default_rng(1).normal(0, 4, picture.shape), 0, 255)
    known = np.pad(labels, ((0, 0), (0, 200)))
    found = look_alikes(picture.astype(np.uint8), known, None)
    order = np.argsort(found.diameter)
    assert found.diameter[order] == pytest.approx([28, 80], rel=0.25)
    assert found.at[order] == pytest.approx(np.array([[60, W + 30], [150, W + 100]]), abs=8)


def test_few_or_doubtful_or_long_particles_serve_as_no_model() -> None:
    grey, labels = discs(12)
    assert look_alikes(grey, np.where(labels > 7, 0, labels).astype(np.int32), None).n == 0
    known = left_out(labels, [4])
    assert look_alikes(grey, known, None).n == 1
    assert look_alikes(grey, known, np.full(21, 0.4)).n == 0
    rods = np.where((known > 0) & (np.abs(Y - 40 - 70 * np.round((Y - 40) / 70)) < 4), known, 0).astype(np.int32)
    assert look_alikes(grey, rods, None).n == 0
    assert look_alikes(grey, np.zeros_like(labels), None).n == 0


def test_text_and_the_frame_s_place_are_minded() -> None:
    grey, labels = discs(12)
    found = look_alikes(grey, left_out(labels, [1, 20]), None).moved(100, 50)
    assert found.at.min(axis=0) == pytest.approx([140, 95], abs=8)
    assert found.outside([(120, 60, 160, 140)]).n == 1


def test_another_look_is_believed_there_though_it_doubts() -> None:
    grey, labels = discs(12)
    known = left_out(labels, [5, 6])
    sure = np.where(np.arange(21) > 0, 0.9, 1.0)
    base = Look(1.0, known, (known > 0).astype(np.float32), sure)
    doubting = np.where(np.arange(21) == 5, 0.35, np.where(np.arange(21) == 6, 0.1, 0.3))
    other = Look(0.75, labels, (labels > 0).astype(np.float32), doubting)
    places = look_alikes(grey, known, sure)
    more = with_alikes(base, other, places)
    assert more.n == 19  # number 5 comes in, number 6 is too doubtful
    assert (more.labels[labels == 5] > 0).all()
    assert not (more.labels[labels == 6] > 0).any()
    assert with_alikes(base, other, places.outside([(0, 0, H, W)])) is base


def test_the_reader_is_told_of_two_or_more_and_of_a_share() -> None:
    assert look_alike_warnings(1, 10) == ()
    (said,) = look_alike_warnings(2, 10)
    assert said.code == "look_alikes"
    assert "2 places look like the 10 particles" in said
    assert look_alike_warnings(2, 200) == ()
    assert len(look_alike_warnings(7, 200)) == 1
