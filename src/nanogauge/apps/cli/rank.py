"""`nanogauge rank`: micrographs in the order of their particles' size, told from the pictures alone."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ...batch.inputs import progress, sort_out
from ...core.errors import SettingsError
from ...core.json_value import json_value
from ...core.scale import format_length
from ...core.settings import Settings
from ...detection.engines import make_size_estimator
from ...pipeline.rank import COLUMNS, in_order, unit_of
from ...results.atomic import write_atomic
from ...scale.user_scale import stated_scale, user_scales
from ..notebook.ranking import ranked
from .each import say_left_out
from .summary import print_line, stdout

WHAT_IT_IS = "Estimated from the pictures alone: nothing was outlined. To quote a size, measure it."


def rank_all(
    inputs: list[Path],
    *,
    out: Path | None = None,
    scale: str | None = None,
    scale_bar: str | None = None,
    bar_px: str | None = None,
    read: dict[str, Any] | None = None,
    largest_first: bool = False,
    json_output: bool = False,
) -> int:
    """Ranks all inputs, prints the table and writes it to OUT (.csv or .json). 0: all; 1: some failed."""
    if out is not None and out.suffix.lower() not in (".csv", ".json"):
        raise SettingsError(f"{out}: a ranking is written as .csv or .json; name such a file")
    files, left_out = sort_out(inputs)
    scales = user_scales(files, inputs, stated_scale(scale=scale, scale_bar=scale_bar, bar_px=bar_px))
    settings = Settings().replace("read", **{k: v for k, v in (read or {}).items() if v is not None})
    errors = Console(stderr=True)
    say_left_out(left_out)
    make_size_estimator()  # its loading is no file's time, and its failure no file's
    found = []
    with progress(len(files), errors, quiet=json_output) as step:
        for file in files:
            found.append(ranked(file, scales.get(file), settings.read))
            step(file.name)
    order = in_order(found, largest_first=largest_first)
    rows = [{"rank": k} | {name: json_value(v) for name, v in r.row().items()} for k, r in order]
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(out, as_csv(rows) if out.suffix.lower() == ".csv" else as_json(rows, unit_of(found)))
    if json_output:
        print(as_json(rows, unit_of(found)), end="")
    else:
        _show(rows, unit_of(found))
    for r in found:
        if r.failed or r.estimate is None:
            print_line(errors, f"nanogauge: {r.message}")
    return 1 if not found or any(r.failed for r in found) else 0


def as_csv(rows: list[dict[str, Any]]) -> str:
    """The ranking as a table, its columns `COLUMNS`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: "" if v is None else f"{v:.6g}" if isinstance(v, float) else v for k, v in r.items()} for r in rows)
    return text.getvalue()


def as_json(rows: list[dict[str, Any]], unit: str) -> str:
    """The ranking with what it is."""
    return json.dumps({"what": WHAT_IT_IS, "ranked_in": unit, "micrographs": rows}, indent=1) + "\n"


def _show(rows: list[dict[str, Any]], unit: str) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "micrograph", "median", "95 %", "spread", "about n", "scale"):
        left = heading in ("micrograph", "scale")
        table.add_column(heading, justify="left" if left else "right", overflow="fold", no_wrap=heading != "micrograph")
    for r in rows:
        name = Path(r["file"]).name
        if r["rank"] is None:
            said = "error" if r["status"] == "error" else "no particles seen"
            table.add_row("–", name, said, "", "", "", "")
            continue
        size, low, high = (_length(r[f"d50_{unit}{end}"], unit) for end in ("", "_low", "_high"))
        source = str(r["scale_source"]) if r["scale_source"] else "none"
        table.add_row(
            str(r["rank"]), name, size, f"{low} to {high}", f"{r['gsd']:.2f}", f"{float(format(r['n'], '.2g')):.0f}", source
        )
    stdout().print(table)
    sized = [r for r in rows if r["rank"] is not None]
    unscaled = sum(r["nm_per_px"] is None for r in sized)
    if unscaled:
        known = (
            "their metadata state no scale"
            if unscaled == len(sized)
            else f"{unscaled} of {len(sized)} have no scale in their metadata"
        )
        print_line(stdout(), f"Ranked in px: {known}; state one with --scale.")
    print_line(stdout(), WHAT_IT_IS)


def _length(value: float, unit: str) -> str:
    return format_length(value, digits=3) if unit == "nm" else f"{value:.3g} px"
