"""Order: neighbours, ψ4 and ψ6, grains, lattice constants; from particles or from the picture itself.

places ──neighbours──▶ bonds ──symmetry──▶ ψ ──grains──▶ grains ──map──▶ areas, boundaries ┐
                                            └─lattice, pairs──────────────────────────────┴▶ figures ──▶ drawing
picture ──picture──▶ ψ, grains, lattice constant ────────────────────────────────────────────┘
"""

from .figures import Order, order_of_pixels, order_of_table

__all__ = ["Order", "order_of_pixels", "order_of_table"]
