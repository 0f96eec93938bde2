"""JEOL: `$CM_...` lines in a .txt sidecar or (IT800) in UTF-16 in the Exif MakerNote, and SightX XML for TEM.

SEM: `$CM_PIXEL_SIZE` where it has a unit, or one that fits the magnification; else `$$SM_MICRON_MARKER` (the label of the
scale bar, "100nm") over `$$SM_MICRON_BAR` (its length in px). `$CM_FULL_SIZE` is the picture without its data bar.
TEM: `PixelsPerMeter` of the camera times the magnification; only in magnifying modes, not in diffraction or STEM.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from ...core.errors import ScaleError
from ...core.micrograph import Instrument
from ...core.scale import decimal, parse_length, unit_nm
from ..contract import Facts, Fields, in_nm, in_unit, iso_time, kilovolts
from ..tags import Tags
from ..text import decode, first, first_text, local, xml
from .maker import Maker

_EXIF, _DESCRIPTION = 34665, 270
_LINE = re.compile(r"^\s*(\$+[A-Z0-9_]+)[ \t=:]+(.*?)\s*$", re.MULTILINE)
_PRINT_WIDTH_NM = 120e6  # a magnification of 1 prints the field 120 mm wide
_TOLERANCE = 0.05


def from_tiff(tags: Tags) -> Facts | None:
    """Facts of a JEOL page; None where it has neither a MakerNote with `$CM_` lines nor a TemReporter description."""
    note = tags.mapping(_EXIF).get("MakerNote")
    if isinstance(note, str):
        note = note.encode("latin-1", "replace")
    text = decode(bytes(note)) if isinstance(note, bytes | bytearray) else ""
    if "$CM_" in text:
        return _from_lines(text[text.index("$CM_") :], tags.shape)
    description = tags.text(_DESCRIPTION)
    if "<TemReporter" in description:
        root = xml(description)
        return _from_xml(root, tags.shape) if root is not None else None
    return None


def from_sidecar(text: str, shape: tuple[int, int]) -> Facts | None:
    """Facts of a JEOL .txt file; None for any other text."""
    return _from_lines(text, shape) if re.search(r"^\s*\$(CM|\$SM)_", text, re.MULTILINE) else None


def _from_lines(text: str, shape: tuple[int, int]) -> Facts:
    values: dict[str, str] = {}
    for key, value in _LINE.findall(text):
        values.setdefault(key.lstrip("$"), value)
    fields = Fields(values)
    full = re.match(r"(\d+)\s*[x*, ]\s*(\d+)", fields.text("CM_FULL_SIZE", "CM_IMAGE_SIZE") or "")
    width, height = (float(full[1]), int(full[2])) if full else (None, None)
    magnification = fields.positive("CM_MAG")
    size = _pixel_size_nm(fields, width or float(shape[1]), magnification)
    bar = height if height and height < shape[0] else None
    time = " ".join(filter(None, (fields.text("CM_DATE"), fields.text("CM_TIME"))))
    instrument = Instrument(
        maker="JEOL",
        model=fields.text("CM_INSTRUMENT"),
        accelerating_voltage_kv=fields.positive("CM_ACCEL_VOLT"),
        working_distance_mm=_working_distance_mm(fields),
        magnification=magnification,
        detector=fields.text("CM_DETECTOR_NAME", "FE_DETECTOR_NAME", "CM_SIGNAL"),
        acquired=iso_time(time, "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d"),
        pixel_size_nm=(size, size) if size else None,
        field_width_nm=size * width if size and width else None,
        data_bar_first_row=bar,
    )
    return Facts(instrument=instrument, picture_width_px=width, notes=tuple(fields.notes))


def _working_distance_mm(fields: Fields) -> float | None:
    stated = fields.quantity("SM_WD")
    if stated is None or stated[0] <= 0:
        return None
    return in_unit(stated[0], stated[1] or "mm", "mm")


def _pixel_size_nm(fields: Fields, width: float, magnification: float | None) -> float | None:
    expected = _PRINT_WIDTH_NM / magnification / width if magnification else None
    marker, n_px = fields.length_nm("SM_MICRON_MARKER"), fields.positive("SM_MICRON_BAR")
    from_bar = marker / n_px if marker and n_px else None
    stated = _stated_nm(fields, from_bar or expected)
    if stated and from_bar and abs(stated / from_bar - 1) > _TOLERANCE:
        fields.notes.append(f"$CM_PIXEL_SIZE gives {stated:.5g} nm but the scale bar {from_bar:.5g} nm per px; neither is used")
        return None
    return stated or from_bar


def _stated_nm(fields: Fields, expected: float | None) -> float | None:
    """`$CM_PIXEL_SIZE` in nm. Without a unit it is nm or µm, whichever fits the scale bar or magnification within 3 times."""
    text = fields.text("CM_PIXEL_SIZE")
    if text is None:
        return None
    first_word = re.match(r"(\d[\d.,]*(?:[eE][+-]?\d+)?)\s*([^\d\s.,;]*)", text)
    if first_word is None:
        fields.notes.append(f"$CM_PIXEL_SIZE is not a number: {text[:40]!r}")
        return None
    try:
        if first_word[2]:
            return parse_length(first_word[1] + first_word[2])
        value = decimal(first_word[1])
    except (ScaleError, ValueError) as error:
        fields.notes.append(f"$CM_PIXEL_SIZE: {error}")
        return None
    fitting = [value * unit_nm(u) for u in ("nm", "µm") if expected and 1 / 3 < value * unit_nm(u) / expected < 3]
    if not fitting:
        fields.notes.append(f"$CM_PIXEL_SIZE {text[:40]!r} has no unit and fits neither nm nor µm; not used")
    return fitting[0] if fitting else None


def _from_xml(root: Element, shape: tuple[int, int]) -> Facts:
    names = ("SelectorValue", "AccelerationVoltage", "EosMode", "ModeString", "Instruments", "DateTime")
    fields = Fields({name: first_text(root, name) for name in names})
    magnification, mode = fields.positive("SelectorValue"), fields.text("ModeString") or ""
    magnifying = fields.text("EosMode") == "eosTEM" and "MAG" in mode.upper()
    resolution = _pixels_per_metre(root, shape, fields)
    size = None
    if not magnifying:
        fields.notes.append(f"mode {mode or 'unknown'!r} is not a magnifying TEM mode; the pixel size is not derived")
    elif magnification and resolution:
        size = in_nm((1 / (resolution[0] * magnification), 1 / (resolution[1] * magnification)), "m")
    instrument = Instrument(
        maker="JEOL",
        model=fields.text("Instruments"),
        accelerating_voltage_kv=kilovolts(fields.positive("AccelerationVoltage")),
        magnification=magnification if magnifying else None,
        acquired=fields.text("DateTime"),
        pixel_size_nm=size,
    )
    return Facts(instrument=instrument, notes=tuple(fields.notes))


def _pixels_per_metre(root: Element, shape: tuple[int, int], fields: Fields) -> tuple[float, float] | None:
    """(y, x) of the description that speaks of a picture of (H, W): the camera's own one may be larger."""
    for element in root.iter():
        size, density = first(element, "ImageSize"), first(element, "PixelsPerMeter")
        if not local(element).endswith("ImageInformation") or size is None or density is None:
            continue
        facts = Fields(
            {"W": first_text(size, "Width"), "H": first_text(size, "Height")}
            | {"x": first_text(density, "Horizontal"), "y": first_text(density, "Vertical")}
        )
        x, y = facts.positive("x"), facts.positive("y")
        if x and y and facts.number("W") == shape[1] and facts.number("H") == shape[0]:
            return y, x
    fields.notes.append(f"no PixelsPerMeter for a picture of {shape[1]} x {shape[0]} px; the pixel size is not derived")
    return None


MAKER = Maker(name="jeol", from_tiff=from_tiff, from_sidecar=from_sidecar)
