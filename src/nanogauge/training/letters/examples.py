"""Examples for the reader of letters: a label drawn over a ground, the bar beside it, the wear of a published picture, and what
stands in each column."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..synthetic.marks import FONTS, Style, draw_bar, fill, finished, load_font, text_width, write

U8 = NDArray[np.uint8]

LETTERS = ".0123456789nmµÅ"
"""What is told apart, in the order of the network's outputs 1 to 15; 0 is a column without a letter, the last any other letter."""
OTHER = len(LETTERS) + 1
N_CLASSES = len(LETTERS) + 2
HEIGHT_PX, WIDTH_PX = 32, 160
CELL_PX = 2
"""The network's columns have so many px."""
_ALIKE = {",": ".", "u": "µ", "μ": "µ"}
_CORE, _LOOSE = 0.25, 0.12  # of a letter's width from its sides: where it surely is; where nothing is asked
_NARROW_CORE = 0.15  # of a point's
_LEAST_SHOWN = 12.0  # grey levels by which a letter changes what is under it, else nothing is asked of it
_FONT_PX = (9, 10, 11, 12, 13, 14, 16, 18, 20, 22, 25, 28, 32, 37, 43)  # few, so that fonts are loaded once
_LEAST_PX = 8.5  # of a font, once rescaled
_LEAST_OFF = 45.0  # grey levels, of the tone of letters from the mean of what is under them
_HERSHEY = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX)
_COMMON = (
    "1", "2", "3", "4", "5", "10", "20", "25", "30", "40", "50", "60", "80", "100", "150", "200", "250", "300", "400", "500", "1.0",
    "2.0", "5.0", "0.5", "0.2", "0.1", "2.5", "1.5", "10.0", "50.0", "200.0", "1.00", "2.00", "5.00", "20.0", "0.25", "0.4", "0.3",
    ".5", ".2", ".4", ".25", "0.05", "0.02", "100.0", "500.0", "12.5", "7.5", "1000", "2000",
)  # fmt: skip
_WORDS = (
    "WD", "SE", "x50k", "kV", "HV", "Mag", "a", "(b)", "7.5 mm", "SEI", "HFW", "det", "5.0", "TEM", "sample", "Au", "X20,000",
    "10.0kV",
)  # fmt: skip
_BESIDE: tuple[Style, ...] = ("plain", "plain", "ticks", "ticks", "heavy_ticks", "bracket", "hollow", "comb", "embossed", "arrows")


@dataclass(frozen=True)
class _Letter:
    """One letter: its class and the edges of the space it takes, px from the left."""

    kind: int
    x0: float
    x1: float


def example(grounds: list[U8], fonts: list[Path], rng: np.random.Generator) -> tuple[U8, NDArray[np.int64], NDArray[np.bool_]]:
    """A label (32, 160), the class of each column (80,), and where that is asked."""
    font = FONTS[int(rng.integers(len(FONTS)))] if not fonts or rng.random() < 0.4 else fonts[int(rng.integers(len(fonts)))]
    font_px = int(rng.choice(_FONT_PX))
    text = length_text(rng)
    wide = text_width(text, font_px, font)
    high = font_px * float(rng.uniform(0.95, 1.75))  # of what the network sees
    zoom = min(HEIGHT_PX / high, (WIDTH_PX - 6) / (wide + 0.5 * font_px))
    view = (round(HEIGHT_PX / zoom), round(WIDTH_PX / zoom))
    rim = 4
    before = max(min(0.25 * font_px + abs(rng.normal(0, 1.2)) * font_px, view[1] - wide - 2), 2.0)
    middle = 0.5 * view[0] + rng.uniform(-0.12, 0.12) * font_px
    y, x = rim + middle - 0.66 * font_px, rim + before
    ground = ground_of(grounds, (view[0] + 2 * rim, view[1] + 2 * rim), rng)
    canvas = ground.astype(np.float32)
    under = canvas[max(int(y), 0) : int(y + 1.2 * font_px), int(x) : int(x + wide)]
    tone = _tone(under, rng)
    letters: list[_Letter] = []
    kind = rng.random()
    if kind < 0.2:  # a plate, or a strip
        _plate(canvas, (y, x, y + 1.2 * font_px, x + wide), font_px, tone, rng)
    elif kind < 0.26 and font_px > 11:  # within a block
        fill(canvas, y - rng.uniform(0, 0.2) * font_px, x - rng.uniform(0.2, 2) * font_px, y + 1.3 * font_px,
             x + wide + rng.uniform(0.2, 2) * font_px, 255.0 - tone)  # fmt: skip
    beside = _bars(canvas, (y, x, wide), font_px, tone, rng)
    before_text = canvas.copy()
    if rng.random() < 0.07 and text.isascii():
        letters += _strokes(canvas, text, y, x, font_px, tone, wide, rng)
    else:
        write(canvas, text, y, x, font_px, tone, font, outline=rng.random() < 0.1)
        letters += _spaces(text, round(x), font_px, font)
    if not beside and rng.random() < 0.3:
        letters += _word(canvas, (y, x, wide), font_px, tone, font, rng)
    pixels, factor = _worn(finished(canvas), _LEAST_PX / font_px, rng)
    shown = np.abs(canvas - before_text)
    part = _view(pixels, rim * factor, view, factor)
    classes, asked = columns([_Letter(c.kind, (c.x0 - rim) * zoom, (c.x1 - rim) * zoom) for c in letters])
    for c in letters:
        inked = shown[:, max(int(c.x0), 0) : max(math.ceil(c.x1), 1)]
        if inked.size == 0 or float(np.quantile(inked, 0.97)) < _LEAST_SHOWN:
            a, b = ((v - rim) * zoom / CELL_PX for v in (c.x0, c.x1))
            asked[max(int(a), 0) : max(math.ceil(b), 0)] = False
    return part, classes, asked


def length_text(rng: np.random.Generator) -> str:
    """A length as bars bear it; in two of five a number that none bears, lest the network guess."""
    if rng.random() < 0.6:
        number = _COMMON[int(rng.integers(len(_COMMON)))]
    else:
        number = "".join(str(rng.integers(10)) for _ in range(int(rng.choice([1, 2, 3, 4], p=[0.2, 0.35, 0.35, 0.1]))))
        if rng.random() < 0.6:
            at = int(rng.integers(len(number)))
            number = f"{number[:at]}.{number[at:]}"
    if rng.random() < 0.15:
        number = number.replace(".", ",")
    unit = str(rng.choice(["nm", "µm", "μm", "um", "mm", "Å"], p=[0.42, 0.16, 0.12, 0.14, 0.13, 0.03]))
    return number + str(rng.choice([" ", " ", ""])) + unit


def columns(letters: list[_Letter]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Class of each column of the network, and where it is asked: not where a letter goes over into what is beside it."""
    n = WIDTH_PX // CELL_PX
    middles = (np.arange(n) + 0.5) * CELL_PX
    classes, asked = np.zeros(n, np.int64), np.ones(n, bool)
    for c in letters:
        share = (middles - c.x0) / max(c.x1 - c.x0, 1e-6)
        core = _NARROW_CORE if c.kind == 1 else _CORE
        inside = (share >= core) & (share <= 1 - core)
        if not inside.any() and 0 <= 0.5 * (c.x0 + c.x1) < WIDTH_PX:
            inside[min(int(0.25 * (c.x0 + c.x1)), n - 1)] = True
        loose = (share >= min(_LOOSE, core)) & (share <= 1 - min(_LOOSE, core)) & ~inside
        classes[inside] = c.kind
        asked[loose] = False
        asked[inside] = True
    return classes, asked


def kind_of(character: str) -> int:
    """Class of a character; 0 for a blank."""
    if character == " ":
        return 0
    found = LETTERS.find(_ALIKE.get(character, character))
    return found + 1 if found >= 0 else OTHER


def _spaces(text: str, x: float, font_px: int, font: Path) -> list[_Letter]:
    """The letters of a text that begins at x, px."""
    at = [x + load_font(font, font_px).getlength(text[:i]) for i in range(len(text) + 1)]
    return [_Letter(kind_of(c), a, b) for c, a, b in zip(text, at[:-1], at[1:], strict=True) if c != " "]


def _strokes(
    canvas: NDArray[np.float32], text: str, y: float, x: float, font_px: int, tone: float, wide: float, rng: np.random.Generator
) -> list[_Letter]:
    """Writes a text in strokes, as old microscopes do."""
    face, thick = _HERSHEY[int(rng.integers(len(_HERSHEY)))], max(1, font_px // 12)
    size = min(wide / cv2.getTextSize(text, face, 1.0, thick)[0][0], 0.75 * font_px / cv2.getTextSize("0", face, 1.0, thick)[0][1])
    ink = np.zeros(canvas.shape, np.uint8)
    cv2.putText(ink, text, (round(x), round(y + font_px)), face, size, 255, thick, cv2.LINE_AA)
    canvas += ink.astype(np.float32) / 255 * (np.float32(tone) - canvas)
    at = [round(x) + (cv2.getTextSize(text[:i], face, size, thick)[0][0] if i else 0) for i in range(len(text) + 1)]
    return [_Letter(kind_of(c), a, b) for c, a, b in zip(text, at[:-1], at[1:], strict=True) if c != " "]


def _word(
    canvas: NDArray[np.float32], label: tuple[float, float, float], font_px: int, tone: float, font: Path, rng: np.random.Generator
) -> list[_Letter]:
    """A word left or right of the label, as in a data bar; it may be cut."""
    y, x, wide = label
    word = _WORDS[int(rng.integers(len(_WORDS)))]
    gap = font_px * float(rng.uniform(0.6, 1.6))
    at = x - gap - text_width(word, font_px, font) if rng.random() < 0.5 else x + wide + gap
    write(canvas, word, y, at, font_px, tone, font)
    return _spaces(word, round(at), font_px, font)


def _bars(
    canvas: NDArray[np.float32], label: tuple[float, float, float], font_px: int, tone: float, rng: np.random.Generator
) -> bool:
    """Draws the bar: below, above, beside, on both sides of the label, or none; whether one stands beside it."""
    y, x, wide = label
    where = str(rng.choice(["below", "above", "left", "right", "split", "none"], p=[0.36, 0.12, 0.1, 0.14, 0.13, 0.15]))
    if where == "none":
        return False
    style = _BESIDE[int(rng.integers(len(_BESIDE)))]
    thick = int(rng.integers(1, max(3, font_px // 3))) if style not in ("hollow", "embossed") else int(rng.integers(4, 9))
    length = float(np.exp(rng.uniform(math.log(0.8 * font_px), math.log(14 * font_px))))
    if where in ("below", "above"):
        gap = font_px * rng.uniform(0.02, 0.6) + thick
        row = y + 1.2 * font_px + gap if where == "below" else y - gap
        draw_bar(canvas, style, round(row), x + 0.5 * (wide - length) + rng.normal(0, 0.3) * wide, length, thick, tone)
        return False
    row = round(y + 0.66 * font_px + rng.uniform(-0.15, 0.15) * font_px)
    gap = font_px * float(rng.uniform(0.12, 0.9))
    if where == "split":
        plain = rng.random() < 0.5
        whole = wide + 2 * gap + 2 * length
        draw_bar(canvas, "split_plain" if plain else "split", row, x - gap - length, whole, min(thick, 5), tone, wide + 2 * gap)
        return True
    draw_bar(canvas, style, row, x + wide + gap if where == "right" else x - gap - length, length, thick, tone)
    return True


def _plate(
    canvas: NDArray[np.float32], box: tuple[float, float, float, float], font_px: int, tone: float, rng: np.random.Generator
) -> None:
    ground = float(rng.choice([0.0, 255.0])) if abs(tone - 128) < 60 else (0.0 if tone > 127 else 255.0)
    margin = font_px * rng.uniform(0.05, 0.8)
    if rng.random() < 0.4:
        fill(canvas, box[0] - margin, 0, canvas.shape[0], canvas.shape[1], ground)
    else:
        fill(canvas, box[0] - margin, box[1] - margin, box[2] + 2 * margin, box[3] + margin, ground)


def _tone(under: NDArray[np.float32], rng: np.random.Generator) -> float:
    """Mostly white or black, mostly what stands out."""
    mean = float(under.mean()) if under.size else 128.0
    best = 255.0 if mean < 128 else 0.0
    if rng.random() < 0.75:
        return best
    for _ in range(10):
        tone = float(rng.uniform(0, 255))
        if abs(tone - mean) > _LEAST_OFF:
            return tone
    return best


def ground_of(grounds: list[U8], shape: tuple[int, int], rng: np.random.Generator) -> U8:
    """A part of one of the grounds of that shape, zoomed and turned; in one of six, a plain or cloudy one."""
    if not grounds or rng.random() < 0.17:
        level, relief = rng.uniform(0, 255), rng.uniform(0, 40)
        cloud = cv2.resize(rng.normal(size=(4, 8)).astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
        return np.asarray(np.clip(level + relief * cloud + rng.normal(0, rng.uniform(0, 12), shape), 0, 255), np.uint8)
    picture = grounds[int(rng.integers(len(grounds)))]
    zoom = float(np.exp(rng.uniform(math.log(0.6), math.log(2.2))))
    tall, wide = (min(math.ceil(side / zoom), most) for side, most in zip(shape, picture.shape, strict=True))
    y, x = int(rng.integers(picture.shape[0] - tall + 1)), int(rng.integers(picture.shape[1] - wide + 1))
    part = cv2.resize(picture[y : y + tall, x : x + wide], shape[::-1], interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        part = part[:, ::-1]
    return np.ascontiguousarray(part[::-1] if rng.random() < 0.3 else part)


def _worn(pixels: U8, least: float, rng: np.random.Generator) -> tuple[U8, float]:
    """Rescaled, to no less than a factor, blurred, grainy, packed as JPEG; and that factor."""
    factor = 1.0
    if rng.random() < 0.3:  # journals rescale what was drawn
        factor = max(float(np.exp(rng.uniform(math.log(0.6), math.log(1.6)))), least)
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        pixels = np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=how), np.uint8)
    if rng.random() < 0.4:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.0)), np.uint8)
    if rng.random() < 0.2:
        pixels = np.clip(pixels + rng.normal(0, rng.uniform(1, 12), pixels.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))])
        pixels = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return pixels, factor


def _view(pixels: U8, rim: float, view: tuple[int, int], factor: float) -> U8:
    """The part that the network is to see, (32, 160)."""
    y0, x0 = round(rim), round(rim)
    part = pixels[y0 : y0 + round(view[0] * factor), x0 : x0 + round(view[1] * factor)]
    how = cv2.INTER_AREA if part.shape[0] > HEIGHT_PX else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (WIDTH_PX, HEIGHT_PX), interpolation=how), np.uint8)
