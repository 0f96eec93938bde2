"""Many machines: a run on Dask workers that share nothing but an object store; what it costs a task; what a million would cost.

    python benchmarks/scale_out.py                  # 1, 2 and 4 workers, then a worker and the scheduler killed; ten minutes
    python benchmarks/scale_out.py --n 60 --workers 1 2

Each worker has a working directory, a home and a folder for temporary files of its own, as a machine has them; all they share is a
store, for which a moto server on this machine stands. The micrographs are strips of a rendered field that take some hundredths of
a second, so that what is counted is all but the measuring. Of every run: processor time of the scheduler, of the run itself and of
the workers; requests that the store answered; bytes of the journal. On two cores, four workers cannot be twice as fast as two: what
this shows is that the cost of a task does not grow with the workers, and that nothing is lost. What scheduler and run take while
they wait is counted apart, while the workers stand still for some seconds, and so is the run's start. The table at the end is
arithmetic from these figures.

Needs the extras cloud and cluster, and moto: pip install "moto[s3,server]".
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batch import make_inputs

_TICKS = os.sysconf("SC_CLK_TCK")
_REQUEST = re.compile(rb'"(?:\x1b\[[0-9;]*m)*([A-Z]+) /')


def cpu_s(pid: int) -> float:
    """Processor time of a process and of those it started that are there or were waited for."""
    total = 0.0
    todo = [pid]
    while todo:
        one = todo.pop()
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(fields[k]) for k in (11, 12, 13, 14)) / _TICKS
            todo += [int(c) for c in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
        except OSError:
            continue
    return total


@dataclass
class Machines:
    """A scheduler and workers, each with folders of its own."""

    folder: Path
    environment: dict[str, str]
    port: int = 0
    scheduler: Any = None
    workers: list[Any] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start_scheduler(self) -> None:
        if not self.port:
            self.port = free_port()
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        self.scheduler = self._start("distributed.cli.dask_scheduler", options, "scheduler")

    def start_workers(self, n: int) -> None:
        for _ in range(n):
            options = [self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"]
            self.workers.append(self._start("distributed.cli.dask_worker", options, f"machine-{len(self.workers)}"))

    def _start(self, module: str, options: list[str], name: str) -> Any:
        home = self.folder / name
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        environment = self.environment | {"TMPDIR": str(home / "tmp"), "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
        with (home / "said.txt").open("ab") as said:
            return subprocess.Popen(
                [sys.executable, "-m", module, *options],
                cwd=home,
                env=environment,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def kill(self, process: Any) -> None:
        """As a power cut does: the process and all that it started."""
        for pid in descendants(process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            if process is not None and process.poll() is None:
                self.kill(process)
        self.workers.clear()


def descendants(pid: int) -> list[int]:
    """A process and all that it started, itself first."""
    found = [pid]
    for one in found:
        try:
            found += [int(c) for c in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
        except OSError:
            continue
    return found


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@dataclass
class Store:
    """A moto server and what it was asked."""

    log: Path
    process: Any
    url: str

    def requests(self) -> dict[str, int]:
        """By kind, since the server started."""
        counts: dict[str, int] = {}
        for line in self.log.read_bytes().splitlines():
            if found := _REQUEST.search(line):
                kind = found[1].decode()
                kind = "LIST" if kind == "GET" and b"list-type=2" in line else kind
                counts[kind] = counts.get(kind, 0) + 1
        return counts


def start_store(folder: Path) -> Store:
    port, log = free_port(), folder / "store.txt"
    with log.open("wb") as said:
        arguments = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(arguments, stdout=said, stderr=said)
    until(lambda: b"Running on" in log.read_bytes(), "the store does not start")
    return Store(log, process, f"http://127.0.0.1:{port}")


def until(true: Any, otherwise: str, *, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise SystemExit(otherwise)
        time.sleep(0.2)


def measure(machines: Machines, out: str, head: Path) -> Any:
    """The run itself, in a folder of its own."""
    head.mkdir(parents=True, exist_ok=True)
    arguments = ["measure", "s3://lab/in", "-o", f"s3://lab/{out}", "--cluster", machines.address, "--engine", "threshold"]
    arguments += ["--scale", "2 nm/px", "--no-report", "-q"]
    environment = machines.environment | {"HOME": str(head), "XDG_CACHE_HOME": str(head / "cache")}
    with (head / "said.txt").open("ab") as said:
        return subprocess.Popen([sys.executable, "-m", "nanogauge", *arguments], cwd=head, env=environment, stderr=said)


def journal(head: Path) -> Path:
    """Of the run that goes on."""
    return next((head / "cache").glob("nanogauge/runs/*/*/.nanogauge/journal.jsonl"), head / "none")


def n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def undisturbed(store: Store, machines: Machines, fs: Any, n: int, n_workers: int, work: Path) -> dict[str, float]:
    """A run on that many workers."""
    machines.start_scheduler()
    machines.start_workers(n_workers)
    until(lambda: registered(machines) >= n_workers, "the workers do not start")
    time.sleep(1)
    asked = store.requests()
    workers_before = sum(cpu_s(w.pid) for w in machines.workers)
    begun, head = time.monotonic(), work / f"head-{n_workers}"
    run = measure(machines, f"out-{n_workers}", head)
    until(lambda: n_lines(journal(head)) >= n // 10 or run.poll() is not None, "the run does not begin")
    first, before = _used(machines, run), n_lines(journal(head))
    until(lambda: n_lines(journal(head)) >= n // 3 or run.poll() is not None, "the run stands still")
    idle = waiting(machines, run)
    last, done = _used(machines, run), n_lines(journal(head))
    while run.poll() is None:
        now = _used(machines, run)
        if done < (lines := n_lines(journal(head))) < n:  # what follows is the end: tables, and what is put up
            last, done = now, lines
        time.sleep(0.1)
    wall = time.monotonic() - begun
    answered = store.requests()
    requests = {k: answered[k] - asked.get(k, 0) for k in answered}
    (scheduler, of_run, seconds), n_timed = (b - a for a, b in zip(first, last, strict=True)), max(done - before, 1)
    figures = {
        "wall_s": wall,
        "scheduler_ms": 1000 * max(scheduler - idle[0] * seconds, 0) / n_timed,
        "head_ms": 1000 * max(of_run - idle[1] * seconds, 0) / n_timed,
        "scheduler_idle": idle[0],
        "head_idle": idle[1],
        "worker_ms": 1000 * (sum(cpu_s(w.pid) for w in machines.workers) - workers_before) / n,
        "journal_bytes": fs.size(f"lab/out-{n_workers}/.nanogauge/journal.jsonl") / n,
        "requests": sum(requests.values()) / n,
    }
    each = ", ".join(f"{v / n:.2f} {k}" for k, v in sorted(requests.items()))
    print(
        f"{n_workers} workers: {wall:.0f} s; of each task {figures['scheduler_ms']:.1f} ms of scheduler, "
        f"{figures['head_ms']:.1f} ms of the run and {figures['worker_ms']:.0f} ms of workers, their start included; waiting takes "
        f"{100 * idle[0]:.1f} and {100 * idle[1]:.1f} % of a core; "
        f"{figures['requests']:.1f} requests ({each}); "
        f"{figures['journal_bytes']:.0f} bytes of journal",
        flush=True,
    )
    check(fs, f"out-{n_workers}", n)
    machines.close()
    return figures


def _used(machines: Machines, run: Any) -> tuple[float, float, float]:
    """Processor time of scheduler and run so far, and the clock."""
    return cpu_s(machines.scheduler.pid), cpu_s(run.pid), time.monotonic()


def waiting(machines: Machines, run: Any, *, seconds: float = 6.0) -> tuple[float, float]:
    """Shares of a core that scheduler and run take while the workers stand still."""
    every = [pid for w in machines.workers for pid in descendants(w.pid)]
    for pid in every:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(1)  # what is under way comes in
    before = _used(machines, run)
    time.sleep(seconds)
    after = _used(machines, run)
    for pid in every:
        os.kill(pid, signal.SIGCONT)
    scheduler, of_run, clock = (b - a for a, b in zip(before, after, strict=True))
    return scheduler / clock, of_run / clock


def registered(machines: Machines) -> int:
    text = (machines.folder / "scheduler" / "said.txt").read_text(errors="replace")
    return max(text.count("Register worker"), text.count("Starting worker compute stream"))


def check(fs: Any, out: str, n: int) -> dict[str, Any]:
    """Nothing is lost: a row for every input, a whole result for every picture. Gives when each result was written."""
    rows = list(csv.DictReader(io.StringIO(fs.cat(f"lab/{out}/summary.csv").decode())))
    whole = {p: fs.info(p)["LastModified"] for p in fs.find(f"lab/{out}") if p.endswith("/measurement.json")}
    n_bad = sum(r["status"] == "error" for r in rows)
    assert len(rows) == n, f"{len(rows)} rows for {n} inputs"
    assert len(whole) == n - n_bad, f"{len(whole)} whole results for {n - n_bad} pictures"
    return whole


def disturbed(machines: Machines, fs: Any, n: int, work: Path) -> None:
    """Four workers: one is cut off; then the scheduler with all it knows; both come back, and the same command goes on."""
    head = work / "head-disturbed"
    machines.start_scheduler()
    machines.start_workers(4)
    until(lambda: registered(machines) >= 4, "the workers do not start")
    run = measure(machines, "disturbed", head)
    until(lambda: n_lines(journal(head)) >= n // 5 or run.poll() is not None, "the run does not begin")
    machines.kill(machines.workers[0])
    n_worker = n_lines(journal(head))
    until(lambda: n_lines(journal(head)) >= n // 2 or run.poll() is not None, "the run stands still without one worker")
    n_scheduler = n_lines(journal(head))
    machines.kill(machines.scheduler)
    code = run.wait()
    before = {p: fs.info(p)["LastModified"] for p in fs.find("lab/disturbed") if p.endswith("/measurement.json")}
    machines.close()
    machines.start_scheduler()
    machines.start_workers(3)
    again = measure(machines, "disturbed", head).wait()
    after = check(fs, "disturbed", n)
    twice = sum(after[p] != t for p, t in before.items())
    lines = fs.cat("lab/disturbed/.nanogauge/journal.jsonl").count(b"\n")
    print(
        f"a worker cut off after {n_worker} of {n}, the scheduler after {n_scheduler}: the run ended with {code}, {len(before)} "
        f"results whole; the same command again ended with {again}: {len(after)} whole, {twice} of the earlier ones measured "
        f"again, {lines} lines of journal; nothing lost",
        flush=True,
    )
    machines.close()


def model(figures: dict[str, float], *, n: int, n_machines: int, cores: int, seconds: float) -> None:
    """What a million would cost, from what a task costs. seconds: of a core for a micrograph"""
    rate = n_machines * cores / seconds
    hours = n / rate / 3600
    what = f"{n:,} micrographs on {n_machines} machines of {cores} cores, {seconds:g} s of a core each"
    print(
        f"\n{what}: {rate:.0f} a second, {hours:.1f} hours\n"
        f"  scheduler     {figures['scheduler_ms'] * rate / 10 + 100 * figures['scheduler_idle']:6.0f} % of a core "
        "(one process: 100 % is its end)\n"
        f"  the run       {figures['head_ms'] * rate / 10 + 100 * figures['head_idle']:6.0f} % of a core (likewise)\n"
        f"  the store     {figures['requests'] * rate:6.0f} requests a second\n"
        f"  journal       {figures['journal_bytes'] * n / 1e9:6.2f} GB"
    )


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=120, help="micrographs of each run")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seconds", type=float, default=1.0, help="of a core for a micrograph, for the model")
    parser.add_argument("--work", type=Path, default=Path("runs/scale-out"), help="folder; deleted first")
    a = parser.parse_args()
    shutil.rmtree(a.work, ignore_errors=True)
    work = a.work.absolute()
    work.mkdir(parents=True)
    make_inputs(work / "in", a.n, [])
    store = start_store(work)
    environment = os.environ | {
        "AWS_ENDPOINT_URL": store.url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "OMP_NUM_THREADS": "1",
    }
    os.environ.update(environment)
    import s3fs

    fs = s3fs.S3FileSystem(use_listings_cache=False)
    fs.mkdir("lab")
    fs.put(str(work / "in"), "lab/in", recursive=True)
    machines, figures = Machines(work, environment), {}
    try:
        for n_workers in a.workers:
            (work / "scheduler" / "said.txt").unlink(missing_ok=True)
            figures[n_workers] = undisturbed(store, machines, fs, a.n, n_workers, work)
        (work / "scheduler" / "said.txt").unlink(missing_ok=True)
        disturbed(machines, fs, a.n, work)
    finally:
        machines.close()
        store.process.kill()
    model(figures[max(figures)], n=1_000_000, n_machines=100, cores=1, seconds=a.seconds)
    model(figures[max(figures)], n=1_000_000, n_machines=100, cores=8, seconds=a.seconds)


if __name__ == "__main__":
    main()
