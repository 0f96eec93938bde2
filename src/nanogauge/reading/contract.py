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

from ..core.errors import ScaleError
from ..core.micrograph import Instrument
from ..core.scale import Scale, decimal, parse_length, unit_nm

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
    """

    instrument: Instrument
    picture_width_px: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """One picture out of a file: pixels (H, W), format name, the maker's facts if any, notes; hint as in `Micrograph`."""

    pixels: Picture
    format: str
    facts: Facts | None = None
    notes: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True)
class Container:
    """A kind of file, known by its first bytes. `read` may raise UnreadableFile or UnsupportedFormat."""

    matches: Callable[[bytes], bool]
    read: Callable[[Path, bytes], Decoded]
    suffixes: tuple[str, ...]


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
