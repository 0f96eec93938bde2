"""What was measured, as files with which to go on in another program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..core.errors import OutputError, UnreadableFile
from ..measuring.contours import Polygon, contours
from .folder import MARK, make_folder
from .interchange.cellpose import write_seg
from .interchange.class_table import read_class_table, table_beside, write_class_table
from .interchange.drawn import PARTICLE
from .interchange.geojson import write_geojson
from .interchange.labelme import write_labelme
from .interchange.labelstudio import write_labelstudio
from .interchange.via import write_via
from .interchange.yolo import write_yolo
from .pictures import write_labels
from .run_json import result_folders, run_inputs
from .saved import read_json


@dataclass(frozen=True, kw_only=True)
class _Found:
    """One micrograph: its file's name, its size in bytes (0 where it is gone), what was found in it, and the classes of that."""

    name: str
    n_bytes: int
    labels: NDArray[np.int32]
    classes: Mapping[int, str]

    @property
    def shape(self) -> tuple[int, int]:
        return self.labels.shape[0], self.labels.shape[1]

    @property
    def outlines(self) -> dict[int, list[Polygon]]:
        return dict(contours(self.labels))


def convert(folders: Iterable[Path], to: str, out: Path) -> list[Path]:
    """Particles of results folders in another program's files, one of PROGRAMS. Returns the files written into OUT.

    Raises UnreadableFile where there are no results, OutputError where nothing can be written.
    """
    make_folder(out)
    found = [f for folder in folders for f in _found(folder)]
    names = [f.name for f in found]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise UnreadableFile(f"{twice}: two micrographs have this name, and their files would be one; convert them apart")
    try:
        return PROGRAMS[to](found, out)
    except OSError as error:
        raise OutputError(f"{out}: cannot write ({error.strerror}); free space or choose another output folder with -o") from error


def _found(out: Path) -> Iterator[_Found]:
    files = {str(i["folder"]): Path(str(i["file"])) for i in run_inputs(out)}
    for folder in result_folders(out):
        about = read_json(folder / MARK)
        path = folder / "labels.tif"
        try:
            labels = np.asarray(tifffile.imread(path), np.int32)
        except Exception as error:  # whatever the library raises on damage, or where there is no such file
            raise UnreadableFile(f"{path}: cannot be read ({str(error)[:80]}); measure the micrograph again") from error
        file = files.get(folder.name)
        size = file.stat().st_size if file is not None and file.is_file() else 0
        table = table_beside(path)
        classes = {} if table is None else read_class_table(table)
        yield _Found(name=str(about.get("file") or folder.name), n_bytes=size, labels=labels, classes=classes)


def _cellpose(found: Sequence[_Found], out: Path) -> list[Path]:
    written = []
    for f in found:
        written.append(out / f"{Path(f.name).stem}_seg.npy")
        write_seg(written[-1], f.labels, picture=f.name)
    return written


def _yolo(found: Sequence[_Found], out: Path) -> list[Path]:
    folder = make_folder(out / "labels")
    written = []
    # particles without a class are of a class "particle"
    bare = any(set(f.classes) < set(np.unique(f.labels[f.labels > 0]).tolist()) for f in found)
    known = sorted({c for f in found for c in f.classes.values()} - {PARTICLE})
    names = [PARTICLE, *known] if bare or not known else known
    for f in found:
        written.append(folder / f"{Path(f.name).stem}.txt")
        numbers = {label: names.index(c) for label, c in f.classes.items()}
        write_yolo(written[-1], f.outlines, f.shape, numbers)
    data = out / "data.yaml"
    listed = "".join(f"  {k}: {json.dumps(n, ensure_ascii=False)}\n" for k, n in enumerate(names))
    data.write_text(f"path: .\ntrain: images\nval: images\nnames:\n{listed}", encoding="utf-8")
    return [*written, data]


def _via(found: Sequence[_Found], out: Path) -> list[Path]:
    write_via(out / "via.json", [(f.name, f.n_bytes, f.outlines, f.classes) for f in found])
    return [out / "via.json"]


def _labelstudio(found: Sequence[_Found], out: Path) -> list[Path]:
    tasks = [(f.name, f.outlines, f.shape, f.classes) for f in found]
    write_labelstudio(out / "label-studio.json", tasks)
    return [out / "label-studio.json"]


def _qupath(found: Sequence[_Found], out: Path) -> list[Path]:
    written = []
    for f in found:
        written.append(out / f"{Path(f.name).stem}.geojson")
        write_geojson(written[-1], f.outlines, f.classes)
    return written


def _labelme(found: Sequence[_Found], out: Path) -> list[Path]:
    written = []
    for f in found:
        written.append(out / f"{Path(f.name).stem}.json")
        write_labelme(written[-1], f.outlines, f.shape, f.classes, picture=f.name)
    return written


def _labels(found: Sequence[_Found], out: Path) -> list[Path]:
    written = []
    folder = make_folder(out / "labels")
    for f in found:
        written.append(folder / f"{Path(f.name).stem}.tif")
        write_labels(written[-1], f.labels, None)
        if f.classes:
            written.append(written[-1].with_suffix(".csv"))
            write_class_table(written[-1], dict(f.classes))
    return written


PROGRAMS: dict[str, Callable[[Sequence[_Found], Path], list[Path]]] = {
    "cellpose": _cellpose,
    "yolo": _yolo,
    "via": _via,
    "label-studio": _labelstudio,
    "qupath": _qupath,
    "labelme": _labelme,
    "labels": _labels,
}
