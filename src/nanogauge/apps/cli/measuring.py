"""The commands that measure, and report on what was measured: measure, import, report."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.cpu import SMALL_RUN, cores
from ...core.stores import is_remote
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
