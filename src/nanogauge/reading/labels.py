"""Label pictures: ground truth drawn elsewhere, or labels.tif written here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, TruthError
from .containers.tiff import check_strips, quiet
from .contract import refuse_huge


def read_labels(path: str | Path, *, shape: tuple[int, int] | None = None) -> NDArray[np.int64]:
    """(H, W) int64 labels, 0 = background, from PNG or TIFF. Values are kept as stored: a palette's indices, the first channel
    of a colour picture.

    shape: (H, W) they must have; a file of another one is refused before it is unpacked

    Raises TruthError where the file cannot be read as integers, or has another shape.
    """
    path = Path(path)
    try:
        values = _tiff(path, shape) if path.suffix.lower() in (".tif", ".tiff") else _picture(path, shape)
    except TruthError:
        raise
    except InputError as error:
        raise TruthError(str(error)) from error
    except Exception as error:  # tifffile and Pillow raise many types for a broken file
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise TruthError(f"{path}: cannot be read as labels ({reason})") from error
    if values.ndim == 3:
        values = values[..., 0]
    if values.ndim != 2 or values.dtype.kind not in "uib":
        raise TruthError(f"{path}: labels must be one picture of integers, got {values.dtype} of shape {values.shape}")
    return values.astype(np.int64)


def _tiff(path: Path, shape: tuple[int, int] | None) -> NDArray[Any]:
    import tifffile

    with quiet(), tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        _check(path, (int(page.imagelength), int(page.imagewidth)), shape)
        check_strips(path, page)
        return np.asarray(file.asarray())


def _picture(path: Path, shape: tuple[int, int] | None) -> NDArray[Any]:
    from PIL import Image

    with Image.open(path) as image:
        _check(path, (image.height, image.width), shape)
        return np.asarray(image)


def _check(path: Path, found: tuple[int, int], shape: tuple[int, int] | None) -> None:
    if shape is not None and found != shape:
        raise TruthError(f"{path}: labels are {found}, the micrograph {shape}")
    refuse_huge(path, found[1], found[0])
