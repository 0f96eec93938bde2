"""Looks at the picture without its slow changes: particles on a support that is thick here and thin there.

A particle of a catalyst adds a tenth of what the thickness of its support changes by, and the network standardises a picture as a
whole. Flattened, small particles stand out and the support is ground (docs/decisions/0042-uneven-supports.md). What is no smaller
than the blur that is taken off is flattened with it, so such looks answer for small particles alone.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.protocols import Engine
from ..core.settings import Settings
from .extremal_regions import DOUBTFUL
from .looks import COARSEST_PX, Look, Seen, on_grid, seen_in
from .merging import left_out, steps_of
from .segment import predict, rescale, standardise
from .separate import Pieces

_SURE_OF_ALL = 0.9  # mean confidence from which on the ground is taken as it is
_BLUR_PX = 16.0  # sigma of what is taken off
_UNEVEN = 1.4  # deviation of the blurred picture over that of the rest, from which on the ground is uneven
_ZOOMS, _LARGEST_PX = (0.5, 1.0, 2.0), 2048  # magnifications tried; long side of the picture at one
_SHOWN_SMALL_PX, _SHOWN_LARGE_PX = 20.0, 48.0  # median size that calls for a finer look; size that is flattened, too
_HARDLY = 0.025  # of the picture's range of grey levels, from what is seen to a ring round it
_COMPANY = 3  # sure particles that say whether particles are bright


def flattened_looks(picture: NDArray[np.uint8], base: Look, engine: Engine, settings: Settings) -> list[tuple[Seen, Look]]:
    """Looks at the flattened picture (H, W), those first that promise most, without what is out of place in them; none where
    `base`, the best look so far, is sure or the ground is even."""
    if base.confidence is None or base.mean_confidence >= _SURE_OF_ALL:
        return []
    grey = picture.astype(np.float32)
    slow = cv2.GaussianBlur(grey, (0, 0), _BLUR_PX)
    if slow.std() < _UNEVEN * (grey - slow).std():
        return []
    s = settings.segment
    found: list[tuple[Seen, Look]] = []
    for zoom in _ZOOMS:
        if zoom > 1 and not any(look.n and np.median(look.shown_px[1:]) < _SHOWN_SMALL_PX for _, look in found):
            continue
        side = zoom * max(picture.shape)
        if zoom > s.largest_zoom or not COARSEST_PX <= side <= min(s.largest_px, _LARGEST_PX):
            continue
        working = rescale(grey, zoom)
        working = standardise(working - cv2.GaussianBlur(working, (0, 0), _BLUR_PX))
        seen = seen_in(Pieces(predict(working, engine, overlap_px=s.overlap_px), settings.separate), zoom, engine, settings)
        found.append((seen, on_grid(seen, picture.shape, settings)))
    kept = [(seen, left_out(look, np.flatnonzero(_out_of_place(look, base, picture)).tolist())) for seen, look in found]
    return sorted(kept, key=lambda one: -one[1].worth)


def _out_of_place(look: Look, base: Look, picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(n + 1,) by label of a look: what is too large for it; what hardly stands out of the picture (H, W) as it is, for flattened,
    what a camera or JPEG leaves in the dark looks like particles; what is dark where particles are bright."""
    step, steps = steps_of(look, picture), steps_of(base, picture)
    darkest, brightest = np.percentile(picture, (1, 99))
    sure = steps[1:][base.confidence[1:] >= DOUBTFUL] if base.confidence is not None else steps[1:]
    sense = np.sign(np.nanmedian(sure if np.isfinite(sure).sum() >= _COMPANY else step[1:])) if np.isfinite(step[1:]).any() else 0.0
    out = (look.shown_px > _SHOWN_LARGE_PX) | (np.abs(step) < _HARDLY * (brightest - darkest)) | (step * sense < 0)
    out[0] = False
    return np.asarray(out)
