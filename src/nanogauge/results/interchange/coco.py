"""COCO JSON: polygons and run-length encoded masks (Lin et al., ECCV 2014; the encoding is that of the COCO API)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import AnnotationError
from .drawn import Drawn, check_shape, count, numbers_of, points_yx
from .names import base_name, which
from .shapes import Patch, fill, trimmed, union


def is_coco(content: Any) -> bool:
    """Whether a JSON file's content is COCO's kind."""
    return isinstance(content, dict) and isinstance(content.get("images"), list) and isinstance(content.get("annotations"), list)


def image_names(content: dict[str, Any]) -> list[str]:
    """File names of the images a COCO file speaks of, without folders."""
    return [base_name(i.get("file_name")) for i in content["images"] if isinstance(i, dict)]


def read_coco(path: Path, content: dict[str, Any], shape: tuple[int, int], *, image_name: str | None) -> Drawn:
    """The shapes of one image, found by its file name as `names.which` compares them, or the only one.

    All categories are taken as particles; labels are kept where `nanogauge` wrote the file. Parts of one annotation are
    one particle. Raises AnnotationError where the image is not in the file, could be several, or had another height and width.
    """
    entry, said = _entry(path, content, image_name)
    check_shape((entry.get("height"), entry.get("width")), shape, str(path))
    categories = {c.get("id"): str(c.get("name")) for c in content.get("categories") or [] if isinstance(c, dict)}
    patches: list[Patch | None] = []
    names: list[str] = []
    own: list[str] = []
    without = groups = 0
    for item in content["annotations"]:
        if not isinstance(item, dict) or item.get("image_id") != entry.get("id"):
            continue
        segmentation = item.get("segmentation")
        if not segmentation:
            without += 1
            continue
        groups += bool(item.get("iscrowd")) and isinstance(segmentation, list)
        patches.append(patch_of(segmentation, shape, f"{path}: annotation {item.get('id')}"))
        names.append(categories.get(item.get("category_id"), ""))
        attributes = item.get("attributes")
        own.append(str(attributes.get("label", "")) if isinstance(attributes, dict) else "")
    if without and not patches:
        raise AnnotationError(f"{path}: boxes only, no outlines or masks for {entry.get('file_name')}; export segmentations")
    warnings = said
    if without:
        warnings += (f"{count(without, 'annotation is', 'annotations are')} a box without an outline and left out",)
    if groups:
        warnings += (f"{count(groups, 'annotation is', 'annotations are')} marked as a crowd; taken as one particle each",)
    return Drawn(kind="coco", patches=patches, names=names, numbers=numbers_of(own), warnings=warnings)


def _entry(path: Path, content: dict[str, Any], image_name: str | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    entries: list[dict[str, Any]] = [i for i in content["images"] if isinstance(i, dict)]
    k, said = which(path, [str(i.get("file_name") or "") for i in entries], image_name)
    return entries[k], said


def patch_of(segmentation: Any, shape: tuple[int, int], what: str) -> Patch | None:
    """The pixels of polygons ([x, y, x, y, ...] each) or of a run-length mask. AnnotationError where it is neither."""
    if isinstance(segmentation, list) and segmentation:
        parts = segmentation if isinstance(segmentation[0], list) else [segmentation]
        return union([fill([points_yx(part, what)], shape) for part in parts])
    if isinstance(segmentation, dict) and "counts" in segmentation:
        stated = segmentation.get("size")
        if not (isinstance(stated, list) and len(stated) == 2):
            raise AnnotationError(f"{what}: a run-length mask without its height and width; export the file again")
        check_shape(stated, shape, what)
        counts = segmentation["counts"]
        try:
            runs = uncompressed(counts) if isinstance(counts, str) else np.asarray(counts, np.int64)
        except (OverflowError, ValueError, TypeError):
            raise AnnotationError(f"{what}: run lengths that are no whole numbers; export the file again") from None
        return _patch_of_runs(runs, shape, what)
    raise AnnotationError(f"{what}: neither polygons nor a run-length mask; export the file again")


def decode_runs(runs: NDArray[np.int64], shape: tuple[int, int], what: str) -> NDArray[np.bool_]:
    """COCO's run lengths (background first, column by column) -> mask (H, W). AnnotationError where they do not add up."""
    mask = np.zeros(shape, bool)
    patch = _patch_of_runs(runs, shape, what)
    if patch is not None:
        mask[patch.y0 : patch.y0 + patch.mask.shape[0], patch.x0 : patch.x0 + patch.mask.shape[1]] = patch.mask
    return mask


def _patch_of_runs(runs: NDArray[np.int64], shape: tuple[int, int], what: str) -> Patch | None:
    """Only the columns that have a pixel are unpacked: a file may hold thousands of masks of a large picture."""
    h, w = shape
    if runs.ndim != 1 or (runs < 0).any() or (runs > h * w).any() or int(runs.sum()) != h * w:
        seen = f"{sum(map(int, runs.ravel()[:1000]))}{' or more' if runs.size > 1000 else ''} pixels instead of {h * w}"
        raise AnnotationError(f"{what}: damaged run-length mask ({seen}); export it again")
    ends = np.cumsum(runs)
    marked = np.flatnonzero((np.arange(len(runs)) % 2 == 1) & (runs > 0))
    if not len(marked):
        return None
    first, last = int(marked[0]), int(marked[-1])
    c0, c1 = int(ends[first] - runs[first]) // h, (int(ends[last]) - 1) // h + 1
    lengths = runs[first : last + 1].copy()
    values = np.arange(first, last + 1) % 2 == 1
    column = np.zeros((c1 - c0) * h, bool)
    begin = int(ends[first] - runs[first]) - c0 * h
    column[begin : begin + int(lengths.sum())] = np.repeat(values, lengths)
    return trimmed(Patch(0, c0, column.reshape(c1 - c0, h).T))


def uncompressed(text: str) -> NDArray[np.int64]:
    """COCO's compressed run lengths: base 32 digits from "0" on with a continuation bit, from the fourth run on differences to
    the run before last. Malformed text gives runs that do not add up."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        digit = ord(character) - 48
        value |= (digit & 0x1F) << shift
        shift += 5
        if digit & 0x20:
            if shift > 60:
                break
            continue
        if digit & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
        if abs(runs[-1]) > 1 << 40:
            break
    return np.array(runs, np.int64)
