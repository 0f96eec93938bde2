"""Size without outlines: an estimate from the picture alone, by a network of its own that outlines nothing.

The whole picture is looked at, then, where its particles are small there, the middle of it at a zoom that shows them well. Source
of the idea: segmentation-free ranking and sizing of micrographs (Ertuş 2026); of the method, docs/size-without-outlines.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.protocols import SizeEstimator, SizesInView
from .segment import standardise

VIEW_PX2 = 224 * 224
"""Of a view, as the network learned from them."""
_CELL_PX2 = 16 * 16  # of a view, that a cell of `SizesInView.shares` spans
_LEAST_SIDE_PX = 64  # of a view
_SHOWN_PX = 28.0  # median diameter that the second look aims at
_LARGEST_ZOOM = 2.0
_WORTH_A_LOOK = 1.25  # a second look this much finer than the first
_NORMAL_95 = 1.96
_NONE = 0.5  # particles in the picture: an estimate of fewer is one of none


@dataclass(frozen=True, slots=True)
class SizeEstimate:
    """Sizes of a micrograph's particles, estimated from the picture alone. Nothing was outlined.

    Attributes
    ----------
    d50_px : float
        Number median of the equivalent diameter, in px of the micrograph.
    relative_uncertainty : float
        Standard uncertainty of its logarithm.
    gsd : float
        Geometric standard deviation of the diameters, 1 where all are alike.
    n : float
        How many particles the frame shows, a cut one counted by its share.
    surprise : float
        So many joint standard uncertainties from a measured median on, the two disagree.
    zooms : tuple of float
        At which the picture was looked at: px of the view per px of the micrograph.
    covered : float
        Share of the picture that lies in particles, by the first look; 0 where it is not known.
    area_px2 : float
        Of the picture that was looked at; 0 where it is not known.
    """

    d50_px: float
    relative_uncertainty: float
    gsd: float
    n: float
    surprise: float = math.inf
    zooms: tuple[float, ...] = ()
    covered: float = 0.0
    area_px2: float = 0.0

    @property
    def interval_px(self) -> tuple[float, float]:
        """95 % interval of `d50_px`."""
        reach = math.exp(_NORMAL_95 * self.relative_uncertainty)
        return self.d50_px / reach, self.d50_px * reach

    @property
    def none_seen(self) -> bool:
        """Whether the picture seems to show no particle: then the size means nothing."""
        return self.n < _NONE

    def far_from(self, d50_px: float, relative_uncertainty: float) -> float:
        """How far a measured median is from this one, in joint standard uncertainties of the logarithm; negative: it is smaller."""
        return math.log(d50_px / self.d50_px) / math.hypot(self.relative_uncertainty, relative_uncertainty)

    def to_dict(self) -> dict[str, Any]:
        """For measurement.json and rankings, lengths in px."""
        low, high = self.interval_px
        return {
            "d50_px": self.d50_px,
            "low_px": low,
            "high_px": high,
            "relative_uncertainty": self.relative_uncertainty,
            "gsd": self.gsd,
            "n": self.n,
            "surprise": None if math.isinf(self.surprise) else self.surprise,
            "zooms": list(self.zooms),
            "covered": self.covered,
            "area_px2": self.area_px2,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> SizeEstimate:
        """As `to_dict` gave it. Raises KeyError, TypeError or ValueError where it is damaged."""
        d50_px, uncertainty, gsd, n = (float(stored[k]) for k in ("d50_px", "relative_uncertainty", "gsd", "n"))
        surprise = math.inf if stored["surprise"] is None else float(stored["surprise"])
        covered, area_px2 = (float(stored.get(k, 0.0)) for k in ("covered", "area_px2"))  # earlier versions have none
        return cls(d50_px, uncertainty, gsd, n, surprise, tuple(float(z) for z in stored["zooms"]), covered, area_px2)


def estimate_sizes(picture: NDArray[np.uint8], estimator: SizeEstimator) -> SizeEstimate | None:
    """The estimate for a picture (H, W), data bar cut off; None for one too small to be looked at (under 32 px)."""
    h, w = picture.shape
    if min(h, w) < estimator.stride:
        return None
    zoom = max(math.sqrt(VIEW_PX2 / (h * w)), _LEAST_SIDE_PX / min(h, w))
    looks = [_look(picture, zoom, estimator)]
    finer = min(_SHOWN_PX * zoom / looks[0][0].d50_px, _LARGEST_ZOOM)
    if finer > _WORTH_A_LOOK * zoom:
        looks.append(_look(picture, finer, estimator))
    return _together(looks, h * w, estimator.rule)


def _look(picture: NDArray[np.uint8], zoom: float, estimator: SizeEstimator) -> tuple[SizesInView, float]:
    """The middle of a picture, as much of it as a view holds at that zoom; and the zoom."""
    h, w = picture.shape
    share = min(1.0, math.sqrt(VIEW_PX2 / (h * w)) / zoom)  # of each side that the view shows
    shown = (float(np.clip(side * share * zoom, _LEAST_SIDE_PX, side * zoom)) for side in (h, w))
    sides = [max(int(side) // estimator.stride, 1) * estimator.stride for side in shown]
    tall, wide = (min(round(s / zoom), side) for s, side in zip(sides, (h, w), strict=True))
    y, x = (h - tall) // 2, (w - wide) // 2
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    view = cv2.resize(picture[y : y + tall, x : x + wide], (sides[1], sides[0]), interpolation=how)
    return estimator.look(standardise(view)), zoom


def _together(looks: list[tuple[SizesInView, float]], area_px2: int, rule: Mapping[str, float]) -> SizeEstimate:
    """The mean of the looks' logarithms, each weighing by its certainty. Looks share the network's mistakes: two are no surer than
    one. The farther the sizes that cover the picture are from the median by number, the less sure it is: where there are several
    kinds, large holes beside small particles, it hangs on the few cells of the small."""
    weight = np.array([1 / seen.scale**2 for seen, _ in looks])
    weight /= weight.sum()
    ln_d50, ln_gsd, ln_n, ln_by_area = (
        float((weight * np.log(values)).sum())
        for values in (
            [seen.d50_px / zoom for seen, zoom in looks],
            [seen.gsd for seen, _ in looks],
            [seen.n * area_px2 * zoom**2 / (np.prod(seen.shares.shape[1:]) * _CELL_PX2) for seen, zoom in looks],
            [(seen.by_area_px or seen.d50_px) / zoom for seen, zoom in looks],
        )
    )
    scale = math.sqrt(float((weight * np.array([seen.scale for seen, _ in looks]) ** 2).sum()))
    mixture = rule.get("mixture", 0.0) * (ln_by_area - ln_d50)
    uncertainty = math.hypot(rule.get("floor", 0.0), rule.get("gain", 1.0) * math.sqrt(2) * scale, mixture)
    zooms = tuple(zoom for _, zoom in looks)
    covered = float(np.clip(1 - looks[0][0].shares[0].mean(), 0, 1))  # the first look is the one at all of it
    surprise = rule.get("surprise", math.inf)
    return SizeEstimate(math.exp(ln_d50), uncertainty, math.exp(ln_gsd), math.exp(ln_n), surprise, zooms, covered, float(area_px2))
