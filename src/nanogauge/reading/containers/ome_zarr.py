"""OME-Zarr (NGFF 0.4 and 0.5): a folder of chunks; the picture at full resolution and its pixel size.

Needs the package zarr (extra `formats`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ScaleError, UnreadableFile, UnsupportedFormat
from ...core.micrograph import Instrument, Part
from ...core.scale import unit_nm
from ..contract import Facts, Wish
from ..pick import part_notes, unique, which, which_page

_USUAL = Wish()


@dataclass(frozen=True, kw_only=True)
class ZarrPicture:
    """One picture (H, W) of an OME-Zarr, which `part` of it; read(y0, y1, x0, x1) gives a window of it."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    facts: Facts
    read: Callable[[int, int, int, int], NDArray[Any]]
    part: Part
    notes: tuple[str, ...]


def is_ome_zarr(path: Path) -> bool:
    """Whether this is a folder that says it holds an OME-Zarr picture."""
    return path.is_dir() and _multiscale(path) is not None


def open_picture(path: Path, wish: Wish = _USUAL) -> ZarrPicture:
    """The picture at full resolution: the first data set. Its channels are those of the axis c; all other axes are its pages.

    Raises UnreadableFile where metadata or chunks are damaged, UnsupportedFormat where zarr is not installed, NoSuchPart.
    """
    try:
        import zarr
    except ImportError:
        raise UnsupportedFormat(f'{path}: OME-Zarr needs the package zarr: pip install "nanogauge[formats]"') from None
    about = _multiscale(path)
    try:
        if about is None:
            raise ValueError("no multiscales in its metadata")
        first = about["datasets"][0]
        array: Any = zarr.open_array(str(path / str(first["path"])), mode="r")
        shape = (int(array.shape[-2]), int(array.shape[-1]))
        if min(shape) < 1 or array.ndim < 2:
            raise ValueError(f"its picture has the shape {array.shape}")
        facts = _facts(about, first, array.ndim)
    except Exception as error:  # zarr raises many types for damaged metadata
        raise UnreadableFile(f"{path}: damaged OME-Zarr ({' '.join(str(error).split())[:100]}); export it again") from error
    leading, part = _leading(path, about, tuple(int(n) for n in array.shape[:-2]), wish)

    def read(y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        try:
            window = np.asarray(array[(*leading, slice(y0, y1), slice(x0, x1))])
        except Exception as error:
            raise UnreadableFile(f"{path}: damaged chunk ({' '.join(str(error).split())[:100]}); export it again") from error
        return np.nan_to_num(window.astype(np.float32)) if window.dtype.kind == "f" else window

    notes = part_notes(part, 1, 0, word="picture", chosen=wish)
    return ZarrPicture(shape=shape, dtype=np.dtype(array.dtype), facts=facts, read=read, part=part, notes=notes)


def _leading(path: Path, about: dict[str, Any], sizes: tuple[int, ...], wish: Wish) -> tuple[tuple[int, ...], Part]:
    """The place on the axes before y and x, and what part of the file that is."""
    which(path, "detector", ("",), wish.detector, usual=0)
    axes = [a.get("name") if isinstance(a, dict) else a for a in about.get("axes") or []][: len(sizes)]
    at = axes.index("c") if "c" in axes else None
    n_channels = sizes[at] if at is not None else 1
    labels = [str(c.get("label") or "") for c in about.get("channels", [])]
    labels = labels if len(labels) == n_channels else [""] * n_channels
    channels = tuple(unique([label or str(i + 1) for i, label in enumerate(labels)])) if n_channels > 1 else ()
    channel = which(path, "channel", channels, wish.channel, usual=0)
    others = tuple(n for i, n in enumerate(sizes) if i != at)
    n_pages = int(np.prod(others, dtype=int))
    page = which_page(path, n_pages, wish.page)
    place = [int(i) for i in np.unravel_index(page, others)] if others else []
    if at is not None:
        place.insert(at, channel)
    part = Part(page=page + 1, n_pages=n_pages, channel=channels[channel] if channels else "", channels=channels)
    return tuple(place), part


def sha256_of(path: Path) -> str:
    """Of the names and bytes of all files in the folder, in order of name."""
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _multiscale(path: Path) -> dict[str, Any] | None:
    for name, keys in (("zarr.json", ("attributes", "ome")), (".zattrs", ())):
        try:
            content: Any = json.loads((path / name).read_text(encoding="utf-8"))
            for key in keys:
                content = content[key]
            first = content["multiscales"][0]
            omero = content.get("omero")
        except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
            continue
        if isinstance(first, dict):
            channels = omero.get("channels") if isinstance(omero, dict) else None
            return first | {"channels": [c for c in channels if isinstance(c, dict)] if isinstance(channels, list) else []}
    return None


def _facts(about: dict[str, Any], dataset: dict[str, Any], n_axes: int) -> Facts:
    """Pixel size from the axes' units and the scale transformations; a picture without units of length has none."""
    axes = about.get("axes") or []
    steps = np.ones(n_axes)
    stated = False
    for transformation in [*(dataset.get("coordinateTransformations") or []), *(about.get("coordinateTransformations") or [])]:
        if transformation.get("type") == "scale":
            steps = steps * np.asarray(transformation["scale"], float)
            stated = True
    units = [a.get("unit") if isinstance(a, dict) else None for a in axes][-2:]
    if not stated or len(units) < 2 or not all(units) or not np.all(np.isfinite(steps[-2:])) or not np.all(steps[-2:] > 0):
        return Facts(instrument=Instrument())
    try:
        y, x = (float(step) * unit_nm(_symbol(str(unit))) for step, unit in zip(steps[-2:], units, strict=True))
    except ScaleError:
        return Facts(instrument=Instrument(), notes=(f"axes in {units[0]!r}, which is no length; not used",))
    return Facts(instrument=Instrument(pixel_size_nm=(y, x)))


def _symbol(unit: str) -> str:
    """NGFF spells units out (UDUNITS-2)."""
    names = {"angstrom": "Å", "picometer": "pm", "nanometer": "nm", "micrometer": "µm", "millimeter": "mm", "meter": "m"}
    return names.get(unit.lower(), unit)
