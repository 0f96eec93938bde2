"""What a notebook or a script calls: measure, measure_many, measure_labels, measure_phases, estimate_size, rank, load.

Paths, arrays and pictures in any usual form come in, a `Measurement` or a lazy sequence of them goes out.
"""

from .examples import example
from .loading import load
from .measuring import measure, measure_labels, measure_many
from .phases import measure_phases, pool_phases
from .ranking import estimate_size, rank
from .sequence import Measurements

__all__ = [
    "Measurements",
    "estimate_size",
    "example",
    "load",
    "measure",
    "measure_labels",
    "measure_many",
    "measure_phases",
    "pool_phases",
    "rank",
]
