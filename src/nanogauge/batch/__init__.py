"""Many micrographs, fast, and none lost: on this machine's cores or a Dask cluster.

job        what is to be done with one micrograph, what came of it, the key of its results
measuring  one task carried out; parts: the folder it writes, whole or not at all
worker     a process that measures, and its handle; local, cluster: where the tasks go
sources    a list of inputs, or a folder that fills
journal    what is done, a line each; state: lock and journal of OUT
tables     the run's tables, in the order of the inputs
run        all of it together; loop: hands out and writes down; progress: how far it has come; results: what became of it
"""

from __future__ import annotations

from .job import Item
from .local import parse_workers
from .loop import LARGE_RUN
from .results import BatchResult
from .run import BatchOptions, run_batch
from .sources import Listed, Source, Watched

__all__ = ["LARGE_RUN", "BatchOptions", "BatchResult", "Item", "Listed", "Source", "Watched", "parse_workers", "run_batch"]
