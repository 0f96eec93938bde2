"""The crate of a results folder, written into it or packed."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.errors import OutputError
from ..run_json import run_about
from .facts import CrateFacts
from .graph import CRATE_JSON, PART, PICTURES, crate_of

_SAFE = re.compile(r"[^\w./-]+")  # what no address may hold unescaped; notebooks do not undo escapes


def write_crate(out: Path, facts: CrateFacts) -> Path:
    """OUT/ro-crate-metadata.json, which makes a results folder an RO-Crate. Raises UnreadableFile, OutputError, SettingsError."""
    crate = crate_of(out, facts, [(p, p.relative_to(out).as_posix()) for p in _files(out)])
    path = out / CRATE_JSON
    try:
        path.write_text(_text(crate), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); check the folder's access rights") from error
    return path


def pack_crate(out: Path, file: Path, facts: CrateFacts, *, micrographs: bool = False) -> Path:
    """A results folder packed into FILE, .eln or .zip; micrographs: with those that were measured, where they still are.

    Raises UnreadableFile, OutputError, SettingsError.
    """
    if file.suffix.lower() not in (".zip", ".eln"):
        raise OutputError(f"{file}: a crate is packed as .zip or .eln; give such a name")
    files = [(p, f"{PART}{name}") for p, name in _safe(out, [p for p in _files(out) if p.resolve() != file.resolve()])]
    if micrographs:
        given = [p for p in (Path(str(i.get("file"))) for i in run_about(out).get("inputs") or ()) if p.is_file()]
        files += [(p, f"{PICTURES}{name}") for p, name in _safe(None, given)]
    crate = crate_of(out, facts, files, part=PART)
    top = f"{_SAFE.sub('_', file.stem)}/" if file.suffix.lower() == ".eln" else ""
    temporary = file.with_name(f".{file.name}.new")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{top}{CRATE_JSON}", _text(crate))
            for path, name in files:
                with (
                    path.open("rb") as source,
                    archive.open(zipfile.ZipInfo.from_file(path, top + name, strict_timestamps=False), "w") as target,
                ):
                    shutil.copyfileobj(source, target, 1 << 20)
        temporary.replace(file)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written ({error.strerror}); free space or choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)
    return file


def _text(crate: dict[str, Any]) -> str:
    return json.dumps(crate, indent=1, ensure_ascii=False) + "\n"


def _files(out: Path) -> list[Path]:
    """All files of a run but hidden ones and an earlier crate."""
    found = sorted(p for p in out.rglob("*") if p.is_file() and not any(part.startswith(".") for part in p.relative_to(out).parts))
    return [p for p in found if p != out / CRATE_JSON]


def _safe(base: Path | None, files: Sequence[Path]) -> list[tuple[Path, str]]:
    """Files with names that may stand in an address as they are, each once."""
    taken: set[str] = set()
    named = []
    for path in files:
        name = _SAFE.sub("_", path.name if base is None else path.relative_to(base).as_posix())
        candidate, k = name, 1
        while candidate.casefold() in taken:
            k += 1
            stem, dot, suffix = name.rpartition(".")
            candidate = f"{stem}_{k}{dot}{suffix}" if dot else f"{name}_{k}"
        taken.add(candidate.casefold())
        named.append((path, candidate))
    return named
