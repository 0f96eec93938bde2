"""What a person leaves with: the report and tables of the whole work folder, and files of one micrograph, as edited."""

from __future__ import annotations

import hashlib
import json
import threading
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ...core.errors import InputError, OutputError, UnreadableFile
from ...core.version import __version__
from ...editing.journal import now
from ...editing.session import Session
from ...reporting import Collected
from ...reporting.plots import sample_plots
from ...reporting.run_report import Outputs, write_report
from ...results.atomic import write_atomic
from ...results.folder import MARK, make_folder
from ...results.measurement import SUMMARY_COLUMNS
from ...results.run_json import input_entry, write_run_json
from ...results.saved import read_json, read_saved
from ...results.tables import ParticleWriter, write_summary
from .project import Project
from .sample_figures import sample_of

MICROGRAPH_FILES = {
    "particles.csv": "one row per particle",
    "rois.zip": "outlines for ImageJ",
    "labels.tif": "a number for every pixel",
    "overlay.png": "the picture with outlines",
    "measurement.json": "everything that decided a number, edits included",
}
REPORT_FILES = {
    "report.html": "the report, one page that needs nothing else",
    "report.pdf": "the report to be filed",
    "results.xlsx": "all tables as an Excel workbook",
    "particles.csv": "all particles of all micrographs",
    "summary.csv": "one row per micrograph",
}
EVERYTHING = "everything.zip"
TABLES = ("particles.csv", "summary.csv")
WRITTEN = ".written.json"
_writing = threading.Lock()
FIGURES = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf", "csv": "text/csv"}


def write_for_download(project: Project, file: str) -> None:
    """What is needed for one of REPORT_FILES to be up to date in the work folder: nothing where nothing has changed since it was
    written, the tables alone for a table, else everything. InputError where nothing is measured yet."""
    stamp = _stamp(project)
    with _writing:
        if (project.root / file).is_file() and _written(project).get(file) == stamp:
            return
        if file in TABLES:
            _write_tables(project)
            names: Iterable[str] = TABLES
        else:
            write_whole_report(project)
            names = [*REPORT_FILES]
        if _stamp(project) == stamp:  # nobody has edited anything meanwhile
            kept = {k: v for k, v in _written(project).items() if v == stamp}
            write_atomic(project.root / WRITTEN, json.dumps(kept | dict.fromkeys(names, stamp)) + "\n")


def _written(project: Project) -> dict[str, str]:
    """File -> of what state of the micrographs it is."""
    try:
        return {str(k): str(v) for k, v in read_json(project.root / WRITTEN).items()}
    except UnreadableFile:
        return {}


def _stamp(project: Project) -> str:
    """Of everything that the report is made of."""
    h = hashlib.sha256(__version__.encode())
    h.update(repr(project.report).encode())
    for e in sorted(project.entries.values(), key=lambda e: e.name):
        path = e.folder / MARK
        at = path.stat().st_mtime_ns if path.is_file() else 0
        checked = project.report.checked_only and e.checked
        h.update(repr((e.name, e.state, e.sample, e.message, at, str(e.file), checked)).encode())
    return h.hexdigest()


def _write_tables(project: Project) -> None:
    entries = [e for group in project.reported().values() for e in group]
    rows = []
    with ParticleWriter(project.root / "particles.csv", parquet=project.root / "particles.parquet") as particles:
        for entry in entries:
            saved = read_saved(entry.folder, pictures=False)
            particles.add(entry.name, saved.particles)
            rows.append(saved.summary_row(str(entry.file or saved.about["file"])))
    write_summary(project.root / "summary.csv", rows, SUMMARY_COLUMNS)


def write_whole_report(project: Project) -> Path:
    """Report, workbook, tables and plots of what the report is made of into the work folder, a sample each as assigned on the page.

    InputError where nothing is measured yet, or nothing is chosen.
    """
    samples = project.reported()
    entries = [e for group in samples.values() for e in group]
    collected = Collected(n_expected=len(entries), left_out=project.report.left_out(project.samples()))
    rows, inputs = [], []
    with ParticleWriter(project.root / "particles.csv", parquet=project.root / "particles.parquet") as particles:
        for sample, group in samples.items():
            for entry in group:
                saved = read_saved(entry.folder, pictures=not collected.paged)
                collected.add(saved, sample=sample, link=f"{entry.name}/overlay.png")
                particles.add(entry.name, saved.particles)
                file = str(entry.file or saved.about["file"])
                rows.append(saved.summary_row(file))
                inputs.append(input_entry(file, entry.name, saved.about, saved.about["sha256"]))
    failed = [e for e in project.entries.values() if e.state == "error"]
    collected.failures.extend({"file": e.title, "status": "error", "message": e.message} for e in failed)
    write_summary(project.root / "summary.csv", rows, SUMMARY_COLUMNS)
    about = {
        "started": now(),
        "command": "serve",
        "samples": {name: [e.name for e in group] for name, group in samples.items() if name},
        "report": project.report.to_dict(),
    }
    write_report(project.root, collected, Outputs(info=project.report.info))
    try:
        write_run_json(project.root, about, inputs)
    except OSError as error:
        raise OutputError(f"{project.root}: cannot write ({error.strerror}); free space, or check its access rights") from error
    return project.root / "report.html"


def figure_file(session: Session, kind: str, *, weighting: str, folder: Path) -> Path:
    """The distribution of one micrograph as SVG, PNG, PDF, or its data as CSV. InputError where no particle counts."""
    from ...statistics.samples import part_of

    if kind not in FIGURES:
        raise InputError(f"{kind[:10]}: figures come as {', '.join(FIGURES)}")
    m = session.measurement()
    sample = sample_of([part_of(m)], name=m.micrograph.name, settings=m.settings, weighting=weighting)
    make_folder(folder)
    if not sample_plots(sample, folder=folder):
        raise InputError("no particle counts, so there is no distribution to draw")
    return folder / f"distribution.{kind}"


def zip_everything(project: Project, target: Path) -> Path:
    """Report, tables, plots and the files of each micrograph in it in one zip, without the micrographs themselves."""
    names = [*REPORT_FILES, "particles.parquet", "sample.json", "run.json"]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for path in _existing(project.root, names):
            archive.write(path, path.name)
        for path in sorted((project.root / "plots").rglob("*")) if (project.root / "plots").is_dir() else []:
            archive.write(path, path.relative_to(project.root).as_posix())
        for group in project.reported().values():
            for entry in group:
                for path in _existing(entry.folder, [*MICROGRAPH_FILES, "edits.jsonl", "scale_bar.png"]):
                    archive.write(path, f"{entry.name}/{path.name}")
    return target


def _existing(folder: Path, names: Iterable[str]) -> list[Path]:
    return [folder / n for n in names if (folder / n).is_file()]
