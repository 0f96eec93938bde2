"""The text file some microscopes write beside the picture (same stem, .txt or .hdr, in any case)."""

from __future__ import annotations

from pathlib import Path

from .contract import Facts
from .makers import MAKERS
from .text import decode

_MAX_BYTES = 1_000_000


def read_sidecar(path: Path, shape: tuple[int, int]) -> tuple[str, Facts | None, tuple[str, ...]]:
    """Maker's name, facts and notes of the sidecar of `path`, a picture of (H, W); ("", None, ()) where there is none.

    A neighbour of that name which no maker knows is some other text and is passed over.
    """
    notes: list[str] = []
    for candidate in _candidates(path):
        try:
            if candidate.stat().st_size > _MAX_BYTES:
                continue
            text = decode(candidate.read_bytes())
        except OSError as error:
            notes.append(f"{candidate.name} beside the picture cannot be read ({error.strerror or error})")
            continue
        for maker in MAKERS:
            facts = maker.from_sidecar(text, shape) if maker.from_sidecar else None
            if facts is not None:
                return maker.name, facts, (*notes, f"instrument data from {candidate.name}")
    return "", None, tuple(notes)


def _candidates(path: Path) -> list[Path]:
    """Neighbours that may describe `path`, the most specific first: a-tif.hdr, a.tif.hdr, a.hdr, a.tif.txt, a.txt."""
    suffix = path.suffix.lstrip(".")
    names = [f"{path.stem}-{suffix}.hdr", f"{path.name}.hdr", f"{path.stem}.hdr", f"{path.name}.txt", f"{path.stem}.txt"]
    wanted = {name.lower(): rank for rank, name in reversed(list(enumerate(names)))}
    try:
        found = [p for p in path.parent.iterdir() if p.name.lower() in wanted and p.name != path.name]
    except OSError:
        return []
    return sorted((p for p in found if p.is_file()), key=lambda p: (wanted[p.name.lower()], p.stem != path.stem, p.name))
