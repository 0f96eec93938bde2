"""The data bars that makers print below their pictures: a strip with the scale bar, the voltage, the working distance ..."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...core.scale import format_length, unit_nm
from .marks import BarTruth, Box, Canvas, Style, draw_bar, fill, finished, text_width, write

Maker = Literal["thermo", "zeiss", "hitachi", "jeol", "tescan", "phenom", "philips", "hitachi_tm"]
MAKERS: tuple[Maker, ...] = get_args(Maker)
_PRINT_WIDTH_NM: dict[str, float] = {"hitachi": 127e6, "jeol": 120e6}  # the field at a magnification of 1


def round_bar_value(field_width_nm: float, *, share: float = 0.2) -> float:
    """The 1, 2 or 5 times a power of ten, in nm, that comes nearest to a share of the field's width. ValueError unless positive."""
    if not (field_width_nm > 0 and 0 < share < 1):
        raise ValueError(f"field_width_nm must be positive and share in (0, 1), got {field_width_nm}, {share}")
    wanted = share * field_width_nm
    decade = 10.0 ** math.floor(math.log10(wanted))
    return min((m * decade for m in (1.0, 2.0, 5.0, 10.0)), key=lambda v: abs(math.log(v / wanted)))


def add_data_bar(
    pixels: NDArray[np.uint8],
    *,
    maker: Maker,
    nm_per_px: float,
    rng: np.random.Generator,
    value_nm: float | None = None,
    transmission: bool = False,
) -> tuple[NDArray[np.uint8], BarTruth, int]:
    """An (H, W) uint8 picture with a maker's data bar appended below: (H + h, W), what was drawn, and the bar's first row.
    transmission: print what a transmission microscope does in place of what the maker's scanning ones do."""
    if maker not in MAKERS:
        raise ValueError(f"maker must be one of {', '.join(MAKERS)}, got {maker!r}")
    height, width = pixels.shape
    strip_px = max(44, round(0.07 * height))
    ground = {"zeiss": 255.0, "hitachi_tm": 255.0, "tescan": 40.0}.get(maker, 0.0)
    ink = 0.0 if ground == 255.0 else 255.0
    canvas = np.vstack([pixels.astype(np.float32), np.full((strip_px, width), ground, np.float32)])
    font_px = max(13, round(strip_px * 0.34))
    value = value_nm if value_nm is not None else _bar_value(maker, width * nm_per_px, nm_per_px, font_px)
    length = value / nm_per_px
    text = _label(maker, value)
    letters, right = text_width(text, font_px), width - 1.5 * font_px
    style, box, label_box, facts_x = _draw(canvas, maker, height, strip_px, length, text, letters, right, font_px, ink)
    stop = box[1] - font_px if box[1] > facts_x else float(width)
    if maker in ("jeol", "philips"):
        stop = width
    printed = ["TEM", "200 kV"] if transmission else _facts(maker, width * nm_per_px, rng)
    facts = _write_facts(canvas, printed, height + strip_px - font_px - 6, facts_x, stop, max(11, font_px - 3), ink)
    return finished(canvas), BarTruth(value, length, box, text, style, label_box, facts), height


def _draw(
    canvas: Canvas, maker: Maker, height: int, strip_px: int, length: float, text: str, letters: float, right: float, font_px: int,
    ink: float,
) -> tuple[Style, Box, Box, float]:  # fmt: skip
    """Bar and label of a maker; style, the boxes of both, and the column where the facts begin."""
    middle, facts_x = height + strip_px // 2, 0.5 * font_px
    if maker in ("thermo", "phenom"):
        y = middle if maker == "thermo" else height + strip_px // 3
        box = draw_bar(canvas, "split", y, right - length, length, 3 if maker == "thermo" else 2, ink, letters + font_px)
        at = write(canvas, text, y - font_px // 2 - 1, right - length / 2 - letters / 2, font_px, ink)
        return "split", box, at, facts_x
    if maker == "hitachi":
        box = draw_bar(canvas, "ruler", height + 9, right - length, length, 3, ink)
        at = write(canvas, text, height + 22, right - letters - 0.1 * length, font_px, ink)
        return "ruler", box, at, facts_x
    if maker == "hitachi_tm":
        box = draw_bar(canvas, "comb", height + 11, right - length - letters - font_px, length, 8, ink)
        at = write(canvas, text, height + 4, right - letters, font_px, ink)
        return "comb", box, at, facts_x
    if maker == "jeol":
        y = height + strip_px // 4
        box = draw_bar(canvas, "plain", y, right - letters - 2 * font_px - length, length, 8, ink)
        at = write(canvas, text, y - font_px // 2, right - letters, font_px, ink)
        return "plain", box, at, facts_x
    if maker == "philips":  # an I with its text on the right
        y = height + strip_px // 4
        box = draw_bar(canvas, "ticks", y, right - letters - font_px - length, length, 2, ink)
        at = write(canvas, text, y - font_px // 2 - 1, right - letters, font_px, ink)
        return "ticks", box, at, facts_x
    style: Style = "ticks" if maker == "zeiss" else "bracket"
    x = 1.2 * font_px if maker == "zeiss" else right - length
    if maker == "tescan":  # a table of cells
        for column in (0.33, 0.62):
            fill(canvas, height, column * canvas.shape[1], height + strip_px, column * canvas.shape[1] + 1, 120.0)
    box = draw_bar(canvas, style, height + strip_px - 11, x, length, 2, ink)
    at = write(canvas, text, height + 5, x + (0 if maker == "zeiss" else (length - letters) / 2), font_px, ink)
    return style, box, at, x + max(length, letters) + 2 * font_px if maker == "zeiss" else facts_x


def _label(maker: Maker, value_nm: float) -> str:
    """The bar's label in a maker's spelling."""
    if maker == "hitachi":
        return f"{value_nm / unit_nm('µm'):#.3g}um" if value_nm >= unit_nm("µm") else f"{value_nm:g}nm"
    text = format_length(value_nm)
    return text.replace(" ", "") if maker == "jeol" else text


def _bar_value(maker: Maker, field_width_nm: float, nm_per_px: float, font_px: int) -> float:
    """A round value near a sixth of the field; where the bar is split by its label, one long enough to leave both halves."""
    for share in (0.4,) if maker in ("hitachi", "hitachi_tm") else (0.18, 0.3, 0.45):
        value = round_bar_value(field_width_nm, share=share)
        if maker not in ("thermo", "phenom") or value / nm_per_px > text_width(format_length(value), font_px) + 3 * font_px:
            break
    return value


def _write_facts(canvas: Canvas, facts: list[str], y: float, x: float, stop: float, font_px: int, tone: float) -> tuple[Box, ...]:
    """Writes as many facts side by side as fit before `stop`; their boxes."""
    boxes: list[Box] = []
    for fact in facts:
        width = text_width(fact, font_px)
        if x + width > stop:
            break
        boxes.append(write(canvas, fact, y, x, font_px, tone))
        x += width + 1.5 * font_px
    return tuple(boxes)


def _facts(maker: Maker, field_width_nm: float, rng: np.random.Generator) -> list[str]:
    """What makers print beside the bar: numbers with units that are no scale."""
    kv, wd = rng.integers(2, 31), rng.uniform(2, 12)
    magnification = round(_PRINT_WIDTH_NM.get(maker, 127e6) / field_width_nm)
    field = format_length(field_width_nm, digits=3)
    if maker == "zeiss":
        return [f"EHT = {kv:.2f} kV", f"WD = {wd:.1f} mm", "Signal A = InLens", f"Mag = {magnification} X"]
    if maker == "hitachi":
        return [f"SU8000 {kv:.1f}kV {wd:.1f}mm {_thousands(magnification)} SE(U)"]
    if maker == "hitachi_tm":
        return [f"TM3030 {wd:.1f} {_thousands(magnification)}"]
    if maker == "jeol":
        return ["SEI", f"{kv:.1f}kV", f"X{magnification}", f"WD {wd:.1f}mm"]
    if maker == "tescan":
        return [f"SEM HV: {kv:.1f} kV", f"WD: {wd:.2f} mm", f"View field: {field}", "Det: SE"]
    if maker == "phenom":
        return [f"FOV: {field}", f"Mode: {kv}kV - Point", "Detector: BSD Full"]
    if maker == "philips":
        return [f"{kv:.1f} kV  3.0", f"{magnification}x", "SE", f"{wd:.1f}"]
    return [f"HV {kv:.2f} kV", f"mag {magnification} x", f"HFW {field}", f"WD {wd:.1f} mm"]


def _thousands(magnification: int) -> str:
    """A magnification as Hitachi prints it: x80, x1.20k."""
    return f"x{magnification}" if magnification < 1000 else f"x{magnification / 1000:.1f}k"
