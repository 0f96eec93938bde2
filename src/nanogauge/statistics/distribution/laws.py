"""Size laws and their maximum likelihood fits, many samples at once: normal, lognormal, Weibull, two lognormals mixed.

Each law is fitted to the rows of x (B, n), sorted or not, under weights w (B, n), so that a bootstrap refits all its samples in
one go. Parameters come as (p, B).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from scipy.special import ndtr

from .weighted import Floats, mean_sd

LawName = Literal["normal", "lognormal", "weibull", "lognormal_mixture"]
_LEAST_SHARE = 0.05  # of a component of the mixture, and
_LEAST_WIDTH = 0.05  # its width over that of the whole: else it would close on a single particle


class Law(Protocol):
    """A family of distributions of the diameter."""

    @property
    def name(self) -> LawName: ...

    @property
    def parameters(self) -> tuple[tuple[str, bool], ...]:
        """Name of each, and whether it is a length."""
        ...

    def fit(self, x: Floats, w: Floats, start: Floats | None = None) -> Floats:
        """(p, B) maximum likelihood parameters of the rows of x."""
        ...

    def log_pdf(self, x: Any, parameters: Floats) -> Floats:
        """Logarithm of the density; parameters (p, ...) broadcast against x."""
        ...

    def cdf(self, x: Any, parameters: Floats) -> Floats:
        """Cumulative distribution."""
        ...

    def draw(self, rng: np.random.Generator, parameters: Floats, shape: tuple[int, int]) -> Floats:
        """Random diameters."""
        ...


@dataclass(frozen=True)
class Normal:
    """Parameters: mean, sd (maximum likelihood)."""

    name: LawName = "normal"
    parameters: tuple[tuple[str, bool], ...] = (("mean", True), ("sd", True))

    def fit(self, x: Floats, w: Floats, start: Floats | None = None) -> Floats:
        mean, sd = mean_sd(x, w)
        return np.stack([mean, np.maximum(sd, 1e-9 * mean)])

    def log_pdf(self, x: Any, parameters: Floats) -> Floats:
        mean, sd = parameters
        return np.asarray(-(((x - mean) / sd) ** 2) / 2 - np.log(sd * math.sqrt(2 * math.pi)), np.float64)

    def cdf(self, x: Any, parameters: Floats) -> Floats:
        mean, sd = parameters
        return np.asarray(ndtr((x - mean) / sd), np.float64)

    def draw(self, rng: np.random.Generator, parameters: Floats, shape: tuple[int, int]) -> Floats:
        return rng.normal(parameters[0], parameters[1], shape)


@dataclass(frozen=True)
class Lognormal:
    """Parameters: median, gsd (ISO 9276-5)."""

    name: LawName = "lognormal"
    parameters: tuple[tuple[str, bool], ...] = (("median", True), ("gsd", False))

    def fit(self, x: Floats, w: Floats, start: Floats | None = None) -> Floats:
        mean, sd = mean_sd(np.log(x), w)
        return np.stack([np.exp(mean), np.exp(np.maximum(sd, 1e-9))])

    def log_pdf(self, x: Any, parameters: Floats) -> Floats:
        s = np.log(parameters[1])
        z = np.log(x / parameters[0]) / s
        return np.asarray(-(z**2) / 2 - np.log(x * s * math.sqrt(2 * math.pi)), np.float64)

    def cdf(self, x: Any, parameters: Floats) -> Floats:
        return np.asarray(ndtr(np.log(x / parameters[0]) / np.log(parameters[1])), np.float64)

    def draw(self, rng: np.random.Generator, parameters: Floats, shape: tuple[int, int]) -> Floats:
        return rng.lognormal(math.log(parameters[0]), math.log(parameters[1]), shape)


@dataclass(frozen=True)
class Weibull:
    """Parameters: scale (characteristic diameter, at Q = 63.2 %), shape; also known as Rosin & Rammler's (ISO 9276-1)."""

    name: LawName = "weibull"
    parameters: tuple[tuple[str, bool], ...] = (("scale", True), ("shape", False))

    def fit(self, x: Floats, w: Floats, start: Floats | None = None) -> Floats:
        total = w.sum(axis=1)
        logs = np.log(x)
        mean, sd = mean_sd(logs, w)
        u = logs - mean[:, None]
        shape = 1.2825 / np.maximum(sd, 1e-9)  # pi / sqrt(6) over the sd of the logarithm
        for _ in range(30):  # Newton on the profile likelihood (Johnson, Kotz & Balakrishnan I, ch. 21); it is concave
            power = w * np.exp(np.clip(shape[:, None] * u, -700, 700))
            s0, s1, s2 = power.sum(axis=1), (power * u).sum(axis=1), (power * u * u).sum(axis=1)
            slope = s2 / s0 - (s1 / s0) ** 2 + 1 / shape**2
            step = (s1 / s0 - 1 / shape) / slope
            shape = np.clip(shape - step, shape / 3, shape * 3)
            if np.all(np.abs(step) < 1e-10 * shape):
                break
        scale = np.exp(mean) * ((w * np.exp(np.clip(shape[:, None] * u, -700, 700))).sum(axis=1) / total) ** (1 / shape)
        return np.stack([scale, shape])

    def log_pdf(self, x: Any, parameters: Floats) -> Floats:
        scale, shape = parameters
        z = np.log(x / scale)
        return np.asarray(np.log(shape / scale) + (shape - 1) * z - np.exp(np.minimum(shape * z, 700)), np.float64)

    def cdf(self, x: Any, parameters: Floats) -> Floats:
        scale, shape = parameters
        return np.asarray(-np.expm1(-np.exp(np.minimum(shape * np.log(x / scale), 700))), np.float64)

    def draw(self, rng: np.random.Generator, parameters: Floats, shape: tuple[int, int]) -> Floats:
        return np.asarray(parameters[0] * rng.weibull(parameters[1], shape), np.float64)


@dataclass(frozen=True)
class LognormalMixture:
    """Parameters: share_1 of the smaller component by number, and median and gsd of both; by expectation-maximisation
    (Dempster, Laird & Rubin, J. R. Stat. Soc. B 39 (1977) 1)."""

    name: LawName = "lognormal_mixture"
    parameters: tuple[tuple[str, bool], ...] = (
        ("share_1", False),
        ("median_1", True),
        ("gsd_1", False),
        ("median_2", True),
        ("gsd_2", False),
    )

    def fit(self, x: Floats, w: Floats, start: Floats | None = None) -> Floats:
        u = np.log(x)
        mean, sd = mean_sd(u, w)
        sd = np.maximum(sd, 1e-9)
        if start is not None:
            share, m1, s1, m2, s2 = start
            state = np.stack([np.broadcast_to(v, mean.shape) for v in (share, np.log(m1), np.log(s1), np.log(m2), np.log(s2))])
            return self._sorted(self._iterate(u, w, state, sd, 60))
        best, likelihood = np.zeros((5, len(u))), np.full(len(u), -np.inf)
        for share, apart, narrow in ((0.5, 1.0, 0.5), (0.2, 1.5, 0.5), (0.8, 1.5, 0.5), (0.5, 0.1, 0.4)):
            ones = np.ones_like(mean)
            state = np.stack(
                [share * ones, mean - apart * (1 - share) * 2 * sd, narrow * sd, mean + apart * share * 2 * sd, sd * 0.7]
            )
            found = self._iterate(u, w, state, sd, 400)
            value = (w * self.log_pdf(x, self._natural(found)[:, :, None])).sum(axis=1)
            better = value > likelihood
            best[:, better], likelihood = found[:, better], np.maximum(value, likelihood)
        return self._sorted(best)

    def _iterate(self, u: Floats, w: Floats, state: Floats, sd: Floats, n_steps: int) -> Floats:
        total = w.sum(axis=1)
        share, m1, s1, m2, s2 = (v.copy() for v in state)
        for _ in range(n_steps):
            before = np.stack([share, m1, s1, m2, s2])
            a = np.log(share / s1)[:, None] - (((u - m1[:, None]) / s1[:, None]) ** 2) / 2
            b = np.log((1 - share) / s2)[:, None] - (((u - m2[:, None]) / s2[:, None]) ** 2) / 2
            first = w / (1 + np.exp(np.clip(b - a, -700, 700)))
            n1 = np.clip(first.sum(axis=1), _LEAST_SHARE * total, (1 - _LEAST_SHARE) * total)
            second = w - first
            n2 = total - n1
            share = n1 / total
            f1, f2 = np.maximum(first.sum(axis=1), 1e-12), np.maximum(second.sum(axis=1), 1e-12)
            m1, m2 = (first * u).sum(axis=1) / f1, (second * u).sum(axis=1) / f2
            s1 = np.sqrt((first * (u - m1[:, None]) ** 2).sum(axis=1) / f1)
            s2 = np.sqrt((second * (u - m2[:, None]) ** 2).sum(axis=1) / f2)
            s1, s2 = np.maximum(s1, _LEAST_WIDTH * sd), np.maximum(s2, _LEAST_WIDTH * sd)
            share = np.where(n2 > 0, share, 1 - _LEAST_SHARE)
            if np.abs(np.stack([share, m1, s1, m2, s2]) - before).max() < 1e-8:
                break
        return np.stack([share, m1, s1, m2, s2])

    def _natural(self, state: Floats) -> Floats:
        share, m1, s1, m2, s2 = state
        return np.stack([share, np.exp(m1), np.exp(s1), np.exp(m2), np.exp(s2)])

    def _sorted(self, state: Floats) -> Floats:
        share, m1, s1, m2, s2 = state
        swap = m1 > m2
        ordered = np.where(swap, np.stack([1 - share, m2, s2, m1, s1]), state)
        return self._natural(ordered)

    def log_pdf(self, x: Any, parameters: Floats) -> Floats:
        share, m1, g1, m2, g2 = parameters
        one = Lognormal()
        a = np.log(share) + one.log_pdf(x, np.stack([m1, g1]))
        b = np.log1p(-share) + one.log_pdf(x, np.stack([m2, g2]))
        return np.asarray(np.logaddexp(a, b), np.float64)

    def cdf(self, x: Any, parameters: Floats) -> Floats:
        share, m1, g1, m2, g2 = parameters
        one = Lognormal()
        first, second = one.cdf(x, np.stack([m1, g1])), one.cdf(x, np.stack([m2, g2]))
        return np.asarray(share * first + (1 - share) * second, np.float64)

    def draw(self, rng: np.random.Generator, parameters: Floats, shape: tuple[int, int]) -> Floats:
        share, m1, g1, m2, g2 = (float(v) for v in parameters)
        z = rng.standard_normal(shape)
        return np.where(rng.random(shape) < share, m1 * g1**z, m2 * g2**z)


LAWS: tuple[Law, ...] = (Normal(), Lognormal(), Weibull(), LognormalMixture())
