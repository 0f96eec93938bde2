"""TESCAN: `Key=value` lines in TIFF tag 50431 (after a thumbnail), or in a sidecar `name-tif.hdr` / `name.hdr`.

`PixelSizeX`, `PixelSizeY`, `WD` in metres, `HV` in volts. `ImageStripSize` is the height of the data bar below the picture.
TESCAN states no picture width, so a picture resized afterwards cannot be told by its metadata.
"""

from __future__ import annotations

import re

from ...core.micrograph import Instrument
from ..contract import Facts, Fields, in_nm, in_unit, iso_time, kilovolts
from ..tags import Tags
from .maker import Maker

_TAG = 50431
_LINE = re.compile(r"(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9]*)=([^\r\n\x00]*)")
_FIRST_KEYS = (b"[MAIN]", b"AccFrames=", b"AccType=", b"Company=", b"Date=", b"Device=")


def from_tiff(tags: Tags) -> Facts | None:
    """Facts of a TESCAN page; None where it lacks tag 50431."""
    data = tags.raw(_TAG)
    if b"PixelSizeX=" not in data and b"Device=" not in data:
        return None
    start = min(i for i in (data.find(key) for key in (*_FIRST_KEYS, b"PixelSizeX=")) if i >= 0)  # past the thumbnail
    return from_text(data[start:].decode("latin-1"), tags.shape)


def from_sidecar(text: str, shape: tuple[int, int]) -> Facts | None:
    """Facts of a TESCAN header file; None for any other text."""
    is_header = "PixelSizeX=" in text and ("[MAIN]" in text or "[SEM]" in text)
    return from_text(text, shape) if is_header else None


def from_text(text: str, shape: tuple[int, int]) -> Facts:
    """Facts of TESCAN's text for a picture of (H, W)."""
    values: dict[str, str] = {}
    for key, value in _LINE.findall(text):
        values.setdefault(key, value.strip())
    fields = Fields(values)
    strip = fields.positive("ImageStripSize")
    size = in_nm(fields.positive_pair("PixelSizeY", "PixelSizeX"), "m")
    time = " ".join(filter(None, (fields.text("Date"), fields.text("Time"))))
    instrument = Instrument(
        maker="TESCAN",
        model=fields.text("Device", "DeviceModel"),
        accelerating_voltage_kv=kilovolts(fields.positive("HV", "AcceleratorVoltage")),
        working_distance_mm=in_unit(fields.positive("WD"), "m", "mm"),
        magnification=fields.positive("Magnification"),
        detector=fields.text("Detector", "Detector0"),
        acquired=iso_time(time, "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"),
        pixel_size_nm=size,
        field_width_nm=size[1] * shape[1] if size else None,
        data_bar_first_row=shape[0] - round(strip) if strip and strip < shape[0] else None,
    )
    return Facts(instrument=instrument, notes=tuple(fields.notes))


MAKER = Maker(name="tescan", from_tiff=from_tiff, from_sidecar=from_sidecar)
