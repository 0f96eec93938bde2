"""Shares of classes in a whole, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from .summary import MIN_N_FOR_INTERVALS, Estimate


def shares(
    classes: Sequence[str] | NDArray[np.str_],
    amounts: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, Estimate]:
    """Class -> its share of the whole, in order of name.

    classes: (n,) of each particle; amounts: (n,) what each counts for, such as its weight times its volume; 0: it does not count
    clusters: (n,) which micrograph each is from, any labels; None: all from one

    Variances by bootstrap with random weights (Rubin, Ann. Stat. 9 (1981) 130): over particles, and what weights of whole
    micrographs show beyond that. Intervals are symmetric in the share's logit, with Student's t at the degrees of freedom of Welch
    and Satterthwaite (GUM G.4), as those of `summarise_pooled` are. The interval of a share of 0 or 1 has its other end where so
    many particles would show the like in one case of 40. NaN under `MIN_N_FOR_INTERVALS` particles. The intervals hold what
    particles were seen by chance, not how often a class is told wrongly.
    """
    v = np.asarray(amounts, np.float64)
    keep = v > 0
    names, number = np.unique(np.asarray(classes, str), return_inverse=True)
    v, number = v[keep], number[keep]
    total = v.sum()
    if not total > 0:
        return {str(name): Estimate(math.nan, math.nan, math.nan, math.nan) for name in names}
    which = np.zeros(v.size, np.int64) if clusters is None else np.unique(np.asarray(clusters)[keep], return_inverse=True)[1]
    k = int(which.max()) + 1
    value = np.bincount(number, v, names.size) / total
    if v.size < MIN_N_FOR_INTERVALS or not n_bootstrap:
        return {str(name): Estimate(float(p), math.nan, math.nan, math.nan) for name, p in zip(names, value, strict=True)}
    rng = np.random.default_rng(seed)
    within, both = np.empty((2, n_bootstrap, names.size))
    for one, two in zip(within, both, strict=True):
        w = v * rng.standard_exponential(v.size)
        one[:] = np.bincount(number, w, names.size) / w.sum()
        if k > 1:
            w *= rng.standard_exponential(k)[which]
            two[:] = np.bincount(number, w, names.size) / w.sum()
    inner = within.var(axis=0, ddof=1)
    # micrographs differ by chance as well, by as much as the particles in them let expect
    outer = np.maximum(both.var(axis=0, ddof=1) - 2 * inner, 0) if k > 1 else np.zeros_like(inner)
    error, rare = np.sqrt(inner + outer), (1 - confidence) / 2
    freedom = (inner + outer) ** 2 / np.maximum(inner**2 / (v.size - 1) + outer**2 / max(k - 1, 1), 1e-300)
    t = stdtrit(np.maximum(freedom, 1), 1 - rare)
    per_micrograph = np.bincount(which, v)
    n_effective = total**2 / (v**2).sum() if k == 1 else total**2 / (per_micrograph**2).sum()
    out = {}
    for name, p, se, t_of in zip(names, value.tolist(), error.tolist(), t.tolist(), strict=True):
        if 0 < p < 1:
            logit, reach = math.log(p / (1 - p)), t_of * se / (p * (1 - p))
            low, high = (1 / (1 + math.exp(-min(max(logit + s * reach, -50), 50))) for s in (-1, 1))
        else:
            low, high = (rare ** (1 / n_effective), 1.0) if p == 1 else (0.0, 1 - rare ** (1 / n_effective))
        out[str(name)] = Estimate(p, low, high, se)
    return out
