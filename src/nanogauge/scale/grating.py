"""The period of a certified grating in a micrograph: lines, or a square grid, at any angle, to a small part of a pixel.

The Fourier transform of a grating has a peak at its frequency. The peak is sought near the frequency that the certified pitch
has under the scale the file states, so that no harmonic is taken for it, and refined between the bins; all periods in the
picture take part. The quarters of the picture, measured alike, tell how even the magnification is over the field.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import CalibrationError

Vector = tuple[float, float]
_SEARCHED = 0.75, 1.33  # of the expected frequency; the diagonals of a square grid lie at 1.41, harmonics at 2
_LONGER = 0.3  # of the peaks: at half their frequency
_CLEAR, _FAINT = 10.0, 0.15  # of a peak: over the median of its surroundings; of the first peak
_LEAST_PERIODS, _LEAST_LOCAL = 5.0, 4.0
_ACROSS = math.cos(math.radians(60))  # grid directions are at least so far apart
_MOST_UNEVEN = 0.05
_STEPS = (0.5, 0.25, 0.1, 0.05, 0.02, 0.02)  # of a bin


@dataclass(frozen=True, kw_only=True)
class Grating:
    """What was found of a grating.

    vectors: (gy, gx) in cycles per px, one of a line grating, two of a square grid
    local: of each vector, the same in the quarters of the picture; empty where these hold too few periods
    n_periods: across the picture, along the vector that has fewer
    clearness: of the weaker peak over its surroundings
    """

    vectors: tuple[Vector, ...]
    local: tuple[tuple[Vector, ...], ...]
    n_periods: float
    clearness: float


def find_grating(pixels: NDArray[np.generic], *, pitch_nm: float, nm_per_px: tuple[float, float]) -> Grating:
    """The grating of an (H, W) picture of grey levels.

    Parameters
    ----------
    pixels
        (H, W) grey levels, the data bar cut off.
    pitch_nm
        Certified pitch, nm.
    nm_per_px
        Pixel size (y, x) by the file or its scale bar, right to within 25 %.

    Raises
    ------
    CalibrationError
        No clear period within 25 % of the pitch, fewer than 5 periods, fewer than 4 px a period, or a period that differs by
        more than 5 % across the picture.
    """
    period_px = pitch_nm / max(nm_per_px)
    if period_px < 4:
        raise CalibrationError(f"a pitch of {pitch_nm:g} nm is only {period_px:.1f} px; take a higher magnification")
    windowed = faded(pixels)
    height, width = windowed.shape
    if min(height * nm_per_px[0], width * nm_per_px[1]) < _LEAST_PERIODS * pitch_nm:
        raise CalibrationError(f"fewer than {_LEAST_PERIODS:g} periods of {pitch_nm:g} nm in it; take a lower magnification")
    peaks = _peaks(windowed, pitch_nm, nm_per_px)
    if not peaks:
        raise CalibrationError(
            f"no clear period within 25 % of the certified {pitch_nm:g} nm at {nm_per_px[1]:.4g} nm/px; check pitch and scale"
        )
    vectors = tuple(refined_peak(windowed, g) for g, _ in peaks)
    if _has_longer_period(windowed, vectors):
        raise CalibrationError(
            f"its period is longer than the certified {pitch_nm:g} nm, of which this is a harmonic; check pitch and scale"
        )
    quarters = [faded(q) for q in _quarters(pixels)]
    n_periods = min(_periods(v, windowed.shape) for v in vectors)
    local = tuple(tuple(refined_peak(q, v) for q in quarters) for v in vectors) if n_periods >= 2 * _LEAST_LOCAL else ()
    for vector, parts in zip(vectors, local, strict=False):
        if max(math.dist(p, vector) for p in parts) > _MOST_UNEVEN * math.hypot(*vector):
            raise CalibrationError("the period differs by more than 5 % across the picture; is it all grating, and in focus?")
    return Grating(vectors=vectors, local=local, n_periods=n_periods, clearness=min(c for _, c in peaks))


def faded(pixels: NDArray[np.generic]) -> NDArray[np.float64]:
    """Grey levels about their mean plane, faded out towards the borders (Hann), so that these are no step."""
    values = np.asarray(pixels, np.float64)
    height, width = values.shape
    fade = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[None, 1:-1]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    total = fade.sum()
    plane = (values * fade).sum() / total
    for ramp in (y, x):
        plane = plane + ramp * ((values * ramp * fade).sum() / (ramp**2 * fade).sum())
    return np.asarray((values - plane) * fade)


def _quarters(pixels: NDArray[np.generic]) -> list[NDArray[np.generic]]:
    h, w = pixels.shape[0] // 2, pixels.shape[1] // 2
    return [pixels[:h, :w], pixels[:h, -w:], pixels[-h:, :w], pixels[-h:, -w:]]


def _peaks(windowed: NDArray[np.float64], pitch_nm: float, nm_per_px: tuple[float, float]) -> list[tuple[Vector, float]]:
    """The strongest frequency about the expected one, and the strongest across it where that is clear too: (vector, clearness)."""
    height, width = windowed.shape
    power = np.abs(np.fft.rfft2(windowed))
    gy, gx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    ny, nx = gy / nm_per_px[0] * pitch_nm, gx / nm_per_px[1] * pitch_nm  # 1 where the pitch is as certified
    length = np.hypot(ny, nx)
    ring = (length > _SEARCHED[0]) & (length < _SEARCHED[1])
    ground = float(np.median(power[ring])) if ring.any() else 0.0
    if ground <= 0:
        return []
    found: list[tuple[Vector, float]] = []
    open_to = ring
    for _ in range(2):
        place = int(np.argmax(np.where(open_to, power, 0)))
        iy, ix = np.unravel_index(place, power.shape)
        clear = float(power[iy, ix]) / ground
        if clear < _CLEAR or (found and clear < _FAINT * found[0][1]):
            break
        found.append(((float(gy[iy, 0]), float(gx[0, ix])), clear))
        with np.errstate(invalid="ignore", divide="ignore"):
            along = np.abs(ny * ny[iy, 0] + nx * nx[0, ix]) / (length * length[iy, ix])
        open_to = ring & (along < _ACROSS)
    return found


def refined_peak(windowed: NDArray[np.float64], start: Vector) -> Vector:
    """The maximum of the spectrum between its bins, by parabolas through ever closer neighbours."""
    height, width = windowed.shape
    y, x = np.arange(height) - height / 2, np.arange(width) - width / 2
    gy, gx = start
    for step in _STEPS:
        dy, dx = step / height, step / width
        ys, xs = gy + dy * np.arange(-1, 2), gx + dx * np.arange(-1, 2)
        waves = np.exp(-2j * np.pi * np.outer(ys, y)) @ windowed @ np.exp(-2j * np.pi * np.outer(x, xs))
        level = np.log(np.maximum(np.abs(waves), 1e-300))
        gy += dy * _vertex(level.mean(axis=1))
        gx += dx * _vertex(level.mean(axis=0))
    return gy, gx


def _has_longer_period(windowed: NDArray[np.float64], vectors: Sequence[Vector]) -> bool:
    """Whether the vectors are harmonics or diagonals of a lattice of longer period, which then has a peak at half of them."""
    (ay, ax), *more = vectors
    halves = [(ay / 2, ax / 2), *((y / 2, x / 2) for y, x in more)]
    halves += [((ay + sign * y) / 2, (ax + sign * x) / 2) for y, x in more for sign in (1, -1)]
    level = min(_amplitude(windowed, v) for v in vectors)
    return any(_amplitude(windowed, h) > _LONGER * level for h in halves)


def _amplitude(windowed: NDArray[np.float64], vector: Vector) -> float:
    height, width = windowed.shape
    wave_y, wave_x = np.exp(-2j * np.pi * vector[0] * np.arange(height)), np.exp(-2j * np.pi * vector[1] * np.arange(width))
    return float(abs(wave_y @ windowed @ wave_x))


def _vertex(level: NDArray[np.float64]) -> float:
    """Where the parabola through three equidistant levels is highest, in steps from the middle one; at most three."""
    bend = float(level[0] - 2 * level[1] + level[2])
    slope = float(level[2] - level[0]) / 2
    return max(-3.0, min(3.0, -slope / bend)) if bend < 0 else math.copysign(1.0, slope)


def _periods(vector: Vector, shape: tuple[int, int]) -> float:
    return abs(vector[0]) * shape[0] + abs(vector[1]) * shape[1]


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What the stated pixel sizes are to be multiplied by.

    factor: (y, x)
    both_axes: y and x were told apart; else one factor was found along the grating and is used for both
    deviations: of each picture, how far its pitch is off the certified one after correction, relative
    unevenness: standard deviation of that over the quarters of the pictures; NaN where it could not be seen
    angle_deg: between the axes of a square grid after correction; NaN of lines
    """

    factor: tuple[float, float]
    both_axes: bool
    deviations: tuple[float, ...]
    unevenness: float
    angle_deg: float


_WORST_CONDITION = 12.0


def correction(gratings: Sequence[Grating], nm_per_px: Sequence[tuple[float, float]], *, pitch_nm: float) -> Correction:
    """The factors under which all gratings have the certified pitch, and square grids right angles, by least squares.

    With a = 1/factor_y², b = 1/factor_x², a grating of frequency (Gy, Gx) per stated nm has a Gy² + b Gx² = 1/pitch²; the
    vectors of a square grid have a G1y G2y + b G1x G2x = 0: linear in a and b, at any angle of the grating.

    nm_per_px: stated pixel size (y, x) of each picture
    """
    scaled = [[_times_pitch(v, s, pitch_nm) for v in g.vectors] for g, s in zip(gratings, nm_per_px, strict=True)]
    rows = [(gy * gy, gx * gx, 1.0) for vectors in scaled for gy, gx in vectors]
    rows += [(v[0][0] * v[1][0], v[0][1] * v[1][1], 0.0) for v in scaled if len(v) == 2]
    system = np.array(rows)
    singular = np.linalg.svd(system[:, :2], compute_uv=False)
    both = len(rows) > 1 and singular[1] > 0 and singular[0] / singular[1] < _WORST_CONDITION
    if both:
        a, b = (float(v) for v in np.linalg.lstsq(system[:, :2], system[:, 2], rcond=None)[0])
        both = a > 0 and b > 0
    if not both:
        a = b = 1 / float(np.mean([gy * gy + gx * gx for vectors in scaled for gy, gx in vectors]))
    deviations, spread = [], []
    for grating, vectors, stated in zip(gratings, scaled, nm_per_px, strict=True):
        off = [_off(a, b, v) for v in vectors]
        deviations.append(float(np.mean(off)))
        for vector, parts in zip(vectors, grating.local, strict=False):
            spread += [_off(a, b, _times_pitch(p, stated, pitch_nm)) - _off(a, b, vector) for p in parts]
    angles = [_angle(a, b, v[0], v[1]) for v in scaled if len(v) == 2]
    return Correction(
        factor=(a**-0.5, b**-0.5),
        both_axes=bool(both),
        deviations=tuple(deviations),
        unevenness=float(np.sqrt(np.mean(np.square(spread)))) if spread else math.nan,
        angle_deg=float(np.mean(angles)) if angles else math.nan,
    )


def _times_pitch(vector: Vector, nm_per_px: tuple[float, float], pitch_nm: float) -> Vector:
    return vector[0] / nm_per_px[0] * pitch_nm, vector[1] / nm_per_px[1] * pitch_nm


def _off(a: float, b: float, vector: Vector) -> float:
    """Relative deviation of the pitch that a vector has after correction."""
    return float(1 / math.sqrt(a * vector[0] ** 2 + b * vector[1] ** 2) - 1)


def _angle(a: float, b: float, one: Vector, other: Vector) -> float:
    p, q = (np.array([math.sqrt(a) * v[0], math.sqrt(b) * v[1]]) for v in (one, other))
    return math.degrees(math.acos(abs(float(p @ q)) / float(np.linalg.norm(p) * np.linalg.norm(q))))
