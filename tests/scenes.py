"""Pictures with known truth that any threshold can separate, and a text reader that reads nothing: what many tests use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanogauge.core.protocols import TextLine
from nanogauge.detection.engines.threshold import ThresholdEngine
from nanogauge.pipeline.measure import Measurer
from nanogauge.training.synthetic import Rendering, Scene, render
from nanogauge.training.synthetic.imaging import Look

CLEAN = Look(
    background=0.2,
    contrast=0.5,
    body_spread=0.02,
    edge=0.1,
    light=0.0,
    shadow=0.0,
    texture=0.0,
    ground_texture=0.01,
    gradient=0.0,
    noise=0.02,
)
"""Bright spheres on a dark, even ground: what Otsu's threshold can do."""


class NoText:
    """A `TextReader` that finds no text, in no time."""

    name = "none"

    def read(self, pixels: NDArray[np.uint8]) -> list[TextLine]:
        return []

    def read_line(self, pixels: NDArray[np.uint8]) -> tuple[str, float]:
        return "", 0.0


def spheres(seed: int = 7, *, shape: tuple[int, int] = (300, 420), **kwargs: object) -> Rendering:
    """A clean picture of well separated spheres; the frame leaves no slivers and no near misses."""
    scene = Scene(shape=shape, layout="sparse", overlap=-0.25, coverage=0.15, median_diameter_px=28, geometric_sd=1.1)
    return render(scene, seed=seed, look=CLEAN, **kwargs)  # type: ignore[arg-type]


def blind() -> Measurer:
    """The threshold engine and a reader that finds no text."""
    return Measurer(engine=ThresholdEngine(), reader=NoText())
