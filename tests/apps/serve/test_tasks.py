"""What the page's worker process does, called here in this one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nanogauge.apps.serve import tasks
from nanogauge.core.settings import Settings
from nanogauge.detection.engines.threshold import ThresholdEngine
from nanogauge.pipeline import measure
from nanogauge.results.folder import PROBABILITY
from nanogauge.training.synthetic import Rendering
from scenes import NoText


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Name and device of each engine that was made."""
    asked: list[tuple[str, str]] = []

    def make_engine(name: str, *, n_threads: int | None, device: str) -> ThresholdEngine:
        asked.append((name, device))
        return ThresholdEngine()

    monkeypatch.setattr(measure, "make_engine", make_engine)
    monkeypatch.setattr(measure, "make_reader", lambda *, n_threads: NoText())
    tasks._loaded.cache_clear()
    yield asked
    tasks._loaded.cache_clear()


def silent(share: float, text: str) -> None:
    pass


def test_the_page_measures_on_the_device_of_the_settings(
    tmp_path: Path, bare_scene: Rendering, made: list[tuple[str, str]]
) -> None:
    picture = str(tmp_path / "a.png")
    Image.fromarray(bare_scene.pixels).save(picture)

    def measured(device: str, name: str) -> dict[str, Any]:
        settings = Settings().replace("segment", device=device).to_dict()
        return dict(tasks.measure_file(path=picture, folder=str(tmp_path / name), settings=settings, progress=silent))

    first = measured("cpu", "one")
    assert made == [("unet", "cpu")]
    measured("cpu", "two")
    assert made == [("unet", "cpu")]  # the engine that is there serves the next micrograph
    measured("openvino", "three")
    assert made == [("unet", "cpu"), ("unet", "openvino")]
    assert first["row"]["n_particles"] > 5
    (tmp_path / "three" / PROBABILITY).unlink()
    frame = [0, 0, *bare_scene.pixels.shape]
    asked: dict[str, Any] = {"path": picture, "folder": str(tmp_path / "three"), "frame": frame, "progress": silent}
    settings = Settings().replace("segment", device="cuda").to_dict()
    assert tasks.make_probability(**asked, settings=settings, sha256="")
    assert made[-1] == ("unet", "cuda")
    assert (tmp_path / "three" / PROBABILITY).is_file()
    assert not tasks.make_probability(**asked, settings=settings, sha256="f" * 64)
