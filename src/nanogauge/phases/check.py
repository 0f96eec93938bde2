"""What a network gets wrong: its phases beside those that a person drew, on pictures that it did not learn from.

Only such pictures tell how far a share may be off, and a share's interval has that in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, TruthError
from .intervals import RARE, t95
from .phase_map import UNJUDGED, PhaseMap
from .tally import tally
from .thickness import local_thickness

Floats = NDArray[np.float64]

LEAST_PICTURES = 3
"""Held-out pictures from which an error can be told."""
_DISTRIBUTION_FREE = 39
"""Pictures from which the largest errors themselves are the bound: one in 40 is beyond, either way, whatever the errors' law."""
_BETTER = 0.9  # a correction has to leave less than this share of the error of none
_WORST_CONDITION = 10.0
_LABELLED = 0.95  # share of a picture that has to be labelled for its chords and interfaces to be compared


@dataclass(frozen=True)
class CheckedPicture:
    """One held-out picture. confusion: (K, K) pixels, row: true, column: said; unsure: share of unsure pixels; chord (K,),
    thickness (K,), interface (K, K): ln of what was measured over what is true, NaN where it is not known."""

    name: str
    confusion: NDArray[np.int64]
    unsure: float
    chord: Floats
    thickness: Floats
    interface: Floats

    @property
    def true(self) -> Floats:
        """(K,) shares of the phases."""
        return np.asarray(self.confusion.sum(axis=1) / max(int(self.confusion.sum()), 1), np.float64)

    @property
    def said(self) -> Floats:
        """(K,) shares as the network has them."""
        return np.asarray(self.confusion.sum(axis=0) / max(int(self.confusion.sum()), 1), np.float64)


def check_picture(m: PhaseMap, truth: NDArray[np.uint8]) -> CheckedPicture:
    """Compares a map with the truth, (H, W) of phases, `UNJUDGED` where a pixel is not labelled. Raises TruthError where they do
    not fit."""
    if truth.shape != m.phases.shape:
        raise TruthError(f"{m.name}: labels are {truth.shape}, the micrograph {m.phases.shape}")
    k = len(m.names)
    both = m.judged & (truth != UNJUDGED)
    if not both.any():
        raise TruthError(f"{m.name}: no pixel is labelled with a phase")
    if int(truth[both].max()) >= k:
        raise TruthError(f"{m.name}: labels have a phase number {int(truth[both].max())}; the network has {k} phases")
    pairs = truth[both].astype(np.int64) * k + m.phases[both]
    confusion = np.bincount(pairs, minlength=k * k).reshape(k, k)
    chord, thick, interface = np.full(k, np.nan), np.full(k, np.nan), np.full((k, k), np.nan)
    if both.sum() >= _LABELLED * m.judged.sum():
        shown = [
            PhaseMap(name=m.name, phases=np.where(both, p, UNJUDGED).astype(np.uint8), names=m.names) for p in (m.phases, truth)
        ]
        said, true = (_lengths(p) for p in shown)
        with np.errstate(divide="ignore", invalid="ignore"):
            chord, thick, interface = (_finite(np.log(a / b)) for a, b in zip(said, true, strict=True))
    return CheckedPicture(m.name, confusion, m.unsure, chord, thick, interface)


def _lengths(m: PhaseMap) -> tuple[Floats, Floats, Floats]:
    """Mean chords, mean thickness and interfaces of a map."""
    t = tally(m)
    thick = [local_thickness(m.phases == k, m.judged, t.block).sums.sum(axis=0) for k in range(len(m.names))]
    with np.errstate(divide="ignore", invalid="ignore"):
        chord = 2 * t.chord_length.sum(axis=(0, 1)) / t.chord_ends.sum(axis=(0, 1))
        return chord, np.array([s / w for s, w in thick]), t.interface.sum(axis=0)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


class Bias(NamedTuple):
    """What a network does to a length: the factor that corrects it, and the relative half-width of 95 % that is left, NaN where it
    is not known."""

    factor: float
    reach: float


UNCHECKED = Bias(1.0, math.nan)


@dataclass(frozen=True)
class Check:
    """All held-out pictures of one network."""

    names: tuple[str, ...]
    pictures: tuple[CheckedPicture, ...]
    engine_sha256: str = ""

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(K, K) pixels of all pictures, row: true, column: said."""
        return np.asarray(np.sum([p.confusion for p in self.pictures], axis=0), np.int64)

    def iou(self) -> Floats:
        """(K,) intersection over union of each phase, over all pixels."""
        c = self.confusion
        hit = np.diag(c).astype(np.float64)
        union = c.sum(axis=0) + c.sum(axis=1) - hit
        return np.asarray(np.divide(hit, union, out=np.full(hit.size, np.nan), where=union > 0), np.float64)

    @property
    def enough(self) -> bool:
        """Whether an error can be told from so many pictures."""
        return len(self.pictures) >= LEAST_PICTURES

    def correction(self) -> Floats | None:
        """(K, K) that turns shares said into shares corrected for what is misclassified on average, where that leaves less error on
        pictures that the correction has not seen; None: shares are best left as said.

        The confusion matrix's rows are taken for the network's, whatever the shares (Rogan & Gladen, Am. J. Epidemiol. 107
        (1978) 71).
        """
        chosen = _corrector([p.confusion for p in self.pictures])
        if not self.enough or chosen is None:
            return None
        errors = [self._left_out(corrected=c) for c in (True, False)]
        if errors[0] is None or errors[1] is None:
            return None
        return chosen if _rms(errors[0]) < _BETTER * _rms(errors[1]) else None

    def _left_out(self, *, corrected: bool) -> Floats | None:
        """(m, K) error of the shares of each picture, corrected by all others; None where these do not allow it."""
        rows = []
        for i, p in enumerate(self.pictures):
            said = p.said
            if corrected:
                matrix = _corrector([q.confusion for j, q in enumerate(self.pictures) if j != i])
                if matrix is None:
                    return None
                said = matrix @ said
            rows.append(np.clip(said, 0, 1) - p.true)
        return np.array(rows)

    def share_reach(self) -> Floats | None:
        """(K,) half-width of 95 % for what the network does to the share of a phase in a picture it does not know. None where there
        are too few pictures."""
        if not self.enough:
            return None
        errors = self._left_out(corrected=self.correction() is not None)
        return None if errors is None else np.array([_reach(e) for e in errors.T])

    def reach_at(self, said: Floats) -> Floats | None:
        """(K,) `share_reach` for a picture with the shares (K,) said.

        Where shares are left as said, its own may be others than those of the held-out pictures, and what is misclassified then
        does not cancel as it does there: what a correction would change is added in quadrature.
        """
        reach = self.share_reach()
        matrix = _corrector([p.confusion for p in self.pictures])
        if reach is None or matrix is None or self.correction() is not None:
            return reach
        return np.asarray(np.hypot(reach, np.clip(matrix @ said, 0, 1) - said), np.float64)

    def chord_bias(self) -> list[Bias]:
        """Of a mean chord of each phase."""
        return [_bias([p.chord[k] for p in self.pictures]) for k in range(len(self.names))]

    def thickness_bias(self) -> list[Bias]:
        """Of a mean local thickness of each phase."""
        return [_bias([p.thickness[k] for p in self.pictures]) for k in range(len(self.names))]

    def interface_bias(self, a: int, b: int) -> Bias:
        """Of an interface of two phases."""
        return _bias([p.interface[a, b] for p in self.pictures])

    def usual_unsure(self) -> float:
        """The largest share of unsure pixels in a held-out picture; NaN for none."""
        return max((p.unsure for p in self.pictures if math.isfinite(p.unsure)), default=math.nan)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        pictures = [
            {
                "name": p.name,
                "confusion": p.confusion.tolist(),
                "unsure": _known(p.unsure),
                "chord": [_known(v) for v in p.chord],
                "thickness": [_known(v) for v in p.thickness],
                "interface": [[_known(v) for v in row] for row in p.interface],
            }
            for p in self.pictures
        ]
        return {"phases": list(self.names), "engine_sha256": self.engine_sha256, "pictures": pictures}

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Self:
        """What `to_dict` gave. Raises KeyError, TypeError, ValueError for anything else."""
        names = tuple(str(n) for n in found["phases"])
        k = len(names)
        pictures = []
        for p in found["pictures"]:
            unsure = float("nan") if p["unsure"] is None else float(p["unsure"])
            chord, thickness = (np.array(p[what], np.float64).reshape(k) for what in ("chord", "thickness"))
            interface = np.array(p["interface"], np.float64).reshape(k, k)
            confusion = np.array(p["confusion"], np.int64).reshape(k, k)
            pictures.append(CheckedPicture(str(p["name"]), confusion, unsure, chord, thickness, interface))
        return cls(names, tuple(pictures), str(found.get("engine_sha256", "")))


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _corrector(confusions: Sequence[NDArray[np.int64]]) -> Floats | None:
    """(K, K) from shares said to shares true; None where a phase was never there, or the phases are told apart too poorly."""
    total = np.sum(confusions, axis=0).astype(np.float64)
    of_each = total.sum(axis=1, keepdims=True)
    if not (of_each > 0).all():
        return None
    rates = (total / of_each).T
    return np.asarray(np.linalg.inv(rates), np.float64) if np.linalg.cond(rates) < _WORST_CONDITION else None


def _bias(logarithms: Sequence[float]) -> Bias:
    """Of ln (measured / true) of each held-out picture: corrected for where that leaves less error on pictures left out of it."""
    e = np.array([v for v in logarithms if math.isfinite(v)])
    if e.size < LEAST_PICTURES:
        return UNCHECKED
    left_out = e - (e.sum() - e) / (e.size - 1)
    if _rms(left_out) < _BETTER * _rms(e):
        return Bias(math.exp(-float(e.mean())), _reach(left_out))
    return Bias(1.0, _reach(e))


def _reach(errors: Floats) -> float:
    """Half-width within which the error of one more picture lies in 95 of 100 cases, whatever there is of a bias in it.

    Student's t, for a mean of 0; with many pictures the errors' own quantile, where that is more: they have long tails.
    """
    n = errors.size
    reach = t95(n - 1) * _rms(errors) * math.sqrt(1 + 1 / n)
    if n >= _DISTRIBUTION_FREE:
        reach = max(reach, float(np.sort(np.abs(errors))[min(math.ceil((n + 1) * (1 - 2 * RARE)), n) - 1]))
    return reach


def _rms(errors: Floats) -> float:
    return float(np.sqrt((errors**2).mean()))


def read_check(path: Path) -> Check:
    """A check as `nanogauge phases check` wrote it. Raises InputError."""
    try:
        return Check.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; make it with nanogauge phases check") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: no check of a network of phases ({str(error)[:80]}); make it with nanogauge phases check"
        ) from error
