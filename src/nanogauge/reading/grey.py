"""Arrays of any pixel type to one grey picture: (H, W) uint8, uint16 or float32, finite, bright = high."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Notes = tuple[str, ...]
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601; the weights sum to one, so equal channels keep their value


def luminance(rgb: NDArray[Any]) -> NDArray[Any]:
    """(H, W, 3) to (H, W) of the same type: the channel itself where all are equal, else BT.601 luminance, rounded."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return np.ascontiguousarray(red)
    mixed = _LUMA[0] * red.astype(np.float64) + _LUMA[1] * green + _LUMA[2] * blue
    return np.asarray(np.rint(mixed) if rgb.dtype.kind in "ui" else mixed, rgb.dtype)


def flatten(samples: NDArray[Any], *, has_alpha: bool, premultiplied: bool = False) -> tuple[NDArray[Any], Notes]:
    """(H, W, S) to (H, W): RGB by luminance, transparency set over black, of other samples the first.

    An alpha channel that is empty or full everywhere carries nothing and is ignored.
    """
    n_samples = samples.shape[-1]
    n_colours = n_samples - 1 if has_alpha else n_samples
    grey = luminance(samples[..., :3]) if n_colours >= 3 else np.ascontiguousarray(samples[..., 0])
    notes: Notes = ("first of 2 channels used",) if n_colours == 2 else ()
    if not has_alpha or premultiplied:
        return grey, notes
    alpha = samples[..., -1]
    full = np.iinfo(samples.dtype).max if samples.dtype.kind in "ui" else 1
    if not alpha.any() or bool((alpha == full).all()):
        return grey, notes
    covered = grey.astype(np.float64) * (alpha.astype(np.float64) / float(full))
    return np.asarray(np.rint(covered) if grey.dtype.kind in "ui" else covered, grey.dtype), (
        *notes,
        "transparent pixels set over black",
    )


def stretched(pixels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Bilevel, 2-, 4- and 6-bit greys spread over 0 to 255; other depths as they are."""
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype == np.uint8 and bits < 8:
        return np.asarray(pixels.astype(np.uint16) * 255 // (2**bits - 1), np.uint8)
    return pixels


def inverted(pixels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Greys of a picture stored with white as zero, turned so that bright is high."""
    if pixels.dtype.kind == "u":
        top = np.iinfo(pixels.dtype).max if bits >= pixels.dtype.itemsize * 8 else 2**bits - 1
        return np.asarray(top - np.minimum(pixels, top), pixels.dtype)
    if pixels.dtype.kind == "b":
        return np.asarray(np.logical_not(pixels))
    return np.asarray(-pixels.astype(np.float64))


def settled(pixels: NDArray[Any]) -> tuple[NDArray[Any], Notes]:
    """Any real (H, W) array as uint8, uint16 or finite float32.

    Integers keep their values: uint8 stays, 0 to 65535 becomes uint16, all others float32. NaN and -inf take the lowest,
    +inf the highest finite value. ValueError for complex or non-numeric pixels and where no pixel is finite.
    """
    kind = pixels.dtype.kind
    if kind not in "buif":
        raise ValueError(f"pixels of type {pixels.dtype} are no grey levels")
    if kind == "b":
        return pixels.astype(np.uint8) * np.uint8(255), ()
    if kind == "f":
        return _finite(pixels)
    if pixels.dtype.itemsize == 1 and kind == "u":
        return np.ascontiguousarray(pixels, np.uint8), ()
    if (kind == "u" and pixels.dtype.itemsize == 2) or (int(pixels.min()) >= 0 and int(pixels.max()) <= 65535):
        return np.ascontiguousarray(pixels, np.uint16), ()
    notes: Notes = ("integers beyond 24 bits rounded to float32",) if float(np.abs(pixels, dtype=np.float64).max()) > 2**24 else ()
    return np.ascontiguousarray(pixels, np.float32), notes


def _finite(pixels: NDArray[Any]) -> tuple[NDArray[Any], Notes]:
    bound = float(np.finfo(np.float32).max)
    good = np.isfinite(pixels)
    n_bad = int(pixels.size - np.count_nonzero(good))
    if n_bad == 0:
        wide = pixels.dtype.itemsize > 4
        return np.ascontiguousarray(np.clip(pixels, -bound, bound) if wide else pixels, np.float32), ()
    if n_bad == pixels.size:
        raise ValueError("no pixel is a finite number")
    low, high = float(pixels[good].min()), float(pixels[good].max())
    repaired = np.clip(np.nan_to_num(pixels.astype(np.float64), nan=low, posinf=high, neginf=low), -bound, bound)
    return repaired.astype(np.float32), (f"{n_bad} pixels that were NaN or infinite set to the nearest finite level",)
