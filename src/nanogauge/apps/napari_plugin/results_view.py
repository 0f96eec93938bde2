"""The result in the dock widget: headline, what to know, statistics with intervals, histogram."""

from __future__ import annotations

import math

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QSizePolicy, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from ...results.measurement import Measurement
from ...statistics.drawing import draw_distribution

SHOWN = ("mean", "sd", "d10", "d50", "d90")


class ResultsView(QWidget):  # type: ignore[misc]
    """Shows one Measurement."""

    def __init__(self) -> None:
        super().__init__()
        self.headline, self.warnings = QLabel(), QLabel()
        for text in (self.headline, self.warnings):
            text.setWordWrap(True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.headline.setStyleSheet("font-weight: bold")
        self.table = QTableWidget(len(SHOWN), 3)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().setVisible(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.figure = Figure(figsize=(3.2, 2.6), dpi=90, layout="constrained")
        self.canvas = FigureCanvasQTAgg(self.figure)  # type: ignore[no-untyped-call]
        self.canvas.setMinimumHeight(230)
        self.canvas.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.headline, self.warnings, self.table, self.canvas):
            layout.addWidget(widget)
        self.setVisible(False)

    def show_measurement(self, m: Measurement) -> None:
        """Fills in headline, message, statistics and histogram."""
        self.headline.setText(m.headline())
        self.warnings.setText("\n".join(f"⚠ {w}" for w in dict.fromkeys((*m.decision.warnings, *m.warnings))))
        self.warnings.setVisible(bool(self.warnings.text()))
        d = m.distribution
        self.table.setHorizontalHeaderLabels(["", f"{d.unit}", f"{100 * d.confidence:.0f} % interval"])
        for row, name in enumerate(SHOWN):
            e = getattr(d, name)
            value = "" if math.isnan(e.value) else f"{e.value:.4g}"
            interval = "" if math.isnan(e.low) else f"{e.low:.4g} … {e.high:.4g}"
            for column, text in enumerate((name, value, interval)):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.table.resizeRowsToContents()
        rows = sum(self.table.rowHeight(k) for k in range(len(SHOWN)))
        self.table.setFixedHeight(rows + self.table.horizontalHeader().sizeHint().height() + 4)
        self.figure.clear()
        axes = self.figure.subplots()
        draw_distribution(axes, m)
        axes.tick_params(labelsize=8)
        axes.set_ylim(top=1.25 * axes.get_ylim()[1])  # the legend stays above the bars on so small a figure
        if axes.get_legend() is not None:
            axes.legend(fontsize=7, frameon=False, loc="upper right")
        self.canvas.draw_idle()  # type: ignore[no-untyped-call]
        self.setVisible(True)
