"""Outlines run along pixel edges and enclose exactly the particle's pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from nanogauge.measuring.contours import outlines, trace


def area(polygon: np.ndarray) -> float:
    y, x = polygon.astype(float).T
    return abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2


def filled(polygon: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels inside a polygon of horizontal and vertical edges, by the even-odd rule: each vertical edge flips all to its right."""
    inside = np.zeros(shape, bool)
    for (ya, xa), (yb, xb) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        assert ya == yb or xa == xb, "an edge that is neither horizontal nor vertical"
        inside[min(ya, yb) : max(ya, yb), xa:] ^= xa == xb
    return inside


def solid_blob(mask: np.ndarray) -> np.ndarray:
    """The largest 4-connected piece of a mask, without holes."""
    parts, n = ndimage.label(mask)
    if n == 0:
        return np.zeros(mask.shape, bool)
    return ndimage.binary_fill_holes(parts == 1 + np.argmax(np.bincount(parts.ravel())[1:]))


masks = st.tuples(st.integers(1, 9), st.integers(1, 13)).flatmap(lambda shape: arrays(bool, shape, elements=st.booleans()))


@settings(deadline=None)
@given(masks)
def test_encloses_exactly_its_pixels(mask: np.ndarray) -> None:
    blob = solid_blob(mask)
    polygon = trace(blob)
    assert np.array_equal(filled(polygon, blob.shape), blob)
    assert area(polygon) == blob.sum()


@settings(deadline=None)
@given(masks)
def test_vertices_are_turning_points_only(mask: np.ndarray) -> None:
    polygon = trace(solid_blob(mask))
    ahead = np.roll(polygon, -1, axis=0) - polygon
    turns = ahead[:, 0] * np.roll(ahead, 1, axis=0)[:, 1] - ahead[:, 1] * np.roll(ahead, 1, axis=0)[:, 0]
    assert np.all(turns != 0)


def test_a_pixel_is_the_square_of_its_four_corners() -> None:
    mask = np.zeros((5, 9), bool)
    mask[2, 6] = True
    assert {tuple(v) for v in trace(mask).tolist()} == {(2, 6), (2, 7), (3, 6), (3, 7)}


def test_a_rectangle_has_four_vertices() -> None:
    mask = np.zeros((6, 11), bool)
    mask[1:4, 2:9] = True
    assert {tuple(v) for v in trace(mask).tolist()} == {(1, 2), (1, 9), (4, 2), (4, 9)}


def test_a_full_picture_is_outlined_at_its_border() -> None:
    assert {tuple(v) for v in trace(np.ones((3, 7), bool)).tolist()} == {(0, 0), (0, 7), (3, 0), (3, 7)}


def test_pixels_that_meet_at_a_corner_stay_apart() -> None:
    """The larger of two pieces that share only a corner is outlined, and the other is not in it."""
    mask = np.zeros((5, 8), bool)
    mask[1:3, 1:4] = True  # 6 px
    mask[3, 4] = True  # 1 px, at its corner
    polygon = trace(mask)
    assert area(polygon) == 6
    assert not filled(polygon, mask.shape)[3, 4]


def test_a_hole_is_not_part_of_the_outer_outline() -> None:
    mask = np.ones((5, 9), bool)
    mask[2, 3:6] = False
    assert area(trace(mask)) == 45


def test_an_empty_mask_has_no_outline() -> None:
    assert trace(np.zeros((4, 6), bool)).shape == (0, 2)


def test_all_particles_in_coordinates_of_the_picture() -> None:
    labels = np.zeros((12, 20), np.int32)
    labels[0:3, 0:5] = 1  # in the corner
    labels[2:7, 5:9] = 2  # touches 1
    labels[9:12, 14:20] = 5  # in the other corner; 3 and 4 do not exist
    found = dict(outlines(labels))
    assert list(found) == [1, 2, 5]
    for label, polygon in found.items():
        assert np.array_equal(filled(polygon, labels.shape), labels == label)


@pytest.mark.parametrize("labels", [np.zeros((3, 4), np.int32)])
def test_no_particles_no_outlines(labels: np.ndarray) -> None:
    assert list(outlines(labels)) == []
