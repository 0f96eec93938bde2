"""The commands that measure many files. Each returns the exit code; one failing input never stops the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from ...batch import BatchOptions, BatchResult, Item, Listed, Source, Watched, run_batch
from ...batch.inputs import is_glob, picture, sort_out, unique_names
from ...core.errors import InputError, SettingsError, UnreadableFile
from ...core.json_value import json_value
from ...core.scale import Scale
from ...core.settings import Settings, read_settings
from ...core.stores import is_remote
from ...pipeline.measure import calibration_of
from ...reading import SUFFIXES
from ...reporting.run_report import Outputs
from ...results.folder import make_folder
from ...results.interchange import all_annotations, find_annotations
from ...results.measurement import SUMMARY_COLUMNS
from ...scale.user_scale import stated_scale, user_scales
from .each import say_left_out
from .summary import print_classes, print_line, print_summary, stdout


def measure_all(
    inputs: list[Path],
    out: Path,
    *,
    scale: str | None = None,
    scale_bar: str | None = None,
    bar_px: str | None = None,
    read: dict[str, Any] | None = None,
    calibration: Path | None = None,
    panels: bool = False,
    engine: str | None = None,
    device: str | None = None,
    classes: str | None = None,
    settings_file: Path | None = None,
    outputs: Outputs | None = None,
    batch: BatchOptions | None = None,
    watch: bool = False,
    idle_s: float | None = None,
    json_output: bool = False,
    quiet: bool = False,
) -> int:
    """Measures all inputs into OUT; what an earlier run measured there is kept. 0: all measured; 1: some failed.

    read: page, detector and channel, each None where the settings hold
    panels: figures of several panels are cut, into OUT/panel-pictures, and each panel is measured with its own bar
    watch: takes the inputs' pictures as they come, until stopped or nothing new came for `idle_s`
    """
    settings = (read_settings(settings_file) if settings_file else Settings()).replace("segment", engine=engine, device=device)
    settings = with_calibration(settings.replace("read", **(read or {})).replace("classes", by=classes), calibration)
    user = stated_scale(scale=scale, scale_bar=scale_bar, bar_px=bar_px)
    about: dict[str, Any] = {
        "scale_given": scale if scale_bar is None else f"{scale_bar} / {bar_px} px",
        "settings": settings.to_dict(),
    }

    def item(file: Path, name: str) -> Item:
        return Item(file=file, name=name, scale=user_scales([file], inputs, user).get(file))

    def say(left_out: dict[Path, str]) -> None:
        if not quiet:
            say_left_out(left_out)

    if (watch or panels) and any(map(is_remote, inputs)):
        raise SettingsError(f"{'--watch' if watch else '--panels'} takes files of this machine, not of an object store")
    if panels and is_remote(out):
        raise SettingsError("--panels writes the panels beside the results: choose a folder of this machine with -o")
    if watch and panels:
        raise SettingsError("--panels and --watch do not go together; measure the figures once they are all there")
    if watch:
        if not any(i.is_dir() or is_glob(i) for i in inputs):
            raise SettingsError(f"--watch needs a folder or a glob to follow, got {', '.join(map(str, inputs))}")
        source: Source = Watched(inputs, item, say_left_out=say, idle_s=idle_s)
    else:
        files, left_out = sort_out(inputs)
        say(left_out)
        if left_out:
            about["left_out"] = {str(p): what for p, what in left_out.items()}
        scales = user_scales(files, inputs, user)
        if panels:
            files, scales = _cut(files, inputs, make_folder(out) / PANEL_FOLDER, settings, user)
        names = unique_names(files)
        named = set(inputs)
        source = Listed(
            Item(file=f, name=n, scale=scales.get(f), only_found=is_remote(f) and f not in named)
            for f, n in zip(files, names, strict=True)
        )
    show: dict[str, Any] = {"json_output": json_output, "quiet": quiet}
    return _run(source, out, settings, about=about, outputs=outputs, batch=batch, **show)


def import_all(
    micrographs: Path,
    annotations: Path | None,
    out: Path,
    *,
    scale: str | None = None,
    scale_bar: str | None = None,
    bar_px: str | None = None,
    read: dict[str, Any] | None = None,
    calibration: Path | None = None,
    classes: str | None = None,
    settings_file: Path | None = None,
    outputs: Outputs | None = None,
    batch: BatchOptions | None = None,
    json_output: bool = False,
    quiet: bool = False,
) -> int:
    """Measures particles that were found elsewhere: a micrograph and its annotation, or a folder of them. 0: all; 1: some failed.

    Micrographs of a folder that have no annotation are left out, and said. Raises UnreadableFile or AnnotationError where
    nothing fits.
    """
    settings = (read_settings(settings_file) if settings_file else Settings()).replace("read", **(read or {}))
    settings = with_calibration(settings.replace("classes", by=classes), calibration)
    user = stated_scale(scale=scale, scale_bar=scale_bar, bar_px=bar_px)
    if micrographs.is_dir():
        found = all_annotations(micrographs, annotations, picture_suffixes=SUFFIXES)
        pairs = {picture: files[0] if files else None for picture, files in found.items()}
        if not quiet:
            _say_passed_over(found)
    else:
        pairs = {micrographs: annotations if annotations is not None else _beside(micrographs)}
    without = [p for p, a in pairs.items() if a is None]
    if without and not quiet:
        names = ", ".join(p.name for p in without[:5]) + (" …" if len(without) > 5 else "")
        said = f"nanogauge: {len(without)} of {len(pairs)} micrographs have no annotation and are left out: {names}"
        print_line(Console(stderr=True), said)
    annotated = {p: a for p, a in pairs.items() if a is not None}
    scales = user_scales(list(annotated), [micrographs], user)
    about = {
        "engine": {"name": "imported", "sha256": None},
        "scale_given": scale if scale_bar is None else f"{scale_bar} / {bar_px} px",
        "settings": settings.to_dict(),
        "annotations": {str(p): str(a) for p, a in annotated.items()},
    }

    items = [
        Item(file=p, name=n, scale=scales.get(p), annotation=a)
        for (p, a), n in zip(annotated.items(), unique_names(list(annotated)), strict=True)
    ]
    show: dict[str, Any] = {"json_output": json_output, "quiet": quiet}
    return _run(Listed(items), out, settings, about=about, outputs=outputs, batch=batch, annotated=True, **show)


PANEL_FOLDER = "panel-pictures"


def _cut(
    files: list[Path], inputs: list[Path], folder: Path, settings: Settings, user: Scale | None
) -> tuple[list[Path], dict[Path, Scale]]:
    """The files with figures replaced by their panels, and the user's scales: a nanogauge.toml beside a figure names its panels by
    what they are called, fig-b.tif. A file that cannot be read stays, to be reported as one that failed."""
    from ...pipeline.panels import write_panels

    found: list[Path] = []
    scales: dict[Path, Scale] = {}
    for file, name in zip(files, unique_names(files), strict=True):
        try:
            parts = write_panels(picture(file), folder, name, settings.read)
        except InputError:
            parts = [file]
        for part in parts:
            known = file if part == file else file.with_name(part.name)
            scale = user_scales([known], inputs, user).get(known)
            if scale is not None:
                scales[part] = scale
        found += parts
    return found, scales


def with_calibration(settings: Settings, file: Path | None) -> Settings:
    """The settings with that calibration file, which must be a sound one, as must be one that they name already."""
    settings = settings.replace("scale", calibration=None if file is None else str(file))
    calibration_of(settings)
    return settings


def _say_passed_over(found: Mapping[Path, list[Path]]) -> None:
    """Says which of several annotations of a micrograph count."""
    several = [files for files in found.values() if len(files) > 1]
    if several:
        shown = ", ".join(f"{f[0].name}, not {' or '.join(p.name for p in f[1:3])}" for f in several[:3])
        many = "1 micrograph has" if len(several) == 1 else f"{len(several)} micrographs have"
        said = f"nanogauge: {many} several annotations; taken: {shown}{' …' if len(several) > 3 else ''}"
        print_line(Console(stderr=True), said)


def _beside(micrograph: Path) -> Path:
    """The annotation that lies beside one micrograph, by its name."""
    if not micrograph.is_file():
        raise UnreadableFile(f"{micrograph}: no such file; check the path")
    found = next(iter(find_annotations(micrograph.parent, picture_suffixes=SUFFIXES, wanted=micrograph).values()), None)
    if found is None:
        raise UnreadableFile(f"{micrograph}: no annotation of that name beside it; give its file as second argument")
    return found


def _run(
    source: Source,
    out: Path,
    settings: Settings,
    *,
    about: dict[str, Any],
    outputs: Outputs | None,
    batch: BatchOptions | None,
    json_output: bool,
    quiet: bool,
    annotated: bool = False,
) -> int:
    """Measures what the source gives into OUT, and says what became of it."""
    run = run_batch(
        source,
        out,
        settings=settings,
        about=about,
        outputs=outputs or Outputs(),
        options=batch or BatchOptions(),
        annotated=annotated,
        quiet=quiet or json_output,
    )
    with run as result:
        if json_output:
            _print_json(result)
        elif not quiet:
            files = [i.file for i in result.items]
            print_summary(result.rows(), files, out, stdout(), report=outputs is None or outputs.report)
            print_classes(result.out, stdout())
            for warning in result.sample_warnings:
                print_line(stdout(), f"all micrographs as one sample: {warning}")
        errors = Console(stderr=True)
        if result.n_not_tried:
            left = f"{result.n_not_tried} of {result.n} not measured: {result.stopped}"
            print_line(errors, f"nanogauge: {left}; the same command again measures what is missing")
        if result.aside:
            many = len(result.aside)
            names = ", ".join(str(p) for p in result.aside[:3]) + (" …" if many > 3 else "")
            print_line(
                errors, f"nanogauge: {many} edited result{'s were' if many > 1 else ' was'} measured again; as edited: {names}"
            )
        if result.report_error:
            print_line(errors, f"nanogauge: {result.report_error}")
        return 1 if result.n_failed or result.report_error or not result.n else 0


def _print_json(result: BatchResult) -> None:
    """The rows of summary.csv as a JSON list, one by one: there may be very many."""
    print("[", end="")
    for k, row in enumerate(result.rows()):
        text = json.dumps({c: json_value(row.get(c)) for c in SUMMARY_COLUMNS}, indent=1).replace("\n", "\n ")
        print(("," if k else "") + "\n " + text, end="")
    print("\n]")
