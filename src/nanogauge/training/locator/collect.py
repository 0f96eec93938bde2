"""Gathers pictures for the locator, and what is burned into each as the shipped reader reads it.

    python -m nanogauge.training.locator.collect OUT FOLDER[:IDS] ... [--hold-out N]

FOLDER: of pictures; IDS: a file with the names that may be used, without their suffix. With --hold-out 5, a fifth of the pictures,
those whose name has a SHA-1 that five divides, stays out: the reading of scales is measured on them. Writes OUT/grounds.npz and
OUT/grounds.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ...pipeline.measure import Measurer
from ...reading import read_micrograph


def held_out(name: str, one_in: int) -> bool:
    """Whether a picture of that file name is kept for measuring."""
    return one_in > 0 and int(hashlib.sha1(name.encode()).hexdigest(), 16) % one_in == 0


def collect(out: Path, folders: Iterable[str], *, one_in: int, measurer: Measurer) -> int:
    """Reads the pictures of all folders; how many were kept. Raises InputError for one that cannot be read."""
    out.mkdir(parents=True, exist_ok=True)
    pictures, rows = {}, []
    for path in _paths(folders):
        if held_out(path.name, one_in):
            continue
        micrograph = read_micrograph(path)
        reading = measurer.read_scale(micrograph)[0]
        name = f"{path.parent}/{path.stem}"
        pictures[name] = micrograph.grey8()
        known = (reading.box, reading.label_box, reading.refused) if reading is not None else (None, None, None)
        texts = reading.text_boxes if reading is not None else ()
        rows.append({"name": name, "bar": known[0], "label": known[1], "refused": known[2], "texts": texts})
    np.savez(out / "grounds.npz", **pictures)  # type: ignore[arg-type]
    (out / "grounds.json").write_text(json.dumps(rows) + "\n", encoding="utf-8")
    return len(rows)


def _paths(folders: Iterable[str]) -> Iterator[Path]:
    for entry in folders:
        folder, _, ids = entry.partition(":")
        names = set(Path(ids).read_text(encoding="utf-8").split()) if ids else None
        yield from (p for p in sorted(Path(folder).iterdir()) if names is None or p.stem in names)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", nargs="+", metavar="FOLDER[:IDS]")
    parser.add_argument("--hold-out", type=int, default=0, metavar="N", help="keep one picture in N for measuring")
    args = parser.parse_args()
    n = collect(args.out, args.folders, one_in=args.hold_out, measurer=Measurer())
    print(f"{n} pictures in {args.out}")


if __name__ == "__main__":
    main()
