"""The files of a run that are made at the end, from the folders of its micrographs: report, workbook, plots.

    collected = collect(out, entries, n=n, sample="lot 7")
    write_report(out, collected, Outputs())

Of each micrograph only a row and its particles' sizes are kept, and pictures only of a run small enough for one page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from ..core.errors import OutputError, UnreadableFile
from ..results.folder import make_folder
from ..results.saved import SavedMeasurement, read_saved
from ..statistics.samples import SIZE_COLUMNS, Sample
from .cards import card_of
from .document import Collected, build
from .gallery import MOST_THUMBNAILS, doubtful
from .info import ReportInfo
from .page import MOST_ROWS, index_pages, micrograph_page, report_page
from .pdf import report_pdf
from .workbook import write_workbook

RUN_FILES = (
    "summary.csv",
    "particles.csv",
    "particles.parquet",
    "run.json",
    "sample.json",
    "report.html",
    "report.pdf",
    "results.xlsx",
)
MOST_FULL_TABLES = 500
"""Micrographs of a run whose particles are pooled with all their columns."""
MOST_WHOLE_PAGES = 200
"""Micrographs of a run whose pages hold their pictures; those of a larger run show the pictures beside them."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What is written beside the usual.

    report: report.html, report.pdf, results.xlsx and plots/; single_population: pool the micrographs as one sample
    coco: coco.json of the run; ome: labels.ome.tif; unit_row: units as second line of the CSV files
    pdf_each: a report.pdf for each micrograph too; info: facts for the report; sample: its name
    """

    report: bool = True
    single_population: bool = True
    coco: bool = False
    ome: bool = False
    unit_row: bool = False
    pdf_each: bool = False
    sample: str = ""
    info: ReportInfo = field(default_factory=ReportInfo)


def collect(out: Path, entries: Iterable[tuple[str | None, dict[str, Any]]], *, n: int, sample: str) -> Collected:
    """What a report needs, from the folders of a run's micrographs; those of a large run get the pages they lack.

    entries: folder name, None for an input that failed, and row of summary.csv, in order; n: how many

    Of a run of more than MOST_FULL_TABLES micrographs only the columns in SIZE_COLUMNS are read, from particles.parquet.
    """
    collected = Collected(n_expected=n)
    sizes = _sizes(out / "particles.parquet") if n > MOST_FULL_TABLES else None
    for name, row in entries:
        if name is None:
            collected.failures.append(row)
            continue
        folder = out / name
        if sizes is None:
            saved = read_saved(folder, pictures=not collected.paged)
        else:
            saved, table = read_saved(folder, particles=False, pictures=False), sizes(name)
            if saved.scale is None:
                table = table[[c for c in map(str, table) if not c.endswith("_nm")]]
            saved = replace(saved, table=table)
        collected.add(saved, sample=sample, link=f"{quote(name)}/report.html")
        if collected.paged and not (folder / "report.html").is_file():  # measured in a run small enough to go without
            page = micrograph_page(card_of(read_saved(folder)), linked=True)
            (folder / "report.html").write_text(page, encoding="utf-8")
        if n > MOST_ROWS and len(collected.doubtful) < MOST_THUMBNAILS and (row["status"] != "ok" or row["message"]):
            with suppress(UnreadableFile):
                collected.doubtful.append(doubtful(folder, row, link=f"{quote(name)}/report.html"))
    return collected


def _sizes(path: Path) -> Callable[[str], pd.DataFrame]:
    """name -> its particles, from a run's Parquet file or data set; names asked for in its order, each once."""
    import pyarrow.dataset as ds

    data = ds.dataset(path, format="parquet")
    columns = [c for c in SIZE_COLUMNS if c in data.schema.names]
    parts = (
        (str(key), part)
        for batch in data.to_batches(columns=["micrograph", *columns], use_threads=False)
        for key, part in batch.to_pandas().groupby("micrograph", sort=False)
    )
    waiting = next(parts, None)
    none = pd.DataFrame({c: pd.Series(dtype="object" if c == "flags" else "float64") for c in columns})

    def of(name: str) -> pd.DataFrame:
        nonlocal waiting
        found = []
        while waiting is not None and waiting[0] == name:  # one micrograph may lie across two batches
            found.append(waiting[1])
            waiting = next(parts, None)
        return pd.concat(found, ignore_index=True).drop(columns="micrograph") if found else none

    return of


def write_report(out: Path, collected: Collected, outputs: Outputs, *, started: str = "") -> list[Sample]:
    """report.html, report.pdf, results.xlsx, sample.json and plots/ into OUT. Raises OutputError."""
    document, samples = build(
        collected,
        info=outputs.info,
        started=started,
        plots_folder=make_folder(out / "plots") if collected.parts and outputs.single_population else None,
        single_population=outputs.single_population,
    )
    try:
        _write_index(out, document["title"], collected)
        (out / "report.html").write_text(report_page(document), encoding="utf-8", errors="replace")
        if samples:
            content = [s.to_dict() for s in samples]
            text = json.dumps(content[0] if len(content) == 1 else content, indent=1, ensure_ascii=False)
            (out / "sample.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{error.filename or out}: cannot write ({error.strerror}); choose another output folder") from error
    keys = ("title", "status", "n_found", "n_counted", "nm_per_px", "scale_source", "scale_uncertainty", "scale_evidence", "sha256")
    write_workbook(
        out / "results.xlsx",
        samples,
        micrographs=[{"micrograph" if k == "title" else k: r[k] for k in keys} for r in collected.rows],
        facts=[
            ("Settings", [(k, v) for k, v, _ in document["settings"]]),
            ("About", [*document["provenance"], *document["instrument"], *document["scale"]]),
            ("ISO 19749", document["iso"]),
        ],
    )
    pdf = report_pdf(document)
    try:
        (out / "report.pdf").write_bytes(pdf)
    except OSError as error:
        raise OutputError(f"{out / 'report.pdf'}: cannot write ({error.strerror}); close it in other programs") from error
    return samples


def _write_index(out: Path, title: str, collected: Collected) -> None:
    """The pages that list the micrographs of a run too large for one table; none are left where there is no need."""
    folder = out / "micrographs"
    pages = index_pages(title, collected.rows, collected.failures)
    if folder.is_dir():
        for old in folder.glob("page-*.html"):
            old.unlink()
    for name, text in pages:
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", errors="replace")


def write_single_pdf(saved: SavedMeasurement, path: Path, *, info: ReportInfo | None = None) -> None:
    """The PDF of one micrograph."""
    alone = Collected(n_expected=1)
    alone.add(saved, sample=str(saved.about["file"]), link="")
    document, _ = build(alone, info=info)
    path.write_bytes(report_pdf(document))
