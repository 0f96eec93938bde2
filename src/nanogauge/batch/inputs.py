"""Inputs of a run: which files are meant, what each is called, how far the run has come, what went wrong with one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..core.errors import NanogaugeError, UnreadableFile
from ..core.stores import is_remote, listed
from ..reading import SUFFIXES, is_picture_folder
from ..results.interchange.companions import no_micrographs

OUTPUT_NAMES = {
    "summary.csv", "particles.csv", "particles.parquet", "run.json", "sample.json", "report.html", "report.pdf", "results.xlsx",
    "coco.json", "plots", "micrographs", ".nanogauge", ".removed",
}  # fmt: skip
_LONGEST_NAME_BYTES = 250


def expand(inputs: list[Path]) -> list[Path]:
    """The files of `sort_out`."""
    return sort_out(inputs)[0]


def sort_out(inputs: list[Path]) -> tuple[list[Path], dict[Path, str]]:
    """Files, folders and globs -> files in order, each once; and the pictures of folders and globs that are left out, as they
    are no micrographs, with what they are. A folder stands for the pictures directly in it; an OME-Zarr is one picture, though a
    folder.

    What does not exist stays in the list, so that it is reported as an input that failed. A file that is named is never left out,
    nor is one in an object store, which would have to be fetched to be looked at. Raises UnreadableFile for a URL of nothing.
    """
    files: list[Path] = []
    left_out: dict[Path, str] = {}
    for item in inputs:
        if is_remote(item):
            files += _in_store(item)
            continue
        if item.is_dir() and not is_picture_folder(item):
            try:
                inside = sorted(p for p in item.iterdir() if (p.suffix.lower() in SUFFIXES and _is_file(p)) or is_picture_folder(p))
            except OSError:
                inside = []
        elif is_glob(item) and not item.exists():
            base = Path(item.anchor) if item.is_absolute() else Path()
            pattern = str(item.relative_to(item.anchor)) if item.is_absolute() else str(item)
            inside = sorted(p for p in base.glob(pattern) if p.is_file())
        else:
            files.append(item)
            continue
        found: dict[Path, str] = {}
        for folder in dict.fromkeys(p.parent for p in inside):
            found |= no_micrographs(p for p in inside if p.parent == folder)
        left_out |= found
        files += [p for p in inside if p not in found] or [item]
    files = list(dict.fromkeys(files))
    named = set(files)
    return files, {p: what for p, what in left_out.items() if p not in named}


def _in_store(item: Path) -> list[Path]:
    """The pictures that a URL names, by their names alone: none is read before it is its turn. Raises UnreadableFile."""
    try:
        found = listed(item)
    except FileNotFoundError:
        raise UnreadableFile(f"{item}: no such bucket, folder or object; check the address") from None
    except OSError as error:
        raise UnreadableFile(f"{item}: {error.strerror}; check the address, the credentials and the network") from error
    if found == [item]:
        return found
    pictures = [p for p in found if p.suffix.lower() in SUFFIXES or p.suffix.lower() in PICTURE_FOLDERS]
    if not pictures:
        raise UnreadableFile(f"{item}: no pictures there; looked for {', '.join(sorted(SUFFIXES | PICTURE_FOLDERS))}")
    return pictures


PICTURE_FOLDERS = frozenset({".zarr", ".zspy"})
"""Endings of folders in a store that are taken for one picture each."""


def said_of_left_out(left_out: Mapping[Path, str]) -> str:
    """One line about pictures that are no micrographs; "" where there is none."""
    if not left_out:
        return ""
    shown = ", ".join(f"{p.name} ({what})" for p, what in list(left_out.items())[:5]) + (" …" if len(left_out) > 5 else "")
    one, many = "1 picture is no micrograph of its own", f"{len(left_out)} pictures are no micrographs of their own"
    return f"{one if len(left_out) == 1 else many} and left out: {shown}; to measure one all the same, name the file"


def unique_names(files: list[Path]) -> list[str]:
    """One folder name a file: its stem; where two stems are equal, with the suffix, then a number. Names that differ only in
    case are equal: on some disks they are one folder."""
    often = Counter(f.stem.casefold() for f in files)
    taken: dict[str, int] = {}
    return [folder_name(f, taken, plain=often[f.stem.casefold()] == 1) for f in files]


def folder_name(file: Path, taken: dict[str, int], *, plain: bool = True) -> str:
    """A folder name for one file that is not among `taken`, which it joins; plain: the stem alone, numbered where need be."""
    stem = printable(file.stem)
    plain = plain and bool(stem.strip(". ")) and stem.casefold() not in OUTPUT_NAMES
    name = _cut(stem if plain else printable(file.name).replace(".", "_") or "picture")
    candidate, k = name, taken.get(name.casefold(), 0) + 1
    if k > 1:
        candidate = _cut(name, f"_{k}")
    while candidate.casefold() in taken:
        k += 1
        candidate = _cut(name, f"_{k}")
    taken[name.casefold()] = k
    taken.setdefault(candidate.casefold(), 1)
    return candidate


def _cut(name: str, end: str = "") -> str:
    """A name that fits into a folder's entry, of 255 bytes on most disks."""
    return name.encode()[: _LONGEST_NAME_BYTES - len(end)].decode(errors="ignore") + end


def printable(text: str) -> str:
    """A file's name as text; bytes of it that are no text are written out: "\xff" becomes "_xff"."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\\", "_")
    return text


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
    if file.is_dir() and not is_picture_folder(file):
        if not os.access(file, os.R_OK | os.X_OK):
            raise UnreadableFile(f"{file}: no permission to read this folder; change its access rights")
        if left_out := sort_out([file])[1]:
            raise UnreadableFile(f"{file}: no micrographs in this folder; {said_of_left_out(left_out)}, or see `nanogauge import`")
        raise UnreadableFile(f"{file}: no pictures in this folder; looked for {', '.join(sorted(SUFFIXES))}")
    if is_glob(file) and not file.exists():
        if left_out := sort_out([file])[1]:
            raise UnreadableFile(f"{file}: fits no micrographs; {said_of_left_out(left_out)}, or see `nanogauge import`")
        raise UnreadableFile(f"{file}: no file fits this pattern; check the path")
    return file


def _is_file(path: Path) -> bool:
    """Whether it is a file, or a link that leads nowhere or in a circle: that is an input which fails, not one to pass over."""
    return path.is_file() or (path.is_symlink() and not path.exists())


def is_glob(path: Path) -> bool:
    """Whether a path is a pattern."""
    return any(c in str(path) for c in "*?[")


def problem(error: Exception, file: Path) -> str:
    """One line for what went wrong with one input, naming it; an error nobody foresaw is named as such."""
    text = " ".join(str(error).split())
    if not isinstance(error, NanogaugeError):
        text = f"unexpected {type(error).__name__}: {text[:300]}; please report it with the file"
    return text if text.startswith(f"{file}:") else f"{file}: {text}"
