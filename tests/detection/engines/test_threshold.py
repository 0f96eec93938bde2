"""The baseline engine: bright or dark particles, touching ones, nothing at all."""

from __future__ import annotations

import numpy as np
import pytest

from nanogauge.core.protocols import Maps
from nanogauge.detection.engines.threshold import ThresholdEngine
from nanogauge.detection.separate import separate


@pytest.mark.parametrize("bright", [True, False])
def test_particles_are_what_fills_less_of_the_rim(bright: bool) -> None:
    yy, xx = np.mgrid[:90, :140]
    grey = np.full((90, 140), 60.0)
    for y, x in [(40, 40), (40, 63), (60, 110)]:  # the first two touch
        grey[np.hypot(yy - y, xx - x) < 12] = 180
    grey += np.random.default_rng(0).normal(0, 5, grey.shape)
    maps = ThresholdEngine().predict((grey if bright else 255 - grey).astype(np.float32))
    assert maps.shape == (3, 90, 140)
    labels = separate(Maps(*maps))
    assert labels.max() == 3
    assert labels[40, 40] != labels[40, 63]


def test_a_flat_picture_has_no_particles() -> None:
    assert not ThresholdEngine().predict(np.zeros((40, 60), np.float32)).any()
