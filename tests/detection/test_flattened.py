"""Particles on a support that is thick here and thin there: the picture is looked at without its slow changes, too."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.settings import Settings
from nanogauge.detection import find
from nanogauge.detection.engines import make_engine
from nanogauge.detection.flattened import _out_of_place, flattened_looks
from nanogauge.detection.looks import Look
from nanogauge.detection.merging import with_flattened

SEES = (6.0, 260.0)
SIZE_PX = 15.0


def drawn(discs: list[tuple[float, float, float]], sure: float, *, side: int = 300) -> Look:
    """A look at a square picture with these discs (y, x, diameter)."""
    y, x = np.mgrid[0:side, 0:side]
    labels = np.zeros((side, side), np.int32)
    for k, (at_y, at_x, d) in enumerate(discs, 1):
        labels[np.hypot(y - at_y, x - at_x) < d / 2] = k
    confidence = np.concatenate([[1.0], np.full(len(discs), sure)])
    return Look(1.0, labels, (labels > 0).astype(np.float32), confidence)


UPON = [(120.0, 130.0, 16.0), (150.0, 170.0, 16.0), (180.0, 130.0, 16.0)]


def test_what_a_doubtful_object_carries_takes_its_place() -> None:
    found = with_flattened(drawn([(150, 150, 160), (40, 40, 30)], 0.6), drawn([*UPON, (260, 260, 14)], 0.7), SEES)
    sizes = sorted(np.bincount(found.labels.ravel())[1:].tolist())
    assert len(sizes) == 5  # three upon it, one beside it, and the other that was there
    assert sizes[-1] == np.count_nonzero(drawn([(40, 40, 30)], 1.0).labels)
    assert found.labels[100, 150] == 0  # the support is ground


@pytest.mark.parametrize(
    ("sure", "upon", "how_sure"),
    [(0.9, UPON, 0.7), (0.6, UPON[:2], 0.7), (0.6, UPON, 0.4), (0.6, [(y, x, 60.0) for y, x, _ in UPON[:2]], 0.7)],
)
def test_a_sure_object_stays_and_so_does_one_with_few_doubtful_or_large_ones_upon_it(
    sure: float, upon: list[tuple[float, float, float]], how_sure: float
) -> None:
    base = drawn([(150, 150, 160)], sure)
    assert with_flattened(base, drawn(upon, how_sure), SEES) is base


def catalyst(seed: int = 3) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A dark-field picture: 70 bright particles of 15 px on grains whose thickness changes a dozen times more."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:640, 0:640].astype(float)
    grey = np.full((640, 640), 8.0)
    for _ in range(16):
        at, r = rng.uniform(80, 560, 2), rng.uniform(60, 120)
        grey += 60 * np.sqrt(np.clip(1 - ((y - at[0]) ** 2 + (x - at[1]) ** 2) / r**2, 0, None))
    grey = cv2.GaussianBlur(grey, (0, 0), 4.0)
    places = np.zeros((0, 2))
    while len(places) < 70:
        at = rng.uniform(20, 620, 2)
        if grey[int(at[0]), int(at[1])] > 40 and (np.hypot(*(places - at).T) > 2 * SIZE_PX).all():
            places = np.vstack([places, at])
            grey += 26 * np.sqrt(np.clip(1 - ((y - at[0]) ** 2 + (x - at[1]) ** 2) / (SIZE_PX / 2) ** 2, 0, None))
    grey = cv2.GaussianBlur(grey, (0, 0), 1.0) + rng.normal(0, 6, grey.shape)
    return np.clip(np.rint(grey * 230 / np.percentile(grey, 99.9)), 0, 255).astype(np.uint8), places


def right_and_wrong(labels: NDArray[np.int32], places: NDArray[np.float64]) -> tuple[int, int]:
    """Places that lie within a particle of their own, and other particles."""
    hit = {int(labels[int(y), int(x)]) for y, x in places} - {0}
    small = {k for k in hit if np.count_nonzero(labels == k) < 4 * np.pi / 4 * SIZE_PX**2}
    return len(small), len(np.unique(labels)) - 1 - len(small)


def test_particles_on_an_uneven_support_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    grey, places = catalyst()
    engine = make_engine("unet", n_threads=1)
    after = find.find_particles(grey, engine, Settings())
    monkeypatch.setattr(find, "flattened_looks", lambda *_: [])
    before = find.find_particles(grey, engine, Settings())
    right, wrong = right_and_wrong(after.labels, places)
    assert right >= right_and_wrong(before.labels, places)[0] + 10
    assert wrong <= 0.15 * right
    assert len(after.looks) > len(before.looks)


def test_only_doubtful_pictures_of_an_uneven_ground_are_flattened() -> None:
    engine, settings = make_engine("unet", n_threads=1), Settings()
    grey, _ = catalyst()
    doubtful, sure = (drawn([(150, 150, 40)], c, side=640) for c in (0.7, 0.95))
    assert flattened_looks(grey, sure, engine, settings) == []
    even = np.random.default_rng(0).normal(120, 20, grey.shape).astype(np.uint8)
    assert flattened_looks(even, doubtful, engine, settings) == []
    assert sorted(look.zoom for _, look in flattened_looks(grey, doubtful, engine, settings)) == [0.5, 1.0, 2.0]


def test_what_is_too_large_faint_or_of_the_other_sense_is_out_of_place() -> None:
    places = [(60.0, 60.0, 20.0), (60.0, 160.0, 20.0), (200.0, 150.0, 60.0), (60.0, 220.0, 20.0)]
    look = drawn(places, 0.8)
    picture = np.full((300, 300), 40, np.uint8)
    picture[:, 270:] = 220
    for label, level in zip((1, 2, 3, 4), (80, 42, 140, 10), strict=True):
        picture[look.labels == label] = level
    bright = drawn([(60, 60, 20), (250, 40, 20), (250, 80, 20)], 0.9)
    picture[(bright.labels > 1)] = 90
    assert _out_of_place(look, bright, picture).tolist() == [False, False, True, True, True]
    dark = drawn([(60, 220, 20), (150, 40, 20), (150, 80, 20)], 0.9)
    picture[(dark.labels > 1)] = 5
    assert _out_of_place(look, dark, picture).tolist() == [False, True, True, True, False]
    assert _out_of_place(drawn([], 0.8), bright, picture).tolist() == [False]
