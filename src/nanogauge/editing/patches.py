"""A change of labels within a box, kept so that it can be undone and written to a journal: exact, whatever made it."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
Labels = NDArray[np.int32]
_MOST_PIXELS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Patch:
    """Labels before and after a change, each (y1 - y0, x1 - x0) int32; box: (y0, x0, y1, x1), half-open."""

    box: Box
    before: Labels
    after: Labels

    @property
    def touched(self) -> tuple[int, ...]:
        """Labels that have gained or lost pixels, sorted."""
        differ = self.before != self.after
        found = np.union1d(self.before[differ], self.after[differ])
        return tuple(int(v) for v in found if v)

    @property
    def empty(self) -> bool:
        return not np.any(self.before != self.after)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: compressed and base64."""
        return {"box": list(self.box), "before": _packed(self.before), "after": _packed(self.after)}


def patch_from_dict(content: dict[str, Any]) -> Patch:
    """The patch of `Patch.to_dict`. Raises ValueError where it is damaged."""
    y0, x0, y1, x1 = (int(v) for v in content["box"])
    if not (0 <= y0 < y1 and 0 <= x0 < x1 and (y1 - y0) * (x1 - x0) < _MOST_PIXELS):
        raise ValueError(f"a box must be (y0, x0, y1, x1), got {content['box']}")
    shape = (y1 - y0, x1 - x0)
    return Patch((y0, x0, y1, x1), _unpacked(content["before"], shape), _unpacked(content["after"], shape))


def patch_between(before: Labels, after: Labels, *, offset: tuple[int, int] = (0, 0)) -> Patch | None:
    """The smallest patch that turns `before` into `after`, both (h, w) at `offset` (y, x) of the picture; None where they agree."""
    differ = before != after
    rows, columns = np.flatnonzero(differ.any(1)), np.flatnonzero(differ.any(0))
    if not rows.size:
        return None
    within = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    y, x = offset[0] + int(rows[0]), offset[1] + int(columns[0])
    a, b = before[within].astype(np.int32), after[within].astype(np.int32)
    return Patch((y, x, y + a.shape[0], x + a.shape[1]), a, b)


def write_into(labels: Labels, box: Box, content: Labels) -> None:
    """Writes a patch's side into labels (H, W), in place."""
    y0, x0, y1, x1 = box
    labels[y0:y1, x0:x1] = content


def union_box(boxes: list[Box]) -> Box | None:
    """The box round boxes; None for none."""
    if not boxes:
        return None
    y0, x0, y1, x1 = zip(*boxes, strict=True)
    return min(y0), min(x0), max(y1), max(x1)


def _packed(labels: Labels) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(labels, "<i4").tobytes(), 6)).decode()


def _unpacked(text: str, shape: tuple[int, int]) -> Labels:
    most = shape[0] * shape[1] * 4
    raw = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), most + 1)
    if len(raw) != most:
        raise ValueError(f"a patch of {shape} needs {most} bytes, got {len(raw)}")
    return np.frombuffer(raw, "<i4").reshape(shape).astype(np.int32)
