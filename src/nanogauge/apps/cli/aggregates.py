"""`nanogauge aggregates`: what hangs together in micrographs that were measured, and over the whole sample."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ...arrangement.aggregates import Aggregates, aggregates_of, pooled
from ...batch.inputs import problem
from ...core.errors import InputError
from ...core.settings import Settings, read_settings
from ...reporting.arrangement import aggregate_rows
from ...results.arrangement import write_aggregates
from ...results.run_json import result_folders
from ...results.saved import read_saved
from .summary import print_line, stdout


def aggregates_all(
    folders: list[Path],
    out: Path | None,
    *,
    contact_gap: float | None = None,
    settings_file: Path | None = None,
    json_output: bool = False,
) -> int:
    """Writes the groups of each micrograph beside it and those of the sample into OUT. 0: all; 1: some could not be read.

    out: None: the only folder. Raises InputError where there is nothing to pool.
    """
    settings = read_settings(settings_file) if settings_file else Settings()
    gap = settings.replace("arrangement", contact_gap=contact_gap).arrangement.contact_gap
    parts: list[Aggregates] = []
    names: list[str] = []
    errors = Console(stderr=True)
    failed = False
    for folder in folders:
        for result in result_folders(folder):
            try:
                found = _of_result(result, gap)
            except Exception as error:  # one folder never stops the others
                print_line(errors, f"nanogauge: {problem(error, result)}")
                failed = True
                continue
            write_aggregates(result, found)
            parts.append(found)
            names.append(result.name)
    if not parts:
        raise InputError(f"{folders[0]}: no measured micrograph with particles; give a folder that `nanogauge measure` wrote")
    try:
        sample = pooled(parts, names)
    except ValueError as error:
        raise InputError(f"{folders[0]}: {error}; give them one with nanogauge measure --scale, or measure them apart") from error
    target = out or folders[0]
    target.mkdir(parents=True, exist_ok=True)
    write_aggregates(target, sample)
    if json_output:
        print(json.dumps(sample.to_dict(), indent=1))
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for row in aggregate_rows(sample.to_dict()):
            table.add_row(*row)
        stdout().print(table)
        print_line(stdout(), f"Look at {target / 'aggregates.csv'}")
    return 1 if failed else 0


def _of_result(folder: Path, gap: float) -> Aggregates:
    saved = read_saved(folder, pictures=False)
    if not len(saved.particles):
        raise InputError(f"{folder}: no particles were found in it")
    return aggregates_of(saved.labels, saved.particles, saved.frame, saved.scale, gap_share=gap)
