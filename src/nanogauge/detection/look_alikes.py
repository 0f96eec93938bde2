"""Places that look like the particles found and are not among them: a witness that is no network.

At one magnification a network may overlook a disc as bright and as large as the one beside it. Where the particles found are
many, round and alike, the grey levels alone tell: as bright inside, as steep at the rim on all sides, as even. What looks like
fewer than that, or like particles of other forms or sizes, is not sought.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Floats = NDArray[np.float64]

_MODELS = 8  # particles, whole and round, of which there must be so many
_ROUND = 0.6  # least axis ratio
_ACROSS = 12  # px at least across the median particle, when forms are looked at
ALIKE = 0.35  # of a diameter to the median's, in ln
_SURE = 0.5  # confidence of a particle that serves as a model
_RADIUS_PX, _LEAST_RADIUS_PX = 6.0, 2.5  # at which places are sought, and under which no rim shows
_INNER, _INSIDE, _OUTSIDE = (0.0, 0.7), (0.55, 0.9), (1.1, 1.5)  # rings, in radii
_RIM = 0.6, 1.4  # radii between which the grey level steps at the rim
_SIDES = 12
_TONE, _TONE_MORE = (10, 90), 0.25  # percentiles of the models' tone and evenness, and how far beyond, as a share of their range
_TONE_LEAST = 0.08  # how far beyond at least, as a share of the step at the rim
_STEP, _SIDE, _LESS = (
    5,
    10,
    0.9,
)  # percentiles of the models' step, all round and on its weakest sides; a place reaches that share of them
_WEAKEST = 20  # percentile of the sides
_COVERED = 0.15  # share of a place that may lie on particles


class LookAlikes(NamedTuple):
    """Centres (k, 2) in px, y and x, of places like the particles found, and the typical diameter of these in px."""

    at: Floats
    diameter: float

    @property
    def n(self) -> int:
        return len(self.at)

    def to_list(self) -> list[dict[str, float]]:
        """As measurement.json has them."""
        d = round(self.diameter, 2)
        return [{"y": round(float(y), 2), "x": round(float(x), 2), "diameter_px": d} for y, x in self.at]

    @classmethod
    def from_list(cls, stored: Sequence[Mapping[str, float]]) -> LookAlikes:
        """Raises KeyError or TypeError where they are damaged."""
        if not stored:
            return NONE
        return cls(np.array([(float(s["y"]), float(s["x"])) for s in stored]), float(stored[0]["diameter_px"]))

    def moved(self, y: float, x: float) -> LookAlikes:
        return self._replace(at=self.at + np.array([y, x]))

    def outside(self, boxes: Sequence[tuple[int, int, int, int]]) -> LookAlikes:
        """Those in none of the boxes (y0, x0, y1, x1)."""
        kept = np.ones(len(self.at), bool)
        for y0, x0, y1, x1 in boxes:
            kept &= ~((self.at >= (y0, x0)) & (self.at < (y1, x1))).all(axis=1)
        return self._replace(at=self.at[kept])


NONE = LookAlikes(np.zeros((0, 2)), 0.0)


def look_alikes(grey: NDArray[np.generic], labels: NDArray[np.int32], confidence: Floats | None) -> LookAlikes:
    """Places of a picture (H, W) that look like its particles and bear no label.

    labels: (H, W), 0 = background; confidence: (n + 1,) by label, None where not known
    """
    n = int(labels.max(initial=0))
    if n < _MODELS:
        return NONE
    area = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    diameter = np.sqrt(4 * area / math.pi)
    step = max(int(np.median(diameter[area > 0])) // _ACROSS, 1)
    at, axis_ratio = _forms(labels[::step, ::step], n)
    at = at * step + (step - 1) / 2
    whole = area > 0
    for rim in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        whole[rim[rim > 0] - 1] = False
    sure = np.ones(n) if confidence is None else confidence[1:]
    model = whole & (sure >= _SURE) & (axis_ratio >= _ROUND)
    if model.sum() < _MODELS:
        return NONE
    typical = float(np.median(diameter[model]))
    model &= np.abs(np.log(np.maximum(diameter, 1e-9) / typical)) < ALIKE
    zoom = min(2 * _RADIUS_PX / typical, 1.0)
    r = zoom * typical / 2
    if model.sum() < _MODELS or r < _LEAST_RADIUS_PX:
        return NONE
    h, w = labels.shape
    size = (max(round(w * zoom), 1), max(round(h * zoom), 1))
    small = _resized(np.asarray(grey, np.float32), size)
    covered = _mean(_resized((labels > 0).astype(np.float32), size), (0.0, 1.0), r)
    models = np.minimum(np.rint((at[model] + 0.5) * zoom - 0.5).astype(np.int64), np.array(small.shape) - 1)
    places = _places(small, covered, models, r)
    return LookAlikes((places + 0.5) / zoom - 0.5, typical)


def _forms(labels: NDArray[np.int32], n: int) -> tuple[Floats, Floats]:
    """Centre (n, 2) and axis ratio (n,) of particles 1 ... n, from moments."""
    flat = np.flatnonzero(labels)
    of = labels.ravel()[flat]
    y, x = (v.astype(np.float64) for v in np.divmod(flat, labels.shape[1]))
    area = np.maximum(np.bincount(of, minlength=n + 1)[1:], 1)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.bincount(of, values, minlength=n + 1)[1:] / area)

    cy, cx = mean(y), mean(x)
    y, x = y - cy[of - 1], x - cx[of - 1]
    yy, xx, xy = mean(y * y), mean(x * x), mean(x * y)
    apart = np.sqrt((yy - xx) ** 2 + 4 * xy**2)
    ratio = np.sqrt(np.maximum(yy + xx - apart, 0) / np.maximum(yy + xx + apart, 1e-9))
    return np.column_stack([cy, cx]), ratio


def _places(small: F32, covered: F32, models: NDArray[np.int64], r: float) -> Floats:
    """(k, 2) centres in px of the small picture."""
    my, mx = models.T
    tone = _mean(small, _INNER, r)
    uneven = np.sqrt(np.maximum(_mean(small * small, _INNER, r) - tone**2, 0))
    step = _mean(small, _INSIDE, r) - _mean(small, _OUTSIDE, r)
    usual = float(np.median(step[my, mx]))
    step *= np.sign(usual) or 1.0
    darkest, brightest = _range(tone[my, mx], abs(usual))
    good = (tone >= darkest) & (tone <= brightest) & (uneven <= _range(uneven[my, mx], abs(usual))[1])
    good &= step >= max(_LESS * float(np.percentile(step[my, mx], _STEP)), 1e-3)
    good &= covered < _COVERED
    reach = int(r)
    good &= step >= cv2.dilate(step, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) - 1e-6
    rim = math.ceil(r)
    whole = np.zeros_like(good)
    whole[rim:-rim, rim:-rim] = good[rim:-rim, rim:-rim]
    y, x = np.nonzero(whole)
    smooth = np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.float32)
    sign = np.sign(np.median(_sides(smooth, my, mx, r))) or 1.0
    weakest = np.percentile(sign * _sides(smooth, my, mx, r), _WEAKEST, axis=1)
    least = max(_LESS * float(np.percentile(weakest, _SIDE)), 1e-3)
    on_all_sides = np.percentile(sign * _sides(smooth, y, x, r), _WEAKEST, axis=1) >= least
    return np.column_stack([y, x])[on_all_sides].astype(np.float64)


def _sides(smooth: F32, y: NDArray[np.int64], x: NDArray[np.int64], r: float) -> Floats:
    """(k, sides) steps of the grey level across the rim about each centre."""
    turn = np.arange(_SIDES) * 2 * math.pi / _SIDES
    h, w = smooth.shape

    def at(radius: float) -> Floats:
        rows = np.clip(np.rint(y[:, None] + radius * r * np.sin(turn)).astype(np.int64), 0, h - 1)
        columns = np.clip(np.rint(x[:, None] + radius * r * np.cos(turn)).astype(np.int64), 0, w - 1)
        return np.asarray(smooth[rows, columns], np.float64)

    return at(_RIM[0]) - at(_RIM[1])


def _range(values: F32, step: float) -> tuple[float, float]:
    """Of the models' values, and somewhat more."""
    low, high = np.percentile(values, _TONE)
    more = max(_TONE_MORE * (high - low), _TONE_LEAST * step)
    return float(low - more), float(high + more)


def _mean(picture: F32, ring: tuple[float, float], r: float) -> F32:
    """(H, W) mean over a ring of these radii about each pixel."""
    size = math.ceil(ring[1] * r)
    y, x = np.mgrid[-size : size + 1, -size : size + 1]
    distance = np.hypot(y, x) / r
    kernel = ((distance >= ring[0]) & (distance < ring[1])).astype(np.float32)
    return np.asarray(cv2.filter2D(picture, cv2.CV_32F, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT), np.float32)


def _resized(picture: F32, size: tuple[int, int]) -> F32:
    return (
        picture if size == picture.shape[::-1] else np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    )
