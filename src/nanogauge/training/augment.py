"""What the network must not depend on: printing, saving, burned-in text, and how the tone of a crop is to change.

Here is what is done to a crop in grey levels, by the process that cuts it. The tone's numbers are drawn here too; the sums are
done in `batches`, a batch at once, where the network is.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

FLATTENED_PX = 16.0  # standard deviation of the blur that is taken off
BURNED_IN = 0.25  # share of crops with text or marks drawn in
U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
WORDS = (
    *("100 nm", "500 nm", "1 μm", "20 nm", "50nm", "0.2 µm", "5 nm", "10 µm"),
    *("(a)", "b", "A", "(c)", "d)", "(f)", "C", "e", "II", "Fe3O4", "TiO2"),
    *("5.0kV", "x50,000", "WD 8.1 mm", "SEI", "15.0kV 9.8mm x40.0k SE(M)", "HV 200 kV", "2015/03/14"),
)
FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "STIXGeneral", "STIXGeneralBol", "DejaVuSansMono")


@cache
def _font(name: str, px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"), px)


def burn_in(grey: U8, labels: I32, distance: F32, rng: np.random.Generator) -> None:
    """Draws what journals and microscopes print over pictures, in place: a word, often in a filled box, a scale bar, a data
    bar, an arrow, an inset's frame. Filled boxes and data bars hide particles; strokes do not."""
    h, w = grey.shape
    shade = int(rng.choice([0, 255, int(rng.integers(256))], p=[0.4, 0.5, 0.1]))
    kind = rng.choice(["data bar", "boxed", "plain", "arrow"], p=[0.2, 0.3, 0.4, 0.1])
    if kind == "arrow":
        ends = [(int(rng.integers(w)), int(rng.integers(h))) for _ in range(2)]
        start, stop = ends
        cv2.arrowedLine(grey, start, stop, shade, int(rng.integers(1, 5)), cv2.LINE_AA, tipLength=float(rng.uniform(0.1, 0.4)))
        return
    word = str(rng.choice(WORDS))
    font = _font(str(rng.choice(FONTS)), int(np.exp(rng.uniform(math.log(9), math.log(48)))))
    _, _, right, bottom = (math.ceil(v) for v in font.getbbox(word))
    y, x = int(rng.integers(0, max(h - bottom, 1))), int(rng.integers(-10, max(w - 20, 1)))
    hidden: list[tuple[slice, slice]] = []
    if kind == "data bar":  # along one edge
        top = max(h - int(rng.integers(12, max(h // 4, 14))), 0)
        y = top + max((h - top - bottom) // 2, 0)
        hidden = [np.s_[top:, :]]
    elif kind == "boxed":
        pad_y, pad_x = int(rng.integers(0, 9)), int(rng.integers(0, 14))
        if rng.random() < 0.5:  # panel letters sit in corners
            y, x = (
                (0 if rng.random() < 0.8 else max(h - bottom - pad_y, 0)),
                (0 if rng.random() < 0.7 else max(w - right - pad_x, 0)),
            )
        hidden = [np.s_[max(y - pad_y, 0) : y + bottom + pad_y, max(x - pad_x, 0) : max(x + right + pad_x, 1)]]
    for window in hidden:
        for array, fill in ((grey, 255 - shade), (labels, 0), (distance, 0)):
            array[window] = fill
    canvas = Image.fromarray(grey)
    ImageDraw.Draw(canvas).text((x, y), word, fill=shade, font=font)
    grey[:] = np.asarray(canvas)
    if rng.random() < 0.5:
        length, thick = int(rng.integers(15, max(w // 2, 16))), int(rng.integers(1, 9))
        y0 = min(y + bottom + int(rng.integers(1, 9)), h - thick)
        cv2.rectangle(grey, (x, y0), (x + length, y0 + thick), shade, -1)


def reproduce(grey: U8, rng: np.random.Generator) -> U8:
    """What printing and saving do to a picture: coarser and back, JPEG, local contrast enhancement."""
    h, w = grey.shape
    out: Any = grey
    if rng.random() < 0.12:
        factor = float(rng.uniform(0.4, 0.9))
        small = cv2.resize(out, (max(round(factor * w), 8), max(round(factor * h), 8)), interpolation=cv2.INTER_AREA)
        out = cv2.resize(small, (w, h), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST])))
    if rng.random() < 0.08:
        out = cv2.createCLAHE(float(rng.uniform(1, 4)), (int(rng.integers(2, 6)),) * 2).apply(out)
    if rng.random() < 0.12:
        _, code = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 80))])
        out = cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)
    return np.asarray(out, np.uint8)


class Tone(NamedTuple):
    """How a crop's tone changes, in this order; numbers are tensors without dimensions, or (N,) for a batch of N crops."""

    table: Tensor  # (256,) or (N, 256): the value of each grey level, 0..1 and rising, or falling where inverted
    blur_px: Tensor  # standard deviation of a Gaussian; 0: none
    sharpening: Tensor  # unsharp masking, as journals do; 0: none
    noise: Tensor  # standard deviation; 0: none
    noise_px: Tensor  # correlation length of the noise; 0: none
    noise_seed: Tensor
    lines: Tensor  # deviation of what a whole line of the scan is brighter or darker by; 0: none
    flattened_px: Tensor  # standard deviation of the blur that is taken off, as in detection/flattened; 0: none
    slope_y: Tensor  # uneven illumination, from -slope to slope over the crop
    slope_x: Tensor
    gain: Tensor  # of the standardised values
    offset: Tensor


def draw_tone(rng: np.random.Generator, *, inverted: float = 0.15, flattened: float = 0.0) -> Tone:
    """A change of tone, drawn at random; so many are `inverted`, which nothing that is told apart by its grey level may be, so many
    `flattened`, in which nothing that is large beside FLATTENED_PX can be told from ground."""
    levels = np.linspace(0, 1, 256)
    if rng.random() < inverted:
        levels = 1 - levels
    if rng.random() < 0.35:
        levels = levels ** math.exp(rng.normal(0, 0.35))
    elif rng.random() < 0.35:
        levels = tone_curve(levels, rng)
    blur_px = sharpening = noise = noise_px = slope_y = slope_x = 0.0
    if rng.random() < 0.25:
        blur_px = rng.uniform(0.4, 1.6)
    if rng.random() < 0.15:
        sharpening = rng.uniform(0.3, 1.2)
    if rng.random() < 0.35:
        noise = math.exp(rng.uniform(math.log(0.005), math.log(0.08)))
        noise_px = rng.uniform(0.5, 1.2) if rng.random() < 0.4 else 0.0
    if rng.random() < 0.2:
        slope_y, slope_x = rng.normal(0, 0.15, 2).tolist()
    gain, offset = rng.uniform(0.75, 1.3), rng.normal(0, 0.2)
    seed = int(rng.integers(2**31))
    if noise and rng.random() < 0.3:  # few counts a pixel
        noise = math.exp(rng.uniform(math.log(0.06), math.log(0.25)))
    lines = math.exp(rng.uniform(math.log(0.01), math.log(0.08))) if rng.random() < 0.1 else 0.0
    flattened_px = FLATTENED_PX if rng.random() < flattened else 0.0
    numbers = (blur_px, sharpening, noise, noise_px, seed, lines, flattened_px, slope_y, slope_x, gain, offset)
    return Tone(torch.from_numpy(levels.astype(np.float32)), *map(torch.tensor, numbers))


def tone_curve(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A random rising curve through 0 and 1: detectors, gamma and journals' contrast settings."""
    steps = np.exp(rng.normal(0, 0.6, 6))
    knots = np.concatenate([[0.0], np.cumsum(steps) / steps.sum()])
    return np.asarray(np.interp(values, np.linspace(0, 1, 7), knots), np.float64)
