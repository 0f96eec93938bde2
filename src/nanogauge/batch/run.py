"""A run over many micrographs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from ..core.settings import Settings
from ..core.stores import is_remote
from ..detection.engines import ENGINES, make_engine
from ..pipeline.measure import Measurer
from ..reporting import MOST_CARDS
from ..reporting.run_report import MOST_WHOLE_PAGES, Outputs
from .executors import Executor, InThisProcess, LocalWorkers, parse_workers
from .job import Job, Pages
from .results import BatchResult
from .run_lock import RunState
from .scheduler import Run
from .sources import Source, Watched
from .stage import staged


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """workers: "auto" or a number of processes; cluster: a Dask scheduler's address, or "local"; time_limit_s: for one micrograph;
    fresh: measure everything again"""

    workers: str = "auto"
    cluster: str | None = None
    time_limit_s: float | None = None
    fresh: bool = False


@contextmanager
def run_batch(
    source: Source,
    out: Path,
    *,
    settings: Settings,
    about: dict[str, Any],
    outputs: Outputs,
    options: BatchOptions,
    annotated: bool = False,
    quiet: bool = False,
    console: Console | None = None,
) -> Iterator[BatchResult]:
    """Measures what the source gives into OUT, a folder or a place in an object store, and yields what became of it while OUT is
    still locked.

    about: what run.json says of engine, settings and the command

    Raises OutputError where OUT cannot be written or another run writes there, EngineError where the network cannot be loaded,
    SettingsError for options that make no sense.
    """
    n = source.n_expected
    console = console or Console(stderr=True)
    pages: Pages = "none" if n is not None and n <= MOST_CARDS else "linked" if n is None or n > MOST_WHOLE_PAGES else "whole"
    job = Job(
        out=out if is_remote(out) else out.absolute(),
        base=Path.cwd(),
        settings=settings,
        unit_row=outputs.unit_row,
        coco=outputs.coco,
        ome=outputs.ome,
        pages=pages if outputs.report else "none",
        pdf_info=outputs.info if outputs.pdf_each else None,
        annotated=annotated,
    )
    n_workers = parse_workers(options.workers, n_files=n)
    name = settings.segment.engine
    if not annotated and name not in ENGINES and not Path(name).is_file():
        make_engine(name)  # says what is wrong with it before anything is written
    with staged(out) as stage, RunState(stage.here, fresh=options.fresh) as state:
        if isinstance(source, Watched):
            source.known_name = state.journal.name_of
        executor = _executor(job, n_workers, options)
        killed = True
        try:
            ready = executor.start()
            if not annotated:
                about = about | {"engine": {"name": ready.engine, "sha256": ready.sha256}}
            settings = settings.replace("classes", by=ready.classes_by)
            job = replace(job, engine_sha256=ready.sha256, settings=settings)
            executor.use(job)
            shown: dict[str, Any] = {"console": console, "quiet": quiet}
            shown |= {"order": settings.arrangement.order, "classes": settings.classes.wanted}
            run = Run(source, executor, state.journal, stage, about=about, outputs=outputs, **shown)
            with _terminate_as_interrupt():
                run.go()
                stage.put_up()
            killed = bool(run.result.stopped)
        finally:
            executor.close(kill=killed)
        if run.interrupted:
            raise KeyboardInterrupt
        yield run.result


def _executor(job: Job, n_workers: int, options: BatchOptions) -> Executor:
    if options.cluster is not None:
        from .cluster import DaskCluster

        return DaskCluster(job, options.cluster, n_workers=max(n_workers, 1), time_limit_s=options.time_limit_s)
    if n_workers == 0 and options.time_limit_s is None:
        return InThisProcess(job, Measurer(job.settings, n_threads=job.n_threads))
    return LocalWorkers(job, max(n_workers, 1), time_limit_s=options.time_limit_s)


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """What a job scheduler sends before it kills is taken for Ctrl-C, so that the tables are finished."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
