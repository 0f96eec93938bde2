"""Every kind of annotation that can name classes gives them: one file of each, as its program writes it."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from roifile import ROI_TYPE, ImagejRoi

from nanogauge import measure_labels
from nanogauge.results.converted import PROGRAMS
from nanogauge.results.interchange import Annotation, read_annotation

SHAPE = (60, 90)
BOXES = {1: (10, 10, 22, 30), 2: (30, 12, 44, 26), 3: (12, 50, 30, 68)}
CLASSES = {1: "rod", 2: "cube", 3: "cube"}
HAVE_NONE = {"colour_image", "class_image", "mask", "mask_stack", "sam"}


def corners(label: int) -> list[list[int]]:
    """[x, y] of a box."""
    y0, x0, y1, x1 = BOXES[label]
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def label_picture() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint16)
    for k, (y0, x0, y1, x1) in BOXES.items():
        labels[y0:y1, x0:x1] = k
    return labels


def with_table(path: Path) -> Path:
    rows = "".join(f"{k},{c}\n" for k, c in CLASSES.items())
    path.with_suffix(".csv").write_text(f"label,class\n{rows}", encoding="utf-8")
    return path


def saved_json(name: str, content: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
        return folder / name

    return write


def saved_text(name: str, content: str, **beside: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        for other, text in beside.items():
            (folder / other.replace("_", ".")).write_text(text, encoding="utf-8")
        (folder / name).write_text(content, encoding="utf-8")
        return folder / name

    return write


def png(folder: Path) -> Path:
    Image.fromarray(label_picture()).save(folder / "a.png")
    return with_table(folder / "a.png")


def tif(folder: Path) -> Path:
    tifffile.imwrite(folder / "a.tif", label_picture())
    return with_table(folder / "a.tif")


def npy(folder: Path) -> Path:
    np.save(folder / "a.npy", label_picture())
    return with_table(folder / "a.npy")


def npz(folder: Path) -> Path:
    np.savez_compressed(folder / "a.npz", labels=label_picture())
    return with_table(folder / "a.npz")


def ilastik(folder: Path) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("exported_data", data=label_picture().astype(np.uint32))
    return with_table(folder / "a.h5")


def cellpose(folder: Path) -> Path:
    np.save(folder / "a_seg.npy", {"masks": label_picture(), "outlines": label_picture() * 0}, allow_pickle=True)  # type: ignore[arg-type]
    return with_table(folder / "a_seg.npy")


def imagej(folder: Path) -> Path:
    """ROIs named as nanogauge names them: the class after the number."""
    with zipfile.ZipFile(folder / "RoiSet.zip", "w") as archive:
        for k, c in CLASSES.items():
            roi = ImagejRoi.frompoints(np.array(corners(k), np.int32), name=f"{k:05d} {c}")
            roi.roitype = ROI_TYPE.POLYGON
            archive.writestr(f"{k:05d}.roi", roi.tobytes())
    return folder / "RoiSet.zip"


def geojson_feature(label: int, name: str) -> dict[str, Any]:
    ring = [*corners(label), corners(label)[0]]
    about = {"objectType": "detection", "classification": {"name": name, "color": [200, 0, 0]}}
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": about}


def via_region(label: int, name: str) -> dict[str, Any]:
    xs, ys = zip(*corners(label), strict=True)
    shape = {"name": "polygon", "all_points_x": list(xs), "all_points_y": list(ys)}
    return {"shape_attributes": shape, "region_attributes": {"class": name}}


def via_row(k: int, region: dict[str, Any]) -> str:
    cells = [json.dumps(region[key]).replace('"', '""') for key in ("shape_attributes", "region_attributes")]
    return f'a.png,9,"{{}}",3,{k},"{cells[0]}","{cells[1]}"'


def labelstudio_result(label: int, name: str) -> dict[str, Any]:
    points = [[100 * x / SHAPE[1], 100 * y / SHAPE[0]] for x, y in corners(label)]
    about = {"original_width": SHAPE[1], "original_height": SHAPE[0], "image_rotation": 0, "from_name": "label", "to_name": "image"}
    return about | {
        "id": f"r{label}",
        "type": "polygonlabels",
        "value": {"points": points, "closed": True, "polygonlabels": [name]},
    }


def cvat_shape(label: int, name: str) -> str:
    points = ";".join(f"{x}.00,{y}.00" for x, y in corners(label))
    return f'<polygon label="{name}" source="manual" occluded="0" points="{points}" z_order="0"></polygon>'


def yolo_line(label: int, names: tuple[str, ...] = ("cube", "rod")) -> str:
    return f"{names.index(CLASSES[label])} " + " ".join(f"{x / SHAPE[1]:.8f} {y / SHAPE[0]:.8f}" for x, y in corners(label)) + "\n"


VIA_HEAD = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
YOLO = "".join(map(yolo_line, CLASSES))
WRITERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "label picture, PNG": ("label_image", png),
    "label picture, TIFF": ("label_image", tif),
    "label picture, .npy": ("label_image", npy),
    "label picture, .npz": ("label_image", npz),
    "ilastik": ("label_image", ilastik),
    "Cellpose": ("cellpose_seg", cellpose),
    "ImageJ": ("imagej_roi", imagej),
    "COCO": (
        "coco",
        saved_json(
            "a.json",
            {
                "images": [{"id": 7, "file_name": "a.png", "height": SHAPE[0], "width": SHAPE[1]}],
                "categories": [{"id": 3, "name": "cube"}, {"id": 9, "name": "rod"}],
                "annotations": [
                    {
                        "id": k,
                        "image_id": 7,
                        "category_id": {"rod": 9, "cube": 3}[c],
                        "segmentation": [np.ravel(corners(k)).tolist()],
                    }
                    for k, c in CLASSES.items()
                ],
            },
        ),
    ),
    "LabelMe": (
        "labelme",
        saved_json(
            "a.json",
            {
                "imageHeight": SHAPE[0],
                "imageWidth": SHAPE[1],
                "shapes": [{"shape_type": "polygon", "label": c, "points": corners(k)} for k, c in CLASSES.items()],
            },
        ),
    ),
    "QuPath": (
        "geojson",
        saved_json("a.geojson", {"type": "FeatureCollection", "features": [geojson_feature(k, c) for k, c in CLASSES.items()]}),
    ),
    "VIA, JSON": (
        "via",
        saved_json("a.json", {"a.png9": {"filename": "a.png", "size": 9, "regions": [via_region(*i) for i in CLASSES.items()]}}),
    ),
    "VIA, CSV": ("via", saved_text("v.csv", "\n".join([VIA_HEAD, *(via_row(k, via_region(k, c)) for k, c in CLASSES.items())]))),
    "Label Studio": (
        "labelstudio",
        saved_json(
            "a.json",
            [
                {
                    "id": 1,
                    "data": {"image": "/data/upload/1/3fa85f64-a.png"},
                    "annotations": [{"id": 1, "was_cancelled": False, "result": [labelstudio_result(*i) for i in CLASSES.items()]}],
                }
            ],
        ),
    ),
    "CVAT": (
        "cvat",
        saved_text(
            "a.xml",
            f'<annotations><version>1.1</version><image id="0" name="a.png" width="{SHAPE[1]}" height="{SHAPE[0]}">'
            + "".join(cvat_shape(*i) for i in CLASSES.items())
            + "</image></annotations>",
        ),
    ),
    "YOLO with data.yaml": ("yolo", saved_text("a.txt", YOLO, data_yaml="names:\n  0: cube\n  1: rod\n")),
    "YOLO with classes.txt": ("yolo", saved_text("a.txt", YOLO, classes_txt="cube\nrod\n")),
}


@pytest.mark.parametrize("name", WRITERS)
def test_classes_are_read_and_measured(name: str, tmp_path: Path) -> None:
    kind, write = WRITERS[name]
    path = write(tmp_path)
    found = read_annotation(path, shape=SHAPE, image_name="a.png")
    assert found.kind == kind
    assert (found.labels == label_picture()).all()
    assert dict(found.classes) == CLASSES
    pixels = np.random.default_rng(0).integers(60, 80, SHAPE).astype(np.uint8)
    m = measure_labels(pixels, path, classes="labels", name="a.png")
    assert m.particles["class"].tolist() == list(CLASSES.values())


def test_no_kind_is_left_out() -> None:
    """Those that the reader knows are those tried here, and those that cannot name a class."""
    known = re.search(r"kind: (.*?)\n    sha256", Annotation.__doc__ or "", re.DOTALL)
    assert known
    assert set(re.findall(r"\w+", known[1])) - {"or"} == {kind for kind, _ in WRITERS.values()} | HAVE_NONE


def test_no_program_is_left_out() -> None:
    """What `nanogauge convert` writes is read back with its classes in test_classes_of_annotations; Cellpose knows none."""
    from test_classes_of_annotations import PROGRAMS_WITH_CLASSES

    assert set(PROGRAMS) == {*PROGRAMS_WITH_CLASSES, "cellpose"}
