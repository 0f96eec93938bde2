"""measure, measure_many and measure_labels as a notebook calls them: any picture, any scale, and errors of one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

import nanogauge
from nanogauge import InputError, Measurement, Measurements, OutputError, Scale, ScaleError, Settings, SettingsError, UnreadableFile
from nanogauge.apps.notebook import progress
from nanogauge.training.synthetic import Rendering

FAST = Settings().replace("segment", engine="threshold").replace("measure", n_bootstrap=50)


@pytest.fixture(scope="module")
def plain(bare_scene: Rendering) -> Measurement:
    return nanogauge.measure(bare_scene.pixels, scale=2.0, settings=FAST)


@pytest.fixture
def folder(tmp_path: Path, bare_scene: Rendering) -> Path:
    """Two micrographs, one of them half as wide."""
    out = tmp_path / "batch 7"
    out.mkdir()
    tifffile.imwrite(out / "a.tif", bare_scene.pixels)
    tifffile.imwrite(out / "b.tif", bare_scene.pixels[:, :200])
    return out


# --- any picture ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["rgb", "rgba", "one channel", "uint16", "int64", "float64", "pillow", "palette", "masked", "xarray"]
)
def test_a_picture_in_any_form_gives_the_same_particles(kind: str, bare_scene: Rendering, plain: Measurement) -> None:
    grey = bare_scene.pixels
    source = {
        "rgb": lambda: np.stack([grey] * 3, axis=-1),
        "rgba": lambda: np.dstack([grey, grey, grey, np.full_like(grey, 255)]),
        "one channel": lambda: grey[..., None],
        "uint16": lambda: grey.astype(np.uint16) * 257,
        "int64": lambda: grey.astype(np.int64) - 1000,
        "float64": lambda: grey / 255,
        "pillow": lambda: Image.fromarray(grey),
        "palette": lambda: Image.fromarray(grey).convert("P"),
        "masked": lambda: np.ma.masked_array(grey, mask=np.zeros(grey.shape, bool)),
        "xarray": lambda: pytest.importorskip("xarray").DataArray(grey, dims=("y", "x")),
    }[kind]()
    m = nanogauge.measure(source, scale=2.0, settings=FAST)
    assert m.n_particles == plain.n_particles
    assert m.distribution.mean.value == pytest.approx(plain.distribution.mean.value, rel=0.01)


def test_pixels_that_are_nan_or_masked_are_told(bare_scene: Rendering) -> None:
    pixels = bare_scene.pixels.astype(np.float32)
    pixels[5:7, 5:10] = np.nan
    assert "10 pixels that were NaN" in nanogauge.measure(pixels, scale=2.0, settings=FAST).message
    masked = np.ma.masked_equal(bare_scene.pixels, bare_scene.pixels[0, 0])
    assert "NaN" in nanogauge.measure(masked, scale=2.0, settings=FAST).message


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((4, 50, 60), np.uint8), r"array.*\(4, 50, 60\).*not one picture.*measure_many\(list\(stack\)\)"),
        (np.zeros((0, 5), np.uint8), r"array.*\(0, 5\).*give grey levels"),
        (np.zeros(9), r"array.*\(9,\).*give \(H, W\)"),
        (np.zeros((9, 9), complex), "complex128.*give grey levels"),
        (np.full((9, 9), np.nan), "array: no pixel is a finite number"),
        (object(), "array.*object.*give grey levels"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(picture: object, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        nanogauge.measure(picture)  # type: ignore[call-overload]
    assert "\n" not in str(error.value)


def test_a_folder_is_pointed_to_the_function_that_takes_it(folder: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"batch 7: this is a folder; nanogauge\.measure_many"):
        nanogauge.measure(folder)


# --- any scale -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [2, 2.0, np.float32(2), "2 nm/px", (2, 2), Scale((2.0, 2.0), 0.0, "user"), "200 nm / 100 px"])
def test_a_scale_in_any_form(scale: object, bare_scene: Rendering, plain: Measurement) -> None:
    m = nanogauge.measure(bare_scene.pixels, scale=scale, settings=FAST)  # type: ignore[call-overload]
    assert m.scale is not None
    assert m.scale.nm_per_px == (2.0, 2.0)
    assert m.decision.source == "user"
    assert m.distribution.mean.value == plain.distribution.mean.value


def test_a_number_means_what_it_would_in_print(bare_scene: Rendering) -> None:
    a, b = (nanogauge.measure(bare_scene.pixels[:31], scale=s, settings=FAST) for s in (2.5, "2.5 nm/px"))
    assert a.scale == b.scale


@pytest.mark.parametrize("scale", [0, -1.0, float("nan"), (1, 2, 3), (1,), "2 furlong/px", [], {}])
def test_a_scale_that_is_none_is_refused(scale: object, bare_scene: Rendering) -> None:
    with pytest.raises(ScaleError):
        nanogauge.measure(bare_scene.pixels, scale=scale, settings=FAST)  # type: ignore[call-overload]


def test_a_toml_beside_the_file_states_the_scale(folder: Path) -> None:
    (folder / "nanogauge.toml").write_text('[files."b.tif"]\nscale = "3 nm/px"\n')
    assert nanogauge.measure(folder / "a.tif", settings=FAST).scale is None
    assert nanogauge.measure(folder / "b.tif", settings=FAST).scale == Scale((3.0, 3.0), 0.0, "user")
    many = nanogauge.measure_many(folder, settings=FAST, progress=False)
    assert [m.scale and m.scale.mean_nm_per_px for m in many] == [None, 3.0]


def test_keywords_go_before_settings(bare_scene: Rendering) -> None:
    m = nanogauge.measure(bare_scene.pixels, settings=FAST, weighting="volume", edge="outline")
    assert (m.distribution.weighting, m.settings.measure.edge) == ("volume", "outline")
    assert m.settings.segment.engine == "threshold"
    with pytest.raises(SettingsError, match="weighting must be one of number, volume"):
        nanogauge.measure(bare_scene.pixels, settings=FAST, weighting="mass")  # type: ignore[call-overload]
    with pytest.raises(SettingsError, match="read_settings reads a file"):
        nanogauge.measure(bare_scene.pixels, settings="a.toml")  # type: ignore[call-overload]


# --- many ----------------------------------------------------------------------------------------------------------------------


def test_many_are_measured_when_they_are_asked_for(folder: Path) -> None:
    many = nanogauge.measure_many(folder, scale=2.0, settings=FAST, progress=False)
    assert isinstance(many, Measurements)
    assert (len(many), many.names, many.name) == (2, ("a.tif", "b.tif"), "batch 7")
    assert repr(many) == "<Measurements batch 7: 0 of 2 measured>"
    second = many[-1]
    assert repr(many) == "<Measurements batch 7: 1 of 2 measured>"
    assert "not measured yet" in many._repr_html_()
    assert many["b.tif"] is second
    assert [m.micrograph.name for m in many] == ["a.tif", "b.tif"]
    assert many[:] == list(many)
    with pytest.raises(IndexError, match="2 micrographs"):
        many[2]
    with pytest.raises(KeyError, match=r"no micrograph 'c\.tif'; there are a\.tif, b\.tif"):
        many["c.tif"]


def test_the_sample_is_what_pool_makes_of_them(folder: Path) -> None:
    many = nanogauge.measure_many(folder, scale=2.0, settings=FAST, progress=False)
    pooled = nanogauge.pool(list(many), name="batch 7")
    assert many.sample.distribution == pooled.distribution
    assert many.sample.n_micrographs == 2
    pd.testing.assert_frame_equal(many.to_frame(), pooled.particles)
    assert many.summary()["n_particles"].tolist() == [m.n_particles for m in many]


def test_tables_are_enough_where_nothing_is_kept(folder: Path) -> None:
    kept = nanogauge.measure_many(folder, scale=2.0, settings=FAST, progress=False)
    light = nanogauge.measure_many(folder, scale=2.0, settings=FAST, progress=False, keep=False)
    assert light.sample.distribution == kept.sample.distribution
    assert light[0] is not light[0]


def test_one_that_fails_is_raised_or_left_out_and_noted(folder: Path) -> None:
    (folder / "b.tif").write_bytes(b"II*\x00 broken")
    with pytest.raises(InputError, match=r"b\.tif"):
        _ = nanogauge.measure_many(folder, settings=FAST, progress=False).sample
    many = nanogauge.measure_many(folder, settings=FAST, progress=False, on_error="warn")
    with pytest.warns(UserWarning, match=r"left out: .*b\.tif"):
        assert many.sample.n_micrographs == 1
    assert list(many.failed) == ["b.tif"]
    assert "1 failed" in repr(many)
    (folder / "a.tif").unlink()
    none = nanogauge.measure_many(folder, settings=FAST, progress=False, on_error="warn")
    with pytest.warns(UserWarning, match="left out"), pytest.raises(InputError, match="none of 1 micrographs could be measured"):
        none.summary()


def test_a_list_and_a_scale_for_each(folder: Path, bare_scene: Rendering) -> None:
    many = nanogauge.measure([folder / "a.tif", bare_scene.pixels], scale="2 nm/px", settings=FAST, name="mixed")
    assert (many.names, many.name) == (("a.tif", "array 2"), "mixed")
    many = nanogauge.measure_many(str(folder / "*.tif"), scale={"a.tif": 2, "b.tif": "3 nm/px"}, settings=FAST, progress=False)
    assert [m.scale.mean_nm_per_px for m in many if m.scale] == [2.0, 3.0]
    with pytest.raises(InputError, match=r"scale is given for 'c\.tif'"):
        nanogauge.measure_many(folder, scale={"c.tif": 2.0})
    with pytest.raises(InputError, match="nothing to measure"):
        nanogauge.measure_many([])
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="empty: no pictures in this folder"):
        nanogauge.measure_many(folder / "empty")
    with pytest.raises(InputError, match=r"\*\.png: no file fits this pattern"):
        nanogauge.measure_many(str(folder / "*.png"))


def test_files_of_one_name_are_told_apart(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "a.tif").rename(folder / "more" / "b.tif")
    many = nanogauge.measure_many([folder, folder / "more"], settings=FAST, progress=False)
    assert len(set(many.names)) == 2
    assert all(name.endswith("b.tif") for name in many.names)


def test_a_notebook_is_shown_how_far_it_has_come(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[str] = []

    class Handle:
        def update(self, shown: str) -> None:
            bars.append(shown)

    display = pytest.importorskip("IPython.display")
    monkeypatch.setattr(display, "HTML", str)
    monkeypatch.setattr(display, "display", lambda shown, display_id: bars.append(shown) or Handle())
    monkeypatch.setattr("IPython.get_ipython", lambda: type("Shell", (), {"kernel": True})())
    list(nanogauge.measure_many(folder, settings=FAST))
    assert [b.split("> ")[1] for b in bars] == ["0 of 2 ", "1 of 2 a.tif", "2 of 2 b.tif", "2 of 2 "]
    assert progress._bar(1, 2, "<b>").endswith("&lt;b&gt;")


def test_an_example_to_try_things_with(tmp_path: Path) -> None:
    path = nanogauge.example("tem-rods", folder=tmp_path / "new")
    assert nanogauge.read_micrograph(path).shape[1] == 960
    with pytest.raises(InputError, match="no example 'silver'; there are gold-spheres"):
        nanogauge.example("silver")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="choose another folder="):
        nanogauge.example(folder=tmp_path / "file")


# --- found elsewhere -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["int32", "float", "mask", "file"])
def test_labels_made_elsewhere(kind: str, bare_scene: Rendering, tmp_path: Path) -> None:
    labels = {
        "int32": lambda: bare_scene.labels.astype(np.int32),
        "float": lambda: bare_scene.labels.astype(np.float64),
        "mask": lambda: bare_scene.labels > 0,
        "file": lambda: tmp_path / "labels.tif",
    }[kind]()
    tifffile.imwrite(tmp_path / "labels.tif", bare_scene.labels.astype(np.uint16))
    m = nanogauge.measure_labels(bare_scene.pixels, labels, scale=2.0, settings=FAST)
    assert m.n_particles == len(np.unique(bare_scene.labels)) - 1
    assert m.scale == Scale((2.0, 2.0), 0.0, "user")
    assert m.particles["confidence"].isna().all()


def test_labels_that_do_not_fit_are_refused(bare_scene: Rendering) -> None:
    with pytest.raises(InputError, match="labels"):
        nanogauge.measure_labels(bare_scene.pixels, bare_scene.labels[:-1])
