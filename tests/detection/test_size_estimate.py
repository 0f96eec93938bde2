"""Size without outlines: where it looks, how the looks are put together, and what the shipped network makes of drawn pictures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from nanogauge.core.errors import EngineError
from nanogauge.core.protocols import SizesInView
from nanogauge.detection.engines import make_size_estimator
from nanogauge.detection.engines.onnx import OnnxSizeEstimator
from nanogauge.detection.size_estimate import SizeEstimate, estimate_sizes


class Ruler:
    """Sees particles of one size in stripes that tell it the zoom; remembers the views."""

    stride = 32

    def __init__(self, d50_px: float, scale: float = 0.1) -> None:
        self.d50_px, self.scale = d50_px, scale
        self.rule = {"gain": 1.0, "floor": 0.0, "surprise": 3.0}
        self.views: list[tuple[int, int]] = []

    def look(self, view: np.ndarray) -> SizesInView:
        self.views.append(view.shape)
        marks = np.flatnonzero(np.diff((view[view.shape[0] // 2] > 0).astype(int)))  # the stripes below tell the zoom
        zoom = float(np.median(np.diff(marks))) / 16
        h, w = view.shape
        n = h * w / zoom**2 / 1000
        return SizesInView(self.d50_px * zoom, self.scale, 1.2, n, np.zeros((25, h // 16, w // 16), np.float32))


def stripes(h: int, w: int) -> np.ndarray:
    return np.broadcast_to(np.where(np.arange(w) // 16 % 2, 220, 30).astype(np.uint8), (h, w)).copy()


@pytest.mark.parametrize(("shape", "d"), [((480, 640), 60.0), ((1024, 1280), 190.0), ((200, 200), 40.0)])
def test_large_particles_take_one_look_at_the_whole_picture(shape: tuple[int, int], d: float):
    ruler = Ruler(d)
    found = estimate_sizes(stripes(*shape), ruler)
    assert found is not None
    assert len(ruler.views) == len(found.zooms) == 1
    assert all(side % 32 == 0 for side in ruler.views[0])
    assert found.d50_px == pytest.approx(d, rel=0.1)
    assert found.n == pytest.approx(shape[0] * shape[1] / 1000, rel=0.2)


class Holes(Ruler):
    """Sees a few large things too, which cover most of the picture."""

    def look(self, view: np.ndarray) -> SizesInView:
        seen = super().look(view)
        return replace(seen, by_area_px=3 * seen.d50_px)


def test_a_median_among_larger_things_is_less_sure():
    one_kind, two_kinds = Ruler(60.0), Holes(60.0)
    for ruler in (one_kind, two_kinds):
        ruler.rule |= {"mixture": 0.5}
    alone, among = (estimate_sizes(stripes(480, 640), r) for r in (one_kind, two_kinds))
    assert alone is not None
    assert among is not None
    assert among.d50_px == alone.d50_px
    more = among.relative_uncertainty**2 - alone.relative_uncertainty**2
    assert more == pytest.approx((0.5 * math.log(3)) ** 2)


def test_small_particles_are_looked_at_again_closer_and_no_more_pixels_are_used():
    ruler = Ruler(14.0)
    found = estimate_sizes(stripes(1024, 1280), ruler)
    assert found is not None
    assert len(ruler.views) == 2
    assert ruler.views[0] == ruler.views[1]
    assert found.zooms[1] * 14 == pytest.approx(28, rel=0.1)
    assert found.d50_px == pytest.approx(14, rel=0.1)
    assert found.n == pytest.approx(1024 * 1280 / 1000, rel=0.25)


@pytest.mark.parametrize("shape", [(40, 900), (900, 40), (33, 33)])
def test_narrow_and_small_pictures_are_looked_at_too(shape: tuple[int, int]):
    found = estimate_sizes(stripes(*shape), make_size_estimator(n_threads=1))
    assert found is not None
    assert found.d50_px > 0


def test_nothing_is_said_of_a_picture_that_is_too_small():
    assert estimate_sizes(np.zeros((31, 400), np.uint8), make_size_estimator(n_threads=1)) is None


def test_the_interval_and_the_distance_are_of_logarithms():
    e = SizeEstimate(20.0, 0.1, 1.3, 50.0, 3.0, (0.5,))
    low, high = e.interval_px
    assert low * high == pytest.approx(400)
    assert math.log(high / low) == pytest.approx(2 * 1.96 * 0.1)
    assert e.far_from(40.0, 0.0) == pytest.approx(math.log(2) / 0.1)
    assert e.far_from(10.0, 0.1) == pytest.approx(-math.log(2) / math.hypot(0.1, 0.1))


@pytest.mark.parametrize("surprise", [3.0, math.inf])
def test_it_is_read_back_as_it_was_kept(surprise: float):
    e = SizeEstimate(20.0, 0.1, 1.3, 50.0, surprise, (0.5, 1.2))
    assert SizeEstimate.from_dict(e.to_dict()) == e
    with pytest.raises(KeyError):
        SizeEstimate.from_dict({"d50_px": 1.0})


def test_a_broken_file_is_named(tmp_path):
    with pytest.raises(EngineError, match=r"none\.onnx: the weights that tell sizes without outlines are missing"):
        OnnxSizeEstimator(tmp_path / "none.onnx")


def spheres(d: float, *, n: int, seed: int = 2, shape: tuple[int, int] = (480, 640)) -> np.ndarray:
    """Shaded discs that do not touch, on a noisy ground."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    grey = np.full(shape, 70.0, np.float32)
    taken: list[tuple[float, float]] = []
    for _ in range(40 * n):
        y, x = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        if len(taken) < n and all((y - b) ** 2 + (x - a) ** 2 > (1.2 * d) ** 2 for b, a in taken):
            taken.append((y, x))
            grey += np.clip(d / 2 - np.hypot(yy - y, xx - x) + 0.5, 0, 1) * (180 - grey)
    return np.clip(grey + rng.normal(0, 5, shape), 0, 255).astype(np.uint8)


def test_the_shipped_network_puts_drawn_spheres_in_the_order_of_their_sizes():
    estimator = make_size_estimator(n_threads=1)
    true = [9.0, 14.0, 22.0, 35.0, 55.0, 85.0]
    found = [estimate_sizes(spheres(d, n=int(9e4 / d**2) + 3), estimator) for d in true]
    sizes = [e.d50_px for e in found if e is not None]
    assert sizes == sorted(sizes)
    assert np.log(sizes) == pytest.approx(np.log(true), abs=0.35)


def test_the_shipped_network_knows_how_far_it_may_be_trusted():
    assert {"gain", "floor", "mixture", "surprise"} <= set(make_size_estimator(n_threads=1).rule)
