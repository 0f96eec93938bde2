"""Answers to yes-or-no questions about a size distribution, each with the interval that decides it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.json_value import json_value
from .distribution.shares import shares

Answer = Literal["yes", "no", "inconclusive"]
VerdictName = Literal["eu_nanomaterial", "monodisperse"]
Floats = NDArray[np.float64]

NANO_FROM_NM, NANO_TO_NM = 1.0, 100.0  # Commission Recommendation 2022/C 229/01, point 1
NANO_SHARE = 0.5
MONO_SHARE, MONO_WITHIN = 0.9, 0.05  # NIST SP 960-1: nine in ten particles within 5 % of the median
LEAST_N = 20
LEAST_PX_SEEN = 5.0  # particles of fewer px across may be missed altogether


@dataclass(frozen=True, slots=True)
class Verdict:
    """One question and its answer.

    value, low, high: the share that decides and its interval at two standard uncertainties; threshold: what it is held against
    reasons: what led to the answer and what to know before using it; figures: related figures, (name, value)
    """

    name: VerdictName
    question: str
    answer: Answer
    value: float
    low: float
    high: float
    threshold: float
    value_meaning: str
    reasons: tuple[str, ...]
    figures: tuple[tuple[str, float], ...]
    source: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON, None for NaN; figures as a dict."""
        values = asdict(self) | {"reasons": list(self.reasons), "figures": {k: json_value(v) for k, v in self.figures}}
        return {k: json_value(v) for k, v in values.items()}


def eu_nanomaterial(
    feret_min_nm: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    relative_uncertainty: float = 0.0,
    length_uncertainty_nm: float = 0.0,
    nm_per_px: float | None = None,
    clusters: ArrayLike | None = None,
    coverage_factor: float = 2.0,
) -> Verdict:
    """Whether at least half of the particles by number have a least dimension of 1 to 100 nm (2022/C 229/01).

    feret_min_nm: (n,) smallest Feret diameters of the particles that count; weights: (n,) edge weights
    relative_uncertainty, length_uncertainty_nm: standard uncertainty common to all sizes, as a share (scale) and as a length
    nm_per_px: side of a pixel, to tell whether particles too small to be seen could turn a "no"
    clusters: (n,) which micrograph each is from, any labels; None: all from one

    The interval is Wilson's with the effective n of the weights, or what differs between micrographs makes of it if that is wider,
    widened by what the common uncertainties do to the share. Yes or no only where it lies on one side
    of 50 % and at least 20 particles count. The micrograph shows projections: the thickness of platelets lying flat is
    not seen, so a "no" does not hold for them.

    Raises ValueError for sizes that are not positive, or weights that do not fit.
    """
    x, w, of = _checked(feret_min_nm, weights, clusters)
    value = _share_between(x, w, NANO_FROM_NM, NANO_TO_NM)
    shifts = []
    for up, down in (
        (x * (1 + relative_uncertainty), x * (1 - relative_uncertainty)),
        (x + length_uncertainty_nm, np.maximum(x - length_uncertainty_nm, 1e-3)),
    ):
        shifts.append(_share_between(up, w, NANO_FROM_NM, NANO_TO_NM) - _share_between(down, w, NANO_FROM_NM, NANO_TO_NM))
    n = float(w.sum() ** 2 / (w**2).sum()) if x.size else 0.0
    spread = _between_micrographs(x, w, of, NANO_FROM_NM, NANO_TO_NM)
    low, high = _interval(value, n, shifts, spread, coverage_factor)
    answer, reasons = _decide(low, high, NANO_SHARE, x.size)
    if nm_per_px is not None:
        least = LEAST_PX_SEEN * nm_per_px
        if answer == "no" and least > NANO_TO_NM:
            answer = "inconclusive"
            reasons = (f"particles under {least:.3g} nm would not be seen at {nm_per_px:.3g} nm/px: use a higher magnification",)
        elif least > NANO_FROM_NM and answer != "yes":
            reasons += (f"particles under {least:.3g} nm would not be seen at {nm_per_px:.3g} nm/px, and do not count",)
    reasons += (
        "counts constituent particles as they were separated; the thickness of platelets lying flat is not seen in projection",
    )
    return Verdict(
        "eu_nanomaterial",
        "Are 50 % or more of the particles by number 1 to 100 nm in their smallest dimension?",
        answer,
        value,
        low,
        high,
        NANO_SHARE,
        "share of particles by number with a smallest Feret diameter of 1 to 100 nm",
        reasons,
        (("median_feret_min_nm", float(np.median(x)) if x.size else math.nan), ("n", float(x.size))),
        "Commission Recommendation 2022/C 229/01",
    )


def monodisperse(
    diameters: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    cv: float,
    cv_low: float = math.nan,
    cv_high: float = math.nan,
    clusters: ArrayLike | None = None,
    coverage_factor: float = 2.0,
) -> Verdict:
    """Whether nine in ten particles lie within 5 % of the median (NIST SP 960-1, Jillavenkatesa et al. 2001).

    diameters: (n,) of the particles that count, in any unit; cv, cv_low, cv_high: their coefficient of variation and its interval
    clusters: (n,) which micrograph each is from, any labels; None: all from one

    Figures beside: `cv`; `cv_squared`, (sd/mean)², which has the form of the polydispersity index of light scattering but is of
    the number distribution, not of intensities; `dispersity_mass`, the ratio of mass-average to number-average particle mass
    Σd⁶ Σ1 / (Σd³)², as IUPAC's dispersity Đ. The scale's uncertainty moves all sizes alike and so does not enter.

    Raises ValueError for sizes that are not positive, or weights that do not fit.
    """
    x, w, of = _checked(diameters, weights, clusters)
    if x.size:
        order = np.argsort(x)
        half = int(np.searchsorted(np.cumsum(w[order]), 0.5 * w.sum()))
        median = float(x[order][half])
        near = (1 - MONO_WITHIN) * median, (1 + MONO_WITHIN) * median
        value, spread = _share_between(x, w, *near), _between_micrographs(x, w, of, *near)
        mass = float((w * x**6).sum() * w.sum() / (w * x**3).sum() ** 2)
        n = float(w.sum() ** 2 / (w**2).sum())
    else:
        value, mass, n, spread = math.nan, math.nan, 0.0, (0.0, 0.0)
    low, high = _interval(value, n, [], spread, coverage_factor)
    answer, reasons = _decide(low, high, MONO_SHARE, x.size)
    return Verdict(
        "monodisperse",
        "Do 90 % or more of the particles by number lie within 5 % of the median diameter?",
        answer,
        value,
        low,
        high,
        MONO_SHARE,
        "share of particles by number within 5 % of the median equivalent diameter",
        (*reasons, "errors of single outlines widen the measured distribution: the sample itself may be narrower"),
        (
            ("cv", cv),
            ("cv_low", cv_low),
            ("cv_high", cv_high),
            ("cv_squared", cv * cv),
            ("dispersity_mass", mass),
        ),
        "NIST SP 960-1 (2001)",
    )


def _checked(sizes: ArrayLike, weights: ArrayLike | None, clusters: ArrayLike | None) -> tuple[Floats, Floats, NDArray[Any] | None]:
    """Sizes, weights and micrographs of what has a weight."""
    x = np.asarray(sizes, np.float64)
    w = np.ones(x.shape) if weights is None else np.asarray(weights, np.float64)
    if x.ndim != 1 or w.shape != x.shape:
        raise ValueError(f"sizes and weights must be (n,) alike, got {x.shape} and {w.shape}")
    if not (np.isfinite(x) & (x > 0)).all() or not (np.isfinite(w) & (w >= 0)).all():
        raise ValueError("sizes must be positive and finite, weights 0 or positive")
    return x[w > 0], w[w > 0], None if clusters is None else np.asarray(clusters)[w > 0]


def _share_between(x: Floats, w: Floats, low: float, high: float) -> float:
    return float(w[(x >= low) & (x <= high)].sum() / w.sum()) if x.size else math.nan


def _interval(
    value: float, n: float, shifts: list[float], spread: tuple[float, float], coverage_factor: float
) -> tuple[float, float]:
    """Interval of a share; shifts: its changes between plus and minus one standard uncertainty of what all sizes share; spread: how
    far it reaches down and up by what differs between micrographs."""
    if not (math.isfinite(value) and n >= 1):
        return math.nan, math.nan
    # Wilson's score interval (J. Am. Stat. Assoc. 22 (1927) 209): shares of 0 and 1 are not certain either
    k2 = coverage_factor**2 / n
    middle = (value + k2 / 2) / (1 + k2)
    reach = coverage_factor / (1 + k2) * math.sqrt(value * (1 - value) / n + k2 / (4 * n))
    below, above = max(value - middle + reach, spread[0]), max(middle + reach - value, spread[1])
    common = coverage_factor * math.sqrt(sum((s / 2) ** 2 for s in shifts))
    return max(value - math.hypot(below, common), 0.0), min(value + math.hypot(above, common), 1.0)


def _between_micrographs(x: Floats, w: Floats, clusters: NDArray[Any] | None, low: float, high: float) -> tuple[float, float]:
    """How far the interval of the share between low and high reaches down and up, micrographs taken as drawn by chance, too;
    (0, 0) of one micrograph, and where all are inside or none: then nothing is known of how micrographs differ."""
    inside = (x >= low) & (x <= high)
    if clusters is None or np.unique(clusters).size < 2 or inside.all() or not inside.any():
        return 0.0, 0.0
    share = shares(np.where(inside, "inside", "outside"), w, clusters=clusters)["inside"]
    return (share.value - share.low, share.high - share.value) if math.isfinite(share.low) else (0.0, 0.0)


def _decide(low: float, high: float, threshold: float, n: int) -> tuple[Answer, tuple[str, ...]]:
    if n < LEAST_N:
        return "inconclusive", (f"{n} particles count, {LEAST_N} are needed",)
    if low >= threshold:
        return "yes", ()
    if high < threshold:
        return "no", ()
    return "inconclusive", ("the interval contains the threshold: measure more particles, or the scale more precisely",)
