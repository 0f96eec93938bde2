"""CVAT's own XML ("CVAT for images 1.1"): polygons, masks, boxes and ellipses of many pictures."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ...core.errors import AnnotationError
from .drawn import Drawn, check_shape, without_area
from .names import which
from .pieces import grouped
from .shapes import Patch, fill, fill_ellipse, place

_NO_AREA = ("polyline", "points", "skeleton", "cuboid", "tag")


def read_xml(path: Path, data: bytes) -> ElementTree.Element:
    """The root of CVAT's XML. Raises AnnotationError for other XML, and for what could harm (entities)."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise AnnotationError(f"{path}: XML with declarations of its own, which is not read; export the annotations again")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise AnnotationError(f"{path}: damaged XML ({' '.join(str(error).split())[:80]}); export it again") from None
    if root.tag != "annotations":
        if root.tag == "annotation":
            raise AnnotationError(f"{path}: Pascal VOC's XML, which has boxes only; export COCO, with segmentations")
        raise AnnotationError(f"{path}: XML, but not CVAT's (its root is {root.tag[:40]!r}); export COCO, or CVAT for images 1.1")
    if root.find("track") is not None:
        raise AnnotationError(f'{path}: tracks of a film; export as "CVAT for images 1.1"')
    return root


def cvat_names(root: ElementTree.Element) -> list[str]:
    """Names of the pictures that a file speaks of."""
    return [image.get("name") or "" for image in root.findall("image")]


def read_cvat(path: Path, root: ElementTree.Element, shape: tuple[int, int], *, image_name: str | None) -> Drawn:
    """The shapes of one picture, found by its name; those of one group are one particle where they lie together. Lines and points
    are left out, with a warning. Raises AnnotationError where a shape cannot be read, or was drawn on a picture of another size."""
    images = root.findall("image")
    k, said = which(path, cvat_names(root), image_name)
    stated = [int(v) if (v := images[k].get(key) or "").isdigit() else None for key in ("height", "width")]
    check_shape(stated, shape, str(path))
    shapes: list[tuple[Patch | None, str, Any]] = []
    left_out: Counter[str] = Counter()
    for n, item in enumerate(images[k]):
        what = f"{path}: shape {n + 1}"
        if item.tag in _NO_AREA:
            left_out[item.tag] += 1
        elif item.tag in ("polygon", "mask", "box", "ellipse"):
            group = item.get("group_id")
            shapes.append((_patch(item, shape, what), item.get("label") or "", None if group in (None, "", "0") else group))
    patches, names, more = grouped(shapes)
    more += without_area(left_out, "shape", "shapes")
    return Drawn(kind="cvat", patches=patches, names=names, warnings=(*said, *more))


def _patch(item: ElementTree.Element, shape: tuple[int, int], what: str) -> Patch | None:
    if item.tag == "polygon":
        pairs = [pair.split(",") for pair in (item.get("points") or "").split(";") if pair.strip()]
        try:
            points = np.array(pairs, float).reshape(-1, 2)
        except ValueError:
            points = np.full((1, 2), np.nan)
        if not np.isfinite(points).all():
            raise AnnotationError(f"{what}: points are not pairs of finite numbers; export the file again")
        return fill([points[:, ::-1]], shape)
    if item.tag == "mask":
        return _mask(item, shape, what)
    keys = ("cx", "cy", "rx", "ry") if item.tag == "ellipse" else ("xtl", "ytl", "xbr", "ybr")
    a, b, c, d, turned = (_number(item, key, what) for key in (*keys, "rotation"))
    angle = math.radians(turned)
    if item.tag == "ellipse":
        return fill_ellipse((b, a), (d, c), shape, angle_rad=angle)
    middle = np.array([(b + d) / 2, (a + c) / 2])
    half = np.array([(b, a), (b, c), (d, c), (d, a)]) - middle
    turn = np.array([(math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))])  # of (y, x), by the middle
    return fill([half @ turn + middle], shape)


def _number(item: ElementTree.Element, key: str, what: str) -> float:
    try:
        value = float(item.get(key) or ("0" if key == "rotation" else "nan"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AnnotationError(f"{what}: {key} is no finite number; export the file again")
    return value


def _mask(item: ElementTree.Element, shape: tuple[int, int], what: str) -> Patch | None:
    """Run lengths, background first, row by row, of a box at (left, top)."""
    x, y, w, h = (int(_number(item, key, what)) for key in ("left", "top", "width", "height"))
    try:
        runs = np.array([int(v) for v in (item.get("rle") or "").split(",")], np.int64)
    except (ValueError, OverflowError):
        runs = np.array([-1])
    largest = shape[0] * shape[1]
    if not 0 < w * h <= largest or min(w, h) < 1 or (runs < 0).any() or (runs > w * h).any() or int(runs.sum()) != w * h:
        raise AnnotationError(f"{what}: a damaged mask; export the file again")
    return place(np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(h, w), (y, x), shape)
