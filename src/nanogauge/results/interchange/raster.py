"""Label pictures: TIFF (ImageJ, OME, plain), PNG, BMP, .npy; values, colours or a mask -> labels."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import measure

from ...core.errors import AnnotationError
from ...reading.containers.tiff import quiet
from .drawn import check_shape, count
from .mask import filled, is_inverted, smooth_edged, surrounding, with_holes

Found = tuple[str, NDArray[np.int32], tuple[str, ...]]  # kind, labels (H, W), warnings

_LARGEST_NUMBER = 1_000_000  # larger label values are renumbered
_MOST_PAGES = 256
_MOST_CLASSES, _LEAST_PIECES_EACH = 3, 5  # so few values in so many pieces each are classes, not particles


def read_raster(path: Path, data: bytes, shape: tuple[int, int]) -> Found:
    """Labels (H, W) int32 of a label picture.

    One value (grey, float of whole numbers, palette index) or one colour is one particle; 0, black or full transparency is
    background, and the commonest colour where there is no black. A picture of one value only is a mask: its 8-connected
    components are the particles, as ImageJ counts them, with a warning.

    Raises AnnotationError for a damaged file, another shape, or a picture that is no label picture.
    """
    if data.startswith(b"\x93NUMPY"):
        values = npy_values(path, data)
    elif data[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        values = _tiff(path, data, shape)
    else:
        values = _picture(path, data, shape)
    return labels_of(path, values, shape)


def labels_of(path: Path, values: NDArray[Any], shape: tuple[int, int]) -> Found:
    """As `read_raster`, of an array: (H, W) values or (H, W, 3 or 4) colours, with axes of one allowed."""
    values = _plane(path, values, shape)
    return _from_colours(path, values) if values.ndim == 3 else _from_values(path, values)


def npy_values(path: Path, data: bytes) -> NDArray[Any]:
    """The array of an .npy file without objects."""
    try:
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
    except Exception as error:  # numpy parses the header as Python and lets many types through
        raise AnnotationError(f"{path}: damaged .npy file ({' '.join(str(error).split())[:100]}); save it again") from None


def _tiff(path: Path, data: bytes, shape: tuple[int, int]) -> NDArray[Any]:
    import tifffile

    try:
        with quiet(), tifffile.TiffFile(io.BytesIO(data)) as tiff:
            if 0 in tiff.pages[0].shape:  # damaged; the series would be sought for minutes
                raise ValueError("an empty picture")
            with suppress(IndexError):  # as they would in pages that go round in a circle
                _ = tiff.pages[_MOST_PAGES]
                raise ValueError(f"more than {_MOST_PAGES} pages")
            series = tiff.series[0]
            sides = tuple(n for n in series.shape if n > 1)
            if len(sides) >= 2 and max(sides) > 4 * max(*shape, 8):  # before its pixels are unpacked
                check_shape(sides[:2], shape, str(path))
            values = series.asarray()
    except AnnotationError:
        raise
    except Exception as error:  # tifffile raises many types for a broken file
        reason = " ".join(str(error).split())[:120]
        raise AnnotationError(f"{path}: damaged or unusual TIFF ({reason}); save the labels again as plain TIFF") from error
    return np.asarray(values)


def _picture(path: Path, data: bytes, shape: tuple[int, int]) -> NDArray[Any]:
    from PIL import BmpImagePlugin, PngImagePlugin

    kind: Any = BmpImagePlugin.BmpImageFile if data.startswith(b"BM") else PngImagePlugin.PngImageFile
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with kind(io.BytesIO(data)) as image:
                check_shape((image.height, image.width), shape, str(path))
                if image.mode == "P":
                    return _from_palette(image)
                if image.mode in ("RGB", "RGBA") and len(data) > 24 and data[24] == 16:
                    import imagecodecs

                    return np.asarray(imagecodecs.png_decode(data))
                values = np.asarray(image)
    except AnnotationError:
        raise
    except Exception as error:  # Pillow raises many types for a broken file
        reason = " ".join(str(error).split())[:120]
        raise AnnotationError(f"{path}: damaged picture ({reason}); save the labels again") from error
    if image.mode == "LA":
        values = np.where(values[..., 1] > 0, values[..., 0], 0)
    return values


def _from_palette(image: Any) -> NDArray[Any]:
    """Palette indices; black becomes 0 where the palette has it elsewhere, as programs that sort palettes leave it."""
    indices = np.asarray(image).astype(np.int64)
    colours = np.reshape(image.getpalette() or [0, 0, 0], (-1, 3))
    if len(colours) == 256 and (colours == np.arange(255, -1, -1)[:, None]).all():
        return indices  # ImageJ's inverting table changes what is seen, not the values, which its TIFFs have too
    used = np.unique(indices)
    black = [int(i) for i in used if i < len(colours) and not colours[i].any()]
    if not black or 0 in black:
        return indices
    return np.where(np.isin(indices, black), 0, indices + 1)


def _plane(path: Path, values: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """One picture (H, W), or (H, W, 3 or 4) in colour, of the micrograph's shape; AnnotationError for a stack."""
    if values.ndim == 3 and values.shape[0] in (3, 4) and values.shape[1:] == shape and values.dtype == np.uint8:
        values = np.moveaxis(values, 0, -1)  # colour planes one after the other
    tail = tuple(int(n) for n in values.shape[-3:])
    if values.ndim >= 3 and tail[2] in (3, 4) and tail[:2] == shape and values.size == tail[0] * tail[1] * tail[2]:
        return values.reshape(tail)
    if (
        values.ndim > 2
        and values.size == shape[0] * shape[1]
        and tuple(n for n in values.shape if n > 1) == tuple(n for n in shape if n > 1)
    ):
        return values.reshape(shape)
    if values.ndim == 2 or (values.ndim == 3 and tail[2] in (3, 4)):
        check_shape([int(n) for n in values.shape[:2]], shape, str(path))
    if values.ndim != 2 or values.shape != shape:
        raise AnnotationError(f"{path}: holds an array of shape {values.shape}; save one picture of {shape[1]} x {shape[0]} px")
    return values


def _from_colours(path: Path, values: NDArray[Any]) -> Found:
    """Colours as particles."""
    if values.dtype.kind not in "ub":
        raise AnnotationError(f"{path}: colours of type {values.dtype}; save the labels as whole numbers")
    seen = np.ones(values.shape[:2], bool) if values.shape[-1] == 3 else values[..., 3] > 0
    red, green, blue = (values[..., k].astype(np.int64) for k in range(3))
    packed = np.where(seen, (red << 32) | (green << 16) | blue, 0)
    if np.array_equal(red[seen], green[seen]) and np.array_equal(red[seen], blue[seen]):
        return _from_values(path, np.where(seen, red, 0))
    colours, first, inverse, area = np.unique(packed, return_index=True, return_inverse=True, return_counts=True)
    said: tuple[str, ...] = ()
    if colours[0] == 0:
        background = 0
    else:
        background = int(np.argmax(area))
        said = ("no black background; the commonest colour is taken for it",)
    others = np.delete(np.arange(len(colours)), background)
    if not len(others):
        return "colour_image", np.zeros(packed.shape, np.int32), said
    if len(others) > 8 and (area[others] < 4).mean() > 0.5:
        raise AnnotationError(
            f"{path}: {len(others)} colours, most on single pixels: a picture or smoothed edges, not labels; "
            f"save one flat colour a particle, without smoothing, as PNG or TIFF"
        )
    number = np.zeros(len(colours), np.int32)
    number[others[np.argsort(first[others])]] = np.arange(1, len(others) + 1)  # in the order met from the top
    labels = number[inverse.reshape(packed.shape)]
    if len(others) == 1:
        kind, labels, more = _from_values(path, labels)
        return ("mask" if kind == "mask" else "colour_image"), labels, (*said, *more)
    pieces, n_pieces = measure.label(labels, background=0, connectivity=2, return_num=True)
    if n_pieces >= 2 * len(others):
        said += (f"{len(others)} colours are used for {n_pieces} pieces; each piece is taken as a particle",)
        labels = pieces.astype(np.int32)
    else:
        said += _in_pieces(len(others), n_pieces, "colour")
    return "colour_image", labels, said


def _from_values(path: Path, values: NDArray[Any]) -> Found:
    """Grey levels as particles, or a mask."""
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or (values != np.round(values)).any() or float(np.abs(values).max()) >= 2**53:
            raise AnnotationError(f"{path}: values that are no whole numbers (probabilities?); save labels or a mask")
        values = values.astype(np.int64)
    if values.dtype.kind not in "iub":
        raise AnnotationError(f"{path}: values of type {values.dtype}; save the labels as whole numbers")
    if values.dtype.kind == "i" and int(values.min()) < 0:
        raise AnnotationError(f"{path}: negative values (from {values.min()}); save labels from 0 (background) up")
    found = np.unique(values)
    if len(found) == 2 and (found[0] != 0 or found[1] != 0):
        return _from_mask(path, values == found[1], (int(found[0]), int(found[1])))
    said: tuple[str, ...] = ()
    if smooth_edged(values, found):
        middle = (int(found[0]) + int(found[-1])) / 2
        kind, labels, more = _from_mask(path, values > middle, (int(found[0]), int(found[-1])))
        return kind, labels, ("a mask with smoothed edges; cut at half way between its two levels", *more)
    if found[0] != 0 and len(found) > 1:
        background = surrounding(values)
        if background is None:
            raise AnnotationError(
                f"{path}: no background: no pixel is 0 (values {found[0]} to {found[-1]}); "
                f"save labels with 0 between the particles, or a mask of 0 and 255"
            )
        said += (f"no pixel is 0; the value {background}, which surrounds the others, is taken for the background",)
        values = np.where(values == background, 0, values)
        found = np.unique(values)
    n = len(found) - (found[0] == 0)
    if n == 0:
        return "label_image", np.zeros(values.shape, np.int32), ()
    kept = values if int(found[-1]) <= _LARGEST_NUMBER else np.searchsorted(found, values)
    labels = np.asarray(kept, np.int32)
    pieces, n_pieces = measure.label(labels, background=0, connectivity=2, return_num=True)
    if n > 20 and n_pieces > 8 * n:
        raise AnnotationError(
            f"{path}: {n} values in {n_pieces} pieces: a picture, not labels; give a file with one value a particle, 0 between"
        )
    if n <= _MOST_CLASSES and n_pieces >= _LEAST_PIECES_EACH * n:
        said += (
            f"{count(n, 'value', 'values')} in {n_pieces} pieces: taken for classes, each piece for a particle; touching ones "
            f"are not separated",
        )
        return "class_image", np.asarray(pieces, np.int32), said
    return "label_image", labels, (*said, *_in_pieces(n, n_pieces, "value"), *with_holes(labels))


def _from_mask(path: Path, high: NDArray[np.bool_], levels: tuple[int, int]) -> Found:
    """The connected pieces of a picture of two values."""
    inverted = is_inverted(high)
    if inverted is None:
        raise AnnotationError(
            f"{path}: {levels[1]} makes one piece along the frame with others in it: if it marks the background, invert the mask; "
            f"if it marks particles, they all touch: separate them first (in Fiji: Process > Binary > Watershed)"
        )
    said: tuple[str, ...] = ()
    if inverted:
        high = ~high
        said += (f"particles are dark on light ({levels[0]} on {levels[1]}); the mask is inverted",)
    elif levels[0] != 0:
        said += (f"two values, {levels[0]} and {levels[1]}; {levels[1]} is taken for the particles",)
    pieces, n_pieces = measure.label(high, background=0, connectivity=2, return_num=True)
    labels, more = filled(np.asarray(pieces, np.int32))
    if n_pieces == 1 and levels[0] == 0 and not inverted:
        kept = np.where(labels > 0, levels[1] if levels[1] <= _LARGEST_NUMBER else 1, 0).astype(np.int32)
        return "label_image", kept, (*said, *more)
    said += (f"a mask of one value: its {n_pieces} connected pieces are taken as particles; touching ones are not separated",)
    share = float((labels > 0).mean())
    if share > 0.5:
        said += (f"{100 * share:.0f} % of the picture is particle; invert the mask if it marks the background",)
    return "mask", labels, (*said, *more)


def _in_pieces(n: int, n_pieces: int, what: str) -> tuple[str, ...]:
    """A warning where some particles are in several pieces."""
    if n_pieces == n:
        return ()
    pieces = f"{count(n, f'{what} is', f'{what}s are')} in {n_pieces} pieces"
    return (f"{pieces}; pieces of one {what} are one particle",)
