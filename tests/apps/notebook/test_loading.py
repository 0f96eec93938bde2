"""What was saved comes back, to the last digit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

import nanogauge
from nanogauge import Measurement, Measurements, ScaleError, Settings, UnreadableFile
from nanogauge.training.synthetic import Rendering

FAST = Settings().replace("segment", engine="threshold").replace("measure", n_bootstrap=50)


@pytest.fixture
def file(tmp_path: Path, scene_with_bar: Rendering) -> Path:
    path = tmp_path / "pictures" / "spheres.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, scene_with_bar.pixels)
    return path


@pytest.fixture
def measured(file: Path) -> Measurement:
    return nanogauge.measure(file, settings=FAST)


def test_a_measurement_comes_back_as_it_was(measured: Measurement, file: Path, tmp_path: Path) -> None:
    folder = measured.save(tmp_path / "out" / "spheres")
    again = nanogauge.load(folder, micrographs=file.parent)
    assert isinstance(again, Measurement)
    pd.testing.assert_frame_equal(again.particles, measured.particles, check_exact=True)
    assert again.particles.attrs == measured.particles.attrs
    assert again.distribution == measured.distribution
    assert np.array_equal(again.labels, measured.labels)
    assert np.array_equal(again.micrograph.pixels, measured.micrograph.pixels)
    assert again.scale == measured.scale
    assert again.scale_bar is not None
    assert measured.scale_bar is not None
    assert again.scale_bar.box == measured.scale_bar.box
    assert json.loads(json.dumps(again.to_dict())) == json.loads((folder / "measurement.json").read_text(encoding="utf-8"))


def test_without_the_micrograph_the_figures_are_there_and_it_is_told(measured: Measurement, file: Path, tmp_path: Path) -> None:
    folder = measured.save(tmp_path / "out" / "spheres")
    file.unlink()
    again = nanogauge.load(folder)
    assert isinstance(again, Measurement)
    assert "spheres.tif was not found" in again.message
    assert np.isnan(again.micrograph.pixels).all()
    assert again.distribution == measured.distribution
    assert np.array_equal(again.overlay, measured.overlay)
    assert again.budget is not None
    assert measured.budget is not None
    assert again.budget.to_dict() == measured.budget.to_dict()


def test_a_run_is_read_as_it_is_asked_for(measured: Measurement, file: Path, tmp_path: Path) -> None:
    many = nanogauge.measure_many(file.parent, settings=FAST, progress=False)
    out = many.save(tmp_path / "out")
    assert pd.read_csv(out / "summary.csv")["n_particles"].tolist() == [measured.n_particles]
    assert len(pd.read_csv(out / "particles.csv")) == measured.n_particles
    again = nanogauge.load(out, micrographs=file.parent)
    assert isinstance(again, Measurements)
    assert again.names == ("spheres",)
    assert again.sample.distribution == many.sample.distribution
    assert not again[0].message


def test_a_scale_can_be_given_later(measured: Measurement, file: Path, tmp_path: Path) -> None:
    again = nanogauge.load(measured.save(tmp_path / "out"), micrographs=file.parent)
    assert isinstance(again, Measurement)
    rescaled, direct = again.with_scale("3.4 nm/px"), measured.with_scale("3.4 nm/px")
    pd.testing.assert_frame_equal(rescaled.particles, direct.particles, check_exact=True)
    assert rescaled.outline == measured.outline == "probability_map"
    assert rescaled.to_dict()["edge_offset_px"] == measured.to_dict()["edge_offset_px"]
    assert rescaled.distribution.mean.value == pytest.approx(3.4 * measured.distribution_px.mean.value)
    with pytest.raises(ScaleError, match="measured anew"):
        again.with_scale((3.4, 1.7))  # not square, and the map between the pixels was not kept
    assert measured.with_scale((3.4, 1.7)).particles["aspect_ratio"].mean() < 0.7


def test_what_cannot_be_read_is_said_in_one_line(measured: Measurement, file: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="nowhere: no such folder"):
        nanogauge.load(tmp_path / "nowhere")
    with pytest.raises(UnreadableFile, match="no results in it"):
        nanogauge.load(file.parent)
    folder = measured.save(tmp_path / "out")
    (folder / "labels.tif").write_bytes(b"II*\x00")
    with pytest.raises(UnreadableFile, match=r"labels\.tif: damaged"):
        nanogauge.load(folder)
    measured.save(folder)
    tifffile.imwrite(folder / "labels.tif", np.zeros(measured.labels.shape, np.uint16))
    with pytest.raises(UnreadableFile, match="do not fit each other"):
        nanogauge.load(folder)
    about = json.loads((folder / "measurement.json").read_text(encoding="utf-8"))
    del about["working_magnification"]
    (folder / "measurement.json").write_text(json.dumps(about), encoding="utf-8")
    measured_labels = measured.labels
    tifffile.imwrite(folder / "labels.tif", measured_labels.astype(np.uint16))
    with pytest.raises(UnreadableFile, match=r"measurement\.json: damaged .*working_magnification"):
        nanogauge.load(folder)
    about["shape_px"] = [20_000, 20_000]
    (folder / "measurement.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(UnreadableFile, match="a mosaic of 20000 x 20000 px"):
        nanogauge.load(folder)


def test_the_page_of_a_stack_that_was_measured_is_read_again(bare_scene: Rendering, tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.stack([np.full_like(bare_scene.pixels, 9), bare_scene.pixels]), photometric="minisblack")
    second = FAST.replace("read", page=2)
    m = nanogauge.measure_labels(path, bare_scene.labels, scale=2.0, settings=second)
    assert np.array_equal(m.micrograph.pixels, bare_scene.pixels)
    again = nanogauge.load(m.save(tmp_path / "out"))
    assert isinstance(again, Measurement)
    assert np.array_equal(again.micrograph.pixels, bare_scene.pixels)
