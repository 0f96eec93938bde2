"""Masks of Segment Anything as JSON: the automatic generator's list, the files of SA-1B, and COCO's list of detections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import AnnotationError
from .coco import patch_of
from .drawn import Drawn, check_shape
from .shapes import Patch, place


def is_sam(content: Any) -> bool:
    """Whether a JSON file's content is a list of masks, or SA-1B's `image` with `annotations`."""
    if isinstance(content, dict):
        return isinstance(content.get("image"), dict) and isinstance(content.get("annotations"), list)
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(c, dict) and ("segmentation" in c or "counts" in c) for c in content)
    )


def read_sam(path: Path, content: Any, shape: tuple[int, int], *, image_name: str | None) -> Drawn:
    """A particle a mask: run lengths, polygons, or rows of true and false. The masks that the generator makes of the ground, which
    hold others, are left out as regions. Raises AnnotationError where one cannot be read, or they are of several pictures."""
    masks = content
    if isinstance(content, dict):
        image, masks = content["image"], content["annotations"]
        check_shape((image.get("height"), image.get("width")), shape, str(path))
    of = {c.get("image_id") for c in masks if isinstance(c, dict) and isinstance(c.get("image_id"), int | str)}
    if len(of) > 1:
        raise AnnotationError(
            f"{path}: masks of {len(of)} pictures, without their names; give the COCO file that has its images too"
        )
    patches: list[Patch | None] = []
    for k, item in enumerate(masks):
        what = f"{path}: mask {k + 1}"
        if not isinstance(item, dict):
            raise AnnotationError(f"{what}: no mask; export the file again")
        patches.append(_patch(item.get("segmentation", item), shape, what))
    return Drawn(kind="sam", patches=patches, names=[""] * len(patches))


def _patch(segmentation: Any, shape: tuple[int, int], what: str) -> Patch | None:
    rows = segmentation if isinstance(segmentation, list) else []
    first = rows[0] if rows else None
    if isinstance(first, list) and first and all(v in (0, 1) for v in first[:8] if isinstance(v, int)) and len(first) > 8:
        try:
            mask = np.asarray(rows)
        except ValueError:
            raise AnnotationError(f"{what}: rows of unequal length; export the file again") from None
        if mask.ndim != 2 or mask.dtype.kind not in "bi" or not np.isin(mask, (0, 1)).all():
            raise AnnotationError(f"{what}: rows that are not all true and false; export the file again")
        check_shape(mask.shape, shape, what)
        return place(mask.astype(bool), (0, 0), shape)
    return patch_of(segmentation, shape, what)
