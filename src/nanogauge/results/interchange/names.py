"""Which picture of an annotation file is the micrograph: by name, through what annotation tools do to names.

Label Studio puts eight hex digits before a name and writes underscores for what is no letter; Roboflow writes
`name_jpg.rf.<hash>.jpg`; others drop or change the suffix.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from ...core.errors import AnnotationError

_ROBOFLOW = re.compile(r"(.+)_(png|jpe?g|tiff?|bmp|webp|gif)\.rf\.[0-9a-zA-Z]{8,}", re.IGNORECASE)
_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)", re.IGNORECASE)  # of Label Studio
_NO_LETTER = re.compile(r"[\W_]+")


def base_name(name: Any) -> str:
    """A name or address without folders; of "/data/local-files/?d=set/a.png" too."""
    head, _, query = str(name or "").replace("\\", "/").partition("?")
    base = PurePosixPath(head if PurePosixPath(head).suffix or not query else query.rpartition("=")[2]).name
    return " ".join(unquote(base).split())


def keys(name: Any) -> tuple[str, ...]:
    """What a picture's name is compared by, the surest first: the name, its stem, its stem without what tools add, its letters and
    digits. Names that are equal by an earlier key are surer to mean one picture."""
    base = base_name(name)
    stem = PurePosixPath(base).stem
    plain = _ROBOFLOW.sub(r"\1", stem)
    plain = _PREFIX.sub("", plain, count=1) if _PREFIX.match(plain) else plain
    return base, stem, plain.casefold(), _NO_LETTER.sub("_", plain).strip("_").casefold()


def which(path: Path, names: Sequence[str], wanted: str | None) -> tuple[int, tuple[str, ...]]:
    """Index of the picture that a micrograph's name means, and what to say; the only one where no name is given.

    Raises AnnotationError where none fits, or several do.
    """
    if wanted is None:
        if len(names) == 1:
            return 0, ()
        raise AnnotationError(f"{path}: speaks of {len(names)} images; give the micrograph's file name")
    ours = keys(wanted)
    for level in range(len(ours)):
        found = [k for k, n in enumerate(names) if keys(n)[level] == ours[level]]
        if len(found) == 1:
            said = f"{base_name(names[found[0]])} is taken for {base_name(wanted)}"
            return found[0], (said,) if level >= 2 else ()
        if found:
            shown = ", ".join(base_name(names[k]) for k in found[:3]) + (" …" if len(found) > 3 else "")
            raise AnnotationError(
                f"{path}: {base_name(wanted)} is in it {len(found)} times ({shown}); leave one of them, or export one file a folder"
            )
    seen = ", ".join(base_name(n) for n in names[:3]) or "none"
    raise AnnotationError(f"{path}: no image named {base_name(wanted)} in it (it has {len(names)}: {seen} …); names must be equal")
