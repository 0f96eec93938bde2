"""Where a fibre's two edges are, to a fraction of a pixel, at each step along it, and where it ends.

The picture is read across the centre line. Each edge is the cheapest path through a band of slopes (`detection.edges`), the centre
line is laid in the middle between the two, and both are sought again. Places where another fibre lies across, and those near an
end, are left out. `bodies` then says how far the true edges are from the steepest places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...detection.edges.levels import F32, smoothed, vertex
from ...detection.edges.path import open_paths
from .bodies import Body, Floats, Profile
from .lines import Line, normals

End = Literal["seen", "frame", "hidden"]
Box = tuple[int, int, int, int]
Bools = NDArray[np.bool_]

_STEPS = 12  # states of the band on either side of where an edge is expected
_REACH = (0.45, 1.4, 12.0)  # half widths; px at least; px at most
_AVERAGED = (0.35, 1.5, 6.0)  # along the fibre: widths; px at least and at most (standard deviation)
_PULL, _STEP_COST = 0.4, 0.3
_CLEAR = 0.35  # of the fibre's usual slope: less is no edge
_MARGIN = (0.15, 2.0)  # widths, and px, by which another fibre must be away
_FROM_END = 0.8  # widths
_CORNER = (0.7, 4.0)  # widths at either end of a line that are not gone by, at least and at most
_BENT = math.radians(6)  # between a place and one two widths further in, by which a line near its end goes round a corner
_BEYOND = 2.5  # widths by which a line is followed beyond its pieces
_AT_FRAME_PX = 4.0  # a line that ends as near to the frame goes on beyond it
_REAL = 0.4  # share of a line at which both edges are clear, others on it or not, below which there is no fibre
_ONE_SIDED = 0.35  # of its height, by which what lies on either side differs: a bright rim has the rest of its fibre on one
_SOLID = 0.35  # height of the profile's lowest place within over that at its edges


@dataclass(frozen=True, slots=True)
class Traced:
    """A fibre with its edges. at: (n, 2) y, x of the middle in steps of 1 px; width: (n,) px, NaN where it was left out; ends: what
    is seen of either end; clear: share of the places free of others at which both edges are seen; contrast: grey levels; lopsided:
    how unlike its halves are, over the contrast; profile: across it."""

    at: Floats
    width: Floats
    ends: tuple[End, End]
    clear: float
    contrast: float
    lopsided: float
    profile: Profile

    @property
    def length(self) -> float:
        """Along the centre line, px."""
        return float(np.hypot(*np.diff(self.at, axis=0).T).sum())

    @property
    def usual_width(self) -> float:
        """Median, px; NaN where none is known."""
        known = self.width[np.isfinite(self.width)]
        return float(np.median(known)) if known.size else math.nan


@dataclass(slots=True)
class _Edges:
    """Of one line (n,): places of both edges (2, n) in px from the middle, and whether they are clear (2, n)."""

    off: Floats
    clear: Bools

    @property
    def both(self) -> Bools:
        """(n,) whether both edges are clear."""
        return np.asarray(self.clear[0] & self.clear[1], bool)


def traced(grey: F32, lines: Sequence[Line], sign: int, keep_out: Sequence[Box] = ()) -> list[Traced]:
    """Steepest edges of all lines that have some. grey: (H, W); sign: 1 bright fibres, -1 dark ones; keep_out: (y0, x0, y1, x1), of
    text."""
    if not lines:
        return []
    half = float(np.median([line.width for line in lines])) / 2
    smooth, _ = smoothed(grey, half)
    smooth = np.asarray(ndimage.spline_filter(smooth * sign, order=3, output=np.float32), np.float32)
    long = [_extended(line, grey.shape) for line in lines]
    halves = [np.full(len(line.at), line.width / 2) for line in long]
    edges = _edges(smooth, long, halves, [line.seen for line in long])
    real = [i for i, e in enumerate(edges) if e.both[long[i].seen].mean() > _REAL]
    long, halves, edges = [long[i] for i in real], [halves[i] for i in real], [edges[i] for i in real]
    long, halves = _centred(long, halves, edges, _free(long, halves, grey.shape, keep_out))
    free = _free(long, halves, grey.shape, keep_out)
    edges = _edges(smooth, long, halves, free)
    long, _ = _centred(long, halves, edges, free)
    found = (_measured(smooth, line, e, ok) for line, e, ok in zip(long, edges, free, strict=True))
    return [f for f in found if f is not None]


def corrected(fibres: Sequence[Traced], body: Body) -> list[Traced]:
    """The fibres with their widths between true edges, not between the steepest places."""
    return [replace(f, width=body.width(f.width)) for f in fibres]


def _sampled(splines: F32, y: Floats, x: Floats) -> F32:
    """The picture between pixels, by cubic splines: in a bilinear one slopes jump between pixels, and so does the steepest."""
    return np.asarray(
        ndimage.map_coordinates(splines, (y, x), order=3, mode="nearest", prefilter=False, output=np.float32), np.float32
    )


def _extended(line: Line, shape: tuple[int, int]) -> Line:
    """The line drawn on straight at both ends, within the frame."""
    n = len(line.at)
    first, last = _around_corner(line.at, line.width), len(line.at) - _around_corner(line.at[::-1], line.width)
    line = replace(line, at=line.at[first:last], seen=line.seen[first:last])
    reach = max(4, min(round(3 * line.width), len(line.at)))
    steps = np.arange(1.0, math.ceil(_BEYOND * line.width) + max(first, n - last) + 1)[:, None]
    parts, seen = [line.at], [line.seen]
    for end in (0, 1):
        at = line.at if end else line.at[::-1]
        way = np.polyfit(np.arange(reach), at[-reach:], 1)[0]
        beyond = at[-1] + steps * way / max(np.hypot(*way), 1e-9)
        inside = np.logical_and.accumulate(((beyond >= 0) & (beyond <= np.array(shape) - 1)).all(axis=1))
        beyond = beyond[inside]
        new = np.zeros(len(beyond), bool)
        if end:
            parts, seen = [*parts, beyond], [*seen, new]
        else:
            parts, seen = [beyond[::-1], *parts], [new, *seen]
    return replace(line, at=np.concatenate(parts), seen=np.concatenate(seen))


def _around_corner(at: Floats, width: float) -> int:
    """How many places at the beginning of a line follow a corner of the fibre's end, not the fibre."""
    least, most = (min(round(v * width), len(at) // 3) for v in _CORNER)
    step = np.gradient(ndimage.gaussian_filter1d(at, 0.5 * width, axis=0, mode="nearest"), axis=0)
    way = np.unwrap(np.arctan2(step[:, 0], step[:, 1]))
    ahead = round(2 * width)
    for place in range(least, most + 1):
        if place + ahead < len(at) and abs(way[place + ahead] - way[place]) < _BENT:
            return place
    return least


def _free(lines: Sequence[Line], halves: Sequence[Floats], shape: tuple[int, int], keep_out: Sequence[Box]) -> list[Bools]:
    """Of each line (n,): whether no other lies on it or close by, nor text."""
    count = np.zeros(shape, np.uint8)
    for line, half in zip(lines, halves, strict=True):
        thick = max(1, round(2 * float(np.median(half))))
        y0, x0 = np.maximum(np.floor(line.at.min(axis=0)).astype(int) - thick, 0)
        y1, x1 = np.ceil(line.at.max(axis=0)).astype(int) + thick + 1
        own = np.zeros(count[y0:y1, x0:x1].shape, np.uint8)
        cv2.polylines(own, [np.rint((line.at - (y0, x0))[:, ::-1]).astype(np.int32)], False, 1, thick)
        count[y0:y1, x0:x1] = cv2.add(count[y0:y1, x0:x1], own)
    for a, b, c, d in keep_out:
        count[max(a, 0) : max(c, 0), max(b, 0) : max(d, 0)] = np.uint8(255)
    out = []
    for line, half in zip(lines, halves, strict=True):
        normal = normals(line.at)
        margin = _MARGIN[0] * 2 * half + _MARGIN[1]
        ok = np.ones(len(line.at), bool)
        for u in (-1.0, -0.75, -0.4, 0.0, 0.4, 0.75, 1.0):
            at = np.rint(line.at + (u * (half + margin))[:, None] * normal).astype(np.int64)
            inside = ((at >= 0) & (at < np.array(shape))).all(axis=1)
            at = np.clip(at, 0, np.array(shape) - 1)
            others = count[at[:, 0], at[:, 1]] > (0 if abs(u) == 1 else 1)  # its own ribbon is not beside it
            ok &= inside & ~others
        out.append(ok)
    return out


def _edges(smooth: F32, lines: Sequence[Line], halves: Sequence[Floats], free: Sequence[Bools]) -> list[_Edges]:
    states = np.arange(-_STEPS - 1, _STEPS + 2, dtype=np.float64)
    rows: list[F32] = []
    steps: list[Floats] = []
    for line, half, ok in zip(lines, halves, free, strict=True):
        normal = normals(line.at)
        usual = float(np.median(half))
        share, least, most = _REACH
        step = float(np.clip(share * usual, min(least, 0.8 * usual), most)) / _STEPS
        share, least, most = _AVERAGED
        averaged = float(np.clip(share * 2 * usual, least, most))
        both = []
        for side in (-1, 1):
            t = side * (half[:, None] + step * states)
            y, x = (line.at[:, None, i] + t * normal[:, None, i] for i in (0, 1))
            level = _sampled(smooth, y, x)
            slope = (level[:, :-2] - level[:, 2:]) / np.float32(2 * step)
            both.append(ndimage.gaussian_filter1d(slope, averaged, axis=0, mode="nearest"))
        among = ok & line.seen if (ok & line.seen).sum() > 5 else line.seen
        best = np.concatenate([b[among].max(axis=1) for b in both])
        rows += [b / np.float32(max(float(np.median(best)), 1e-6)) for b in both]
        steps.append(np.full(len(line.at), step))
    found = _paths(rows)
    out = []
    for i, (own, steps_of) in enumerate(zip(halves, steps, strict=True)):
        off, clear = [], []
        for j, side in ((2 * i, -1), (2 * i + 1, 1)):
            k = found[j]
            there = np.take_along_axis(rows[j], k[:, None], 1)[:, 0]
            off.append(side * (own + (k - _STEPS + vertex(rows[j], k)) * steps_of))
            clear.append((there > _CLEAR) & (k > 0) & (k < 2 * _STEPS))
        out.append(_Edges(np.array(off), np.array(clear)))
    return out


def _paths(rows: Sequence[F32]) -> list[NDArray[np.int64]]:
    """The cheapest path through each row of slopes (n, k), all rows of like length at once."""
    pull = (_PULL * (np.arange(-_STEPS, _STEPS + 1) / _STEPS) ** 2).astype(np.float32)
    order = np.argsort([len(r) for r in rows])
    out: list[NDArray[np.int64]] = [np.zeros(0, np.int64)] * len(rows)
    for part in np.array_split(order, max(1, -(-len(order) // 64))):
        longest = max((len(rows[i]) for i in part), default=0)
        cost = np.zeros((len(part), longest, 2 * _STEPS + 1), np.float32)
        for j, i in enumerate(part):
            cost[j, : len(rows[i])] = pull - np.clip(rows[i], -0.5, 1.5)
        found = open_paths(cost, np.full(len(part), _STEP_COST, np.float32))
        for j, i in enumerate(part):
            out[i] = found[j, : len(rows[i])]
    return out


def _centred(
    lines: Sequence[Line], halves: Sequence[Floats], edges: Sequence[_Edges], free: Sequence[Bools]
) -> tuple[list[Line], list[Floats]]:
    """Lines in the middle between the edges found, and half the distance between these."""
    moved, wide = [], []
    for line, half, e, ok in zip(lines, halves, edges, free, strict=True):
        good = e.both & ok & line.seen
        if good.sum() < 5:
            good = e.both & line.seen
        if good.sum() < 5:
            moved.append(line)
            wide.append(half)
            continue
        place, n = np.flatnonzero(good), len(line.at)
        shift = _drawn_on(place, e.off[:, good].mean(axis=0), n, reach=max(8, round(3 * 2 * float(np.median(half)))))
        apart = np.interp(np.arange(n), place, (e.off[1] - e.off[0])[good] / 2)
        apart = ndimage.median_filter(apart, size=2 * round(float(np.median(half)) * 2) + 1, mode="nearest")
        sigma = max(2.0, float(np.median(half)))
        shift = ndimage.gaussian_filter1d(shift, sigma, mode="nearest")
        at = line.at + shift[:, None] * normals(line.at)
        moved.append(replace(line, at=np.asarray(ndimage.gaussian_filter1d(at, 2.0, axis=0, mode="nearest"), np.float64)))
        wide.append(np.asarray(ndimage.gaussian_filter1d(apart, 2 * sigma, mode="nearest"), np.float64))
    return moved, wide


def _drawn_on(place: NDArray[np.int64], value: Floats, n: int, *, reach: int) -> Floats:
    """(n,) values known at some places: between these linear, beyond the first and the last as they go on over `reach` places."""
    every = np.arange(n)
    out = np.interp(every, place, value)
    for beyond, near in ((every < place[0], place < place[0] + reach), (every > place[-1], place > place[-1] - reach)):
        if near.sum() >= 5:
            slope, level = np.polyfit(place[near], value[near], 1)
            out[beyond] = np.clip(slope, -0.1, 0.1) * (every[beyond] - place[near].mean()) + slope * place[near].mean() + level
    return np.asarray(out, np.float64)


def _measured(smooth: F32, line: Line, e: _Edges, free: Bools) -> Traced | None:
    """The fibre without what lies beyond its ends."""
    both = e.both
    apart = e.off[1] - e.off[0]
    among = both & free & line.seen
    if among.sum() < 5:
        return None
    usual = float(np.median(apart[among]))
    first, last, ends = _ends(smooth, line, both, free, usual)
    if last - first < 5:
        return None
    inside = np.zeros(len(line.at), bool)
    inside[first : last + 1] = True
    clear = float(both[inside & free].mean()) if (inside & free).any() else 0.0
    away = max(2, round(_FROM_END * usual))
    usable = inside & free & both
    if ends[0] != "frame":
        usable[: first + away] = False
    if ends[1] != "frame":
        usable[last + 1 - away :] = False
    usable &= np.abs(apart - usual) < 0.6 * usual
    if usable.sum() < 5:
        return None
    keep = np.s_[first : last + 1]
    seen = _profile(smooth, line, apart, usable)
    if seen is None:
        return None
    profile, lopsided = seen
    contrast = float(np.ptp(profile.grey))
    return Traced(line.at[keep], np.where(usable, apart, np.nan)[keep], ends, clear, contrast, lopsided, profile)


def _ends(smooth: F32, line: Line, both: Bools, free: Bools, usual: float) -> tuple[int, int, tuple[End, End]]:
    """The first and the last place that is fibre, and what is seen of either end."""
    n = len(line.at)
    normal = normals(line.at)
    across = np.linspace(-0.2, 0.2, 5) * usual
    y, x = (line.at[:, None, i] + across * normal[:, None, i] for i in (0, 1))
    core = _sampled(smooth, y, x).mean(axis=1)
    core = ndimage.gaussian_filter1d(core, 0.7, mode="nearest")
    known = np.flatnonzero(both & line.seen)
    patience = max(3, round(0.5 * usual))
    height, width = smooth.shape
    found: list[tuple[int, End]] = []
    reach = max(3, round(1.5 * usual))
    for end in (0, 1):
        index = np.arange(n) if end else np.arange(n)[::-1]
        grey, at = core[index], line.at[index]
        start = int(np.flatnonzero(index == known[-1 if end else 0])[0])  # the last place with both edges, of the pieces
        last = _followed(both[index], ~free[index], start, patience)
        y, x = at[-1]
        leaves = min(y, x, height - 1 - y, width - 1 - x) < _AT_FRAME_PX
        window = np.s_[max(last - reach, 0) : min(last + reach + 1, n)]
        drop = np.gradient(grey)[window]
        k = int(drop.argmin())
        place = window.start + k
        before, after = grey[max(place - reach, 0) : max(place - 1, 1)], grey[place + 2 : place + 2 + max(2, reach // 2)]
        inside = float(np.median(before)) if before.size else 0.0
        fall = inside - float(np.median(after)) if after.size else 0.0
        beside = _beside(smooth, line.at[index][: last + 1], normal[index][: last + 1], usual)
        if fall > 0.5 * (inside - beside) and after.size >= 2 and free[index][max(place - 2, 0) : place + 1].any():
            found.append((place, "seen"))
        elif leaves and last >= n - 1 - patience - 2:
            found.append((n - 1, "frame"))
        else:
            found.append((last, "hidden"))
    first, final = n - 1 - found[0][0], found[1][0]
    return first, final, (found[0][1], found[1][1])


def _followed(both: Bools, hidden: Bools, start: int, patience: int) -> int:
    """The last place from `start` on with both edges that is reached without missing them, in sight, for long."""
    last, missed = start, 0
    for i in range(start + 1, len(both)):
        if both[i]:
            last, missed = i, 0
        elif not hidden[i]:
            missed += 1
            if missed > patience:
                return last
    return len(both) - 1 if hidden[last + 1 :].all() else last


def _beside(smooth: F32, at: Floats, normal: Floats, usual: float) -> float:
    """Grey level beside a line, the lower side of it, on the median."""
    sides = []
    for side in (-1, 1):
        place = at + side * (0.75 * usual + 2) * normal
        sides.append(_sampled(smooth, place[:, 0], place[:, 1]))
    return float(np.median(np.minimum(*sides)))


def _profile(smooth: F32, line: Line, apart: Floats, usable: Bools) -> tuple[Profile, float] | None:
    """Mean grey level across the fibre where it is nearly as wide as usual, and how unlike its two halves are; None where its
    middle is as dark as what lies beside it, or only one side is."""
    usual = float(np.median(apart[usable]))
    alike = usable & (np.abs(apart - usual) < max(0.5, 0.06 * usual))
    if alike.sum() < 5:
        alike = usable
    step = 0.25 if usual < 20 else 0.5
    t = np.arange(0.0, usual / 2 + max(3.0, min(0.4 * usual, 6.0)), step)
    at, normal = line.at[alike], normals(line.at)[alike]
    total, scatter, sides = np.zeros((2, len(t))), np.zeros(len(t)), list[F32]()
    for i, side in enumerate((-1, 1)):
        y, x = (at[:, None, j] + side * t * normal[:, None, j] for j in (0, 1))
        level = _sampled(smooth, y, x)
        total[i] = _trimmed(level)
        scatter += level.std(axis=0) / 2
        sides.append(ndimage.gaussian_filter1d(level, 3.0, axis=0, mode="nearest"))
    grey = total.mean(axis=0)
    within, rim, ground = grey[t < 0.4 * usual].min(), grey[t < 0.55 * usual].max(), grey[-3:].mean()
    if within - ground < _SOLID * (rim - ground) or np.ptp(total[:, -3:].mean(axis=1)) > _ONE_SIDED * (rim - ground):
        return None
    inside = (t > 0.1 * usual) & (t < 0.36 * usual)
    lopsided = float(np.median(np.abs(sides[0] - sides[1])[:, inside].max(axis=1))) / float(rim - ground)
    # neighbours along the fibre share the smoothed noise; half of them are trimmed away, of two sides
    error = 1.5 * float(np.median(scatter)) / math.sqrt(len(at)) + 1e-3 * float(rim - ground)
    return Profile(t, grey, error, usual), lopsided


def _trimmed(levels: F32) -> Floats:
    """(k,) mean over the middle half of rows (n, k)."""
    ordered = np.sort(levels, axis=0)
    cut = len(ordered) // 4
    return np.asarray(ordered[cut : len(ordered) - cut].mean(axis=0, dtype=np.float64), np.float64)
