"""The command line: parse, call, show. No science here; heavy modules are imported by the command that needs them."""

from __future__ import annotations

import atexit
import gc
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.errors import NanogaugeError
from . import arrangement, laboratory, measuring, phases
from .options import BarPx, CalibrationFile, Channel, Detector, Inputs, Page, SettingsFile, UserScale, UserScaleBar
from .sharing import convert, crate

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

app.command()(measuring.measure)
app.command("import")(measuring.import_annotations)
app.command()(measuring.report)
app.command()(convert)
app.command()(crate)


@app.command()
def scale(
    inputs: Inputs,
    scale: UserScale = None,
    scale_bar: UserScaleBar = None,
    bar_px: BarPx = None,
    calibration: CalibrationFile = None,
    page: Page = None,
    detector: Detector = None,
    channel: Channel = None,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print a JSON list.")] = False,
) -> None:
    """Read the scale only: from the metadata and from the burned-in scale bar, cross-checked.

    A scale that you state, here or in a nanogauge.toml beside the micrographs, wins; where it contradicts what is read, you are
    told. See docs/scale.md for which source wins when.
    """
    from . import commands

    read = {"page": page or 0, "detector": detector or "", "channel": channel or ""}
    raise typer.Exit(
        commands.scale_all(
            inputs, scale=scale, scale_bar=scale_bar, bar_px=bar_px, read=read, calibration=calibration, json_output=json_output
        )
    )


@app.command()
def rank(
    inputs: Inputs,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Also write the ranking: .csv or .json.")] = None,
    scale: UserScale = None,
    scale_bar: UserScaleBar = None,
    bar_px: BarPx = None,
    page: Page = None,
    detector: Detector = None,
    channel: Channel = None,
    largest_first: Annotated[bool, typer.Option("--largest-first", metavar="", help="The other way round.")] = False,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print the ranking as JSON.")] = False,
) -> None:
    """Order micrographs by the size of their particles, estimated from the pictures alone in milliseconds each.

    Nothing is outlined and no scale bar is read: the scale is yours, or that of the metadata; without one, sizes are in px. See
    docs/size-without-outlines.md for how far the estimate may be trusted.

    Examples:

      nanogauge rank micrographs
      nanogauge rank "run7/*.tif" --largest-first -o ranking.csv
    """
    from .rank import rank_all

    options: dict[str, Any] = {"scale": scale, "scale_bar": scale_bar, "bar_px": bar_px}
    options |= {"read": {"page": page, "detector": detector, "channel": channel}}
    raise typer.Exit(rank_all(inputs, out=out, **options, largest_first=largest_first, json_output=json_output))


_ROUND_ABOUT = (laboratory.calibrate, laboratory.evaluate, laboratory.synth, laboratory.train, laboratory.export)
for command in (arrangement.order, arrangement.fibres, arrangement.aggregates, arrangement.lines, *_ROUND_ABOUT):
    app.command()(command)
app.add_typer(phases.app)


@app.command()
def serve(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Results to open, micrographs to measure, or a new folder.", show_default=False),
    ] = None,
    port: Annotated[int | None, typer.Option(metavar="N", min=1, max=65535, help="Default: the first free one from 8765.")] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Any other than this computer's own needs the token that is printed.")
    ] = "127.0.0.1",
    no_browser: Annotated[bool, typer.Option("--no-browser", metavar="", help="Only print the address.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Open the page where you check and correct, in your browser.

    Drop micrographs, see what was measured, correct outlines and scale, leave with the figures. Everything stays on this
    computer and is saved in FOLDER (default: results) as you work, in the layout that `nanogauge measure` writes.

    nanogauge serve                  a new or earlier session in results
    nanogauge serve results          what was measured on the command line
    nanogauge serve my-micrographs   results go into my-micrographs/results

    Needs the extra: pip install "nanogauge\\[serve]". See docs/serve.md.
    """
    from ...core.settings import read_settings
    from ..serve.server import serve as run_page

    chosen = read_settings(settings) if settings else None
    raise typer.Exit(run_page(folder, host=host, port=port, browser=not no_browser, settings=chosen))


@app.command("settings")
def show_settings(
    settings: Annotated[Path | None, typer.Argument(metavar="FILE", help="TOML file to check.", show_default=False)] = None,
) -> None:
    """Print all settings as TOML: the defaults, or a checked file with the defaults filled in.

    nanogauge settings > my.toml
    nanogauge measure image.tif --settings my.toml
    """
    from ...core.settings import Settings, read_settings, write_settings

    typer.echo(write_settings(read_settings(settings) if settings else Settings()), nl=False)


def _version(wanted: bool) -> None:
    if wanted:
        from ...core.version import __version__

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
    atexit.register(gc.freeze)  # at the end of the process garbage need not be sought, which takes 0.4 s
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
