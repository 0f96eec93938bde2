"""Zeiss (SmartSEM): text in TIFF tag 34118, pairs of a key line and a `Name = value unit` line.

The pixel size of the stored picture is `AP_IMAGE_PIXEL_SIZE`. Older files lack it: there it is `AP_WIDTH` over the
picture's width. `AP_PIXEL_SIZE` holds for 1024 px across whatever the picture's width, and is never used.
"""

from __future__ import annotations

import re

from ...core.micrograph import Instrument
from ..contract import Facts, Fields, in_unit, iso_time
from ..tags import Tags
from .maker import Maker

_TAG = 34118
_TOLERANCE = 0.03  # AP_WIDTH is printed with as few as two figures


def from_tiff(tags: Tags) -> Facts | None:
    """Facts of a Zeiss page; None where it lacks tag 34118."""
    text = tags.text(_TAG)
    return from_text(text, tags.shape) if re.search(r"^(AP|DP|SV)_", text, re.MULTILINE) else None


def from_text(text: str, shape: tuple[int, int]) -> Facts:
    """Facts of SmartSEM's text for a picture of (H, W)."""
    fields = Fields(_pairs(text))
    store = re.match(r"(\d+)\s*\*\s*(\d+)", fields.text("DP_IMAGE_STORE") or "")
    magnification, wd, voltage = (fields.quantity(k) for k in ("AP_MAG", "AP_WD", "AP_ACTUALKV"))
    voltage = voltage or fields.quantity("AP_MANUALKV")
    field_width = fields.length_nm("AP_WIDTH")
    size = _pixel_size_nm(fields, field_width, shape, stored_width=float(store[1]) if store else None)
    date, time = fields.text("AP_DATE"), fields.text("AP_TIME")
    instrument = Instrument(
        maker="Zeiss",
        model=fields.text("DP_SEM", "SV_SERIAL_NUMBER"),
        accelerating_voltage_kv={"kV": voltage[0], "V": voltage[0] / 1000}.get(voltage[1]) if voltage else None,
        working_distance_mm=in_unit(wd[0], wd[1], "mm") if wd else None,
        magnification=magnification[0] if magnification and magnification[1].upper() == "X" and magnification[0] > 0 else None,
        detector=fields.text("DP_DETECTOR_TYPE", "DP_DETECTOR_CHANNEL"),
        acquired=iso_time(" ".join(filter(None, (date, time))), "%d %b %Y %H:%M:%S", "%d %b %Y"),
        pixel_size_nm=(size, size) if size else None,
        field_width_nm=field_width,
    )
    return Facts(instrument=instrument, picture_width_px=float(store[1]) if store else None, notes=tuple(fields.notes))


def _pixel_size_nm(
    fields: Fields, field_width: float | None, shape: tuple[int, int], *, stored_width: float | None
) -> float | None:
    height, width = shape
    stated = fields.length_nm("AP_IMAGE_PIXEL_SIZE")
    if stated is None:
        field_height = fields.length_nm("AP_HEIGHT")
        if field_width and field_height and abs(field_height / field_width / (height / width) - 1) > _TOLERANCE:
            fields.notes.append(
                f"the field is {field_width:g} x {field_height:g} nm but the picture {width} x {height} px: cropped"
            )
            return None
        return field_width / width if field_width else None
    if field_width and abs(stated * (stored_width or width) / field_width - 1) > _TOLERANCE:
        fields.notes.append(
            f"Image Pixel Size {stated:g} nm times {stored_width or width:g} px is not the width of {field_width:g} nm; "
            "neither is used"
        )
        return None
    return stated


def _pairs(text: str) -> dict[str, str]:
    """{"AP_WIDTH": "5.965 µm"} of lines that come in twos."""
    pairs: dict[str, str] = {}
    key = ""
    for raw in re.split(r"[\r\n]+", text):
        line = raw.strip()
        if re.fullmatch(r"(?:AP|DP|SV)_[A-Z0-9_]+", line):
            key = line
        elif key:
            _, equals, value = line.partition("=")
            if not equals:
                value = line.partition(":")[2]  # "Time :8:20:42"
            pairs.setdefault(key, value.strip())
            key = ""
    return pairs


MAKER = Maker(name="zeiss", from_tiff=from_tiff)
