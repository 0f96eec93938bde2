"""Confidence of a particle: from the traits of its maps, in order of label."""

from __future__ import annotations

import numpy as np
import pytest

from nanogauge.core.protocols import Maps
from nanogauge.detection.confidence import TRAITS, USUAL_PX, astray, expected_found, particle_confidence, probability, traits


def scene(outline: float, middle: float) -> tuple[np.ndarray, Maps]:
    """Two squares; the second one's maps are as given, the first one's are perfect."""
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 5:15], labels[5:15, 25:35] = 1, 2
    boundary, distance = np.zeros((20, 40), np.float32), np.zeros((20, 40), np.float32)
    for label, wall, peak in ((1, 1.0, 1.0), (2, outline, middle)):
        inside = labels == label
        core = np.zeros_like(inside)
        ys, xs = np.nonzero(inside)
        core[ys.min() + 1 : ys.max(), xs.min() + 1 : xs.max()] = True
        boundary[inside & ~core] = wall
        distance[core] = peak / 2
        distance[10, int(xs.mean())] = peak
    return labels, Maps((labels > 0).astype(np.float32), boundary, distance)


CALIBRATION = {"intercept": -9.83, "outline": 11.28, "middle": 3.44}


def test_traits_are_the_outline_s_boundary_and_the_middle_s_distance():
    labels, maps = scene(0.4, 0.7)
    found = traits(labels, maps)
    assert found[:, :3] == pytest.approx(np.array([[1.0, 1.0, 1.0], [0.4, 0.7, 1.0]]), abs=1e-6)
    assert found[:, 3] == pytest.approx(np.log(np.sqrt(400 / np.pi) / USUAL_PX))
    assert found[:, 4] == pytest.approx(found[:, 3] ** 2)


def test_a_clear_particle_is_surer_than_a_vague_one():
    for outline, middle in ((0.4, 1.0), (1.0, 0.5), (0.3, 0.3)):
        labels, maps = scene(outline, middle)
        clear, vague = particle_confidence(labels, maps, CALIBRATION)
        assert 0 < vague < clear < 1
    assert probability(np.array([[1.0, 1.0, 1.0, *[0.0] * 6]]), CALIBRATION)[0] > 0.95
    assert probability(np.array([[0.1, 0.3, 1.0, *[0.0] * 6]]), CALIBRATION)[0] < 0.2
    odd = CALIBRATION | {"size_squared": -100.0}  # sure of what is shown at its usual size only
    assert probability(np.array([[1.0, 1.0, 1.0, 1.0, 1.0, *[0.0] * 4]]), odd)[0] < 0.01


def test_what_is_seen_beside_a_particle_counts_by_area():
    labels, maps = scene(1.0, 0.4)
    labels[labels == 2] = 0
    labels[6:11, 26:31] = 2  # a quarter of the first one's area, its middle outside
    found = traits(labels, maps)
    share = np.array([100, 25]) / 125
    assert found[:, 6] == pytest.approx(share @ found[:, 1])
    assert found[:, 7] == pytest.approx(found[:, 3] - share @ found[:, 3])
    assert found[0, 7] - found[1, 7] == pytest.approx(np.log(2))
    assert found[:, 8] == pytest.approx(found[:, 7] ** 2)


def test_no_particle_and_an_unused_number():
    labels, maps = scene(0.5, 0.5)
    assert particle_confidence(np.zeros_like(labels), maps, CALIBRATION).shape == (0,)
    found = traits(np.where(labels == 2, 5, 0), maps)
    assert found.shape == (5, len(TRAITS))
    assert (found[:4] == 0).all()
    assert found[4, :3] == pytest.approx([0.5, 0.5, 1.0])


def test_the_less_sure_of_what_was_found_the_more_was_missed():
    rule = {"found_intercept": 0.2, "found_slope": 1.0}
    sure = expected_found(np.array([1.0, 0.97, 0.95]), rule)
    unsure = expected_found(np.array([1.0, 0.6, 0.5]), rule)
    assert sure is not None
    assert unsure is not None
    assert 0 < unsure < sure < 1
    assert expected_found(np.array([1.0, 1.0]), rule) <= 1
    assert expected_found(np.array([1.0, 0.9]), {"floor": 0.05}) is None  # a network of which it is not known
    assert expected_found(np.ones(1), rule) is None
    assert expected_found(None, rule) is None


def pointing(labels: np.ndarray) -> np.ndarray:
    """Pointers of a network that sees the particles of `labels`."""
    out = np.full((2, *labels.shape), 0.5, np.float32)
    for label in np.unique(labels[labels > 0]):
        at = np.nonzero(labels == label)
        radius = np.sqrt(len(at[0]) / np.pi)
        for axis in (0, 1):
            out[axis][at] = 0.5 + 0.25 * (at[axis].mean() - at[axis]) / radius
    return out


def test_pointers_tell_two_in_one_and_halves_from_whole_particles():
    y, x = np.mgrid[0:60, 0:90]
    discs = np.zeros((60, 90), np.int32)
    for label, (cy, cx) in enumerate(((20, 20), (20, 43), (44, 70)), start=1):
        discs[np.hypot(y - cy, x - cx) < 12] = label
    pointers = pointing(discs)
    assert astray(discs, pointers) == pytest.approx([0, 0, 0], abs=0.03)
    joined = np.array([0, 1, 1, 2], np.int32)[discs]
    assert astray(joined, pointers)[0] > 0.5
    assert astray(joined, pointers)[1] < 0.03
    half = np.where((discs == 1) & (x < 20), 1, np.where(discs == 3, 2, 0)).astype(np.int32)
    assert astray(half, pointers)[0] > 0.3
    assert astray(discs, None).tolist() == [0, 0, 0]
    labels, maps = scene(1.0, 1.0)
    assert traits(labels, maps)[:, 5].tolist() == [0, 0]
