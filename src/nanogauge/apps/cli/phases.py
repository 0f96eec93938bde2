"""The commands on phases: several kinds of material, of which every pixel is one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import BarPx, Channel, Detector, Device, Inputs, NoReport, Page, SettingsFile, UserScale, UserScaleBar

app = typer.Typer(
    name="phases",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Phases: of which of several kinds every pixel is. Train a network on your own micrographs, and measure with it.",
)


@app.command()
def train(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="images/, classes/ and classes.csv, or annotations with classes.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="NAME.onnx", help="Network to write.")] = Path("phases.onnx"),
    only: Annotated[
        str, typer.Option("--classes", metavar="NAMES", help="These alone, 'matrix,pore'; default: all.", show_default=False)
    ] = "",
    start_from: Annotated[
        str, typer.Option("--from", metavar="NETWORK", help="shipped, an exported network's FILE.onnx, or a checkpoint.")
    ] = "shipped",
    steps: Annotated[int, typer.Option(metavar="N", min=1, help="Steps in all.")] = 300,
    hold_out: Annotated[
        float, typer.Option(metavar="SHARE", min=0.01, max=0.9, help="Share of the micrographs kept to test on.")
    ] = 0.25,
    whole: Annotated[
        bool, typer.Option("--whole", metavar="", help="All of the network learns, not the class head alone: three times slower.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", metavar="", help="Do not go on from an earlier run's checkpoint.")] = False,
) -> None:
    """Learn phases from class maps, whole or scribbled.

    \b
      FOLDER/images/ID.*     micrographs
      FOLDER/classes/ID.png  their class maps (PNG or TIFF, numbers): 255 and what classes.csv does not list is unlabelled
      FOLDER/classes.csv     value,class

    Writes NAME.onnx and, in the folder NAME, log, checkpoint, and the figures on the micrographs held out. Goes on from NAME's
    checkpoint where it was stopped.

    Example:

      nanogauge phases train my-micrographs -o superalloy.onnx

    Needs the extra: pip install "nanogauge\\[train]". See docs/training.md.
    """
    from . import commands

    if out.suffix != ".onnx":
        raise typer.BadParameter(f"-o {out}: give the name of an .onnx file")
    names = [n.strip() for n in only.split(",") if n.strip()]
    options: dict[str, Any] = {
        "only": names,
        "start_from": start_from,
        "steps": steps,
        "hold_out": hold_out,
        "whole": whole,
    }
    run = run_beside(out, folder)
    code = commands.train_classes(folder, out, run, of="phases", fresh=fresh, **options)
    if code == 0:
        from .phases_all import check_all

        code = check_all(folder, engine=str(out), only=run / "held_out.txt")
    raise typer.Exit(code)


def run_beside(network: Path, labelled: Path) -> Path:
    """The folder of a training's files: NAME of NAME.onnx, NAME-run where that is the labelled folder itself."""
    run = network.with_suffix("")
    return network.with_name(f"{network.stem}-run") if run.resolve() == labelled.resolve() else run


Engine = Annotated[str, typer.Option("--engine", metavar="NAME.onnx", help="The network, of `nanogauge phases train`.")]


@app.command()
def measure(
    inputs: Inputs,
    engine: Engine,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Folder to write to.")] = Path("results"),
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="FILE", help="What the network gets wrong; default: NAME.check.json beside the network."),
    ] = None,
    scale: UserScale = None,
    scale_bar: UserScaleBar = None,
    bar_px: BarPx = None,
    page: Page = None,
    detector: Detector = None,
    channel: Channel = None,
    device: Device = None,
    settings: SettingsFile = None,
    no_report: NoReport = False,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print all figures as JSON.")] = False,
) -> None:
    """Measure phases: area fractions with intervals, chords, local thickness, interfaces, grains and pores.

    The INPUTS are of one sample. Writes into the folder OUT:

    \b
      report.html      look here first; plots/
      phases.csv       a row for each micrograph and phase, and for all together
      interfaces.csv   length per area between each two phases
      pieces.csv       every grain and pore; chords.csv, phases.json
      NAME/            for each micrograph the same, phases.tif (numbers of phases),
                       overlay.png, phases.png

    Example:

      nanogauge phases measure shale/*.tif --engine shale.onnx -o results
    """
    from .phases_all import measure_all

    options: dict[str, Any] = {
        "scale": scale,
        "scale_bar": scale_bar,
        "bar_px": bar_px,
        "device": device,
        "settings_file": settings,
    }
    options["read"] = {"page": page, "detector": detector, "channel": channel}
    shown: dict[str, Any] = {"report": not no_report, "json_output": json_output}
    raise typer.Exit(measure_all(inputs, out, engine=engine, check_file=check, **options, **shown))


@app.command("check")
def check_network(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="images/, classes/ and classes.csv, as for `phases train`.")],
    engine: Engine,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="File to write; default: NAME.check.json beside it.")
    ] = None,
    only: Annotated[
        Path | None, typer.Option("--ids", metavar="FILE", help="Text file of the names to check on, one a line; default: all.")
    ] = None,
    device: Device = None,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print the check as JSON.")] = False,
) -> None:
    """Find out what a network gets wrong, on labelled micrographs that it has not learned from.

    `nanogauge phases measure` needs it for intervals that hold. `nanogauge phases train` does it with what it held out.

    Example:

      nanogauge phases check other-micrographs --engine shale.onnx
    """
    from .phases_all import check_all

    raise typer.Exit(check_all(folder, engine=engine, out=out, only=only, device=device, json_output=json_output))
