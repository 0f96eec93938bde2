"""The commands round about measuring: calibrate a microscope; score, render, train, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Channel, Detector, Device, Inputs, Page, SettingsFile


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
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="With --data: learn to tell particles apart; labels: all that have a class, or 'cube,rod'."
        ),
    ] = None,
    cool_down: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="End a recipe's run with a cool-down of this many steps.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", metavar="", help="Do not resume the folder's checkpoint.")] = False,
) -> None:
    """Train the network by a recipe, or fine-tune it on your own micrographs; resumes the run folder's newest checkpoint.

    nanogauge train --data my_annotated_micrographs -o runs/mine
    nanogauge measure images -o results --engine runs/mine/network.onnx
    nanogauge train --data my_annotated_micrographs --classes labels -o runs/kinds

    Needs the extra: pip install "nanogauge\\[train]". See docs/training.md.
    """
    from . import commands

    if (recipe is None) == (data is None):
        raise typer.BadParameter("give either a RECIPE or --data FOLDER")
    if classes is not None:
        if data is None:
            raise typer.BadParameter("--classes goes with --data")
        names = [] if classes == "labels" else [n.strip() for n in classes.split(",") if n.strip()]
        options: dict[str, Any] = {"only": names, "start_from": start_from, "steps": steps or 300, "hold_out": hold_out}
        raise typer.Exit(
            commands.train_classes(data, run_folder / "network.onnx", run_folder, of="particles", fresh=fresh, **options)
        )
    if data is not None:
        raise typer.Exit(commands.fine_tune(data, run_folder, start_from=start_from, steps=steps, hold_out=hold_out, fresh=fresh))
    assert recipe is not None
    raise typer.Exit(commands.train(recipe, run_folder, steps=steps, cool_down=cool_down, fresh=fresh))


def export(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="checkpoint.pt of a training run, or with --calibrate an exported network.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="ONNX file to write.")] = Path("network.onnx"),
    calibrate: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder of micrographs: quantise to int8, calibrated on them.")
    ] = None,
    ids: Annotated[Path | None, typer.Option(metavar="FILE", help="Text file of the file stems to calibrate on.")] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Store the weights in half precision: half the file, the same speed.")
    ] = False,
) -> None:
    """Write a training run's network as one ONNX file. Needs the extra: pip install "nanogauge\\[train]"."""
    from . import commands

    raise typer.Exit(commands.export(checkpoint, out, calibrate=calibrate, ids_file=ids, half=half))
