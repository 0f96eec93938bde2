"""What a run prints at the end: one line per micrograph, beside the truth where it is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from ...core.scale import format_length
from ...core.stores import is_remote


def stdout() -> Console:
    """The terminal; a wide page, so that no line is broken, where output goes to a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, 160))


MOST_LINES = 200
"""Micrographs listed one by one; of a larger run only how many there are of each status."""


def print_line(console: Console, text: str) -> None:
    """A line as it is: no markup, no colours of its own, not wrapped."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_summary(rows: Iterable[dict[str, Any]], files: list[Path], out: Path, console: Console, *, report: bool = True) -> None:
    """What was measured, one line per micrograph; beside it the truth, where a truth.csv lies beside the micrographs.

    report: whether there is one to look at
    """
    look = out / ("report.html" if report else "summary.csv")
    if len(files) > MOST_LINES:
        _print_counts(rows, look, console)
        return
    rows = list(rows)
    truths = {folder: {} if is_remote(folder) else _read_truth(folder) for folder in {f.parent for f in files}}
    known = any(truths.values())
    table = Table(box=None, pad_edge=False, header_style="bold")
    keys = ("mean", "d50") if known else ("mean", "d10", "d50", "d90")
    for heading in ("micrograph", "status", "nm/px", "n", *keys, *(("true nm/px", "true mean", "error") if known else ())):
        left = heading in ("micrograph", "status")
        table.add_column(heading, justify="left" if left else "right", overflow="fold", no_wrap=heading != "micrograph")
    for row, file in zip(rows, files, strict=True):
        cells = _cells(row, file, keys)
        truth = truths[file.parent].get(file.name)
        if known:
            cells += _truth_cells(row, truth)
        table.add_row(*cells)
    console.print(table)
    bad = [r for r in rows if r["status"] == "error"]
    notes = [r for r in rows if r.get("message") and r["status"] != "error"]
    for r in notes[:10]:
        console.print(f"{Path(r['file']).name}: {r['message']}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if len(notes) > 10:
        console.print(f"… and {len(notes) - 10} more notes in summary.csv", style="yellow")
    done = f"{len(rows) - len(bad)} of {len(rows)} measured. Look at {look}"
    console.print(done, markup=False, highlight=False, soft_wrap=True)


def print_classes(out: Path, console: Console) -> None:
    """How many particles of the run are of each class, as its table has them; nothing where it has none."""
    if "class" not in pd.read_csv(out / "particles.csv", nrows=0):
        return
    counts = Counter[str]()
    for part in pd.read_csv(out / "particles.csv", usecols=["class"], dtype=str, keep_default_na=False, chunksize=100_000):
        counts.update(part["class"])
    counts.pop("", None)
    if counts:
        of_each = ", ".join(f"{name} {n}" for name, n in counts.most_common())
        console.print(f"Classes: {of_each}", markup=False, highlight=False, soft_wrap=True)


def _print_counts(rows: Iterable[dict[str, Any]], look: Path, console: Console) -> None:
    status, n_particles, n_notes = Counter[str](), 0, 0
    for row in rows:
        status[row["status"]] += 1
        n_particles += row.get("n_particles") or 0
        n_notes += bool(row.get("message")) and row["status"] != "error"
    of_each = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in status.most_common())
    notes = f"; {n_notes} with a note in summary.csv" if n_notes else ""
    n_measured = status.total() - status["error"]
    done = f"{n_measured} of {status.total()} measured ({of_each}{notes}), {n_particles} particles. Look at {look}"
    console.print(done, markup=False, highlight=False, soft_wrap=True)


def _cells(row: dict[str, Any], file: Path, keys: tuple[str, ...]) -> list[str]:
    if row["status"] == "error":
        return [file.name, "error", "", "", *("" for _ in keys)]
    unit = "nm" if row["nm_per_px"] else "px"

    def show(key: str) -> str:
        v = row.get(f"{key}_{unit}")
        return "–" if v is None else format_length(v, digits=3) if unit == "nm" else f"{v:.4g} px"

    scale = f"{row['nm_per_px']:.4g}" if row["nm_per_px"] else "none"
    return [file.name, row["status"], scale, str(row["n_particles"]), *(show(k) for k in keys)]


def _truth_cells(row: dict[str, Any], truth: dict[str, float] | None) -> list[str]:
    if truth is None:
        return ["", "", ""]
    mean, measured = truth["mean_equivalent_diameter_nm"], row.get("mean_nm")
    if not mean > 0:  # no particle whose centre lies in the frame
        return [f"{truth['nm_per_px']:.4g}", "–", "–"]
    error = f"{100 * (measured / mean - 1):+.1f} %" if measured else "–"
    return [f"{truth['nm_per_px']:.4g}", format_length(mean, digits=3), error]


def _read_truth(folder: Path) -> dict[str, dict[str, float]]:
    """truth.csv beside rendered micrographs: file -> figures; empty where there is none or it is something else."""
    path = next((p for p in (folder / "truth.csv", folder.parent / "truth.csv") if p.is_file()), None)
    if path is None:
        return {}
    try:
        table = pd.read_csv(path)
        return {r["file"]: {k: float(r[k]) for k in ("nm_per_px", "mean_equivalent_diameter_nm")} for _, r in table.iterrows()}
    except (OSError, ValueError, KeyError):
        return {}
