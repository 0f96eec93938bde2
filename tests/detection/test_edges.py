"""Outlines found at the edges of discs, squares and other bodies whose edges are known."""

from __future__ import annotations

import math
import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
from numpy.typing import NDArray
from roifile import ImagejRoi

from nanogauge import Micrograph, Settings
from nanogauge.core.particles import Flag
from nanogauge.detection.edges import bands, levels, true_edge, typical_edge
from nanogauge.detection.edges.frame import ruled_sides
from nanogauge.detection.edges.path import closed_paths
from nanogauge.measuring import measure_particles
from scenes import blind, spheres

F64 = NDArray[np.float64]
_FINE = 4


def fine(shape: tuple[int, int]) -> tuple[F64, F64]:
    """Coordinates (y, x) of the sub-pixels of a picture."""
    return tuple(np.meshgrid(*[(np.arange(n * _FINE) + 0.5) / _FINE - 0.5 for n in shape], indexing="ij"))  # type: ignore[return-value]


def coarse(inside: NDArray[np.bool_] | F64) -> F64:
    h, w = inside.shape
    return inside.reshape(h // _FINE, _FINE, w // _FINE, _FINE).mean((1, 3))


def seen(body: F64, *, blur: float, noise: float, seed: int = 0, contrast: float = 100.0) -> F64:
    """A picture of a body: blurred and noisy (noise relative to the contrast)."""
    rng = np.random.default_rng(seed)
    return 80 + contrast * cv2.GaussianBlur(body, (0, 0), blur) + abs(contrast) * noise * rng.standard_normal(body.shape)


def discs(diameter: float, *, off: float, n: int = 25, gap: int = 22, round_: bool = False) -> tuple[F64, NDArray[np.int32]]:
    """Coverage of n discs, or the thickness of n spheres, not in a grid of whole px, and labels whose outlines lie `off` px
    outside."""
    rng = np.random.default_rng(3)
    pitch, columns = math.ceil(diameter) + gap, math.isqrt(n)
    shape = (pitch * (n // columns), pitch * columns + 8)
    body, labels = np.zeros(shape), np.zeros(shape, np.int32)
    for i in range(n):
        row, column = divmod(i, columns)
        window = np.s_[row * pitch : row * pitch + pitch, column * pitch : column * pitch + pitch]
        at = pitch / 2 + rng.uniform(-0.5, 0.5, 2)
        y, x = fine((pitch, pitch))
        chord = 1 - (np.hypot(y - at[0], x - at[1]) / (diameter / 2)) ** 2
        body[window] = coarse(np.sqrt(np.clip(chord, 0, None)) if round_ else chord >= 0)
        y, x = np.mgrid[:pitch, :pitch]
        labels[window][np.hypot(y - at[0], x - at[1]) <= diameter / 2 + off] = i + 1
    return body, labels


def table(labels: NDArray[np.int32], picture: F64, **kwargs: object) -> pd.DataFrame:
    e = true_edge(labels, picture, **kwargs)  # type: ignore[arg-type]
    return measure_particles(e.labels, pixels=picture, scale=None, foreground=e.foreground)


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("off", [-1.0, 0.0, 1.3, 3.0])
@pytest.mark.parametrize("diameter", [14, 20, 40, 80])
def test_radius_of_discs(diameter: int, off: float, noise: float) -> None:
    body, labels = discs(diameter, off=off)
    found = table(labels, seen(body, blur=0.8, noise=noise))["equivalent_diameter_px"]
    assert len(found) == 25
    assert found.mean() / 2 == pytest.approx(diameter / 2, abs=0.15 if noise < 0.3 else 0.25)
    assert found.std() / 2 < 0.05 + 0.5 * noise


def test_grey_levels_between_pixels_are_exact_whatever_the_version_of_opencv() -> None:
    ramp = np.tile(np.arange(64, dtype=np.float32), (64, 1)) + 3 * np.arange(64, dtype=np.float32)[:, None]
    y, x = np.linspace(2, 60, 997, dtype=np.float32), np.linspace(5, 50, 997, dtype=np.float32)
    np.testing.assert_allclose(levels.sampled(ramp, y[None], x[None])[0], x + 3 * y, rtol=1e-6)
    assert bands.nearest(ramp, np.array([[-3.0, 10.4]]), np.array([[7.6, 99.0]])).tolist() == [[8.0, 30.0 + 63.0]]


@pytest.mark.parametrize("diameter", [5, 6, 8, 10])
@pytest.mark.parametrize("off", [0.0, 1.3])
def test_small_discs_neither_collapse_nor_swell(diameter: int, off: float) -> None:
    body, labels = discs(diameter, off=off, n=64)
    found = table(labels, seen(body, blur=0.7, noise=0.05))["equivalent_diameter_px"]
    assert len(found) == 64
    assert found.mean() / 2 == pytest.approx(diameter / 2, abs=0.15)
    assert found.min() > 0.8 * diameter
    assert found.max() < 1.2 * diameter


@pytest.mark.parametrize("blur", [0.5, 1.0, 2.0])
def test_a_blurred_edge_is_found_where_it_was_before_the_blur(blur: float) -> None:
    body, labels = discs(30, off=1.5)
    found = table(labels, seen(body, blur=blur, noise=0.03))["equivalent_diameter_px"]
    assert found.mean() / 2 == pytest.approx(15, abs=0.15)


@pytest.mark.parametrize("blur", [3.0, 5.0, 7.0])
def test_edges_far_wider_than_the_outlines_lie_off_are_found_too(blur: float) -> None:
    """As far outside a blurred particle's edge as the network draws its outline."""
    body, labels = discs(36, off=1.3 * blur, gap=40)
    picture = seen(body, blur=blur, noise=0.03)
    found = table(labels, picture)["equivalent_diameter_px"]
    assert len(found) == 25
    assert found.mean() == pytest.approx(36, rel=0.03)
    assert true_edge(labels, picture).soft == pytest.approx(1.18 * blur / 18, rel=0.2)


@pytest.mark.parametrize(("diameter", "blur"), [(20, 1.8), (36, 2.2), (72, 2.2), (72, 4.3)])
def test_a_blurred_sphere_is_as_large_as_it_was_before_the_blur(diameter: int, blur: float) -> None:
    body, labels = discs(diameter, off=blur, gap=24, round_=True)
    found = table(labels, seen(body, blur=blur, noise=0.03))["equivalent_diameter_px"]
    assert found.mean() == pytest.approx(diameter, rel=0.025)


def test_a_part_of_a_blurred_picture_is_as_good_as_the_whole() -> None:
    body, labels = discs(36, off=6, gap=40)
    picture = seen(body, blur=5, noise=0.05)
    typical = typical_edge([(labels, picture)])
    whole, by_it = true_edge(labels, picture), true_edge(labels, picture, typical=typical)
    np.testing.assert_array_equal(whole.labels, by_it.labels)
    assert typical is not None
    assert typical.soft == pytest.approx(whole.soft)


def test_dark_particles_are_as_good_as_bright_ones_and_grey_levels_in_any_unit() -> None:
    body, labels = discs(20, off=1.3)
    bright = seen(body, blur=0.8, noise=0.05)
    e, dark, tiny = (true_edge(labels, p) for p in (bright, 1000 - 7 * bright, 1e-4 * bright))
    np.testing.assert_allclose(dark.foreground, e.foreground, atol=2e-3)
    np.testing.assert_allclose(tiny.foreground, e.foreground, atol=2e-3)


def test_bright_and_dark_particles_in_one_picture() -> None:
    body, labels = discs(24, off=1.3)
    body[:, body.shape[1] // 2 :] *= -0.8
    found = table(labels, seen(body, blur=0.8, noise=0.05))["equivalent_diameter_px"]
    assert (found / 2 - 12).abs().max() < 0.2


def test_squares_keep_their_sides() -> None:
    shape = (120, 130)
    y, x = fine(shape)
    angle = 0.3
    u, v = (x - 62.3) * math.cos(angle) + (y - 59.8) * math.sin(angle), (y - 59.8) * math.cos(angle) - (x - 62.3) * math.sin(angle)
    body = coarse((np.abs(u) <= 25) & (np.abs(v) <= 25))
    labels = (cv2.dilate(body, np.ones((3, 3))) > 0.5).astype(np.int32)
    found = table(labels, seen(body, blur=0.7, noise=0.03)).iloc[0]
    assert found["equivalent_diameter_px"] == pytest.approx(50 * math.sqrt(4 / math.pi), abs=0.3)
    assert found["feret_min_px"] == pytest.approx(50, abs=0.5)


def test_a_bright_rim_is_not_taken_for_the_body() -> None:
    shape = (160, 200)
    body, labels = np.zeros(shape), np.zeros(shape, np.int32)
    y, x = fine(shape)
    for i, (cy, cx) in enumerate([(40.2, 45.7), (41, 140.3), (115.4, 60), (112, 150)], start=1):
        r = np.hypot(y - cy, x - cx)
        rim = np.where(r <= 25, 0.35 + np.exp(-(25 - r) / 3), 0)
        body += rim.reshape(shape[0], _FINE, shape[1], _FINE).mean((1, 3))
        labels[np.hypot(*(np.mgrid[: shape[0], : shape[1]] - np.array([cy, cx])[:, None, None])) <= 26.3] = i
    found = table(labels, seen(body, blur=0.8, noise=0.05))["equivalent_diameter_px"]
    assert (found / 2 - 25).abs().max() < 0.3


def test_the_outer_edge_of_a_core_and_shell() -> None:
    core, labels = discs(20, off=0)
    shell, labels = discs(44, off=1.3, n=25)
    core = np.zeros_like(shell)
    y, x = np.mgrid[: shell.shape[0], : shell.shape[1]]
    for label in range(1, 26):
        cy, cx = np.argwhere(labels == label).mean(0)
        core[np.hypot(y - cy, x - cx) <= 10] = 1
    found = table(labels, seen(0.4 * shell + core, blur=1.0, noise=0.03))["equivalent_diameter_px"]
    assert found.mean() / 2 == pytest.approx(22, abs=0.15)


def pair(gap: float) -> tuple[F64, NDArray[np.int32]]:
    """Two discs of 30 px, `gap` px apart, and labels that share a wall in the middle, 1.3 px too large outside."""
    shape = (70, 110)
    y, x = fine(shape)
    centres = [(34.6, 38 - gap / 2), (34.6, 68 + gap / 2)]
    body = coarse(np.minimum(*[np.hypot(y - cy, x - cx) for cy, cx in centres]) <= 15)
    y, x = np.mgrid[: shape[0], : shape[1]]
    away = np.array([np.hypot(y - cy, x - cx) for cy, cx in centres])
    return body, np.where(away.min(0) <= 16.3, 1 + away.argmin(0), 0).astype(np.int32)


@pytest.mark.parametrize("gap", [0.0, 2.0])
def test_touching_pairs_stay_two_and_keep_their_size(gap: float) -> None:
    body, labels = pair(gap)
    e = true_edge(labels, seen(body, blur=0.8, noise=0.03))
    found = measure_particles(e.labels, pixels=body, scale=None, foreground=e.foreground)
    assert len(found) == 2
    assert (found["equivalent_diameter_px"] / 2 - 15).abs().max() < 0.2
    overlap = (labels == 1) & (e.labels == 2)
    assert not overlap.any()  # a wall is moved apart, never across


def test_a_particle_cut_by_the_frame_stays_cut() -> None:
    shape = (60, 80)
    y, x = fine(shape)
    body = coarse(np.hypot(y + 2, x - 40) <= 20)
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = (np.hypot(y + 2, x - 40) <= 21.5).astype(np.int32)
    found = table(labels, seen(body, blur=0.8, noise=0.03)).iloc[0]
    assert "touches_border" in found["flags"]
    assert found["area_px2"] == pytest.approx(body.sum(), rel=0.02)


def at_the_frame(diameter: float, gap: float, *, contrast: float = 60.0, seed: int = 0) -> bool:
    """Whether a disc whose edge lies `gap` px inside the frame, drawn 2 px too large, keeps pixels in the outermost row; all four
    sides must say the same. gap: below 0 where the frame cuts it"""
    side, reach = 2 * math.ceil(diameter) + 12, math.ceil(diameter)
    y, x = fine((side, side))
    outside = gap + diameter / 2 - 0.5 + reach  # the picture is cut out of a larger one, so that its blur does not end at the frame
    body = coarse(np.hypot(y - outside, x - side / 2 - 0.3) <= diameter / 2)
    picture = np.clip(seen(body, blur=1.0, noise=5 / abs(contrast), contrast=contrast, seed=seed), 0, 255)[reach:]
    y, x = np.mgrid[:side, :side]
    labels = (np.hypot(y - outside, x - side / 2 - 0.3) <= diameter / 2 + 2).astype(np.int32)[reach:]
    assert labels[0].any()
    touches = []
    for turns in range(4):
        moved = true_edge(np.ascontiguousarray(np.rot90(labels, turns)), np.ascontiguousarray(np.rot90(picture, turns))).labels
        touches.append(bool(np.rot90(moved, -turns)[0].any()))
    assert len(set(touches)) == 1
    return touches[0]


@pytest.mark.parametrize("diameter", [20, 30, 40, 60])
@pytest.mark.parametrize("contrast", [60.0, -60.0])
def test_a_whole_particle_near_the_frame_is_whole_and_one_that_is_cut_is_not(diameter: int, contrast: float) -> None:
    for seed in range(3):
        assert not at_the_frame(diameter, 2.0, contrast=contrast, seed=seed)
        for share in (0.03, 0.05, 0.10, 0.30):
            assert at_the_frame(diameter, -share * diameter, contrast=contrast, seed=seed)


def test_a_particle_at_the_frame_does_not_move_the_edges_of_others() -> None:
    body, labels = discs(24, off=1.3)
    picture = seen(body, blur=1.0, noise=0.05)
    cut = np.s_[6:]  # the first row of discs now lies 2 to 5 px inside the frame or is cut by it
    there, here = true_edge(labels, picture).labels[cut], true_edge(np.ascontiguousarray(labels[cut]), picture[cut]).labels
    far = here > 5
    assert far.any()
    assert (here[far] == there[far]).mean() > 0.999


def test_a_ruled_border_is_not_taken_for_the_ground_before_which_a_particle_ends() -> None:
    shape = (90, 140)
    y, x = fine(shape)
    body = coarse(np.hypot(y + 4, x - 70) <= 24)  # cut by the frame, on a side that is ruled nearly as dark as the ground
    picture = seen(body, blur=1.0, noise=0.05)
    picture[:2] = 60
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = (np.hypot(y + 4, x - 70) <= 25.5).astype(np.int32)
    assert ruled_sides(picture.astype(np.float32)) == (True, False, False, False)
    assert ruled_sides(picture[2:].astype(np.float32)) == (False,) * 4
    moved = true_edge(labels, picture).labels
    np.testing.assert_array_equal(moved[0], labels[0])


def test_a_tail_of_ground_that_reaches_the_frame_is_not_taken_for_a_particle_that_ends() -> None:
    side = 90
    y, x = fine((side, side))
    body = coarse(np.hypot(y - 50, x - 45) <= 20)
    y, x = np.mgrid[:side, :side]
    labels = ((np.hypot(y - 50, x - 45) <= 21) | ((y <= 50) & (np.abs(x - 45) <= 8))).astype(np.int32)
    assert true_edge(labels, seen(body, blur=1.0, noise=0.05)).labels[0].any()


def test_nothing_outside_the_frame_is_looked_at_or_changed() -> None:
    body, labels = discs(20, off=1.3)
    picture = seen(body, blur=0.8, noise=0.05)
    h, w = labels.shape
    frame = (0, 0, h - 40, w)
    labels[h - 40 :] = 0
    e = true_edge(labels, picture, frame=frame)
    picture[h - 40 :] = 255
    again = true_edge(labels, picture, frame=frame)
    np.testing.assert_array_equal(e.labels, again.labels)
    np.testing.assert_array_equal(e.foreground, again.foreground)
    assert not e.labels[h - 40 :].any()


def test_where_contrast_is_lost_the_rest_of_the_outline_decides() -> None:
    shape = (100, 100)
    y, x = fine(shape)
    disc = coarse(np.hypot(y - 50.3, x - 49.6) <= 25)
    ground = np.zeros(shape)
    ground[:30] = 1  # the upper part lies before something as bright
    y, x = np.mgrid[:100, :100]
    labels = (np.hypot(y - 50.3, x - 49.6) <= 27).astype(np.int32)
    found = table(labels, seen(np.maximum(disc, ground), blur=0.8, noise=0.03)).iloc[0]
    assert found["equivalent_diameter_px"] / 2 == pytest.approx(25, abs=0.25)
    assert found["y"] == pytest.approx(50.3, abs=0.3)


def test_a_particle_without_an_edge_moves_as_the_others_and_is_flagged() -> None:
    body, labels = discs(24, off=1.5)
    body[labels == 7] = 0
    picture = seen(body, blur=0.8, noise=0.05)
    e = true_edge(labels, picture)
    assert e.edgeless == {7}
    assert e.shift_px[7] == pytest.approx(np.median(np.delete(e.shift_px[1:], 6)), abs=0.25)
    t = measure_particles(e.labels, pixels=picture, scale=None, foreground=e.foreground, edgeless=e.edgeless)
    assert t.loc[t["label"] == 7, "flags"].item() == "no_edge"
    assert (t["edge_weight"] > 0).all()
    assert Flag.NO_EDGE.value == 2048


def test_nothing_to_see_leaves_labels_as_they_are() -> None:
    _, labels = discs(20, off=0.0)
    noise = np.random.default_rng(1).normal(100, 5, labels.shape)
    e = true_edge(labels, np.full(labels.shape, 7.0))
    assert e.edgeless == set(range(1, 26))
    assert (e.shift_px == 0).all()
    area = np.bincount(e.labels.ravel())[1:] / np.bincount(labels.ravel())[1:]
    assert np.abs(area - 1).max() < 0.03
    assert len(true_edge(labels, noise).edgeless) > 20
    empty = true_edge(np.zeros((40, 30), np.int32), np.zeros((40, 30)))
    assert not empty.labels.any()
    assert empty.mean_shift_px == 0


def test_specks_of_a_few_pixels_are_kept() -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[5, 5], labels[10:12, 20:22], labels[20:23, 30:33] = 1, 2, 3
    labels[30, 40:55] = 4
    e = true_edge(labels, 50 + 100.0 * (labels > 0))
    assert set(np.unique(e.labels)) == {0, 1, 2, 3, 4}
    assert ((e.foreground >= 0.5) == (e.labels > 0)).all()


def test_labels_and_map_say_the_same() -> None:
    body, labels = discs(17, off=1.3)
    e = true_edge(labels, seen(body, blur=1.0, noise=0.1), body.astype(np.float32))
    np.testing.assert_array_equal(e.foreground >= 0.5, e.labels > 0)
    assert e.foreground.dtype == np.float32
    assert e.foreground.min() >= 0
    assert e.foreground.max() <= 1


def test_outlines_leave_no_crumbs_behind_where_particles_touch() -> None:
    y, x = fine((200, 240))
    centres = [(30 + 27 * j, 30 + 31 * i + 15.5 * (j % 2)) for j in range(6) for i in range(6)]
    far = np.array([np.hypot(y - cy, x - cx) for cy, cx in centres])
    body = coarse(far.min(axis=0) <= 15.5)
    rows, columns = np.mgrid[:200, :240]
    near = np.array([np.hypot(rows - cy, columns - cx) for cy, cx in centres])
    labels = np.where(near.min(axis=0) <= 18, near.argmin(axis=0) + 1, 0).astype(np.int32)
    e = true_edge(labels, seen(body, blur=1.0, noise=0.2))
    for k in range(1, 37):
        assert cv2.connectedComponents((e.labels == k).astype(np.uint8), connectivity=4)[0] == 2, k
    assert ((e.foreground >= 0.5) == (e.labels > 0)).mean() > 0.98


def test_the_map_beyond_the_particles_is_kept() -> None:
    body, labels = discs(17, off=1.3)
    probability = (labels > 0).astype(np.float32)
    probability[:4, :4] = 0.8  # something the network was too unsure of
    e = true_edge(labels, seen(body, blur=1.0, noise=0.05), probability)
    assert (e.foreground[:4, :4] == np.float32(0.8)).all()
    assert not e.labels[:4, :4].any()


def test_what_is_typical_of_the_whole_makes_a_part_as_good_as_the_whole() -> None:
    body, labels = discs(24, off=1.5)
    picture = seen(body, blur=0.8, noise=0.2)
    typical = typical_edge([(labels, picture)])
    whole, by_it = true_edge(labels, picture), true_edge(labels, picture, typical=typical)
    np.testing.assert_array_equal(whole.labels, by_it.labels)
    np.testing.assert_array_equal(whole.foreground, by_it.foreground)
    rows = np.s_[: labels.shape[0] // 5]  # five discs of 25
    own, helped = (true_edge(labels[rows], picture[rows], typical=t).shift_px[1:6] for t in (None, typical))
    assert np.abs(helped - whole.shift_px[1:6]).max() < 5e-4
    assert np.abs(own - whole.shift_px[1:6]).max() > 1e-3  # what five show is not what all show


def test_nothing_is_typical_where_nothing_is() -> None:
    assert typical_edge([(np.zeros((40, 30), np.int32), np.zeros((40, 30)))]) is None


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="one shape"):
        true_edge(np.zeros((4, 5), np.int32), np.zeros((5, 4)))


def test_closed_paths_are_closed_and_cheapest() -> None:
    rng = np.random.default_rng(0)
    cost = rng.random((6, 9, 5)).astype(np.float32)
    step = np.full(6, 0.3, np.float32)
    found = closed_paths(cost, step)
    for p in range(6):
        moves = np.diff(found[p], append=found[p, :1])
        assert np.abs(moves).max() <= 1
        best = math.inf
        for start in range(5):  # every closed path, by dynamic programming from each start
            sums = np.where(np.arange(5) == start, cost[p, 0], np.inf)
            for i in range(1, 9):
                padded = np.pad(sums, 1, constant_values=np.inf)
                sums = np.minimum(sums, np.minimum(padded[:-2], padded[2:]) + 0.3) + cost[p, i]
            ends = [sums[k] + 0.3 * abs(k - start) for k in range(max(start - 1, 0), min(start + 2, 5))]
            best = min(best, *ends)
        total = cost[p, np.arange(9), found[p]].sum() + 0.3 * np.abs(moves).sum()
        assert total <= best + 0.02


def test_pictures_that_are_not_square() -> None:
    body, labels = discs(20, off=1.3, n=6)
    picture = seen(body, blur=0.8, noise=0.03)
    wide, tall = table(labels, picture), table(labels.T.copy(), picture.T.copy())
    assert labels.shape[0] != labels.shape[1]
    np.testing.assert_allclose(wide["equivalent_diameter_px"], tall["equivalent_diameter_px"], atol=0.05)


@pytest.mark.parametrize("edge", ["steepest", "outline"])
def test_one_truth(tmp_path, edge: str) -> None:
    """Table, labels.tif, ROIs and the page's outlines are of the same particles at the same place."""
    pytest.importorskip("contourpy")
    from nanogauge.editing.contour import outline_of
    from nanogauge.editing.remeasure import boxes_of_labels

    scene = spheres(shape=(300, 360))
    m = blind().under(Settings().replace("measure", edge=edge)).measure(Micrograph(pixels=scene.pixels, name="a"))
    m.save(tmp_path)
    labels = tifffile.imread(tmp_path / "labels.tif")
    np.testing.assert_array_equal(labels, m.labels)
    area = np.bincount(labels.ravel(), minlength=m.n_particles + 1)
    assert m.foreground is not None
    boxes = boxes_of_labels(m.labels, m.particles["label"].to_numpy(np.int64))
    with zipfile.ZipFile(tmp_path / "rois.zip") as archive:
        for row, box in zip(m.particles.itertuples(), boxes.T.tolist(), strict=True):
            roi = ImagejRoi.frombytes(archive.read(f"{row.label:05d}.roi"))
            assert polygon_area(roi.coordinates()) == area[row.label]
            assert row.area_px2 == pytest.approx(area[row.label], rel=0.03)
            ring = np.array(outline_of(row.label, tuple(box), m.labels, m.foreground)[0]).reshape(-1, 2)
            assert polygon_area(ring) == pytest.approx(row.area_px2, rel=0.015)
    if edge == "steepest":
        assert m.edge_moved_px is not None
        truth = scene.particles[~scene.particles["touches_border"]]["equivalent_diameter_px"]
        counted = m.particles[m.particles["edge_weight"] > 0]["equivalent_diameter_px"]
        assert counted.mean() == pytest.approx(truth.mean(), rel=0.01)
    else:
        assert m.edge_moved_px is None


def polygon_area(ring: NDArray[np.floating]) -> float:
    x, y = ring[:, 0].astype(float), ring[:, 1].astype(float)
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
