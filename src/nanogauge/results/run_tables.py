"""The tables of a run, written in the order of its inputs as far as they are done: whatever the number of workers, the same bytes.

They can be read while the run goes on: summary.csv and particles.csv grow by whole lines; particles.parquet of a large run is a
data set, a folder of files, each put in place when it is whole.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..core.particles import column_names, units
from .interchange.write import coco_categories
from .measurement import SUMMARY_COLUMNS
from .tables import arrow_schema, summary_line

MOST_MICROGRAPHS = 100
"""Micrographs in one file of the data set; fewer where they hold MOST_ROWS particles."""
MOST_ROWS = 50_000


class RunTables:
    """summary.csv, particles.csv, particles.parquet and, where asked for, coco.json in OUT.

    `with RunTables(out) as tables: tables.add(row, name)`; name: of the micrograph's folder, None where it was not measured.

    data_set: particles.parquet as a folder of files instead of one file
    order, classes: with the columns of the particles' order, and of their classes
    mark: put before the tables' names, for tables that replace others when they are done

    Raises OSError where something cannot be written.
    """

    def __init__(
        self,
        out: Path,
        *,
        unit_row: bool = False,
        data_set: bool = False,
        coco: bool = False,
        order: bool = False,
        classes: bool = False,
        mark: str = "",
    ) -> None:
        self.out, self.unit_row, self.data_set, self.mark = out, unit_row, data_set, mark
        self._columns = column_names(in_nm=True, order=order, classes=classes)
        self.n_particles = 0
        self._rows: list[bytes] = []
        self._names: list[tuple[str, int]] = []
        self._n_waiting = 0
        self._n_files = 0
        self._coco = _CocoTable(self._path("coco.json")) if coco else None
        self._parquet: Any = None

    def _path(self, name: str) -> Path:
        return self.out / f"{self.mark}{name}"

    def __enter__(self) -> Self:
        heads = ["micrograph", *self._columns]
        self._summary = self._path("summary.csv").open("wb", buffering=0)
        _write(self._summary, _line(SUMMARY_COLUMNS))
        self._particles = self._path("particles.csv").open("wb", buffering=0)
        _write(self._particles, _line(heads) + (_line(list(units(heads).values())) if self.unit_row else b""))
        remove(self._path("particles.parquet"))
        if self.data_set:
            self._path("particles.parquet").mkdir()
        if self._coco is not None:
            self._coco.open()
        return self

    def add(self, row: dict[str, Any], name: str | None) -> None:
        """One micrograph more, and its particles from its folder."""
        if name is not None:
            self._add_particles(name)
            if self._coco is not None:
                self._coco.add(self.out / name / "coco.json")
        _write(self._summary, summary_line(row, SUMMARY_COLUMNS).encode("utf-8", "surrogateescape"))

    def _add_particles(self, name: str) -> None:
        rows = _rows(self.out / name / "particles.csv", self._columns, unit_row=self.unit_row)
        self.n_particles += len(rows)
        first = _line([name])[:-1] + b","
        _write(self._particles, b"".join(first + row for row in rows))
        self._rows += rows
        self._names.append((name, len(rows)))
        self._n_waiting += len(rows)
        if len(self._names) >= MOST_MICROGRAPHS or self._n_waiting >= MOST_ROWS:
            self.flush()

    def flush(self) -> None:
        """Writes the particles that wait for a file of the data set to be full."""
        if not self._names and (self.data_set or self._parquet is not None):
            return
        import pyarrow as pa
        import pyarrow.csv
        import pyarrow.parquet as pq

        schema = arrow_schema(["micrograph", *self._columns], in_nm=True)
        if self._rows:
            types = {f.name: f.type for f in schema if f.name != "micrograph"}
            table = pa.csv.read_csv(
                io.BytesIO(b"".join(self._rows)),
                read_options=pa.csv.ReadOptions(column_names=self._columns, use_threads=False),
                convert_options=pa.csv.ConvertOptions(column_types=types, strings_can_be_null=False),
            )
            names = pa.array([name for name, n in self._names for _ in range(n)], pa.string())
            table = table.add_column(0, "micrograph", names).cast(schema)
        else:
            table = schema.empty_table()
        if not self.data_set:
            if self._parquet is None:
                self._parquet = pq.ParquetWriter(self._path("particles.parquet.part"), schema, compression="zstd")
            self._parquet.write_table(table)
        elif self._rows:
            folder = self._path("particles.parquet")
            temporary = folder / f".part-{self._n_files:05d}"
            pq.write_table(table, temporary, compression="zstd")
            os.replace(temporary, folder / f"part-{self._n_files:05d}.parquet")
            self._n_files += 1
        self._rows, self._names, self._n_waiting = [], [], 0

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        part, whole = self._path("particles.parquet.part"), False
        try:
            if kind is None or not issubclass(kind, OSError):
                self._finish()
                whole = True
        finally:
            self._summary.close()
            self._particles.close()
            if not whole:
                part.unlink(missing_ok=True)

    def _finish(self) -> None:
        self.flush()
        if self.data_set and not self._n_files:
            import pyarrow.parquet as pq

            empty = arrow_schema(["micrograph", *self._columns], in_nm=True).empty_table()
            pq.write_table(empty, self._path("particles.parquet") / "part-00000.parquet")
        if self._parquet is not None:
            self._parquet.close()
            os.replace(self._path("particles.parquet.part"), self._path("particles.parquet"))
        if self._coco is not None:
            self._coco.close()

    def put_in_place(self) -> None:
        """Tables with a mark take the place of those without."""
        for name in ("summary.csv", "particles.csv", "particles.parquet", *(("coco.json",) if self._coco is not None else ())):
            if self._path(name).is_dir():
                remove(self.out / name)
            elif (self.out / name).is_dir():
                shutil.rmtree(self.out / name)
            os.replace(self._path(name), self.out / name)


class _CocoTable:
    """One coco.json of those in the micrographs' folders, numbered anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_images = self.n_annotations = 0
        self.categories: dict[str, int] = {}

    def open(self) -> None:
        # Images wait in a file of their own: annotations come first, so that neither has to be kept in memory
        self._file = self.path.open("w", encoding="utf-8")
        self._images = self.path.with_suffix(".images").open("w+", encoding="utf-8")
        self._file.write('{"info": {"description": "particles found by nanogauge"},\n"annotations": [')

    def add(self, part: Path) -> None:
        content = json.loads(part.read_text(encoding="utf-8"))
        for image in content["images"]:
            self.n_images += 1
            self._images.write((", " if self.n_images > 1 else "") + json.dumps(image | {"id": self.n_images}, ensure_ascii=False))
        named = {c["id"]: c["name"] for c in content["categories"]}
        for annotation in content["annotations"]:
            name = named[annotation["category_id"]]
            annotation["category_id"] = self.categories.setdefault(name, len(self.categories) + 1)
            self.n_annotations += 1
            annotation |= {"id": self.n_annotations, "image_id": self.n_images}
            self._file.write(("," if self.n_annotations > 1 else "") + "\n" + json.dumps(annotation))

    def close(self) -> None:
        self._file.write('\n],\n"images": [')
        self._images.seek(0)
        shutil.copyfileobj(self._images, self._file)
        categories = coco_categories(self.categories)
        self._file.write(f'],\n"categories": {json.dumps(categories)}}}\n')
        self._file.close()
        self._images.close()
        Path(self._images.name).unlink()


def remove(path: Path) -> None:
    """A file, or a data set of files; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _rows(path: Path, wanted: list[str], *, unit_row: bool) -> list[bytes]:
    """The lines of a micrograph's particles.csv with every column of the run's table: those in nm empty where it has no scale."""
    head, *rows = path.read_bytes().splitlines(keepends=True)
    if unit_row:
        rows = rows[1:]
    columns = head.decode().rstrip("\n").split(",")
    if columns == wanted:
        return rows
    at = [columns.index(c) if c in columns else None for c in wanted]
    return [b",".join(b"" if k is None else cells[k] for k in at) + b"\n" for cells in _cells(rows)]


def _cells(rows: list[bytes]) -> Iterator[list[bytes]]:
    for row in rows:  # numbers and flag names: nothing is quoted
        yield row.rstrip(b"\n").split(b",")


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _write(file: Any, data: bytes) -> None:
    """All of it in one go where the system allows, so that anyone who reads it meanwhile sees whole lines."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
