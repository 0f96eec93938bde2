"""Of which class every pixel of a picture is: the maps of a network with classes, on the picture's own grid."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.errors import EngineError
from ..core.protocols import Engine, Maps, classes_of
from .segment import predict, rescale, standardise

F32 = NDArray[np.float32]


def class_maps(pixels: NDArray[np.generic], engine: Engine, *, zoom: float = 1.0, overlap_px: int = 64, flips: bool = False) -> F32:
    """How likely each pixel is of each class, calibrated by the network's temperature; they sum to 1.

    Parameters
    ----------
    pixels
        (H, W) grey levels.
    engine
        One that tells classes apart.
    zoom
        Working px per px of the picture. Networks of phases have learned from pictures as they are, at 1.
    overlap_px, flips
        As in `segment.predict`.

    Returns
    -------
    (H, W, K) float32, in the order of `classes_of(engine).names`

    Raises
    ------
    EngineError
        Where the engine tells no phases apart.
    """
    known = classes_of(engine)
    if not known.names:
        raise EngineError(f"{engine.name}: a network without classes; train one with nanogauge phases train")
    if known.of != "phases":
        raise EngineError(f"{engine.name}: tells particles apart, and knows nothing of the ground; use nanogauge measure")
    working = standardise(rescale(standardise(pixels), zoom))
    maps = predict(working, engine, overlap_px=overlap_px, flips=flips).classes
    assert maps is not None
    p = tempered(np.moveaxis(maps, 0, -1), known.temperature)
    h, w = pixels.shape
    if p.shape[:2] == (h, w):
        return p
    # at most four channels at a time, as OpenCV resizes no more
    parts = [cv2.resize(np.ascontiguousarray(p[..., k : k + 4]), (w, h)) for k in range(0, p.shape[2], 4)]
    return normalised(np.concatenate([a.reshape(h, w, -1) for a in parts], axis=2).astype(np.float32))


def mean_classes(labels: NDArray[np.int32], maps: Maps) -> NDArray[np.float64] | None:
    """(n + 1, K) mean probability of each class over the pixels of each label, 0 in row 0; None without classes."""
    if maps.classes is None:
        return None
    at = np.flatnonzero(labels)
    own = labels.ravel()[at]
    n = int(own.max(initial=0)) + 1
    area = np.maximum(np.bincount(own, minlength=n), 1)
    return np.stack([np.bincount(own, m.ravel()[at], minlength=n) / area for m in maps.classes], axis=1)


def tempered(p: NDArray[np.floating], temperature: float) -> F32:
    """Probabilities (..., K) with their logarithms divided by a temperature: below 1 surer, above 1 less sure."""
    if math.isclose(temperature, 1.0):
        return normalised(np.asarray(p, np.float32))
    return normalised(np.maximum(p, 1e-7).astype(np.float32) ** np.float32(1 / temperature))


def normalised(p: F32) -> F32:
    """Scaled so that the classes (..., K) sum to 1."""
    return np.asarray(p / np.maximum(p.sum(-1, keepdims=True), 1e-12), np.float32)
