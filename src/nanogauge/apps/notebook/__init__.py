"""What a notebook or a script calls: measure, measure_many, measure_labels, load.

Paths, arrays and pictures in any usual form come in, a `Measurement` or a lazy sequence of them goes out.
"""

from .examples import example
from .loading import load
from .measuring import measure, measure_labels, measure_many
from .sequence import Measurements

__all__ = ["Measurements", "example", "load", "measure", "measure_labels", "measure_many"]
