"""Measurement -> results folder, in the layout of `nanogauge measure`; several micrographs one after another make one run."""

from __future__ import annotations

import csv
import json
import os
import platform
from datetime import datetime
from pathlib import Path
from typing import Any

from ...batch.inputs import folder_name
from ...core.errors import OutputError
from ...core.version import __version__
from ...reporting.run_report import Outputs
from ...results.folder import make_folder
from ...results.measurement import SUMMARY_COLUMNS, Measurement
from ...results.records import read_json, read_record
from ...results.tables import ParticleWriter, write_summary
from ..cli.measure_files import report_all


def save_results(m: Measurement, out: Path, *, report: bool = True) -> Path:
    """Writes OUT/NAME/ (measurement.json, particles.csv, labels.tif, overlay.png, rois.zip) and, of all micrographs saved in OUT,
    summary.csv, particles.csv, particles.parquet, run.json and the report. The same micrograph again replaces what was there.

    report: write report.html, report.pdf, results.xlsx and plots/ too

    Answers the folder of the micrograph. Raises OutputError.
    """
    make_folder(out)
    try:
        run = read_json(out / "run.json") if (out / "run.json").is_file() else {}
        inputs: list[dict[str, Any]] = [i for i in run.get("inputs", []) if isinstance(i, dict) and i.get("folder")]
        file = m.micrograph.name if m.micrograph.path is None else str(m.micrograph.path)
        mine = next((i for i in inputs if i.get("file") == file and i.get("sha256") == m.micrograph.sha256), None)
        if mine is None:
            taken = {p.name.casefold(): 1 for p in out.iterdir()}
            mine = {"file": file, "folder": folder_name(Path(m.micrograph.name), taken)}
            inputs.append(mine)
        mine |= {"sha256": m.micrograph.sha256, "status": m.status, "seconds": m.seconds}
        folder = m.save(out / str(mine["folder"]))
        rows = [m.summary_row() if i is mine else _row(out, i) for i in inputs]
        write_summary(out / "summary.csv", [r for r in rows if r is not None], SUMMARY_COLUMNS)
        with ParticleWriter(out / "particles.csv", parquet=out / "particles.parquet") as particles:
            for i in inputs:
                if (out / str(i["folder"]) / "measurement.json").is_file():
                    particles.add(str(i["folder"]), read_record(out / str(i["folder"]), pictures=False).particles)
        stated = {"command": "napari", "started": datetime.now().astimezone().isoformat(timespec="seconds")}
        run = stated | run | {"version": __version__, "python": platform.python_version(), "inputs": inputs}
        temporary = out / "run.json.tmp"
        temporary.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(temporary, out / "run.json")
    except OSError as error:
        raise OutputError(f"{error.filename or out}: cannot write ({error.strerror}); choose another folder") from error
    if report:
        report_all([out], None, outputs=Outputs(), quiet=True)
    return folder


def _row(out: Path, entry: dict[str, Any]) -> dict[str, Any] | None:
    """The row that summary.csv has of an input already saved; None where there is none."""
    path = out / "summary.csv"
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            if row.get("file") == entry.get("file"):
                return {k: row.get(k) or None for k in SUMMARY_COLUMNS}
    return None
