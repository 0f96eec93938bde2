"""DigitalMicrograph, NCEM EMD, TIA, Bruker BCF and Phenom ELID, through RosettaSciIO.

RosettaSciIO is GPL and an extra (`pip install "nanogauge[formats]"`); it is imported only here and only when such a file
is read. Of several signals the first 2-D picture is used, of a stack the first slice; a note says so.
"""

from __future__ import annotations

import bz2
import importlib
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import ScaleError, UnreadableFile, UnsupportedFormat
from ...core.micrograph import Instrument
from ...core.scale import unit_nm
from .. import grey
from ..contract import Container, Decoded, Facts, Fields, kilovolts
from .raster import refuse_huge

REMEDY = 'pip install "nanogauge[formats]"'
_LENGTH_AXES = ({"x", "y"}, {"width", "height"}, {""})


@dataclass(frozen=True)
class _Kind:
    """One of RosettaSciIO's plugins: the words for it, the module, its options, the file suffixes it insists on."""

    title: str
    module: str
    options: Mapping[str, Any]
    required_suffixes: tuple[str, ...] = ()


def read(kind: _Kind, path: Path) -> Decoded:
    """First 2-D picture of a file of that kind."""
    signals = _signals(kind, path)
    pictures = [s for s in signals if _is_picture(s)]
    if not pictures:
        remedy = (
            "the pictures of an .emi lie in the .ser files beside it" if path.suffix.lower() == ".emi" else "export one picture"
        )
        raise UnreadableFile(f"{path}: this {kind.title} file holds no 2-D picture; {remedy}")
    chosen = pictures[0]
    notes: list[str] = []
    if len(pictures) > 1:
        title = chosen.get("metadata", {}).get("General", {}).get("title") or "untitled"
        notes.append(f"first of {len(pictures)} pictures used ({title})")
    data = np.asarray(chosen["data"])
    if data.dtype.names:
        data, extra = grey.flatten(np.stack([data[n] for n in data.dtype.names], axis=-1), has_alpha=len(data.dtype.names) == 4)
        notes.extend(extra)
    elif data.ndim > 2:
        notes.append(f"first of {math.prod(data.shape[:-2])} slices used")
        data = data.reshape(-1, *data.shape[-2:])[0]
    refuse_huge(path, data.shape[1], data.shape[0])
    try:
        pixels, more = grey.settled(data)
    except ValueError as error:
        raise UnsupportedFormat(f"{path}: {error}; export the picture as TIFF") from error
    facts = _facts(chosen)
    name = kind.module.rsplit(".", 1)[-1]
    return Decoded(pixels=pixels, format=name, facts=facts, notes=(*notes, *more))


def _signals(kind: _Kind, path: Path) -> list[dict[str, Any]]:
    if kind.required_suffixes and path.suffix.lower() not in kind.required_suffixes:
        raise UnsupportedFormat(f"{path}: this is a {kind.title} file; give it back its suffix {kind.required_suffixes[0]}")
    try:
        plugin = importlib.import_module(f"rsciio.{kind.module}")
    except ImportError as error:
        raise UnsupportedFormat(f"{path}: reading {kind.title} needs an extra ({error}); install it with {REMEDY}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(plugin.file_reader(str(path), **kind.options))
    except ImportError as error:
        raise UnsupportedFormat(f"{path}: reading {kind.title} needs more ({error}); install it with {REMEDY}") from error
    except Exception as error:  # a parser of damaged files may raise anything; it is chained and named, not swallowed
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UnreadableFile(f"{path}: RosettaSciIO cannot read this {kind.title} file ({reason}); export it as TIFF") from error


def _is_picture(signal: Mapping[str, Any]) -> bool:
    """A 2-D picture in x and y, or a stack of such: not a spectrum, a line scan or a spectrum image."""
    data, axes = signal["data"], list(signal.get("axes", ()))
    if data.ndim < 2 or len(axes) != data.ndim or not data.size or 1 in data.shape[-2:]:
        return False
    if data.dtype.kind not in "buif" and not data.dtype.names:
        return False
    last = axes[-2:]
    if {str(a.get("name", "")).lower() for a in last} not in _LENGTH_AXES:
        return False
    return data.ndim == 2 or not any(a.get("navigate") for a in last)


def _facts(signal: Mapping[str, Any]) -> Facts:
    notes: list[str] = []
    y, x = (_size_nm(axis, notes) for axis in list(signal["axes"])[-2:])
    metadata = signal.get("metadata", {})
    general = metadata.get("General", {})
    acquisition = metadata.get("Acquisition_instrument", {})
    column = acquisition.get("TEM") or acquisition.get("SEM") or {}
    fields = Fields({k: v for k, v in column.items() if not isinstance(v, Mapping)})
    gatan = Fields(_microscope_info(signal))
    acquired = "T".join(str(v) for v in (general.get("date"), general.get("time")) if v)
    instrument = Instrument(
        model=fields.text("microscope") or gatan.text("Name"),
        accelerating_voltage_kv=fields.positive("beam_energy") or kilovolts(gatan.positive("Voltage")),
        working_distance_mm=fields.positive("working_distance"),
        magnification=fields.positive("magnification") or gatan.positive("Indicated Magnification"),
        acquired=acquired or None,
        pixel_size_nm=(y, x) if y is not None and x is not None else None,
    )
    return Facts(instrument=instrument, notes=tuple(dict.fromkeys((*notes, *fields.notes))))


def _microscope_info(signal: Mapping[str, Any]) -> Mapping[str, Any]:
    """DigitalMicrograph's own description of the microscope; empty for other formats."""
    node: Any = signal.get("original_metadata", {})
    for name in ("ImageList", "TagGroup0", "ImageTags", "Microscope Info"):
        node = node.get(name, {}) if isinstance(node, Mapping) else {}
    return node if isinstance(node, Mapping) else {}


def _size_nm(axis: Mapping[str, Any], notes: list[str]) -> float | None:
    unit, step = str(axis.get("units") or "").strip(), abs(float(axis.get("scale", 0)))
    if unit in ("", "[]", "px", "pixel", "pixels", "points", "<undefined>"):
        return None
    try:
        return step * unit_nm(unit) if step > 0 and math.isfinite(step) else None
    except ScaleError:
        notes.append(f"pixel size in {unit!r}, which is no length; not used")
        return None


def _is_dm(head: bytes) -> bool:
    """Version 3 or 4 as a big-endian integer, and then (after the length) a byte order flag of 0 or 1."""
    if len(head) < 24 or head[:3] != bytes(3) or head[3] not in (3, 4):
        return False
    flag = head[8:12] if head[3] == 3 else head[12:16]
    return int.from_bytes(flag, "big") in (0, 1)


def _read_elid(path: Path, head: bytes) -> Decoded:
    """An ELID file, once its bzip2 stream is known to be whole: RosettaSciIO never returns from a cut-off one."""
    unpacker = bz2.BZ2Decompressor()
    try:
        with path.open("rb") as stream:
            while not unpacker.eof:
                chunk = stream.read(1 << 20)
                if not chunk:
                    raise EOFError("the compressed data end too early")
                unpacker.decompress(chunk)
    except (OSError, EOFError) as error:
        raise UnreadableFile(f"{path}: damaged or cut-off Phenom ELID file ({error}); copy it again from the microscope") from error
    return read(_ELID, path)


_DM = _Kind("DigitalMicrograph", "digitalmicrograph", {})
EMD_NCEM = _Kind("EMD", "emd", {}, (".emd", ".de5"))
_TIA = _Kind("TIA", "tia", {}, (".ser", ".emi"))
_BCF = _Kind("Bruker BCF", "bruker", {"select_type": "image"}, (".bcf",))
_ELID = _Kind("Phenom ELID", "phenom", {})


DM = Container(_is_dm, lambda path, head: read(_DM, path), (".dm3", ".dm4"))
TIA = Container(lambda head: head[:4] in (b"II\x97\x01", b"JK\x00\x02"), lambda path, head: read(_TIA, path), (".ser", ".emi"))
BCF = Container(lambda head: head.startswith(b"AAMVHFSS"), lambda path, head: read(_BCF, path), (".bcf",))
ELID = Container(lambda head: head.startswith(b"BZh"), _read_elid, (".elid",))
