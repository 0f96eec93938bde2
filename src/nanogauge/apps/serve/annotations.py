"""ROIs and labels dropped onto a micrograph: read in a process of its own, kept until a person says what to do with them."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import EditError, NanogaugeError
from .uploads import INCOMING, Limits, receive, safe_name
from .worker import Worker

MOST_BYTES = 300_000_000
_SECONDS = 120.0


async def receive_annotation(chunks: AsyncIterator[bytes], root: Path, given_name: str, *, announced_bytes: int | None) -> Path:
    """A file under its own name made harmless, as readers go by its ending, in a folder of its own in ROOT/.incoming. Raises as
    `receive`."""
    received = await receive(chunks, root, announced_bytes=announced_bytes, limits=Limits(most_bytes=MOST_BYTES))
    folder = root / INCOMING / uuid.uuid4().hex
    folder.mkdir()
    return received.rename(folder / safe_name(given_name, fallback="annotations"))


def check_annotation(path: Path, shape: tuple[int, int], image_name: str, worker: Worker) -> dict[str, Any]:
    """Reads it as the particles of a picture (H, W): ticket, name, kind, n and warnings. Raises NanogaugeError with one clear line;
    nothing stays behind then."""
    arguments = {"path": str(path), "shape": list(shape), "image_name": image_name, "target": str(path.parent / "labels.npy")}
    try:
        found = worker.call("read_marks", arguments, timeout_s=_SECONDS)
    except NanogaugeError as error:
        shutil.rmtree(path.parent, ignore_errors=True)
        raise EditError(str(error).replace(str(path), path.name)) from error
    return {"ticket": path.parent.name, "name": path.name, **found}


def take_annotation(ticket: str, root: Path) -> NDArray[np.int32]:
    """Labels (H, W) of a ticket, which is used up. EditError where it is none."""
    folder = root / INCOMING / ticket
    if not re.fullmatch(r"[0-9a-f]{32}", ticket) or not (folder / "labels.npy").is_file():
        raise EditError("what was dropped is no longer here: drop it again")
    labels = np.load(folder / "labels.npy", allow_pickle=False)
    shutil.rmtree(folder, ignore_errors=True)
    return np.asarray(labels, np.int32)


def drop_annotation(ticket: str, root: Path) -> None:
    """Forgets what was dropped."""
    if re.fullmatch(r"[0-9a-f]{32}", ticket):
        shutil.rmtree(root / INCOMING / ticket, ignore_errors=True)
