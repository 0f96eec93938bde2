"""The burned-in scale bar: pixels and a TextReader in, a reading or a refusal out; and which scale counts in the end."""

from .databar import find_data_bar
from .read import ScaleBarReading, annotation_boxes, read_scale_bar
from .resolve import ScaleDecision, resolve_scale

__all__ = ["ScaleBarReading", "ScaleDecision", "annotation_boxes", "find_data_bar", "read_scale_bar", "resolve_scale"]
