"""Boxes of what stands in a picture, (y0, x0, y1, x1) px, half-open, and what two of them share."""

from __future__ import annotations

from collections.abc import Sequence

Box = tuple[int, int, int, int]
FloatBox = tuple[float, float, float, float]


def shared(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Rows and columns that two boxes have in common, px; negative where there is a gap between them."""
    return min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
