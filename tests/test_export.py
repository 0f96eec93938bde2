"""Files of a measurement: what other programs read from them is what was measured."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import roifile
import tifffile
from PIL import Image

from nanogauge import Measurement, Micrograph
from nanogauge.errors import OutputError
from nanogauge.export import make_folder, save_measurement, write_labels, write_particles, write_rois, write_summary
from nanogauge.particles import column_names
from nanogauge.pipeline import Tools, measure_micrograph
from nanogauge.scale import Scale

FILES = {"measurement.json", "particles.csv", "labels.tif", "overlay.png", "rois.zip"}


@pytest.fixture
def labels() -> np.ndarray:
    """(40, 70) with a disc, a rectangle at the border, one pixel, and a particle that touches the disc; 4 is missing."""
    yy, xx = np.mgrid[:40, :70]
    out = np.zeros((40, 70), np.int32)
    out[np.hypot(yy - 15, xx - 25) < 9] = 1
    out[30:40, 60:70] = 2
    out[5, 50] = 3
    out[24:30, 20:33] = 5
    return out


@pytest.fixture
def without_scale(blind_tools: Tools, bare_scene) -> Measurement:
    return measure_micrograph(Micrograph(pixels=bare_scene.pixels, name="bare"), tools=blind_tools)


@pytest.fixture
def with_user_scale(blind_tools: Tools, bare_scene) -> Measurement:
    scale = Scale((2.5, 2.5), 0.01, "user")
    return measure_micrograph(Micrograph(pixels=bare_scene.pixels, name="bare"), tools=blind_tools, scale=scale)


def test_labels_keep_shape_type_and_values(tmp_path: Path, labels: np.ndarray) -> None:
    labels[20, 60] = 70_000  # more than 16 bits
    write_labels(tmp_path / "labels.tif", labels, None)
    read = tifffile.imread(tmp_path / "labels.tif")
    assert read.dtype == np.int32
    assert np.array_equal(read, labels)


@pytest.mark.parametrize("nm_per_px", [(2.5, 2.5), (0.0123, 0.0246), (1234.5, 987.6)])
def test_resolution_tags_give_the_pixel_size(tmp_path: Path, labels: np.ndarray, nm_per_px: tuple[float, float]) -> None:
    write_labels(tmp_path / "labels.tif", labels, Scale(nm_per_px, 0.01, "metadata"))
    with tifffile.TiffFile(tmp_path / "labels.tif") as tiff:
        tags = tiff.pages.first.tags
        assert tags["ResolutionUnit"].value == 3  # centimetre
        for tag, nm in (("YResolution", nm_per_px[0]), ("XResolution", nm_per_px[1])):
            top, bottom = tags[tag].value
            assert 1e7 * bottom / top == pytest.approx(nm, rel=1e-4)
        assert f"{nm_per_px[1]:g}" in tags["ImageDescription"].value


def test_no_scale_no_resolution(tmp_path: Path, labels: np.ndarray) -> None:
    write_labels(tmp_path / "labels.tif", labels, None)
    with tifffile.TiffFile(tmp_path / "labels.tif") as tiff:
        tags = tiff.pages.first.tags
        assert "pixel size" not in tags["ImageDescription"].value
        assert tags["ResolutionUnit"].value == 1  # none


def test_a_pixel_too_small_for_the_tags_is_still_written(tmp_path: Path, labels: np.ndarray) -> None:
    write_labels(tmp_path / "labels.tif", labels, Scale((0.001, 0.001), 0.01, "user"))
    with tifffile.TiffFile(tmp_path / "labels.tif") as tiff:
        assert "0.001" in tiff.pages.first.tags["ImageDescription"].value


def test_rois_enclose_the_particles_exact_pixels(tmp_path: Path, labels: np.ndarray) -> None:
    write_rois(tmp_path / "rois.zip", labels)
    rois = roifile.roiread(tmp_path / "rois.zip")
    assert [roi.name for roi in rois] == ["00001", "00002", "00003", "00005"]
    for roi in rois:
        corners = np.asarray(roi.coordinates(), int)  # (x, y)
        inside = np.zeros(labels.shape, bool)
        for (xa, ya), (xb, yb) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            inside[min(ya, yb) : max(ya, yb), xa:] ^= xa == xb  # a vertical edge flips all pixels to its right
        assert np.array_equal(inside, labels == int(roi.name)), roi.name


def test_no_particles_is_a_valid_empty_zip(tmp_path: Path) -> None:
    write_rois(tmp_path / "rois.zip", np.zeros((8, 12), np.int32))
    with zipfile.ZipFile(tmp_path / "rois.zip") as archive:
        assert archive.namelist() == []
        assert archive.testzip() is None


def test_particles_of_a_run_have_nm_columns_empty_without_a_scale(
    tmp_path: Path, without_scale: Measurement, with_user_scale: Measurement
) -> None:
    tables = [("a", with_user_scale.particles), ("b, with a comma", without_scale.particles)]
    write_particles(tmp_path / "particles.csv", tables)
    header = (tmp_path / "particles.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert header == ["micrograph", *column_names(in_nm=True)]
    read = pd.read_csv(tmp_path / "particles.csv")
    nm = [c for c in read.columns if c.endswith(("_nm", "_nm2"))]
    a, b = read[read["micrograph"] == "a"], read[read["micrograph"] == "b, with a comma"]
    assert len(a) == len(b) == without_scale.n_particles
    assert b[nm].isna().all(axis=None)
    assert np.allclose(a["equivalent_diameter_nm"], 2.5 * a["equivalent_diameter_px"])
    assert np.allclose(a["area_nm2"], 6.25 * a["area_px2"])
    assert np.allclose(a["x"], with_user_scale.particles["x"])


def test_a_run_without_particles_has_a_header_only(tmp_path: Path) -> None:
    write_particles(tmp_path / "particles.csv", [])
    assert (tmp_path / "particles.csv").read_text(encoding="utf-8") == ",".join(["micrograph", *column_names(in_nm=True)]) + "\n"


def test_saved_measurement(tmp_path: Path, with_user_scale: Measurement) -> None:
    m = with_user_scale
    folder = save_measurement(m, tmp_path / "deep" / "down")
    assert {p.name for p in folder.iterdir()} == FILES
    assert np.array_equal(tifffile.imread(folder / "labels.tif"), m.labels)
    pd.testing.assert_frame_equal(pd.read_csv(folder / "particles.csv", keep_default_na=False), m.particles, check_dtype=False)
    about = json.loads((folder / "measurement.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert about["scale"]["nm_per_px_y_x"] == [2.5, 2.5]
    assert about["n_particles"] == m.n_particles
    assert about["distribution"]["mean"]["value"] == pytest.approx(m.distribution.mean.value)
    with Image.open(folder / "overlay.png") as overlay:
        assert overlay.width % m.micrograph.shape[1] == 0
        assert overlay.height > overlay.width // m.micrograph.shape[1] * m.micrograph.shape[0]  # the caption is below


def test_without_scale_there_is_no_nm_anywhere(tmp_path: Path, without_scale: Measurement) -> None:
    folder = save_measurement(without_scale, tmp_path)
    assert "_nm" not in (folder / "particles.csv").read_text(encoding="utf-8").splitlines()[0]
    assert json.loads((folder / "measurement.json").read_text(encoding="utf-8"))["distribution"]["unit"] == "px"


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (24, 17)])
def test_no_particles_is_saved_too(tmp_path: Path, blind_tools: Tools, shape: tuple[int, int]) -> None:
    m = measure_micrograph(Micrograph(pixels=np.full(shape, 9, np.uint8), name="flat"), tools=blind_tools)
    folder = save_measurement(m, tmp_path)
    assert {p.name for p in folder.iterdir()} == FILES
    assert json.loads((folder / "measurement.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)["n_particles"] == 0


def test_summary_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    write_summary(path, [{"file": "ä, b.tif", "mean_nm": 1 / 3}, {"file": "c"}], ["file", "mean_nm", "status"])
    write_summary(path, [{"file": "ä, b.tif", "mean_nm": None}], ["file", "mean_nm", "status"])
    assert path.read_text(encoding="utf-8").splitlines() == ["file,mean_nm,status", '"ä, b.tif",,']
    assert [p.name for p in tmp_path.iterdir()] == ["summary.csv"]


def test_a_folder_that_cannot_be_written(tmp_path: Path, without_scale: Measurement) -> None:
    (tmp_path / "taken").touch()
    for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(OutputError, match=r"taken.*choose another"):
            make_folder(folder)
    (tmp_path / "out" / "labels.tif").mkdir(parents=True)  # a folder where a file should go
    with pytest.raises(OutputError, match="out"):
        save_measurement(without_scale, tmp_path / "out")


def test_make_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    assert list(make_folder(tmp_path / "a" / "b").iterdir()) == []


def test_equivalent_diameter_is_that_of_the_saved_labels(tmp_path: Path, with_user_scale: Measurement) -> None:
    folder = save_measurement(with_user_scale, tmp_path)
    area = np.bincount(tifffile.imread(folder / "labels.tif").ravel())
    for row in pd.read_csv(folder / "particles.csv").itertuples():
        assert row.equivalent_diameter_nm == pytest.approx(2.5 * math.sqrt(4 * area[row.label] / math.pi))
