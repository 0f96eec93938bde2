"""Predicted labels against true ones: overlap, assignment, scores.

The figures and their keys are those of the project's own scorer, `score.py`, to the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import spearmanr

from ..core.errors import TruthError

Labels = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_DENSE_CELLS = 25_000_000  # of the IoU matrix: 200 MB; 5,000 predicted particles on 5,000 true ones


@dataclass(frozen=True, slots=True)
class Matches:
    """Predicted and true particles, paired one to one.

    pred, truth: (tp,) indices of the pairs, into the areas below; iou: (tp,)
    pred_area_px2, truth_area_px2: (n,), (m,) areas of all particles in order of label
    """

    pred: Ints
    truth: Ints
    iou: Floats
    pred_area_px2: Ints
    truth_area_px2: Ints

    @property
    def tp(self) -> int:
        return self.pred.size

    @property
    def fp(self) -> int:
        return self.pred_area_px2.size - self.tp

    @property
    def fn(self) -> int:
        return self.truth_area_px2.size - self.tp


@dataclass(frozen=True, slots=True)
class ImageScore:
    """What one picture adds to the scores: counts, matched diameters, and its own figures. No particles gives NaN diameters."""

    name: str
    intersection_px2: int
    union_px2: int
    pred_px2: int
    truth_px2: int
    matches: Matches

    @property
    def iou(self) -> float:
        return self.intersection_px2 / max(self.union_px2, 1)

    @property
    def f1(self) -> float:
        return 2 * self.intersection_px2 / max(self.pred_px2 + self.truth_px2, 1)

    @property
    def ap50(self) -> float:
        m = self.matches
        return m.tp / max(m.tp + m.fp + m.fn, 1)

    @property
    def f50(self) -> float:
        m = self.matches
        return 2 * m.tp / max(2 * m.tp + m.fp + m.fn, 1)

    @property
    def pq(self) -> float:
        m = self.matches
        return float(m.iou.sum()) / max(m.tp + 0.5 * m.fp + 0.5 * m.fn, 1e-9)

    @property
    def pred_diameters_px(self) -> Floats:
        return _diameters(self.matches.pred_area_px2)

    @property
    def truth_diameters_px(self) -> Floats:
        return _diameters(self.matches.truth_area_px2)


class Scores(TypedDict):
    """Scores of a set of pictures; NaN where a figure is not defined.

    iou, f1: of all pixels together (pooled) or mean of the pictures; ap50 = TP/(TP+FP+FN), f50 = 2TP/(2TP+FP+FN) and panoptic
    quality pq at IoU >= 0.5; particle_*: area-equivalent diameters of the matched pairs, rank correlation and mean |d - d0|/d0;
    image_mean_*, image_median_*: the picture's mean (median) diameter against the truth, mean and median |error| over the
    pictures, a picture without predicted particles counting as error 1.
    """

    images: int
    iou_pooled: float
    f1_pooled: float
    iou_mean: float
    f1_mean: float
    ap50_pooled: float
    f50_pooled: float
    pq_pooled: float
    ap50_mean: float
    f50_mean: float
    pq_mean: float
    particle_spearman: float
    particle_mre: float
    image_mean_spearman: float
    image_mean_mre: float
    image_mean_mre_median: float
    image_median_mre: float
    image_median_mre_median: float


def match(pred: Labels, truth: Labels, *, threshold: float = 0.5) -> Matches:
    """Pair predicted with true particles: of all one-to-one pairings the one of largest summed IoU, less the pairs below
    `threshold`.

    pred, truth: (H, W) integers, 0 = background, any positive values

    The largest sum comes before the threshold, so a pair of IoU below 0.56 can lose to two worse ones that together weigh
    more: at 0.5 this is nearly, but not quite, the set of all pairs with IoU >= 0.5 (compare Kirillov et al., CVPR 2019, where
    IoU > 0.5 makes the pairing unique).

    Raises TruthError where the shapes differ, ValueError for what is not (H, W) non-negative integers.

    >>> truth = np.zeros((4, 6), int); truth[:2, :2] = 1; truth[:, 4:] = 7
    >>> pred = np.zeros((4, 6), int); pred[:2, :2] = 3; pred[3, 0] = 9
    >>> m = match(pred, truth)
    >>> m.tp, m.fp, m.fn, m.iou
    (1, 1, 1, array([1.]))
    """
    _check(pred, truth)
    (p, n), (g, m) = _ranks(pred), _ranks(truth)
    cells, counts = np.unique(p.ravel() * (m + 1) + g.ravel(), return_counts=True)
    rows, columns = np.divmod(cells, m + 1)
    pred_area = np.bincount(rows, counts, n + 1).astype(np.int64)
    truth_area = np.bincount(columns, counts, m + 1).astype(np.int64)
    both = (rows > 0) & (columns > 0)
    rows, columns, overlap = rows[both], columns[both], counts[both]
    iou = overlap / (pred_area[rows] + truth_area[columns] - overlap)
    r, c, paired = _assign(rows - 1, columns - 1, iou, (n, m))
    good = paired >= threshold
    return Matches(r[good], c[good], paired[good], pred_area[1:], truth_area[1:])


def score_image(pred: Labels, truth: Labels, *, name: str = "") -> ImageScore:
    """Predicted labels (H, W) of one picture against the true ones. Raises as `match` does."""
    matches = match(pred, truth)
    a, b = pred > 0, truth > 0
    intersection, n_pred, n_truth = (int(np.count_nonzero(mask)) for mask in (a & b, a, b))
    return ImageScore(name, intersection, n_pred + n_truth - intersection, n_pred, n_truth, matches)


def summarise_scores(images: Sequence[ImageScore]) -> Scores:
    """The scores of a set of pictures. Raises ValueError for an empty set."""
    if not images:
        raise ValueError("images must hold at least one ImageScore, got none")
    intersection, union = sum(i.intersection_px2 for i in images), sum(i.union_px2 for i in images)
    tp, fp, fn = (sum(getattr(i.matches, key) for i in images) for key in ("tp", "fp", "fn"))
    d = np.concatenate([i.pred_diameters_px[i.matches.pred] for i in images])
    d0 = np.concatenate([i.truth_diameters_px[i.matches.truth] for i in images])
    means, means0 = (np.array([_or_nan(np.mean, x) for x in xs]) for xs in _all_diameters(images))
    medians, medians0 = (np.array([_or_nan(np.median, x) for x in xs]) for xs in _all_diameters(images))
    mean_errors, median_errors = _relative_errors(means, means0), _relative_errors(medians, medians0)
    return Scores(
        images=len(images),
        iou_pooled=_ratio(intersection, union),
        f1_pooled=_ratio(2 * intersection, sum(i.pred_px2 + i.truth_px2 for i in images)),
        iou_mean=float(np.mean([i.iou for i in images])),
        f1_mean=float(np.mean([i.f1 for i in images])),
        ap50_pooled=_ratio(tp, tp + fp + fn),
        f50_pooled=_ratio(2 * tp, 2 * tp + fp + fn),
        pq_pooled=_ratio(sum(float(i.matches.iou.sum()) for i in images), tp + 0.5 * fp + 0.5 * fn),
        ap50_mean=float(np.mean([i.ap50 for i in images])),
        f50_mean=float(np.mean([i.f50 for i in images])),
        pq_mean=float(np.mean([i.pq for i in images])),
        particle_spearman=_spearman(d, d0),
        particle_mre=_or_nan(np.mean, np.abs(d - d0) / d0),
        image_mean_spearman=_spearman(np.nan_to_num(means), means0),
        image_mean_mre=float(mean_errors.mean()),
        image_mean_mre_median=float(np.median(mean_errors)),
        image_median_mre=float(median_errors.mean()),
        image_median_mre_median=float(np.median(median_errors)),
    )


def _check(pred: Labels, truth: Labels) -> None:
    for name, labels in (("pred", pred), ("truth", truth)):
        if labels.ndim != 2 or labels.size == 0 or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(f"{name} must be a non-empty (H, W) array of integers, got shape {labels.shape} of {labels.dtype}")
        if labels.min() < 0:
            raise ValueError(f"{name} must be 0 or positive, got {labels.min()}")
    if pred.shape != truth.shape:
        raise TruthError(f"predicted labels are {pred.shape} but the true ones {truth.shape}; score them at the same size")


def _ranks(labels: Labels) -> tuple[Ints, int]:
    """Labels renumbered 0, 1 ... n in order, and n."""
    if labels.max() < labels.size:  # a table is many times faster than sorting
        present = np.bincount(labels.ravel().astype(np.int64, copy=False)) > 0
        present[0] = False
    else:
        values = np.unique(labels)
        labels, present = np.searchsorted(values, labels), values > 0
    rank = np.cumsum(present, dtype=np.int64)
    return rank[labels], int(rank[-1])


def _assign(rows: Ints, columns: Ints, iou: Floats, shape: tuple[int, int]) -> tuple[Ints, Ints, Floats]:
    """The one-to-one pairs of largest summed IoU, in order of row; pairs that do not overlap may be among them.

    One matrix where it fits. Else one for each group of particles linked by overlaps: the sum is the same, though a tie
    between two pairings may fall the other way.
    """
    if shape[0] * shape[1] <= MAX_DENSE_CELLS:
        return _assign_dense(rows, columns, iou, shape)
    graph = coo_array((np.ones(rows.size), (rows, columns + shape[0])), shape=(sum(shape),) * 2)
    group = connected_components(graph, directed=False)[1][rows]
    order = np.argsort(group, kind="stable")
    parts = []
    for one in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        (rs, ri), (cs, ci) = np.unique(rows[one], return_inverse=True), np.unique(columns[one], return_inverse=True)
        r, c, paired = _assign_dense(ri, ci, iou[one], (rs.size, cs.size))
        parts.append((rs[r], cs[c], paired))
    r, c, paired = (np.concatenate(x) for x in zip(*parts, strict=True))
    order = np.argsort(r)
    return r[order], c[order], paired[order]


def _assign_dense(rows: Ints, columns: Ints, iou: Floats, shape: tuple[int, int]) -> tuple[Ints, Ints, Floats]:
    cost = np.zeros(shape)
    cost[rows, columns] = -iou
    r, c = linear_sum_assignment(cost)
    return r, c, -cost[r, c]


def _diameters(area_px2: Ints) -> Floats:
    return np.asarray(np.sqrt(4 * area_px2 / np.pi), np.float64)


def _all_diameters(images: Sequence[ImageScore]) -> tuple[list[Floats], list[Floats]]:
    return [i.pred_diameters_px for i in images], [i.truth_diameters_px for i in images]


def _or_nan(reduce: Any, values: Floats) -> float:
    return float(reduce(values)) if values.size else math.nan


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan


def _relative_errors(values: Floats, truth: Floats) -> Floats:
    """|v - v0| / v0, 1 where nothing was predicted, NaN where there is no truth."""
    return np.where(np.isnan(values), 1.0, np.abs(np.nan_to_num(values) - truth) / truth)


def _spearman(a: Floats, b: Floats) -> float:
    """Rank correlation; NaN for fewer than two pairs, or where one side is all equal."""
    if a.size < 2 or np.isnan(a).any() or np.isnan(b).any() or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(spearmanr(a, b)[0])
