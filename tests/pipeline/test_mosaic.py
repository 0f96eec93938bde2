"""Mosaics measured window by window against the same picture measured whole."""

from __future__ import annotations

import _thread
import json
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ClassVar

import cv2
import matplotlib
import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image, ImageDraw, ImageFont

from nanogauge.core.errors import NanogaugeError, UnreadableFile, UnsupportedFormat
from nanogauge.core.micrograph import Micrograph
from nanogauge.core.protocols import EngineClasses
from nanogauge.core.scale import Scale
from nanogauge.core.settings import Settings
from nanogauge.detection.engines import make_locator, make_reader
from nanogauge.detection.find import find_particles
from nanogauge.pipeline import measure
from nanogauge.pipeline.mosaic import MosaicFiles, blocks, find, measure_mosaic
from nanogauge.pipeline.mosaic import bar as bar_module
from nanogauge.pipeline.mosaic import measure as measure_module
from nanogauge.pipeline.mosaic.levels import levels_of
from nanogauge.reading import Mosaic, read_micrograph, read_picture
from nanogauge.scale.bar import ScaleBarReading

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
SCALE = Scale((2.0, 2.0), 0.01, "user")


class SmallTiles:
    """Bright discs to maps, each pixel from its neighbourhood alone; tiles of 96 px."""

    name, sha256, stride, tile_px = "small tiles", "", 16, 96
    working_diameter_px: float | None = None
    sees_px = (0.0, 1e9)
    detection: ClassVar = {}
    calibration: ClassVar = {"intercept": -9.83, "outline": 11.28, "middle": 3.44}

    def predict(self, tile):
        smooth = cv2.GaussianBlur(tile, (0, 0), 1.5, borderType=cv2.BORDER_REFLECT_101)
        foreground = 1 / (1 + np.exp(-8 * (smooth - 0.3)))
        middle = np.clip(cv2.GaussianBlur(tile, (0, 0), 4, borderType=cv2.BORDER_REFLECT_101), 0, 1)
        return np.stack([foreground, np.zeros_like(tile), middle]).astype(np.float32)


@pytest.fixture(scope="module")
def discs() -> np.ndarray:
    """(410, 530) uint8: discs of 12 to 30 px, some touching, some cut by the frame."""
    rng = np.random.default_rng(5)
    picture = np.full((410, 530), 60.0)
    y, x = np.mgrid[:410, :530]
    for a in range(0, 410, 34):
        for b in range(0, 530, 34):
            picture[np.hypot(y - a - rng.uniform(-8, 8), x - b - rng.uniform(-8, 8)) < rng.uniform(6, 15)] = 180
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def small_blocks(monkeypatch):
    for name, value in {
        "_BLOCK_PX": 128,
        "_MARGIN_PX": 48,
        "_WIDEST_MARGIN_PX": 96,
        "_LEAST_BLOCK_PX": 64,
        "_PANEL_PX": 200,
    }.items():
        monkeypatch.setattr(blocks, name, value)
    monkeypatch.setattr(measure_module, "_PREVIEW_PX", 200)


def all_kept(settings):
    """Without dropping objects that the calibration of the real network takes for unsure: these maps are not its."""
    return settings.replace("separate", least_confidence=0.0)


def by_windows(path, settings):
    settings = all_kept(settings)
    mosaic = read_picture(path, mosaic_px=1)
    assert isinstance(mosaic, Mosaic)
    return measure_mosaic(mosaic, engine=SmallTiles(), settings=settings, scale=SCALE)


@pytest.mark.slow
@pytest.mark.parametrize("zoom", [1.0, 0.75, 1.4])
def test_equal_to_the_whole_picture(discs, tmp_path, small_blocks, zoom):
    tifffile.imwrite(tmp_path / "m.tif", discs, tile=(64, 64), compression="zlib")
    settings = (
        Settings().replace("segment", working_magnification=zoom, overlap_px=32).replace("measure", n_bootstrap=0, edge="outline")
    )
    found = by_windows(tmp_path / "m.tif", settings)
    inside = find_particles(discs, SmallTiles(), all_kept(settings))
    labels, foreground, sure = inside.labels, inside.foreground, inside.confidence
    assert sure is not None
    whole = measure.particle_table(
        labels, Micrograph(pixels=discs, name="m"), SCALE, foreground, (0, 0, *discs.shape), settings.measure, confidence=sure
    )
    assert found.n_particles == len(whole) > 60
    stored = found.mosaic.read(0, discs.shape[0], 0, discs.shape[1])
    assert np.array_equal(stored > 0, labels > 0) or (np.mean((stored > 0) != (labels > 0)) < 1e-4 and zoom != 1)
    a, b = (t.sort_values(["y", "x"], ignore_index=True) for t in (whole, found.particles))
    for name in a.columns.drop("label"):
        if a[name].dtype.kind == "f":
            np.testing.assert_allclose(
                b[name], a[name], rtol=1e-6 if zoom == 1 else 0.02, atol=1e-6 if zoom == 1 else 0.5, err_msg=name
            )
        else:
            assert (a[name] == b[name]).all(), name
    assert found.particles["label"].tolist() == list(range(1, len(whole) + 1))


@pytest.mark.slow
def test_labels_rois_and_json_are_written(discs, tmp_path, small_blocks):
    tifffile.imwrite(tmp_path / "m.tif", discs, rowsperstrip=7, compression="lzw")
    found = by_windows(tmp_path / "m.tif", Settings())
    found.save(tmp_path / "out")
    labels = tifffile.imread(tmp_path / "out" / "labels.tif")
    assert labels.shape == discs.shape
    assert np.array_equal(np.unique(labels)[1:], found.particles["label"])
    area = np.bincount(labels.ravel())[1:]
    assert np.median(np.abs(area - found.particles["area_px2"]) / area) < 0.1
    with zipfile.ZipFile(tmp_path / "out" / "rois.zip") as archive:
        assert len(archive.namelist()) == found.n_particles
    about = json.loads((tmp_path / "out" / "measurement.json").read_text())
    assert about["shape_px"] == list(discs.shape)
    assert about["n_particles"] == found.n_particles
    assert found.overlay.shape == (*found.micrograph.shape, 3)
    assert found.overlay.shape[1] == 200


@pytest.mark.slow
def test_pipeline_takes_large_files_this_way(discs, tmp_path, small_blocks, monkeypatch):
    tifffile.imwrite(tmp_path / "m.tif", discs, tile=(64, 64))
    monkeypatch.setattr(measure, "read_picture", partial(read_picture, mosaic_px=1000))
    measurer = measure.Measurer(engine=SmallTiles())
    assert measurer.measure(tmp_path / "m.tif", scale=SCALE).mosaic is not None
    monkeypatch.setattr(measure, "read_picture", partial(read_picture, mosaic_px=10**6))
    assert measurer.measure(tmp_path / "m.tif", scale=SCALE).mosaic is None


def test_an_empty_mosaic_is_a_result(tmp_path, small_blocks):
    tifffile.imwrite(tmp_path / "m.tif", np.full((300, 260), 50, np.uint8), tile=(64, 64))
    found = by_windows(tmp_path / "m.tif", Settings())
    assert found.status == "no_particles"


@pytest.mark.slow
def test_outlines_are_moved_to_the_edge_window_by_window(discs, tmp_path, small_blocks):
    tifffile.imwrite(tmp_path / "m.tif", discs, tile=(64, 64))
    at_edge = by_windows(tmp_path / "m.tif", Settings())
    drawn = by_windows(tmp_path / "m.tif", Settings().replace("measure", edge="outline"))
    assert at_edge.edge_moved_px is not None
    assert drawn.edge_moved_px is None
    assert at_edge.n_particles == drawn.n_particles
    moved = (at_edge.particles["equivalent_diameter_px"] - drawn.particles["equivalent_diameter_px"]).mean() / 2
    assert moved == pytest.approx(at_edge.edge_moved_px, abs=0.1)
    at_edge.save(tmp_path / "out")
    area = np.bincount(tifffile.imread(tmp_path / "out" / "labels.tif").ravel())[1:]
    assert area == pytest.approx(at_edge.particles["area_px2"].to_numpy(), rel=0.1)


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (32, 48), "compression": "zlib"},
        {"tile": (64, 64), "compression": "jpeg"},
        {"rowsperstrip": 9, "compression": "lzw"},
        {"rowsperstrip": 9},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"photometric": "miniswhite"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_windows_are_those_of_the_whole_file(discs, tmp_path, options, dtype):
    if dtype != np.uint8 and options.get("compression") == "jpeg":
        pytest.skip("JPEG in TIFF has 8 bits here")
    if dtype == np.float32 and "photometric" in options:
        pytest.skip("floats with white as zero are read whole")
    pixels = discs if dtype == np.uint8 else (discs.astype(dtype) * (200 if dtype == np.uint16 else 1.5))
    tifffile.imwrite(tmp_path / "m.tif", pixels.astype(dtype), **({"photometric": "minisblack"} | options))
    mosaic, whole = read_picture(tmp_path / "m.tif", mosaic_px=1), read_micrograph(tmp_path / "m.tif")
    assert (mosaic.shape, mosaic.sha256, mosaic.dtype) == (whole.shape, whole.sha256, whole.pixels.dtype)
    for y0, y1, x0, x1 in ((0, 410, 0, 530), (31, 70, 47, 200), (409, 410, 529, 530)):
        assert np.array_equal(mosaic.read(y0, y1, x0, x1), whole.pixels[y0:y1, x0:x1])
    levels = levels_of(mosaic)
    assert np.abs(levels.to8(whole.pixels).astype(int) - whole.grey8()).max() <= (0 if dtype != np.float32 else 1)
    assert levels.mean == pytest.approx(whole.grey8().mean(), abs=0.05)
    assert levels.sd == pytest.approx(whole.grey8().std(), abs=0.05)


def test_ome_tiff_gives_the_scale(discs, tmp_path):
    about = {"axes": "YX", "PhysicalSizeX": 2.5, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 2.5, "PhysicalSizeYUnit": "nm"}
    tifffile.imwrite(tmp_path / "m.ome.tif", discs, tile=(64, 64), metadata=about)
    assert read_picture(tmp_path / "m.ome.tif", mosaic_px=1).scale.nm_per_px == (2.5, 2.5)


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr(discs, tmp_path, version):
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "m.ome.zarr"
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    array = group.create_array("0", shape=(1, *discs.shape), chunks=(1, 100, 90), dtype="uint8")
    array[0] = discs
    axes = [{"name": "c", "type": "channel"}] + [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    scaling = [{"type": "scale", "scale": [1.0, 0.002, 0.0025]}]
    multiscales = [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scaling}]}]
    group.attrs.update({"multiscales": multiscales} if version == 2 else {"ome": {"version": "0.5", "multiscales": multiscales}})
    mosaic = read_picture(path, mosaic_px=1)
    assert mosaic.scale.nm_per_px == pytest.approx((2.0, 2.5))
    assert np.array_equal(mosaic.read(90, 210, 80, 300), discs[90:210, 80:300])
    whole = read_micrograph(path)
    assert np.array_equal(whole.pixels, discs)
    assert (whole.format, whole.scale.nm_per_px) == ("ome-zarr", pytest.approx((2.0, 2.5)))
    chunk = next(p for p in sorted(path.rglob("*")) if p.is_file() and p.name in ("0", "1", "0.0.0", "0.1.0"))
    chunk.write_bytes(b"damaged")
    with pytest.raises(UnreadableFile, match=r"m\.ome\.zarr: damaged"):
        mosaic.read(0, 410, 0, 530)


def test_other_and_smaller_files_are_read_whole(discs, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), discs)
    tifffile.imwrite(tmp_path / "a.tif", discs)
    assert isinstance(read_picture(tmp_path / "a.png", mosaic_px=1), Micrograph)
    assert isinstance(read_picture(tmp_path / "a.tif"), Micrograph)
    assert isinstance(read_picture(tmp_path / "a.tif", mosaic_px=1), Mosaic)


def test_a_cut_off_mosaic_is_refused(discs, tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", discs, tile=(64, 64))
    (tmp_path / "cut.tif").write_bytes((tmp_path / "m.tif").read_bytes()[:-20_000])
    with pytest.raises(UnreadableFile, match="cut-off"):
        read_picture(tmp_path / "cut.tif", mosaic_px=1)


def test_signed_pixels_are_refused(discs, tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", discs.astype(np.int32), tile=(64, 64))
    with pytest.raises(UnsupportedFormat, match="int32"):
        read_picture(tmp_path / "m.tif", mosaic_px=1)


def test_files_keep_windows_and_previews():
    files = MosaicFiles((60, 80))
    files.write(10, 20, np.arange(1, 13, dtype=np.int32).reshape(3, 4))
    assert files.read(11, 13, 21, 23).tolist() == [[6, 7], [10, 11]]
    assert files.read(0, 60, 0, 80).sum() == 78
    assert files.preview((6, 8)).shape == (6, 8)


class BrightOrDim(SmallTiles):
    """And of each pixel how bright it is."""

    classes = EngineClasses(("dim", "bright"))

    def predict(self, tile):
        bright = 1 / (1 + np.exp(-8 * (tile - 2.2)))
        return np.concatenate([super().predict(tile), np.stack([1 - bright, bright])]).astype(np.float32)


def test_classes_of_a_network_in_a_mosaic(tmp_path, small_blocks):
    picture, true = np.full((300, 420), 60.0), []
    y, x = np.mgrid[:300, :420]
    for k, (a, b) in enumerate((a, b) for a in range(30, 300, 50) for b in range(30, 420, 50)):
        picture[np.hypot(y - a, x - b) < 11] = (130, 240)[k % 3 == 0]
        true.append((a, b, ("dim", "bright")[k % 3 == 0]))
    tifffile.imwrite(tmp_path / "m.tif", (picture + np.random.default_rng(0).normal(0, 3, picture.shape)).astype(np.uint8))
    mosaic = read_picture(tmp_path / "m.tif", mosaic_px=1)
    settings = all_kept(Settings().replace("classes", by="network").replace("measure", n_bootstrap=0))
    table = measure_mosaic(mosaic, engine=BrightOrDim(), settings=settings, scale=SCALE).particles
    assert len(table) == len(true)
    for a, b, name in true:
        near = np.hypot(table["y"] - a, table["x"] - b).argmin()
        assert table["class"][near] == name


def written(picture, text, *, at, size, level=255):
    """A picture with a line of text whose upper left corner is at (y, x)."""
    image = Image.fromarray(picture)
    font = ImageFont.truetype(str(FONT), size)
    ImageDraw.Draw(image).text((at[1], at[0]), text, fill=level, font=font)
    return np.array(image)


@pytest.fixture(scope="module")
def many_discs(discs):
    """(2050, 2650) uint8."""
    return np.tile(discs, (5, 5))


def measured(tmp_path, picture):
    tifffile.imwrite(tmp_path / "m.tif", picture, tile=(256, 256), compression="zlib")
    settings = all_kept(Settings().replace("segment", working_magnification=1.0).replace("measure", n_bootstrap=0, edge="outline"))
    mosaic = read_picture(tmp_path / "m.tif", mosaic_px=1)
    return measure_mosaic(mosaic, engine=SmallTiles(), settings=settings, reader=make_reader(), locator=make_locator())


@pytest.mark.slow
def test_a_scale_bar_drawn_over_a_mosaic_is_read(many_discs, tmp_path, monkeypatch):
    """It is large, as the mosaic is, and shows in the small copy; neither it nor its text is a particle."""
    monkeypatch.setattr(measure_module, "_PREVIEW_PX", 900)
    monkeypatch.setattr(bar_module, "_WINDOW_PX", (128, 128))
    picture = many_discs.copy()
    picture[1700:2000, 1800:2600] = 0
    picture[1930:1960, 1900:2500] = 255
    picture = written(picture, "3 µm", at=(1730, 2050), size=150)
    found = measured(tmp_path, picture)
    assert found.decision.source == "scale_bar"
    assert found.scale.nm_per_px[1] == pytest.approx(5.0, rel=0.01)
    assert found.scale_bar.box == pytest.approx((1930, 1900, 1960, 2500), abs=4)
    inside = found.particles["y"].between(1700, 2000) & found.particles["x"].between(1810, 2590)
    assert not inside.any()
    assert len(found.particles) > 1000


@pytest.mark.slow
def test_the_data_bar_of_a_mosaic_is_read_and_not_measured(many_discs, tmp_path, monkeypatch):
    """Its text is small: it is read at full size along the lower edge."""
    monkeypatch.setattr(measure_module, "_PREVIEW_PX", 300)
    picture = np.vstack([many_discs, np.zeros((70, many_discs.shape[1]), np.uint8)])
    top = many_discs.shape[0]
    picture[top + 45 : top + 51, 100:500] = 255
    picture = written(picture, "500 nm", at=(top + 6, 240), size=28)
    for x in range(700, 2500, 300):
        picture = written(picture, "SE2 15.0 kV", at=(top + 18, x), size=28)
    found = measured(tmp_path, picture)
    assert found.scale.nm_per_px[1] == pytest.approx(1.25, rel=0.01)
    assert found.frame == (0, 0, pytest.approx(top, abs=2), picture.shape[1])
    assert found.particles["y"].max() < top
    assert found.to_dict()["shape_px"] == list(picture.shape)
    cut = found.particles[found.particles["edge_weight"] == 0]
    assert (cut["y"] > top - 20).any(), "those that the data bar cuts are cut by the frame"


def test_bars_that_contradict_each_other_give_no_scale():
    def reading(nm_per_px, uncertainty=0.01):
        return ScaleBarReading(100.0, 100 / nm_per_px, (0, 0, 5, 50), "100 nm", 0.9, nm_per_px, uncertainty)

    assert bar_module._one_of([reading(2.0, 0.02), reading(2.01)]).nm_per_px == 2.01
    refused = bar_module._one_of([reading(2.0), reading(4.0)])
    assert refused.scale is None
    assert refused.refused == "scale bars in it contradict each other: 2 and 4 nm per px"
    assert bar_module._one_of([]) is None


def kept(found):
    """All that a mosaic's measurement holds."""
    height, width = found.frame[2:]
    with zipfile.ZipFile(found.mosaic._rois) as archive:
        rois = [(name, archive.read(name)) for name in archive.namelist()]
    return (
        found.particles,
        found.mosaic.read(0, height, 0, width),
        found.overlay,
        found.mosaic.edge_offset_px,
        found.edge_moved_px,
        rois,
    )


@pytest.mark.slow
@pytest.mark.parametrize("zoom", [1.0, 0.75])
def test_two_threads_give_what_one_gives(discs, tmp_path, small_blocks, zoom):
    """To the last bit: tables, labels, outlines, what is drawn, in one order."""
    tifffile.imwrite(tmp_path / "m.tif", discs, tile=(64, 64), compression="zlib")
    settings = all_kept(Settings().replace("segment", working_magnification=zoom, overlap_px=32))
    mosaic = read_picture(tmp_path / "m.tif", mosaic_px=1)
    both = []
    for n in (1, 2):
        found = measure_mosaic(mosaic, engine=SmallTiles(), settings=settings, scale=SCALE, n_threads=n)
        found.save(tmp_path / str(n))
        both.append(kept(found))
    (table, labels, overlay, *rest), (table_2, labels_2, overlay_2, *rest_2) = both
    assert len(table) > 60
    pd.testing.assert_frame_equal(table, table_2, check_exact=True)
    assert np.array_equal(labels, labels_2)
    assert np.array_equal(overlay, overlay_2)
    assert rest == rest_2


class Nuisance(NanogaugeError):
    """Raised by a test."""


@pytest.mark.parametrize("step", ["true_edge", "measure_particles"], ids=["in its turn", "after it"])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_what_a_block_raises_is_raised(discs, tmp_path, small_blocks, monkeypatch, step, n_threads):
    tifffile.imwrite(tmp_path / "m.tif", discs, tile=(64, 64))
    calls = []

    def failing(*arguments, **named):
        calls.append(step)
        if len(calls) > 3:
            raise Nuisance("block too odd")
        return step_of[step](*arguments, **named)

    step_of = {step: getattr(find, step)}
    monkeypatch.setattr(find, step, failing)
    mosaic, before = read_picture(tmp_path / "m.tif", mosaic_px=1), threading.active_count()
    with pytest.raises(Nuisance, match="block too odd"):
        measure_mosaic(mosaic, engine=SmallTiles(), settings=all_kept(Settings()), scale=SCALE, n_threads=n_threads)
    assert threading.active_count() == before
    assert len(calls) <= 6


def test_ctrl_c_ends_a_mosaic(discs, tmp_path, small_blocks, monkeypatch):
    tifffile.imwrite(tmp_path / "m.tif", discs, tile=(64, 64))
    calls = []

    def interrupted(*arguments, **named):
        calls.append(1)
        if len(calls) == 4:
            _thread.interrupt_main()  # as Ctrl-C does, while the main thread waits
        return plain(*arguments, **named)

    plain = find.measure_particles
    monkeypatch.setattr(find, "measure_particles", interrupted)
    mosaic, before = read_picture(tmp_path / "m.tif", mosaic_px=1), threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        measure_mosaic(mosaic, engine=SmallTiles(), settings=all_kept(Settings()), scale=SCALE, n_threads=2)
    assert threading.active_count() == before
    assert len(calls) <= 7, "no block is begun thereafter"


def test_several_threads_may_read_one_file(discs, tmp_path):
    """Tiles that are kept, and the file's place, are one for all."""
    tifffile.imwrite(tmp_path / "m.tif", discs, tile=(32, 32), compression="zlib")
    mosaic = read_picture(tmp_path / "m.tif", mosaic_px=1)
    with ThreadPoolExecutor(4) as pool:
        spans = [(y, y + 60, x, x + 90) for y in range(0, 340, 20) for x in range(0, 430, 30)]
        for (a, b, c, d), window in zip(spans, pool.map(lambda s: mosaic.read(*s), spans), strict=True):
            assert np.array_equal(window, discs[a:b, c:d])
