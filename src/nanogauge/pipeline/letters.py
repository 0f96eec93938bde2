"""Letters that authors drew into a picture and that were taken for particles.

Particles are taken for letters, too: a cube is a "D" to a reader. So what is read as a letter or three goes only where it is
as black or white as the picture gets, and unlike the other particles. In corners, where letters mostly stand, a reader is
asked once more about such objects; round letters may be particles, so they stay.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.protocols import TextReader
from ..core.remarks import Remark
from ..detection.find import Box, Found, without, without_text

_CORNER = 0.3  # of height and width
_EXTREME, _UNLIKE = 0.08, 0.3  # of the picture's range of grey levels: to its ends; from the other particles' tone
_MOST = 6  # objects: of more, they are a population of their own
_ASIDE = 0.35  # of an object's height and width, read with it
_SURE = 0.85  # confidence of the reader
_LETTERS = re.compile(r"\(?[A-Za-z0-9]{1,3}\)?")
_ROUND = set("oO0QcCDlI1|()")  # what a particle may be read as


def without_letters(
    found: Found, grey: NDArray[np.uint8], reader: TextReader, *, short: Sequence[tuple[str, Box]] = ()
) -> tuple[Found, tuple[Remark, ...]]:
    """What was found in a micrograph (H, W) without letters, and a remark where there were some.

    short: texts of a letter or three that were read anywhere, with their boxes (y0, x0, y1, x1): a cube is read as "D", so that
    what lies there goes only where it looks as letters do
    """
    toned = _toned(found.labels, grey)
    read = {k: text for k, box in _in_corners(found.labels, toned).items() if (text := _read(grey, box, reader))}
    if toned.any():
        read |= {k: text for text, box in short for k in np.flatnonzero(toned & (without_text(found.labels, [box]) == 0)).tolist()}
    if not read:
        return found, ()
    pieces = f"{len(read)} objects" if len(read) > 1 else "one object"
    said = f"{pieces} as black or white as letters are, read as {', '.join(sorted(set(read.values())))}: left out"
    return without(found, list(read)), (Remark("letters", said),)


def _toned(labels: NDArray[np.int32], grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(n + 1,) by label, whether an object is as black or white as the picture gets, and unlike the other particles."""
    n = int(labels.max(initial=0))
    low, high = (float(v) for v in np.percentile(grey, (1, 99)))
    span = max(high - low, 1.0)
    area = np.bincount(labels.ravel(), minlength=n + 1)
    tone = np.bincount(labels.ravel(), grey.ravel(), minlength=n + 1) / np.maximum(area, 1)
    present = area > 0
    present[0] = False
    if not present.any():
        return present
    end = np.minimum(np.abs(tone - low), np.abs(tone - high)) <= 3 * _EXTREME * span  # the mean has the letter's soft rim in it
    unlike = np.abs(tone - np.median(tone[present])) > _UNLIKE * span
    toned = present & end & (unlike if present.sum() > 1 else True)
    for k in np.flatnonzero(toned).tolist():
        inside = float(np.median(grey[labels == k]))
        toned[k] = inside <= low + _EXTREME * span or inside >= high - _EXTREME * span
    return toned


def _in_corners(labels: NDArray[np.int32], toned: NDArray[np.bool_]) -> dict[int, Box]:
    """Label -> box (y0, x0, y1, x1) of what may be a letter."""
    h, w = labels.shape
    if not 0 < toned.sum() <= _MOST or len(np.unique(labels)) <= 2:  # alone, it may be the particle
        return {}
    out = {}
    for k in np.flatnonzero(toned).tolist():
        y, x = np.nonzero(labels == k)
        middle_y, middle_x = y.mean() / h, x.mean() / w
        if min(middle_y, 1 - middle_y) < _CORNER and min(middle_x, 1 - middle_x) < _CORNER:
            out[k] = (int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1)
    return out


def _read(grey: NDArray[np.uint8], box: Box, reader: TextReader) -> str:
    """The letters in a box, "" where there are none for sure."""
    y0, x0, y1, x1 = box
    up, aside = round(_ASIDE * (y1 - y0)), round(_ASIDE * (x1 - x0))
    text, sure = reader.read_line(np.ascontiguousarray(grey[max(y0 - up, 0) : y1 + up, max(x0 - aside, 0) : x1 + aside]))
    text = text.strip()
    return text if sure >= _SURE and _LETTERS.fullmatch(text) and not set(text) <= _ROUND else ""
