"""Burns scale bars, data bars and panel letters into rendered micrographs, in the look of makers and of journal figures."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...core.scale import format_length
from .databars import MAKERS, Maker, add_data_bar, round_bar_value
from .marks import FONTS, BarTruth, Style, draw_bar, fill, finished, text_width, write

Position = Literal["above", "below", "left", "right", "inside"]

STYLES: tuple[Style, ...] = get_args(Style)
POSITIONS: tuple[Position, ...] = get_args(Position)

__all__ = [
    "FONTS",
    "MAKERS",
    "POSITIONS",
    "STYLES",
    "BarTruth",
    "Maker",
    "Position",
    "Style",
    "add_data_bar",
    "add_panel_letter",
    "draw_scale_bar",
    "round_bar_value",
]


def draw_scale_bar(
    pixels: NDArray[np.uint8],
    *,
    nm_per_px: float,
    style: Style = "plain",
    rng: np.random.Generator,
    value_nm: float | None = None,
    bright: bool | None = None,
    tone: float | None = None,
    position: Position | None = None,
    font: Path | None = None,
    text: str | None = None,
) -> tuple[NDArray[np.uint8], BarTruth]:
    """A copy of an (H, W) uint8 picture with a scale bar near a lower corner, and what was drawn.

    Ends lie between pixels where the value asks for it (drawn with partial coverage).

    bright: white on dark, else black on light; None: the tone that stands out. tone: another grey level. position: of the text
    (split bars hold theirs in the middle; "inside" needs the style "block"); None: above. font: a TrueType file; None: one of
    FONTS. text: as printed; None: a common spelling

    ValueError for an unknown style or position, a bar too short for its style, or a picture too small for the bar.
    """
    if style not in STYLES:
        raise ValueError(f"style must be one of {', '.join(STYLES)}, got {style!r}")
    where: Position = position or "above"
    if where not in POSITIONS or (where == "inside" and style != "block"):
        raise ValueError(f"position must be one of {', '.join(POSITIONS)} ('inside' for blocks only), got {position!r}")
    height, width = pixels.shape
    split = style in ("split", "split_plain")
    share = 0.35 if split or style in ("ruler", "dots", "comb") else 0.2
    value = value_nm if value_nm is not None else round_bar_value(width * nm_per_px, share=share)
    length = value / nm_per_px
    font_px = max(13, round(height * rng.uniform(0.035, 0.06)))
    font = font or FONTS[0]
    text = text or _spelling(value, rng)
    letters = text_width(text, font_px, font)
    aside = where in ("left", "right") and not split
    span = length + letters + 0.8 * font_px if aside else max(length, letters)
    thick = _thickness(style, font_px, rng, inside=where == "inside")
    least = {"ruler": 80.0, "dots": 80.0, "comb": 80.0, "arrows": 8.0 * thick, "heavy_ticks": 7.0 * thick}.get(style, 2.2 * thick)
    if where == "inside":
        least = letters + 0.6 * font_px
    if length < least or span + 2.6 * font_px > width or height < 5 * font_px or (split and length < letters + 3 * font_px):
        raise ValueError(f"a bar of {length:.0f} px with its text does not fit into a picture of shape {pixels.shape}")
    canvas = pixels.astype(np.float32)
    left = 1.2 * font_px if rng.random() < 0.5 else width - span - 1.2 * font_px
    y = height - round(1.5 * font_px) - (round(1.3 * font_px) if where == "below" and not split else 0)
    if bright is None:
        around = canvas[y - 2 * font_px : y + font_px, int(left) : int(left + span)]
        bright = bool(around.mean() < 128)
    if tone is None:
        tone = 255.0 if bright else 0.0
    ground = 0.0 if tone > 127 else 255.0
    rise = {"ticks": 5, "heavy_ticks": 2 * thick, "bracket": 3 * thick + 3, "comb": 5, "ruler": 4, "arrows": thick // 2}.get(
        style, 0
    )
    x = left + (letters + 0.8 * font_px if aside and where == "left" else 0 if aside else (span - length) / 2)
    text_x = left + (length + 0.8 * font_px if aside and where == "right" else 0 if aside else (span - letters) / 2)
    if aside or split or where == "inside":
        text_y = y - round(0.6 * font_px)
    elif where == "below":
        text_y = y + thick // 2 + rise + round(0.15 * font_px) + 2
    else:
        text_y = y - round(thick / 2) - rise - round(1.3 * font_px) - 1
    if style in ("boxed", "arrows"):
        top, bottom = min(text_y, y - thick) - 0.3 * font_px, max(text_y + 1.2 * font_px, y + thick) + 0.4 * font_px
        fill(canvas, top, left - 0.5 * font_px, bottom, left + span + 0.5 * font_px, ground)
    box = draw_bar(canvas, style, y, x, length, thick, tone, letters + font_px)
    ink = ground if where == "inside" else tone
    label_box = write(canvas, text, text_y, text_x, font_px, ink, font, outline=style == "embossed")
    return finished(canvas), BarTruth(value, length, box, text, style, label_box)


def add_panel_letter(pixels: NDArray[np.uint8], letter: str, *, rng: np.random.Generator, boxed: bool = False) -> NDArray[np.uint8]:
    """A copy of an (H, W) uint8 picture with a journal figure's letter, such as "a" or "(b)", in its upper left corner; `boxed`:
    black in a white box."""
    canvas = pixels.astype(np.float32)
    font_px = max(14, round(pixels.shape[0] * rng.uniform(0.06, 0.1)))
    tone = 255.0 if canvas[: 2 * font_px, : 2 * font_px].mean() < 128 else 0.0
    if boxed:
        fill(canvas, 0, 0, 1.6 * font_px, text_width(letter, font_px, FONTS[1]) + 0.7 * font_px, 255.0)
        tone = 0.0
    write(canvas, letter, font_px // 3, font_px // 3, font_px, tone, FONTS[1])
    return finished(canvas)


def _thickness(style: Style, font_px: int, rng: np.random.Generator, *, inside: bool) -> int:
    """Px of the line."""
    if inside:
        return round(1.4 * font_px)
    drawn = float(rng.integers(3, 8))
    fixed = {"block": font_px * 0.7, "hollow": 7.0, "ticks": 2.0, "split": 3.0, "split_plain": 3.0, "bracket": 2.0, "comb": 8.0}
    if style == "heavy_ticks":
        return int(rng.integers(4, 7))
    return round(fixed.get(style, drawn))


def _spelling(value_nm: float, rng: np.random.Generator) -> str:
    """A length as people write it: "500 nm", "1µm", "1 um"."""
    text = format_length(value_nm)
    if rng.random() < 0.25:
        text = text.replace("µ", "u")
    return text.replace(" ", "") if rng.random() < 0.25 else text
