"""`nanogauge phases measure` and `check`: many micrographs measured, and a network checked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ...batch.inputs import picture, problem, unique_names
from ...core.errors import InputError
from ...core.settings import Settings, read_settings
from ...phases.check import Check
from ...phases.export import phases_dict
from ...phases.figures import PhaseFigures
from ...pipeline.measure import Measurer
from ...pipeline.phases import check_beside, check_engine, known_check, measure_phases, phases_of
from ...reporting.formatting import lengths, number, percent
from ...reporting.phases import write_phase_report
from ...results.folder import make_folder
from ...results.phases import PhaseMeasurement, pool_phases, write_check
from .each import given
from .summary import print_line, stdout


def measure_all(
    inputs: list[Path],
    out: Path,
    *,
    engine: str,
    check_file: Path | None = None,
    scale: str | None = None,
    scale_bar: str | None = None,
    bar_px: str | None = None,
    read: dict[str, Any] | None = None,
    device: str | None = None,
    settings_file: Path | None = None,
    report: bool = True,
    json_output: bool = False,
) -> int:
    """The phases of all inputs, each into OUT/NAME, and of all together into OUT. 0: all; 1: some failed."""
    settings = (read_settings(settings_file) if settings_file else Settings()).replace("segment", engine=engine, device=device)
    measurer = Measurer(settings.replace("read", **(read or {})))
    phases_of(measurer.engine)  # before anything is read
    errors = Console(stderr=True)
    check, why = known_check(measurer.engine, check_file, engine)
    if why:
        print_line(errors, f"nanogauge: {why}")
    files, scales = given(inputs, scale=scale, scale_bar=scale_bar, bar_px=bar_px)
    make_folder(out)
    every: list[PhaseMeasurement] = []
    failures: list[tuple[str, str]] = []
    for file, name in zip(files, unique_names(files), strict=True):
        try:
            m = measure_phases(picture(file), measurer, check=check, scale=scales.get(file))
            m.save(out / name)
            every.append(m)
        except Exception as error:  # one file never stops the others
            failures.append((file.name, problem(error, file)))
    figures = _pooled(every, out, errors)
    if report and every:
        write_phase_report(out, every, figures, title=f"Phases: {out.resolve().name}", failures=failures)
    _say(every, figures, out, report=report, json_output=json_output)
    for _, message in failures:
        print_line(errors, f"nanogauge: {message}")
    return 1 if failures or not every else 0


def _pooled(every: Sequence[PhaseMeasurement], out: Path, errors: Console) -> PhaseFigures | None:
    if not every:
        return None
    try:
        sample = pool_phases(every)
    except InputError as error:
        print_line(errors, f"nanogauge: no figures of all together: {error}")
        return None
    sample.save(out)
    return sample.figures


def _say(every: Sequence[PhaseMeasurement], figures: PhaseFigures | None, out: Path, *, report: bool, json_output: bool) -> None:
    if json_output:
        found = {"micrographs": [m.to_dict() for m in every], "together": phases_dict(figures) if figures else None}
        print(json.dumps(found, indent=1))
        return
    if not every:
        return
    shown = [(m.micrograph.name, m.figures) for m in every]
    if figures is not None and len(every) > 1:
        shown.append(("all together", figures))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("micrograph", "phase", "area fraction", "95 % interval", "mean chord", "thickness", "pieces"):
        left = heading in ("micrograph", "phase")
        table.add_column(heading, justify="left" if left else "right", no_wrap=heading != "micrograph", overflow="fold")
    for name, f in shown:
        for k, p in enumerate(f.phases):
            e, unit = p.share.whole, lengths(f.unit, p.chord.value)
            interval = f"{number(100 * e.low, 3)} … {number(100 * e.high, 3)} %"
            sizes = unit.with_unit(p.chord.value, 3), unit.with_unit(p.thickness.value, 3)
            table.add_row(name if k == 0 else "", p.name, percent(e.value), interval, *sizes, str(p.n_pieces))
    stdout().print(table)
    warnings = dict.fromkeys(w for f in ([figures] if figures else [m.figures for m in every]) for w in f.warnings)
    for w in list(warnings)[:10]:
        stdout().print(w, style="yellow", markup=False, highlight=False, soft_wrap=True)
    look = out / ("report.html" if report else "phases.csv")
    print_line(stdout(), f"{len(every)} measured. Look at {look}")


def check_all(
    folder: Path,
    *,
    engine: str,
    out: Path | None = None,
    only: Path | None = None,
    device: str | None = None,
    json_output: bool = False,
) -> int:
    """The network against the labels of FOLDER, into NAME.check.json beside it."""
    from ...training.classes.data import read_class_folder

    measurer = Measurer(Settings().replace("segment", engine=engine, device=device))
    known = phases_of(measurer.engine)
    _, items = read_class_folder(folder, only=known.names, report=lambda line: print_line(Console(stderr=True), line))
    if only is not None:
        try:
            wanted = {line.strip() for line in only.read_text(encoding="utf-8").splitlines()}
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{only}: cannot be read as a list of names ({error})") from error
        items = [i for i in items if i.name in wanted]
    if not items:
        raise InputError(f"{folder}: no labelled micrograph to check the network on")
    check = check_engine(measurer.engine, ((i.name, i.grey, i.classes) for i in items))
    path = out or check_beside(engine)
    write_check(path, check)
    _say_check(check, path, json_output=json_output)
    return 0


def _say_check(check: Check, path: Path, *, json_output: bool) -> None:
    if json_output:
        print(json.dumps(check.to_dict(), indent=1))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("phase", "IoU", "true fraction", "as said", "95 % of one picture's fraction"):
        table.add_column(heading, justify="left" if heading == "phase" else "right", no_wrap=True)
    c = check.confusion
    reach = check.share_reach()
    for k, name in enumerate(check.names):
        within = "–" if reach is None else f"± {percent(float(reach[k]), 2)}"
        true, said = (percent(float(c.sum(axis=a)[k] / c.sum())) for a in (1, 0))
        table.add_row(name, number(float(check.iou()[k]), 3), true, said, within)
    stdout().print(table)
    print_line(stdout(), f"{len(check.pictures)} pictures. `nanogauge phases measure` goes by {path}")
    if reach is None:
        print_line(stdout(), "Too few to say how far a picture's fraction may be off: hold out or check three at least.")
