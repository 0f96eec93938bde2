"""What the operator decides beside the outlines: the region, the filters, the scale; and what follows for each particle.

Filters and region never change a size: they set flags and weights, vectorised over the whole table, so that they follow a slider.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.errors import EditError
from ..core.particles import COLUMNS, Flag, flag_texts, flags_of
from ..core.settings import MeasureSettings
from ..measuring.frame_effects import Frame, frame_flags, frame_weights, window_flags
from ..results.interchange.shapes import fill
from .journal import Edit

Ints = NDArray[np.int64]
LASTING = Flag.LOW_CONFIDENCE | Flag.SEPARATED | Flag.OVERLAPPED | Flag.NO_EDGE
"""Flags that measuring gives; the others are given by `judge`."""
_MOST_POINTS = 20_000
_LIMITS = {
    "least_diameter": 1e9,
    "largest_diameter": 1e9,
    "least_circularity": 2,
    "least_confidence": 1,
    "least_other": 1e9,
    "largest_other": 1e9,
}
_NOT_FILTERED = ("y", "x", "edge_weight")
_OTHER = {
    c.name.removesuffix("_px"): bool(c.nm_name)
    for c in COLUMNS
    if c.unit in ("px", "") and c.dtype == "float64" and c.name not in _NOT_FILTERED
}
"""Quantities to filter by, and whether they are lengths."""
_OTHER_LENGTHS = frozenset(name for name, length in _OTHER.items() if length)


@dataclass(frozen=True, kw_only=True)
class Region:
    """rectangle: (y0, x0, y1, x1) px, half-open, to which the measurement is restricted; excluded: rings of (y, x) points, pixel
    centres at integers, of areas left out."""

    rectangle: Frame | None = None
    excluded: tuple[tuple[tuple[float, float], ...], ...] = ()

    def frame(self, picture: Frame) -> Frame:
        """The part of the picture's frame that is measured. EditError where nothing is left of it."""
        if self.rectangle is None:
            return picture
        y0, x0 = max(picture[0], self.rectangle[0]), max(picture[1], self.rectangle[1])
        y1, x1 = min(picture[2], self.rectangle[2]), min(picture[3], self.rectangle[3])
        if y1 - y0 < 8 or x1 - x0 < 8:
            raise EditError("the rectangle covers hardly any of the picture: draw a larger one")
        return y0, x0, y1, x1

    def unseen(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """(H, W) True where nothing is measured: outside the rectangle and in the excluded areas."""
        excluded = self.mask(shape)
        out = np.zeros(shape, bool) if excluded is None else excluded
        if self.rectangle is not None:
            y0, x0, y1, x1 = (max(v, 0) for v in self.rectangle)
            out[:y0], out[y1:], out[:, :x0], out[:, x1:] = True, True, True, True
        return out

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
        """(H, W) True in the excluded areas; None where there are none."""
        if not self.excluded:
            return None
        out = np.zeros(shape, bool)
        for ring in self.excluded:
            patch = fill([np.asarray(ring, float) + 0.5], shape)
            if patch is not None:
                out[patch.y0 : patch.y0 + patch.mask.shape[0], patch.x0 : patch.x0 + patch.mask.shape[1]] |= patch.mask
        return out


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What counts. Lengths in `unit`; None: no limit. border: count particles cut by the frame too, then without edge weights.

    other: a column of the particle table, without its unit, whose value must lie in least_other ... largest_other
    """

    unit: Literal["nm", "px"] = "px"
    least_diameter: float | None = None
    largest_diameter: float | None = None
    least_circularity: float | None = None
    least_confidence: float | None = None
    border: bool = False
    other: str | None = None
    least_other: float | None = None
    largest_other: float | None = None


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """All that is decided beside the outlines.

    scale: None as found, else what `scale_choice` understands; accepted, left_out: labels of particles looked at, that count, and
    that are there but do not count; classes: label, as text, -> the class that a person gave it
    """

    region: Region = field(default_factory=Region)
    filters: Filters = field(default_factory=Filters)
    scale: dict[str, Any] | None = None
    accepted: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()
    classes: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dataclasses.asdict(self)


def region_from_dict(content: dict[str, Any]) -> Region:
    """A region out of JSON. Raises EditError where it makes no sense."""
    try:
        box = content.get("rectangle")
        rectangle = None if box is None else (int(box[0]), int(box[1]), int(box[2]), int(box[3]))
        rings = tuple(tuple((float(y), float(x)) for y, x in ring) for ring in content.get("excluded") or ())
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise EditError("the region cannot be understood: draw it again") from error
    if sum(map(len, rings)) > _MOST_POINTS or not all(np.isfinite(v) for ring in rings for point in ring for v in point):
        raise EditError("the region has too many points or is not finite: draw it again")
    return Region(rectangle=rectangle, excluded=rings)


def filters_from_dict(content: dict[str, Any]) -> Filters:
    """Filters out of JSON. Raises EditError where they make no sense."""
    values: dict[str, Any] = {"unit": "nm" if content.get("unit") == "nm" else "px", "border": bool(content.get("border"))}
    for name, most in _LIMITS.items():
        value = content.get(name)
        if value in (None, ""):
            continue
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise EditError(f"{name.replace('_', ' ')} must be a number, got {str(value)[:20]!r}") from error
        if not 0 <= number <= most:
            raise EditError(f"{name.replace('_', ' ')} must lie in 0 ... {most:g}, got {number:g}")
        values[name] = number or None
    other = content.get("other") or None
    if other is not None and (values.get("least_other") or values.get("largest_other")):
        if not isinstance(other, str) or other not in _OTHER:
            raise EditError(f"{str(other)[:40]}: no quantity to filter by")
        values["other"] = other
        if (values.get("least_other") or 0) >= (values.get("largest_other") or np.inf):
            raise EditError(f"the window of {other.replace('_', ' ')} is empty")
    else:
        values = {k: v for k, v in values.items() if k not in ("least_other", "largest_other")}
    low, high = values.get("least_diameter"), values.get("largest_diameter")
    if low and high and low >= high:
        raise EditError(f"the size window is empty: {low:g} is not below {high:g}")
    in_unit = low or high or values.get("other") in _OTHER_LENGTHS
    return Filters(**values | ({} if in_unit else {"unit": "px"}))  # without a window its unit says nothing


def decisions_from_dict(content: dict[str, Any]) -> Decisions:
    """The decisions of `Decisions.to_dict`. Raises EditError."""
    return Decisions(
        region=region_from_dict(content.get("region") or {}),
        filters=filters_from_dict(content.get("filters") or {}),
        scale=content.get("scale"),
        accepted=tuple(int(v) for v in content.get("accepted") or ()),
        left_out=tuple(int(v) for v in content.get("left_out") or ()),
        classes={str(int(k)): str(v) for k, v in (content.get("classes") or {}).items()},
    )


def decisions_in(edits: Iterable[Edit]) -> Decisions:
    """What the edits in force have decided, each field by the last one that set it. Raises EditError."""
    return decisions_from_dict({e.field: e.after for e in edits if e.patch is None})


@dataclass(frozen=True)
class Judged:
    """table: with flags and weights; removed: reason -> how many particles only this filter would leave out of those otherwise
    counted; notes: what to say of it."""

    table: pd.DataFrame
    removed: dict[str, int]
    notes: tuple[str, ...]


def judge(
    table: pd.DataFrame,
    boxes: Ints,
    *,
    decisions: Decisions,
    edited: frozenset[int],
    hidden: frozenset[int],
    frame: Frame,
    shape: tuple[int, int],
    settings: MeasureSettings,
) -> Judged:
    """Flags and weights of measured particles under the operator's decisions.

    boxes: (4, n) y0, x0, y1, x1; frame: of the picture; hidden: labels with a pixel in an excluded area
    """
    region, filters = decisions.region, decisions.filters
    label = table["label"].to_numpy(np.int64)
    inner = region.frame(frame)
    lasting = flags_of(table["flags"]) & LASTING.value
    accepted, by_hand = np.isin(label, decisions.accepted), np.isin(label, list(edited))
    omitted = np.isin(label, decisions.left_out)
    sure = accepted | by_hand | omitted  # a person looked at these, whatever the network thinks
    lasting = np.where(sure, lasting & ~Flag.LOW_CONFIDENCE.value, lasting)
    lasting |= np.where(accepted, Flag.ACCEPTED.value, 0) | np.where(by_hand, Flag.EDITED.value, 0)
    border = frame_flags(boxes, frame, shape)
    outside = (frame_flags(boxes, inner, shape) > 0) & (border == 0)
    masked = outside | np.isin(label, list(hidden))
    diameter_px = table["equivalent_diameter_px"].to_numpy(np.float64)
    window = window_flags(
        diameter_px, boxes, frame, least_diameter_px=settings.least_diameter_px, largest_frame_share=settings.largest_frame_share
    )
    column = f"equivalent_diameter_{filters.unit}"
    diameter = table[column].to_numpy(np.float64) if column in table else None
    notes = []
    small = large = np.zeros(label.size, bool)
    if diameter is None and (filters.least_diameter or filters.largest_diameter):
        notes.append("the size window is in nm, but there is no scale: it is not applied")
    elif diameter is not None:
        small = diameter < (filters.least_diameter or 0)
        large = diameter > (filters.largest_diameter or np.inf)
    uneven = table["circularity"].to_numpy(np.float64) < (filters.least_circularity or 0)
    otherwise, note = _by_other(table, filters)
    notes += note
    confidence = table["confidence"].to_numpy(np.float64)
    unsure = (confidence < (filters.least_confidence or 0)) & ~sure
    cut = (border > 0) & (not filters.border)
    reasons = {
        "border": cut,
        "region": masked,
        "size": small | large | (window > 0),
        "circularity": uneven,
        "confidence": unsure,
        "other": otherwise,
        "by_hand": omitted,
    }
    votes = np.sum([*reasons.values()], axis=0)
    removed = {name: int((hit & (votes == 1)).sum()) for name, hit in reasons.items()}
    weights = frame_weights(boxes, inner)
    if filters.border:
        weights = np.ones(label.size)
        notes.append("particles cut by the frame are counted at the size seen, and no edge weights are used")
    if region.excluded and not filters.border:
        notes.append("edge weights are those of the whole frame: they do not take the excluded areas into account")
    flags = lasting | border | window
    flags |= np.where(small, Flag.TOO_SMALL.value, 0) | np.where(large, Flag.TOO_LARGE.value, 0)
    flags |= np.where(masked, Flag.EXCLUDED.value, 0) | np.where(uneven | unsure | otherwise, Flag.FILTERED.value, 0)
    flags |= np.where(omitted, Flag.LEFT_OUT_BY_HAND.value, 0)
    out = table.copy(deep=False)
    out["edge_weight"] = np.where(votes > 0, 0.0, weights)
    out["flags"] = pd.Series(flag_texts(flags), index=out.index, dtype=out["flags"].dtype)
    return Judged(out, removed, tuple(notes))


def _by_other(table: pd.DataFrame, filters: Filters) -> tuple[NDArray[np.bool_], list[str]]:
    """(n,) what the window of another quantity leaves out, those without such a value too; and what to say of it."""
    none = np.zeros(len(table), bool)
    if filters.other is None:
        return none, []
    column = f"{filters.other}_{filters.unit}" if _OTHER.get(filters.other) else filters.other
    if column not in table:
        return none, [f"the window of {filters.other.replace('_', ' ')} is in nm, but there is no scale: it is not applied"]
    values = table[column].to_numpy(np.float64)
    inside = (values >= (filters.least_other or -np.inf)) & (values <= (filters.largest_other or np.inf))
    return ~inside, []
