"""Files that are there whole or not at all, whenever who writes them is stopped."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.errors import OutputError


def write_atomic(path: Path, content: str | bytes) -> None:
    """A file, replaced in one step. Raises OutputError where it cannot be."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as f:
            f.write(content.encode() if isinstance(content, str) else content)
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot write ({error.strerror}); free space, or check the folder's access rights") from error
