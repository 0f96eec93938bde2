"""Places that look like the particles found and are not among them: a witness that is no network.

At one magnification a network may overlook a disc as bright and as large as the one beside it. Where the particles found are
many and round, the grey levels alone tell: as bright inside, as steep at the rim on all sides, as even. Where some are brighter
than the ground and some darker, each kind is sought by itself: what lies between both is ground. Larger ones than most are
sought, too, for what is large and even may be taken for a hole; smaller ones not, as specks are many. Particles of other forms are
not sought.
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
_ALIKE = 0.35  # of a diameter to the median's, in ln
_SURE = 0.5  # confidence of a particle that serves as a model
_LARGER = (1.35, 1.8, 2.5, 3.4, 4.5, 6.0)  # how much larger than the models' what is sought besides may be
_RADIUS_PX, _LEAST_RADIUS_PX = 6.0, 2.5  # at which they are sought, and under which no rim shows
_LARGEST = 0.4  # radius, of the picture's shorter side
_INNER, _INSIDE, _OUTSIDE = (0.0, 0.7), (0.55, 0.9), (1.1, 1.5)  # rings, in radii
_RIM = 0.6, 1.4  # radii between which the grey level steps at the rim
_SIDES, _WEAKEST = 12, 20  # directions; percentile of their steps
_TONE, _TONE_MORE = (10, 90), 0.25  # percentiles of the models' tone and evenness, and how far beyond, as a share of their range
_TONE_LEAST = 0.08  # how far beyond at least, as a share of the step at the rim
_STEP, _SIDE, _LESS = 5, 10, 0.9  # percentiles of the models' steps, all round and on weak sides; share of them that will do
_COVERED = 0.15  # share of a place that may lie on particles


class LookAlikes(NamedTuple):
    """Centres (k, 2) in px, y and x, and diameters (k,) in px of places like the particles found."""

    at: Floats
    diameter: Floats

    @property
    def n(self) -> int:
        return len(self.at)

    def to_list(self) -> list[dict[str, float]]:
        """As measurement.json has them."""
        rows = np.column_stack([self.at, self.diameter]).round(2).tolist()
        return [{"y": y, "x": x, "diameter_px": d} for y, x, d in rows]

    @classmethod
    def from_list(cls, stored: Sequence[Mapping[str, float]]) -> LookAlikes:
        """Raises KeyError or TypeError where they are damaged."""
        rows = np.array([[float(s[k]) for k in ("y", "x", "diameter_px")] for s in stored]).reshape(-1, 3)
        return cls(rows[:, :2], rows[:, 2])

    def moved(self, y: float, x: float) -> LookAlikes:
        return self._replace(at=self.at + np.array([y, x]))

    def outside(self, boxes: Sequence[tuple[int, int, int, int]]) -> LookAlikes:
        """Those in none of the boxes (y0, x0, y1, x1)."""
        kept = np.ones(self.n, bool)
        for y0, x0, y1, x1 in boxes:
            kept &= ~((self.at >= (y0, x0)) & (self.at < (y1, x1))).all(axis=1)
        return LookAlikes(self.at[kept], self.diameter[kept])


NONE = LookAlikes(np.zeros((0, 2)), np.zeros(0))


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
    model &= np.abs(np.log(np.maximum(diameter, 1e-9) / typical)) < _ALIKE
    if model.sum() < _MODELS or typical / 2 < _LEAST_RADIUS_PX:
        return NONE
    sight = _Sight(np.asarray(grey, np.float32), (labels > 0).astype(np.float32), 1.0, typical / 2).shrunk(typical / 2)
    manners = sight.manners_of(at[model])
    found = [sight.places(m) for m in manners]
    for factor in _LARGER:
        if factor * typical / 2 > _LARGEST * min(labels.shape):
            break
        sight = sight.shrunk(factor * typical / 2)
        found += [sight.places(m) for m in manners]
    return _apart(found)


def _apart(found: list[LookAlikes]) -> LookAlikes:
    """All of them; of two, one in the other, the larger one, which the smaller one's rim cannot lie in."""
    kept = NONE
    for places in reversed(found):
        far = np.hypot(*(places.at[:, None] - kept.at[None]).transpose(2, 0, 1)) > kept.diameter / 2
        free = far.all(axis=1)
        kept = LookAlikes(np.vstack([kept.at, places.at[free]]), np.concatenate([kept.diameter, places.diameter[free]]))
    return kept


class _Manner(NamedTuple):
    """How the models look: sign of the step at their rim (1 where they are brighter), ranges and least values that a place must
    keep to."""

    sign: float
    tone: tuple[float, float]
    uneven: float
    step: float
    weakest_side: float


class _Sight(NamedTuple):
    """The picture shrunk to where a radius is a few px: grey levels, how much of each px is on particles; zoom; radius."""

    grey: F32
    covered: F32
    zoom: float
    r: float

    def shrunk(self, radius: float) -> _Sight:
        """For particles of a radius in px of the picture, at least as large as now."""
        zoom = min(_RADIUS_PX / radius, 1.0)
        h, w = self.grey.shape
        size = (max(round(w * zoom / self.zoom), 1), max(round(h * zoom / self.zoom), 1))
        return _Sight(_resized(self.grey, size), _resized(self.covered, size), zoom, zoom * radius)

    def steps(self) -> F32:
        """(H, W) how much brighter a disc about each pixel is than what surrounds it."""
        return _mean(self.grey, _INSIDE, self.r) - _mean(self.grey, _OUTSIDE, self.r)

    def tones(self) -> tuple[F32, F32]:
        """(H, W) mean and deviation of the grey levels of a disc about each pixel."""
        tone = _mean(self.grey, _INNER, self.r)
        return tone, np.sqrt(np.maximum(_mean(self.grey * self.grey, _INNER, self.r) - tone**2, 0))

    def sides(self, y: NDArray[np.int64], x: NDArray[np.int64]) -> Floats:
        """(k, sides) steps of the grey level across the rim about each centre."""
        smooth = cv2.GaussianBlur(self.grey, (0, 0), 1.0)
        turn = np.arange(_SIDES) * 2 * math.pi / _SIDES
        h, w = smooth.shape

        def at(radius: float) -> Floats:
            rows = np.clip(np.rint(y[:, None] + radius * self.r * np.sin(turn)).astype(np.int64), 0, h - 1)
            columns = np.clip(np.rint(x[:, None] + radius * self.r * np.cos(turn)).astype(np.int64), 0, w - 1)
            return np.asarray(smooth[rows, columns], np.float64)

        return at(_RIM[0]) - at(_RIM[1])

    def manners_of(self, at: Floats) -> list[_Manner]:
        """How particles look whose centres (k, 2) are given in px of the picture: those that are brighter than what surrounds them,
        and those that are darker, where there are enough of them."""
        y, x = np.minimum(np.rint((at + 0.5) * self.zoom - 0.5).astype(np.int64), np.array(self.grey.shape) - 1).T
        step, sides = self.steps()[y, x], self.sides(y, x)
        values = [v[y, x] for v in self.tones()]
        manners = []
        for sign in (1.0, -1.0):
            own = sign * step > 0
            if own.sum() < _MODELS:
                continue
            own_step = sign * step[own]
            tone, uneven = (_range(v[own], float(np.median(own_step))) for v in values)
            weakest = np.percentile(sign * sides[own], _WEAKEST, axis=1)
            least, least_side = (max(_LESS * float(np.percentile(v, q)), 1e-3) for v, q in ((own_step, _STEP), (weakest, _SIDE)))
            manners.append(_Manner(sign, tone, uneven[1], least, least_side))
        return manners

    def places(self, m: _Manner) -> LookAlikes:
        """Where something of that manner lies that bears no label."""
        step = m.sign * self.steps()
        tone, uneven = self.tones()
        good = (tone >= m.tone[0]) & (tone <= m.tone[1]) & (uneven <= m.uneven) & (step >= m.step)
        good &= _mean(self.covered, (0.0, 1.0), self.r) < _COVERED
        reach = 2 * int(self.r) + 1
        good &= step >= cv2.dilate(step, np.ones((reach, reach), np.uint8)) - 1e-6
        rim = math.ceil(self.r)
        good[:rim], good[-rim:], good[:, :rim], good[:, -rim:] = False, False, False, False
        y, x = np.nonzero(good)
        alike = np.percentile(m.sign * self.sides(y, x), _WEAKEST, axis=1) >= m.weakest_side
        at = np.asarray((np.column_stack([y, x])[alike] + 0.5) / self.zoom - 0.5, np.float64)
        return LookAlikes(at, np.full(len(at), 2 * self.r / self.zoom))


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
