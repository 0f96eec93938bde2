"""A micrograph that people annotated, as it is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]


@dataclass(frozen=True)
class Real:
    """One annotated micrograph: grey levels, labels, normalised distance (0..255), typical diameter in px."""

    name: str
    grey: U8  # (H, W)
    labels: I32  # (H, W)
    distance: U8  # (H, W)
    diameter_px: float
    centres: F32  # (n, 2) as (y, x)
    boxes: I32  # (n, 4) as (y0, x0, y1, x1), the last ones outside
    whole: I32  # labels of the particles that the frame does not cut
    instances: bool = True  # False: touching particles share a label, or labels are aggregates; only their foreground is true
    rough: bool = False  # labels say where particles are, but not where their outlines run
    unknown: NDArray[np.bool_] | None = None  # (H, W) where nobody knows what is there: nothing is learned from it
