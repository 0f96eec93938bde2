"""The part of the plane in which particles could be seen, as a rectangle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Window:
    """y0, x0, y1, x1: its sides, in the unit of the places looked at."""

    y0: float
    x0: float
    y1: float
    x1: float

    @property
    def shape(self) -> tuple[float, float]:
        """Height and width."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def area(self) -> float:
        """Of the rectangle."""
        return self.shape[0] * self.shape[1]

    def holds(self, centre: Floats, radius: Floats) -> NDArray[np.bool_]:
        """(n,) whether circles lie within it."""
        y, x = centre[:, 0], centre[:, 1]
        return np.asarray(
            (y - radius >= self.y0) & (y + radius <= self.y1) & (x - radius >= self.x0) & (x + radius <= self.x1), bool
        )

    def contains(self, at: Floats) -> NDArray[np.bool_]:
        """(n,) whether places lie within it."""
        return self.holds(at, np.zeros(len(at)))
