"""A laboratory's own calibration of the magnification, after ISO 16700: a file that `nanogauge calibrate` writes, and what it
does to the scale of a micrograph.

The factor is what the pixel size stated by the instrument (its metadata, or the scale bar that it drew) is multiplied by; a
scale that a person states is left alone. It holds for the instrument and the range of pixel sizes that it was found at, and is
not used elsewhere.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ..core.errors import CalibrationError
from ..core.micrograph import Instrument
from ..core.scale import Scale
from ..core.toml import read_toml, toml_text

_MOST_OFF = 0.3  # a factor further from 1 is a mistake
_HEAD = """\
# Calibration of the magnification (ISO 16700) by nanogauge calibrate; for nanogauge measure --calibration FILE
# The stated pixel size times the factor is the true one. It holds from nm_per_px_min to nm_per_px_max (stated sizes).
# Uncertainties are relative standard uncertainties.
"""
_MARGIN = 0.02  # by which pixel sizes may lie outside the range: metadata are rounded
_VOLTAGE = 0.1


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A calibration of the magnification.

    factor_y, factor_x: true pixel size over the stated one
    relative_uncertainty: one standard uncertainty of the factors, all components combined
    components: name -> relative standard uncertainty
    reference: the certified grating or spheres, in words; certificate: its number and issuer
    date: of the calibration, ISO 8601; valid_until: "" where no end was set
    instrument: as in the micrographs, "" where they do not say; serial: as a person entered it
    nm_per_px_min, nm_per_px_max: stated pixel sizes that it holds for; magnification_min, magnification_max: 0 where not stated
    accelerating_voltage_kv: 0 where not stated
    micrographs: name and SHA-256 of each, and what was found in it
    """

    factor_y: float
    factor_x: float
    relative_uncertainty: float
    reference: str
    date: str
    nm_per_px_min: float
    nm_per_px_max: float
    certificate: str = ""
    valid_until: str = ""
    instrument: str = ""
    serial: str = ""
    magnification_min: float = 0.0
    magnification_max: float = 0.0
    accelerating_voltage_kv: float = 0.0
    remarks: str = ""
    components: dict[str, float] = field(default_factory=dict)
    micrographs: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if not all(math.isfinite(f) and abs(f - 1) <= _MOST_OFF for f in (self.factor_y, self.factor_x)):
            raise CalibrationError(f"factors of {self.factor_y:g} and {self.factor_x:g} lie more than 30 % off 1")
        if not 0 < self.relative_uncertainty < 0.2:
            raise CalibrationError(f"a relative uncertainty must lie between 0 and 0.2, got {self.relative_uncertainty:g}")
        if not 0 < self.nm_per_px_min <= self.nm_per_px_max:
            raise CalibrationError(f"pixel sizes from {self.nm_per_px_min:g} to {self.nm_per_px_max:g} nm are no range")
        for name in ("date", "valid_until"):
            day(getattr(self, name), name)

    @property
    def title(self) -> str:
        """The calibration in a line, for the uncertainty budget and the report."""
        certificate = f", certificate {self.certificate}" if self.certificate else ""
        return f"calibration of the magnification after ISO 16700 with {self.reference}{certificate}, {self.date}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"micrographs": [dict(m) for m in self.micrographs]}


def day(text: str, name: str) -> date | None:
    """A date of the form 2026-05-31; None for "". CalibrationError for anything else."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CalibrationError(f"{name} must be a date such as 2026-05-31, got {text!r}") from None


def does_not_hold(c: Calibration, scale: Scale, instrument: Instrument) -> str:
    """Why a calibration does not hold for a micrograph; "" where it does, as far as both say."""
    here = instrument_name(instrument)
    if c.instrument and here and c.instrument.casefold() != here.casefold():
        return f"it is of {c.instrument}, the micrograph of {here}"
    size = scale.nm_per_px[1]
    if not c.nm_per_px_min * (1 - _MARGIN) <= size <= c.nm_per_px_max * (1 + _MARGIN):
        return f"it holds from {c.nm_per_px_min:.4g} to {c.nm_per_px_max:.4g} nm/px, the micrograph has {size:.4g} nm/px"
    return ""


def doubts(c: Calibration, instrument: Instrument, *, today: date | None = None) -> list[str]:
    """What to check of a calibration that is used all the same: its age, another voltage."""
    found = []
    end, kv = day(c.valid_until, "valid_until"), instrument.accelerating_voltage_kv
    if end is not None and (today or date.today()) > end:
        found.append(f"the calibration was valid until {end.isoformat()} only; calibrate again")
    if c.accelerating_voltage_kv and kv and abs(kv / c.accelerating_voltage_kv - 1) > _VOLTAGE:
        found.append(f"the calibration was made at {c.accelerating_voltage_kv:g} kV, this picture at {kv:g} kV; check it")
    return found


def instrument_name(instrument: Instrument) -> str:
    """Maker and model as one name; "" where the file states no model."""
    return f"{instrument.maker or ''} {instrument.model}".strip() if instrument.model else ""


def write_calibration(calibration: Calibration) -> str:
    """The calibration as TOML text."""
    return _HEAD + toml_text(calibration.to_dict())


def read_calibration(path: Path) -> Calibration:
    """A calibration file. CalibrationError, naming the file, where it cannot be read or makes no sense."""
    values = read_toml(path, raising=CalibrationError, remedy="give a file that `nanogauge calibrate` wrote")
    try:
        return _from_dict(values)
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from error


def calibration_from_dict(values: Mapping[str, Any] | None) -> Calibration | None:
    """As `read_calibration`, from what `Calibration.to_dict` gave; None from None."""
    return None if values is None else _from_dict(dict(values))


def _from_dict(values: dict[str, Any]) -> Calibration:
    known = {f.name: f for f in dataclasses.fields(Calibration)}
    unknown = next((k for k in values if k not in known), None)
    if unknown is not None:
        raise CalibrationError(f"unknown key {unknown!r}; known: {', '.join(known)}")
    missing = [
        n
        for n, f in known.items()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and n not in values
    ]
    if missing:
        raise CalibrationError(f"{missing[0]} is missing; give a file that `nanogauge calibrate` wrote")
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if name == "components":
            plain[name] = {str(k): _number(k, v) for k, v in _table(name, value).items()}
        elif name == "micrographs":
            plain[name] = tuple(dict(_table(name, m)) for m in value) if isinstance(value, list | tuple) else ()
        elif known[name].type == "float":
            plain[name] = _number(name, value)
        elif isinstance(value, str | date):
            plain[name] = str(value)
        else:
            raise CalibrationError(f"{name} must be text, got {value!r}")
    return Calibration(**plain)


def _table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise CalibrationError(f"{name} must be a table, got {value!r}")
    return value


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CalibrationError(f"{name} must be a number, got {value!r}")
    return float(value)
