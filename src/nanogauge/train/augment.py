"""Grey-level augmentation and burned-in text: what the network must not depend on."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..segment import standardise

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
WORDS = (
    "100 nm",
    "500 nm",
    "1 um",
    "20 nm",
    "(a)",
    "b",
    "A",
    "(c)",
    "50nm",
    "0.2 um",
    "5.0kV",
    "x50,000",
    "WD 8.1 mm",
    "SEI",
    "d)",
)


def burn_in(grey: U8, labels: I32, distance: F32, rng: np.random.Generator) -> None:
    """Draws a scale bar, a word or a data bar into the crop, in place. Filled boxes hide particles; text does not."""
    h, w = grey.shape
    shade = int(rng.choice([0, 255, int(rng.integers(256))], p=[0.4, 0.5, 0.1]))
    kind = rng.random()
    if kind < 0.25:  # data bar along one edge
        top = h - int(rng.integers(12, max(h // 4, 14)))
        grey[top:] = 255 - shade
        labels[top:] = 0
        distance[top:] = 0
        y = top + int(0.7 * (h - top))
    else:
        y = int(rng.integers(12, h))
    x = int(rng.integers(-10, max(w - 20, 1)))
    size = float(rng.uniform(0.35, 1.3))
    word = WORDS[rng.integers(len(WORDS))]
    font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX]))
    if 0.25 <= kind < 0.4:
        y0, x0 = max(y - int(30 * size), 0), max(x - 4, 0)
        y1, x1 = y + 8, x0 + int(17 * size * len(word)) + 8
        for array, fill in ((grey, 255 - shade), (labels, 0), (distance, 0)):
            array[y0:y1, x0:x1] = fill
    cv2.putText(grey, word, (x, y), font, size, shade, int(rng.integers(1, 4)), cv2.LINE_AA)
    if rng.random() < 0.6:
        length, thick = int(rng.integers(15, max(w // 2, 16))), int(rng.integers(1, 8))
        y0 = min(y + int(rng.integers(3, 12)), h - thick)
        cv2.rectangle(grey, (x, y0), (x + length, y0 + thick), shade, -1)


def apply(grey: U8, labels: I32, distance: F32, rng: np.random.Generator) -> tuple[F32, I32, F32]:
    """Augmented, standardised grey levels with the labels and distance that belong to them."""
    if rng.random() < 0.15:
        grey, labels, distance = grey.copy(), labels.copy(), distance.copy()
        burn_in(grey, labels, distance, rng)
    if rng.random() < 0.15:
        grey = 255 - grey
    values: Any = grey.astype(np.float32) / np.float32(255)
    if rng.random() < 0.5:
        values = values ** np.float32(math.exp(rng.normal(0, 0.3)))
    if rng.random() < 0.25:
        values = cv2.GaussianBlur(values, (0, 0), float(rng.uniform(0.4, 1.6)))
    if rng.random() < 0.15:  # sharpening, as journals do
        values = values + float(rng.uniform(0.3, 1.2)) * (values - cv2.GaussianBlur(values, (0, 0), 1.2))
    if rng.random() < 0.35:
        noise: Any = rng.standard_normal(values.shape, np.float32)
        if rng.random() < 0.4:
            noise = cv2.GaussianBlur(noise, (0, 0), float(rng.uniform(0.5, 1.2))) * 2
        values = values + float(np.exp(rng.uniform(math.log(0.005), math.log(0.08)))) * noise
    if rng.random() < 0.2:  # uneven illumination
        gy, gx = rng.normal(0, 0.15, 2)
        h, w = values.shape
        values = values + np.asarray(gy * np.linspace(-1, 1, h)[:, None] + gx * np.linspace(-1, 1, w)[None], np.float32)
    out = standardise(values)
    return out * np.float32(rng.uniform(0.75, 1.3)) + np.float32(rng.normal(0, 0.2)), labels, distance
