"""Lengths and the scale of a micrograph. The only module that knows conversion factors between units."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from .errors import ScaleError

Source = Literal["metadata", "scale_bar", "user"]

NM_PER_UNIT: dict[str, float] = {
    "m": 1e9,
    "cm": 1e7,
    "mm": 1e6,
    "µm": 1e3,
    "nm": 1.0,
    "Å": 0.1,
    "pm": 1e-3,
    "inch": 2.54e7,
}
_SPELLINGS: dict[str, str] = {
    "μm": "µm",  # Greek mu for the micro sign
    "um": "µm",
    "micron": "µm",
    "microns": "µm",
    "micrometer": "µm",
    "micrometre": "µm",
    "nanometer": "nm",
    "nanometre": "nm",
    "millimeter": "mm",
    "millimetre": "mm",
    "meter": "m",
    "metre": "m",
    "angstrom": "Å",
    "a": "Å",
    "å": "Å",
    "\u212b": "Å",
    "a\u030a": "Å",
    "ang": "Å",
    "ångström": "Å",
    "ångströms": "Å",
    "angström": "Å",
    "picometer": "pm",
    "picometre": "pm",
    "picometers": "pm",
    "picometres": "pm",
    "centimeter": "cm",
    "centimetre": "cm",
    "centimeters": "cm",
    "centimetres": "cm",
    "in": "inch",
    "inches": "inch",
    "micrometers": "µm",
    "micrometres": "µm",
    "nanometers": "nm",
    "nanometres": "nm",
    "millimeters": "mm",
    "millimetres": "mm",
    "meters": "m",
    "metres": "m",
    "angstroms": "Å",
}
_LENGTH = re.compile(r"^\s*([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s/.,][^\d\s/]*)\s*$")


def unit_nm(unit: str) -> float:
    """Nanometres in one `unit` ("nm", "µm", "um", "Å", "pm", "mm", "m", "inch" ...; NCEM's "[n_m]"). ScaleError for anything else:
    reciprocal units, pixels, words."""
    name = unit.strip().strip(".").removeprefix("[").removesuffix("]").replace("_", "")
    for spelling in (name, _SPELLINGS.get(name), _SPELLINGS.get(name.lower()), name.lower()):
        if spelling in NM_PER_UNIT:
            return NM_PER_UNIT[spelling]
    raise ScaleError(f"unknown unit of length {unit!r}; use one of {', '.join(NM_PER_UNIT)}")


def parse_length(text: str) -> float:
    """A length in nm.

    Parameters
    ----------
    text : str
        A positive number and a unit: "500 nm", "0.5 µm", "1,5um", "2e-9 m".

    Raises
    ------
    ScaleError
        For anything else.

    Examples
    --------
    >>> from nanogauge import parse_length
    >>> parse_length("0.5 µm")
    500.0
    """
    found = _LENGTH.match(text)
    if not found:
        raise ScaleError(f"cannot read a length from {text!r}; write a number and a unit, such as '500 nm'")
    value = decimal(found[1]) * unit_nm(found[2])
    if not (math.isfinite(value) and value > 0):
        raise ScaleError(f"a length must be positive and finite, got {text!r}")
    return value


def decimal(number: str) -> float:
    """A written number, its comma read as a decimal sign. ScaleError for "1,000", which may be one or one thousand; ValueError
    for what is no number."""
    if re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", number):
        raise ScaleError(f"{number!r} may mean {number.replace(',', '.')} or {number.replace(',', '')}; write it without a comma")
    return float(number.replace(",", "."))


def format_length(nm: float, *, digits: int = 4) -> str:
    """A length for people: "512 nm", "1.25 µm", "3.1 mm"; `digits` significant figures."""
    if nm == 0 or not math.isfinite(nm):
        return f"{nm:g} nm"
    for unit in ("mm", "µm", "nm", "pm"):
        if abs(nm) >= NM_PER_UNIT[unit] * (0.9999999 if unit != "nm" else 0.1):
            return f"{nm / NM_PER_UNIT[unit]:.{digits}g} {unit}"
    return f"{nm / NM_PER_UNIT['pm']:.{digits}g} pm"


@dataclass(frozen=True, slots=True)
class Scale:
    """The length of a pixel.

    Attributes
    ----------
    nm_per_px : (float, float)
        Height and width of a pixel (y, x), in nm.
    relative_uncertainty : float
        Relative standard uncertainty of both.
    source : {"metadata", "scale_bar", "user"}
        Where the scale comes from.
    calibration : str
        What the instrument was calibrated with; "" where the scale is as the instrument states it.

    Raises
    ------
    ScaleError
        For a length that is not positive and finite, or an uncertainty outside [0, 1).

    Examples
    --------
    >>> from nanogauge import Scale
    >>> Scale((2.5, 2.5), 0.01, "user")
    <Scale 2.5 nm/px ± 1 %, user>
    """

    nm_per_px: tuple[float, float]
    relative_uncertainty: float
    source: Source
    calibration: str = ""

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) and v > 0 for v in self.nm_per_px):
            raise ScaleError(f"nm_per_px must be positive and finite, got {self.nm_per_px}")
        if not 0 <= self.relative_uncertainty < 1:
            raise ScaleError(f"relative_uncertainty must be in [0, 1), got {self.relative_uncertainty}")

    def __repr__(self) -> str:
        y, x = self.nm_per_px
        length = f"{x:.4g}" if self.is_square else f"{y:.4g} x {x:.4g}"
        return f"<Scale {length} nm/px ± {100 * self.relative_uncertainty:.2g} %, {self.source.replace('_', ' ')}>"

    @property
    def mean_nm_per_px(self) -> float:
        """Geometric mean of y and x: the side of a square of the pixel's area."""
        return math.sqrt(self.nm_per_px[0] * self.nm_per_px[1])

    @property
    def is_square(self) -> bool:
        """True where y and x agree to 0.1 %."""
        return abs(self.nm_per_px[0] / self.nm_per_px[1] - 1) < 1e-3


def parse_scale(text: str) -> Scale:
    """A scale as a user writes it.

    The figure is taken as exact except for its rounding: half its last printed digit.

    Parameters
    ----------
    text : str
        "2.5 nm/px", "0.4 px/nm", "500 nm / 123.5 px" or, for pixels that are not square, "2.5 x 2.6 nm/px" (y x x).

    Raises
    ------
    ScaleError
        For anything else.

    Examples
    --------
    >>> from nanogauge import parse_scale
    >>> parse_scale("500 nm / 123.5 px")
    <Scale 4.049 nm/px ± 0.023 %, user>
    """
    s = text.strip().replace("pixels", "px").replace("pixel", "px")
    wrong = ScaleError(f"cannot read a scale from {text!r}; write it as '2.5 nm/px' or '500 nm / 123.5 px'")
    number = r"((?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?)"
    if found := re.fullmatch(rf"{number}\s*[x×]\s*{number}\s*([^\d\s/]+)\s*/\s*px", s):
        unit = unit_nm(found[3])
        y, x = (decimal(v) * unit for v in (found[1], found[2]))
        return _user_scale(y, x, max(_rounding(found[1]), _rounding(found[2])), wrong)
    if found := re.fullmatch(rf"{number}\s*([^\d\s/]+)\s*/\s*(?:{number}\s*)?px", s):
        length, n = decimal(found[1]) * unit_nm(found[2]), decimal(found[3] or "1")
        if n <= 0:
            raise wrong
        return _user_scale(length / n, length / n, _rounding(found[3]) if found[3] else _rounding(found[1]), wrong)
    if found := re.fullmatch(rf"{number}\s*px\s*/\s*(?:{number}\s*)?([^\d\s/]+)", s):
        n, length = decimal(found[1]), decimal(found[2] or "1") * unit_nm(found[3])
        if n <= 0:
            raise wrong
        return _user_scale(length / n, length / n, _rounding(found[1]), wrong)
    raise wrong


ScaleLike = Scale | str | float | tuple[float, float]


def as_scale(value: ScaleLike) -> Scale:
    """The scale that a user states in any of the usual ways.

    Parameters
    ----------
    value : Scale, str, float or (float, float)
        A `Scale` as it is; text as `parse_scale` reads it; a number of nm per px; or two of them, (y, x). A number means what it
        would mean in print: 2.5 is "2.5 nm/px", and 2.0 is "2 nm/px".

    Raises
    ------
    ScaleError
        For text that is no scale, and for numbers that are not positive and finite.

    Examples
    --------
    >>> as_scale(2.5) == as_scale("2.5 nm/px")
    True
    """
    if isinstance(value, Scale):
        return value
    if isinstance(value, str):
        return parse_scale(value)
    pair = value if isinstance(value, tuple | list) else (value, value)
    try:
        y, x = (float(v) for v in pair)
    except (TypeError, ValueError):
        raise ScaleError(f"cannot read a scale from {value!r}; give nm per px, '2.5 nm/px' or a Scale") from None
    if not (math.isfinite(y) and math.isfinite(x) and y > 0 and x > 0):
        raise ScaleError(f"a scale must be positive and finite, got {value!r} nm per px")
    return Scale((y, x), max(_rounding(repr(v).removesuffix(".0")) for v in (y, x)), "user")


def _user_scale(y: float, x: float, relative: float, wrong: ScaleError) -> Scale:
    if not (0 < y < math.inf and 0 < x < math.inf):
        raise wrong
    return Scale((y, x), relative, "user")


def _rounding(number: str) -> float:
    """Relative standard uncertainty of a printed number: half its last digit over the root of three (GUM 4.3.7)."""
    mantissa = re.split("[eE]", number.replace(",", "."))[0]
    decimals = len(mantissa.split(".")[1]) if "." in mantissa else 0
    value = float(mantissa)
    if decimals == 0 or value == 0:  # a whole number is taken as meant
        return 0.0
    return min(0.5 * 10.0**-decimals / math.sqrt(3) / value, 0.5)
