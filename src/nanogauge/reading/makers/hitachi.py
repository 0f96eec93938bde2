"""Hitachi: a .txt sidecar that begins with `[SemImageFile]` (ANSI or UTF-16). The picture itself carries nothing.

`PixelSize` is in nm and holds for `DataSize` (width x height); `AcceleratingVoltage=15000 Volt`, `WorkingDistance=8100 um`.
"""

from __future__ import annotations

import re

from ...core.micrograph import Instrument
from ..contract import Facts, Fields, in_unit, iso_time
from ..text import ini
from .maker import Maker

_SECTIONS = ("[SemImageFile]", "[TemImageFile]")


def from_sidecar(text: str, shape: tuple[int, int]) -> Facts | None:
    """Facts of a Hitachi .txt file; None for any other text."""
    if not any(section in text for section in _SECTIONS):
        return None
    fields = Fields({key.split("/", 1)[-1]: value for key, value in ini(text).items()})
    data_size = re.match(r"(\d+)\s*[xX*]\s*(\d+)", fields.text("DataSize") or "")
    width = float(data_size[1]) if data_size else None
    size = _pixel_size_nm(fields)
    wd = fields.quantity("WorkingDistance")
    time = " ".join(filter(None, (fields.text("Date"), fields.text("Time"))))
    instrument = Instrument(
        maker="Hitachi",
        model=fields.text("InstructName"),
        accelerating_voltage_kv=_kilovolts(fields),
        working_distance_mm=in_unit(wd[0], wd[1], "mm") if wd and wd[0] > 0 else None,
        magnification=fields.positive("Magnification"),
        detector=fields.text("SignalName"),
        acquired=iso_time(time, "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S"),
        pixel_size_nm=(size, size) if size else None,
        field_width_nm=size * width if size and width else None,
    )
    return Facts(instrument=instrument, picture_width_px=width, notes=tuple(fields.notes))


def _pixel_size_nm(fields: Fields) -> float | None:
    stated = fields.quantity("PixelSize")
    if stated is None or stated[0] == 0:
        return None
    size = in_unit(stated[0], stated[1] or "nm", "nm")
    if size is None or size < 0:
        fields.notes.append(f"PixelSize {fields.text('PixelSize')!r} is not a length; not used")
        return None
    return size


def _kilovolts(fields: Fields) -> float | None:
    stated = fields.quantity("AcceleratingVoltage")
    if stated is None or stated[0] <= 0:
        return None
    return {"kv": stated[0], "volt": stated[0] / 1000, "v": stated[0] / 1000}.get(stated[1].lower())


MAKER = Maker(name="hitachi", from_sidecar=from_sidecar)
