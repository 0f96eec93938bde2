"""HyperSpy's own files: hspy (HDF5) and zspy (Zarr) hold the same tree. `Experiments/NAME` has `data`, a group `axis-0`,
`axis-1` ... an axis of it, and the microscope under `metadata/Acquisition_instrument`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ...core.errors import InputError, UnreadableFile, UnsupportedFormat
from ...core.micrograph import Instrument
from ..contract import Decoded, Fields, Wish, step_facts
from ..pick import Offer, decoded
from .berkeley import not_a_picture, page_of, text_of


def is_hyperspy(file: Any) -> bool:
    """Whether an open HDF5 file or Zarr group is HyperSpy's."""
    return "Experiments" in file


def is_zspy(path: Path) -> bool:
    """Whether this is a folder that says it is a Zarr of HyperSpy's."""
    if not (path / "Experiments").is_dir():
        return False
    for name, keys in ((".zattrs", ()), ("zarr.json", ("attributes",))):
        try:
            content: Any = json.loads((path / name).read_text(encoding="utf-8"))
            for key in keys:
                content = content[key]
            if "hyperspy" in str(content.get("file_format", "")).lower() or "zspy" in str(content.get("file_format", "")).lower():
                return True
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return path.suffix.lower() == ".zspy"


def read_zspy(path: Path, wish: Wish) -> Decoded:
    """A picture of a zspy folder. Raises UnsupportedFormat where zarr is not installed."""
    try:
        import zarr
    except ImportError:
        raise UnsupportedFormat(f'{path}: zspy needs the package zarr: pip install "nanogauge[formats]"') from None
    try:
        return read(path, zarr.open_group(str(path), mode="r"), wish, name="zspy")
    except InputError:
        raise
    except Exception as error:  # zarr raises many types for damaged metadata
        raise UnreadableFile(f"{path}: damaged zspy ({' '.join(str(error).split())[:100]}); save it again") from error


def read(path: Path, file: Any, wish: Wish, *, name: str) -> Decoded:
    """A picture of an open file. UnsupportedFormat where it holds spectra, diffraction patterns or nothing."""
    offers, others = [], []
    for title in file["Experiments"]:
        group = file["Experiments"][title]
        if "data" not in group:
            continue
        array = group["data"]
        axes = [_axis(group, i) for i in range(array.ndim)]
        other = _not_a_picture(group, array, axes)
        if other:
            others.append(other)
        else:
            offers.append(_offer(group, array, axes, str(title).strip("_")))
    if not offers:
        what = " and ".join(dict.fromkeys(others)) or "nothing"
        raise UnsupportedFormat(f"{path}: this HyperSpy file holds {what}, no micrograph; give the file of the picture")
    return decoded(path, offers, wish, name=name)


def _not_a_picture(group: Any, array: Any, axes: list[dict[str, Any]]) -> str:
    kind = text_of(_attributes(group, "metadata/Signal").get("signal_type", ""))
    signal = [a for a in axes if not a["navigate"]]
    other = not_a_picture(array.shape, array.dtype, [a["units"] for a in axes])
    if other:
        return other
    if len(signal) < 2:
        return f"spectra ({kind})" if kind else "spectra"
    return ""


def _offer(group: Any, array: Any, axes: list[dict[str, Any]], name: str) -> Offer:
    y, x = (i for i, a in enumerate(axes) if not a["navigate"])
    column: dict[str, Any] = {}
    for kind in ("TEM", "SEM"):
        column |= _attributes(group, f"metadata/Acquisition_instrument/{kind}")
    fields = Fields({k: text_of(v) for k, v in column.items()})
    instrument = Instrument(
        model=fields.text("microscope"),
        accelerating_voltage_kv=fields.positive("beam_energy"),
        working_distance_mm=fields.positive("working_distance"),
        magnification=fields.positive("magnification"),
    )
    steps = ((axes[y]["scale"], axes[y]["units"]), (axes[x]["scale"], axes[x]["units"]))
    return Offer(
        shape=(array.shape[y], array.shape[x]),
        load=page_of(array, y, x),
        facts=step_facts(steps, instrument, tuple(fields.notes)),
        detector=name,
        n_pages=math.prod(array.shape) // (array.shape[y] * array.shape[x]),
    )


def _axis(group: Any, index: int) -> dict[str, Any]:
    about = _attributes(group, f"axis-{index}")
    scale = about.get("scale")
    try:
        step = None if scale is None else float(text_of(scale))
    except ValueError:
        step = None
    return {"scale": step, "units": text_of(about.get("units", "")), "navigate": _true(about.get("navigate", False))}


def _true(value: Any) -> bool:
    return text_of(value) in ("True", "1", "1.0")


def _attributes(group: Any, name: str) -> dict[str, Any]:
    return dict(group[name].attrs) if name in group else {}
