"""PNG, JPEG and BMP: pixels through Pillow (16-bit colour PNG through imagecodecs). They state no scale of their own.

The resolution fields of these formats (pHYs, JFIF density, Exif) are print or screen settings and are never a scale.
Pictures are not turned by their Exif orientation: sizes do not depend on it, and rows and columns stay as stored.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin

from ...core.errors import UnreadableFile, UnsupportedFormat
from .. import grey
from ..contract import Container, Decoded
from ..makers import phenom

MAX_PIXELS = 1_000_000_000
_ORIENTATION = 274  # Exif tag
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, KeyError, IndexError, TypeError, OverflowError)


def refuse_huge(path: Path, width: int, height: int) -> None:
    """UnsupportedFormat for a picture of more than a thousand million pixels."""
    if width * height > MAX_PIXELS:
        raise UnsupportedFormat(
            f"{path}: {width} x {height} px is more than {MAX_PIXELS / 1e9:g} gigapixel; crop it or export it at a smaller size"
        )


def _read_png(path: Path, head: bytes) -> Decoded:
    deep_colour = len(head) > 25 and head[24] == 16 and head[25] in (2, 4, 6)
    return _read(path, PngImagePlugin.PngImageFile, "png", deep_colour=deep_colour)


def _read_jpeg(path: Path, head: bytes) -> Decoded:
    picture = _read(path, JpegImagePlugin.JpegImageFile, "jpeg")
    facts = phenom.from_trailer(path, picture.pixels.shape[0])
    return Decoded(pixels=picture.pixels, format="jpeg/phenom", facts=facts, notes=picture.notes) if facts else picture


def _read_bmp(path: Path, head: bytes) -> Decoded:
    return _read(path, BmpImagePlugin.BmpImageFile, "bmp")


def _read(path: Path, reader: type[Any], name: str, *, deep_colour: bool = False) -> Decoded:
    # the reader of the format itself, not Image.open: its limit on pixels would be Pillow's, and global
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with path.open("rb") as stream, reader(stream) as image:
                refuse_huge(path, *image.size)
                image.load()
                turned = image.getexif().get(_ORIENTATION, 1)
                pixels, notes = _deep_png(path) if deep_colour else _grey(image)
        pixels, more = grey.settled(pixels)
    except MemoryError:
        raise UnsupportedFormat(f"{path}: too large for this computer's memory; crop it") from None
    except _DAMAGE as error:
        raise UnreadableFile(
            f"{path}: damaged or cut-off {name.upper()} ({_reason(error)}); copy it again from the microscope"
        ) from error
    notes = (*notes, *more)
    if turned not in (0, 1):
        notes = (*notes, f"stored orientation {turned} ignored; rows and columns are as in the file")
    return Decoded(pixels=pixels, format=name, notes=notes)


def _grey(image: Image.Image) -> tuple[NDArray[Any], tuple[str, ...]]:
    mode = image.mode
    if mode == "1":
        return np.asarray(image), ()
    if mode in ("L", "F", "I") or mode.startswith("I;16"):
        return np.asarray(image), ()
    if mode in ("LA", "RGBA"):
        return grey.flatten(np.asarray(image), has_alpha=True)
    if mode in ("PA", "P") and (mode == "PA" or "transparency" in image.info):
        return grey.flatten(np.asarray(image.convert("RGBA")), has_alpha=True)
    return grey.flatten(np.asarray(image.convert("RGB")), has_alpha=False)


def _deep_png(path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    import imagecodecs

    try:
        samples = np.asarray(imagecodecs.png_decode(path.read_bytes()))
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return grey.flatten(samples, has_alpha=samples.shape[-1] in (2, 4))


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__


PNG = Container(lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), _read_png, (".png",))
JPEG = Container(lambda head: head.startswith(b"\xff\xd8\xff"), _read_jpeg, (".jpg", ".jpeg"))
BMP = Container(lambda head: head.startswith(b"BM") and head[6:10] == bytes(4), _read_bmp, (".bmp",))
