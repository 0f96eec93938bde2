"""The mean linescan over an edge, and where in it the edge lies.

Mack and Bunday, Proc. SPIE 9424 (2015) 94240F: a step from the level of the space to that of the line at the edge, an excess that
dies away exponentially into the line, another (or a lack) that does into the space, all of it blurred by the beam.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Floats = NDArray[np.float64]


_LEAST_TAIL_PX = 1.5  # over which an excess dies away: a shorter one could not be told from the edge being elsewhere
_USUAL_OUTER = 0.15  # of the profile's range: standard deviation of what is added and of what is lacking outside
_FIRST_MISFIT = 0.01


@dataclass(frozen=True, slots=True)
class Linescan:
    """left_px, right_px: where the edges lie in the profiles; half_left_px, half_right_px: where these cross half of their flank;
    blur_px: of the beam, standard deviation; misfit: root mean square, as a share of the profiles' range; error_px: standard error
    of the distance between the two edges, as far as the fit knows."""

    left_px: float
    right_px: float
    half_left_px: float
    half_right_px: float
    blur_px: float
    misfit: float
    error_px: float


def fit_linescan(x: Floats, left: Floats, right: Floats) -> Linescan:
    """The edges in the mean profiles (n,) over left and right edges, both at the places x (px) and both running into the line with
    x: that of right edges mirrored, so that its place comes back mirrored too."""
    span = float(max(np.ptp(left), np.ptp(right), 1e-9))
    low = float(min(left.min(), right.min()))
    data = np.concatenate([left, right]) - low
    data = data / span
    n = len(x)
    start = [_half(x, left), _half(x, right)]
    widest = float(x[-1])
    guess = np.array([*start, 1.5, 0.05, data[n - 1], 0.5, 0.5, 0.3 * widest, 0.05, 2.5, -0.05, 0.6 * widest])
    lower = np.array(
        [start[0] - 2.5, start[1] - 2.5, 0.3, -0.5, -0.5, -0.2, -0.2, _LEAST_TAIL_PX, 0.0, _LEAST_TAIL_PX, -0.6, 0.4 * widest]
    )
    upper = np.array(
        [start[0] + 2.5, start[1] + 2.5, 4.0, 1.0, 1.5, 3.0, 3.0, 2.5 * widest, 0.6, 3.0 + 0.2 * widest, 0.0, 1.5 * widest]
    )

    def model(p: Floats) -> Floats:
        a, b, blur, space, line, excess_a, excess_b, inner, spill, near, shadow, far = p
        one, other = (
            linescan(x - at, blur, space, line, excess, inner, ((spill, near), (shadow, far)))
            for at, excess in ((a, excess_a), (b, excess_b))
        )
        return np.concatenate([one, other])

    p, misfit = np.clip(guess, lower + 1e-6, upper - 1e-6), _FIRST_MISFIT
    for _ in range(2):  # how much is known beforehand weighs as the noise lets it

        def left_over(p: Floats, noise: float = misfit) -> Floats:
            return np.concatenate([model(p) - data, noise * p[[8, 10]] / _USUAL_OUTER])

        found = optimize.least_squares(left_over, p, bounds=(lower, upper), x_scale="jac")
        p, misfit = found.x, float(np.sqrt(np.mean(found.fun[:-2] ** 2)))
    known = misfit**2 * np.linalg.pinv(found.jac.T @ found.jac)
    error = math.sqrt(max(float(known[0, 0] + known[1, 1] + 2 * known[0, 1]), 0.0))
    return Linescan(float(p[0]), float(p[1]), start[0], start[1], float(p[2]), misfit, error)


def linescan(
    x: Floats, blur: float, space: float, line: float, excess: float, inner: float, outer: tuple[tuple[float, float], ...]
) -> Floats:
    """At distances x into the line: `line` + excess · exp(-x / inner) within, `space` + Σ amount · exp(x / reach) over `outer`
    without, under a Gaussian beam of standard deviation `blur`."""
    step = 0.5 * special.erfc(-x / (math.sqrt(2) * blur))
    outside = sum(amount * _tail(-x, blur, reach) for amount, reach in outer)
    return np.asarray(space * (1 - step) + line * step + excess * _tail(x, blur, inner) + outside, np.float64)


def _tail(x: Any, blur: float, length: float) -> Any:
    """exp(-x / length) of positive x, blurred."""
    z = (blur / length - x / blur) / math.sqrt(2)
    gauss = np.exp(-0.5 * (x / blur) ** 2)
    stable = 0.5 * gauss * special.erfcx(np.maximum(z, -20))
    far = np.exp(np.minimum(0.5 * (blur / length) ** 2 - x / length, 50))
    return np.where(z > -6, stable, far)


def _half(x: Floats, profile: Floats) -> float:
    """Where the flank from the space to the peak crosses the middle between the two."""
    peak = int(np.argmax(profile))
    foot = int(np.argmin(profile[: peak + 1]))
    level = 0.5 * (profile[foot] + profile[peak])
    for i in range(peak, foot, -1):
        if profile[i - 1] < level <= profile[i]:
            return float(x[i - 1] + (level - profile[i - 1]) / (profile[i] - profile[i - 1]) * (x[i] - x[i - 1]))
    return float(x[peak])
