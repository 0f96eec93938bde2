"""What is odd about a file is said, in words that are true of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nanogauge.core.errors import AnnotationError
from nanogauge.results.interchange import Annotation, read_annotation

SHAPE = (60, 90)
CORNERS = [[10, 10], [30, 10], [30, 30], [10, 30]]
OUTSIDE = "1 shape has no pixel in the picture, being outside it or of fewer than three corners, and is left out"


def read(path: Path, content: Any, *, name: str = "m.png") -> Annotation:
    path.write_text(json.dumps(content))
    return read_annotation(path, shape=SHAPE, image_name=name)


def labelme(picture: str) -> dict[str, Any]:
    shape = {"label": "p", "points": CORNERS, "shape_type": "polygon"}
    return {"imagePath": picture, "imageHeight": SHAPE[0], "imageWidth": SHAPE[1], "shapes": [shape]}


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ("m.png", ()),
        (r"..\scans\M.jpg", ()),
        ("3fa85f64-m.png", ()),
        ("", ()),
        ("other.png", ("the file says that it was drawn on other.png; it is taken for m.png",)),
    ],
)
def test_labelme_of_another_picture(tmp_path: Path, stated: str, said: tuple[str, ...]) -> None:
    found = read(tmp_path / "m.json", labelme(stated))
    assert (found.n_particles, found.warnings) == (1, said)


def test_polygons_of_two_points(tmp_path: Path) -> None:
    line, corners = [1.0, 2.0, 20.0, 30.0], [v for p in CORNERS for v in p]
    coco = {"images": [{"id": 1, "file_name": "m.png"}], "annotations": []}
    coco["annotations"] = [{"id": k, "image_id": 1, "segmentation": [s]} for k, s in enumerate((corners, line))]
    x, y = ([p[i] for p in CORNERS] for i in (0, 1))
    regions = [
        {"shape_attributes": {"name": "polygon", "all_points_x": a, "all_points_y": b}, "region_attributes": {}}
        for a, b in ((x, y), (x[:2], y[:2]))
    ]
    via = {"m.png9": {"filename": "m.png", "size": 9, "regions": regions}}
    for k, content in enumerate((coco, via)):
        found = read(tmp_path / f"{k}.json", content)
        assert (found.n_particles, found.warnings) == (1, (OUTSIDE,))
    bad = labelme("m.png")
    bad["shapes"][0]["points"] = CORNERS[:2]
    with pytest.raises(AnnotationError, match="shape 1: a polygon of 2 points; draw it again"):
        read(tmp_path / "l.json", bad)


def test_a_skipped_task_and_what_has_no_area(tmp_path: Path) -> None:
    value = {"points": [[10, 10], [30, 10], [30, 40]], "polygonlabels": ["p"]}
    key = {"type": "keypointlabels", "value": {"x": 5, "y": 5}}
    task: dict[str, Any] = {"data": {"image": "m.png"}, "annotations": [{"result": [{"value": value}, key]}]}
    found = read(tmp_path / "t.json", [task])
    assert (found.n_particles, found.warnings) == (1, ("1 region has no area (keypointlabels) and is left out",))
    task["annotations"][0]["was_cancelled"] = True
    found = read(tmp_path / "skipped.json", [task])
    assert (found.n_particles, found.warnings) == (0, ("the task was skipped by who annotated it; what was drawn is not read",))


@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_probabilities_of_ilastik_as_numbers_of_any_kind(tmp_path: Path, kind: type) -> None:
    path = tmp_path / "m_Probabilities.h5"
    with h5py.File(path, "w") as file:
        file["exported_data"] = np.zeros((*SHAPE, 2), kind)
    with pytest.raises(AnnotationError, match=r"ilastik's probabilities.*export Simple Segmentation or Object Identities instead"):
        read_annotation(path, shape=SHAPE)


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-be"])
def test_text_in_utf_16(tmp_path: Path, coding: str) -> None:
    path = tmp_path / "m.json"
    path.write_bytes((b"\xfe\xff" if coding.endswith("be") else b"") + json.dumps(labelme("m.png")).encode(coding))
    with pytest.raises(AnnotationError, match=r"m\.json: text in UTF-16; save it in UTF-8"):
        read_annotation(path, shape=SHAPE)
