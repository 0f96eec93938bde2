"""FEI TIA: ser files hold the pictures, the emi file beside them what the microscope said of them.

A ser file (version 0x0210 with 32-bit, 0x0220 with 64-bit offsets) is a list of elements, each with its own calibration in metres,
stored from the lowest row up. `NAME.emi` belongs to `NAME_1.ser`, `NAME_2.ser` ..., one a detector.
"""

from __future__ import annotations

import re
import struct
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, UnreadableFile, UnsupportedFormat
from ...core.micrograph import Instrument
from ..contract import Container, Decoded, Facts, Fields, Wish, step_facts
from ..file import File
from ..pick import Offer, decoded
from ..text import decode, xml

_PICTURES, _SPECTRA = 0x4122, 0x4120
_PIXELS = {1: "<u1", 2: "<u2", 3: "<u4", 4: "<i1", 5: "<i2", 6: "<i4", 7: "<f4", 8: "<f8", 9: "<c8", 10: "<c16"}
_ELEMENT = struct.Struct("<ddiddihii")
_DAMAGE = (OSError, ValueError, KeyError, EOFError, OverflowError, struct.error)
_MOST_ELEMENTS = 10_000_000
_LARGEST_EMI = 1 << 30
_COARSEST_M = 1e-3  # of a calibration that is a length; diffraction patterns have theirs in 1/m, from about 1e6 up


def read_ser(file: File, wish: Wish) -> Decoded:
    """A picture of one ser file."""
    path = file.path
    instrument, reciprocal = _beside(path.with_name(re.sub(r"_\d+$", "", path.stem) + ".emi"))
    return _decoded(path, [_offer(file, instrument, reciprocal)], wish)


def read_emi(file: File, wish: Wish) -> Decoded:
    """A picture of the ser files that belong to an emi file."""
    path = file.path
    instrument, reciprocal = _told(file.content()) if file.size <= _LARGEST_EMI else (Instrument(), False)
    found: dict[int, Path] = {}
    for other in path.parent.iterdir():
        if numbered := re.fullmatch(re.escape(path.stem) + r"_(\d+)\.ser", other.name, re.IGNORECASE):
            found[int(numbered[1])] = other
    if not found:
        raise UnreadableFile(
            f"{path}: an emi file only describes; its pictures lie in {path.stem}_1.ser and so on, which are not beside it: "
            "copy them there, or give them"
        )
    offers, others = [], []
    with ExitStack() as files:
        for number in sorted(found):
            try:
                picture = files.enter_context(File(found[number]))
                offers.append(_offer(picture, instrument, reciprocal, detector=str(number) if len(found) > 1 else ""))
            except UnsupportedFormat as error:
                others.append(error)
        if not offers:
            raise others[0]
        return _decoded(path, offers, wish)


def _decoded(path: Path, offers: list[Offer], wish: Wish) -> Decoded:
    try:
        return decoded(path, offers, wish, name="tia")
    except InputError:
        raise
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UnreadableFile:
    reason = " ".join(str(error).split())[:100] or type(error).__name__
    return UnreadableFile(f"{path}: damaged or cut-off ser file ({reason}); copy it again from the microscope")


def _offer(file: File, instrument: Instrument, reciprocal: bool, *, detector: str = "") -> Offer:
    try:
        starts = _starts(file)
        element = _element(file, starts[0])
    except InputError:
        raise
    except _DAMAGE as error:
        raise _damaged(file.path, error) from error
    return Offer(
        shape=(element[8], element[7]),
        load=partial(_pixels, file, starts),
        facts=_facts(element, instrument, reciprocal),
        detector=detector,
        n_pages=len(starts),
    )


def _starts(file: File) -> list[int]:
    """Where the elements begin. UnsupportedFormat where they are spectra."""
    order, _, version, kind, _, _, n_valid = struct.unpack("<HHHIIII", file.head[:22])
    if order != 0x4949:
        raise ValueError("unknown byte order")
    if kind == _SPECTRA:
        raise UnsupportedFormat(
            f"{file.path}: this ser file holds spectra or line profiles, no micrograph; give the file of the picture"
        )
    if kind != _PICTURES:
        raise ValueError(f"unknown kind of data {kind:#x}")
    width = 8 if version >= 0x0220 else 4
    offset = int(file.numbers(f"<u{width}", 1, 22)[0])
    if not 0 < n_valid < _MOST_ELEMENTS:
        raise ValueError(f"{n_valid} pictures")
    return [int(v) for v in file.numbers(f"<u{width}", n_valid, offset)]


def _element(file: File, start: int) -> tuple[Any, ...]:
    element = _ELEMENT.unpack(file.numbers(np.uint8, _ELEMENT.size, start).tobytes())
    kind, width, height = element[6:]
    if kind not in _PIXELS or width < 1 or height < 1:
        raise ValueError(f"a picture of {width} x {height} px of type {kind}")
    return element


def _pixels(file: File, starts: list[int], page: int) -> NDArray[Any]:
    kind, width, height = _element(file, starts[page])[6:]
    values = file.numbers(_PIXELS[kind], (height, width), starts[page] + _ELEMENT.size)
    return values[::-1]


def _facts(element: tuple[Any, ...], instrument: Instrument, reciprocal: bool) -> Facts:
    x, y = abs(element[1]), abs(element[4])
    if reciprocal or x > _COARSEST_M:
        return step_facts(((y, "1/m"), (x, "1/m")), instrument)
    return step_facts(((y, "m"), (x, "m")), instrument)


def _beside(emi: Path) -> tuple[Instrument, bool]:
    """What `_told` gives of a neighbour; nothing where there is no such file."""
    try:
        if emi.stat().st_size > _LARGEST_EMI:
            return Instrument(), False
        return _told(emi.read_bytes())
    except OSError:
        return Instrument(), False


def _told(data: bytes) -> tuple[Instrument, bool]:
    """What an emi file says of the microscope, and whether it was in diffraction."""
    start, end = data.find(b"<ObjectInfo>"), data.find(b"</ObjectInfo>")
    root = xml(decode(data[start : end + len(b"</ObjectInfo>")])) if 0 <= start < end else None
    if root is None:
        return Instrument(), False
    fields = Fields({label: value for label, value in map(_label_and_value, root.iter("Data")) if label})
    volts = Fields({"kV": root.findtext(".//AcceleratingVoltage")}).positive("kV")
    instrument = Instrument(
        maker="FEI",
        model=re.sub(r"^Microscope ", "", fields.text("Microscope") or "") or None,
        accelerating_voltage_kv=fields.positive("High tension") or (volts / 1000 if volts else None),
        magnification=fields.positive("Magnification"),
        acquired=root.findtext(".//AcquireDate"),
    )
    return instrument, "diffraction" in (fields.text("Mode") or "").lower()


def _label_and_value(data: ElementTree.Element) -> tuple[str, str]:
    return (data.findtext("Label") or "").strip(), (data.findtext("Value") or "").strip()


SER = Container(lambda head: head[:4] == b"II\x97\x01", read_ser, (".ser",))
EMI = Container(lambda head: head[:4] == b"JK\x00\x02", read_emi, ())  # in a folder its ser files are taken, each once
