"""How far a run has come: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

_EVERY_S = 60.0  # between lines of the log
_MEMORY_S = 60.0  # over which the rate is taken


class RunProgress:
    """Done, failed, rate and time left. n: micrographs expected, None where more may come.

    quiet: shows nothing; a run of one micrograph shows nothing either
    """

    def __init__(self, n: int | None, console: Console, *, quiet: bool = False, every_s: float = _EVERY_S) -> None:
        self.n, self.console, self.every_s = n, console, every_s
        self.n_done = self.n_failed = self.n_kept = 0
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._begun = self._said = time.monotonic()
        self._recent: list[tuple[float, int]] = [(self._begun, 0)]
        self._shown = not quiet and n != 1
        if self._shown and console.is_terminal:
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            self._bar = Progress(*columns, console=console, transient=True)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("", total=self.n)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, *, failed: bool = False, kept: bool = False) -> None:
        """One micrograph more."""
        self.n_done += 1
        self.n_failed += failed
        self.n_kept += kept
        now = time.monotonic()
        measured = self.n_done - self.n_kept
        if now - self._recent[-1][0] >= 1:
            self._recent = [*(r for r in self._recent if now - r[0] <= _MEMORY_S), (now, measured)]
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self.n_done, total=self.n, description=self.text())
        elif self._shown and now - self._said >= self.every_s:
            self._said = now
            of = "" if self.n is None else f" of {self.n}"
            self.say(f"{self.n_done}{of} done, {self.text()}")

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def text(self) -> str:
        """ "3 failed, 120 kept, 2.1 a second, 12 min left"."""
        parts = [f"{self.n_failed} failed"]
        if self.n_kept:
            parts.append(f"{self.n_kept} kept from before")
        rate = self.rate
        if rate:
            parts.append(f"{rate:.2g} a second" if rate >= 0.5 else f"{1 / rate:.2g} s each")
            if self.n is not None and self.n > self.n_done:
                parts.append(f"{duration((self.n - self.n_done) / rate)} left")
        return ", ".join(parts)

    @property
    def rate(self) -> float:
        """Micrographs measured a second, over the last minute; 0 where there is nothing to go by."""
        (then, before), now = self._recent[0], time.monotonic()
        done = self.n_done - self.n_kept - before
        return done / (now - then) if done and now > then else 0.0


def duration(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
