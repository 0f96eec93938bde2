"""Outlines for other programs: ImageJ ROIs and COCO JSON. Coordinates are pixel corners."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ...core.particles import has_classes
from ...measuring.contours import Polygon
from .drawn import PARTICLE

if TYPE_CHECKING:
    from ..measured import Measured

_MOST_GROUPS = 255  # of ImageJ
_CLOSE = 4  # of Java's PathIterator: 0 move to, 1 line to, 4 close


def write_rois(path: Path, outlines: Mapping[int, Sequence[Polygon]], classes: Mapping[int, str] | None = None) -> None:
    """ImageJ ROI zip: one traced polygon a particle, named by its label, on pixel corners, so that ImageJ counts the same
    pixels; a particle with holes or in several pieces is a composite ROI. A file without particles is an empty zip.

    outlines: label -> its closed outlines, as `measuring.contours.contours` gives them
    classes: label -> class, which stands after the label in the ROI's name, and by number as ImageJ's group; None: no classes
    """
    classes = classes or {}
    groups = {name: k for k, name in enumerate(sorted({n for n in classes.values() if n}), start=1)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for label, rings in outlines.items():
            of = classes.get(label, "")
            name = f"{label:05d} {of}" if of else f"{label:05d}"
            archive.writestr(f"{label:05d}.roi", roi_bytes(rings, name, group=min(groups.get(of, 0), _MOST_GROUPS)))


def roi_bytes(rings: Sequence[Polygon], name: str, *, group: int = 0) -> bytes:
    """An ImageJ ROI of closed outlines (n, 2) in corner coordinates: a traced polygon, or a composite of several."""
    from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi

    if len(rings) == 1:
        roi = ImagejRoi.frompoints(rings[0][:, ::-1].astype(np.int32), name=name)
        roi.roitype = ROI_TYPE.TRACED
        roi.group = group
        return bytes(roi.tobytes())
    corners = np.concatenate(rings)
    (top, left), (bottom, right) = corners.min(0), corners.max(0)
    path: list[float] = []
    for ring in rings:
        for k, (y, x) in enumerate(ring.tolist()):
            path += [min(k, 1), x, y]
        path.append(_CLOSE)
    roi = ImagejRoi(roitype=ROI_TYPE.RECT, top=int(top), left=int(left), bottom=int(bottom), right=int(right), name=name)
    roi.options = ROI_OPTIONS.OVERLAY_BACKGROUNDS | ROI_OPTIONS.OVERLAY_LABELS
    roi.multi_coordinates = np.array(path, np.float32)
    roi.shape_roi_size = len(path)
    roi.group = group
    return bytes(roi.tobytes())


class CocoWriter:
    """One COCO JSON file of many micrographs, written as they come: `with CocoWriter(path) as coco: coco.add(m)`.

    Particles are polygons, those with holes or in several pieces run lengths (not compressed). `attributes` hold the label and
    the equivalent diameter.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.images: list[dict[str, Any]] = []
        self.n_annotations = 0
        self.categories: dict[str, int] = {}
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        self._file = self.path.open("w", encoding="utf-8")
        self._file.write('{"info": {"description": "particles found by nanogauge"},\n"annotations": [')
        return self

    def add(self, m: Measured) -> None:
        """Adds a micrograph and its particles."""
        if self._file is None:
            raise ValueError("use CocoWriter in a with statement")
        h, w = m.labels.shape
        image = {"id": len(self.images) + 1, "file_name": m.micrograph.name, "width": w, "height": h}
        if m.scale is not None:
            image["nm_per_px_y_x"] = list(m.scale.nm_per_px)
        self.images.append(image)
        sizes, classes = _diameters(m), classes_of(m)
        for label, rings in m.contours.items():
            corners = np.concatenate(rings)
            (y0, x0), (y1, x1) = corners.min(0).tolist(), corners.max(0).tolist()
            mask = m.labels[y0:y1, x0:x1] == label
            self.n_annotations += 1
            annotation = {
                "id": self.n_annotations,
                "image_id": image["id"],
                "category_id": self.categories.setdefault(classes.get(label) or PARTICLE, len(self.categories) + 1),
                "iscrowd": 0,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": int(mask.sum()),
                "segmentation": _segmentation(rings, mask, (y0, x0), (h, w)),
                "attributes": {"label": label} | sizes.get(label, {}),
            }
            self._file.write(("," if self.n_annotations > 1 else "") + "\n" + json.dumps(annotation))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is None:
            return
        categories = coco_categories(self.categories)
        self._file.write(
            f'\n],\n"images": {json.dumps(self.images, ensure_ascii=False)},\n"categories": {json.dumps(categories)}}}\n'
        )
        self._file.close()
        self._file = None


def write_coco(path: Path, m: Measured) -> None:
    """COCO JSON of one micrograph."""
    with CocoWriter(path) as coco:
        coco.add(m)


def coco_categories(numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    """COCO's table of classes; particles without any are of the category "particle"."""
    return [{"id": k, "name": name, "supercategory": ""} for name, k in (numbers or {PARTICLE: 1}).items()]


def classes_of(m: Measured) -> dict[int, str]:
    """Label -> class; empty where the particles have none."""
    if not has_classes(m.particles):
        return {}
    return {int(k): str(c) for k, c in zip(m.particles["label"], m.particles["class"], strict=True)}


def _diameters(m: Measured) -> dict[int, dict[str, float]]:
    columns = [c for c in ("equivalent_diameter_px", "equivalent_diameter_nm") if c in m.particles]
    values = m.particles[columns].to_numpy(float).round(6).tolist()
    return {int(k): dict(zip(columns, v, strict=True)) for k, v in zip(m.particles["label"], values, strict=True)}


def _segmentation(rings: Sequence[Polygon], mask: NDArray[np.bool_], corner: tuple[int, int], shape: tuple[int, int]) -> Any:
    if len(rings) == 1:
        return [rings[0][:, ::-1].ravel().tolist()]
    whole = np.zeros(shape, bool)
    whole[corner[0] : corner[0] + mask.shape[0], corner[1] : corner[1] + mask.shape[1]] = mask
    flat = np.concatenate([[False], whole.T.ravel()])  # background first, column by column
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return {"counts": np.diff([0, *changes.tolist(), whole.size]).tolist(), "size": list(shape)}
