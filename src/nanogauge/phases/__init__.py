"""What fills a picture in which nothing is a particle: shares of phases, chords, interfaces, thickness, each with its interval."""

from .figures import PhaseFigures, phase_figures
from .phase_map import UNJUDGED, PhaseMap, phase_map

__all__ = ["UNJUDGED", "PhaseFigures", "PhaseMap", "phase_figures", "phase_map"]
