"""The commands on how particles lie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import BarPx, Channel, Detector, Device, Inputs, Page, SettingsFile, UserScale, UserScaleBar


def order(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Folder to write to, for micrographs.")] = Path("results"),
    take_from: Annotated[
        str,
        typer.Option("--from", metavar="WHAT", help="particles, picture (for lattices too fine to outline particles), or auto."),
    ] = "auto",
    lattice: Annotated[str | None, typer.Option(metavar="NAME", help="hexagonal, square, or auto (default).")] = None,
    scale: UserScale = None,
    scale_bar: UserScaleBar = None,
    bar_px: BarPx = None,
    page: Page = None,
    detector: Detector = None,
    channel: Channel = None,
    engine: Annotated[str | None, typer.Option(metavar="NAME", help="unet (default), threshold, or a network's FILE.onnx.")] = None,
    device: Device = None,
    settings: SettingsFile = None,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print all figures as JSON.")] = False,
) -> None:
    """How the particles are ordered: ψ4 and ψ6, grains and their boundaries, lattice constant, g(r), S(k), defects.

    INPUTS are micrographs, or folders of results, which are not measured again. Writes order.json, grains.csv, boundaries.csv,
    order_curves.csv and order.png for each. See docs/order.md.

    Examples:

      nanogauge order superlattice.tif -o results
      nanogauge order results                          what was measured already
      nanogauge order fine.tif --from picture          100,000 particles of 4 px
    """
    if take_from not in ("auto", "particles", "picture"):
        raise typer.BadParameter(f"--from is particles, picture or auto, got {take_from!r}")
    from .order import order_all

    options: dict[str, Any] = {"scale": scale, "scale_bar": scale_bar, "bar_px": bar_px, "engine": engine, "device": device}
    options |= {"read": {"page": page, "detector": detector, "channel": channel}, "settings_file": settings}
    raise typer.Exit(order_all(inputs, out, take_from=take_from, lattice=lattice, **options, json_output=json_output))
