"""What authors draw into a finished micrograph: panel letters, scale bars, arrows, frames, text boxes.

Thin marks leave a particle a particle; what lies under a filled box cannot be seen and loses its label.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .annotate import STYLES, draw_scale_bar
from .layers import Labels
from .marks import FONTS, finished, text_width, write

U8 = NDArray[np.uint8]
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)
_WORDS = ("SiO2", "d = 52 nm", "12 h", "pH 7", "Au@Ag", "x 50k", "S-3", "MOF-5", "TiO2", "29.7 nm", "core", "002", "control")
_THICKEST_STROKE_PX = 12


def annotated(pixels: U8, labels: Labels, *, nm_per_px: float, rng: np.random.Generator) -> tuple[U8, Labels]:
    """Copies of a micrograph (H, W) and its labels with one to three marks drawn in, and labels under filled boxes removed."""
    out = pixels.copy()
    n = int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
    for kind in rng.choice(5, n, replace=False, p=[0.3, 0.3, 0.15, 0.12, 0.13]):
        if kind == 0:
            out = _with_panel_letter(out, rng)
        elif kind == 1:
            out = _with_scale_bar(out, nm_per_px, rng)
        else:
            (_arrow, _frame, _text_box)[kind - 2](out, rng)
    return out, hidden_removed(labels, out != pixels)


def _with_panel_letter(pixels: U8, rng: np.random.Generator) -> U8:
    """A figure's letter, small or as large as particles, in a corner mostly; its counters and bowls are no particles."""
    h, w = pixels.shape
    letter, number = "abcdefghij"[rng.integers(10)], rng.integers(1, 10)
    forms = (letter, letter.upper(), f"({letter})", f"{letter})", f"{letter}{number}", f"{letter.upper()}{number}", str(number))
    text, font = forms[rng.integers(len(forms))], FONTS[rng.integers(len(FONTS))]
    size = max(12, round(h * math.exp(rng.uniform(math.log(0.05), math.log(0.22)))))
    wide = text_width(text, size, font)
    if rng.random() < 0.8:
        margin = int(size * rng.uniform(0.1, 0.5))
        y = margin if rng.random() < 0.75 else h - size - margin
        x = margin if rng.random() < 0.75 else w - int(wide) - margin
    else:
        y, x = int(rng.uniform(0, max(h - size, 1))), int(rng.uniform(0, max(w - wide, 1)))
    canvas = pixels.astype(np.float32)
    write(canvas, text, y, x, size, float(_tone(pixels, rng)), font)
    return finished(canvas)


def padded(pixels: U8, labels: Labels, rng: np.random.Generator) -> tuple[U8, Labels]:
    """Copies that show a part of a figure: one to three bands of one tone, mostly white or black, cover sides or part the frame.
    Nothing under them has a label."""
    out, kept = pixels.copy(), labels.copy()
    tone = int(rng.choice([255, 0, int(rng.integers(256))], p=[0.5, 0.35, 0.15]))
    for _ in range(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))):
        picture, marks = (out.T, kept.T) if rng.random() < 0.5 else (out, kept)
        size = picture.shape[0]
        if rng.random() < 0.65:  # a side
            reach = max(int(size * rng.uniform(0.02, 0.4)), 1)
            band = slice(0, reach) if rng.random() < 0.5 else slice(size - reach, size)
        else:  # the gutter between two panels
            start = int(size * rng.uniform(0.15, 0.85))
            band = slice(start, start + max(int(rng.uniform(2, 18)), 1))
        picture[band], marks[band] = tone, 0
    return out, kept


def hidden_removed(labels: Labels, drawn: NDArray[np.bool_]) -> Labels:
    """Labels without the pixels under filled areas of `drawn`, which are those wider than a stroke of lettering."""
    kernel = np.ones((_THICKEST_STROKE_PX + 4,) * 2, np.uint8)
    closed = cv2.morphologyEx(drawn.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    filled = cv2.morphologyEx(closed, cv2.MORPH_OPEN, kernel, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.where(filled > 0, 0, labels), np.int32)


def _tone(pixels: U8, rng: np.random.Generator) -> int:
    """Mostly the one that stands out."""
    stands_out = 255 if pixels.mean() < 128 else 0
    return stands_out if rng.random() < 0.7 else int(rng.integers(256))


def _with_scale_bar(pixels: U8, nm_per_px: float, rng: np.random.Generator) -> U8:
    try:
        return draw_scale_bar(pixels, nm_per_px=nm_per_px, style=STYLES[rng.integers(len(STYLES))], rng=rng)[0]
    except ValueError:  # the picture is too small for this one
        return pixels


def _arrow(pixels: U8, rng: np.random.Generator) -> None:
    h, w = pixels.shape
    theta, reach = rng.uniform(0, 2 * math.pi), rng.uniform(0.08, 0.25) * min(h, w)
    y, x = rng.uniform(0.1, 0.9, 2) * (h, w)
    end = (int(x + reach * math.cos(theta)), int(y + reach * math.sin(theta)))
    cv2.arrowedLine(pixels, (int(x), int(y)), end, _tone(pixels, rng), int(rng.integers(1, 5)), cv2.LINE_AA, tipLength=0.35)


def _frame(pixels: U8, rng: np.random.Generator) -> None:
    """The outline of a region: a rectangle or a circle, whole or dashed."""
    h, w = pixels.shape
    y, x = rng.uniform(0.1, 0.6, 2) * (h, w)
    tall, wide = rng.uniform(0.15, 0.4, 2) * min(h, w)
    ring = np.zeros((h, w), np.uint8)
    thick = int(rng.integers(1, 4))
    if rng.random() < 0.5:
        cv2.rectangle(ring, (int(x), int(y)), (int(x + wide), int(y + tall)), 255, thick)
    else:
        cv2.circle(ring, (int(x + wide / 2), int(y + tall / 2)), int(tall / 2), 255, thick, cv2.LINE_AA)
    if rng.random() < 0.5:
        yy, xx = np.mgrid[0:h, 0:w]
        ring[(yy + xx) // 5 % 2 == 0] = 0
    cover: Any = ring.astype(np.float32) / 255
    pixels[:] = np.round(pixels + cover * (np.float32(_tone(pixels, rng)) - pixels))


def _text_box(pixels: U8, rng: np.random.Generator) -> None:
    """A word, half of them on a filled box."""
    h, w = pixels.shape
    word, font, size = _WORDS[rng.integers(len(_WORDS))], int(rng.choice(_FONTS)), float(h * rng.uniform(0.0012, 0.003))
    thick, tone = int(rng.integers(1, 3)), _tone(pixels, rng)
    (wide, tall), below = cv2.getTextSize(word, font, size, thick)
    y, x = int(rng.uniform(tall + 4, h - below - 2)), int(rng.uniform(-0.2 * wide, max(w - 0.6 * wide, 1)))
    if rng.random() < 0.5:
        cv2.rectangle(pixels, (x - 4, y - tall - 4), (x + wide + 4, y + below + 2), 255 - tone, -1)
    cv2.putText(pixels, word, (x, y), font, size, tone, thick, cv2.LINE_AA)
