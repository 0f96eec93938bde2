"""Letters that authors drew into a corner and that were taken for particles.

A reader is asked only where something in a corner is as black or white as the picture gets, and unlike the other particles; what
it reads there is no particle. Round letters may be particles, so they stay.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ..core.protocols import TextReader
from ..core.remarks import Remark
from ..detection.find import Found, without

_CORNER = 0.3  # of height and width
_EXTREME, _UNLIKE = 0.08, 0.3  # of the picture's range of grey levels: to its ends; from the other particles' tone
_MOST = 6  # objects: of more, they are a population of their own
_ASIDE = 0.35  # of an object's height and width, read with it
_SURE = 0.85  # confidence of the reader
_LETTERS = re.compile(r"\(?[A-Za-z0-9]{1,3}\)?")
_ROUND = set("oO0QcCDlI1|()")  # what a particle may be read as


def without_letters(found: Found, grey: NDArray[np.uint8], reader: TextReader) -> tuple[Found, tuple[Remark, ...]]:
    """What was found in a micrograph (H, W) without letters in its corners, and a remark where there were some."""
    read = {k: text for k, box in _candidates(found.labels, grey).items() if (text := _read(grey, box, reader))}
    if not read:
        return found, ()
    pieces = f"{len(read)} objects" if len(read) > 1 else "one object"
    said = f"{pieces} in a corner, as black or white as letters are, read as {', '.join(sorted(set(read.values())))}: left out"
    return without(found, list(read)), (Remark("letters", said),)


def _candidates(labels: NDArray[np.int32], grey: NDArray[np.uint8]) -> dict[int, tuple[int, int, int, int]]:
    """Label -> box (y0, x0, y1, x1) of what may be a letter."""
    n = int(labels.max(initial=0))
    if n < 2:
        return {}
    h, w = labels.shape
    low, high = (float(v) for v in np.percentile(grey, (1, 99)))
    span = max(high - low, 1.0)
    area = np.bincount(labels.ravel(), minlength=n + 1)
    tone = np.bincount(labels.ravel(), grey.ravel(), minlength=n + 1) / np.maximum(area, 1)
    present = np.flatnonzero(area[1:]) + 1
    usual = float(np.median(tone[present]))
    end = np.minimum(np.abs(tone - low), np.abs(tone - high)) <= 3 * _EXTREME * span  # the mean has the letter's soft rim in it
    unlike = present[end[present] & (np.abs(tone[present] - usual) > _UNLIKE * span)]
    if not 0 < unlike.size <= _MOST:
        return {}
    out = {}
    for k in unlike.tolist():
        y, x = np.nonzero(labels == k)
        inside = grey[y, x]
        if not (np.median(inside) <= low + _EXTREME * span or np.median(inside) >= high - _EXTREME * span):
            continue
        middle_y, middle_x = y.mean() / h, x.mean() / w
        if min(middle_y, 1 - middle_y) < _CORNER and min(middle_x, 1 - middle_x) < _CORNER:
            out[k] = (int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1)
    return out


def _read(grey: NDArray[np.uint8], box: tuple[int, int, int, int], reader: TextReader) -> str:
    """The letters in a box, "" where there are none for sure."""
    y0, x0, y1, x1 = box
    up, aside = round(_ASIDE * (y1 - y0)), round(_ASIDE * (x1 - x0))
    text, sure = reader.read_line(np.ascontiguousarray(grey[max(y0 - up, 0) : y1 + up, max(x0 - aside, 0) : x1 + aside]))
    text = text.strip()
    return text if sure >= _SURE and _LETTERS.fullmatch(text) and not set(text) <= _ROUND else ""
