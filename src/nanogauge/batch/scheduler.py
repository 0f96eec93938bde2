"""The loop of a run: hands micrographs out, takes what comes back, writes it down."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from ..core.errors import NanogaugeError, OutputError
from ..reporting.run_report import Outputs, collect, write_report
from ..results.run_json import write_run_json
from ..results.run_tables import RunTables
from .executors import Executor, InThisProcess
from .job import Outcome, Task, failure
from .journal import Journal
from .measuring import KEPT
from .progress import RunProgress
from .results import BatchResult
from .sources import POLL_S, Source
from .stage import Stage

LARGE_RUN = 500
"""Micrographs from which particles.parquet is a data set of several files."""
_MOST_LINES = 100  # of failures said one by one
_FULL_IN_A_ROW = 3  # failures for want of space, after which the run ends: measuring on would be in vain
_REPORT_EVERY_S = 60.0


class Run:
    """The state of one run while it goes on."""

    def __init__(
        self,
        source: Source,
        executor: Executor,
        journal: Journal,
        stage: Stage,
        *,
        about: dict[str, Any],
        outputs: Outputs,
        order: bool,
        console: Console,
        quiet: bool,
        classes: bool = False,
    ) -> None:
        self.source, self.executor, self.journal, self.stage, self.out = source, executor, journal, stage, stage.here
        self.about, self.outputs = about, outputs
        self.result = BatchResult(stage.here, journal, [], [], {})
        self.interrupted = False
        self.started = datetime.now(UTC)
        self.n_expected = source.n_expected
        large = self.n_expected is None or self.n_expected > LARGE_RUN
        self._table_options: dict[str, Any] = {"unit_row": outputs.unit_row, "data_set": large, "coco": outputs.coco}
        self._table_options |= {"order": order, "classes": classes}
        self.progress = RunProgress(self.n_expected, console, quiet=quiet)
        self._tables: RunTables | None = None
        self._again = stage.elsewhere  # the tables must be rewritten at the end
        self._next = 0  # index of the next row of the tables
        self._newest: dict[Path, int] = {}
        self._n_full = self._n_said = 0
        self._unreported = 0
        self._reported_at, self._report_took = time.monotonic(), 0.0

    def go(self) -> None:
        try:
            if not self.stage.elsewhere:
                self._tables = RunTables(self.out, **self._table_options).__enter__()
        except OSError as error:
            raise OutputError(
                f"{error.filename or self.out}: cannot write ({error.strerror}); free space or choose another output folder with -o"
            ) from error
        with self.progress:
            try:
                self._measure()
            except KeyboardInterrupt:
                self.interrupted, self.result.stopped = True, "stopped"
            except NanogaugeError as error:  # the cluster is lost
                self.result.stopped = str(error)
            except OSError as error:
                self.result.stopped = f"{error.filename or self.out}: cannot write ({error.strerror})"
            self._give_up_the_rest()
        self._finish()

    def _measure(self) -> None:
        while not self.result.stopped:
            while self.executor.has_room and not self.result.stopped:
                item = self.source.next()
                if item is None:
                    break
                index = len(self.result.items)
                self.result.items.append(item)
                self.result.places.append(None)
                self.executor.submit(Task(index=index, item=item, previous=self.journal.done(item)))
                if isinstance(self.executor, InThisProcess):
                    break
            if not self.executor.n_open:
                if self.source.finished:
                    return
                self._report_in_between()
                time.sleep(min(0.2, POLL_S / 4))
                continue
            for outcome in self.executor.wait(0.5):
                self._take(outcome)

    def _take(self, outcome: Outcome) -> None:
        """Writes down what came of a task, and the rows of the tables that it was waited for."""
        r, item = self.result, self.result.items[outcome.index]
        self._n_full = self._n_full + 1 if outcome.trouble == "disk_full" else 0
        if outcome.row["status"] == KEPT:
            r.places[outcome.index] = self.journal.place(item)
        else:
            try:
                r.places[outcome.index] = self.journal.add(item, outcome)
            except OSError as error:
                r.rows_in_memory[outcome.index] = outcome.row
                r.stopped = r.stopped or f"{error.filename or self.out}: cannot write ({error.strerror}); free space"
        r.n_kept += outcome.kept
        if outcome.aside is not None:
            r.aside.append(outcome.aside)
        before = self._newest.get(item.file)
        if before is not None:
            self._again = True
        self._newest[item.file] = outcome.index
        self._unreported += not outcome.kept
        self.progress.step(failed=outcome.failed, kept=outcome.kept)
        self._advance()
        if self._n_full >= _FULL_IN_A_ROW:
            r.stopped = f"{self.out}: the disk is full; free space"

    def _advance(self) -> None:
        r = self.result
        while self._next < r.n and (r.places[self._next] is not None or self._next in r.rows_in_memory):
            record = r.record(self._next)
            row = record["row"]
            failed = row["status"] == "error"
            if failed:
                r.n_failed += 1
                self._say(str(row["message"]))
            if self._tables is not None:
                try:
                    self._tables.add(row, None if failed else record["name"])
                except OSError:
                    self._drop_tables()
            self._next += 1

    def _say(self, message: str) -> None:
        self._n_said += 1
        if self._n_said <= _MOST_LINES:
            self.progress.say(f"nanogauge: {message}")
        elif self._n_said == _MOST_LINES + 1:
            self.progress.say("nanogauge: more failed; summary.csv has them all")

    def _drop_tables(self) -> None:
        """What is measured is safe in its folders: the tables are rewritten at the end."""
        if self._tables is not None:
            with suppress(OSError):
                self._tables.__exit__(OSError, None, None)
        self._tables, self._again = None, True

    def _give_up_the_rest(self) -> None:
        """Rows for what was not tried, or not finished, where the run ended early."""
        r = self.result
        if not r.stopped:
            return
        with suppress(NanogaugeError):
            for outcome in self.executor.wait(0):
                self._take(outcome)
        if self.n_expected is not None:
            while (item := self.source.next()) is not None:
                r.items.append(item)
                r.places.append(None)
        for k in range(r.n):
            if r.places[k] is None and k not in r.rows_in_memory:
                task = Task(index=k, item=r.items[k])
                r.rows_in_memory[k] = failure(task, f"{r.items[k].file}: not measured: {r.stopped}", trouble="lost").row
                r.n_not_tried += 1
        self._n_said = _MOST_LINES + 1  # one line for all of them
        self._advance()

    def _finish(self) -> None:
        """Tables, run.json and report. Raises OutputError where the tables cannot be written."""
        r = self.result
        try:
            if self._tables is not None:
                self._tables.__exit__(None, None, None)
                self._tables = None
        except OSError:
            self._drop_tables()
        try:
            if self._again:
                self._keep_newest()
                self.stage.gather(map(r.record, range(r.n)), r.n)
                self._write_tables_anew()
            write_run_json(self.out, self._said_of_the_run(), r.inputs())
        except OSError as error:
            said = f"{error.filename or self.out}: cannot write the tables ({error.strerror}); what was measured is kept"
            raise OutputError(f"{said}; free space and run the same command again") from error
        if self.outputs.report and not self.interrupted:
            self._report()

    def _said_of_the_run(self) -> dict[str, Any]:
        return {
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": (datetime.now(UTC) - self.started).total_seconds(),
            "n_workers": self.executor.n_workers,
            "n_kept": self.result.n_kept,
            "stopped": self.result.stopped or None,
            **self.about,
        }

    def _keep_newest(self) -> None:
        """Of files that were measured more than once, as they changed while they were watched, the newest row."""
        r = self.result
        kept = [k for k in range(r.n) if self._newest.get(r.items[k].file, k) == k]
        number = {k: i for i, k in enumerate(kept)}
        rows = {number[k]: row for k, row in r.rows_in_memory.items() if k in number}
        r.items, r.places = [r.items[k] for k in kept], [r.places[k] for k in kept]
        r.rows_in_memory.clear()
        r.rows_in_memory.update(rows)
        r.n_failed = sum(row["status"] == "error" for row in r.rows())

    def _write_tables_anew(self) -> None:
        tables = RunTables(self.out, **self._table_options, mark=".new-")
        with tables:
            for name, row in self.result.entries():
                tables.add(row, name)
        tables.put_in_place()

    def _report_in_between(self) -> None:
        """While a folder is watched: tables and report as they are now, where there is something new and time for it."""
        since = time.monotonic() - self._reported_at
        if self.n_expected is not None or not self._unreported or since < max(_REPORT_EVERY_S, 10 * self._report_took):
            return
        if self._tables is not None:
            try:
                self._tables.flush()
            except OSError:
                self._drop_tables()
        if self.outputs.report and not self._again:
            self._report()

    def _report(self) -> None:
        begun = time.monotonic()
        self._unreported = 0
        r = self.result
        r.report_error = ""
        try:
            collected = collect(self.out, r.entries(), n=r.n, sample=self.outputs.sample or self.out.resolve().name)
            samples = write_report(self.out, collected, self.outputs, started=self.started.strftime("%Y-%m-%d %H:%M UTC"))
            r.sample_warnings = tuple(w for s in samples if s.n_micrographs > 1 for w in s.warnings)
        except OSError as error:
            r.report_error = f"{error.filename or self.out}: cannot write the report ({error.strerror}); free space"
        except NanogaugeError as error:
            r.report_error = str(error)
        except Exception as error:  # hours of measuring must not end in a traceback: tables and folders are there
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            r.report_error = f"{self.out}: the report could not be made (unexpected {said}); please report it"
        self._reported_at = time.monotonic()
        self._report_took = self._reported_at - begun
