"""Examples for the network of sizes: a part of a picture at some zoom, and its truth, by counting.

A zoom changes all diameters by its factor, exactly, so one annotated micrograph shows all sizes that its pixels can show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .. import augment
from ..dataset import pairs, read_pair
from ..real import F32, I32, U8
from .network import CELL_PX, N_SIZES, SMALLEST_PX, STEP

SIDE_PX = 192
_UNKNOWN = -1
_WEIGHT_CAP = 10.0  # of a particle that few places in the frame show whole
_WHOLE = 0.35  # of the views: the whole picture, as the first look sees it
_VIEW_PX = (5.0, 180.0)  # median diameter in a view
_MOST_ZOOM = 3.0
_BEYOND = 0.75  # a view may be so much coarser than the whole picture; the rest is mirrored
_BURNED_IN = 0.15
_CUT = 0.5  # of a particle, what the frame has left of it
_LEAST = 0.4  # particles in a view, by their share seen, of which sizes are asked


@dataclass(frozen=True)
class Picture:
    """Grey levels and labels (H, W); by label, the first being the ground: area in px, ln of the equivalent diameter in px (NaN for
    one that the frame cuts, whose size is not known), and how many particles of its size it stands for (Miles-Lantuéjoul)."""

    grey: U8
    labels: NDArray[np.uint16]
    area: NDArray[np.float64]
    ln_diameter: NDArray[np.float64]
    weight: NDArray[np.float64]

    @property
    def median_px(self) -> float:
        """Number median of the diameters; NaN without a particle."""
        return math.exp(weighted(self.ln_diameter, self.weight)[0])


class View(NamedTuple):
    """grey: (S, S); shares: (N_SIZES + 1, S/16, S/16) and truth (3,) as `network.loss` takes them."""

    grey: U8
    shares: F32
    truth: F32


def picture_of(grey: U8, labels: I32) -> Picture:
    """A picture from its grey levels and labels (H, W), any numbers from 0 = ground."""
    there = np.bincount(labels.ravel(), minlength=1) > 0
    there[0] = False
    labels = np.where(there, np.cumsum(there), 0)[labels]
    h, w = labels.shape
    n = int(labels.max(initial=0)) + 1
    area = np.bincount(labels.ravel(), minlength=n).astype(float)
    rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    whole = np.ones(n, bool)
    whole[rim] = whole[0] = False
    if not whole.any():  # all are cut: what is seen of them is all there is to go by
        whole = np.arange(n) > 0
    with np.errstate(divide="ignore"):
        ln_diameter = np.where(whole & (area > 0), 0.5 * np.log(4 * area / math.pi), np.nan)
    side = np.sqrt(4 * area / math.pi)  # of a box round a disc of that area
    chance = np.clip((h - side) * (w - side) / (h * w), 1 / _WEIGHT_CAP, 1)
    return Picture(grey, labels.astype(np.uint16), area, ln_diameter, np.where(whole, 1 / chance, 0.0))


def read_pictures(folder: Path, ids: Sequence[str] | None = None) -> list[Picture]:
    """Of FOLDER/images and FOLDER/labels; all, or those named. Those without a particle are left out."""
    made = (picture_of(grey, np.asarray(marks, np.int32)) for grey, marks in (read_pair(*p) for p in pairs(folder, ids)))
    return [p for p in made if p.weight.any()]


def weighted(ln_diameter: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[float, float]:
    """Median and standard deviation of logarithms, NaN where nothing weighs."""
    known = (weight > 0) & np.isfinite(ln_diameter)
    x, w = ln_diameter[known], weight[known]
    if not len(x):
        return math.nan, math.nan
    order = np.argsort(x)
    reached = (np.cumsum(w[order]) - 0.5 * w[order]) / w.sum()
    mean = float((w * x).sum() / w.sum())
    return float(np.interp(0.5, reached, x[order])), math.sqrt(float((w * (x - mean) ** 2).sum() / w.sum()))


def example(picture: Picture, rng: np.random.Generator, side: int = SIDE_PX) -> View:
    """A view of a picture, turned, mirrored, zoomed, worn; and its truth."""
    h, w = picture.grey.shape
    whole = side / min(h, w)
    median = picture.median_px
    if rng.random() < _WHOLE or math.isnan(median):
        zoom = whole
    else:
        wanted = math.exp(rng.uniform(*np.log(_VIEW_PX)))
        zoom = float(np.clip(wanted / median, _BEYOND * whole, max(_MOST_ZOOM, whole)))
    stretch = math.exp(rng.normal(0, 0.06))
    tall, wide = max(round(side / zoom * stretch), 8), max(round(side / zoom / stretch), 8)
    y, x = _start(h, tall, rng), _start(w, wide, rng)
    part = _window(picture.grey, y, x, tall, wide)
    marks = _window(picture.labels, y, x, tall, wide)
    shown = np.asarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC), np.uint8)
    labels = np.asarray(cv2.resize(marks, (side, side), interpolation=cv2.INTER_NEAREST_EXACT), np.int32)
    turn, mirror = int(rng.integers(4)), -1 if rng.random() < 0.5 else 1
    shown = np.ascontiguousarray(np.rot90(shown, turn)[:, ::mirror])
    labels = np.ascontiguousarray(np.rot90(labels, turn)[:, ::mirror])
    if rng.random() < _BURNED_IN:
        augment.burn_in(shown, labels, np.zeros(labels.shape, np.float32), rng)
    shares, truth = truth_of(labels, picture, side * side / (tall * wide))
    return View(augment.reproduce(shown, rng), shares, truth)


def truth_of(labels: I32, picture: Picture, scale: float) -> tuple[F32, F32]:
    """Shares of the cells and figures of a view that shows a picture's labels at so many times their area."""
    ln_diameter = picture.ln_diameter + 0.5 * math.log(scale)
    seen = np.bincount(labels.ravel(), minlength=len(picture.area)) / np.maximum(picture.area * scale, 1)
    seen[0] = 0
    seen = np.minimum(seen, 1)
    number = float(np.where(picture.weight > 0, seen, _CUT * seen)[1:].sum())
    truth = np.array([math.nan, math.nan, number], np.float32)
    if (seen * (picture.weight > 0)).sum() >= _LEAST:
        truth[:2] = weighted(ln_diameter, seen * picture.weight)
    place = np.clip((ln_diameter - math.log(SMALLEST_PX)) / STEP, 0, N_SIZES - 1 - 1e-6)
    place = np.where(np.isnan(place), _UNKNOWN, place)
    return _shares(labels, place), truth


def _shares(labels: I32, place: NDArray[np.float64]) -> F32:
    """Of every cell the share of the ground and of each size; a size between two counts for both. Of what is not known nothing."""
    h, w = (n // CELL_PX for n in labels.shape)
    cell = (np.arange(h * CELL_PX) // CELL_PX)[:, None] * w + (np.arange(w * CELL_PX) // CELL_PX)
    at = place[labels]
    low = np.floor(at).astype(np.int64)
    beyond = at - low
    ground, known = labels == 0, (labels > 0) & (at >= 0)
    classes = N_SIZES + 1
    index = np.concatenate([cell[ground] * classes, cell[known] * classes + low[known] + 1, cell[known] * classes + low[known] + 2])
    amount = np.concatenate([np.ones(int(ground.sum())), 1 - beyond[known], beyond[known]])
    total = np.bincount(index, amount, minlength=h * w * classes) / CELL_PX**2
    return np.ascontiguousarray(total.reshape(h, w, classes).transpose(2, 0, 1), np.float32)


def _start(length: int, part: int, rng: np.random.Generator) -> int:
    """Where a part of a line begins; a longer part stands round its middle."""
    return int(rng.integers(length - part + 1)) if part <= length else (length - part) // 2


def _window(values: NDArray[Any], y: int, x: int, tall: int, wide: int) -> NDArray[Any]:
    """A window; what lies outside is mirrored."""
    h, w = values.shape
    part = values[max(y, 0) : min(y + tall, h), max(x, 0) : min(x + wide, w)]
    if part.shape == (tall, wide):
        return part
    beside = ((max(-y, 0), max(y + tall - h, 0)), (max(-x, 0), max(x + wide - w, 0)))
    return np.pad(part, beside, mode="symmetric")
