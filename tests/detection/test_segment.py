"""Tiles, blending, working magnification: with engines whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from nanogauge.core.protocols import Maps
from nanogauge.core.settings import SegmentSettings
from nanogauge.detection.engines.threshold import ThresholdEngine
from nanogauge.detection.segment import predict, rescale, segment, standardise


class Echo:
    """Answers with the grey levels it was given, in all three maps; notes the tiles' shapes."""

    name, sha256, stride = "echo", "", 32

    def __init__(self, tile_px: int = 128, working: float | None = None) -> None:
        self.tile_px, self.working_diameter_px = tile_px, working
        self.shapes: list[tuple[int, ...]] = []

    def predict(self, tile: NDArray[np.float32]) -> NDArray[Any]:
        self.shapes.append(tile.shape)
        return np.stack([tile] * 3)


class Discs(Echo):
    """Sees bright discs as a network would, but only those from 12 to 130 px."""

    def predict(self, tile: NDArray[np.float32]) -> NDArray[Any]:
        self.shapes.append(tile.shape)
        mask = tile > 0.5
        labels, _ = ndimage.label(mask)
        area = np.bincount(labels.ravel())
        d = np.sqrt(4 * area / np.pi)
        seen = (d >= 12) & (d <= 130)
        seen[0] = False
        out = seen[labels].astype(np.float32)
        return np.stack([out, 0 * out, out])


def typical(maps: Maps) -> float:
    labels, n = ndimage.label(maps.foreground > 0.5)
    return float(np.median(np.sqrt(4 * np.bincount(labels.ravel())[1:] / np.pi))) if n else 0.0


@pytest.mark.parametrize("shape", [(32, 64), (50, 71), (200, 333), (129, 500), (7, 40)])
def test_blended_tiles_give_the_picture_back(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).standard_normal(shape, np.float32)
    engine = Echo(tile_px=128)
    maps = predict(picture, engine, overlap_px=32)
    for m in (maps.foreground, maps.boundary, maps.distance):
        assert m.shape == shape
        np.testing.assert_allclose(m, picture, atol=1e-5)
    assert all(h % 32 == 0 and w % 32 == 0 and max(h, w) <= 128 for h, w in engine.shapes)


def test_mirrored_average_leaves_a_symmetric_engine_alone() -> None:
    picture = np.random.default_rng(0).standard_normal((64, 96), np.float32)
    np.testing.assert_allclose(predict(picture, Echo(), flips=True).foreground, picture, atol=1e-5)


def test_standardise_a_flat_picture() -> None:
    assert not standardise(np.full((4, 6), 7, np.uint8)).any()


@pytest.mark.parametrize(("diameter", "shape"), [(10, (400, 520)), (30, (300, 500)), (160, (600, 700))])
def test_working_magnification_brings_particles_to_the_engine_s_size(diameter: int, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    grey = np.zeros(shape, np.float32)
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    step = int(2.2 * diameter)
    for y in range(diameter, shape[0] - diameter // 2, step):
        for x in range(diameter, shape[1] - diameter // 2, step):
            grey[np.hypot(yy - y, xx - x) <= diameter / 2] = 200
    grey += rng.normal(0, 2, shape).astype(np.float32)
    engine = Discs(tile_px=512, working=44.0)
    result = segment(grey, engine, typical_diameter=typical)
    assert result.zoom * diameter == pytest.approx(44, rel=0.2)
    assert result.maps.foreground.shape == rescale(grey, result.zoom).shape
    assert len(result.looks) <= 4


def test_nothing_seen_is_looked_at_as_it_is() -> None:
    result = segment(np.zeros((300, 420), np.uint8), Discs(working=44.0), typical_diameter=typical)
    assert result.zoom == 1
    assert not result.maps.foreground.any()


def test_working_magnification_can_be_set() -> None:
    result = segment(
        np.zeros((100, 140), np.uint8),
        Discs(working=44.0),
        typical_diameter=typical,
        settings=SegmentSettings(working_magnification=0.5),
    )
    assert result.zoom == 0.5
    assert result.maps.foreground.shape == (50, 70)


def test_excluded_pixels_are_never_foreground() -> None:
    grey = np.zeros((120, 160), np.uint8)
    grey[100:] = 255
    grey[20:60, 30:70] = 220
    excluded = np.zeros(grey.shape, bool)
    excluded[100:] = True
    maps = segment(grey, ThresholdEngine(), typical_diameter=typical, excluded=excluded).maps
    assert not maps.foreground[100:].any()
    assert maps.foreground[40, 50] == 1
