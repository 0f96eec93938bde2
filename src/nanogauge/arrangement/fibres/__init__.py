"""Fibres, wires, nets: their widths, lengths, directions and meshes, from the picture itself.

pixels ──ribbons──▶ pieces ──lines──▶ centre lines, crossings resolved ──widths──▶ edges to a fraction of a pixel, ends
       ──bodies──▶ what blur does to them ──find──▶ which are fibres ──meshes, figures──▶ `Fibres`
"""

from .figures import Fibres, fibres_of_pixels

__all__ = ["Fibres", "fibres_of_pixels"]
