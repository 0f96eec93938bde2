"""What drawn shapes mean: which are regions drawn round particles, which are many particles in one shape, which are drawn twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from .drawn import Drawn, count, named_as_region, several_names
from .shapes import Patch, trimmed, union

_EIGHT = np.ones((3, 3), bool)
_LEAST_HELD = 3  # so many shapes within one make it a region; a core in its shell, or two on one support, do not
_LARGER = 4.0  # times the area of what it holds
LEAST_PIECES = 4  # so many pieces lying apart are particles; two or three may be one, parted by another that lies on it
_LEAST_SHARE = 0.1  # of the largest piece's area; less is a speck of a brush
_MANY = 10  # particles so many that they would hardly all lie in one corner
_LONGEST_NAME = 80
_SAME = 0.8  # of the pixels of both together that two drawings of one particle share


def settled(drawn: Drawn) -> Drawn:
    """The shapes that are particles, and what had to be decided. Shapes that carry labels of `nanogauge` stay as they are."""
    if drawn.numbers is not None:
        return replace(drawn, patches=_named(drawn.patches, drawn.names), warnings=(*drawn.warnings, *several_names(drawn.names)))
    regions, holders = regions_of(drawn.patches, drawn.names, drawn.marked)
    patches = [p for k, p in enumerate(drawn.patches) if k not in regions]
    names = [n for k, n in enumerate(drawn.names) if k not in regions]
    said = several_names(names)
    if regions:
        many = count(len(regions), "shape holds others and is a region", "shapes hold others and are regions")
        said += (f"{many} drawn round particles: left out",)
    if holders:
        many = count(len(holders), "shape holds", "shapes hold")
        said += (f"{many} three or more others and counts as a particle; if it is a region, delete it from the file",)
    patches, n_twice = _once(_named(patches, names))
    if n_twice:
        said += (f"{count(n_twice, 'particle is', 'particles are')} drawn twice; the first drawing counts",)
    patches, more = _parted(patches)
    return replace(drawn, patches=patches, names=names, warnings=(*drawn.warnings, *said, *more))


def _named(patches: Sequence[Patch | None], names: Sequence[str]) -> list[Patch | None]:
    """The shapes with their classes."""
    plain = [" ".join(n.split())[:_LONGEST_NAME] for n in names]
    return [p if p is None else replace(p, name=n) for p, n in zip(patches, plain, strict=True)]


def drawn_within(patches: Sequence[Patch | None], shape: tuple[int, int]) -> str:
    """ "300 x 200 px" where many shapes all lie in that corner of a picture more than half again as large both ways; else ""."""
    shapes = [p for p in patches if p is not None]
    if len(shapes) < _MANY:
        return ""
    reach_y, reach_x = (max(p.y0 + p.mask.shape[0] for p in shapes), max(p.x0 + p.mask.shape[1] for p in shapes))
    return f"{reach_x} x {reach_y} px" if reach_y < shape[0] / 1.5 and reach_x < shape[1] / 1.5 else ""


def regions_of(patches: Sequence[Patch | None], names: Sequence[str], marked: frozenset[int]) -> tuple[set[int], set[int]]:
    """Indices of shapes that are regions, and of those that may be.

    Regions are `marked` ones (the file's program says so) or those named as regions that hold at least one other; rectangles that
    hold three or more much smaller than themselves; and all that hold so many, where they hold at least half of all together.
    Other shapes that hold so many may be.
    """
    found = [k for k, p in enumerate(patches) if p is not None]
    if len(found) < 2:
        return set(), set()
    shapes = [p for p in patches if p is not None]
    boxes = np.array([(p.y0, p.x0, p.y0 + p.mask.shape[0], p.x0 + p.mask.shape[1]) for p in shapes])
    areas = np.array([int(p.mask.sum()) for p in shapes])
    probes = np.array([_probes(p) for p in shapes])  # (n, 3, 2)
    sure: set[int] = set()
    likely: dict[int, NDArray[np.intp]] = {}
    along = np.argsort(boxes[:, 1], kind="stable")  # by their left, so that what a shape may hold stands together
    lefts = boxes[along, 1]
    for i in np.flatnonzero(areas >= _LARGER * areas.min()):
        near = along[np.searchsorted(lefts, boxes[i, 1]) : np.searchsorted(lefts, boxes[i, 3])]
        held_boxes = boxes[near]
        inside = near[
            (held_boxes[:, :2] >= boxes[i, :2]).all(1)
            & (held_boxes[:, 2:] <= boxes[i, 2:]).all(1)
            & (areas[near] * _LARGER <= areas[i])
        ]
        told = found[i] in marked or named_as_region(names[found[i]])
        if len(inside) < (1 if told else _LEAST_HELD):
            continue
        filled = scipy.ndimage.binary_fill_holes(shapes[i].mask)  # what is left between particles has them in its holes
        at = probes[inside] - boxes[i, :2]
        held = inside[filled[at[..., 0], at[..., 1]].all(1)]
        if (told and len(held)) or (len(held) >= _LEAST_HELD and filled.all()):
            sure.add(int(i))
        elif len(held) >= _LEAST_HELD:
            likely[int(i)] = held
    rest = set(range(len(shapes))) - sure - set(likely)
    within = set[int]().union(*(h.tolist() for h in likely.values())) & rest
    if rest and len(within) >= len(rest) / 2:
        sure |= set(likely)
    return {found[i] for i in sure}, {found[i] for i in set(likely) - sure}


def grouped(shapes: Sequence[tuple[Patch | None, str, Any]]) -> tuple[list[Patch | None], list[str], tuple[str, ...]]:
    """A particle a group of shapes, names, and what to say: people group parts of one particle, but some tools and people number
    classes or pictures so. Shapes of a group that lie apart are particles of their own.

    shapes: patch, name and group of each, the group None where it has none
    """
    groups: dict[Any, list[int]] = {}
    for k, (_, name, group) in enumerate(shapes):
        groups.setdefault(k if group is None else (name, str(group)), []).append(k)
    patches: list[Patch | None] = []
    names: list[str] = []
    n_shapes = 0
    for members in groups.values():
        parts, name = [shapes[k][0] for k in members], shapes[members[0]][1]
        all_in_one = len(members) == len(shapes) and len(members) >= LEAST_PIECES
        if len(members) == 1 or not (all_in_one or (not _touching(parts) and (len(parts) >= LEAST_PIECES or _apart(parts)))):
            patches.append(union(parts))
            names.append(name)
        else:
            patches += parts
            names += [name] * len(parts)
            n_shapes += len(parts)
    said = f"{n_shapes} shapes lie apart though they have one group with others; each is taken as a particle"
    return patches, names, (said,) if n_shapes else ()


def _apart(patches: Sequence[Patch | None]) -> bool:
    """Whether shapes lie further from each other than the smaller of them is wide, so that they cannot well be parts of one."""
    shapes = [p for p in patches if p is not None]
    linked, todo = [shapes[0]] if shapes else [], list(shapes[1:])
    while todo:
        near = next((p for p in todo if any(_gap(p, q) <= min(_width(p), _width(q)) for q in linked)), None)
        if near is None:
            return True
        linked.append(near)
        todo = [p for p in todo if p is not near]
    return False


def _touching(patches: Sequence[Patch | None]) -> bool:
    """Whether shapes together are one piece."""
    whole = union(patches)
    return whole is None or scipy.ndimage.label(whole.mask, _EIGHT)[1] <= 1


def _probes(p: Patch) -> list[tuple[int, int]]:
    """Three pixels of a shape: its first, middle and last."""
    at = np.flatnonzero(p.mask)
    y, x = np.divmod(at[[0, len(at) // 2, -1]], p.mask.shape[1])
    return list(zip((y + p.y0).tolist(), (x + p.x0).tolist(), strict=True))


def _gap(p: Patch, q: Patch) -> float:
    """Between the boxes of two shapes, in px."""
    dy = max(q.y0 - p.y0 - p.mask.shape[0], p.y0 - q.y0 - q.mask.shape[0], 0)
    dx = max(q.x0 - p.x0 - p.mask.shape[1], p.x0 - q.x0 - q.mask.shape[1], 0)
    return float(np.hypot(dy, dx))


def _width(p: Patch) -> float:
    return float(np.sqrt(4 * p.mask.sum() / np.pi))


def _once(patches: Sequence[Patch | None]) -> tuple[list[Patch | None], int]:
    """Without those that are nearly another one, and how many these were."""
    shapes = [(k, p) for k, p in enumerate(patches) if p is not None]
    lefts, tops = np.array([p.x0 for _, p in shapes]), np.array([p.y0 for _, p in shapes])
    areas = np.array([int(p.mask.sum()) for _, p in shapes])
    along = np.argsort(lefts, kind="stable")
    by_left = lefts[along]
    dropped: set[int] = set()
    for i, (k, p) in enumerate(shapes):
        reach = p.mask.shape[1] * (1 - _SAME) + 1  # their left sides cannot lie further apart, nor their tops
        near = along[np.searchsorted(by_left, p.x0 - reach) : np.searchsorted(by_left, p.x0 + reach, side="right")]
        near = near[(near < i) & (abs(tops[near] - p.y0) <= p.mask.shape[0] * (1 - _SAME) + 1)]
        near = near[np.minimum(areas[near], areas[i]) >= _SAME * np.maximum(areas[near], areas[i])]
        for j in near.tolist():
            other, q = shapes[j]
            common = _shared(p, q) if other not in dropped else 0
            if common >= _SAME * (areas[i] + areas[j] - common):
                dropped.add(k)
                break
    return [p for k, p in enumerate(patches) if k not in dropped], len(dropped)


def _shared(p: Patch, q: Patch) -> int:
    y0, x0 = max(p.y0, q.y0), max(p.x0, q.x0)
    y1, x1 = min(p.y0 + p.mask.shape[0], q.y0 + q.mask.shape[0]), min(p.x0 + p.mask.shape[1], q.x0 + q.mask.shape[1])
    if y1 <= y0 or x1 <= x0:
        return 0
    ours, theirs = (r.mask[y0 - r.y0 : y1 - r.y0, x0 - r.x0 : x1 - r.x0] for r in (p, q))
    return int((ours & theirs).sum())


def _parted(patches: Sequence[Patch | None]) -> tuple[list[Patch | None], tuple[str, ...]]:
    """Shapes of many pieces as a particle each piece, and what to say."""
    out: list[Patch | None] = []
    n_shapes = n_pieces = n_whole = 0
    alone = sum(p is not None for p in patches) == 1
    for p in patches:
        parts = [] if p is None else _considerable(p)
        if len(parts) >= (2 if alone else LEAST_PIECES):
            n_shapes, n_pieces = n_shapes + 1, n_pieces + len(parts)
            out += [replace(part, name=p.name) for part in parts if p is not None]
        else:
            n_whole += len(parts) > 1
            out.append(p)
    said: tuple[str, ...] = ()
    if n_shapes:
        said += (f"{count(n_shapes, 'shape consists', 'shapes consist')} of {n_pieces} pieces; each piece is taken as a particle",)
    if n_whole:
        said += (f"{count(n_whole, 'shape is', 'shapes are')} in two or three pieces; each shape is taken as one particle",)
    return out, said


def _considerable(p: Patch) -> list[Patch]:
    """Its pieces, without specks."""
    numbered, n = scipy.ndimage.label(p.mask, _EIGHT)
    if n < 2:
        return [p]
    areas = np.bincount(numbered.ravel())[1:]
    boxes = scipy.ndimage.find_objects(numbered)
    found = []
    for k in np.flatnonzero(areas >= _LEAST_SHARE * areas.max()).tolist():
        y, x = boxes[k]
        part = trimmed(Patch(p.y0 + y.start, p.x0 + x.start, numbered[y, x] == k + 1))
        if part is not None:
            found.append(part)
    return found
