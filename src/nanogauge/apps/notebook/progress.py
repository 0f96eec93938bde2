"""How far a sequence has come: a bar in a terminal, and one in a notebook, which needs no widgets."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console

from ...batch.inputs import progress


def progress_bar(n: int, *, show: bool) -> AbstractContextManager[Callable[[str], None]]:
    """Call what it gives with a name after each of n steps. Shows nothing where nobody looks."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if show and hasattr(shell, "kernel"):
        return _in_notebook(n)
    return progress(n, Console(stderr=True), quiet=not show)


@contextmanager
def _in_notebook(n: int) -> Iterator[Callable[[str], None]]:
    from IPython.display import HTML, display

    done = 0
    handle = display(HTML(_bar(0, n, "")), display_id=True)

    def step(name: str) -> None:
        nonlocal done
        done += 1
        handle.update(HTML(_bar(done, n, name)))

    try:
        yield step
    finally:
        handle.update(HTML(_bar(done, n, "")))


def _bar(done: int, n: int, name: str) -> str:
    return f'<progress value="{done}" max="{n}"></progress> {done} of {n} {html.escape(name)}'
