"""Tables as CSV and Parquet."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import pandas as pd

from ..core.particles import CLASS_COLUMNS, COLUMNS, ORDER_COLUMNS, column_dtypes, column_names, has_classes, units

_ROW_GROUP = 50_000  # rows of a run's particles kept in memory at once


def write_particle_csv(path: Path, table: pd.DataFrame, *, unit_row: bool = False) -> None:
    """particles.csv of one micrograph; with `unit_row` the second line states the units."""
    with path.open("w", newline="", encoding="utf-8") as f:
        csv.writer(f, lineterminator="\n").writerow(table.columns)
        if unit_row:
            csv.writer(f, lineterminator="\n").writerow(units(table.columns).values())
        table.to_csv(f, index=False, header=False, lineterminator="\n")


def read_particle_csv(path: Path, *, in_nm: bool) -> pd.DataFrame:
    """What `write_particle_csv` wrote, with its dtypes; a row of units is passed over. Raises OSError, ValueError and others where
    it is missing or damaged."""
    text = path.read_text(encoding="utf-8")
    second = text.split("\n", 2)[1:2]
    stated = bool(second) and second[0].strip() != "" and not second[0].split(",")[0].strip().isdigit()
    table = pd.read_csv(io.StringIO(text), skiprows=[1] if stated else None, float_precision="round_trip", dtype={"class": "str"})
    dtypes = column_dtypes(in_nm=in_nm, classes=has_classes(table))
    for name in dtypes:
        if name not in table:
            raise ValueError(f"particles.csv has no column {name}")
    table = table[list(dtypes)]  # those of order follow from the others, and are worked out anew where they are asked for
    table = table.assign(**{name: table[name].fillna("") for name, dtype in dtypes.items() if dtype == "str"})
    for name, dtype in dtypes.items():  # nearly all are read as they should be, and casting all takes longer than reading
        if table[name].dtype != dtype:
            table[name] = table[name].astype(np.dtype(dtype) if dtype != "str" else "str")
    return table


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """A particle table as Parquet; each column's unit and meaning are in its field's metadata."""
    there = {"in_nm": "equivalent_diameter_nm" in table, "classes": has_classes(table)}
    with ParticleWriter(path.with_suffix(".csv"), parquet=path, csv_too=False, **there) as w:
        w.add(None, table)


class ParticleWriter:
    """particles.csv (and particles.parquet) of a run, written as micrographs come: first column `micrograph`, nm columns empty
    where there was no scale.

    `with ParticleWriter(path) as w: w.add(name, table)`. Each column of the Parquet file has its unit and meaning as metadata.
    """

    def __init__(
        self,
        path: Path,
        *,
        parquet: Path | None = None,
        unit_row: bool = False,
        csv_too: bool = True,
        in_nm: bool = True,
        classes: bool = False,
    ) -> None:
        self.path, self.parquet, self.unit_row, self.csv_too = path, parquet, unit_row, csv_too
        self.in_nm, self.classes = in_nm, classes
        self.n_particles = 0
        self._file: IO[str] | None = None
        self._writer: Any = None
        self._waiting: list[pd.DataFrame] = []

    def __enter__(self) -> Self:
        if self.csv_too:
            self._file = self.path.open("w", newline="", encoding="utf-8")
            columns = ["micrograph", *column_names(in_nm=self.in_nm, classes=self.classes)]
            csv.writer(self._file, lineterminator="\n").writerow(columns)
            if self.unit_row:
                csv.writer(self._file, lineterminator="\n").writerow(units(columns).values())
        return self

    def add(self, name: str | None, table: pd.DataFrame) -> None:
        """Appends one micrograph's particles; `name` None leaves the column `micrograph` out of the Parquet file."""
        self.n_particles += len(table)
        out = table.reindex(columns=column_names(in_nm=self.in_nm, classes=self.classes))
        if name is not None:
            out.insert(0, "micrograph", name)
        if self._file is not None:
            out.to_csv(self._file, index=False, header=False, lineterminator="\n")
            self._file.flush()  # what was finished is kept when a run is stopped
        if self.parquet is not None:
            self._waiting.append(out)
            if sum(map(len, self._waiting)) >= _ROW_GROUP:
                self._row_group()

    def _row_group(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.parquet is None or (not self._waiting and self._writer is not None):
            return
        tables = [t for t in self._waiting if len(t)]
        wanted = (
            ["micrograph", *column_names(in_nm=self.in_nm, classes=self.classes)]
            if not self._waiting
            else list(self._waiting[0].columns)
        )
        schema = arrow_schema(wanted, in_nm=self.in_nm)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.parquet, schema, compression="zstd")
        joined = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=wanted)
        self._writer.write_table(pa.Table.from_pandas(joined, schema=schema, preserve_index=False))
        self._waiting = []

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._row_group()
        if self._writer is not None:
            self._writer.close()
        if self._file is not None:
            self._file.close()


def arrow_schema(columns: list[str], *, in_nm: bool) -> Any:
    """pyarrow schema of a particle table's columns; each has its unit and meaning as metadata."""
    import pyarrow as pa

    kinds = {"int64": pa.int64(), "float64": pa.float64(), "str": pa.string(), "bool": pa.bool_()}
    dtypes = column_dtypes(in_nm=in_nm, order=True, classes=True)
    known = (*COLUMNS, *ORDER_COLUMNS, *CLASS_COLUMNS)
    meanings = {c.name: c.meaning for c in known} | {c.nm_name: c.meaning for c in known if c.nm_name}
    fields = []
    for name, unit in units(columns).items():
        about = {"unit": unit, "meaning": meanings.get(name, "micrograph" if name == "micrograph" else "")}
        fields.append(pa.field(name, kinds[dtypes.get(name, "str")], metadata=about))
    return pa.schema(fields)


def write_particles(
    path: Path,
    tables: Iterable[tuple[str, pd.DataFrame]],
    *,
    parquet: Path | None = None,
    unit_row: bool = False,
    classes: bool = False,
) -> None:
    """particles.csv of a run from (micrograph, particle table) pairs; see ParticleWriter. classes: with the columns of classes"""
    with ParticleWriter(path, parquet=parquet, unit_row=unit_row, classes=classes) as writer:
        for name, table in tables:
            writer.add(name, table)


def write_summary(path: Path, rows: Iterable[dict[str, Any]], columns: list[str]) -> None:
    """summary.csv, replaced as a whole."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as f:
        table = csv.DictWriter(f, columns, restval="", lineterminator="\n")
        table.writeheader()
        for row in rows:
            table.writerow(_cells(row))
    os.replace(temporary, path)


def append_summary(path: Path, row: dict[str, Any], columns: list[str]) -> None:
    """One row more at the end of summary.csv, so that a run of any length writes each row once."""
    with path.open("a", newline="", encoding="utf-8") as f:
        f.write(summary_line(row, columns))


def summary_line(row: dict[str, Any], columns: list[str]) -> str:
    """One line of summary.csv; empty where a figure is not known."""
    text = io.StringIO()
    csv.DictWriter(text, columns, restval="", lineterminator="\n", extrasaction="ignore").writerow(_cells(row))
    return text.getvalue()


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    return {k: "" if v is None else f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()}
