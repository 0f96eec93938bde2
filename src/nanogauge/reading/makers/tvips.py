"""TVIPS (EM-Menu): TIFF tag 37706, as tifffile parses it. Pixel sizes of version 2 are in nm, the high tension in V."""

from __future__ import annotations

from ...core.micrograph import Instrument
from ..contract import Facts, Fields, kilovolts
from ..tags import Tags
from .maker import Maker

_TAG = 37706


def from_tiff(tags: Tags) -> Facts | None:
    """Facts of a TVIPS page; None where it lacks the tag."""
    values = tags.mapping(_TAG)
    if not values:
        return None
    fields = Fields(values)
    size = fields.positive_pair("PixelSizeY", "PixelSizeX") if values.get("Version") == 2 else None
    width = fields.positive("ImageSizeX")
    instrument = Instrument(
        maker="TVIPS",
        model=fields.text("TemType"),
        accelerating_voltage_kv=kilovolts(fields.positive("TemHighTension")),
        magnification=fields.positive("TemMagnification"),
        detector=fields.text("CameraType"),
        pixel_size_nm=size,
        field_width_nm=size[1] * width if size and width else None,
    )
    return Facts(instrument=instrument, picture_width_px=width, notes=tuple(fields.notes))


MAKER = Maker(name="tvips", from_tiff=from_tiff)
