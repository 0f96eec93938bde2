"""The edges of all lines of a picture, to a small part of a pixel, row by row.

Every row of an edge is compared with the mean linescan over all of them, and moved until the two agree in the sense of least
squares. That is the best that can be done with a known shape in white noise, and it leaves the noise of the edges white as well,
from row to row, so that their spectrum shows it as a floor. A filter across rows is used only where noise asks for it, and its
transfer is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...core.errors import InputError
from .linescan import Linescan, fit_linescan
from .pattern import Pattern

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_REACH = 0.45  # of a line or space, that a linescan over an edge reaches into it
_MOST_REACH_PX = 12
_NOISE_PX = 0.5  # of a row's edge, that is still followed without a filter across rows
_FILTERS = (0.0, 0.8, 1.2, 1.7, 2.4, 3.4, 4.8)  # rows, standard deviation
_ROUNDS = 6
_CALM_ROWS = 4.0  # standard deviation: of the edges along which the mean linescan is taken
_BIN = 0.2  # px of the mean linescan
_ODD, _FAR = 9.0, 5.0  # standard deviations of the misfit and of the displacement, from which a row of an edge is disturbed
_LEAST_ODD = 3.2  # of the usual mean square misfit
_LEAST_BEAM_PX = 0.3
_MOST_SPREAD, _MOST_MISFIT = 0.09, 0.05
_FOLLOWED = 0.5  # of all rows of all edges, at least


@dataclass(frozen=True, slots=True)
class Edges:
    """Edges of the n lines that are in the picture from top to bottom; m rows; lines upright.

    x_px: (n, 2, m) columns of left and right edges, row by row
    sound: (n, 2, m) False where an edge is disturbed: by a bridge, a break, or where it could not be followed
    linescan: where in the mean profiles the edges are; x_px is there already
    filter_rows: standard deviation of the filter across rows, 0 for none; transfer: (m // 2 + 1,) its amplitude over frequency
    noise_px: of an edge in a row without the filter, as the noise of the picture and the linescan let expect
    beam_px: standard deviation of the beam, by the linescan
    """

    pattern: Pattern
    x_px: Floats
    sound: Bools
    linescan: Linescan
    filter_rows: float
    transfer: Floats
    noise_px: float
    beam_px: float


def find_edges(grey: NDArray[Any], pattern: Pattern, *, dark_lines: bool = False) -> Edges:
    """The edges in an upright picture (H, W). Raises InputError, without a file's name, where they cannot be followed."""
    picture = np.asarray(grey, np.float64)
    if dark_lines:
        picture = -picture
    h, w = picture.shape
    p = pattern
    rows = np.arange(h)
    line, space = p.right_px - p.left_px, p.period_px - (p.right_px - p.left_px)
    wander = _REACH * min(line, space)
    lean = p.tilt * (h - 1)
    first = math.ceil((wander + 1 - p.left_px - min(lean, 0)) / p.period_px)
    last = math.floor((w - 2 - wander - p.right_px - max(lean, 0)) / p.period_px)
    if last - first < 1:
        raise InputError("fewer than two lines are in it from end to end; take a lower magnification, or cut the picture less")
    k = np.arange(first, last + 1) * p.period_px
    straight = np.stack([p.left_px + k, p.right_px + k], axis=1)[..., None] + p.tilt * rows
    inner, outer = (max(min(math.floor(_REACH * part), _MOST_REACH_PX), 2) for part in (line, space))
    offsets = np.arange(-outer, inner + 1)
    x = _coarse(picture, straight, wander)
    scans: list[_Scan] = []
    sigma = _FILTERS[3]
    for stage in range(2):
        seen = picture if sigma == 0 else ndimage.gaussian_filter1d(picture, sigma, axis=0, mode="nearest")
        for _ in range(_ROUNDS):
            scans = [_scan(seen, x[:, side], offsets, side, sigma) for side in (0, 1)]
            for side, scan in enumerate(scans):
                step = np.clip(scan.shift, -1.0, 1.0)
                x[:, side] = np.clip(x[:, side] + step, straight[:, side] - 2 * wander, straight[:, side] + 2 * wander)
        if stage == 0:
            raw = [_scan(picture, x[:, side], offsets, side, sigma) for side in (0, 1)]
            alone = float(np.mean([s.noise_px for s in raw]))
            sigma = next((f for f in _FILTERS if alone * _gain(f, h) <= _NOISE_PX), _FILTERS[-1])
    scans = [_scan(seen, x[:, side], offsets, side, sigma) for side in (0, 1)]
    sound = _sound(x, straight, scans, p, _gain(sigma, h) ** -2)
    if sound.mean() < _FOLLOWED:
        raise InputError(
            f"edges could be followed over {100 * sound.mean():.0f} % of their length only: too noisy, or no lines and spaces"
        )
    away = x - straight
    spread = 1.4826 * float(np.median(np.abs(away - np.median(away, axis=(0, 2), keepdims=True)))) / p.period_px
    if spread > _MOST_SPREAD:
        raise InputError(
            f"no lines: edges wander by {100 * spread:.0f} % of the pitch about straight ones {p.period_px:.1f} px apart"
        )
    place = fit_linescan(*_mean_scans(picture, x, sound, offsets, sigma))
    x[:, 0] += place.left_px
    x[:, 1] -= place.right_px
    if place.misfit > _MOST_MISFIT:
        raise InputError(
            f"the mean grey level over its edges is {100 * place.misfit:.0f} % off that of an edge: no lines and spaces?"
        )
    beam = math.sqrt(max(place.blur_px**2 - _roughness_left(x, sound, sigma, alone), _LEAST_BEAM_PX**2))
    return Edges(p, x, sound, place, sigma, _transfer(sigma, h), alone, beam)


@dataclass(frozen=True, slots=True)
class _Scan:
    """shift: (n, m) by which each row of each edge should move; misfit: (n, m) mean square of what is left; noise_px: of an edge in
    a row."""

    shift: Floats
    misfit: Floats
    noise_px: float


def _coarse(picture: Floats, straight: Floats, wander: float) -> Floats:
    """(n, 2, m) columns where the grey level rises most into the line, near the straight ones, smoothed along the edges."""
    along = max(2.5, 0.3 * wander)
    reach = max(math.floor(wander), 2)
    offsets = np.arange(-reach - 2, reach + 3)
    out = np.empty_like(straight)
    calm = -0.5 * (offsets[2:-2] / (0.8 * reach)) ** 2
    for side in (0, 1):
        for n in range(len(straight)):
            start = np.round(straight[n, side]).astype(np.int64)
            strip = _strip(picture, start, offsets)
            strip = ndimage.gaussian_filter(strip, (along, 0.8), mode="nearest")
            slope = (1 - 2 * side) * np.gradient(strip, axis=1)[:, 2:-2]
            score = slope / max(float(np.quantile(slope, 0.98)), 1e-9) + 0.5 * calm
            out[n, side] = ndimage.gaussian_filter1d(
                (start + offsets[2:-2][score.argmax(axis=1)]).astype(np.float64), along, mode="nearest"
            )
    return out


def _strip(picture: Floats, start: NDArray[np.int64], offsets: NDArray[np.int64]) -> Floats:
    """(..., m, len(offsets)) grey levels about columns (..., m), the picture's last column standing for those beyond."""
    columns = np.clip(start[..., None] + offsets, 0, picture.shape[1] - 1)
    return np.asarray(picture[np.arange(picture.shape[0])[:, None], columns], np.float64)


def _scan(picture: Floats, x: Floats, offsets: NDArray[np.int64], side: int, sigma: float) -> _Scan:
    """Compares all rows of all edges of a side with their mean linescan; both run into the line.

    The mean is taken along edges that know nothing of their own row's noise: noise would be lined up with noise, and stay in it.
    """
    turn = 1 - 2 * side
    start = np.round(x).astype(np.int64)
    values = _strip(picture, start, turn * offsets)
    place = turn * (start - x)[..., None] + offsets  # into the line, from the edge
    grid, mean = _template(turn * (start - _smoothed(x, sigma))[..., None] + offsets, values)
    slope = np.gradient(mean, grid)
    expected, falls = np.interp(place, grid, mean), np.interp(place, grid, slope)
    left = values - expected
    left = left - left.mean(axis=-1, keepdims=True)
    falls = falls - falls.mean(axis=-1, keepdims=True)
    power = (falls**2).sum(axis=-1)
    shift = -(falls * left).sum(axis=-1) / np.maximum(power, 1e-12)
    left = left + falls * shift[..., None]
    misfit = (left**2).mean(axis=-1)
    share = falls**2 / np.maximum(power, 1e-12)[..., None]  # of each pixel in the shift; as much of its noise went into it
    variance = (share * left**2 / np.maximum(1 - share - 1 / len(offsets), 0.2)).sum(axis=-1) / np.maximum(power, 1e-12)
    noise = math.sqrt(float(np.mean(np.minimum(variance, 6 * np.median(variance)))))
    return _Scan(turn * shift, misfit, noise)


def _template(place: Floats, values: Floats) -> tuple[Floats, Floats]:
    """The mean linescan, finer than the pixels: (n,) places, (n,) grey levels."""
    low, high = float(place.min()), float(place.max())
    n = max(math.ceil((high - low) / _BIN), 4)
    which = np.minimum(((place - low) / (high - low) * n).astype(np.int64), n - 1).ravel()
    count = np.bincount(which, minlength=n)
    mean = np.bincount(which, weights=values.ravel(), minlength=n) / np.maximum(count, 1)
    grid = low + (np.arange(n) + 0.5) * (high - low) / n
    good = count > 0
    mean = np.interp(grid, grid[good], mean[good])
    return grid, np.asarray(ndimage.gaussian_filter1d(mean, 2.0, mode="nearest"), np.float64)


def _without_itself(sigma: float) -> Floats:
    """Weights (2 k + 1,) by which an edge is smoothed from the rows beside each; those are left out whose noise the filter has put
    into it."""
    hole = math.ceil(2.5 * sigma)
    wide = max(_CALM_ROWS, 1.2 * hole)
    steps = np.arange(-math.ceil(3 * wide), math.ceil(3 * wide) + 1)
    weight = np.where(np.abs(steps) > hole, np.exp(-0.5 * (steps / wide) ** 2), 0.0)
    return np.asarray(weight / weight.sum(), np.float64)


def _smoothed(x: Floats, sigma: float) -> Floats:
    return np.asarray(ndimage.convolve1d(x, _without_itself(sigma), axis=-1, mode="nearest"), np.float64)


def _roughness_left(x: Floats, sound: Bools, sigma: float, noise_px: float) -> float:
    """Variance of the true edges about the smoothed ones, by which the mean linescan is wider than one of them."""
    seen = float(np.var((x - _smoothed(x, sigma))[sound]))
    n = 1024
    weight = _without_itself(sigma)
    line = np.zeros(n)
    line[: len(weight)] = weight
    kept = np.fft.rfft(np.roll(line, -(len(weight) // 2))).real
    passed = _transfer(sigma, n) * (1 - kept)
    return max(seen - noise_px**2 * float(np.mean(passed**2)), 0.0)


def _mean_scans(
    picture: Floats, x: Floats, sound: Bools, offsets: NDArray[np.int64], sigma: float
) -> tuple[Floats, Floats, Floats]:
    """The mean linescans over sound left and right edges, smoothed, at places 0.2 px apart."""
    x = _smoothed(x, sigma)
    grid = np.arange(offsets[0] + 0.5, offsets[-1] - 0.5, _BIN)
    out = []
    for side in (0, 1):
        turn = 1 - 2 * side
        start = np.round(x[:, side]).astype(np.int64)
        values = _strip(picture, start, turn * offsets)
        place = turn * (start - x[:, side])[..., None] + offsets
        good = np.broadcast_to(sound[:, side, :, None], place.shape)
        out.append(_binned(grid, place[good], values[good]))
    return grid, out[0], out[1]


def _binned(grid: Floats, place: Floats, values: Floats) -> Floats:
    """Mean of the values about each place of a grid, by straight lines through what lies within a bin of it."""
    which = np.clip(np.round((place - grid[0]) / _BIN).astype(np.int64), -1, len(grid))
    inside = (which >= 0) & (which < len(grid))
    which, values = which[inside], values[inside]
    mean = np.bincount(which, weights=values, minlength=len(grid)) / np.maximum(np.bincount(which, minlength=len(grid)), 1)
    return np.asarray(mean, np.float64)


def _sound(x: Floats, straight: Floats, scans: list[_Scan], p: Pattern, independent_rows: float) -> Bools:
    """(n, 2, m) rows of edges that fit the mean linescan and lie where edges lie."""
    along = max(round(0.12 * p.period_px), 2)
    out = np.ones(x.shape, bool)
    away = x - straight
    away = away - np.median(away, axis=(0, 2), keepdims=True)
    spread = 1.4826 * float(np.median(np.abs(away)))
    pixels = 12 * max(2 * along / max(independent_rows, 1.0), 1.0)
    for side, scan in enumerate(scans):
        misfit = ndimage.uniform_filter1d(scan.misfit, 2 * along + 1, axis=-1, mode="nearest")
        usual = float(np.median(misfit))
        out[:, side] = misfit < max(_LEAST_ODD, 1 + _ODD * math.sqrt(2 / pixels)) * usual
    smooth = ndimage.uniform_filter1d(away, 2 * along + 1, axis=-1, mode="nearest")
    out &= np.abs(smooth) < max(_FAR * spread, 0.06 * p.period_px)
    bad = ~out.all(axis=1)
    reach = max(round(0.4 * p.period_px), 3)
    bad = ndimage.binary_dilation(bad, np.ones((1, 2 * reach + 1), bool))
    return np.repeat(~bad[:, None], 2, axis=1)


def _kernel(sigma: float, n: int) -> Floats:
    line = np.zeros(n)
    line[n // 2] = 1.0
    return np.asarray(line if sigma == 0 else ndimage.gaussian_filter1d(line, sigma, mode="constant"), np.float64)


def _gain(sigma: float, n: int) -> float:
    """By which the filter lowers the standard deviation of white noise."""
    return float(np.sqrt((_kernel(sigma, n) ** 2).sum()))


def _transfer(sigma: float, n: int) -> Floats:
    return np.asarray(np.abs(np.fft.rfft(_kernel(sigma, n))), np.float64)
