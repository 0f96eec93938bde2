"""PNG, JPEG, JPEG 2000, WebP, GIF and BMP: pixels through Pillow (16-bit colour PNG through imagecodecs). They state no scale of
their own.

The resolution fields of these formats (pHYs, JFIF density, Exif) are print or screen settings and are never a scale.
Pictures are not turned by their Exif orientation: sizes do not depend on it, and rows and columns stay as stored.
The frames of a moving GIF, WebP or PNG are its pages.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, GifImagePlugin, Image, Jpeg2KImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from ...core.errors import InputError, UnreadableFile, UnsupportedFormat
from ..contract import Container, Decoded, Wish, refuse_huge
from ..file import File
from ..makers import phenom
from ..pick import Offer, decoded, which_page

_ORIENTATION = 274  # Exif tag
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, KeyError, IndexError, TypeError, OverflowError)
_TITLES = {"png": "PNG", "jpeg": "JPEG", "jp2": "JPEG 2000", "webp": "WebP", "gif": "GIF", "bmp": "BMP"}


def _read_png(file: File, wish: Wish) -> Decoded:
    deep_colour = len(file.head) > 25 and file.head[24] == 16 and file.head[25] in (2, 4, 6)
    return _read(file, PngImagePlugin.PngImageFile, "png", wish, deep_colour=deep_colour)


def _read_jpeg(file: File, wish: Wish) -> Decoded:
    picture = _read(file, JpegImagePlugin.JpegImageFile, "jpeg", wish)
    facts = phenom.from_trailer(file, picture.pixels.shape[0])
    return replace(picture, format="jpeg/phenom", facts=facts) if facts else picture


def _reader(reader: type[Any], name: str) -> Callable[[File, Wish], Decoded]:
    return lambda file, wish: _read(file, reader, name, wish)


def _read(file: File, reader: type[Any], name: str, wish: Wish, *, deep_colour: bool = False) -> Decoded:
    path = file.path
    # the reader of the format itself, not Image.open: its limit on pixels would be Pillow's, and global
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file.stream.seek(0)
            with reader(file.stream) as image:
                refuse_huge(path, *image.size)
                page = which_page(path, int(getattr(image, "n_frames", 1)), wish.page)
                image.seek(page)
                image.load()
                turned = image.getexif().get(_ORIENTATION, 1)
                samples, has_alpha = _deep_png(file) if deep_colour else _samples(image)
                offer = Offer(
                    shape=samples.shape[:2], load=lambda _: samples, has_alpha=has_alpha, n_pages=int(getattr(image, "n_frames", 1))
                )
        found = decoded(path, [offer], wish, name=name)
    except MemoryError:
        raise UnsupportedFormat(f"{path}: too large for this computer's memory; crop it") from None
    except InputError:
        raise
    except _DAMAGE as error:
        raise UnreadableFile(
            f"{path}: damaged or cut-off {_TITLES[name]} ({_reason(error)}); copy it again from the microscope"
        ) from error
    if turned not in (0, 1):
        return replace(found, notes=(*found.notes, f"stored orientation {turned} ignored; rows and columns are as in the file"))
    return found


def _samples(image: Image.Image) -> tuple[NDArray[Any], bool]:
    """(H, W) or (H, W, S) samples, and whether the last is transparency."""
    mode = image.mode
    if mode in ("1", "L", "F", "I") or mode.startswith("I;16"):
        return np.asarray(image), False
    if mode in ("LA", "RGBA"):
        return np.asarray(image), True
    if mode in ("PA", "P") and (mode == "PA" or "transparency" in image.info):
        return np.asarray(image.convert("RGBA")), True
    return np.asarray(image.convert("RGB")), False


def _deep_png(file: File) -> tuple[NDArray[Any], bool]:
    import imagecodecs

    try:
        samples = np.asarray(imagecodecs.png_decode(file.content()))
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return samples, samples.ndim == 3 and samples.shape[-1] in (2, 4)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__


PNG = Container(lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), _read_png, (".png",))
JPEG = Container(lambda head: head.startswith(b"\xff\xd8\xff"), _read_jpeg, (".jpg", ".jpeg"))
BMP = Container(
    lambda head: head.startswith(b"BM") and head[6:10] == bytes(4), _reader(BmpImagePlugin.BmpImageFile, "bmp"), (".bmp",)
)
JPEG2000 = Container(
    lambda head: head.startswith((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")),
    _reader(Jpeg2KImagePlugin.Jpeg2KImageFile, "jp2"),
    (".jp2", ".j2k", ".jpx"),
)
WEBP = Container(
    lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", _reader(WebPImagePlugin.WebPImageFile, "webp"), (".webp",)
)
GIF = Container(lambda head: head.startswith((b"GIF87a", b"GIF89a")), _reader(GifImagePlugin.GifImageFile, "gif"), (".gif",))
