"""Damaged files by the thousand: every one must be read, or refused by an exception of nanogauge.core.errors, in time and memory.

    python tests/fuzz/fuzz.py -n 100000                    # prints a table; exit code 1 where something failed
    python tests/fuzz/fuzz.py --only 4711 --keep bad.tif   # one input again, its file kept

Input number i is the same in every run (given the seed). A failure is: any other exception, a dead process, more than 10 s of
processor time, more than 2 GB.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from mutations import mutate
from targets import Target, targets

from nanogauge.core.errors import NanogaugeError

LIMIT_S = 10  # of processor time, so that a busy machine blames nobody
HANG_S = 300  # of wall time
LIMIT_BYTES = 2 << 30


@dataclass(frozen=True)
class Outcome:
    """What came of one input: kind is read, refused, or what failed."""

    number: int
    target: str
    kind: str
    detail: str
    seconds: float
    peak_mb: float

    @property
    def failed(self) -> bool:
        """Whether it is a failure."""
        return self.kind not in ("read", "refused")


class TooSlow(BaseException):
    """Not an Exception: no reader may catch it."""


def the_input(number: int, seed: int, all_targets: list[Target]) -> tuple[Target, str, bytes]:
    """Target, file name and damaged bytes of input `number`."""
    rng = np.random.default_rng((seed, number))
    target = all_targets[int(rng.integers(len(all_targets)))]
    name = sorted(target.seeds)[int(rng.integers(len(target.seeds)))]
    return target, name, mutate(target.seeds[name], rng)


def try_one(number: int, seed: int, all_targets: list[Target], folder: Path) -> Outcome:
    """Writes the input into a fresh folder and reads it."""
    target, name, data = the_input(number, seed, all_targets)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        for other, content in target.beside.items():
            (Path(place) / other).write_bytes(content)
        path = Path(place) / name
        path.write_bytes(data)
        began = time.process_time()
        kind, detail = _run(target, path)
    return Outcome(number, target.name, kind, detail, time.process_time() - began, _peak_mb())


def _run(target: Target, path: Path) -> tuple[str, str]:
    def ring(*_: Any) -> None:
        raise TooSlow

    old = signal.signal(signal.SIGPROF, ring), signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.run(path)
    except NanogaugeError as error:
        text = str(error)
        return ("refused", "") if text.strip() and "\n" not in text else ("message of several lines or none", repr(text)[:300])
    except TooSlow:
        return "slow", f"more than {LIMIT_S} s of processor time, or {HANG_S} s in all"
    except Exception:
        return "crash", traceback.format_exc(limit=-4)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGPROF, old[0])
        signal.signal(signal.SIGALRM, old[1])
    return "read", ""


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _work(numbers: range, seed: int, target: str | None, pipe: Connection) -> None:
    """Tells each number before it is tried, so that the parent knows what killed this process."""
    resource.setrlimit(resource.RLIMIT_AS, (3 * LIMIT_BYTES, 3 * LIMIT_BYTES))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    all_targets = chosen(target)
    ram = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=ram if ram.is_dir() else None) as folder:
        for k, number in enumerate(numbers):
            pipe.send(number)
            outcome = try_one(number, seed, all_targets, Path(folder))
            pipe.send(outcome)
            if outcome.peak_mb > LIMIT_BYTES >> 20:
                return  # a fresh process, so that the next is not blamed
            if k % 500 == 0:
                gc.collect()
    pipe.send(None)


def chosen(name: str | None) -> list[Target]:
    """All targets, or the one of that name."""
    return [t for t in targets() if name is None or t.name == name]


def run(n: int, *, seed: int, workers: int, first: int = 0, target: str | None = None) -> list[Outcome]:
    """Outcomes of n inputs from number `first` on, tried in processes of their own. Only failures and slow ones keep details."""
    context = multiprocessing.get_context("fork")
    out: list[Outcome] = []
    todo = {w: range(first + w, first + n, workers) for w in range(workers)}
    live: dict[Connection, tuple[int, Any]] = {}

    def start(w: int) -> None:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(todo[w], seed, target, there))
        process.start()
        there.close()
        live[here] = (w, process)

    for w in todo:
        start(w)
    at = dict.fromkeys(todo, -1)
    while live:
        for pipe in multiprocessing.connection.wait(list(live)):
            w, process = live[pipe]  # type: ignore[index]
            ended = False
            with contextlib.suppress(EOFError):
                got = pipe.recv()  # type: ignore[union-attr]
                if isinstance(got, int):
                    at[w] = got
                    continue
                ended = got is None
                if isinstance(got, Outcome):
                    too_much = got.peak_mb > LIMIT_BYTES >> 20
                    out.append(
                        Outcome(got.number, got.target, "memory", f"{got.peak_mb:.0f} MB", got.seconds, got.peak_mb)
                        if too_much
                        else got
                    )
                    todo[w] = range(got.number + workers, first + n, workers)
                    _progress(len(out), n)
                    continue
            del live[pipe]  # type: ignore[arg-type]
            process.join()
            if not ended and len(todo[w]):
                if not out or out[-1].number != at[w]:
                    known = {o.number for o in out[-2 * workers :]}
                    if at[w] not in known:
                        out.append(
                            Outcome(
                                at[w],
                                the_input(at[w], seed, chosen(target))[0].name,
                                "killed",
                                f"exit code {process.exitcode}",
                                0,
                                0,
                            )
                        )
                        todo[w] = range(at[w] + workers, first + n, workers)
                start(w)
    return out


def _progress(done: int, n: int) -> None:
    if done % 2000 == 0 and n > 2000:
        print(f"{done} of {n}", file=sys.stderr, flush=True)


def table(outcomes: list[Outcome]) -> str:
    """A row a target, as Markdown."""
    lines = ["| Target | Inputs | Read | Refused | Failed | Slowest | Peak memory |", "|---|---|---|---|---|---|---|"]
    for name in dict.fromkeys(t.name for t in targets()):
        rows = [o for o in outcomes if o.target == name]
        if not rows:
            continue
        kinds = Counter("failed" if o.failed else o.kind for o in rows)
        slowest, peak = max((o.seconds for o in rows), default=0), max((o.peak_mb for o in rows), default=0)
        lines.append(
            f"| {name} | {len(rows)} | {kinds['read']} | {kinds['refused']} | {kinds['failed']} | {slowest:.2f} s | {peak:.0f} MB |"
        )
    return "\n".join(lines)


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("-n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--target", help="only this kind of file; inputs are numbered anew then")
    parser.add_argument("--only", type=int)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    if args.only is not None:
        target, name, data = the_input(args.only, args.seed, chosen(args.target))
        if args.keep:
            args.keep.write_bytes(data)
        with tempfile.TemporaryDirectory() as folder:
            print(target.name, name, try_one(args.only, args.seed, chosen(args.target), Path(folder)), sep="\n")
        return 0
    began = time.perf_counter()
    outcomes = run(args.n, seed=args.seed, workers=args.workers, first=args.first, target=args.target)
    print(table(outcomes))
    failures = [o for o in outcomes if o.failed]
    print(f"\n{len(outcomes)} inputs, {len(failures)} failures, {time.perf_counter() - began:.0f} s, seed {args.seed}")
    for o in failures[:40]:
        print(f"\n--only {o.number}: {o.target}, {o.kind}\n{o.detail}")
    return 1 if failures or len(outcomes) < args.n else 0


if __name__ == "__main__":
    sys.exit(main())
