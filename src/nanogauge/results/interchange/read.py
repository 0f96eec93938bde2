"""One annotation file, whatever its kind -> Annotation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import AnnotationError, UnreadableFile
from .arrays import read_ilastik, read_npz, stacked
from .cellpose import is_pickled, read_seg
from .class_table import read_class_table, table_beside
from .coco import image_names, is_coco, read_coco
from .cvat import cvat_names, read_cvat, read_xml
from .drawn import PARTICLE, Drawn, count
from .geojson import is_geojson, read_geojson
from .imagej import read_rois
from .labelme import is_labelme, read_labelme
from .labelstudio import is_labelstudio, labelstudio_names, read_labelstudio
from .pieces import drawn_within, settled
from .raster import labels_of, npy_values, read_raster
from .sam import is_sam, read_sam
from .shapes import paint
from .via import is_via, is_via_csv, read_via, via_names
from .yolo import is_yolo, read_yolo

_PICTURES = (b"\x89PNG\r\n\x1a\n", b"BM", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """Particles somebody else found.

    labels: (H, W) int32, 0 = background, on the micrograph's own grid
    kind: label_image, colour_image, class_image, mask, mask_stack, cellpose_seg, imagej_roi, coco, labelme, geojson, sam, via,
        labelstudio, cvat or yolo
    sha256: of the file
    overlapping: labels that lost more than 1 % of their pixels to a smaller shape drawn over them
    classes: label -> its class, where it has one
    warnings: what had to be decided, a line each
    """

    labels: NDArray[np.int32]
    kind: str
    path: Path
    sha256: str
    overlapping: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    classes: Mapping[int, str] = field(default_factory=dict)

    @property
    def n_particles(self) -> int:
        """How many labels there are."""
        return int(np.count_nonzero(np.bincount(self.labels.ravel())[1:]))


def read_annotation(path: str | Path, *, shape: tuple[int, int], image_name: str | None = None) -> Annotation:
    """Reads label pictures and masks (TIFF, PNG, BMP, .npy, .npz, ilastik's .h5, Cellpose's _seg.npy), with the classes of a table
    beside them (ID.csv with the columns label,class; particles.csv beside labels.tif); ImageJ ROIs (.zip, .roi),
    JSON of COCO, LabelMe, QuPath, VIA, Label Studio and SAM, VIA's CSV, CVAT's XML and YOLO's .txt.

    shape: (H, W) of the micrograph in px; the annotation must have been drawn on a picture of that shape
    image_name: the micrograph's file name, by which its annotations are found in a COCO file of many; None: the only one

    Raises AnnotationError where the file cannot be understood or does not fit, UnreadableFile where it cannot be opened.
    """
    path = Path(path)
    data, sha256 = _bytes(path)
    if data.startswith(_PICTURES):
        kind, labels, warnings = read_raster(path, data, shape)
        classes, more = _of_table(path, kind, labels)
        return Annotation(labels=labels, kind=kind, path=path, sha256=sha256, warnings=(*warnings, *more), classes=classes)
    try:
        array = _array(path, data, shape)
        stack = None if array is None else stacked(path, array[1], shape)
        if array is not None and stack is None:
            kind, labels, warnings = labels_of(path, array[1], shape)
            classes, more = _of_table(path, kind, labels)
            warnings = (*warnings, *more)
            return Annotation(labels=labels, kind=array[0] or kind, path=path, sha256=sha256, warnings=warnings, classes=classes)
        drawn = settled(stack or _drawn(path, data, shape, image_name))
        painted = paint(drawn.patches, shape, numbers=drawn.numbers)
    except MemoryError:
        raise AnnotationError(f"{path}: too many shapes for this computer's memory") from None
    except _ODD as error:
        reason = " ".join(str(error).split())[:80]
        raise AnnotationError(f"{path}: a file of its kind with parts that are out of place ({reason}); export it again") from error
    warnings = drawn.warnings
    if painted.n_empty and painted.n_empty > len(drawn.patches) / 2:
        raise AnnotationError(
            f"{path}: {painted.n_empty} of {len(drawn.patches)} shapes lie outside the micrograph of {shape[1]} x {shape[0]} px: "
            f"drawn on a larger picture? annotate the micrograph itself, neither cropped nor resized"
        )
    if drawn.kind in _WITHOUT_SIZE and (corner := drawn_within(drawn.patches, shape)):
        warnings += (f"all shapes lie in the upper left {corner}: if they were drawn on a smaller copy, all sizes are wrong",)
    if painted.n_empty:
        few = "1 shape has" if painted.n_empty == 1 else f"{painted.n_empty} shapes have"
        ends = "is left out" if painted.n_empty == 1 else "are left out"
        warnings += (f"{few} no pixel in the picture, being outside it or of fewer than three corners, and {ends}",)
    if painted.n_hidden:
        many = count(painted.n_hidden, "shape lies", "shapes lie")
        warnings += (f"{many} wholly under smaller ones or drawn twice: left out",)
    if painted.overlapping:
        many = count(len(painted.overlapping), "shape is", "shapes are")
        warnings += (f"{many} partly under others; common pixels are given to the smaller shape",)
    return Annotation(
        labels=painted.labels,
        kind=drawn.kind,
        path=path,
        sha256=sha256,
        overlapping=painted.overlapping,
        warnings=warnings,
        classes={label: name for label, name in painted.names.items() if name != PARTICLE},
    )


def pictures_of(path: Path) -> list[str]:
    """Names of the pictures that an annotation file of many speaks of (COCO, VIA, Label Studio, CVAT); none for other files."""
    try:
        data, _ = _bytes(path)
        head = _head(data)
        if head[:1] in (b"{", b"["):
            content = read_json(path)
            return next((k.names(content) for k in _JSON if k.names is not None and k.matches(content)), [])
        if head[:1] == b"<":
            return cvat_names(read_xml(path, data))
        return via_names(text) if is_via_csv(text := _text(data)) else []
    except (AnnotationError, UnreadableFile, *_ODD):
        return []


def is_yolo_file(path: Path) -> bool:
    """Whether a text file holds YOLO's labels."""
    try:
        return is_yolo(_text(_bytes(path)[0]))
    except (AnnotationError, UnreadableFile):
        return False


@dataclass(frozen=True)
class _Kind:
    """A kind of JSON: matches: whether content is of it; names: of its pictures, None where it speaks of one only."""

    matches: Callable[[Any], bool]
    read: Callable[..., Drawn]
    names: Callable[[Any], list[str]] | None = None


_JSON = (
    _Kind(is_coco, read_coco, image_names),
    _Kind(is_labelme, read_labelme),
    _Kind(is_geojson, read_geojson),
    _Kind(is_labelstudio, read_labelstudio, labelstudio_names),
    _Kind(is_sam, read_sam),
    _Kind(is_via, read_via, via_names),
)  # the first that matches
_ODD = (TypeError, KeyError, AttributeError, IndexError, ValueError, ArithmeticError)  # what odd parts of JSON and XML raise
_WITHOUT_SIZE = frozenset({"imagej_roi", "geojson", "via", "sam"})  # kinds that do not say how large the picture was
_OTHER_JSON = (  # of a list's first item or of the whole: keys, name, advice
    ({"objects", "size"}, "Supervisely's JSON", "export COCO"),
    ({"data_row"}, "Labelbox's JSON", "export COCO"),
    ({"item", "annotations"}, "V7 Darwin's JSON", "export COCO"),
    ({"bbox"}, "JSON of boxes without outlines", "export segmentations"),
)
_OTHER_STARTS = (
    (b"\xff\xd8\xff", "a JPEG, whose compression changes label values", "save the labels as PNG or TIFF"),
    (b"%PDF", "a PDF", "export the outlines, or save the labels as PNG or TIFF"),
    (b"GIF8", "a GIF", "save the labels as PNG or TIFF"),
    (b"RIFF", "a WebP picture or a film", "save the labels as PNG or TIFF"),
    (b"MATLAB 5.0", "a MATLAB file", "write the labels with imwrite as TIFF"),
    (b"\xac\xed\x00\x05", "QuPath's own data", "export the objects as GeoJSON"),
    (b"\x80", "a Python pickle, which could run code and is not opened", "save the labels as PNG, TIFF or .npz"),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"\xff\xfe", "text in UTF-16", "save it in UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "save it in UTF-8"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
)
_KNOWN = (
    "give labels as TIFF, PNG, .npy, .npz or ilastik's .h5, ImageJ ROIs (.zip, .roi), or JSON of COCO, LabelMe, QuPath, VIA, "
    "Label Studio or SAM, CVAT's XML, YOLO's .txt, Cellpose's _seg.npy"
)


def _of_table(path: Path, kind: str, labels: NDArray[np.int32]) -> tuple[dict[int, str], tuple[str, ...]]:
    """The classes that a table beside a label picture gives its labels, and what to say of it."""
    table = table_beside(path)
    if table is None:
        return {}, ()
    if kind != "label_image":
        return {}, (f"{table.name} gives labels classes, but {path.name} is no label picture with a number for each particle",)
    given = read_class_table(table)
    there = set(np.unique(labels).tolist()) - {0}
    gone = len(given.keys() - there)
    said = (f"{table.name}: {count(gone, 'label is', 'labels are')} not in {path.name}",) if gone else ()
    return {k: c for k, c in given.items() if k in there}, said


def _drawn(path: Path, data: bytes, shape: tuple[int, int], image_name: str | None) -> Drawn:
    if data.startswith((b"Iout", b"PK\x03\x04", b"PK\x05\x06")):
        return read_rois(path, data, shape)
    head = _head(data)
    if head[:1] in (b"{", b"["):
        content = read_json(path)
        for kind in _JSON:
            if kind.matches(content):
                return kind.read(path, content, shape, image_name=image_name)
        first = content[0] if isinstance(content, list) and content else content
        for keys, name, advice in _OTHER_JSON:
            if isinstance(first, dict) and keys <= first.keys():
                raise AnnotationError(f"{path}: {name}, which is not read here; {advice}")
        seen = ", ".join(map(str, content))[:80] if isinstance(content, dict) else f"a list of {len(content)}"
        raise AnnotationError(f"{path}: JSON of no known kind (it holds {seen}); export COCO, LabelMe or GeoJSON")
    if head[:1] == b"<":
        return read_cvat(path, read_xml(path, data), shape, image_name=image_name)
    for start, name, advice in _OTHER_STARTS:
        if data.startswith(start):
            raise AnnotationError(f"{path}: {name}; {advice}")
    text = _text(data)
    if is_via_csv(text):
        return read_via(path, text, shape, image_name=image_name)
    if is_yolo(text):
        return read_yolo(path, text, shape, image_name=image_name)
    seen = repr(data[:8])[1:]
    raise AnnotationError(f"{path}: not a known kind of annotation (begins with {seen}); {_KNOWN}")


def _array(path: Path, data: bytes, shape: tuple[int, int]) -> tuple[str, NDArray[Any]] | None:
    """Kind and array of a file that holds one; None for other files."""
    if data.startswith(b"\x93NUMPY"):
        return ("cellpose_seg", read_seg(path, data, shape)) if is_pickled(data) else ("", npy_values(path, data))
    if data.startswith(b"\x89HDF\r\n\x1a\n"):
        return "", read_ilastik(path, data, shape)
    if data.startswith(b"PK\x03\x04") and b".npy" in data[:256]:
        return "", read_npz(path, data, shape)
    return None


def _head(data: bytes) -> bytes:
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""


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
