"""`nanogauge fibres`: widths, lengths, directions and meshes of the fibres of micrographs."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from ...arrangement.fibres import fibres_of_pixels
from ...batch.inputs import picture, unique_names
from ...core.errors import InputError
from ...core.scale import Scale
from ...core.settings import Settings, read_settings
from ...pipeline.measure import Measurer
from ...reading import read_micrograph
from ...reporting.arrangement import fibre_rows
from ...results.arrangement import fibres_picture, write_fibres
from ...results.folder import make_folder
from ...scale.bar import annotation_boxes
from .each import Row, given, row_of, say_errors, say_look
from .measure_files import with_calibration
from .summary import stdout

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
    files, scales = given(inputs, scale=scale, scale_bar=scale_bar, bar_px=bar_px)
    make_folder(out)
    rows = [
        row_of(file, partial(_of_file, file, out / name, scales.get(file), measurer))
        for file, name in zip(files, unique_names(files), strict=True)
    ]
    _say(rows, json_output=json_output)
    return say_errors(rows)


def _of_file(file: Path, folder: Path, scale: Scale | None, measurer: Measurer) -> tuple[Path, Row]:
    micrograph = read_micrograph(picture(file), **asdict(measurer.settings.read))
    bar, decision, frame = measurer.read_scale(micrograph, user=scale)
    tone = measurer.settings.arrangement.fibre_tone
    found = fibres_of_pixels(micrograph.pixels, frame, decision.scale, tone=tone, keep_out=annotation_boxes(bar))
    if found is None:
        raise InputError(
            f"{file}: nothing in it is a fibre, five times as long as wide with two even edges; for particles use measure"
        )
    write_fibres(make_folder(folder), found, fibres_picture(found, micrograph.pixels))
    return folder, {"fibres": found.to_dict()}


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
        say_look([r["folder"] for r in done], "fibres.png")
