"""Fits of size laws to a sample: parameters with standard errors, AICc, goodness of fit by parametric bootstrap, QQ points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...core.json_value import json_value
from .laws import LAWS, Law, LawName
from .weighted import Floats, Unit, checked

MIN_N_FOR_FITS = 10
_LEAST_SPREAD = 1e-6  # relative; narrower samples have no law to speak of
_VALUES_AT_MOST = 2_000_000  # drawn by a bootstrap in all: large samples get fewer resamples, yet never under 99
_VALUES_AT_ONCE = 1 << 18
_HALVINGS = 60  # of an interval that holds a quantile: to a double's last digits


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a law; `has_unit` where it is a length, in the fit's unit."""

    name: str
    value: float
    standard_error: float
    has_unit: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """A law fitted to the number distribution by weighted maximum likelihood.

    log_likelihood: of the weights scaled to sum to n; aicc: Akaike's criterion corrected for n; delta_aicc: less that of the best
    ks, ad: Kolmogorov & Smirnov's D and Anderson & Darling's A²; their p-values say how often samples drawn from the fit itself
        and fitted anew lie farther off (parametric bootstrap with n_bootstrap samples; NaN where there was none)
    """

    law: LawName
    unit: Unit
    parameters: tuple[Parameter, ...]
    n: int
    log_likelihood: float
    aicc: float
    delta_aicc: float
    ks: float
    ks_p_value: float
    ad: float
    ad_p_value: float
    n_bootstrap: int

    @property
    def _values(self) -> Floats:
        return np.array([p.value for p in self.parameters])

    @property
    def _law(self) -> Law:
        return next(law for law in LAWS if law.name == self.law)

    def pdf(self, x: ArrayLike) -> Floats:
        """Density q0 in 1/unit at positive diameters."""
        return np.exp(self._law.log_pdf(np.asarray(x, np.float64), self._values))

    def cdf(self, x: ArrayLike) -> Floats:
        """Cumulative distribution Q0 at positive diameters."""
        return self._law.cdf(np.asarray(x, np.float64), self._values)

    def ppf(self, p: ArrayLike) -> Floats:
        """Diameters at cumulative shares in (0, 1). Raises ValueError outside."""
        shares = np.asarray(p, np.float64)
        if not ((shares > 0) & (shares < 1)).all():
            raise ValueError("shares must lie between 0 and 1")
        middle = max(self._values[1] if self.law == "lognormal_mixture" else self._values[0], 1e-300)
        low, high = np.full(shares.shape, middle), np.full(shares.shape, middle)
        while (beyond := (self.cdf(low) > shares) & (low > 1e-9 * middle)).any():
            low[beyond] /= 2
        while (short := self.cdf(high) < shares).any():
            high[short] *= 2
        never_below = self.cdf(low) >= shares  # a normal law with weight below 0
        high = np.where(never_below, low, high)
        for _ in range(_HALVINGS):  # all shares at once; SciPy's solvers take one each, and half a second to import
            between = (low + high) / 2
            above = self.cdf(between) >= shares
            low, high = np.where(above, low, between), np.where(above, between, high)
        return np.asarray((low + high) / 2, np.float64)

    def to_dict(self) -> dict[str, Any]:
        """For JSON, None for NaN."""
        names = ("law", "unit", "n", "log_likelihood", "aicc", "delta_aicc", "ks", "ks_p_value", "ad", "ad_p_value", "n_bootstrap")
        values: dict[str, Any] = {k: json_value(getattr(self, k)) for k in names}
        values["parameters"] = [
            {"name": p.name, "value": json_value(p.value), "standard_error": json_value(p.standard_error), "has_unit": p.has_unit}
            for p in self.parameters
        ]
        return values


def fit_distributions(
    diameters: ArrayLike, *, unit: Unit, weights: ArrayLike | None = None, n_bootstrap: int = 199, seed: int = 0
) -> tuple[Fit, ...]:
    """Normal, lognormal, Weibull and two-component lognormal laws, best AICc first; none for fewer than 10 particles or no spread.

    diameters, weights: (n,) as in `summarise`; n_bootstrap: samples for the p-values, 0 for none; fewer where n is large

    Standard errors are from the curvature of the likelihood, widened by the unequal weights (n over the effective n). AICc:
    Hurvich & Tsai, Biometrika 76 (1989) 297. Goodness of fit: Stephens, J. Am. Stat. Assoc. 69 (1974) 730, with p-values by
    parametric bootstrap (Stute et al., Metrika 40 (1993) 243), as the tables do not hold for fitted parameters.

    Raises ValueError as `summarise` does, and for n_bootstrap < 0.
    """
    x, w = checked(diameters, weights, unit, "number")
    if n_bootstrap < 0:
        raise ValueError(f"n_bootstrap must be 0 or positive, got {n_bootstrap}")
    if x.size < MIN_N_FOR_FITS or np.ptp(x) <= _LEAST_SPREAD * x[-1]:
        return ()
    w = w * (x.size / w.sum())
    fits = [_fit(law, x, w, unit, n_bootstrap, seed) for law in LAWS if x.size > len(law.parameters) + 2]
    best = min(f.aicc for f in fits)
    return tuple(
        Fit(**{k: getattr(f, k) for k in Fit.__slots__} | {"delta_aicc": f.aicc - best}) for f in sorted(fits, key=lambda f: f.aicc)
    )


def qq(fit: Fit, diameters: ArrayLike, *, weights: ArrayLike | None = None, n_points: int = 200) -> tuple[Floats, Floats]:
    """Points of a QQ plot: what the fit expects and what was measured, (k,) each, k <= n_points.

    Shares are at the middles of the particles' weights (Hazen's (i - 1/2) / n where they are equal). Raises ValueError as
    `summarise` does.
    """
    x, w = checked(diameters, weights, fit.unit, "number")
    if not x.size:
        return np.zeros(0), np.zeros(0)
    shares = (np.cumsum(w) - w / 2) / w.sum()
    chosen = np.unique(np.linspace(0, x.size - 1, min(n_points, x.size)).round().astype(int))
    return fit.ppf(shares[chosen]), x[chosen]


def _fit(law: Law, x: Floats, w: Floats, unit: Unit, n_bootstrap: int, seed: int) -> Fit:
    parameters = law.fit(x[None], w[None])[:, 0]
    likelihood = float((w * law.log_pdf(x, parameters)).sum())
    k, n = len(parameters), x.size
    aicc = 2 * k - 2 * likelihood + 2 * k * (k + 1) / (n - k - 1)
    errors = _standard_errors(law, x, w, parameters)
    ks, ad = (float(v[0]) for v in _distances(law.cdf(x, parameters)[None], w[None]))
    done, ks_p, ad_p = 0, math.nan, math.nan
    if n_bootstrap:
        done = max(min(n_bootstrap, _VALUES_AT_MOST // n), min(n_bootstrap, 99))
        ks_p, ad_p = _p_values(law, parameters, w, ks, ad, done, seed)
    named = tuple(
        Parameter(name, float(value), float(error), has_unit)
        for (name, has_unit), value, error in zip(law.parameters, parameters, errors, strict=True)
    )
    return Fit(law.name, unit, named, n, likelihood, aicc, 0.0, ks, ks_p, ad, ad_p, done)


def _standard_errors(law: Law, x: Floats, w: Floats, parameters: Floats) -> Floats:
    """(p,) from the inverse of the negative Hessian of the log likelihood, by central differences; NaN where it has none."""
    k = len(parameters)
    step = 1e-4 * np.abs(parameters)
    if law.name == "lognormal_mixture":  # steps must stay within the share's and the GSDs' bounds
        step[0] = 1e-4 * min(parameters[0], 1 - parameters[0])
    for i, (name, _) in enumerate(law.parameters):
        if name.startswith("gsd"):
            step[i] = 1e-3 * (parameters[i] - 1)

    def value(change: Floats) -> float:
        return float((w * law.log_pdf(x, parameters + change)).sum())

    unit = np.diag(step)
    hessian = np.zeros((k, k))
    for i in range(k):
        for j in range(i, k):
            plus, minus = value(unit[i] + unit[j]) + value(-unit[i] - unit[j]), value(unit[i] - unit[j]) + value(unit[j] - unit[i])
            hessian[i, j] = hessian[j, i] = (plus - minus) / (4 * step[i] * step[j])
    widened = x.size * float((w**2).sum()) / float(w.sum()) ** 2  # n over the effective n
    try:
        variances = np.diag(np.linalg.inv(-hessian)) * widened
    except np.linalg.LinAlgError:
        return np.full(k, np.nan)
    return np.sqrt(np.where(variances > 0, variances, np.nan))


def _distances(z: Floats, w: Floats) -> tuple[Floats, Floats]:
    """D and A², (B,), of the laws' cumulative values z (B, n) at sorted diameters under weights w (B, n).

    A² = n ∫ (F_n - u)² / (u (1 - u)) du with F_n the weighted step function, summed step by step in closed form.
    """
    n = z.shape[1]
    z = np.clip(z, 1e-15, 1 - 1e-15)
    after = np.cumsum(w, axis=1)
    after /= after[:, -1:].copy()
    before = np.concatenate([np.zeros((len(z), 1)), after[:, :-1]], axis=1)
    d = np.maximum((after - z).max(axis=1), (z - before).max(axis=1))
    log_z, log_rest = np.log(z), np.log1p(-z)
    # at each z the step before it ends and the step after it begins: (S² ln u - (1 - S)² ln(1 - u) - u) differs by S alone
    inner = ((before**2 - after**2) * log_z - ((1 - before) ** 2 - (1 - after) ** 2) * log_rest).sum(axis=1)
    return d, n * (inner - 1)


def _p_values(law: Law, parameters: Floats, w: Floats, ks: float, ad: float, n_bootstrap: int, seed: int) -> tuple[float, float]:
    """Share of samples drawn from the fit, under the same weights in random order, whose own fit is at least as far off."""
    rng = np.random.default_rng(seed)
    n = w.size
    farther = np.zeros(2)
    at_once = max(1, _VALUES_AT_ONCE // n)
    for begin in range(0, n_bootstrap, at_once):
        rows = min(at_once, n_bootstrap - begin)
        x = np.sort(np.maximum(law.draw(rng, parameters, (rows, n)), 1e-9), axis=1)
        weights = np.broadcast_to(w, x.shape) if np.ptp(w) == 0 else rng.permuted(np.tile(w, (rows, 1)), axis=1)
        again = law.fit(x, weights, parameters[:, None])
        d, a = _distances(law.cdf(x, again[:, :, None]), weights)
        farther += ((d >= ks).sum(), (a >= ad).sum())
    ks_p, ad_p = (1 + farther) / (1 + n_bootstrap)
    return float(ks_p), float(ad_p)
