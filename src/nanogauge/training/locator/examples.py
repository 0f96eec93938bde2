"""Examples for the locator: a ground, an overlay on it, the wear of a published picture, and the maps the network is to give."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .overlays import U8, Drawn, FloatBox, Part, with_overlay

CELL_PX = 2
"""A map has one value for so many px by so many px of the picture."""
MAPS = ("bar", "label", "text", "left", "right")
"""The bar; its label; other text; and where the bar's left and its right end stand, each a soft spot."""
_SPOT_PX = 3.0  # standard deviation of a soft spot
_REAL = 0.35  # of the examples: bars that authors and makers drew, as the reader that is shipped has read them


@dataclass(frozen=True)
class Picture:
    """A micrograph (H, W) with what is burned in: bar and label where a reading is sure, other text; unread: there may be more."""

    pixels: U8
    parts: tuple[tuple[Part, FloatBox], ...]
    unread: bool


def read_pictures(folder: Path) -> list[Picture]:
    """Pictures as `collect` keeps them: grounds.npz and grounds.json."""
    with np.load(folder / "grounds.npz") as kept:
        rows = json.loads((folder / "grounds.json").read_text(encoding="utf-8"))
        return [_picture(kept[row["name"]], row) for row in rows]


def _picture(pixels: U8, row: dict[str, object]) -> Picture:
    sure = row["bar"] is not None and row["label"] is not None and row["refused"] is None
    parts: list[tuple[Part, FloatBox]] = []
    if sure:
        parts += [("bar", tuple(row["bar"])), ("label", tuple(row["label"]))]  # type: ignore[arg-type, list-item]
    for box in row["texts"]:  # type: ignore[attr-defined]
        if not sure or not _overlap(tuple(box), tuple(row["label"])):  # type: ignore[arg-type]
            parts.append(("text", tuple(box)))
    return Picture(pixels, tuple(parts), not sure and bool(row["texts"] or row["bar"]))


def example(
    pictures: list[Picture], shape: tuple[int, int], rng: np.random.Generator
) -> tuple[U8, NDArray[np.float32], NDArray[np.bool_]]:
    """A picture of that shape, its maps (5, H/2, W/2), and where they are known (H/2, W/2)."""
    picture = pictures[int(rng.integers(len(pictures)))]
    if not picture.unread and picture.parts and picture.parts[0][0] == "bar" and rng.random() < _REAL / 0.6:
        zoom = float(np.exp(rng.uniform(math.log(0.6), math.log(1.7))))
        drawn = _view(Drawn(picture.pixels, list(picture.parts)), shape, zoom, rng)
    else:
        drawn = with_overlay(_ground(picture, shape, rng), rng)
        zoom = float(np.exp(rng.normal(0, 0.25))) if rng.random() < 0.5 else 1.0  # journals rescale what was drawn
        if zoom != 1.0 or drawn.pixels.shape != shape:
            drawn = _view(drawn, shape, zoom, rng)
    pixels = _worn(drawn.pixels, rng)
    if rng.random() < 0.08:
        pixels = (255 - pixels).astype(np.uint8)
    return (pixels, *maps(drawn, shape))


def maps(drawn: Drawn, shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What the network is to give for what was drawn, and where that is known."""
    h, w = shape[0] // CELL_PX, shape[1] // CELL_PX
    out, known = np.zeros((len(MAPS), h, w), np.float32), np.ones((h, w), bool)
    for part, (y0, x0, y1, x1) in drawn.parts:
        a, b, c, d = y0 / CELL_PX, x0 / CELL_PX, y1 / CELL_PX, x1 / CELL_PX
        rows, columns = slice(max(math.floor(a), 0), max(math.ceil(c), 0)), slice(max(math.floor(b), 0), max(math.ceil(d), 0))
        if part == "unknown":
            known[rows, columns] = False
            continue
        out[MAPS.index(part), rows, columns] = 1
        if part == "bar":
            for name, x in (("left", b), ("right", d)):
                if 0 <= x <= w:
                    yy = np.clip(np.maximum(a + 0.5 - np.arange(h) - 0.5, np.arange(h) + 0.5 - c + 0.5), 0, None)
                    spot = np.exp(-(yy[:, None] ** 2 + (np.arange(w) + 0.5 - x) ** 2) / (2 * (_SPOT_PX / CELL_PX) ** 2))
                    k = MAPS.index(name)
                    out[k] = np.maximum(out[k], spot.astype(np.float32))
    return out, known


def _view(drawn: Drawn, shape: tuple[int, int], zoom: float, rng: np.random.Generator) -> Drawn:
    """A view of that shape, at a zoom or a smaller one, that holds the first bar and its label whole."""
    height, width = drawn.pixels.shape
    top, left, bottom, right = 0.4 * height, 0.4 * width, 0.6 * height, 0.6 * width
    firsts = [next((b for part, b in drawn.parts if part == name), None) for name in ("bar", "label")]
    if boxes := [b for b in firsts if b is not None]:
        (top, left), (bottom, right) = np.array(boxes)[:, :2].min(axis=0), np.array(boxes)[:, 2:].max(axis=0)
    zoom = min(zoom, shape[0] / (bottom - top + 8), shape[1] / (right - left + 8))

    def start(low: float, high: float, size: float, view: float) -> float:
        inside = (min(0.0, size - view), max(0.0, size - view))
        return float(np.clip(rng.uniform(high + 4 - view, low - 4), *inside)) if high + 4 - view < low - 4 else high + 4 - view

    y, x = start(top, bottom, height, shape[0] / zoom), start(left, right, width, shape[1] / zoom)
    matrix = np.array([[zoom, 0, -x * zoom], [0, zoom, -y * zoom]])
    source = cv2.GaussianBlur(drawn.pixels, (0, 0), 0.45 / zoom) if zoom < 0.8 else drawn.pixels
    how = cv2.INTER_LINEAR if zoom < 1 else cv2.INTER_CUBIC
    pixels = np.asarray(cv2.warpAffine(source, matrix, shape[::-1], flags=how, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    parts: list[tuple[Part, FloatBox]] = [
        (part, ((b[0] - y) * zoom, (b[1] - x) * zoom, (b[2] - y) * zoom, (b[3] - x) * zoom)) for part, b in drawn.parts
    ]
    return Drawn(pixels, parts)


def _ground(picture: Picture, shape: tuple[int, int], rng: np.random.Generator) -> U8:
    """A part of a picture without what is burned in, turned and zoomed; in one of six, a plain or cloudy ground."""
    if rng.random() < 0.15:
        level, relief = rng.uniform(0, 255), rng.uniform(0, 40)
        cloud = cv2.resize(rng.normal(size=(8, 8)).astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
        return np.asarray(np.clip(level + relief * cloud + rng.normal(0, rng.uniform(0, 12), shape), 0, 255), np.uint8)
    pixels = without_marks(picture)
    zoom = float(np.exp(rng.uniform(math.log(0.6), math.log(2.2))))
    zoom = max(zoom, shape[0] / pixels.shape[0], shape[1] / pixels.shape[1])
    tall, wide = (min(math.ceil(side / zoom), most) for side, most in zip(shape, pixels.shape, strict=True))
    y, x = int(rng.integers(pixels.shape[0] - tall + 1)), int(rng.integers(pixels.shape[1] - wide + 1))
    part = cv2.resize(
        pixels[y : y + tall, x : x + wide], shape[::-1], interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    )
    if rng.random() < 0.5:
        part = part[:, ::-1]
    if rng.random() < 0.3:
        part = part[::-1]
    low, high = sorted(rng.uniform(0, 255, 2)) if rng.random() < 0.2 else (0.0, 255.0)
    return np.ascontiguousarray(np.clip(low + part.astype(np.float32) * ((high - low) / 255), 0, 255).astype(np.uint8))


def without_marks(picture: Picture) -> U8:
    """The part of a picture, all its columns, in which nothing is burned in; with the marks painted over where that is too low."""
    pixels = picture.pixels
    if picture.unread:  # a bar that could not be read is low in the picture
        pixels = pixels[: max(int(0.7 * len(pixels)), 64)]
    if picture.parts:
        mask = np.zeros(pixels.shape, np.uint8)
        for _, (y0, x0, y1, x1) in picture.parts:
            mask[max(int(y0) - 3, 0) : int(y1) + 4, max(int(x0) - 3, 0) : int(x1) + 4] = 1
        rows = np.flatnonzero(mask.mean(axis=1) < 0.05)  # of the picture's rows, the longest run without marks
        runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
        run = max(runs, key=len)
        if len(run) > 96:
            return pixels[run[0] : run[-1] + 1]
        return np.asarray(cv2.inpaint(pixels, mask, 3, cv2.INPAINT_TELEA), np.uint8)
    return pixels


def _worn(pixels: U8, rng: np.random.Generator) -> U8:
    """Blur, grain, JPEG."""
    if rng.random() < 0.35:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.0)), np.uint8)
    if rng.random() < 0.25:
        pixels = np.clip(pixels + rng.normal(0, rng.uniform(1, 10), pixels.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))])
        pixels = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return pixels


def _overlap(a: FloatBox, b: FloatBox) -> bool:
    """Whether more than a third of the smaller is shared."""
    tall, wide = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    least = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return tall > 0 and wide > 0 and tall * wide > 0.33 * least
