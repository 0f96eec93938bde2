"""Masks and what they may mean: dark on light, drawn as rings, with smoothed edges; and holes in labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from skimage import measure

from .drawn import count

_EIGHT = np.ones((3, 3), bool)
_MOST_HULLS = 200  # of the largest pieces; more would tell no more
_COMPACT = 0.85  # of its convex hull that a particle fills; what is left between touching particles fills less
_BULK = 0.9  # of one value's pixels in one piece: a ground
_FULL = 0.8  # of its convex hull that a ring with its hole filled must fill
_THIN_PX, _EVEN = 4, 0.8  # a wall this thin, or nearly as wide on average as where it is widest, is a ring: a loop of discs is 0.7
_SMALL_HOLE = 0.05  # of the piece's area: a flaw of the mask


def is_inverted(high: NDArray[np.bool_]) -> bool | None:
    """Whether the lower of a mask's two values marks the particles: the higher is one piece that runs along the frame, and what it
    surrounds is compact. None where it is such a piece, of more than half of the picture, and what it surrounds is not compact."""
    low_pieces, n_low = scipy.ndimage.label(~high, _EIGHT)
    high_pieces, n_high = scipy.ndimage.label(high, _EIGHT)
    if not n_low or not n_high or np.bincount(low_pieces.ravel())[1:].max() > high.size / 2:
        return False
    areas = np.bincount(high_pieces.ravel())
    areas[np.setdiff1d(np.arange(n_high + 1), _border(high_pieces))] = 0  # what rings surround is not the ground
    areas[0] = 0
    ground = high_pieces == int(np.argmax(areas))
    along = float(_border(ground).mean()) if areas.any() else 0.0
    if areas.max() < _BULK * areas.sum() or along < 0.5 or (n_low == 1 and along < 1):
        return False
    if _compactness(low_pieces) >= _COMPACT:
        return True
    return None if high.mean() > 0.5 and n_low >= 3 else False


def _border(picture: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]])


def _compactness(pieces: NDArray[np.int32]) -> float:
    """Share of their convex hulls that the pieces fill, holes filled; by the largest of them."""
    areas = np.bincount(pieces.ravel())[1:]
    chosen = np.argsort(-areas)[:_MOST_HULLS] + 1
    few = np.where(np.isin(pieces, chosen), pieces, 0) if len(areas) > _MOST_HULLS else pieces
    found = [(float(r.area_filled), float(r.area_convex)) for r in measure.regionprops(few) if r.area >= 3]
    hulls = sum(hull for _, hull in found)
    return sum(area for area, _ in found) / hulls if hulls else 1.0


def filled(pieces: NDArray[np.int32]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Pieces with their holes filled, where these are flaws, or the piece is an outline drawn as a ring: filled, it is convex.
    Others, such as the ground inside a loop of touching particles, and holes with another piece in them stay. And what to say."""
    holes, owner = _holes(pieces)
    if not len(owner):
        return pieces, ()
    out = pieces.copy()
    boxes = scipy.ndimage.find_objects(pieces)
    n_filled = n_left = 0
    for label in np.unique(owner).tolist():
        box = boxes[label - 1]
        own = pieces[box] == label
        inner = np.isin(holes[box], np.flatnonzero(owner == label) + 1)
        area, added = int(own.sum()), int(inner.sum())
        whole = own | inner
        if added > _SMALL_HOLE * area and not (_compactness(whole.astype(np.int32)) >= _FULL and _is_ring(own, whole)):
            n_left += 1
            continue
        n_filled += 1
        out[box][inner] = label
    said: tuple[str, ...] = ()
    if n_filled:
        said += (f"holes in {count(n_filled, 'piece', 'pieces')} of the mask are filled",)
    if n_left:
        said += (f"{count(n_left, 'piece has', 'pieces have')} holes that are left, as around touching particles",)
    return out, said


def _is_ring(own: NDArray[np.bool_], whole: NDArray[np.bool_]) -> bool:
    """Whether a piece is a wall of one width, as opposed to particles that touch each other in a loop."""
    widest = 2 * float(scipy.ndimage.distance_transform_edt(np.pad(own, 1)).max()) - 1  # pixel centre to centre, and one pixel more
    length = (float(measure.perimeter(np.pad(whole, 1))) + float(measure.perimeter(np.pad(whole & ~own, 1)))) / 2
    return widest <= _THIN_PX or own.sum() >= _EVEN * widest * length


def with_holes(labels: NDArray[np.int32]) -> tuple[str, ...]:
    """What to say of labels with holes, which stay."""
    holes, owner = _holes(labels)
    if not len(owner):
        return ()
    areas = np.bincount(labels.ravel())
    sizes = np.bincount(holes.ravel(), minlength=len(owner) + 1)[1:]
    n = len(np.unique(owner[sizes > _SMALL_HOLE / 2 * areas[owner]]))
    return (
        (f"{count(n, 'particle has', 'particles have')} holes, which do not count as area; fill them if they are flaws",)
        if n
        else ()
    )


def _holes(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Holes numbered 1 ... n, and the label that each lies in: ground that meets neither the frame nor a second label."""
    ground, n = scipy.ndimage.label(labels == 0)
    enclosed = np.ones(n + 1, bool)
    enclosed[_border(ground)] = enclosed[0] = False
    ground = np.where(enclosed[ground], ground, 0)
    if not ground.any():
        return ground, np.zeros(0, np.intp)
    pairs = []  # of ground and label that meet, as one number
    top = int(labels.max()) + 1
    for a, b in (
        (ground[:-1], labels[1:]),
        (ground[1:], labels[:-1]),
        (ground[:, :-1], labels[:, 1:]),
        (ground[:, 1:], labels[:, :-1]),
    ):
        meet = (a > 0) & (b > 0)
        pairs.append(a[meet].astype(np.int64) * top + b[meet])
    number, owner = np.divmod(np.unique(np.concatenate(pairs)), top)
    holes, first, times = np.unique(number, return_index=True, return_counts=True)
    single = times == 1
    new = np.zeros(n + 1, np.int32)
    new[holes[single]] = np.arange(1, single.sum() + 1)
    return new[ground], owner[first[single]].astype(np.intp)


def smooth_edged(values: NDArray[Any], found: NDArray[Any]) -> bool:
    """Whether a picture is a mask with grey edges, as resizing and drawing programs make it: nearly all pixels have one of two
    values, and what lies between these are specks."""
    if len(found) < 4 or values.dtype.kind not in "iu":
        return False
    between = (values != found[0]) & (values != found[-1])
    if between.mean() > 0.2 or not (values == found[0]).any():
        return False
    some = found[1:-1][:40]
    seen = np.where(np.isin(values, some), values, 0)
    n_pieces = int(measure.label(seen, background=0, connectivity=2, return_num=True)[1])
    return bool(n_pieces >= 2 * len(some) and np.count_nonzero(seen) < 6 * n_pieces)


def surrounding(values: NDArray[Any]) -> int | None:
    """The value that surrounds all others: the commonest, on at least half of the frame. None where there is none."""
    found, counts = np.unique(values, return_counts=True)
    commonest = found[int(np.argmax(counts))]
    fits = float((_border(values) == commonest).mean()) >= 0.5 and counts.max() >= 0.2 * values.size
    return int(commonest) if fits else None
