"""Where a bar ends, to a fraction of a pixel: half-maximum crossings of its profile, or centres of its end ticks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .locate import BarCandidate
from .rims import rim_px
from .tips import arrow_tips, tip_fade

_SHARP_PX = 0.3  # standard uncertainty of a clean edge
_DOUBTFUL_PX = 1.0  # of an edge that was not found where it should be
_UNSURE_PX = 1.5  # of an edge that runs into something of its own tone
_TIP_SIGMA_PX = 1.2  # of an arrow's tip
_BOTH_PX, _MOST_APART = 3.0, 0.04  # px, of the length, within which both ways to find tips agree: half of it is the error at most
_TWICE_PX = 2.5  # within which they agree so well that a short arrow counts; flanks lie 1.2 px further out, as a rule
_FADE_PX = (1.5, 2.0)  # over which a tip fades: as far as this it is sharp, from this on it fades out
_FADES_ALIKE_PX = 0.8
_TIP_OFF_PX = 1.2  # of an arrow's length, where both tips are clearly of one kind
_MOST_APART_PX, _MOST_FADED_PX = 7.0, 5.0  # both ways to find the length of such an arrow; what fades of it at most
_MOST_BEYOND_PX = 1.0  # an arrow with sharp tips goes beyond what is seen of it
_FLANKS_SHARE = 0.9  # of the way to where the flanks meet
_POINTED_PX = 0.7  # by which the middle row goes beyond the others at both ends
_FADED_PX = 2.2  # by which an arrow may be shorter between the half maxima of its tips than it looks
_HALVES_APART_PX, _HALVES_APART = 0.6, 0.03  # px, of the length, by which the upper and the lower half of an outline may differ
_THIN_PX = 9  # only thin lines carry end ticks
_CLEAR_STROKE_PX = 3  # end ticks as thin as this leave no doubt about what their bar spans
_HEAD = (0.75, 1.0)  # times its width, px, by which a line goes beyond the middle of a stroke that is an arrow's head
_BEYOND_PX = (2, 9)  # off an end, where a bar should be no more
_ASKEW_PX = 1.5
_ONE_TONE = 30.0  # grey levels within which two end ticks have one
_COMB_TEETH = 3  # even strokes between the ends
_COMB_EVEN = 0.6  # of the steps between strokes
_COMB_SIGMA_PX = 1.0  # of what a comb spans
_SEEN_STROKE, _LONE_STROKE = (
    0.35,
    0.55,
)  # of a line's contrast: a stroke at its end; one that shows at no threshold, for grain is as high
_STUBBY = 4  # times their width, in height: lower ones look like serifs


@dataclass(frozen=True, slots=True)
class Ends:
    """Ends of a bar.

    x0, x1: px, pixel centres at integers; sigma_px: standard uncertainty of the length; by_ticks: centres of end ticks; clipped: an
    end lies on the frame, so the bar may go on beyond it; unsure: an end runs into something of its own tone; goes_on: beyond an
    end there is a line still, of another tone, as where a blurred thin bar runs from a light ground to a dark; pointed: they are
    tips of an arrow; twice_found: by their half maxima and by the flanks of their heads, in the same place
    """

    x0: float
    x1: float
    sigma_px: float
    by_ticks: bool
    clipped: bool = False
    unsure: bool = False
    goes_on: bool = False
    pointed: bool = False
    twice_found: bool = False

    @property
    def length_px(self) -> float:
        """What the label spans."""
        return self.x1 - self.x0


def measure_ends(pixels: NDArray[np.uint8], bar: BarCandidate) -> Ends:
    """Ends of `bar` in an (H, W) uint8 picture: end ticks centre to centre, all else outer edge to outer edge.

    Stubby ticks of more than 3 px: half-way between centres and outer edges, with the uncertainty of the choice.
    """
    sign = 1.0 if bar.bright else -1.0
    y0, y1 = bar.rows
    if y1 - y0 > 4 and bar.kind != "hollow":  # the rims are blurred
        y0, y1 = y0 + 1, y1 - 1
    rows = pixels[y0:y1].astype(np.float64) * sign
    middle = (len(rows) - 1) // 2
    profile = rows[middle : len(rows) - middle].max(axis=0) if bar.kind == "arrows" else rows.mean(axis=0)  # a tip is thin
    rim = rim_px(pixels, bar) if bar.kind == "solid" else 0.0
    edge = _hollow_edge if bar.kind == "hollow" else partial(_edge, rimmed=rim > 0)
    width = len(profile)
    right, right_sigma, right_cut = edge(profile, bar.box[1], bar.box[3] - 1, bar)
    mirrored, left_sigma, left_cut = edge(profile[::-1], width - bar.box[3], width - 1 - bar.box[1], bar)
    left = width - 1 - mirrored
    unsure = max(left_sigma, right_sigma) >= _DOUBTFUL_PX and bar.kind != "hollow"
    arrow = _arrow(pixels, bar, rows, left, right, unsure=unsure)
    if arrow is not None:
        left, right, unsure = arrow.x0, arrow.x1, arrow.unsure
        left_sigma = float(np.hypot(max(left_sigma, _TIP_SIGMA_PX), arrow.apart_px / (2 * np.sqrt(3))))
        right_sigma = max(right_sigma, _TIP_SIGMA_PX)
    if rim:
        left, right = left - rim / 2, right + rim / 2  # an outline is drawn half outside of what it outlines
        left_sigma = float(np.hypot(left_sigma, rim / np.sqrt(3)))
    by_ticks = False
    comb = bar.kind != "split" and _is_comb(pixels, bar, left, right, sign)
    if comb:  # the centres of the outer teeth may be meant, or their outer edges
        left_sigma = float(np.hypot(left_sigma, _COMB_SIGMA_PX))
    if bar.kind in ("ticks", "split", "solid") and bar.rows[1] - bar.rows[0] <= _THIN_PX:
        ticks = None if comb or arrow is not None else _ticks(pixels, bar, left, right, sign)
        if ticks is None and bar.kind == "solid" and not comb and arrow is None:
            ticks = _one_hidden(pixels, bar, left, right, sign)
        stroke = ticks[2] if ticks is not None else float(bar.rows[1] - bar.rows[0])  # as wide as the line, as a rule
        if ticks is not None:
            left, right, by_ticks = ticks[0], ticks[1], True
        elif bar.kind == "ticks" and arrow is None:  # they were seen, but not clearly
            left, right, left_sigma = left + stroke / 2, right - stroke / 2, float(np.hypot(left_sigma, stroke / 4))
        if bar.kind == "ticks" and arrow is None and stroke > _CLEAR_STROKE_PX and bar.box[2] - bar.box[0] < _STUBBY * stroke:
            # the centres of ticks are meant, but of stubby ones some mean the outer edges: half-way is never far from either
            left, right = left - stroke / 4, right + stroke / 4
            left_sigma = float(np.hypot(left_sigma, 0.5 * stroke / np.sqrt(3)))
    if bar.kind == "hollow":  # the label may mean the inner edges of the outline
        apart = _halves_apart(rows, bar)
        left_sigma = float(np.hypot(left_sigma, max(bar.stroke_px, 1) / np.sqrt(3)))
        left_sigma = float(np.hypot(left_sigma, apart / (2 * np.sqrt(3))))
        unsure = apart > max(_HALVES_APART_PX, _HALVES_APART * (right - left))
    sigma = float(np.hypot(left_sigma, right_sigma))
    goes_on = not by_ticks and bar.kind == "solid" and _goes_on(pixels, bar, left, right, sign)
    return Ends(
        float(left), float(right), sigma, by_ticks, left_cut or right_cut, unsure and not by_ticks, goes_on,
        pointed=arrow is not None and not by_ticks, twice_found=arrow is not None and arrow.twice_found,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Arrow:
    """Tips of an arrow, x in px; by how much the two ways to find its length differ, 0 where there was one only; unsure and
    twice_found as in `Ends`."""

    x0: float
    x1: float
    apart_px: float
    unsure: bool
    twice_found: bool


def _halves_apart(rows: NDArray[np.float64], bar: BarCandidate) -> float:
    """By how many px the upper and the lower half of an outline, in its signed rows, differ in length: where an end runs into the
    ground."""
    half, width = (len(rows) + 1) // 2, rows.shape[1]
    lengths = []
    for side in (rows[:half], rows[-half:]):
        profile = side.mean(axis=0)
        right = _hollow_edge(profile, bar.box[1], bar.box[3] - 1, bar)[0]
        lengths.append(right + _hollow_edge(profile[::-1], width - bar.box[3], width - 1 - bar.box[1], bar)[0])
    return abs(lengths[0] - lengths[1])


def _arrow(
    pixels: NDArray[np.uint8], bar: BarCandidate, rows: NDArray[np.float64], left: float, right: float, *, unsure: bool
) -> _Arrow | None:
    """The tips of `bar`: half maxima where these are sharp, the point where the flanks meet where they fade out, and half-way
    between the two where neither is clear. Half maxima fall up to 5 px short of tips that fade, flanks go up to 3 px beyond tips
    that are sharp. Half maxima alone where heads are open. None where it is no arrow. rows: its own, signed; left, right: half
    maxima of their profile."""
    middle, width = (len(rows) - 1) // 2, rows.shape[1]
    profile = rows[middle : len(rows) - middle].max(axis=0)
    if bar.kind == "arrows":
        faded = bar.length_px - (right - left) > _FADED_PX  # tips fade out, the more so in blurred pictures
        tips = arrow_tips(pixels, bar)
    elif bar.kind == "ticks":  # heads taken for end ticks? These are steeper
        faded, tips = False, arrow_tips(pixels, bar, doubted=True)
        if tips is None or _clear_tips(profile, (left, right), tips) is None:
            return None
    elif bar.kind == "solid" and len(rows) >= 3:  # one whose heads were not made out?
        tip_right = _edge(profile, bar.box[1], bar.box[3] - 1, bar)[0]
        tip_left = width - 1 - _edge(profile[::-1], width - bar.box[3], width - 1 - bar.box[1], bar)[0]
        is_pointed = min(tip_right - right, left - tip_left) > _POINTED_PX
        if is_pointed:
            left, right = tip_left, tip_right
        tips = arrow_tips(pixels, bar, doubted=not is_pointed)
        if tips is None:  # wide heads reach beyond the rows of the line
            room = 2 * bar.thickness_px + 2
            wide = replace(bar, box=(bar.rows[0] - room, bar.box[1], bar.rows[1] + room, bar.box[3]))
            tips = arrow_tips(pixels, wide, doubted=True)
        if not is_pointed and (tips is None or min(tips[1] - right, left - tips[0]) <= _POINTED_PX):
            return None
        faded = False
    else:
        return None
    if tips is not None and not faded and (clear := _clear_tips(profile, (left, right), tips)) is not None:
        return _Arrow(*clear, _TIP_OFF_PX, unsure, True)
    if faded:
        left, right = bar.box[1] - 0.5, bar.box[3] - 0.5
    if tips is None:
        return _Arrow(left, right, 0.0, unsure, False)
    apart = abs((tips[1] - tips[0]) - (right - left))
    left, right = 0.5 * (left + tips[0]), 0.5 * (right + tips[1])
    torn = apart > max(_BOTH_PX, _MOST_APART * (right - left))
    return _Arrow(left, right, apart, unsure or torn, apart <= _TWICE_PX and not unsure)


def _clear_tips(profile: NDArray[np.float64], seen: tuple[float, float], flanks: tuple[float, float]) -> tuple[float, float] | None:
    """Tips of an arrow from where they are seen to end, at half maximum in its middle rows' profile, and from where its flanks
    meet; None unless both ends fade out over as many columns and the two lengths differ by no more than that explains."""
    apart = (flanks[1] - flanks[0]) - (seen[1] - seen[0])
    fades = tip_fade(profile, seen[1]), tip_fade(profile[::-1], len(profile) - 1 - seen[0])
    if fades[0] is None or fades[1] is None or abs(fades[0] - fades[1]) > _FADES_ALIKE_PX or not 0 <= apart <= _MOST_APART_PX:
        return None
    apart = min(apart, _MOST_FADED_PX)
    fine = float(np.clip((0.5 * (fades[0] + fades[1]) - _FADE_PX[0]) / (_FADE_PX[1] - _FADE_PX[0]), 0, 1))
    # half-way between the two where tips are sharp, hardly beyond what is seen; where the flanks meet where tips fade out
    longer = (1 - fine) * min(0.5 * apart, _MOST_BEYOND_PX) + fine * _FLANKS_SHARE * apart
    return seen[0] - 0.5 * longer, seen[1] + 0.5 * longer


def _goes_on(pixels: NDArray[np.uint8], bar: BarCandidate, left: float, right: float, sign: float) -> bool:
    """Whether beyond an end the bar's rows still stand out from what is above and below them."""
    y0, y1 = bar.rows
    if y0 < 4 or y1 + 4 > pixels.shape[0]:
        return False
    for a, b in (
        (round(left) - _BEYOND_PX[1], round(left) - _BEYOND_PX[0]),
        (round(right) + _BEYOND_PX[0], round(right) + _BEYOND_PX[1]),
    ):
        part = pixels[y0 - 4 : y1 + 4, max(a, 0) : max(b, 0)].astype(np.float64) * sign
        if part.shape[1] < _BEYOND_PX[1] - _BEYOND_PX[0]:
            continue
        around = np.maximum(part[:2].mean(axis=0), part[-2:].mean(axis=0))
        if bool((part[4:-4].mean(axis=0) - around > 0.5 * bar.contrast).all()):
            return True
    return False


def _edge(
    profile: NDArray[np.float64], start: int, end: int, bar: BarCandidate, *, rimmed: bool = False
) -> tuple[float, float, bool]:
    """The outer edge at the right end of start:end, its standard uncertainty in px, and whether the frame cuts it.

    A burned-in bar has one tone: it ends where that tone first changes, even where something nearly as bright follows. rimmed: a
    rim in the opposite tone follows, and the edge is between the two
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
    outside = float(profile[first + 1 : first + 4].min() if rimmed else np.median(profile[first + 1 : first + 6]))
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


def _ticks(
    pixels: NDArray[np.uint8], bar: BarCandidate, left: float, right: float, sign: float
) -> tuple[float, float, float] | None:
    """Centres of upright strokes at both ends and their width in px, from the rows above or below the line; None unless both
    ends have one."""
    y0, y1 = bar.rows
    ends: list[list[tuple[float, float, float]]] = [[], []]
    beside = [(y0 - 4, y0 - 1), (y1 + 1, y1 + 4)]
    if bar.kind == "split":  # Thermo's ends are knobs that rise by two px
        beside += [(y0 - 2, y0), (y1, y1 + 2)]
    for rows in beside:
        a, b = max(rows[0], 0), min(rows[1], pixels.shape[0])
        if b - a < 1 or (rows in beside[2:] and ends[0]):
            continue
        profile = pixels[a:b].astype(np.float64).mean(axis=0) * sign
        least = _SEEN_STROKE if bar.kind == "ticks" else _LONE_STROKE
        both = [_stroke(profile, edge, bar, inwards, least) for edge, inwards in ((left, 1), (right, -1))]
        if both[0] is not None and both[1] is not None and _are_alike(profile, both[0], both[1]):
            ends[0].append(both[0])
            ends[1].append(both[1])
        elif bar.kind == "ticks":  # one of the four strokes may stand on something of its own tone
            for k in (0, 1):
                ends[k] += [both[k]] if both[k] is not None else []  # type: ignore[list-item]
    if not ends[0] or not ends[1]:
        return None
    if bar.kind != "ticks" and abs((ends[0][0][0] - left) - (right - ends[1][0][0])) > _ASKEW_PX:
        return None  # both strokes are as wide, so their centres are as deep
    first, last = (float(np.average([e[0] for e in end], weights=[e[1] for e in end])) for end in ends)
    stroke = float(np.mean([e[2] for end in ends for e in end]))
    if bar.kind != "split" and min(first - left, right - last) > _HEAD[0] * stroke + _HEAD[1]:
        return None  # the line goes on beyond them: they are the heads of an arrow
    return first, last, stroke


def _are_alike(profile: NDArray[np.float64], a: tuple[float, float, float], b: tuple[float, float, float]) -> bool:
    """Whether two strokes stand out about as much, or have one tone, as where one lies over a particle."""
    return 0.5 < a[1] / b[1] < 2 or abs(float(profile[round(a[0])] - profile[round(b[0])])) < _ONE_TONE


def _one_hidden(
    pixels: NDArray[np.uint8], bar: BarCandidate, left: float, right: float, sign: float
) -> tuple[float, float, float] | None:
    """As `_ticks`, where one end has a stroke as wide as the line and the other lies over something of its tone that would hide
    one: end ticks come in pairs. None where either is not so."""
    y0, y1 = bar.rows
    for a, b in ((y0 - 5, y0 - 1), (y1 + 1, y1 + 5)):
        if a < 0 or b > pixels.shape[0]:
            continue
        profile = pixels[a:b].astype(np.float64).min(axis=0) if sign > 0 else -pixels[a:b].astype(np.float64).max(axis=0)
        first, last = (_stroke(profile, edge, bar, inwards) for edge, inwards in ((left, 1), (right, -1)))
        if (first is None) == (last is None):
            continue
        at, (centre, _, width) = (right, first) if first is not None else (left, last)  # type: ignore[misc]
        depth = centre - left if first is not None else right - centre
        beside = profile[max(round(at) - bar.thickness_px - 2, 0) : round(at) + bar.thickness_px + 3]
        hidden = beside.size > 0 and float(np.median(beside)) > sign * bar.tone - 0.5 * bar.contrast
        if hidden and abs(depth - 0.5 * bar.thickness_px) <= 1.0 and width <= 1.7 * bar.thickness_px + 1:
            return left + depth, right - depth, width
    return None


def _is_comb(pixels: NDArray[np.uint8], bar: BarCandidate, left: float, right: float, sign: float) -> bool:
    """Whether several even strokes stand on a line or hang from it between its ends: the teeth of a comb, not end ticks."""
    y0, y1 = bar.rows
    for rows in ((y0 - 4, y0 - 1), (y1 + 1, y1 + 4)):
        part = pixels[max(rows[0], 0) : max(rows[1], 0), round(left) + 2 : max(round(right) - 1, 0)]
        if part.shape[0] < 1 or part.shape[1] < 4 * _COMB_TEETH:
            continue
        profile = (part.astype(np.float64) * sign).min(axis=0)  # a tooth has its tone in all rows, grain has not
        ground = float(np.quantile(profile, 0.3))
        least = max(0.4 * bar.contrast, 0.6 * (float(profile.max()) - ground))
        high = np.concatenate([[0], (profile - ground > least).astype(np.int8), [0]])
        starts, stops = np.flatnonzero(np.diff(high) == 1), np.flatnonzero(np.diff(high) == -1)
        steps = np.diff(0.5 * (starts + stops))
        if len(starts) < _COMB_TEETH:
            continue
        usual = float(np.median(steps))
        even = np.abs(steps - usual) <= max(1.0, 0.08 * usual)
        if even.sum() >= _COMB_TEETH - 1 and even.mean() >= _COMB_EVEN:  # a light spot of the ground may stand between two teeth
            return True
    return False


def _stroke(
    profile: NDArray[np.float64], edge: float, bar: BarCandidate, inwards: int, least: float = _SEEN_STROKE
) -> tuple[float, float, float] | None:
    """Centre, height and width of a narrow peak at `edge` in a profile beside the line; None where there is none.

    inwards: 1 at the left end, -1 at the right; what peaks outside of the line belongs to something else; least: height, of the
    line's contrast
    """
    reach = max(6, 2 * bar.thickness_px)
    widest = min(max(7.0, 1.7 * bar.thickness_px), bar.length_px / 4)
    a, b = max(round(edge) - reach, 0), min(round(edge) + reach + 1, len(profile))
    part = profile[a:b]
    if len(part) < 4:
        return None
    floor = float(np.quantile(part, 0.3))
    peak = int(np.argmax(part))
    height = float(part[peak]) - floor
    depth = inwards * (a + peak - edge)
    if height < least * bar.contrast or not -1.5 <= depth <= max(4.5, widest):
        return None
    high = part - floor > 0.5 * height
    lo = hi = peak
    while lo > 0 and high[lo - 1]:
        lo -= 1
    while hi + 1 < len(part) and high[hi + 1]:
        hi += 1
    if hi - lo + 1 > widest or (lo == 0 and a > 0) or (hi == len(part) - 1 and b < len(profile)):
        return None
    window = slice(max(lo - 1, 0), hi + 2)
    weight = np.clip(part[window] - floor, 0, None)
    return float(a + (np.arange(len(part))[window] * weight).sum() / weight.sum()), height, float(weight.sum() / height)
