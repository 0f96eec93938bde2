"""Tasks carried out on a Dask cluster. The only module that imports dask.

On each of the cluster's machines a task is measured in a process of its own, as on this one, so that a crash or a freeze costs the
cluster nothing. The machines share the file system of the inputs and of the results.
"""

from __future__ import annotations

import atexit
import logging
import os
import queue
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from ..core.cpu import cores
from ..core.errors import NanogaugeError, SettingsError
from ..core.stores import is_remote, lengths
from .job import Job, Outcome, Task, failure
from .worker import Ready, Worker

CONNECT_S = 20.0
"""For the scheduler to answer."""
ALONE_S = 120.0
"""For which a scheduler may be without workers, before what is open is given up."""
_slots = threading.local()


class ClusterLost(NanogaugeError):
    """The scheduler or all its workers are gone."""


class DaskCluster:
    """An Executor on a Dask cluster: `tcp://scheduler:8786`, or "local" for one of worker processes on this machine.

    Raises SettingsError where dask is not installed, NanogaugeError where the scheduler does not answer.
    """

    def __init__(self, job: Job, address: str, *, n_workers: int, time_limit_s: float | None = None) -> None:
        """n_workers: of a local cluster; time_limit_s: as of `Worker`"""
        try:
            import distributed
        except ImportError as error:
            raise SettingsError('a cluster needs more packages: pip install "nanogauge[cluster]"') from error
        dask: Any = distributed
        self.address, self.job, self.time_limit_s = address, job, time_limit_s
        self._cluster: Any = None
        self._done: queue.SimpleQueue[tuple[Task, Any]] = queue.SimpleQueue()
        self._open: dict[int, tuple[Task, Any]] = {}
        self._alone_since: float | None = None
        self._asked, self._n_threads = 0.0, 0
        try:
            if address == "local":
                self._cluster = dask.LocalCluster(
                    n_workers=n_workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
                )
            self.client: Any = dask.Client(self._cluster if self._cluster is not None else address, timeout=CONNECT_S)
        except (OSError, ValueError, TimeoutError) as error:
            raise NanogaugeError(f"{address}: no Dask scheduler answers there ({_short(error)}); check the address") from error
        self.address = str(self.client.scheduler.address)
        for name in (
            "asyncio",
            "tornado.application",
            *(n for n in logging.root.manager.loggerDict if n.startswith("distributed")),
        ):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what they say with tracebacks, the run says in a line

    @property
    def n_workers(self) -> int:
        """Threads of the cluster's workers: micrographs measured at once. Asked of the scheduler every few seconds."""
        now = time.monotonic()
        if now - self._asked > 2:
            with suppress(Exception):
                self._n_threads = sum(w["nthreads"] for w in self._workers().values())
            self._asked = now
            if self._n_threads:
                self._alone_since = None
            elif self._alone_since is None:
                self._alone_since = now
        return self._n_threads

    def _workers(self) -> dict[str, Any]:
        return dict(self.client.scheduler_info(n_workers=-1)["workers"])

    def start(self) -> Ready:
        try:
            self.client.wait_for_workers(1, timeout=CONNECT_S)
        except Exception as error:
            raise NanogaugeError(f"{self.address}: the scheduler has no workers; start some with `dask worker`") from error
        per_host = Counter[str]()
        for address, about in self._workers().items():
            per_host[str(about.get("host") or address)] += int(about["nthreads"])
        self.job = replace(self.job, n_slots=dict(per_host))
        try:
            ready = self.client.submit(_get_ready, self.job, pure=False).result(timeout=300)
        except NanogaugeError:
            raise
        except ModuleNotFoundError as error:
            raise NanogaugeError(f"{self.address}: its workers lack nanogauge ({error}); install it on every machine") from error
        except Exception as error:
            raise NanogaugeError(f"{self.address}: its workers cannot measure ({_short(error)})") from error
        if not isinstance(ready, Ready):
            raise NanogaugeError(f"{self.address}: {ready}")
        return ready

    def use(self, job: Job) -> None:
        self.job = replace(job, n_slots=self.job.n_slots)

    @property
    def n_open(self) -> int:
        return len(self._open)

    @property
    def has_room(self) -> bool:
        return len(self._open) < 2 * max(self.n_workers, 1)

    def submit(self, task: Task) -> None:
        # The job goes with each task: data scattered beforehand would be lost with the workers that hold it
        key = f"nanogauge-{os.getpid()}-{id(self)}-{task.index}"
        future = self.client.submit(_carry_out, self.job, task, self.time_limit_s, pure=False, key=key)
        self._open[task.index] = (task, future)
        future.add_done_callback(lambda f, task=task: self._done.put((task, f)))

    def wait(self, timeout_s: float) -> list[Outcome]:
        found: list[Outcome] = []
        with suppress(queue.Empty):
            task, future = self._done.get(timeout=timeout_s)
            while True:
                try:
                    found.append(self._outcome(task, future))
                except ClusterLost:
                    if not found:
                        raise
                    self._done.put((task, future))  # first what was measured, then the loss
                    break
                task, future = self._done.get_nowait()
        if not found and self._open:
            self._check()
        return found

    def _outcome(self, task: Task, future: Any) -> Outcome:
        self._open.pop(task.index, None)
        file = task.item.file
        try:
            if future.status == "finished":
                outcome = future.result(timeout=CONNECT_S)
                if isinstance(outcome, Outcome):
                    return outcome
                return failure(task, f"{file}: {outcome}", trouble="lost")
            if future.status == "cancelled":
                raise ClusterLost(_LOST.format(self.address))
            error = future.exception(timeout=CONNECT_S)
        except ClusterLost:
            self._open[task.index] = (task, future)
            raise
        except Exception as problem:
            error = problem
        if type(error).__name__ == "KilledWorker":
            return failure(task, f"{file}: every worker of the cluster that took it died; leave the file out", trouble="crashed")
        if type(error).__name__ in ("CancelledError", "FutureCancelledError", "CommClosedError"):
            self._open[task.index] = (task, future)
            raise ClusterLost(_LOST.format(self.address))
        return failure(task, f"{file}: not measured: {_short(error)}", trouble="lost")

    def _check(self) -> None:
        """Raises ClusterLost where nobody is left to measure what is open."""
        if self.client.status not in ("running", "connecting"):
            raise ClusterLost(_LOST.format(self.address))
        if self.n_workers == 0 and self._alone_since is not None and time.monotonic() - self._alone_since > ALONE_S:
            raise ClusterLost(f"{self.address}: the scheduler has had no workers for {ALONE_S:g} s")

    def close(self, *, kill: bool = False) -> None:
        for _, future in self._open.values():
            with suppress(Exception):
                future.cancel()
        self._open.clear()
        with suppress(Exception):
            self.client.close(timeout=10)
        if self._cluster is not None:
            with suppress(Exception):
                self._cluster.close(timeout=20)


_LOST = "{}: the scheduler is lost"


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _slot(job: Job, time_limit_s: float | None) -> Worker:
    """The process in which this thread of a Dask worker measures; started at its first task, ended with the Dask worker."""
    from distributed import get_worker

    host = urlsplit(get_worker().address).hostname or ""
    n_slots = job.n_slots.get(host) or max(job.n_slots.values(), default=1)
    job = replace(job, n_threads=max(1, cores() // n_slots))
    worker: Worker | None = getattr(_slots, "worker", None)
    if worker is not None:
        had = worker.job
        if (had.engine, had.annotated, had.base, had.n_threads) == (job.engine, job.annotated, job.base, job.n_threads):
            if had != job:
                worker.use(job)  # the network stays loaded
            worker.time_limit_s = time_limit_s
            return worker
        worker.close()
    worker = Worker(job, time_limit_s=time_limit_s)
    atexit.register(worker.close, kill=True)
    _slots.worker = worker
    return worker


def _get_ready(job: Job) -> Ready | str:
    """Run on the cluster: which network a worker there has."""
    if is_remote(job.out):
        try:
            lengths(job.out)
        except OSError as error:
            return f"{socket.gethostname()} does not reach {job.out}: {error.strerror}"
    elif not job.state.is_dir() or not job.base.is_dir():
        return f"{socket.gethostname()} does not see {job.out}; all machines must share the inputs' and results' file system"
    from ..core.version import __version__

    if __version__ != job.version:
        return f"{socket.gethostname()} has nanogauge {__version__}, not {job.version}; install the same everywhere"
    return _slot(job, None).start()


def _carry_out(job: Job, task: Task, time_limit_s: float | None) -> Outcome:
    """Run on the cluster: one task."""
    return _slot(job, time_limit_s).carry_out(task)
