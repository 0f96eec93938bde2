"""Files to layers, layers to files, and a layer as what can be measured; all without napari."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
from matplotlib import colormaps
from PIL import Image

from nanogauge import Measurement, Scale
from nanogauge.apps.napari_plugin import sample
from nanogauge.apps.napari_plugin.colours import colours_of
from nanogauge.apps.napari_plugin.layers import (
    features,
    image_layer,
    labels_layer,
    marks_layer,
    micrograph_of,
    scale_text,
    stated_scale,
    transform,
)
from nanogauge.apps.napari_plugin.reader import get_reader
from nanogauge.apps.napari_plugin.writer import write_labels_tiff, write_roi_zip
from nanogauge.core.errors import InputError, OutputError, UnreadableFile, UnsupportedFormat
from nanogauge.core.micrograph import Micrograph
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph
from nanogauge.results.pictures import write_labels
from nanogauge.scale.bar import ScaleBarReading
from nanogauge.scale.resolve import ScaleDecision
from nanogauge.training.synthetic import Rendering


@pytest.fixture
def measured(bare_scene: Rendering, blind_measurer: Measurer) -> Measurement:
    micrograph = Micrograph(pixels=bare_scene.pixels, name="a.png")
    return blind_measurer.measure(micrograph, scale=Scale((2.0, 2.5), 0.01, "user"))


def test_reader_gives_the_picture_with_its_scale(tmp_path: Path) -> None:
    path = tmp_path / "A.TIF"
    pixels = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    tifffile.imwrite(path, pixels, imagej=True, resolution=(0.4, 0.5), metadata={"unit": "nm"})
    read = get_reader(str(path))
    assert read is not None
    ((data, attributes, kind),) = read(str(path))
    assert (kind, data.shape, data.dtype) == ("image", (30, 40), np.uint16)
    assert attributes["scale"] == pytest.approx((2.0, 2.5))
    assert attributes["units"] == ("nm", "nm")
    facts = attributes["metadata"]["nanogauge"]
    assert facts["file"] == str(path)
    assert facts["metadata_nm_per_px_y_x"] == pytest.approx([2.0, 2.5])
    assert len(facts["sha256"]) == 64


def test_reader_without_scale_stays_in_pixels(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "a.png")
    ((_, attributes, _),) = get_reader(tmp_path / "a.png")(tmp_path / "a.png")  # type: ignore[misc]
    assert attributes["scale"] == (1.0, 1.0)
    assert attributes["units"] == ("pixel", "pixel")


def test_reader_leaves_others_their_files(tmp_path: Path) -> None:
    assert get_reader("a.czi") is None
    assert get_reader(["a.tif", "b.tif"]) is None
    (tmp_path / "folder.tif").mkdir()
    assert get_reader(tmp_path / "folder.tif") is None
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UnreadableFile, match=r"text\.png"):
        get_reader(tmp_path / "text.png")(tmp_path / "text.png")  # type: ignore[misc]


def test_particles_are_coloured_by_order_grain_aggregate_and_class(blind_measurer: Measurer) -> None:
    """Two hexagonal grains, the right one turned by 15 degrees."""
    yy, xx = np.mgrid[:480, :720]
    pixels = np.full(yy.shape, 40, np.uint8)
    for turn, (left, right) in ((0.0, (0, 352)), (15.0, (368, 720))):
        c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        for i in range(-40, 40):
            for j in range(-40, 40):
                u, v = 24 * (i + j / 2), 24 * j * 3**0.5 / 2
                y, x = 240 + s * u + c * v, 360 + c * u - s * v
                if 20 < y < 460 and left + 10 < x < right - 10:
                    pixels[np.hypot(yy - y, xx - x) < 8] = 200
    m = blind_measurer.measure(Micrograph(pixels=pixels, name="crystal"), scale=Scale((1.0, 1.0), 0.01, "user"))
    _, attributes, _ = labels_layer(m)
    table = attributes["features"]
    x = table["x"].to_numpy()
    assert "psi6" not in table  # nobody asked for it when measuring
    turned = colours_of(table, "direction of the lattice", m)
    assert turned is not None
    left, right = (turned[(x > a) & (x < b) & table["y"].between(60, 420).to_numpy()] for a, b in ((60, 300), (420, 660)))
    assert np.abs(left - np.median(left, 0)).max() < 0.15
    assert np.abs(np.median(left, 0) - np.median(right, 0)).max() > 0.5
    inside = table["y"].between(60, 420).to_numpy() & (x > 60) & (x < 300)
    ordered = colours_of(table, "order |ψ6|", m)
    assert ordered is not None
    assert np.allclose(ordered[inside], colormaps["viridis"](1.0), atol=0.1)
    grain = colours_of(table, "grain", m)
    assert grain is not None
    assert len(np.unique(grain[inside], axis=0)) == 1
    assert colours_of(table, "aggregate", m) is not None
    assert colours_of(table, "class", m) is None
    assert colours_of(table, "order |ψ6|", None) is None
    named = table.assign(**{"class": np.where(x < 360, "cube", "unsure")})
    by_class = colours_of(named, "class", m)
    assert by_class is not None
    assert len(np.unique(by_class, axis=0)) == 2


def test_features_find_their_label(measured: Measurement) -> None:
    data, attributes, kind = labels_layer(measured)
    table = attributes["features"]
    assert kind == "labels"
    assert next(iter(table.columns)) == "index"
    assert table.index.tolist() == list(range(len(table)))  # napari takes rows by position
    assert sorted(table["index"]) == np.unique(data)[1:].tolist()
    by_label = dict(zip(measured.particles["label"], measured.particles["equivalent_diameter_nm"], strict=True))
    for label, diameter in zip(table["index"], table["equivalent_diameter_nm"], strict=True):
        assert diameter == by_label[label]
    assert "equivalent_diameter_px" not in table
    assert attributes["scale"] == (2.0, 2.5)
    assert attributes["metadata"]["measurement"] is attributes["metadata"]["found"] is measured
    data[:] = 0
    assert measured.labels.any(), "painting in napari must not change the measurement"


def test_features_in_px_where_there_is_no_scale() -> None:
    table = features(pd.DataFrame({"label": [3], "equivalent_diameter_px": [5.0], "confidence": [np.nan], "flags": [""]}))
    assert list(table.columns) == ["index", "equivalent_diameter_px", "flags"]


def test_marks_run_along_pixel_edges() -> None:
    picture = Micrograph(pixels=np.zeros((100, 200), np.uint8), name="a")
    bar = ScaleBarReading(500.0, 50.0, (90, 10, 93, 60), "500 nm", 0.9, 10.0, 0.01)
    made = marks_layer(picture, bar=bar, frame=(0, 0, 80, 200), scale=Scale((10.0, 10.0), 0.01, "scale_bar"))
    assert made is not None
    (bar_box, strip), attributes, kind = made
    assert kind == "shapes"
    assert bar_box.tolist() == [[89.5, 9.5], [89.5, 59.5], [92.5, 59.5], [92.5, 9.5]]
    assert strip.min(0).tolist() == [79.5, -0.5]
    assert attributes["features"]["what"].tolist() == ["scale bar", "data bar"]
    assert attributes["features"]["text"][0] == "500 nm, 50.0 px"
    assert marks_layer(picture, bar=None, frame=(0, 0, 100, 200), scale=None) is None


def test_scale_text_says_where_from(measured: Measurement) -> None:
    assert scale_text(measured.decision, None) == "2 x 2.5 nm/px (y x x), as you stated (± 1 %)"
    bar = ScaleBarReading(500.0, 50.0, (90, 10, 93, 60), "500 nm", 0.9, 10.0, 0.01)
    text = scale_text(ScaleDecision(bar.scale, "scale_bar", 0.9), bar)
    assert text == "10 nm/px, from the scale bar, 500 nm over 50.0 px (± 1 %)"
    assert scale_text(ScaleDecision(None, "none", 0.0), None) == "no scale: sizes are in px"


def layer(data: np.ndarray, **attributes: object) -> SimpleNamespace:
    """An image layer as far as it is read."""
    known = {"name": "a", "metadata": {}, "scale": (1.0, 1.0), "units": ("pixel", "pixel"), "rgb": False}
    return SimpleNamespace(data=data, **(known | attributes))


def test_layer_read_here_is_measured_as_the_file_it_was(bare_scene: Rendering) -> None:
    read = Micrograph(pixels=bare_scene.pixels, name="a.png", sha256="f" * 64, scale=Scale((2.0, 2.0), 0.02, "metadata"))
    data, attributes, _ = image_layer(read)
    assert micrograph_of(layer(data, **{k: v for k, v in attributes.items() if k != "colormap"})) is read
    painted = data.copy()
    painted[0, 0] += 1
    other = micrograph_of(layer(painted, name="a.png", metadata=attributes["metadata"], **transform(read.scale)))
    assert other is not read
    assert other.sha256 == ""
    assert other.scale is not None
    assert other.scale.nm_per_px == (2.0, 2.0)


def test_layers_of_other_readers() -> None:
    colour = np.zeros((20, 30, 3), np.uint8)
    colour[..., 1] = 100
    grey = micrograph_of(layer(colour, rgb=True, scale=(0.5, 0.5), units=("micrometer", "micrometer")))
    assert grey.pixels.shape == (20, 30)
    assert grey.scale is not None
    assert grey.scale.nm_per_px == (500.0, 500.0)
    assert micrograph_of(layer(np.zeros((1, 1, 20, 30), np.uint8))).shape == (20, 30)
    assert micrograph_of(layer([np.zeros((20, 30), np.uint8), np.zeros((10, 15), np.uint8)], multiscale=True)).shape == (20, 30)  # type: ignore[arg-type]
    assert micrograph_of(layer(np.zeros((20, 30), np.int64))).pixels.dtype == np.uint16
    with pytest.raises(UnsupportedFormat, match="one picture"):
        micrograph_of(layer(np.zeros((5, 20, 30), np.uint8)))
    with pytest.raises(UnsupportedFormat, match="too large"):
        micrograph_of(layer(np.broadcast_to(np.uint8(0), (8000, 8000))))
    with pytest.raises(InputError, match="no pixel is a finite number"):
        micrograph_of(layer(np.full((20, 30), np.nan)))


def test_pixel_units_are_no_scale() -> None:
    assert stated_scale((2.0, 2.0), ("pixel", "pixel")) is None
    assert stated_scale((1.0, 1.0), ()) is None
    assert stated_scale((0.0, 1.0), ("nm", "nm")) is None
    found = stated_scale((7.0, 0.001, 0.002), ("second", "um", "µm"))
    assert found is not None
    assert found.nm_per_px == pytest.approx((1.0, 2.0))


def test_writers_write_what_a_results_folder_holds(tmp_path: Path, measured: Measurement) -> None:
    data, attributes, _ = labels_layer(measured)
    assert write_labels_tiff(str(tmp_path / "a.tif"), data.astype(np.int64), attributes) == [str(tmp_path / "a.tif")]
    write_labels(tmp_path / "b.tif", measured.labels, measured.scale)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    back = read_micrograph(tmp_path / "a.tif").scale
    assert back is not None
    assert back.nm_per_px == pytest.approx((2.0, 2.5))
    measured.save(tmp_path / "saved")
    write_roi_zip(str(tmp_path / "a.zip"), data, attributes)
    from nanogauge.results.interchange import read_annotation

    a, b = (read_annotation(p, shape=data.shape).labels for p in (tmp_path / "a.zip", tmp_path / "saved" / "rois.zip"))
    assert (a == b).all()
    assert (a == data).all()


def test_writers_refuse_what_is_no_label_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one plane"):
        write_labels_tiff(str(tmp_path / "a.tif"), np.zeros((2, 3, 4), int), {})
    with pytest.raises(InputError, match="from -1"):
        write_roi_zip(str(tmp_path / "a.zip"), np.full((3, 4), -1), {})
    with pytest.raises(OutputError, match="choose another place"):
        write_labels_tiff(str(tmp_path / "none" / "a.tif"), np.zeros((3, 4), int), {})


def test_samples_are_micrographs_without_a_stated_scale() -> None:
    ((pixels, attributes, kind),) = sample.tem_rods()
    assert kind == "image"
    assert pixels.dtype == np.uint8
    assert min(pixels.shape) >= 720
    assert attributes["units"] == ("pixel", "pixel")
