"""Files of a measurement: what other programs read from them is what was measured."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import roifile
import tifffile
from PIL import Image

from nanogauge import Measurement, Micrograph
from nanogauge.core.errors import OutputError, UnreadableFile
from nanogauge.core.particles import column_names
from nanogauge.core.scale import Scale
from nanogauge.measuring.contours import contours
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph
from nanogauge.reporting.workbook import write_workbook
from nanogauge.results.folder import make_folder, new_result, save_measurement, write_measurement
from nanogauge.results.interchange import read_annotation
from nanogauge.results.interchange.write import CocoWriter, write_coco, write_rois
from nanogauge.results.pictures import write_labels, write_labels_ome
from nanogauge.results.saved import read_saved
from nanogauge.results.tables import append_summary, write_parquet, write_particles, write_summary
from nanogauge.statistics.samples import pool
from nanogauge.training.synthetic import Rendering

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
def without_scale(blind_measurer: Measurer, bare_scene) -> Measurement:
    return blind_measurer.measure(Micrograph(pixels=bare_scene.pixels, name="bare"))


@pytest.fixture
def with_user_scale(blind_measurer: Measurer, bare_scene) -> Measurement:
    scale = Scale((2.5, 2.5), 0.01, "user")
    return blind_measurer.measure(Micrograph(pixels=bare_scene.pixels, name="bare"), scale=scale)


def test_labels_keep_shape_type_and_values(tmp_path: Path, labels: np.ndarray) -> None:
    labels[20, 60] = 70_000  # more than 16 bits
    write_labels(tmp_path / "labels.tif", labels, None)
    read = tifffile.imread(tmp_path / "labels.tif")
    assert read.dtype == np.int32
    assert np.array_equal(read, labels)


SCALES = [(2.5, 2.5), (1.0 / 3, 1.0 / 3), (0.001, 0.001), (987.6, 1234.5)]


@pytest.mark.parametrize("nm_per_px", SCALES)
@pytest.mark.parametrize("write", [write_labels, write_labels_ome])
def test_the_pixel_size_is_where_imagej_and_ome_look_for_it(
    tmp_path: Path, labels: np.ndarray, nm_per_px: tuple[float, float], write: Callable[..., None]
) -> None:
    path = tmp_path / ("labels.ome.tif" if write is write_labels_ome else "labels.tif")
    write(path, labels, Scale(nm_per_px, 0.01, "metadata"))
    read = tifffile.imread(path)
    assert read.dtype == np.int32
    assert np.array_equal(read, labels)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_ome if write is write_labels_ome else tiff.is_imagej
        if write is write_labels:
            top, bottom = tiff.pages.first.tags["YResolution"].value
            assert tiff.imagej_metadata["unit"] == "nm"
            assert bottom / top == pytest.approx(nm_per_px[0], rel=1e-6)
    scale = read_micrograph(path).scale  # and so they are found by the readers here
    assert scale is not None
    assert scale.nm_per_px == pytest.approx(nm_per_px, rel=1e-6)


@pytest.mark.parametrize("write", [write_labels, write_labels_ome])
def test_no_scale_no_resolution(tmp_path: Path, labels: np.ndarray, write: Callable[..., None]) -> None:
    path = tmp_path / ("l.ome.tif" if write is write_labels_ome else "l.tif")
    write(path, labels, None)
    assert read_micrograph(path).scale is None
    with tifffile.TiffFile(path) as tiff:
        said = tiff.pages.first.tags["ImageDescription"].value
        assert "PhysicalSize" not in said
        assert "unit=" not in said


def test_rois_enclose_the_particles_exact_pixels(tmp_path: Path, labels: np.ndarray) -> None:
    write_rois(tmp_path / "rois.zip", dict(contours(labels)))
    rois = roifile.roiread(tmp_path / "rois.zip")
    assert [roi.name for roi in rois] == ["00001", "00002", "00003", "00005"]
    for roi in rois:
        corners = np.asarray(roi.coordinates(), int)  # (x, y)
        inside = np.zeros(labels.shape, bool)
        for (xa, ya), (xb, yb) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            inside[min(ya, yb) : max(ya, yb), xa:] ^= xa == xb  # a vertical edge flips all pixels to its right
        assert np.array_equal(inside, labels == int(roi.name)), roi.name


@pytest.mark.parametrize("kind", ["zip", "json"])
def test_holes_and_pieces_come_back_pixel_by_pixel(tmp_path: Path, labels: np.ndarray, kind: str) -> None:
    labels[13:17, 22:28] = 0  # a hole
    labels[14, 24] = 1  # an island in it
    labels[2, 2] = labels[3, 3] = labels[37, 5] = 9  # pieces that meet at a corner, and one apart
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        write_rois(path, dict(contours(labels)))
    else:
        table = pd.DataFrame({"label": np.unique(labels)[1:], "equivalent_diameter_px": 1.0})
        traced = dict(contours(labels))
        name = SimpleNamespace(name="a.tif")
        m = SimpleNamespace(labels=labels, contours=traced, particles=table, scale=None, micrograph=name)
        write_coco(path, m)  # type: ignore[arg-type]
    found = read_annotation(path, shape=labels.shape)
    assert np.array_equal(found.labels, labels)
    assert found.warnings == ()


def test_coco_of_a_run(tmp_path: Path, with_user_scale: Measurement, without_scale: Measurement) -> None:
    with CocoWriter(tmp_path / "c.json") as coco:
        coco.add(with_user_scale)
        coco.add(replace(without_scale, micrograph=replace(without_scale.micrograph, name="other")))
    content = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert [i["file_name"] for i in content["images"]] == ["bare", "other"]
    assert content["images"][0]["nm_per_px_y_x"] == [2.5, 2.5]
    assert "nm_per_px_y_x" not in content["images"][1]
    first = [a for a in content["annotations"] if a["image_id"] == 1]
    area = np.bincount(with_user_scale.labels.ravel())
    assert len(first) == with_user_scale.n_particles
    for a in first:
        assert a["area"] == area[a["attributes"]["label"]]
        x, y, w, h = a["bbox"]
        assert (with_user_scale.labels[y : y + h, x : x + w] == a["attributes"]["label"]).sum() == a["area"]
    for name in ("bare", "other"):
        found = read_annotation(tmp_path / "c.json", shape=with_user_scale.labels.shape, image_name=name)
        assert np.array_equal(found.labels, with_user_scale.labels)


def test_no_particles_is_a_valid_empty_zip(tmp_path: Path) -> None:
    write_rois(tmp_path / "rois.zip", {})
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


def test_unit_row_and_parquet(tmp_path: Path, with_user_scale: Measurement, without_scale: Measurement) -> None:
    import pyarrow.parquet as pq

    tables = [("a", with_user_scale.particles), ("b", without_scale.particles.iloc[:0]), ("c", without_scale.particles)]
    write_particles(tmp_path / "p.csv", tables, parquet=tmp_path / "p.parquet", unit_row=True)
    header, unit_row, *rows = (tmp_path / "p.csv").read_text(encoding="utf-8").splitlines()
    named = dict(zip(header.split(","), unit_row.split(","), strict=True))
    assert named["equivalent_diameter_nm"] == "nm"
    assert named["area_px2"] == "px²"
    assert named["orientation_deg"] == "°"
    assert named["aspect_ratio"] == named["flags"] == ""
    assert len(rows) == with_user_scale.n_particles + without_scale.n_particles
    read = pd.read_parquet(tmp_path / "p.parquet")
    assert list(read.columns) == header.split(",")
    assert read["equivalent_diameter_nm"].isna().sum() == without_scale.n_particles
    fields = pq.read_schema(tmp_path / "p.parquet")
    assert fields.field("feret_max_nm").metadata[b"unit"] == b"nm"
    assert fields.field("area_nm2").metadata[b"unit"] == "nm²".encode()
    write_parquet(tmp_path / "one.parquet", without_scale.particles)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "one.parquet"), without_scale.particles, check_dtype=False)
    write_particles(tmp_path / "none.csv", [], parquet=tmp_path / "none.parquet")
    assert list(pd.read_parquet(tmp_path / "none.parquet").columns) == header.split(",")


def test_json_follows_its_schema(
    tmp_path: Path, with_user_scale: Measurement, without_scale: Measurement, blind_measurer: Measurer
) -> None:
    import jsonschema

    text = resources.files("nanogauge.results").joinpath("schemas/measurement.schema.json").read_text(encoding="utf-8")
    validator = jsonschema.Draft202012Validator(json.loads(text))
    validator.check_schema(json.loads(text))
    flat = blind_measurer.measure(Micrograph(pixels=np.full((24, 17), 9, np.uint8), name="flat"))
    for k, m in enumerate((with_user_scale, without_scale, flat)):
        about = json.loads((save_measurement(m, tmp_path / str(k)) / "measurement.json").read_text(encoding="utf-8"))
        assert [e.message for e in validator.iter_errors(about)] == []
        assert list(validator.iter_errors(about | {"unforeseen": 1}))
        assert list(validator.iter_errors({k: v for k, v in about.items() if k != "sha256"}))


def test_workbook_holds_the_figures_as_numbers(tmp_path: Path, with_user_scale: Measurement) -> None:
    from openpyxl import load_workbook

    sample = pool([with_user_scale, with_user_scale], name="=cmd|' /C calc'!A0")
    rows = [{"micrograph": "a\x07.tif", "nm_per_px": "2.5"}]
    write_workbook(tmp_path / "r.xlsx", [sample], micrographs=rows, facts=[("Settings", [("measure.seed", "0")])])
    book = load_workbook(tmp_path / "r.xlsx")
    assert book.sheetnames == [
        "Summary",
        "Budget",
        "Distribution",
        "Cumulative",
        "Per micrograph",
        "Particles",
        "Scale",
        "Settings",
    ]
    for sheet in book:
        assert sheet.freeze_panes == "A2"
        assert all(c.font.b for c in sheet[1])
    summary = {r[0].value: r for r in book["Summary"].iter_rows(min_row=2)}
    assert summary["mean"][1].value == pytest.approx(sample.distribution.mean.value)
    assert summary["mean"][2].value == "nm"
    assert summary["sample"][1].data_type == "s"  # no formula, whatever a sample is called
    head = [c.value for c in book["Particles"][1]]
    assert "feret max / nm" in head
    assert "aspect ratio" in head
    first = [c.value for c in book["Particles"][2]]
    column = head.index("equivalent diameter / nm")
    assert first[column] == pytest.approx(sample.particles["equivalent_diameter_nm"].iloc[0])
    assert book["Particles"].max_row == len(sample.particles) + 1
    assert book["Scale"]["A2"].value == "a.tif"
    with pytest.raises(OutputError, match=r"none.r\.xlsx: cannot write .No such file"):
        write_workbook(tmp_path / "none" / "r.xlsx", [sample])
    several = tmp_path / "s.xlsx"
    names = ["annealed at 600 °C for 2 h", "Annealed at 600 °C for 3 h", "a/b: [c]*?'", "", "'"]
    write_workbook(several, [pool([with_user_scale], name=name) for name in names])
    found = [name.removeprefix("Particles ") for name in load_workbook(several).sheetnames if name.startswith("Particles ")]
    assert found == ["annealed at 600", "Annealed at 60 2", "a b c", "4", "5"]


def test_summary_rows_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    write_summary(path, [], ["file", "mean_nm"])
    for row in ({"file": "a, b", "mean_nm": 1.5}, {"file": "c"}):
        append_summary(path, row, ["file", "mean_nm"])
    assert path.read_text(encoding="utf-8").splitlines() == ["file,mean_nm", '"a, b",1.5', "c,"]


def test_saved_measurement(tmp_path: Path, with_user_scale: Measurement) -> None:
    m = with_user_scale
    folder = save_measurement(m, tmp_path / "deep" / "down")
    assert {p.name for p in folder.iterdir()} == FILES
    assert np.array_equal(tifffile.imread(folder / "labels.tif"), m.labels)
    read = pd.read_csv(folder / "particles.csv").fillna({"flags": ""})
    pd.testing.assert_frame_equal(read, m.particles, check_dtype=False)
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
def test_no_particles_is_saved_too(tmp_path: Path, blind_measurer: Measurer, shape: tuple[int, int]) -> None:
    m = blind_measurer.measure(Micrograph(pixels=np.full(shape, 9, np.uint8), name="flat"))
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
        # outlines run between the pixels, labels along them
        assert row.equivalent_diameter_nm == pytest.approx(2.5 * math.sqrt(4 * area[row.label] / math.pi), rel=0.01)


def test_a_result_that_is_saved_again_is_whole_throughout(
    tmp_path: Path, with_user_scale: Measurement, without_scale: Measurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = with_user_scale.save(tmp_path / "a")
    (folder / "mine.txt").touch()
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    real, moved = os.replace, []

    def killed(source: Path, goal: Path) -> None:
        moved.append(Path(goal).name)
        if len(moved) == 2:
            raise KeyboardInterrupt
        real(source, goal)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        without_scale.save(folder)
    monkeypatch.undo()
    assert "measurement.json" not in moved
    assert (folder / "measurement.json").read_bytes() == before["measurement.json"]
    assert {p.name for p in folder.iterdir()} == set(before)  # nothing of what was being made
    without_scale.save(folder)
    assert read_saved(folder).scale is None
    assert (folder / "mine.txt").is_file()


def test_a_result_that_fails_leaves_nothing(tmp_path: Path, with_user_scale: Measurement) -> None:
    earlier = with_user_scale.save(tmp_path / "a")
    (earlier / "edits.jsonl").touch()
    with pytest.raises(AttributeError), new_result(tmp_path / "a", anew=True) as making:
        write_measurement(None, making)  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (earlier / "edits.jsonl").is_file()
    with new_result(tmp_path / "a", anew=True) as making:
        write_measurement(with_user_scale, making)
    assert not (earlier / "edits.jsonl").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_measurement_is_read_back(tmp_path: Path, with_user_scale: Measurement, bare_scene: Rendering) -> None:
    folder = with_user_scale.save(tmp_path / "a")
    again = read_saved(folder).measurement(with_user_scale.micrograph)
    assert again.to_dict() == replace(with_user_scale, foreground=None).to_dict() | {"message": again.message}
    pd.testing.assert_frame_equal(again.particles, with_user_scale.particles, check_exact=True)
    assert np.array_equal(again.labels, with_user_scale.labels)
    with pytest.raises(UnreadableFile, match="do not fit"):
        read_saved(folder).measurement(Micrograph(pixels=bare_scene.pixels[:50], name="x"))


def test_outlines_are_traced_once(tmp_path: Path, with_user_scale: Measurement, monkeypatch: pytest.MonkeyPatch) -> None:
    from nanogauge.measuring import contours as module

    real, n = module._rings, 0

    def counted(mask: np.ndarray) -> list[np.ndarray]:
        nonlocal n
        n += 1
        return real(mask)

    monkeypatch.setattr(module, "_rings", counted)
    save_measurement(with_user_scale, tmp_path / "a", coco=True)
    assert n == with_user_scale.n_particles
