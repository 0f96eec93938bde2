"""Found boxes against true ones, class by class: average precision at IoU 0.5, precision and recall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .figures import average_precision

Box = Sequence[float]
F64 = NDArray[np.float64]


def box_iou(one: F64, other: F64) -> F64:
    """(n, m) intersection over union of boxes (n, 4) and (m, 4): y0, x0, y1, x1, half-open."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=-1)
    area, area_other = (np.prod(b[:, 2:] - b[:, :2], axis=-1) for b in (one, other))
    return np.asarray(both / np.maximum(area[:, None] + area_other[None] - both, 1e-12), np.float64)


class BoxDetections:
    """Detections of many pictures: in each, and class by class, found boxes take the true one they fit best, the surest first,
    where their IoU is 0.5 at least and nothing surer has taken it; all others are wrong (as COCO counts, at one IoU)."""

    def __init__(self, names: Sequence[str], *, least_iou: float = 0.5) -> None:
        self.names, self.least_iou = tuple(names), least_iou
        self._scores: dict[str, list[float]] = {n: [] for n in names}
        self._hits: dict[str, list[bool]] = {n: [] for n in names}
        self._true = dict.fromkeys(names, 0)

    def add(self, found: Sequence[tuple[str, float, Box]], true: Sequence[tuple[str, Box]]) -> None:
        """A picture: found (class, score, box) and true (class, box)."""
        for name in self.names:
            there = np.array([b for n, b in true if n == name], np.float64).reshape(-1, 4)
            here = sorted(((s, b) for n, s, b in found if n == name), key=lambda f: -f[0])
            iou = box_iou(np.array([b for _, b in here], np.float64).reshape(-1, 4), there)
            free = np.ones(len(there), bool)
            self._true[name] += len(there)
            for (score, _), row in zip(here, iou, strict=True):
                best = int(np.argmax(np.where(free, row, -1))) if len(there) else -1
                hit = best >= 0 and bool(free[best]) and row[best] >= self.least_iou
                if hit:
                    free[best] = False
                self._scores[name].append(score)
                self._hits[name].append(hit)

    def table(self, *, least_score: float = 0.5) -> pd.DataFrame:
        """A row a class, and one of their mean: how many there are, AP at that IoU (area under all points of the curve), precision
        and recall of what is at least so sure."""
        rows = []
        for name in self.names:
            scores, hits = np.array(self._scores[name]), np.array(self._hits[name], bool)
            sure = scores >= least_score
            right, n = int(hits[sure].sum()), self._true[name]
            precision = right / int(sure.sum()) if sure.any() else float("nan")
            rows.append((name, n, average_precision(scores, hits, n), precision, right / n if n else float("nan")))
        table = pd.DataFrame(rows, columns=["class", "n", "ap50", "precision", "recall"])
        mean = {c: float(table[c].mean()) for c in ("ap50", "precision", "recall")}
        return pd.concat([table, pd.DataFrame([{"class": "mean", "n": int(table["n"].sum()), **mean}])], ignore_index=True)
