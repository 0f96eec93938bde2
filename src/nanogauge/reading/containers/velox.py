"""Velox emd: pictures under /Data/Image/<id>, each `Data` (H, W, N) and `Metadata`, JSON with `BinaryResult.PixelSize` in
`PixelUnitX`. Detectors come first, element maps last; a stack's slices are its pages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UnsupportedFormat
from ...core.micrograph import Instrument
from ..contract import Decoded, Facts, Fields, Wish, kilovolts, step_facts
from ..pick import Offer, decoded


def read(path: Path, images: Any, wish: Wish) -> Decoded:
    """A picture of a Velox file's /Data/Image."""
    titles = _titles(images.file)
    found = [(_metadata(group), group["Data"]) for group in images.values() if "Data" in group]
    found = [(m, d) for m, d in found if d.ndim == 3 and d.size and d.dtype.kind in "uif"]
    if not found:
        raise UnsupportedFormat(f"{path}: this Velox file holds no 2-D picture (spectra only?); give the file of the picture")
    found.sort(key=lambda item: "DetectorIndex" not in _section(item[0], "BinaryResult"))  # element maps have none
    return decoded(path, [_offer(m, d, titles) for m, d in found], wish, name="emd/velox")


def _offer(metadata: Mapping[str, Any], data: Any, titles: Mapping[str, str]) -> Offer:
    result = _section(metadata, "BinaryResult")
    detector = Fields(result).text("Detector") or ""
    of_element = titles.get(data.parent.name, "") if "DetectorIndex" not in result else ""
    return Offer(
        shape=(int(data.shape[0]), int(data.shape[1])),
        load=partial(_slice, data),
        facts=_facts(metadata),
        detector=of_element or detector,
        n_pages=int(data.shape[2]),
    )


def _titles(file: Any) -> dict[str, str]:
    """What Velox shows each picture as, an element map by its element: path of the picture -> title."""
    shown: dict[str, str] = {}
    for display in (file.get("Displays/ImageDisplay") or {}).values():
        about = _json(display)
        reference = about.get("data")
        path = _json(file.get(reference)).get("dataPath") if isinstance(reference, str) else None
        if isinstance(path, str) and about.get("title"):
            shown.setdefault(path, str(about["title"]))
    return shown


def _json(node: Any) -> Mapping[str, Any]:
    """The JSON text of a data set; empty where there is none."""
    try:
        parsed = json.loads(node[0])
    except (TypeError, ValueError, IndexError, KeyError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _slice(data: Any, page: int) -> NDArray[Any]:
    return np.asarray(data[:, :, page])


def _metadata(group: Any) -> Mapping[str, Any]:
    """The JSON of one picture's first slice; empty where there is none."""
    if "Metadata" not in group:
        return {}
    text = bytes(np.asarray(group["Metadata"][:, 0], np.uint8)).split(b"\0")[0]
    try:
        parsed = json.loads(text.decode("utf-8", "replace"))
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _section(metadata: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        inner = metadata.get(name)
        metadata = inner if isinstance(inner, dict) else {}
    return metadata


def _facts(metadata: Mapping[str, Any]) -> Facts:
    result = _section(metadata, "BinaryResult")
    fields = Fields({**_section(metadata, "Optics"), **_section(result, "PixelSize")})
    start = Fields(_section(metadata, "Acquisition", "AcquisitionStartDatetime")).positive("DateTime")
    instrument = Instrument(
        maker="FEI",
        model=Fields(_section(metadata, "Instrument")).text("InstrumentModel", "InstrumentClass"),
        accelerating_voltage_kv=kilovolts(fields.positive("AccelerationVoltage")),
        magnification=fields.positive("NominalMagnification"),
        detector=Fields(result).text("Detector"),
        acquired=datetime.fromtimestamp(start, UTC).isoformat() if start and start < 4e9 else None,
    )
    y = (fields.positive("height"), str(result.get("PixelUnitY") or ""))
    x = (fields.positive("width"), str(result.get("PixelUnitX") or ""))
    return step_facts((y, x), instrument, tuple(fields.notes))
