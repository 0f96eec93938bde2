"""Label pictures: ground truth drawn elsewhere, or labels.tif written here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import TruthError


def read_labels(path: str | Path) -> NDArray[np.int64]:
    """(H, W) int64 labels, 0 = background, from PNG or TIFF. Values are kept as stored: a palette's indices, the first channel
    of a colour picture. Raises TruthError where the file cannot be read as integers."""
    path = Path(path)
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            import tifffile

            values = np.asarray(tifffile.imread(path))
        else:
            from PIL import Image

            with Image.open(path) as image:
                values = np.asarray(image)
    except Exception as error:  # tifffile and Pillow raise many types for a broken file
        raise TruthError(f"{path}: cannot be read as labels ({error})") from error
    if values.ndim == 3:
        values = values[..., 0]
    if values.ndim != 2 or values.dtype.kind not in "uib":
        raise TruthError(f"{path}: labels must be one picture of integers, got {values.dtype} of shape {values.shape}")
    return values.astype(np.int64)
