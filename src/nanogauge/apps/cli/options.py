"""The command line's options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...core.stores import path_of

Inputs = Annotated[list[Path], typer.Argument(metavar="INPUTS", help="Files, folders (all pictures in them) or globs.")]
InputsAnywhere = Annotated[
    list[Path],
    typer.Argument(
        metavar="INPUTS", parser=path_of, help="Files, folders (all pictures in them) or globs; also s3://, gs:// or az://."
    ),
]
OutAnywhere = Annotated[
    Path, typer.Option("-o", "--out", metavar="OUT", parser=path_of, help="Folder to write to; also s3://, gs:// or az://.")
]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="TOML file of settings; see `nanogauge settings`.")
]
Device = Annotated[
    str | None, typer.Option(metavar="NAME", help="What the network runs on: auto (default), cpu, cuda, tensorrt, openvino ...")
]
Classes = Annotated[
    str | None,
    typer.Option(
        metavar="HOW",
        help="Tell kinds of particles apart: shape; rules of the settings ([classes.rules]); network, the default of one that has "
        "classes; labels, on import; none.",
    ),
]
CalibrationFile = Annotated[
    Path | None,
    typer.Option("--calibration", metavar="FILE", help="Calibration of the microscope; see `nanogauge calibrate`."),
]
Page = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Page of a stack, from 1; default: the first, or the calibrated one.")
]
Detector = Annotated[
    str | None, typer.Option(metavar="NAME", help="Picture of a file with several: its detector's name, or its number from 1.")
]
Channel = Annotated[str | None, typer.Option(metavar="NAME", help="Channel of a colour picture or stack: red, 2 ...")]
UserScale = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Pixel size for all inputs: '2.5 nm/px' or '500 nm / 123.5 px'. Wins over what is read."),
]
UserScaleBar = Annotated[
    str | None, typer.Option("--scale-bar", metavar="LABEL", help="Or the scale bar's label, '500 nm'; with --bar-px.")
]
BarPx = Annotated[str | None, typer.Option("--bar-px", metavar="PX", help="Length of that scale bar in px: 123.5.")]
InfoFile = Annotated[
    Path | None, typer.Option("--info", metavar="FILE", help="TOML file with facts for the report: sample, operator ...")
]
SampleName = Annotated[str, typer.Option("--sample", metavar="NAME", help="Name of the sample; default: the folder's.")]
Separate = Annotated[
    bool, typer.Option("--separate", metavar="", help="The files do not belong to one sample: no pooled figures in the report.")
]
NoReport = Annotated[bool, typer.Option("--no-report", metavar="", help="Leave out report, plots and workbook.")]
PdfEach = Annotated[bool, typer.Option("--pdf", metavar="", help="Also write a PDF for each micrograph.")]
Workers = Annotated[
    str, typer.Option(metavar="N", help="Processes to measure in, or auto: one per core, none for a few micrographs.")
]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Measure on a Dask cluster: tcp://scheduler:8786, or local.", show_default=False),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", min=0.1, help="Give up on a micrograph after this long; default: 10 min + 10 s per megabyte."),
]
Fresh = Annotated[bool, typer.Option("--fresh", metavar="", help="Measure everything again, even what is already there.")]
Coco = Annotated[bool, typer.Option("--coco", metavar="", help="Also write coco.json.")]
Ome = Annotated[bool, typer.Option("--ome", metavar="", help="Also write labels.ome.tif.")]
UnitRow = Annotated[bool, typer.Option("--unit-row", metavar="", help="Put units on the second line of the particle tables (CSV).")]
