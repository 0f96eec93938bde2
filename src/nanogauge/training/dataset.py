"""Training examples: crops of real and rendered micrographs at a jittered working magnification, with their labels.

Example `i` of a run depends on (seed, i) alone, so a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from ..core.cpu import cores
from ..core.errors import SettingsError
from . import augment
from .batches import Crops
from .copy_paste import paste_particles
from .real import F32, I32, U8, Real
from .renderings import SharedRenderings
from .synthetic import render_crop


def inner_boundary(labels: I32) -> NDArray[np.bool_]:
    """Pixels of a particle with a 4-neighbour of another label (another particle or background)."""
    boundary = np.zeros(labels.shape, bool)
    down = labels[1:] != labels[:-1]
    right = labels[:, 1:] != labels[:, :-1]
    boundary[1:] |= down
    boundary[:-1] |= down
    boundary[:, 1:] |= right
    boundary[:, :-1] |= right
    return boundary & (labels > 0)


def normalised_distance(labels: I32) -> F32:
    """Distance to the particle's own outline over its largest value in the particle: 0 outside, 1 at the thickest place."""
    inside = ((labels > 0) & ~inner_boundary(labels)).astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5) + np.float32(0.5)
    distance[labels == 0] = 0
    peak = np.zeros(int(labels.max()) + 1, np.float32)
    np.maximum.at(peak, labels.ravel(), distance.ravel())
    peak[0] = 1
    return np.asarray(distance / np.maximum(peak, 0.5)[labels], np.float32)


def numbered(marks: NDArray[np.integer[Any]]) -> I32:
    """Labels of any numbering numbered 1, 2, ... in their order; 0 stays 0."""
    _, flat = np.unique(marks, return_inverse=True)
    return np.asarray(flat.reshape(marks.shape) + (0 if (marks == 0).any() else 1), np.int32)


def without_unknown(marks: NDArray[np.integer[Any]], unknown: NDArray[np.bool_]) -> NDArray[np.integer[Any]]:
    """Labels (H, W) without the particles of which more than half lies where nothing is known."""
    numbers, flat = np.unique(marks, return_inverse=True)
    area, lost = np.bincount(flat.ravel()), np.bincount(flat.ravel(), unknown.ravel())
    return np.asarray(np.where(2 * lost > area, 0, numbers)[flat].reshape(marks.shape), marks.dtype)


def read_unknown(folder: Path, stem: str) -> NDArray[np.bool_] | None:
    """FOLDER/unknown/STEM.png, where the annotator did not say what is there: not 0 where unknown; None without such a file."""
    path = folder / "unknown" / f"{stem}.png"
    return np.asarray(Image.open(path).convert("L")) > 0 if path.is_file() else None


def make_real(
    name: str,
    grey: U8,
    marks: NDArray[np.integer[Any]],
    *,
    instances: bool = True,
    rough: bool = False,
    unknown: NDArray[np.bool_] | None = None,
) -> Real:
    """A micrograph and its labels (H, W), any numbering, 0 = background; unknown (H, W): where nothing is learned. ValueError
    where their shapes differ."""
    for what, given in (("labels are", marks), ("what is unknown is", unknown)):
        if given is not None and given.shape != grey.shape:
            raise ValueError(f"{name}: {what} {given.shape}, the micrograph {grey.shape}; they must be of one size")
    if unknown is not None:
        kept = without_unknown(marks, unknown)
        marks, unknown = kept, unknown | (kept != marks)
    labels = numbered(marks)
    area = np.bincount(labels.ravel())
    yy, xx = np.indices(labels.shape, np.float32)
    n = np.maximum(area, 1)
    centres = np.stack([np.bincount(labels.ravel(), yy.ravel()) / n, np.bincount(labels.ravel(), xx.ravel()) / n], 1)[1:]
    diameters = np.sqrt(4 * area[1:] / math.pi) if len(area) > 1 else np.array([48.0])
    distance = np.round(255 * normalised_distance(labels)).astype(np.uint8)
    spans = [(s[0].start, s[1].start, s[0].stop, s[1].stop) for s in ndimage.find_objects(labels)]
    boxes = np.array(spans, np.int32).reshape(-1, 4)
    whole = 1 + np.flatnonzero((boxes[:, :2] > 0).all(1) & (boxes[:, 2:] < grey.shape).all(1)).astype(np.int32)
    return Real(
        name,
        grey,
        labels,
        distance,
        float(np.median(diameters)),
        centres.astype(np.float32),
        boxes,
        whole,
        instances,
        rough,
        unknown,
    )


def read_pair(image: Path, truth: Path) -> tuple[U8, NDArray[np.integer[Any]]]:
    """Grey levels of a micrograph of any mode, and the numbers in its label picture."""
    raw = np.asarray(Image.open(truth))
    return np.asarray(Image.open(image).convert("L")), raw[..., 0] if raw.ndim == 3 else raw


def pairs(folder: Path, ids: Sequence[str] | None = None) -> list[tuple[Path, Path]]:
    """FOLDER/images/ID.* with FOLDER/labels/ID.*; all of them, or those named. FileNotFoundError names what is missing."""
    truth = {p.stem: p for p in sorted((folder / "labels").iterdir())}
    found = {p.stem: p for p in sorted((folder / "images").iterdir())}
    names = [n for n in truth if n in found] if ids is None else ids
    missing = [n for n in names if n not in truth or n not in found]
    if missing:
        raise FileNotFoundError(f"{folder}: no image or no labels for {', '.join(missing[:5])}")
    return [(found[n], truth[n]) for n in names]


def read_folder(folder: Path, ids: Sequence[str] | None = None, *, instances: bool = True, rough: bool = False) -> list[Real]:
    """The micrographs of `pairs`, several read at a time."""

    def read(pair: tuple[Path, Path]) -> Real:
        stem = pair[0].stem
        return make_real(stem, *read_pair(*pair), instances=instances, rough=rough, unknown=read_unknown(folder, stem))

    with ThreadPoolExecutor(min(cores(), 16)) as pool:
        return list(pool.map(read, pairs(folder, ids)))


@dataclass(frozen=True)
class Source:
    """Micrographs of a folder and the share of the real crops drawn from them; what is right of their labels: everything (""),
    the "foreground", or, roughly, where particles are ("rough")."""

    folder: Path
    ids: tuple[str, ...] | None
    share: float
    kind: str

    def read(self) -> list[Real]:
        return read_folder(self.folder, self.ids, instances=self.kind != "foreground", rough=self.kind == "rough")


def parse_source(entry: str) -> Source:
    """A source as recipes write it: "FOLDER:FILE OF IDS=SHARE KIND"; all but the folder may be missing. SettingsError for a
    share or kind that is none."""
    place, _, rest = entry.partition("=")
    share, _, kind = rest.partition(" ")
    if kind not in ("", "foreground", "rough"):
        raise SettingsError(f"data: after the share comes nothing, 'foreground' or 'rough', got {kind!r} in {entry!r}")
    try:
        weight = float(share or 1)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise SettingsError(f"data: after the equals sign comes a share such as 0.5, got {share!r} in {entry!r}")
    folder, _, ids = place.partition(":")
    return Source(Path(folder), tuple(Path(ids).read_text(encoding="utf-8").split()) if ids else None, weight, kind)


@dataclass(frozen=True, kw_only=True)
class Examples:
    """How examples are drawn. Diameters in working px."""

    crop_px: int = 192
    synthetic_share: float = 0.3
    diameter_px: float = 44.0  # median of the particles' typical diameter after zoom
    diameter_spread: float = 0.55  # its standard deviation in ln
    diameters: tuple[float, float] = (8.0, 210.0)  # never less or more
    zoom: tuple[float, float] = (0.25, 5.0)
    least_filled: float = 0.7  # of the crop's side, by the whole micrograph
    copy_paste_share: float = 0.25  # of the real crops
    second_population_share: float = 0.0  # of the crops with copy-paste: many small particles beside those that are there
    flattened_share: float = 0.0  # of the crops whose particles are all small: without their slow changes
    motif_shares: Mapping[str, float] = field(default_factory=dict)  # of the renderings; motifs left out keep their own
    crops_per_rendering: int = 1  # rendered crops cut from one rendering; 1: each crop is a rendering of its own
    rendering_px: int = 512  # side of the renderings that several crops share
    seed: int = 1

    def working_diameter(self, rng: np.random.Generator) -> float:
        """A typical diameter in working px, drawn at random."""
        return float(np.clip(self.diameter_px * math.exp(rng.normal(0, self.diameter_spread)), *self.diameters))


def real_crop(
    item: Real, examples: Examples, rng: np.random.Generator, *, donors: Sequence[Real] = ()
) -> tuple[U8, I32, F32, NDArray[np.bool_]]:
    """A turned, mirrored, zoomed crop: grey, labels, distance, valid (False outside the micrograph and where it is unknown).

    In `examples.copy_paste_share` of the crops, particles of the same micrograph or of one of `donors` are laid over it; where
    they are a second population, they are many and smaller.
    """
    h, w = item.grey.shape
    c = examples.crop_px
    zoom = examples.working_diameter(rng) / item.diameter_px
    # never far below the size at which the whole micrograph fills the crop
    zoom = float(np.clip(zoom, max(examples.zoom[0], examples.least_filled * c / max(h, w)), examples.zoom[1]))
    if len(item.centres) and rng.random() < 0.75:
        y, x = item.centres[rng.integers(len(item.centres))] + rng.uniform(-0.4, 0.4, 2) * c / zoom
    else:
        y, x = rng.uniform(0, h), rng.uniform(0, w)
    half = 0.4 * c / zoom
    y = float(np.clip(y, min(half, h / 2), max(h - half, h / 2)))
    x = float(np.clip(x, min(half, w / 2), max(w - half, w / 2)))
    angle = math.pi / 2 * rng.integers(4) + (rng.uniform(-math.pi / 4, math.pi / 4) if rng.random() < 0.4 else 0.0)
    stretch = math.exp(rng.normal(0, 0.08)) if rng.random() < 0.5 else 1.0
    cs, sn = math.cos(angle), math.sin(angle)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    # output (x', y') -> input (x, y)
    m = np.array([[cs * flip / (zoom * stretch), -sn / zoom * stretch], [sn * flip / (zoom * stretch), cs / zoom * stretch]])
    t = np.array([x, y]) - m @ np.array([(c - 1) / 2, (c - 1) / 2])
    matrix = np.hstack([m, t[:, None]])
    flags = cv2.WARP_INVERSE_MAP
    grey: Any = item.grey
    if zoom < 0.8:  # before shrinking, blur away what the coarser grid cannot hold
        grey = cv2.GaussianBlur(grey, (0, 0), 0.45 / zoom)
    out = cv2.warpAffine(grey, matrix, (c, c), flags=flags | cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    labels = cv2.warpAffine(
        item.labels.astype(np.float32), matrix, (c, c), flags=flags | cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101
    )
    distance = cv2.warpAffine(item.distance, matrix, (c, c), flags=flags | cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    known = np.ones((h, w), np.uint8) if item.unknown is None else (~item.unknown).astype(np.uint8)
    valid = cv2.warpAffine(known, matrix, (c, c), flags=flags | cv2.INTER_NEAREST)
    grey, marks, depth = np.asarray(out, np.uint8), np.asarray(labels, np.int32), np.asarray(distance, np.float32) / np.float32(255)
    if rng.random() < examples.copy_paste_share:
        whole = [d for d in donors if d.instances and not d.rough]
        foreign = len(whole) > 0 and (rng.random() < 0.4 or not item.instances or item.rough)
        donor = whole[int(rng.integers(len(whole)))] if foreign else item
        scale = examples.working_diameter(rng) / donor.diameter_px if foreign else zoom
        n = 1 + int(rng.geometric(0.35))
        if rng.random() < examples.second_population_share:
            scale = math.exp(rng.uniform(math.log(6), math.log(max(0.5 * zoom * item.diameter_px, 9)))) / donor.diameter_px
            n = int(rng.integers(5, 60))
        grey, marks, changed = paste_particles(grey, marks, donor, scale, rng, n=n, match=foreign)
        if changed:
            here = np.isin(marks, list(changed))
            depth = np.where(here, normalised_distance(marks), np.where(marks > 0, depth, 0)).astype(np.float32)
    return grey, marks, depth, np.asarray(valid, bool)


def rendered(examples: Examples, rng: np.random.Generator, shape: tuple[int, int]) -> tuple[U8, I32]:
    """A rendering (H, W) with particles of the examples' diameters, and its labels."""
    return render_crop(rng, shape, median_diameter_px=examples.working_diameter(rng), shares=examples.motif_shares)


def share_renderings(examples: Examples, folder: Path, *, rendered_share: float) -> SharedRenderings:
    """Renderings from which the rendered crops are cut, `rendered_share` of all; SettingsError where a crop is larger than one."""
    if examples.rendering_px < examples.crop_px:
        raise SettingsError(f"rendering_px = {examples.rendering_px} must not be less than crop_px = {examples.crop_px}")
    return SharedRenderings(
        folder=folder, side_px=examples.rendering_px, crops_each=examples.crops_per_rendering,
        crops_per_example=rendered_share, seed=examples.seed, render=partial(rendered, examples),
    )  # fmt: skip


def doubt_px(labels: I32) -> int:
    """How far rough labels may be from the true outlines: a fifth of the crop's median diameter, rounded up; 0 without any."""
    area = np.bincount(labels.ravel())[1:]
    if not area.any():
        return 0
    return max(math.ceil(0.2 * math.sqrt(4 / math.pi * float(np.median(area[area > 0])))), 1)


def _small(labels: I32) -> bool:
    """Whether there are particles in a crop, none of them so large that flattening leaves but its rim."""
    area = np.bincount(labels.ravel())[1:]
    return bool(area.any()) and math.sqrt(4 / math.pi * float(area.max())) < 2.5 * augment.FLATTENED_PX


class Dataset(torch.utils.data.Dataset[Crops]):
    """Map-style: example i is drawn from (seed, i); it is one crop of `Crops`, without the first dimension.

    shared: renderings that several rendered crops are cut from; without, each is rendered by itself
    """

    def __init__(
        self,
        real: list[Real],
        examples: Examples,
        *,
        length: int,
        weights: NDArray[np.float64] | None = None,
        shared: SharedRenderings | None = None,
    ) -> None:
        self.real, self.examples, self.length = real, examples, length
        self.weights, self.shared = weights, shared

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> Crops:
        side = self.examples.crop_px
        rng = np.random.default_rng([self.examples.seed, i])
        instances, rough = True, False
        if not self.real or rng.random() < self.examples.synthetic_share:
            if self.shared is None:
                grey, labels = rendered(self.examples, rng, (side, side))
            else:
                grey, labels = self.shared.crop(i, side, rng)
            depth, valid = normalised_distance(labels), np.ones((side, side), bool)
        else:
            item = self.real[int(rng.choice(len(self.real), p=self.weights))]
            grey, labels, depth, valid = real_crop(item, self.examples, rng, donors=self.real)
            instances, rough = item.instances, item.rough
        reach = doubt_px(labels) if rough else 0
        grey = augment.reproduce(grey, rng)
        if rng.random() < augment.BURNED_IN:
            grey, labels, depth = grey.copy(), labels.copy(), depth.copy()
            augment.burn_in(grey, labels, depth, rng)
        distance = np.round(255 * depth).astype(np.uint8)
        flattened = self.examples.flattened_share if _small(labels) else 0.0
        a, b, c, d = (torch.from_numpy(np.ascontiguousarray(a)) for a in (grey, labels, distance, valid))
        return Crops(
            a, b, c, d, torch.tensor(instances and not rough), torch.tensor(reach), augment.draw_tone(rng, flattened=flattened)
        )
