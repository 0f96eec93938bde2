"""ImageJ: `unit=` in the ImageDescription; X/YResolution are pixels per that unit.

Not a calibration: no unit, `pixel`, and `inch` (the dpi of a scanner or screen, carried over by ImageJ). A `cm` or `mm` of
more than 5 µm per pixel is taken for such a carried-over resolution too.
"""

from __future__ import annotations

import math
import re

from ...core.errors import ScaleError
from ...core.micrograph import Instrument
from ...core.scale import unit_nm
from ..contract import Facts, is_reciprocal
from ..tags import Tags
from .maker import Maker

_COARSE_UNITS = (unit_nm("cm"), unit_nm("mm"), unit_nm("m"))
_PRINT_NM_PER_PX = 5 * unit_nm("µm")
_DESCRIPTION, _X_RESOLUTION, _Y_RESOLUTION = 270, 282, 283


def from_tiff(tags: Tags) -> Facts | None:
    """Facts of a page written by ImageJ; None for any other description."""
    text = tags.text(_DESCRIPTION)
    if not text.startswith("ImageJ="):
        return None
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    notes: list[str] = []
    unit = _unescaped(values.get("unit", ""))
    x = _size_nm(tags.number(_X_RESOLUTION), unit, notes)
    y = _size_nm(tags.number(_Y_RESOLUTION), _unescaped(values.get("yunit", "")) or unit, notes)
    size = (y, x) if x is not None and y is not None else None
    reciprocal = unit if is_reciprocal(unit) else ""
    return Facts(instrument=Instrument(pixel_size_nm=size), notes=tuple(dict.fromkeys(notes)), reciprocal=reciprocal)


def _unescaped(text: str) -> str:
    """ "\\u00B5m" as "µm"."""
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text).strip()


def _size_nm(px_per_unit: float | None, unit: str, notes: list[str]) -> float | None:
    if not unit or unit.lower() in ("pixel", "pixels", "px"):
        return None
    if unit.lower() in ("inch", "inches", "in"):
        notes.append("ImageJ's unit is inch: a print resolution, not a calibration")
        return None
    try:
        unit_length = unit_nm(unit)
    except ScaleError:
        notes.append(f"ImageJ's unit {unit[:20]!r} is no length; not used")
        return None
    if px_per_unit is None or not math.isfinite(px_per_unit) or px_per_unit <= 0:
        notes.append("ImageJ names a unit but no usable resolution; not used")
        return None
    size = unit_length / px_per_unit
    if unit_length in _COARSE_UNITS and size > _PRINT_NM_PER_PX:
        notes.append(f"ImageJ's {px_per_unit:g} px per {unit} is taken for a print resolution, not a calibration")
        return None
    return size


MAKER = Maker(name="imagej", from_tiff=from_tiff)
