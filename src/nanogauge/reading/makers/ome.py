"""OME-TIFF: `PhysicalSizeX`, `PhysicalSizeY` of the first `<Pixels>` in the ImageDescription; µm where no unit is named."""

from __future__ import annotations

from dataclasses import replace

from ...core.micrograph import Instrument
from ..contract import Facts, Fields, step_facts
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
    y, x = ((fields.positive(key), fields.text(f"{key}Unit") or "µm") for key in ("PhysicalSizeY", "PhysicalSizeX"))
    microscope = first(root, "Microscope")
    instrument = Instrument(
        maker=microscope.get("Manufacturer") if microscope is not None else None,
        model=microscope.get("Model") if microscope is not None else None,
    )
    steps = (y if y[0] is not None else x, x if x[0] is not None else y)  # one that is missing takes the other's value
    facts = step_facts(steps if not fields.notes else ((None, ""), (None, "")), instrument, tuple(fields.notes))
    return replace(facts, picture_width_px=fields.positive("SizeX"))


MAKER = Maker(name="ome", from_tiff=from_tiff)
