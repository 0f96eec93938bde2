"""EMD (HDF5): Velox files are read here with h5py, NCEM ones through RosettaSciIO.

A Velox file holds pictures under /Data/Image/<id>: `Data` (H, W, N) and `Metadata`, JSON with `BinaryResult.PixelSize` in
`PixelUnitX`. Of several detectors the first is used, element maps last; of a stack the first slice; a note says so.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import ScaleError, UnreadableFile, UnsupportedFormat
from ...core.micrograph import Instrument
from ...core.scale import unit_nm
from .. import grey
from ..contract import Container, Decoded, Facts, Fields, kilovolts
from . import rosetta
from .raster import refuse_huge


def read(path: Path, head: bytes) -> Decoded:
    """First detector's picture of a Velox file, or whatever RosettaSciIO finds in another EMD file."""
    try:
        h5py: Any = importlib.import_module("h5py")
    except ImportError as error:
        raise UnsupportedFormat(f"{path}: reading EMD needs an extra ({error}); install it with {rosetta.REMEDY}") from error
    try:
        with h5py.File(path, "r") as file:
            images = file.get("Data/Image")
            if images is not None:
                return _velox(path, images)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UnreadableFile(f"{path}: damaged or cut-off EMD ({reason}); copy it again from the microscope") from error
    return rosetta.read(rosetta.EMD_NCEM, path)


def _velox(path: Path, images: Any) -> Decoded:
    found = [(_metadata(group), group["Data"]) for group in images.values() if "Data" in group]
    found = [(m, d) for m, d in found if d.ndim == 3 and d.size and d.dtype.kind in "uif"]
    if not found:
        raise UnreadableFile(f"{path}: this Velox file holds no 2-D picture; export one picture")
    found.sort(key=lambda item: "DetectorIndex" not in _section(item[0], "BinaryResult"))  # element maps have none
    metadata, data = found[0]
    refuse_huge(path, int(data.shape[1]), int(data.shape[0]))
    notes: list[str] = []
    detector = str(_section(metadata, "BinaryResult").get("Detector") or "unnamed")
    if len(found) > 1:
        notes.append(f"first of {len(found)} pictures used ({detector})")
    if data.shape[2] > 1:
        notes.append(f"first of {data.shape[2]} slices used")
    pixels, more = grey.settled(np.asarray(data[:, :, 0]))
    return Decoded(pixels=pixels, format="emd/velox", facts=_facts(metadata), notes=(*notes, *more))


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
    notes: list[str] = []
    y = _size_nm(fields.positive("height"), result.get("PixelUnitY"), notes)
    x = _size_nm(fields.positive("width"), result.get("PixelUnitX"), notes)
    start = Fields(_section(metadata, "Acquisition", "AcquisitionStartDatetime")).positive("DateTime")
    instrument = Instrument(
        maker="FEI",
        model=Fields(_section(metadata, "Instrument")).text("InstrumentModel", "InstrumentClass"),
        accelerating_voltage_kv=kilovolts(fields.positive("AccelerationVoltage")),
        magnification=fields.positive("NominalMagnification"),
        detector=Fields(result).text("Detector"),
        acquired=datetime.fromtimestamp(start, UTC).isoformat() if start and start < 4e9 else None,
        pixel_size_nm=(y, x) if y is not None and x is not None else None,
    )
    return Facts(instrument=instrument, notes=tuple(dict.fromkeys((*notes, *fields.notes))))


def _size_nm(size: float | None, unit: Any, notes: list[str]) -> float | None:
    if size is None or not unit:
        return None
    try:
        return size * unit_nm(str(unit))
    except ScaleError:
        notes.append(f"pixel size in {unit!r}, which is no length; not used")
        return None


EMD = Container(lambda head: head.startswith(b"\x89HDF\r\n\x1a\n"), read, (".emd",))
