"""What else the data bar prints about the scale: field width and magnification. Never a scale by themselves: a picture may be
cropped. But they tell a right reading of the bar from one that is wrong by ten or a thousand."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ..errors import ScaleError
from ..ports import TextLine
from ..scale import parse_length, unit_nm

_FIELD = re.compile(
    r"(?<![A-Za-z])(?:HFW|HFOV|FOV|FW|View\s*field|Field\s*of\s*view|Field\s*width|Width)\s*[:=.]?\s*(\d+[.,]?\d*)\s*(nm|[µμu]m|mm)",
    re.IGNORECASE,
)
_FIELD_NAME = re.compile(r"HFW|HFOV|FOV|FW|View\s*field|Field\s*of\s*view", re.IGNORECASE)
_MAGNIFICATION = re.compile(
    r"(?<![\w.,])[x×X]\s?(?P<after>\d[\d.,]*)\s?(?P<k1>[kK])?(?![\w])"
    r"|(?<![\w.,])(?P<before>\d[\d.,]*(?: \d{3})*)\s?(?P<k2>[kK])?\s?[x×X](?![\w])"
)
# Magnification times field width: 120 mm at JEOL, 127 mm at Hitachi, 114 or 300 mm at Zeiss, 200 to 420 mm at FEI and TESCAN,
# 28 mm and more at TEM cameras. Far outside of this a reading cannot be right, whoever made the microscope.
_PRINT_NM = (0.02 * unit_nm("m"), 1.0 * unit_nm("m"))
_SURE_PRINT_NM = (0.09 * unit_nm("m"), 0.3 * unit_nm("m"))
_AGREE = 0.03
_CROPPED = 3.0  # a picture may be a third of its field, and half of it may be resized away


@dataclass(frozen=True, slots=True)
class Printed:
    """Field width in nm and magnification as printed in the picture, None where they are not."""

    field_width_nm: float | None = None
    magnification: float | None = None

    def verdict(self, nm_per_px: float, width_px: int) -> tuple[str, str]:
        """("agrees" | "cropped" | "contradicts" | "silent", what to say) about a scale of a picture `width_px` wide."""
        if self.field_width_nm is not None:
            ratio = nm_per_px * width_px / self.field_width_nm
            if abs(math.log(ratio)) <= _AGREE:
                return "agrees", "the printed field width says the same"
            words = f"the printed field width is {ratio**-1:.3g} times what the bar makes of the picture's width"
            return ("cropped" if abs(math.log(ratio)) < math.log(_CROPPED) else "contradicts"), words
        if self.magnification is not None:
            product = nm_per_px * width_px * self.magnification
            if _SURE_PRINT_NM[0] <= product <= _SURE_PRINT_NM[1]:
                return "agrees", "the printed magnification fits"
            if not _PRINT_NM[0] <= product <= _PRINT_NM[1]:
                return "contradicts", f"the printed magnification of {self.magnification:g} does not fit"
        return "silent", ""


def printed_facts(lines: list[TextLine]) -> Printed:
    """Field width and magnification in the lines of a picture; one that is printed twice and differently counts for nothing."""
    widths: set[float] = set()
    magnifications: set[float] = set()
    for line in lines:
        if line.confidence < 0.7:
            continue
        text = line.text.replace("，", ",")
        if _FIELD_NAME.fullmatch(text.strip()):
            text = f"{text.strip()} {_below(line, lines)}"  # a cell of a table: the name above, the value below
        for found in _FIELD.finditer(text):
            try:
                widths.add(round(parse_length(f"{found[1]} {found[2]}"), 6))
            except ScaleError:
                continue
        for found in _MAGNIFICATION.finditer(text):
            value = _number(found["after"] or found["before"] or "")
            if value is not None:
                magnifications.add(value * (1000 if found["k1"] or found["k2"] else 1))
    plausible = {m for m in magnifications if 10 <= m <= 5e6}
    return Printed(
        field_width_nm=widths.pop() if len(widths) == 1 else None,
        magnification=plausible.pop() if len(plausible) == 1 else None,
    )


def _below(name: TextLine, lines: list[TextLine]) -> str:
    """The text of the line right below another."""
    y0, x0, y1, x1 = name.box
    for line in lines:
        middle = 0.5 * (line.box[1] + line.box[3])
        if y0 + 0.6 * (y1 - y0) < line.box[0] < y1 + (y1 - y0) and x0 - (y1 - y0) < middle < x1 + (y1 - y0):
            return line.text
    return ""


def _number(text: str) -> float | None:
    """ "50,000", "1.00", "15 000" as a number; None for what may be read two ways."""
    plain = text.replace(" ", "").rstrip(".,")
    if re.fullmatch(r"\d{1,3}(,\d{3})+", plain):
        return float(plain.replace(",", ""))
    if re.fullmatch(r"\d+([.,]\d+)?", plain):
        return float(plain.replace(",", "."))
    return None
