"""Particles that stand out by their grey levels, where the network is unsure how to cut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.protocols import Maps
from nanogauge.core.settings import Settings
from nanogauge.detection.engines import make_engine
from nanogauge.detection.extremal_regions import extremal_regions
from nanogauge.detection.find import find_particles

SHAPE = (200, 240)
ROWS = range(20, 190, 24)


def rods() -> NDArray[np.int32]:
    """Labels of dark rods, 150 px by 12 px, one under the other."""
    out = np.zeros(SHAPE, np.int32)
    for k, y in enumerate(ROWS, 1):
        out[y - 6 : y + 6, 40:190] = k
    return out


def picture(labels: NDArray[np.int32], seed: int = 0) -> NDArray[np.uint8]:
    grey = np.where(labels > 0, 60.0, 190.0) + np.random.default_rng(seed).normal(0, 4, labels.shape)
    return np.clip(np.rint(cv2.GaussianBlur(grey, (0, 0), 1.0)), 0, 255).astype(np.uint8)


def maps_of(labels: NDArray[np.int32]) -> Maps:
    """As a network would draw these labels."""
    mask = labels > 0
    boundary, distance = np.zeros(SHAPE), np.zeros(SHAPE)
    for k in range(1, int(labels.max()) + 1):
        one = (labels == k).astype(np.uint8)
        far = cv2.distanceTransform(one, cv2.DIST_L2, 5)
        boundary[(far > 0) & (far < 2)] = 0.9
        distance = np.maximum(distance, far / far.max())
    return Maps(*(np.asarray(m, np.float32) for m in (0.97 * mask, boundary, distance)))


def halves(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    out = 2 * labels
    out[:, 115:][out[:, 115:] > 0] -= 1
    return out


@pytest.fixture(scope="module")
def calibration() -> dict[str, float]:
    found = make_engine("unet").calibration
    assert found is not None
    return {**found, "astray": 0.0}  # these maps point nowhere


def test_rods_cut_in_two_are_proposed_whole(calibration: dict[str, float]) -> None:
    true = rods()
    cut = halves(true)
    doubtful = np.full(int(cut.max()) + 1, 0.5)
    found = extremal_regions(picture(true), cut, doubtful, maps_of(true), calibration)
    assert found is not None
    labels, confidence = found
    assert int(labels.max()) == len(ROWS) == confidence.size - 1
    for k in range(1, len(ROWS) + 1):
        here = labels == labels[ROWS[k - 1], 115]
        assert (here & (true == k)).sum() / (here | (true == k)).sum() > 0.75


def test_a_sure_picture_is_left_as_it_is(calibration: dict[str, float]) -> None:
    true = rods()
    sure = np.full(int(true.max()) + 1, 0.95)
    assert extremal_regions(picture(true), true, sure, maps_of(true), calibration) is None


def test_nothing_is_proposed_in_place_of_a_sure_particle(calibration: dict[str, float]) -> None:
    true = rods()
    cut = halves(true)
    confidence = np.full(int(cut.max()) + 1, 0.5)
    confidence[[1, 2]] = 0.95  # both halves of the first rod
    found = extremal_regions(picture(true), cut, confidence, maps_of(true), calibration)
    assert found is not None
    assert not found[0][true == 1].any()
    assert found[0][true == 2].any()


def test_what_the_maps_hold_for_ground_is_no_particle(calibration: dict[str, float]) -> None:
    true = rods()
    grey = picture(true)
    ground = np.where(true > 4, 0, true)  # to the network the lower rods are ground
    cut = halves(ground)
    found = extremal_regions(grey, cut, np.full(int(cut.max()) + 1, 0.5), maps_of(ground), calibration)
    assert found is not None
    assert not found[0][true > 4].any()


def test_what_is_measured_is_one_of_the_readings() -> None:
    """A sure picture goes the same way as before; a doubtful one keeps what the network alone would have said as a reading."""
    rng = np.random.default_rng(5)
    grey = np.full((320, 320), 190.0)
    for y in range(12, 310, 17):
        for x in range(int(rng.integers(2, 20)), 300, 50):
            turned = cv2.boxPoints(((x + 20.0, float(y)), (42.0, 11.0), float(rng.uniform(-4, 4)))).astype(np.int32)
            cv2.fillPoly(grey, [turned], float(rng.uniform(40, 140)))
    grey = cv2.GaussianBlur(grey, (0, 0), 1.0) + rng.normal(0, 5, grey.shape)
    found = find_particles(np.clip(grey, 0, 255).astype(np.uint8), make_engine("unet"), Settings())
    assert found.readings[0].name == "measured"
    assert found.confidence is not None
    assert found.confidence.size == int(found.labels.max()) + 1
    assert set(np.unique(found.labels)) == set(range(found.confidence.size))
