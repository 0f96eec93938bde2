"""Spectra of rough edges: estimated from curves, and the model that tells noise from roughness.

Power spectral densities (PSD) are given at positive frequencies f, cycles a unit of length, and are two-sided: their integral over
all f from -1/(2 step) to 1/(2 step) is the variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Floats = NDArray[np.float64]


def k_correlation(f: Floats, *, sigma: float, correlation: float, hurst: float) -> Floats:
    """PSD of a self-affine edge (Palasantzas, Phys. Rev. B 48 (1993) 14472): flat at low frequencies, falling as f^-(2 H + 1).

    PSD(f) = PSD(0) / (1 + (2 π f ξ)²)^(H + 1/2), PSD(0) = 2 √π Γ(H + 1/2) / Γ(H) · σ² ξ; with H = 1/2 the correlation over distance
    is exponential, σ² exp(-|r| / ξ).
    """
    zero = 2 * math.sqrt(math.pi) * special.gamma(hurst + 0.5) / special.gamma(hurst) * sigma**2 * correlation
    return np.asarray(zero / (1 + (2 * math.pi * f * correlation) ** 2) ** (hurst + 0.5), np.float64)


def periodogram(curves: Floats, step: float) -> tuple[Floats, Floats]:
    """Frequencies (m // 2 + 1,) and the mean PSD of curves (n, m) sampled every `step`, each about its mean, under a Hann window,
    as what lies beyond its ends would leak into high frequencies otherwise."""
    m = curves.shape[-1]
    window = np.hanning(m + 2)[1:-1]
    about = curves - (curves * window).sum(axis=-1, keepdims=True) / window.sum()
    power = np.abs(np.fft.rfft(about * window, axis=-1)) ** 2
    return np.asarray(np.fft.rfftfreq(m, step), np.float64), np.asarray(power.mean(axis=0) * step / (window**2).sum(), np.float64)


@dataclass(frozen=True, slots=True)
class SpectrumFit:
    """Roughness and noise, as they make up a measured PSD. sigma, correlation: of the roughness over all frequencies, and its
    correlation length; hurst: its exponent; floor: PSD of the noise."""

    sigma: float
    correlation: float
    hurst: float
    floor: float

    def roughness(self, f: Floats) -> Floats:
        """PSD of the roughness alone."""
        return k_correlation(f, sigma=self.sigma, correlation=self.correlation, hurst=self.hurst)


_HURST = 0.15, 1.2
_FLOOR_KNOWN = 0.15  # standard deviation of its logarithm
_LEAST_TRANSFER = 0.1  # of the power, below which a frequency says nothing any more


def fit_spectrum(f: Floats, psd: Floats, *, transfer: Floats, beam: Floats, floor: float, n: int) -> SpectrumFit:
    """The roughness and the noise in the mean PSD of n curves, by maximum likelihood (Whittle).

    PSD = transfer² (beam² · `k_correlation` + floor); transfer: of the filter that went over both, beam: of what went over the
    roughness alone; floor: what is to be expected of it, from which the floor found is seldom further than a factor of e^0.3, so
    that it is known too where the filter has taken the frequencies at which it would be seen. The lowest two frequencies are left
    out: the mean that was taken off is missing there.
    """
    use = (np.arange(len(f)) >= 2) & (transfer**2 > _LEAST_TRANSFER)
    use[-1] = False
    f, seen, both, own = f[use], psd[use], transfer[use] ** 2, beam[use] ** 2
    step = float(f[1] - f[0])
    expected = math.log(floor)
    zero = float(seen[: max(len(seen) // 40, 2)].mean())

    def model(p: Floats) -> Floats:
        rough = k_correlation(f, sigma=math.exp(p[0]), correlation=math.exp(p[1]), hurst=p[2])
        return both * (own * rough + math.exp(p[3]))

    def cost(p: Floats) -> float:
        said = model(p)
        return float(np.sum(np.log(said) + seen / said)) * n + 0.5 * ((float(p[3]) - expected) / _FLOOR_KNOWN) ** 2

    span = math.log(1 / (2 * math.pi * float(f[-1]))), math.log(0.25 / step)
    bounds = [(None, None), span, _HURST, (expected - 2, expected + 2)]
    best = None
    for hurst in (0.35, 0.8):
        for share in (0.2, 0.5):
            xi = (1 - share) * span[0] + share * span[1]
            sigma = 0.5 * math.log(max(zero, 1e-12) / (2.5 * math.exp(xi)))
            found = optimize.minimize(cost, np.array([sigma, xi, hurst, expected]), method="L-BFGS-B", bounds=bounds)
            if best is None or found.fun < best.fun:
                best = found
    assert best is not None
    p = best.x
    return SpectrumFit(math.exp(p[0]), math.exp(p[1]), float(p[2]), math.exp(p[3]))
