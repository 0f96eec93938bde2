"""What the dock widget "Measure" is built of; what its buttons do is in `widget`."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import create_widget
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from .colours import COLOUR_BY
from .results_view import ResultsView

ENGINES = {
    "U-Net": "unet",
    "U-Net in 8 bits (faster)": "unet-int8",
    "U-Net of the source paper (ResNet50, CBAM)": "unet-resnet50-cbam",
    "Otsu threshold (baseline)": "threshold",
}


class Panel(QWidget):  # type: ignore[misc]
    """Choices, buttons and results, laid out in one column that scrolls."""

    def __init__(self) -> None:
        super().__init__()
        self.image = create_widget(annotation="napari.layers.Image", label="Image")
        self.labels = create_widget(annotation="napari.layers.Labels", label="Labels")
        for choice in (self.image, self.labels):  # long layer names must not widen the dock
            choice.native.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            choice.native.setMinimumContentsLength(10)
            choice.native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.scale_found = QLabel()
        self.scale_found.setWordWrap(True)
        self.scale_stated = QLineEdit()
        self.scale_stated.setPlaceholderText("as found")
        self.scale_stated.setToolTip("Wins over what is found: 2.5 nm/px, or 500 nm / 123.5 px. Empty: as found.")
        self.engine = QComboBox()
        self.engine.addItems(list(ENGINES))
        self.settings_file = QLineEdit()
        self.settings_file.setPlaceholderText("defaults")
        self.settings_file.setToolTip("TOML file of settings, as `nanogauge settings` prints them; its engine counts.")
        self.colour_by = QComboBox()
        self.colour_by.addItems(list(COLOUR_BY))
        self.with_report = QCheckBox("with report")
        self.with_report.setChecked(True)
        self.results, self.progress = ResultsView(), QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setVisible(False)
        self.read_scale_button = _button("Read scale", "Reads file and scale bar, and sets the layers' scale")
        self.measure_button = _button("Measure", "Finds and measures the particles of the image")
        self.again_button = _button(
            "Measure edited labels again",
            "After painting, erasing or filling in the labels layer, or under another scale; nothing is segmented again",
        )
        self.save_button = _button("Save results …", "Writes tables, outlines, pictures and report into a folder")
        browse = _button("…", "Choose a file")
        browse.clicked.connect(lambda *_: self._ask_settings())
        browse.setMaximumWidth(32)

        def row(*widgets: Any) -> Any:
            line = QHBoxLayout()
            for w in widgets:
                line.addWidget(w)
            return line

        first, second = QGroupBox("Micrograph"), QGroupBox("Particles")
        form = QFormLayout(first)
        form.addRow("Image", self.image.native)
        form.addRow("Scale", self.scale_found)
        form.addRow("Use instead", row(self.scale_stated, self.read_scale_button))
        form.addRow("Engine", self.engine)
        form.addRow("Settings", row(self.settings_file, browse))
        form.addRow(self.measure_button)
        form = QFormLayout(second)
        form.addRow("Labels", self.labels.native)
        form.addRow("Colour by", self.colour_by)
        form.addRow(self.again_button)
        form.addRow(row(self.save_button, self.with_report))
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(4, 4, 8, 4)
        for w in (first, second, self.progress, self.results):
            layout.addWidget(w)
        layout.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self._scroll, self._inner = scroll, inner
        self.fit_width()

    def fit_width(self) -> None:
        """Nothing is cut off at the right when the vertical scroll bar appears."""
        bar = self._scroll.verticalScrollBar().sizeHint().width()
        self.setMinimumWidth(max(self._inner.minimumSizeHint().width(), 310) + bar + 4)

    def _ask_settings(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Settings", "", "TOML (*.toml)")
        if path:
            self.settings_file.setText(path)


def _button(text: str, tip: str) -> Any:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
