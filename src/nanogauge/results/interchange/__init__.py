"""Particle annotations made elsewhere -> labels on the micrograph's own grid.

    file ──read_annotation──▶ raster (label TIFF, PNG, colour-coded PNG, mask, .npy)     ─┐
                              imagej (ROI zip, .roi) · coco · labelme · geojson ─shapes──┴▶ Annotation (labels, what to say of them)
    folder ──find_annotations──▶ micrograph -> annotation file

The kind of file is found from its content. All drawn formats put pixel corners at whole coordinates; a pixel belongs to a
shape if its centre lies in it (a centre exactly on an edge: to the shape on its right or below), as in ImageJ.

Where shapes overlap, a pixel goes to the smaller one, so that a particle lying on another is not lost, whatever the order in
the file. What a shape lost is counted: labels that lost more than 1 % of their pixels are in `Annotation.overlapping`.
"""

from __future__ import annotations

from .folder import PICTURE_SUFFIXES, all_annotations, find_annotations
from .read import Annotation, read_annotation

__all__ = ["PICTURE_SUFFIXES", "Annotation", "all_annotations", "find_annotations", "read_annotation"]
