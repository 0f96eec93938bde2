"""Pieces of fibres to whole ones: the best of those that lie on each other, joined where they go on beyond what crosses them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from .ribbons import Floats, Piece

_SECTORS = 12  # of directions that are told apart where pieces lie on each other
_LEAST_LENGTH = 1.5  # widths, of what of a piece does not lie on better ones of its direction
_ACROSS = (-0.6, -0.3, 0.0, 0.3, 0.6)  # half widths from its middle, where it is asked whether a piece lies on others
_STUB = 6.0  # widths, below which a piece counts for less
_GAP = 1.5  # widths that a fibre may be out of sight without a reason
_HIDDEN_GAP = 9.0  # widths, where others lie there
_HIDDEN = 0.6  # share of a gap that others must cover
_IN_LINE = (math.radians(6), 0.15, 0.3)  # turn, and widths aside, of ends so well in line that this share is enough
_DRAWN_ON = 2.5  # widths that a piece is taken to go on out of sight where it is asked what crosses there
_TURN = math.radians(24)  # between two ends, and between each and the line that joins them
_ASIDE = 0.35  # widths that one end may lie beside the other's line, and a tenth of the gap
_LIKE = 1.45  # ratio of widths


@dataclass(frozen=True, slots=True)
class Line:
    """A fibre's centre line. at: (n, 2) y, x in steps of 1 px; seen: (n,) False where it was drawn on; width, contrast: as of its
    pieces."""

    at: Floats
    seen: NDArray[np.bool_]
    width: float
    contrast: float

    @property
    def length(self) -> float:
        """In px."""
        return float(np.hypot(*np.diff(self.at, axis=0).T).sum())


class Cover:
    """Which places lie on fibres, by direction."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.zoom = 1 if max(shape) < 1500 else 2
        self.shape = shape
        self.maps = np.zeros((_SECTORS, -(-shape[0] // self.zoom), -(-shape[1] // self.zoom)), np.uint8)

    def add(self, at: Floats, width: float) -> None:
        """Draws a ribbon into the sectors of its direction and its neighbours'."""
        sector = _sector(at)
        thick = max(1, round(0.95 * width / self.zoom))
        change = np.flatnonzero(np.diff(sector)) + 1
        for part in np.split(np.arange(len(at)), change):
            drawn = [np.rint(at[max(part[0] - 1, 0) : part[-1] + 2, ::-1] / self.zoom).astype(np.int32)]
            for d in (-1, 0, 1):
                cv2.polylines(self.maps[(sector[part[0]] + d) % _SECTORS], drawn, False, 1, thick)

    def crossed(self, at: Floats) -> NDArray[np.bool_]:
        """(n,) whether places of a straight way lie on fibres of other directions than its own."""
        own = int(_sector(at)[0])
        y, x = self._index(at)
        others = [k for k in range(_SECTORS) if min((k - own) % _SECTORS, (own - k) % _SECTORS) > 1]
        return np.asarray(self.maps[others][:, y, x].any(axis=0), bool)

    def _index(self, at: Floats) -> list[NDArray[np.int64]]:
        return [np.clip(np.rint(at[:, i] / self.zoom).astype(np.int64), 0, self.maps.shape[i + 1] - 1) for i in (0, 1)]

    def on(self, at: Floats, sector: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """(n,) whether places lie on a fibre, of the sector if one is given for each."""
        y, x = self._index(at)
        return np.asarray(self.maps[:, y, x].any(axis=0) if sector is None else self.maps[sector, y, x] > 0, bool)


def lines_of(pieces: Sequence[Piece], shape: tuple[int, int]) -> list[Line]:
    """Fibres (H, W): pieces that do not lie on better ones, joined."""
    chosen = _chosen(pieces, shape)
    return [_line(chain) for chain in _chains(chosen, shape)]


def _sector(at: Floats) -> NDArray[np.int64]:
    step = np.gradient(at, axis=0)
    angle = np.arctan2(-step[:, 0], step[:, 1])
    return np.floor(angle / math.pi * _SECTORS).astype(np.int64) % _SECTORS


def normals(at: Floats) -> Floats:
    """(n, 2) to the right of the way along a line, of length 1."""
    step = np.gradient(at, axis=0)
    step /= np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)[:, None]
    return np.stack([step[:, 1], -step[:, 0]], axis=1)


def _chosen(pieces: Sequence[Piece], shape: tuple[int, int]) -> list[Piece]:
    cover = Cover(shape)
    out = []
    for piece in sorted(pieces, key=lambda p: -p.contrast * math.sqrt(min(p.length / (_STUB * p.width), 1.0))):
        at, sector, normal = piece.at, _sector(piece.at), normals(piece.at)
        across = at + np.array(_ACROSS)[:, None, None] * (piece.width / 2) * normal
        on_others = cover.on(across.reshape(-1, 2), np.tile(sector, len(_ACROSS))).reshape(len(_ACROSS), -1)
        for free in _runs(np.asarray(~on_others.any(axis=0), bool)):
            left = at[free]
            if len(left) >= 4 and np.hypot(*(left[-1] - left[0])) >= _LEAST_LENGTH * piece.width:
                out.append(Piece(left, piece.width, piece.contrast))
                cover.add(left, piece.width)
    return out


def _runs(good: NDArray[np.bool_]) -> list[slice]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    return [slice(a, b) for a, b in edges.reshape(-1, 2).tolist()]


def _ends(pieces: Sequence[Piece]) -> tuple[Floats, Floats, Floats]:
    """(2m, 2) both ends of each piece and the directions in which they point, of length 1; (2m,) widths."""
    at, way, width = [], [], []
    for p in pieces:
        reach = max(3, round(min(2.0 * p.width, 0.5 * p.length) / max(p.length / (len(p.at) - 1), 1e-9)))
        reach = min(reach, len(p.at) - 1)
        for line in (p.at[::-1], p.at):
            step = line[-1] - line[-1 - reach]
            at.append(line[-1])
            way.append(step / max(np.hypot(*step), 1e-9))
            width.append(p.width)
    return np.array(at), np.array(way), np.array(width)


def _chains(pieces: list[Piece], shape: tuple[int, int]) -> list[list[Piece]]:
    """Pieces in the order of the fibres they make, each turned the fibre's way."""
    if not pieces:
        return []
    at, way, width = _ends(pieces)
    cover = Cover(shape)
    beyond = Cover(shape)  # where pieces would go on: at a knot of several fibres none is seen
    for k, p in enumerate(pieces):
        cover.add(p.at, p.width)
        for end in (2 * k, 2 * k + 1):
            beyond.add(at[end] + np.arange(0, _DRAWN_ON * p.width)[:, None] * way[end], p.width)
    pairs = cKDTree(at).query_pairs(_HIDDEN_GAP * float(width.max()), output_type="ndarray")
    partner = np.full(len(at), -1)
    root = np.arange(len(pieces))
    for i, j in _rated(pairs, at, way, width, cover, beyond):
        a, b = root[i // 2], root[j // 2]
        if partner[i] < 0 and partner[j] < 0 and a != b:
            partner[i], partner[j] = j, i
            root[root == a] = b
    chains, done = [], np.zeros(len(pieces), bool)
    for start in [e for e in range(len(at)) if partner[e] < 0]:
        if done[start // 2]:
            continue
        chain, end = [], start
        while True:
            k = end // 2
            done[k] = True
            chain.append(pieces[k] if end % 2 == 0 else Piece(pieces[k].at[::-1], pieces[k].width, pieces[k].contrast))
            following = partner[end ^ 1]
            if following < 0:
                break
            end = int(following)
        chains.append(chain)
    return chains


def _rated(pairs: NDArray[np.int64], at: Floats, way: Floats, width: Floats, cover: Cover, beyond: Cover) -> list[tuple[int, int]]:
    """Of pairs of ends (m, 2) those between which a fibre may go on, the likeliest first."""
    i, j = pairs[pairs[:, 0] // 2 != pairs[:, 1] // 2].T
    wide = (width[i] + width[j]) / 2
    gap = at[j] - at[i]
    ahead = way[i] - way[j]
    turn = np.arccos(np.clip(-(way[i] * way[j]).sum(axis=1), -1, 1))
    ahead /= np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    along = (gap * ahead).sum(axis=1)
    aside = np.abs(gap[:, 0] * ahead[:, 1] - gap[:, 1] * ahead[:, 0])
    fits = (np.maximum(width[i], width[j]) <= _LIKE * np.minimum(width[i], width[j])) & (turn <= _TURN)
    fits &= (along > -1.5 * wide) & (along < _HIDDEN_GAP * wide) & (aside < _ASIDE * wide + 0.1 * np.maximum(along, 0))
    cost = np.abs(along) / wide + 3 * turn / _TURN + 3 * aside / wide
    out = []
    for k in np.flatnonzero(fits)[np.argsort(cost[fits], kind="stable")].tolist():
        if along[k] > _GAP * wide[k]:  # it goes under something, or it ends
            share = np.linspace(0, 1, max(3, int(along[k])))[:, None]
            between = at[i[k]] + share * gap[k]
            hidden = cover.on(between) | beyond.crossed(between)
            in_line = turn[k] < _IN_LINE[0] and aside[k] < _IN_LINE[1] * wide[k]
            if hidden.mean() < (_IN_LINE[2] if in_line else _HIDDEN):
                continue
        out.append((int(i[k]), int(j[k])))
    return out


def _line(chain: list[Piece]) -> Line:
    points, seen = [chain[0].at], [np.ones(len(chain[0].at), bool)]
    for piece in chain[1:]:
        a, b = points[-1], piece.at
        forward = a[-1] - a[max(-1 - 5, -len(a))]
        skip = int(
            np.sum((b - a[-1]) @ (forward / max(np.hypot(*forward), 1e-9)) <= 0.5)
        )  # pieces may run beside each other a little
        b = b[min(skip, len(b) - 2) :]
        points.append(b)
        seen.append(np.ones(len(b), bool))
        seen[-1][0] = False
    at, known = np.concatenate(points), np.concatenate(seen)
    s = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(at, axis=0).T))])
    keep = np.concatenate([[True], np.diff(s) > 1e-6])
    at, known, s = at[keep], known[keep], s[keep]
    grid = np.arange(0.0, s[-1] + 1e-9, 1.0)
    even = np.stack([np.interp(grid, s, at[:, i]) for i in (0, 1)], axis=1)
    following = np.clip(np.searchsorted(s, grid), 1, len(s) - 1)
    gap = ~known[following] & (s[following] - s[following - 1] > 2.0)
    length = np.array([p.length for p in chain])
    width = float(np.average([p.width for p in chain], weights=length))
    even = np.asarray(ndimage.gaussian_filter1d(even, max(2.0, 0.7 * width), axis=0, mode="nearest"), np.float64)
    return Line(even, ~gap, width, float(np.average([p.contrast for p in chain], weights=length)))
