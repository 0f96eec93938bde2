"""Lengths in read text: "500 nm", "2.00um", "1,00 µm". OCR confusions are resolved only where one reading makes a bar label."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ...core.protocols import TextLine
from ...core.scale import parse_length, unit_nm

# Mantissas that microscopes and authors put on scale bars.
_COMMON = (1.0, 1.2, 1.25, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 7.5, 8.0, 9.0)
_RANGE_NM = (0.05, 1e7)  # half an ångström to a centimetre

# What the reader makes of a unit -> the unit, and how sure that is.
_UNITS: dict[str, tuple[str, float]] = {
    "nm": ("nm", 1.0),
    "µm": ("µm", 1.0),
    "um": ("µm", 1.0),
    "mm": ("mm", 0.95),
    "cm": ("cm", 0.6),
    "Å": ("Å", 0.95),
    "Nm": ("nm", 0.95),
    "NM": ("nm", 0.95),
    "nM": ("nm", 0.95),
    "UM": ("µm", 0.95),
    "Um": ("µm", 0.95),
    "uM": ("µm", 0.95),
    "nrn": ("nm", 0.9),
    "nn": ("nm", 0.8),
    "rnm": ("nm", 0.8),
    "rm": ("nm", 0.75),
    "hm": ("nm", 0.0),  # h is as near to n as to µ: refused
    "pm": ("µm", 0.85),
    "ym": ("µm", 0.85),
    "jm": ("µm", 0.85),
    "Hm": ("µm", 0.8),
    "μm": ("µm", 1.0),
    "µn": ("µm", 0.85),
    "vm": ("µm", 0.7),
    "ųm": ("µm", 0.9),
    "цm": ("µm", 0.9),
    "micron": ("µm", 1.0),
    "microns": ("µm", 1.0),
}
_DIGITS = str.maketrans({"l": "1", "I": "1", "|": "1", "i": "1", "!": "1", "O": "0", "o": "0", "Q": "0", "D": "0"})
_UNIT_PATTERN = "|".join(sorted(_UNITS, key=len, reverse=True))
_LENGTH = re.compile(
    rf"(?<![\w.,])(?P<number>[\dlI|i!OoQD]*[.,]?[\dlI|i!OoQD]+|[\dlI|i!OoQD]+[.,])\s?(?P<unit>{_UNIT_PATTERN})"
    r"(?![\w²³⁻]|\s*-\s*1|\s*/|\^)"
)
# A bar split by its text: what the reader makes of the halves and their end ticks, "T2 µm1", "+ 200 nm 4", "–2 µm–".
_BETWEEN_HALVES = re.compile(
    rf"^(?P<before>[TFHKEt+|I\[⊢├<←>]?)\s?(?P<number>\d*[.,]?\d+)\s?(?P<unit>{_UNIT_PATTERN})\s?(?P<after>[Il1|T4H\]\-–—_+>→]?)$"
)
# Hitachi's narrow letters: "50.0um" is read as "50.00m". Its labels have three figures, and no bar is 50 metres long.
_NARROW_U = re.compile(r"^(\d\.\d\d|\d\d\.\d)[0Oo]m$")
_RECIPROCAL = re.compile(r"1\s*/\s*[nµu]m|[nµu]m\s*([-–−]\s*[1¹]|⁻)|[nµu]m\s*/\s*(px|pix|div)", re.IGNORECASE)
_FRACTION = re.compile(rf"(?:\d\s*[/⁄]\s*\d[\d.,]*|[½⅓¼⅕¾⅔])\s?(?:{_UNIT_PATTERN})")  # "1/2 µm", which is not 2 µm
# Words before a length that say it is no bar label: working distance, field width, field of view ...
_OTHER = re.compile(
    r"(?<![A-Za-z\d])(WD|W\.?D|HFW|HFOV|VFW|FOV|FW|field|width|view|depth|diam\w*|pixel\w*|px|size|dist\w*|D|Z|X|Y)\s*[:=]?\s*$|[=:±]\s*$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class LengthText:
    """A length read in a line of text.

    value_nm: what it says; text: normalised, "500 nm"; raw: the reader's characters; box: (y0, x0, y1, x1) px of the length
    alone, half-open; confidence: the reader's, lowered for every confusion resolved; alone: the line holds nothing else;
    between_halves: the line holds remains of a bar on both sides of the text, so only a split bar can be its bar; doubt: why the
    value may not be used by itself, "" where it may
    """

    value_nm: float
    text: str
    raw: str
    box: tuple[float, float, float, float]
    confidence: float
    alone: bool
    between_halves: bool = False
    doubt: str = ""

    def says(self, other: LengthText) -> bool:
        """Whether both are the same length."""
        return math.isclose(self.value_nm, other.value_nm, rel_tol=1e-6)


def parse_lengths(line: TextLine) -> list[LengthText]:
    """Every length of `line` that could label a bar; [] for magnifications, voltages, WD, field widths, reciprocal lengths."""
    text = _normalise(line.text)
    if _RECIPROCAL.search(text) or _FRACTION.search(text):
        return []
    found = []
    if (narrow := _NARROW_U.match(text)) and (value := _value(narrow[1], "um")) is not None:
        return [LengthText(value[0], value[1], line.text, line.box, 0.8 * line.confidence, True)]
    if (match := _BETWEEN_HALVES.match(text)) and (match["before"] or match["after"]):
        number, unit = match["number"], match["unit"]
        value = _value(number, unit)
        if value is not None:
            both = bool(match["before"] and match["after"])
            sure = line.confidence * value[2] * 0.95
            return [LengthText(value[0], value[1], line.text, line.box, sure, True, both, _doubt(unit, value[1]))]
    for match in _LENGTH.finditer(text):
        before = text[: match.start()]
        if _OTHER.search(before.rstrip()) and before.strip():
            continue
        value = _value(match["number"], match["unit"])
        if value is None:
            continue
        if value[1].endswith(("mm", "cm")) and before.strip():
            continue  # a working distance whose name was misread
        rest = re.sub(r"[\s\-–—_|~=.,:;'\"<>«»←→↔\[\]()/\\]", "", before + text[match.end() :])
        found.append(
            LengthText(
                value_nm=value[0],
                text=value[1],
                raw=line.text,
                box=_part(line.box, match.start(), match.end(), len(text)),
                confidence=line.confidence * value[2],
                alone=len(rest) <= 1,
                doubt=_doubt(match["unit"], value[1]),
            )
        )
    return found


def _doubt(raw_unit: str, text: str) -> str:
    """What is to be said against a unit: picometres are a misread µm as a rule, but atoms are imaged with such bars too; an m is a
    misread n where the bar would be longer than any specimen, or a misread µ."""
    if raw_unit == "mm" and text.endswith("nm"):
        return f"the unit was read as {raw_unit!r}, which no bar is that long in"
    return f"the unit was read as {raw_unit!r}, which may be µm or pm" if raw_unit == "pm" else ""


def _value(raw_number: str, raw_unit: str) -> tuple[float, str, float] | None:
    """Value in nm, text and sureness of a number and a unit; None unless together they could label a bar."""
    number, sure = _number(raw_number)
    unit, unit_sure = _UNITS[raw_unit]
    if number is None or sure * unit_sure == 0:
        return None
    value_nm = parse_length(f"{number} {unit}")
    if unit == "mm" and value_nm > _RANGE_NM[1]:
        unit, unit_sure = "nm", 0.7
        value_nm = parse_length(f"{number} {unit}")
    if not is_common(value_nm / unit_nm(unit)) or not _RANGE_NM[0] <= value_nm <= _RANGE_NM[1]:
        return None
    return value_nm, f"{number} {unit}", sure * unit_sure


def is_reciprocal(text: str) -> bool:
    """Whether a read line holds one over a length, "5 nm⁻¹", as bars of diffraction patterns do."""
    return _RECIPROCAL.search(_normalise(text)) is not None


def thousands_doubt(text: str) -> str:
    """What is to be said against a label, as normalised, whose point may part thousands: "1,000 nm" is a thousand for most writers,
    "1.000 nm" for those who write decimals with a comma, and readers do not tell the two signs apart for sure. "" for any other."""
    number, unit = text.split()
    if not re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", number):
        return ""
    return f"the label may mean {float(number):g} {unit} or {number.replace('.', '')} {unit}"


def label_rounding(text: str) -> float:
    """Relative standard uncertainty of a label's value, as normalised ("1.2 µm").

    1, 2, 2.5 and 5 times a power of ten are round: the bar was made to fit them. Any other number may be the rounded length of
    a bar of fixed width: half its last digit, rectangular (GUM 4.3.7).
    """
    number = text.split()[0]
    value = float(number)
    mantissa = value / 10 ** math.floor(math.log10(value) + 1e-9)
    if any(abs(mantissa / m - 1) < 1e-6 for m in (1.0, 2.0, 2.5, 5.0)):
        return 0.0
    return rounding(number)


def rounding(number: str) -> float:
    """Relative standard uncertainty of a printed number such as "5.97": half its last digit, rectangular (GUM 4.3.7)."""
    decimals = len(number.split(".")[1]) if "." in number else 0
    return float(0.5 * 10.0**-decimals / math.sqrt(3) / float(number)) if float(number) else 0.0


def has_remains(raw: str) -> bool:
    """Whether a read label begins or ends with what is none of it: pieces of a bar; a blank is a stroke not understood."""
    return not raw[:1].isdigit() or raw[-1:] not in ("m", "s", "Å")


def is_common(number: float) -> bool:
    """Whether `number` is of the kind that labels scale bars: 1, 1.5, 2, 2.5, 3, 4, 5 ... times a power of ten."""
    if not (number > 0 and math.isfinite(number)):
        return False
    mantissa = number / 10 ** math.floor(math.log10(number) + 1e-9)
    return any(abs(mantissa / c - 1) < 1e-6 for c in _COMMON)


def _normalise(text: str) -> str:
    """One spelling of micro, one of ångström, single spaces."""
    for wrong, right in (("μ", "µ"), ("\u212b", "Å"), ("A\u030a", "Å"), ("，", "."), ("．", "."), ("。", "."), ("·", ".")):
        text = text.replace(wrong, right)
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"(?<=\d)\s?[-–]\s?(?=[nµu]m\b)", " ", text)  # "30-nm"
    return re.sub(r"(?<=\d)\s+[.]\s*(?=\d)|(?<=\d)[.]\s+(?=\d)", ".", text)


def _number(raw: str) -> tuple[str | None, float]:
    """The number in `raw` as digits and point, and how sure; None where no single reading makes sense."""
    fixed, sure = raw.translate(_DIGITS).replace(",", "."), 1.0
    if not re.search(r"\d", raw):  # letters alone are no number, but for the 1 that looks like a stroke
        if raw not in ("l", "I", "|"):
            return None, 0.0
        sure = 0.8
    elif fixed != raw.replace(",", "."):
        sure = 0.85
    fixed = fixed.rstrip(".")
    if re.fullmatch(r"0\d+", fixed):  # a point was lost: "05" can only be 0.5
        fixed, sure = f"{fixed[0]}.{fixed[1:]}", 0.7
    if ("." not in fixed and len(fixed) > 4) or not float(fixed):
        return None, 0.0
    return fixed, sure


def _part(box: tuple[float, float, float, float], start: int, end: int, n_characters: int) -> tuple[float, float, float, float]:
    """The share of a line's box that its characters start:end take."""
    y0, x0, y1, x1 = box
    width = (x1 - x0) / max(n_characters, 1)
    return (y0, x0 + start * width, y1, x0 + end * width)
