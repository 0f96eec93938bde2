"""What a fibre's profile is made of: a round body of sharp edges, blurred. It tells how far the true edge is from the steepest.

A flat body's steepest place is its edge, however it is blurred. A round one that is seen through is steepest inside its edge, one
with bright rims outside it, and in a narrow fibre the blur of either edge reaches the other. So the mean profiles of a
micrograph's fibres are fitted by bodies of one kind, blurred alike:

- bright fibres: grey = ground + height (1 + r (cos(a)^-0.7 - 1)), a the tilt of the surface: secondary electrons, of which more
  leave where the surface is steep (Seiler, J. Appl. Phys. 54 (1983) R1), over whatever black level the detector has. r = 0 is
  flat; below, grey = ground + height (1 - |r| (1 - cos(a))), brightest in the middle; r = -1 is thickness, as in dark field;
- dark fibres: grey = ground exp(-m cos(a)), transmission through a round body; flat where m is large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

Floats = NDArray[np.float64]

_SHAPE = {1: (-1.0, 5.0), -1: (-3.0, 3.0)}  # r; ln m
_PRIOR = {1: (0.3, 1.0), -1: (0.0, 1.5)}  # its mean and standard deviation, before the picture is looked at
_TILT, _GRAZING = (
    0.7,
    0.25,
)  # exponent; cosine below which the yield no longer grows, as the electrons' range is not small beside the rim there
_BLUR = (0.35, 4.0)  # px
_PRIOR_BLUR = (math.log(1.1), 0.5)


@dataclass(frozen=True, slots=True)
class Profile:
    """Mean grey level across a fibre, both sides together, brighter inside. t: (k,) px from its middle; grey: (k,); error: of each;
    steepest: px between its two steepest places."""

    t: Floats
    grey: Floats
    error: float
    steepest: float


@dataclass(frozen=True, slots=True)
class Body:
    """shape: r or ln m above, by the sign; blur: px, standard deviation; error: relative standard uncertainty of widths that comes
    from knowing both no better; misfit: root mean square of what the fit leaves, over the height."""

    sign: int
    shape: float
    blur: float
    error: float
    misfit: float

    def width(self, steepest: Floats) -> Floats:
        """Widths of which the steepest places are that far apart, px; NaN stays."""
        w = np.geomspace(1.5, 1.5 * max(20.0, float(np.nan_to_num(steepest).max(initial=0))), 120)
        seen = np.maximum.accumulate([steepest_width(v, self.blur, self.shape, self.sign) for v in w])
        return np.asarray(np.interp(steepest, seen, w), np.float64)


def blurred(t: Floats, w: float, blur: float, shape: float, sign: int) -> Floats:
    """(k,) grey level of a body of width w, blurred, at t; 0 beside it."""
    n = int(np.clip(10 * w / blur, 48, 1200))
    angle = (np.arange(n) + 0.5) / n * math.pi - math.pi / 2
    cos = np.cos(angle)
    if sign < 0:
        body = -np.expm1(-math.exp(shape) * cos)
    else:
        body = 1 + shape * (np.maximum(cos, _GRAZING) ** -_TILT - 1 if shape > 0 else 1 - cos)
    body = body * cos  # of the step in place
    place = w / 2 * np.sin(angle)
    kernel = np.exp(-0.5 * ((t[:, None] - place) / blur) ** 2)
    return np.asarray(kernel @ body * (w / 2 * math.pi / n / blur / math.sqrt(2 * math.pi)), np.float64)


def steepest_width(w: float, blur: float, shape: float, sign: int) -> float:
    """px between the two steepest places of a body of width w."""
    h = w / 2
    t = np.linspace(max(0.0, h - 3.5 * blur), h + 3 * blur, 121)
    slope = -np.gradient(blurred(t, w, blur, shape, sign), t)
    k = int(np.clip(slope.argmax(), 1, len(t) - 2))
    a, b, c = slope[k - 1 : k + 2]
    bend = a - 2 * b + c
    return 2 * float(t[k] + (t[1] - t[0]) * (0.5 * (a - c) / bend if bend < 0 else 0.0))


def body_of(profiles: Sequence[Profile], sign: int) -> Body:
    """The kind of body and the blur that fit all profiles. sign: 1 bright fibres, -1 dark ones. Least squares over shape and blur,
    and over each fibre's ground, height and width; what the profiles do not tell, the priors do."""
    mean, spread = _PRIOR[sign]
    if not profiles:
        return Body(sign, mean, math.exp(_PRIOR_BLUR[0]), math.nan, math.nan)
    heights = np.array([np.ptp(p.grey) for p in profiles])

    def left(x: Floats) -> Floats:
        shape, blur = x[0], math.exp(x[1])
        out = [np.array([(shape - mean) / spread, (x[1] - _PRIOR_BLUR[0]) / _PRIOR_BLUR[1]])]
        for p, w in zip(profiles, x[2:], strict=True):
            body = blurred(p.t, p.steepest * math.exp(w), blur, shape, sign)
            design = np.stack([np.ones_like(body), body], axis=1)
            fit, *_ = np.linalg.lstsq(design, p.grey, rcond=None)
            out.append((p.grey - design @ fit) / p.error)
        return np.concatenate(out)

    n = len(profiles)
    start = np.concatenate([[mean, _PRIOR_BLUR[0]], np.full(n, 0.05)])
    sparsity = np.zeros((2 + sum(len(p.t) for p in profiles), 2 + n), np.int8)
    sparsity[:, :2] = 1
    rows = np.cumsum([2, *(len(p.t) for p in profiles)])
    for i, (a, b) in enumerate(pairwise(rows.tolist())):
        sparsity[a:b, 2 + i] = 1
    low = np.concatenate([[_SHAPE[sign][0], math.log(_BLUR[0])], np.full(n, -0.4)])
    high = np.concatenate([[_SHAPE[sign][1], math.log(_BLUR[1])], np.full(n, 0.8)])
    found = least_squares(
        left,
        start,
        bounds=(low, high),
        jac_sparsity=sparsity,
        x_scale=np.r_[0.3, 0.2, np.full(n, 0.05)],
        max_nfev=40,
        loss="soft_l1",
        f_scale=3.0,
    )
    residual = found.fun[2:]
    scale = max(1.0, float(residual @ residual) / max(len(residual) - 3 * n - 2, 1))
    jacobian = found.jac.toarray() if hasattr(found.jac, "toarray") else found.jac
    weight = np.r_[1.0, 1.0, np.full(len(residual), 1 / math.sqrt(scale))]
    covariance = np.linalg.pinv((jacobian * weight[:, None]).T @ (jacobian * weight[:, None]))
    # what all widths share is what shape and blur do to them
    error = math.sqrt(max(float(covariance[2:, 2:].mean()), 0.0))
    misfit = float(np.sqrt(np.mean(residual**2)) * np.median([p.error for p in profiles] / heights))
    return Body(sign, float(found.x[0]), math.exp(float(found.x[1])), error, misfit)
