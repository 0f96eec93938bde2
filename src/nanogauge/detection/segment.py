"""Pixels -> probability maps: the working magnification, tiles and their blending.

The network sees particles best at about `engine.working_diameter_px`. A first look at a thumbnail (and, where that shows only
specks, at finer octaves) estimates the particles' typical diameter; the second look is taken at the zoom that brings it there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.protocols import N_MAPS, Engine, Maps, classes_of, n_maps, predict_each
from ..core.settings import SegmentSettings

F32 = NDArray[np.float32]

_RIGHT = N_MAPS + 1  # the map that points to the right, and to the left where the picture is mirrored


@dataclass(frozen=True)
class Segmentation:
    """Maps on the working grid; `zoom` is working px per input px; `looks` the zooms tried and the diameters seen there."""

    maps: Maps
    zoom: float
    looks: tuple[tuple[float, float], ...]  # (zoom, typical diameter in input px; 0 where nothing was seen)


def standardise(grey: NDArray[np.generic]) -> F32:
    """Zero mean, unit deviation; a flat picture becomes zero."""
    values = np.asarray(grey, np.float32)
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-3), np.float32)


def rescale(grey: F32, zoom: float) -> F32:
    """(H, W) -> (round(zoom H), round(zoom W)), averaged when shrinking."""
    h, w = grey.shape
    size = (max(round(w * zoom), 1), max(round(h * zoom), 1))
    if size == (w, h):
        return grey
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, size, interpolation=how), np.float32)


def predict(working: F32, engine: Engine, *, overlap_px: int = 64, flips: bool = False) -> Maps:
    """Maps of a standardised working picture (H, W), tile by tile, tiles blended by a smooth window."""
    h, w = working.shape
    pad_h, pad_w = padded(h, engine), padded(w, engine)
    picture = np.pad(working, ((0, pad_h - h), (0, pad_w - w)), mode="reflect" if min(h, w) > 1 else "edge")
    if picture.shape != (pad_h, pad_w):
        raise ValueError(f"padding went wrong: {picture.shape}")
    found = predict_bands(lambda y0, y1, x0, x1: picture[y0:y1, x0:x1], (pad_h, pad_w), engine, overlap_px=overlap_px, flips=flips)
    bands = [band for _, band in found]
    maps = bands[0] if len(bands) == 1 else np.concatenate(bands, axis=1)
    return Maps.stacked(maps[:, :h, :w], engine)


def predict_bands(
    window: Callable[[int, int, int, int], F32],
    shape: tuple[int, int],
    engine: Engine,
    *,
    overlap_px: int = 64,
    flips: bool = False,
    columns: tuple[int, int] | None = None,
) -> Iterator[tuple[int, F32]]:
    """The maps of a picture too large for memory, from top to bottom: (first row, maps (n, rows, columns)), n as many as the engine
    has.

    window: (y0, y1, x0, x1) -> standardised working pixels there; shape: (H, W), multiples of the engine's stride
    columns: first and last (exclusive) of the columns wanted; tiles lie where they would for all columns
    """
    h, w = shape
    left, right = columns or (0, w)
    across = [(a, b) for a, b in _spans(w, engine.tile_px, overlap_px, engine.stride) if b > left and a < right]
    down = _spans(h, engine.tile_px, overlap_px, engine.stride)
    x_first, x_last = across[0][0], across[-1][1]
    total = np.zeros((n_maps(engine) + len(classes_of(engine).names), 0, x_last - x_first), np.float32)
    weight = np.zeros((0, x_last - x_first), np.float32)
    weighted = np.empty((len(total), max(b - a for a, b in down), max(b - a for a, b in across)), np.float32)
    top = 0
    tiles = (np.ascontiguousarray(window(y0, y1, x0, x1)) for y0, y1 in down for x0, x1 in across)
    found = _predicted(tiles, len(down) * len(across), engine, flips=flips)
    for i, (y0, y1) in enumerate(down):
        more = y1 - top - total.shape[1]
        total = np.pad(total, ((0, 0), (0, more), (0, 0)))
        weight = np.pad(weight, ((0, more), (0, 0)))
        for x0, x1 in across:
            share = _window(y1 - y0, overlap_px)[:, None] * _window(x1 - x0, overlap_px)[None]
            maps = next(found)
            part = weighted[:, : y1 - y0, : x1 - x0]  # one buffer for all tiles: fresh memory costs more than the sums
            total[:, y0 - top : y1 - top, x0 - x_first : x1 - x_first] += np.multiply(share, maps, out=part)
            weight[y0 - top : y1 - top, x0 - x_first : x1 - x_first] += share
        done = (down[i + 1][0] if i + 1 < len(down) else h) - top  # rows that no later tile reaches
        total[:, :done] /= weight[:done]
        yield top, total[:, :done, left - x_first : right - x_first]
        total, weight, top = total[:, done:].copy(), weight[done:].copy(), top + done  # the rest of it is let go


def _predicted(tiles: Iterator[F32], n: int, engine: Engine, *, flips: bool) -> Iterator[F32]:
    """The maps of n tiles, in their order; with `flips` the mean with the mirrored tile's."""
    if flips:
        tiles, n = (t for tile in tiles for t in (tile, np.ascontiguousarray(tile[:, ::-1]))), 2 * n
    found = predict_each(engine, tiles, n)
    for maps in found:
        if flips:
            mirrored = next(found)[:, :, ::-1]
            if n_maps(engine) > _RIGHT:
                mirrored[_RIGHT] = 1 - mirrored[_RIGHT]
            maps = (maps + mirrored) / 2
        yield np.asarray(maps, np.float32)


def segment(
    pixels: NDArray[np.generic],
    engine: Engine,
    *,
    typical_diameter: Callable[[Maps], float],
    settings: SegmentSettings | None = None,
    excluded: NDArray[np.bool_] | None = None,
) -> Segmentation:
    """Probability maps of an (H, W) micrograph at its working magnification.

    typical_diameter: maps -> typical particle diameter in px of the maps' grid, 0 where there are none
    excluded: (H, W) True where no particle may be (data bar, burned-in text); filled with the median grey beforehand
    """
    s = settings or SegmentSettings()
    grey = np.asarray(pixels, np.float32)
    if excluded is not None and excluded.any() and not excluded.all():
        grey = np.where(excluded, np.median(grey[~excluded]), grey).astype(np.float32)
    grey = standardise(grey)
    long_side = max(grey.shape)
    ceiling = min(s.largest_zoom, s.largest_px / long_side)
    if s.working_magnification or engine.working_diameter_px is None:
        zoom = min(s.working_magnification, s.largest_px / long_side) if s.working_magnification else 1.0
        looks: list[tuple[float, float]] = []
    else:
        zoom, looks = working_zoom(grey, engine, typical_diameter, s, ceiling)
    maps = predict(standardise(rescale(grey, zoom)), engine, overlap_px=s.overlap_px, flips=s.flips)
    if excluded is not None and excluded.any():
        h, w = maps.foreground.shape
        gone = cv2.resize(excluded.astype(np.uint8), (w, h), interpolation=cv2.INTER_NEAREST_EXACT).astype(bool)
        maps.foreground[gone] = 0
    return Segmentation(maps, zoom, tuple(looks))


def working_zoom(
    grey: F32, engine: Engine, typical_diameter: Callable[[Maps], float], s: SegmentSettings, ceiling: float
) -> tuple[float, list[tuple[float, float]]]:
    """The zoom that brings the typical diameter to the engine's, from looks at octaves: coarse first, finer while the
    particles seen are small. Fine looks are taken at the middle of the picture only, so their cost stays bounded."""
    want = float(engine.working_diameter_px or 0)
    zoom = min(s.thumbnail_px / max(grey.shape), ceiling)
    looks: list[tuple[float, float]] = []
    for _ in range(8):
        look = rescale(grey, zoom)
        side = 2 * s.thumbnail_px
        y0, x0 = max((look.shape[0] - side) // 2, 0), max((look.shape[1] - side) // 2, 0)
        seen = typical_diameter(predict(standardise(look[y0 : y0 + side, x0 : x0 + side]), engine, overlap_px=s.overlap_px))
        looks.append((zoom, seen / zoom))
        if seen >= 0.4 * want or zoom >= ceiling:
            break
        zoom = min(zoom * (2.0 if seen == 0 else float(np.clip(want / seen, 1.5, 3.0))), ceiling)
    found = [(z, d) for z, d in looks if d > 0]
    if not found:
        return min(1.0, ceiling), looks
    # the look in which the particles came nearest to the wanted size saw them best
    _, d = min(found, key=lambda look: abs(math.log(look[0] * look[1] / want)))
    # never so coarse that little picture is left
    floor = min(192 / max(grey.shape), 1.0)
    return float(np.clip(want / d, floor, ceiling)), looks


def padded(length: int, engine: Engine) -> int:
    """Next multiple of the stride, with at least four strides where one picture is smaller than that."""
    return max(-(-length // engine.stride), min(4, -(-2 * length // engine.stride))) * engine.stride


def _spans(length: int, tile: int, overlap: int, stride: int) -> list[tuple[int, int]]:
    """Overlapping spans that cover `length`: as few as a `tile` allows, each as short as they can then be, starts on the stride."""
    if length <= tile:
        return [(0, length)]
    n = math.ceil((length - overlap) / (tile - overlap))
    side = min(tile, math.ceil((length + (n - 1) * overlap) / n / stride) * stride)
    starts = [round(i * (length - side) / (n - 1) / stride) * stride for i in range(n)]
    return [(a, a + side) for a in starts]


def _window(length: int, overlap: int) -> F32:
    """1 inside, falling over the overlap towards the ends as a raised cosine, never 0."""
    ramp = np.minimum(np.arange(length) + 0.5, length - np.arange(length) - 0.5)
    x = np.clip(ramp / max(overlap, 1), 0, 1)
    return np.asarray(0.5 - 0.5 * np.cos(math.pi * x) + 1e-3, np.float32)
