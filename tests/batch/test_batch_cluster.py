"""A Dask cluster of a scheduler and two workers on loopback: the same tables; a worker, then the scheduler, killed."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from batch_runs import MEASURE, Running, journal_lines, rows, tables, wait_until

from nanogauge.apps.cli.main import main

pytestmark = pytest.mark.slow

pytest.importorskip("distributed", reason="needs dask: pip install nanogauge[cluster]")
Start = Callable[..., Running]


class Cluster:
    """A scheduler and workers without nannies: one that is killed stays dead."""

    def __init__(self, start: Start) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        quiet = ("--no-dashboard",)
        self.scheduler = start("--host", "127.0.0.1", "--port", port, *quiet, module="distributed.cli.dask_scheduler")
        options = ("--nthreads", "1", "--no-nanny", *quiet)
        self.workers = [start(self.address, *options, module="distributed.cli.dask_worker") for _ in range(2)]
        wait_until(lambda: self.scheduler.errors.count("Register worker") + self.scheduler.errors.count("Starting worker") >= 2)


def test_two_workers_give_the_tables_of_a_run_without_a_cluster(strips: Callable[..., Path], start: Start, tmp_path: Path) -> None:
    (strips(24) / "p005b.png").write_text("no picture at all")
    assert start(*MEASURE, "-o", "alone", "--workers", "1").end() == 1
    wanted = tables(tmp_path / "alone")
    cluster = Cluster(start)

    assert start(*MEASURE, "-o", "both", "--cluster", cluster.address).end() == 1
    assert tables(tmp_path / "both") == wanted

    run = start(*MEASURE, "-o", "one", "--cluster", cluster.address)
    wait_until(lambda: journal_lines(tmp_path / "one") >= 4)
    cluster.workers[0].kill()
    assert run.end() == 1
    assert tables(tmp_path / "one") == wanted

    run = start(*MEASURE, "-o", "lost", "--cluster", cluster.address)
    wait_until(lambda: journal_lines(tmp_path / "lost") >= 3)
    cluster.scheduler.kill()
    assert run.end() == 1
    last = run.errors.strip().splitlines()[-1]
    assert last.startswith("nanogauge: ")
    assert f"not measured: {cluster.address}: the scheduler is lost; the same command again measures what is missing" in last
    assert "Traceback" not in run.errors
    assert len(rows(tmp_path / "lost")) == 25
    assert start(*MEASURE, "-o", "lost", "--workers", "1").end() == 1
    assert tables(tmp_path / "lost") == wanted


def test_no_scheduler_is_one_line(
    strips: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nanogauge.batch import cluster

    strips(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster, "CONNECT_S", 1.0)
    with pytest.raises(SystemExit) as end:
        main([*MEASURE, "-o", "out", "--cluster", "tcp://127.0.0.1:9"])
    assert end.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("nanogauge: tcp://127.0.0.1:9: no Dask scheduler answers there")
