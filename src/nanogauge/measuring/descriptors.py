"""What the outline of a particle looks like, whatever its size, place and direction: numbers that a classifier of shapes reads.

Fourier descriptors of the outline (Persoon & Fu, IEEE Trans. Syst. Man Cybern. 7 (1977) 170) and of the outline stretched to equal
axes, which tell three-, four- and six-sided outlines apart; their bispectra, which tell a rectangle from a rhombus of the same
axes; the turning function (Zahn & Roskies, IEEE Trans. Comput. 21 (1972) 269), whose turning is gathered in few places where an
outline has corners; and ratios of widths, areas and radii.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .run_lengths import Floats

_ORDERS = (*range(-8, 0), *range(2, 8))  # of Fourier descriptors
_STRETCHED = (-7, -5, -4, -3, -2)
_TURNS = range(2, 9)  # of the turning function
_TURNING_IN = (6, 12, 24, 48)  # of 128 points, those at which the outline turns most, inwards and outwards
_DIRECTIONS = 90
_WIDTHS_AT = np.arange(2 * _DIRECTIONS) * (math.pi / _DIRECTIONS)
_NOISE = 1e-3  # less of a wave is of no account: outlines drawn by computers may have none at all
_USUAL_PX = 32.0

DESCRIPTORS: tuple[str, ...] = (
    *(f"fourier_{k}" for k in _ORDERS),
    "rectangle_or_rhombus",
    "triangle_phase",
    "square_phase",
    "hexagon_phase",
    *(f"stretched_{k}" for k in _STRETCHED),
    *(f"turning_{k}" for k in _TURNS),
    *(f"turning_in_{k}" for k in _TURNING_IN),
    *(f"turning_back_in_{k}" for k in _TURNING_IN),
    "widths",
    "width_across",
    "solidity",
    "form_factor",
    "rectangle_filled",
    "triangle_filled",
    "hexagon_filled",
    "least_radius",
    "largest_radius",
    "pixels",
)
"""Names of the columns of `descriptors`. "pixels" is the only one that knows the size, as the logarithm of the diameter in px: the
fewer pixels, the less an outline can show."""


def descriptors(rings: Floats) -> Floats:
    """(n, len(DESCRIPTORS)) of closed outlines (n, k, 2) of evenly spaced points (y, x), in px."""
    z = rings[..., 1] + 1j * rings[..., 0]
    area = _area(z)
    z = np.where((area < 0)[:, None], z[:, ::-1], z)
    area = np.maximum(np.abs(area), 1e-9)
    z = (z - _centroid(z)[:, None]) / np.sqrt(area / math.pi)[:, None]
    c = np.fft.fft(z, axis=1) / z.shape[1]
    first = np.maximum(np.abs(c[:, 1]), 1e-9)
    c = c / first[:, None]  # of modulus 1 for k = 1
    columns = [np.sqrt(_NOISE + np.abs(c[:, list(_ORDERS)]))]
    phases = (
        c[:, -1] ** 2 * np.conj(c[:, -3] * c[:, 1]),
        c[:, -2] ** 2 * np.conj(c[:, -5] * c[:, 1]),
        c[:, -3] ** 2 * np.conj(c[:, -7] * c[:, 1]),
        c[:, -1] ** 3 * np.conj(c[:, -5] * c[:, 1] ** 2),
    )
    columns.append(np.stack([np.sign(p.real) * np.abs(p.real) ** (1 / 3) for p in phases], axis=1))
    s = np.fft.fft(_of_equal_axes(z), axis=1) / z.shape[1]
    columns.append(np.sqrt(_NOISE + np.abs(s[:, list(_STRETCHED)]) / np.maximum(np.abs(s[:, 1]), 1e-9)[:, None]))
    columns.append(_turning(z))
    columns.append(_ratios(z))
    columns.append(np.clip(np.log(np.sqrt(4 * area / math.pi) / _USUAL_PX), -1.7, 1.2)[:, None])
    return np.concatenate(columns, axis=1)


def _area(z: NDArray[np.complex128]) -> Floats:
    """Signed, by the trapezoidal rule."""
    return np.asarray((z.real * np.roll(z.imag, -1, 1) - z.imag * np.roll(z.real, -1, 1)).sum(1) / 2, np.float64)


def _centroid(z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    ahead = np.roll(z, -1, 1)
    cross = z.real * ahead.imag - z.imag * ahead.real
    total = cross.sum(1)
    return np.asarray(((z + ahead) * cross).sum(1) / np.where(total == 0, 1, 3 * total), np.complex128)


def _of_equal_axes(z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The outlines stretched so that the area's second moments are those of a disc."""
    x, y = z.real, z.imag
    x1, y1 = np.roll(x, -1, 1), np.roll(y, -1, 1)
    cross = x * y1 - x1 * y
    xx = (cross * (x * x + x * x1 + x1 * x1)).sum(1) / 12
    yy = (cross * (y * y + y * y1 + y1 * y1)).sum(1) / 12
    xy = (cross * (x * y1 + 2 * x * y + 2 * x1 * y1 + x1 * y)).sum(1) / 24
    tensor = np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
    values, vectors = np.linalg.eigh(tensor)
    scale = 1 / np.sqrt(np.maximum(values, 1e-6))
    along = np.stack([x, y], -1) @ vectors * scale[:, None]
    back = along @ vectors.transpose(0, 2, 1)
    return np.asarray(back[..., 0] + 1j * back[..., 1], np.complex128)


def _turning(z: NDArray[np.complex128]) -> Floats:
    n = z.shape[1]
    smooth = ndimage.gaussian_filter1d(z.real, 1.5, axis=1, mode="wrap") + 1j * ndimage.gaussian_filter1d(
        z.imag, 1.5, axis=1, mode="wrap"
    )
    side = np.roll(smooth, -1, 1) - smooth
    turn = np.angle(np.roll(side, -1, 1) * np.conj(side)) / (2 * math.pi)  # share of a whole turn at each point
    waves = np.abs(np.fft.fft(np.cumsum(turn - turn.mean(1, keepdims=True), axis=1), axis=1))[:, list(_TURNS)] / n
    sharpest = np.cumsum(np.sort(turn, axis=1)[:, ::-1], axis=1)[:, [k - 1 for k in _TURNING_IN]]
    back = np.cumsum(np.sort(np.minimum(turn, 0), axis=1), axis=1)[:, [k - 1 for k in _TURNING_IN]]
    return np.concatenate([np.sqrt(_NOISE + waves), sharpest, -np.sqrt(_NOISE - back)], axis=1)


def _ratios(z: NDArray[np.complex128]) -> Floats:
    """Widths by the support function, in steps of two degrees; the area is π."""
    reach = np.stack([(z.real * math.cos(t) + z.imag * math.sin(t)).max(1) for t in _WIDTHS_AT], axis=1)  # (n, 180)
    d = _DIRECTIONS
    width = reach[:, :d] + reach[:, d:]
    across = np.roll(width, d // 2, axis=1)
    at = width.argmax(1)
    rows = np.arange(len(z))
    slope = (np.roll(reach, -1, 1) - np.roll(reach, 1, 1)) / (2 * math.pi / d)
    hull = (reach**2 - slope**2).sum(1) * (math.pi / d) / 2  # by the support function
    perimeter = np.abs(np.roll(z, -1, 1) - z).sum(1)
    third, sixth = 2 * d // 3, d // 3
    triangle = (reach + np.roll(reach, third, 1) + np.roll(reach, -third, 1)).min(1) ** 2 / math.sqrt(3)
    three = np.stack([width, np.roll(width, sixth, 1), np.roll(width, 2 * sixth, 1)])
    hexagon = (three.max(0) ** 2).min(1) * math.sqrt(3) / 2
    radius = np.abs(z)
    return np.stack(
        [
            width.min(1) / np.maximum(width.max(1), 1e-9),
            across[rows, at] / np.maximum(width.max(1), 1e-9),
            math.pi / np.maximum(hull, 1e-9),
            4 * math.pi**2 / np.maximum(perimeter, 1e-9) ** 2,
            math.pi / (width * across).min(1),
            math.pi / np.maximum(triangle, 1e-9),
            math.pi / np.maximum(hexagon, 1e-9),
            radius.min(1),
            1 / radius.max(1),
        ],
        axis=1,
    )
