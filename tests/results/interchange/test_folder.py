"""Which annotation is a micrograph's: the customs of many programs, in one table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from nanogauge.core.errors import AnnotationError, UnreadableFile
from nanogauge.results.interchange import all_annotations, find_annotations, read_annotation

SHARED = Path(__file__).parents[4] / "shared" / "data"


def folder(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def found(root: Path, where: str = ".", annotations: str | None = None) -> dict[str, str | None]:
    pairs = find_annotations(root / where, None if annotations is None else root / annotations)
    return {k.name: None if v is None else str(v.relative_to(root)) for k, v in pairs.items()}


@pytest.mark.parametrize(
    "name",
    ["a_labels.tif", "a_label.png", "a_masks.tif", "a_mask.png", "a_cp_masks.png", "a-labels.tif", "a.labels.tif", "A_Masks.TIF",
     "a.zip", "a.roi", "a_rois.zip", "a_RoiSet.zip", "RoiSet_a.zip", "a.json", "a.geojson", "a.png.json", "a_seg.npy",
     "a.npz", "a_masks.npz", "a_Object Identities.h5", "a_seg.tif",
     "a_labels.ome.tif", "labels/a.tif", "masks/a.png", "Labels/a_masks.png", "rois/a.zip", "annotations/a.json"],
)  # fmt: skip
def test_beside_or_in_a_folder_within(tmp_path: Path, name: str) -> None:
    folder(tmp_path, "a.png", "b.png", name, "a_flows.tif", "a_cp_outlines.png", "notes.txt")
    assert found(tmp_path) == {"a.png": name, "b.png": None}


@pytest.mark.parametrize("labels", ["labels", "masks", "annotations", "ground_truth"])
@pytest.mark.parametrize("where", [".", "images"])
def test_images_and_labels_side_by_side(tmp_path: Path, labels: str, where: str) -> None:
    folder(tmp_path, "images/a.tif", "images/b_mask.png", f"{labels}/a.png", f"{labels}/b_mask.png", "README.md")
    assert found(tmp_path, where) == {"a.tif": f"{labels}/a.png", "b_mask.png": f"{labels}/b_mask.png"}


def test_a_folder_given_and_results_of_nanogauge(tmp_path: Path) -> None:
    folder(tmp_path, "in/a.tif", "in/b.tif", "in/c.tif", "drawn/a.png", "out/a/labels.tif", "out/a/rois.zip", "out/b/rois.zip")
    assert found(tmp_path, "in", "drawn") == {"a.tif": "drawn/a.png", "b.tif": None, "c.tif": None}
    assert found(tmp_path, "in", "out") == {"a.tif": "out/a/labels.tif", "b.tif": "out/b/rois.zip", "c.tif": None}


def test_label_pictures_win_over_outlines(tmp_path: Path) -> None:
    folder(tmp_path, "a.png", "a.json", "a.zip", "a_masks.png", "a_labels.tif")
    assert found(tmp_path) == {"a.png": "a_labels.tif"}


def test_a_picture_that_only_ends_like_a_label_is_a_picture(tmp_path: Path) -> None:
    folder(tmp_path, "gold_mask.png", "gold_mask.zip")
    assert found(tmp_path) == {"gold_mask.png": "gold_mask.zip"}


def test_roiset_belongs_to_the_only_micrograph(tmp_path: Path) -> None:
    folder(tmp_path, "a.png", "RoiSet.zip")
    assert found(tmp_path) == {"a.png": "RoiSet.zip"}
    folder(tmp_path, "b.png", "b.zip")
    assert found(tmp_path) == {"a.png": None, "b.png": "b.zip"}


@pytest.mark.parametrize("where", ["annotations.json", "annotations/instances_default.json", "images/_annotations.coco.json"])
def test_one_coco_file_for_all(tmp_path: Path, where: str) -> None:
    folder(tmp_path, "images/a.jpg", "images/b.tif", "images/c.tif", where)
    images = [{"id": k, "file_name": n} for k, n in enumerate(("a.jpg", "run/b.png"))]
    (tmp_path / where).write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    assert found(tmp_path) == {"a.jpg": where, "b.tif": where, "c.tif": None}
    assert found(tmp_path, "images", where) == {"a.jpg": where, "b.tif": where, "c.tif": None}


@pytest.mark.parametrize("where", ["a.txt", "labels/a.txt"])
def test_yolo_is_told_from_what_a_microscope_wrote(tmp_path: Path, where: str) -> None:
    folder(tmp_path, "a.png", "b.png", where)
    (tmp_path / "b.txt").write_text("[SemImageFile]\nMagnification=1000\n")
    (tmp_path / where).write_text("0 0.1 0.1 0.2 0.1 0.2 0.3\n")
    assert found(tmp_path) == {"a.png": where, "b.png": None}


def test_one_file_of_other_tools_for_all(tmp_path: Path) -> None:
    via = {f"{n}.png1": {"filename": f"{n}.png", "size": 1, "regions": []} for n in "ab"}
    studio = [{"data": {"image": f"/data/upload/1/3fa85f64-{n}.png"}, "annotations": []} for n in "ab"]
    table = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
    table += "".join(f'{n}.png,1,"{{}}",0,0,"{{}}","{{}}"\n' for n in "ab")
    xml = "<annotations>" + "".join(f'<image id="0" name="{n}.png"/>' for n in "ab") + "</annotations>"
    for k, (name, text) in enumerate(
        [("v.json", json.dumps(via)), ("l.json", json.dumps(studio)), ("v.csv", table), ("annotations.xml", xml)]
    ):
        root = folder(tmp_path / str(k), "a.png", "b.png", "c.png", "summary.csv", "other.xml")
        (root / name).write_text(text)
        assert found(root) == {"a.png": name, "b.png": name, "c.png": None}


def test_odd_json_beside_micrographs_is_passed_over(tmp_path: Path) -> None:
    folder(tmp_path, "a.png", "a.zip")
    for k, content in enumerate(
        ({"k": {"filename": [1], "regions": 5}}, {"images": [3, {"file_name": {}}], "annotations": []}, [[]])
    ):
        (tmp_path / f"{k}.json").write_text(json.dumps(content))
    assert found(tmp_path) == {"a.png": "a.zip"}


def test_two_files_that_speak_of_one_micrograph(tmp_path: Path) -> None:
    folder(tmp_path, "a.png")
    for name in ("one.json", "two.json"):
        (tmp_path / name).write_text(json.dumps({"images": [{"id": 1, "file_name": "a.png"}], "annotations": []}))
    with pytest.raises(AnnotationError, match=r"2 files speak of it .*one\.json.*two\.json"):
        find_annotations(tmp_path)


@pytest.mark.parametrize("name", ["a.json", "a_mask.png", "labels/a.png", "results/a/labels.tif"])
def test_a_file_that_may_belong_to_two_micrographs(tmp_path: Path, name: str) -> None:
    folder(tmp_path, "a.png", "a.tif", "b.png", "b_mask.png", name)
    given = "results" if name.startswith("results") else None
    with pytest.raises(AnnotationError, match=r"may belong to a\.png and a\.tif; .*keep one"):
        found(tmp_path, ".", given)
    one = tmp_path / "a.tif"  # the one that is named is meant
    assert find_annotations(tmp_path, None if given is None else tmp_path / given, wanted=one) == {one: tmp_path / name}


@pytest.mark.parametrize("name", ["a.png.json", "a.png_mask.tif"])
def test_a_file_named_after_the_whole_name_belongs_to_that_one(tmp_path: Path, name: str) -> None:
    folder(tmp_path, "a.png", "a.tif", name)
    assert found(tmp_path) == {"a.png": name, "a.tif": None}


def test_a_file_for_all_goes_by_the_exact_name_first(tmp_path: Path) -> None:
    folder(tmp_path, "a.png", "a.tif")
    path = tmp_path / "all.json"
    for listed, expected in (("a.tif", {"a.png": None, "a.tif": "all.json"}), ("a.jpg", None)):
        path.write_text(json.dumps({"images": [{"id": 1, "file_name": listed}], "annotations": []}))
        if expected is not None:
            assert found(tmp_path) == expected
        else:
            with pytest.raises(AnnotationError, match=r"may belong to a\.png and a\.tif"):
                found(tmp_path)


def test_the_files_that_do_not_count_are_known_too(tmp_path: Path) -> None:
    folder(tmp_path, "a.png", "a_seg.npy", "a_cp_masks.png", "b.png", "b.json")
    files = {k.name: [p.name for p in v] for k, v in all_annotations(tmp_path).items()}
    assert files == {"a.png": ["a_cp_masks.png", "a_seg.npy"], "b.png": ["b.json"]}


def test_nothing_found_names_what_would_be(tmp_path: Path) -> None:
    folder(tmp_path, "a.png", "b.png")
    with pytest.raises(AnnotationError, match=r"a_labels\.tif"):
        find_annotations(tmp_path)
    with pytest.raises(AnnotationError, match="no pictures"):
        find_annotations(folder(tmp_path / "empty", "notes.md"))
    for wrong in (tmp_path / "none", tmp_path / "a.png"):
        with pytest.raises(UnreadableFile, match="not a folder"):
            find_annotations(wrong)
    with pytest.raises(UnreadableFile, match="no such"):
        find_annotations(tmp_path, tmp_path / "none")


def test_what_is_found_can_be_read(tmp_path: Path) -> None:
    labels = np.zeros((20, 33), np.uint16)
    labels[3:9, 4:12] = 5
    Image.fromarray(np.full((20, 33), 90, np.uint8)).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a_masks.tif", labels)
    (path,) = find_annotations(tmp_path).values()
    assert path is not None
    assert np.array_equal(read_annotation(path, shape=(20, 33)).labels, labels)


@pytest.mark.skipif(not (SHARED / "emps").is_dir(), reason="needs the EMPS micrographs in ../shared/data/emps")
def test_emps_as_it_lies_on_disk() -> None:
    pairs = find_annotations(SHARED / "emps")
    assert len(pairs) == 366
    assert all(v is not None and v.parent.name == "labels" for v in pairs.values())
    for picture in sorted(pairs)[:12]:
        with Image.open(picture) as image:
            shape = (image.height, image.width)
        path = pairs[picture]
        assert path is not None
        with Image.open(path) as image:
            assert np.array_equal(read_annotation(path, shape=shape).labels, np.asarray(image))
