"""The dock widget in a real viewer: measure, edit, measure again, save; and what is said when something is wrong."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    pytest.skip("napari draws with OpenGL and there is no display: run the tests under xvfb-run", allow_module_level=True)
napari = pytest.importorskip("napari", reason="napari is not installed: pip install 'nanogauge[napari]'")
npe2 = pytest.importorskip("npe2", reason="npe2 is not installed: pip install 'nanogauge[napari]'")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed: pip install pytest-qt")

import nanogauge.apps.napari_plugin  # noqa: E402
from nanogauge.pipeline.measure import Measurer  # noqa: E402
from nanogauge.training.synthetic import Rendering  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")  # napari and Qt warn of their own


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any], npe2pm: Any) -> Iterator[Any]:
    manifest = npe2.PluginManifest.from_file(Path(nanogauge.apps.napari_plugin.__file__).parent / "napari.yaml")
    with npe2pm.tmp_plugin(manifest=manifest):
        yield make_napari_viewer()


@pytest.fixture
def widget(viewer: Any, blind_measurer: Measurer) -> Any:
    """Docked, with the threshold engine and a reader that finds no text, and reports off."""
    from nanogauge.apps.napari_plugin.widget import MeasureWidget

    made = MeasureWidget(viewer)
    viewer.window.add_dock_widget(made, name="Measure")
    made.engine.setCurrentText("Otsu threshold (baseline)")
    made.measurers[("threshold", "auto")] = blind_measurer
    made.with_report.setChecked(False)
    return made


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was shown as error notifications."""
    import nanogauge.apps.napari_plugin.widget as module

    said: list[str] = []
    monkeypatch.setattr(module, "show_error", said.append)
    return said


def wait(widget: Any, *, timeout_s: float = 120) -> None:
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + timeout_s
    while widget.busy and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
    assert not widget.busy
    QApplication.processEvents()


def scale_bar(viewer: Any) -> Any:
    from nanogauge.apps.napari_plugin.widget import _scale_bar_of

    return _scale_bar_of(viewer)


def test_from_file_to_saved_results(viewer: Any, widget: Any, bare_scene: Rendering, tmp_path: Path, told: list[str]) -> None:
    Image.fromarray(bare_scene.pixels).save(tmp_path / "spheres.png")
    viewer.open(str(tmp_path / "spheres.png"), plugin="nanogauge")
    image = viewer.layers[0]
    assert widget.image.value is image
    assert "not known yet" in widget.scale_found.text()
    assert image.units[0] == "pixel"

    widget.scale_stated.setText("2 nm/px")
    widget.measure()
    assert widget.busy
    assert not widget.measure_button.isEnabled()
    wait(widget)
    labels = widget.labels.value
    m = labels.metadata["measurement"]
    assert m.micrograph.sha256
    assert m.n_particles == len(labels.features) > 10
    assert [tuple(v.scale) for v in viewer.layers] == [(2.0, 2.0)] * len(viewer.layers)
    assert str(image.units[0]) == "nanometer"
    assert scale_bar(viewer).visible
    assert widget.scale_found.text().startswith("2 nm/px, as you stated")
    assert m.headline() in widget.results.headline.text()
    for row in (0, len(labels.features) - 1):
        label = int(labels.features["index"][row])
        y, x = np.argwhere(labels.data == label)[0]
        shown = labels._get_properties((y * 2.0, x * 2.0), world=True)  # what napari shows when the mouse is there
        assert any(f"{labels.features['equivalent_diameter_nm'][row]:.3g}"[:3] in text for text in shown if "equivalent" in text)

    labels.data[labels.data == 1] = 0
    free = np.zeros(labels.data.shape, bool)
    free[100:112, 200:212] = True
    labels.data[free & (labels.data == 0)] = labels.selected_label
    widget.save(tmp_path / "out")
    assert told.pop() == "the labels were edited since: measure them again, then save"
    widget.scale_stated.setText("")
    widget.measure_again()
    wait(widget)
    again = widget.measurement
    assert again is not None
    assert again.n_particles in (m.n_particles, m.n_particles - 1)
    assert "1 deleted (label 1)" in again.operator_edits[0]
    assert again.scale == m.scale, "an empty field leaves the scale as found"
    assert sorted(labels.features["index"]) == np.unique(labels.data)[1:].tolist()
    for name in ("diameter", "circularity", "counted or not", "number"):
        widget.colour_by.setCurrentText(name)

    widget.save(tmp_path / "out")
    wait(widget)
    assert pd.read_csv(tmp_path / "out" / "summary.csv")["n_particles"].tolist() == [again.n_particles]
    assert (tmp_path / "out" / "spheres" / "rois.zip").is_file()
    assert told == []

    widget.measure()  # the edited layer stays, a new one comes beside it
    wait(widget)
    assert labels in viewer.layers
    assert widget.labels.value is not labels
    n_layers = len(viewer.layers)
    widget.measure()  # the unedited one is replaced
    wait(widget)
    assert len(viewer.layers) == n_layers


def test_labels_drawn_elsewhere_are_measured(viewer: Any, widget: Any, bare_scene: Rendering) -> None:
    viewer.add_image(bare_scene.pixels, name="plain", scale=(0.003, 0.003), units=("um", "um"))
    drawn = viewer.add_labels(bare_scene.labels, name="mine")
    assert widget.scale_found.text() == "3 nm/px, from the layer"
    widget.measure_again()
    wait(widget)
    m = widget.measurement
    assert m is not None
    assert m.scale is not None
    assert m.scale.nm_per_px == pytest.approx((3.0, 3.0))
    assert m.labels_source["file"] == "mine"
    assert len(drawn.features) == m.n_particles
    assert tuple(drawn.scale) == pytest.approx((3.0, 3.0))


def test_scale_alone(viewer: Any, widget: Any, bare_scene: Rendering) -> None:
    viewer.add_image(bare_scene.pixels, name="plain")
    widget.read_scale()
    wait(widget)
    assert widget.scale_found.text() == "no scale: sizes are in px"
    assert not scale_bar(viewer).visible
    widget.scale_stated.setText("500 nm / 100 px")
    widget.read_scale()
    wait(widget)
    assert tuple(viewer.layers[0].scale) == pytest.approx((5.0, 5.0))


def test_what_is_wrong_is_told_in_one_line(
    viewer: Any, widget: Any, bare_scene: Rendering, tmp_path: Path, told: list[str]
) -> None:
    widget.measure()
    assert told.pop() == "no image layer: open a micrograph first"
    widget.save(tmp_path)
    assert told.pop().startswith("nothing measured yet")
    viewer.add_image(np.zeros((4, 60, 70), np.uint8), name="stack")
    widget.measure()
    assert told.pop().startswith("stack: a layer of shape (4, 60, 70)")
    viewer.layers.clear()
    viewer.add_image(bare_scene.pixels, name="plain")
    widget.measure_again()
    assert told.pop().startswith("no labels layer")
    widget.scale_stated.setText("3 nn/px")
    widget.measure()
    assert "unknown unit of length 'nn'" in told.pop()
    widget.scale_stated.setText("")
    widget.settings_file.setText(str(tmp_path / "none.toml"))
    widget.measure()
    assert "none.toml" in told.pop()
    widget.settings_file.setText("")
    viewer.add_labels(np.ones((5, 6), int), name="small")
    widget.measure_again()
    wait(widget)
    assert "5 x 6 px do not fit plain" in told.pop()
    assert told == []
    assert not widget.busy


def test_closing_the_widget_leaves_the_viewer_usable(viewer: Any, widget: Any, bare_scene: Rendering) -> None:
    from qtpy.QtWidgets import QApplication

    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    for _ in range(3):
        QApplication.processEvents()
    viewer.add_image(bare_scene.pixels)
    viewer.add_labels(bare_scene.labels)
    viewer.layers.clear()


def test_widget_of_the_manifest(viewer: Any) -> None:
    _, widget = viewer.window.add_plugin_dock_widget("nanogauge", "Measure")
    assert widget.measure_button.isEnabled()
