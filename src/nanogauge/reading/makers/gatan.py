"""Gatan DigitalMicrograph's TIFF export: units in tags 65003 (x) and 65004 (y), pixel sizes in 65009 (x) and 65010 (y)."""

from __future__ import annotations

import math

from ...core.errors import ScaleError
from ...core.micrograph import Instrument
from ...core.scale import unit_nm
from ..contract import Facts
from ..tags import Tags
from .maker import Maker

_UNIT_X, _UNIT_Y, _SIZE_X, _SIZE_Y = 65003, 65004, 65009, 65010


def from_tiff(tags: Tags) -> Facts | None:
    """Facts of an exported page; None where it lacks the tags."""
    if _SIZE_X not in tags or _UNIT_X not in tags:
        return None
    notes: list[str] = []
    x = _size_nm(tags, _SIZE_X, _UNIT_X, notes)
    y = _size_nm(tags, _SIZE_Y, _UNIT_Y, notes)
    size = (y, x) if x is not None and y is not None else None
    return Facts(instrument=Instrument(maker="Gatan", pixel_size_nm=size), notes=tuple(notes))


def _size_nm(tags: Tags, size: int, unit: int, notes: list[str]) -> float | None:
    number, name = tags.number(size), tags.text(unit)
    if number is None or not math.isfinite(number) or number <= 0 or not name:
        return None
    try:
        return number * unit_nm(name)
    except ScaleError:
        notes.append(f"pixel size in {name[:20]!r}, which is no length; not used")
        return None


MAKER = Maker(name="gatan", from_tiff=from_tiff)
