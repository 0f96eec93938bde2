"""Whatever a notebook holds a picture in -> Micrograph."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InputError, UnreadableFile
from ...core.micrograph import Micrograph
from ...core.settings import ReadSettings
from ...reading import read_micrograph
from ...reading.containers.ome_zarr import is_ome_zarr
from ...reading.grey import flatten, settled

Source = str | Path | Micrograph | Any
"""A path, a `Micrograph`, or anything NumPy makes an array of: ndarray, Pillow image, xarray or dask array, tensor."""


def micrograph_of(source: Source, *, name: str | None = None, read: ReadSettings | None = None) -> Micrograph:
    """A Micrograph of a path, an array or a Pillow image.

    source: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of any real type where it is an array; colours turn grey by luminance
    read: which picture of a file

    Raises InputError where it is no picture.
    """
    if isinstance(source, Micrograph):
        return source
    if isinstance(source, str | Path):
        return read_micrograph(file_of(source), **asdict(read or ReadSettings()))
    name = name or "array"
    pixels = _array(source)
    notes: tuple[str, ...] = ()
    if pixels.size == 0 or pixels.dtype.kind not in "buif":
        raise InputError(f"{name}: {_seen(pixels)}; give grey levels, (H, W), or colours, (H, W, 3)")
    if pixels.ndim == 3 and pixels.shape[-1] in (1, 3, 4):
        if pixels.dtype == np.bool_:
            pixels = pixels.astype(np.uint8) * np.uint8(255)
        pixels, notes = flatten(pixels, has_alpha=pixels.shape[-1] == 4)
    if pixels.ndim != 2:
        hint = (
            " give a stack's planes one by one, such as measure_many(list(stack))"
            if pixels.ndim > 2
            else " give (H, W) or (H, W, 3)"
        )
        raise InputError(f"{name}: {_seen(pixels)} is not one picture;{hint}")
    try:
        grey, more = settled(pixels)
    except ValueError as error:
        raise InputError(f"{name}: {error}; give a picture with grey levels in it") from None
    return Micrograph(pixels=grey, name=name, notes=(*notes, *more))


def file_of(source: str | Path) -> Path:
    """The path of one picture. Raises UnreadableFile for a folder, saying what takes one."""
    path = Path(source).expanduser()
    if path.is_dir() and not is_ome_zarr(path):
        raise UnreadableFile(f"{path}: this is a folder; nanogauge.measure_many takes folders, nanogauge.load reads results")
    return path


def _array(source: Any) -> np.ndarray[Any, Any]:
    if getattr(source, "mode", None) == "P" and hasattr(source, "convert"):  # a Pillow image of palette indices
        source = source.convert("RGBA" if "transparency" in source.info else "RGB")
    if np.ma.is_masked(source):
        return np.asarray(np.ma.filled(np.ma.asarray(source, np.float64), np.nan))
    try:
        return np.asarray(source)
    except (TypeError, ValueError) as error:
        raise InputError(f"cannot make a picture of {type(source).__name__} ({error}); give a path or an array") from None


def _seen(pixels: np.ndarray[Any, Any]) -> str:
    return f"an array of {pixels.dtype} of shape {pixels.shape}"
