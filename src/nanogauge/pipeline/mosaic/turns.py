"""Work on several things at a time of which each has a part that must wait for the same part of those before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Event
from typing import Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Turn:
    """`with turn:` waits until all before it are over. Raises CancelledError where one of these has failed."""

    def __init__(self, before: Turn | None = None) -> None:
        self._before = before
        self._over = Event()
        self._failed = False

    def __enter__(self) -> Self:
        before, self._before = self._before, None
        if before is not None:
            before._over.wait()
            self._failed = before._failed
        if self._failed:
            raise CancelledError("what came before has failed")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.end(failed=kind is not None)

    def end(self, *, failed: bool) -> None:
        """Lets the next one begin; of several ends the first counts."""
        if not self._over.is_set():
            self._failed = self._failed or failed
            self._over.set()


def in_turns(work: Callable[[T, Turn], R], items: Iterable[T], n_threads: int) -> Generator[R]:
    """work(item, its turn) of all items, in their order, `n_threads` at a time; items are taken as they are needed, by the caller's
    thread. What work raises is raised here, that of the first item that failed; no item is begun thereafter, nor once the
    iterator is closed."""

    def one(item: T, turn: Turn) -> R:
        failed = True
        try:
            done = work(item, turn)
            failed = False
            return done
        finally:
            turn.end(failed=failed)

    if n_threads < 2:
        for item in items:
            yield one(item, Turn())
        return
    waiting: deque[Future[R]] = deque()
    last: Turn | None = None
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for item in items:
                last = Turn(last)
                waiting.append(pool.submit(one, item, last))
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
