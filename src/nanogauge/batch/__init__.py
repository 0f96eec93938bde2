"""Many micrographs, fast, and none lost: on this machine's cores or a Dask cluster.

job        what is to be done with one micrograph, what came of it, the key of its results
inputs     which files are meant, and what each is called
measuring  one task carried out; publish: the folder it writes, whole or not at all
stage      where tables, report and journal are made: in OUT, or on this machine where OUT is in an object store
worker     a process that measures, and its handle; executors, cluster: where the tasks go
sources    a list of inputs, or a folder that fills
journal    what is done, a line each; run_lock: lock and journal of OUT
tables     the run's tables, in the order of the inputs
run        all of it together; scheduler: hands out and writes down; progress: how far it has come; results: what became of it
"""

from __future__ import annotations

from .executors import parse_workers
from .job import Item
from .results import BatchResult
from .run import BatchOptions, run_batch
from .scheduler import LARGE_RUN
from .sources import Listed, Source, Watched

__all__ = ["LARGE_RUN", "BatchOptions", "BatchResult", "Item", "Listed", "Source", "Watched", "parse_workers", "run_batch"]
