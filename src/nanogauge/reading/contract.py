"""What a format module hands over, and the one place where metadata turn into a `Scale`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ScaleError, UnsupportedFormat
from ..core.micrograph import Instrument, Part
from ..core.scale import Scale, decimal, parse_length, unit_nm
from .file import File

METADATA_RELATIVE_UNCERTAINTY = 0.02
"""One standard uncertainty of a scale that an instrument states.

Makers specify the magnification of an SEM to within about 2 to 3 % after service, and of a TEM to within a few per cent;
2 % is taken for all of them. A microscope calibrated with a reference grating is better than that: a user who knows
gives the scale, with its uncertainty, by hand.
"""

SMALLEST_NM_PER_PX, LARGEST_NM_PER_PX = 1e-4, 1e7  # 0.1 pm to 10 mm: outside of it a figure is a mistake

Picture = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What one maker's metadata say, before they are held against the picture.

    instrument: as stated; its `pixel_size_nm` is (y, x)
    picture_width_px: width of the picture that `pixel_size_nm` speaks of, None where the metadata do not say
    notes: what was malformed or had to be decided
    reciprocal: the unit of a pixel that is no length but one over a length, "" where it is not so
    """

    instrument: Instrument
    picture_width_px: float | None = None
    notes: tuple[str, ...] = ()
    reciprocal: str = ""


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """One picture out of a file: pixels (H, W), format name, the maker's facts if any, notes; part and hint as in `Micrograph`."""

    pixels: Picture
    format: str
    facts: Facts | None = None
    notes: tuple[str, ...] = ()
    part: Part = field(default_factory=Part)
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Which of a file's pictures is wanted: a page from 1 (0: the usual one), a detector, a channel (by name or number; "": the
    usual one)."""

    page: int = 0
    detector: str = ""
    channel: str = ""


@dataclass(frozen=True)
class Container:
    """A kind of file, known by its first bytes. `read` may raise UnreadableFile, UnsupportedFormat or NoSuchPart."""

    matches: Callable[[bytes], bool]
    read: Callable[[File, Wish], Decoded]
    suffixes: tuple[str, ...]


MAX_PIXELS = 1_000_000_000


def refuse_huge(path: Path, width: int, height: int) -> None:
    """UnsupportedFormat for a picture of more than a thousand million pixels."""
    if width * height > MAX_PIXELS:
        raise UnsupportedFormat(
            f"{path}: {width} x {height} px is more than {MAX_PIXELS / 1e9:g} gigapixel; crop it or export it at a smaller size"
        )


def refuse_reciprocal(path: Path, facts: Facts | None) -> None:
    """UnsupportedFormat for a picture whose pixels are no lengths but reciprocal ones."""
    if facts is not None and facts.reciprocal:
        raise UnsupportedFormat(
            f"{path}: a diffraction pattern or a Fourier transform, its pixels are in {facts.reciprocal}; give a micrograph"
        )


def calibrate(facts: Facts | None, shape: tuple[int, int]) -> tuple[Instrument, Scale | None, tuple[str, ...]]:
    """Facts held against the picture's (H, W): the instrument, the scale or None, notes.

    Where the metadata speak of a picture of another width, the picture was resized or cropped after acquisition and
    nobody knows which: the pixel size is dropped, with a note, and the scale bar has to do.
    """
    if facts is None:
        return Instrument(), None, ()
    instrument, notes = facts.instrument, list(facts.notes)
    size = instrument.pixel_size_nm
    if size is not None:
        width, told = shape[1], facts.picture_width_px
        if told is not None and abs(told - width) > 0.5:
            notes.append(
                f"the metadata's pixel size ({size[1]:.6g} nm) holds for a picture {told:g} px wide, this one has {width} px: "
                "resized or cropped after acquisition; pixel size not used"
            )
            size = None
        elif not all(math.isfinite(v) and SMALLEST_NM_PER_PX <= v <= LARGEST_NM_PER_PX for v in size):
            notes.append(f"the metadata's pixel size of {size[1]:.6g} nm is not plausible; not used")
            size = None
        elif not 0.5 < size[0] / size[1] < 2:
            notes.append(f"the metadata's pixel is {size[0]:.6g} nm high but {size[1]:.6g} nm wide; not used")
            size = None
    bar = instrument.data_bar_first_row
    instrument = replace(instrument, pixel_size_nm=size, data_bar_first_row=bar if bar and 0 < bar < shape[0] else None)
    scale = Scale(size, METADATA_RELATIVE_UNCERTAINTY, "metadata") if size else None
    return instrument, scale, tuple(notes)


@dataclass
class Fields:
    """Read-only view of a maker's key = value pairs that turns them into numbers, or into None and a note."""

    values: Mapping[str, Any]
    notes: list[str] = field(default_factory=list)

    def text(self, *keys: str) -> str | None:
        """First non-empty value among `keys`, stripped; None where there is none."""
        for key in keys:
            value = self.values.get(key)
            if value is not None and str(value).strip():
                return str(value).strip()
        return None

    def number(self, *keys: str) -> float | None:
        """First non-empty value among `keys` as a finite number; None where absent, None and a note where malformed."""
        text = self.text(*keys)
        return None if text is None else self._finite(text, keys[0])

    def positive(self, *keys: str) -> float | None:
        """As `number`, but zero means "not stated" and a negative value is malformed."""
        value = self.number(*keys)
        if value is None or value == 0:
            return None
        if value < 0:
            self.notes.append(f"{keys[0]} is negative ({value:g}); not used")
            return None
        return value

    def positive_pair(self, y_key: str, x_key: str) -> tuple[float, float] | None:
        """(y, x) of two lengths; one that is absent or zero takes the other's value, a malformed one makes both None."""
        n_notes = len(self.notes)
        y, x = self.positive(y_key), self.positive(x_key)
        return pair(y, x) if len(self.notes) == n_notes else None

    def quantity(self, key: str) -> tuple[float, str] | None:
        """Number and unit of "15000 Volt", "8100 um", "50.00 K X" (as (50000, "X")); the unit may be empty."""
        text = self.text(key)
        if text is None:
            return None
        found = re.fullmatch(r"([+-]?[\d.,]+(?:[eE][+-]?\d+)?)\s*(\D*)", text)
        value = self._finite(found[1] if found else text, key)
        if value is None or found is None:
            return None
        unit = found[2].strip()
        if re.fullmatch(r"K\s*X", unit):
            return value * 1000, "X"
        return value, unit

    def length_nm(self, key: str) -> float | None:
        """Length in nm of "5.825 nm", "2.6 µm"; None where absent or zero, None and a note where malformed."""
        text = self.text(key)
        if text is None or re.match(r"[+-]?0*(?:[.,]0*)?\s*[^\d.,]*$", text):
            return None
        try:
            return parse_length(text)
        except ScaleError as error:
            self.notes.append(f"{key}: {error}")
            return None

    def _finite(self, text: str, key: str) -> float | None:
        try:
            value = decimal(text)  # programs write numbers as the computer's language has them
        except ScaleError as error:
            self.notes.append(f"{key}: {error}")
            return None
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            return value
        self.notes.append(f"{key} is not a number: {text[:40]!r}")
        return None


def step_facts(steps: tuple[Step, Step], instrument: Instrument, notes: tuple[str, ...] = ()) -> Facts:
    """Facts of a picture whose pixel is (y, x) so many units long. A unit that is none ("", "px") or an unknown one gives no
    pixel size, a reciprocal one (1/nm) makes the picture a diffraction pattern."""
    reciprocal = next((unit for _, unit in steps if is_reciprocal(unit)), "")
    said = list(notes)
    y, x = (None, None) if reciprocal else (_length_nm(step, unit, said) for step, unit in steps)
    size = (y, x) if y is not None and x is not None else None
    return Facts(instrument=replace(instrument, pixel_size_nm=size), notes=tuple(dict.fromkeys(said)), reciprocal=reciprocal)


Step = tuple[float | None, str]
_NO_UNIT = ("", "[]", "px", "pixel", "pixels", "points", "<undefined>", "undefined", "t.undefined", "_none_", "none")


def is_reciprocal(unit: str) -> bool:
    """Whether a unit is one over a length, or an angle: "1/nm", "nm^-1", "1 / m", "mrad"."""
    name = (
        unit.strip()
        .strip("[]")
        .replace(" ", "")
        .replace("_", "")
        .replace("⁻¹", "-1")
        .replace("^", "")
        .replace("{", "")
        .replace("}", "")
    )
    if name.lower() in ("mrad", "rad", "a-1", "å-1"):
        return True
    over = name[2:] if name.startswith("1/") else name[:-2] if name.endswith("-1") else ""
    try:
        return bool(over) and unit_nm(over) > 0
    except ScaleError:
        return False


def _length_nm(step: float | None, unit: str, notes: list[str]) -> float | None:
    if unit.strip().lower() in _NO_UNIT or step is None or not math.isfinite(step) or step == 0:
        return None
    try:
        return abs(step) * unit_nm(unit)
    except ScaleError:
        notes.append(f"pixel size in {unit[:20]!r}, which is no length; not used")
        return None


def in_unit(length: float | None, unit: str, wanted: str) -> float | None:
    """A length converted from `unit` to `wanted`; None stays None and an unknown unit gives None."""
    if length is None:
        return None
    try:
        return length * unit_nm(unit) / unit_nm(wanted)
    except ScaleError:
        return None


def in_nm(size: tuple[float, float] | None, unit: str) -> tuple[float, float] | None:
    """A (y, x) pixel size in `unit` as nm; None stays None."""
    return None if size is None else (size[0] * unit_nm(unit), size[1] * unit_nm(unit))


def kilovolts(volts: float | None) -> float | None:
    """Volts as kilovolts; None stays None."""
    return None if volts is None else volts / 1000


def pair(y: float | None, x: float | None) -> tuple[float, float] | None:
    """(y, x) where at least one is known (a missing one takes the other's value), else None."""
    if x is None and y is None:
        return None
    first = x if x is not None else y
    assumed = first if first is not None else math.nan
    return (assumed if y is None else y, assumed if x is None else x)


def iso_time(text: str | None, *forms: str) -> str | None:
    """ISO 8601 of `text` in the first strptime form that fits; as written where none does."""
    if not text:
        return None
    for form in forms:
        try:
            return datetime.strptime(text, form).isoformat()
        except ValueError:
            continue
    return text


def as_uint8(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values already within 0 to 255, rounded."""
    return np.asarray(np.rint(values), np.uint8)
