"""Labels, a scale and a probability map to the particle table: `measure_particles`. Terms follow ISO 9276-6:2008."""

from .edge_profile import EdgeProfile, edge_profile
from .frame_effects import EDGE_WEIGHT_CAP
from .table import measure_particles

__all__ = ["EDGE_WEIGHT_CAP", "EdgeProfile", "edge_profile", "measure_particles"]
