"""Labels and ROIs made elsewhere are measured like those found here; what is written comes back to the last digit."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import roifile
import tifffile
from PIL import Image

from nanogauge import Measurement
from nanogauge.core.errors import AnnotationError
from nanogauge.core.scale import Scale
from nanogauge.measuring import measure_particles
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph
from nanogauge.results.folder import save_measurement
from nanogauge.results.interchange import read_annotation
from nanogauge.training.synthetic import Rendering

Command = Callable[..., subprocess.CompletedProcess[str]]
SCALE = Scale((1 / 3, 1 / 3), 0.01, "user")


@pytest.fixture
def micrograph(tmp_path: Path, scene_with_bar: Rendering) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(scene_with_bar.pixels).save(path)
    return path


@pytest.fixture
def labels(scene_with_bar: Rendering) -> np.ndarray:
    """True labels on the micrograph's grid, one particle with a hole and one in two pieces."""
    full = np.zeros(scene_with_bar.pixels.shape, np.int32)
    full[: scene_with_bar.labels.shape[0]] = scene_with_bar.labels
    holed, halved = (np.argsort(np.bincount(full.ravel())[1:])[-2:] + 1).tolist()
    y, x = (int(v.mean()) for v in np.nonzero(full == holed))
    full[y : y + 2, x : x + 3] = 0
    y, _ = (int(v.mean()) for v in np.nonzero(full == halved))
    full[y][full[y] == halved] = 0
    return full


@pytest.mark.parametrize("written", ["rois.zip", "labels.tif", "labels.ome.tif", "coco.json"])
def test_round_trip_is_equal_to_the_last_digit(
    tmp_path: Path, micrograph: Path, labels: np.ndarray, blind_measurer: Measurer, written: str
) -> None:
    tifffile.imwrite(tmp_path / "drawn.tif", labels)
    first = blind_measurer.measure_labels(micrograph, tmp_path / "drawn.tif", scale=SCALE)
    assert first.n_particles > 10
    folder = save_measurement(first, tmp_path / "out", coco=True, ome=True)
    if written == "rois.zip":
        assert len(roifile.roiread(folder / written)) == first.n_particles
    again = blind_measurer.measure_labels(micrograph, folder / written, scale=SCALE)
    pd.testing.assert_frame_equal(again.particles, first.particles, check_exact=True)
    assert again.distribution == first.distribution
    assert np.array_equal(again.labels, first.labels)


def test_same_metrology_as_for_what_is_found_here(
    tmp_path: Path, micrograph: Path, labels: np.ndarray, blind_measurer: Measurer
) -> None:
    tifffile.imwrite(tmp_path / "drawn.tif", labels)
    m = blind_measurer.measure_labels(micrograph, tmp_path / "drawn.tif", scale=SCALE)
    pixels = read_micrograph(micrograph).pixels
    table = measure_particles(labels, pixels=pixels, scale=SCALE, frame=m.frame)
    for column in ("equivalent_diameter_nm", "feret_max_nm", "perimeter_px", "circularity", "edge_weight", "mean_grey"):
        assert np.array_equal(m.particles[column], table[column])
    assert m.particles["confidence"].isna().all()
    about = m.to_dict()
    assert about["labels_source"]["sha256"] == read_annotation(tmp_path / "drawn.tif", shape=labels.shape).sha256
    assert about["outline"] == "labels"
    assert json.dumps(about)


def test_overlapping_shapes_are_flagged(tmp_path: Path, micrograph: Path, blind_measurer: Measurer) -> None:
    corners = np.array([(50, 50), (110, 50), (110, 110), (50, 110)], np.int32)
    rois = [roifile.ImagejRoi.frompoints(corners, name="big"), roifile.ImagejRoi.frompoints(corners // 4 + 60, name="small")]
    roifile.roiwrite(tmp_path / "r.zip", rois)
    m = blind_measurer.measure_labels(micrograph, tmp_path / "r.zip", scale=SCALE)
    flags = m.particles.set_index("label")["flags"]
    assert "overlapped" in flags[1].split("|")
    assert "overlapped" not in flags[2].split("|")
    assert "common pixels" in m.message


def test_labels_of_another_shape_are_refused(
    tmp_path: Path, micrograph: Path, labels: np.ndarray, blind_measurer: Measurer
) -> None:
    tifffile.imwrite(tmp_path / "cropped.tif", labels[:-20])
    with pytest.raises(AnnotationError, match=r"cropped\.tif.*neither cropped nor resized"):
        blind_measurer.measure_labels(micrograph, tmp_path / "cropped.tif")


@pytest.mark.slow
def test_command(tmp_path: Path, scene_with_bar: Rendering, labels: np.ndarray, nanogauge: Command) -> None:
    for name in ("a", "b", "c"):
        Image.fromarray(scene_with_bar.pixels).save(tmp_path / f"{name}.png")
    Image.fromarray(labels.astype(np.uint16)).save(tmp_path / "a_masks.png")
    (tmp_path / "b.json").write_text("{}")
    done = nanogauge("import", tmp_path, "-o", tmp_path / "out", "--no-report")
    assert done.returncode == 1
    assert "c.png" in done.stderr
    assert "left out" in done.stderr
    assert "b.json" in done.stderr
    assert "Traceback" not in done.stderr
    assert {p.name for p in (tmp_path / "out" / "a").iterdir()} >= {"labels.tif", "rois.zip", "measurement.json", "particles.csv"}
    read = tifffile.imread(tmp_path / "out" / "a" / "labels.tif")
    assert np.array_equal(read, labels)
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert summary["status"].tolist() == ["ok", "error"]
    assert summary["nm_per_px"][0] == pytest.approx(1.7, rel=0.01)  # from the scale bar, as always
    one = nanogauge("import", tmp_path / "b.png", tmp_path / "out" / "a" / "rois.zip", "-o", tmp_path / "two", "--no-report", "-q")
    assert one.returncode == 0, one.stderr
    a, b = (pd.read_csv(tmp_path / d / "particles.csv").drop(columns="micrograph") for d in ("out", "two"))
    pd.testing.assert_frame_equal(a, b, check_exact=True)
    for wrong in ([tmp_path / "c.png"], [tmp_path / "none.png", tmp_path / "b.json"], [tmp_path / "a.png", tmp_path / "none.zip"]):
        refused = nanogauge("import", *wrong, "-o", tmp_path / "x", "--no-report")
        assert refused.returncode in (1, 2)
        assert "Traceback" not in refused.stderr
        assert refused.stderr.startswith("nanogauge: ")


def test_measurement_is_the_same_type(tmp_path: Path, micrograph: Path, labels: np.ndarray, blind_measurer: Measurer) -> None:
    Image.fromarray(labels.astype(np.uint16)).save(tmp_path / "l.png")
    m = blind_measurer.measure_labels(str(micrograph), str(tmp_path / "l.png"))
    assert isinstance(m, Measurement)
    assert m.status == "no_scale"
    assert m.engine == "imported label image"
