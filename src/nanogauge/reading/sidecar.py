"""The text file some microscopes write beside the picture (same stem, .txt or .hdr, in any case)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from .contract import Facts
from .makers import MAKERS
from .text import decode

MOST_BYTES = 1_000_000


def read_sidecar(path: Path, shape: tuple[int, int]) -> tuple[str, Facts | None, tuple[str, ...]]:
    """Maker's name, facts and notes of the sidecar of `path`, a picture of (H, W); ("", None, ()) where there is none.

    A neighbour of that name which no maker knows is some other text and is passed over.
    """
    notes: list[str] = []
    for candidate in sidecar_files(path):
        try:
            found = facts_in(candidate, shape)
        except OSError as error:
            notes.append(f"{candidate.name} beside the picture cannot be read ({error.strerror or error})")
            continue
        if found is not None:
            return *found, (*notes, f"instrument data from {candidate.name}")
    return "", None, tuple(notes)


def facts_in(text_file: Path, shape: tuple[int, int]) -> tuple[str, Facts] | None:
    """Maker's name and facts that a text file states of a picture of (H, W); None where no maker knows it. Raises OSError."""
    if text_file.stat().st_size > MOST_BYTES:
        return None
    text = decode(text_file.read_bytes())
    for maker in MAKERS:
        facts = maker.from_sidecar(text, shape) if maker.from_sidecar else None
        if facts is not None:
            return maker.name, facts
    return None


def sidecar_files(path: Path) -> list[Path]:
    """Neighbours that may describe `path`, the most specific first: a-tif.hdr, a.tif.hdr, a.hdr, a.tif.txt, a.txt."""
    wanted = sidecar_names(path)
    try:
        changed = path.parent.stat().st_mtime_ns
        texts = _texts(path.parent, changed)
    except OSError:
        return []
    found = [path.parent / name for lower in wanted for name in texts.get(lower, ()) if name != path.name]
    return sorted((p for p in found if p.is_file()), key=lambda p: (wanted[p.name.lower()], p.stem != path.stem, p.name))


def sidecar_names(path: Path) -> dict[str, int]:
    """Names in lower case that a neighbour describing `path` may have, and the rank of each, 0 for the most specific."""
    suffix = path.suffix.lstrip(".")
    names = [f"{path.stem}-{suffix}.hdr", f"{path.name}.hdr", f"{path.stem}.hdr", f"{path.name}.txt", f"{path.stem}.txt"]
    return {name.lower(): rank for rank, name in reversed(list(enumerate(names)))}


def belongs_to(path: Path) -> Callable[[str], bool]:
    """Whether a neighbour of that name is read with `path`: a text that describes it, or the pictures of an emi file."""
    names = sidecar_names(path)
    pictures = re.compile(re.escape(path.stem) + r"_\d+\.ser", re.IGNORECASE) if path.suffix.lower() == ".emi" else None
    return lambda name: name.lower() in names or (pictures is not None and pictures.fullmatch(name) is not None)


@lru_cache(maxsize=4)
def _texts(folder: Path, changed: int) -> dict[str, list[str]]:
    """Text files of a folder, by their names in lower case; read once as long as the folder does not change, for a folder may hold
    tens of thousands of micrographs."""
    found: dict[str, list[str]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.lower().endswith((".txt", ".hdr")):
                found.setdefault(entry.name.lower(), []).append(entry.name)
    return found
