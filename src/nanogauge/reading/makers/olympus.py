"""Olympus (Soft Imaging System, iTEM): TIFF tags 33560 (binary) and 33471 (INI), as tifffile parses them.

Pixel sizes are in metres and differ between x and y. The calibrated page may be the second one.
"""

from __future__ import annotations

from datetime import datetime

from ...core.micrograph import Instrument
from ..contract import Facts, Fields, in_nm
from ..tags import Tags
from .maker import Maker

_BINARY, _INI, _MAKE, _MODEL = 33560, 33471, 271, 272


def from_tiff(tags: Tags) -> Facts | None:
    """Facts of a page with SIS tags; None where it has none that tifffile understands."""
    values = {**tags.mapping(_INI), **tags.mapping(_BINARY)}
    if "pixelsizex" not in values and "magnification" not in values:
        return None
    fields = Fields(values)
    time = values.get("datetime")
    size = in_nm(fields.positive_pair("pixelsizey", "pixelsizex"), "m")
    instrument = Instrument(
        maker=tags.text(_MAKE) or "Olympus SIS",
        model=tags.text(_MODEL) or None,
        magnification=fields.positive("magnification"),
        detector=fields.text("cameraname"),
        acquired=time.isoformat() if isinstance(time, datetime) else None,
        pixel_size_nm=size,
        field_width_nm=size[1] * tags.shape[1] if size else None,
    )
    return Facts(instrument=instrument, notes=tuple(fields.notes))


MAKER = Maker(name="olympus", from_tiff=from_tiff)
