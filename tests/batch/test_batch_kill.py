"""Runs that are killed, and go on: nothing is lost, nothing measured twice, and the result is that of a run nobody disturbed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from batch_runs import MEASURE, SLOW, Running, children, journal_lines, rows, tables, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes keep runs from ending before they are killed"),
]
Start = Callable[..., Running]
Strips = Callable[..., Path]
linux = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")


def measured(start: Start, *arguments: object) -> int:
    return start(*MEASURE, *arguments).end()


@pytest.fixture
def undisturbed(strips: Strips, start: Start, tmp_path: Path) -> dict[str, object]:
    """What one process makes of 30 strips and a file that is no picture."""
    folder = strips(30)
    (folder / "p007b.png").write_text("no picture at all")
    assert measured(start, "-o", "alone", "--workers", "1") == 1
    return tables(tmp_path / "alone")


def test_killed_three_times_the_result_is_that_of_an_undisturbed_run(
    undisturbed: dict[str, object], start: Start, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    os.mkfifo(tmp_path / "frozen.png")  # last of the inputs of the runs to be killed, so that none ends before
    for k in (1, 2, 3):
        run = start(*MEASURE, "frozen.png", "-o", "killed", "--workers", "2")
        wait_until(lambda k=k: journal_lines(out) >= 7 * k)
        run.kill()
        assert run.process.returncode == -signal.SIGKILL
    n_before = journal_lines(out)
    assert 21 <= n_before <= 31
    assert measured(start, "-o", "killed", "--workers", "2") == 1
    assert tables(out) == undisturbed
    failed_again = 1  # a file that failed is tried again, and has a line a run
    assert journal_lines(out) <= 31 + failed_again


def test_the_same_command_again_measures_what_changed(undisturbed: dict[str, object], start: Start, tmp_path: Path) -> None:
    out = tmp_path / "alone"
    before = {p.parent.name: p.stat().st_mtime_ns for p in out.glob("*/measurement.json")}
    was = rows(out)[3]["mean_px"]
    (tmp_path / "in" / "p003.png").write_bytes((tmp_path / "in" / "p020.png").read_bytes())
    (tmp_path / "in" / "p007b.png").unlink()
    (tmp_path / "in" / "p029.png").unlink()
    (out / "p005" / "labels.tif").write_bytes(b"cut off")
    (out / "p006" / "rois.zip").unlink()
    (out / "p008" / "notes.txt").write_text("mine")
    assert measured(start, "-o", "alone", "--workers", "2") == 0
    after = {p.parent.name: p.stat().st_mtime_ns for p in out.glob("*/measurement.json")}
    assert {name for name in before if before[name] != after[name]} == {"p003", "p005", "p006"}
    assert [Path(r["file"]).name for r in rows(out)] == [f"p{k:03d}.png" for k in range(29)]
    table = {Path(r["file"]).stem: r["mean_px"] for r in rows(out)}
    assert table["p003"] == table["p020"] != was != ""
    assert (out / "p008" / "notes.txt").read_text() == "mine"
    assert measured(start, "-o", "alone", "--scale", "3 nm/px") == 0  # another scale, other results
    assert {r["nm_per_px"] for r in rows(out)} == {"3"}
    assert (out / "p008" / "notes.txt").read_text() == "mine"
    stamp = (out / "p000" / "measurement.json").stat().st_mtime_ns
    assert measured(start, "-o", "alone", "--scale", "3 nm/px", "--fresh") == 0
    assert (out / "p000" / "measurement.json").stat().st_mtime_ns != stamp


@linux
def test_a_worker_that_is_killed_loses_nothing(undisturbed: dict[str, object], start: Start, tmp_path: Path) -> None:
    run = start(*MEASURE, "-o", "out", "--workers", "2")
    wait_until(lambda: journal_lines(tmp_path / "out") >= 5)
    for worker in children(run.process.pid):
        os.kill(worker, signal.SIGKILL)
    assert run.end() == 1
    assert tables(tmp_path / "out") == undisturbed
    assert "died" not in run.errors


@linux
def test_no_worker_outlives_a_run_that_was_killed(strips: Strips, start: Start, tmp_path: Path) -> None:
    strips(6)
    os.mkfifo(tmp_path / "frozen.png")
    run = start(*MEASURE, "frozen.png", "-o", "out", "--workers", "2")
    wait_until(lambda: journal_lines(tmp_path / "out") >= 4)
    workers = children(run.process.pid)
    assert len(workers) == 2
    run.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}/cwd").exists() for pid in workers))


@linux
def test_frozen_and_crashing_micrographs_fail_alone(strips: Strips, start: Start, tmp_path: Path) -> None:
    """A pipe that nobody writes to freezes who reads it. The first is given up after the limit; with the second the test plays
    crash: the process dies twice. The third dies once and is there when it is tried again."""
    folder = strips(3)
    spare = (folder / "p000.png").read_bytes()
    for name in ("frozen", "crashing", "crashing_once"):
        os.mkfifo(folder / f"{name}.png")
    inputs = [f"in/{n}.png" for n in ("p000", "frozen", "p001", "p002")]
    options = ("--engine", "threshold", "--scale", "2 nm/px", "-q", "--no-report")
    run = start("measure", *inputs, *options, "-o", "slow", "--time-limit", "6")
    assert run.end() == 1
    assert [r["status"] for r in rows(tmp_path / "slow")] == ["ok", "error", "ok", "ok"]
    assert len(run.errors.strip().splitlines()) == 1
    assert "in/frozen.png: given up after 6 s; allow more with --time-limit" in run.errors

    run = start("measure", "in/crashing.png", "in/p001.png", *options, "-o", "twice", "--workers", "1")
    seen: set[int] = set()
    for _ in range(2):
        with reader_of(folder / "crashing.png"):
            (worker,) = set(children(run.process.pid)) - seen
            seen.add(worker)
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda worker=worker: worker not in children(run.process.pid))
    assert run.end() == 1
    assert [r["status"] for r in rows(tmp_path / "twice")] == ["error", "ok"]
    assert "in/crashing.png: the process that measured it died, and once more when it was tried again (SIGKILL" in run.errors

    run = start("measure", "in/crashing_once.png", "in/p001.png", *options, "-o", "once", "--workers", "1")
    with reader_of(folder / "crashing_once.png"):
        (folder / "new").write_bytes(spare)
        (folder / "new").rename(folder / "crashing_once.png")
        (worker,) = children(run.process.pid)
        os.kill(worker, signal.SIGKILL)
    assert run.end() == 0
    assert [r["status"] for r in rows(tmp_path / "once")] == ["ok", "ok"]
    assert run.errors == ""


@contextmanager
def reader_of(pipe: Path) -> Iterator[None]:
    """Once a process reads the pipe; it waits for bytes that do not come as long as this holds."""
    ends: list[int] = []

    def is_read() -> bool:
        with suppress(OSError):  # ENXIO: nobody reads
            ends.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return bool(ends)

    wait_until(is_read)
    try:
        yield
    finally:
        os.close(ends[0])


def test_two_runs_into_one_folder(strips: Strips, start: Start, tmp_path: Path) -> None:
    strips(3)
    os.mkfifo(tmp_path / "frozen.png")
    first = start(*MEASURE, "frozen.png", "-o", "out", "--workers", "1")
    wait_until(lambda: journal_lines(tmp_path / "out") >= 1)
    second = start(*MEASURE, "-o", "out")
    assert second.end() == 2
    assert len(second.errors.strip().splitlines()) == 1
    assert "nanogauge: out: another run is writing there (process " in second.errors
    assert "choose another folder with -o" in second.errors
    first.kill()
    assert measured(start, "-o", "out") == 0  # the lock is gone with its holder
    assert len(rows(tmp_path / "out")) == 3


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_hand_the_tables_are_whole(strips: Strips, start: Start, tmp_path: Path, sent: signal.Signals) -> None:
    strips(8)
    os.mkfifo(tmp_path / "frozen.png")
    run = start(*MEASURE, "frozen.png", "-o", "out", "--workers", "2")
    wait_until(lambda: journal_lines(tmp_path / "out") >= 3)
    run.process.send_signal(sent)
    assert run.end(timeout_s=SLOW) == 130
    assert run.errors.strip() == "nanogauge: stopped; what was finished is kept"
    found = rows(tmp_path / "out")
    assert len(found) == 9
    left = [r for r in found if r["status"] == "error"]
    assert 1 <= len(left) <= 6
    assert {r["message"].split(": ", 1)[1] for r in left} == {"not measured: stopped"}
    assert measured(start, "-o", "out", "--workers", "2") == 0
    assert {r["status"] for r in rows(tmp_path / "out")} == {"ok"}
