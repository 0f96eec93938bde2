"""Descriptors against shapes with formulas, and against scikit-image and imea on the same masks."""

from __future__ import annotations

import math
import warnings

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from skimage.measure import regionprops_table

from nanogauge.core.particles import Flag
from nanogauge.core.scale import Scale
from nanogauge.measuring import edge_profile, measure_particles


def measure(labels, **options):
    options.setdefault("pixels", np.zeros(labels.shape, np.uint8))
    options.setdefault("scale", None)
    return measure_particles(labels, **options)


def soft_disc(shape, y, x, d, *, blur=0.4):
    """(H, W) probability of a disc whose edge is spread over some px, exactly 0.5 on the outline."""
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    return norm.cdf((d / 2 - np.hypot(yy - y, xx - x)) / blur).astype(np.float32)


def discs(d, *, n=30, seed=0, blur=0.4):
    rng = np.random.default_rng(seed)
    side = math.ceil(d) + 9
    tiles = [soft_disc((side, side + 3), *(side / 2 + rng.uniform(-0.5, 0.5, 2)), d, blur=blur) for _ in range(n)]
    p = np.hstack(tiles)
    index = np.repeat(np.arange(1, n + 1), side + 3)
    return p, np.where(p > 0.5, index[None], 0).astype(np.int32)


def blobs(seed=2, n=12):
    """Irregular blobs, one a tile."""
    rng = np.random.default_rng(seed)
    tiles = []
    for i in range(n):
        noise = cv2.GaussianBlur(rng.standard_normal((48, 55)).astype(np.float32), (0, 0), 5.0)
        noise[:4] = noise[-4:] = -1
        noise[:, :4] = noise[:, -4:] = -1
        count, parts, stats, _ = cv2.connectedComponentsWithStats((noise > 0).astype(np.uint8), connectivity=4)
        mask = parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        assert count > 1
        tiles.append(np.where(mask, i + 1, 0))
    return np.hstack(tiles).astype(np.int32)


@pytest.mark.parametrize("d", [5, 8, 14, 30, 50])
def test_subpixel_outlines_lower_the_error(d):
    p, labels = discs(d)
    by_map, by_labels = measure(labels, foreground=p), measure(labels)

    def rms(t, name):
        return math.sqrt(((t[name] - d) ** 2).mean())

    assert rms(by_map, "equivalent_diameter_px") < 0.75 * rms(by_labels, "equivalent_diameter_px")
    assert rms(by_map, "feret_max_px") < 0.5 * rms(by_labels, "feret_max_px")
    assert rms(by_map, "feret_min_px") < 0.9 * rms(by_labels, "feret_min_px")
    assert abs(by_map["equivalent_diameter_px"].mean() / d - 1) < 0.012
    assert abs(by_map["feret_max_px"].mean() - d) < 0.25  # no one-pixel bias
    assert abs(by_map["feret_min_px"].mean() - d) < 0.25


def test_without_subpixel_the_map_moves_no_outline():
    p, labels = discs(12)
    names = ["area_px2", "feret_max_px", "equivalent_diameter_px", "perimeter_px"]
    pd.testing.assert_frame_equal(measure(labels, foreground=p, subpixel=False)[names], measure(labels)[names])
    assert (measure(labels)["area_px2"] == np.bincount(labels.ravel())[1:]).all()


def test_inner_and_outer_outlines_enclose_the_outline():
    p, labels = discs(20, blur=1.0)
    t = measure(labels, foreground=p)
    expected = 2 * norm.ppf(0.7)  # of the diameter, either way, for an edge of 1 px
    assert (t["equivalent_diameter_px"] - t["equivalent_diameter_inner_px"]).mean() == pytest.approx(expected, abs=0.15)
    assert (t["equivalent_diameter_outer_px"] - t["equivalent_diameter_px"]).mean() == pytest.approx(expected, abs=0.15)
    assert measure(labels)["equivalent_diameter_inner_px"].isna().all()


def test_large_disc_has_the_figures_of_a_circle():
    p, labels = discs(60, n=8)
    t = measure(labels, foreground=p).mean(numeric_only=True)
    for name in ("feret_max", "feret_min", "feret_90", "feret_mean", "axis_major", "axis_minor", "circumscribed_diameter"):
        assert t[f"{name}_px"] == pytest.approx(60, rel=0.01), name
    assert t["inscribed_diameter_px"] == pytest.approx(60, abs=0.5)
    for name in ("circularity", "form_factor", "roundness", "compactness", "solidity", "convexity", "aspect_ratio"):
        assert t[name] == pytest.approx(1, abs=0.02), name
    assert t["ellipse_residual"] < 0.01


def test_rectangle_has_the_figures_of_a_rectangle():
    labels = np.zeros((60, 80), np.int32)
    labels[10:22, 8:68] = 1  # 12 x 60
    row = measure(labels).iloc[0]
    area, perimeter = 720.0, row["perimeter_px"]
    assert row["feret_90_px"] < row["feret_max_px"]
    assert row["circularity"] == pytest.approx(math.sqrt(4 * math.pi * area) / perimeter)
    assert row["form_factor"] == pytest.approx(row["circularity"] ** 2)
    assert row["roundness"] == pytest.approx(row["compactness"] ** 2)
    assert row["geodesic_length_px"] * row["geodesic_thickness_px"] == pytest.approx(area)
    assert 2 * (row["geodesic_length_px"] + row["geodesic_thickness_px"]) == pytest.approx(perimeter)
    assert row["geodesic_length_px"] == pytest.approx(60, rel=0.1)  # Crofton: an edge along the grid is 5 % short
    assert row["inscribed_diameter_px"] == pytest.approx(12, abs=0.05)
    assert row["circumscribed_diameter_px"] == pytest.approx(math.hypot(12, 60), abs=1)
    assert row["ellipse_residual"] == pytest.approx(0.0906, abs=0.004)  # of any rectangle


def test_a_bent_fibre_keeps_its_length():
    t = np.linspace(0, math.pi, 400)
    points = np.stack([80 + 60 * np.cos(t), 20 + 60 * np.sin(t)], axis=1)  # half a circle: 60 pi long
    canvas = np.zeros((110, 160), np.uint8)
    cv2.polylines(canvas, [np.round(points).astype(np.int32).reshape(-1, 1, 2)], False, 1, 7)
    row = measure(canvas.astype(np.int32)).iloc[0]
    assert row["geodesic_length_px"] == pytest.approx(60 * math.pi + 7, rel=0.05)
    assert row["geodesic_thickness_px"] == pytest.approx(canvas.sum() / (60 * math.pi + 7), rel=0.06)
    assert row["feret_max_px"] < 0.75 * row["geodesic_length_px"]


def test_compact_particles_have_no_geodesic_length():
    _, labels = discs(20, n=2)
    assert measure(labels)["geodesic_length_px"].isna().all()


def test_nearest_neighbour_in_px_and_in_nm():
    labels = np.zeros((30, 60), np.int32)
    labels[5:8, 5:8], labels[5:8, 15:18], labels[25:28, 15:18] = 1, 2, 3
    t = measure(labels, scale=Scale((3.0, 2.0), 0.0, "user"))
    assert t["nearest_neighbour_distance_px"].tolist() == [10, 10, 20]
    assert t["nearest_neighbour_distance_nm"].tolist() == [20, 20, 60]
    assert measure(np.where(labels == 1, 1, 0))["nearest_neighbour_distance_px"].isna().all()


def test_local_contrast_is_free_of_brightness_and_contrast_knobs():
    rng = np.random.default_rng(0)
    _, labels = discs(16, n=4)
    pixels = rng.normal(100, 5, labels.shape) + 40 * (labels > 0)
    contrast = measure(labels, pixels=pixels)["local_contrast"]
    assert contrast.mean() == pytest.approx(8, rel=0.1)
    np.testing.assert_allclose(measure(labels, pixels=3 * pixels + 7)["local_contrast"], contrast)
    full = np.ones((9, 12), np.int32)
    assert measure(full, pixels=np.arange(108.0).reshape(9, 12))["local_contrast"].isna().all()


def test_size_window_flags_and_leaves_out():
    labels = np.zeros((50, 70), np.int32)
    labels[5:8, 5:8], labels[10:20, 10:20], labels[5:40, 30:65] = 1, 2, 3
    t = measure(labels, least_diameter_px=5, largest_frame_share=0.6)
    assert t["flags"].tolist() == ["too_small", "", "too_large"]
    assert (t["edge_weight"] > 0).tolist() == [False, True, False]
    assert {Flag.TOO_SMALL.name, Flag.TOO_LARGE.name} <= {f.name for f in Flag}
    with pytest.raises(ValueError, match=r"got 0.0, 1.5"):
        measure(labels, largest_frame_share=1.5)


def test_agreement_with_scikit_image():
    labels = blobs()
    ours = measure(labels)
    names = (
        "area",
        "equivalent_diameter_area",
        "perimeter_crofton",
        "axis_major_length",
        "axis_minor_length",
        "feret_diameter_max",
    )
    theirs = regionprops_table(labels, properties=("centroid", *names))
    np.testing.assert_allclose(ours["area_px2"], theirs["area"])
    np.testing.assert_allclose(ours["equivalent_diameter_px"], theirs["equivalent_diameter_area"], rtol=1e-12)
    np.testing.assert_allclose(ours["perimeter_px"], theirs["perimeter_crofton"], rtol=1e-12)
    np.testing.assert_allclose(ours["y"], theirs["centroid-0"], rtol=1e-12)
    for mine, other in (("axis_major_px", "axis_major_length"), ("axis_minor_px", "axis_minor_length")):
        # each pixel a square, not a point: 16/12 px² more in the square of an axis
        np.testing.assert_allclose(ours[mine] ** 2, theirs[other] ** 2 + 16 / 12, rtol=1e-9)
    # theirs is of the hull filled with pixels
    assert ((theirs["feret_diameter_max"] - ours["feret_max_px"]).abs() < 0.85).all()


def test_agreement_with_imea():
    extract = pytest.importorskip("imea", reason="imea is not installed").extract
    warnings.simplefilter("ignore", FutureWarning)  # its own use of scikit-image
    labels = blobs(n=4)
    ours = measure(labels)
    for row in ours.itertuples():
        mask = np.pad(labels == row.label, 2)
        theirs = extract.shape_measurements_2d(mask, spatial_resolution_xy=1).iloc[0]
        assert row.equivalent_diameter_px == pytest.approx(theirs["diameter_equal_area"], rel=1e-9)
        assert row.feret_max_px == pytest.approx(theirs["feret_max"], abs=1.5)  # theirs: whole px, every 9 degrees
        assert row.feret_mean_px == pytest.approx(theirs["feret_mean"], abs=1)
        assert row.inscribed_diameter_px == pytest.approx(theirs["diameter_max_inclosing_circle"] - 1, abs=1)
        assert row.circumscribed_diameter_px == pytest.approx(theirs["diameter_min_enclosing_circle"] + 1, abs=1)


def spheres_picture(offset):
    """A blurred picture of discs and labels that lie `offset` px outside their edge."""
    rng = np.random.default_rng(5)
    yy, xx = np.mgrid[:160, :200]
    picture, labels = np.full((160, 200), 60.0), np.zeros((160, 200), np.int32)
    for i, (y, x) in enumerate([(40, 40), (40, 120), (110, 60), (115, 150)], start=1):
        r = np.hypot(yy - y - 0.3, xx - x + 0.2)
        picture += 90 * (r <= 18)
        labels[r <= 18 + offset] = i
    return cv2.GaussianBlur(picture, (0, 0), 1.0) + rng.normal(0, 4, picture.shape), labels


@pytest.mark.parametrize("offset", [-1.5, 0.0, 2.0])
def test_edge_profile_finds_how_far_outlines_are_off(offset):
    picture, labels = spheres_picture(offset)
    found = edge_profile(labels, picture)
    assert found.offset_px == pytest.approx(-offset, abs=0.2)
    assert found.distance_px.shape == found.grey.shape
    assert edge_profile(labels, 255 - picture).offset_px == pytest.approx(found.offset_px, abs=1e-6)


def test_edge_profile_says_where_there_is_no_edge():
    _, labels = spheres_picture(0.0)
    noise = np.random.default_rng(1).normal(100, 5, labels.shape)
    assert math.isnan(edge_profile(np.zeros_like(labels), noise).offset_px)
    assert math.isnan(edge_profile(labels, np.full(labels.shape, 7.0)).offset_px)
    with pytest.raises(ValueError, match="one shape"):
        edge_profile(labels, noise[1:])
