"""What this machine has to measure with, when a run is so small that one process measures it, and steps of one micrograph in
threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

SMALL_RUN = 16
"""A run of fewer micrographs is over before more processes have loaded their networks."""

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
_threads: ContextVar[int] = ContextVar("threads", default=1)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def threads_for(n_threads: int | None) -> Iterator[None]:
    """Within the body, `in_background` and `each` may use so many threads, None: one a core; elsewhere, and in the
    threads they start, one."""
    before = _threads.set(n_threads or cores())
    try:
        yield
    finally:
        _threads.reset(before)


def several_threads() -> bool:
    """Whether steps may go on beside each other here."""
    return _threads.get() > 1


def in_background(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
    """Begins a call in a thread of its own where there is one for it, else makes it now. What is returned waits for it, and gives
    or raises what it gave or raised."""
    if _threads.get() < 2:
        done = call(*args, **kwargs)
        return lambda: done
    pool = ThreadPoolExecutor(1)
    future = pool.submit(call, *args, **kwargs)
    pool.shutdown(wait=False)
    return future.result


def each(call: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The call's result for each item, in their order, as many at a time as there are threads for."""
    these = list(items)
    n = min(_threads.get(), len(these))
    if n < 2:
        return [call(item) for item in these]
    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(call, these))
