"""ImageJ ROIs: one .roi file or a RoiSet.zip, as the ROI Manager of Fiji saves them. Coordinates are pixel corners."""

from __future__ import annotations

import io
import logging
import math
import re
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import AnnotationError
from .drawn import Drawn, named_as_region, numbers_of, without_area
from .shapes import Patch, fill, fill_ellipse

_LARGEST_BYTES = 64_000_000  # of one ROI
_DAMAGE = (ValueError, TypeError, KeyError, IndexError, RuntimeError, NotImplementedError, struct.error, OverflowError, MemoryError)


def read_rois(path: Path, data: bytes, shape: tuple[int, int]) -> Drawn:
    """Polygons, freehand, traced and composite areas, ovals, ellipses and rectangles, sub-pixel ones too. ROIs without an area
    (lines, points) are left out, with a warning. Where all names are different whole numbers, as written by `nanogauge`, they
    are the labels. Raises AnnotationError for a damaged file or one without areas.
    """
    rois = _rois(path, data)
    patches: list[Patch | None] = []
    names: list[str] = []
    classes: list[str] = []
    left_out: Counter[str] = Counter()
    for name, roi in rois:
        try:
            patch = _patch(roi, shape)
        except _DAMAGE as error:
            raise AnnotationError(f"{path}: damaged ROI {name!r} ({error}); save it again in ImageJ") from error
        if patch is _NO_AREA:
            left_out[roi.roitype.name.lower()] += 1
            continue
        patches.append(patch)
        own, of = _number_and_class(roi.name or name, roi.group)
        names.append(own)
        classes.append(of)
    warnings = without_area(left_out, "ROI", "ROIs")
    if rois and not patches:
        raise AnnotationError(f"{path}: no ROI with an area, only {', '.join(sorted(left_out))}; save outlines of the particles")
    if len({roi.position or roi.z_position or roi.t_position for _, roi in rois}) > 1:
        warnings += ("the ROIs belong to several slices of a stack; all are used",)
    marked = frozenset(k for k, name in enumerate(names) if named_as_region(name))
    return Drawn(kind="imagej_roi", patches=patches, names=classes, marked=marked, numbers=numbers_of(names), warnings=warnings)


_OWN_NAME = re.compile(r"(\d{5,9}) (.+)")


def _number_and_class(name: str, group: int) -> tuple[str, str]:
    """Name and class of a ROI: "00012 cube" as `nanogauge` writes it; else its class is its group in ImageJ, if it is in one."""
    if own := _OWN_NAME.fullmatch(name):
        return own[1], own[2]
    return name, f"group {group}" if group else ""


_NO_AREA = object()


def _rois(path: Path, data: bytes) -> list[tuple[str, Any]]:
    """(name, ROI) of a file, in its order."""
    from roifile import ImagejRoi

    logging.getLogger("roifile").setLevel(logging.ERROR)
    found = []
    try:
        if data[:4] == b"Iout":
            return [(path.stem, ImagejRoi.frombytes(data))]
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                name = entry.filename
                if not name.lower().endswith(".roi") or "__MACOSX/" in name:
                    continue
                if entry.file_size > _LARGEST_BYTES:
                    raise ValueError(f"{name} would be {entry.file_size / 1e6:.0f} MB")
                found.append((Path(name).stem, ImagejRoi.frombytes(archive.read(entry))))
            if archive.namelist() and not found:
                seen = ", ".join(map(repr, archive.namelist()[:3]))
                held = next((n for n in archive.namelist() if n.lower().endswith((".json", ".xml", ".txt", ".png", ".csv"))), "")
                advice = f"unpack it and give {held!r}" if held else "save it from ImageJ's ROI Manager"
                raise AnnotationError(f"{path}: a zip without .roi files (it holds {seen}); {advice}")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, *_DAMAGE) as error:
        raise AnnotationError(f"{path}: damaged ROI file ({error}); save it again from ImageJ's ROI Manager") from error
    return found


def _patch(roi: Any, shape: tuple[int, int]) -> Any:
    """The pixels of a ROI: a Patch, None where none lies in the picture, _NO_AREA for a line or a point."""
    from roifile import ROI_SUBTYPE, ROI_TYPE

    if roi.composite:
        return fill([ring[:, ::-1].astype(float) for ring in roi.coordinates(multi=True)], shape)
    if roi.roitype in (ROI_TYPE.RECT, ROI_TYPE.OVAL):
        if roi.subpixelrect:
            y, x, h, w = roi.yd, roi.xd, roi.heightd, roi.widthd
        else:
            y, x, h, w = roi.top, roi.left, roi.bottom - roi.top, roi.right - roi.left
        if roi.roitype == ROI_TYPE.OVAL:
            return fill_ellipse((y + h / 2, x + w / 2), (h / 2, w / 2), shape)
        return fill([np.array([(y, x), (y, x + w), (y + h, x + w), (y + h, x)], float)], shape)
    if roi.roitype == ROI_TYPE.FREEHAND and roi.subtype == ROI_SUBTYPE.ELLIPSE:
        # ImageJ keeps the ends of the long axis, and the ratio of the axes as a float where other ROIs keep three small numbers
        packed = struct.pack(roi.byteorder + "BBh", roi.arrow_style_or_aspect_ratio, roi.arrow_head_size, roi.rounded_rect_arc_size)
        ratio = struct.unpack(roi.byteorder + "f", packed)[0]
        along = math.hypot(roi.x2 - roi.x1, roi.y2 - roi.y1) / 2
        centre = ((roi.y1 + roi.y2) / 2, (roi.x1 + roi.x2) / 2)
        return fill_ellipse(centre, (along * ratio, along), shape, angle_rad=math.atan2(roi.y2 - roi.y1, roi.x2 - roi.x1))
    if roi.roitype in (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED):
        return fill([np.asarray(roi.coordinates(), float)[:, ::-1]], shape)
    return _NO_AREA
