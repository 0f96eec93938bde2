"""What else the data bar prints. About the scale: field width and magnification. Never a scale by themselves: a picture may be
cropped. But they tell a right reading of the bar from one that is wrong by ten or a thousand. And what kind of microscope it
was."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ...core.errors import ScaleError
from ...core.micrograph import SCANNING_KV
from ...core.protocols import TextLine
from ...core.scale import parse_length, unit_nm
from .text import rounding

_FIELD = re.compile(
    r"(?<![A-Za-z])(?:HFW|HFOV|FOV|FW|View\s*field|Field\s*of\s*view|Field\s*width|Width)\s*[:=.]?\s*(\d+[.,]?\d*)\s*(nm|[µμu]m|mm)",
    re.IGNORECASE,
)
_FIELD_NAME = re.compile(r"HFW|HFOV|FOV|FW|View\s*field|Field\s*of\s*view", re.IGNORECASE)
_CELL = re.compile(r"(?<!\S)\d+[.,]?\d*\s*(?:nm|[µμu]m|mm)(?!\S)")
_MAGNIFICATION = re.compile(
    r"(?<![\w.,])[x×X]\s?(?P<after>\d[\d.,]*(?:(?<=[.,]) \d{3}| [05]00(?!\s?[^\W\d]))?)\s?(?P<k1>[kK])?(?![\w])"
    r"|(?<![\w.,])(?P<before>\d[\d.,]*(?: \d{3})*)\s?(?P<k2>[kK])?\s?[x×X](?![\w])"
)
_SEM = re.compile(r"\bWD\b|\bHFW\b|\bWorking distance\b|\bEHT\b", re.IGNORECASE)
_VOLTAGE = re.compile(r"(?<![\d.,])(\d{1,3}(?:[.,]\d{1,2})?) ?kV\b", re.IGNORECASE)
_DISTANCE = re.compile(r"\b(?:WD|Working distance)\b", re.IGNORECASE)
_TRANSMITTED = re.compile(r"\b(?:TEM|STEM|HAADF|BF|DF|TE)\b")  # also where a scanning microscope collects below a thin specimen
# Two makers' footers are told by their spelling: "SEI 5.0kV X25,000 WD 3.1mm" and "10.0kV 11.2mm x5.00k SE(UL)".
_JEOL = r"(?=.*\d ?kV\b)(?=.*[xX] ?\d{1,3},\d{3}\b)(?=.*\bWD ?\d+(\.\d)? ?mm\b)(?=.*\b(SEI|LEI|LED|UED|COMPO|SEM)\b)|\bJEOL\b"
_HITACHI = r"\d\.\d ?kV ?\d+\.\d ?mm ?[x×] ?\d+(\.\d+)?k?\b"
_MAKERS = ((re.compile(_JEOL), 0.12 * unit_nm("m")), (re.compile(_HITACHI), 0.127 * unit_nm("m")))
_NOMINAL = 0.003  # relative standard uncertainty of a magnification that a maker prints
_CALIBRATED = 0.001  # of a printed field width, besides its rounding
_NATIVE_WIDTHS_PX = (512, 640, 768, 800, 960, 1024, 1280, 1536, 1600, 2048, 2560, 3072, 4096, 5120, 6144, 8192)
# Magnification times field width: 120 mm at JEOL, 127 mm at Hitachi, 114 or 300 mm at Zeiss, 200 to 420 mm at FEI and TESCAN,
# 28 mm and more at TEM cameras. Far outside of this a reading cannot be right, whoever made the microscope.
_PRINT_NM = (0.02 * unit_nm("m"), 1.0 * unit_nm("m"))
_SURE_PRINT_NM = (0.09 * unit_nm("m"), 0.3 * unit_nm("m"))
_LEAST_KV = 0.05  # less is the rest of a number
_LEAST_SEM_FIELD_NM = 20.0  # a magnification of some six millions
_AGREE, _AGREE_NOMINAL = 0.03, 0.06  # of a field width, of one by a magnification
_WIDER = 1.15  # no picture is that much wider than its field
_CROPPED = 3.0  # a picture may be a third of its field, and half of it may be resized away


@dataclass(frozen=True, slots=True)
class Printed:
    """What is printed in the picture, None where it is not: field width in nm and its relative rounding, one standard
    uncertainty; magnification, and the width in nm of the print it refers to, where the maker is known; whether it is what
    scanning microscopes print."""

    field_width_nm: float | None = None
    magnification: float | None = None
    print_width_nm: float | None = None
    rounding: float = 0.0
    of_sem: bool = False

    def nm_per_px(self, width_px: int) -> tuple[float, float] | None:
        """What a pixel is by the print alone, and its relative standard uncertainty. None where nothing of the kind is printed,
        or where a picture `width_px` wide is not as a microscope writes it, and so may be a part of its field."""
        if width_px not in _NATIVE_WIDTHS_PX:
            return None
        if self.field_width_nm is not None:
            return self.field_width_nm / width_px, math.hypot(self.rounding, _CALIBRATED)
        if self.magnification is not None and self.print_width_nm is not None:
            return self.print_width_nm / self.magnification / width_px, _NOMINAL
        return None

    def rules_out(self, nm_per_px: float, width_px: int) -> bool:
        """Whether no scanning microscope has so small a field, and what is printed says that it is one."""
        return self.of_sem and nm_per_px * width_px < _LEAST_SEM_FIELD_NM

    def verdict(self, nm_per_px: float, width_px: int) -> tuple[str, str]:
        """("agrees" | "fits" | "cropped" | "contradicts" | "silent", what to say) about a scale of a picture `width_px` wide.

        "fits" is loose: it tells nm from µm, not one bar from another.
        """
        if self.field_width_nm is not None:
            return _of_field(nm_per_px * width_px / self.field_width_nm, _AGREE, "printed field width")
        if self.magnification is not None and self.print_width_nm is not None:
            ratio = nm_per_px * width_px * self.magnification / self.print_width_nm
            return _of_field(ratio, _AGREE_NOMINAL, "field of the printed magnification")
        if self.magnification is not None:
            product = nm_per_px * width_px * self.magnification
            if _SURE_PRINT_NM[0] <= product <= _SURE_PRINT_NM[1]:
                return "fits", "the printed magnification fits"
            if not _PRINT_NM[0] <= product <= _PRINT_NM[1]:
                return "contradicts", f"the printed magnification of {self.magnification:g} does not fit"
        return "silent", ""


def _of_field(ratio: float, agree: float, name: str) -> tuple[str, str]:
    """The verdict where the picture is `ratio` times as wide as its field: it can be a part of it, but not more than all."""
    if abs(math.log(ratio)) <= agree:
        return "agrees", f"the {name} says the same"
    reason = f"the {name} is {ratio**-1:.3g} times what the bar makes of the picture's width"
    return ("cropped" if 1 / _CROPPED < ratio < _WIDER else "contradicts"), reason


def printed_facts(lines: list[TextLine]) -> Printed:
    """Field width and magnification in the lines of a picture; one that is printed twice and differently counts for nothing."""
    widths: dict[float, float] = {}  # field width in nm -> its rounding
    magnifications: set[float] = set()
    clear = [line for line in lines if line.confidence >= 0.7]
    for line in clear:
        text = line.text.replace("，", ",")
        if _FIELD_NAME.fullmatch(text.strip()):
            text = f"{text.strip()} {_below(line, clear)}"  # a cell of a table: the name above, the value below
        for found in _FIELD.finditer(text):
            try:
                width = parse_length(f"{found[1]} {found[2]}")
            except ScaleError:
                continue
            widths[round(width, 6)] = rounding(found[1].replace(",", ".").rstrip("."))
        for found in _MAGNIFICATION.finditer(text):
            in_thousands = bool(found["k1"] or found["k2"])
            value = _number(found["after"] or found["before"] or "", in_thousands=in_thousands)
            if value is not None:
                magnifications.add(value * (1000 if in_thousands else 1))
    plausible = {m for m in magnifications if 10 <= m <= 5e6}
    together = " ".join(line.text for line in clear)
    field = next(iter(widths.items())) if len(widths) == 1 else (None, 0.0)
    return Printed(
        field_width_nm=field[0],
        magnification=plausible.pop() if len(plausible) == 1 else None,
        print_width_nm=next((width for pattern, width in _MAKERS if pattern.search(together)), None),
        rounding=field[1],
        of_sem=any(_SEM.search(line.text) for line in clear),
    )


def scanning_by_print(lines: list[TextLine]) -> str:
    """What is printed in the picture and says that electrons were collected from above the specimen, as "15.0 kV" or "WD"; "" where
    nothing does, or something says otherwise."""
    clear = [line.text for line in lines if line.confidence >= 0.7]
    if any(_TRANSMITTED.search(text) for text in clear):
        return ""
    volts = [(float(v.replace(",", ".")), f"{v} kV") for text in clear for v in _VOLTAGE.findall(text)]
    if any(kv > SCANNING_KV for kv, _ in volts):
        return ""
    said = [shown for kv, shown in volts if kv >= _LEAST_KV]
    said += [found[0] for text in clear if (found := _DISTANCE.search(text))]
    return said[0] if said else ""


def _below(name: TextLine, lines: list[TextLine]) -> str:
    """The length printed right below a name, in a line of its own or in one with its neighbours: "30.00 kV 453 µm"."""
    y0, x0, y1, x1 = name.box
    reach = 0.5 * (x1 - x0) + (y1 - y0)
    for line in lines:
        if not y0 + 0.6 * (y1 - y0) < line.box[0] < y1 + (y1 - y0):
            continue
        step = (line.box[3] - line.box[1]) / max(len(line.text), 1)
        for found in _CELL.finditer(line.text):
            middle = line.box[1] + 0.5 * (found.start() + found.end()) * step
            if abs(middle - 0.5 * (x0 + x1)) < max(reach, 0.5 * len(found[0]) * step):
                return found[0]
    return ""


def _number(text: str, *, in_thousands: bool) -> float | None:
    """ "50,000", "50.000", "1.00", "15 000" as a number; None for what may be read two ways.

    in_thousands: a k follows, so that three digits behind a point are decimals; without one they are thousands, for no
    magnification is printed as 50.000
    """
    plain = text.replace(" ", "").rstrip(".,")
    if re.fullmatch(r"\d{1,3}(,\d{3})+" if in_thousands else r"\d{1,3}(,\d{3})+|\d{1,3}(\.\d{3})+", plain):
        return float(re.sub(r"[.,]", "", plain))
    if re.fullmatch(r"\d+([.,]\d+)?", plain):
        return float(plain.replace(",", "."))
    return None
