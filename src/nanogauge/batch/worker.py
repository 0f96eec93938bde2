"""A process that measures: `Worker` is its handle, `main` is what runs in it.

The two talk over the process's standard input and output: pickled messages, each after its length. The process ends as soon as its
input is closed, so that none outlives the run that started it, whatever killed the run.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..core.errors import EngineError, NanogaugeError
from ..core.stores import is_remote
from .job import Job, Outcome, Task, failure

if TYPE_CHECKING:
    from ..pipeline.measure import Measurer

_LENGTH = struct.Struct("<Q")
_START = "import sys; sys.path[:] = {path!r}; from nanogauge.batch.worker import main; main()"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_MOST_TASKS = 1000  # then the process is replaced: what libraries leak is given back
_MOST_SAID = 1 << 20  # bytes of standard error kept
_ATTEMPTS = 2


@dataclass(frozen=True)
class Ready:
    """A process's first message: the network it measures with, and how it tells particles apart where that was left open."""

    engine: str
    sha256: str
    classes_by: str = ""


class Worker:
    """One process that measures one micrograph after the other; started when first needed, and anew where it died.

    time_limit_s: after which a micrograph is given up and its process killed; None: `usual_limit_s` of its file
    """

    def __init__(self, job: Job, *, time_limit_s: float | None = None) -> None:
        self.job, self.time_limit_s = job, time_limit_s
        self.pid: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self._n_tasks = 0
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> Ready:
        """Starts the process, if there is none, and loads the network. Raises EngineError where it cannot be loaded or the process
        cannot start."""
        if self._process is not None and isinstance(ready := self._ask(self.job), Ready):
            return ready
        if self._process is not None:
            self._death()
        threads = str(self.job.n_threads or 1)
        path = [os.path.abspath(p) for p in sys.path]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        with self._lock:
            if self._closed:
                raise NanogaugeError("stopped")
            self._process = subprocess.Popen(
                [sys.executable, *(f"-W{o}" for o in sys.warnoptions), "-c", _START.format(path=path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                cwd=self.job.base if self.job.base.is_dir() else None,  # another machine's, where all is in an object store
                env=os.environ | dict.fromkeys(_THREADS, threads),
            )
        self.pid = self._process.pid
        self._n_tasks = 0
        reply = self._ask(self.job)
        if isinstance(reply, Ready):
            return reply
        if isinstance(reply, NanogaugeError):
            self._end()
            raise reply
        reason = self._death()
        raise EngineError(f"a process to measure in cannot be started ({reason})")

    def use(self, job: Job) -> None:
        """The job of the tasks that follow; the network stays loaded."""
        self.job = job
        if self._process is not None and not isinstance(self._ask(job), Ready):
            self._death()

    def carry_out(self, task: Task) -> Outcome:
        """Measures one micrograph in the process. One that dies is replaced and the micrograph tried once more; one that takes
        longer than the limit is killed, and the micrograph has failed."""
        file, reason = task.item.file, ""
        here = file if is_remote(file) else self.job.base / file
        limit = usual_limit_s(here) if self.time_limit_s is None else self.time_limit_s
        for _ in range(_ATTEMPTS):
            if self._closed:
                break
            try:
                if self._process is None:
                    self.start()
            except (NanogaugeError, OSError) as error:
                reason = str(error)
                continue
            overdue = threading.Event()
            timer = threading.Timer(limit, self._give_up, (overdue,))
            timer.start()
            reply = self._ask(task)
            timer.cancel()
            if isinstance(reply, Outcome):
                if overdue.is_set():  # it was killed while it replied
                    self._death()
                else:
                    self._after(reply)
                return reply
            reason = self._death()
            if overdue.is_set():
                said = f"{file}: given up after {limit:g} s; allow more with --time-limit, or leave the file out"
                return failure(task, said, trouble="time_limit", seconds=limit)
        if self._closed:
            return failure(task, f"{file}: not measured: stopped", trouble="lost")
        said = f"{file}: the process that measured it died, and once more when it was tried again ({reason}); leave the file out"
        return failure(task, said, trouble="crashed")

    def _after(self, reply: Outcome) -> None:
        self._n_tasks += not reply.kept
        if self._n_tasks >= _MOST_TASKS:
            self._end()
        elif self._said is not None and os.fstat(self._said.fileno()).st_size > _MOST_SAID:
            self._said.truncate(0)

    def _ask(self, message: object) -> Any:
        """The process's reply; None where it died."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return None
        try:
            _send(process.stdin, message)
            return _receive(process.stdout)
        except (OSError, ValueError, EOFError, pickle.UnpicklingError):
            return None

    def _give_up(self, overdue: threading.Event) -> None:
        overdue.set()
        self._kill()

    def _death(self) -> str:
        """Why the process died, in a few words; it is gone afterwards."""
        process, self._process = self._process, None
        if process is None:
            return "stopped"
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        code = process.wait()
        last = ""
        if self._said is not None:
            with contextlib.suppress(OSError, ValueError):
                self._said.seek(max(0, os.fstat(self._said.fileno()).st_size - 4000))
                lines = self._said.read().decode(errors="replace").split("\n")
                last = next((line.strip() for line in reversed(lines) if line.strip()), "")[:200]
                self._said.close()
        what = f"exit code {code}"
        if code < 0:
            name = signal.Signals(-code).name if -code in {int(s) for s in signal.Signals} else f"signal {-code}"
            what = f"{name}: out of memory?" if name == "SIGKILL" else name
        return f"{what}; it said: {last}" if last else what

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            if self._process is not None:
                self._process.kill()

    def _end(self) -> None:
        """Lets the process finish what it is doing, and end."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        process.wait()
        for stream in (process.stdout, self._said):
            if stream is not None:
                stream.close()

    def close(self, *, kill: bool = False) -> None:
        """Ends the process for good: after what it is doing, or at once, from any thread."""
        with self._lock:
            self._closed = True
        if kill:
            self._kill()
        else:
            self._end()


def ready_of(job: Job, measurer: Measurer) -> Ready:
    """Loads what the job measures with. Raises EngineError, and SettingsError where it cannot do what it is to."""
    from ..pipeline.measure import classed_by_network

    if job.annotated:
        return Ready("imported", "", job.settings.classes.by)
    engine = measurer.engine
    return Ready(engine.name, engine.sha256, classed_by_network(job.settings, engine).classes.by)


def usual_limit_s(file: Path) -> float:
    """The time after which a micrograph is given up: 10 minutes, and 10 s more for each megabyte of its file; for an object in a
    store, of which that is not asked, an hour more."""
    if is_remote(file):
        return 600 + 3600
    try:
        megabytes = file.stat().st_size / 1e6
    except (OSError, ValueError):
        megabytes = 0.0
    return 600 + 10 * megabytes


def _send(stream: IO[bytes], message: object) -> None:
    data = pickle.dumps(message)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (n,) = _LENGTH.unpack(head)
    data = stream.read(n)
    return pickle.loads(data) if len(data) == n else None


def main() -> None:
    """The process: a Job, then Tasks, each answered. Ends when its input is closed, at once and whatever it is doing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which closes the input
    commands, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what a library prints must not be taken for a reply
    todo: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def listen() -> None:
        while (message := _receive(commands)) is not None:
            todo.put(message)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    job: Job = todo.get()
    try:
        import cv2

        from ..pipeline.measure import Measurer
        from .measuring import carry_out

        cv2.setNumThreads(job.n_threads or 1)
        measurer = Measurer(job.settings, n_threads=job.n_threads)
        _send(replies, ready_of(job, measurer))
    except NanogaugeError as error:
        _send(replies, error)
        return
    while True:
        message = todo.get()
        if isinstance(message, Job):
            job, measurer = message, measurer.under(message.settings)
            _send(replies, ready_of(job, measurer))
        else:
            _send(replies, carry_out(job, message, measurer))
