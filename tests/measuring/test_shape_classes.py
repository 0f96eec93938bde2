"""Shapes by outlines: the outline itself, descriptors that know no size and no direction, and drawn shapes told right."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from nanogauge.core.settings import ClassSettings, Settings
from nanogauge.measuring import measure_particles, rings
from nanogauge.measuring.classes import shapes_seen, with_classes
from nanogauge.measuring.descriptors import DESCRIPTORS, descriptors
from nanogauge.measuring.rings import rings_of
from nanogauge.measuring.shape_classes import SHAPES, WEIGHTS, among_others

SHAPE = ClassSettings(by="shape")


def polygon(corners: list[tuple[float, float]], *, size: float, turn: float, grid: int = 160) -> NDArray[np.int32]:
    """Labels (grid, grid) of a polygon about the middle, corners (y, x) in units of `size` px."""
    c, s = math.cos(turn), math.sin(turn)
    at = np.array([(grid / 2 + size * (c * x - s * y), grid / 2 + size * (s * x + c * y)) for y, x in corners])
    canvas = np.zeros((grid, grid), np.uint8)
    cv2.fillPoly(canvas, [np.rint(at * 16).astype(np.int32)], 1, shift=4)
    return canvas.astype(np.int32)


def regular(n: int, start: float = 0.0) -> list[tuple[float, float]]:
    return [(math.sin(start + 2 * math.pi * k / n), math.cos(start + 2 * math.pi * k / n)) for k in range(n)]


CIRCLE, SQUARE, HEXAGON, TRIANGLE = regular(90), regular(4, math.pi / 4), regular(6), regular(3)
ROD = [(-0.2, -1.0), (-0.2, 1.0), (0.2, 1.0), (0.2, -1.0)]
RHOMBUS = [(0.0, 1.0), (1 / math.sqrt(2), 0.0), (0.0, -1.0), (-1 / math.sqrt(2), 0.0)]


def told(labels: NDArray[np.int32]) -> str:
    table = measure_particles(labels, pixels=labels, scale=None)
    return str(with_classes(table, labels, foreground=None, scale=None, settings=SHAPE)["class"].iloc[0])


@pytest.mark.parametrize("turn", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("size", [14.0, 60.0])
@pytest.mark.parametrize(
    ("corners", "shape"),
    [(CIRCLE, "sphere"), (SQUARE, "cube"), (HEXAGON, "plate"), (TRIANGLE, "octahedron"), (ROD, "rod"), (RHOMBUS, "octahedron")],
)
def test_drawn_shapes_are_told_at_every_size_and_direction(
    corners: list[tuple[float, float]], shape: str, size: float, turn: float
) -> None:
    assert told(polygon(corners, size=size, turn=turn)) == shape


def test_three_touching_discs_in_one_label_are_an_agglomerate() -> None:
    yy, xx = np.mgrid[:120, :120]
    discs = [(40, 40), (40, 72), (68, 56)]
    labels = np.any([(yy - y) ** 2 + (xx - x) ** 2 < 17**2 for y, x in discs], axis=0).astype(np.int32)
    assert told(labels) == "agglomerate"


def test_descriptors_know_no_size_no_direction_and_no_side() -> None:
    ring = np.array([(3 * y, 2 * x + 0.4 * y * y) for y, x in regular(128)])
    turned = ring @ np.array([[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]])
    one, other, mirrored = descriptors(np.array([ring * 10, turned * 25 + 300, ring[::-1] * 10]))
    same = [k for k, name in enumerate(DESCRIPTORS) if name != "pixels"]
    assert one[same] == pytest.approx(other[same], abs=0.02)
    assert one == pytest.approx(mirrored, abs=1e-6)
    assert other[-1] > one[-1]


def test_the_outline_lies_where_the_map_is_one_half() -> None:
    yy, xx = np.mgrid[:80, :80]
    r = np.hypot(yy - 39.3, xx - 40.2)
    field = np.clip(0.5 - (r - 20.3) / 4, 0, 1)
    index = np.where(field >= 0.5, 0, -1).astype(np.int32)
    y, x = np.nonzero(index == 0)
    boxes = np.array([[y.min()], [x.min()], [y.max() + 1], [x.max() + 1]])
    ring, there = rings_of(index, boxes, field)
    assert there.all()
    assert np.hypot(*(ring[0] - (39.3, 40.2)).T) == pytest.approx(20.3, abs=0.15)


def test_many_outlines_together_are_those_that_each_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    at = [(rng.uniform(6, 194), rng.uniform(6, 254), rng.uniform(2, 22)) for _ in range(40)]
    yy, xx = np.mgrid[:200, :260]
    index = np.full(yy.shape, -1, np.int32)
    for k, (y, x, r) in enumerate(at):  # some cut by the frame, some under others, some split by these
        index[np.hypot(yy - y, 0.8 * (xx - x)) <= r] = k
    kept = np.unique(index[index >= 0])
    index = np.where(index >= 0, np.searchsorted(kept, index), -1).astype(np.int32)
    places = [np.argwhere(index == k) for k in range(len(kept))]
    boxes = np.array([[*p.min(0), *(p.max(0) + 1)] for p in places]).T
    field = cv2.GaussianBlur((index >= 0).astype(np.float32), (0, 0), 1.0)
    for probability in (None, field):
        together, there = rings_of(index, boxes, probability)
        monkeypatch.setattr(rings, "_AT_ONCE", 1)
        alone, there_too = rings_of(index, boxes, probability)
        monkeypatch.undo()
        assert there.sum() > 25
        assert np.array_equal(there, there_too)
        np.testing.assert_allclose(together, alone, atol=1e-9)
        for ring, p in zip(together[there], [q for q, t in zip(places, there, strict=True) if t], strict=True):
            assert (ring >= p.min(0) - 2).all()
            assert (ring <= p.max(0) + 2).all()


def test_rings_are_smoothed_as_scipy_smooths_one_that_wraps() -> None:
    rng, n, sigma = np.random.default_rng(6), np.array([7, 40, 41, 300]), np.array([0.29, 1.0, 1.7, 3.0])
    values = rng.normal(size=(int(n.sum()), 2))
    ends = np.cumsum(n)[:-1]
    each = [ndimage.gaussian_filter1d(v, s, axis=0, mode="wrap") for v, s in zip(np.split(values, ends), sigma, strict=True)]
    np.testing.assert_allclose(rings._smoothed(values, rings._Ragged.of(n), sigma), np.concatenate(each), atol=1e-13)


def test_a_neighbour_that_lies_on_a_particle_does_not_shape_it() -> None:
    whole = polygon(SQUARE, size=40, turn=0.1)
    covered = whole.copy()
    yy, xx = np.mgrid[:160, :160]
    covered[np.hypot(yy - 80, xx - 116) < 18] = 2
    seen = shapes_seen(covered, foreground=None, scale=None)
    assert SHAPES[int(seen[0].argmax())] == "cube"


def test_too_small_a_particle_is_unsure_and_without_classes_nothing_is_added() -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[4:6, 4:6] = 1
    table = measure_particles(labels, pixels=labels, scale=None)
    classed = with_classes(table, labels, foreground=None, scale=None, settings=SHAPE)
    assert classed["class"].tolist() == ["unsure"]
    assert classed["class_confidence"].isna().all()
    assert with_classes(table, labels, foreground=None, scale=None, settings=Settings().classes) is table


def test_what_the_frame_cuts_is_unsure() -> None:
    labels = polygon(CIRCLE, size=30, turn=0.0)[:90]
    table = measure_particles(labels, pixels=labels, scale=None)
    classed = with_classes(table, labels, foreground=None, scale=None, settings=SHAPE)
    assert classed["class"].tolist() == ["unsure"]


def test_an_outline_that_may_be_two_things_is_what_the_others_are() -> None:
    cube, plate = SHAPES.index("cube"), SHAPES.index("plate")
    seen = np.full((31, len(SHAPES)), 0.01)
    seen[:30, cube] = 0.94
    seen[30, [cube, plate]] = 0.4, 0.55
    seen /= seen.sum(axis=1, keepdims=True)
    now = among_others(seen)
    assert now[30].argmax() == cube
    assert now.sum(axis=1) == pytest.approx(1)
    assert among_others(seen[30:]).argmax() == plate


def test_weights_are_a_few_kilobytes() -> None:
    assert WEIGHTS.stat().st_size < 20_000
