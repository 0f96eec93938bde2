"""Training examples: crops of real and rendered micrographs at a jittered working magnification, with their targets.

Example `i` of a run depends on (seed, i) alone, so a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from . import augment
from .copy_paste import paste_particles
from .real import F32, I32, U8, Real
from .synthetic import render_crop


def inner_boundary(labels: I32) -> NDArray[np.bool_]:
    """Pixels of a particle with a 4-neighbour of another label (another particle or background)."""
    edge = np.zeros(labels.shape, bool)
    down = labels[1:] != labels[:-1]
    right = labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge & (labels > 0)


def normalised_distance(labels: I32) -> F32:
    """Distance to the particle's own outline over its largest value in the particle: 0 outside, 1 at the thickest place."""
    inside = ((labels > 0) & ~inner_boundary(labels)).astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5) + np.float32(0.5)
    distance[labels == 0] = 0
    peak = np.zeros(int(labels.max()) + 1, np.float32)
    np.maximum.at(peak, labels.ravel(), distance.ravel())
    peak[0] = 1
    return np.asarray(distance / np.maximum(peak, 0.5)[labels], np.float32)


def make_real(name: str, grey: U8, marks: NDArray[np.integer[Any]], *, instances: bool = True, rough: bool = False) -> Real:
    """A micrograph and its labels (H, W), any numbering, 0 = background. ValueError where their shapes differ."""
    if marks.shape != grey.shape:
        raise ValueError(f"{name}: labels are {marks.shape}, the micrograph {grey.shape}; they must be of one size")
    _, flat = np.unique(marks, return_inverse=True)
    labels = flat.reshape(marks.shape).astype(np.int32) + (0 if (marks == 0).any() else 1)
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
        name, grey, labels, distance, float(np.median(diameters)), centres.astype(np.float32), boxes, whole, instances, rough
    )


def read_real(image: Path, truth: Path, *, instances: bool = True, rough: bool = False) -> Real:
    """Reads a micrograph (any mode) and its label picture. Raises ValueError where their shapes differ."""
    raw = np.asarray(Image.open(truth))
    marks = raw[..., 0] if raw.ndim == 3 else raw
    return make_real(image.stem, np.asarray(Image.open(image).convert("L")), marks, instances=instances, rough=rough)


def read_folder(folder: Path, ids: list[str] | None = None, *, instances: bool = True, rough: bool = False) -> list[Real]:
    """FOLDER/images/ID.* with FOLDER/labels/ID.*; all of them, or those named."""
    truth = {p.stem: p for p in sorted((folder / "labels").iterdir())}
    found = {p.stem: p for p in sorted((folder / "images").iterdir())}
    names = [n for n in truth if n in found] if ids is None else ids
    missing = [n for n in names if n not in truth or n not in found]
    if missing:
        raise FileNotFoundError(f"{folder}: no image or no labels for {', '.join(missing[:5])}")
    return [read_real(found[n], truth[n], instances=instances, rough=rough) for n in names]


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
    seed: int = 1

    def working_diameter(self, rng: np.random.Generator) -> float:
        """A typical diameter in working px, drawn at random."""
        return float(np.clip(self.diameter_px * math.exp(rng.normal(0, self.diameter_spread)), *self.diameters))


def real_crop(
    item: Real, examples: Examples, rng: np.random.Generator, *, donors: Sequence[Real] = ()
) -> tuple[U8, I32, F32, NDArray[np.bool_]]:
    """A turned, mirrored, zoomed crop: grey, labels, distance, valid (False outside the micrograph).

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
    valid = cv2.warpAffine(np.ones((h, w), np.uint8), matrix, (c, c), flags=flags | cv2.INTER_NEAREST)
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


def synthetic_crop(examples: Examples, rng: np.random.Generator) -> tuple[U8, I32, F32, NDArray[np.bool_]]:
    c = examples.crop_px
    grey, labels = render_crop(rng, (c, c), median_diameter_px=examples.working_diameter(rng))
    return grey, labels, normalised_distance(labels), np.ones((c, c), bool)


def targets(labels: I32, distance: F32, valid: NDArray[np.bool_], *, instances: bool = True, rough: bool = False) -> F32:
    """(5, H, W): foreground, boundary, distance, weight, weight of the boundary and distance maps (0 where not `instances`).
    Of `rough` labels only the particles' middles and what is well outside of them count.

    The boundary is two pixels wide: each particle's outermost pixels and the ones facing them. Narrow gaps between
    particles weigh more, as in the original U-Net.
    """
    lab = labels.astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    boundary = cv2.dilate(lab, kernel) != cv2.erode(lab, kernel)
    big = np.where(labels == 0, np.float32(1e6), lab)
    five = np.ones((7, 7), np.uint8)
    low, high = cv2.erode(big, five), cv2.dilate(lab, five)
    gap = (low < 1e6) & (low != high) & boundary  # two particles within three pixels
    weight = (1 + 2 * gap) * valid
    if rough:
        instances = False
        weight = weight * ~doubtful(labels, distance)
    return np.stack([lab > 0, boundary, distance, weight, weight * instances]).astype(np.float32)


def doubtful(labels: I32, distance: F32) -> NDArray[np.bool_]:
    """Where outlines may run that rough labels put a fifth of a diameter too far out or in: (H, W)."""
    area = np.bincount(labels.ravel())[1:]
    if not area.any():
        return np.zeros(labels.shape, bool)
    width = max(math.ceil(0.2 * math.sqrt(4 / math.pi * float(np.median(area[area > 0])))), 1)
    near = cv2.dilate((labels > 0).astype(np.uint8), np.ones((2 * width + 1,) * 2, np.uint8)) > 0
    return np.asarray(near & ~((labels > 0) & (distance > 0.5)), bool)


class Dataset(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Map-style: example i is drawn from (seed, i)."""

    def __init__(self, real: list[Real], examples: Examples, *, length: int, weights: NDArray[np.float64] | None = None) -> None:
        self.real, self.examples, self.length = real, examples, length
        self.weights = weights

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng([self.examples.seed, i])
        instances, rough = True, False
        if not self.real or rng.random() < self.examples.synthetic_share:
            grey, labels, distance, valid = synthetic_crop(self.examples, rng)
        else:
            item = self.real[int(rng.choice(len(self.real), p=self.weights))]
            grey, labels, distance, valid = real_crop(item, self.examples, rng, donors=self.real)
            instances, rough = item.instances, item.rough
        values: Any
        values, labels, distance = augment.apply(grey, labels, distance, rng)
        return torch.from_numpy(values[None]), torch.from_numpy(targets(labels, distance, valid, instances=instances, rough=rough))
