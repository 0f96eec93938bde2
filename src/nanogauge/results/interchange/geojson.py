"""GeoJSON as QuPath exports it: Polygon and MultiPolygon, holes included, in pixels of the full-resolution picture."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ...core.errors import AnnotationError
from .drawn import Drawn, count, named_as_region, points_yx
from .shapes import Patch, fill, union


def is_geojson(content: Any) -> bool:
    """Whether a JSON file's content is GeoJSON's kind: a FeatureCollection, one Feature, or a list of Features."""
    if isinstance(content, list):
        return bool(content) and all(isinstance(c, dict) and c.get("type") == "Feature" for c in content)
    return isinstance(content, dict) and content.get("type") in ("FeatureCollection", "Feature")


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
    warnings: tuple[str, ...] = ()
    if left_out:
        said = ", ".join(sorted(left_out))
        warnings += (f"{count(left_out.total(), 'feature has', 'features have')} no area ({said}) and are left out",)
    if n_regions:
        warnings += (f"{count(n_regions, 'object', 'objects')} of a class that QuPath keeps for regions left out",)
    marked = frozenset(k for k, of in enumerate(kinds) if of in _ANNOTATIONS) if _DETECTIONS & set(kinds) else frozenset[int]()
    return Drawn(kind="geojson", patches=patches, names=names, marked=marked, warnings=warnings)


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
