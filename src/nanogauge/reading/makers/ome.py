"""OME-TIFF: `PhysicalSizeX`, `PhysicalSizeY` of the first `<Pixels>` in the ImageDescription; µm where no unit is named."""

from __future__ import annotations

from ...core.errors import ScaleError
from ...core.micrograph import Instrument
from ...core.scale import unit_nm
from ..contract import Facts, Fields, pair
from ..tags import Tags
from ..text import first, xml
from .maker import Maker


def from_tiff(tags: Tags) -> Facts | None:
    """Facts of an OME page; None where the description is no OME-XML."""
    text = tags.text(270)
    if "<OME" not in text[:2000] and ":OME" not in text[:2000]:
        return None
    root = xml(text)
    pixels = first(root, "Pixels") if root is not None else None
    if root is None or pixels is None:
        return None
    fields = Fields(dict(pixels.attrib))
    size = pair(_size_nm(fields, "PhysicalSizeY"), _size_nm(fields, "PhysicalSizeX"))
    microscope = first(root, "Microscope")
    instrument = Instrument(
        maker=microscope.get("Manufacturer") if microscope is not None else None,
        model=microscope.get("Model") if microscope is not None else None,
        pixel_size_nm=None if fields.notes else size,
    )
    return Facts(instrument=instrument, picture_width_px=fields.positive("SizeX"), notes=tuple(fields.notes))


def _size_nm(fields: Fields, key: str) -> float | None:
    value, unit = fields.positive(key), fields.text(f"{key}Unit") or "µm"
    if value is None:
        return None
    try:
        return value * unit_nm(unit)
    except ScaleError:
        fields.notes.append(f"{key} is in {unit!r}, which is no length; not used")
        return None


MAKER = Maker(name="ome", from_tiff=from_tiff)
