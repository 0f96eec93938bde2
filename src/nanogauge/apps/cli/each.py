"""What commands do alike that look at one micrograph after the other: which files, a row for each, and what is said at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from ...batch.inputs import problem, said_of_left_out, sort_out
from ...core.scale import Scale
from ...scale.user_scale import stated_scale, user_scales
from .summary import print_line, stdout

Row = dict[str, Any]


def given(
    inputs: list[Path], *, scale: str | None, scale_bar: str | None, bar_px: str | None
) -> tuple[list[Path], dict[Path, Scale]]:
    """The micrographs among the inputs and the scales that the user states for them; says what was left out."""
    files, left_out = sort_out(inputs)
    say_left_out(left_out)
    return files, user_scales(files, inputs, stated_scale(scale=scale, scale_bar=scale_bar, bar_px=bar_px))


def say_left_out(left_out: Mapping[Path, str]) -> None:
    if left_out:
        print_line(Console(stderr=True), f"nanogauge: {said_of_left_out(left_out)}")


def row_of(source: Path, work: Callable[[], tuple[Path, Row]]) -> Row:
    """The row of one file: the folder with its results and what `work` found, or what went wrong; one never stops the others."""
    try:
        folder, found = work()
    except Exception as error:
        return {"file": str(source), "status": "error", "message": problem(error, source)}
    return {"file": str(source), "status": "ok", "folder": str(folder)} | found


def say_look(folders: list[str], name: str) -> None:
    """Where to look first, of the folders with results."""
    print_line(stdout(), f"Look at {folders[0]}/{name}" + (f" and {len(folders) - 1} more" if len(folders) > 1 else ""))


def say_errors(rows: list[Row]) -> int:
    """A line for each that failed; 0: all went well, 1: some failed, or there was none."""
    failed = [r for r in rows if r["status"] == "error"]
    for r in failed:
        print_line(Console(stderr=True), f"nanogauge: {r['message']}")
    return 1 if failed or not rows else 0
