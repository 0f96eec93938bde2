"""Lines and spaces: linewidth, pitch, roughness of edges and widths, and defects.

picture ──pattern──▶ direction, pitch ──edges, linescan──▶ edges to sub-pixel ──spectrum──▶ roughness without noise ┐
        └─defects──▶ class, place, size of each ────────────────────────────────────────────────────────────────────┴▶ drawing
"""

from .defects import Defect, find_defects
from .figures import Lines, lines_of_pixels

__all__ = ["Defect", "Lines", "find_defects", "lines_of_pixels"]
