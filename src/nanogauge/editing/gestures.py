"""What the page sends of a gesture -> a patch of labels, or a decision, and what to say of it. Checked here, as it comes from
outside."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from ..core.errors import EditError, ScaleError
from ..core.particles import UNSURE
from ..results.measurement import Measurement
from . import edits, reshape
from .filters import Decisions, filters_from_dict, region_from_dict
from .one_click import propose
from .patches import Box, Labels, Patch, union_box
from .remeasure import Ints
from .scale_choice import decide, describe

_RESHAPES = {
    "fill": (reshape.fill, "filled"),
    "smooth": (reshape.smooth, "smoothed"),
    "grow": (reshape.grow, "grew"),
    "shrink": (reshape.shrink, "shrank"),
}
MOST_POINTS = 20_000
LARGEST_BRUSH_PX = 2000.0
LONGEST_CLASS = 40


@dataclass(frozen=True)
class Standing:
    """The particles as they stand when a gesture is made. labels, pixels, probability: (H, W); boxes: (4, n), as the table."""

    labels: Labels
    table: pd.DataFrame
    boxes: Ints
    pixels: NDArray[Any]
    probability: NDArray[np.float32] | None
    next_label: int

    def patch(self, kind: str, g: dict[str, Any]) -> tuple[Patch, str, tuple[int, ...]]:
        """The patch of an edit of outlines, what to say of it, the labels to select then. Raises EditError."""
        chosen = _labels(g.get("labels"))
        new = self.next_label
        if kind in ("delete", "merge"):
            self._known(chosen)
            many = f"{len(chosen)} particles" if len(chosen) > 1 else f"particle {chosen[0]}"
            if kind == "delete":
                return self._local(chosen, lambda part, off: edits.delete(part, chosen)), f"deleted {many}", ()
            apart = g.get("apart") is True
            patch = self._local(chosen, lambda part, off: edits.merge(part, chosen, apart=apart))
            return patch, f"merged particles {', '.join(map(str, chosen[:8]))}{' …' if len(chosen) > 8 else ''}", (min(chosen),)
        if kind in _RESHAPES:
            self._known(chosen)
            many = f"{len(chosen)} particles" if len(chosen) > 1 else f"particle {chosen[0]}"
            make, words = _RESHAPES[kind]
            return self._local(chosen, lambda part, off: make(part, chosen)), f"{words} {many}", tuple(chosen)
        if kind == "part":
            self._known(chosen)
            patch = self._local(chosen, lambda part, off: reshape.part(part, chosen, next_label=new))
            names = [v for v in patch.touched if v < new]
            return patch, f"split particle{'s' if len(names) > 1 else ''} {', '.join(map(str, names))} at the neck", patch.touched
        if kind == "click":
            (point,) = _points(g.get("points"), least=1)[:1]
            found = propose(
                (float(point[0]), float(point[1])),
                labels=self.labels,
                pixels=self.pixels,
                probability=self.probability,
                typical_diameter_px=float(self.table["equivalent_diameter_px"].median()) if len(self.table) else 0.0,
            )
            patch = edits.add_mask(self.labels, found.mask, found.corner, next_label=new)
            return patch, f"added particle {new} by one click, outline from the {found.found_in}", (new,)
        points = _points(g.get("points"), least=1)
        radius = min(max(_number(g.get("radius_px") or 1, "the size of the brush"), 0.5), LARGEST_BRUSH_PX)
        if kind == "polygon":
            return edits.add_polygon(self.labels, points, next_label=new), f"drew particle {new}", (new,)
        if kind == "vertices":
            self._known(chosen[:1])
            was = _points(g.get("was"), least=3)
            both = np.vstack([was, points])
            patch = self._local(chosen[:1], lambda p, off: edits.move_outline(p, chosen[0], was - off, points - off), points=both)
            return patch, f"moved the outline of particle {chosen[0]}", (chosen[0],)
        if kind == "redraw":
            self._known(chosen[:1])
            patch = self._local(chosen[:1], lambda p, off: edits.redraw(p, chosen[0], points - off), points=points)
            return patch, f"redrew the outline of particle {chosen[0]}", (chosen[0],)
        aimed = self._aimed(_labels(g.get("selected")), points, 1.5 if kind == "split" else radius + 1.5)
        if kind == "brush":
            target = (aimed or chosen or [0])[0]
            patch = edits.brush(self.labels, points, radius_px=radius, next_label=new, label=target)
            text = f"enlarged particle {target} with the brush" if target else f"painted particle {new}"
            return patch, text, (target or new,)
        if kind == "split":
            patch = self._under(points, 8, lambda p, off: edits.split(p, points - off, next_label=new, only=aimed or chosen))
            names = [v for v in patch.touched if v < new]
            return patch, f"split particle{'s' if len(names) > 1 else ''} {', '.join(map(str, names))}", patch.touched
        if kind == "erase":
            only = aimed or chosen
            patch = self._under(
                points, radius + 2, lambda p, off: edits.erase(p, points - off, radius_px=radius, next_label=new, only=only)
            )
            names = [v for v in patch.touched if v < new]
            return patch, f"took away from particle{'s' if len(names) > 1 else ''} {', '.join(map(str, names))}", ()
        raise EditError(f"unknown edit {kind[:20]!r}")

    def to_accept(self, g: dict[str, Any]) -> tuple[list[int], str]:
        """Labels to accept and what to say: those chosen, or all above a confidence. Raises EditError."""
        least = g.get("above_confidence")
        if least is None:
            chosen = _labels(g.get("labels"))
            self._known(chosen)
            return chosen, f"accepted {f'{len(chosen)} particles' if len(chosen) > 1 else f'particle {chosen[0]}'}"
        least = _number(least, "the confidence")
        sure = self.table["confidence"].to_numpy(np.float64) >= least
        labels = self.table["label"].to_numpy(np.int64)[sure].tolist()
        if not labels:
            raise EditError(f"no particle has a confidence of {least:g} or more")
        return labels, f"accepted the {len(labels)} particles with a confidence of {least:g} or more"

    def to_class(self, g: dict[str, Any], given: Mapping[str, str]) -> tuple[dict[str, str], str]:
        """Label -> class of all that a person classed then, and what to say: those chosen are of the class "class"; "" takes it
        from them. Raises EditError."""
        chosen = _labels(g.get("labels"))
        self._known(chosen)
        name = class_name(g.get("class"))
        many = f"{len(chosen)} particles" if len(chosen) > 1 else f"particle {chosen[0]}"
        rest = {k: v for k, v in given.items() if int(k) not in set(chosen)}
        if not name:
            return rest, f"took the class from {many}"
        return dict(
            sorted((rest | {str(k): name for k in chosen}).items(), key=lambda item: int(item[0]))
        ), f"classed {many} as {name}"

    def _aimed(self, selected: list[int], points: NDArray[np.float64], reach_px: float) -> list[int]:
        """Of what is selected what a stroke touches, or in whose hole it begins: that is its target, whatever else lies there."""
        if not selected:
            return []
        near, (top, left) = edits.painted(points, reach_px, self.labels.shape)
        part = self.labels[top : top + near.shape[0], left : left + near.shape[1]]
        hit = set(np.unique(part[near]).tolist()) & set(selected)
        y, x = np.rint(points[0]).astype(int).tolist()
        known = self.table["label"].to_numpy(np.int64)
        for i in np.flatnonzero(np.isin(known, selected)):
            y0, x0, y1, x1 = self.boxes[:, i].tolist()
            if y0 <= y < y1 and x0 <= x < x1:
                filled = ndimage.binary_fill_holes(self.labels[y0:y1, x0:x1] == known[i])
                hit |= {int(known[i])} if filled[y - y0, x - x0] else set()
        return sorted(hit)

    def _known(self, chosen: list[int]) -> None:
        if not chosen:
            raise EditError("choose a particle first: click it")
        present = set(self.table["label"].tolist())
        gone = [c for c in chosen if c not in present]
        if gone:
            raise EditError(f"particle {gone[0]} is no longer there: it was changed in another window")

    def to_leave_out(self, g: dict[str, Any], already: Collection[int]) -> tuple[list[int], str]:
        """Labels left out by hand then, and what to say: those chosen too, or no longer where all of them are. Raises EditError."""
        chosen = _labels(g.get("labels"))
        self._known(chosen)
        many = f"{len(chosen)} particles" if len(chosen) > 1 else f"particle {chosen[0]}"
        if set(chosen) <= set(already):
            return sorted(set(already) - set(chosen)), f"counted {many} again"
        return sorted({*already, *chosen}), f"left out {many}: seen, not counted"

    def _local(self, chosen: list[int], make: Any, *, points: NDArray[np.float64] | None = None) -> Patch:
        """An edit on the part of the picture that holds the particles chosen."""
        known = self.table["label"].to_numpy(np.int64)
        group = self.boxes[:, np.isin(known, chosen)]
        boxes: list[Box] = [tuple(b) for b in group.T.tolist()]
        if points is not None:
            low, high = np.floor(points.min(0)).astype(int), np.ceil(points.max(0)).astype(int) + 1
            boxes.append((int(low[0]), int(low[1]), int(high[0]), int(high[1])))
        return self._cropped(boxes, 8, make)

    def _under(self, points: NDArray[np.float64], margin: float, make: Any) -> Patch:
        """An edit on the part of the picture that holds the particles under a stroke."""
        low, high = np.floor(points.min(0) - margin).astype(int), np.ceil(points.max(0) + margin).astype(int) + 1
        y0, x0, y1, x1 = int(low[0]), int(low[1]), int(high[0]), int(high[1])
        near = (self.boxes[0] < y1) & (self.boxes[2] > y0) & (self.boxes[1] < x1) & (self.boxes[3] > x0)
        boxes: list[Box] = [tuple(b) for b in self.boxes[:, near].T.tolist()]
        return self._cropped([*boxes, (y0, x0, y1, x1)], 8, make)

    def _cropped(self, boxes: list[Box], margin: int, make: Any) -> Patch:
        h, w = self.labels.shape
        y0, x0, y1, x1 = union_box(boxes) or (0, 0, h, w)
        y0, x0 = min(max(y0 - margin, 0), h - 1), min(max(x0 - margin, 0), w - 1)
        y1, x1 = max(min(y1 + margin, h), y0 + 1), max(min(x1 + margin, w), x0 + 1)
        patch: Patch = make(self.labels[y0:y1, x0:x1], np.array([y0, x0], np.float64))
        a, b, c, d = patch.box
        return Patch((a + y0, b + x0, c + y0, d + x0), patch.before, patch.after)


def decision_of(kind: str, g: dict[str, Any], standing: Standing, taken: Decisions, found: Measurement) -> tuple[str, Any, str]:
    """A decision beside the outlines: which field of `Decisions`, its value as `to_dict` has it, what to say of it.

    kind: accept, leave_out, class, region, filters or scale; taken: the decisions in force; found: as it was before any edit

    Raises EditError or ScaleError.
    """
    if kind == "accept":
        labels, text = standing.to_accept(g)
        accepted = sorted({*taken.accepted, *labels})
        if accepted == list(taken.accepted):
            raise EditError("these particles are accepted already")
        return "accepted", accepted, text
    if kind == "leave_out":
        return "left_out", *standing.to_leave_out(g, taken.left_out)
    if kind == "class":
        return "classes", *standing.to_class(g, taken.classes)
    if kind == "region":
        region = region_from_dict(g)
        region.frame(found.frame)
        n = len(region.excluded)
        areas = f"{n} excluded area{'s' if n != 1 else ''}" if n else "no excluded area"
        text = f"set the region: {'a rectangle' if region.rectangle else 'the whole picture'}, {areas}"
        return "region", replace(taken, region=region).to_dict()["region"], text
    if kind == "filters":
        filters = replace(taken, filters=filters_from_dict(g)).to_dict()["filters"]
        return "filters", filters, "set the filters: " + (_filters_text(filters) or "none")
    choice = g.get("choice")
    if not isinstance(choice, dict | None):
        raise ScaleError("the scale chosen cannot be understood: choose it again")
    decision = decide(choice, found=found.decision, metadata=found.micrograph.scale, bar=found.scale_bar)
    return "scale", choice, describe(choice, decision)


def _labels(value: Any) -> list[int]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > 1_000_000 or not all(isinstance(v, int) and v > 0 for v in value):
        raise EditError("the particles chosen cannot be understood: choose them again")
    return sorted(set(value))


def class_name(value: Any) -> str:
    """A name that a class may have; "" for none. EditError for another."""
    name = " ".join(str(value or "").split())
    if not isinstance(value, str | None) or len(name) > LONGEST_CLASS or not name.isprintable() or name == UNSURE:
        raise EditError(f"{str(value)[:40]!r} is no name for a class: up to {LONGEST_CLASS} letters, and not {UNSURE!r}")
    return name


def _number(value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise EditError(f"{what} must be a number, got {str(value)[:20]!r}")
    return number


def _points(value: Any, *, least: int) -> NDArray[np.float64]:
    try:
        points = np.asarray(value, np.float64).reshape(-1, 2)
    except (TypeError, ValueError, OverflowError) as error:
        raise EditError("the stroke cannot be understood: draw it again") from error
    if not least <= len(points) <= MOST_POINTS or not np.isfinite(points).all() or np.abs(points).max() > 1e7:
        raise EditError("the stroke is empty or too long: draw it again")
    return points


def _filters_text(f: dict[str, Any]) -> str:
    """Filters for the record of edits; "" where there are none."""
    parts = []
    low, high = f.get("least_diameter"), f.get("largest_diameter")
    if low or high:
        parts.append(f"diameter {f'{low:g}' if low else '0'} to {f'{high:g}' if high else '∞'} {f['unit']}")
    if f.get("least_circularity"):
        parts.append(f"circularity ≥ {f['least_circularity']:g}")
    if f.get("least_confidence"):
        parts.append(f"confidence ≥ {f['least_confidence']:g}")
    if f.get("other"):
        low, high = f.get("least_other"), f.get("largest_other")
        parts.append(f"{f['other'].replace('_', ' ')} {f'{low:g}' if low else '0'} to {f'{high:g}' if high else '∞'}")
    if f.get("border"):
        parts.append("border particles counted")
    return ", ".join(parts)
