"""The folder of a run: files of each micrograph as it is done, and in the end those of the sample and the report.

    with RunFolder(out, n_inputs=len(files), ...) as run:
        run.add(measurement, name=name, file=file)       # or run.fail(...)
    run.rows                                             # the rows of summary.csv

Only sizes and a row are kept of each micrograph, and pictures only of a run small enough for one page, so memory hardly grows
with the number of micrographs.
"""

from __future__ import annotations

import json
import platform
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ._version import __version__
from .errors import OutputError
from .export import CocoWriter, ParticleWriter, append_summary, make_folder, save_measurement, write_summary, write_workbook
from .report import Collected, ReportInfo, build, micrograph_page, record_of, report_page, report_pdf
from .report.records import Record
from .result import SUMMARY_COLUMNS, Measurement
from .sample import Sample

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


class RunFolder:
    """Writes a run into OUT, made if need be. Raises OutputError where it cannot be written."""

    def __init__(self, out: Path, *, n_inputs: int, about: dict[str, Any], outputs: Outputs | None = None) -> None:
        """about: what run.json says of engine, settings and the command."""
        self.out = make_folder(out)
        self.outputs = outputs or Outputs()
        self.about = about
        self.rows: list[dict[str, Any]] = []
        self.inputs: list[dict[str, Any]] = []
        self.started = datetime.now(UTC)
        self.collected = Collected(n_expected=n_inputs)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        write_summary(self.out / "summary.csv", [], SUMMARY_COLUMNS)
        particles = ParticleWriter(
            self.out / "particles.csv", parquet=self.out / "particles.parquet", unit_row=self.outputs.unit_row
        )
        self._particles = self._stack.enter_context(particles)
        self._coco = self._stack.enter_context(CocoWriter(self.out / "coco.json")) if self.outputs.coco else None
        return self

    def add(self, m: Measurement, *, name: str, file: Path) -> None:
        """Files of one measurement, and its row. Raises OutputError where its folder cannot be written."""
        o = self.outputs
        save_measurement(m, self.out / name, unit_row=o.unit_row, ome=o.ome)
        self._particles.add(name, m.particles)
        if self._coco is not None:
            self._coco.add(m)
        if o.report:
            self._show(record_of(m, name=name), self.out / name)
        self.inputs.append(
            {"file": str(file), "sha256": m.micrograph.sha256, "folder": name, "status": m.status, "seconds": m.seconds}
        )
        self._row(m.summary_row() | {"file": str(file)})

    def fail(self, file: Path, message: str, *, seconds: float) -> None:
        """The row of an input that could not be measured."""
        row = {"file": str(file), "status": "error", "message": message, "scale_source": "none", "seconds": round(seconds, 3)}
        self.inputs.append({"file": str(file), "sha256": None, "folder": None, "status": "error", "seconds": row["seconds"]})
        self.collected.failures.append(row)
        self._row(row)

    def _row(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        append_summary(self.out / "summary.csv", row, SUMMARY_COLUMNS)

    def _show(self, record: Record, folder: Path) -> None:
        card = self.collected.add(record, sample=self.outputs.sample or self.out.resolve().name, link=f"{record.name}/report.html")
        if self.collected.paged:
            (folder / "report.html").write_text(micrograph_page(card), encoding="utf-8")
        if self.outputs.pdf_each:
            write_single_pdf(record, folder / "report.pdf", info=self.outputs.info)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()
        run = {
            "version": __version__,
            "python": platform.python_version(),
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": (datetime.now(UTC) - self.started).total_seconds(),
            **self.about,
            "inputs": self.inputs,
        }
        (self.out / "run.json").write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if kind is None and self.outputs.report:
            write_report(self.out, self.collected, self.outputs, started=self.started.strftime("%Y-%m-%d %H:%M UTC"))


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
        (out / "report.html").write_text(report_page(document), encoding="utf-8")
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


def write_single_pdf(record: Record, path: Path, *, info: ReportInfo | None = None) -> None:
    """The PDF of one micrograph."""
    alone = Collected(n_expected=1)
    alone.add(record, sample=str(record.about["file"]), link="")
    document, _ = build(alone, info=info)
    path.write_bytes(report_pdf(document))
