"""One picture that lies in a folder in several formats, as microscopes and people export them: it is to be counted once.

Pictures of one name that differ only in their suffix are compared by what they hold, as a.tif and a.jpg may be two micrographs too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...reading import SUFFIXES, is_picture_folder, read_micrograph

_WORST_LAST = (".tif", ".tiff", ".png", ".bmp", ".gif", ".webp", ".jpg", ".jpeg")
_MOST_BYTES = 256_000_000
_GRID = 64  # px; two exports of a picture are compared at this size, which takes their noise and compression away
_SAME_SHAPE = 0.01  # of the ratio of width to height; one with a data bar added is another picture
_SAME = 0.97  # correlation at that size: 0.98 where every second pixel was kept, 0.92 where the stage moved by 1 % of the field


def copies(files: Iterable[Path], *, first: Collection[Path] = ()) -> dict[Path, str]:
    """Which pictures show what another of the same name shows: "copy of a.tif".

    files: pictures of one folder; first: those that stay in any case. Else the one that states its scale stays, then the one whose
    format keeps most: a microscope's own, TIFF, PNG, JPEG. Pictures that cannot be opened are no copies.
    """
    of_name: dict[str, list[Path]] = {}
    for f in files:
        if f.suffix.lower() in SUFFIXES and not is_picture_folder(f):
            of_name.setdefault(f.name.removesuffix(f.suffix).removesuffix(".ome").casefold(), []).append(f)
    found: dict[Path, str] = {}
    for group in of_name.values():
        seen = {f: s for f in group if len(group) > 1 and (s := _looked_at(f)) is not None}
        left = sorted(seen, key=lambda f: (f not in first, not seen[f][0], _rank(f), f.name))
        for k, f in enumerate(left):
            same = next((g for g in left[:k] if g not in found and _alike(seen[g], seen[f])), None)
            if same is not None and f not in first:
                found[f] = f"copy of {same.name}"
    return found


_Seen = tuple[bool, float, NDArray[np.float64]]  # whether it states its scale, width over height, grey levels on the grid


def _looked_at(file: Path) -> _Seen | None:
    try:
        stamp = file.stat()
    except OSError:
        return None
    return _read(file, stamp.st_mtime_ns) if stamp.st_size <= _MOST_BYTES else None


@lru_cache(maxsize=4096)
def _read(file: Path, mtime_ns: int) -> _Seen | None:
    """Kept, as a folder that is watched is looked at again and again."""
    try:
        m = read_micrograph(file)
    except InputError:  # it will fail as an input, with a better message
        return None
    h, w = m.shape
    if min(h, w) < 2:
        return None
    rows, columns = (np.linspace(0, n, min(n, _GRID) + 1).astype(int)[:-1] for n in (h, w))
    levels = np.nan_to_num(m.pixels.astype(np.float64))
    sums = np.add.reduceat(np.add.reduceat(levels, rows, 0), columns, 1)
    sizes = np.diff([*rows, h])[:, None] * np.diff([*columns, w])[None, :]
    return m.scale is not None, w / h, sums / sizes


def _alike(a: _Seen, b: _Seen) -> bool:
    if abs(a[1] / b[1] - 1) > _SAME_SHAPE or a[2].shape != b[2].shape:
        return False
    if a[2].std() == 0 or b[2].std() == 0:
        return False
    return float(np.corrcoef(a[2].ravel(), b[2].ravel())[0, 1]) > _SAME


def _rank(file: Path) -> int:
    suffix = file.suffix.lower()
    return _WORST_LAST.index(suffix) + 1 if suffix in _WORST_LAST else 0
