"""Groups of touching primaries: aggregates and agglomerates, their sizes and their fractal law.

labels ──groups──▶ contacts, groups ──figures──▶ aggregates.csv, primaries inside and outside ──fractal──▶ dimension, prefactor
"""

from .figures import Aggregates, aggregates_of, pooled

__all__ = ["Aggregates", "aggregates_of", "pooled"]
