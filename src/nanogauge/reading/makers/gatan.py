"""Gatan DigitalMicrograph's TIFF export: units in tags 65003 (x) and 65004 (y), pixel sizes in 65009 (x) and 65010 (y)."""

from __future__ import annotations

from ...core.micrograph import Instrument
from ..contract import Facts, step_facts
from ..tags import Tags
from .maker import Maker

_UNIT_X, _UNIT_Y, _SIZE_X, _SIZE_Y = 65003, 65004, 65009, 65010


def from_tiff(tags: Tags) -> Facts | None:
    """Facts of an exported page; None where it lacks the tags."""
    if _SIZE_X not in tags or _UNIT_X not in tags:
        return None
    y, x = ((_positive(tags.number(size)), tags.text(unit)) for size, unit in ((_SIZE_Y, _UNIT_Y), (_SIZE_X, _UNIT_X)))
    return step_facts((y, x), Instrument(maker="Gatan"))


def _positive(number: float | None) -> float | None:
    return number if number is not None and number > 0 else None


MAKER = Maker(name="gatan", from_tiff=from_tiff)
