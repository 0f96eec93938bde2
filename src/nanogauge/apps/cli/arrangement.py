"""The commands on how particles lie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import BarPx, CalibrationFile, Channel, Detector, Device, Inputs, Page, SettingsFile, UserScale, UserScaleBar


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


def fibres(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Folder to write to.")] = Path("results"),
    tone: Annotated[
        str | None, typer.Option(metavar="NAME", help="Fibres are bright or dark beside what lies around them, or auto (default).")
    ] = None,
    scale: UserScale = None,
    scale_bar: UserScaleBar = None,
    bar_px: BarPx = None,
    calibration: CalibrationFile = None,
    page: Page = None,
    detector: Detector = None,
    channel: Channel = None,
    settings: SettingsFile = None,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print all figures as JSON.")] = False,
) -> None:
    """Fibres, wires and nets: distribution of widths, lengths, directions and order parameter, meshes.

    INPUTS are micrographs: widths are taken from the picture itself, at the fibres' true edges. Writes fibres.json, fibres.csv (a
    row for each fibre), fibre_widths.csv and fibres.png for each. See docs/fibres.md.

    Examples:

      nanogauge fibres mat.tif -o results
      nanogauge fibres "nets/*.png" --scale "2.5 nm/px" --json
      nanogauge fibres tubes.tif --tone dark
    """
    from .fibres import fibres_all

    options: dict[str, Any] = {"scale": scale, "scale_bar": scale_bar, "bar_px": bar_px, "calibration": calibration, "tone": tone}
    options |= {"read": {"page": page, "detector": detector, "channel": channel}, "settings_file": settings}
    raise typer.Exit(fibres_all(inputs, out, **options, json_output=json_output))


def lines(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Folder to write to.")] = Path("results"),
    dark_lines: Annotated[
        bool, typer.Option("--dark-lines", metavar="", help="Lines are the darker part of the pattern, not the brighter.")
    ] = False,
    engine: Annotated[
        str | None, typer.Option(metavar="FILE", help="A network of defects (FILE.onnx): finds and classifies them.")
    ] = None,
    least_score: Annotated[
        float, typer.Option(metavar="SCORE", min=0.0, max=1.0, help="Defects less sure than that are left out.")
    ] = 0.5,
    scale: UserScale = None,
    scale_bar: UserScaleBar = None,
    bar_px: BarPx = None,
    page: Page = None,
    detector: Detector = None,
    channel: Channel = None,
    device: Device = None,
    settings: SettingsFile = None,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print all figures as JSON.")] = False,
) -> None:
    """Lines and spaces: linewidth (CD), pitch, LER and LWR without the noise's part, correlation length; and their defects.

    Writes lines.json, lines.csv (a row a line), lines_psd.csv and lines.png for each picture, with --engine also defects.csv. See
    docs/line-space.md.

    Examples:

      nanogauge lines resist.tif -o results
      nanogauge lines lot/*.tif --engine defects.onnx --json
    """
    from .lines import lines_all

    options: dict[str, Any] = {"scale": scale, "scale_bar": scale_bar, "bar_px": bar_px, "engine": engine, "device": device}
    options |= {"read": {"page": page, "detector": detector, "channel": channel}, "settings_file": settings}
    raise typer.Exit(lines_all(inputs, out, dark_lines=dark_lines, least_score=least_score, **options, json_output=json_output))


def aggregates(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDERS", help="Results of `nanogauge measure`, of one sample.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="Folder for the sample's files; default: the first one given.")
    ] = None,
    contact_gap: Annotated[
        float | None,
        typer.Option(
            "--contact-gap", metavar="SHARE", help="Gap, over the smaller diameter, up to which two particles touch: 0.1."
        ),
    ] = None,
    settings: SettingsFile = None,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print all figures as JSON.")] = False,
) -> None:
    """What hangs together: groups of touching primaries, their sizes, and the fractal dimension of the sample.

    Nothing is measured again. Writes aggregates.csv and aggregates.json beside each micrograph, and those of all into OUT. See
    docs/aggregates.md.

    Example:

      nanogauge measure soot -o results && nanogauge aggregates results
    """
    from .aggregates import aggregates_all

    options: dict[str, Any] = {"contact_gap": contact_gap, "settings_file": settings, "json_output": json_output}
    raise typer.Exit(aggregates_all(folders, out, **options))
