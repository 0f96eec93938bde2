"""Arrays that hold labels: .npy and .npz of NumPy, HDF5 files of ilastik. Nothing in them is run."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import AnnotationError
from .drawn import Drawn, check_shape
from .shapes import Patch, place

_FIRST = ("masks", "mask", "labels", "label", "segmentation", "segmentations", "instances", "arr_0")
_ILASTIK = "exported_data"
_MOST_STACKED = 100_000
_MOST_BYTES = 1 << 32  # of one array, unpacked


def read_npz(path: Path, data: bytes, shape: tuple[int, int]) -> NDArray[Any]:
    """The array of an .npz file that holds masks: the only one that fits the picture, else that of a usual name.

    Raises AnnotationError where there is none, or it is a pickle.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            fitting = []
            for entry in archive.infolist():
                if entry.filename.endswith(".npy"):
                    with archive.open(entry) as stream:
                        found = _stated(stream)
                    if found is not None and _fits(found, shape) and entry.file_size < _MOST_BYTES:
                        fitting.append(entry.filename)
            names = {n.removesuffix(".npy"): n for n in fitting}
            seen = ", ".join(repr(n) for n in archive.namelist()[:5])
            chosen = next((n for n in _FIRST if n in names), next(iter(names), None) if len(names) == 1 else None)
            if chosen is None:
                what = f"{len(names)} arrays of the picture's size" if names else f"no array of {shape[1]} x {shape[0]} px"
                raise AnnotationError(f"{path}: {what} (it holds {seen}); save the labels, or a stack of masks, as `masks`")
            return np.asarray(np.load(io.BytesIO(archive.read(names[chosen])), allow_pickle=False))
    except AnnotationError:
        raise
    except Exception as error:  # zipfile and numpy let many types through
        raise AnnotationError(f"{path}: damaged .npz file ({' '.join(str(error).split())[:100]}); save it again") from None


def _stated(stream: Any) -> tuple[int, ...] | None:
    """The shape that an array's head states; None for objects and what is no number."""
    from numpy.lib import format as npy

    version = npy.read_magic(stream)
    shape, _, dtype = npy.read_array_header_1_0(stream) if version == (1, 0) else npy.read_array_header_2_0(stream)
    return tuple(shape) if dtype.kind in "biuf" else None


def _fits(found: tuple[int, ...], shape: tuple[int, int]) -> bool:
    sides = tuple(n for n in found if n != 1)
    flat = tuple(n for n in shape if n != 1)
    if sides == flat:
        return True
    return len(found) == 3 and (found[1:] == shape or found[:2] == shape) and found[0] * found[2] // min(shape) < _MOST_STACKED


def stacked(path: Path, values: NDArray[Any], shape: tuple[int, int]) -> Drawn | None:
    """A stack of masks (N, H, W) or (H, W, N), of zeros and one other value each, as shapes; None where it is no such stack."""
    if values.ndim != 3 or values.dtype.kind not in "biuf" or (values.shape == (*shape, 3) and values.dtype == np.uint8):
        return None
    if values.shape[1:] != shape:
        if values.shape[:2] != shape:
            return None
        values = np.moveaxis(values, -1, 0)
    patches: list[Patch | None] = []
    for mask in values:
        if mask.dtype.kind != "b" and not np.isin(mask, (0, mask.max())).all():
            return None
        patches.append(place(mask > 0, (0, 0), shape))
    return Drawn(kind="mask_stack", patches=patches, names=[""] * len(patches))


def read_ilastik(path: Path, data: bytes, shape: tuple[int, int]) -> NDArray[Any]:
    """(H, W) labels or classes of an HDF5 file of ilastik, or of another with one such array.

    Raises AnnotationError for probabilities, projects and files without one.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            if "ilastikVersion" in file or "PixelClassification" in file:
                raise AnnotationError(f"{path}: an ilastik project; export Simple Segmentation or Object Identities from it")
            found: dict[str, Any] = {}
            file.visititems(lambda name, item: found.__setitem__(name, item) if isinstance(item, h5py.Dataset) else None)
            whole = {n: d for n, d in found.items() if d.dtype.kind in "biu" and _sides(d.shape) == _sides(shape)}
            if _ILASTIK in found and _ILASTIK not in whole:
                one = found[_ILASTIK]
                if one.dtype.kind == "f":
                    raise AnnotationError(
                        f"{path}: ilastik's probabilities; export Simple Segmentation or Object Identities instead"
                    )
                sides = _sides(one.shape)
                if len(sides) == 2:
                    check_shape(sides, shape, str(path))
                if len(sides) == 3 and sides[:2] == _sides(shape):
                    raise AnnotationError(
                        f"{path}: {sides[2]} channels of {shape[1]} x {shape[0]} px, as ilastik's probabilities have; export "
                        f"Simple Segmentation or Object Identities instead"
                    )
            name = _ILASTIK if _ILASTIK in whole else next(iter(whole), "") if len(whole) == 1 else ""
            if not name:
                seen = ", ".join(f"{n} {d.shape}" for n, d in list(found.items())[:4]) or "nothing"
                raise AnnotationError(
                    f"{path}: an HDF5 file without one array of whole numbers of {shape[1]} x {shape[0]} px (it holds {seen}); "
                    f"export the labels as TIFF or PNG"
                )
            return np.asarray(whole[name][()]).reshape(shape)
    except AnnotationError:
        raise
    except Exception as error:  # h5py raises many types for a broken file
        raise AnnotationError(f"{path}: damaged HDF5 file ({' '.join(str(error).split())[:100]}); export it again") from None


def _sides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(n) for n in shape if n != 1)
