"""Particles of a few px beside ones so large that they set the magnification: found, and no grain is taken for them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.settings import Settings
from nanogauge.detection.engines import make_engine
from nanogauge.detection.find import find_particles


def discs(diameters: list[float], *, seed: int = 1, shape: tuple[int, int] = (600, 800)) -> NDArray[np.uint8]:
    """Dark discs apart from each other on a grainy ground, the largest placed first."""
    rng, placed, fine = np.random.default_rng(seed), list[tuple[float, float, float]](), 4
    picture = np.full((shape[0] * fine, shape[1] * fine), 170, np.uint8)
    for d in sorted(diameters, reverse=True):
        while True:
            y, x = rng.uniform(d / 2 + 3, shape[0] - d / 2 - 3), rng.uniform(d / 2 + 3, shape[1] - d / 2 - 3)
            if all(np.hypot(y - a, x - b) > (d + other) / 2 + 6 for a, b, other in placed):
                break
        placed.append((y, x, d))
        cv2.circle(picture, (round(x * fine), round(y * fine)), round(d / 2 * fine), 70, -1)
    soft = cv2.GaussianBlur(cv2.resize(picture, shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32), (0, 0), 1.0)
    return np.clip(soft + rng.normal(0, 6, shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("n_small", [80, 0])
def test_small_ones_beside_seventeen_times_larger_ones(n_small: int) -> None:
    found = find_particles(discs([140.0] * 4 + [8.0] * n_small), make_engine("unet"), Settings())
    px = np.sqrt(4 * np.bincount(found.labels.ravel())[1:] / np.pi)
    assert np.count_nonzero(px > 100) == 4
    assert np.count_nonzero(px < 20) == pytest.approx(n_small, abs=2)
