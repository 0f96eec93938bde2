"""GeoJSON as QuPath exports it: Polygon and MultiPolygon, holes included, in pixels of the full-resolution picture."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...core.errors import AnnotationError
from ...measuring.contours import Polygon
from .drawn import Drawn, count, named_as_region, points_yx, without_area
from .shapes import Patch, fill, union


def is_geojson(content: Any) -> bool:
    """Whether a JSON file's content is GeoJSON's kind: a FeatureCollection, one Feature, or a list of Features."""
    if isinstance(content, list):
        return bool(content) and all(isinstance(c, dict) and c.get("type") == "Feature" for c in content)
    return isinstance(content, dict) and content.get("type") in ("FeatureCollection", "Feature")


_COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
_DETECTIONS = frozenset({"detection", "cell", "pathdetectionobject", "pathcellobject"})
_ANNOTATIONS = frozenset({"annotation", "pathannotationobject"})
_NEVER = frozenset({"tma_core", "tmacoreobject", "root", "pathrootobject"})


def read_geojson(path: Path, content: Any, shape: tuple[int, int], *, image_name: str | None = None) -> Drawn:
    """A particle a feature; of QuPath's objects, an annotation that holds detections is a region. What QuPath keeps for regions
    (classes that end with an asterisk, TMA cores), lines and points are left out, with a warning. Raises AnnotationError where it
    cannot be read."""
    features = content if isinstance(content, list) else content.get("features", [content])
    if not isinstance(features, list):
        raise AnnotationError(f"{path}: features that are no list; export the file again")
    patches: list[Patch | None] = []
    names: list[str] = []
    kinds: list[str] = []
    left_out: Counter[str] = Counter()
    n_regions = 0
    for k, feature in enumerate(features):
        what = f"{path}: feature {k + 1}"
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        if not isinstance(geometry, dict):
            raise AnnotationError(f"{what}: no geometry; export the file again")
        kind, coordinates = geometry.get("type"), geometry.get("coordinates")
        if kind not in ("Polygon", "MultiPolygon"):
            left_out[str(kind)] += 1
            continue
        name, of = _class(feature), _object(feature)
        if name.endswith("*") or of in _NEVER:
            n_regions += 1
            continue
        polygons = [coordinates] if kind == "Polygon" else coordinates
        if not isinstance(polygons, list) or not all(isinstance(p, list) for p in polygons):
            raise AnnotationError(f"{what}: a {kind} without rings; export the file again")
        patches.append(union([fill([points_yx(ring, what) for ring in rings], shape) for rings in polygons]))
        names.append(name)
        kinds.append(of)
    warnings = without_area(left_out, "feature", "features")
    if n_regions:
        warnings += (f"{count(n_regions, 'object', 'objects')} of a class that QuPath keeps for regions left out",)
    marked = frozenset(k for k, of in enumerate(kinds) if of in _ANNOTATIONS) if _DETECTIONS & set(kinds) else frozenset[int]()
    return Drawn(kind="geojson", patches=patches, names=names, marked=marked, warnings=warnings)


def write_geojson(path: Path, outlines: Mapping[int, Sequence[Polygon]], classes: Mapping[int, str]) -> None:
    """Detections for QuPath, holes and all pieces included, each with its class; drop the file onto the open micrograph."""
    names = sorted(set(classes.values()))
    features = []
    for label, rings in outlines.items():
        parts = [[_closed(r) for r in part] for part in polygons_of(rings)]
        geometry: dict[str, Any] = {"type": "MultiPolygon", "coordinates": parts}
        if len(parts) == 1:
            geometry = {"type": "Polygon", "coordinates": parts[0]}
        properties: dict[str, Any] = {"objectType": "detection", "name": str(label)}
        if label in classes:
            colour = _COLOURS[names.index(classes[label]) % len(_COLOURS)]
            properties["classification"] = {"name": classes[label], "color": list(colour)}
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), encoding="utf-8")


def polygons_of(rings: Sequence[Polygon]) -> list[list[Polygon]]:
    """The closed outlines of a particle, largest first as `measuring.contours.contours` gives them, as polygons: each an outer
    outline and the holes in it."""
    sign = np.sign(_signed_area(rings[0]))
    outer = [[r] for r in rings if np.sign(_signed_area(r)) == sign]
    for hole in (r for r in rings if np.sign(_signed_area(r)) != sign):
        y, x = (hole[0] + hole[1]) / 2  # between corners, where no other outline passes
        inside = [p for p in outer if cv2.pointPolygonTest(p[0][:, ::-1].astype(np.float32), (float(x), float(y)), False) > 0]
        min(inside or outer[:1], key=lambda p: abs(_signed_area(p[0]))).append(hole)
    return outer


def _signed_area(ring: Polygon) -> float:
    y, x = ring[:, 0].astype(float), ring[:, 1].astype(float)
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _closed(ring: Polygon) -> list[list[int]]:
    """[x, y] of each corner, the first again at the end."""
    points: list[list[int]] = ring[:, ::-1].tolist()
    return [*points, points[0]]


def _properties(feature: dict[str, Any]) -> dict[str, Any]:
    properties = feature.get("properties")
    return properties if isinstance(properties, dict) else {}


def _class(feature: dict[str, Any]) -> str:
    """The class of a QuPath object; its own name where that says that it is a region."""
    found = _properties(feature).get("classification")
    name = str(_properties(feature).get("name") or "")
    return str(found.get("name") or "") if isinstance(found, dict) else name if named_as_region(name) else ""


def _object(feature: dict[str, Any]) -> str:
    """What kind of object QuPath says it is, in lower case; older versions say it in the feature's id."""
    return str(_properties(feature).get("objectType") or feature.get("id") or "").lower()
