"""Measured sizes against shapes whose sizes are known. Pictures are never square."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import perimeter_crofton

from nanogauge.core.particles import column_dtypes
from nanogauge.core.scale import Scale
from nanogauge.measuring import EDGE_WEIGHT_CAP, measure_particles


def shape_mask(kind, shape, *, centre, length, ratio=1.0, angle_deg=0.0, spacing=(1.0, 1.0)):
    """(H, W) bool: pixels whose centre lies in an ellipse, rectangle or rod; lengths in units of `spacing`."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    y, x = (y - centre[0]) * spacing[0], (x - centre[1]) * spacing[1]
    t = np.deg2rad(angle_deg)
    along, across = x * np.cos(t) - y * np.sin(t), x * np.sin(t) + y * np.cos(t)  # counter-clockwise as seen
    a, b = length / 2, length * ratio / 2
    if kind == "ellipse":
        return (along / a) ** 2 + (across / b) ** 2 <= 1
    if kind == "rectangle":
        return (np.abs(along) <= a) & (np.abs(across) <= b)
    return np.maximum(np.abs(along) - (a - b), 0) ** 2 + across**2 <= b**2


def many(kind, length, *, n=80, ratio=1.0, seed=0):
    """A table of n such shapes with random sub-pixel centres and angles."""
    rng = np.random.default_rng(seed)
    side = math.ceil(length) + 5
    tiles = []
    for i in range(n):
        centre = side / 2 + rng.uniform(-0.5, 0.5, 2)
        mask = shape_mask(kind, (side, side + 3), centre=centre, length=length, ratio=ratio, angle_deg=rng.uniform(0, 180))
        tiles.append(np.where(mask, i + 1, 0))
    labels = np.vstack([np.hstack(tiles[k : k + 10]) for k in range(0, n, 10)]).astype(np.int32)
    return measure(labels)


def measure(labels, **options):
    options.setdefault("pixels", np.zeros(labels.shape, np.uint8))
    options.setdefault("scale", None)
    return measure_particles(labels, **options)


def nm(y, x=None):
    return Scale((y, y if x is None else x), 0.0, "user")


@pytest.mark.parametrize("length", [8, 12, 20, 41, 80])
@pytest.mark.parametrize(("kind", "ratio"), [("ellipse", 1.0), ("ellipse", 0.6), ("rectangle", 0.5), ("rod", 0.4)])
def test_equivalent_diameter_is_unbiased(kind, ratio, length):
    a, b = length / 2, length * ratio / 2
    area = {"ellipse": math.pi * a * b, "rectangle": 4 * a * b, "rod": 4 * (a - b) * b + math.pi * b * b}[kind]
    measured = many(kind, length, ratio=ratio).equivalent_diameter_px
    # the pixel centres in a randomly placed shape are its area on average: only chance is left, here four standard errors
    assert abs(measured.mean() - math.sqrt(4 * area / math.pi)) < 4 * measured.std() / math.sqrt(len(measured)) + 0.01


@pytest.mark.parametrize("length", [8, 12, 20, 41, 80])
@pytest.mark.parametrize(("kind", "ratio"), [("ellipse", 1.0), ("ellipse", 0.6), ("rectangle", 0.5), ("rod", 0.4)])
def test_feret_diameters_are_within_a_pixel_on_average(kind, ratio, length):
    table = many(kind, length, ratio=ratio)
    true_max = length * math.hypot(1, ratio) if kind == "rectangle" else length
    # docs/conventions.md: -0.4 to +0.95 px from 8 px up; pixel centres would fall to -1.2, corners rise to +1.3
    assert -0.4 < table.feret_max_px.mean() - true_max < 0.95
    assert -0.4 < table.feret_min_px.mean() - length * ratio < 0.95
    assert (table.feret_min_px <= table.feret_max_px).all()


@pytest.mark.parametrize("length", [8, 16, 40])
def test_mean_feret_of_discs_is_unbiased(length):
    table = many("ellipse", length)
    assert abs((table.feret_max_px + table.feret_min_px).mean() / 2 - length) < 0.35


@pytest.mark.parametrize("length", [16, 30, 60])
def test_axes_of_ellipses(length):
    table = many("ellipse", length, ratio=0.6)
    assert table.axis_major_px.mean() == pytest.approx(length, abs=0.12)  # 1/12 px² of each pixel: under 4/(3·12·16) px
    assert table.axis_minor_px.mean() == pytest.approx(0.6 * length, abs=0.12)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (7, 12), (30, 4)])
def test_upright_rectangle_is_exact(height, width):
    labels = np.zeros((40, 50), np.int32)
    labels[3 : 3 + height, 5 : 5 + width] = 4
    row = measure(labels).iloc[0]
    assert (row.label, row.area_px2) == (4, height * width)
    assert (row.y, row.x) == (3 + (height - 1) / 2, 5 + (width - 1) / 2)
    longest = max(math.hypot(height, width - 1), math.hypot(height - 1, width))  # between middles of pixel edges
    assert row.feret_max_px == pytest.approx(longest, rel=1e-12)
    assert row.axis_major_px == pytest.approx(4 * max(height, width) / math.sqrt(12), rel=1e-12)
    assert row.axis_minor_px == pytest.approx(4 * min(height, width) / math.sqrt(12), rel=1e-12)
    assert row.solidity == pytest.approx(1, rel=1e-12)
    if height > 1 or width > 1:
        assert row.feret_min_px == pytest.approx(min(height, width), rel=1e-12)
    assert row.orientation_deg == (90.0 if height > width else 0.0)


@pytest.mark.parametrize("angle", [-60, -45, -10, 0, 25, 45, 80])
def test_orientation_is_counter_clockwise_from_x(angle):
    mask = shape_mask("rod", (70, 90), centre=(33.3, 44.6), length=50, ratio=0.2, angle_deg=angle)
    assert measure(mask.astype(np.int32)).orientation_deg[0] == pytest.approx(angle, abs=0.5)


@given(st.integers(0, 2**32 - 1), st.integers(2, 25), st.integers(2, 30))
@settings(max_examples=60, deadline=None)
def test_random_blobs_keep_the_bounds_and_agree_with_scikit_image(seed, height, width):
    mask = np.random.default_rng(seed).random((height, width)) < 0.6
    mask[0, 0] = True
    row = measure(mask.astype(np.int32)).iloc[0]
    assert row.perimeter_px == pytest.approx(perimeter_crofton(mask, directions=4), rel=1e-12)
    assert 0 < row.solidity <= 1 + 1e-12  # Pick's theorem
    assert 0 < row.aspect_ratio <= 1
    assert row.axis_minor_px <= row.axis_major_px
    assert -90 < row.orientation_deg <= 90


def test_touching_particles_are_measured_as_if_alone():
    labels = np.zeros((30, 44), np.int32)
    labels[5:15, 4:20], labels[5:15, 20:33], labels[15:22, 4:33] = 3, 70_000, 2_000_000_000
    together = measure(labels)
    for label in (3, 70_000, 2_000_000_000):
        alone = measure(np.where(labels == label, labels, 0))
        of_it = [c for c in alone if c not in ("nearest_neighbour_distance_px", "local_contrast")]
        pd.testing.assert_frame_equal(together[together.label == label].reset_index(drop=True)[of_it], alone[of_it])


def test_label_in_two_pieces_is_one_particle():
    labels = np.zeros((20, 31), np.int32)
    labels[4:6, 4:6] = labels[4:6, 14:16] = 1
    row = measure(labels).iloc[0]
    assert (row.area_px2, row.x) == (8, 9.5)
    assert row.feret_max_px == pytest.approx(math.hypot(12, 1))


LENGTHS_NM = ["equivalent_diameter_nm", "feret_max_nm", "feret_min_nm", "axis_major_nm", "axis_minor_nm", "perimeter_nm"]


@given(st.floats(1e-3, 1e3), st.floats(0.5, 2.0), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_double_scale_doubles_lengths_and_leaves_shapes(y, ratio, seed):
    labels = (np.random.default_rng(seed).random((9, 13)) < 0.7).astype(np.int32)
    labels[0, 0] = 1
    one, two = measure(labels, scale=nm(y, y * ratio)), measure(labels, scale=nm(2 * y, 2 * y * ratio))
    np.testing.assert_allclose(two[LENGTHS_NM], 2 * one[LENGTHS_NM], rtol=1e-12)
    np.testing.assert_allclose(two.area_nm2, 4 * one.area_nm2, rtol=1e-12)
    shapes = ["aspect_ratio", "circularity", "solidity"]
    np.testing.assert_allclose(two[shapes], one[shapes], rtol=1e-12)


def test_square_pixels_scale_every_length_alike():
    table = measure(
        shape_mask("rod", (40, 60), centre=(20, 30.2), length=40, ratio=0.3, angle_deg=20).astype(np.int32), scale=nm(2.5)
    )
    for name in LENGTHS_NM:
        assert table[name][0] == pytest.approx(2.5 * table[name.replace("_nm", "_px")][0], rel=1e-12)


@pytest.mark.parametrize("spacing", [(1.0, 1.5), (2.0, 1.2)])
def test_pixels_that_are_not_square_give_the_specimens_lengths(spacing):
    where = {"shape": (150, 170), "centre": (70.3, 80.6), "spacing": spacing}
    disc = measure(shape_mask("ellipse", length=80, **where).astype(np.int32), scale=nm(*spacing)).iloc[0]
    for name in LENGTHS_NM[:-1]:
        assert disc[name] == pytest.approx(80, abs=max(spacing))  # a pixel
    assert disc.perimeter_nm == pytest.approx(80 * math.pi, rel=0.01)
    assert disc.circularity == pytest.approx(1, abs=0.02)
    assert disc.aspect_ratio > 1 - 1.5 * max(spacing) / 80
    assert disc.feret_min_px / disc.feret_max_px < 0.75  # in px it is an ellipse
    rod = measure(shape_mask("rod", length=90, ratio=0.25, angle_deg=30, **where).astype(np.int32), scale=nm(*spacing)).iloc[0]
    assert rod.orientation_deg == pytest.approx(30, abs=0.5)
    assert rod.feret_max_nm == pytest.approx(90, abs=1.5)
    assert rod.feret_min_nm == pytest.approx(22.5, abs=2)


def test_px_columns_do_not_depend_on_the_scale():
    labels = shape_mask("ellipse", (40, 60), centre=(20, 30), length=30, ratio=0.5, angle_deg=40).astype(np.int32)
    without, with_scale = measure(labels), measure(labels, scale=nm(3, 2))
    px = [c for c in without if c.endswith(("_px", "_px2"))]
    pd.testing.assert_frame_equal(without[px], with_scale[px])


def test_circularity_of_discs():
    for length, tolerance in ((10, 0.02), (30, 0.005), (80, 0.005)):
        assert many("ellipse", length).circularity.mean() == pytest.approx(1, abs=tolerance)
    dot = np.zeros((5, 7), np.int32)
    dot[2, 3] = 1
    assert measure(dot).circularity[0] > 1  # said in docs/conventions.md: not cut off


def grid_of_dots(shape=(50, 60)):
    labels = np.zeros(shape, np.int32)
    for label, (y, x) in enumerate([(0, 20), (20, 0), (46, 20), (20, 56), (20, 20), (1, 1), (38, 40), (34, 20)], start=1):
        labels[y : y + 4, x : x + 4] = label
    return labels


def test_border_flags_without_a_data_bar():
    flags = measure(grid_of_dots()).set_index("label")["flags"]
    assert flags[[1, 2, 3, 4]].tolist() == ["touches_border"] * 4
    assert flags[[5, 6, 7, 8]].tolist() == [""] * 4  # 6 is one pixel away from the corner


def test_data_bar_flags():
    flags = measure(grid_of_dots(), frame=(0, 0, 42, 60)).set_index("label")["flags"]
    assert flags[[1, 2, 4]].tolist() == ["touches_border"] * 3
    assert flags[[3, 7]].tolist() == ["touches_data_bar"] * 2  # 3 lies in it, 7 ends on the last row above it
    assert flags[[5, 8]].tolist() == [""] * 2
    corner = np.zeros((30, 40), np.int32)
    corner[20:25, 0:6] = 1
    assert measure(corner, frame=(0, 0, 25, 40))["flags"][0] == "touches_border|touches_data_bar"


def test_edge_weights_follow_the_formula():
    table = measure(grid_of_dots(), frame=(0, 0, 42, 60)).set_index("label").edge_weight
    assert table[5] == pytest.approx(42 * 60 / (38 * 56))
    assert (table[[1, 2, 3, 4, 7]] == 0).all()
    huge = np.zeros((50, 60), np.int32)
    huge[1:49, 1:59] = 1
    assert measure(huge).edge_weight[0] == EDGE_WEIGHT_CAP


@pytest.mark.slow
def test_edge_weights_undo_the_loss_of_large_particles():
    rng, (height, width), (h, w), total, n = np.random.default_rng(3), (90, 120), (30, 50), 0.0, 800
    for _ in range(n):
        y, x = rng.integers(-h, height), rng.integers(-w, width)
        labels = np.zeros((height, width), np.int32)
        labels[max(y, 0) : y + h, max(x, 0) : x + w] = 1
        total += measure(labels).edge_weight.sum()
    thrown_on_frame = n * height * width / ((height + h) * (width + w))
    kept = (height - h) * (width - w) / ((height + h) * (width + w))
    error = math.sqrt((1 - kept) / (n * kept))
    assert total / thrown_on_frame == pytest.approx(1, abs=3 * error + 1 / (height - h) + 1 / (width - w))


def test_grey_confidence_and_their_flags():
    labels = np.zeros((12, 17), np.int32)
    labels[2:4, 2:5], labels[6:9, 8:12] = 5, 9
    pixels = np.arange(12 * 17, dtype=np.uint16).reshape(12, 17) * 300
    foreground = np.where(labels == 5, 0.9, 0.3).astype(np.float32)
    table = measure(labels, pixels=pixels, foreground=foreground, separated={9})
    assert table.mean_grey.tolist() == [pixels[labels == k].mean() for k in (5, 9)]
    np.testing.assert_allclose(table.confidence, [0.9, 0.3], rtol=1e-6)
    assert table["flags"].tolist() == ["", "low_confidence|separated"]
    assert measure(labels, foreground=foreground, low_confidence_below=0.2)["flags"].tolist() == ["", ""]
    assert measure(labels).confidence.isna().all()


@pytest.mark.parametrize("scale", [None, nm(2.0)])
@pytest.mark.parametrize("n", [0, 1])
def test_columns_and_dtypes_are_the_registered_ones(scale, n):
    labels = np.zeros((8, 11), np.int32)
    labels[3:5, 4:7] = n
    table = measure(labels, scale=scale)
    expected = column_dtypes(in_nm=scale is not None)
    assert len(table) == n
    assert list(table.columns) == list(expected)
    assert table.dtypes.to_dict() == {k: pd.Series([], dtype=v).dtype for k, v in expected.items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros((3, 4, 5), int)}, r"labels must be .* got shape \(3, 4, 5\)"),
        ({"labels": np.zeros((6, 7))}, "float64"),
        ({"labels": np.full((6, 7), -2)}, "got -2"),
        ({"pixels": np.zeros((6, 8))}, r"pixels must have the shape of labels, \(6, 7\), got \(6, 8\)"),
        ({"foreground": np.zeros((5, 7))}, r"foreground .* got \(5, 7\)"),
        ({"frame": (0, 0, 7, 7)}, r"frame must be .* got \(0, 0, 7, 7\)"),
        ({"frame": (3, 0, 3, 7)}, r"got \(3, 0, 3, 7\)"),
    ],
)
def test_what_does_not_fit_is_said(change, message):
    arguments = {"labels": np.zeros((6, 7), int), "pixels": np.zeros((6, 7)), **change}
    with pytest.raises(ValueError, match=message):
        measure_particles(arguments.pop("labels"), scale=None, **arguments)
