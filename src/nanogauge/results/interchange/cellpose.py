"""Cellpose's _seg.npy, read and written. It is a Python pickle, which could run code: here only numbers, texts, lists and arrays
are made of it, by functions of our own, and anything else in it is refused before it is touched."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...core.errors import AnnotationError
from .drawn import check_shape

_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
_PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path")
_PLAIN = {"set": set, "frozenset": frozenset, "list": list, "tuple": tuple, "dict": dict, "complex": complex}
_NUMBERS = "biufc"


def is_pickled(data: bytes) -> bool:
    """Whether an .npy file holds objects, which NumPy pickles."""
    return b"'|O'" in data[:256] or b'"|O"' in data[:256]


def read_seg(path: Path, data: bytes, shape: tuple[int, int]) -> NDArray[Any]:
    """(H, W) masks of a _seg.npy file, or a stack (N, H, W) of those that Segment Anything's generator gave.

    Raises AnnotationError where it is damaged, holds anything but plain data, has no masks, or masks of another shape.
    """
    stream = io.BytesIO(data)
    try:
        from numpy.lib import format as npy

        version = npy.read_magic(stream)
        (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(stream)
        content = _plain(_Restricted(stream).load())
    except _Refused as error:
        raise AnnotationError(
            f"{path}: a pickle that would make {error}, which Cellpose does not write; it is not opened"
        ) from None
    except AnnotationError:
        raise
    except Exception as error:  # a damaged pickle fails in many ways
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise AnnotationError(f"{path}: damaged .npy file of objects ({reason}); save it again") from None
    if isinstance(content, np.ndarray) and content.dtype == object:
        items = [_plain(c) for c in content.ravel()]
        masks = [_plain(c.get("segmentation")) for c in items if isinstance(c, dict)]
        if (
            masks
            and len(masks) == len(items)
            and all(isinstance(m, np.ndarray) and m.shape == shape and m.dtype == bool for m in masks)
        ):
            return np.stack(masks)  # of Segment Anything's generator
        content = items[0] if len(items) == 1 else items
    if not isinstance(content, dict) or "masks" not in content:
        seen = ", ".join(map(str, content))[:80] if isinstance(content, dict) else type(content).__name__
        raise AnnotationError(f"{path}: a pickle without Cellpose's masks (it holds {seen}); save the masks as PNG or TIFF")
    masks = _plain(content["masks"])
    if not isinstance(masks, np.ndarray) or masks.dtype.kind not in "biu":
        raise AnnotationError(f"{path}: Cellpose's masks are no array of whole numbers; save the masks as PNG or TIFF")
    flat = masks.reshape(tuple(n for n in masks.shape if n > 1)) if masks.ndim > 2 else masks
    if flat.ndim == 2:
        check_shape(flat.shape, shape, str(path))
    if flat.shape != shape:
        raise AnnotationError(f"{path}: masks of shape {masks.shape}; save one picture of {shape[1]} x {shape[0]} px")
    return flat


class _Refused(Exception):
    """What a pickle asked for."""


class _Type:
    """A NumPy type as a pickle makes it: plain numbers and texts only."""

    def __init__(self, text: Any = "b", *_: Any) -> None:
        if not isinstance(text, str) or len(text) > 8 or text[:1] not in (*_NUMBERS, "O", "U", "S"):
            raise _Refused(f"a NumPy type {text!r:.40}")
        self.value = np.dtype(text)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 3 or any(v is not None for v in state[2:5]):
            raise _Refused("a NumPy type with parts")
        if state[1] in ("<", ">", "="):
            self.value = self.value.newbyteorder(state[1])


class _Array:
    """An array as a pickle makes it; `value` is made by us."""

    def __init__(self) -> None:
        self.value: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, content = state
        if not isinstance(kind, _Type) or not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise ValueError("an array without its shape")
        order: Any = "F" if fortran else "C"
        if kind.value.kind == "O":
            if not isinstance(content, list):
                raise ValueError("an array of objects without them")
            self.value = np.empty(len(content), object)
            self.value[:] = content
            self.value = self.value.reshape(shape, order=order)
        else:
            if not isinstance(content, bytes | bytearray):
                raise ValueError("an array without its bytes")
            self.value = np.frombuffer(bytes(content), kind.value).reshape(shape, order=order)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, _Array | _Type) else value


def _empty_array(*_: Any) -> _Array:
    return _Array()


def _scalar(kind: Any, content: Any = b"", *_: Any) -> Any:
    if not isinstance(kind, _Type) or kind.value.kind == "O" or not isinstance(content, bytes):
        raise ValueError("a number without its bytes")
    return np.frombuffer(content, kind.value)[0]


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any, axes: Any = None) -> _Array:
    if axes is not None:
        raise ValueError("an array with its axes in another order")
    found = _Array()
    found.__setstate__((1, shape, kind, order == "F", bytes(content)))
    return found


def _as_bytes(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise ValueError("a text in no known encoding")
    return text.encode(encoding)


def _as_path(*parts: Any) -> str:
    return "/".join(str(p) for p in parts)


class _Restricted(pickle._Unpickler):  # the one in Python: its memo is a dict, which a false index cannot make huge
    """Makes plain data and arrays; _Refused for all else."""

    def find_class(self, module: str, name: str) -> Any:
        found = self._known(module, name)
        return lambda *args: found(*args)  # a new function each time, so that nothing of ours can be changed

    @staticmethod
    def _known(module: str, name: str) -> Callable[..., Any]:
        if module in _NUMPY and name == "_reconstruct":
            return _empty_array
        if module in _NUMPY and name == "scalar":
            return _scalar
        if module in ("numpy.core.numeric", "numpy._core.numeric") and name == "_frombuffer":
            return _from_buffer
        if module == "numpy" and name == "ndarray":
            return _empty_array
        if module == "numpy" and name == "dtype":
            return _Type
        if module in ("builtins", "__builtin__") and name in _PLAIN:
            return _PLAIN[name]
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if (module, name) == ("_codecs", "encode"):
            return _as_bytes
        if module.startswith("pathlib") and name in _PATHS:
            return _as_path
        raise _Refused(f"{module}.{name}"[:80])

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("an object kept elsewhere")

    def get_extension(self, code: Any) -> Any:
        raise _Refused("an object by a number")


def write_seg(path: Path, labels: NDArray[np.int32], *, picture: str) -> None:
    """A file that Cellpose's window opens beside its picture, to go on with these particles.

    labels: (H, W), which are numbered anew from 1
    """
    used, numbered = np.unique(labels, return_inverse=True)
    masks = numbered.reshape(labels.shape) + (0 if used[0] == 0 else 1)
    masks = masks.astype(np.uint16 if masks.max() < 65_536 else np.uint32)
    inner = ndimage.minimum_filter(masks, 3) == ndimage.maximum_filter(masks, 3)
    n = int(masks.max())
    colours = np.random.default_rng(0).integers(60, 255, (n, 3)).astype(np.uint8)
    content = {
        "masks": masks,
        "outlines": np.where(inner, 0, masks).astype(masks.dtype),
        "colors": colours,
        "filename": picture,
        "ismanual": np.zeros(n, bool),
        "chan_choose": [0, 0],
        "est_diam": float(2 * np.sqrt(np.count_nonzero(masks) / max(n, 1) / np.pi)),
    }
    with path.open("wb") as stream:
        np.save(stream, np.array(content, dtype=object), allow_pickle=True)
