"""Inputs of a run: which files are meant, what each is called, how far the run has come, what went wrong with one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from .errors import NanogaugeError, UnreadableFile
from .formats import SUFFIXES

OUTPUT_NAMES = {
    "summary.csv", "particles.csv", "particles.parquet", "run.json", "sample.json", "report.html", "report.pdf", "results.xlsx",
    "coco.json", "plots",
}  # fmt: skip


def expand(inputs: list[Path]) -> list[Path]:
    """Files, folders and globs -> files in order, each once. A folder stands for the pictures directly in it.

    What does not exist stays in the list, so that it is reported as an input that failed.
    """
    files: list[Path] = []
    for item in inputs:
        if item.is_dir():
            try:
                inside = sorted(p for p in item.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
            except OSError:
                inside = []
            files += inside or [item]
        elif _is_glob(item) and not item.exists():
            base = Path(item.anchor) if item.is_absolute() else Path()
            pattern = str(item.relative_to(item.anchor)) if item.is_absolute() else str(item)
            files += sorted(p for p in base.glob(pattern) if p.is_file()) or [item]
        else:
            files.append(item)
    return list(dict.fromkeys(files))


def unique_names(files: list[Path]) -> list[str]:
    """One folder name a file: its stem; where two stems are equal, with the suffix, then a number. Names that differ only in
    case are equal: on some disks they are one folder."""
    often = Counter(f.stem.casefold() for f in files)
    names: dict[str, str] = {}
    for f in files:
        plain = often[f.stem.casefold()] == 1 and f.stem.strip(". ") and f.stem.casefold() not in OUTPUT_NAMES
        name = f.stem if plain else f.name.replace(".", "_") or "picture"
        candidate, k = name, 2
        while candidate.casefold() in names:
            candidate, k = f"{name}_{k}", k + 1
        names[candidate.casefold()] = candidate
    return list(names.values())


@contextmanager
def progress(n: int, console: Console, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A progress bar where there is more than one file and someone to see it."""
    if quiet or n < 2 or not console.is_terminal:
        yield lambda name: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=n)

        def step(name: str) -> None:
            bar.update(task, advance=1, description=name[-40:])

        yield step


def picture(file: Path) -> Path:
    """The file itself, unless it is a folder or glob that `expand` found no pictures in: UnreadableFile says so."""
    if file.is_dir():
        if not os.access(file, os.R_OK | os.X_OK):
            raise UnreadableFile(f"{file}: no permission to read this folder; change its access rights")
        raise UnreadableFile(f"{file}: no pictures in this folder; looked for {', '.join(sorted(SUFFIXES))}")
    if _is_glob(file) and not file.exists():
        raise UnreadableFile(f"{file}: no file fits this pattern; check the path")
    return file


def _is_glob(path: Path) -> bool:
    return any(c in str(path) for c in "*?[")


def problem(error: Exception, file: Path) -> str:
    """One line for what went wrong with one input, naming it; an error nobody foresaw is named as such."""
    text = " ".join(str(error).split())
    if not isinstance(error, NanogaugeError):
        text = f"unexpected {type(error).__name__}: {text[:300]}; please report it with the file"
    return text if text.startswith(f"{file}:") else f"{file}: {text}"
