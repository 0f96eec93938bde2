"""Edited labels measured again: equal to measuring anew where nothing changed, and right where something did."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nanogauge import Measurement, Scale
from nanogauge.apps.napari_plugin.editing import changed_labels, check_labels, describe, measure_drawn, measure_edited, split_pieces
from nanogauge.apps.napari_plugin.saving import save_results
from nanogauge.core.errors import AnnotationError, OutputError
from nanogauge.core.micrograph import Micrograph
from nanogauge.pipeline.measure import Measurer
from nanogauge.training.synthetic import Rendering

SCALE = Scale((2.0, 2.0), 0.0, "user")


@pytest.fixture
def found(bare_scene: Rendering, blind_measurer: Measurer) -> Measurement:
    return blind_measurer.measure(Micrograph(pixels=bare_scene.pixels, name="a.png", sha256="1" * 64), scale=SCALE)


def whole(m: Measurement) -> int:
    """A particle that counts, far from its neighbours."""
    return int(m.counted.sort_values("nearest_neighbour_distance_px")["label"].iloc[-1])


def test_unchanged_labels_give_the_same_table(found: Measurement) -> None:
    again = measure_edited(found, found.labels.copy())
    pd.testing.assert_frame_equal(again.particles, found.particles)
    assert again.distribution == found.distribution
    assert again.operator_edits == ()


def test_intervals_of_edited_labels_hold_what_may_have_been_missed(found: Measurement) -> None:
    doubtful = replace(found, detection={"mean": 0.2})
    again = measure_edited(doubtful, found.labels.copy())
    assert again.distribution.mean.low < found.distribution.mean.low
    assert again.distribution == doubtful.distribution


def test_another_scale_is_that_of_measuring_with_it(found: Measurement) -> None:
    for scale in (Scale((3.0, 3.0), 0.0, "user"), Scale((3.0, 4.0), 0.0, "user")):
        again = measure_edited(found, found.labels.copy(), scale=scale)
        pd.testing.assert_frame_equal(again.particles, found.with_scale(scale).particles)
        assert again.decision.source == "user"
        assert "stated the scale" in again.operator_edits[0]


def test_deleted_added_redrawn(found: Measurement) -> None:
    labels = found.labels.copy()
    gone, cut = (int(v) for v in found.counted["label"].iloc[[0, 1]])
    labels[labels == gone] = 0
    rows, _ = np.nonzero(labels == cut)
    labels[int(np.median(rows)) :][labels[int(np.median(rows)) :] == cut] = 0
    y, x = np.argwhere(labels == 0)[0] + 20
    free = np.zeros_like(labels, bool)
    free[y : y + 12, x : x + 10] = True
    free &= labels == 0
    labels[free] = 500
    m = measure_edited(found, labels)
    table = m.particles.set_index("label")
    assert gone not in table.index
    assert table.loc[500, "area_px2"] == pytest.approx(free.sum(), rel=0.06), "drawn outlines run as drawn"
    assert table.loc[500, "flags"].split("|")[-1] == "edited"
    before = found.particles.set_index("label")
    assert table.loc[cut, "area_px2"] == pytest.approx(before.loc[cut, "area_px2"] / 2, rel=0.15)
    untouched = [v for v in before.index if v not in (gone, cut)]
    same = ["area_px2", "equivalent_diameter_nm", "feret_max_nm", "edge_weight", "flags"]
    pd.testing.assert_frame_equal(table.loc[untouched, same], before.loc[untouched, same])
    assert m.operator_edits == (f"in napari: 1 added (label 500); 1 deleted (label {gone}); 1 redrawn (label {cut})",)
    assert m.distribution.n == int((m.particles["edge_weight"] > 0).sum())


def test_a_cut_makes_two_particles(found: Measurement) -> None:
    label = whole(found)
    labels = found.labels.copy()
    _, columns = np.nonzero(labels == label)
    middle = int(np.median(columns))
    labels[:, middle - 1 : middle + 1][labels[:, middle - 1 : middle + 1] == label] = 0
    m = measure_edited(found, labels)
    new = int(found.labels.max()) + 1
    assert m.n_particles == found.n_particles + 1
    areas = m.particles.set_index("label")["area_px2"]
    assert areas[label] + areas[new] == pytest.approx(found.particles.set_index("label")["area_px2"][label], rel=0.2)
    assert areas[label] >= 0.8 * areas[new]


def test_pieces_of_unchanged_labels_stay_together() -> None:
    found = np.zeros((10, 20), np.int32)
    found[2:5, 2:5] = found[2:5, 10:13] = 1  # in two pieces when found
    found[7:9, 2:12] = 2
    edited = found.copy()
    edited[7:9, 8] = 0
    out = split_pieces(edited, found)
    assert (out[found == 1] == 1).all()
    assert sorted(np.unique(out)) == [0, 1, 2, 3]
    assert (out == 2).sum() == 12, "the larger piece keeps the number"
    assert changed_labels(found, edited) == [2]
    assert describe(found, out) == "in napari: 1 added (label 3); 1 redrawn (label 2)"


def test_everything_deleted_is_an_empty_result(found: Measurement) -> None:
    m = measure_edited(found, np.zeros_like(found.labels))
    assert m.status == "no_particles"
    assert m.distribution.n == 0


def test_labels_that_do_not_fit(found: Measurement) -> None:
    for labels, said in (
        (np.zeros((5, 7), np.int32), "5 x 7 px do not fit a.png of 300 x 420 px"),
        (np.zeros((300, 420), np.float32), "no whole numbers"),
        (np.full((300, 420), -1), "from -1 to -1"),
        (np.full((300, 420), 2_000_000), "to 2000000"),
    ):
        with pytest.raises(AnnotationError, match=said):
            check_labels(labels, found.micrograph)


def test_drawn_labels_are_measured_as_imported_ones(bare_scene: Rendering, blind_measurer: Measurer) -> None:
    micrograph = Micrograph(pixels=bare_scene.pixels, name="a.png")
    m = measure_drawn(micrograph, bare_scene.labels, name="cells", measurer=blind_measurer, scale=SCALE)
    assert m.n_particles == len(np.unique(bare_scene.labels)) - 1
    assert m.labels_source["file"] == "cells"
    assert m.outline == "labels"
    assert m.scale == SCALE


@pytest.mark.slow
def test_saved_in_the_layout_of_measure(tmp_path: Path, found: Measurement) -> None:
    second = replace(found, micrograph=replace(found.micrograph, name="b.png", sha256="2" * 64))
    assert save_results(found, tmp_path, report=False) == tmp_path / "a"
    assert save_results(second, tmp_path, report=False) == tmp_path / "b"
    edited = measure_edited(found, np.where(found.labels == whole(found), 0, found.labels).astype(np.int32))
    assert save_results(edited, tmp_path) == tmp_path / "a", "the same micrograph again replaces what was there"
    summary = pd.read_csv(tmp_path / "summary.csv")
    assert summary["file"].tolist() == ["a.png", "b.png"]
    assert summary["n_particles"].tolist() == [found.n_particles - 1, found.n_particles]
    assert summary["mean_nm"][1] == pytest.approx(found.distribution.mean.value, rel=1e-5)
    pooled = pd.read_csv(tmp_path / "particles.csv")
    assert pooled.groupby("micrograph").size().to_dict() == {"a": found.n_particles - 1, "b": found.n_particles}
    about = json.loads((tmp_path / "a" / "measurement.json").read_text(encoding="utf-8"))
    assert about["operator_edits"] == list(edited.operator_edits)
    assert [i["folder"] for i in json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["inputs"]] == ["a", "b"]
    assert {"labels.tif", "rois.zip", "overlay.png", "particles.csv"} <= {p.name for p in (tmp_path / "a").iterdir()}
    assert (tmp_path / "report.html").is_file()
    other = replace(found, micrograph=replace(found.micrograph, sha256="3" * 64))
    assert save_results(other, tmp_path, report=False) == tmp_path / "a_2", "another picture of that name"


def test_a_place_that_cannot_be_written(tmp_path: Path, found: Measurement) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        save_results(found, tmp_path / "file" / "out")
