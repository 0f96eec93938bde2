"""Where a bar ends, to a fraction of a pixel: half-maximum crossings of its profile, or centres of its end ticks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .locate import BarCandidate

_SHARP_PX = 0.3  # standard uncertainty of a clean edge
_UNSURE_PX = 1.5  # of an edge that runs into something of its own tone
_THIN_PX = 6  # only thin lines carry end ticks


@dataclass(frozen=True, slots=True)
class Ends:
    """Ends of a bar.

    x0, x1: px, pixel centres at integers; sigma_px: standard uncertainty of the length; by_ticks: centres of end ticks;
    clipped: an end lies on the frame, so the bar may go on beyond it
    """

    x0: float
    x1: float
    sigma_px: float
    by_ticks: bool
    clipped: bool = False

    @property
    def length_px(self) -> float:
        """What the label spans."""
        return self.x1 - self.x0


def measure_ends(pixels: NDArray[np.uint8], bar: BarCandidate) -> Ends:
    """Ends of `bar` in an (H, W) uint8 picture: end ticks centre to centre, all else outer edge to outer edge."""
    sign = 1.0 if bar.bright else -1.0
    y0, y1 = bar.rows
    if y1 - y0 > 4 and bar.kind != "hollow":  # the rims are blurred
        y0, y1 = y0 + 1, y1 - 1
    rows = pixels[y0:y1].astype(np.float64) * sign
    middle = (len(rows) - 1) // 2
    profile = rows[middle : len(rows) - middle].max(axis=0) if bar.kind == "arrows" else rows.mean(axis=0)  # a tip is thin
    edge = _hollow_edge if bar.kind == "hollow" else _edge
    width = len(profile)
    right, right_sigma, right_cut = edge(profile, bar.box[1], bar.box[3] - 1, bar)
    mirrored, left_sigma, left_cut = edge(profile[::-1], width - bar.box[3], width - 1 - bar.box[1], bar)
    left = width - 1 - mirrored
    by_ticks = False
    if bar.kind in ("ticks", "split", "solid") and bar.rows[1] - bar.rows[0] <= _THIN_PX:
        ticks = _ticks(pixels, bar, left, right, sign)
        if ticks is not None:
            left, right, by_ticks = ticks[0], ticks[1], True
    return Ends(float(left), float(right), float(np.hypot(left_sigma, right_sigma)), by_ticks, left_cut or right_cut)


def _edge(profile: NDArray[np.float64], start: int, end: int, bar: BarCandidate) -> tuple[float, float, bool]:
    """The outer edge at the right end of start:end, its standard uncertainty in px, and whether the frame cuts it.

    A burned-in bar has one tone: it ends where that tone first changes, even where something nearly as bright follows.
    """
    third = max((bar.piece_px or end - start + 1) // 3, 3)
    near = profile[max(end - third, start) : max(end - 1, start + 1)]
    level = float(np.median(near))
    noise = 1.4826 * float(np.median(np.abs(near - level)))
    drop = max(0.12 * bar.contrast, 5 * noise, 6.0)
    stop = min(end + (14 if bar.kind == "arrows" else 5), len(profile) - 1)
    begin = max(end - third, start)
    broken = [i for i in range(begin, stop) if profile[i] < level - drop and profile[i + 1] < level - drop]
    if not broken:
        last = float(profile[-1])
        if stop == len(profile) - 1 and last > level - 0.5 * bar.contrast:
            return len(profile) - 0.5, _UNSURE_PX, True
        return end + 0.5, _UNSURE_PX, False
    first = broken[0]
    outside = float(np.median(profile[first + 1 : first + 6]))
    share = 0.65 if bar.kind == "arrows" else 0.5  # a tip fades out: its half maximum lies beyond where it is seen to end
    half = share * level + (1 - share) * min(outside, level - drop)
    for i in range(max(first - 2, begin), min(first + 4, len(profile) - 1)):
        if profile[i] >= half > profile[i + 1]:
            x = i + (profile[i] - half) / (profile[i] - profile[i + 1])
            return float(x), _SHARP_PX if level - outside > 0.35 * bar.contrast else 1.0, False
    return first - 0.5, 1.0, False


def _hollow_edge(profile: NDArray[np.float64], start: int, end: int, bar: BarCandidate) -> tuple[float, float, bool]:
    """The outer edge of an outline at the right end of start:end; the whole height of the outline is in the profile."""
    level = float(profile[max(end - 3, 0) : end + 2].max())
    beyond = profile[end + 3 : end + 9]
    if not beyond.size:
        return end + 0.5, _UNSURE_PX, True
    half = 0.5 * (level + float(np.median(beyond)))
    for i in range(min(end + 4, len(profile) - 2), max(end - 4, 0), -1):  # from outside inwards
        if profile[i] >= half > profile[i + 1]:
            return float(i + (profile[i] - half) / (profile[i] - profile[i + 1])), 0.5, False
    return end + 0.5, 1.0, False


def _ticks(pixels: NDArray[np.uint8], bar: BarCandidate, left: float, right: float, sign: float) -> tuple[float, float] | None:
    """Centres of upright strokes at both ends, from the rows above or below the line; None unless both ends have one."""
    y0, y1 = bar.rows
    found = []
    for rows in ((y0 - 4, y0 - 1), (y1 + 1, y1 + 4)):
        a, b = max(rows[0], 0), min(rows[1], pixels.shape[0])
        if b - a < 1:
            continue
        both = [_stroke(pixels[a:b].astype(np.float64).mean(axis=0) * sign, edge, bar, bar.length_px) for edge in (left, right)]
        if both[0] is not None and both[1] is not None and 0.5 < both[0][1] / both[1][1] < 2:
            found.append((both[0][0], both[1][0], both[0][1] + both[1][1]))
    if not found:
        return None
    weights = np.array([f[2] for f in found])
    return float(np.average([f[0] for f in found], weights=weights)), float(np.average([f[1] for f in found], weights=weights))


def _stroke(profile: NDArray[np.float64], edge: float, bar: BarCandidate, length: int) -> tuple[float, float] | None:
    """Centre and height of a narrow peak at `edge` in a profile beside the line; None where there is none."""
    reach = 6
    a, b = max(round(edge) - reach, 0), min(round(edge) + reach + 1, len(profile))
    part = profile[a:b]
    if len(part) < 4:
        return None
    floor = float(np.quantile(part, 0.3))
    peak = int(np.argmax(part))
    height = float(part[peak]) - floor
    if height < 0.35 * bar.contrast or abs(a + peak - edge) > 4.5:
        return None
    high = part - floor > 0.5 * height
    lo = hi = peak
    while lo > 0 and high[lo - 1]:
        lo -= 1
    while hi + 1 < len(part) and high[hi + 1]:
        hi += 1
    if hi - lo + 1 > min(7, length // 4) or (lo == 0 and a > 0) or (hi == len(part) - 1 and b < len(profile)):
        return None
    window = slice(max(lo - 1, 0), hi + 2)
    weight = np.clip(part[window] - floor, 0, None)
    return float(a + (np.arange(len(part))[window] * weight).sum() / weight.sum()), height
