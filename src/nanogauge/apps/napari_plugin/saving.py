"""Measurement -> results folder, in the layout of `nanogauge measure`; several micrographs one after another make one run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ...batch.inputs import folder_name
from ...core.errors import OutputError
from ...reporting.run_report import Outputs
from ...results.folder import MARK, make_folder
from ...results.measurement import SUMMARY_COLUMNS, Measurement
from ...results.run_json import RUN_JSON, run_inputs, write_run_json
from ...results.saved import read_json, read_saved
from ...results.tables import ParticleWriter, write_summary
from ..cli.report import report_all


def save_results(m: Measurement, out: Path, *, report: bool = True) -> Path:
    """Writes OUT/NAME/ (measurement.json, particles.csv, labels.tif, overlay.png, rois.zip) and, of all micrographs saved in OUT,
    summary.csv, particles.csv, particles.parquet, run.json and the report. The same micrograph again replaces what was there.

    report: write report.html, report.pdf, results.xlsx and plots/ too

    Answers the folder of the micrograph. Raises OutputError.
    """
    make_folder(out)
    try:
        run = read_json(out / RUN_JSON) if (out / RUN_JSON).is_file() else {}
        inputs = run_inputs(out)
        file = m.micrograph.name if m.micrograph.path is None else str(m.micrograph.path)
        mine = next((i for i in inputs if i.get("file") == file and i.get("sha256") == m.micrograph.sha256), None)
        if mine is None:
            taken = {p.name.casefold(): 1 for p in out.iterdir()}
            mine = {"file": file, "folder": folder_name(Path(m.micrograph.name), taken)}
            inputs.append(mine)
        mine |= {"sha256": m.micrograph.sha256, "status": m.status, "seconds": m.seconds}
        folder = m.save(out / str(mine["folder"]))
        rows = []
        with ParticleWriter(out / "particles.csv", parquet=out / "particles.parquet") as particles:
            for i in inputs:
                name = str(i["folder"])
                if (out / name / MARK).is_file():
                    saved = read_saved(out / name, pictures=False)
                    rows.append(saved.summary_row(str(i.get("file"))))
                    particles.add(name, saved.particles)
        write_summary(out / "summary.csv", rows, SUMMARY_COLUMNS)
        stated = {"command": "napari", "started": datetime.now().astimezone().isoformat(timespec="seconds")}
        made_now = ("version", "python", "inputs")
        write_run_json(out, stated | {k: v for k, v in run.items() if k not in made_now}, inputs)
    except OSError as error:
        raise OutputError(f"{error.filename or out}: cannot write ({error.strerror}); choose another folder") from error
    if report:
        report_all([out], None, outputs=Outputs(), quiet=True)
    return folder
