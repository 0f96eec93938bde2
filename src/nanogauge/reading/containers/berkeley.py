"""Berkeley (NCEM) emd: groups marked `emd_group_type`, each with `data` and a vector `dim1`, `dim2` ... (or `dim0` ...) an axis,
whose attributes are its name and unit."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ScaleError, UnsupportedFormat
from ...core.micrograph import Instrument
from ...core.scale import unit_nm
from ..contract import Decoded, Fields, Wish, is_reciprocal, step_facts
from ..pick import Offer, decoded

_ENERGY = ("ev", "kev", "[ev]", "[kev]", "e_v")


def groups(file: Any) -> list[Any]:
    """The groups of an HDF5 file that hold an array of this kind."""
    found: list[Any] = []

    def look(_: str, node: Any) -> None:
        if "emd_group_type" in node.attrs and hasattr(node, "keys") and "data" in node:
            found.append(node)

    file.visititems(look)
    return found


def read(path: Path, found: list[Any], wish: Wish) -> Decoded:
    """A picture of those groups. UnsupportedFormat where none is one."""
    microscope = found[0].file.get("microscope")
    fields = Fields({} if microscope is None else {k: text_of(v) for k, v in microscope.attrs.items()})
    about = Instrument(model=fields.text("name"), accelerating_voltage_kv=_kilovolts(fields))
    offers, others = [], []
    for group in found:
        array = group["data"]
        first = 1 if f"dim{array.ndim}" in group else 0
        axes = [_axis(group.get(f"dim{first + i}")) for i in range(array.ndim)]
        other = not_a_picture(array.shape, array.dtype, [unit for _, unit in axes])
        if other:
            others.append(other)
        else:
            offers.append(_offer(array, axes, about, group.name.rsplit("/", 1)[-1].strip("_")))
    if not offers:
        raise UnsupportedFormat(
            f"{path}: this EMD file holds {' and '.join(dict.fromkeys(others))}, no micrograph; give the file of the picture"
        )
    return decoded(path, offers, wish, name="emd/berkeley")


def not_a_picture(shape: tuple[int, ...], dtype: np.dtype[Any], units: list[str]) -> str:
    """What an array of these axes is that is no micrograph; "" where it is one."""
    if any(u.strip().lower() in _ENERGY for u in units):
        return "a spectrum" if len([n for n in shape if n > 1]) < 2 else "a spectrum image"
    if len(shape) < 2 or len([n for n in shape if n > 1]) < 2:
        return "a line profile"
    if len(shape) > 3 and any(map(is_reciprocal, units)):
        return "diffraction patterns (4D-STEM)"
    if dtype.kind not in "buif":
        return "complex numbers" if dtype.kind == "c" else f"an array of {dtype}"
    return ""


def _offer(array: Any, axes: list[tuple[float | None, str]], about: Instrument, name: str) -> Offer:
    y, x = picture_axes([unit for _, unit in axes])
    return Offer(
        shape=(array.shape[y], array.shape[x]),
        load=page_of(array, y, x),
        facts=step_facts((axes[y], axes[x]), about),
        detector=name,
        n_pages=math.prod(array.shape) // (array.shape[y] * array.shape[x]),
    )


def picture_axes(units: list[str]) -> tuple[int, int]:
    """Which two axes are y and x: the last two, but the first two where only these are lengths (a stack with its pages last)."""
    n = len(units)
    lengths = [i for i, u in enumerate(units) if _is_length(u)]
    return (0, 1) if n > 2 and lengths == [0, 1] else (n - 2, n - 1)


def page_of(array: Any, y: int, x: int) -> Callable[[int], NDArray[Any]]:
    """page -> (H, W) of an array that is read from the file piece by piece."""
    return partial(_page, array, y, x)


def _page(array: Any, y: int, x: int, page: int) -> NDArray[Any]:
    others = [n for i, n in enumerate(array.shape) if i not in (y, x)]
    places = iter(np.unravel_index(page, others) if others else ())
    window = tuple(slice(None) if i in (y, x) else int(next(places)) for i in range(array.ndim))
    return np.asarray(array[window])


def _axis(dim: Any) -> tuple[float | None, str]:
    if dim is None:
        return None, ""
    values = np.asarray(dim[...], np.float64).ravel()
    step = float(values[-1] - values[0]) / (values.size - 1) if values.size > 1 else None
    return step, text_of(dim.attrs.get("units", ""))


def text_of(value: Any) -> str:
    """Text of an attribute, however it was written."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _kilovolts(fields: Fields) -> float | None:
    volts = fields.positive("voltage")
    return None if volts is None else volts / 1000 if volts >= 1000 else volts


def _is_length(unit: str) -> bool:
    try:
        return unit_nm(unit) > 0
    except ScaleError:
        return False
