"""The burned-in scale bar: pixels and a TextReader in, a reading or a refusal out; and which scale counts in the end."""

from .databar import find_data_bar
from .read import read_scale_bar
from .reading import ScaleBarReading, annotation_boxes, written_on

__all__ = [
    "ScaleBarReading",
    "annotation_boxes",
    "find_data_bar",
    "read_scale_bar",
    "written_on",
]
