"""What shapes mean: regions drawn round particles, parts of one particle, many particles in one shape, drawings made twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile

from nanogauge.core.errors import AnnotationError
from nanogauge.results.interchange import Annotation, read_annotation

SHAPE = (120, 160)
CENTRES = [(y, x) for y in (20, 50, 80) for x in (20, 50, 80, 110)]  # 12 of 12 x 12 px
Box = tuple[float, float, float, float]


def box(y: float, x: float, half: float = 6) -> list[list[float]]:
    return [[x - half, y - half], [x + half, y - half], [x + half, y + half], [x - half, y + half]]


REGION = [[5.0, 5.0], [130.0, 5.0], [130.0, 100.0], [5.0, 100.0]]
PARTICLES = [box(*c) for c in CENTRES]


def feature(points: list[list[float]], **properties: Any) -> dict[str, Any]:
    ring = [*points, points[0]]
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}


def read(path: Path, content: Any) -> Annotation:
    path.write_text(json.dumps(content), encoding="utf-8")
    return read_annotation(path, shape=SHAPE)


def features(*items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(items)}


def coco(*segmentations: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a.tif", "height": SHAPE[0], "width": SHAPE[1]}],
        "categories": [{"id": 1, "name": "particle"}],
        "annotations": [{"id": k, "image_id": 1, "category_id": 1, "segmentation": s} for k, s in enumerate(segmentations)],
    }


def flat(points: list[list[float]]) -> list[float]:
    return [v for p in points for v in p]


def labelme(*shapes: tuple[list[list[float]], int | None]) -> dict[str, Any]:
    listed = [{"label": "p", "shape_type": "polygon", "points": p, "group_id": g} for p, g in shapes]
    return {"version": "5.0", "shapes": listed, "imageHeight": SHAPE[0], "imageWidth": SHAPE[1]}


def rois(path: Path, *shapes: list[list[float]]) -> Annotation:
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:
        for k, points in enumerate(shapes):
            archive.writestr(
                f"{k:04d}-0050.roi", roifile.ImagejRoi.frompoints(np.array(points, np.float32), name=f"{k:04d}-0050").tobytes()
            )
    return read_annotation(path, shape=SHAPE)


def is_twelve(found: Annotation) -> bool:
    areas = np.bincount(found.labels.ravel())[1:]
    return sorted(areas[areas > 0].tolist()) == [144] * 12


@pytest.mark.parametrize(
    "content",
    [
        features(feature(REGION, objectType="annotation"), *(feature(p, objectType="detection") for p in PARTICLES)),
        features(feature(REGION, objectType="annotation"), *(feature(p, objectType="annotation") for p in PARTICLES)),
        features(feature(REGION, classification={"name": "Region*"}), *(feature(p) for p in PARTICLES)),
        features(*(feature(p) for p in PARTICLES), feature(REGION)),
        features({**feature(REGION), "id": "PathAnnotationObject"}, *({**feature(p), "id": "PathCellObject"} for p in PARTICLES)),
        coco([flat(REGION)], *([flat(p)] for p in PARTICLES)),
        labelme((REGION, None), *((p, None) for p in PARTICLES)),
    ],
    ids=["qupath", "all annotations", "region class", "plain", "older qupath", "coco", "labelme"],
)
def test_a_region_round_the_particles_is_none(tmp_path: Path, content: Any) -> None:
    found = read(tmp_path / "a.json", content)
    assert is_twelve(found)
    assert any("region" in w for w in found.warnings)


def test_a_region_among_rois_of_imagej(tmp_path: Path) -> None:
    assert is_twelve(rois(tmp_path / "RoiSet.zip", *PARTICLES, REGION))


def test_several_regions_one_in_another_and_one_with_holes(tmp_path: Path) -> None:
    left, right = [[5, 5], [65, 5], [65, 100], [5, 100]], [[66, 5], [130, 5], [130, 100], [66, 100]]
    assert is_twelve(read(tmp_path / "a.json", features(*(feature(p) for p in (REGION, left, right, *PARTICLES)))))
    ground = feature(REGION)
    ground["geometry"]["coordinates"] += [[*p, p[0]] for p in PARTICLES]
    assert is_twelve(read(tmp_path / "b.json", features(ground, *(feature(p) for p in PARTICLES))))


def test_one_detection_in_an_annotation_is_enough(tmp_path: Path) -> None:
    drawn = features(feature(REGION, objectType="annotation"), feature(PARTICLES[0], objectType="cell"))
    found = read(tmp_path / "a.json", drawn)
    assert [a for a in np.bincount(found.labels.ravel())[1:] if a] == [144]


def test_a_particle_on_another_and_a_core_in_a_shell_are_particles(tmp_path: Path) -> None:
    shell = [[5, 5], [45, 5], [45, 45], [5, 45]]
    for inner in ([box(20, 20)], [box(20, 20), box(35, 35)]):
        found = read(tmp_path / "a.json", coco([flat(shell)], *([flat(p)] for p in inner), [flat(box(90, 90))]))
        assert found.n_particles == 2 + len(inner)


def test_a_few_decorated_supports_among_many_others_are_particles(tmp_path: Path) -> None:
    """Four small ones on one large, eight beside it: no region, but said. A rectangle is one."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    support = np.column_stack([65 + 75 * np.cos(angles), 20 + 18 * np.sin(angles)]).tolist()
    found = read(tmp_path / "a.json", features(feature(support), *(feature(p) for p in PARTICLES)))
    assert found.n_particles == 13
    assert any("counts as a particle" in w for w in found.warnings)
    field = [[5, 5], [125, 5], [125, 35], [5, 35]]
    assert is_twelve(read(tmp_path / "b.json", features(feature(field), *(feature(p) for p in PARTICLES))))


def test_labels_of_our_own_stay_whatever_they_hold(tmp_path: Path) -> None:
    content = coco([flat(REGION)], *([flat(p)] for p in PARTICLES))
    for k, item in enumerate(content["annotations"]):
        item["attributes"] = {"label": k + 1}
    assert read(tmp_path / "a.json", content).n_particles == 13


@pytest.mark.parametrize("group", [0, 7])
def test_one_group_of_distant_shapes_is_no_particle(tmp_path: Path, group: int) -> None:
    found = read(tmp_path / "a.json", labelme(*((p, group) for p in PARTICLES)))
    assert is_twelve(found)
    assert "one group" in found.warnings[0]


def test_groups_of_touching_and_of_parted_shapes(tmp_path: Path) -> None:
    near = [box(20, 20), box(20, 33)]  # 1 px apart
    touching = [box(50, 20 + 12 * k) for k in range(5)]
    far = [box(90, 20), box(90, 100)]
    shapes = [*((p, 1) for p in near), *((p, 2) for p in touching), *((p, 3) for p in far)]
    found = read(tmp_path / "a.json", labelme(*shapes))
    areas = np.bincount(found.labels.ravel())[1:]
    assert sorted(areas.tolist()) == [144, 144, 288, 720]
    assert any("2 shapes lie apart" in w for w in found.warnings)
    assert any("in two or three pieces" in w for w in found.warnings)


def test_all_touching_in_one_group_of_the_whole_file(tmp_path: Path) -> None:
    shapes = [(box(50, 20 + 12 * k), 0) for k in range(5)]
    assert read(tmp_path / "a.json", labelme(*shapes)).n_particles == 5


def test_one_shape_of_many_pieces_is_as_many_particles(tmp_path: Path) -> None:
    """QuPath's and Fiji's selections made by a threshold, and exports of one annotation a class."""
    many = {"type": "MultiPolygon", "coordinates": [[[*p, p[0]]] for p in PARTICLES]}
    found = read(tmp_path / "a.json", features({"type": "Feature", "geometry": many, "properties": {}}))
    assert is_twelve(found)
    assert any("12 pieces" in w for w in found.warnings)
    assert is_twelve(read(tmp_path / "b.json", coco([flat(p) for p in PARTICLES])))
    path: list[float] = []
    for points in PARTICLES:
        path += [v for k, p in enumerate(points) for v in (min(k, 1), *p)] + [4]
    roi = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, top=0, left=0, bottom=100, right=130, name="selection")
    roi.multi_coordinates, roi.shape_roi_size = np.array(path, np.float32), len(path)
    (tmp_path / "c.roi").write_bytes(roi.tobytes())
    assert is_twelve(read_annotation(tmp_path / "c.roi", shape=SHAPE))


def test_specks_do_not_make_a_shape_many(tmp_path: Path) -> None:
    specks = [box(100, 10 * k, 0.5) for k in range(1, 7)]
    found = read(tmp_path / "a.json", coco([flat(p) for p in (PARTICLES[0], *specks)], [flat(PARTICLES[5])]))
    assert found.n_particles == 2


def test_a_particle_drawn_twice_counts_once(tmp_path: Path) -> None:
    again = [[x + 0.6, y - 0.4] for x, y in PARTICLES[3]]
    found = read(tmp_path / "a.json", coco(*([flat(p)] for p in [*PARTICLES, again])))
    assert is_twelve(found)
    assert any("drawn twice" in w for w in found.warnings)


def test_shapes_drawn_on_a_picture_of_another_size(tmp_path: Path) -> None:
    """ROIs and GeoJSON do not say how large the picture was: what lies outside, or all in one corner, does."""
    with pytest.raises(AnnotationError, match="11 of 12 shapes lie outside the micrograph of 160 x 120 px"):
        read(tmp_path / "a.json", features(*(feature([[4 * x, 4 * y] for x, y in p]) for p in PARTICLES)))
    found = read(tmp_path / "b.json", features(*(feature([[x / 2, y / 2] for x, y in p]) for p in PARTICLES)))
    assert any("upper left 58 x 43 px" in w for w in found.warnings)
    assert not any("upper left" in w for w in read(tmp_path / "c.json", features(*(feature(p) for p in PARTICLES))).warnings)
