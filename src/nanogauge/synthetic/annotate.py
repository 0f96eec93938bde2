"""Burns scale bars, data bars and panel letters into rendered micrographs, in the look of makers and of journal figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..scale import format_length, unit_nm

Style = Literal["plain", "boxed", "ticks", "hollow", "arrows", "ruler", "block", "split"]
Maker = Literal["thermo", "zeiss", "hitachi", "jeol", "tescan"]
Box = tuple[int, int, int, int]
Canvas = NDArray[np.float32]

STYLES: tuple[Style, ...] = ("plain", "boxed", "ticks", "hollow", "arrows", "ruler", "block", "split")
MAKERS: tuple[Maker, ...] = ("thermo", "zeiss", "hitachi", "jeol", "tescan")
_FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")


@dataclass(frozen=True, slots=True)
class BarTruth:
    """A bar as drawn. length_px: what the label spans; box: (y0, x0, y1, x1) px of the bar, half-open."""

    value_nm: float
    length_px: float
    box: Box
    text: str
    style: str


def round_bar_value(field_width_nm: float, *, share: float = 0.2) -> float:
    """The 1, 2 or 5 times a power of ten, in nm, that comes nearest to a share of the field's width. ValueError unless positive."""
    if not (field_width_nm > 0 and 0 < share < 1):
        raise ValueError(f"field_width_nm must be positive and share in (0, 1), got {field_width_nm}, {share}")
    wanted = share * field_width_nm
    decade = 10.0 ** math.floor(math.log10(wanted))
    return min((m * decade for m in (1.0, 2.0, 5.0, 10.0)), key=lambda v: abs(math.log(v / wanted)))


def draw_scale_bar(
    pixels: NDArray[np.uint8],
    *,
    nm_per_px: float,
    style: Style = "plain",
    rng: np.random.Generator,
    value_nm: float | None = None,
    bright: bool | None = None,
) -> tuple[NDArray[np.uint8], BarTruth]:
    """A copy of an (H, W) uint8 picture with a scale bar near a lower corner, and what was drawn.

    Ends lie between pixels where the value asks for it (drawn with partial coverage). `bright`: white on dark, else black on
    light; None: the tone that stands out. ValueError for an unknown style or a picture too small for the bar.
    """
    if style not in STYLES:
        raise ValueError(f"style must be one of {', '.join(STYLES)}, got {style!r}")
    height, width = pixels.shape
    value = value_nm if value_nm is not None else round_bar_value(width * nm_per_px)
    length = value / nm_per_px
    font_px = max(13, round(height * rng.uniform(0.035, 0.06)))
    if length + 4 * font_px > width or height < 5 * font_px:
        raise ValueError(f"a bar of {length:.0f} px with its text does not fit into a picture of shape {pixels.shape}")
    text = _spelling(value, rng)
    canvas = pixels.astype(np.float32)
    thick = {"block": font_px * 0.7, "hollow": 7.0, "ticks": 2.0, "split": 3.0}.get(style, float(rng.integers(3, 8)))
    text_width = _text_width(text, font_px, 0)
    span = max(length, text_width)
    left = 1.2 * font_px if rng.random() < 0.5 else width - span - 1.2 * font_px
    y = height - round(1.5 * font_px)
    if bright is None:
        around = canvas[y - 2 * font_px : y + font_px, int(left) : int(left + span)]
        bright = bool(around.mean() < 128)
    tone = 255.0 if bright else 0.0
    if style in ("boxed", "arrows"):
        _fill(canvas, y - 1.9 * font_px, left - 0.5 * font_px, y + 0.9 * font_px, left + span + 0.5 * font_px, 255.0 - tone)
    x = left + (span - length) / 2
    box = _bar(canvas, style, y, x, length, round(thick), tone, _text_width(text, font_px, 0) + font_px)
    text_y = (
        y - font_px // 2 if style == "split" else y - round(thick) // 2 - round(1.35 * font_px) - (4 if style == "ticks" else 0)
    )
    _write(canvas, text, text_y, left + (span - text_width) / 2, font_px, tone, 0)
    return _finished(canvas), BarTruth(value, length, box, text, style)


def add_data_bar(
    pixels: NDArray[np.uint8], *, maker: Maker, nm_per_px: float, rng: np.random.Generator, value_nm: float | None = None
) -> tuple[NDArray[np.uint8], BarTruth, int]:
    """An (H, W) uint8 picture with a maker's data bar appended below: (H + h, W), what was drawn, and the bar's first row."""
    if maker not in MAKERS:
        raise ValueError(f"maker must be one of {', '.join(MAKERS)}, got {maker!r}")
    height, width = pixels.shape
    strip_px = max(44, round(0.07 * height))
    ground = {"zeiss": 255.0, "tescan": 40.0}.get(maker, 0.0)
    ink = 255.0 - ground if maker == "zeiss" else 255.0
    canvas = np.vstack([pixels.astype(np.float32), np.full((strip_px, width), ground, np.float32)])
    font_px = max(13, round(strip_px * 0.34))
    value = value_nm if value_nm is not None else _maker_bar_value(maker, width * nm_per_px, nm_per_px, font_px)
    length = value / nm_per_px
    facts = _facts(maker, width * nm_per_px, rng)
    text = {"hitachi": f"{value / unit_nm('µm'):.2f}um" if value >= 1000 else f"{value:g}nm"}.get(maker, format_length(value))
    if maker == "jeol":
        text = text.replace(" ", "")
    text_width, middle, right = _text_width(text, font_px, 0), height + strip_px // 2, width - 1.5 * font_px
    style: Style = "plain"
    if maker == "thermo":
        style = "split"
        box = _bar(canvas, style, middle, right - length, length, 3, ink, text_width + font_px)
        _write(canvas, text, middle - font_px // 2, right - length / 2 - text_width / 2, font_px, ink, 0)
        facts_x = 0.5 * font_px
    elif maker == "hitachi":
        style = "ruler"
        box = _bar(canvas, style, height + 9, right - length, length, 3, ink, 0.0)
        _write(canvas, text, height + 22, right - text_width - 0.1 * length, font_px, ink, 0)
        facts_x = 0.5 * font_px
    elif maker == "jeol":
        box = _bar(canvas, style, height + strip_px // 4, right - text_width - 2 * font_px - length, length, 8, ink, 0.0)
        _write(canvas, text, height + strip_px // 4 - font_px // 2, right - text_width, font_px, ink, 0)
        facts_x = 0.5 * font_px
    else:
        style = "ticks"
        x = 1.2 * font_px if maker == "zeiss" else right - length
        box = _bar(canvas, style, height + strip_px - 11, x, length, 2, ink, 0.0)
        _write(canvas, text, height + 5, x + (0 if maker == "zeiss" else (length - text_width) / 2), font_px, ink, 0)
        facts_x = x + max(length, text_width) + 2 * font_px if maker == "zeiss" else 0.5 * font_px
    stop = box[1] - font_px if box[1] > facts_x else width
    _write_facts(canvas, facts, height + strip_px - font_px - 6, facts_x, stop, max(11, font_px - 3), ink)
    return _finished(canvas), BarTruth(value, length, box, text, style), height


def _maker_bar_value(maker: Maker, field_width_nm: float, nm_per_px: float, font_px: int) -> float:
    """A round value near a sixth of the field; where the bar is split by its label, one long enough to leave both halves."""
    for share in (0.18, 0.3, 0.45):
        value = round_bar_value(field_width_nm, share=share)
        if maker != "thermo" or value / nm_per_px > _text_width(format_length(value), font_px, 0) + 3 * font_px:
            break
    return value


def add_panel_letter(pixels: NDArray[np.uint8], letter: str, *, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A copy of an (H, W) uint8 picture with a journal figure's letter, such as "a" or "(b)", in its upper left corner."""
    canvas = pixels.astype(np.float32)
    font_px = max(14, round(pixels.shape[0] * rng.uniform(0.06, 0.1)))
    tone = 255.0 if canvas[: 2 * font_px, : 2 * font_px].mean() < 128 else 0.0
    _write(canvas, letter, font_px // 3, font_px // 3, font_px, tone, 1)
    return _finished(canvas)


def _bar(canvas: Canvas, style: Style, y: int, x: float, length: float, thick: int, tone: float, gap: float) -> Box:
    """Draws a bar centred on row y whose span begins at edge x; returns its box."""
    top, bottom, end = y - thick // 2, y - thick // 2 + thick, x + length
    if style == "ruler":
        for i in range(11):
            centre, rise = x + i * length / 10, 6 if i in (0, 5, 10) else 4
            _fill(canvas, y - rise, centre - 1, y + 4, centre + 1, tone)
        return y - 6, math.floor(x - 1), y + 4, math.ceil(end + 1)
    if style in ("ticks", "split"):  # the label spans tick centre to tick centre
        halves = [(x, end)] if style == "ticks" else [(x, x + (length - gap) / 2), (end - (length - gap) / 2, end)]
        for a, b in halves:
            _fill(canvas, top, a, bottom, b, tone)
        for centre in (x, end):
            _fill(canvas, top - 5, centre - thick / 2, bottom + 5, centre + thick / 2, tone)
        return top - 5, math.floor(x - thick / 2), bottom + 5, math.ceil(end + thick / 2)
    _fill(canvas, top, x, bottom, end, tone)
    if style == "hollow":
        _fill(canvas, top + 2, x + 2, bottom - 2, end - 2, 0.5 * tone + 64)
    if style == "arrows":
        head = 2 * thick + 4
        _fill(canvas, top, x, bottom, x + head, 255.0 - tone)
        _fill(canvas, top, end - head, bottom, end, 255.0 - tone)
        for i in range(-thick, thick + 1):
            back = abs(i) * head / (thick + 1)
            _fill(canvas, y + i, x + back, y + i + 1, x + head, tone)
            _fill(canvas, y + i, end - head, y + i + 1, end - back, tone)
        return y - thick, math.floor(x), y + thick + 1, math.ceil(end)
    return top, math.floor(x), bottom, math.ceil(end)


def _fill(canvas: Canvas, y0: float, x0: float, y1: float, x1: float, tone: float) -> None:
    """Fills a rectangle of edges in px; pixels that it covers in part get their share. Edges count from the picture's corner."""
    rows = np.clip(np.minimum(np.arange(canvas.shape[0]) + 1, y1) - np.maximum(np.arange(canvas.shape[0]), y0), 0, 1)
    columns = np.clip(np.minimum(np.arange(canvas.shape[1]) + 1, x1) - np.maximum(np.arange(canvas.shape[1]), x0), 0, 1)
    ys, xs = np.flatnonzero(rows), np.flatnonzero(columns)
    if ys.size and xs.size:
        part = canvas[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
        part += np.outer(rows[ys], columns[xs]).astype(np.float32) * (np.float32(tone) - part)


def _write(canvas: Canvas, text: str, y: float, x: float, font_px: int, tone: float, font: int) -> None:
    """Writes text with its upper left corner at (y, x)."""
    mask = Image.new("L", (canvas.shape[1], canvas.shape[0]), 0)
    ImageDraw.Draw(mask).text((round(x), round(y)), text, fill=255, font=_font(font, font_px))
    cover = np.asarray(mask, np.float32) / 255
    canvas += cover * (np.float32(tone) - canvas)


def _write_facts(canvas: Canvas, facts: list[str], y: float, x: float, stop: float, font_px: int, tone: float) -> None:
    """Writes as many facts side by side as fit before `stop`."""
    for fact in facts:
        width = _text_width(fact, font_px, 0)
        if x + width > stop:
            return
        _write(canvas, fact, y, x, font_px, tone, 0)
        x += width + 1.5 * font_px


def _facts(maker: Maker, field_width_nm: float, rng: np.random.Generator) -> list[str]:
    """What makers print beside the bar: numbers with units that are no scale."""
    kv, wd = rng.integers(2, 31), rng.uniform(2, 12)
    magnification = round(127e6 / field_width_nm)
    if maker == "zeiss":
        return [f"EHT = {kv:.2f} kV", f"WD = {wd:.1f} mm", "Signal A = InLens", f"Mag = {magnification} X"]
    if maker == "hitachi":
        return [f"SU8000 {kv:.1f}kV {wd:.1f}mm x{magnification / 1000:.1f}k SE(U)"]
    if maker == "jeol":
        return ["SEI", f"{kv:.1f}kV", f"X{magnification}", f"WD {wd:.1f}mm"]
    if maker == "tescan":
        return [f"SEM HV: {kv:.1f} kV", f"WD: {wd:.2f} mm", f"View field: {format_length(field_width_nm, digits=3)}", "Det: SE"]
    return [f"HV {kv:.2f} kV", f"mag {magnification} x", f"HFW {format_length(field_width_nm, digits=3)}", f"WD {wd:.1f} mm"]


def _spelling(value_nm: float, rng: np.random.Generator) -> str:
    """A length as people write it: "500 nm", "1µm", "1 um"."""
    text = format_length(value_nm)
    if rng.random() < 0.25:
        text = text.replace("µ", "u")
    return text.replace(" ", "") if rng.random() < 0.25 else text


@lru_cache(maxsize=32)
def _font(index: int, font_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / _FONTS[index]), font_px)


def _text_width(text: str, font_px: int, font: int) -> float:
    return float(_font(font, font_px).getlength(text))


def _finished(canvas: Canvas) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.round(canvas), 0, 255), np.uint8)
