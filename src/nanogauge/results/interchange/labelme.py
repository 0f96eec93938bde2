"""LabelMe JSON: polygons, circles, rectangles, masks. Shapes of one `group_id` and name that lie together are one particle."""

from __future__ import annotations

import base64
import io
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import AnnotationError
from ...measuring.contours import Polygon
from .drawn import PARTICLE, Drawn, check_shape, points_yx, without_area
from .names import base_name, keys
from .pieces import grouped
from .shapes import Patch, fill, fill_ellipse, place


def is_labelme(content: Any) -> bool:
    """Whether a JSON file's content is LabelMe's kind."""
    return isinstance(content, dict) and isinstance(content.get("shapes"), list)


def read_labelme(path: Path, content: dict[str, Any], shape: tuple[int, int], *, image_name: str | None = None) -> Drawn:
    """All shapes with an area; lines and points are left out, with a warning. Raises AnnotationError where a shape cannot be
    read or was drawn on a picture of another height and width."""
    check_shape((content.get("imageHeight"), content.get("imageWidth")), shape, str(path))
    shapes: list[tuple[Patch | None, str, Any]] = []
    left_out: Counter[str] = Counter()
    for k, item in enumerate(content["shapes"]):
        what = f"{path}: shape {k + 1}"
        if not isinstance(item, dict):
            raise AnnotationError(f"{what}: not a shape; export the file again")
        kind = item.get("shape_type") or "polygon"
        if kind not in ("polygon", "circle", "rectangle", "mask", "oriented_rectangle"):
            left_out[str(kind)] += 1
            continue
        shapes.append((_patch(kind, item, shape, what), str(item.get("label") or ""), item.get("group_id")))
    patches, names, warnings = grouped(shapes)
    drawn_on = base_name(content.get("imagePath"))
    if image_name and drawn_on and not set(keys(drawn_on)[1:]) & set(keys(image_name)[1:]):
        warnings += (f"the file says that it was drawn on {drawn_on}; it is taken for {base_name(image_name)}",)
    warnings += without_area(left_out, "shape", "shapes")
    return Drawn(kind="labelme", patches=patches, names=names, warnings=warnings)


def write_labelme(
    path: Path, outlines: Mapping[int, Sequence[Polygon]], shape: tuple[int, int], classes: Mapping[int, str], *, picture: str
) -> None:
    """A polygon a particle, labelled with its class, "particle" where it has none. picture: the micrograph's file, beside which
    LabelMe looks for this one. Of holes and smaller pieces nothing is written, as a polygon has one outline."""
    shapes = [
        {
            "label": classes.get(label, PARTICLE),
            "points": rings[0][:, ::-1].astype(float).tolist(),
            "group_id": None,
            "description": str(label),
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
        }
        for label, rings in outlines.items()
    ]
    content: dict[str, Any] = {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": picture,
        "imageData": None,
        "imageHeight": shape[0],
        "imageWidth": shape[1],
    }
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def _patch(kind: str, item: dict[str, Any], shape: tuple[int, int], what: str) -> Patch | None:
    points = points_yx(item.get("points"), what)
    needed = {"circle": 2, "rectangle": 2, "mask": 2}.get(kind, 3)
    if len(points) < needed:
        raise AnnotationError(f"{what}: a {kind} of {len(points)} points; draw it again")
    if kind == "circle":  # the centre and a point on the circle
        radius = math.dist(points[0], points[1])
        return fill_ellipse((points[0][0], points[0][1]), (radius, radius), shape)
    if kind == "rectangle":
        (y0, x0), (y1, x1) = points.min(0), points.max(0)
        return fill([np.array([(y0, x0), (y0, x1), (y1, x1), (y1, x0)])], shape)
    if kind == "mask":  # a PNG whose corner lies at the first point
        from PIL import Image

        try:
            with Image.open(io.BytesIO(base64.b64decode(str(item.get("mask"))))) as picture:
                mask = np.asarray(picture) > 0
        except Exception as error:  # Pillow raises many types for a broken file
            raise AnnotationError(f"{what}: a mask that is no picture; export the file again") from error
        if mask.ndim != 2:
            raise AnnotationError(f"{what}: a mask in colour; export the file again")
        return place(mask, (round(points[0][0]), round(points[0][1])), shape)
    return fill([points], shape)
