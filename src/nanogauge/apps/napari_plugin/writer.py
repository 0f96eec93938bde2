"""napari's writers of labels layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, OutputError
from ...core.scale import Scale
from ...measuring.contours import contours
from ...results.interchange.write import write_rois
from ...results.pictures import write_labels
from .layers import stated_scale


def write_labels_tiff(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Labels (H, W) as `labels.tif` of a results folder: int32, with the layer's scale where it has units of length.

    Raises InputError for labels that are no single picture, OutputError where it cannot be written.
    """
    return _written(path, lambda file: write_labels(file, as_labels(data, path), _scale(attributes)))


def write_roi_zip(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Labels (H, W) as ImageJ ROIs, for Fiji's ROI Manager. Raises as `write_labels_tiff`."""
    return _written(path, lambda file: write_rois(file, dict(contours(as_labels(data, path)))))


def as_labels(data: Any, name: str) -> NDArray[np.int32]:
    """Labels (H, W) int32 of a labels layer's data. InputError where they are a stack, negative or above 2³¹ - 1."""
    labels = np.asarray(data)
    if labels.ndim != 2 or labels.dtype.kind not in "uib":
        raise InputError(f"{name}: labels of shape {labels.shape} and type {labels.dtype}; save one plane of whole numbers")
    if labels.size and (labels.min() < 0 or labels.max() > np.iinfo(np.int32).max):
        raise InputError(f"{name}: labels from {labels.min()} to {labels.max()}; they must lie in 0 ... 2147483647")
    return labels.astype(np.int32)


def _written(path: str, write: Callable[[Path], None]) -> list[str]:
    try:
        write(Path(path))
    except OSError as error:
        raise OutputError(f"{path}: cannot write there ({error.strerror}); choose another place") from error
    return [path]


def _scale(attributes: dict[str, Any]) -> Scale | None:
    return stated_scale(attributes.get("scale", ()), attributes.get("units", ()))
