"""The true edge: where the grey level changes most steeply along the particles' own normals.

labels ──nodes──▶ outlines ──grey levels along normals──▶ bands ──closed path──▶ shifts, smooth ──raster──▶ labels, map
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...core.cpu import each
from .bands import GAP_PX, PRIOR_PX, STATES, STEPS, Bands, Own, bands_of, mean_slopes, median_shift, own_edges, usual_sign
from .frame import Sides, ruled_sides
from .levels import LEAST_BLUR_PX, smoothed, vertex
from .nodes import F32, Nodes, outlines_of
from .path import closed_paths
from .raster import LEAST_WIDTH_PX, Moved, rasterised

_FAINT = 0.12  # of the micrograph's median slope at the edge: fainter, it is none
_WIDER = (1.0, 2.0, 4.0)  # bands as wide as in a sharp picture, then wider, until the edges lie within
# share of particles whose mean slope is more than half as steep still where the band ends, from which on edges are wider than the
# band: as in a sharp picture; wider (that they are blurred is known then, and all are alike)
_OPEN, _OPEN_BLURRED = 0.7, 0.25
# times what noise adds to the smoothing, and as many times as the band is wider, by which a blurred picture is smoothed more
_SMOOTHER = 1.0
_PULL, _PULL_PX, _STEP_COST = 0.5, 2.0, 0.35
_GAP, _STAYS_PX = (0.1, 0.3), 0.25  # where two particles touch: how steep a gap must be, and how far a wall must move to be moved
_CROWDED = 0.25  # share of an outline at an edge that is clear, from which the particle shows one, if others leave it no free side
_LEAN, _LEAN_RIM, _LEAN_MOST = 1.3, 0.75, 0.55  # px per px by which the slope is wider inwards, or narrower: see `_lean`
_LEAN_SOFT = 0.38  # half width over radius: in softer particles the other side of the body shows, and flat ones look like spheres
_LEAST_SOFT_PX = 4.0  # radius: any edge is as wide as half of it, or so, in smaller particles
_SMOOTH_PX = 2.0  # along the outline, standard deviation
_TO_MEAN = 0.03  # weight of the particle's mean shift beside that of a clear edge
_FWHM = 2.3548
_WIDTHS = 1.25  # half the map's ramp over the edge's standard deviation: probability 0.7 and 0.3 half of it apart


@dataclass(frozen=True, slots=True)
class Edged:
    """Labels (H, W) and a map (H, W) that is 0.5 on the outlines, falling over the width of the edge.

    shift_px: (largest label + 1,) how far each particle's outline moved outwards on average, by label
    seen: the same, False where the particle shows no edge of its own and moved as the others did
    soft: half width of the particles' edges over their radius, outwards, in the median of those of 8 px across and more; NaN where
        none is seen
    """

    labels: NDArray[np.int32]
    foreground: F32
    shift_px: NDArray[np.float64]
    seen: NDArray[np.bool_]
    soft: float = math.nan

    @property
    def edgeless(self) -> frozenset[int]:
        """The labels that show no edge."""
        return frozenset(np.flatnonzero(~self.seen).tolist())

    @property
    def mean_shift_px(self) -> float:
        """Of all particles, 0 where there are none."""
        present = np.flatnonzero(np.bincount(self.labels.ravel())[1:]) + 1
        return float(self.shift_px[present].mean()) if present.size else 0.0


@dataclass(frozen=True, slots=True)
class TypicalEdge:
    """What the particles of a picture have in common, by which the edge of each is sought.

    blur_px: by which the picture is smoothed; sign: 1 where grey levels fall outwards; expected_px: where the edge is looked for
    outside the outline, shift_px: where it is in the median; height: slope there; lean: as in `_lean`, None where not yet known;
    wider: how many times as far as in a sharp picture it is sought; more_px: by which it is smoothed more then; soft: as in `Edged`
    """

    blur_px: float
    sign: float
    expected_px: float
    shift_px: float
    height: float
    lean: float | None
    wider: float
    more_px: float
    soft: float = math.nan


def true_edge(
    labels: NDArray[np.int32],
    pixels: NDArray[Any],
    foreground: NDArray[np.floating[Any]] | None = None,
    *,
    frame: tuple[int, int, int, int] | None = None,
    typical: TypicalEdge | None = None,
) -> Edged:
    """Moves each particle's outline to where the grey level changes most steeply along its own normals.

    labels: (H, W), 0 = background; pixels: (H, W) grey levels; foreground: (H, W), kept beyond the particles
    frame: (y0, x0, y1, x1) of what is picture
    typical: of the whole picture, where these pixels are a part of it; None: as it shows in these

    A particle's edge is a rise or a fall of the grey level as in the mean over its own outline, else over the micrograph's. Its
    place is the cheapest closed path through the band of slopes, to a fraction of a pixel, smooth along the outline. Stretches
    where a neighbour touches or contrast is lost follow the rest of the outline; a particle without an edge moves by the
    micrograph's median shift. The band reaches up to 5 px or a fifth of the radius from the outline, less for small particles, two
    or four times as far where most edges are wider than that, and ends halfway to a neighbour. The steepest place of a disc's edge
    blurred by σ lies σ²/2r inside it, which is corrected for.

    Raises ValueError for shapes that do not fit.
    """
    if labels.ndim != 2 or pixels.shape != labels.shape or (foreground is not None and foreground.shape != labels.shape):
        raise ValueError(f"labels, pixels and foreground must be (H, W) of one shape, got {labels.shape} and {pixels.shape}")
    y0, x0, y1, x1 = frame or (0, 0, *labels.shape)
    window = np.s_[y0:y1, x0:x1]
    n = int(labels.max(initial=0)) + 1
    shift, seen = np.zeros(n), np.ones(n, bool)
    out = labels.astype(np.int32, copy=True)
    known = None if foreground is None else np.asarray(foreground, np.float32)
    field, soft = (labels > 0).astype(np.float32) if known is None else known.copy(), math.nan
    within = np.ascontiguousarray(out[window])
    groups = list(outlines_of(within))
    if groups:
        picture = np.asarray(pixels[window], np.float32)
        grey, blur = smoothed(picture, _radius(groups), by=None if typical is None else typical.blur_px)
        sought = _sought([_Part(groups, grey, _halves(within), ruled_sides(picture))], blur, typical)
        paths = _paths(sought)
        lean = _lean(sought, paths) if sought.typical.lean is None else sought.typical.lean
        soft = _soft(sought, paths)
        moved = [_placed(b, p, lean, shift, seen) for b, p in zip(sought.bands, paths, strict=True)]
        out[window], field[window] = rasterised(within, None if known is None else known[window], moved)
    return Edged(out, field, shift, seen, soft)


def _halves(labels: NDArray[np.int32]) -> F32:
    """(H, W) the label that is nearest, its own on a particle."""
    background = (labels == 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(background, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    of = np.zeros(int(nearest.max()) + 1, np.float32)
    inside = background == 0
    of[nearest[inside]] = labels[inside]
    return np.asarray(of.take(nearest, mode="clip"), np.float32)  # not to look for indices out of bounds: half the time


def typical_edge(parts: Iterable[tuple[NDArray[np.int32], NDArray[Any]]]) -> TypicalEdge | None:
    """What is typical of the edges in parts of a picture, labels and grey levels (h, w) each; None where they hold no particle."""
    sought, blurs = list[_Part](), list[float]()
    for labels, pixels in parts:
        groups = list(outlines_of(labels))
        if groups:
            grey, blur = smoothed(np.asarray(pixels, np.float32), _radius(groups))
            sought.append(_Part(groups, grey, _halves(labels)))
            blurs.append(blur)
    if not sought:
        return None
    found = _sought(sought, float(np.median(blurs)), None)
    paths = _paths(found)
    return replace(found.typical, lean=_lean(found, paths), soft=_soft(found, paths))


def _radius(groups: Sequence[Nodes]) -> float:
    return float(np.median(np.concatenate([g.radius for g in groups])))


class _Part(NamedTuple):
    """A picture, or a part of one: outlines, smoothed grey levels (h, w), the particle that is nearest (h, w), ruled borders."""

    groups: Sequence[Nodes]
    grey: F32
    halves: F32
    ruled: Sides = (False,) * 4


class _Sought(NamedTuple):
    """Bands that hold the edges, each with its mean slopes and what edge its particles show; and what is typical of all."""

    bands: list[Bands]
    means: list[tuple[F32, F32]]
    own: list[Own]
    typical: TypicalEdge


def _sought(parts: Sequence[_Part], blur: float, typical: TypicalEdge | None) -> _Sought:
    """Bands as wide as the edges ask for. Outlines of a blurred particle lie outside its edge, as far as the edge is wide."""
    if typical is not None:
        return _sought_as(parts, blur, typical, typical.wider)
    for wider in _WIDER:
        found = _sought_as(parts, blur, None, wider)
        if not _open(found):
            break
    return found


def _sought_as(parts: Sequence[_Part], blur: float, typical: TypicalEdge | None, wider: float) -> _Sought:
    more = typical.more_px if typical else _more_blur(blur, wider)

    def bands_in(part: _Part) -> list[Bands]:
        grey = np.asarray(cv2.GaussianBlur(part.grey, (0, 0), more), np.float32) if more else part.grey
        return each(lambda g: bands_of(g, grey, part.halves, part.ruled, wider), part.groups)

    bands = [b for part in parts for b in bands_in(part)]
    means = each(lambda b: mean_slopes(b, blur), bands)
    typical = typical or _typical(bands, means, blur, more)
    return _Sought(bands, means, _own(bands, means, typical.sign, typical.expected_px), typical)


def _more_blur(blur: float, wider: float) -> float:
    """By how many px more a blurred picture is smoothed where it is noisy: the network's outline follows the noise, and so would
    the edge."""
    return _SMOOTHER * (blur - LEAST_BLUR_PX) * wider if wider > 1 else 0.0


def _open(sought: _Sought) -> bool:
    """Whether most edges are wider than their band: the mean slope is still more than half of the steepest where it ends."""
    ends = []
    for (mean, error), own in zip(sought.means, sought.own, strict=True):
        steep = own.sign[:, None] * mean[:, [0, -1]] > own.height[:, None] / 2
        known: NDArray[np.bool_] = steep & np.isfinite(error[:, [0, -1]])
        ends.append(known[own.seen].any(axis=1))
    at_end = np.concatenate(ends)
    return bool(at_end.size) and float(at_end.mean()) > (_OPEN if sought.typical.wider == 1 else _OPEN_BLURRED)


def _typical(bands: Sequence[Bands], means: Sequence[tuple[F32, F32]], blur: float, more: float) -> TypicalEdge:
    """All but the lean, which shows along the paths."""
    sign = usual_sign(bands, means)
    found = [own_edges(b, *m, sign=sign, centre=0.0, spread=PRIOR_PX) for b, m in zip(bands, means, strict=True)]
    expected = median_shift(found, bands)
    found = _own(bands, means, sign, expected)
    strong = np.concatenate([f.height[f.seen] for f in found])
    height = float(np.median(strong)) if strong.size else math.inf
    return TypicalEdge(blur, sign, expected, median_shift(found, bands), height, lean=None, wider=bands[0].wider, more_px=more)


def _own(bands: Sequence[Bands], means: Sequence[tuple[F32, F32]], sign: float, expected_px: float) -> list[Own]:
    return [own_edges(b, *m, sign=sign, centre=expected_px, spread=PRIOR_PX / 2) for b, m in zip(bands, means, strict=True)]


def _paths(sought: _Sought) -> list[_Path]:
    typical = sought.typical

    def path(of: tuple[Bands, Own]) -> _Path:
        b, f = of
        return _path(b, f, f.seen & (f.height >= _FAINT * typical.height), typical.shift_px, typical.height)

    return each(path, zip(sought.bands, sought.own, strict=True))


@dataclass(slots=True)
class _Path:
    """A group's paths. along, there, place: (p, n) shift in px, slope there over the particle's own, shift where nothing is seen;
    inner, outer: (p,) half widths of the edge in px; seen, whole: (p,) whether an edge is, and to its half on both sides."""

    along: F32
    there: F32
    place: F32
    inner: F32
    outer: F32
    seen: NDArray[np.bool_]
    whole: NDArray[np.bool_]


def _path(b: Bands, own: Own, sees: NDArray[np.bool_], centre: float, usual_height: float) -> _Path:
    at, half = b.at, b.step * STEPS
    usual = np.clip(centre, -0.6 * half, 0.6 * half)
    # where a neighbour touches there is no reason to move, but for a gap that shows
    place = np.where(b.wall, 0, np.where(sees, own.place, usual)[:, None])
    scale = np.where(sees, own.sign / np.maximum(own.height, 1e-9), own.sign / usual_height)
    relative = np.where(b.valid, b.slope, 0) * scale[:, None, None].astype(np.float32)
    relative = _smoothed_along(relative)
    pull = (at[:, None] - place[..., None]).astype(np.float32, copy=False)  # in place from here on: pages cost more than sums
    pull /= np.where(b.wall, GAP_PX, np.minimum(half, b.wider * _PULL_PX)[:, None])[..., None]
    pull *= pull
    pull *= _PULL
    cost = np.clip(relative, -0.5, 1.5)
    np.subtract(pull, cost, out=cost)
    cost[~b.valid] += 1
    cost[b.cut] = pull[b.cut]
    k = closed_paths(cost, np.full(len(at), _STEP_COST, np.float32))
    off = vertex(relative, k)
    along = (k - STEPS + off) * b.step[:, None]
    there = np.clip(np.take_along_axis(relative, k[..., None], -1)[..., 0], 0, 1)
    there[b.cut] = 0
    # a gap falls and rises again; where one particle lies on another, the grey level only falls
    rises = -(b.slope[b.wall] * np.repeat(scale, b.wall.sum(axis=1))[:, None] * _beyond(b)[np.nonzero(b.wall)[0]]).min(axis=1)
    there[b.wall] = np.clip((np.minimum(there[b.wall], rises) - _GAP[0]) / (_GAP[1] - _GAP[0]), 0, 1)
    inner, outer, whole = _half_widths(relative, k, off, (there > 0.3) & ~b.at_frame)
    seen = sees | ((there > 0.5).mean(axis=1) > _CROWDED)
    return _Path(along.astype(np.float32), there, place.astype(np.float32), inner * b.step, outer * b.step, seen, whole)


def _smoothed_along(relative: F32) -> F32:
    """Every node's slopes (p, n, k) with a quarter of each neighbour's, all round."""
    out = relative * 2
    out[:, 1:] += relative[:, :-1]
    out[:, 0] += relative[:, -1]
    out[:, :-1] += relative[:, 1:]
    out[:, -1] += relative[:, 0]
    out *= np.float32(0.25)
    return out


def _beyond(b: Bands) -> NDArray[np.bool_]:
    """(p, k) the states in a neighbour that are near enough for a gap's other side."""
    return np.asarray((STATES > 0) & (b.at <= GAP_PX), np.bool_)


def _placed(b: Bands, path: _Path, lean: float, shift: NDArray[np.float64], shown: NDArray[np.bool_]) -> Moved:
    """The outlines, moved. lean: of the edges, as a share of their outer half width; shift is filled in, and which are shown."""
    nodes, half, seen = b.nodes, (b.step * STEPS)[:, None], path.seen[:, None]
    width = np.minimum(path.inner, path.outer) * 2 / _FWHM
    clear = path.there**2
    sigma = _SMOOTH_PX / float(np.median(nodes.spacing))
    weight = ndimage.gaussian_filter1d(clear, sigma, axis=1, mode="wrap") + _TO_MEAN
    total = ndimage.gaussian_filter1d(clear * path.along, sigma, axis=1, mode="wrap") + _TO_MEAN * path.place
    blur = np.clip(width**2 - b.step**2 / 3, 0, None)  # the slope over two states adds that much, but no shift
    outwards = np.minimum(blur / (2 * nodes.radius), 0.12 * nodes.radius) + lean * path.outer
    unclear_wall = b.wall & (path.there == 0)
    by = np.where(seen, total / weight + np.where(unclear_wall, 0, outwards[:, None]), path.place)
    by = np.clip(by, -half, np.where(b.wall, 0, half)) * ~b.cut
    free = ~(b.wall | b.cut)
    shown[nodes.label] = path.seen
    shift[nodes.label] = np.where(free.any(axis=1), (by * free).sum(axis=1) / np.maximum(free.sum(axis=1), 1), by.mean(axis=1))
    moved = nodes.at + by[..., None].astype(np.float32) * nodes.normal
    ramp = np.maximum(_WIDTHS * np.where(path.seen, width, 0), LEAST_WIDTH_PX)
    fixed = b.cut | (b.wall & (by > -_STAYS_PX))
    farthest = np.abs(by).max(axis=1)
    return Moved(nodes.label, moved.astype(np.float32), ramp.astype(np.float32), farthest.astype(np.float32), fixed)


def _lean(sought: _Sought, paths: Sequence[_Path]) -> float:
    """How far a body's true edge lies outside its steepest place, over the outer half width: from how much wider the mean slope is
    inwards than outwards. A flat body's is as wide either way; one that thins out towards its edge, as a sphere in transmission,
    leans inwards, and a bright rim outwards. (A sphere blurred by σ: 0.6 to 0.8 σ, less where it is softer,
    docs/decisions/0006-true-edge.md.) The median over the particles of which both sides of the edge show.
    """
    inner, outer, whole = (np.concatenate([getattr(p, side)[p.seen] for p in paths]) for side in ("inner", "outer", "whole"))
    soft, _ = _softness(sought, paths)
    clear = whole & (outer > 0) & (soft < _LEAN_SOFT)
    if not clear.any():
        return 0.0
    ratios = inner[clear] / outer[clear]
    excess = float(np.median(ratios)) - 1
    error = 1.4826 * float(np.median(np.abs(ratios - 1 - excess))) / math.sqrt(ratios.size)
    excess *= max(1 - (3 * error / excess) ** 2, 0) if excess else 0.0  # no more than is known,
    excess *= float(clear.mean())  # nor than of so many particles
    most = _LEAN_MOST - float(np.median(soft[clear])) / 2
    return float(np.clip((_LEAN if excess > 0 else _LEAN_RIM) * excess, -_LEAN_MOST / 2, most))


def _softness(sought: _Sought, paths: Sequence[_Path]) -> tuple[F32, F32]:
    """Half width of the edge outwards over the particle's radius there, and that radius in px, of all that show an edge."""
    radius = [(b.nodes.radius + np.median(p.along, axis=1))[p.seen] for b, p in zip(sought.bands, paths, strict=True)]
    outer = np.concatenate([p.outer[p.seen] for p in paths])
    own = _FWHM / 2 * sought.typical.more_px  # of the smoothing, not of the picture
    outer = np.sqrt(np.maximum(outer**2 - own**2, outer**2 / 4))
    there = np.maximum(np.concatenate(radius), 0.5).astype(np.float32)
    return np.asarray(outer / there, np.float32), there


def _soft(sought: _Sought, paths: Sequence[_Path]) -> float:
    """The median of those whose edge is not merely as wide as pixels make it; no less than 1 where most edges are wider than the
    widest band."""
    soft, radius = _softness(sought, paths)
    large = soft[radius >= _LEAST_SOFT_PX]
    if not large.size:
        return math.nan
    return max(float(np.median(large)), 1.0 if _open(sought) else 0.0)


def _half_widths(relative: F32, k: NDArray[np.int64], off: F32, clear: NDArray[np.bool_]) -> tuple[F32, F32, NDArray[np.bool_]]:
    """(p,) half widths at half maximum, inwards and outwards, of the mean slope over the clear nodes, aligned to the path
    k + off, in states, and whether both end within the band. One that does not is taken for as wide as the other."""
    last = relative.shape[-1] - 1
    steps = np.arange(STEPS + 1)
    particle, node = np.nonzero(clear)
    slopes, path = relative[particle, node], k[particle, node, None]
    row = (last + 1) * np.arange(len(slopes))[:, None]
    begin = np.searchsorted(particle, np.arange(len(relative)))
    some = clear.any(axis=1)
    n = np.maximum(clear.sum(axis=1), 1)
    middle = (off * clear).sum(axis=1) / n
    rows = np.arange(len(relative))
    sides, known = [], []
    for way in (-1, 1):
        profile = slopes.ravel().take(np.clip(path + way * steps, 0, last) + row)
        mean = np.zeros((len(relative), steps.size), np.float32)
        mean[some] = np.add.reduceat(profile, begin[some], axis=0) / n[some, None] if some.any() else 0
        half = mean[:, :1] / 2
        below = mean < half
        first = np.where(below.any(axis=1), below.argmax(axis=1), STEPS)
        before, after = mean[rows, np.maximum(first - 1, 0)], mean[rows, first]
        part = np.clip((before - half[:, 0]) / np.maximum(before - after, 1e-9), 0, 1)
        room = np.median(k if way < 0 else last - k, axis=1)
        known.append(below.any(axis=1) & (first <= room))
        sides.append(np.where(known[-1], first - 1 + part, room) - way * middle)
    inner, outer = np.where(known[0], sides[0], sides[1]), np.where(known[1], sides[1], sides[0])
    return inner.astype(np.float32), outer.astype(np.float32), known[0] & known[1]
