"""Whether a picture shows lines and spaces, in which direction, how far apart, and where about their edges are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...core.errors import InputError
from ...scale.grating import faded, refined_peak

Floats = NDArray[np.float64]

LEAST_PERIOD_PX = 6.0
LEAST_PERIODS = 3.0
MOST_TILT_DEG = 15.0
_CLEAR = 12.0  # of the peak in the spectrum, over the median about it
_OFF_AXIS = 0.4  # of the peak: amplitude in another direction, from which it is a lattice
_HALF = (
    0.02,
    6.0,
)  # amplitude at half the frequency, over the peak's and over the median about it, from which that is the first order
_BINS = 240  # of the mean profile over a period


@dataclass(frozen=True, slots=True)
class Pattern:
    """Lines and spaces, along the rows of a picture whose lines are upright.

    lying: whether the picture was transposed to make them so
    period_px: from line to line, along a row; tilt: px to the right a row down
    left_px, right_px: of the edges of line 0, at row 0; line k has them k periods further right
    contrast: of lines over spaces, as a share of the profile's range; below 0.1 which is which is a guess
    """

    lying: bool
    period_px: float
    tilt: float
    left_px: float
    right_px: float
    contrast: float

    @property
    def cosine(self) -> float:
        """From lengths along a row to lengths across the lines."""
        return 1 / math.hypot(1.0, self.tilt)


def upright(pixels: NDArray[Any], pattern: Pattern) -> NDArray[Any]:
    """The picture with its lines upright."""
    return pixels.T if pattern.lying else pixels


def find_pattern(pixels: NDArray[Any], *, dark_lines: bool = False) -> Pattern:
    """The line–space pattern of an (H, W) picture, its data bar cut off.

    dark_lines: lines are the darker part, instead of the brighter

    Raises InputError where it shows none, in one line that says why and names no file.
    """
    grey = np.asarray(pixels, np.float64)
    if min(grey.shape) < 64:
        raise InputError(f"{grey.shape[1]} × {grey.shape[0]} px are too few for lines; 64 × 64 are needed")
    gy, gx = _frequency(grey)
    lying = abs(gy) > abs(gx)
    if lying:
        grey, gy, gx = grey.T, gx, gy
    gy, gx = (gy, gx) if gx > 0 else (-gy, -gx)
    tilt = -gy / gx
    degrees = math.degrees(math.atan(abs(tilt)))
    if degrees > MOST_TILT_DEG:
        raise InputError(
            f"its lines run {degrees:.0f}° off the picture's sides; turn the picture so that it is {MOST_TILT_DEG:.0f}° at most"
        )
    period = 1 / gx
    profile = _profile(grey, period, tilt)
    if dark_lines:
        profile = -profile
    left, right, contrast = _flanks(profile)
    return Pattern(lying, period, tilt, left * period, right * period, contrast)


def _frequency(grey: Floats) -> tuple[float, float]:
    """(gy, gx) cycles a px of the pattern's first order."""
    shown = faded(grey)
    h, w = shown.shape
    level = np.abs(np.fft.rfft2(shown))
    fy, fx = np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(w)[None]
    length = np.hypot(fy, fx)
    periods = np.hypot(fy * h, fx * w)
    allowed = (periods >= LEAST_PERIODS) & (length <= 0.5)
    place = int(np.argmax(np.where(allowed, level, 0)))
    iy, ix = np.unravel_index(place, level.shape)
    g = float(fy[iy, 0]), float(fx[0, ix])
    ground = _ground(level, length, math.hypot(*g))
    if not level[iy, ix] > _CLEAR * ground:
        raise InputError(
            f"no line–space pattern: its spectrum shows no clear period, of which {LEAST_PERIODS:.0f} at least are in it"
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        along = np.abs(fy * g[0] + fx * g[1]) / (length * math.hypot(*g))
    beside = allowed & (along < math.cos(math.radians(25)))
    other = float(np.max(np.where(beside, level, 0)))
    if other > _OFF_AXIS * float(level[iy, ix]):
        raise InputError("its pattern has more than one direction: these are no lines and spaces")
    g = refined_peak(shown, g)
    while math.hypot(g[0] / 2 * h, g[1] / 2 * w) >= LEAST_PERIODS and _stands_at(shown, (g[0] / 2, g[1] / 2), g):
        g = g[0] / 2, g[1] / 2  # bright edges are seen twice a period
    if 1 / math.hypot(*g) < LEAST_PERIOD_PX:
        raise InputError(
            f"its pitch is only {1 / math.hypot(*g):.1f} px; {LEAST_PERIOD_PX:.0f} are needed, take a higher magnification"
        )
    return g


def _ground(level: Floats, length: Floats, g: float) -> float:
    """Median amplitude in a ring about a frequency."""
    ring = (length > 0.7 * g) & (length < 1.4 * g)
    return max(float(np.median(level[ring])), 1e-12) if ring.any() else math.inf


def _stands_at(shown: Floats, g: tuple[float, float], first: tuple[float, float]) -> bool:
    """Whether a frequency stands out of those two to four bins beside it, and is no trifle beside the `first`."""
    h, w = shown.shape
    y, x = np.arange(h), np.arange(w)
    bins = np.arange(-4, 5)
    around = np.abs(np.exp(-2j * np.pi * np.outer(g[0] + bins / h, y)) @ shown @ np.exp(-2j * np.pi * np.outer(x, g[1] + bins / w)))
    own = around[4, 4]
    beside = np.hypot(bins[:, None], bins[None]) >= 2
    peak = abs(np.exp(-2j * np.pi * first[0] * y) @ shown @ np.exp(-2j * np.pi * first[1] * x))
    return bool(own > _HALF[0] * peak and own > _HALF[1] * around[beside].max())


def _profile(grey: Floats, period: float, tilt: float) -> Floats:
    """(bins,) mean grey level over a period, from a multiple of it at row 0 on."""
    y, x = np.indices(grey.shape)
    phase = ((x - tilt * y) / period) % 1
    which = np.minimum((phase * _BINS).astype(np.int64), _BINS - 1).ravel()
    count = np.maximum(np.bincount(which, minlength=_BINS), 1)
    mean = np.bincount(which, weights=grey.ravel(), minlength=_BINS) / count
    return np.asarray(ndimage.gaussian_filter1d(mean, 0.012 * _BINS, mode="wrap"), np.float64)


def _flanks(profile: Floats) -> tuple[float, float, float]:
    """Where, as shares of the period, a line begins and ends; its contrast.

    The space is about the lowest place of the profile, and its edges are where that rises most on the way to the first peak to
    either side.
    """
    n = len(profile)
    wide = ndimage.gaussian_filter1d(profile, 0.05 * n, mode="wrap")
    middle = int(np.argmin(wide))
    turned = np.roll(profile, -middle)
    span = float(np.ptp(turned))
    peaks = [
        i
        for i in range(1, n - 1)
        if turned[i] >= turned[i - 1] and turned[i] > turned[i + 1] and turned[i] > turned.min() + 0.5 * span
    ]
    if not peaks:
        raise InputError("no edges in its mean profile: these are no lines and spaces")
    slope = np.gradient(turned)
    rise = int(np.argmax(slope[: max(peaks[0], 2)]))
    fall = min(peaks[-1], n - 3) + int(np.argmin(slope[min(peaks[-1], n - 3) :]))
    line = float(np.median(turned[(rise + fall) // 2 - 2 : (rise + fall) // 2 + 3]))
    space = float(wide[middle])
    return (middle + rise) / n, (middle + fall) / n, (line - space) / max(span, 1e-12)
