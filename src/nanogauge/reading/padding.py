"""Borders without a picture: black, white or not-a-number rows and columns that stitching, rotating and registering leave."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
_SAME = 6  # grey levels about black or white that are padding in an 8-bit picture: it may have been through JPEG
_RINGING_PX = 8  # how far JPEG smears an edge
_LEAST_PICTURE, _LEAST_STEP = 0.5, 0.4  # of a row or column, where the picture begins; more than in the one before it
_LEAST_AREA = 0.25  # of the whole, that a picture without its padding has
_MOST_SIDES = 4


def without_padding(pixels: NDArray[Any]) -> Box:
    """The box (y0, x0, y1, x1) px, half-open, of an (H, W) picture without constant borders; all of it where there are none.

    A border is rows or columns of one level that end at a sharp straight edge, beyond which most of the first row or column has
    other levels: an even ground, on which particles begin one by one, is none.
    """
    height, width = pixels.shape
    box: Box = (0, 0, height, width)
    for _ in range(_MOST_SIDES):  # each side may have a level of its own
        y0, x0, y1, x1 = box
        part = pixels[y0:y1, x0:x1]
        if all(_differs(line, line[0]).any() for line in (part[0], part[-1], part[:, 0], part[:, -1])):
            break
        corners = {part[0, 0], part[0, -1], part[-1, 0], part[-1, -1]}
        found = max((_inner(_differs(part, level)) for level in corners), key=lambda b: part.size - (b[2] - b[0]) * (b[3] - b[1]))
        if found == (0, 0, *part.shape) or (found[2] - found[0]) * (found[3] - found[1]) < _LEAST_AREA * pixels.size:
            break
        box = (y0 + found[0], x0 + found[1], y0 + found[2], x0 + found[3])
    return box


def _differs(part: NDArray[Any], level: Any) -> NDArray[np.bool_]:
    """Where a picture is not at a level; black and white of 8-bit pictures are taken with what JPEG makes of them."""
    if part.dtype == np.uint8 and int(level) <= _SAME:
        return np.asarray(part > 2 * _SAME, np.bool_)
    if part.dtype == np.uint8 and int(level) >= 255 - _SAME:
        return np.asarray(part < 255 - 2 * _SAME, np.bool_)
    return np.asarray(~np.isnan(part) if np.isnan(level) else part != level, np.bool_)


def _inner(differs: NDArray[np.bool_]) -> Box:
    """What is left of a mask without its empty borders, where these end at straight edges."""
    height, width = differs.shape
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not rows.size:
        return 0, 0, height, width
    by_row = differs[:, columns[0] : columns[-1] + 1].mean(axis=1)
    by_column = differs[rows[0] : rows[-1] + 1].mean(axis=0)
    return (
        _begin(by_row, int(rows[0])),
        _begin(by_column, int(columns[0])),
        height - _begin(by_row[::-1], height - 1 - int(rows[-1])),
        width - _begin(by_column[::-1], width - 1 - int(columns[-1])),
    )


def _begin(share: NDArray[np.float64], first: int) -> int:
    """Where the picture begins in rows or columns of which `share` is picture, the first of any at `first`; 0 where its edge is
    not straight."""
    if first == 0:
        return 0
    near = share[first - 1 : first + _RINGING_PX]
    full = np.flatnonzero((near[1:] >= _LEAST_PICTURE) & (np.diff(near) >= _LEAST_STEP))
    return first + int(full[0]) if full.size else 0
