"""Scale bars, labels and other marks drawn over a ground in every style, place, tone and size, and where each of them lies.

Wider than what `synthetic.annotate` draws for whole micrographs: bars at the rim, over particles, thin or thick, with their text
close or far, on plates or in strips, two in one picture, and marks that are like bars and are none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..synthetic.annotate import MAKERS, STYLES, add_data_bar
from ..synthetic.marks import FONTS, Canvas, Style, draw_bar, fill, finished, text_width, write

U8 = NDArray[np.uint8]
Part = Literal["bar", "label", "text", "unknown"]
FloatBox = tuple[float, float, float, float]

_NUMBERS = (
    "1", "2", "3", "4", "5", "10", "20", "25", "30", "40", "50", "60", "80", "100", "150", "200", "250", "300", "400", "500", "1.0",
    "2.0", "5.0", "0.5", "0.2", "0.1", "2.5", "1.5", "10.0", "50.0", "200.0", "1.00", "2.00", "5.00", "20.0",
)  # fmt: skip
_UNITS = ("nm", "nm", "nm", "µm", "µm", "um", "μm", "Å", "mm")
_WORDS = (
    "a", "(b)", "C", "d)", "(e)", "A1", "SiO2", "TiO2", "Au", "Ag@Au", "control", "12 h", "pH 7", "d = 53 nm", "29.7 nm", "(111)",
    "d=0.24 nm", "002", "core", "shell", "200 °C", "x 50k", "SEM", "TEM", "sample 3", "HV", "5.0 kV", "EHT = 5.00 kV", "7/20/2022",
    "WD 8.1 mm", "Mag = 50.00 K X", "x100,000", "SEI", "det ETD", "Signal A = InLens", "10 wt%", "20 min", "5 1/nm", "HAADF",
)  # fmt: skip
_HERSHEY = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
_TALLER = {"ticks": 5, "heavy_ticks": 14, "bracket": 16, "comb": 6, "ruler": 7, "dots": 3, "arrows": 6}  # px beyond the line
_RARE = ("ruler", "dots", "comb", "embossed", "hollow")


@dataclass
class Drawn:
    """A picture (H, W) and what was drawn into it: parts and their boxes (y0, x0, y1, x1), px."""

    pixels: U8
    parts: list[tuple[Part, FloatBox]] = field(default_factory=list)


def with_overlay(ground: U8, rng: np.random.Generator) -> Drawn:
    """A copy of a ground (H, W) with a scale bar, or a maker's data bar, or none, and other marks."""
    drawn = Drawn(ground.copy())
    kind = rng.choice(["bar", "data bar", "two bars", "none"], p=[0.66, 0.14, 0.05, 0.15])
    if kind == "data bar":
        drawn = _data_bar(drawn.pixels, rng)
    for _ in range(int(rng.choice([0, 1, 2, 4], p=[0.4, 0.3, 0.2, 0.1]))):
        _distraction(drawn, rng)
    for _ in range({"bar": 1, "two bars": 2}.get(str(kind), 0)):
        for _ in range(12):
            if _bar(drawn, rng):
                break
    return drawn


def _data_bar(ground: U8, rng: np.random.Generator) -> Drawn:
    """A maker's strip below the ground; a third of them drawn at half or twice the usual size for the picture."""
    factor = float(rng.choice([1.0, 0.6, 1.6], p=[0.6, 0.2, 0.2]))
    height, width = ground.shape
    part = np.asarray(cv2.resize(ground, (max(int(width / factor), 300), max(int(height / factor), 200))), np.uint8)
    share = float(rng.uniform(0.2, 0.45))
    length = share * part.shape[1]
    value = float(rng.choice([1, 2, 5])) * 10.0 ** int(rng.integers(0, 4))
    maker = MAKERS[int(rng.integers(len(MAKERS)))]
    pixels, truth, top = add_data_bar(part, maker=maker, nm_per_px=value / length, rng=rng, value_nm=value)
    keep = max(top + 44 - height, 0) if pixels.shape[0] > height else 0  # the strip stays in view
    pixels = np.ascontiguousarray(pixels[keep:, :])
    moved: list[tuple[Part, FloatBox]] = []
    boxes: list[tuple[Part, tuple[int, int, int, int]]] = [("bar", truth.box), ("label", truth.label_box)]
    for name, box in [*boxes, *(("text", b) for b in truth.fact_boxes)]:
        moved.append((name, (box[0] - keep, box[1], box[2] - keep, box[3])))
    return Drawn(pixels, moved)


def _bar(drawn: Drawn, rng: np.random.Generator) -> bool:
    """Draws a bar with its label where nothing was drawn before; whether one fitted."""
    height, width = drawn.pixels.shape
    font_px = int(np.exp(rng.uniform(math.log(9), math.log(min(52, 0.16 * height)))))
    style: Style = STYLES[int(rng.integers(len(STYLES)))]
    if style in _RARE and rng.random() < 0.5:
        style = "plain"
    text = _length_text(rng)
    font = FONTS[int(rng.integers(len(FONTS)))]
    letters = text_width(text, font_px, font)
    length = float(np.exp(rng.uniform(math.log(14), math.log(0.85 * width))))
    thick = _thickness(style, font_px, rng)
    inside = style == "block" and rng.random() < 0.3
    if inside:
        thick = round(font_px * rng.uniform(1.2, 1.8))
    split = style in ("split", "split_plain")
    least = {"ruler": 60.0, "dots": 60.0, "comb": 60.0, "arrows": 6.0 * thick, "heavy_ticks": 6.0 * thick}.get(style, 1.6 * thick)
    if inside or split:
        least = letters + font_px * rng.uniform(0.6, 4)
    length = max(length, least)
    rise = _TALLER.get(style, 0) + thick // 2 + 1
    where = str(rng.choice(["above", "below", "left", "right"], p=[0.45, 0.27, 0.08, 0.2]))
    gap = font_px * float(rng.choice([rng.uniform(-0.05, 0.3), rng.uniform(0.3, 1.6)], p=[0.7, 0.3]))
    line_px = 1.15 * font_px
    if split or inside:
        tall, wide, text_y, text_x, bar_y, bar_x = (
            max(line_px, 2 * rise), length, 0.0, (length - letters) / 2, 0.58 * line_px, 0.0)  # fmt: skip
    elif where in ("above", "below"):
        align = float(rng.choice([0.0, 0.5, 1.0], p=[0.2, 0.6, 0.2]))
        wide = max(length, letters)
        text_x, bar_x = align * (wide - letters), align * (wide - length)
        tall = line_px + gap + 2 * rise
        text_y, bar_y = (0.0, line_px + gap + rise) if where == "above" else (2 * rise + gap, float(rise))
    else:
        aside = font_px * rng.uniform(0.15, 1.6)
        wide, tall = length + letters + aside, max(line_px, 2.0 * rise)
        text_x, bar_x = (0.0, letters + aside) if where == "left" else (length + aside, 0.0)
        text_y, bar_y = 0.5 * (tall - line_px), 0.5 * tall + 0.05 * font_px
    if wide > width - 4 or tall > 0.6 * height:
        return False
    y, x = _place(height, width, tall, wide, rng)
    around: FloatBox = (y - 2, x - 2, y + tall + 2, x + wide + 2)
    if any(_meet(around, box) for _, box in drawn.parts):
        return False
    canvas = drawn.pixels.astype(np.float32)
    tone = _tone(canvas[max(int(y), 0) : int(y + tall), max(int(x), 0) : int(x + wide)], rng)
    if style in ("boxed", "arrows") or rng.random() < 0.22:  # a plate behind it, or a strip across the picture
        ground = float(rng.choice([0.0, 255.0])) if abs(tone - 128) < 60 else (0.0 if tone > 127 else 255.0)
        margin = font_px * rng.uniform(0.1, 0.8)
        if rng.random() < 0.3:
            fill(canvas, y - margin, 0, y + tall + margin if rng.random() < 0.5 else height, width, ground)
        else:
            fill(canvas, y - margin, x - margin, y + tall + margin, x + wide + margin, ground)
    gap_px = letters + font_px * rng.uniform(0.3, 1.2)
    box = draw_bar(canvas, style, round(y + bar_y), x + bar_x, length, thick, tone, gap_px)
    ink = (0.0 if tone > 127 else 255.0) if inside else tone if rng.random() < 0.9 else _tone(canvas, rng)
    label_box = _write(canvas, text, y + text_y, x + text_x, font_px, ink, font, rng, outline=style == "embossed")
    drawn.pixels = finished(canvas)
    drawn.parts += [("bar", box), ("label", label_box)]
    return True


def _place(height: int, width: int, tall: float, wide: float, rng: np.random.Generator) -> tuple[float, float]:
    """Upper left corner: mostly near a lower corner, at times at the very rim, anywhere else in a quarter of cases."""
    if rng.random() < 0.25:
        return float(rng.uniform(1, max(height - tall - 1, 2))), float(rng.uniform(1, max(width - wide - 1, 2)))
    rim = float(rng.choice([rng.uniform(1, 4), rng.uniform(4, 40)], p=[0.3, 0.7]))
    aside = float(rng.choice([rng.uniform(1, 4), rng.uniform(4, 60)], p=[0.2, 0.8]))
    y = max(height - tall - rim, 1.0) if rng.random() < 0.85 else rim
    x = aside if rng.random() < 0.5 else max(width - wide - aside, 1.0)
    return y, float(min(x, max(width - wide - 1, 1)))


def _thickness(style: Style, font_px: int, rng: np.random.Generator) -> int:
    fixed = {"ticks": (1, 4), "bracket": (1, 4), "split": (1, 5), "split_plain": (1, 6), "heavy_ticks": (3, 8), "hollow": (6, 10),
             "comb": (4, 9), "arrows": (2, 6), "block": (5, max(6, font_px))}  # fmt: skip
    low, high = fixed.get(style, (1, max(4, font_px // 2)))
    return int(rng.integers(low, high + 1))


def _tone(around: Canvas, rng: np.random.Generator) -> float:
    """Mostly white or black, mostly what stands out."""
    mean = float(around.mean()) if around.size else 128.0
    if rng.random() < 0.8:
        tone = 255.0 if mean < 128 else 0.0
        return tone if rng.random() < 0.9 else 255.0 - tone
    for _ in range(20):
        tone = float(rng.uniform(0, 255))
        if abs(tone - mean) > 50:
            return tone
    return 255.0 if mean < 128 else 0.0


def _length_text(rng: np.random.Generator) -> str:
    number, unit = _NUMBERS[int(rng.integers(len(_NUMBERS)))], _UNITS[int(rng.integers(len(_UNITS)))]
    if rng.random() < 0.06:
        number = number.replace(".", ",")
    return number + str(rng.choice([" ", " ", ""])) + unit


def _write(
    canvas: Canvas, text: str, y: float, x: float, font_px: int, tone: float, font: Path, rng: np.random.Generator,
    *, outline: bool = False,
) -> FloatBox:  # fmt: skip
    """Writes a text in a TrueType font, or in strokes as old microscopes do; the box of its ink."""
    if outline or "µ" in text or "μ" in text or "Å" in text or rng.random() < 0.8:
        return write(canvas, text, y, x, font_px, tone, font, outline=outline)
    face, thick = _HERSHEY[int(rng.integers(len(_HERSHEY)))], max(1, font_px // 12)
    wide = text_width(text, font_px, font)
    (w, h), _ = cv2.getTextSize(text, face, 1.0, thick)
    size = min(wide / w, 0.8 * font_px / h)
    (w, h), _ = cv2.getTextSize(text, face, size, thick)
    bottom = round(y + 0.9 * font_px)
    ink = np.zeros(canvas.shape, np.uint8)
    cv2.putText(ink, text, (round(x), bottom), face, size, 255, thick, cv2.LINE_AA)
    cover = ink.astype(np.float32) / 255
    canvas += cover * (np.float32(tone) - canvas)
    return float(bottom - h - thick), x, float(bottom + thick), x + w


def _distraction(drawn: Drawn, rng: np.random.Generator) -> None:
    """A word, a length without a bar, a bar without a length, or a line, an arrow, a frame, a cell of a table."""
    height, width = drawn.pixels.shape
    kind = str(rng.choice(["word", "line", "arrow", "frame", "lone bar"], p=[0.55, 0.12, 0.12, 0.13, 0.08]))
    canvas = drawn.pixels.astype(np.float32)
    y, x = float(rng.uniform(0.02, 0.9)) * height, float(rng.uniform(0.02, 0.8)) * width
    if kind == "word":
        text = _WORDS[int(rng.integers(len(_WORDS)))] if rng.random() < 0.8 else _length_text(rng)
        font_px = int(np.exp(rng.uniform(math.log(9), math.log(60))))
        font = FONTS[int(rng.integers(len(FONTS)))]
        if rng.random() < 0.4:
            y, x = 4.0, 5.0
        wide = text_width(text, font_px, font)
        box = (y - 2, x - 2, y + 1.2 * font_px + 2, x + wide + 2)
        if wide > width or any(_meet(box, b) for _, b in drawn.parts):
            return
        tone = _tone(canvas[int(y) : int(y + font_px), int(x) : int(x + wide)], rng)
        if rng.random() < 0.25:
            fill(canvas, y - 3, x - 4, y + 1.25 * font_px + 3, x + wide + 4, 0.0 if tone > 127 else 255.0)
        drawn.parts.append(("text", _write(canvas, text, y, x, font_px, tone, font, rng)))
        drawn.pixels = finished(canvas)
        return
    tone = int(_tone(canvas, rng))
    if kind == "lone bar":  # whether it is one cannot be said
        box = (y, x, y + float(rng.integers(2, 10)), min(x + float(rng.uniform(20, 200)), width - 1.0))
        if any(_meet((box[0] - 30, box[1] - 30, box[2] + 30, box[3] + 30), b) for _, b in drawn.parts):
            return
        fill(canvas, *box, tone)
        drawn.pixels = finished(canvas)
        drawn.parts.append(("unknown", (box[0] - 4, box[1] - 4, box[2] + 4, box[3] + 4)))
        return
    thick = int(rng.integers(1, 4))
    end = (int(x + rng.uniform(-0.4, 0.4) * width), int(y + rng.uniform(-0.4, 0.4) * height))
    if any(_meet((min(y, end[1]) - 6, min(x, end[0]) - 6, max(y, end[1]) + 6, max(x, end[0]) + 6), b) for _, b in drawn.parts):
        return
    if kind == "line":
        if rng.random() < 0.5:
            fill(canvas, y, 0, y + thick, width, tone)
            drawn.pixels = finished(canvas)
        else:
            cv2.line(drawn.pixels, (int(x), int(y)), end, tone, thick, cv2.LINE_AA)
    elif kind == "arrow":
        cv2.arrowedLine(drawn.pixels, (int(x), int(y)), end, tone, thick, cv2.LINE_AA, tipLength=0.3)
    else:
        cv2.rectangle(drawn.pixels, (int(x), int(y)), end, tone, thick)


def _meet(a: FloatBox, b: FloatBox) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])
