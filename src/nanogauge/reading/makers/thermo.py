"""Thermo Fisher (FEI): INI text in TIFF tags 34680 (older) and 34682.

The pixel size is `[Scan] PixelWidth`, `PixelHeight` in metres. A Nav-Cam photograph and some older pictures have none:
there it is the beam's field of view (`HFW`, `VFW`) over `[Image] ResolutionX`, `ResolutionY`. Some tags carry neither.
The data bar, where there is one, lies below the `ResolutionY` rows of the picture.
"""

from __future__ import annotations

from ...core.micrograph import Instrument
from ..contract import Facts, Fields, in_nm, in_unit, iso_time, kilovolts
from ..tags import Tags
from ..text import ini
from .maker import Maker

_TAGS = (34682, 34680)
_TOLERANCE = 0.05


def from_tiff(tags: Tags) -> Facts | None:
    """Facts of an FEI page; None where it has neither tag."""
    text = next((t for t in (tags.text(code) for code in _TAGS) if "=" in t), "")
    return from_text(text, tags.shape) if text else None


def from_text(text: str, shape: tuple[int, int]) -> Facts:
    """Facts of FEI's INI text for a picture of (H, W)."""
    fields = Fields(ini(text))
    beam = fields.text("Beam/Beam") or next((b for b in ("EBeam", "IBeam", "IRBeam") if f"{b}/HFW" in fields.values), "EBeam")
    width, height = fields.positive("Image/ResolutionX"), fields.positive("Image/ResolutionY")
    field_width = fields.positive("Scan/HorFieldsize", f"{beam}/HFW")
    size = _pixel_size_m(fields, beam, width, height)
    bar_height = fields.positive("PrivateFei/DatabarHeight")
    bar = round(height) if height and bar_height and round(height + bar_height) == shape[0] else None
    instrument = Instrument(
        maker="FEI",
        model=fields.text("System/SystemType", "System/Type"),
        accelerating_voltage_kv=kilovolts(fields.positive(f"{beam}/HV", "Beam/HV")),
        working_distance_mm=in_unit(
            fields.positive(f"{beam}/WD", "Stage/WorkingDistance") if beam != "IRBeam" else None, "m", "mm"
        ),
        detector=fields.text("Detectors/Name"),
        acquired=iso_time(fields.text("PrivateFei/TimeOfCreation"), "%d.%m.%Y %H:%M:%S")
        or " ".join(filter(None, (fields.text("User/Date"), fields.text("User/Time"))))
        or None,
        pixel_size_nm=in_nm(size, "m"),
        field_width_nm=in_unit(field_width, "m", "nm"),
        data_bar_first_row=bar,
    )
    return Facts(instrument=instrument, picture_width_px=width, notes=tuple(fields.notes))


def _pixel_size_m(fields: Fields, beam: str, width: float | None, height: float | None) -> tuple[float, float] | None:
    """(y, x) in metres, None where it is not stated, malformed or contradicts the field of view."""
    if fields.text("Scan/PixelWidth", "Scan/PixelHeight") is None:
        field = fields.positive_pair(f"{beam}/VFW", f"{beam}/HFW")
        if field is None or not width:
            return None
        x = field[1] / width
        return (field[0] / height if height and fields.positive(f"{beam}/VFW") else x), x
    size = fields.positive_pair("Scan/PixelHeight", "Scan/PixelWidth")
    field_width = fields.positive("Scan/HorFieldsize")
    if size and width and field_width and abs(size[1] * width / field_width - 1) > _TOLERANCE:
        fields.notes.append(f"PixelWidth {size[1]:g} m times {width:g} px is not the field of {field_width:g} m; neither is used")
        return None
    return size


MAKER = Maker(name="thermo", from_tiff=from_tiff)
