"""VGG Image Annotator, read and written: projects and annotations of versions 1 to 3 as JSON, of 1 and 2 as CSV."""

from __future__ import annotations

import csv
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
from .drawn import Drawn, numbers_of, points_yx, without_area
from .names import which
from .shapes import Patch, fill, fill_ellipse

_CSV = "filename,file_size,file_attributes,region_count"
_SHAPES = {1: "point", 2: "rect", 3: "circle", 4: "ellipse", 5: "line", 6: "polyline", 7: "polygon"}  # version 3's numbers
_LARGEST_FIELD = 1 << 24
Regions = list[tuple[dict[str, Any], dict[str, Any]]]  # shape and what is said of it


def is_via(content: Any) -> bool:
    """Whether a JSON file's content is VIA's kind."""
    if not isinstance(content, dict) or not content:
        return False
    if "_via_img_metadata" in content or (isinstance(content.get("metadata"), dict) and isinstance(content.get("file"), dict)):
        return True
    return all(isinstance(v, dict) and "filename" in v and "regions" in v for v in content.values())


def is_via_csv(text: str) -> bool:
    """Whether a text begins with the heading of VIA's CSV files."""
    return text.lstrip("#").startswith(_CSV)


def via_names(content: Any) -> list[str]:
    """Names of the pictures that a file speaks of."""
    return [name for name, _ in _pictures(Path(), content)]


def read_via(path: Path, content: Any, shape: tuple[int, int], *, image_name: str | None) -> Drawn:
    """Polygons, circles, ellipses and rectangles of one picture, found by its name; lines and points are left out, with a warning.

    content: of the JSON file, or the text of the CSV file. VIA does not say how large the picture was.
    """
    pictures = _pictures(path, content)
    k, said = which(path, [name for name, _ in pictures], image_name)
    patches: list[Patch | None] = []
    names: list[str] = []
    own: list[str] = []
    left_out: Counter[str] = Counter()
    for n, (form, about) in enumerate(pictures[k][1]):
        kind = str(form.get("name"))
        if kind not in ("polygon", "circle", "ellipse", "rect"):
            left_out[kind] += 1
            continue
        patches.append(_patch(kind, form, shape, f"{path}: region {n + 1}"))
        ours = about.get("by") == "nanogauge"
        own.append(str(about.get("label", "")) if ours else "")
        names.append(str(about.get("class", "")) if ours else ", ".join(v for v in about.values() if isinstance(v, str))[:40])
    said += without_area(left_out, "region", "regions")
    return Drawn(kind="via", patches=patches, names=names, numbers=numbers_of(own), warnings=said)


def _pictures(path: Path, content: Any) -> list[tuple[str, Regions]]:
    if isinstance(content, str):
        return _of_csv(path, content)
    if "_via_img_metadata" not in content and "metadata" in content:
        return _of_third(path, content)
    found = content.get("_via_img_metadata", content)
    if not isinstance(found, dict):
        raise AnnotationError(f"{path}: a VIA project without its pictures; export the annotations again")
    out = []
    for entry in found.values():
        if not isinstance(entry, dict):
            raise AnnotationError(f"{path}: a VIA project without its pictures; export the annotations again")
        listed = entry.get("regions") or []
        regions = [_region(path, r) for r in (listed.values() if isinstance(listed, dict) else listed)]
        out.append((str(entry.get("filename") or ""), regions))
    return out


def _region(path: Path, region: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    form = region.get("shape_attributes") if isinstance(region, dict) else None
    if not isinstance(form, dict):
        raise AnnotationError(f"{path}: a region without its shape; export the annotations again")
    about = region.get("region_attributes")
    return form, about if isinstance(about, dict) else {}


def _of_third(path: Path, content: dict[str, Any]) -> list[tuple[str, Regions]]:
    """Of a project of version 3: views of files, and metadata that belong to a view."""
    files = {str(k): v for k, v in content["file"].items() if isinstance(v, dict)}
    views = content.get("view")
    of_view = {}
    for k, view in views.items() if isinstance(views, dict) else ():
        ids = view.get("fid_list") if isinstance(view, dict) else None
        if isinstance(ids, list) and ids:
            of_view[str(k)] = str(ids[0])
    regions: dict[str, Regions] = {k: [] for k in files}
    for entry in content["metadata"].values():
        xy = entry.get("xy") if isinstance(entry, dict) else None
        if not isinstance(xy, list) or not xy:
            continue  # of the whole picture
        vid = str(entry.get("vid"))
        fid = of_view.get(vid, vid)
        if fid not in regions:
            raise AnnotationError(f"{path}: a region of a picture that is not in the project; export it again")
        try:
            kind = _SHAPES.get(int(xy[0]), str(xy[0]))
            form = {"name": kind, **dict(zip(_KEYS.get(kind, ()), xy[1:], strict=False))}
        except (TypeError, ValueError, OverflowError):
            raise AnnotationError(f"{path}: a region without its shape; export it again") from None
        if kind == "polygon":
            form |= {"all_points_x": xy[1::2], "all_points_y": xy[2::2]}
        regions[fid].append((form, entry["av"] if isinstance(entry.get("av"), dict) else {}))
    return [(str(v.get("fname") or v.get("src") or ""), regions[k]) for k, v in files.items()]


_KEYS = {"rect": ("x", "y", "width", "height"), "circle": ("cx", "cy", "r"), "ellipse": ("cx", "cy", "rx", "ry")}


def _of_csv(path: Path, text: str) -> list[tuple[str, Regions]]:
    old = csv.field_size_limit(_LARGEST_FIELD)
    found: dict[str, Regions] = {}
    try:
        for row in csv.DictReader(io.StringIO(text.lstrip("#"))):
            regions = found.setdefault(str(row.get("filename") or ""), [])
            form, about = (json.loads(row.get(k) or "{}") for k in ("region_shape_attributes", "region_attributes"))
            if form:
                regions.append(_region(path, {"shape_attributes": form, "region_attributes": about}))
    except (csv.Error, ValueError, RecursionError) as error:
        raise AnnotationError(f"{path}: damaged CSV of VIA ({str(error)[:80]}); export it again") from None
    finally:
        csv.field_size_limit(old)
    return list(found.items())


def _patch(kind: str, form: dict[str, Any], shape: tuple[int, int], what: str) -> Patch | None:
    if kind == "polygon":
        x, y = form.get("all_points_x"), form.get("all_points_y")
        if not (isinstance(x, list) and isinstance(y, list) and len(x) == len(y)):
            raise AnnotationError(f"{what}: corners without pairs of x and y; export the annotations again")
        return fill([points_yx([list(p) for p in zip(x, y, strict=True)], what)] if x else [], shape)
    values = {}
    for key in (*_KEYS[kind], "theta"):
        try:
            values[key] = float(form.get(key, 0 if key == "theta" else math.nan))
        except (TypeError, ValueError, OverflowError):
            values[key] = math.nan
    if not all(map(math.isfinite, values.values())):
        raise AnnotationError(f"{what}: a {kind} whose place or size is no finite number; export the annotations again")
    if kind == "rect":
        y0, x0 = values["y"], values["x"]
        y1, x1 = y0 + values["height"], x0 + values["width"]
        return fill([np.array([(y0, x0), (y0, x1), (y1, x1), (y1, x0)])], shape)
    rx, ry = (values["r"], values["r"]) if kind == "circle" else (values["rx"], values["ry"])
    return fill_ellipse((values["cy"], values["cx"]), (ry, rx), shape, angle_rad=values["theta"])


def write_via(path: Path, pictures: Sequence[tuple[str, int, Mapping[int, Sequence[Polygon]], Mapping[int, str]]]) -> None:
    """A project that VIA 2 opens: name, size in bytes, outlines and classes of each picture. It knows one outline a region: of
    holes and smaller pieces nothing is written."""
    metadata = {}
    for name, n_bytes, outlines, classes in pictures:
        regions = []
        for label, rings in outlines.items():
            y, x = rings[0].T.tolist()
            form = {"name": "polygon", "all_points_x": x, "all_points_y": y}
            about = {"class": classes[label]} if label in classes else {}
            about |= {"label": str(label), "by": "nanogauge"}
            regions.append({"shape_attributes": form, "region_attributes": about})
        metadata[f"{name}{n_bytes}"] = {"filename": name, "size": n_bytes, "regions": regions, "file_attributes": {}}
    said = {"type": "text", "description": "", "default_value": ""}
    named = {"class": said} if any(classes for *_, classes in pictures) else {}
    project = {
        "_via_settings": {
            "ui": {},
            "core": {"buffer_size": 18, "filepath": {}, "default_filepath": ""},
            "project": {"name": "nanogauge"},
        },
        "_via_img_metadata": metadata,
        "_via_attributes": {"region": named | {"label": said, "by": said}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(metadata),
    }
    path.write_text(json.dumps(project, ensure_ascii=False), encoding="utf-8")
