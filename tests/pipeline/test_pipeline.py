"""From a file or an array to a Measurement, against the truth of rendered spheres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from matplotlib.figure import Figure
from PIL import Image

import nanogauge
from nanogauge import Measurement, Micrograph, Settings
from nanogauge.core.errors import EngineError, ScaleError, SettingsError, UnreadableFile
from nanogauge.core.particles import column_names
from nanogauge.core.scale import Scale
from nanogauge.detection.engines import make_engine
from nanogauge.detection.engines.threshold import ThresholdEngine
from nanogauge.detection.find import find_particles, magnification_of
from nanogauge.pipeline.measure import Measurer, doubtful_share
from nanogauge.results.measurement import SUMMARY_COLUMNS
from nanogauge.training.synthetic import Rendering, render_crop
from nanogauge.training.synthetic.annotate import draw_scale_bar
from scenes import NoText


@pytest.fixture(scope="module")
def micrograph_file(tmp_path_factory: pytest.TempPathFactory, scene_with_bar: Rendering) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "spheres.tif"
    tifffile.imwrite(path, scene_with_bar.pixels, metadata=None)
    return path


@pytest.fixture(scope="module")
def measured(micrograph_file: Path) -> Measurement:
    """The scene with its data bar, the scale read from the bar by OCR."""
    return nanogauge.measure(micrograph_file, engine="threshold")


@pytest.fixture
def unscaled(blind_measurer: Measurer, bare_scene: Rendering) -> Measurement:
    return blind_measurer.measure(Micrograph(pixels=bare_scene.pixels, name="bare"))


def whole(r: Rendering) -> pd.DataFrame:
    return r.particles[~r.particles["touches_border"]]


def test_every_particle_is_found(measured: Measurement, scene_with_bar: Rendering) -> None:
    counted = measured.particles[measured.particles["edge_weight"] > 0]
    truth = whole(scene_with_bar)
    assert abs(len(counted) - len(truth)) <= 1
    matched = [scene_with_bar.labels[round(y), round(x)] for y, x in zip(counted["y"], counted["x"], strict=True)]
    assert set(truth["label"]) <= set(matched)


def test_scale_is_read_from_the_bar(measured: Measurement, scene_with_bar: Rendering) -> None:
    assert measured.status == "ok"
    assert measured.decision.source == "scale_bar"
    assert measured.scale is not None
    assert measured.scale.mean_nm_per_px == pytest.approx(scene_with_bar.nm_per_px, rel=0.02)


def test_mean_diameter_is_true_within_3_percent(measured: Measurement, scene_with_bar: Rendering) -> None:
    counted = measured.particles[measured.particles["edge_weight"] > 0]
    truth = whole(scene_with_bar)
    assert counted["equivalent_diameter_nm"].mean() == pytest.approx(truth["equivalent_diameter_nm"].mean(), rel=0.03)
    assert measured.distribution.unit == "nm"
    assert measured.distribution.n == len(counted)
    low, high = measured.distribution.mean.low, measured.distribution.mean.high
    assert low < measured.distribution.mean.value < high


def test_the_data_bar_is_no_picture(measured: Measurement, scene_with_bar: Rendering) -> None:
    y0, x0, y1, x1 = measured.frame
    assert (y0, x0, x1) == (0, 0, scene_with_bar.pixels.shape[1])
    assert abs(y1 - scene_with_bar.frame_height) <= 1
    assert not measured.labels[y1:].any()
    assert measured.labels.shape == scene_with_bar.pixels.shape
    assert "touches_data_bar" in "|".join(measured.particles["flags"])


def test_summary_row_has_the_columns_in_order(measured: Measurement, unscaled: Measurement) -> None:
    for m in (measured, unscaled):
        assert list(m.summary_row()) == SUMMARY_COLUMNS
    row = measured.summary_row()
    assert row["n_particles"] == measured.n_particles == int(measured.labels.max())
    assert row["n_border"] == measured.n_border > 0
    assert row["mean_nm"] == measured.distribution.mean.value
    assert row["mean_px"] == pytest.approx(row["mean_nm"] / row["nm_per_px"])


def test_what_it_is_made_with_is_in_the_result(measured: Measurement, micrograph_file: Path) -> None:
    about = measured.to_dict()
    assert about["engine"]["name"] == "threshold"
    assert len(about["sha256"]) == 64
    assert about["settings"]["segment"]["engine"] == "threshold"
    assert about["version"] == nanogauge.__version__
    assert about["scale"]["scale_bar"]["text"] == measured.scale_bar.text
    assert micrograph_file.name in repr(measured)


def test_views(measured: Measurement, unscaled: Measurement, tmp_path: Path) -> None:
    for m in (measured, unscaled):
        figure = m.plot()
        assert isinstance(figure, Figure)
        assert f"equivalent diameter / {m.distribution.unit}" in [axes.get_xlabel() for axes in figure.axes]
        page = m._repr_html_()
        assert m.micrograph.name in page
        assert "data:image/jpeg;base64," in page
        assert f"{m.distribution.median.value:.4g} {m.distribution.unit}</td>" in page
        folder = m.save(tmp_path / m.micrograph.name)
        assert (folder / "overlay.png").stat().st_size > 1000


def test_no_scale_is_pixels_and_says_so(unscaled: Measurement, bare_scene: Rendering) -> None:
    assert unscaled.status == "no_scale"
    assert unscaled.scale is None
    assert unscaled.distribution.unit == "px"
    assert unscaled.distribution is unscaled.distribution_px
    assert list(unscaled.particles) == column_names(in_nm=False)
    assert "no scale" in unscaled.message
    assert "px" in unscaled.headline()
    row = unscaled.summary_row()
    assert all(row[c] is None for c in SUMMARY_COLUMNS if c.endswith("_nm") or c == "nm_per_px")
    counted = unscaled.particles[unscaled.particles["edge_weight"] > 0]
    assert counted["equivalent_diameter_px"].mean() == pytest.approx(whole(bare_scene)["equivalent_diameter_px"].mean(), rel=0.03)


def test_with_scale_turns_pixels_into_nm(unscaled: Measurement) -> None:
    m = unscaled.with_scale(Scale((2.0, 2.0), 0.0, "user"))
    assert m.status == "ok"
    assert m.decision.source == "user"
    assert list(m.particles) == column_names(in_nm=True)
    assert m.distribution.mean.value == pytest.approx(2 * unscaled.distribution.mean.value)
    assert m.distribution.mean.high == pytest.approx(2 * unscaled.distribution.mean.high)
    assert m.distribution_px == unscaled.distribution_px
    for column in column_names(in_nm=False):
        pd.testing.assert_series_equal(m.particles[column], unscaled.particles[column])


def test_a_user_scale_that_contradicts_the_bar_warns(measured: Measurement) -> None:
    m = measured.with_scale(Scale((3.4, 3.4), 0.0, "user"))
    assert "you stated 3.4 nm/px, the scale bar says 1.7" in m.message
    assert m.scale is not None
    assert m.scale.mean_nm_per_px == 3.4
    assert measured.with_scale(Scale((1.7, 1.7), 0.0, "user")).message == measured.message == ""


def test_an_array_and_a_scale_in_words(bare_scene: Rendering) -> None:
    part = bare_scene.pixels[:31]  # too low a strip to look for text in
    m = nanogauge.measure(part, scale="500 nm / 200 px", engine="threshold")
    assert m.scale is not None
    assert m.scale.mean_nm_per_px == 2.5
    assert m.decision.source == "user"
    assert m.summary_row()["file"] == "array"


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_grey_levels_of_any_kind_give_the_same_particles(
    blind_measurer: Measurer, bare_scene: Rendering, unscaled: Measurement, dtype: type
) -> None:
    pixels = bare_scene.pixels.astype(dtype) * (200 if dtype == np.uint16 else 1e-3) + (1000 if dtype == np.uint16 else -0.01)
    m = blind_measurer.measure(Micrograph(pixels=pixels.astype(dtype), name="bare"))
    assert m.n_particles == unscaled.n_particles
    assert m.distribution.mean.value == pytest.approx(unscaled.distribution.mean.value, rel=0.01)


def test_dark_particles_are_found_as_bright_ones_are(
    blind_measurer: Measurer, bare_scene: Rendering, unscaled: Measurement
) -> None:
    m = blind_measurer.measure(Micrograph(pixels=255 - bare_scene.pixels, name="negative"))
    assert np.count_nonzero((m.labels > 0) != (unscaled.labels > 0)) < 0.002 * m.labels.size


def test_nothing_outside_the_frame_nor_in_text(bare_scene: Rendering) -> None:
    settings = Settings().replace("segment", engine="threshold")
    everywhere, *_ = find_particles(bare_scene.pixels, make_engine("threshold"), settings)
    upper, *_ = find_particles(bare_scene.pixels, make_engine("threshold"), settings, frame=(0, 0, 150, 420))
    assert not upper[150:].any()
    assert upper[:150].any()
    first = everywhere == 1
    ys, xs = np.nonzero(first)
    box = (int(ys.min()), int(xs.min()), int(ys.max()) + 1, int(xs.max()) + 1)
    fewer, *_ = find_particles(bare_scene.pixels, make_engine("threshold"), settings, keep_out=[box])
    assert not fewer[first].any()
    assert fewer.max() == everywhere.max() - 1
    assert np.array_equal(np.unique(fewer), np.arange(fewer.max() + 1))


def test_a_burned_in_scale_bar_and_its_text_are_no_particles(blind_measurer: Measurer, bare_scene: Rendering) -> None:
    ground = np.tile(np.linspace(5, 85, 420), (80, 1))  # room for the bar; of one tone it would be taken for a data bar
    picture = np.vstack([bare_scene.pixels[:220], ground.astype(np.uint8)])
    pixels, bar = draw_scale_bar(picture, nm_per_px=2.0, rng=np.random.default_rng(1), bright=True)
    drawn = Settings().replace("measure", edge="outline")  # as found: at the edge, an object more changes what is typical
    blind = blind_measurer.under(drawn).measure(Micrograph(pixels=pixels, name="bar"))
    assert blind.labels[bar.box[0] : bar.box[2], bar.box[1] : bar.box[3]].any()  # bright on dark, so the engine takes it for one
    m = nanogauge.measure(Micrograph(pixels=pixels, name="bar"), engine="threshold", settings=drawn)
    assert m.scale is not None
    assert m.scale.mean_nm_per_px == pytest.approx(2.0, rel=0.02)
    assert not m.labels[222:].any()
    assert np.array_equal(m.labels[:220] > 0, blind.labels[:220] > 0)


def test_a_data_bar_that_the_metadata_misplace_is_ignored(blind_measurer: Measurer, bare_scene: Rendering) -> None:
    for row in (0, 999):
        instrument = nanogauge.Instrument(data_bar_first_row=row)
        m = blind_measurer.measure(Micrograph(pixels=bare_scene.pixels, name="odd", instrument=instrument))
        assert m.frame == (0, 0, *bare_scene.pixels.shape)


def test_a_data_bar_known_from_the_metadata(blind_measurer: Measurer, scene_with_bar: Rendering) -> None:
    instrument = nanogauge.Instrument(data_bar_first_row=scene_with_bar.frame_height)
    m = blind_measurer.measure(Micrograph(pixels=scene_with_bar.pixels, name="known", instrument=instrument))
    assert m.frame == (0, 0, scene_with_bar.frame_height, 420)
    assert not m.labels[scene_with_bar.frame_height :].any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (7, 9), (40, 3)])
def test_no_particles_is_an_empty_measurement(blind_measurer: Measurer, shape: tuple[int, int]) -> None:
    m = blind_measurer.measure(Micrograph(pixels=np.full(shape, 77, np.uint8), name="flat"))
    assert m.status == "no_particles"
    assert m.n_particles == m.n_border == m.distribution.n == 0
    assert m.headline() == "no particles"
    assert "nan" not in m._repr_html_().split("<img")[0] + m._repr_html_().split("<table>")[1]
    assert "no particles found" in m.message
    assert isinstance(m.plot(), Figure)
    assert list(m.particles) == column_names(in_nm=False)


def test_settings_reach_the_figures(blind_measurer: Measurer, bare_scene: Rendering, unscaled: Measurement) -> None:
    picture = Micrograph(pixels=bare_scene.pixels, name="bare")
    by_volume = Settings().replace("measure", weighting="volume", n_bootstrap=0)
    m = blind_measurer.under(by_volume).measure(picture)
    assert m.distribution.mean.value > unscaled.distribution.mean.value
    assert np.isnan(m.distribution.mean.low)
    large_only = Settings().replace("separate", least_diameter_px=28.0)
    m = blind_measurer.under(large_only).measure(picture)
    assert 0 < m.n_particles < unscaled.n_particles
    assert m.particles["equivalent_diameter_px"].min() >= 27.5  # 28 before its outline was moved to the edge


def test_errors_name_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"nowhere\.tif"):
        nanogauge.measure(tmp_path / "nowhere.tif", engine="threshold")
    Image.new("L", (40, 20)).save(tmp_path / "a.png")
    with pytest.raises(ScaleError, match="furlong"):
        nanogauge.measure(tmp_path / "a.png", engine="threshold", scale="2 furlong/px")
    with pytest.raises(SettingsError, match=r"magic.*unet, unet-int8, unet-resnet50-cbam, threshold"):
        nanogauge.measure(tmp_path / "a.png", engine="magic")


def test_missing_weights_are_an_engine_error(tmp_path: Path) -> None:
    from nanogauge.detection.engines.onnx import OnnxEngine

    with pytest.raises(EngineError, match=r"none\.onnx.*weights are missing"):
        OnnxEngine(tmp_path / "none.onnx")


def test_the_network_measures_the_scene(bare_scene: Rendering) -> None:
    engine = Measurer(n_threads=1).engine
    labels, confidence, *_ = find_particles(bare_scene.pixels, engine, Settings())
    area = np.bincount(labels.ravel())[1:]
    truth = np.bincount(bare_scene.labels.ravel())[1:]
    assert abs(len(area) - len(truth)) <= 2
    assert np.median(np.sqrt(area)) == pytest.approx(np.median(np.sqrt(truth)), rel=0.05)
    assert 0 <= confidence.min() <= confidence.max() <= 1


def test_foreground_left_out_as_unsure_is_told() -> None:
    confidence = np.zeros((40, 60), np.float32)
    confidence[5:15, 5:15], confidence[20:30, 30:50] = 0.95, 0.7
    labels = np.zeros((40, 60), np.int32)
    labels[5:15, 5:15] = 1
    separate = Settings().separate
    (said,) = doubtful_share(labels, confidence, separate, keep_out=[])
    assert said.startswith("67 %")
    assert doubtful_share(labels, confidence, separate, keep_out=[(18, 28, 32, 52)]) == ()
    labels[20:30, 30:50] = 2
    assert doubtful_share(labels, confidence, separate, keep_out=[]) == ()


@pytest.mark.slow
def test_strong_noise_is_looked_at_more_coarsely() -> None:
    """Specks of noise at a fine magnification give way to particles that a coarser one shows surely."""
    pixels, truth = render_crop(np.random.default_rng([99, 121]), (384, 512), unusual=False)[:2]
    engine = Measurer(n_threads=1).engine
    found = find_particles(pixels, engine, Settings())
    assert found.zoom < 0.5
    assert magnification_of(pixels, engine, Settings()) == found.zoom  # for parts of a mosaic
    assert magnification_of(np.full((384, 512), 90, np.uint8), engine, Settings()) is None
    assert 0 < found.labels.max() <= 3 * len(np.unique(truth))
    assert np.median(found.confidence[1:]) > 0.6


def test_other_settings_keep_what_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make_engine(name: str, **options: object) -> ThresholdEngine:
        made.append(name)
        return ThresholdEngine()

    monkeypatch.setattr("nanogauge.pipeline.measure.make_engine", make_engine)
    first = Measurer(reader=NoText())
    by_volume = first.under(Settings().replace("measure", weighting="volume"))
    assert by_volume.engine is by_volume.under(Settings()).engine
    assert by_volume.reader is first.reader
    assert by_volume.settings.measure.weighting == "volume"
    assert by_volume.under(Settings().replace("segment", engine="threshold")).engine is not by_volume.engine
    assert made == ["unet", "threshold"]
    own = ThresholdEngine()
    assert Measurer(engine=own).under(Settings().replace("segment", device="cuda")).engine is own
