"""The phase of every pixel, and how sure the network was: what all figures are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.scale import Scale

UNJUDGED = 255
"""A pixel that belongs to no phase because it is no picture: text, a scale bar, what a person left unlabelled."""
UNSURE_BELOW = 0.8
"""A pixel whose likeliest phase has a lower probability is unsure."""
Box = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class PhaseMap:
    """One micrograph, every pixel of its frame given to a phase.

    Attributes
    ----------
    name : str
        Of the micrograph.
    phases : (H, W) ndarray of uint8
        Index into `names`; `UNJUDGED` where a pixel does not count.
    names : tuple of str
        The K phases.
    scale : Scale or None
        Without one lengths are in px.
    said : (K, K) ndarray of float64, or None
        Row: the phase said; column: mean probability of each phase over those pixels. None where nothing is known of it, such as
        for a map that a person drew.
    unsure : float
        Share of the judged pixels whose likeliest phase has a probability below `UNSURE_BELOW`; NaN where nothing is known.
    unsure_map : (H, W) ndarray of bool, or None
        Where these are.
    remarks : tuple of str
        What was noticed on the way here.
    """

    name: str
    phases: NDArray[np.uint8]
    names: tuple[str, ...]
    scale: Scale | None = None
    said: NDArray[np.float64] | None = None
    unsure: float = float("nan")
    unsure_map: NDArray[np.bool_] | None = field(default=None, repr=False)
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.phases.ndim != 2 or self.phases.size == 0:
            raise ValueError(f"phases must be a non-empty (H, W) array, got shape {self.phases.shape}")
        wrong = (self.phases != UNJUDGED) & (self.phases >= len(self.names))
        if wrong.any():
            raise ValueError(f"phases must be below {len(self.names)} or {UNJUDGED}, got {self.phases[wrong][0]}")

    @property
    def judged(self) -> NDArray[np.bool_]:
        """(H, W) where a pixel has a phase."""
        return np.asarray(self.phases != UNJUDGED, bool)

    @property
    def step(self) -> tuple[float, float]:
        """Height and width of a pixel in `unit`."""
        return (1.0, 1.0) if self.scale is None else self.scale.nm_per_px

    @property
    def unit(self) -> str:
        """ "nm" or "px"."""
        return "px" if self.scale is None else "nm"


def phase_map(
    probabilities: NDArray[Any],
    names: tuple[str, ...],
    *,
    name: str = "",
    scale: Scale | None = None,
    leave_out: tuple[Box, ...] = (),
    remarks: tuple[str, ...] = (),
) -> PhaseMap:
    """The likeliest phase of every pixel.

    probabilities: (H, W, K), summing to 1 over K; NaN where a pixel does not count
    leave_out: boxes (y0, x0, y1, x1) of text and scale bars, which are no picture

    Raises ValueError for an array of another shape.
    """
    if probabilities.ndim != 3 or probabilities.shape[2] != len(names):
        raise ValueError(f"probabilities must be (H, W, {len(names)}), got shape {probabilities.shape}")
    judged = np.isfinite(probabilities).all(axis=2)
    for y0, x0, y1, x1 in leave_out:
        judged[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = False
    best = np.where(judged[..., None], probabilities, 0).argmax(axis=2)
    phases = np.where(judged, best, UNJUDGED).astype(np.uint8)
    p, likeliest = probabilities[judged].astype(np.float64), best[judged]
    sure = p.max(axis=1, initial=0)
    n = np.maximum(np.bincount(likeliest, minlength=len(names)), 1)
    said = np.stack([np.bincount(likeliest, p[:, k], len(names)) for k in range(len(names))], axis=1) / n[:, None]
    unsure = np.zeros(judged.shape, bool)
    unsure[judged] = sure < UNSURE_BELOW
    share = float((sure < UNSURE_BELOW).mean()) if sure.size else float("nan")
    return PhaseMap(name=name, phases=phases, names=names, scale=scale, said=said, unsure=share, unsure_map=unsure, remarks=remarks)
