"""Classes all the way: from the settings to the tables, figures and report of a run, and through an edit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nanogauge.batch import BatchOptions, Item, Listed, run_batch
from nanogauge.core.settings import Settings
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
