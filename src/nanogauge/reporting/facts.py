"""What is common to the micrographs of a report, gathered as they come: instrument, scale, pictures, provenance."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..core.scale import format_length
from ..scale.calibration import calibration_from_dict
from .formatting import DASH, number, percent

_MOST_VALUES = 5  # different values shown of one fact


@dataclass
class Gathered:
    """Facts over many micrographs; `add` takes the content of each measurement.json."""

    n: int = 0
    status: Counter[str] = field(default_factory=Counter)
    values: dict[str, Counter[str]] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    engines: dict[str, str] = field(default_factory=dict)
    n_found: int = 0
    n_counted: int = 0
    n_edited: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    several_settings: bool = False

    def add(self, about: dict[str, Any]) -> None:
        """One micrograph more."""
        self.n += 1
        self.status[str(about["status"])] += 1
        instrument, scale = about["instrument"], about["scale"]
        for key in ("maker", "model", "detector"):
            self._value(key, instrument.get(key))
        self._value("acquired", str(instrument.get("acquired") or "")[:10])
        self._value("format", about["format"])
        self._value("version", about["version"])
        by = calibration_from_dict(scale.get("calibration"))
        self._value("calibration", by.title if by is not None else None)
        self._value("scale_source", str(scale["source"]).replace("_", " "))
        h, w = about["shape_px"]
        self._value("shape", f"{w} × {h} px")
        for key in ("accelerating_voltage_kv", "working_distance_mm", "magnification"):
            self._range(key, instrument.get(key))
        pair = scale["nm_per_px_y_x"]
        if pair:
            self._range("nm_per_px", pair[1])
            self._range("field_width_nm", w * pair[1])
            self._range("scale_uncertainty", scale["relative_uncertainty"])
        annotated = bool(about.get("labels_source"))  # each file has its own hash then, which stands beside it
        self.engines[str(about["engine"]["name"])] = "" if annotated else str(about["engine"]["sha256"] or "")
        self.n_found += int(about["n_particles"])
        self.n_counted += int(about["distribution"]["n"])
        self.n_edited += bool(about.get("operator_edits"))
        if self.n > 1 and about["settings"] != self.settings:
            self.several_settings = True
        self.settings = self.settings or about["settings"]

    def _value(self, key: str, value: Any) -> None:
        if value not in (None, ""):
            self.values.setdefault(key, Counter())[str(value)] += 1

    def _range(self, key: str, value: Any) -> None:
        if isinstance(value, int | float) and value > 0:
            low, high = self.ranges.get(key, (value, value))
            self.ranges[key] = (min(low, value), max(high, value))

    def text(self, key: str) -> str:
        """Distinct values of a fact, the commonest first; "" where no file states it."""
        found = self.values.get(key)
        if not found:
            return ""
        shown = [f"{v} ({n})" if key == "scale_source" and len(found) > 1 else v for v, n in found.most_common(_MOST_VALUES)]
        more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
        known = found.total()
        of = (
            f" ({known} of {self.n} files state it)" if known < self.n and key in ("maker", "model", "detector", "acquired") else ""
        )
        return ", ".join(shown) + more + of

    def span(self, key: str, unit: str, digits: int = 4) -> str:
        """ "5 kV", "4.1 to 4.6 mm"; "" where no file states it."""
        if key not in self.ranges:
            return ""
        low, high = self.ranges[key]
        a, b = number(low, digits), number(high, digits)
        return f"{a} {unit}".strip() if a == b else f"{a} to {b} {unit}".strip()

    def field_width(self) -> str:
        """Width of the micrographs on the specimen."""
        if "field_width_nm" not in self.ranges:
            return ""
        a, b = (format_length(v, digits=3) for v in self.ranges["field_width_nm"])
        return a if a == b else f"{a} to {b}"

    def instrument(self) -> list[tuple[str, str]]:
        """Rows on the instrument, as the files state it."""
        rows = [
            ("Maker", self.text("maker")),
            ("Model", self.text("model")),
            ("Accelerating voltage", self.span("accelerating_voltage_kv", "kV", 3)),
            ("Working distance", self.span("working_distance_mm", "mm", 3)),
            ("Magnification", self.span("magnification", "×", 3)),
            ("Detector", self.text("detector")),
            ("Acquired", self.text("acquired")),
            ("Picture", ", ".join(t for t in (self.text("shape"), self.text("format")) if t)),
        ]
        return [(k, v or "not stated in the files") for k, v in rows]

    def scale_rows(self) -> list[tuple[str, str]]:
        """Rows on the scale."""
        u = self.ranges.get("scale_uncertainty")
        return [
            ("Pixel size", self.span("nm_per_px", "nm") or "no scale: sizes are in px"),
            ("Field width", self.field_width() or DASH),
            ("Scale from", self.text("scale_source")),
            ("Calibration of the magnification", self.text("calibration") or "none of the laboratory's own"),
            ("Standard uncertainty of the scale", percent(u[1]) if u else DASH),
        ]
