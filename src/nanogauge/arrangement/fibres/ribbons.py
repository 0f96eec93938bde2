"""Pieces of fibres: ribbons with two straight parallel edges, looked for in all directions and widths.

The grey level's slope across a direction is averaged along it. A ribbon of width w is where it rises half a width to one side and
falls half a width to the other: the lesser of the two counts, so that a single edge is none (medialness; Pizer et al., Comput. Vis.
Image Underst. 69 (1998) 55). Each direction has a map of its own, so what crosses does not meet (orientation scores; Duits &
Franken, Q. Appl. Math. 68 (2010) 255). Wide ribbons are looked for in the picture made small.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ...detection.edges.levels import noise_of

F32 = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DIRECTIONS = 24
_WIDTHS = (4.0, 4.76, 5.66, 6.73)  # px of a level; the finest level has narrower ones too
_NARROW = (2.6, 3.2)
_ACROSS, _ALONG = 0.9, 5.0  # px of a level by which the slope is averaged
_NOISE = 5.0  # standard deviations of the noise that a ribbon's edges have at least
_HIGH, _LOW = 0.2, 0.1  # of the micrograph's usual contrast: what a piece has somewhere, and everywhere
_SOLID = 0.3  # of its strength, by which a ribbon is brighter all across than beside it
_TURNS_BACK = 0.5  # cosine of the angle between the way that comes and the way that goes, over a width each
_AHEAD = math.cos(math.radians(50))
_LEAST_LENGTH = 2.5  # widths


_Peaks = tuple[Ints, F32, NDArray[np.uint8], F32]  # as of `_Voxels`, with the number of the width


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a fibre in sight. at: (n, 2) y, x of the centre line, px; width: px; contrast: grey levels."""

    at: Floats
    width: float
    contrast: float

    @property
    def length(self) -> float:
        """Along the centre line, px."""
        return float(np.hypot(*np.diff(self.at, axis=0).T).sum())


@dataclass(frozen=True, slots=True)
class _Voxels:
    """Where a ribbon is strongest, across it and over directions. index: (n, 3) direction, y, x; off: (n,) px across to the very
    place; width: (n,); strength: (n,) height of the lesser edge."""

    index: Ints
    off: F32
    width: F32
    strength: F32


def pieces_of(grey: F32, *, widest: float, shortest: float = 0.0) -> tuple[list[Piece], list[Piece]]:
    """Pieces brighter than what lies beside them, and darker ones. grey: (H, W); widest, shortest: px."""
    found: tuple[list[Piece], list[Piece]] = [], []
    levels = []
    zoom, picture = 1, grey
    while min(picture.shape) >= 24 and (zoom == 1 or _WIDTHS[0] * zoom <= widest):
        levels.append((zoom, _voxels(picture, finest=zoom == 1)))
        picture = np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
        zoom *= 2
    for kind in (0, 1):
        usual = _usual([v[kind] for _, v in levels])
        for zoom, voxels in levels:
            floor = _floor(grey, zoom)
            high, low = max(floor, _HIGH * usual), max(0.5 * floor, _LOW * usual)
            found[kind].extend(_traced(voxels[kind], zoom, high, low, shortest))
    return found


def _floor(grey: F32, zoom: int) -> float:
    """Strength that white noise does not reach."""
    # of a Gaussian's derivative, averaged along: 1 / sqrt(8 pi across^3 along); an edge of height 1 has 1 / (sqrt(2 pi) across)
    norm = math.sqrt(2 * math.pi) * _ACROSS / math.sqrt(8 * math.pi * _ACROSS**3 * _ALONG)
    return _NOISE * noise_of(grey) / zoom * norm


def _usual(voxels: list[_Voxels]) -> float:
    """Strength that what stands out has: three tenths of all strength are in stronger places."""
    strength = np.concatenate([v.strength for v in voxels]) if voxels else np.zeros(0)
    if not strength.size:
        return 0.0
    ordered = np.sort(strength)
    share = np.cumsum(ordered)
    return float(ordered[np.searchsorted(share, 0.7 * share[-1])])


def _voxels(grey: F32, *, finest: bool) -> tuple[_Voxels, _Voxels]:
    """Of bright and of dark ribbons."""
    widths = (*_NARROW, *_WIDTHS) if finest else _WIDTHS
    wide = np.asarray(widths, np.float32)
    slices = _strengths(grey, widths)
    parts: tuple[list[_Peaks], list[_Peaks]] = [], []
    first = next(slices)
    second = next(slices)
    before, now = first, second
    for k in range(1, DIRECTIONS + 1):
        after = next(slices, None) or (first if k == DIRECTIONS - 1 else second)
        for kind in (0, 1):
            strength, number = now[kind]
            index, off, at, height = _peaks(k % DIRECTIONS, before[kind][0], strength, number, after[kind][0])
            solid = _solid(now[2], index, off, at, height, wide, 1 if kind == 0 else -1)
            parts[kind].append((index[solid], off[solid], at[solid], height[solid]))
        before, now = now, after
    joined = []
    for part in parts:
        index, off, width, strength = (np.concatenate(p) for p in zip(*part, strict=True))
        joined.append(_Voxels(index, off, wide[width], strength))
    return joined[0], joined[1]


def _strengths(grey: F32, widths: tuple[float, ...]) -> Iterator[tuple[Any, Any, F32]]:
    """For each direction strength and number of the width (H, W), of bright and of dark ribbons; and the grey level along it."""
    h, w = grey.shape
    pad = int(3 * _ALONG)
    wide = cv2.copyMakeBorder(grey, pad, pad, pad, pad, cv2.BORDER_REFLECT)
    full = [fft.next_fast_len(n, real=True) for n in wide.shape]
    spectrum = fft.rfft2(wide, s=full)
    ky = (2 * np.pi * fft.fftfreq(full[0])[:, None]).astype(np.float32)
    kx = (2 * np.pi * fft.rfftfreq(full[1])[None]).astype(np.float32)
    height = math.sqrt(2 * math.pi) * _ACROSS
    for k in range(DIRECTIONS):
        c, s = math.cos(math.pi * k / DIRECTIONS), math.sin(math.pi * k / DIRECTIONS)
        # along (y, x) = (-s, c), counter-clockwise from x; across (c, s)
        across, along = c * ky + s * kx, -s * ky + c * kx
        smooth = spectrum * np.exp(-((_ACROSS * across) ** 2 + (_ALONG * along) ** 2) / 2)
        steep = smooth * (np.complex64(1j * height) * across)
        level, slope = (np.ascontiguousarray(fft.irfft2(v, s=full)[pad : pad + h, pad : pad + w]) for v in (smooth, steep))
        bright, dark = np.zeros((h, w), np.float32), np.zeros((h, w), np.float32)
        which = np.zeros((h, w), np.uint8), np.zeros((h, w), np.uint8)
        for i, width in enumerate(widths):
            half = width / 2
            before, after = (_moved(slope, d * half * c, d * half * s) for d in (-1, 1))
            for best, number, lesser in ((bright, which[0], cv2.min(before, -after)), (dark, which[1], cv2.min(-before, after))):
                np.putmask(number, lesser > best, i)
                np.maximum(best, lesser, out=best)
        yield (bright, which[0]), (dark, which[1]), level


def _moved(picture: F32, dy: float, dx: float) -> F32:
    """(H, W) values of the picture at (y + dy, x + dx)."""
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, move, picture.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _peaks(k: int, before: F32, own: F32, number: NDArray[np.uint8], after: F32) -> _Peaks:
    c, s = math.cos(math.pi * k / DIRECTIONS), math.sin(math.pi * k / DIRECTIONS)
    left, right = _moved(own, -c, -s), _moved(own, c, s)
    top = (own > 0) & (own >= left) & (own >= right) & (own >= 0.995 * before) & (own >= 0.995 * after)
    floor = 0.02 * float(own.max(initial=0))
    y, x = np.nonzero(top & (own > floor))
    a, b, d = left[y, x], own[y, x], right[y, x]
    bend = np.minimum(a - 2 * b + d, -1e-6)
    off = np.clip((a - d) / (2 * bend), -0.7, 0.7)
    index = np.stack([np.full(len(y), k, np.int64), y.astype(np.int64), x.astype(np.int64)], axis=1)
    return index, off.astype(np.float32), number[y, x], b


def _solid(
    level: F32, index: Ints, off: F32, number: NDArray[np.uint8], strength: F32, widths: F32, sign: int
) -> NDArray[np.bool_]:
    """(n,) whether a ribbon stands out from both sides all across: what lies between two fibres side by side does not."""
    k = int(index[0, 0]) if len(index) else 0
    normal = np.array([math.cos(math.pi * k / DIRECTIONS), math.sin(math.pi * k / DIRECTIONS)])
    half = widths[number].astype(np.float64) / 2
    places = (-1, -0.4, 0.0, 0.4, 1)
    grey = []
    for u in places:
        away = off + u * (half + (1.3 if abs(u) == 1 else 0.0))
        at = (index[:, 1:] + away[:, None] * normal).T
        grey.append(sign * ndimage.map_coordinates(level, at, order=1, mode="nearest", prefilter=False))
    inside, outside = np.minimum.reduce(grey[1:-1]), np.maximum(grey[0], grey[-1])
    return np.asarray(inside - outside > _SOLID * strength, bool)


def _traced(voxels: _Voxels, zoom: int, high: float, low: float, shortest: float) -> list[Piece]:
    """Chains of neighbouring voxels, which are strong somewhere and long enough."""
    keep = np.flatnonzero(voxels.strength > low)
    if not keep.size:
        return []
    index = voxels.index[keep]
    strength, width = voxels.strength[keep], voxels.width[keep]
    least = max(_LEAST_LENGTH * float(width.min()), shortest / (math.sqrt(2) * zoom))  # a step is at most a diagonal
    pairs = _neighbours(index)
    joined = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (len(keep), len(keep)))
    group = connected_components(joined, directed=False)[1]
    large = np.bincount(group)[group] >= least  # most hang together with too few others to make a piece
    beside: list[list[int]] = [[] for _ in range(len(keep))]
    for i, j in pairs[large[pairs[:, 0]]].tolist():
        beside[i].append(j)
        beside[j].append(i)
    direction = np.pi * index[:, 0] / DIRECTIONS
    place = index[:, 1:] + voxels.off[keep][:, None] * np.stack([np.cos(direction), np.sin(direction)], axis=1)
    left = bytearray(large.tobytes())  # 1 for what may be on a piece and is on none yet
    found: list[Piece] = []
    starts = np.argsort(-strength)
    for start in starts[(strength > high)[starts]].tolist():
        while left[start]:
            path = _longest(beside, left, start)
            for i in path:
                left[i] = 0
            if len(path) < least:
                break
            for part in _without_turns(path, place[path], float(np.median(width[path]))):
                wide = float(np.median(width[part]))
                if len(part) >= _LEAST_LENGTH * wide:
                    at = ndimage.gaussian_filter1d(place[part], wide / 2, axis=0, mode="nearest")
                    found.append(Piece((at + 0.5) * zoom - 0.5, wide * zoom, float(np.median(strength[part]))))
    return found


def _without_turns(path: list[int], at: Floats, width: float) -> list[list[int]]:
    """A way cut where it turns back: where two fibres part, it may come along one and leave along the other."""
    m = max(2, round(width))
    if len(path) < 3 * m:
        return [path]
    ahead = at[m:] - at[:-m]
    unit = ahead / np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    turn = (unit[:-m] * unit[m:]).sum(axis=1)
    parts, start = [], 0
    while turn.size and turn.min() < _TURNS_BACK:
        where = int(np.flatnonzero(turn < _TURNS_BACK)[0])
        where += int(turn[where : where + 2 * m].argmin())
        parts.append(path[start : where + m])
        start = where + m
        turn[: min(where + m, len(turn))] = 1
    return [*parts, path[start:]]


def _neighbours(index: Ints) -> Ints:
    """(m, 2) pairs of voxels that follow each other along the fibre; the last direction touches the first."""
    shape = DIRECTIONS, int(index[:, 1].max()) + 3, int(index[:, 2].max()) + 3
    key = np.ravel_multi_index((index[:, 0], index[:, 1] + 1, index[:, 2] + 1), shape)
    order = np.argsort(key)
    ordered = key[order]
    angle = np.pi * index[:, 0] / DIRECTIONS
    pairs = []
    for dk in (0, 1):
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                if (dy, dx) == (0, 0) or (dk == 0 and (dy, dx) < (0, 0)):
                    continue
                other = np.ravel_multi_index(((index[:, 0] + dk) % DIRECTIONS, index[:, 1] + 1 + dy, index[:, 2] + 1 + dx), shape)
                place = np.minimum(np.searchsorted(ordered, other), len(ordered) - 1)
                along = np.abs(dx * np.cos(angle) - dy * np.sin(angle)) > _AHEAD * math.hypot(dy, dx)
                hit = (ordered[place] == other) & along
                pairs.append(np.stack([np.flatnonzero(hit), order[place[hit]]], axis=1))
    return np.concatenate(pairs)


def _longest(beside: list[list[int]], left: bytearray, start: int) -> list[int]:
    """The shortest way between the two, of all that hang together with `start`, that are farthest apart, nearly."""
    first, came = _walked(beside, left, start)
    last, came = _walked(beside, left, first)
    path = [last]
    while path[-1] != first:
        path.append(came[path[-1]])
    return path


def _walked(beside: list[list[int]], left: bytearray, start: int) -> tuple[int, dict[int, int]]:
    """The last that is reached from `start`, step by step, and from which each was reached."""
    came = {start: start}
    edge = [start]
    last = start
    while edge:
        last = edge[0]
        ahead = []
        for i in edge:
            for j in beside[i]:
                if j not in came and left[j]:
                    came[j] = i
                    ahead.append(j)
        edge = ahead
    return last, came
