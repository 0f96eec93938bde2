"""Where outlines reach the picture's frame: whether the particle does, too, and which sides are ruled borders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .nodes import F32

_FREE_LEAST = 1 / 6  # share of an outline from which one knows how the particle's edge looks
_BEYOND_PX, _GROUND = 0.5, 0.4  # outside the steepest place, and share of the fall, from which on the ground is seen
_BODY = 0.4  # share of the fall, from which on a grey level is not the ground's
_RULED, _RULE_PX = 3.0, 3  # times the usual step from row to row, and how many of the outermost steps may be a rule's
_RULE_LEAST = 0.15  # of the grey levels' deviation
_ALONG_PX = 1.5  # over which grey levels are smoothed along the outline for that
Sides = tuple[bool, bool, bool, bool]  # top, bottom, left, right


def ruled_sides(grey: F32) -> Sides:
    """Whether a picture (H, W) has a ruled border at its top, bottom, left and right, as figures do, or a data bar's first row:
    there the grey level changes along most of the side at one of the outermost steps, as it does not from row to row elsewhere."""
    least = _RULE_LEAST * float(grey.std())

    def ruled(rows: F32) -> tuple[bool, bool]:
        steps = np.median(np.abs(np.diff(rows, axis=0)), axis=1)
        most = max(_RULED * float(np.median(steps)), least)
        return bool((steps[:_RULE_PX] > most).any()), bool((steps[-_RULE_PX:] > most).any())

    return (*ruled(grey), *ruled(grey.T)) if min(grey.shape) > 4 * _RULE_PX else (False,) * 4


def ends_within(
    level: F32, at_frame: NDArray[np.bool_], free: NDArray[np.bool_], there: F32, step: F32, spacing: F32
) -> NDArray[np.bool_]:
    """(p, n) nodes at the frame where the particle has ended before it: an outline drawn somewhat too large reaches the frame where
    the particle does not. All along the stretch, the grey level then falls from the particle's within the band to the ground's at
    the frame, as far as it does beyond the particle's edge elsewhere.

    level: (p, n, k + 2) grey levels along the normals; free: (p, n) nodes whose whole band is the particle's own and within the
    frame; there: (p, n) grey level at the frame, NaN where it is not known
    """
    ends = np.zeros_like(at_frame)
    for p in np.flatnonzero(at_frame.any(axis=1) & (free.mean(axis=1) >= _FREE_LEAST)).tolist():
        profile = level[p, free[p]].mean(axis=0)
        ground, fall = profile[-1], profile[0] - profile[-1]
        if not fall:
            continue
        edge = int(((profile[:-2] - profile[2:]) * np.sign(fall)).argmax()) + 1
        beyond = float(np.interp(edge + _BEYOND_PX / step[p], np.arange(profile.size), profile))
        # 0 on the ground, 1 within the particle; here it may be darker, as on its far side from a detector
        body, frame = (
            ndimage.gaussian_filter1d((v - ground) / fall, _ALONG_PX / spacing[p], mode="wrap") for v in (level[p, :, 0], there[p])
        )
        fallen = (frame < np.minimum((beyond - ground) / fall * body, _GROUND)) & (frame > -_BODY) & (body > _BODY)
        stretch = _stretches(at_frame[p])
        ends[p] = at_frame[p] & ~np.isin(stretch, stretch[at_frame[p] & ~fallen])
    return ends


def _stretches(marked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(n,) a number for each stretch of marked nodes of a closed outline; one that runs over its first node is one."""
    number = np.cumsum(marked & ~np.roll(marked, 1))
    return np.where(number == 0, number[-1], number)
