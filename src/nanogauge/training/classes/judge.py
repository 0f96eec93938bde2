"""A network with classes on micrographs held out: what it says of their pixels, or of the particles it finds in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.json_value import json_value
from ...core.protocols import Engine, EngineClasses, classes_of
from ...core.settings import Settings
from ...detection.class_maps import class_maps
from ...detection.find import at_edge, find_particles
from ...measuring.classes import said_by_network, shapes_seen
from ...measuring.learned_classes import is_told
from ..evaluate import match
from .data import UNLABELLED, Classed, particle_classes
from .figures import F64, I64, average_precision, calibration_error, confusion, per_class, temperature

_PIXELS_EACH = 5_000  # of a micrograph, that the temperature is fitted to
NO_PARTICLE, NO_CLASS = -1, -2


@dataclass(frozen=True)
class Found:
    """All particles that an engine finds in some micrographs.

    seen: (n, K), shapes: (n, S), as in `class_probabilities`, NaN where the frame cuts a particle; sure: (n,) how likely each is
    right; true: (n,) class of the true particle that it matches at IoU >= 0.5, else `NO_PARTICLE`, or `NO_CLASS` where that has
    none; picture: (n,) index of its micrograph; n_true: (K,) how many true ones there are; pictures: names
    """

    seen: F64
    shapes: F64
    sure: F64
    true: I64
    picture: I64
    n_true: I64
    pictures: tuple[str, ...]

    @property
    def matched(self) -> NDArray[np.bool_]:
        """(n,) Whether the true class is known."""
        return np.asarray(self.true >= 0)

    def and_those_of(self, other: Found) -> Found:
        """Together with the particles of other micrographs."""
        joined = {n: np.concatenate([getattr(self, n), getattr(other, n)]) for n in ("seen", "shapes", "sure", "true")}
        picture = np.concatenate([self.picture, other.picture + len(self.pictures)])
        return Found(**joined, picture=picture, n_true=self.n_true + other.n_true, pictures=self.pictures + other.pictures)


@dataclass(frozen=True)
class Judged:
    """matrix: (K, K) true against said, of pixels, or of found particles whose true one has a class, if anything is said of them;
    p, true: (n, K) and (n,) probabilities and true classes of these, or of pixels drawn at random; ap50: (K,) of particles, None
    for pixels; found: of the true particles, the share that was found; untold: of how many of these nothing is said, as the frame
    cuts them and outlines alone count; iou_by_picture: of phases; lost: (K,) share of the particles of each class that are called
    like none that was taught; noticed: (K,) the same, were the class not taught; None where it is not known"""

    names: tuple[str, ...]
    matrix: I64
    p: F64
    true: I64
    pictures: tuple[str, ...]
    ap50: F64 | None = None
    found: float = float("nan")
    untold: int = 0
    iou_by_picture: list[dict[str, Any]] = field(default_factory=list)
    lost: F64 | None = None
    noticed: F64 | None = None

    @property
    def table(self) -> pd.DataFrame:
        """`per_class`, with AP@0.5 for particles, and how many are called like none."""
        more = {"ap50": self.ap50, "lost": self.lost, "noticed_if_untaught": self.noticed}
        return per_class(self.matrix, self.names).assign(**{k: v for k, v in more.items() if v is not None})

    @property
    def temperature(self) -> float:
        """By which the probabilities would fit best."""
        return temperature(self.p, self.true)

    def figures(self) -> dict[str, Any]:
        """All in one dict, for JSON."""
        table = self.table
        right = self.p.argmax(1) == self.true if len(self.p) else np.zeros(0, bool)
        figures: dict[str, Any] = {
            "pictures": list(self.pictures),
            "mean_class_accuracy": json_value(_mean(table["recall"])),
            "mean_iou": json_value(_mean(table["iou"])),
            "calibration_error": json_value(calibration_error(self.p.max(1) if len(self.p) else np.zeros(0), right)),
            "classes": [{str(k): json_value(v) for k, v in row.items()} for row in table.to_dict("records")],
            "confusion": self.matrix.tolist(),
        }
        if self.ap50 is not None:
            return figures | {"found": json_value(self.found), "untold": self.untold}
        return figures | {"iou_by_picture": [{k: json_value(v) for k, v in row.items()} for row in self.iou_by_picture]}


def find_classed(engine: Engine, items: Sequence[Classed], settings: Settings | None = None) -> Found:
    """The particles of micrographs whose particles are known, as the engine finds them; outlines where the edges are."""
    s = settings or Settings()
    k = len(classes_of(engine).names)
    seen: list[F64] = []
    shapes: list[F64] = []
    sure: list[F64] = []
    true: list[list[int]] = []
    picture: list[I64] = []
    n_true = np.zeros(k, np.int64)
    for n, item in enumerate(items):
        assert item.labels is not None
        known = particle_classes(item)
        n_true += np.bincount(list(known.values()), minlength=k)[:k]
        drawn = find_particles(item.grey, engine, s)
        assert drawn.classes is not None
        pairs = match(drawn.labels, item.labels)
        here, there = (np.unique(a[a > 0]) for a in (drawn.labels, item.labels))
        partner = {int(here[i]): int(there[j]) for i, j in zip(pairs.pred, pairs.truth, strict=True)}
        edge = at_edge(drawn, item.grey, s.measure, frame=(0, 0, *item.grey.shape))
        kept = np.unique(edge.labels[edge.labels > 0])
        shown = shapes_seen(edge.labels, foreground=edge.foreground, scale=None)
        shown[np.isin(kept, _rim(edge.labels))] = np.nan
        shapes.append(shown)
        seen.append(drawn.classes[kept])
        sure.append(np.ones(len(kept)) if drawn.confidence is None else drawn.confidence[kept])
        true.append([known.get(partner[f], NO_CLASS) if f in partner else NO_PARTICLE for f in kept.tolist()])
        picture.append(np.full(len(kept), n))
    return Found(
        np.concatenate(seen),
        np.concatenate(shapes),
        np.concatenate(sure),
        np.concatenate(true).astype(np.int64),
        np.concatenate(picture),
        n_true,
        tuple(i.name for i in items),
    )


def judge_particles(found: Found, known: EngineClasses) -> Judged:
    """Found particles against the true ones, classed as a network that says `known` of itself classes them."""
    p = np.zeros_like(found.seen)
    for n in np.unique(found.picture):
        own = found.picture == n
        p[own], _ = said_by_network(found.seen[own], found.shapes[own], known)
    told, k = is_told(p), len(known.names)
    said, m = np.where(told, p.argmax(1), NO_CLASS), found.matched & told
    score = found.sure * p.max(1)
    asked = found.true != NO_CLASS
    ap = [
        average_precision(score[mine], found.true[mine] == c, int(found.n_true[c]))
        for c in range(k)
        for mine in [asked & (said == c)]
    ]
    share = float(found.matched.sum() / max(found.n_true.sum(), 1))
    matrix = confusion(found.true[m], said[m], k)
    untold = int((found.matched & ~told).sum())
    return Judged(known.names, matrix, p[m], found.true[m], found.pictures, np.array(ap), share, untold=untold)


def judge_phases(engine: Engine, items: Sequence[Classed], *, seed: int = 0) -> Judged:
    """Every labelled pixel of the micrographs."""
    names = classes_of(engine).names
    k = len(names)
    matrix = np.zeros((k, k), np.int64)
    rng = np.random.default_rng(seed)
    rows: list[F64] = []
    true_of: list[I64] = []
    by_picture: list[dict[str, Any]] = []
    for item in items:
        p = class_maps(item.grey, engine)
        own = confusion(item.classes, p.argmax(-1), k)
        matrix += own
        by_picture.append({"picture": item.name} | dict(zip(names, per_class(own, names)["iou"].tolist(), strict=True)))
        at = np.flatnonzero(item.classes.ravel() != UNLABELLED)
        at = rng.choice(at, size=min(len(at), _PIXELS_EACH), replace=False)
        rows.append(p.reshape(-1, k)[at].astype(np.float64))
        true_of.append(item.classes.ravel()[at].astype(np.int64))
    pictures = tuple(i.name for i in items)
    return Judged(names, matrix, np.concatenate(rows), np.concatenate(true_of), pictures, iou_by_picture=by_picture)


def _rim(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """The labels that the frame cuts."""
    return np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))


def _mean(values: pd.Series) -> float:
    return float(values.mean()) if values.notna().any() else float("nan")
