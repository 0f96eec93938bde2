"""Several micrographs of one sample taken together, and several samples compared.

sample = pool(measurements, name="batch 7")
sample.distribution.mean, sample.homogeneity, sample.budget["d50"]
compare([sample, other]).table
"""

from .comparison import Comparison, compare
from .pooled import MICROGRAPH_COLUMNS, SIZE_COLUMNS, Part, Sample, part_of, pool, pool_tables

__all__ = ["MICROGRAPH_COLUMNS", "SIZE_COLUMNS", "Comparison", "Part", "Sample", "compare", "part_of", "pool", "pool_tables"]
