"""The dock widget "Measure". Measuring runs in a thread of its own, so the viewer stays alive; errors become notifications."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QFileDialog

from ...core.errors import NanogaugeError
from ...core.scale import Scale, parse_scale
from ...core.settings import Settings, read_settings
from ...pipeline.measure import Measurer
from ...results.measurement import Measurement
from ...scale.bar import ScaleBarReading
from ...scale.resolve import ScaleDecision
from .colours import colour_labels
from .editing import measure_drawn, measure_edited
from .layers import (
    features,
    labels_layer,
    labels_metadata,
    marks_layer,
    micrograph_of,
    same_picture,
    scale_text,
    stated_scale,
    transform,
)
from .panel import ENGINES, Panel
from .saving import save_results


class MeasureWidget(Panel):
    """Measures the image layer chosen, and labels edited by hand. `busy` is True while a measurement runs.

    Measurements live in their labels layer: `layer.metadata["measurement"]`, and as found before any edit `["found"]`.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.busy = False
        self.measurers: dict[tuple[str, str], Measurer] = {}
        self._then: Callable[[Any], None] | None = None
        self.read_scale_button.clicked.connect(lambda *_: self.read_scale())
        self.measure_button.clicked.connect(lambda *_: self.measure())
        self.again_button.clicked.connect(lambda *_: self.measure_again())
        self.save_button.clicked.connect(lambda *_: self._ask_folder())
        self.colour_by.currentTextChanged.connect(self._recolour)
        events = self.viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.connect(self._layers_changed)
        self.viewer.layers.selection.events.active.connect(self._follow_selection)
        self.image.changed.connect(self._image_changed)
        self.labels.changed.connect(self._labels_changed)
        self._follow_selection()
        self._image_changed()

    # --- what the buttons do -----------------------------------------------------------------------------------------------

    def read_scale(self) -> None:
        """Finds the scale of the chosen image, sets it on the layers and draws the scale bar."""
        with _Told():
            layer, measurer = self._chosen()
            micrograph, user = micrograph_of(layer), self._user_scale()

            def then(found: tuple[ScaleBarReading | None, ScaleDecision, tuple[int, int, int, int]]) -> None:
                bar, decision, frame = found
                layer.metadata["micrograph"] = micrograph
                self._set_scale(layer, decision, bar)
                self._add_marks(marks_layer(micrograph, bar=bar, frame=frame, scale=decision.scale))

            self._start("Reading the scale", lambda: measurer.read_scale(micrograph, user=user), then)

    def measure(self) -> None:
        """Measures the chosen image; the labels come as a new layer, in place of one that nobody edited."""
        with _Told():
            layer, measurer = self._chosen()
            micrograph, user = micrograph_of(layer), self._user_scale()

            def then(m: Measurement) -> None:
                for old in [o for o in self.viewer.layers if _unedited(o, m)]:
                    self.viewer.layers.remove(old)
                self._show(layer, None, m, m)

            work = partial(measurer.measure, micrograph, scale=user)
            self._start(f"Measuring {micrograph.name}", work, then)

    def measure_again(self) -> None:
        """Measures the chosen labels as they are now: those found here as edited, others as labels drawn on the chosen image."""
        with _Told():
            labels = self.labels.value
            if labels is None:
                raise NanogaugeError("no labels layer: measure an image first, or add labels")
            layer, measurer = self._chosen()
            micrograph, user = micrograph_of(layer), self._user_scale()
            found, now = labels.metadata.get("found"), np.array(labels.data)
            mine = isinstance(found, Measurement) and found.foreground is not None
            if mine and not same_picture(found.micrograph, micrograph):
                raise NanogaugeError(f"{labels.name} was found in {found.micrograph.name}; choose that image")

            def then(m: Measurement) -> None:
                self._show(layer, labels, m, found if mine else m)

            if mine:
                self._start("Measuring edited labels", partial(measure_edited, found, now, scale=user), then)
            else:
                options: dict[str, Any] = {"name": labels.name, "measurer": measurer, "scale": user}
                self._start("Measuring labels", partial(measure_drawn, micrograph, now, **options), then)

    def save(self, folder: Path) -> None:
        """Writes the chosen labels' measurement into FOLDER, in nanogauge's layout."""
        with _Told():
            m = self.measurement
            if m is None:
                raise NanogaugeError("nothing measured yet: measure an image, or choose measured labels")
            if not np.array_equal(m.labels, self.labels.value.data):
                raise NanogaugeError("the labels were edited since: measure them again, then save")
            work = partial(save_results, m, folder, report=self.with_report.isChecked())
            self._start("Saving results", work, lambda where: show_info(f"Saved in {where}"))

    @property
    def measurement(self) -> Measurement | None:
        """Of the chosen labels layer; None where it was not measured."""
        labels = self.labels.value
        m = None if labels is None else labels.metadata.get("measurement")
        return m if isinstance(m, Measurement) else None

    # --- work in a thread --------------------------------------------------------------------------------------------------

    def _start(self, what: str, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        if self.busy:
            raise NanogaugeError("still at work: wait until it is done")
        self._then = then
        worker = create_worker(_attempt, work, _start_thread=False, _progress={"desc": what})
        worker.returned.connect(self._returned)
        worker.finished.connect(self._finished)
        self._set_busy(True)
        worker.start()

    def _returned(self, outcome: tuple[Any, str]) -> None:
        then, self._then = self._then, None
        result, error = outcome
        if error:
            show_error(error)
        elif then is not None:
            then(result)

    def _finished(self) -> None:
        self._set_busy(False)

    def _set_busy(self, busy: bool) -> None:
        self.busy = busy
        self.progress.setVisible(busy)
        for button in (self.read_scale_button, self.measure_button, self.again_button, self.save_button):
            button.setEnabled(not busy)

    # --- what is shown -----------------------------------------------------------------------------------------------------

    def _show(self, image: Any, labels: Any, m: Measurement, found: Measurement) -> None:
        """Labels, features, scale and results of a measurement into the viewer; labels: the layer to fill, None: a new one."""
        image.metadata["micrograph"] = m.micrograph
        self._set_scale(image, m.decision, m.scale_bar)
        if labels is None or labels not in self.viewer.layers:
            data, attributes, _ = labels_layer(m, found)
            labels = self.viewer.add_labels(data, **attributes)
        else:
            if not np.array_equal(labels.data, m.labels):
                labels.data = m.labels.copy()
            labels.features = features(m.particles)
            labels.metadata.update(labels_metadata(m, found))
            labels.scale, labels.units = transform(m.scale).values()
        labels.selected_label = int(m.labels.max(initial=0)) + 1  # the next stroke is a new particle
        self._add_marks(marks_layer(m.micrograph, bar=m.scale_bar, frame=m.frame, scale=m.scale))
        self.labels.value = labels
        self.viewer.layers.selection.active = labels
        self._labels_changed()

    def _set_scale(self, image: Any, decision: ScaleDecision, bar: ScaleBarReading | None) -> None:
        image.metadata["scale_found"] = scale_text(decision, bar)
        before, wanted = (tuple(image.scale), image.units), transform(decision.scale)
        image.scale, image.units = wanted["scale"], wanted["units"]
        _scale_bar_of(self.viewer).visible = decision.scale is not None
        if before != (tuple(image.scale), image.units):
            self.viewer.reset_view()
        self._image_changed()

    def _add_marks(self, marks: Any) -> None:
        if marks is None:
            return
        data, attributes, _ = marks
        micrograph = attributes["metadata"]["marks_of"]
        for old in [o for o in self.viewer.layers if same_picture(o.metadata.get("marks_of"), micrograph)]:
            self.viewer.layers.remove(old)
        active = self.viewer.layers.selection.active
        self.viewer.add_shapes(data, **attributes)
        self.viewer.layers.selection.active = active

    def _image_changed(self, *_: Any) -> None:
        layer = self.image.value
        if layer is None:
            self.scale_found.setText("open a micrograph")
            return
        text = layer.metadata.get("scale_found")
        if text is None:
            known = stated_scale(layer.scale, layer.units)
            where = "from the file's metadata" if "micrograph" in layer.metadata else "from the layer"
            text = "not known yet: read when measuring" if known is None else f"{known.nm_per_px[1]:.5g} nm/px, {where}"
        self.scale_found.setText(text)

    def _labels_changed(self, *_: Any) -> None:
        m = self.measurement
        self.results.setVisible(m is not None)
        if m is not None:
            self.results.show_measurement(m)
            self._recolour()
        self.fit_width()

    def _recolour(self, *_: Any) -> None:
        if self.measurement is not None:
            colour_labels(self.labels.value, self.colour_by.currentText())

    def _layers_changed(self, *_: Any) -> None:
        self.image.reset_choices()
        self.labels.reset_choices()

    def _follow_selection(self, *_: Any) -> None:
        active = self.viewer.layers.selection.active
        for choice in (self.image, self.labels):
            if active is not None and active in choice.choices:
                choice.value = active

    # --- what is chosen ----------------------------------------------------------------------------------------------------

    def _chosen(self) -> tuple[Any, Measurer]:
        """Image layer, and what measures it. Raises NanogaugeError where there is no image or the settings cannot be read."""
        layer = self.image.value
        if layer is None:
            raise NanogaugeError("no image layer: open a micrograph first")
        path = self.settings_file.text().strip()
        settings = read_settings(Path(path)) if path else Settings().replace("segment", engine=ENGINES[self.engine.currentText()])
        key = (settings.segment.engine, settings.segment.device)
        loaded = self.measurers.get(key)
        self.measurers[key] = Measurer(settings) if loaded is None else loaded.under(settings)
        return layer, self.measurers[key]

    def _user_scale(self) -> Scale | None:
        text = self.scale_stated.text().strip()
        return parse_scale(text) if text else None

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if folder:
            self.save(Path(folder))


class _Told:
    """Turns an error meant for the user into a notification of one line."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if isinstance(error, NanogaugeError):
            show_error(str(error))
            return True
        return False


def _attempt(work: Callable[[], Any]) -> tuple[Any, str]:
    """The work's result and "", or None and the message of an error meant for the user. Others are raised, and napari shows them
    with their traceback."""
    try:
        return work(), ""
    except NanogaugeError as error:
        return None, str(error)


def _unedited(layer: Any, new: Measurement) -> bool:
    """Whether a layer holds labels found in the same picture earlier, which nobody changed."""
    m = layer.metadata.get("measurement")
    if not isinstance(m, Measurement) or m.operator_edits or m.labels_source:
        return False
    return same_picture(m.micrograph, new.micrograph) and np.array_equal(layer.data, m.labels)


def _scale_bar_of(viewer: Any) -> Any:
    """The viewer's scale bar; napari 0.9 moved it."""
    canvas = getattr(viewer, "canvas", None)
    return viewer.scale_bar if canvas is None else canvas.overlays.scale_bar
