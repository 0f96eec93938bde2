"""How well classes are told on micrographs held out: confusion, precision, recall, IoU, average precision, calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from ..evaluate import match
from .data import UNLABELLED

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
_TEMPERATURES = (0.25, 10.0)


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


class Detections:
    """Found particles of several micrographs against true ones: each found one is a hit where it and a true one of its class
    overlap by IoU >= 0.5."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._scores: list[list[float]] = [[] for _ in names]
        self._hits: list[list[bool]] = [[] for _ in names]
        self._true = np.zeros(len(names), np.int64)
        self.matched: list[tuple[int, int]] = []  # true and said class of the pairs, whatever their classes
        self.n_found = self.n_true = 0

    def add(
        self,
        found: NDArray[np.integer],
        said: dict[int, int],
        score: dict[int, float],
        labels: NDArray[np.integer],
        true: dict[int, int],
    ) -> list[tuple[int, int]]:
        """A micrograph: label pictures (H, W), and by label the classes and how sure the found ones are. Particles without a class
        are left out: found ones are said to be none, and true ones that have none are not asked for, nor counted as wrong.
        Returns the pairs (found, true label)."""
        pairs = match(found, labels)
        here, there = (np.unique(a[a > 0]) for a in (found, labels))
        of = {int(here[i]): int(there[j]) for i, j in zip(pairs.pred, pairs.truth, strict=True)}
        for c in true.values():
            self._true[c] += 1
        for label, c in said.items():
            partner = of.get(label)
            if partner is not None and partner not in true:
                continue
            self._scores[c].append(score[label])
            self._hits[c].append(partner is not None and true[partner] == c)
        self.matched += [(true[t], said[f]) for f, t in of.items() if t in true and f in said]
        self.n_found += len(said)
        self.n_true += len(true)
        return list(of.items())

    def average_precision(self) -> F64:
        """(k,) AP@0.5 of each class."""
        each = zip(self._scores, self._hits, self._true, strict=True)
        return np.array([average_precision(np.array(s), np.array(h, bool), int(n)) for s, h, n in each])


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
