"""Ink on a canvas: rectangles with partly covered pixels, text, and the shapes that scale bars come in."""

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

Style = Literal[
    "plain",
    "boxed",
    "block",
    "ticks",
    "heavy_ticks",
    "bracket",
    "arrows",
    "hollow",
    "embossed",
    "split",
    "split_plain",
    "ruler",
    "dots",
    "comb",
]
Box = tuple[int, int, int, int]
Canvas = NDArray[np.float32]

_FONT_FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FONTS: tuple[Path, ...] = tuple(
    _FONT_FOLDER / name
    for name in (
        "DejaVuSans.ttf",
        "DejaVuSans-Bold.ttf",
        "DejaVuSerif.ttf",
        "DejaVuSansMono.ttf",
        "STIXGeneral.ttf",
        "STIXGeneralBol.ttf",
        "DejaVuSans-Oblique.ttf",
    )
)
"""Fonts that are always there: they ship with matplotlib."""


@dataclass(frozen=True, slots=True)
class BarTruth:
    """A bar as drawn. length_px: what the label spans; box: (y0, x0, y1, x1) px of the bar, half-open; label_box: of its text;
    fact_boxes: of what else is printed in a data bar."""

    value_nm: float
    length_px: float
    box: Box
    text: str
    style: str
    label_box: Box
    fact_boxes: tuple[Box, ...] = ()


def draw_bar(canvas: Canvas, style: Style, y: int, x: float, length: float, thick: int, tone: float, gap: float = 0.0) -> Box:
    """Draws a bar on an (H, W) canvas, centred on row y, whose span begins at edge x; returns its box.

    thick: px of the line; tone: grey level; gap: px left free for the text in the middle of split bars
    """
    top, bottom, end = y - thick // 2, y - thick // 2 + thick, x + length
    if style in ("ruler", "dots"):
        return _marks(canvas, style, y, x, length, tone)
    if style in ("split", "split_plain"):
        half = (length - gap) / 2
        for a, b in ((x, x + half), (end - half, end)):
            fill(canvas, top, a, bottom, b, tone)
        if style == "split_plain":
            return top, math.floor(x), bottom, math.ceil(end)
        return _end_strokes(canvas, top - 5, bottom + 5, x, end, thick, tone)
    if style == "arrows":
        return _arrow(canvas, y, x, end, thick, tone)
    fill(canvas, top, x, bottom, end, tone)
    if style in ("ticks", "heavy_ticks"):
        rise = 5 if style == "ticks" else 2 * thick
        return _end_strokes(canvas, top - rise, bottom + rise, x, end, thick, tone)
    if style == "bracket":
        return _end_strokes(canvas, top - 3 * thick - 3, bottom, x, end, thick, tone)
    if style == "hollow":
        fill(canvas, top + 2, x + 2, bottom - 2, end - 2, 0.5 * tone + 64)
    if style == "embossed":  # the label may mean the outline's outer or inner edges: what it spans here ends in its middle
        fill(canvas, top - 1.5, x - 0.75, bottom + 1.5, end + 0.75, 255.0 - tone)
        fill(canvas, top, x + 0.75, bottom, end - 0.75, tone)
        return top - 2, math.floor(x - 0.75), bottom + 2, math.ceil(end + 0.75)
    if style == "comb":
        for i in range(11):
            centre = x + i * length / 10
            fill(canvas, top - 5, max(centre - 1, x), top, min(centre + 1, end), tone)
        return top - 5, math.floor(x), bottom, math.ceil(end)
    return top, math.floor(x), bottom, math.ceil(end)


def _end_strokes(canvas: Canvas, top: float, bottom: float, x: float, end: float, thick: int, tone: float) -> Box:
    """Upright strokes at both ends; the label spans centre to centre."""
    for centre in (x, end):
        fill(canvas, top, centre - thick / 2, bottom, centre + thick / 2, tone)
    return math.floor(top), math.floor(x - thick / 2), math.ceil(bottom), math.ceil(end + thick / 2)


def _marks(canvas: Canvas, style: Style, y: int, x: float, length: float, tone: float) -> Box:
    """Eleven ticks or dots without a line, first to last centre."""
    for i in range(11):
        centre, rise = x + i * length / 10, 2 if style == "dots" else 6 if i in (0, 5, 10) else 4
        fill(canvas, y - rise, centre - (1.5 if style == "dots" else 1), y + (2 if style == "dots" else 4), centre + 1, tone)
    return y - 6, math.floor(x - 1.5), y + 4, math.ceil(x + length + 1)


def _arrow(canvas: Canvas, y: int, x: float, end: float, thick: int, tone: float) -> Box:
    """A line between two heads, tip to tip."""
    head = 2 * thick + 4
    fill(canvas, y - thick // 2, x + head, y - thick // 2 + thick, end - head, tone)
    for i in range(-thick, thick + 1):
        back = abs(i) * head / (thick + 1)
        fill(canvas, y + i, x + back, y + i + 1, x + head, tone)
        fill(canvas, y + i, end - head, y + i + 1, end - back, tone)
    return y - thick, math.floor(x), y + thick + 1, math.ceil(end)


def fill(canvas: Canvas, y0: float, x0: float, y1: float, x1: float, tone: float) -> None:
    """Fills a rectangle of edges in px; pixels that it covers in part get their share. Edges count from the picture's corner."""
    rows = np.clip(np.minimum(np.arange(canvas.shape[0]) + 1, y1) - np.maximum(np.arange(canvas.shape[0]), y0), 0, 1)
    columns = np.clip(np.minimum(np.arange(canvas.shape[1]) + 1, x1) - np.maximum(np.arange(canvas.shape[1]), x0), 0, 1)
    ys, xs = np.flatnonzero(rows), np.flatnonzero(columns)
    if ys.size and xs.size:
        part = canvas[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
        part += np.outer(rows[ys], columns[xs]).astype(np.float32) * (np.float32(tone) - part)


def write(
    canvas: Canvas, text: str, y: float, x: float, font_px: int, tone: float, font: Path = FONTS[0], *, outline: bool = False
) -> Box:
    """Writes text on an (H, W) canvas with its upper left corner at (y, x) px and returns the box of its ink, which may reach
    beyond the canvas; `outline`: a rim of the opposite tone."""
    stroke = 1 if outline else 0
    ink: Box = (round(y), round(x), round(y), round(x))
    height, width = 2 * font_px + 4, math.ceil(text_width(text, font_px, font)) + 8
    for part_tone, rim in ((255.0 - tone, stroke), (tone, 0)) if outline else ((tone, 0),):
        mask = Image.new("L", (width, height), 0)
        ImageDraw.Draw(mask).text((2, 2), text, fill=255, font=load_font(font, font_px), stroke_width=rim)
        cover = np.asarray(mask, np.float32) / 255
        top, left = round(y) - 2, round(x) - 2
        if (box := mask.getbbox()) is not None:
            ink = (top + box[1], left + box[0], top + box[3], left + box[2])
        a, b = max(top, 0), max(left, 0)
        c, d = min(top + height, canvas.shape[0]), min(left + width, canvas.shape[1])
        if c <= a or d <= b:
            return ink
        canvas[a:c, b:d] += cover[a - top : c - top, b - left : d - left] * (np.float32(part_tone) - canvas[a:c, b:d])
    return ink


@lru_cache(maxsize=1024)
def load_font(path: Path, font_px: int) -> ImageFont.FreeTypeFont:
    """A TrueType font at a height in px."""
    return ImageFont.truetype(str(path), font_px)


def text_width(text: str, font_px: int, font: Path = FONTS[0]) -> float:
    """Width of a text in px."""
    return float(load_font(font, font_px).getlength(text))


def finished(canvas: Canvas) -> NDArray[np.uint8]:
    """The canvas as a picture, (H, W) uint8."""
    return np.asarray(np.clip(np.round(canvas), 0, 255), np.uint8)
