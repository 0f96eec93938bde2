"""The command line: parse, call, show. No science here; heavy modules are imported by the command that needs them."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from .errors import NanogaugeError

app = typer.Typer(
    name="nanogauge",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="""Nanoparticle sizes, in nanometres, from electron micrographs.

    [bold]nanogauge measure image.tif -o results[/bold] finds every particle, reads the scale from the file's \
metadata or the burned-in scale bar, and writes sizes, size distribution, outlines and a report to check them by.""",
    epilog="Exit codes: 0 all done, 1 some inputs failed (the others are written), 2 wrong usage.",
)

Inputs = Annotated[list[Path], typer.Argument(metavar="INPUTS", help="Files, folders (all pictures in them) or globs.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="TOML file of settings; see `nanogauge settings`.")
]


@app.command()
def measure(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Folder to write to; made if need be.")] = Path("results"),
    scale: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Pixel size for all inputs: '2.5 nm/px' or '500 nm / 123.5 px'. Wins over what is read."),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="unet (the network, default) or threshold (Otsu + watershed, a baseline).")
    ] = None,
    settings: SettingsFile = None,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print nothing but errors.")] = False,
) -> None:
    """Measure the particles of micrographs.

    Writes into the folder OUT:

      summary.csv      a row a micrograph: status, scale, mean, d10, d50, d90
      particles.csv    a row a particle
      report.html      outlines, histograms and figures to check them by
      run.json         settings, versions and hashes that give the same again
      NAME/            for each micrograph measurement.json, particles.csv,
                       labels.tif, overlay.png, rois.zip (Fiji's ROI Manager)

    Examples:

      nanogauge measure image.tif                      scale from the file
      nanogauge measure folder -o results              every picture in it
      nanogauge measure "run7/*.tif" --json            a glob; JSON for scripts
      nanogauge measure crop.png --scale "2.5 nm/px"   scale from you
    """
    from . import run

    raise typer.Exit(
        run.measure_all(inputs, out, scale=scale, engine=engine, settings_file=settings, json_output=json_output, quiet=quiet)
    )


@app.command()
def scale(
    inputs: Inputs,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print a JSON list.")] = False,
) -> None:
    """Read the scale only: from the metadata and from the burned-in scale bar, cross-checked."""
    from . import run

    raise typer.Exit(run.scale_all(inputs, json_output=json_output))


@app.command()
def evaluate(
    images: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of micrographs.")],
    labels: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder of true labels (PNG or TIFF, 0 = background), same file stems.")
    ],
    ids: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Text file of file stems to use; default: all that have labels.")
    ] = None,
    engine: Annotated[str | None, typer.Option(metavar="NAME", help="unet (default) or threshold.")] = None,
    settings: SettingsFile = None,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON: the figures and a row an image.")] = False,
) -> None:
    """Score segmentation and sizes against ground truth: IoU, F1, panoptic quality, diameter errors, rank correlation."""
    from . import run

    raise typer.Exit(run.evaluate_all(images, labels, ids_file=ids, engine=engine, settings_file=settings, json_output=json_output))


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
    n: Annotated[int, typer.Option("-n", metavar="N", help="How many micrographs.", min=1)] = 20,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Same seed, same micrographs.")] = 1,
    width: Annotated[int, typer.Option(metavar="PX", help="Width in px.", min=64, max=8192)] = 1024,
    height: Annotated[int, typer.Option(metavar="PX", help="Height in px, data bar not counted.", min=64, max=8192)] = 768,
) -> None:
    """Render micrographs with exact truth: OUT/images, OUT/labels, OUT/particles/NAME.csv, OUT/truth.csv (with the scale)."""
    from . import run

    raise typer.Exit(run.synthesise(out, n=n, seed=seed, shape=(height, width)))


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="TOML file of the training run (see docs/training.md).")],
    run_folder: Annotated[
        Path, typer.Option("-o", "--out", metavar="FOLDER", help="Run folder: log, overlays, checkpoint.")
    ] = Path("runs/train"),
    steps: Annotated[int | None, typer.Option(metavar="N", help="Steps in all; overrides the recipe.")] = None,
    cool_down: Annotated[
        int | None, typer.Option(metavar="N", help="End the run from its checkpoint with a cool-down of so many steps.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", metavar="", help="Do not resume the folder's checkpoint.")] = False,
) -> None:
    """Train the network; resumes the run folder's newest checkpoint. Needs the extra: pip install "nanogauge\\[train]"."""
    from . import run

    raise typer.Exit(run.train(recipe, run_folder, steps=steps, cool_down=cool_down, fresh=fresh))


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="checkpoint.pt of a training run.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="ONNX file to write.")] = Path("network.onnx"),
    calibrate: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder of micrographs: quantise to int8, calibrated on them.")
    ] = None,
    ids: Annotated[Path | None, typer.Option(metavar="FILE", help="Text file of the file stems to calibrate on.")] = None,
) -> None:
    """Write a training run's network as one ONNX file. Needs the extra: pip install "nanogauge\\[train]"."""
    from . import run

    raise typer.Exit(run.export(checkpoint, out, calibrate=calibrate, ids_file=ids))


@app.command("settings")
def show_settings(
    settings: Annotated[Path | None, typer.Argument(metavar="FILE", help="TOML file to check.", show_default=False)] = None,
) -> None:
    """Print all settings as TOML: the defaults, or a checked file with the defaults filled in.

    nanogauge settings > my.toml
    nanogauge measure image.tif --settings my.toml
    """
    from .settings import Settings, read_settings, write_settings

    typer.echo(write_settings(read_settings(settings) if settings else Settings()), nl=False)


def _version(wanted: bool) -> None:
    if wanted:
        from ._version import __version__

        typer.echo(f"nanogauge {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", metavar="", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main(argv: list[str] | None = None) -> Any:
    """Entry point. Errors meant for the user are one line on stderr, without a traceback; exit code 2 for wrong usage."""
    for stream in (sys.stdout, sys.stderr):  # a console that lacks a character shows "?" instead of failing
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(argv, prog_name="nanogauge", standalone_mode=True)
    except NanogaugeError as error:
        print(f"nanogauge: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        name = error.filename2 or error.filename
        where = f"{name}: " if name else ""
        print(f"nanogauge: {where}{error.strerror or error}; check the path, its access rights and the disk", file=sys.stderr)
        raise SystemExit(2) from None
    except SystemExit as end:
        if end.code == 130:  # typer's answer to Ctrl-C
            print("nanogauge: stopped; what was finished is kept", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()
