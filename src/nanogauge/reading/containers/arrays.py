"""NumPy arrays (npy, npz): (H, W) grey, (H, W, 3 or 4) colours, (N, H, W) pages. They state no scale.

The arrays of an npz file are chosen between like detectors, by their names. Pickled objects are never loaded.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, UnreadableFile, UnsupportedFormat
from ..contract import Container, Decoded, Wish
from ..file import File
from ..pick import Offer, decoded

_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    SyntaxError,
    OverflowError,
    zlib.error,
    zipfile.BadZipFile,
    RuntimeError,
)
_MOST_BYTES = 1 << 34


def _read_npy(file: File, wish: Wish) -> Decoded:
    return _read(file, wish, _array, "npy")


def _read_npz(file: File, wish: Wish) -> Decoded:
    return _read(file, wish, _members, "npz")


def _read(file: File, wish: Wish, offers: Callable[[File], list[Offer | None]], name: str) -> Decoded:
    path = file.path
    try:
        file.stream.seek(0)
        pictures = [o for o in offers(file) if o is not None]
        if not pictures:
            raise UnsupportedFormat(f"{path}: no array in it is a picture: (H, W), (N, H, W) or (H, W, 3) numbers; save it so")
        return decoded(path, pictures, wish, name=name, word="array")
    except InputError:
        raise
    except MemoryError:
        raise UnsupportedFormat(f"{path}: too large for this computer's memory; crop it") from None
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UnreadableFile(f"{path}: damaged or cut-off {name} file ({reason}); save it again") from error


def _array(file: File) -> list[Offer | None]:
    stream, form = file.stream, np.lib.format
    header = form.read_array_header_1_0 if form.read_magic(stream) == (1, 0) else form.read_array_header_2_0
    shape, in_columns, dtype = header(stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    return [_offer("", file.view(dtype, shape, stream.tell(), order="F" if in_columns else "C"))]


def _members(file: File) -> list[Offer | None]:
    with zipfile.ZipFile(file.stream) as archive:
        names = [i.filename for i in archive.infolist() if i.filename.endswith(".npy") and i.file_size < _MOST_BYTES]
    if not names:
        raise UnsupportedFormat(f"{file.path}: a ZIP archive or an Office document; save the micrograph as TIFF, PNG, JPEG or BMP")
    file.stream.seek(0)
    with np.load(file.stream, allow_pickle=False) as arrays:
        return [_offer(n, np.asarray(arrays[n])) for n in (n.removesuffix(".npy") for n in names)]


def _offer(name: str, array: NDArray[Any]) -> Offer | None:
    colour = array.ndim in (3, 4) and array.shape[-1] in (3, 4) and array.dtype == np.uint8
    n_axes = array.ndim - colour
    if n_axes not in (2, 3) or not array.size or array.dtype.kind not in "buif":
        return None
    pages = array[np.newaxis] if n_axes == 2 else array
    shape = (int(pages.shape[1]), int(pages.shape[2]))
    return Offer(
        shape=shape, load=partial(_page, pages), detector=name, n_pages=pages.shape[0], has_alpha=colour and array.shape[-1] == 4
    )


def _page(pages: NDArray[Any], page: int) -> NDArray[Any]:
    return np.asarray(pages[page])


# no suffixes: arrays that lie in a folder of micrographs are masks and maps as a rule, so that they are to be named
NPY = Container(lambda head: head.startswith(b"\x93NUMPY"), _read_npy, ())
NPZ = Container(lambda head: head.startswith(b"PK\x03\x04"), _read_npz, ())
