"""Separation on maps made from the truth, whole and degraded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from nanogauge.core.protocols import Maps
from nanogauge.core.settings import SeparateSettings
from nanogauge.detection.separate import Pieces, carried, merge, separate, tidy, to_grid, touching


def discs(shape: tuple[int, int], centres: list[tuple[float, float]], radius: float) -> NDArray[np.int32]:
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    out = np.zeros(shape, np.int32)
    for k, (y, x) in enumerate(centres, start=1):
        out[((yy - y) ** 2 + (xx - x) ** 2 < radius**2) & (out == 0)] = k
    return out


def true_maps(labels: NDArray[np.int32], *, wall: bool = True) -> Maps:
    edge = (ndimage.grey_dilation(labels, 3) != ndimage.grey_erosion(labels, 3)) if wall else np.zeros(labels.shape, bool)
    distance = np.zeros(labels.shape, np.float32)
    for k in range(1, labels.max() + 1):
        d = ndimage.distance_transform_edt(labels == k)
        distance = np.maximum(distance, (d / d.max()).astype(np.float32))
    return Maps((labels > 0).astype(np.float32), edge.astype(np.float32), distance)


def test_touching_discs_come_apart() -> None:
    labels = discs((70, 110), [(30, 25), (30, 48), (50, 37), (30, 85)], 11.8)
    found = separate(true_maps(labels))
    assert found.dtype == np.int32
    assert found.max() == 4
    for k in range(1, 5):
        inside = found[labels == k]
        assert np.bincount(inside).max() / inside.size > 0.97
    assert set(touching(found)) == set(np.unique(found[labels != 4])) - {0}


@pytest.mark.parametrize("noise", [0.05, 0.12])
def test_noise_does_not_split_one_particle(noise: float) -> None:
    rng = np.random.default_rng(1)
    labels = discs((90, 120), [(45, 40), (45, 90)], 22)
    m = true_maps(labels)
    rough = ndimage.gaussian_filter(rng.standard_normal(labels.shape), 2)
    rough = (noise * rough / rough.std()).astype(np.float32)
    maps = Maps(m.foreground, m.boundary, np.clip(m.distance + rough * m.foreground, 0, 1))
    assert separate(maps).max() == 2


def test_pieces_without_a_wall_between_them_are_joined_and_walls_are_kept() -> None:
    labels = np.zeros((20, 33), np.int32)
    labels[4:16, 2:12], labels[4:16, 12:20], labels[4:16, 20:31] = 1, 2, 3
    boundary = np.zeros(labels.shape, np.float32)
    boundary[:, 19:21] = 1
    distance = (labels > 0).astype(np.float32)
    joined = merge(labels, Maps(distance, boundary, distance), below=0.4)
    assert joined[10, 5] == joined[10, 15] != joined[10, 25] != 0


def test_merging_goes_on_from_weakest_to_strongest() -> None:
    """A joined piece's cut to a third is the mean over both parts' edges: here the long weak part outweighs the short wall."""
    labels = np.zeros((24, 20), np.int32)
    labels[0:20, 0:10], labels[20:24, 0:10], labels[:, 10:] = 1, 2, 3
    boundary = np.zeros(labels.shape, np.float32)
    boundary[20:24, 9:11] = 1
    ones = np.ones(labels.shape, np.float32)
    assert len(np.unique(merge(labels, Maps(ones, boundary, ones), below=0.2))) == 1


def test_small_and_unsure_objects_are_dropped() -> None:
    labels = discs((60, 80), [(30, 20), (30, 55)], 9)
    m = true_maps(labels)
    m.foreground[labels == 2] = 0.55
    m.foreground[5, 5] = 1
    found = separate(m, SeparateSettings(least_confidence=0.6, least_diameter_px=3))
    assert found.max() == 1
    assert found[30, 20] == 1


def test_a_faint_particle_without_a_middle_is_still_found() -> None:
    labels = discs((40, 60), [(20, 30)], 8)
    m = true_maps(labels)
    assert separate(Maps(m.foreground, m.boundary, 0.2 * m.distance)).max() == 1


def test_holes_are_filled() -> None:
    labels = discs((50, 70), [(25, 35)], 15)
    m = true_maps(labels)
    m.foreground[25, 35] = 0
    assert separate(m)[25, 35] == 1


def test_nothing_gives_no_labels() -> None:
    zero = np.zeros((30, 50), np.float32)
    found = separate(Maps(zero, zero, zero))
    assert found.shape == (30, 50)
    assert not found.any()


@pytest.mark.parametrize("zoom", [0.25, 0.5, 2.0, 3.0])
def test_area_survives_the_way_back_to_the_micrograph_s_grid(zoom: float) -> None:
    """Labels found on a smaller or larger working grid have the true area on the input's, within 3 % for 40 px discs."""
    shape = (120, 160)
    fine = discs((480, 640), [(240, 200), (240, 440)], 80)
    area = [(fine == k).sum() / 16 for k in (1, 2)]
    h, w = round(120 * zoom), round(160 * zoom)
    yy = ((np.arange(h) + 0.5) * 480 / h - 0.5)[:, None]
    xx = ((np.arange(w) + 0.5) * 640 / w - 0.5)[None]
    centres, soft = [(240, 200), (240, 440)], np.zeros((h, w), np.float32)
    for y, x in centres:
        r = np.hypot(yy - y, xx - x)
        soft = np.maximum(soft, np.clip((80 - r) * h / 480 + 0.5, 0, 1))
    labels, _ = ndimage.label(soft > 0.5)
    out = to_grid(labels.astype(np.int32), soft.astype(np.float32), shape)
    assert out.shape == shape
    assert out.max() == 2
    for k in (1, 2):
        assert (out == k).sum() == pytest.approx(area[k - 1], rel=0.03)


def test_tidy_is_what_one_particle_at_a_time_gives():
    """Largest pieces, filled holes and what lies in them, against the plain loop over particles."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        coarse = rng.integers(0, 7, (12, 15)) * (rng.random((12, 15)) < 0.8)
        labels = np.kron(coarse, np.ones((4, 4), int)).astype(np.int32)
        labels[rng.random(labels.shape) < 0.05] = 0
        settings = SeparateSettings(least_diameter_px=2.0, least_confidence=0.0)
        expected = np.zeros(labels.shape, np.int32)
        number = 0
        for label in range(1, int(labels.max()) + 1):
            piece = labels == label
            if piece.sum() < np.pi:
                continue
            pieces, k = ndimage.label(piece)
            if k > 1:
                piece = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
            number += 1
            expected[ndimage.binary_fill_holes(piece) & (expected == 0)] = number
        assert np.array_equal(tidy(labels, np.ones(int(labels.max())), settings), expected)


def test_carried_takes_the_nearest_particle_within_reach():
    coarse = np.zeros((9, 12), np.int32)
    coarse[4, 2], coarse[4, 8] = 1, 2
    fine = np.ones((9, 12), np.float32)
    fine[:, 11] = 0
    found = carried(coarse, fine, reach=2)
    assert found[4].tolist() == [1, 1, 1, 1, 1, 0, 2, 2, 2, 2, 2, 0]
    assert found[2].tolist() == [0, 1, 1, 1, 0, 0, 0, 2, 2, 2, 0, 0]
    assert carried(coarse, np.zeros((9, 12), np.float32), reach=2)[4, 2] == 1  # never lost


def test_pieces_read_in_several_ways_are_what_each_way_gives_alone() -> None:
    labels = discs((70, 110), [(30, 25), (30, 44), (50, 37), (30, 85)], 11.8)
    maps = true_maps(labels, wall=False)
    s = SeparateSettings()
    ways = [s, replace(s, merge_below=0.0), replace(s, merge_below=0.9), replace(s, overlaps_are_none=False), s]
    ways.append(replace(s, merge_below=0.45, least_confidence=0.0))
    pieces = Pieces(maps, s)
    found = [pieces.labels(way) for way in ways]
    assert len({int(f.max()) for f in found}) > 1
    for way, labels_found in zip(ways, found, strict=True):
        assert np.array_equal(labels_found, separate(maps, way))


def test_what_lies_in_the_hole_of_another_goes_with_its_judgement() -> None:
    yy, xx = np.mgrid[:60, :60]
    away = np.hypot(yy - 30, xx - 30)
    labels = np.where((away > 12) & (away < 22), 1, np.where(away < 6, 2, 0)).astype(np.int32)
    m = true_maps(labels)
    s = SeparateSettings(merge_below=0.9)
    found, sure = Pieces(m, s).judged(s)
    assert found[30, 30] == found[30, 15] > 0
    assert sure.shape == (found.max() + 1,)
    assert sure[0] == 1
