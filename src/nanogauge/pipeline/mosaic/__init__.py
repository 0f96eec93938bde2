"""Micrographs too large for memory, measured window by window: particles across borders whole and counted once."""

from .files import MosaicFiles
from .measure import measure_mosaic

__all__ = ["MosaicFiles", "measure_mosaic"]
