"""Annotations of other programs: every kind gives the pixels that were drawn, and what cannot be read says so in one line."""

from __future__ import annotations

import base64
import io
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
import tifffile
from PIL import Image

from nanogauge.core.errors import AnnotationError, NanogaugeError, UnreadableFile
from nanogauge.results.interchange import read_annotation
from nanogauge.results.interchange.coco import decode_runs, uncompressed
from nanogauge.results.interchange.shapes import fill, fill_ellipse, paint, place, union

SHAPE = (40, 70)
SQUARE = [(10, 5), (20, 5), (20, 12), (10, 12)]  # (x, y), pixel corners: rows 5-11, columns 10-19


@pytest.fixture
def labels() -> np.ndarray:
    """A disc with a hole, a rectangle at the border, one pixel, and a particle that touches the disc."""
    yy, xx = np.mgrid[: SHAPE[0], : SHAPE[1]]
    out = np.zeros(SHAPE, np.int32)
    out[np.hypot(yy - 15, xx - 25) < 9] = 1
    out[14:16, 24:27] = 0
    out[30:40, 60:70] = 2
    out[5, 50] = 3
    out[24:30, 20:33] = 4
    return out


def square(label: int = 1) -> np.ndarray:
    out = np.zeros(SHAPE, np.int32)
    out[5:12, 10:20] = label
    return out


def write_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def coco(segmentations: list[Any], **image: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "sub\\a.tif", "height": SHAPE[0], "width": SHAPE[1]} | image],
        "categories": [{"id": 1, "name": "particle"}],
        "annotations": [
            {"id": k, "image_id": 7, "category_id": 1, "segmentation": s, "iscrowd": 0} for k, s in enumerate(segmentations)
        ],
    }


def labelme(*shapes: dict[str, Any]) -> dict[str, Any]:
    return {"version": "5.5.0", "shapes": list(shapes), "imagePath": "a.tif", "imageHeight": SHAPE[0], "imageWidth": SHAPE[1]}


# label pictures


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("how", ["plain", "imagej", "ome", "compressed"])
def test_label_tiff(tmp_path: Path, labels: np.ndarray, dtype: str, how: str) -> None:
    if (how == "imagej" and dtype not in ("uint8", "uint16", "float32")) or (how == "ome" and dtype == "int64"):
        pytest.skip(f"there is no {how} TIFF of {dtype}")
    options: dict[str, Any] = {"plain": {"metadata": None}, "imagej": {"imagej": True}, "ome": {"ome": True}}.get(how, {})
    path = tmp_path / ("labels.ome.tif" if how == "ome" else "labels.tif")
    tifffile.imwrite(path, labels.astype(dtype), compression="zlib" if how == "compressed" else None, **options)
    found = read_annotation(path, shape=SHAPE)
    assert found.labels.dtype == np.int32
    assert np.array_equal(found.labels, labels)
    assert found.kind == "label_image"
    assert found.n_particles == 4
    assert found.warnings == ()
    assert len(found.sha256) == 64


@pytest.mark.parametrize("mode", ["L", "I;16", "P", "RGB", "RGBA"])
def test_label_png(tmp_path: Path, labels: np.ndarray, mode: str) -> None:
    path = tmp_path / "labels.png"
    colours = np.array([(0, 0, 0), (230, 25, 75), (60, 180, 75), (0, 130, 200), (245, 130, 48)], np.uint8)[labels]
    if mode == "I;16":
        Image.fromarray((labels * 1000).astype(np.uint16)).save(path)
    elif mode == "P":
        picture = Image.fromarray(labels.astype(np.uint8))
        picture.putpalette(bytes(range(256)) * 3)
        picture.save(path)
    elif mode == "L":
        Image.fromarray(labels.astype(np.uint8)).save(path)
    else:
        alpha = np.where(labels[..., None] > 0, 255, 0).astype(np.uint8)
        Image.fromarray(np.dstack([colours, alpha]) if mode == "RGBA" else colours).save(path)
    found = read_annotation(path, shape=SHAPE)
    for k in range(1, 5):
        values = np.unique(found.labels[labels == k])
        assert len(values) == 1
        assert values[0] > 0
    assert not found.labels[labels == 0].any()
    assert found.n_particles == 4


def test_a_palette_whose_black_is_not_first(tmp_path: Path, labels: np.ndarray) -> None:
    order = np.array([2, 0, 1, 3, 4])  # background has index 2
    picture = Image.fromarray(order[labels].astype(np.uint8))
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 255, 255, 0])
    picture.save(tmp_path / "p.png")
    found = read_annotation(tmp_path / "p.png", shape=SHAPE)
    assert np.array_equal(found.labels > 0, labels > 0)
    assert found.n_particles == 4


def test_colours_on_white_take_the_commonest_for_background(tmp_path: Path, labels: np.ndarray) -> None:
    colours = np.array([(255, 255, 255), (9, 0, 0), (0, 9, 0), (0, 0, 9), (9, 9, 0)], np.uint8)[labels]
    Image.fromarray(colours).save(tmp_path / "c.png")
    found = read_annotation(tmp_path / "c.png", shape=SHAPE)
    assert np.array_equal(found.labels > 0, labels > 0)
    assert found.kind == "colour_image"
    assert "background" in found.warnings[0]


def test_colours_used_again_are_split(tmp_path: Path) -> None:
    colours = np.zeros((*SHAPE, 3), np.uint8)
    for k in range(6):
        colours[5:9, 10 * k : 10 * k + 5] = (200, 0, 0) if k % 2 else (0, 200, 0)
    Image.fromarray(colours).save(tmp_path / "c.png")
    found = read_annotation(tmp_path / "c.png", shape=SHAPE)
    assert found.n_particles == 6
    assert "each piece" in found.warnings[0]


@pytest.mark.parametrize("dtype", [bool, np.uint8])
def test_a_mask_is_parted_into_components(tmp_path: Path, dtype: type) -> None:
    mask = np.zeros(SHAPE, bool)
    mask[2:6, 3:9] = mask[6:9, 9:12] = True  # these meet at a corner
    mask[20:25, 40:50] = True
    tifffile.imwrite(tmp_path / "m.tif", mask if dtype is bool else (255 * mask).astype(dtype), metadata=None)
    found = read_annotation(tmp_path / "m.tif", shape=SHAPE)
    assert found.kind == "mask"
    assert found.n_particles == 2
    assert np.array_equal(found.labels > 0, mask)
    assert "mask" in found.warnings[0]


def test_an_inverted_mask_is_doubted(tmp_path: Path) -> None:
    mask = np.full(SHAPE, 255, np.uint8)
    mask[:, 30:40] = 0
    Image.fromarray(mask).save(tmp_path / "m.png")
    assert any("invert" in w for w in read_annotation(tmp_path / "m.png", shape=SHAPE).warnings)


def test_large_label_values_are_renumbered(tmp_path: Path, labels: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "l.tif", np.where(labels > 0, labels.astype(np.uint32) * 900_000_000, 0).astype(np.uint32))
    assert np.array_equal(read_annotation(tmp_path / "l.tif", shape=SHAPE).labels, labels)


def test_no_particles_are_no_error(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "l.tif", np.zeros(SHAPE, np.uint16))
    with zipfile.ZipFile(tmp_path / "l.zip", "w"):
        pass
    write_json(tmp_path / "c.json", coco([]))
    write_json(tmp_path / "l.json", labelme())
    for name in ("l.tif", "l.zip", "c.json", "l.json"):
        assert read_annotation(tmp_path / name, shape=SHAPE).n_particles == 0


def test_plain_npy_is_read_and_a_pickle_is_refused(tmp_path: Path, labels: np.ndarray) -> None:
    np.save(tmp_path / "masks.npy", labels)
    assert np.array_equal(read_annotation(tmp_path / "masks.npy", shape=SHAPE).labels, labels)

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "ran").touch, ())

    np.save(tmp_path / "a_seg.npy", np.array({"masks": labels, "trap": Trap()}, object), allow_pickle=True)
    with pytest.raises(AnnotationError, match=r"a_seg\.npy.*pickle that would make .*not opened"):
        read_annotation(tmp_path / "a_seg.npy", shape=SHAPE)
    assert not (tmp_path / "ran").exists()
    (tmp_path / "bare.npy").write_bytes(pickle.dumps({"masks": 1}))
    with pytest.raises(AnnotationError, match="Python pickle"):
        read_annotation(tmp_path / "bare.npy", shape=SHAPE)


# shapes


def test_fill_is_by_pixel_centres_and_neighbours_share_no_pixel() -> None:
    rng = np.random.default_rng(0)
    corner, far = np.array([(0.0, 0.0)]), np.array([(40.0, 70.0)])
    for _ in range(50):
        middle = np.column_stack([rng.uniform(0, 40, 5), rng.uniform(0, 70, 5)])
        line = np.concatenate([corner, middle, far])
        left = fill([np.concatenate([line, [(40.0, 0.0)]])], SHAPE)
        right = fill([np.concatenate([line, [(0.0, 70.0)]])], SHAPE)
        total = np.zeros(SHAPE, int)
        for p in (left, right):
            if p is not None:
                total[p.y0 : p.y0 + p.mask.shape[0], p.x0 : p.x0 + p.mask.shape[1]] += p.mask
        assert (total % 2 == 1).all()  # by the even-odd rule the two fill the frame; where the line crosses itself, both or none


def test_fill_agrees_with_shapely_on_centres() -> None:
    shapely = pytest.importorskip("shapely")
    rng = np.random.default_rng(1)
    for _ in range(20):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
        radius = rng.uniform(5, 25, 9)
        ring = np.column_stack([20 + radius * np.sin(angles), 30 + radius * np.cos(angles)])
        yy, xx = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
        wanted = shapely.contains_xy(shapely.Polygon(ring), yy, xx)
        patch = fill([ring], SHAPE)
        assert patch is not None
        found = np.zeros(SHAPE, bool)
        found[patch.y0 : patch.y0 + patch.mask.shape[0], patch.x0 : patch.x0 + patch.mask.shape[1]] = patch.mask
        assert np.array_equal(found, wanted)


def test_fill_cuts_at_the_frame_and_leaves_holes() -> None:
    ring = np.array([(-1e9, -1e9), (-1e9, 1e9), (1e9, 1e9), (1e9, -1e9)])
    hole = np.array([(10, 10), (10, 20), (15, 20), (15, 10)], float)
    patch = fill([ring, hole], SHAPE)
    assert patch is not None
    assert patch.mask.shape == SHAPE
    assert (~patch.mask).sum() == 50
    assert fill([ring + 3e9], SHAPE) is None
    assert fill([hole[:2]], SHAPE) is None
    with pytest.raises(ValueError, match="finite"):
        fill([hole * np.nan], SHAPE)


def test_ellipse_is_by_pixel_centres() -> None:
    patch = fill_ellipse((20.0, 30.0), (4.0, 11.0), SHAPE, angle_rad=0.4)
    assert patch is not None
    assert patch.mask.sum() == pytest.approx(np.pi * 44, rel=0.02)
    assert fill_ellipse((20.0, 30.0), (0.0, 11.0), SHAPE) is None
    assert fill_ellipse((-20.0, 30.0), (4.0, 4.0), SHAPE) is None
    whole = fill_ellipse((20.0, 35.0), (500.0, 500.0), SHAPE)
    assert whole is not None
    assert whole.mask.all()


def test_paint_gives_common_pixels_to_the_smaller_shape_in_any_order() -> None:
    large = fill([np.array([(5, 5), (5, 25), (25, 25), (25, 5)], float)], SHAPE)
    small = fill([np.array([(10, 10), (10, 15), (15, 15), (15, 10)], float)], SHAPE)
    for patches, numbers in (([large, small], (1, 2)), ([small, large], (2, 1))):
        painted = paint(patches, SHAPE)
        assert (painted.labels == numbers[0]).sum() == 400 - 25
        assert (painted.labels == numbers[1]).sum() == 25
        assert painted.overlapping == (numbers[0],)
    twice = paint([large, large, None], SHAPE)
    assert (twice.n_hidden, twice.n_empty, twice.overlapping) == (1, 1, ())


def test_place_and_union_stay_in_the_picture() -> None:
    patch = union([place(np.ones((4, 4), bool), (-2, -3), SHAPE), place(np.ones((3, 3), bool), (38, 68), SHAPE), None])
    assert patch is not None
    assert patch.mask.sum() == 2 + 4
    assert place(np.ones((2, 2), bool), (50, 3), SHAPE) is None
    assert union([None]) is None


# drawn formats


def roi_zip(path: Path, *rois: roifile.ImagejRoi) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for k, roi in enumerate(rois):
            archive.writestr(f"{k:04d}-{roi.name}.roi", roi.tobytes())
    return path


def test_imagej_polygons_ovals_and_rectangles(tmp_path: Path) -> None:
    polygon = roifile.ImagejRoi.frompoints(np.array(SQUARE, np.int32), name="p")
    polygon.roitype = roifile.ROI_TYPE.POLYGON
    rectangle = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, top=30, left=2, bottom=36, right=9, name="r")
    oval = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.OVAL, top=10, left=40, bottom=20, right=54, name="o")
    line = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.LINE, name="scale bar", x1=1, y1=1, x2=9, y2=1)
    found = read_annotation(roi_zip(tmp_path / "RoiSet.zip", polygon, rectangle, oval, line), shape=SHAPE)
    assert found.kind == "imagej_roi"
    assert np.array_equal(found.labels == 1, square() > 0)
    assert (found.labels == 2).sum() == 42
    assert found.labels[30:36, 2:9].all()
    assert (found.labels == 3).sum() == pytest.approx(np.pi * 35, rel=0.03)
    assert found.n_particles == 3
    assert "1 ROI has no area (line)" in found.warnings[0]


def test_imagej_subpixel_and_rotated_ellipse_and_composite(tmp_path: Path) -> None:
    fine = roifile.ImagejRoi.frompoints(np.array(SQUARE, float) + 0.4, name="f")  # centres 0.5 still inside
    moved = roifile.ImagejRoi.frompoints(np.array(SQUARE, float) + np.array([20.6, 0]), name="g")
    ellipse = roifile.ImagejRoi.frompoints(np.array([(0, 0), (1, 1), (2, 0)], np.int32), name="e")
    ellipse.subtype = roifile.ROI_SUBTYPE.ELLIPSE
    ellipse.x1, ellipse.y1, ellipse.x2, ellipse.y2 = 50.0, 20.0, 66.0, 32.0
    packed = struct.unpack(">BBh", struct.pack(">f", 0.5))
    ellipse.arrow_style_or_aspect_ratio, ellipse.arrow_head_size, ellipse.rounded_rect_arc_size = packed
    path = [0, 2, 20, 1, 12, 20, 1, 12, 30, 1, 2, 30, 4, 0, 5, 23, 1, 5, 26, 1, 9, 26, 1, 9, 23, 4]
    composite = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, top=20, left=2, bottom=30, right=12, name="c")
    composite.multi_coordinates = np.array(path, np.float32)
    composite.shape_roi_size = len(path)
    found = read_annotation(roi_zip(tmp_path / "r.zip", fine, moved, ellipse, composite), shape=SHAPE)
    assert np.array_equal(found.labels == 1, square() > 0)
    assert found.labels[5:12, 31:41].tolist() == [[2] * 10] * 7
    assert (found.labels == 3).sum() == pytest.approx(np.pi * 10 * 5, rel=0.04)
    assert found.labels[26, 58] == 3
    assert (found.labels == 4).sum() == 100 - 12


def test_imagej_names_that_are_numbers_are_the_labels(tmp_path: Path) -> None:
    rois = [
        roifile.ImagejRoi.frompoints(np.array(SQUARE, np.int32) + np.array([15 * k, 0]), name=name)
        for k, name in enumerate(("00007", "3"))
    ]
    assert sorted(np.unique(read_annotation(roi_zip(tmp_path / "a.zip", *rois), shape=SHAPE).labels)) == [0, 3, 7]
    rois[1].name = "0007"
    assert sorted(np.unique(read_annotation(roi_zip(tmp_path / "b.zip", *rois), shape=SHAPE).labels)) == [0, 1, 2]
    (tmp_path / "one.roi").write_bytes(rois[0].tobytes())
    assert read_annotation(tmp_path / "one.roi", shape=SHAPE).n_particles == 1


def rle(mask: np.ndarray) -> list[int]:
    flat = np.concatenate([[False], mask.T.ravel(), [not mask.T.ravel()[-1]]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.concatenate([[0], edges])).tolist()


def test_coco_polygons_and_run_lengths(tmp_path: Path, labels: np.ndarray) -> None:
    parts = [[float(v) for point in SQUARE for v in point], [40.0, 30.0, 44.0, 30.0, 44.0, 33.0, 40.0, 33.0]]
    counts = {"counts": rle(labels == 1), "size": list(SHAPE)}
    found = read_annotation(write_json(tmp_path / "c.json", coco([parts, counts])), shape=SHAPE, image_name="a.tif")
    assert found.kind == "coco"
    both = square() > 0
    both[30:33, 40:44] = True
    assert np.array_equal(found.labels == 1, both)  # the smaller of two that overlap
    assert np.array_equal(found.labels == 2, (labels == 1) & ~both)
    assert found.overlapping == (2,)


def test_coco_compressed_run_lengths(tmp_path: Path) -> None:
    """The strings are those of the COCO API (pycocotools.mask.encode) for these masks."""
    ring, dots = np.zeros((9, 13), bool), np.zeros(SHAPE, bool)
    ring[2:6, 3:9] = True
    ring[4, 5] = False
    dots[0, 0] = dots[39, 69] = dots[7, 3] = True
    yy, xx = np.mgrid[:300, :420]
    disc = np.hypot(yy - 150, xx - 222) < 140
    for mask, text in ((ring, "m04500NLO430000R1"), (dots, "01n30a_20")):
        assert np.array_equal(decode_runs(uncompressed(text), mask.shape, ""), mask)
    start = "Z^h0Q1T8>D:F:G8I6J6J6J6K4K6K4L4K6K4M2M4L4L4L4M2M4M2M4M2M4M2N"
    assert uncompressed(start).tolist() == rle(disc)[: len(uncompressed(start))]
    path = write_json(tmp_path / "c.json", coco([{"counts": "01n30a_20", "size": list(SHAPE)}]))
    assert np.array_equal(read_annotation(path, shape=SHAPE).labels > 0, dots)


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (coco([[[1.0, 2.0]]], height=50), "a.tif", "micrograph is 70 x 40"),
        (coco([]), "b.tif", "no image named b.tif"),
        (coco([{"counts": [3, 4], "size": list(SHAPE)}]), "a.tif", "run-length"),
        (coco([{"counts": "\x00", "size": list(SHAPE)}]), "a.tif", "run-length"),
        (coco([{"counts": "o" * 400, "size": list(SHAPE)}]), "a.tif", "run-length"),
        (coco([[["a", "b"]]]), "a.tif", "points"),
        (coco([None]), "a.tif", "boxes only"),
        (labelme({"shape_type": "circle", "points": [[1, 2]]}), None, "circle of 1 point"),
        (labelme({"shape_type": "polygon", "points": [[1, float("nan")]] * 3}), None, "finite"),
        (labelme({"shape_type": "mask", "points": [[0, 0], [1, 1]], "mask": "AAAA"}), None, "mask"),
        (labelme("no"), None, "shape 1"),  # type: ignore[arg-type]
        ({"type": "FeatureCollection", "features": [{"type": "Feature"}]}, None, "no geometry"),
        ({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": 5}}, None, "Polygon"),
        ({"nothing": "known"}, None, "nothing"),
        ([], None, "list of 0"),
    ],
)
def test_json_that_does_not_fit_says_so(tmp_path: Path, content: Any, name: str | None, words: str) -> None:
    path = write_json(tmp_path / "x.json", content)
    with pytest.raises(AnnotationError) as error:
        read_annotation(path, shape=SHAPE, image_name=name)
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_labelme_shapes_and_groups(tmp_path: Path, labels: np.ndarray) -> None:
    png = io.BytesIO()
    Image.fromarray((labels == 4)[24:30, 20:33]).save(png, "PNG")
    content = labelme(
        {"label": "p", "shape_type": "polygon", "points": SQUARE},
        {"label": "p", "shape_type": "circle", "points": [[50, 20], [54, 23]]},
        {"label": "p", "shape_type": "rectangle", "points": [[9, 39], [2, 33]], "group_id": 1},
        {"label": "p", "shape_type": "rectangle", "points": [[12, 33], [15, 36]], "group_id": 1},
        {"label": "p", "shape_type": "mask", "points": [[20, 24], [32, 29]], "mask": base64.b64encode(png.getvalue()).decode()},
        {"label": "bar", "shape_type": "line", "points": [[0, 0], [5, 0]]},
    )
    found = read_annotation(write_json(tmp_path / "a.json", content), shape=SHAPE)
    assert found.kind == "labelme"
    assert np.array_equal(found.labels == 1, square() > 0)
    assert (found.labels == 2).sum() == pytest.approx(np.pi * 25, rel=0.05)
    assert (found.labels == 3).sum() == 42 + 9
    assert np.array_equal(found.labels == 4, labels == 4)
    assert "no area (line)" in found.warnings[0]


def test_geojson_of_qupath(tmp_path: Path) -> None:
    ring = [[*p] for p in (*SQUARE, SQUARE[0])]
    hole = [[12, 7], [14, 7], [14, 9], [12, 9], [12, 7]]
    far = [[[x + 30, y] for x, y in ring]]
    features = [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring, hole]},
         "properties": {"classification": {"name": "big"}}},
        {"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates": [far, [[[x, y + 20] for x, y in ring]]]},
         "properties": {"classification": {"name": "small"}}},
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [3, 4]}, "properties": {}},
    ]  # fmt: skip
    for content in ({"type": "FeatureCollection", "features": features}, features):
        found = read_annotation(write_json(tmp_path / "a.geojson", content), shape=SHAPE)
        assert (found.labels == 1).sum() == 66
        assert (found.labels == 2).sum() == 140
        assert any("big, small" in w for w in found.warnings)
        assert any("Point" in w for w in found.warnings)


# what cannot be read


def broken(folder: Path) -> dict[str, tuple[Path, str]]:
    """name -> (file, words of the message)."""
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 255, (*SHAPE, 3), np.uint8)
    files: dict[str, tuple[Path, str]] = {}

    def add(name: str, words: str, data: bytes | None = None) -> Path:
        path = folder / name
        if data is not None:
            path.write_bytes(data)
        files[name] = (path, words)
        return path

    add("empty.tif", "empty", b"")
    add("text.txt", "not a known kind", b"label, x, y\n")
    add("photo.jpg", "JPEG", b"\xff\xd8\xff\xe0 and so on")
    add("cut.json", "damaged JSON", b'{"images": [')
    add("deep.json", "damaged JSON", b"[" * 100_000)
    add("cut.png", "damaged", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    add("cut.tif", "TIFF", b"II*\x00\x08\x00\x00\x00\x01")
    add("cut.zip", "damaged ROI", b"PK\x03\x04 cut")
    add("cut.roi", "damaged ROI", b"Iout\x00\xe3")
    add("cut.npy", "npy", b"\x93NUMPY\x01\x00")
    with zipfile.ZipFile(add("other.zip", "without .roi"), "w") as archive:
        archive.writestr("readme.txt", "hello")
    roi_zip(add("lines.zip", "only line"), roifile.ImagejRoi(roitype=roifile.ROI_TYPE.LINE, name="l"))
    Image.fromarray(noise).save(add("noise.png", "single pixels"))
    Image.fromarray(noise[..., 0] | 1).save(add("grey.png", "no background"))
    Image.fromarray(noise[..., 0]).save(add("speckle.png", "a picture, not labels"))
    Image.fromarray(np.zeros((30, 44), np.uint8)).save(add("small.png", "44 x 30"))
    tifffile.imwrite(add("stack.tif", "array of shape (5, 40, 70)"), np.zeros((5, *SHAPE), np.uint8), photometric="minisblack")
    tifffile.imwrite(add("turned.tif", "40 x 70"), np.zeros(SHAPE[::-1], np.uint8))
    tifffile.imwrite(add("probability.tif", "whole numbers"), noise[..., 0].astype(np.float32) / 255)
    tifffile.imwrite(add("negative.tif", "negative"), noise[..., 0].astype(np.int16) - 9)
    tifffile.imwrite(add("complex.tif", "complex"), np.zeros(SHAPE, np.complex64) + 1)
    return files


def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    for name, (path, words) in broken(tmp_path).items():
        with pytest.raises(AnnotationError) as error:
            read_annotation(path, shape=SHAPE)
        message = str(error.value)
        assert message.startswith(str(path)), message
        assert words in message, (name, message)
        assert "\n" not in message
    for path in (tmp_path / "missing.tif", tmp_path):
        with pytest.raises(UnreadableFile, match=r"folder|[Nn]o such"):
            read_annotation(path, shape=SHAPE)


def test_damaged_bytes_never_raise_anything_else(tmp_path: Path, labels: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    tifffile.imwrite(tmp_path / "a.tif", labels, compression="zlib")
    Image.fromarray(labels.astype(np.uint8)).save(tmp_path / "a.png")
    roi = roifile.ImagejRoi.frompoints(np.array(SQUARE, np.int32), name="p")
    roi_zip(tmp_path / "a.zip", roi)
    (tmp_path / "a.roi").write_bytes(roi.tobytes())
    np.save(tmp_path / "a.npy", labels)
    write_json(
        tmp_path / "a.json", coco([[[float(v) for p in SQUARE for v in p]], {"counts": rle(labels == 1), "size": list(SHAPE)}])
    )
    refused = 0
    for name in ("a.tif", "a.png", "a.zip", "a.roi", "a.npy", "a.json"):
        good = (tmp_path / name).read_bytes()
        for _ in range(60):
            data = bytearray(good[: rng.integers(1, len(good))] if rng.random() < 0.3 else good)
            for k in rng.integers(0, len(data), 1 + int(rng.integers(0, 4))):
                data[k] = rng.integers(0, 256)
            (tmp_path / name).write_bytes(data)
            try:
                found = read_annotation(tmp_path / name, shape=SHAPE)
            except NanogaugeError:
                refused += 1
            else:
                assert found.labels.shape == SHAPE
    assert refused > 50
