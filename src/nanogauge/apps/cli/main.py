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

from ...core.cpu import SMALL_RUN
from ...core.errors import NanogaugeError
from .options import (
    BarPx,
    CalibrationFile,
    Channel,
    Cluster,
    Coco,
    Detector,
    Device,
    Fresh,
    InfoFile,
    Inputs,
    NoReport,
    Ome,
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
    """Imports make many objects and no garbage: they are not gone through for it, which would take a tenth of their time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _outputs(info: Path | None, **options: Any) -> Any:
    from ...reporting import read_info
    from ...reporting.run_report import Outputs

    return Outputs(**options) if info is None else Outputs(info=read_info(info), **options)


@app.command()
def measure(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Folder to write to.")] = Path("results"),
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
        str | None, typer.Option(metavar="NAME", help="unet (the network, default) or threshold (Otsu + watershed, a baseline).")
    ] = None,
    device: Device = None,
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
      nanogauge measure folder --watch --workers 4     as the microscope fills it
      nanogauge measure folder --cluster tcp://head:8786
    """
    usual = (engine, device, settings, cluster, time_limit) == (None,) * 5 and workers == "auto"
    if usual and len(inputs) < SMALL_RUN and all(i.is_file() for i in inputs):  # to be measured in this process
        from ...detection.engines import load_ahead

        load_ahead()
    with _nothing_to_collect():
        from ...batch import BatchOptions
        from . import commands

    if idle is not None and not watch:
        raise typer.BadParameter("--idle goes with --watch")
    batch = BatchOptions(workers=workers, cluster=cluster, time_limit_s=time_limit, fresh=fresh)
    shown = {"sample": sample, "single_population": not separate, "report": not no_report, "pdf_each": pdf}
    outputs = _outputs(info, **shown, coco=coco, ome=ome, unit_row=unit_row)
    options: dict[str, Any] = {"scale": scale, "scale_bar": scale_bar, "bar_px": bar_px}
    options |= {"read": {"page": page, "detector": detector, "channel": channel}, "calibration": calibration, "panels": panels}
    options |= {"engine": engine, "device": device, "settings_file": settings, "outputs": outputs}
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
    """Measure particles found elsewhere: labels or outlines of Fiji, Cellpose, napari, ilastik, LabelMe, QuPath, CVAT.

    Reads label pictures (TIFF, PNG, also in colours, and masks), ImageJ ROIs (.zip, .roi), COCO, LabelMe and GeoJSON. In a
    folder, files that belong together are found by name: a.tif with a_masks.png, a.zip, a.json, or labels/a.png; one COCO file
    serves all. Writes what `nanogauge measure` writes.

    Examples:

      nanogauge import image.tif RoiSet.zip -o results
      nanogauge import micrographs/ masks/ -o results
    """
    from ...batch import BatchOptions
    from . import commands

    shown = {"sample": sample, "single_population": not separate, "report": not no_report, "pdf_each": pdf}
    outputs = _outputs(info, **shown, coco=coco, ome=ome, unit_row=unit_row)
    options: dict[str, Any] = {"scale": scale, "scale_bar": scale_bar, "bar_px": bar_px}
    options |= {"read": {"page": page, "detector": detector, "channel": channel}, "calibration": calibration}
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
    from . import commands

    raise typer.Exit(
        commands.report_all(folders, out, outputs=_outputs(info, sample=sample, single_population=not separate), quiet=quiet)
    )


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
def calibrate(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Calibration file to write.")] = Path("calibration.toml"),
    pitch: Annotated[str | None, typer.Option(metavar="LENGTH", help="Certified pitch of a grating: '463 nm'.")] = None,
    diameter: Annotated[str | None, typer.Option(metavar="LENGTH", help="Or certified mean diameter of spheres: '100 nm'.")] = None,
    uncertainty: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Its expanded uncertainty by the certificate: '2 nm'.")
    ] = None,
    coverage_factor: Annotated[
        float, typer.Option("--coverage-factor", metavar="K", min=1, max=4, help="Coverage factor of that uncertainty.")
    ] = 2.0,
    certificate: Annotated[str, typer.Option(metavar="TEXT", help="Number and issuer of the certificate.")] = "",
    serial: Annotated[str, typer.Option(metavar="TEXT", help="Serial number of the microscope.")] = "",
    day: Annotated[str, typer.Option("--date", metavar="DAY", help="Day of the calibration: 2026-05-31; default: today.")] = "",
    valid_until: Annotated[str, typer.Option("--valid-until", metavar="DAY", help="Last day that it holds.")] = "",
    remarks: Annotated[str, typer.Option(metavar="TEXT", help="Anything else to be kept with it.")] = "",
    scale: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Pixel size by the microscope, where the files do not state it: '2.5 nm/px'.")
    ] = None,
    page: Page = None,
    detector: Detector = None,
    channel: Channel = None,
    settings: SettingsFile = None,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print the calibration as JSON.")] = False,
) -> None:
    """Calibrate the magnification with micrographs of a certified grating or of certified spheres (ISO 16700).

    Writes a file with the factors in y and x, their uncertainty, the instrument, the range of pixel sizes it holds for, day and
    certificate. Give several micrographs, of several places, of one magnification or of neighbouring ones.

    Examples:

      nanogauge calibrate grating-*.tif --pitch "463 nm" --uncertainty "2 nm" --certificate "PTB 4711" -o sem3.toml
      nanogauge calibrate latex-*.tif --diameter "100 nm" --uncertainty "1.5 nm" -o tem.toml
      nanogauge measure folder --calibration sem3.toml
    """
    from .calibrate import calibrate_all

    if (pitch is None) == (diameter is None):
        raise typer.BadParameter("give either --pitch or --diameter")
    if uncertainty is None:
        raise typer.BadParameter("give --uncertainty, the expanded uncertainty of the certificate")
    known: dict[str, Any] = {"pitch": pitch, "diameter": diameter, "uncertainty": uncertainty, "coverage_factor": coverage_factor}
    told: dict[str, Any] = {
        "certificate": certificate,
        "serial": serial,
        "day": day,
        "valid_until": valid_until,
        "remarks": remarks,
    }
    read = {"page": page, "detector": detector, "channel": channel}
    raise typer.Exit(
        calibrate_all(inputs, out, **known, **told, scale=scale, read=read, settings_file=settings, json_output=json_output)
    )


@app.command()
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


@app.command()
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


@app.command()
def evaluate(
    images: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of micrographs.")],
    labels: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder of true labels (PNG or TIFF, 0 = background), same file stems.")
    ],
    ids: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Text file of file stems to use; default: all that have labels.")
    ] = None,
    engine: Annotated[str | None, typer.Option(metavar="NAME", help="unet (default), threshold, or a network's FILE.onnx.")] = None,
    device: Device = None,
    settings: SettingsFile = None,
    json_output: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON: the figures and one row per image.")] = False,
) -> None:
    """Score segmentation and sizes against ground truth: IoU, F1, panoptic quality, diameter errors, rank correlation."""
    from . import commands

    options: dict[str, Any] = {"engine": engine, "device": device, "settings_file": settings}
    raise typer.Exit(commands.evaluate_all(images, labels, ids_file=ids, **options, json_output=json_output))


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
    n: Annotated[int, typer.Option("-n", metavar="N", help="How many micrographs.", min=1)] = 20,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Same seed, same micrographs.")] = 1,
    width: Annotated[int, typer.Option(metavar="PX", help="Width in px.", min=64, max=8192)] = 1024,
    height: Annotated[int, typer.Option(metavar="PX", help="Height in px, data bar not counted.", min=64, max=8192)] = 768,
) -> None:
    """Render micrographs with exact truth: OUT/images, OUT/labels, OUT/particles/NAME.csv, OUT/truth.csv (with the scale)."""
    from . import commands

    raise typer.Exit(commands.synthesise(out, n=n, seed=seed, shape=(height, width)))


@app.command()
def train(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="[RECIPE]", help="TOML file of a training run.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Fine-tune on your own micrographs, with labels, ROIs, COCO or LabelMe."),
    ] = None,
    start_from: Annotated[
        str, typer.Option("--from", metavar="NETWORK", help="With --data: shipped, or an exported network's FILE.onnx.")
    ] = "shipped",
    hold_out: Annotated[
        float, typer.Option(metavar="SHARE", min=0.01, max=0.9, help="With --data: share of the micrographs kept to test on.")
    ] = 0.2,
    run_folder: Annotated[
        Path, typer.Option("-o", "--out", metavar="FOLDER", help="Run folder: log, overlays, checkpoint, network.")
    ] = Path("runs/train"),
    steps: Annotated[int | None, typer.Option(metavar="N", min=1, help="Steps in all (with --data: 150).")] = None,
    cool_down: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="End a recipe's run with a cool-down of this many steps.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", metavar="", help="Do not resume the folder's checkpoint.")] = False,
) -> None:
    """Train the network by a recipe, or fine-tune it on your own micrographs; resumes the run folder's newest checkpoint.

    nanogauge train --data my_annotated_micrographs -o runs/mine
    nanogauge measure images -o results --engine runs/mine/network.onnx

    Needs the extra: pip install "nanogauge\\[train]". See docs/training.md.
    """
    from . import commands

    if (recipe is None) == (data is None):
        raise typer.BadParameter("give either a RECIPE or --data FOLDER")
    if data is not None:
        raise typer.Exit(commands.fine_tune(data, run_folder, start_from=start_from, steps=steps, hold_out=hold_out, fresh=fresh))
    assert recipe is not None
    raise typer.Exit(commands.train(recipe, run_folder, steps=steps, cool_down=cool_down, fresh=fresh))


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
    from . import commands

    raise typer.Exit(commands.export(checkpoint, out, calibrate=calibrate, ids_file=ids))


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
