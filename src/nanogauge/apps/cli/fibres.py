"""`nanogauge fibres`: widths, lengths, directions and meshes of the fibres of micrographs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ...arrangement.fibres import Fibres, fibres_of_pixels
from ...batch.inputs import picture, problem, said_of_left_out, sort_out, unique_names
from ...core.errors import InputError
from ...core.scale import Scale
from ...core.settings import Settings, read_settings
from ...pipeline.measure import Measurer
from ...reading import read_micrograph
from ...reporting.arrangement import fibre_rows
from ...results.arrangement import fibres_picture, write_fibres
from ...results.folder import make_folder
from ...scale.bar import annotation_boxes
from ...scale.user_scale import stated_scale, user_scales
from .measure_files import with_calibration
from .summary import print_line, stdout

_SHOWN = ("Fibres", "Mean width", "Widths", "Lengths", "Order parameter")


def fibres_all(
    inputs: list[Path],
    out: Path,
    *,
    tone: str | None = None,
    scale: str | None = None,
    scale_bar: str | None = None,
    bar_px: str | None = None,
    calibration: Path | None = None,
    read: dict[str, Any] | None = None,
    settings_file: Path | None = None,
    json_output: bool = False,
) -> int:
    """The fibres of all inputs into OUT/NAME. 0: all; 1: some failed."""
    settings = (read_settings(settings_file) if settings_file else Settings()).replace("read", **(read or {}))
    settings = settings.replace("arrangement", fibres=True, fibre_tone=tone)
    measurer = Measurer(with_calibration(settings, calibration))
    files, left_out = sort_out(inputs)
    if left_out:
        print_line(Console(stderr=True), f"nanogauge: {said_of_left_out(left_out)}")
    scales = user_scales(files, inputs, stated_scale(scale=scale, scale_bar=scale_bar, bar_px=bar_px))
    make_folder(out)
    rows: list[dict[str, Any]] = []
    for file, name in zip(files, unique_names(files), strict=True):
        try:
            found = _of_file(file, out / name, scales.get(file), measurer)
        except Exception as error:  # one file never stops the others
            rows.append({"file": str(file), "status": "error", "message": problem(error, file)})
            continue
        rows.append({"file": str(file), "status": "ok", "folder": str(out / name), "fibres": found.to_dict()})
    _say(rows, json_output=json_output)
    return 1 if not rows or any(r["status"] == "error" for r in rows) else 0


def _of_file(file: Path, folder: Path, scale: Scale | None, measurer: Measurer) -> Fibres:
    micrograph = read_micrograph(picture(file), **asdict(measurer.settings.read))
    bar, decision, frame = measurer.read_scale(micrograph, user=scale)
    tone = measurer.settings.arrangement.fibre_tone
    found = fibres_of_pixels(micrograph.pixels, frame, decision.scale, tone=tone, keep_out=annotation_boxes(bar))
    if found is None:
        raise InputError(
            f"{file}: nothing in it is a fibre, five times as long as wide with two even edges; for particles use measure"
        )
    write_fibres(make_folder(folder), found, fibres_picture(found, micrograph.pixels))
    return found


def _say(rows: list[dict[str, Any]], *, json_output: bool) -> None:
    done = [r for r in rows if r["status"] == "ok"]
    if json_output:
        print(json.dumps(rows, indent=1))
    elif done:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("micrograph", *(s.lower() for s in _SHOWN)):
            table.add_column(heading, overflow="fold")
        for r in done:
            said = dict(fibre_rows(r["fibres"]))
            table.add_row(Path(r["file"]).name, *(said[s] for s in _SHOWN))
        stdout().print(table)
        print_line(stdout(), f"Look at {done[0]['folder']}/fibres.png" + (f" and {len(done) - 1} more" if len(done) > 1 else ""))
    errors = Console(stderr=True)
    for r in rows:
        if r["status"] == "error":
            print_line(errors, f"nanogauge: {r['message']}")
