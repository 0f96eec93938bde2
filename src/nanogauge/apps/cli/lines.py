"""`nanogauge lines`: linewidths, pitch, roughness and defects of line–space patterns."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from ...arrangement.lines import find_defects, lines_of_pixels
from ...batch.inputs import picture, unique_names
from ...core.protocols import Engine
from ...core.scale import Scale
from ...core.settings import Settings, read_settings
from ...detection.engines import make_engine
from ...pipeline.measure import Measurer
from ...reading import read_micrograph
from ...results.arrangement import write_lines
from ...results.folder import make_folder
from .each import Row, given, row_of, say_errors, say_look
from .summary import print_line, stdout


def lines_all(
    inputs: list[Path],
    out: Path,
    *,
    dark_lines: bool = False,
    engine: str | None = None,
    device: str | None = None,
    least_score: float = 0.5,
    scale: str | None = None,
    scale_bar: str | None = None,
    bar_px: str | None = None,
    read: dict[str, Any] | None = None,
    settings_file: Path | None = None,
    json_output: bool = False,
) -> int:
    """The lines of all inputs into OUT/NAME. engine: a network of defects; None: they are not looked for. 0: all; 1: some failed.

    Raises EngineError where the network cannot be loaded.
    """
    settings = (read_settings(settings_file) if settings_file else Settings()).replace("read", **(read or {}))
    network = make_engine(engine, device=device or "auto") if engine else None
    measurer = Measurer(settings)
    files, scales = given(inputs, scale=scale, scale_bar=scale_bar, bar_px=bar_px)
    make_folder(out)
    work = partial(_of_file, measurer=measurer, network=network, dark_lines=dark_lines, least_score=least_score)
    rows = [
        row_of(file, partial(work, file, out / name, scales.get(file)))
        for file, name in zip(files, unique_names(files), strict=True)
    ]
    _say(rows, json_output=json_output)
    return say_errors(rows)


def _of_file(
    file: Path,
    folder: Path,
    scale: Scale | None,
    *,
    measurer: Measurer,
    network: Engine | None,
    dark_lines: bool,
    least_score: float,
) -> tuple[Path, Row]:
    micrograph = read_micrograph(picture(file), **asdict(measurer.settings.read))
    _, decision, frame = measurer.read_scale(micrograph, user=scale)
    y0, x0, y1, x1 = frame
    pixels = micrograph.pixels[y0:y1, x0:x1]
    lines = lines_of_pixels(pixels, decision.scale, dark_lines=dark_lines)
    defects = None
    if network is not None:
        grey = micrograph.grey8()[y0:y1, x0:x1]
        defects = [d for d in find_defects(grey, network, lines.edges.pattern) if d.score >= least_score]
    more: dict[str, Any] = {"file": file.name}
    if decision.scale is not None:
        more |= {"nm_per_px": list(decision.scale.nm_per_px), "scale_source": decision.scale.source}
    if network is not None:
        more |= {"engine": network.name, "engine_sha256": network.sha256}
    nm_per_px = decision.scale.nm_per_px if decision.scale else None
    said = write_lines(make_folder(folder), lines, pixels, defects, nm_per_px=nm_per_px, origin=(y0, x0), more=more)
    return folder, {"lines": said}


def _say(rows: list[dict[str, Any]], *, json_output: bool) -> None:
    if json_output:
        print(json.dumps(rows, indent=1))
    else:
        done = [r for r in rows if r["status"] == "ok"]
        with_defects = any("defects" in r["lines"] for r in done)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("picture", "lines", "pitch", "CD", "LWR 3σ", "LER 3σ", "ξ", *(["defects"] if with_defects else [])):
            table.add_column(
                heading, overflow="fold", no_wrap=heading != "picture", justify="left" if heading == "picture" else "right"
            )
        for r in done:
            table.add_row(Path(r["file"]).name, *_cells(r["lines"], with_defects=with_defects))
        if done:
            stdout().print(table)
            for r in done:
                for warning in r["lines"]["warnings"]:
                    print_line(stdout(), f"{Path(r['file']).name}: {warning}")
            say_look([r["folder"] for r in done], "lines.png")


def _cells(lines: dict[str, Any], *, with_defects: bool) -> list[str]:
    unit = lines["unit"]

    def known(key: str) -> str:
        value, error = lines[key]["value"], lines[key]["expanded_uncertainty"]
        return f"{value:.5g} {unit}" if error is None else f"{value:.5g} ± {error:.2g} {unit}"

    def rough(key: str) -> str:
        return "–" if lines[key] is None else f"{lines[key]['three_sigma_unbiased']:.3g} {unit}"

    length = "–" if lines["lwr"] is None else f"{lines['lwr']['correlation_length']:.3g} {unit}"
    cells = [str(lines["lines"]), known("pitch"), known("cd"), rough("lwr"), rough("ler"), length]
    return [*cells, _counted(lines.get("defects", []))] if with_defects else cells


def _counted(defects: list[dict[str, Any]]) -> str:
    kinds = [d["class"] for d in defects]
    return ", ".join(f"{kinds.count(k)} {k.replace('_', '-')}" for k in dict.fromkeys(kinds)) or "none"
