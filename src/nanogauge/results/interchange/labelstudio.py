"""Label Studio's JSON, read and written: polygons, brushes, ellipses and rectangles, in per cent of the picture's size."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import AnnotationError
from ...measuring.contours import Polygon
from .drawn import PARTICLE, Drawn, check_shape, points_yx, without_area
from .names import base_name, which
from .shapes import Floats, Patch, fill, fill_ellipse, place

_MIN_KEYS = ({"annotation_id"}, {"annotator", "lead_time"})
_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")
_PICTURE_KEYS = ("image", "img", "picture", "url")


def is_labelstudio(content: Any) -> bool:
    """Whether a JSON file's content is Label Studio's: JSON, or JSON-MIN."""
    tasks = _tasks(content)
    return bool(tasks) and all(isinstance(t, dict) and (_is_full(t) or any(k <= t.keys() for k in _MIN_KEYS)) for t in tasks)


def labelstudio_names(content: Any) -> list[str]:
    """Names of the pictures that a file speaks of."""
    return [_name(t) for t in _tasks(content)]


def read_labelstudio(path: Path, content: Any, shape: tuple[int, int], *, image_name: str | None) -> Drawn:
    """Polygons, brushes, ellipses and rectangles of one task, found by its picture's name.

    Of several people's annotations of it the one marked as ground truth counts, else the last. Raises AnnotationError where a
    region cannot be read, or was drawn on a picture that is turned or has another height and width.
    """
    tasks = _tasks(content)
    k, said = which(path, [_name(t) for t in tasks], image_name)
    results, more = _results(tasks[k])
    patches: list[Patch | None] = []
    names: list[str] = []
    left_out: Counter[str] = Counter()
    for n, (value, about) in enumerate(results):
        what = f"{path}: region {n + 1}"
        if not _has_area(value):
            if {"x", "points", "vertices"} & value.keys():
                left_out[str(about.get("type") or "point")] += 1
            continue
        check_shape((about.get("original_height"), about.get("original_width")), shape, what)
        if about.get("image_rotation"):
            raise AnnotationError(f"{what}: drawn on the picture turned by {about['image_rotation']}°; annotate it as it is")
        patches.append(_patch(value, shape, what))
        names.append(_class(value))
    more += without_area(left_out, "region", "regions")
    return Drawn(kind="labelstudio", patches=patches, names=names, warnings=(*said, *more))


def _tasks(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


def _is_full(task: dict[str, Any]) -> bool:
    return isinstance(task.get("data"), dict) and any(
        isinstance(task.get(k), list) for k in ("annotations", "completions", "predictions")
    )


def _name(task: dict[str, Any]) -> str:
    data = task["data"] if isinstance(task.get("data"), dict) else task
    named = [data[k] for k in _PICTURE_KEYS if isinstance(data.get(k), str)]
    named += [v for v in data.values() if isinstance(v, str) and base_name(v).lower().endswith(_PICTURES)]
    return base_name(task.get("file_upload") or (named[0] if named else ""))


def _results(task: dict[str, Any]) -> tuple[list[tuple[dict[str, Any], dict[str, Any]]], tuple[str, ...]]:
    """(value, what stands beside it) of each region of a task, and what to say."""
    if not _is_full(task):
        listed = [r for v in task.values() if isinstance(v, list) for r in v if isinstance(r, dict)]
        return [(r, r) for r in listed], ()
    made = task.get("annotations") or task.get("completions") or []
    kept = [a for a in made if isinstance(a, dict) and not a.get("was_cancelled") and isinstance(a.get("result"), list)]
    said: tuple[str, ...] = ()
    if not kept:
        if task.get("predictions"):
            said = ("the task has predictions only, which nobody accepted; they are not read",)
        elif made:
            said = ("the task was skipped by who annotated it; what was drawn is not read",)
        return [], said
    true = [a for a in kept if a.get("ground_truth")]
    chosen = (true or sorted(kept, key=lambda a: str(a.get("updated_at") or "")))[-1]
    if len(kept) > 1:
        said = (f"the task has {len(kept)} annotations; {'that marked as ground truth' if true else 'the last'} counts",)
    regions = [r for r in chosen["result"] if isinstance(r, dict)]
    return [(r["value"], r) for r in regions if isinstance(r.get("value"), dict)], said


def _has_area(value: dict[str, Any]) -> bool:
    kinds = ("points" in value, "rle" in value, "radiusX" in value, {"x", "y", "width", "height"} <= value.keys())
    return any(kinds) and value.get("closed", True) is not False


def _class(value: dict[str, Any]) -> str:
    found = next((v for k, v in value.items() if k.endswith("labels") and isinstance(v, list)), [])
    return ", ".join(map(str, found))[:40]


def _patch(value: dict[str, Any], shape: tuple[int, int], what: str) -> Patch | None:
    if "rle" in value:
        return place(decode_brush(value["rle"], shape, what), (0, 0), shape)
    size = np.array(shape, float) / 100
    if "points" in value:
        return fill([points_yx(value["points"], what) * size], shape)
    try:
        x, y, turned = (float(value.get(k) or 0) for k in ("x", "y", "rotation"))
        w, h = (float(value[k]) for k in (("radiusX", "radiusY") if "radiusX" in value else ("width", "height")))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise AnnotationError(f"{what}: places or sizes that are no numbers; export the file again") from None
    if not np.isfinite([x, y, w, h, turned]).all():
        raise AnnotationError(f"{what}: places or sizes that are no finite numbers; export the file again")
    angle = math.radians(turned)
    y, x, h, w = y * size[0], x * size[1], h * size[0], w * size[1]
    if "radiusX" in value:
        return fill_ellipse((y, x), (h, w), shape, angle_rad=angle)
    across, along = np.array([math.cos(angle), -math.sin(angle)]), np.array([math.sin(angle), math.cos(angle)])  # (y, x) each
    corner: Floats = np.array([y, x])
    return fill([np.array([corner, corner + w * along, corner + w * along + h * across, corner + h * across])], shape)


def decode_brush(values: Any, shape: tuple[int, int], what: str) -> NDArray[np.bool_]:
    """A brush's bytes -> mask (H, W): the run-length packing of @thi.ng/rle-pack over RGBA bytes, of which the last says what is
    painted. AnnotationError where they are damaged, or of a picture of another size."""
    h, w = shape
    n = 4 * h * w
    try:
        bits = np.unpackbits(np.array(values, np.int64).astype(np.uint8)) if np.isin(values, np.arange(256)).all() else None
    except (TypeError, ValueError, OverflowError):
        bits = None
    if bits is None or bits.ndim != 1 or len(bits) < 53:
        raise AnnotationError(f"{what}: a brush that is no list of bytes; export the file again")
    text = bits.tobytes().translate(_TO_TEXT).decode()
    stated, at = int(text[:32], 2), 53
    if stated != n:
        raise AnnotationError(f"{what}: a brush of {stated} values, not of {w} x {h} px; annotate the micrograph itself")
    word = int(text[32:37], 2) + 1
    sizes = [int(text[37 + 4 * k : 41 + 4 * k], 2) + 1 for k in range(4)]
    out = np.zeros(n, np.uint8)
    done = 0
    try:
        while done < n:
            repeated, size = text[at] == "1", sizes[int(text[at + 1 : at + 3], 2)]
            length = min(int(text[at + 3 : at + 3 + size], 2) + 1, n - done)
            at += 3 + size
            if repeated:
                out[done : done + length] = int(text[at : at + word], 2) & 255
                at += word
            else:
                if at + word * length > len(text):
                    raise ValueError("cut off")
                found = [int(text[at + k * word : at + (k + 1) * word], 2) & 255 for k in range(length)]
                out[done : done + length] = found
                at += word * length
            done += length
    except (ValueError, IndexError):
        raise AnnotationError(f"{what}: a damaged brush; export the file again") from None
    return np.asarray(out.reshape(h, w, 4)[..., 3] > 0)


_TO_TEXT = bytes(b"0"[0] if k == 0 else b"1"[0] for k in range(256))


def write_labelstudio(
    path: Path, pictures: Sequence[tuple[str, Mapping[int, Sequence[Polygon]], tuple[int, int], Mapping[int, str]]]
) -> None:
    """Tasks to import into Label Studio: name, outlines, shape (H, W) and classes of each picture. Particles without a class are
    pre-annotations of a label `particle`; of holes and smaller pieces nothing is written, as a polygon has one outline."""
    tasks = []
    for name, outlines, (h, w), classes in pictures:
        results = []
        for label, rings in outlines.items():
            points = (rings[0][:, ::-1] * (100 / w, 100 / h)).round(6).tolist()
            results.append(
                {
                    "id": f"p{label}",
                    "type": "polygonlabels",
                    "from_name": "label",
                    "to_name": "image",
                    "original_width": w,
                    "original_height": h,
                    "image_rotation": 0,
                    "value": {"points": points, "closed": True, "polygonlabels": [classes.get(label, PARTICLE)]},
                }
            )
        tasks.append({"data": {"image": name}, "annotations": [{"result": results}]})
    path.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
