"""Files from a browser: limits while they arrive, names made harmless, content read whole in a process of its own before it counts.

Nothing here trusts a name, a suffix or a header; a file reaches the work folder only after `read_micrograph` has read it.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...core.errors import InputError, NanogaugeError, OutputError, UnreadableFile
from ...reading.sidecar import MOST_BYTES as SIDECAR_BYTES
from .worker import Worker, WorkerError

INCOMING = ".incoming"
SIDECAR_SUFFIXES = (".txt", ".hdr")
_LONGEST_NAME = 80
_RESERVED = {"con", "prn", "aux", "nul", *(f"com{i}" for i in range(10)), *(f"lpt{i}" for i in range(10))}
_SPARE_BYTES = 200_000_000
_CHECK_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is taken from a browser. memory_bytes: of the process that decodes."""

    most_bytes: int = 1_000_000_000
    most_pixels: int = 250_000_000
    memory_bytes: int = 8_000_000_000


@dataclass(frozen=True)
class Received:
    """A file that was read: where it waits, its own name made harmless, its hash and shape (H, W)."""

    path: Path
    name: str
    sha256: str
    shape: tuple[int, int]


def safe_name(given: str, *, fallback: str = "micrograph") -> str:
    """A file name that is harmless on every system: no folders, no control or reserved characters, no leading dot, not too long.

    >>> safe_name("../../etc/passwd")
    'passwd'
    >>> safe_name("C:\\\\scans\\\\a:b?.tif")
    'a_b_.tif'
    """
    base = unicodedata.normalize("NFC", given).replace("\\", "/")
    base = PurePosixPath(base).name if base.strip("/. ") else ""
    kept = "".join(c if c.isalnum() or c in " -_.()[]+=,#@µ" else "_" for c in base if unicodedata.category(c)[0] != "C")
    kept = re.sub(r"\s+", " ", kept).strip(" .")
    stem, dot, suffix = kept.rpartition(".")
    if not dot or len(suffix) > 8:
        stem, suffix = kept, ""
    stem = stem.strip(" .")[:_LONGEST_NAME].strip(" .") or fallback
    while len(stem.encode()) > 2 * _LONGEST_NAME:
        stem = stem[:-1]
    if stem.casefold().split(".")[0] in _RESERVED:
        stem = f"_{stem}"
    return f"{stem}.{suffix}" if suffix else stem


def safe_folder(given: str) -> str:
    """The last folder of a relative path, made harmless, for the name of a sample; "" where there is none."""
    parts = [p for p in unicodedata.normalize("NFC", given).replace("\\", "/").split("/") if p.strip(". ")]
    return safe_name(parts[-1], fallback="sample") if parts else ""


async def receive(chunks: AsyncIterator[bytes], root: Path, *, announced_bytes: int | None, limits: Limits) -> Path:
    """Writes what arrives into ROOT/.incoming, counting. Raises InputError where it is too large or empty, OutputError where it
    cannot be stored; nothing stays behind then."""
    if announced_bytes is not None and announced_bytes > limits.most_bytes:
        raise UnreadableFile(_too_large(limits))
    folder = root / INCOMING
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if announced_bytes is not None and shutil.disk_usage(folder).free < announced_bytes + _SPARE_BYTES:
            raise OutputError("the disk of the work folder is nearly full; free some space")
    except OSError as error:
        raise OutputError(f"{folder}: cannot write there ({error.strerror})") from error
    path, n = folder / uuid.uuid4().hex, 0
    try:
        with path.open("xb") as f:
            async for chunk in chunks:
                n += len(chunk)
                if n > limits.most_bytes:
                    raise UnreadableFile(_too_large(limits))
                f.write(chunk)
        if n == 0:
            raise UnreadableFile("the file is empty; copy it again from the microscope")
        if announced_bytes is not None and n != announced_bytes:
            raise UnreadableFile("the file did not arrive whole; drop it again")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OutputError(f"{folder}: cannot write there ({error.strerror}); free some space") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def check(path: Path, given_name: str, worker: Worker, *, limits: Limits) -> Received:
    """Reads a received file whole in the worker. Raises InputError with one clear line, the file named as the user named it; the
    file is removed then."""
    name = safe_name(given_name)
    try:
        found = worker.call("check_picture", {"path": str(path), "most_pixels": limits.most_pixels}, timeout_s=_CHECK_SECONDS)
    except WorkerError as error:
        path.unlink(missing_ok=True)
        raise InputError(f"{name}: {error}; it is not taken") from error
    except NanogaugeError as error:
        path.unlink(missing_ok=True)
        raise InputError(str(error).replace(str(path), name).replace(path.name, name)) from error
    return Received(path, name, str(found["sha256"]), (int(found["shape"][0]), int(found["shape"][1])))


async def receive_beside(chunks: AsyncIterator[bytes], root: Path, *, announced_bytes: int | None) -> str:
    """Receives the text file that a microscope wrote beside a picture; answers the ticket by which the picture claims it."""
    return (await receive(chunks, root, announced_bytes=announced_bytes, limits=Limits(most_bytes=SIDECAR_BYTES))).name


def check_beside(ticket: str, suffix: str, received: Received, root: Path, worker: Worker) -> Path | None:
    """The text file of a ticket, where it is one that a microscope wrote beside a picture of this shape; else it is removed."""
    path = _waiting(ticket, root)
    if path is None:
        return None
    if suffix not in SIDECAR_SUFFIXES:
        path.unlink()
        return None
    arguments = {"path": str(path), "shape": list(received.shape)}
    maker = ""
    try:
        maker = worker.call("check_sidecar", arguments, timeout_s=_CHECK_SECONDS)
    finally:
        if not maker:
            path.unlink(missing_ok=True)
    return path if maker else None


def drop_beside(ticket: str, root: Path) -> None:
    """Removes the text file of a ticket: its picture was refused."""
    path = _waiting(ticket, root)
    if path is not None:
        path.unlink(missing_ok=True)


def _waiting(ticket: str, root: Path) -> Path | None:
    path = root / INCOMING / ticket
    return path if re.fullmatch(r"[0-9a-f]{32}", ticket) and path.is_file() else None


def _too_large(limits: Limits) -> str:
    return f"larger than {limits.most_bytes / 1e6:.0f} MB; crop it, or measure it with `nanogauge measure` and open the result"
