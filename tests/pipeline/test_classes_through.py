"""Classes all the way: from the settings to the tables, figures and report of a run, and through an edit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from nanogauge.batch import BatchOptions, Item, Listed, run_batch
from nanogauge.core.errors import SettingsError
from nanogauge.core.micrograph import Micrograph
from nanogauge.core.protocols import EngineClasses
from nanogauge.core.settings import Settings
from nanogauge.detection.engines.threshold import ThresholdEngine
from nanogauge.editing.session import Session
from nanogauge.pipeline.measure import Measurer
from nanogauge.reporting.run_report import Outputs
from nanogauge.results.folder import save_measurement
from nanogauge.statistics.samples import compare, pool

SHAPES = Settings().replace("segment", engine="threshold").replace("classes", by="shape").replace("measure", n_bootstrap=100)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Six discs and six squares, bright on dark."""
    yy, xx = np.mgrid[:300, :400]
    grey = np.full((300, 400), 40.0)
    for k in range(6):
        y, x = 60 + 90 * (k % 3), 50 + 90 * (k // 3)
        grey[np.hypot(yy - y - 0.3 * k, xx - x + 0.2 * k - 0.4) < 26] = 180
        grey[np.maximum(abs(yy - y), abs(xx - x - 190)) < 24] = 180
    path = tmp_path / "mixed.png"
    Image.fromarray((grey + np.random.default_rng(0).normal(0, 3, grey.shape)).astype(np.uint8)).save(path)
    return path


def test_shapes_are_told_and_counted(picture: Path) -> None:
    m = Measurer(SHAPES).measure(picture)
    assert m.particles["class"].value_counts().to_dict() == {"sphere": 6, "cube": 6}
    figures = m.by_class()
    assert figures["cube"].number.value == pytest.approx(0.5, abs=0.02)
    assert sum(f.volume.value for f in figures.values()) == pytest.approx(1)
    assert figures["cube"].distribution.mean.value == pytest.approx(47 * (4 / np.pi) ** 0.5, rel=0.03)


def test_a_run_has_classes_in_every_table_and_the_report(picture: Path, tmp_path: Path) -> None:
    source = Listed([Item(file=picture, name="mixed")])
    how: dict[str, Any] = {"about": {}, "outputs": Outputs(), "options": BatchOptions()}
    with run_batch(source, tmp_path / "out", settings=SHAPES, quiet=True, **how) as result:
        assert not result.n_failed
    for table in (pd.read_csv(tmp_path / "out/particles.csv"), pd.read_parquet(tmp_path / "out/particles.parquet")):
        assert table["class"].value_counts().to_dict() == {"sphere": 6, "cube": 6}
        assert table["class_confidence"].between(0.5, 1).all()
    about = json.loads((tmp_path / "out/mixed/measurement.json").read_text(encoding="utf-8"))
    assert {c["class"] for c in about["classes"]} == {"sphere", "cube"}
    assert "<h3>Classes</h3>" in (tmp_path / "out/report.html").read_text(encoding="utf-8")


def test_samples_are_compared_by_class(picture: Path) -> None:
    m = Measurer(SHAPES).measure(picture)
    table = compare([pool([m], name="a"), pool([m, m], name="b")]).classes
    assert table["class"].tolist() == [table["class"][0]] * 2 + [table["class"][2]] * 2
    assert table["sample"].tolist() == ["a", "b", "a", "b"]


def test_rules_follow_a_new_scale(picture: Path) -> None:
    ruled = Settings().replace("segment", engine="threshold").replace("classes", rules={"large": "equivalent_diameter_nm > 100"})
    m = Measurer(ruled).measure(picture)
    assert set(m.particles["class"]) == {"unsure"}
    assert any("needs equivalent_diameter_nm" in w for w in m.warnings)
    assert set(m.with_scale(1.0).particles["class"]) == {"other"}
    assert set(m.with_scale(4.0).particles["class"]) == {"large"}


def test_an_edited_result_has_classes(picture: Path, tmp_path: Path) -> None:
    m = Measurer(SHAPES).measure(picture)
    session = Session(m, save_measurement(m, tmp_path / "out"))
    assert session.measurement().particles["class"].tolist() == m.particles["class"].tolist()


def test_without_classes_a_table_has_none(picture: Path) -> None:
    m = Measurer(SHAPES.replace("classes", by="")).measure(picture)
    assert "class" not in m.particles
    with pytest.raises(ValueError, match="have no classes"):
        m.by_class()


class TwoKinds(ThresholdEngine):
    """The threshold, and of each pixel whether it is bright or dim: of middling ones it does not know."""

    classes = EngineClasses(("dim", "bright"))

    def predict(self, tile: NDArray[np.float32]) -> NDArray[Any]:
        maps = super().predict(tile)
        bright = np.clip((tile - np.percentile(tile, 50)) / np.ptp(tile), 0, 1) if np.ptp(tile) else np.zeros(tile.shape)
        return np.concatenate([maps, np.stack([1 - bright, bright])]).astype(np.float32)


@pytest.fixture
def bright_and_dim() -> NDArray[np.uint8]:
    yy, xx = np.mgrid[:200, :300]
    grey = np.full((200, 300), 10.0)
    for k in range(6):
        y, x = 50 + 90 * (k // 3), 50 + 90 * (k % 3)
        grey[np.hypot(yy - y, xx - x) < 22] = (90, 230)[k % 2]
    return (grey + np.random.default_rng(0).normal(0, 2, grey.shape)).clip(0, 255).astype(np.uint8)


def test_a_network_with_classes_tells_them_unless_told_otherwise(bright_and_dim: NDArray[np.uint8]) -> None:
    picture = Micrograph(pixels=bright_and_dim, name="two")
    m = Measurer(Settings(), engine=TwoKinds()).measure(picture)
    assert m.settings.classes.by == "network"
    grey = [int(bright_and_dim[round(y), round(x)]) for y, x in zip(m.particles["y"], m.particles["x"], strict=True)]
    assert m.particles["class"].tolist() == ["bright" if g > 160 else "dim" for g in grey]
    assert m.particles["class_confidence"].between(0.5, 1).all()
    sure = Measurer(Settings().replace("classes", unsure_below=0.99), engine=TwoKinds()).measure(picture)
    assert set(sure.particles["class"]) == {"unsure"}
    none = Measurer(Settings().replace("classes", by="none"), engine=TwoKinds()).measure(picture)
    assert "class" not in none.particles
    shaped = Measurer(Settings().replace("classes", by="shape"), engine=TwoKinds()).measure(picture)
    assert not set(shaped.particles["class"]) & {"bright", "dim"}
    with pytest.raises(SettingsError, match="tells none apart"):
        Measurer(Settings().replace("classes", by="network"), engine=ThresholdEngine()).measure(picture)


def test_a_network_of_phases_measures_no_particles(bright_and_dim: NDArray[np.uint8]) -> None:
    class Phases(TwoKinds):
        classes = EngineClasses(("matrix", "pore"), of="phases")

    with pytest.raises(SettingsError, match="use nanogauge phases measure"):
        Measurer(Settings(), engine=Phases()).measure(Micrograph(pixels=bright_and_dim, name="two"))


def test_a_temperature_changes_how_sure_a_class_is_and_not_which(bright_and_dim: NDArray[np.uint8]) -> None:
    class Hot(TwoKinds):
        classes = EngineClasses(("dim", "bright"), temperature=4.0)

    picture = Micrograph(pixels=bright_and_dim, name="two")
    cold, hot = (Measurer(Settings(), engine=e).measure(picture).particles for e in (TwoKinds(), Hot()))
    assert cold["class"].tolist() == hot["class"].tolist()
    assert (hot["class_confidence"] < cold["class_confidence"]).all()


def test_classes_of_a_network_outlive_an_edit_and_what_is_drawn_has_none(bright_and_dim: NDArray[np.uint8], tmp_path: Path) -> None:
    m = Measurer(Settings(), engine=TwoKinds()).measure(Micrograph(pixels=bright_and_dim, name="two"))
    session = Session(m, save_measurement(m, tmp_path / "out"))
    gone = int(m.particles["label"][0])
    session.edit("delete", {"labels": [gone]})
    session.edit("polygon", {"points": [[5, 5], [5, 18], [18, 18], [18, 5]]})
    after = session.measurement().particles.set_index("label")["class"]
    assert gone not in after.index
    before = m.particles.set_index("label")["class"].drop(gone)
    assert after[before.index].tolist() == before.tolist()
    assert (after.drop(before.index) == "unsure").all()
    assert len(after) == len(before) + 1
