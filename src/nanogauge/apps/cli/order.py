"""`nanogauge order`: grains, ψ and lattice constants of micrographs, or of what was measured already."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from ...arrangement.order import order_of_pixels, order_of_table
from ...arrangement.order.picture import find_ring
from ...batch.inputs import picture, unique_names
from ...core.errors import InputError
from ...core.scale import Scale
from ...core.settings import Settings, read_settings
from ...pipeline.measure import Measurer
from ...reading import read_micrograph
from ...results.arrangement import write_order
from ...results.folder import make_folder
from ...results.run_json import result_folders
from ...results.saved import read_saved
from .each import Row, given, row_of, say_errors, say_look
from .summary import stdout

SMALL_PERIOD_PX = 9.0
"""Lattice constants below, with particles under 6 px or so, are looked for in the picture itself, and so are fields of more than
MOST_PARTICLES."""
MOST_PARTICLES = 30_000


def order_all(
    inputs: list[Path],
    out: Path,
    *,
    take_from: str = "auto",
    lattice: str | None = None,
    scale: str | None = None,
    scale_bar: str | None = None,
    bar_px: str | None = None,
    read: dict[str, Any] | None = None,
    engine: str | None = None,
    device: str | None = None,
    settings_file: Path | None = None,
    json_output: bool = False,
) -> int:
    """The order of all inputs into OUT/NAME, or beside the results that were given. 0: all; 1: some failed."""
    settings = (read_settings(settings_file) if settings_file else Settings()).replace("segment", engine=engine, device=device)
    settings = settings.replace("read", **(read or {})).replace("arrangement", order=True, lattice=lattice)
    rows: list[dict[str, Any]] = []
    results = [i for i in inputs if _holds_results(i)]
    for folder in results:
        for result in result_folders(folder):
            rows.append(row_of(result, partial(_of_result, result, settings)))
    others = [i for i in inputs if i not in results]
    if others:
        measurer = Measurer(settings)
        files, scales = given(others, scale=scale, scale_bar=scale_bar, bar_px=bar_px)
        make_folder(out)
        for file, name in zip(files, unique_names(files), strict=True):
            rows.append(row_of(file, partial(_of_file, file, out / name, scales.get(file), measurer, take_from)))
    _say(rows, json_output=json_output)
    return say_errors(rows)


def _holds_results(path: Path) -> bool:
    return path.is_dir() and ((path / "run.json").is_file() or (path / "measurement.json").is_file())


def _of_result(folder: Path, settings: Settings) -> tuple[Path, Row]:
    """The order of what was measured, nothing measured again."""
    saved = read_saved(folder, pictures=False)
    order = order_of_table(saved.particles, saved.frame, saved.scale, settings.arrangement)
    if order is None:
        raise InputError(f"{folder}: {len(saved.particles)} particles are too few for an order; 12 are needed")
    write_order(folder, order)
    return folder, {"order": order.to_dict()}


def _of_file(file: Path, folder: Path, scale: Scale | None, measurer: Measurer, take_from: str) -> tuple[Path, Row]:
    micrograph = read_micrograph(picture(file), **asdict(measurer.settings.read))
    s = measurer.settings.arrangement
    _, decision, frame = measurer.read_scale(micrograph, user=scale)
    y0, x0, y1, x1 = frame
    from_picture = take_from == "picture" or (take_from == "auto" and _too_fine(micrograph.pixels[y0:y1, x0:x1]))
    if from_picture:
        order = order_of_pixels(micrograph.pixels, frame, decision.scale, s)
        if order is None:
            raise InputError(f"{file}: no lattice stands out in the picture; try --from particles")
        write_order(make_folder(folder), order)
        return folder, {"order": order.to_dict()}
    m = measurer.measure(micrograph, scale=scale)
    if m.order is None:
        raise InputError(f"{file}: {m.n_particles} particles are too few for an order; 12 are needed, or try --from picture")
    m.save(folder)
    return folder, {"order": m.order.to_dict()}


def _too_fine(pixels: Any) -> bool:
    """Whether the lattice is too fine, or its particles too many, for each of them to be outlined."""
    ring = find_ring(pixels)
    if ring is None:
        return False
    period = 1 / ring.wave_number
    return period < SMALL_PERIOD_PX * 3**0.5 / 2 or pixels.size / period**2 > MOST_PARTICLES


def _say(rows: list[dict[str, Any]], *, json_output: bool) -> None:
    if json_output:
        print(json.dumps(rows, indent=1))
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in (
            "micrograph",
            "from",
            "lattice",
            "constant",
            "|ψ|",
            "grains",
            "in grains",
            "boundary",
            "low angle",
            "voids",
        ):
            table.add_column(
                heading, overflow="fold", no_wrap=heading != "micrograph", justify="left" if len(table.columns) < 3 else "right"
            )
        done = [r for r in rows if r["status"] == "ok"]
        for r in done:
            table.add_row(Path(r["file"]).name, *_cells(r["order"]))
        if done:
            stdout().print(table)
            say_look(sorted({r["folder"] for r in done}), "order.png")


def _cells(order: dict[str, Any]) -> list[str]:
    unit = order["unit"]
    a, b = order["lattice_constant"], order["boundaries"]
    psi = order.get("mean_psi6" if order["lattice"] == "hexagonal" else "mean_psi4", order.get("mean_psi"))
    constant = "none" if a["value"] is None else f"{a['value']:.4g} ± {a['expanded_uncertainty']:.2g} {unit}"
    total = b[f"length_{unit}"]
    low = f"{100 * b[f'low_angle_length_{unit}'] / total:.0f} %" if total else "–"
    return [
        order["from"],
        order["lattice"] if order["grains"]["n"] else "none",
        constant,
        "–" if psi is None else f"{psi:.2f}",
        str(order["grains"]["n"]),
        f"{100 * order['share_in_grains']:.0f} %",
        f"{total:.3g} {unit}",
        low,
        f"{100 * order['share_of_voids']:.1f} %",
    ]
