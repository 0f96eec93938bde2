"""One annotation file, whatever its kind -> Annotation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import AnnotationError, UnreadableFile
from .coco import is_coco, read_coco
from .drawn import Drawn, count
from .geojson import is_geojson, read_geojson
from .imagej import read_rois
from .labelme import is_labelme, read_labelme
from .pieces import settled
from .raster import read_raster
from .shapes import paint

_PICTURES = (b"\x89PNG\r\n\x1a\n", b"BM", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+", b"\x93NUMPY")


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """Particles somebody else found.

    labels: (H, W) int32, 0 = background, on the micrograph's own grid
    kind: label_image, colour_image, mask, imagej_roi, coco, labelme or geojson
    sha256: of the file
    overlapping: labels that lost more than 1 % of their pixels to a smaller shape drawn over them
    warnings: what had to be decided, a line each
    """

    labels: NDArray[np.int32]
    kind: str
    path: Path
    sha256: str
    overlapping: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def n_particles(self) -> int:
        """How many labels there are."""
        return int(np.count_nonzero(np.bincount(self.labels.ravel())[1:]))


def read_annotation(path: str | Path, *, shape: tuple[int, int], image_name: str | None = None) -> Annotation:
    """Reads label pictures (TIFF, PNG, BMP, .npy), ImageJ ROIs (.zip, .roi), COCO, LabelMe and GeoJSON (QuPath).

    shape: (H, W) of the micrograph in px; the annotation must have been drawn on a picture of that shape
    image_name: the micrograph's file name, by which its annotations are found in a COCO file of many; None: the only one

    Raises AnnotationError where the file cannot be understood or does not fit, UnreadableFile where it cannot be opened.
    """
    path = Path(path)
    data, sha256 = _bytes(path)
    if data.startswith(_PICTURES):
        kind, labels, warnings = read_raster(path, data, shape)
        return Annotation(labels=labels, kind=kind, path=path, sha256=sha256, warnings=warnings)
    try:
        drawn = settled(_drawn(path, data, shape, image_name))
        painted = paint(drawn.patches, shape, numbers=drawn.numbers)
    except MemoryError:
        raise AnnotationError(f"{path}: too many shapes for this computer's memory") from None
    warnings = drawn.warnings
    if painted.n_empty:
        warnings += (f"{count(painted.n_empty, 'shape has', 'shapes have')} no pixel in the picture and are left out",)
    if painted.n_hidden:
        many = count(painted.n_hidden, "shape lies", "shapes lie")
        warnings += (f"{many} wholly under smaller ones or drawn twice, and are left out",)
    if painted.overlapping:
        many = count(len(painted.overlapping), "shape is", "shapes are")
        warnings += (f"{many} partly under others; common pixels are given to the smaller shape",)
    return Annotation(
        labels=painted.labels, kind=drawn.kind, path=path, sha256=sha256, overlapping=painted.overlapping, warnings=warnings
    )


def _drawn(path: Path, data: bytes, shape: tuple[int, int], image_name: str | None) -> Drawn:
    if data.startswith((b"Iout", b"PK\x03\x04", b"PK\x05\x06")):
        return read_rois(path, data, shape)
    if data.startswith(b"\xff\xd8\xff"):
        raise AnnotationError(f"{path}: a JPEG, whose compression changes label values; save the labels as PNG or TIFF")
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        content = read_json(path)
        if is_coco(content):
            return read_coco(path, content, shape, image_name=image_name)
        if is_labelme(content):
            return read_labelme(path, content, shape)
        if is_geojson(content):
            return read_geojson(path, content, shape)
        seen = ", ".join(map(str, content))[:80] if isinstance(content, dict) else f"a list of {len(content)}"
        raise AnnotationError(f"{path}: JSON, but neither COCO, LabelMe nor GeoJSON (it holds {seen}); export one of these")
    seen = repr(data[:8])[1:]
    raise AnnotationError(
        f"{path}: not a known kind of annotation (begins with {seen}); "
        f"give labels as TIFF or PNG, ImageJ ROIs (.zip, .roi), or COCO, LabelMe or GeoJSON"
    )


def _bytes(path: Path) -> tuple[bytes, str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        why = "this is a folder; give a file" if path.is_dir() else f"cannot be opened ({error.strerror}); check the path"
        raise UnreadableFile(f"{path}: {why}") from None
    if not data:
        raise AnnotationError(f"{path}: the file is empty; export it again")
    return data, hashlib.sha256(data).hexdigest()


def read_json(path: Path) -> Any:
    """Content of a JSON file, kept for the next call, as one COCO file serves many micrographs. Raises AnnotationError."""
    try:
        return _json(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be opened ({error.strerror}); check the path") from None


@lru_cache(maxsize=2)
def _json(path: Path, mtime_ns: int) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{path}: damaged JSON ({' '.join(str(error).split())[:120]}); export it again") from None
