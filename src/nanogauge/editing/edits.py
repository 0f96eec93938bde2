"""What a person does to labels: pure functions from labels (H, W) and a gesture to a Patch. Nothing here changes its input.

Coordinates of gestures are those of the picture, (y, x) with pixel centres at integers. Pixels of other particles are never
taken, so that mending one particle spoils no other. A gesture that does nothing raises EditError with what to do instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.errors import EditError
from ..results.interchange.shapes import fill
from .patches import Labels, Patch, patch_between

Points = NDArray[np.float64]

LEAST_PIXELS = 9  # a smaller piece is a slip of the hand
_GAP_PX = 2  # between two halves of one particle that were found apart
_WIDEST_GAP = 0.25  # of the smaller part's diameter, that is bridged when particles are merged
_EDGE_TO_EDGE = 0.75  # of the way through a particle, from which on a stroke is meant to cut it
_IN_PARTS = "so they would be one particle in several parts: paint what is missing, or join them all the same with Shift M"
_MOST_PAINTED = 300_000_000  # pixels looked at for one stroke: some seconds
_LEFT_OVER_PX = 3.0  # how far beyond its ends a stroke is prolonged to leave the particle


def delete(labels: Labels, chosen: Sequence[int]) -> Patch:
    """Particles removed. Raises EditError where none of them is there."""
    y, x, window = window_of(labels, chosen)
    after = np.where(np.isin(window, list(chosen)), 0, window)
    return patch_of(window, after, (y, x), "choose the particles to delete first")


def merge(labels: Labels, chosen: Sequence[int], *, apart: bool = False) -> Patch:
    """Particles joined into the one of the smallest number: gaps between them are bridged, holes that they enclose together filled.

    apart: join them even where the gap is wide, or another particle lies in it; the particle is in several parts then. Else
    EditError is raised, as such a particle is measured as no shape that is there.
    """
    wanted = sorted({int(c) for c in chosen})
    if len(wanted) < 2:
        raise EditError("choose two or more particles to merge: hold Shift and click them")
    y, x, window = window_of(labels, wanted, margin=2 * _GAP_PX + 1)
    each = [window == label for label in wanted]
    member = np.any(each, axis=0)
    if sum(bool(mask.any()) for mask in each) < 2:
        raise EditError("only one of these particles is still there: choose them again")
    joined = _joined(member, window == 0, apart=apart)
    own_holes = np.any([ndimage.binary_fill_holes(mask) & ~mask for mask in each], axis=0)
    joined |= ndimage.binary_fill_holes(joined) & (window == 0) & ~own_holes
    return patch_of(window, np.where(joined, np.int32(wanted[0]), window), (y, x), "nothing to merge")


def split(labels: Labels, stroke: Points, *, next_label: int, only: Sequence[int] = ()) -> Patch:
    """Particles that the stroke (n, 2) crosses from edge to edge are cut along it; the largest piece keeps the number.

    One that it only reaches into, as by overshooting, is left alone; where it crosses none, the one that it crosses most is cut,
    the stroke being prolonged in its direction. only: cut these, however far the stroke reaches into them, and no others
    """
    if len(stroke) < 2:
        raise EditError("draw a line across the particle to split it")
    crossed = np.unique(labels[_box_of(stroke, labels.shape, margin=8)])
    crossed = crossed[(crossed > 0) & (np.isin(crossed, list(only)) if only else True)]
    if not crossed.size:
        raise EditError("the line crosses no particle: draw it across the one to split")
    y, x, window = window_of(labels, crossed.tolist())
    after = window.copy()
    for label in crossed.tolist() if only else _meant(window, stroke - (y, x), crossed.tolist()):
        pieces = _cut(window == label, stroke - (y, x))
        for mask in pieces[1:]:
            after[mask] = next_label
            next_label += 1
    return patch_of(window, after, (y, x), "the line does not cut a particle in two: draw it from edge to edge")


def redraw(labels: Labels, label: int, outline: Points) -> Patch:
    """A particle's outline replaced by a drawn one (n, 2)."""
    mask, corner = _filled(outline, labels.shape)
    y, x, window = window_of(labels, [label], also=(*corner, corner[0] + mask.shape[0], corner[1] + mask.shape[1]))
    drawn = np.zeros(window.shape, bool)
    drawn[corner[0] - y : corner[0] - y + mask.shape[0], corner[1] - x : corner[1] - x + mask.shape[1]] = mask
    free = drawn & ((window == 0) | (window == label))
    if free.sum() < LEAST_PIXELS:
        raise EditError("the outline lies on other particles or covers hardly a pixel: draw it around the particle")
    after = np.where(window == label, 0, window)
    after[free] = label
    return patch_of(window, after, (y, x), "the outline is as it was")


def move_outline(labels: Labels, label: int, was: Points, now: Points) -> Patch:
    """A particle's outline moved from where it `was` to `now`, both (n, 2): where the two agree, every pixel stays as it is, holes
    included. Raises EditError where hardly a pixel would be left."""
    y, x, window = window_of(labels, [label], also=_span(np.vstack([was, now]), labels.shape))
    before, after = (_covered(ring - (y, x), window.shape) for ring in (was, now))
    changed = window.copy()
    changed[before & ~after & (window == label)] = 0
    changed[after & ~before & (window == 0)] = label
    if (changed == label).sum() < LEAST_PIXELS:
        raise EditError("hardly anything would be left of the particle: delete it instead")
    return patch_of(window, changed, (y, x), "no pixel lies between the old outline and the new one: move it farther")


def add_polygon(labels: Labels, outline: Points, *, next_label: int) -> Patch:
    """A new particle within a drawn outline (n, 2)."""
    mask, corner = _filled(outline, labels.shape)
    return add_mask(labels, mask, corner, next_label=next_label)


def add_mask(labels: Labels, mask: NDArray[np.bool_], corner: tuple[int, int], *, next_label: int) -> Patch:
    """A new particle of a mask (h, w) at `corner` (y, x), where no other lies."""
    window = labels[corner[0] : corner[0] + mask.shape[0], corner[1] : corner[1] + mask.shape[1]]
    free = mask & (window == 0)
    if free.sum() < LEAST_PIXELS:
        where = "there is a particle already" if (mask & (window > 0)).any() else "the outline holds hardly a pixel"
        raise EditError(f"{where}: draw around a particle that is missing, or redraw the one that is there")
    return patch_of(window, np.where(free, np.int32(next_label), window), corner, "nothing was added")


def brush(labels: Labels, stroke: Points, *, radius_px: float, next_label: int, label: int = 0) -> Patch:
    """Paints a stroke (n, 2) of a round brush onto a particle; label 0: a new one."""
    mask, corner = painted(stroke, radius_px, labels.shape)
    window = labels[corner[0] : corner[0] + mask.shape[0], corner[1] : corner[1] + mask.shape[1]]
    free = mask & (window == 0)
    if not label and free.sum() < LEAST_PIXELS:
        raise EditError("there is already a particle here: start inside it to enlarge it")
    after = np.where(free, np.int32(label or next_label), window)
    return patch_of(window, after, corner, "the brush changed nothing here")


def erase(labels: Labels, stroke: Points, *, radius_px: float, next_label: int, only: Sequence[int] = ()) -> Patch:
    """Takes a stroke of a round brush away from particles; one that falls apart becomes several, crumbs are dropped."""
    mask, corner = painted(stroke, radius_px, labels.shape)
    small = labels[corner[0] : corner[0] + mask.shape[0], corner[1] : corner[1] + mask.shape[1]]
    hit = np.unique(small[mask])
    hit = hit[(hit > 0) & (np.isin(hit, list(only)) if only else True)]
    if not hit.size:
        raise EditError("the brush touched no particle: start on the one to take pixels from")
    y, x, window = window_of(labels, hit.tolist(), also=(*corner, corner[0] + mask.shape[0], corner[1] + mask.shape[1]))
    gone = np.zeros(window.shape, bool)
    gone[corner[0] - y : corner[0] - y + mask.shape[0], corner[1] - x : corner[1] - x + mask.shape[1]] = mask
    after = window.copy()
    for label in hit.tolist():
        after[window == label] = 0
        for k, piece in enumerate(_pieces((window == label) & ~gone)):
            after[piece] = label if k == 0 else next_label
            next_label += k > 0
    return patch_of(window, after, (y, x), "the brush changed nothing here")


def _joined(member: NDArray[np.bool_], free: NDArray[np.bool_], *, apart: bool) -> NDArray[np.bool_]:
    """The members with what is free between them. Raises EditError where that leaves them in several parts, unless `apart`."""
    joined = member | (_closed(member, _GAP_PX) & free)
    parts, n = ndimage.label(joined, structure=np.ones((3, 3)))
    while n > 1 and not apart:
        area = np.bincount(parts.ravel(), minlength=n + 1)
        largest = int(area[1:].argmax()) + 1
        far = ndimage.distance_transform_edt(parts != largest)
        gaps = ndimage.minimum(far, parts, range(1, n + 1)) - 1
        gaps[largest - 1] = np.inf
        other, gap = int(gaps.argmin()) + 1, float(gaps.min())
        if gap > _WIDEST_GAP * 2 * np.sqrt(area[other] / np.pi):
            raise EditError(f"they lie {gap:.0f} px apart, {_IN_PARTS}")
        pair = (parts == largest) | (parts == other)
        bridged = pair | (_closed(pair, int(np.ceil(gap)) + 1) & free)
        if ndimage.label(bridged, structure=np.ones((3, 3)))[1] > 1:
            raise EditError(f"another particle lies between them, {_IN_PARTS}")
        joined |= bridged
        parts, n = ndimage.label(joined, structure=np.ones((3, 3)))
    return joined


def disc(radius: int) -> NDArray[np.uint8]:
    """A round structuring element."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def _closed(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    padded = np.pad(mask.astype(np.uint8), radius)  # so that what lies at the rim is treated as elsewhere
    return np.asarray(cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disc(radius))[radius:-radius, radius:-radius] > 0)


def _meant(window: Labels, stroke: Points, crossed: list[int]) -> list[int]:
    """Of the particles under a stroke those that are meant: it runs through them (nearly) from edge to edge; else the one of which
    it runs through most."""
    share = {}
    for label in crossed:
        mask = window == label
        under = _inside(stroke, mask)
        if under:
            share[label] = under / max(_inside(_prolonged(stroke, mask), mask), 1)
    through = [label for label, s in share.items() if s >= _EDGE_TO_EDGE]
    return through or sorted(share, key=lambda label: -share[label])[:1]


def _inside(line: Points, mask: NDArray[np.bool_]) -> int:
    """How many points of a line (n, 2), one every half px, lie in a mask."""
    n = 0
    for a, b in pairwise(line):
        steps = max(int(np.ceil(2 * np.hypot(*(b - a)))), 1)
        at = np.rint(a + np.linspace(0, 1, steps, endpoint=False)[:, None] * (b - a)).astype(int)
        within = ((at >= 0) & (at < mask.shape)).all(1)
        n += int(mask[at[within, 0], at[within, 1]].sum())
    return n


def patch_of(before: Labels, after: NDArray[np.integer], corner: tuple[int, int], nothing: str) -> Patch:
    """The patch between two windows at `corner` (y, x). Raises EditError with `nothing` where they agree."""
    patch = patch_between(before, np.asarray(after, np.int32), offset=corner)
    if patch is None:
        raise EditError(nothing)
    return patch


def window_of(
    labels: Labels, chosen: Sequence[int], *, margin: int = 0, also: tuple[int, int, int, int] | None = None
) -> tuple[int, int, Labels]:
    """Corner and view of the box that holds all the particles chosen. Raises EditError where none is there."""
    member = np.isin(labels, list(chosen)) if len(chosen) > 1 else labels == (chosen[0] if chosen else -1)
    rows, columns = np.flatnonzero(member.any(1)), np.flatnonzero(member.any(0))
    if not rows.size:
        raise EditError("this particle is no longer there: it was changed in another window")
    y0, x0, y1, x1 = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    if also is not None:
        y0, x0, y1, x1 = min(y0, also[0]), min(x0, also[1]), max(y1, also[2]), max(x1, also[3])
    h, w = labels.shape
    y0, x0, y1, x1 = max(y0 - margin, 0), max(x0 - margin, 0), min(y1 + margin, h), min(x1 + margin, w)
    return y0, x0, labels[y0:y1, x0:x1]


def _box_of(points: Points, shape: tuple[int, ...], *, margin: float) -> tuple[slice, slice]:
    low, high = np.floor(points.min(0) - margin), np.ceil(points.max(0) + margin) + 1
    (y0, x0), (y1, x1) = np.clip(low, 0, shape).astype(int).tolist(), np.clip(high, 0, shape).astype(int).tolist()
    return np.s_[y0:y1, x0:x1]


def _span(points: Points, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    rows, columns = _box_of(points, shape, margin=1)
    return rows.start, columns.start, rows.stop, columns.stop


def _covered(outline: Points, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(H, W) True within an outline (n, 2)."""
    out = np.zeros(shape, bool)
    patch = fill([outline + 0.5], (shape[0], shape[1]))
    if patch is not None:
        h, w = patch.mask.shape
        out[patch.y0 : patch.y0 + h, patch.x0 : patch.x0 + w] = patch.mask
    return out


def _filled(outline: Points, shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    if len(outline) < 3:
        raise EditError("an outline needs three points or more: draw around the whole particle")
    patch = fill([outline + 0.5], (shape[0], shape[1]))  # fill() puts pixel corners at whole numbers
    if patch is None:
        raise EditError("the outline covers no pixel of the picture: draw around the whole particle")
    return patch.mask, (patch.y0, patch.x0)


def painted(stroke: Points, radius_px: float, shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """Pixels whose centre lies within radius_px of the stroke."""
    reach = max(radius_px, 0.5)
    rows, columns = _box_of(stroke, shape, margin=reach)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        raise EditError("the stroke lies outside the picture")
    within = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
    ends = stroke[1:] if len(stroke) > 1 else stroke
    work = 0
    for a, b in zip(stroke[: len(ends)], ends, strict=True):
        own = _box_of(np.array([a, b]), shape, margin=reach)  # only what this piece of the stroke can reach
        y, x = np.ogrid[own]
        if not y.size or not x.size:
            continue
        work += y.size * x.size
        if work > _MOST_PAINTED:
            raise EditError("the stroke is too long for so large a brush: draw it in pieces")
        d = b - a
        t = np.clip(((y - a[0]) * d[0] + (x - a[1]) * d[1]) / max(float(d @ d), 1e-12), 0, 1)
        part = within[
            own[0].start - rows.start : own[0].stop - rows.start, own[1].start - columns.start : own[1].stop - columns.start
        ]
        part |= (y - a[0] - t * d[0]) ** 2 + (x - a[1] - t * d[1]) ** 2 <= reach**2
    return within, (rows.start, columns.start)


def _pieces(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Connected pieces of a mask, the largest first, crumbs left out."""
    found, n = ndimage.label(mask)
    area = np.bincount(found.ravel(), minlength=n + 1)[1:]
    order = np.argsort(-area, kind="stable")
    return [found == i + 1 for k, i in enumerate(order) if area[i] >= LEAST_PIXELS or k == 0]


def _cut(mask: NDArray[np.bool_], stroke: Points) -> list[NDArray[np.bool_]]:
    """The mask cut along the stroke, largest piece first; its pixels under the stroke go to the nearest piece."""
    line = _prolonged(stroke, mask)
    drawn = np.zeros(mask.shape, np.uint8)
    corners = np.round(line[:, ::-1] * 16).astype(np.int32).reshape(-1, 1, 2)
    # 4-connected on purpose: an 8-connected line would let a diagonal neighbour slip through, so it is drawn 2 px wide
    cv2.polylines(drawn, [corners], False, 1, 2, cv2.LINE_8, shift=4)
    under = mask & (drawn > 0)
    found, n = ndimage.label(mask & ~under)
    area = np.bincount(found.ravel(), minlength=n + 1)[1:]
    kept = [i + 1 for i in np.argsort(-area, kind="stable") if area[i] >= LEAST_PIXELS]
    if len(kept) < 2:
        return [mask]
    seeds = np.where(np.isin(found, kept), found, 0)
    index = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    nearest = np.where(mask, seeds[tuple(index)], 0)
    return [nearest == i for i in kept]


def _prolonged(stroke: Points, mask: NDArray[np.bool_]) -> Points:
    """The stroke with both ends moved on in their direction while they lie within the mask."""
    reach = float(np.hypot(*mask.shape))

    def inside(p: Points) -> bool:
        y, x = (round(float(v)) for v in p)
        return 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and bool(mask[y, x])

    def end(tip: Points, before: Points) -> Points:
        step = tip - before
        length = float(np.hypot(*step))
        if length < 1e-9:
            return tip
        step, gone, at = step / length, 0.0, tip
        while inside(at) and gone < reach:
            at, gone = at + step, gone + 1
        return at + _LEFT_OVER_PX * step

    back = min(len(stroke) - 1, 4)
    head, tail = end(stroke[0], stroke[back]), end(stroke[-1], stroke[-1 - back])
    return np.vstack([head[None], stroke, tail[None]])
