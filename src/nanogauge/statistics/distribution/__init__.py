"""Diameters to size distributions: summary, curves to draw, fits, pooled samples, and how many particles are needed."""

from .curves import MAX_BINS, Curve, Histogram, cumulative, histogram, kernel_density
from .fits import MIN_N_FOR_FITS, Fit, Parameter, fit_distributions, qq
from .planning import BASES, RequiredN, precision, required_n
from .pooling import GroupTest, Homogeneity, PairTest, compare_groups, homogeneity, summarise_pooled
from .shares import shares
from .summary import MIN_N_FOR_INTERVALS, STATISTICS, WITHOUT_UNIT, Distribution, Estimate, quantiles, summarise
from .weighted import Unit, Weighting

__all__ = [
    "BASES",
    "MAX_BINS",
    "MIN_N_FOR_FITS",
    "MIN_N_FOR_INTERVALS",
    "STATISTICS",
    "WITHOUT_UNIT",
    "Curve",
    "Distribution",
    "Estimate",
    "Fit",
    "GroupTest",
    "Histogram",
    "Homogeneity",
    "PairTest",
    "Parameter",
    "RequiredN",
    "Unit",
    "Weighting",
    "compare_groups",
    "cumulative",
    "fit_distributions",
    "histogram",
    "homogeneity",
    "kernel_density",
    "precision",
    "qq",
    "quantiles",
    "required_n",
    "shares",
    "summarise",
    "summarise_pooled",
]
