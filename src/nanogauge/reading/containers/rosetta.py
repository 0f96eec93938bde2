"""Bruker BCF and Phenom ELID, through RosettaSciIO.

RosettaSciIO is GPL and an extra (`pip install "nanogauge[rosetta]"`); it is imported only here and only when such a file is read.
"""

from __future__ import annotations

import bz2
import importlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UnreadableFile, UnsupportedFormat
from ...core.micrograph import Instrument
from ..contract import Container, Decoded, Facts, Fields, Wish, step_facts
from ..file import File
from ..pick import Offer, decoded

REMEDY = 'pip install "nanogauge[rosetta]"'
_LENGTH_AXES = ({"x", "y"}, {"width", "height"}, {""})


@dataclass(frozen=True)
class _Kind:
    """One of RosettaSciIO's plugins: the words for it, the module, its options, the file suffixes it insists on."""

    title: str
    module: str
    options: Mapping[str, Any]
    required_suffixes: tuple[str, ...] = ()


def read(kind: _Kind, path: Path, wish: Wish) -> Decoded:
    """A picture of a file of that kind."""
    pictures = [s for s in _signals(kind, path) if _is_picture(s)]
    if not pictures:
        raise UnsupportedFormat(f"{path}: this {kind.title} file holds no 2-D picture (spectra only?); export one picture as TIFF")
    return decoded(path, [_offer(s) for s in pictures], wish, name=kind.module.rsplit(".", 1)[-1])


def _offer(signal: Mapping[str, Any]) -> Offer:
    data = np.asarray(signal["data"])
    fields = data.dtype.names
    if fields:  # colours
        data = np.stack([data[n] for n in fields], axis=-1)
    height, width = data.shape[-3:-1] if fields else data.shape[-2:]
    pages = data.reshape(-1, height, width, *((len(fields),) if fields else ()))
    return Offer(
        shape=(height, width),
        load=partial(_page, pages),
        facts=_facts(signal),
        detector=str(signal.get("metadata", {}).get("General", {}).get("title") or ""),
        n_pages=pages.shape[0],
        has_alpha=bool(fields) and len(fields or ()) == 4,
    )


def _page(pages: NDArray[Any], page: int) -> NDArray[Any]:
    return np.asarray(pages[page])


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
    metadata = signal.get("metadata", {})
    general = metadata.get("General", {})
    acquisition = metadata.get("Acquisition_instrument", {})
    column = acquisition.get("TEM") or acquisition.get("SEM") or {}
    fields = Fields({k: v for k, v in column.items() if not isinstance(v, Mapping)})
    instrument = Instrument(
        model=fields.text("microscope"),
        accelerating_voltage_kv=fields.positive("beam_energy"),
        working_distance_mm=fields.positive("working_distance"),
        magnification=fields.positive("magnification"),
        acquired="T".join(str(v) for v in (general.get("date"), general.get("time")) if v) or None,
    )
    y, x = ((float(a.get("scale", 0)), str(a.get("units") or "")) for a in list(signal["axes"])[-2:])
    return step_facts((y, x), instrument, tuple(fields.notes))


def _read_elid(file: File, wish: Wish) -> Decoded:
    """An ELID file, once its bzip2 stream is known to be whole: RosettaSciIO never returns from a cut-off one."""
    unpacker = bz2.BZ2Decompressor()
    try:
        file.stream.seek(0)
        while not unpacker.eof:
            chunk = file.stream.read(1 << 20)
            if not chunk:
                raise EOFError("the compressed data end too early")
            unpacker.decompress(chunk)
    except (OSError, EOFError) as error:
        raise UnreadableFile(
            f"{file.path}: damaged or cut-off Phenom ELID file ({error}); copy it again from the microscope"
        ) from error
    return read(_ELID, file.path, wish)


_BCF = _Kind("Bruker BCF", "bruker", {"select_type": "image"}, (".bcf",))
_ELID = _Kind("Phenom ELID", "phenom", {})


BCF = Container(lambda head: head.startswith(b"AAMVHFSS"), lambda file, wish: read(_BCF, file.path, wish), (".bcf",))
ELID = Container(lambda head: head.startswith(b"BZh"), _read_elid, (".elid",))
