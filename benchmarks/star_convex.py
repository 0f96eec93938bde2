"""Star-convex outlines (StarDist, Schmidt et al., MICCAI 2018) against the shipped separation, on the same maps.

    python benchmarks/star_convex.py OUT RECIPE SET ... [--crops N] [--steps N] [--decoder-steps N]

Rays to the outlines (star_rays.py) learn from the recipe's data; OUT keeps them. Then every way gets the maps of one look: the
shipped separation; outlines as they are; each pixel of the foreground to the outline that covers it best; pieces of the shipped
separation joined or cut where outlines say so. A SET is FOLDER[:IDS], "rendered=24" by the training renderer, or a drawn kind with
exact truth, "soot=3" (drawn_unseen.py) or "heap=4" (drawn_cases.py).

Of drawn kinds also: how far off diameters are of particles that neighbours cover in part, as seen, by rays, and by rays of the
whole. Needs nanogauge[train].
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import drawn_cases
import drawn_unseen
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from separation import COLUMNS, JUDGE, finished
from skimage.segmentation import watershed
from star_rays import ANGLES, N_RAYS, StarEngine, WithRays, learned
from unseen_scene import Scene, seen_in_projection

from nanogauge.core.protocols import Engine, Maps
from nanogauge.core.settings import SeparateSettings, Settings
from nanogauge.detection.confidence import judge_of
from nanogauge.detection.engines import make_engine
from nanogauge.detection.looks import typical_diameter
from nanogauge.detection.segment import segment, standardise, working_zoom
from nanogauge.detection.separate import mean_foreground, separate, to_grid
from nanogauge.training.dataset import Examples, read_folder, rendered
from nanogauge.training.evaluate import score_image, summarise_scores
from nanogauge.training.recipe import read_recipe

F32 = NDArray[np.float32]
Labels = NDArray[np.int32]
Truth = Labels | Scene
S = SeparateSettings()

# ---- outlines


@dataclass(frozen=True)
class Stars:
    """Outlines by their middles (n, 2) and rays (n, N_RAYS), the likeliest first."""

    middle: NDArray[np.float64]
    radius: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.middle)

    def __getitem__(self, which: Any) -> Stars:
        return Stars(self.middle[which], self.radius[which])

    @property
    def area(self) -> NDArray[np.float64]:
        return np.asarray(0.5 * math.sin(2 * math.pi / N_RAYS) * (self.radius * np.roll(self.radius, -1, 1)).sum(1))

    def corners(self) -> NDArray[np.float64]:
        """(n, N_RAYS, 2), y and x."""
        way = np.stack([np.sin(ANGLES), np.cos(ANGLES)], 1)
        return np.asarray(self.middle[:, None] + self.radius[..., None] * way)


def depth(radius: NDArray[np.float64], dy: NDArray[np.floating], dx: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far out points lie from the middle of an outline (N_RAYS,): 0 there, 1 on the outline."""
    turn = np.arctan2(dy, dx) % (2 * math.pi) * N_RAYS / (2 * math.pi)
    k = turn.astype(int) % N_RAYS
    share = turn - turn.astype(int)
    reach = (1 - share) * radius[k] + share * radius[(k + 1) % N_RAYS]
    return np.asarray(np.hypot(dy, dx) / np.maximum(reach, 1e-6))


_RINGS = np.sqrt((np.arange(4) + 0.5) / 4)  # of equal areas


def shared_area(one: Stars, others: Stars) -> NDArray[np.float64]:
    """(n,) px² of each of `others` that lie in `one`, by points spread evenly in them."""
    way = np.stack([np.sin(ANGLES), np.cos(ANGLES)], 1)
    points = others.middle[:, None, None] + others.radius[:, :, None, None] * _RINGS[:, None] * way[:, None]
    off = points - one.middle[0]
    inside = depth(one.radius[0], off[..., 0], off[..., 1]) < 1
    weight = others.radius**2
    return np.asarray(others.area * (inside.mean(2) * weight).sum(1) / weight.sum(1))


def iou(a: Stars, b: Stars) -> float:
    """Of two outlines."""
    both = float(shared_area(a, b)[0])
    return both / (float(a.area[0]) + float(b.area[0]) - both)


def middles(maps: Maps) -> F32:
    """The map whose tops are seeds in `separate`."""
    return np.asarray(cv2.GaussianBlur(maps.distance * (1 - maps.boundary), (0, 0), 0.8), np.float32)


def stars_at(maps: Maps, y: NDArray[np.integer], x: NDArray[np.integer], *, whole: bool = False) -> Stars:
    """Outlines as seen from pixels of even rows and columns, where the rays in `Maps.classes` are from."""
    assert maps.classes is not None
    y, x = y // 2, x // 2
    return Stars(2.0 * np.stack([y, x], 1), maps.classes[N_RAYS * whole : N_RAYS * (1 + whole), y, x].T.astype(float))


def suppressed(stars: Stars, overlap: float) -> Stars:
    """Of outlines, likeliest first, those that lie on no likelier one by more than `overlap` of the smaller of the two."""
    left, kept = np.arange(len(stars)), list[int]()
    reach, area = stars.radius.max(1), stars.area
    while left.size:
        k, left = int(left[0]), left[1:]
        kept.append(k)
        near = np.hypot(*(stars.middle[left] - stars.middle[k]).T) < reach[left] + reach[k]
        at = left[near]
        covered = np.zeros(left.size, bool)
        covered[near] = shared_area(stars[k : k + 1], stars[at]) > overlap * np.minimum(area[at], area[k])
        left = left[~covered]
    return stars[np.array(kept, int)]


def stars_of(maps: Maps, above: float, overlap: float) -> Stars:
    """Outlines of the particles in maps: of every second pixel in every second row, as StarDist does."""
    middle = middles(maps)
    here = np.zeros(middle.shape, bool)
    here[::2, ::2] = True
    y, x = np.nonzero(here & (middle > above) & (maps.foreground > S.foreground_above))
    order = np.argsort(-middle[y, x], kind="stable")
    return suppressed(stars_at(maps, y[order], x[order]), overlap)


def painted(stars: Stars, shape: tuple[int, int]) -> Labels:
    """Labels of outlines as they are, the likelier upon the others."""
    out = np.zeros(shape, np.int32)
    corners = np.rint(16 * stars.corners()[..., ::-1]).astype(np.int32)
    for k in range(len(stars))[::-1]:
        cv2.fillPoly(out, [corners[k]], k + 1, shift=4)
    return out


def owners(stars: Stars, mask: NDArray[np.bool_], reach: float) -> Labels:
    """Each pixel of a mask to the outline in which it lies deepest, up to `reach` times as far out as that."""
    out, best = np.zeros(mask.shape, np.int32), np.full(mask.shape, reach)
    for k in range(len(stars)):
        (y, x), r = stars.middle[k], min(reach * stars.radius[k].max(), sum(mask.shape))
        here = (slice(max(int(y - r), 0), int(y + r) + 2), slice(max(int(x - r), 0), int(x + r) + 2))
        rows, columns = np.ogrid[here[0].start : min(here[0].stop, mask.shape[0]), here[1].start : min(here[1].stop, mask.shape[1])]
        out_by = depth(stars.radius[k], rows - y + 0.0 * columns, columns - x + 0.0 * rows)
        nearer = mask[here] & (out_by < best[here])
        best[here][nearer] = out_by[nearer]
        out[here][nearer] = k + 1
    return out


# ---- ways to separate


@dataclass(frozen=True)
class Constants:
    """StarDist's and the shipped separation's where these have them; tuned on nothing."""

    above: float = 0.4  # of `middles`: where an outline may be taken from
    overlap: float = 0.4  # of the smaller of two outlines, above which the less likely goes
    reach: float = 1.3  # how far beyond its outline a particle owns the foreground, in its radii
    join: float = 0.7  # IoU of the outlines of neighbours that are one particle
    part: float = 0.25  # of a piece, at least, that is each of the particles it is cut into


@dataclass(frozen=True)
class Picture:
    """Maps of a look with the rays of every second pixel of every second row; shape: the picture's own."""

    maps: Maps
    shape: tuple[int, int]

    @property
    def zoom(self) -> float:
        return self.maps.foreground.shape[0] / self.shape[0]


def shipped(p: Picture, _: Constants) -> Labels:
    return to_grid(separate(p.maps, S, judge=JUDGE[0]), p.maps.foreground, p.shape)


def as_they_are(p: Picture, c: Constants) -> Labels:
    """Outlines, those of likely particles, painted on the picture's own grid."""
    stars = stars_of(p.maps, c.above, c.overlap)
    labels = painted(stars, p.maps.foreground.shape)
    area = np.bincount(labels.ravel(), minlength=len(stars) + 1)[1:]
    sure = JUDGE[0](labels, p.maps)
    keep = np.zeros(len(stars), bool)
    keep[: len(sure)] = sure >= S.least_confidence
    kept = stars[keep & (area >= math.pi / 4 * S.least_diameter_px**2)]
    return painted(Stars((kept.middle + 0.5) / p.zoom - 0.5, kept.radius / p.zoom), p.shape)


def owned(p: Picture, c: Constants) -> Labels:
    """Outlines say whose each pixel of the foreground is; what is far from all goes to the nearest that it hangs together with, and
    what hangs together with none is a particle."""
    mask = p.maps.foreground > S.foreground_above
    seeds = owners(stars_of(p.maps, c.above, c.overlap), mask, c.reach)
    labels = np.asarray(watershed(-middles(p.maps), seeds, mask=mask), np.int32)
    lonely, _ = ndimage.label(mask & (labels == 0))
    labels[lonely > 0] = lonely[lonely > 0] + labels.max(initial=0)
    return to_grid(finished(labels, p.maps), p.maps.foreground, p.shape)


def corrected(p: Picture, c: Constants, *, join: bool = True, cut: bool = True) -> Labels:
    """The shipped pieces: neighbours joined whose outlines agree, those cut that hold several outlines."""
    maps = p.maps
    pieces = separate(maps, replace(S, least_confidence=0.0), judge=JUDGE[0])
    out = pieces.copy()
    if join:
        tops = stars_on(maps, pieces)
        number = np.arange(int(pieces.max(initial=0)) + 1)
        for a, b in neighbours(pieces):
            if iou(tops[a - 1 : a], tops[b - 1 : b]) > c.join:
                number[number == number[b]] = number[a]
        out = number[pieces].astype(np.int32)
    if cut:
        stars = stars_of(maps, c.above, c.overlap)
        y, x = stars.middle.astype(int).T
        held = out[y, x]
        boxes = ndimage.find_objects(out)
        for piece in np.flatnonzero(np.bincount(held, minlength=1)[1:] > 1) + 1:
            here = boxes[piece - 1]
            mask, own = out[here] == piece, stars[held == piece]
            own = Stars(own.middle - [here[0].start, here[1].start], own.radius)
            parts = owners(own, mask, math.inf)
            area = np.bincount(parts[mask])
            large = np.flatnonzero(area >= c.part * mask.sum())
            if len(large) > 1:
                seeds = np.where(np.isin(parts, large), parts, 0)
                parts = np.asarray(watershed(np.zeros(mask.shape), seeds, mask=mask), np.int32)
                out[here][mask] = parts[mask] + out.max()
    return to_grid(finished(out, maps), maps.foreground, p.shape)


def stars_on(maps: Maps, labels: NDArray[np.integer], *, whole: bool = False) -> Stars:
    """The outline of each label 1 ... n, as seen from its top."""
    n = int(labels.max(initial=0))
    even = np.zeros(labels.shape, bool)
    even[::2, ::2] = True
    height = np.where(even, middles(maps), -1)  # a label without such a pixel is seen from a pixel beside
    tops = np.array(ndimage.maximum_position(height, labels, np.arange(1, n + 1)), int).reshape(-1, 2)
    return stars_at(maps, tops[:, 0], tops[:, 1], whole=whole)


def neighbours(labels: NDArray[np.integer]) -> list[tuple[int, int]]:
    """Pairs of labels that share an edge, the lower first."""
    pairs = []
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        meet = (a != b) & (a > 0) & (b > 0)
        pairs.append(np.sort(np.stack([a[meet], b[meet]], 1), axis=1))
    return [(int(a), int(b)) for a, b in np.unique(np.concatenate(pairs), axis=0)]


WAYS: dict[str, Callable[[Picture, Constants], Labels]] = {
    "shipped": shipped,
    "outlines as they are": as_they_are,
    "foreground by outlines": owned,
    "shipped, joined by outlines": lambda p, c: corrected(p, c, cut=False),
    "shipped, cut by outlines": lambda p, c: corrected(p, c, join=False),
    "shipped, joined and cut": corrected,
}


# ---- what they are held against


class Remembering(drawn_cases.Drawn):
    """Also remembers where discs were laid."""

    def count(self, y: float, x: float, reach_y: float, reach_x: float, diameter: float) -> None:
        super().count(y, x, reach_y, reach_x, diameter)
        self.__dict__.setdefault("places", []).append((y, x, diameter))


def heap(seed: int, k: int) -> tuple[NDArray[np.uint8], Scene]:
    """Chains of overlapping discs of drawn_cases.py with their outlines."""
    drawn_cases.blank = lambda level: Remembering(np.full((drawn_cases.H, drawn_cases.W), float(level)), [], [])
    grey, drawn = drawn_cases.picture("heap", seed, k)
    outlines = [(0, 0, drawn_cases.disc(y, x, d) > 0.5) for y, x, d in drawn.__dict__["places"]]
    return grey, Scene(grey.astype(float), *seen_in_projection([o for o in outlines if o[2].any()], grey.shape))


def pictures(entry: str) -> Iterator[tuple[str, NDArray[np.uint8], Truth]]:
    """Name, grey levels and truth of each picture of a set, see above."""
    name, _, n = entry.partition("=")
    sizes = Examples(diameter_px=36, diameter_spread=0.5, diameters=(12, 120))
    if name == "rendered":
        for k in range(int(n or 24)):
            grey, labels = rendered(sizes, np.random.default_rng([77, k]), (448, 448))
            yield f"{k}", grey, labels
    elif name == "heap":
        yield from ((f"{k}", *heap(1, k)) for k in range(int(n or 3)))
    elif name in drawn_unseen.KINDS:
        yield from ((f"{k}", *drawn_unseen.picture(name, 1, k)) for k in range(int(n or 3)))
    else:
        folder, _, ids = entry.partition(":")
        for item in read_folder(Path(folder), Path(ids).read_text(encoding="utf-8").split() if ids else None):
            yield item.name, item.grey, item.labels


def looked(grey: NDArray[np.uint8], engine: Engine, like: Engine) -> Picture:
    """One look, at the magnification that the shipped network, `like`, finds itself."""
    s = Settings().segment
    ceiling = min(s.largest_zoom, s.largest_px / max(grey.shape))
    zoom, _ = working_zoom(standardise(grey), like, lambda m: typical_diameter(m, S), s, ceiling)
    seen = segment(grey, engine, typical_diameter=lambda _: 0.0, settings=replace(s, working_magnification=zoom))
    assert seen.maps.classes is not None
    return Picture(replace(seen.maps, classes=seen.maps.classes[:, ::2, ::2].copy()), grey.shape)


def drawn_figures(found: list[tuple[Labels, Scene]]) -> dict[str, float]:
    """Of drawn pictures, pooled; what is found of mostly hidden particles counts neither way, as in drawn_unseen.py."""
    tp = fp = fn = 0
    ious, errors = list[float](), list[float]()
    for labels, scene in found:
        pairs, hidden = drawn_unseen.pair(labels, scene)
        area = np.bincount(labels.ravel())
        tp += len(pairs)
        fp += int((area[1:] > 0).sum()) - len(pairs) - len(hidden)
        fn += len(scene.particles) - len(pairs)
        for i, j in pairs.items():
            particle = scene.particles[j]
            both = int((labels[particle.here][particle.mask] == i).sum())
            ious.append(both / (area[i] + particle.mask.sum() - both))
            if not particle.cut:
                errors.append(abs(math.sqrt(4 / math.pi * area[i]) / particle.diameter - 1))
    n = max(tp + 0.5 * fp + 0.5 * fn, 0.5)
    off = float(np.mean(errors or [math.nan]))
    return {"f50_mean": tp / n, "f50_pooled": tp / n, "pq_mean": sum(ious) / n, "particle_mre": off}


def figures(found: list[tuple[Labels, Truth]]) -> dict[str, float]:
    if isinstance(found[0][1], Scene):
        return drawn_figures([(a, b) for a, b in found if isinstance(b, Scene)])
    scores = summarise_scores([score_image(a, b) for a, b in found if not isinstance(b, Scene)])
    return {key: float(str(value)) for key, value in scores.items()}


def completed(p: Picture, scene: Scene) -> list[tuple[float, float, float]]:
    """Of particles matched by the shipped way that a neighbour covers in part (of their outline 7 to 55 %): errors of the diameter
    of what is seen, of the outline by rays, and by rays of the whole."""
    labels = separate(p.maps, S, judge=JUDGE[0])
    near = to_grid(labels, p.maps.foreground, p.shape)
    n = int(labels.max(initial=0))
    touch, rim = np.zeros(n + 1), np.zeros(n + 1)
    for a, b in ((near[1:], near[:-1]), (near[:, 1:], near[:, :-1])):
        for one, other in ((a, b), (b, a)):
            differ = (one != other) & (one > 0)
            rim += np.bincount(one[differ], minlength=n + 1)
            touch += np.bincount(one[differ & (other > 0)], minlength=n + 1)
    seen, whole = (np.sqrt(4 / math.pi * stars_on(p.maps, labels, whole=w).area) / p.zoom for w in (False, True))
    area, out = np.bincount(near.ravel(), minlength=n + 1), []
    for i, j in drawn_unseen.pair(near, scene)[0].items():
        true = scene.particles[j].diameter
        if not scene.particles[j].cut and 0.07 <= touch[i] / max(rim[i], 1) <= 0.55:
            d = math.sqrt(4 / math.pi * area[i])
            out.append((d / true - 1, seen[i - 1] / true - 1, whole[i - 1] / true - 1))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder that keeps what was learned; with it there, nothing is trained")
    parser.add_argument("recipe", type=Path, help="of the default network's fourth part: its data and examples")
    parser.add_argument("sets", nargs="+", help='FOLDER[:IDS], "rendered=24", or a drawn kind, as "soot=3" or "heap=4"')
    parser.add_argument("--crops", type=int, default=1200)
    parser.add_argument("--steps", type=int, default=300, help="of the head alone; at least 50")
    parser.add_argument("--decoder-steps", type=int, default=700, help="after them, of head and decoder")
    args = parser.parse_args()
    weights = args.out / "rays.pt"
    if not weights.exists():
        args.out.mkdir(parents=True, exist_ok=True)
        recipe = read_recipe(args.recipe)
        for network in learned(recipe, n_crops=args.crops, steps=args.steps, decoder_steps=args.decoder_steps):
            torch.save(network.state_dict(), weights)
    network = WithRays()
    network.load_state_dict(torch.load(weights, weights_only=True))
    like = make_engine("unet")
    engine = StarEngine(network, like)
    JUDGE[0] = judge_of(like) or mean_foreground
    for entry in args.sets:
        found: dict[str, list[tuple[Labels, Truth]]] = {name: [] for name in WAYS}
        seconds, parts = dict.fromkeys(WAYS, 0.0), list[tuple[float, float, float]]()
        for _, grey, truth in pictures(entry):
            p = looked(grey, engine, like)
            for name, way in WAYS.items():
                begun = time.process_time()
                found[name].append((way(p, Constants()), truth))
                seconds[name] += time.process_time() - begun
            if isinstance(truth, Scene):
                parts += completed(p, truth)
        n = len(found["shipped"])
        print(f"\n{entry}, {n} pictures\n\n| way | {' | '.join(COLUMNS)} | CPU s |\n|{'---|' * (len(COLUMNS) + 2)}")
        for name, pairs in found.items():
            f = figures(pairs)
            cells = " | ".join(f"{f[c]:.3f}" if c in f else "–" for c in COLUMNS)
            print(f"| {name:28} | {cells} | {seconds[name] / n:.2f} |", flush=True)
        if parts:
            errors = np.array(parts)
            cells = ", ".join(
                f"{name} {e.mean():+.1%} ({np.abs(e).mean():.1%} off)"
                for name, e in zip(("as seen", "rays", "rays of the whole"), errors.T, strict=True)
            )
            print(f"\nDiameters of {len(errors)} that neighbours cover in part: {cells}")


if __name__ == "__main__":
    main()
