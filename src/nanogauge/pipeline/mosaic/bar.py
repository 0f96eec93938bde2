"""The scale bar and the data bar of a mosaic: sought in the whole picture made small, where one that was drawn over it shows, and
at full size along its lower edge, where one of the microscope's would lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...core.protocols import BarLocator, LetterReader, TextLine, TextReader
from ...reading import Mosaic
from ...scale.bar import ScaleBarReading, find_data_bar, read_scale_bar, written_on
from .levels import Levels

Box = tuple[int, int, int, int]
_WINDOW_PX = (1536, 2560)  # rows, columns of what is looked at in full size
_AGREE = 0.03  # two bars say the same
_LEAST_PX = 32


@dataclass(frozen=True)
class Sought:
    """What was found, all in px of the mosaic.

    bar: the scale bar, None where there is no text; bottom: the first row of the data bar, the height where there is none; texts:
    boxes of text and bars, which are no particles
    """

    bar: ScaleBarReading | None
    bottom: int
    texts: tuple[Box, ...] = ()


def seek(
    mosaic: Mosaic,
    levels: Levels,
    preview: NDArray[np.uint8],
    reader: TextReader,
    locator: BarLocator | None,
    letters: LetterReader | None = None,
) -> Sought:
    """Looks for both. preview: the whole mosaic made small, (h, w) uint8.

    Bars that contradict each other give none, and a reading that says so.
    """
    readings: list[ScaleBarReading] = []
    bottoms: list[int] = []
    height, _ = mosaic.shape
    for picture, (y0, x0), (fy, fx) in _looks(mosaic, levels, preview):
        if min(picture.shape) < _LEAST_PX:
            continue
        found = read_scale_bar(picture, reader, locator, letters)
        strip = find_data_bar(picture, [TextLine("", 1.0, b) for b in found.text_boxes] if found else [])
        if strip is not None and strip[2] >= picture.shape[0] - 1:
            rows = strip[0] - (1 if fy > 1 else 0)  # a row of a small picture is several of the mosaic
            bottoms.append(max(int(y0 + rows * fy), 0))
        if found is not None:
            readings.append(_placed(found, y0, x0, fy, fx))
    known = mosaic.instrument.data_bar_first_row
    if known is not None and 0 < known <= height:
        bottoms = [known]
    texts = tuple(box for r in readings for box in written_on(r, letters=False))
    return Sought(_one_of(readings), min(bottoms, default=height), texts)


def _looks(
    mosaic: Mosaic, levels: Levels, preview: NDArray[np.uint8]
) -> Iterator[tuple[NDArray[np.uint8], tuple[int, int], tuple[float, float]]]:
    """Pictures to look at, the place of each in the mosaic, and how many px of it one of theirs spans."""
    (height, width), (tall, wide) = mosaic.shape, _WINDOW_PX
    yield preview, (0, 0), (height / preview.shape[0], width / preview.shape[1])
    if preview.shape == mosaic.shape:
        return
    y0 = max(height - tall, 0)
    for x0 in sorted({0, max((width - wide) // 2, 0), max(width - wide, 0)}):
        yield levels.to8(mosaic.read(y0, height, x0, min(x0 + wide, width))), (y0, x0), (1.0, 1.0)


def _placed(r: ScaleBarReading, y0: int, x0: int, fy: float, fx: float) -> ScaleBarReading:
    """A reading of a part, or of a smaller picture, as one of the mosaic. A bar lies along x."""

    def moved(box: tuple[float, ...]) -> Box:
        a, b, c, d = box
        return round(y0 + a * fy), round(x0 + b * fx), round(y0 + c * fy), round(x0 + d * fx)

    return replace(
        r,
        length_px=None if r.length_px is None else r.length_px * fx,
        nm_per_px=None if r.nm_per_px is None else r.nm_per_px / fx,
        refined=None if r.refined is None else (r.refined[0] / fx, r.refined[1]),
        box=None if r.box is None else moved(r.box),
        label_box=None if r.label_box is None else moved(r.label_box),
        text_boxes=tuple(moved(b) for b in r.text_boxes),
        letters=tuple((text, moved(b)) for text, b in r.letters),
    )


def _one_of(readings: list[ScaleBarReading]) -> ScaleBarReading | None:
    """The surest of those that give a scale, where all that do agree; else one that says why there is none."""
    sure = [(r.scale.nm_per_px[1], r) for r in readings if r.scale is not None]
    if not sure:
        return next((r for r in readings if r.refused is not None), readings[0] if readings else None)
    values = [v for v, _ in sure]
    best = min((r for _, r in sure), key=lambda r: r.relative_uncertainty)
    if max(values) > (1 + _AGREE) * min(values):
        said = f"scale bars in it contradict each other: {min(values):.4g} and {max(values):.4g} nm per px"
        return replace(best, refused=said)
    return best
