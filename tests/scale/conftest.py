"""One real text reader for the whole session (its models take a second to load), and a plain ground to draw on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from nanogauge.detection.engines.ocr import RapidOcrReader


@pytest.fixture(scope="session")
def reader() -> RapidOcrReader:
    return RapidOcrReader(n_threads=1)


@pytest.fixture
def ground(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A grainy grey picture, wider than high."""
    relief = gaussian_filter(rng.normal(size=(360, 480)), 6)
    grey = 110 + 20 * relief / relief.std() + rng.normal(0, 6, relief.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
