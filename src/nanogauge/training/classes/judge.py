"""A network with classes on micrographs held out: what it says of their pixels, or of the particles it finds in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.json_value import json_value
from ...core.protocols import Engine, classes_of
from ...core.settings import Settings
from ...detection.class_maps import class_maps
from ...detection.find import find_particles
from ...measuring.classes import calibrated
from .data import UNLABELLED, Classed, particle_classes
from .figures import F64, I64, Detections, calibration_error, confusion, per_class, temperature

_PIXELS_EACH = 5_000  # of a micrograph, that the temperature is fitted to


@dataclass(frozen=True)
class Judged:
    """matrix: (K, K) true against said, pixels of phases, or particles of which a true one was found; p, true: (n, K) and (n,)
    probabilities, by temperature 1, and true classes of particles, or of pixels drawn at random; each: n particles or pixels of
    which picture; ap50: (K,) of particles; found: of the true particles, the share that was found at all, NaN for phases"""

    names: tuple[str, ...]
    matrix: I64
    p: F64
    true: I64
    ap50: F64 | None = None
    found: float = float("nan")
    pictures: tuple[str, ...] = ()
    iou_by_picture: list[dict[str, Any]] = field(default_factory=list)

    @property
    def table(self) -> pd.DataFrame:
        """`per_class`, with AP@0.5 for particles."""
        table = per_class(self.matrix, self.names)
        return table if self.ap50 is None else table.assign(ap50=self.ap50)

    @property
    def temperature(self) -> float:
        """That fits what was seen."""
        return temperature(self.p, self.true)

    def figures(self, used: float = 1.0) -> dict[str, Any]:
        """All in one dict, for JSON; `used`: the temperature in use."""
        table = self.table
        p = calibrated(self.p, used)
        right = p.argmax(1) == self.true if len(p) else np.zeros(0, bool)
        figures: dict[str, Any] = {
            "pictures": list(self.pictures),
            "mean_class_accuracy": json_value(
                float(np.nanmean(table["recall"])) if table["recall"].notna().any() else float("nan")
            ),
            "mean_iou": json_value(float(np.nanmean(table["iou"])) if table["iou"].notna().any() else float("nan")),
            "temperature": used,
            "calibration_error": json_value(calibration_error(p.max(1) if len(p) else np.zeros(0), right)),
            "classes": [{str(k): json_value(v) for k, v in row.items()} for row in table.to_dict("records")],
            "confusion": self.matrix.tolist(),
        }
        if self.ap50 is not None:
            figures |= {"found": json_value(self.found)}
        return figures


def judge_particles(engine: Engine, items: Sequence[Classed], settings: Settings | None = None) -> Judged:
    """The particles that the engine finds against those of the micrographs, matched at IoU >= 0.5."""
    names = classes_of(engine).names
    detections, k = Detections(names), len(names)
    rows: list[F64] = []
    true_of: list[int] = []
    for item in items:
        assert item.labels is not None
        found = find_particles(item.grey, engine, settings or Settings())
        assert found.classes is not None
        sure = np.ones(len(found.classes)) if found.confidence is None else found.confidence
        labels = np.unique(found.labels[found.labels > 0]).tolist()
        said = {n: int(found.classes[n].argmax()) for n in labels}
        score = {n: float(sure[n] * found.classes[n].max()) for n in labels}
        true = particle_classes(item)
        pairs = detections.add(found.labels, said, score, item.labels, true)
        for f, t in pairs:
            if t in true:
                rows.append(found.classes[f])
                true_of.append(true[t])
    matched = np.array(detections.matched, np.int64).reshape(-1, 2)
    return Judged(
        names,
        confusion(matched[:, 0], matched[:, 1], k),
        np.array(rows).reshape(-1, k),
        np.array(true_of, np.int64),
        detections.average_precision(),
        len(matched) / max(detections.n_true, 1),
        tuple(i.name for i in items),
    )


def judge_phases(engine: Engine, items: Sequence[Classed], *, seed: int = 0) -> Judged:
    """Every labelled pixel of the micrographs."""
    names = classes_of(engine).names
    k = len(names)
    matrix = np.zeros((k, k), np.int64)
    rng = np.random.default_rng(seed)
    rows: list[NDArray[np.float64]] = []
    true_of: list[NDArray[np.int64]] = []
    by_picture: list[dict[str, Any]] = []
    for item in items:
        p = class_maps(item.grey, engine)
        said = p.argmax(-1)
        own = confusion(item.classes, said, k)
        matrix += own
        by_picture.append({"picture": item.name} | dict(zip(names, per_class(own, names)["iou"].tolist(), strict=True)))
        at = np.flatnonzero(item.classes.ravel() != UNLABELLED)
        at = rng.choice(at, size=min(len(at), _PIXELS_EACH), replace=False)
        rows.append(p.reshape(-1, k)[at].astype(np.float64))
        true_of.append(item.classes.ravel()[at].astype(np.int64))
    p_all = np.concatenate(rows) if rows else np.zeros((0, k))
    true = np.concatenate(true_of) if true_of else np.zeros(0, np.int64)
    return Judged(names, matrix, p_all, true, pictures=tuple(i.name for i in items), iou_by_picture=by_picture)
