"""Grains and pores: connected pieces of a phase, their sizes, and what the frame does to them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

from ..measuring.frame_effects import frame_weights
from .phase_map import PhaseMap

LEAST_DIAMETER_PX = 3.0
"""Smaller pieces are in the table, but not in the statistics: much of what is so small is noise of the network."""


@dataclass(frozen=True)
class Components:
    """Pieces of one phase of one map.

    table: a row each: area and equivalent diameter in the map's unit, place in px, whether the frame cuts it, and its weight in
        the statistics: one over the chance that a piece of its size lies wholly within the frame; 0 where it is cut or too small
    largest_share: of the phase's area in its largest piece; spans: whether one reaches from left to right, from top to bottom
    cut_share: of the phase's area in pieces that the frame cuts
    """

    table: pd.DataFrame
    largest_share: float
    spans: tuple[bool, bool]
    cut_share: float


def components_of(m: PhaseMap, k: int) -> Components:
    """Pieces of phase k, connected over the sides of pixels."""
    inside = (m.phases == k).astype(np.uint8)
    n, labels, stats, centres = cv2.connectedComponentsWithStats(inside, connectivity=4, ltype=cv2.CV_32S)
    stats = stats[1:].astype(np.int64)
    x0, y0, w, h, area = (stats[:, c] for c in (cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP, cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, 4))
    height, width = m.phases.shape
    cut = (x0 == 0) | (y0 == 0) | (x0 + w == width) | (y0 + h == height)
    hidden = ~m.judged
    if hidden.any():
        beside = cv2.dilate(hidden.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        cut[np.unique(labels[beside & (labels > 0)]) - 1] = True
    diameter_px = np.sqrt(4 / np.pi * area)
    weights = frame_weights(np.stack([y0, x0, y0 + h, x0 + w]), (0, 0, height, width))
    sy, sx = m.step
    table = pd.DataFrame(
        {
            "piece": np.arange(1, n),
            f"area_{m.unit}2": area * (sy * sx),
            f"equivalent_diameter_{m.unit}": diameter_px * np.sqrt(sy * sx),
            "centroid_y_px": centres[1:, 1] + 0.5,
            "centroid_x_px": centres[1:, 0] + 0.5,
            "cut_by_frame": cut,
            "weight": np.where(cut | (diameter_px < LEAST_DIAMETER_PX), 0.0, weights),
        }
    )
    total = max(int(area.sum()), 1)
    spans = bool(((x0 == 0) & (w == width)).any()), bool(((y0 == 0) & (h == height)).any())
    return Components(table, float(area.max(initial=0)) / total, spans, float(area[cut].sum()) / total)
