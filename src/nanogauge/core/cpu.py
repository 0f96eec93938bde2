"""What this machine has to measure with, and when a run is so small that one process measures it."""

from __future__ import annotations

import os

SMALL_RUN = 16
"""A run of fewer micrographs is over before more processes have loaded their networks."""


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
