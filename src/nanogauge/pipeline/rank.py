"""Micrographs in the order of their particles' size, told from the pictures alone: nothing is outlined, no text is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..core.micrograph import Micrograph
from ..core.protocols import SizeEstimator
from ..core.scale import Scale
from ..detection.engines import make_size_estimator
from ..detection.size_estimate import SizeEstimate, estimate_sizes
from .frame import frame_of

COLUMNS = (
    "rank", "file", "status", "message", "d50_nm", "d50_nm_low", "d50_nm_high", "d50_px", "d50_px_low", "d50_px_high",
    "gsd", "n", "nm_per_px", "scale_source", "milliseconds",
)  # fmt: skip
"""Of a ranking."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One micrograph and the estimate of its sizes.

    estimate: None where there is none, and `message` says why; scale: the user's or the metadata's, None where neither is known
    """

    file: str
    estimate: SizeEstimate | None
    scale: Scale | None = None
    message: str = ""
    failed: bool = False
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """ok | no_scale | no_particles | error."""
        if self.failed:
            return "error"
        if self.estimate is None or self.estimate.none_seen:
            return "no_particles"
        return "ok" if self.scale else "no_scale"

    def row(self) -> dict[str, Any]:
        """By `COLUMNS`, but for the rank; None where a figure is not known."""
        e, scale = self.estimate, self.scale
        row: dict[str, Any] = dict.fromkeys(COLUMNS[1:]) | {"file": self.file, "status": self.status, "message": self.message}
        if e is not None and not e.none_seen:
            px = dict(zip(("d50_px", "d50_px_low", "d50_px_high"), (e.d50_px, *e.interval_px), strict=True))
            row |= px | {"gsd": e.gsd}
            if scale is not None:
                row |= {k.replace("_px", "_nm"): v * scale.mean_nm_per_px for k, v in px.items()}
        if e is not None:
            row["n"] = e.n
        if scale is not None:
            row |= {"nm_per_px": scale.mean_nm_per_px, "scale_source": scale.source}
        return row | {"milliseconds": round(1000 * self.seconds, 1)}


def estimate_of(micrograph: Micrograph, estimator: SizeEstimator | None = None) -> SizeEstimate | None:
    """The estimate for a micrograph. Its data bar is cut off where the metadata say where it begins; padding is too. None for a
    picture of under 32 px. Raises EngineError where the network cannot be loaded."""
    y0, x0, y1, x1 = frame_of(micrograph)
    return estimate_sizes(micrograph.grey8()[y0:y1, x0:x1], estimator or make_size_estimator())


def in_order(found: Iterable[Ranked], *, largest_first: bool = False) -> list[tuple[int | None, Ranked]]:
    """Sorted by size, each with its rank from 1: in nm, where every micrograph that shows particles has a scale, else in px. Those
    without an estimate come last, without a rank."""
    found = list(found)
    sized = [r for r in found if r.status in ("ok", "no_scale")]
    in_nm = unit_of(sized) == "nm"

    def size(r: Ranked) -> float:
        assert r.estimate is not None
        return r.estimate.d50_px * (r.scale.mean_nm_per_px if in_nm and r.scale else 1.0)

    ranked = sorted(sized, key=size, reverse=largest_first)
    return [*enumerate(ranked, start=1), *((None, r) for r in found if r.status not in ("ok", "no_scale"))]


def unit_of(found: Iterable[Ranked]) -> str:
    """The unit that a ranking is in: nm where all that have a size have a scale, else px."""
    sized = [r for r in found if r.status in ("ok", "no_scale")]
    return "nm" if sized and all(r.scale for r in sized) else "px"
