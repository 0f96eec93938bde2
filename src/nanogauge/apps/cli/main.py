"""The command line: parse, call, show. No science here; heavy modules are imported by the command that needs them."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.cpu import SMALL_RUN, cores
from ...core.errors import NanogaugeError
from ...core.stores import is_remote
from . import arrangement, laboratory, phases
from .options import (
    BarPx,
    CalibrationFile,
    Channel,
    Classes,
    Cluster,
    Coco,
    Detector,
    Device,
    Fresh,
    InfoFile,
    Inputs,
    InputsAnywhere,
    NoReport,
    Ome,
    OutAnywhere,
    Page,
    PdfEach,
    SampleName,
    Separate,
    SettingsFile,
    TimeLimit,
    UnitRow,
    UserScale,
    UserScaleBar,
    Workers,
)
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


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """Imports make many objects and no garbage: they are not gone through for it, then or later, which would take a tenth of the
    time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _outputs(info: Path | None, **options: Any) -> Any:
    from ...reporting import read_info
    from ...reporting.run_report import Outputs

    return Outputs(**options) if info is None else Outputs(info=read_info(info), **options)


@app.command()
def measure(
    inputs: InputsAnywhere,
    out: OutAnywhere = Path("results"),
    scale: UserScale = None,
    scale_bar: UserScaleBar = None,
    bar_px: BarPx = None,
    calibration: CalibrationFile = None,
    page: Page = None,
    detector: Detector = None,
    channel: Channel = None,
    panels: Annotated[
        bool, typer.Option("--panels", metavar="", help="Cut figures of several panels; each is measured with its own bar.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="unet (default), unet-int8 (8 bits, faster), unet-resnet50-cbam (the paper's), threshold, or FILE.onnx.",
        ),
    ] = None,
    device: Device = None,
    classes: Classes = None,
    settings: SettingsFile = None,
    sample: SampleName = "",
    info: InfoFile = None,
    separate: Separate = False,
    no_report: NoReport = False,
    pdf: PdfEach = False,
    coco: Coco = False,
    ome: Ome = False,
    unit_row: UnitRow = False,
    workers: Workers = "auto",
    cluster: Cluster = None,
    time_limit: TimeLimit = None,
    watch: Annotated[bool, typer.Option("--watch", metavar="", help="Follow the folder as it fills; Ctrl-C stops it.")] = False,
    idle: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=1, help="With --watch: stop when nothing new has arrived for this long.")
    ] = None,
    fresh: Fresh = False,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print errors only.")] = False,
) -> None:
    """Measure the particles of micrographs.

    Writes into the folder OUT:

      summary.csv      one row per micrograph: status, scale, mean, d10, d50, d90
      particles.csv    one row per particle; the same as particles.parquet
      report.html      outlines, distributions, uncertainty: look here first
      report.pdf       the same, to be filed; plots/ and results.xlsx
      run.json         settings, versions and hashes that give the same again
      NAME/            for each micrograph measurement.json, particles.csv,
                       labels.tif, overlay.png, rois.zip (Fiji's ROI Manager)

    The same command again measures only what is missing or changed, whatever stopped it before.

    Examples:

      nanogauge measure image.tif                      scale from the file
      nanogauge measure folder -o results              every picture in it
      nanogauge measure "run7/*.tif" --json            a glob; JSON for scripts
      nanogauge measure crop.png --scale "2.5 nm/px"   scale from you
      nanogauge measure crop.png --scale-bar "500 nm" --bar-px 123.5
      nanogauge measure figure.png --panels            figure-a, figure-b ...
      nanogauge measure stem.emd --detector HAADF      of several detectors
      nanogauge measure folder --calibration sem3.toml
      nanogauge measure image.tif --classes shape      spheres, rods, cubes ...
      nanogauge measure folder --watch --workers 4     as the microscope fills it
      nanogauge measure folder --cluster tcp://head:8786
      nanogauge measure s3://lab/run7 -o s3://lab/results
    """
    usual = (engine, device, settings, cluster, time_limit) == (None,) * 5 and workers == "auto"
    here = usual and len(inputs) < SMALL_RUN and not any(map(is_remote, inputs)) and all(i.is_file() for i in inputs)
    if here:  # to be measured in this process
        from ...detection.engines import load_ahead

        load_ahead()
    with _nothing_to_collect():
        from ...batch import BatchOptions
        from . import commands

    if idle is not None and not watch:
        raise typer.BadParameter("--idle goes with --watch")
    if here and not no_report and cores() > 1:
        from ...reporting import plots

        plots.load_ahead()
    batch = BatchOptions(workers=workers, cluster=cluster, time_limit_s=time_limit, fresh=fresh)
    shown = {"sample": sample, "single_population": not separate, "report": not no_report, "pdf_each": pdf}
    outputs = _outputs(info, **shown, coco=coco, ome=ome, unit_row=unit_row)
    options: dict[str, Any] = {"scale": scale, "scale_bar": scale_bar, "bar_px": bar_px}
    options |= {"read": {"page": page, "detector": detector, "channel": channel}, "calibration": calibration, "panels": panels}
    options |= {"engine": engine, "device": device, "classes": classes}
    options |= {"settings_file": settings, "outputs": outputs}
    options |= {"batch": batch, "watch": watch, "idle_s": idle}
    raise typer.Exit(commands.measure_all(inputs, out, **options, json_output=json_output, quiet=quiet))


@app.command("import")
def import_annotations(
    micrographs: Annotated[Path, typer.Argument(metavar="MICROGRAPHS", help="A micrograph, or a folder of them.")],
    annotations: Annotated[
        Path | None,
        typer.Argument(metavar="[ANNOTATIONS]", help="Its labels or outlines, or a folder of them.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Folder to write to.")] = Path("results"),
    scale: UserScale = None,
    scale_bar: UserScaleBar = None,
    bar_px: BarPx = None,
    calibration: CalibrationFile = None,
    page: Page = None,
    detector: Detector = None,
    channel: Channel = None,
    classes: Classes = None,
    settings: SettingsFile = None,
    sample: SampleName = "",
    info: InfoFile = None,
    separate: Separate = False,
    no_report: NoReport = False,
    pdf: PdfEach = False,
    coco: Coco = False,
    ome: Ome = False,
    unit_row: UnitRow = False,
    workers: Workers = "auto",
    time_limit: TimeLimit = None,
    fresh: Fresh = False,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print errors only.")] = False,
) -> None:
    """Measure particles found elsewhere: labels or outlines of Fiji, Cellpose, StarDist, Segment Anything, QuPath, CVAT and others.

    Reads label pictures and masks (TIFF, PNG, also in colours, .npy, .npz), ilastik's .h5, Cellpose's _seg.npy, ImageJ ROIs
    (.zip, .roi), JSON of COCO, LabelMe, QuPath, VIA, Label Studio and Segment Anything, VIA's CSV, CVAT's XML and YOLO's .txt.
    In a folder, files that belong together are found by name: a.tif with a_masks.png, a.zip, a.json, or labels/a.png; one file
    of COCO, VIA, Label Studio or CVAT serves all. Writes what `nanogauge measure` writes.

    Examples:

      nanogauge import image.tif RoiSet.zip -o results
      nanogauge import micrographs/ masks/ -o results
      nanogauge import image.tif image.geojson --classes labels
    """
    from ...batch import BatchOptions
    from . import commands

    shown = {"sample": sample, "single_population": not separate, "report": not no_report, "pdf_each": pdf}
    outputs = _outputs(info, **shown, coco=coco, ome=ome, unit_row=unit_row)
    options: dict[str, Any] = {"scale": scale, "scale_bar": scale_bar, "bar_px": bar_px}
    options |= {"read": {"page": page, "detector": detector, "channel": channel}, "calibration": calibration}
    options["classes"] = classes
    batch = BatchOptions(workers=workers, time_limit_s=time_limit, fresh=fresh)
    options |= {"settings_file": settings, "outputs": outputs, "batch": batch}
    raise typer.Exit(commands.import_all(micrographs, annotations, out, **options, json_output=json_output, quiet=quiet))


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDERS", help="Results folders; several are compared as samples.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="Folder to write to; default: the only folder, else report.")
    ] = None,
    sample: SampleName = "",
    info: InfoFile = None,
    separate: Separate = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print errors only.")] = False,
) -> None:
    """Report on results: pooled as one sample, or several samples compared. Nothing is measured again.

    Writes report.html, report.pdf, results.xlsx, sample.json and plots/ (SVG, PDF, PNG, and their data as CSV).

    Examples:

      nanogauge report results --info sample.toml
      nanogauge report batch-1 batch-2 batch-3 -o comparison
    """
    with _nothing_to_collect():
        from .report import report_all

    outputs = _outputs(info, sample=sample, single_population=not separate)
    raise typer.Exit(report_all(folders, out, outputs=outputs, quiet=quiet))


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
