"""The commands on phases: several kinds of material, of which every pixel is one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

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
    raise typer.Exit(commands.train_classes(folder, out, out.with_suffix(""), of="phases", fresh=fresh, **options))
