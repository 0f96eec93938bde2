"""What of a micrograph is picture: not data bar, not padding."""

from __future__ import annotations

from ..core.micrograph import Micrograph
from ..reading.padding import without_padding

Box = tuple[int, int, int, int]


def frame_of(micrograph: Micrograph, strip: tuple[float, ...] | None = None) -> Box:
    """(y0, x0, y1, x1), half-open. strip: the box of a data bar that was seen; what the metadata say goes before it."""
    h, w = micrograph.shape
    if data_bar_is_known(micrograph):
        strip = (micrograph.instrument.data_bar_first_row or 0, 0, h, w)
    top, bottom = 0, h
    if strip is not None:  # the larger side of the strip is picture
        above, below = round(strip[0]), round(strip[2])
        top, bottom = (0, above) if above >= h - below else (below, h)
    y0, x0, y1, x1 = without_padding(micrograph.pixels[top:bottom])
    return (top + y0, x0, top + y1, x1)


def data_bar_is_known(micrograph: Micrograph) -> bool:
    """Whether the metadata say where the data bar begins."""
    first_row = micrograph.instrument.data_bar_first_row
    return first_row is not None and 0 < first_row <= micrograph.shape[0]
