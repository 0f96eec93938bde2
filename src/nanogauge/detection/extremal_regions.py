"""What stands out by its grey levels alone, where the network is unsure how to cut the picture.

A rod that lies plain to see, dark on bright ground, may be cut into pieces by a network that has seen few such rods. A threshold
finds it without having learned anything: connected pixels all darker, or all brighter, than what surrounds them (extremal
regions; Matas et al., Image Vision Comput. 22 (2004) 761), at every of several levels. Which of them are particles the network's
maps say, by the same calibrated confidence as that of its own particles, as Arteta et al. (MICCAI 2012) choose regions by a learned
score. They take the place of doubtful particles only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.protocols import Maps
from .confidence import company_of, probability, traits_of

DOUBTFUL = 0.8  # confidence under which a particle may give way, as it is flagged
_OF_ALL = 0.9  # mean confidence from which on a picture is left as it is
_LEAST = 0.4  # confidence of a region
_LEVELS, _RANGE = 16, (1, 99)  # thresholds, evenly between these percentiles of grey level
_SIZES = (1 / 6, 8)  # of the median area of the particles found
_LEAST_PX = 30
_BLUR_PX = 0.8
_RIMS_PX = (0, 1)  # a region ends within the slope of its edge
_SOLID = 0.85  # share of its convex hull that a region fills
_FOREGROUND = 0.5  # mean foreground probability of a region
_FREE = 0.2  # share of a region that may lie on sure particles, or on other regions
_MOST = 20_000  # regions judged


class _Region(NamedTuple):
    top: int
    left: int
    mask: NDArray[np.uint8]

    @property
    def here(self) -> tuple[slice, slice]:
        h, w = self.mask.shape
        return np.s_[self.top : self.top + h, self.left : self.left + w]


def extremal_regions(
    grey: NDArray[np.uint8],
    labels: NDArray[np.integer],
    confidence: NDArray[np.float64],
    maps: Maps,
    calibration: Mapping[str, float],
) -> tuple[NDArray[np.int32], NDArray[np.float64]] | None:
    """Regions beside doubtful particles, apart from each other, and how likely each is a particle.

    grey, labels: (H, W) on the maps' grid; confidence: (n + 1,) by label. Returns labels (H, W) and confidence by label, None
    where the picture is not doubtful or nothing stands out.
    """
    if confidence.size < 2 or confidence[1:].mean() >= _OF_ALL:
        return None
    area = np.bincount(labels.ravel(), minlength=confidence.size)[1:]
    sure = np.concatenate([[False], confidence[1:] >= DOUBTFUL])[labels]
    doubtful = (labels > 0) & ~sure
    regions = [r for r in _proposed(grey, float(np.median(area[area > 0])), maps) if _may_count(r, sure, doubtful)]
    if not regions or len(regions) > _MOST:
        return None
    likely = _judged(regions, labels, maps, calibration)
    out = np.zeros(labels.shape, np.int32)
    kept = [1.0]
    for k in np.argsort(-likely, kind="stable"):
        if likely[k] < _LEAST:
            break
        mask, window = regions[k].mask > 0, out[regions[k].here]
        if (window[mask] > 0).mean() <= _FREE:
            window[mask & (window == 0)] = len(kept)
            kept.append(float(likely[k]))
    return (out, np.array(kept)) if len(kept) > 1 else None


def _proposed(grey: NDArray[np.uint8], usual_px: float, maps: Maps) -> Iterator[_Region]:
    """Extremal regions, filled, each with rims of several widths."""
    least, most = max(_SIZES[0] * usual_px, _LEAST_PX), _SIZES[1] * usual_px
    smooth = cv2.GaussianBlur(grey, (0, 0), _BLUR_PX)
    darkest, brightest = np.percentile(smooth, _RANGE).tolist()
    levels = np.linspace(darkest, brightest, _LEVELS + 2)[1:-1]
    discs = [cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1)) for rim in _RIMS_PX]
    margin = max(_RIMS_PX)
    for mask in (m for level in levels for m in (smooth <= level, smooth > level)):
        _, numbers, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
        right_size = (boxes[:, cv2.CC_STAT_AREA] >= least) & (boxes[:, cv2.CC_STAT_AREA] <= most)
        for k in (np.flatnonzero(right_size[1:]) + 1).tolist():
            x, y, w, h = boxes[k, :4].tolist()
            top, left = max(y - margin, 0), max(x - margin, 0)
            here = np.s_[top : y + h + margin, left : x + w + margin]
            core = (numbers[here] == k).astype(np.uint8)
            if maps.foreground[here][core > 0].mean() < _FOREGROUND:
                continue
            outline, _ = cv2.findContours(core, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(core, outline, -1, 1, cv2.FILLED)
            if cv2.contourArea(outline[0]) >= _SOLID * cv2.contourArea(cv2.convexHull(outline[0])):
                yield from (_Region(top, left, np.asarray(cv2.dilate(core, disc), np.uint8)) for disc in discs)


def _may_count(region: _Region, sure: NDArray[np.bool_], doubtful: NDArray[np.bool_]) -> bool:
    mask = region.mask > 0
    return bool(sure[region.here][mask].mean() <= _FREE and doubtful[region.here][mask].mean() > _FREE)


def _judged(
    regions: list[_Region], labels: NDArray[np.integer], maps: Maps, calibration: Mapping[str, float]
) -> NDArray[np.float64]:
    """How likely each is a particle, in the company of those found. They overlap: each round judges some that do not."""
    company = company_of(labels, maps)
    likely = np.zeros(len(regions))
    left = list(range(len(regions)))
    while left:
        painted = np.zeros(labels.shape, np.int32)
        now: list[int] = []
        later: list[int] = []
        for k in left:
            mask, window = regions[k].mask > 0, painted[regions[k].here]
            if window[mask].any():
                later.append(k)
            else:
                now.append(k)
                window[mask] = len(now)
        likely[now] = probability(traits_of(painted, maps, company), calibration)
        left = later
    return likely
