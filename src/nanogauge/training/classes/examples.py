"""Crops of micrographs with classes: turned, mirrored, zoomed, changed in tone, as those that particles are learned from; of every
class alike many."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from .. import augment
from ..batches import Crops
from ..dataset import Dataset, Examples, real_crop
from ..real import F32, U8, Real
from .data import UNLABELLED, Classed, particle_classes

Render = Callable[[np.random.Generator, tuple[int, int]], tuple[U8, U8]]
"""(generator, (H, W)) -> grey levels and classes (H, W), as in `Classed`."""
_PLACES = 400  # where crops of a micrograph may lie about


def as_real(item: Classed, *, usual_px: float, rng: np.random.Generator) -> Real:
    """A micrograph whose "labels" are its classes, from 1, 0 where it has none. Without particles it is shown as it is: as if
    these were of the size `usual_px` that all are brought to."""
    marks = np.where(item.classes == UNLABELLED, 0, item.classes.astype(np.int32) + 1).astype(np.int32)
    empty = np.zeros((0, 4), np.int32)
    return Real(
        item.name, item.grey, marks, np.zeros(marks.shape, np.uint8), _diameter(item) or usual_px, _places(item, rng), empty,
        np.zeros(0, np.int32), instances=False,
    )  # fmt: skip


def _diameter(item: Classed) -> float:
    """Median equivalent diameter of the particles, in px; 0 without any."""
    if item.labels is None:
        return 0.0
    area = np.bincount(item.labels.ravel())[1:]
    return float(np.median(np.sqrt(4 * area[area > 0] / math.pi))) if area.any() else 0.0


def _places(item: Classed, rng: np.random.Generator) -> F32:
    """(n, 2) middles of particles, or labelled pixels, as many of each class."""
    of: dict[int, NDArray[np.float64]] = {}
    if item.labels is not None:
        classes = particle_classes(item)
        labels = np.array(sorted(classes), np.int64)
        middles = np.array(ndimage.center_of_mass(item.labels > 0, item.labels, labels)).reshape(-1, 2)
        kinds = np.array([classes[int(k)] for k in labels])
        of = {int(c): middles[kinds == c] for c in np.unique(kinds)}
    else:
        for c in np.unique(item.classes[item.classes != UNLABELLED]).tolist():
            of[c] = np.argwhere(item.classes == c).astype(np.float64)
    if not of:
        return np.zeros((0, 2), np.float32)
    each = max(_PLACES // len(of), 1)
    return np.concatenate([p[rng.integers(len(p), size=each)] for p in of.values()]).astype(np.float32)


class ClassCrops(Dataset):
    """Example i is drawn from (seed, i): a crop of `Crops` whose labels are classes from 1, 0 where nothing is known.

    render: draws `examples.synthetic_share` of the crops, or all where there are no micrographs
    """

    def __init__(self, real: list[Real], examples: Examples, *, length: int, render: Render | None = None) -> None:
        super().__init__(real, examples, length=length)
        self.render = render

    def __getitem__(self, i: int) -> Crops:
        side = self.examples.crop_px
        rng = np.random.default_rng([self.examples.seed, i])
        if self.render is not None and (not self.real or rng.random() < self.examples.synthetic_share):
            grey, classes = self.render(rng, (side, side))
            labels = np.where(classes == UNLABELLED, 0, classes.astype(np.int32) + 1).astype(np.int32)
            valid = np.ones((side, side), bool)
        else:
            grey, labels, _, valid = real_crop(self.real[int(rng.integers(len(self.real)))], self.examples, rng)
        grey = augment.reproduce(grey, rng)
        nothing = np.zeros((side, side), np.uint8)
        a, b, c, d = (torch.from_numpy(np.ascontiguousarray(v)) for v in (grey, labels, nothing, valid))
        return Crops(a, b, c, d, torch.tensor(False), torch.tensor(0), augment.draw_tone(rng, inverted=0.0))


def shares(items: Sequence[Classed], k: int, *, render: Render | None = None, seed: int = 0) -> NDArray[np.float64]:
    """(K,) share of the labelled pixels that each class has; of renderings, 16 of them."""
    n = np.zeros(k)
    for item in items:
        n += np.bincount(item.classes[item.classes != UNLABELLED], minlength=k)[:k]
    if render is not None and not items:
        for i in range(16):
            _, classes = render(np.random.default_rng([seed, 1_000_000 + i]), (192, 192))
            n += np.bincount(classes[classes != UNLABELLED], minlength=k)[:k]
    return np.asarray(n / max(n.sum(), 1), np.float64)
