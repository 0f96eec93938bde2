"""GeoJSON as QuPath exports it: Polygon and MultiPolygon, holes included, in pixels of the full-resolution picture."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ...core.errors import AnnotationError
from .drawn import Drawn, count, points_yx, several_names
from .shapes import Patch, fill, union


def is_geojson(content: Any) -> bool:
    """Whether a JSON file's content is GeoJSON's kind: a FeatureCollection, one Feature, or a list of Features."""
    if isinstance(content, list):
        return bool(content) and all(isinstance(c, dict) and c.get("type") == "Feature" for c in content)
    return isinstance(content, dict) and content.get("type") in ("FeatureCollection", "Feature")


def read_geojson(path: Path, content: Any, shape: tuple[int, int]) -> Drawn:
    """A particle a feature. Lines and points are left out, with a warning. Raises AnnotationError where it cannot be read."""
    features = content if isinstance(content, list) else content.get("features", [content])
    patches: list[Patch | None] = []
    names: list[str] = []
    left_out: Counter[str] = Counter()
    for k, feature in enumerate(features or []):
        what = f"{path}: feature {k + 1}"
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        if not isinstance(geometry, dict):
            raise AnnotationError(f"{what}: no geometry; export the file again")
        kind, coordinates = geometry.get("type"), geometry.get("coordinates")
        if kind not in ("Polygon", "MultiPolygon"):
            left_out[str(kind)] += 1
            continue
        polygons = [coordinates] if kind == "Polygon" else coordinates
        if not isinstance(polygons, list) or not all(isinstance(p, list) for p in polygons):
            raise AnnotationError(f"{what}: a {kind} without rings; export the file again")
        patches.append(union([fill([points_yx(ring, what) for ring in rings], shape) for rings in polygons]))
        names.append(_class(feature))
    warnings = several_names(names)
    if left_out:
        kinds = ", ".join(sorted(left_out))
        warnings += (f"{count(left_out.total(), 'feature has', 'features have')} no area ({kinds}) and are left out",)
    return Drawn(kind="geojson", patches=patches, warnings=warnings)


def _class(feature: dict[str, Any]) -> str:
    properties = feature.get("properties")
    found = properties.get("classification") if isinstance(properties, dict) else None
    return str(found.get("name") or "") if isinstance(found, dict) else ""
