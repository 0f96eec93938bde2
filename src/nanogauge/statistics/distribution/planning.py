"""How many particles a wished precision takes, and what the particles measured reach (ISO 13322-1:2014, annex A)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from scipy.special import ndtri

from .summary import Distribution

Basis = Literal["number_mean", "volume_mean", "mass_median"]
BASES: tuple[Basis, ...] = get_args(Basis)
_POWER: dict[Basis, int] = {"number_mean": 1, "volume_mean": 3, "mass_median": 6}


@dataclass(frozen=True, slots=True)
class RequiredN:
    """Particles needed that `basis` lies within `relative_error` of the truth with probability `confidence`, beside those measured.

    gsd: geometric standard deviation of the number distribution, as measured; NaN where unknown, and then so is the rest
    n_measured: effective number under the edge weights; reached_relative_error: what these give
    """

    basis: Basis
    relative_error: float
    confidence: float
    gsd: float
    n_needed: int | None
    n_measured: float
    reached_relative_error: float

    @property
    def enough(self) -> bool | None:
        """Whether the wished precision is reached; None where it cannot be said."""
        return None if self.n_needed is None else self.n_measured >= self.n_needed

    def to_dict(self) -> dict[str, Any]:
        """For JSON, None for NaN."""
        plain = asdict(self) | {"enough": self.enough}
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in plain.items()}


def required_n(gsd: float, *, relative_error: float = 0.05, confidence: float = 0.95, basis: Basis = "number_mean") -> int:
    """Number of particles of a lognormal distribution for a relative error at a confidence, to the nearest whole one, at least 2.

    n = (z / δ)² α² s² (2 c² s² + 1) with s = ln GSD, c = α / 2, z of the normal distribution, and α = 1 for the number mean,
    3 for the volume mean and 6 for the mass median diameter (Masuda & Iinoya, J. Chem. Eng. Jpn. 4 (1971) 60; ISO 13322-1).

    Raises ValueError for gsd < 1, a basis that is none of these, or a relative error or confidence outside (0, 1).

    >>> [required_n(1.6, basis=basis) for basis in BASES]
    [377, 6092, 60808]
    """
    if not (math.isfinite(gsd) and gsd >= 1):
        raise ValueError(f"gsd must be 1 or more, got {gsd}")
    return max(2, round(_scatter(gsd, basis) * (_z(confidence) / _checked_error(relative_error)) ** 2))


def precision(distribution: Distribution, *, relative_error: float = 0.05, confidence: float = 0.95) -> tuple[RequiredN, ...]:
    """For each basis the number needed under the measured GSD, beside the number measured. Raises ValueError as `required_n`."""
    gsd, n = distribution.geometric_sd.value, distribution.n_effective
    _checked_error(relative_error)
    z = _z(confidence)
    out = []
    for basis in BASES:
        if math.isnan(gsd):
            out.append(RequiredN(basis, relative_error, confidence, math.nan, None, n, math.nan))
            continue
        needed = required_n(gsd, relative_error=relative_error, confidence=confidence, basis=basis)
        out.append(RequiredN(basis, relative_error, confidence, gsd, needed, n, z * math.sqrt(_scatter(gsd, basis) / n)))
    return tuple(out)


def _scatter(gsd: float, basis: Basis) -> float:
    """Relative variance of the figure for one particle."""
    if basis not in _POWER:
        raise ValueError(f"basis must be one of {', '.join(BASES)}, got {basis!r}")
    alpha, variance = _POWER[basis], math.log(gsd) ** 2
    return alpha**2 * variance * (2 * (alpha / 2) ** 2 * variance + 1)


def _z(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    return float(ndtri((1 + confidence) / 2))


def _checked_error(relative_error: float) -> float:
    if not 0 < relative_error < 1:
        raise ValueError(f"relative_error must be between 0 and 1, got {relative_error}")
    return relative_error
