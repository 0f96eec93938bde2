"""Confidence of a particle: from the traits of its maps, in order of label."""

from __future__ import annotations

import numpy as np
import pytest

from nanogauge.core.protocols import Maps
from nanogauge.detection.confidence import TRAITS, USUAL_PX, expected_found, particle_confidence, probability, traits


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
    assert probability(np.array([[1.0, 1.0, 1.0, 0.0, 0.0]]), CALIBRATION)[0] > 0.95
    assert probability(np.array([[0.1, 0.3, 1.0, 0.0, 0.0]]), CALIBRATION)[0] < 0.2
    odd = CALIBRATION | {"size_squared": -100.0}  # sure of what is shown at its usual size only
    assert probability(np.array([[1.0, 1.0, 1.0, 1.0, 1.0]]), odd)[0] < 0.01


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
