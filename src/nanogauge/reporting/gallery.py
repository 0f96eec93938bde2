"""Pictures of the micrographs to look at, for a run too large to show them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from ..core.errors import UnreadableFile
from ..results.figures import jpeg_bytes

MOST_THUMBNAILS = 24
_THUMBNAIL_PX = 320


@dataclass(frozen=True)
class Doubtful:
    """A micrograph to look at: its file, why, a small JPEG of its overlay, the address of its page."""

    title: str
    message: str
    link: str
    thumbnail: bytes = field(repr=False)


def doubtful(folder: Path, row: Mapping[str, Any], *, link: str) -> Doubtful:
    """Of a micrograph's folder and its row of summary.csv. Raises UnreadableFile."""
    try:
        with Image.open(folder / "overlay.png") as picture:
            small = jpeg_bytes(picture, longest=_THUMBNAIL_PX)
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{folder / 'overlay.png'}: damaged; measure again") from error
    why = str(row["message"] or str(row["status"]).replace("_", " "))
    return Doubtful(Path(str(row["file"])).name, why, link, small)
