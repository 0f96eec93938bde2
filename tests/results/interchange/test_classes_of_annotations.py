"""Classes of annotations: read from files that have them, written where outlines are, and the same after the round trip."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from roifile import ROI_TYPE, ImagejRoi

from nanogauge import Measurement, measure_labels
from nanogauge.core.errors import AnnotationError, SettingsError
from nanogauge.core.settings import Settings
from nanogauge.measuring.contours import contours
from nanogauge.pipeline.measure import Measurer
from nanogauge.results.converted import convert
from nanogauge.results.folder import save_measurement
from nanogauge.results.interchange import read_annotation
from nanogauge.results.interchange.geojson import polygons_of, write_geojson
from nanogauge.results.saved import read_saved

SHAPE = (60, 90)
BOXES = {1: (10, 10, 22, 30), 2: (30, 12, 44, 26), 3: (12, 50, 30, 68)}
CLASSES = {1: "rod", 2: "cube", 3: "cube"}


def corners(label: int) -> list[list[int]]:
    """[x, y] of a box."""
    y0, x0, y1, x1 = BOXES[label]
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def written(kind: str, folder: Path) -> Path:
    """A file of that kind as the program that makes it writes one."""
    if kind == "coco":
        content: object = {
            "images": [{"id": 7, "file_name": "a.png", "height": SHAPE[0], "width": SHAPE[1]}],
            "categories": [{"id": 3, "name": "cube"}, {"id": 9, "name": "rod"}],
            "annotations": [
                {"id": k, "image_id": 7, "category_id": 9 if c == "rod" else 3, "segmentation": [np.ravel(corners(k)).tolist()]}
                for k, c in CLASSES.items()
            ],
        }
    elif kind == "labelme":
        content = {
            "imageHeight": SHAPE[0],
            "imageWidth": SHAPE[1],
            "shapes": [{"shape_type": "polygon", "label": c, "points": corners(k)} for k, c in CLASSES.items()],
        }
    else:
        content = {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "geometry": {"type": "Polygon", "coordinates": [[*corners(k), corners(k)[0]]]},
                    "properties": {"objectType": "annotation", "classification": {"name": c, "color": [200, 0, 0]}},
                }
                for k, c in CLASSES.items()
            ],
        }
    path = folder / f"a.{'geojson' if kind == 'geojson' else 'json'}"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["coco", "labelme", "geojson"])
def test_classes_are_read(kind: str, tmp_path: Path) -> None:
    found = read_annotation(written(kind, tmp_path), shape=SHAPE)
    assert found.kind == kind
    assert dict(found.classes) == CLASSES


def test_groups_of_imagej_are_classes(tmp_path: Path) -> None:
    path = tmp_path / "RoiSet.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for k in BOXES:
            roi = ImagejRoi.frompoints(np.array(corners(k), np.int32), name=f"0010-{k}")
            roi.roitype, roi.group = ROI_TYPE.POLYGON, 2 if k == 1 else 0
            archive.writestr(f"{roi.name}.roi", roi.tobytes())
    assert dict(read_annotation(path, shape=SHAPE).classes) == {1: "group 2"}


def measured(tmp_path: Path, classes: str | None) -> Measurement:
    pixels = np.random.default_rng(0).integers(60, 80, SHAPE).astype(np.uint8)
    return measure_labels(pixels, written("coco", tmp_path), classes=classes, name="a.png")  # type: ignore[arg-type]


def test_classes_stand_in_the_table_only_where_asked_for(tmp_path: Path) -> None:
    assert "class" not in measured(tmp_path, None).particles
    m = measured(tmp_path, "labels")
    assert m.particles["class"].tolist() == ["rod", "cube", "cube"]
    assert m.particles["class_confidence"].tolist() == [1, 1, 1]
    assert m.by_class()["cube"].number.value == pytest.approx(2 / 3, abs=0.02)
    ruled = Settings().replace("classes", rules={"long": "aspect_ratio < 0.6"})
    other = measure_labels(m.micrograph, written("coco", tmp_path), settings=ruled)
    assert other.particles["class"].tolist() == ["long", "other", "other"]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    m = measured(tmp_path, "labels")
    folder = save_measurement(m, tmp_path / "out", coco=True)
    for name in ("rois.zip", "coco.json"):
        found = read_annotation(folder / name, shape=SHAPE)
        assert dict(found.classes) == CLASSES, name
        assert (found.labels == m.labels).all(), name
    saved = read_saved(folder)
    assert saved.particles["class"].tolist() == m.particles["class"].tolist()
    assert [c["class"] for c in saved.about["classes"]] == ["cube", "rod"]
    again = saved.measurement(replace(m.micrograph))
    assert again.by_class().headline() == m.by_class().headline()


def test_without_classes_files_are_as_they_were(tmp_path: Path) -> None:
    folder = save_measurement(measured(tmp_path, None), tmp_path / "out", coco=True)
    about = json.loads((folder / "measurement.json").read_text(encoding="utf-8"))
    assert "classes" not in about
    assert "classes" not in about["settings"]
    assert json.loads((folder / "coco.json").read_text(encoding="utf-8"))["categories"] == [
        {"id": 1, "name": "particle", "supercategory": ""}
    ]
    with zipfile.ZipFile(folder / "rois.zip") as archive:
        assert archive.namelist() == ["00001.roi", "00002.roi", "00003.roi"]
    assert dict(read_annotation(folder / "coco.json", shape=SHAPE).classes) == {}


def test_classes_of_labels_need_labels() -> None:
    with pytest.raises(SettingsError, match="use nanogauge import"):
        Measurer(Settings().replace("classes", by="labels")).measure("a.png")


PROGRAMS_WITH_CLASSES = {
    "qupath": "a.geojson",
    "labelme": "a.json",
    "labels": "labels/a.tif",
    "yolo": "labels/a.txt",
    "via": "via.json",
    "label-studio": "label-studio.json",
}


@pytest.mark.parametrize("program", PROGRAMS_WITH_CLASSES)
def test_classes_go_through_every_program(program: str, tmp_path: Path) -> None:
    m = measured(tmp_path, "labels")
    save_measurement(m, tmp_path / "results" / "a")
    convert([tmp_path / "results" / "a"], program, tmp_path / "out")
    found = read_annotation(tmp_path / "out" / PROGRAMS_WITH_CLASSES[program], shape=SHAPE, image_name="a.png")
    assert (found.labels == m.labels).all()
    assert dict(found.classes) == CLASSES
    again = measure_labels(m.micrograph, tmp_path / "out" / PROGRAMS_WITH_CLASSES[program], classes="labels")
    assert again.particles["class"].tolist() == m.particles["class"].tolist()


def test_a_results_folder_is_a_label_picture_with_a_table(tmp_path: Path) -> None:
    folder = save_measurement(measured(tmp_path, "labels"), tmp_path / "out", unit_row=True)
    assert dict(read_annotation(folder / "labels.tif", shape=SHAPE).classes) == CLASSES


@pytest.mark.parametrize(
    ("table", "said"),
    [("label,class\n1,cube\n1,rod\n", "two classes"), ("label,class\none,cube\n", "no whole number")],
)
def test_a_table_that_makes_no_sense_is_refused(table: str, said: str, tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint16)
    labels[4:20, 4:20], labels[30:40, 30:60] = 1, 2
    tifffile.imwrite(tmp_path / "a.tif", labels)
    (tmp_path / "a.csv").write_text(table, encoding="utf-8")
    with pytest.raises(AnnotationError, match=said):
        read_annotation(tmp_path / "a.tif", shape=SHAPE)


def test_labels_that_a_table_names_and_a_picture_lacks_are_said(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint16)
    labels[4:20, 4:20], labels[30:40, 30:60] = 1, 2
    tifffile.imwrite(tmp_path / "a.tif", labels)
    (tmp_path / "a.csv").write_text("label,class\n1,cube\n7,rod\n", encoding="utf-8")
    found = read_annotation(tmp_path / "a.tif", shape=SHAPE)
    assert dict(found.classes) == {1: "cube"}
    assert any("1 label is not in a.tif" in w for w in found.warnings)


def test_holes_and_pieces_stay_with_qupath(tmp_path: Path) -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[2:20, 2:20], labels[6:10, 6:10] = 3, 0
    labels[24:36, 24:36], labels[28:30, 28:30], labels[32:34, 28:30] = 3, 0, 0
    rings = dict(contours(labels))
    assert [len(p) for p in polygons_of(rings[3])] == [2, 3]
    write_geojson(tmp_path / "a.geojson", rings, {3: "cube"})
    found = read_annotation(tmp_path / "a.geojson", shape=(40, 40))
    assert ((found.labels > 0) == (labels > 0)).all()
