"""How well classes are told on micrographs held out: confusion, precision, recall, IoU, average precision, calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import minimize_scalar

from .data import UNLABELLED

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
_TEMPERATURES = (0.25, 10.0)
_MOST_WEIGHT = 10.0  # of a particle of a rare class
_CHANCE = 0.05


def class_weights(true: NDArray[np.integer], k: int) -> F64:
    """(n,) weights of particles of classes (n,), with which each class counts as much as the others, unless it is very rare."""
    return np.asarray(np.minimum(len(true) / k / np.maximum(np.bincount(true, minlength=k), 1), _MOST_WEIGHT)[true], np.float64)


def confusion(true: NDArray[np.integer], said: NDArray[np.integer], k: int) -> I64:
    """(k, k) how many of each true class (rows) are said to be of each (columns); what is `UNLABELLED` in either is left out."""
    known = (true != UNLABELLED) & (said != UNLABELLED)
    flat = true[known].astype(np.int64) * k + said[known].astype(np.int64)
    return np.bincount(flat, minlength=k * k).reshape(k, k)


def per_class(matrix: I64, names: Sequence[str]) -> pd.DataFrame:
    """Of each class, of a confusion matrix (k, k): how many there are truly and as said, precision, recall, F1 and IoU; NaN where
    there is nothing to divide by."""
    right = np.diag(matrix).astype(np.float64)
    true, said = matrix.sum(1), matrix.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = {
            "class": list(names),
            "n_true": true,
            "n_said": said,
            "precision": right / said,
            "recall": right / true,
            "f1": 2 * right / (true + said),
            "iou": right / (true + said - right),
        }
    return pd.DataFrame(figures)


def loss_by_picture(p: F64, true: NDArray[np.integer], weight: F64, picture: NDArray[np.integer]) -> F64:
    """(pictures,) Weighted log loss of probabilities (n, K) of particles of true classes (n,), micrograph by micrograph.

    weight: (n,), as `picture_weights` gives them; picture: (n,), from 0
    """
    each = -weight * np.log(np.maximum(p[np.arange(len(true)), true], 1e-12))
    return np.asarray(np.bincount(picture, each), np.float64)


def picture_weights(true: NDArray[np.integer], picture: NDArray[np.integer], k: int) -> F64:
    """(n,) weights with which classes count alike, micrographs of a class alike, and its particles in one alike; they sum to the
    number of micrographs."""
    groups, group, size = np.unique(picture * k + true, return_inverse=True, return_counts=True)
    with_class = np.bincount(groups % k, minlength=k)
    weight = 1 / size[group] / with_class[true]
    return np.asarray(weight * len(np.unique(picture)) / max(float(weight.sum()), 1e-12), np.float64)


def is_less(one: F64, other: F64) -> bool:
    """Whether losses (pictures,) are less than others beyond chance: paired t-test, one-sided."""
    gain = other - one
    error = float(gain.std(ddof=1)) / math.sqrt(len(gain)) if len(gain) > 1 else math.inf
    return bool(gain.mean() > stats.t.ppf(1 - _CHANCE, max(len(gain) - 1, 1)) * max(error, 1e-12))


def average_precision(scores: F64, hits: NDArray[np.bool_], n_true: int) -> float:
    """Area under the curve of precision over recall of detections, precision made to fall only (Pascal VOC 2010, COCO at one IoU).

    scores: (n,) how sure each is; hits: (n,) whether it is a true one, each of which is hit once; n_true: how many there are.
    NaN where there is none.
    """
    if not n_true:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(hits[order])
    precision = right / np.arange(1, len(right) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((precision * np.diff(np.concatenate([[0], right]))).sum() / n_true)


def temperature(p: F64, true: NDArray[np.integer]) -> float:
    """By which to divide the logarithms of probabilities (n, k) so that they fit the true classes (n,) best (Guo et al., ICML
    2017). Held within limits: of a few particles all told right it would be 0."""
    if not len(true):
        return 1.0
    z = np.log(np.maximum(p, 1e-7))
    own = np.arange(len(true))

    def surprise(log_t: float) -> float:
        s = z / np.exp(log_t)
        s = s - s.max(1, keepdims=True)
        # one more particle of each class told as chance would: little evidence moves little
        return float((np.log(np.exp(s).sum(1)) - s[own, true]).sum()) + log_t**2

    low, high = np.log(_TEMPERATURES)
    return float(np.exp(minimize_scalar(surprise, bounds=(low, high), method="bounded").x))


def calibration_error(sure: F64, right: NDArray[np.bool_], *, bins: int = 10) -> float:
    """Expected calibration error: how far confidence is from the share that is right, in bins of equal width, by their numbers."""
    if not len(sure):
        return float("nan")
    at = np.minimum((sure * bins).astype(int), bins - 1)
    n = np.bincount(at, minlength=bins)
    gap = np.abs(np.bincount(at, sure, minlength=bins) - np.bincount(at, right.astype(float), minlength=bins))
    return float(gap.sum() / n.sum())
