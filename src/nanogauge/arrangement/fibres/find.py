"""The fibres of a picture: pieces, lines, edges, and which of the lines are fibres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bodies import Body, Floats, body_of
from .lines import Line, lines_of
from .ribbons import F32, Piece, pieces_of
from .widths import Box, Traced, corrected, traced

_WIDEST = 0.25  # of the frame's shorter side
_LONG, _LONG_FRAGMENT = 5.0, 10.0  # widths that a fibre is long at least, and one whose ends both lie under others
_CLEAR = 0.6  # share of its places free of others at which both edges are seen
_EVEN = 0.25  # standard deviation of its width along it, over the width
_PLACES = 8  # px along it at which its width is known
_LOPSIDED = (2.5, 0.12)  # halves this much less alike than the fibres' median, and by that much of the contrast, are two fibres'
_UNEVEN = (3.0, 0.03)  # times the fibres' median unevenness, and unevenness, above which a line runs along another for a while
_WIDENS = 0.04  # px per px along it; more is two fibres that part
_PROFILES = 40  # fibres, those with most places, of which profiles are fitted
_NARROWER = 0.8
_FAINT = 0.3  # of the usual contrast: less are scratches, streaks of the scan, the grain of the ground
_PARALLEL = math.cos(math.radians(12))


@dataclass(frozen=True, slots=True)
class Found:
    """fibres; bundles: lines that are several side by side, or what is left of one beside others; body: of all; sign: 1 bright, -1
    dark; shape: (H, W) of the picture."""

    fibres: list[Traced]
    bundles: list[Traced]
    body: Body
    sign: int
    shape: tuple[int, int]


def find_fibres(grey: F32, *, tone: str = "auto", keep_out: Sequence[Box] = ()) -> Found | None:
    """Fibres of a picture (H, W); None where nothing is one.

    tone: "bright", "dark", or "auto": whichever there is more of, by length and contrast; keep_out: boxes of text
    """
    sign, lines = lines_in(grey, tone)
    return fibres_among(grey, lines, sign, keep_out)


def fibres_among(grey: F32, lines: Sequence[Line], sign: int, keep_out: Sequence[Box] = ()) -> Found | None:
    """Those of the lines in a picture (H, W) that are fibres; None where none is."""
    found = traced(grey, [line for line in lines if line.length > 0.6 * _LONG * line.width], sign, keep_out)
    even = _plain([f for f in found if _is_even(f)])
    usual = float(np.median([f.lopsided for f in even])) if even else 0.0
    limit = _LOPSIDED[0] * usual + _LOPSIDED[1]
    uneven = [_unevenness(f) for f in even]
    most = max(_UNEVEN[0] * float(np.median(uneven)), _UNEVEN[1]) if even else 0.0
    alone = [
        f.lopsided < limit and u <= most and _widens(f) < _WIDENS and _is_alone(f, even) for f, u in zip(even, uneven, strict=True)
    ]
    fibres = [f for f, ok in zip(even, alone, strict=True) if ok]
    if not fibres:
        return None
    bundles = [f for f, ok in zip(even, alone, strict=True) if not ok]
    longest = sorted(fibres, key=lambda f: -np.isfinite(f.width).sum())[:_PROFILES]
    body = body_of([f.profile for f in longest], sign)
    return Found(corrected(fibres, body), corrected(bundles, body), body, sign, (grey.shape[0], grey.shape[1]))


def _plain(found: list[Traced]) -> list[Traced]:
    """Those that stand out as fibres do: not much less than the median of all that is covered by fibres."""
    if not found:
        return []
    order = sorted(found, key=lambda f: f.contrast)
    covered = np.cumsum([float(np.nansum(f.width)) for f in order])
    usual = order[int(np.searchsorted(covered, covered[-1] / 2))].contrast
    return [f for f in found if f.contrast >= _FAINT * usual]


def lines_in(grey: F32, tone: str = "auto", *, shortest: float = 0.0, most: int | None = None) -> tuple[int, list[Line]]:
    """1 or -1, for bright and dark, and the lines in a picture (H, W).

    shortest: of the pieces they are made of, px; most: so many of either tone, the longest ones; None: all
    """
    pieces = pieces_of(grey, widest=_WIDEST * min(grey.shape), shortest=shortest)
    if most is not None:
        pieces = _longest(pieces[0], most), _longest(pieces[1], most)
    kinds = dict(zip((1, -1), pieces, strict=True))
    wanted = {"bright": (1,), "dark": (-1,)}.get(tone, (1, -1))
    lines = {s: lines_of(kinds[s], (grey.shape[0], grey.shape[1])) for s in wanted}
    weight = {s: sum(line.length * line.contrast for line in lines[s] if line.length > _LONG * line.width) for s in wanted}
    sign = max(wanted, key=lambda s: weight[s])
    return sign, lines[sign]


def _longest(pieces: list[Piece], most: int) -> list[Piece]:
    """The longest of them, in the order in which they came."""
    ranked = sorted(range(len(pieces)), key=lambda k: -pieces[k].length)
    return [pieces[k] for k in sorted(ranked[:most])]


def _is_even(f: Traced) -> bool:
    known = f.width[np.isfinite(f.width)]
    wide = f.usual_width
    long = _LONG_FRAGMENT if f.ends == ("hidden", "hidden") else _LONG
    return bool(
        known.size >= max(_PLACES, 0.7 * wide) and f.clear >= _CLEAR and f.length >= long * wide and _unevenness(f) <= _EVEN
    )


def _unevenness(f: Traced) -> float:
    return float(np.nanstd(f.width)) / f.usual_width


def _widens(f: Traced) -> float:
    """How steadily its width changes along it."""
    place = np.flatnonzero(np.isfinite(f.width))
    return abs(float(np.polyfit(place, f.width[place], 1)[0]))


def _is_alone(f: Traced, others: Sequence[Traced]) -> bool:
    """Whether it is not two or more that lie side by side: beyond an end of those, narrower ones go on in its direction."""
    wide = f.usual_width
    reach = min(len(f.at) - 1, max(3, round(2 * wide)))
    for end, line in zip(f.ends, (f.at[::-1], f.at), strict=True):
        if end == "frame":
            continue
        way = line[-1] - line[-1 - reach]
        way = way / max(float(np.hypot(*way)), 1e-9)
        beyond = 0
        for o in others:
            if o is f or o.usual_width > _NARROWER * wide:
                continue
            off = o.at - line[-1]
            along, across = off @ way, off[:, 0] * way[1] - off[:, 1] * way[0]
            near = (along > -0.5 * wide) & (along < 1.5 * wide) & (np.abs(across) < 0.5 * wide)
            if near.sum() > 1 and _turned(o.at, near, way):
                beyond += 1
        if beyond >= 2:
            return False
    return True


def _turned(at: Floats, near: NDArray[np.bool_], way: Floats) -> bool:
    """Whether a line runs in that direction there."""
    step = np.gradient(at, axis=0)[near].mean(axis=0)
    return bool(abs(step @ way) > _PARALLEL * float(np.hypot(*step)))
