"""Labels whose outlines are near the particles' edges -> labels and a map whose outlines run along them: `true_edge`."""

from .refine import Edged, TypicalEdge, true_edge, typical_edge

__all__ = ["Edged", "TypicalEdge", "true_edge", "typical_edge"]
