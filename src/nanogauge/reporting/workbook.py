"""An Excel workbook of a sample: particles, distribution, uncertainty budget, scale, settings. Numbers are numbers; units stand
in the headers."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import OutputError
from ..core.particles import has_classes, units
from ..statistics.distribution import STATISTICS, WITHOUT_UNIT, cumulative, histogram

if TYPE_CHECKING:
    from xlsxwriter import Workbook

    from ..statistics.samples import Sample

MOST_PARTICLES = 10_000
"""Particles in the workbook; more are in particles.csv and particles.parquet, which open faster."""
_WIDEST = 60
_LONGEST_NAME = 31  # of a sheet, in Excel
_NOT_IN_A_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]|[^\u0000-\uffff]")
_NOT_IN_A_CELL = dict.fromkeys(i for i in range(32) if i not in (9, 10, 13))


def write_workbook(
    path: Path,
    samples: Sequence[Sample],
    *,
    micrographs: Iterable[dict[str, Any]] = (),
    facts: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (),
) -> None:
    """One workbook of one or several samples; with several, each has its own sheets, named after it.

    micrographs: rows for the sheet of micrographs and their scale evidence; facts: (sheet, [(name, text)]) to add

    Raises OutputError where the file cannot be written.
    """
    from xlsxwriter import Workbook

    content = io.BytesIO()
    book = Workbook(content, {"constant_memory": True})  # a row at a time
    for sample, mark in zip(samples, _marks([s.name for s in samples]), strict=True):
        _sheet(book, f"Summary{mark}", ["figure", "value", "unit", "95 % low", "95 % high", "standard error"], _summary(sample))
        if sample.budget is not None:
            heads = ["statistic", "component", "type", "standard uncertainty", "its unit", "sensitivity"]
            heads += [f"contribution / {sample.unit}", "value / " + sample.unit, f"expanded U / {sample.unit}", "from"]
            _sheet(book, f"Budget{mark}", heads, _budget(sample))
        if has_classes(sample.particles):
            classes = sample.by_class().to_frame()
            _sheet(book, f"Classes{mark}", [c.replace("_", " ") for c in classes.columns], classes.itertuples(index=False))
        _sheet(book, f"Distribution{mark}", *_bars(sample))
        _sheet(book, f"Cumulative{mark}", *_cumulative(sample))
        _sheet(book, f"Per micrograph{mark}", *_per_micrograph(sample))
        _sheet(book, f"Particles{mark}", *_particles(sample))
    rows = list(micrographs)
    if rows:
        keys = list(rows[0])
        _sheet(book, "Scale", [k.replace("_", " ") for k in keys], ([r.get(k) for k in keys] for r in rows))
    for name, pairs in facts:
        _sheet(book, name, ["what", "value"], pairs)
    if not book.worksheets():
        _sheet(book, "Summary", ["what", "value"], [("particles", 0)])
    book.close()
    try:
        path.write_bytes(content.getvalue())
    except OSError as error:
        raise OutputError(
            f"{path}: cannot write ({error.strerror}); close it in other programs, or choose another folder"
        ) from error


def _marks(names: Sequence[str]) -> list[str]:
    """What tells the sheets of several samples apart: their names, as far as Excel takes them, numbered where alike."""
    if len(names) < 2:
        return [""] * len(names)
    room = _LONGEST_NAME - len("Per micrograph")
    marks: list[str] = []
    for k, name in enumerate(names, start=1):
        clean = " ".join(_NOT_IN_A_NAME.sub(" ", name).split()).strip("'")
        mark = f" {clean}"[:room].rstrip(" '")
        while not mark or mark.casefold() in {m.casefold() for m in marks}:
            mark, k = f"{f' {clean}'[: room - len(str(k)) - 1].rstrip()} {k}", k + 1
        marks.append(mark)
    return marks


def _sheet(book: Workbook, name: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A sheet with a bold, frozen header and columns as wide as what is in them."""
    sheet = book.add_worksheet(name[:31])
    table = [[_plain(v) for v in row] for row in rows]
    for k, head in enumerate(heads):
        longest = max([len(_shown(r[k])) for r in table[:500] if k < len(r)], default=0)
        sheet.set_column(k, k, min(max(longest, min(len(head), 22), 6) + 2, _WIDEST))
    sheet.freeze_panes(1, 0)
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    for k, head in enumerate(heads):
        sheet.write_string(0, k, head, bold)
    for i, row in enumerate(table, start=1):
        for k, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(i, k, value)
            elif isinstance(value, bool):
                sheet.write_boolean(i, k, value)
            elif value is not None:
                sheet.write_number(i, k, value)
    if table:
        sheet.autofilter(0, 0, len(table), len(heads) - 1)


def _plain(value: Any) -> Any:
    """What a cell can hold: no NaN, no control characters, and text that is not taken for a formula."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        text = value.translate(_NOT_IN_A_CELL)[:32_000]
        return f"'{text}" if text[:1] in ("=", "+", "@") or (text[:1] == "-" and len(text) > 1) else text
    return value


def _shown(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value or "")


def _summary(sample: Sample) -> list[tuple[Any, ...]]:
    d = sample.distribution
    rows: list[tuple[Any, ...]] = [
        ("sample", sample.name),
        ("micrographs", sample.n_micrographs),
        ("particles found", sample.n_particles),
        ("particles counted", d.n),
        ("effective number", d.n_effective),
        ("weighting", d.weighting),
    ]
    rows += [(f"left out: {k.replace('_', ' ')}", n) for k, n in sample.exclusions.items()]
    for name in STATISTICS:
        e = getattr(d, name)
        low, high = sample.quotable.get(name, (e.low, e.high))
        rows.append((name, e.value, "" if name in WITHOUT_UNIT else d.unit, low, high, e.standard_error))
    for v in sample.verdicts:
        rows += [(v.question, v.answer), (v.value_meaning, v.value, "", v.low, v.high)]
    for r in sample.required_n:
        about = f"particles needed, {r.basis.replace('_', ' ')} within {100 * r.relative_error:g} % at {100 * r.confidence:g} %"
        rows.append((about, r.n_needed))
    return rows


def _budget(sample: Sample) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for s in sample.budget.statistics if sample.budget is not None else ():
        for c in s.components:
            figures = (c.standard_uncertainty, c.input_unit, c.sensitivity, c.contribution, None, None, c.source)
            rows.append((s.statistic, c.name.replace("_", " "), c.kind, *figures))
        rows.append(
            (s.statistic, "combined", "", s.combined, s.unit, 1.0, s.combined, s.value, s.expanded, f"k = {s.coverage_factor:g}")
        )
    return rows


def _bars(sample: Sample) -> tuple[list[str], list[tuple[Any, ...]]]:
    u = sample.unit
    heads = [f"from / {u}", f"to / {u}", "count", "share by number", f"density by number / (1/{u})"]
    if not sample.distribution.n:
        return heads, []
    table = sample.particles
    h = histogram(table[f"equivalent_diameter_{u}"], unit=u, weights=_weights(sample), weighting="number")
    return heads, [(a, b, n, s, s / (b - a)) for a, b, n, s in zip(h.edges[:-1], h.edges[1:], h.count, h.share, strict=True)]


def _cumulative(sample: Sample) -> tuple[list[str], list[tuple[Any, ...]]]:
    u = sample.unit
    heads = [f"diameter / {u}", "Q by number", "Q by volume"]
    if not sample.distribution.n:
        return heads, []
    x, w = sample.particles[f"equivalent_diameter_{u}"], _weights(sample)
    number, volume = (cumulative(x, unit=u, weights=w, weighting=k) for k in ("number", "volume"))
    step = max(1, len(number.x) // 2000)
    at = np.unique(np.r_[np.arange(0, len(number.x), step), len(number.x) - 1])
    xs = np.array(number.x)[at]
    return heads, list(zip(xs, np.array(number.y)[at], np.interp(xs, volume.x, volume.y), strict=True))


def _per_micrograph(sample: Sample) -> tuple[list[str], list[list[Any]]]:
    u = sample.unit
    heads = [
        f"{c} / {u}" if c in ("mean", "sd", "d10", "d50", "d90") else c.replace("_", " ") for c in map(str, sample.micrographs)
    ]
    return heads, sample.micrographs.to_numpy(object).tolist()


def _particles(sample: Sample) -> tuple[list[str], list[list[Any]]]:
    table = sample.particles.iloc[:MOST_PARTICLES]
    heads = []
    for name, unit in units(map(str, table.columns)).items():
        for ending in ("_px2", "_nm2", "_px", "_nm", "_deg") if unit else ():
            name = name.removesuffix(ending)
        heads.append(f"{name.replace('_', ' ')} / {unit}" if unit else name.replace("_", " "))
    rows = table.to_numpy(object).tolist()
    if len(sample.particles) > MOST_PARTICLES:
        rows.append([f"{len(sample.particles) - MOST_PARTICLES} more particles are in particles.csv and particles.parquet"])
    return heads, rows


def _weights(sample: Sample) -> Any:
    weights = sample.particles["edge_weight"].to_numpy(float)
    return weights if sample.settings.measure.edge_correction else (weights > 0).astype(float)
