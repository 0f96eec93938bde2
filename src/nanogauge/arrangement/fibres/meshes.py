"""The meshes of a net: holes that fibres enclose in the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .bodies import Floats
from .lines import normals
from .widths import Traced


@dataclass(frozen=True, slots=True)
class Meshes:
    """Whole holes (n,), those that the frame cuts left out: area, equivalent diameter and that of the largest circle within, in the
    unit of the fibres; weight: by which larger ones, which the frame cuts more often, count for more; covered: share of the frame
    that fibres cover; n_cut: holes that the frame cuts."""

    area: Floats
    diameter: Floats
    inscribed: Floats
    weight: Floats
    covered: float
    n_cut: int

    def to_dict(self, unit: str) -> dict[str, Any]:
        """For fibres.json."""
        known = self.area.size > 0
        return {
            "n": int(self.area.size),
            "n_cut_by_frame": self.n_cut,
            "share_covered": self.covered,
            f"mean_equivalent_diameter_{unit}": float(np.average(self.diameter, weights=self.weight)) if known else None,
            f"area_weighted_mean_equivalent_diameter_{unit}": float(np.average(self.diameter, weights=self.weight * self.area))
            if known
            else None,
            f"mean_largest_circle_{unit}": float(np.average(self.inscribed, weights=self.weight)) if known else None,
            f"mean_area_{unit}2": float(np.average(self.area, weights=self.weight)) if known else None,
        }


def covered_by(fibres: Sequence[Traced], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W) 1 on fibres, crossings and hidden stretches too."""
    mask = np.zeros(shape, np.uint8)
    for f in fibres:
        known = np.isfinite(f.width)
        place = np.arange(len(f.at))
        half = np.interp(place, place[known], f.width[known])[:, None] / 2
        normal = normals(f.at)
        for i in range(0, len(f.at) - 1, 8):  # short pieces, as a bent fibre's outline may cross itself
            part = np.s_[i : i + 9]
            outline = np.concatenate([f.at[part] + half[part] * normal[part], (f.at[part] - half[part] * normal[part])[::-1]])
            cv2.fillPoly(mask, [np.rint(outline[:, ::-1] * 16).astype(np.int32)], 1, shift=4)
    return mask


def meshes_of(fibres: Sequence[Traced], shape: tuple[int, int], pitch: tuple[float, float]) -> Meshes:
    """Holes between fibres (H, W). pitch: of a pixel, y and x; holes smaller than half a fibre's width across are seams."""
    mask = covered_by(fibres, shape)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    depth = cv2.distanceTransform(np.pad(1 - mask, 1, constant_values=1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    deepest = np.zeros(count)
    np.maximum.at(deepest, labels.ravel().astype(np.int64), depth.ravel().astype(np.float64))
    x, y, w, h, area = (stats[:, i].astype(np.float64) for i in range(5))
    least = float(np.median([f.usual_width for f in fibres])) / 4
    hole = (np.arange(count) > 0) & (deepest > max(least, 1.0))
    cut = (x <= 0) | (y <= 0) | (x + w >= shape[1]) | (y + h >= shape[0])
    whole = hole & ~cut
    pixel = pitch[0] * pitch[1]
    size = area[whole] * pixel
    # as for particles: a hole is whole in the frame for so many of its places (Miles 1974, Lantuejoul 1980)
    weight = shape[0] * shape[1] / ((shape[0] - h[whole]) * (shape[1] - w[whole]))
    inscribed = 2 * deepest[whole] * math.sqrt(pixel)
    return Meshes(size, np.sqrt(4 * size / math.pi), inscribed, weight, float(mask.mean()), int((hole & cut).sum()))
