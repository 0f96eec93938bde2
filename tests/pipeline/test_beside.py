"""The scale is read beside the search for particles: the same results, the same errors."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from nanogauge import Micrograph
from nanogauge.core.errors import EngineError
from nanogauge.core.protocols import TextLine
from nanogauge.detection.engines.threshold import ThresholdEngine
from nanogauge.pipeline.measure import Measurer
from nanogauge.training.synthetic import Rendering
from scenes import NoText


class Broken(ThresholdEngine):
    def predict(self, tile: NDArray[np.float32]) -> NDArray[Any]:
        raise EngineError("the network broke")


class Reader(NoText):
    """Notes the threads it is asked in."""

    def __init__(self, *, broken: bool = False) -> None:
        self.threads: set[threading.Thread] = set()
        self.broken = broken

    def read(self, pixels: NDArray[np.uint8]) -> list[TextLine]:
        self.threads.add(threading.current_thread())
        if self.broken:
            raise EngineError("the reader broke")
        return []


def test_one_thread_and_two_measure_the_same(scene_with_bar: Rendering) -> None:
    micrograph = Micrograph(pixels=scene_with_bar.pixels, name="spheres")
    one, two = (Measurer(n_threads=n).measure(micrograph) for n in (1, 2))
    assert one.scale is not None
    assert (one.scale_bar, one.scale, one.frame, one.readings) == (two.scale_bar, two.scale, two.frame, two.readings)
    assert (one.remarks, one.looks, one.estimate) == (two.remarks, two.looks, two.estimate)
    assert np.array_equal(one.labels, two.labels)
    assert one.foreground is not None
    assert np.array_equal(one.foreground, two.foreground)
    pd.testing.assert_frame_equal(one.particles, two.particles, check_exact=True)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_scale_is_read_in_a_thread_where_there_are_two(bare_scene: Rendering, n_threads: int) -> None:
    reader = Reader()
    Measurer(engine=ThresholdEngine(), reader=reader, n_threads=n_threads).measure(
        Micrograph(pixels=bare_scene.pixels, name="bare")
    )
    assert reader.threads
    assert (threading.main_thread() in reader.threads) == (n_threads == 1)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_error_while_reading_reaches_the_caller(bare_scene: Rendering, n_threads: int) -> None:
    micrograph = Micrograph(pixels=bare_scene.pixels, name="bare")
    with pytest.raises(EngineError, match="the reader broke"):
        Measurer(engine=ThresholdEngine(), reader=Reader(broken=True), n_threads=n_threads).measure(micrograph)
    with pytest.raises(EngineError, match="the network broke"):
        Measurer(engine=Broken(), reader=Reader(), n_threads=n_threads).measure(micrograph)
    with pytest.raises(EngineError, match="the reader broke"):  # of two, the one that comes first without threads
        Measurer(engine=Broken(), reader=Reader(broken=True), n_threads=n_threads).measure(micrograph)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_dark_strip_without_text_is_picture_all_the_same(
    bare_scene: Rendering, n_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken for a data bar until nothing was read in it; then particles are sought in the whole picture."""
    pixels = bare_scene.pixels.copy()
    pixels[250:] = 20 + np.arange(50 * 420).reshape(50, 420) % 2
    frames = []
    find = Measurer.find

    def noted(self: Measurer, *arguments: Any) -> Any:
        frames.append(arguments[-1])
        return find(self, *arguments)

    monkeypatch.setattr(Measurer, "find", noted)
    measured = Measurer(engine=ThresholdEngine(), reader=NoText(), n_threads=n_threads).measure(
        Micrograph(pixels=pixels, name="strip")
    )
    assert measured.frame == (0, 0, *pixels.shape)
    assert measured.labels.shape == pixels.shape
    assert len(frames) == n_threads
    assert frames[-1] == measured.frame


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_mat_is_looked_for_once_where_it_may_be_one(n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def look(*arguments: Any) -> int:
        looked.append(arguments)
        return 0

    monkeypatch.setattr("nanogauge.pipeline.measure._n_fibres_of_mat", look)
    measurer = Measurer(engine=ThresholdEngine(), reader=NoText(), n_threads=n_threads)
    measurer.measure(Micrograph(pixels=np.full((64, 64), 90, np.uint8), name="empty"))
    assert len(looked) == 1
    settings = measurer.settings.replace("arrangement", recognise_mats=False)
    measurer.under(settings).measure(Micrograph(pixels=np.full((64, 64), 90, np.uint8), name="empty"))
    assert len(looked) == 1
