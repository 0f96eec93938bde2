"""A file of the user's, opened once: all that is read of it, its hash too, is of one state of it."""

from __future__ import annotations

import hashlib
import math
import os
from functools import cached_property
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..core.errors import UnreadableFile

_HEAD_BYTES = 1024
_HELD_BYTES = 64 << 20  # a file of up to so many bytes is read at once; of a longer one only what is asked for


class File:
    """An open file: its path, its size in bytes, its first bytes, and a stream that may be read from any place.

    Raises UnreadableFile where it cannot be opened, or is empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.stream: IO[bytes] = path.open("rb")
            self.size = os.fstat(self.stream.fileno()).st_size
            if self.size <= _HELD_BYTES:
                with self.stream:
                    data = self.stream.read()
                self.stream, self.size = BytesIO(data), len(data)
            self.head = self.stream.read(_HEAD_BYTES)
        except FileNotFoundError:
            raise UnreadableFile(f"{path}: no such file; check the path") from None
        except IsADirectoryError:
            raise UnreadableFile(f"{path}: this is a folder; give a file, or let the batch command take the folder") from None
        except PermissionError:
            what = "this is a folder; give a file" if path.is_dir() else "no permission to read it; change its access rights"
            raise UnreadableFile(f"{path}: {what}") from None  # Windows refuses to open folders with this error
        except (OSError, ValueError) as error:
            raise UnreadableFile(f"{path}: cannot be opened ({error}); check the path and the disk") from error
        if not self.head:
            raise UnreadableFile(f"{path}: the file is empty; copy it again from the microscope")

    def __enter__(self) -> File:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """No more is read; what was read stays."""
        self.stream.close()

    @cached_property
    def sha256(self) -> str:
        """Hex digest of all its bytes."""
        self.stream.seek(0)
        return hashlib.file_digest(self.stream, "sha256").hexdigest()  # type: ignore[arg-type]  # any binary stream will do

    def content(self) -> bytes:
        """All of it."""
        self.stream.seek(0)
        return self.stream.read()

    def numbers(self, dtype: DTypeLike, shape: int | tuple[int, ...], offset: int) -> NDArray[Any]:
        """What stands from byte `offset` on, as an array. Raises EOFError where the file ends before."""
        return np.array(self.view(dtype, shape, offset))

    def view(self, dtype: DTypeLike, shape: int | tuple[int, ...], offset: int, *, order: Literal["C", "F"] = "C") -> NDArray[Any]:
        """The same, not read before it is looked at, and not to be written to."""
        end = offset + np.dtype(dtype).itemsize * math.prod(np.atleast_1d(shape).tolist())
        if not 0 <= offset <= end <= self.size:
            raise EOFError(f"it should reach byte {end} but ends at {self.size}")
        if isinstance(self.stream, BytesIO):
            return np.ndarray(shape, dtype, self.stream.getvalue(), offset, order=order)
        return np.memmap(self.stream, dtype, "r", offset, shape, order)
