"""Phenom: an XML document `<FeiImage>` in a TIFF tag, or after the picture in a JPEG.

`<pixelWidth unit="um">`, `<pixelHeight>` and `<databarHeight>`.
"""

from __future__ import annotations

import re

from ...core.errors import ScaleError
from ...core.micrograph import Instrument
from ...core.scale import parse_length
from ..contract import Facts, Fields, in_unit, kilovolts, pair
from ..file import File
from ..tags import Tags
from ..text import decode, first, first_text, xml
from .maker import Maker

_TAGS = (34683, 34682, 34680, 270)
_TAIL_BYTES = 200_000


def from_tiff(tags: Tags) -> Facts | None:
    """Facts of a Phenom page; None where no tag holds an `<FeiImage>`."""
    for code in _TAGS:
        if b"<FeiImage" in tags.raw(code):
            return from_text(tags.text(code), tags.shape[0])
    return None


def from_trailer(file: File, height: int) -> Facts | None:
    """Facts of a Phenom JPEG of that height, whose XML stands at the start or the end of the file."""
    file.stream.seek(0)
    start = file.stream.read(_TAIL_BYTES)
    file.stream.seek(max(0, file.size - _TAIL_BYTES))
    end = file.stream.read()
    for part in (start, end):
        found = re.search(rb"<FeiImage.*?</FeiImage>", part, re.DOTALL)
        if found:
            return from_text(decode(found[0]), height)
    return None


def from_text(text: str, height: int) -> Facts | None:
    """Facts of an `<FeiImage>` document for a picture of that height; None where the XML is malformed."""
    root = xml(text)
    if root is None:
        return None
    fields = Fields({n: first_text(root, n) for n in ("databarHeight", "accelerationVoltage", "workingDistance", "magnification")})
    notes: list[str] = []
    sizes: list[float | None] = []
    for name in ("pixelHeight", "pixelWidth"):
        element = first(root, name)
        value = None
        if element is not None and element.text:
            try:
                value = parse_length(f"{element.text.strip()} {element.get('unit', '')}")
            except ScaleError as error:
                notes.append(f"{name}: {error}")
        sizes.append(value)
    bar = fields.positive("databarHeight")
    wd = first(root, "workingDistance")
    instrument = Instrument(
        maker="Phenom",
        model=first_text(root, "type") or None,
        accelerating_voltage_kv=kilovolts(abs(fields.number("accelerationVoltage") or 0) or None),
        working_distance_mm=in_unit(fields.positive("workingDistance"), (wd.get("unit") or "") if wd is not None else "", "mm"),
        magnification=fields.positive("magnification"),
        pixel_size_nm=None if notes else pair(sizes[0], sizes[1]),
        data_bar_first_row=height - round(bar) if bar and bar < height else None,
    )
    return Facts(instrument=instrument, notes=(*notes, *fields.notes))


MAKER = Maker(name="phenom", from_tiff=from_tiff)
