"""Where tasks are carried out on this machine: in this process, or in worker processes of its own."""

from __future__ import annotations

import queue
import threading
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ..core.cpu import SMALL_RUN, cores
from ..core.errors import SettingsError
from ..pipeline.measure import Measurer
from .job import Job, Outcome, Task, failure
from .worker import Ready, Worker, ready_of

_GIB_PER_WORKER = 1.5  # network, text reader and a picture of some megapixels


class Executor(Protocol):
    """Takes tasks while it has room, and hands back outcomes in the order in which they are done."""

    @property
    def n_workers(self) -> int:
        """Micrographs measured at once."""
        ...

    def start(self) -> Ready:
        """Gets ready; says which network it measures with. Raises NanogaugeError."""
        ...

    def use(self, job: Job) -> None:
        """The job of the tasks that follow; only before the first."""
        ...

    @property
    def n_open(self) -> int:
        """Tasks taken whose outcome has not been handed back."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether it takes one more."""
        ...

    def submit(self, task: Task) -> None: ...

    def wait(self, timeout_s: float) -> list[Outcome]:
        """Outcomes, as soon as there is one; none after `timeout_s`. Raises NanogaugeError where all that is open is lost."""
        ...

    def close(self, *, kill: bool = False) -> None:
        """Ends it: after what is open, or at once."""
        ...


def parse_workers(text: str, *, n_files: int | None) -> int:
    """Worker processes meant by "auto" or a number; 0: no process of their own.

    auto: one per core, as far as memory reaches; none for a few files. n_files: None where it is not known

    Raises SettingsError.
    """
    if text == "auto":
        if n_files is not None and n_files < SMALL_RUN:
            return 0
        return max(1, min(cores(), int(_free_gib() / _GIB_PER_WORKER)))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1024:
        raise SettingsError(f"--workers must be auto or a number from 1 to 1024, got {text!r}")
    return int(text)


def _free_gib() -> float:
    """Memory that can be had without swapping; plenty where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 2**20
    except (OSError, ValueError, StopIteration, IndexError):
        return 1024.0


class InThisProcess:
    """One task after the other in this process: for a few micrographs, and for looking into what happens."""

    n_workers: int = 1

    def __init__(self, job: Job, measurer: Measurer) -> None:
        self.job, self.measurer = job, measurer
        self._done: list[Outcome] = []

    def start(self) -> Ready:
        return ready_of(self.job, self.measurer)

    def use(self, job: Job) -> None:
        self.job = job

    @property
    def n_open(self) -> int:
        return len(self._done)

    @property
    def has_room(self) -> bool:
        return not self._done

    def submit(self, task: Task) -> None:
        from .measuring import carry_out

        self._done.append(carry_out(self.job, task, self.measurer))

    def wait(self, timeout_s: float) -> list[Outcome]:
        done, self._done = self._done, []
        return done

    def close(self, *, kill: bool = False) -> None:
        pass


class LocalWorkers:
    """Worker processes on this machine, each with its share of the cores. One that dies or freezes is replaced."""

    def __init__(self, job: Job, n_workers: int, *, time_limit_s: float | None = None) -> None:
        self.n_workers = n_workers
        self.job = replace(job, n_threads=job.n_threads or max(1, cores() // n_workers))
        self.workers = [Worker(self.job, time_limit_s=time_limit_s) for _ in range(n_workers)]
        self._todo: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._n_open = 0
        self._threads: list[threading.Thread] = []

    def start(self) -> Ready:
        return self.workers[0].start()

    def use(self, job: Job) -> None:
        self.job = replace(job, n_threads=self.job.n_threads)
        for worker in self.workers:
            worker.use(self.job)
        self._threads = [threading.Thread(target=self._serve, args=(w,), daemon=True) for w in self.workers]
        for thread in self._threads:
            thread.start()

    def _serve(self, worker: Worker) -> None:
        while (task := self._todo.get()) is not None:
            try:
                outcome = worker.carry_out(task)
            except Exception as error:  # a thread that ends would leave its task open for ever
                outcome = failure(task, f"{task.item.file}: unexpected {type(error).__name__}: {error}", trouble="crashed")
            self._done.put(outcome)
        worker.close()

    @property
    def n_open(self) -> int:
        return self._n_open

    @property
    def has_room(self) -> bool:
        return self._n_open < 2 * self.n_workers

    def submit(self, task: Task) -> None:
        self._n_open += 1
        self._todo.put(task)

    def wait(self, timeout_s: float) -> list[Outcome]:
        found: list[Outcome] = []
        try:
            found.append(self._done.get(timeout=timeout_s))
            while True:
                found.append(self._done.get_nowait())
        except queue.Empty:
            pass
        self._n_open -= len(found)
        return found

    def close(self, *, kill: bool = False) -> None:
        if kill:
            for worker in self.workers:
                worker.close(kill=True)
        for _ in self._threads:
            self._todo.put(None)
        if not self._threads:
            self.workers[0].close()
        for thread in self._threads:
            thread.join(timeout=10 if kill else None)
