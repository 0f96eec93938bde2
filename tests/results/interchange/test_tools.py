"""Files as annotation tools write them: each gives the pixels that were drawn, and comes back from what we write for the tool."""

from __future__ import annotations

import io
import json
import os
import pathlib
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from nanogauge.core.errors import AnnotationError
from nanogauge.measuring.contours import contours
from nanogauge.results.interchange import Annotation, read_annotation
from nanogauge.results.interchange.cellpose import write_seg
from nanogauge.results.interchange.labelstudio import write_labelstudio
from nanogauge.results.interchange.via import write_via
from nanogauge.results.interchange.yolo import write_yolo

SHAPE = (48, 64)
POLYGONS = [
    [(5, 4), (15, 4), (15, 14), (5, 14)],
    [(30, 8), (44, 8), (44, 20), (30, 20)],
    [(20, 28), (28, 28), (28, 40), (20, 40)],
]  # (x, y)


@pytest.fixture
def labels() -> np.ndarray:
    out = np.zeros(SHAPE, np.int32)
    for k, polygon in enumerate(POLYGONS, 1):
        (x0, y0), (x1, y1) = polygon[0], polygon[2]
        out[y0:y1, x0:x1] = k
    return out


def save(path: Path, content: Any) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def read(path: Path, content: Any = None, name: str | None = "m.png") -> Annotation:
    return read_annotation(path if content is None else save(path, content), shape=SHAPE, image_name=name)


def refused(path: Path, content: Any = None, name: str | None = "m.png") -> str:
    with pytest.raises(AnnotationError) as error:
        read(path, content, name)
    text = str(error.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text


def flat(polygon: list[tuple[int, int]]) -> list[float]:
    return [float(v) for p in polygon for v in p]


# names in COCO files


def coco(*names: str) -> dict[str, Any]:
    images = [{"id": k, "file_name": n, "width": SHAPE[1], "height": SHAPE[0]} for k, n in enumerate(names)]
    polygons = [{"id": 9, "image_id": 0, "category_id": 1, "segmentation": [flat(p)]} for p in POLYGONS]
    return {"images": images, "categories": [{"id": 1, "name": "p"}], "annotations": polygons}


@pytest.mark.parametrize(
    ("in_file", "name"),
    [
        ("3fa85f64-m.png", "m.png"),
        ("images\\3fa85f64-m.png", "m.png"),
        ("../../label-studio/data/media/upload/1/3fa85f64-my_au_30_nm_1.png", "my au 30-nm (1).png"),
        ("m_png.rf.0f1e2d3c4b5a69788796a5b4c3d2e1f0.jpg", "m.png"),
        ("m_tif.rf.XyZ0f1e2d3c4b5a69788.jpg", "m.tif"),
        ("Au-30-nm_jpg.rf.0f1e2d3c4b5a69788796a5b4c3d2e1f0.jpg", "Au 30 nm.jpg"),
        ("/data/local-files/?d=set/m.png", "m.png"),
        ("https://host/media/my%20au.png?token=x.y", "my au.png"),
        ("M.PNG", "m.png"),
        ("m.jpg", "m.tif"),
    ],
)
def test_names_that_tools_changed(tmp_path: Path, labels: np.ndarray, in_file: str, name: str) -> None:
    found = read(tmp_path / "c.json", coco(in_file, "another.png"), name)
    assert np.array_equal(found.labels, labels)


def test_an_exact_name_is_surer_than_a_changed_one(tmp_path: Path) -> None:
    assert read(tmp_path / "c.json", coco("m.png", "3fa85f64-m.png")).n_particles == 3
    assert read(tmp_path / "d.json", coco("3fa85f64-m.png", "m.png")).n_particles == 0


@pytest.mark.parametrize(
    "names",
    [
        ("3fa85f64-m.png", "0fa85f64-m.png"),
        ("m_png.rf.0f1e2d3c4b5a6978.jpg", "m_png.rf.1f1e2d3c4b5a6978.jpg", "m_png.rf.2f1e2d3c4b5a6978.jpg"),
        ("m.jpg", "m.tif"),
    ],
)
def test_names_that_may_be_two_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    said = refused(tmp_path / "c.json", coco(*names))
    assert f"{len(names)} times" in said
    assert names[0] in said


def test_a_name_that_only_resembles_is_another(tmp_path: Path) -> None:
    for other in ("m2.png", "am.png", "3fa85f64m.png", "m.rf.png"):
        assert "no image named" in refused(tmp_path / "c.json", coco(other, "x.png"))


# Segment Anything


def rle(mask: np.ndarray) -> list[int]:
    line = np.concatenate([[False], mask.T.ravel(), [not mask.T.ravel()[-1]]])
    return np.diff(np.concatenate([[0], np.flatnonzero(line[1:] != line[:-1])])).tolist()


def sam(labels: np.ndarray, how: Callable[[np.ndarray], Any]) -> list[dict[str, Any]]:
    masks = [labels == k for k in np.unique(labels)[1:]]
    return [{"segmentation": how(m), "area": int(m.sum()), "predicted_iou": 0.9, "stability_score": 0.95} for m in masks]


def test_sam_run_lengths_rows_and_polygons(tmp_path: Path, labels: np.ndarray) -> None:
    lists = [
        sam(labels, lambda m: {"size": list(SHAPE), "counts": rle(m)}),
        sam(labels, lambda m: m.tolist()),
        sam(labels, lambda m: m.astype(int).tolist()),
        [{"segmentation": [flat(p)]} for p in POLYGONS],
        [{"size": list(SHAPE), "counts": rle(labels == k)} for k in (1, 2, 3)],
        [s | {"image_id": 1, "category_id": 1} for s in sam(labels, lambda m: {"size": list(SHAPE), "counts": rle(m)})],
    ]  # fmt: skip
    for content in lists:
        found = read(tmp_path / "s.json", content)
        assert found.kind == "sam"
        assert np.array_equal(found.labels, labels)
    image = {"image_id": 5, "width": SHAPE[1], "height": SHAPE[0], "file_name": "sa_5.jpg"}
    assert np.array_equal(read(tmp_path / "s.json", {"image": image, "annotations": lists[0]}).labels, labels)


def test_sam_ground_and_wrong_sizes(tmp_path: Path, labels: np.ndarray) -> None:
    ground = {"segmentation": {"size": list(SHAPE), "counts": rle(labels == 0)}}
    found = read(tmp_path / "s.json", [ground, *sam(labels, lambda m: {"size": list(SHAPE), "counts": rle(m)})])
    assert found.n_particles == 3
    assert any("region" in w for w in found.warnings)
    assert "64 x 48" in refused(tmp_path / "s.json", sam(labels.T, lambda m: {"size": list(m.shape), "counts": rle(m)}))
    assert "64 x 48" in refused(tmp_path / "s.json", sam(labels.T, lambda m: m.tolist()))
    assert "run-length" in refused(tmp_path / "s.json", [{"segmentation": {"size": list(SHAPE), "counts": [0, 10**15]}}])
    huge = [2**62, 2**62, 2**62, 2**62 + SHAPE[0] * SHAPE[1]]  # whose sum wraps round to the right number of pixels
    assert "run-length" in refused(tmp_path / "s.json", [{"segmentation": {"size": list(SHAPE), "counts": huge}}])
    assert "2 pictures" in refused(tmp_path / "s.json", [{"image_id": k, "segmentation": [flat(POLYGONS[0])]} for k in (1, 2)])
    assert "true and false" in refused(tmp_path / "s.json", [{"segmentation": [[1, 0, 1, 0, 1, 0, 1, 0, 7]] * 3}])


# YOLO


def yolo(polygons: list[list[tuple[int, int]]], end: str = "") -> str:
    rows = (" ".join(f"{x / SHAPE[1]:.8f} {y / SHAPE[0]:.8f}" for x, y in p) for p in polygons)
    return "".join(f"{k % 2} {row}{end}\n" for k, row in enumerate(rows))


def test_yolo(tmp_path: Path, labels: np.ndarray) -> None:
    for text in (yolo(POLYGONS), yolo(POLYGONS, " 0.93"), yolo(POLYGONS).replace("\n", "\r\n") + "\n\n"):
        found = read(tmp_path / "m.txt", text)
        assert found.kind == "yolo"
        assert np.array_equal(found.labels, labels)
        assert any("2 classes" in w for w in found.warnings)


def test_yolo_that_cannot_be_read(tmp_path: Path) -> None:
    assert "boxes" in refused(tmp_path / "m.txt", "0 0.5 0.5 0.1 0.1\n1 0.2 0.2 0.1 0.1\n")
    assert "no shares" in refused(tmp_path / "m.txt", "0 " + " ".join(map(str, flat(POLYGONS[0]))))
    assert "no shares" in refused(tmp_path / "m.txt", "0 -0.5 0.1 0.2 0.1 0.3 0.3")
    assert "line 31" in refused(tmp_path / "m.txt", yolo(POLYGONS * 10) + "0 nan 0.1 0.2 0.1 0.3 0.3\n")
    assert "not a known kind" in refused(tmp_path / "m.txt", "Magnification=1000\n")
    assert "1 line is a box" in read(tmp_path / "m.txt", yolo(POLYGONS) + "0 0.5 0.5 0.1 0.1\n").warnings[0]


# VIA


def via_regions(as_dict: bool = False) -> Any:
    regions = [
        {"shape_attributes": {"name": "polygon", "all_points_x": [x for x, _ in p], "all_points_y": [y for _, y in p]},
         "region_attributes": {"kind": "Au"}}
        for p in POLYGONS[:2]
    ]  # fmt: skip
    regions.append({"shape_attributes": {"name": "rect", "x": 20, "y": 28, "width": 8, "height": 12}, "region_attributes": {}})
    regions.append({"shape_attributes": {"name": "point", "cx": 3, "cy": 3}, "region_attributes": {}})
    return {str(k): r for k, r in enumerate(regions)} if as_dict else regions


def test_via_json_of_three_versions(tmp_path: Path, labels: np.ndarray) -> None:
    first = {
        "m.png4711": {
            "fileref": "",
            "size": 4711,
            "filename": "m.png",
            "base64_img_data": "",
            "file_attributes": {},
            "regions": via_regions(True),
        }
    }
    second = {"m.png4711": {"filename": "m.png", "size": 4711, "regions": via_regions(), "file_attributes": {}}}
    other = {"n.png1": {"filename": "n.png", "size": 1, "regions": [], "file_attributes": {}}}
    project = {"_via_settings": {}, "_via_img_metadata": second | other, "_via_attributes": {}}
    third = {
        "project": {"pid": "__VIA_PROJECT_ID__"}, "config": {}, "attribute": {},
        "file": {"1": {"fid": "1", "fname": "m.png", "type": 2, "loc": 1, "src": ""}},
        "view": {"1": {"fid_list": ["1"]}},
        "metadata": {
            **{f"1_{k}": {"vid": "1", "flg": 0, "z": [], "xy": [7, *flat(p)], "av": {}} for k, p in enumerate(POLYGONS[:2])},
            "1_x": {"vid": "1", "flg": 0, "z": [], "xy": [2, 20, 28, 8, 12], "av": {}},
            "1_y": {"vid": "1", "flg": 0, "z": [], "xy": [1, 3, 3], "av": {}},
            "1_z": {"vid": "1", "flg": 0, "z": [], "xy": [], "av": {"2": "of the whole picture"}},
        },
    }  # fmt: skip
    for content in (first, second | other, project, third):
        found = read(tmp_path / "v.json", content)
        assert found.kind == "via"
        assert np.array_equal(found.labels, labels)
        assert any("no area (point)" in w for w in found.warnings)


def test_via_csv(tmp_path: Path, labels: np.ndarray) -> None:
    rows = ["filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"]
    for k, r in enumerate(via_regions()):
        cells = [json.dumps(r[key]).replace('"', '""') for key in ("shape_attributes", "region_attributes")]
        rows.append(f'm.png,4711,"{{}}",4,{k},"{cells[0]}","{cells[1]}"')
    rows.append('n.png,1,"{}",0,0,"{}","{}"')
    for start in ("", "#", "\ufeff"):
        found = read(tmp_path / "v.csv", start + "\n".join(rows) + "\n")
        assert np.array_equal(found.labels, labels)


def test_via_circles_and_ellipses(tmp_path: Path) -> None:
    shapes = [
        {"name": "circle", "cx": 20, "cy": 20, "r": 8.0},
        {"name": "ellipse", "cx": 45, "cy": 24, "rx": 12, "ry": 5, "theta": 0.5},
    ]
    content = {"k": {"filename": "m.png", "size": 1, "regions": [{"shape_attributes": s, "region_attributes": {}} for s in shapes]}}
    areas = np.bincount(read(tmp_path / "v.json", content).labels.ravel())[1:]
    assert areas.tolist() == pytest.approx([np.pi * 64, np.pi * 60], rel=0.05)


@pytest.mark.parametrize(
    "form",
    [
        {"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1]},
        {"name": "polygon", "all_points_x": [1, "a", 3], "all_points_y": [1, 2, 3]},
        {"name": "circle", "cx": 1, "cy": None, "r": 3},
        {"name": "rect", "x": 1, "y": 1, "width": float("inf"), "height": 3},
    ],
)
def test_via_that_cannot_be_read(tmp_path: Path, form: dict[str, Any]) -> None:
    content = {"k": {"filename": "m.png", "size": 1, "regions": [{"shape_attributes": form, "region_attributes": {}}]}}
    assert "region 1" in refused(tmp_path / "v.json", content)


# Label Studio


def percent(polygon: list[tuple[int, int]]) -> list[list[float]]:
    return [[100 * x / SHAPE[1], 100 * y / SHAPE[0]] for x, y in polygon]


def pack(mask: np.ndarray) -> list[int]:
    """@thi.ng/rle-pack, as label_studio_converter.brush.encode_rle writes it, of RGBA bytes."""
    values = np.repeat(mask.ravel().astype(np.uint8) * 255, 4)
    values[0] = 3  # a literal among runs; red, which nobody looks at
    sizes = (3, 4, 8, 16)
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{s - 1:04b}" for s in sizes)
    at = 0
    while at < len(values):
        n = 1
        while at + n < len(values) and values[at + n] == values[at] and n < 65536:
            n += 1
        size = next(k for k, s in enumerate(sizes) if n - 1 < 1 << s)
        repeated = n > 1
        bits += f"{int(repeated)}{size:02b}{n - 1:0{sizes[size]}b}{int(values[at]):08b}"
        at += n
    bits += "0" * (-len(bits) % 8)
    return [int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)]


def region(value: dict[str, Any], kind: str, **more: Any) -> dict[str, Any]:
    about = {"original_width": SHAPE[1], "original_height": SHAPE[0], "image_rotation": 0, "from_name": "label", "to_name": "image"}
    return about | {"id": "x", "type": kind, "origin": "manual", "value": value} | more


def regions(labels: np.ndarray) -> list[dict[str, Any]]:
    x, y, w, h = 100 * 20 / 64, 100 * 28 / 48, 100 * 8 / 64, 100 * 12 / 48
    return [
        region({"points": percent(POLYGONS[0]), "closed": True, "polygonlabels": ["p"]}, "polygonlabels"),
        region({"format": "rle", "rle": pack(labels == 2), "brushlabels": ["p"]}, "brushlabels"),
        region({"x": x, "y": y, "width": w, "height": h, "rotation": 0, "rectanglelabels": ["p"]}, "rectanglelabels"),
        region({"x": 1, "y": 1, "width": 0.5, "keypointlabels": ["k"]}, "keypointlabels"),
        {"value": {"choices": ["good"]}, "type": "choices", "from_name": "quality", "to_name": "image"},
    ]


def task(results: list[Any], **more: Any) -> dict[str, Any]:
    made = {"id": 1, "was_cancelled": False, "ground_truth": False, "result": results, "updated_at": "2026-01-01T00:00:00Z"}
    return {
        "id": 1,
        "annotations": [made],
        "file_upload": "3fa85f64-m.png",
        "data": {"image": "/data/upload/1/3fa85f64-m.png"},
    } | more


def test_labelstudio_json(tmp_path: Path, labels: np.ndarray) -> None:
    other = task([], file_upload="9fa85f64-n.png", data={"image": "/data/upload/1/9fa85f64-n.png"})
    found = read(tmp_path / "l.json", [other, task(regions(labels))])
    assert found.kind == "labelstudio"
    assert np.array_equal(found.labels, labels)
    assert any("1 region has no area" in w for w in found.warnings)
    local = task(regions(labels), file_upload=None, data={"image": "/data/local-files/?d=set/m.png", "id": 4})
    del local["file_upload"]
    assert np.array_equal(read(tmp_path / "l.json", [local], None).labels, labels)


def test_labelstudio_json_min(tmp_path: Path, labels: np.ndarray) -> None:
    listed = [{**r["value"], "original_width": 64, "original_height": 48} for r in regions(labels)[:3]]
    content = [
        {"image": "/data/upload/1/3fa85f64-m.png", "id": 1, "label": listed, "annotator": 1, "annotation_id": 1, "lead_time": 3.2}
    ]
    assert np.array_equal(read(tmp_path / "l.json", content).labels, labels)


def test_labelstudio_annotations_of_several_people(tmp_path: Path, labels: np.ndarray) -> None:
    parts = regions(labels)
    early, late = ({"result": parts[:n], "updated_at": when} for n, when in ((1, "2026-01-01"), (3, "2026-02-01")))
    cancelled = {"result": parts[:2], "was_cancelled": True, "updated_at": "2026-03-01"}
    found = read(tmp_path / "l.json", [task([], annotations=[late, cancelled, early])])
    assert found.n_particles == 3
    assert any("2 annotations; the last counts" in w for w in found.warnings)
    found = read(tmp_path / "l.json", [task([], annotations=[late, early | {"ground_truth": True}])])
    assert found.n_particles == 1
    assert "predictions" in read(tmp_path / "l.json", [task([], annotations=[], predictions=[late])]).warnings[-1]


def test_labelstudio_turned_and_round_shapes(tmp_path: Path) -> None:
    round_one = region({"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "rotation": 30, "ellipselabels": ["p"]}, "ellipselabels")
    found = read(tmp_path / "l.json", [task([round_one])])
    assert (found.labels > 0).sum() == pytest.approx(np.pi * 12.8 * 4.8, rel=0.04)
    turned = region({"x": 50, "y": 25, "width": 25, "height": 25, "rotation": 90, "rectanglelabels": ["p"]}, "rectanglelabels")
    found = read(tmp_path / "l.json", [task([turned])])
    ys, xs = np.nonzero(found.labels)
    assert (ys.min(), ys.max() + 1, xs.min(), xs.max() + 1) == (
        12,
        28,
        20,
        32,
    )  # 16 wide, 12 high, turned about its corner (12, 32)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"original_width": 100}, "100 x 48"),
        ({"image_rotation": 90}, "turned by 90"),
        ({"value": {"points": [[1, 2], [float("nan"), 3]], "polygonlabels": []}}, "finite"),
        ({"value": {"format": "rle", "rle": [1, 2, 3]}}, "no list of bytes"),
        ({"value": {"format": "rle", "rle": ["a"] * 99}}, "no list of bytes"),
        ({"value": {"format": "rle", "rle": [255] * 99}}, "not of 64 x 48"),
        ({"value": {"x": "a", "y": 1, "width": 1, "height": 1}}, "no numbers"),
    ],
)
def test_labelstudio_that_cannot_be_read(tmp_path: Path, labels: np.ndarray, broken: dict[str, Any], words: str) -> None:
    assert words in refused(tmp_path / "l.json", [task([regions(labels)[0] | broken])])


def test_labelstudio_brush_cut_off(tmp_path: Path, labels: np.ndarray) -> None:
    cut = pack(labels == 2)[:40]
    assert "damaged brush" in refused(tmp_path / "l.json", [task([region({"format": "rle", "rle": cut}, "brushlabels")])])


# CVAT


def cvat(inner: str, head: str = "") -> str:
    image = f'<image id="0" name="set/m.png" width="{SHAPE[1]}" height="{SHAPE[0]}">{inner}</image>'
    images = f'{image}<image id="1" name="n.png"/>'
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}<annotations><version>1.1</version><meta/>{images}</annotations>'


def test_cvat(tmp_path: Path, labels: np.ndarray) -> None:
    points = ";".join(f"{x:.2f},{y:.2f}" for x, y in POLYGONS[0])
    inner = (
        f'<polygon label="p" source="manual" occluded="0" points="{points}" z_order="0"></polygon>'
        '<mask label="p" source="manual" occluded="0" rle="0, 168" left="30" top="8" width="14" height="12" z_order="0"/>'
        '<box label="p" xtl="20.00" ytl="28.00" xbr="28.00" ybr="40.00" z_order="0"><attribute name="a">1</attribute></box>'
        '<points label="p" points="1,1;2,2"/>'
    )
    found = read(tmp_path / "annotations.xml", cvat(inner))
    assert found.kind == "cvat"
    assert np.array_equal(found.labels, labels)
    assert any("no area (points)" in w for w in found.warnings)
    turned = read(tmp_path / "t.xml", cvat('<box label="p" xtl="20" ytl="10" xbr="40" ybr="20" rotation="90"/>')).labels
    assert np.array_equal(np.argwhere(turned)[[0, -1]], [[5, 25], [24, 34]])
    oval = read(tmp_path / "e.xml", cvat('<ellipse label="p" cx="30" cy="20" rx="12" ry="6" rotation="20"/>')).labels
    assert (oval > 0).sum() == pytest.approx(np.pi * 72, rel=0.03)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (cvat("", '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]>'), "declarations"),
        (cvat('<mask rle="1,2" left="0" top="0" width="100000000" height="100000000"/>'), "damaged mask"),
        (cvat('<mask rle="1,2" left="0" top="0" width="2" height="2"/>'), "damaged mask"),
        (cvat('<polygon points="1,2;nan,3"/>'), "finite"),
        (cvat('<box xtl="a" ytl="1" xbr="1" ybr="1"/>'), "xtl"),
        (cvat("").replace('width="64"', 'width="65"'), "65 x 48"),
        ("<annotations><track id='0'/></annotations>", "tracks of a film"),
        ("<annotation><filename>m.png</filename></annotation>", "Pascal VOC"),
        ("<html></html>", "not CVAT's"),
        ("<annotations><image", "damaged XML"),
    ],
)
def test_cvat_that_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    assert words in refused(tmp_path / "a.xml", text)


# arrays: .npy, .npz, HDF5


def test_stacks_of_masks(tmp_path: Path, labels: np.ndarray) -> None:
    stack = np.stack([labels == k for k in (1, 2, 3)])
    for values in (stack, stack.astype(np.uint8) * 255, np.moveaxis(stack, 0, -1), stack.astype(np.float32)):
        np.save(tmp_path / "a.npy", values)
        np.savez_compressed(tmp_path / "a.npz", masks=values, scores=np.ones(3))
        for name in ("a.npy", "a.npz"):
            found = read(tmp_path / name)
            assert found.kind == "mask_stack"
            assert np.array_equal(found.labels, labels)


def test_npz(tmp_path: Path, labels: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", labels.astype(np.uint16))
    assert np.array_equal(read(tmp_path / "a.npz").labels, labels)
    np.savez(tmp_path / "b.npz", image=np.random.default_rng(0).integers(0, 255, SHAPE), labels=labels)
    assert np.array_equal(read(tmp_path / "b.npz").labels, labels)
    np.savez(tmp_path / "c.npz", one=labels, two=labels)
    assert "2 arrays" in refused(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", masks=labels.T)
    assert "no array of 64 x 48" in refused(tmp_path / "d.npz")
    np.savez(tmp_path / "e.npz", masks=np.array([{}], object))
    assert "no array" in refused(tmp_path / "e.npz")
    (tmp_path / "f.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:300])
    assert "damaged .npz" in refused(tmp_path / "f.npz")


def ilastik(path: Path, values: np.ndarray, **more: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        data = file.create_dataset("exported_data", data=values, compression="gzip")
        data.attrs["axistags"] = json.dumps({"axes": [{"key": k, "typeFlags": 2} for k in "yxc"[: values.ndim]]})
        for name, extra in more.items():
            file[name] = extra
    return path


def test_ilastik(tmp_path: Path, labels: np.ndarray) -> None:
    found = read(ilastik(tmp_path / "m_Object Identities.h5", labels.astype(np.uint32)[..., None]))
    assert np.array_equal(found.labels, labels)
    found = read(ilastik(tmp_path / "m_Simple Segmentation.h5", np.where(labels > 0, 2, 1).astype(np.uint8)[..., None]))
    assert np.array_equal(found.labels, labels)
    found = read(ilastik(tmp_path / "t.h5", np.where(labels > 0, 1, 2).astype(np.uint8)[None, None]))
    assert np.array_equal(found.labels, labels)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["volume/labels"] = labels
        file["volume/raw"] = labels.astype(np.float32)
    assert np.array_equal(read(tmp_path / "other.h5").labels, labels)


def test_ilastik_that_cannot_be_read(tmp_path: Path, labels: np.ndarray) -> None:
    chance = np.stack([labels > 0, labels == 0], -1).astype(np.float32)
    assert "Simple Segmentation" in refused(ilastik(tmp_path / "p.h5", chance))
    assert "48 x 64 px" in refused(ilastik(tmp_path / "t.h5", labels.T))
    with h5py.File(tmp_path / "project.ilp", "w") as file:
        file["ilastikVersion"] = "1.4.0"
        file.create_group("PixelClassification")
    assert "an ilastik project" in refused(tmp_path / "project.ilp")
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["x"] = np.zeros(5)
    assert "it holds x (5,)" in refused(tmp_path / "none.h5")
    (tmp_path / "cut.h5").write_bytes((tmp_path / "p.h5").read_bytes()[:700])
    assert "damaged HDF5" in refused(tmp_path / "cut.h5")


def test_stardist_labels_and_rois(tmp_path: Path, labels: np.ndarray) -> None:
    """`export_imagej_rois` writes polygons with sub-pixel corners; labels are saved with `save_tiff_imagej_compatible`."""
    import struct
    import zipfile

    def roi(x: np.ndarray, y: np.ndarray) -> bytes:  # polyroi_bytearray of StarDist, subpixel
        out = bytearray(64 + 4 * len(x) + 8 * len(x) + 64)
        left, top, right, bottom = (round(float(v)) for v in (x.min(), y.min(), x.max(), y.max()))
        struct.pack_into(">4shBBhhhhh", out, 0, b"Iout", 227, 0, 0, top, left, bottom, right, len(x))
        struct.pack_into(">h", out, 50, 128)
        struct.pack_into(f">{len(x)}h", out, 64, *(round(float(v)) - left for v in x))
        struct.pack_into(f">{len(x)}h", out, 64 + 2 * len(x), *(round(float(v)) - top for v in y))
        struct.pack_into(f">{2 * len(x)}f", out, 64 + 4 * len(x), *x, *y)
        return bytes(out)

    with zipfile.ZipFile(tmp_path / "img_rois.zip", "w") as archive:
        for k, p in enumerate(POLYGONS, 1):
            archive.writestr(f"{k:03d}.roi", roi(np.array([x for x, _ in p], float), np.array([y for _, y in p], float)))
    tifffile.imwrite(tmp_path / "img_label.tif", labels.astype(np.uint16)[None, None, :, :, None], imagej=True)
    for name in ("img_rois.zip", "img_label.tif"):
        assert np.array_equal(read(tmp_path / name).labels, labels)


# Cellpose, whose file is a pickle


def seg(labels: np.ndarray, protocol: int = 4, *, numpy_1: bool = False, **more: Any) -> bytes:
    content = {
        "outlines": labels * 0, "colors": np.ones((3, 3), np.uint8), "masks": labels.astype(np.uint16), "chan_choose": [0, 0],
        "img": np.zeros(SHAPE, np.float32), "filename": "m.png", "flows": [np.zeros((1, *SHAPE, 3), np.uint8), None, [1, 2.5]],
        "ismanual": np.zeros(3, bool), "est_diam": np.float32(11.5), "changes": [], "model_path": pathlib.PurePosixPath("a/b"),
        "extra": OrderedDict(a=1, b={2, 3}),
    } | more  # fmt: skip
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "|O", "fortran_order": False, "shape": ()})
    dumped = pickle.dumps(np.array(content, object), protocol=protocol)
    if numpy_1:
        assert protocol < 4
        dumped = dumped.replace(b"cnumpy._core.", b"cnumpy.core.")
    return out.getvalue() + dumped


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_cellpose_seg(tmp_path: Path, labels: np.ndarray, protocol: int) -> None:
    for numpy_1 in (False, True) if protocol < 4 else (False,):
        found = read(tmp_path / "m_seg.npy", seg(labels, protocol, numpy_1=numpy_1))
        assert found.kind == "cellpose_seg"
        assert np.array_equal(found.labels, labels)
    np.save(tmp_path / "n_seg.npy", {"masks": labels[None], "filename": "n"}, allow_pickle=True)  # type: ignore[arg-type]
    assert np.array_equal(read(tmp_path / "n_seg.npy").labels, labels)


def test_masks_of_sam_saved_as_they_are(tmp_path: Path, labels: np.ndarray) -> None:
    np.save(
        tmp_path / "s.npy",
        np.array([{"segmentation": labels == k, "area": 1.5, "bbox": [1, 2]} for k in (1, 2, 3)], object),
        allow_pickle=True,
    )
    assert np.array_equal(read(tmp_path / "s.npy").labels, labels)


class Harmful:
    """A pickle that would run `made`."""

    def __init__(self, made: tuple[Any, ...]) -> None:
        self.made = made

    def __reduce__(self) -> tuple[Any, ...]:
        return self.made


@pytest.mark.parametrize("protocol", [2, 4])
def test_no_pickle_runs_code(tmp_path: Path, labels: np.ndarray, protocol: int) -> None:
    target = tmp_path / "ran"

    for made in (
        (target.touch, ()),
        (os.system, (f"touch {target}",)),
        (eval, (f"open({str(target)!r}, 'w')",)),
        (getattr, (list, "append")),
        (np.load, (str(target),)),
        (np.dtype, ([("a", "O")],)),
        (np.dtype, ("V8",)),
    ):
        said = refused(tmp_path / "m_seg.npy", seg(labels, protocol, trap=Harmful(made)))
        assert "not opened" in said or "damaged" in said
        assert not target.exists()


def test_crafted_pickles_take_neither_memory_nor_time(tmp_path: Path) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|O", "fortran_order": False, "shape": ()})
    for body in (
        b"\x80\x04N" + b"r\xff\xff\xff\x7f" + b".",  # a memo's index of two thousand million
        b"\x80\x05\x96" + (1 << 62).to_bytes(8, "little") + b".",  # bytes of four million terabytes
        b"\x80\x04" + b"(" * 100_000 + b".",
        b"cnumpy._core.multiarray\n_reconstruct\n(I1\nI2\ntR(I1\n(I1000000000000\ntI0\nI0\nI0\ntb.",
        b"cbuiltins\nset\n(I1\ntR.",
        b"\x80\x04]\x94(h\x00h\x00e.",  # a list within itself
    ):
        refused(tmp_path / "m_seg.npy", head.getvalue() + body)


# written here, read back


def test_what_is_written_comes_back(tmp_path: Path, labels: np.ndarray) -> None:
    labels[labels == 3] = 7
    outlines = dict(contours(labels))
    numbered = np.searchsorted([0, 1, 2, 7], labels)
    write_seg(tmp_path / "m_seg.npy", labels, picture="m.png")
    write_yolo(tmp_path / "m.txt", outlines, SHAPE)
    write_via(tmp_path / "v.json", [("m.png", 4711, outlines, {}), ("n.png", 12, {}, {})])
    write_labelstudio(tmp_path / "l.json", [("m.png", outlines, SHAPE, {}), ("n.png", {}, SHAPE, {})])
    for name, wanted in (("m_seg.npy", numbered), ("m.txt", numbered), ("v.json", labels), ("l.json", numbered)):
        assert np.array_equal(read(tmp_path / name).labels, wanted), name
    content = np.load(tmp_path / "m_seg.npy", allow_pickle=True).item()
    assert content["masks"].dtype == np.uint16
    assert set(np.unique(content["outlines"])) == {0, 1, 2, 3}
    assert len(content["ismanual"]) == len(content["colors"]) == 3


def test_nothing_found_is_written_and_read(tmp_path: Path) -> None:
    none = np.zeros(SHAPE, np.int32)
    write_seg(tmp_path / "m_seg.npy", none, picture="m.png")
    write_via(tmp_path / "v.json", [("m.png", 1, {}, {})])
    write_labelstudio(tmp_path / "l.json", [("m.png", {}, SHAPE, {})])
    for name in ("m_seg.npy", "v.json", "l.json"):
        assert read(tmp_path / name).n_particles == 0


# formats that are not read are named for what they are


def test_what_is_refused_is_named_truly(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "coco.zip", "w") as archive:
        archive.writestr("images/m.png", b"x")
        archive.writestr("result.json", "{}")
    assert "unpack it and give" in refused(tmp_path / "coco.zip")
    for content, words in (
        ({"description": "", "size": {"height": 1, "width": 1}, "objects": []}, "Supervisely"),
        ([{"data_row": {"id": 1}, "projects": {}}], "Labelbox"),
        ({"version": "2.0", "item": {}, "annotations": []}, "V7 Darwin"),
        ([{"bbox": [1, 2, 3, 4]}], "boxes without outlines"),
        ([1, 2], "list of 2"),
        (pickle.dumps({"masks": 1}), "Python pickle"),
        (b"%PDF-1.7", "a PDF"),
        (b"\xac\xed\x00\x05sr", "QuPath"),
        (b"\x1f\x8b\x08", "gzip"),
    ):
        assert words in refused(tmp_path / "x", content)


CASES = Path(os.environ.get("NANOGAUGE_SHARED", Path(__file__).parents[4] / "shared")) / "cases"


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases that people report are not there")
@pytest.mark.parametrize(
    "name",
    [
        "qupath_region_annotation.geojson", "labelme_all_group0.json", "mask_black_on_white.png", "mask_fiji_invertingLUT.png",
        "mask_rings.png", "coco_labelstudio.json", "coco_roboflow.json", "sam_masks.json",
    ],
)  # fmt: skip
def test_cases_that_people_report(name: str) -> None:
    with Image.open(CASES / "m.png") as image:
        shape = (image.height, image.width)
    found = read_annotation(CASES / name, shape=shape, image_name="m.png")
    areas = np.bincount(found.labels.ravel())[1:]
    assert len(areas) == 16
    assert np.sqrt(4 * areas / np.pi).mean() == pytest.approx(30.1, abs=0.15)
