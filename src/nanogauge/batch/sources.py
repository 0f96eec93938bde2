"""Where a run's inputs come from: a list that is known, or a folder that fills."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from .inputs import folder_name, sort_out
from .job import Item

POLL_S = 2.0
"""Between looks at a folder that is watched. Looking works on network drives too, which tell nobody of new files."""
_EMPTY_S = 30.0  # an empty file is taken for one that is just being made


class Source(Protocol):
    """Items in the order in which their rows are to stand."""

    n_expected: int | None

    @property
    def finished(self) -> bool:
        """Whether no item will come any more."""
        ...

    def next(self) -> Item | None:
        """The next item; None where there is none yet."""
        ...


class Listed:
    """Items that are known."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._left = deque(items)
        self.n_expected: int | None = len(self._left)

    @property
    def finished(self) -> bool:
        return not self._left

    def next(self) -> Item | None:
        return self._left.popleft() if self._left else None


@dataclass
class _Seen:
    stamp: tuple[int, int]
    since: float
    taken: bool = False


@dataclass
class Watched:
    """Pictures of folders and globs as they come. A file is taken when it has stopped growing: its length and time of change were
    the same at two looks `settle_s` apart; one that changes afterwards is taken again.

    item: file and folder name -> Item, with the scale that the user states for it
    known_name: the folder name that an earlier run gave to a file, None for a new one
    say_left_out: told once of each picture that is no micrograph, and what it is
    idle_s: stops when nothing new has arrived for this long; None: goes on until it is stopped
    """

    inputs: list[Path]
    item: Callable[[Path, str], Item]
    known_name: Callable[[Path], str | None] = lambda file: None
    say_left_out: Callable[[dict[Path, str]], None] = lambda left_out: None
    idle_s: float | None = None
    settle_s: float = POLL_S
    n_expected: int | None = None
    _seen: dict[Path, _Seen] = field(default_factory=dict)
    _left_out: dict[Path, str] = field(default_factory=dict)
    _names: dict[Path, str] = field(default_factory=dict)
    _taken: dict[str, int] = field(default_factory=dict)
    _ready: deque[Path] = field(default_factory=deque)
    _looked: float = -1e9
    _last_new: float = field(default_factory=time.monotonic)

    def next(self) -> Item | None:
        if not self._ready and time.monotonic() - self._looked >= self.settle_s:
            self._look()
        if not self._ready:
            return None
        file = self._ready.popleft()
        self._last_new = time.monotonic()
        return self.item(file, self._name(file))

    @property
    def finished(self) -> bool:
        waiting = any(not s.taken for s in self._seen.values())
        return self.idle_s is not None and not self._ready and not waiting and time.monotonic() - self._last_new > self.idle_s

    def _look(self) -> None:
        self._looked = now = time.monotonic()
        files, left_out = sort_out(self.inputs)
        new = {p: what for p, what in left_out.items() if p not in self._left_out}
        if new:
            self._left_out |= new
            self.say_left_out(new)
        for file in files:
            try:
                s = file.stat()
            except (OSError, ValueError):
                continue  # gone again, or a folder that is still empty
            if file.is_dir():
                continue
            stamp = (s.st_size, s.st_mtime_ns)
            seen = self._seen.get(file)
            if seen is None or seen.stamp != stamp:
                self._seen[file] = _Seen(stamp, now)
                self._last_new = now
            elif not seen.taken and now - seen.since >= (self.settle_s if s.st_size else _EMPTY_S):
                seen.taken = True
                self._ready.append(file)

    def _name(self, file: Path) -> str:
        if file not in self._names:
            known = self.known_name(file)
            if known and known.casefold() not in self._taken:
                self._taken[known.casefold()] = 1
                self._names[file] = known
            else:
                self._names[file] = folder_name(file, self._taken, plain=file.stem.casefold() not in self._taken)
        return self._names[file]
