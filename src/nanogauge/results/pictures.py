"""Labels as TIFF, with the pixel size where ImageJ and OME look for it; probability maps, written and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..core.scale import Scale

_FULL = 65535  # of a map, as 1


def write_labels(path: Path, labels: NDArray[np.int32], scale: Scale | None) -> None:
    """Labels (H, W) int32 as a compressed TIFF, tagged as ImageJ tags its own: pixels per nm in the resolution tags, the unit in
    the description, so that Fiji opens it calibrated. Without a scale the tags are absent."""
    tifffile.imwrite(
        path,
        np.asarray(labels, np.int32),
        compression="zlib",
        photometric="minisblack",
        metadata=None,
        **label_tags(scale, highest=int(labels.max(initial=0))),
    )


def label_tags(scale: Scale | None, *, highest: int) -> dict[str, Any]:
    """Resolution and description of a labels TIFF, as ImageJ wants them; arguments of `tifffile.imwrite`."""
    lines = ["ImageJ=1.54f", "images=1", "min=0.0", f"max={float(highest)}"]
    about: dict[str, Any] = {}
    if scale is not None:
        y, x = scale.nm_per_px
        about = {"resolution": (1 / x, 1 / y), "resolutionunit": "NONE"}
        lines += ["unit=nm", "yunit=nm", f"info=nanogauge labels, pixel size {x:.9g} x {y:.9g} nm (x x y)"]
    else:
        lines += ["info=nanogauge labels, no scale"]
    return about | {"description": "\n".join(lines) + "\n"}


def write_labels_ome(path: Path, labels: NDArray[np.int32], scale: Scale | None, *, name: str = "labels") -> None:
    """Labels (H, W) as OME-TIFF: int32, PhysicalSizeX and PhysicalSizeY in nm where there is a scale."""
    metadata: dict[str, Any] = {"axes": "YX", "Name": name}
    if scale is not None:
        y, x = scale.nm_per_px
        metadata |= {"PhysicalSizeX": x, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": y, "PhysicalSizeYUnit": "nm"}
    tifffile.imwrite(path, np.asarray(labels, np.int32), ome=True, compression="zlib", photometric="minisblack", metadata=metadata)


def write_probability(path: Path, probability: NDArray[np.floating[Any]]) -> None:
    """A probability map (H, W) in [0, 1] as compressed uint16 TIFF, in one step."""
    temporary = path.with_suffix(".tmp")
    scaled = np.asarray(np.rint(np.clip(probability, 0, 1) * _FULL), np.uint16)
    tifffile.imwrite(temporary, scaled, compression="zlib", predictor=True, photometric="minisblack", metadata=None)
    temporary.replace(path)


def read_probability(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """The map, None where it is not there or does not fit."""
    if not path.is_file():
        return None
    try:
        stored = tifffile.imread(path)
    except Exception:  # whatever the library raises on damage: the map is made again
        return None
    return None if stored.shape != shape else np.asarray(stored, np.float32) / np.float32(_FULL)
